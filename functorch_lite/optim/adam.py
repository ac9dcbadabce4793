"""Adam, and AdamW, which is Adam with a decay that is no part of the gradient."""

from __future__ import annotations

from typing import Any

from functorch_lite import numpy as fnp
from functorch_lite.optim.checks import check_betas, check_flags, check_settings
from functorch_lite.optim.rule import LearningRate, Optimizer, Rule, decayed, optimizer_of, zeros

__all__ = ["ADAM", "adam", "adamw"]


def _scalars(step: Any, s: Any) -> Any:
    return {
        **s,
        "gain1": 1 - s["beta1"],
        "gain2": 1 - s["beta2"],
        "keep": 1 - s["lr"] * s["weight_decay"],
        "step_size": s["lr"] / (1 - s["beta1"] ** step),
        "root": fnp.sqrt(1 - s["beta2"] ** step),
    }


def _update(grad: Any, param: Any, slots: dict[str, Any], s: Any) -> tuple[Any, dict[str, Any]]:
    grad, param = decayed(grad, param, s)
    mean = slots["exp_avg"] + s["gain1"] * (grad - slots["exp_avg"])
    square = s["beta2"] * slots["exp_avg_sq"] + s["gain2"] * (grad * grad)
    new_slots = {"exp_avg": mean, "exp_avg_sq": square}
    if s["amsgrad"]:
        square = fnp.maximum(slots["max_exp_avg_sq"], square)
        new_slots["max_exp_avg_sq"] = square
    scale = fnp.sqrt(square) / s["root"] + s["eps"]
    return param - s["step_size"] * (mean / scale), new_slots


def _slots(s: Any) -> dict[str, Any]:
    names = ("exp_avg", "exp_avg_sq") + (("max_exp_avg_sq",) if s["amsgrad"] else ())
    return zeros(*names)


ADAM = Rule(_update, _scalars, _slots)


def adam(
    lr: LearningRate = 1e-3,
    betas: tuple[LearningRate, LearningRate] = (0.9, 0.999),
    eps: LearningRate = 1e-8,
    weight_decay: LearningRate = 0.0,
    amsgrad: bool = False,
    *,
    maximize: bool = False,
    decoupled_weight_decay: bool = False,
) -> Optimizer:
    """Steps scaled by running averages of the gradient and its square::

        g = grad + weight_decay param
        m = beta1 m + (1 - beta1) g
        v = beta2 v + (1 - beta2) g²
        param = param - lr m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps)

    Args:
        lr: learning rate, a number or a schedule.
        betas: decay rates of the two averages.
        eps: added to the denominator.
        weight_decay: L2 penalty.
        amsgrad: whether to divide by the largest ``v`` so far.
        maximize: whether to climb.
        decoupled_weight_decay: whether the decay acts on the parameter, as in ``adamw``.

    Returns:
        Optimizer; the state has ``step``, ``exp_avg``, ``exp_avg_sq`` and, with amsgrad,
        ``max_exp_avg_sq``.

    Raises:
        ValueError: a negative setting, or a beta outside [0, 1).

    >>> import functorch_lite as fl
    >>> optimizer = adam(0.1)
    >>> params = fl.numpy.ones(1)
    >>> optimizer.update(params, optimizer.init(params), params)[0].round(4)
    Array([0.9], dtype=float32)

    Source: Kingma and Ba, ICLR 2015; Reddi et al., ICLR 2018; ``torch.optim.Adam``.
    """
    return _adam("adam", lr, betas, eps, weight_decay, amsgrad, maximize, decoupled_weight_decay)


def adamw(
    lr: LearningRate = 1e-3,
    betas: tuple[LearningRate, LearningRate] = (0.9, 0.999),
    eps: LearningRate = 1e-8,
    weight_decay: LearningRate = 1e-2,
    amsgrad: bool = False,
    *,
    maximize: bool = False,
) -> Optimizer:
    """Adam whose weight decay shrinks the parameter and does not enter the averages::

        param = (1 - lr weight_decay) param
        then Adam's update with g = grad

    Args:
        lr: learning rate, a number or a schedule.
        betas: decay rates of the two averages.
        eps: added to the denominator.
        weight_decay: what is taken from the parameter, in units of the learning rate.
        amsgrad: whether to divide by the largest ``v`` so far.
        maximize: whether to climb.

    Returns:
        Optimizer with Adam's state.

    Raises:
        ValueError: a negative setting, or a beta outside [0, 1).

    >>> import functorch_lite as fl
    >>> optimizer = adamw(0.1, weight_decay=1.0)
    >>> params = fl.numpy.ones(1)
    >>> optimizer.update(params, optimizer.init(params), params)[0].round(4)
    Array([0.8], dtype=float32)

    Source: Loshchilov and Hutter, ICLR 2019; ``torch.optim.AdamW``.
    """
    return _adam("adamw", lr, betas, eps, weight_decay, amsgrad, maximize, True)


def _adam(
    name: str,
    lr: Any,
    betas: Any,
    eps: Any,
    weight_decay: Any,
    amsgrad: bool,
    maximize: bool,
    decoupled: bool,
) -> Optimizer:
    check_settings(name, lr=lr, eps=eps, weight_decay=weight_decay)
    check_flags(name, amsgrad=amsgrad, maximize=maximize, decoupled_weight_decay=decoupled)
    beta1, beta2 = check_betas(name, betas)
    settings = {
        "lr": lr,
        "beta1": beta1,
        "beta2": beta2,
        "eps": eps,
        "weight_decay": weight_decay,
        "amsgrad": amsgrad,
        "maximize": maximize,
        "decoupled_weight_decay": decoupled,
    }
    return optimizer_of(name, ADAM, settings)
