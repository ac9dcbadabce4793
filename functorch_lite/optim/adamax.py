"""Adamax."""

from __future__ import annotations

from typing import Any

from functorch_lite import numpy as fnp
from functorch_lite.optim.checks import check_betas, check_flags, check_settings
from functorch_lite.optim.rule import LearningRate, Optimizer, Rule, decayed, optimizer_of, zeros

__all__ = ["ADAMAX", "adamax"]


def _scalars(step: Any, s: Any) -> Any:
    return {**s, "gain1": 1 - s["beta1"], "step_size": s["lr"] / (1 - s["beta1"] ** step)}


def _update(grad: Any, param: Any, slots: dict[str, Any], s: Any) -> tuple[Any, dict[str, Any]]:
    grad, param = decayed(grad, param, s)
    mean = slots["exp_avg"] + s["gain1"] * (grad - slots["exp_avg"])
    largest = fnp.maximum(s["beta2"] * slots["exp_inf"], fnp.abs(grad) + s["eps"])
    return param - s["step_size"] * (mean / largest), {"exp_avg": mean, "exp_inf": largest}


def _slots(s: Any) -> dict[str, Any]:
    return zeros("exp_avg", "exp_inf")


ADAMAX = Rule(_update, _scalars, _slots)


def adamax(
    lr: LearningRate = 2e-3,
    betas: tuple[LearningRate, LearningRate] = (0.9, 0.999),
    eps: LearningRate = 1e-8,
    weight_decay: LearningRate = 0.0,
    *,
    maximize: bool = False,
) -> Optimizer:
    """Adam with the largest gradient so far, slowly forgotten, in the place of the mean square::

        g = grad + weight_decay param
        m = beta1 m + (1 - beta1) g
        u = max(beta2 u, |g| + eps)
        param = param - lr m / (1 - beta1^t) / u

    Args:
        lr: learning rate, a number or a schedule.
        betas: decay rates of the average and of the maximum.
        eps: added to the gradient's magnitude.
        weight_decay: L2 penalty.
        maximize: whether to climb.

    Returns:
        Optimizer; the state has ``step``, ``exp_avg`` and ``exp_inf``.

    Raises:
        ValueError: a negative setting, or a beta outside [0, 1).

    >>> import functorch_lite as fl
    >>> optimizer = adamax(0.1)
    >>> params = fl.numpy.ones(1)
    >>> optimizer.update(params, optimizer.init(params), params)[0].round(4)
    Array([0.9], dtype=float32)

    Source: Kingma and Ba, ICLR 2015, section 7.1; ``torch.optim.Adamax``.
    """
    check_settings("adamax", lr=lr, eps=eps, weight_decay=weight_decay)
    check_flags("adamax", maximize=maximize)
    beta1, beta2 = check_betas("adamax", betas)
    settings = {
        "lr": lr,
        "beta1": beta1,
        "beta2": beta2,
        "eps": eps,
        "weight_decay": weight_decay,
        "maximize": maximize,
    }
    return optimizer_of("adamax", ADAMAX, settings)
