"""Adadelta."""

from __future__ import annotations

from typing import Any

from functorch_lite import numpy as fnp
from functorch_lite.optim.checks import check_flags, check_settings, is_fixed
from functorch_lite.optim.rule import LearningRate, Optimizer, Rule, decayed, optimizer_of, zeros

__all__ = ["ADADELTA", "adadelta"]


def _scalars(step: Any, s: Any) -> Any:
    return {**s, "gain": 1 - s["rho"]}


def _update(grad: Any, param: Any, slots: dict[str, Any], s: Any) -> tuple[Any, dict[str, Any]]:
    grad, param = decayed(grad, param, s)
    rho, gain, eps = s["rho"], s["gain"], s["eps"]
    square = rho * slots["square_avg"] + gain * (grad * grad)
    delta = fnp.sqrt(slots["acc_delta"] + eps) / fnp.sqrt(square + eps) * grad
    moved = rho * slots["acc_delta"] + gain * (delta * delta)
    return param - s["lr"] * delta, {"square_avg": square, "acc_delta": moved}


def _slots(s: Any) -> dict[str, Any]:
    return zeros("square_avg", "acc_delta")


ADADELTA = Rule(_update, _scalars, _slots)


def adadelta(
    lr: LearningRate = 1.0,
    rho: LearningRate = 0.9,
    eps: LearningRate = 1e-6,
    weight_decay: LearningRate = 0.0,
    *,
    maximize: bool = False,
) -> Optimizer:
    """Steps in the units of the parameter: past steps over past gradients, times the gradient::

        g = grad + weight_decay param
        v = rho v + (1 - rho) g²
        d = sqrt(u + eps) / sqrt(v + eps) g
        u = rho u + (1 - rho) d²
        param = param - lr d

    Args:
        lr: what the step is multiplied by, a number or a schedule.
        rho: decay rate of the averages.
        eps: added under both roots.
        weight_decay: L2 penalty.
        maximize: whether to climb.

    Returns:
        Optimizer; the state has ``step``, ``square_avg`` and ``acc_delta``.

    Raises:
        ValueError: a negative setting, or rho above 1.

    >>> import functorch_lite as fl
    >>> optimizer = adadelta()
    >>> params = fl.numpy.ones(1)
    >>> optimizer.update(params, optimizer.init(params), params)[0].round(4)
    Array([0.9968], dtype=float32)

    Source: Zeiler, arXiv:1212.5701; ``torch.optim.Adadelta``.
    """
    check_settings("adadelta", lr=lr, rho=rho, eps=eps, weight_decay=weight_decay)
    check_flags("adadelta", maximize=maximize)
    if is_fixed("adadelta", "rho", rho) and rho > 1:  # type: ignore[operator]
        raise ValueError(f"optim.adadelta: expected rho in [0, 1]; got {rho}.")
    settings = {
        "lr": lr,
        "rho": rho,
        "eps": eps,
        "weight_decay": weight_decay,
        "maximize": maximize,
    }
    return optimizer_of("adadelta", ADADELTA, settings)
