"""RMSprop."""

from __future__ import annotations

from typing import Any

from functorch_lite import numpy as fnp
from functorch_lite.optim.rule import LearningRate, Optimizer, check_settings, per_array

__all__ = ["rmsprop"]


def rmsprop(
    lr: LearningRate = 1e-2,
    alpha: float = 0.99,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    momentum: float = 0.0,
    centered: bool = False,
) -> Optimizer:
    """Steps scaled by a running root mean square of the gradient::

        g = grad + weight_decay param
        v = alpha v + (1 - alpha) g²
        a = alpha a + (1 - alpha) g                (centered; else a = 0)
        b = momentum b + g / (sqrt(v - a²) + eps)
        param = param - lr b

    Args:
        lr: learning rate, a float or a schedule.
        alpha: decay rate of the averages.
        eps: added to the denominator.
        weight_decay: L2 penalty.
        momentum: the part of the last step that is kept.
        centered: whether to subtract the squared mean, which leaves the variance.

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

    def scalars(step: Any, lr: Any) -> dict[str, Any]:
        return {"lr": lr}

    def rule(grad: Any, param: Any, slots: dict[str, Any], s: Any) -> tuple[Any, dict[str, Any]]:
        if weight_decay:
            grad = grad + weight_decay * param
        square = alpha * slots["square_avg"] + (1 - alpha) * (grad * grad)
        new_slots = {"square_avg": square}
        spread = square
        if centered:
            mean = slots["grad_avg"] + (1 - alpha) * (grad - slots["grad_avg"])
            new_slots["grad_avg"] = mean
            spread = square - mean * mean
        step = grad / (fnp.sqrt(spread) + eps)
        if momentum:
            step = momentum * slots["momentum_buffer"] + step
            new_slots["momentum_buffer"] = step
        return param - s["lr"] * step, new_slots

    names = ["square_avg"]
    names += ["grad_avg"] if centered else []
    names += ["momentum_buffer"] if momentum else []
    return per_array("rmsprop", lr, dict.fromkeys(names, fnp.zeros_like), scalars, rule)
