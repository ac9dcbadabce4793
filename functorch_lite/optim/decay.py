"""Penalties on the parameters' size, as terms of the gradient."""

from __future__ import annotations

from typing import Any

from functorch_lite import numpy as fnp
from functorch_lite import tree
from functorch_lite.optim.checks import check_settings
from functorch_lite.optim.rule import LearningRate, Transformation, scheduled, working

__all__ = ["add_elastic_net_decay", "add_l1_decay", "add_l2_decay"]


def add_l1_decay(decay: LearningRate) -> Transformation:
    """Add the gradient of ``decay |param|``, which is ``decay sign(param)``.

    Args:
        decay: the factor, a number or a schedule.

    Returns:
        Transformation, with ``step`` in its state.

    Raises:
        ValueError: a negative factor.

    >>> import functorch_lite as fl
    >>> decay = add_l1_decay(0.5)
    >>> params = fl.numpy.asarray([-3.0, 0.0, 3.0])
    >>> decay.update(params, decay.init(params), params)[0]
    Array([-3.5,  0. ,  3.5], dtype=float32)
    """
    check_settings("add_l1_decay", decay=decay)
    return _decay("add_l1_decay", decay, fnp.sign)


def add_l2_decay(decay: LearningRate) -> Transformation:
    """Add the gradient of ``decay param² / 2``, which is ``decay param``.

    Before an optimiser it is the same as its ``weight_decay``, and for Adam not the same as
    ``adamw``.

    Args:
        decay: the factor, a number or a schedule.

    Returns:
        Transformation, with ``step`` in its state.

    Raises:
        ValueError: a negative factor.

    >>> import functorch_lite as fl
    >>> decay = add_l2_decay(0.5)
    >>> params = fl.numpy.asarray([-3.0, 0.0, 3.0])
    >>> decay.update(params, decay.init(params), params)[0]
    Array([-4.5,  0. ,  4.5], dtype=float32)
    """
    check_settings("add_l2_decay", decay=decay)
    return _decay("add_l2_decay", decay, lambda param: param)


def add_elastic_net_decay(decay: LearningRate, l1_ratio: float = 0.5) -> Transformation:
    """Add the gradient of ``decay (l1_ratio |param| + (1 - l1_ratio) param² / 2)``.

    Args:
        decay: the factor, a number or a schedule.
        l1_ratio: the L1 term's part, between 0 and 1.

    Returns:
        Transformation, with ``step`` in its state.

    Raises:
        ValueError: a negative factor, or a part outside [0, 1].

    >>> import functorch_lite as fl
    >>> decay = add_elastic_net_decay(1.0, 0.5)
    >>> params = fl.numpy.asarray([-3.0, 0.0, 3.0])
    >>> decay.update(params, decay.init(params), params)[0]
    Array([-5.,  0.,  5.], dtype=float32)

    Source: Zou and Hastie, J. R. Stat. Soc. B 67 (2005), in scikit-learn's parametrisation.
    """
    check_settings("add_elastic_net_decay", decay=decay)
    if not 0 <= l1_ratio <= 1:
        raise ValueError(
            f"optim.add_elastic_net_decay: expected l1_ratio in [0, 1]; got {l1_ratio}."
        )
    return _decay(
        "add_elastic_net_decay",
        decay,
        lambda param: l1_ratio * fnp.sign(param) + (1 - l1_ratio) * param,
    )


def _decay(name: str, decay: Any, slope: Any) -> Transformation:
    def change(grads: Any, params: Any, factor: Any) -> Any:
        def one(grad: Any, param: Any) -> Any:
            work = working(param)
            return (working(grad) + factor * slope(work)).astype(grad.dtype)

        return tree.map(one, grads, params)

    return scheduled(name, decay, change)
