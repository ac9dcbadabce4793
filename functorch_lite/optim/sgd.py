"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

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

__all__ = ["SGD", "sgd"]


def _scalars(step: Any, s: Any) -> Any:
    # Dampening does not apply to the first gradient.
    return {**s, "rate": 1 - s["dampening"] * (step > 1).astype(step.dtype)}


def _update(grad: Any, param: Any, slots: dict[str, Any], s: Any) -> tuple[Any, dict[str, Any]]:
    grad, param = decayed(grad, param, s)
    if not present(s["momentum"]):
        return param - s["lr"] * grad, slots
    velocity = s["momentum"] * slots["momentum_buffer"]
    velocity = velocity + (s["rate"] * grad if present(s["dampening"]) else grad)
    direction = grad + s["momentum"] * velocity if s["nesterov"] else velocity
    return param - s["lr"] * direction, {"momentum_buffer": velocity}


def _slots(s: Any) -> dict[str, Any]:
    if not present(s["momentum"]):
        return {}
    return zeros("momentum_buffer")


SGD = Rule(_update, _scalars, _slots)


def sgd(
    lr: LearningRate = 1e-3,
    momentum: LearningRate = 0.0,
    dampening: LearningRate = 0.0,
    weight_decay: LearningRate = 0.0,
    nesterov: bool = False,
    *,
    maximize: bool = False,
) -> Optimizer:
    """Stochastic gradient descent with momentum::

        g = grad + weight_decay param
        v = momentum v + (1 - dampening) g         (v = g in the first update)
        param = param - lr v                       (nesterov: param - lr (g + momentum v))

    Args:
        lr: learning rate, a number or a schedule.
        momentum: the part of the last velocity that is kept.
        dampening: the part of the gradient that does not enter the velocity.
        weight_decay: L2 penalty.
        nesterov: whether to look ahead along the velocity.
        maximize: whether to climb.

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
    check_flags("sgd", nesterov=nesterov, maximize=maximize)
    if nesterov and (not present(momentum) or present(dampening)):
        raise ValueError(
            "optim.sgd: expected momentum > 0 and dampening = 0 for nesterov; got "
            f"momentum={momentum}, dampening={dampening}."
        )
    settings = {
        "lr": lr,
        "momentum": momentum,
        "dampening": dampening,
        "weight_decay": weight_decay,
        "nesterov": nesterov,
        "maximize": maximize,
    }
    return optimizer_of("sgd", SGD, settings)
