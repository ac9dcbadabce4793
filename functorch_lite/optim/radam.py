"""RAdam."""

from __future__ import annotations

from typing import Any

from functorch_lite import numpy as fnp
from functorch_lite.optim.checks import check_betas, check_flags, check_settings
from functorch_lite.optim.rule import LearningRate, Optimizer, Rule, decayed, optimizer_of, zeros

__all__ = ["RADAM", "radam"]


def _scalars(step: Any, s: Any) -> Any:
    power = s["beta2"] ** step
    longest = 2 / (1 - s["beta2"]) - 1
    length = longest - 2 * step * power / (1 - power)
    tractable = length > 5
    # Below 4 the root would be of a negative number, which a derivative would notice.
    safe = fnp.where(tractable, length, 6.0)
    top = (safe - 4) * (safe - 2) * longest
    rectified = fnp.sqrt(top / ((longest - 4) * (longest - 2) * safe))
    return {
        **s,
        "gain1": 1 - s["beta1"],
        "gain2": 1 - s["beta2"],
        "keep": 1 - s["lr"] * s["weight_decay"],
        "step_size": s["lr"] / (1 - s["beta1"] ** step),
        "tractable": tractable,
        "rectified": rectified * fnp.sqrt(1 - power),
    }


def _update(grad: Any, param: Any, slots: dict[str, Any], s: Any) -> tuple[Any, dict[str, Any]]:
    grad, param = decayed(grad, param, s)
    mean = slots["exp_avg"] + s["gain1"] * (grad - slots["exp_avg"])
    square = s["beta2"] * slots["exp_avg_sq"] + s["gain2"] * (grad * grad)
    scaled = mean * (s["rectified"] / (fnp.sqrt(square) + s["eps"]))
    step = fnp.where(s["tractable"] > 0, scaled, mean)
    return param - s["step_size"] * step, {"exp_avg": mean, "exp_avg_sq": square}


def _slots(s: Any) -> dict[str, Any]:
    return zeros("exp_avg", "exp_avg_sq")


RADAM = Rule(_update, _scalars, _slots)


def radam(
    lr: LearningRate = 1e-3,
    betas: tuple[LearningRate, LearningRate] = (0.9, 0.999),
    eps: LearningRate = 1e-8,
    weight_decay: LearningRate = 0.0,
    decoupled_weight_decay: bool = False,
    *,
    maximize: bool = False,
) -> Optimizer:
    """Adam that divides by the second average only once enough gradients are in it::

        g = grad + weight_decay param
        m = beta1 m + (1 - beta1) g
        v = beta2 v + (1 - beta2) g²
        R = 2 / (1 - beta2) - 1,  r = R - 2 t beta2^t / (1 - beta2^t)
        l = sqrt((r - 4) (r - 2) R / ((R - 4) (R - 2) r)) sqrt(1 - beta2^t) / (sqrt(v) + eps)
            where r > 5, else 1
        param = param - lr m / (1 - beta1^t) l

    Args:
        lr: learning rate, a number or a schedule.
        betas: decay rates of the two averages.
        eps: added to the denominator.
        weight_decay: L2 penalty, or decay of the parameter.
        decoupled_weight_decay: whether the decay acts on the parameter, as in ``adamw``.
        maximize: whether to climb.

    Returns:
        Optimizer; the state has ``step``, ``exp_avg`` and ``exp_avg_sq``.

    Raises:
        ValueError: a negative setting, or a beta outside [0, 1).

    >>> import functorch_lite as fl
    >>> optimizer = radam(0.1)
    >>> params = fl.numpy.ones(1)
    >>> optimizer.update(params, optimizer.init(params), params)[0].round(4)
    Array([0.9], dtype=float32)

    Source: Liu et al., ICLR 2020; ``torch.optim.RAdam``.
    """
    check_settings("radam", lr=lr, eps=eps, weight_decay=weight_decay)
    check_flags("radam", decoupled_weight_decay=decoupled_weight_decay, maximize=maximize)
    beta1, beta2 = check_betas("radam", betas)
    settings = {
        "lr": lr,
        "beta1": beta1,
        "beta2": beta2,
        "eps": eps,
        "weight_decay": weight_decay,
        "decoupled_weight_decay": decoupled_weight_decay,
        "maximize": maximize,
    }
    return optimizer_of("radam", RADAM, settings)
