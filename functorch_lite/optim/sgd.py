"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

from functorch_lite import numpy as fnp
from functorch_lite.optim.rule import LearningRate, Optimizer, check_settings, per_array

__all__ = ["sgd"]


def sgd(
    lr: LearningRate = 1e-3,
    momentum: float = 0.0,
    dampening: float = 0.0,
    weight_decay: float = 0.0,
    nesterov: bool = False,
) -> Optimizer:
    """Stochastic gradient descent with momentum::

        g = grad + weight_decay param
        v = momentum v + (1 - dampening) g         (v = g in the first update)
        param = param - lr v                       (nesterov: param - lr (g + momentum v))

    Args:
        lr: learning rate, a float or a schedule.
        momentum: the part of the last velocity that is kept.
        dampening: the part of the gradient that does not enter the velocity.
        weight_decay: L2 penalty.
        nesterov: whether to look ahead along the velocity.

    Returns:
        Optimizer; the state has ``step`` and, with momentum, ``momentum_buffer``.

    Raises:
        ValueError: a negative setting, or nesterov without momentum or with dampening.

    >>> import functorch_lite as fl
    >>> optimizer = sgd(0.1, momentum=0.9)
    >>> params = fl.numpy.ones(1)
    >>> optimizer.update(params, optimizer.init(params), params)[0]
    Array([0.9], dtype=float32)

    Source: Sutskever et al., ICML 2013, in the form of ``torch.optim.SGD``.
    """
    check_settings("sgd", lr=lr, momentum=momentum, weight_decay=weight_decay)
    if nesterov and (momentum <= 0 or dampening != 0):
        raise ValueError("optim.sgd: expected momentum > 0 and dampening = 0 for nesterov.")

    def scalars(step: Any, lr: Any) -> dict[str, Any]:
        # Dampening does not apply to the first gradient.
        later = (step > 1).astype(step.dtype)
        return {"lr": lr, "rate": 1 - dampening * later}

    def rule(grad: Any, param: Any, slots: dict[str, Any], s: Any) -> tuple[Any, dict[str, Any]]:
        if weight_decay:
            grad = grad + weight_decay * param
        if not momentum:
            return param - s["lr"] * grad, slots
        velocity = momentum * slots["momentum_buffer"]
        velocity = velocity + (s["rate"] * grad if dampening else grad)
        direction = grad + momentum * velocity if nesterov else velocity
        return param - s["lr"] * direction, {"momentum_buffer": velocity}

    slots = {"momentum_buffer": fnp.zeros_like} if momentum else {}
    return per_array("sgd", lr, slots, scalars, rule)
