"""NAdam."""

from __future__ import annotations

from typing import Any

from functorch_lite import numpy as fnp
from functorch_lite.optim.checks import check_betas, check_flags, check_settings
from functorch_lite.optim.rule import LearningRate, Optimizer, Rule, decayed, optimizer_of, zeros

__all__ = ["NADAM", "nadam"]


def _scalars(step: Any, s: Any) -> Any:
    def momentum_at(step: Any) -> Any:
        return s["beta1"] * (1 - 0.5 * 0.96 ** (step * s["momentum_decay"]))

    momentum, following = momentum_at(step), momentum_at(step + 1)
    product = s["mu_product"] * momentum
    return {
        **s,
        "gain1": 1 - s["beta1"],
        "gain2": 1 - s["beta2"],
        "keep": 1 - s["lr"] * s["weight_decay"],
        "mu_product": product,
        "grad_rate": s["lr"] * (1 - momentum) / (1 - product),
        "mean_rate": s["lr"] * following / (1 - product * following),
        "correction": 1 - s["beta2"] ** step,
    }


def _update(grad: Any, param: Any, slots: dict[str, Any], s: Any) -> tuple[Any, dict[str, Any]]:
    grad, param = decayed(grad, param, s)
    mean = slots["exp_avg"] + s["gain1"] * (grad - slots["exp_avg"])
    square = s["beta2"] * slots["exp_avg_sq"] + s["gain2"] * (grad * grad)
    scale = fnp.sqrt(square / s["correction"]) + s["eps"]
    param = param - s["grad_rate"] * (grad / scale) - s["mean_rate"] * (mean / scale)
    return param, {"exp_avg": mean, "exp_avg_sq": square}


def _slots(s: Any) -> dict[str, Any]:
    return zeros("exp_avg", "exp_avg_sq")


NADAM = Rule(_update, _scalars, _slots, shared=lambda s: {"mu_product": 1.0})


def nadam(
    lr: LearningRate = 2e-3,
    betas: tuple[LearningRate, LearningRate] = (0.9, 0.999),
    eps: LearningRate = 1e-8,
    weight_decay: LearningRate = 0.0,
    momentum_decay: LearningRate = 4e-3,
    decoupled_weight_decay: bool = False,
    *,
    maximize: bool = False,
) -> Optimizer:
    """Adam with Nesterov's look ahead, whose momentum grows towards beta1::

        g = grad + weight_decay param
        mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2),  M_t = mu_1 ... mu_t
        m = beta1 m + (1 - beta1) g
        v = beta2 v + (1 - beta2) g²
        n = mu_{t+1} m / (1 - M_{t+1}) + (1 - mu_t) g / (1 - M_t)
        param = param - lr n / (sqrt(v / (1 - beta2^t)) + eps)

    Args:
        lr: learning rate, a number or a schedule.
        betas: decay rates of the two averages.
        eps: added to the denominator.
        weight_decay: L2 penalty, or decay of the parameter.
        momentum_decay: how fast the momentum grows.
        decoupled_weight_decay: whether the decay acts on the parameter, as in ``adamw``.
        maximize: whether to climb.

    Returns:
        Optimizer; the state has ``step``, ``mu_product`` (f64[]), ``exp_avg`` and ``exp_avg_sq``.

    Raises:
        ValueError: a negative setting, or a beta outside [0, 1).

    >>> import functorch_lite as fl
    >>> optimizer = nadam(0.1)
    >>> params = fl.numpy.ones(1)
    >>> optimizer.update(params, optimizer.init(params), params)[0].round(4)
    Array([0.8944], dtype=float32)

    Source: Dozat, ICLR workshop 2016; ``torch.optim.NAdam``.
    """
    check_settings(
        "nadam", lr=lr, eps=eps, weight_decay=weight_decay, momentum_decay=momentum_decay
    )
    check_flags("nadam", decoupled_weight_decay=decoupled_weight_decay, maximize=maximize)
    beta1, beta2 = check_betas("nadam", betas)
    settings = {
        "lr": lr,
        "beta1": beta1,
        "beta2": beta2,
        "eps": eps,
        "weight_decay": weight_decay,
        "momentum_decay": momentum_decay,
        "decoupled_weight_decay": decoupled_weight_decay,
        "maximize": maximize,
    }
    return optimizer_of("nadam", NADAM, settings)
