"""RMSprop."""

from __future__ import annotations

from typing import Any

from functorch_lite import numpy as fnp
from functorch_lite.optim.checks import check_flags, check_settings
from functorch_lite.optim.rule import (
    LearningRate,
    Optimizer,
    Rule,
    decayed,
    optimizer_of,
    present,
    zeros,
)

__all__ = ["RMSPROP", "rmsprop"]


def _scalars(step: Any, s: Any) -> Any:
    return {**s, "gain": 1 - s["alpha"]}


def _update(grad: Any, param: Any, slots: dict[str, Any], s: Any) -> tuple[Any, dict[str, Any]]:
    grad, param = decayed(grad, param, s)
    square = s["alpha"] * slots["square_avg"] + s["gain"] * (grad * grad)
    new_slots = {"square_avg": square}
    spread = square
    if s["centered"]:
        mean = slots["grad_avg"] + s["gain"] * (grad - slots["grad_avg"])
        new_slots["grad_avg"] = mean
        spread = square - mean * mean
    step = grad / (fnp.sqrt(spread) + s["eps"])
    if present(s["momentum"]):
        step = s["momentum"] * slots["momentum_buffer"] + step
        new_slots["momentum_buffer"] = step
    return param - s["lr"] * step, new_slots


def _slots(s: Any) -> dict[str, Any]:
    names = ["square_avg"]
    names += ["grad_avg"] if s["centered"] else []
    names += ["momentum_buffer"] if present(s["momentum"]) else []
    return zeros(*names)


RMSPROP = Rule(_update, _scalars, _slots)


def rmsprop(
    lr: LearningRate = 1e-2,
    alpha: LearningRate = 0.99,
    eps: LearningRate = 1e-8,
    weight_decay: LearningRate = 0.0,
    momentum: LearningRate = 0.0,
    centered: bool = False,
    *,
    maximize: bool = False,
) -> Optimizer:
    """Steps scaled by a running root mean square of the gradient::

        g = grad + weight_decay param
        v = alpha v + (1 - alpha) g²
        a = alpha a + (1 - alpha) g                (centered; else a = 0)
        b = momentum b + g / (sqrt(v - a²) + eps)
        param = param - lr b

    Args:
        lr: learning rate, a number or a schedule.
        alpha: decay rate of the averages.
        eps: added to the denominator.
        weight_decay: L2 penalty.
        momentum: the part of the last step that is kept.
        centered: whether to subtract the squared mean, which leaves the variance.
        maximize: whether to climb.

    Returns:
        Optimizer; the state has ``step``, ``square_avg`` and, as needed, ``grad_avg`` and
        ``momentum_buffer``.

    Raises:
        ValueError: a negative setting.

    >>> import functorch_lite as fl
    >>> optimizer = rmsprop(0.01)
    >>> params = fl.numpy.ones(1)
    >>> optimizer.update(params, optimizer.init(params), params)[0].round(4)
    Array([0.9], dtype=float32)

    Source: Hinton, "Neural networks for machine learning", lecture 6, 2012; Graves, arXiv:1308.0850
    (centered); ``torch.optim.RMSprop``.
    """
    check_settings("rmsprop", lr=lr, alpha=alpha, eps=eps, weight_decay=weight_decay)
    check_settings("rmsprop", momentum=momentum)
    check_flags("rmsprop", centered=centered, maximize=maximize)
    settings = {
        "lr": lr,
        "alpha": alpha,
        "eps": eps,
        "weight_decay": weight_decay,
        "momentum": momentum,
        "centered": centered,
        "maximize": maximize,
    }
    return optimizer_of("rmsprop", RMSPROP, settings)
