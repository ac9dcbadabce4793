"""Adagrad."""

from __future__ import annotations

from typing import Any

from functorch_lite import numpy as fnp
from functorch_lite.optim.rule import LearningRate, Optimizer, check_settings, per_array

__all__ = ["adagrad"]


def adagrad(
    lr: LearningRate = 1e-2,
    lr_decay: float = 0.0,
    weight_decay: float = 0.0,
    initial_accumulator_value: float = 0.0,
    eps: float = 1e-10,
) -> Optimizer:
    """Steps scaled by the root of the sum of all squared gradients so far::

        g = grad + weight_decay param
        s = s + g²
        param = param - lr / (1 + (t - 1) lr_decay) g / (sqrt(s) + eps)

    Args:
        lr: learning rate, a float or a schedule.
        lr_decay: how fast the learning rate falls with the step.
        weight_decay: L2 penalty.
        initial_accumulator_value: what the sum starts with.
        eps: added to the denominator.

    Returns:
        Optimizer; the state has ``step`` and ``sum``.

    Raises:
        ValueError: a negative setting.

    >>> import functorch_lite as fl
    >>> optimizer = adagrad(0.1)
    >>> params = fl.numpy.ones(1)
    >>> optimizer.update(params, optimizer.init(params), params)[0]
    Array([0.9], dtype=float32)

    Source: Duchi et al., JMLR 12 (2011); ``torch.optim.Adagrad``.
    """
    check_settings("adagrad", lr=lr, lr_decay=lr_decay, weight_decay=weight_decay, eps=eps)
    check_settings("adagrad", initial_accumulator_value=initial_accumulator_value)

    def scalars(step: Any, lr: Any) -> dict[str, Any]:
        return {"lr": lr / (1 + (step - 1) * lr_decay)}

    def rule(grad: Any, param: Any, slots: dict[str, Any], s: Any) -> tuple[Any, dict[str, Any]]:
        if weight_decay:
            grad = grad + weight_decay * param
        total = slots["sum"] + grad * grad
        return param - s["lr"] * (grad / (fnp.sqrt(total) + eps)), {"sum": total}

    def initial(param: Any) -> Any:
        return fnp.full_like(param, initial_accumulator_value)

    return per_array("adagrad", lr, {"sum": initial}, scalars, rule)
