"""Adagrad."""

from __future__ import annotations

from typing import Any

from functorch_lite import numpy as fnp
from functorch_lite.optim.checks import check_flags, check_settings
from functorch_lite.optim.rule import LearningRate, Optimizer, Rule, decayed, optimizer_of

__all__ = ["ADAGRAD", "adagrad"]


def _scalars(step: Any, s: Any) -> Any:
    return {**s, "rate": s["lr"] / (1 + (step - 1) * s["lr_decay"])}


def _update(grad: Any, param: Any, slots: dict[str, Any], s: Any) -> tuple[Any, dict[str, Any]]:
    grad, param = decayed(grad, param, s)
    total = slots["sum"] + grad * grad
    return param - s["rate"] * (grad / (fnp.sqrt(total) + s["eps"])), {"sum": total}


def _slots(s: Any) -> dict[str, Any]:
    return {"sum": lambda param, s: fnp.full_like(param, s["initial_accumulator_value"])}


ADAGRAD = Rule(_update, _scalars, _slots)


def adagrad(
    lr: LearningRate = 1e-2,
    lr_decay: LearningRate = 0.0,
    weight_decay: LearningRate = 0.0,
    initial_accumulator_value: float = 0.0,
    eps: LearningRate = 1e-10,
    *,
    maximize: bool = False,
) -> Optimizer:
    """Steps scaled by the root of the sum of all squared gradients so far::

        g = grad + weight_decay param
        s = s + g²
        param = param - lr / (1 + (t - 1) lr_decay) g / (sqrt(s) + eps)

    Args:
        lr: learning rate, a number or a schedule.
        lr_decay: how fast the learning rate falls with the step.
        weight_decay: L2 penalty.
        initial_accumulator_value: what the sum starts with.
        eps: added to the denominator.
        maximize: whether to climb.

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
    check_flags("adagrad", maximize=maximize)
    settings = {
        "lr": lr,
        "lr_decay": lr_decay,
        "weight_decay": weight_decay,
        "initial_accumulator_value": initial_accumulator_value,
        "eps": eps,
        "maximize": maximize,
    }
    return optimizer_of("adagrad", ADAGRAD, settings)
