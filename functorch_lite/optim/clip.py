"""Gradients of a bounded size."""

from __future__ import annotations

import math
from typing import Any

from functorch_lite import numpy as fnp
from functorch_lite import tree
from functorch_lite.optim.checks import check_settings
from functorch_lite.optim.rule import LearningRate, Transformation, scheduled, working

__all__ = ["clip_by_norm", "clip_by_value", "global_norm"]


def global_norm(values: Any, norm_type: float = 2.0) -> Any:
    """The norm of the vector of the leaves' norms.

    For ``norm_type`` of 1, 2, any positive number or infinity that is the norm of all numbers
    together.  ``-inf`` gives the smallest magnitude, and 0 the number of leaves that are not zero,
    as PyTorch has it.

    Args:
        values: tree of floating-point or complex arrays, e.g. of gradients.
        norm_type: which norm.

    Returns:
        f[] in the widest dtype of the leaves, and float32 for 16 bits and for no leaves, whose norm
        is 0.

    >>> import functorch_lite as fl
    >>> global_norm({"a": fl.numpy.asarray([3.0]), "b": fl.numpy.asarray([[4.0]])})
    Array(5., dtype=float32)

    Source: ``torch.nn.utils.get_total_norm``.
    """
    order = float(norm_type)
    norms = [_norm(fnp.abs(working(leaf)), order) for leaf in tree.leaves(values)]
    if not norms:
        return fnp.zeros((), "float32")
    return _norm(fnp.stack(norms), order)


def _norm(x: Any, order: float) -> Any:
    """The norm of an array of magnitudes; an empty one's is 0 (PyTorch refuses inf and -inf)."""
    if x.size == 0:
        return fnp.zeros((), x.dtype)
    if order == math.inf:
        return fnp.max(x)
    if order == -math.inf:
        return fnp.min(x)
    if order == 0:
        return fnp.sum((x != 0).astype(x.dtype))
    if order == 1:
        return fnp.sum(x)
    if order == 2:
        return fnp.sqrt(fnp.sum(x * x))
    return fnp.sum(x**order) ** (1 / order)


def clip_by_norm(max_norm: LearningRate, norm_type: float = 2.0) -> Transformation:
    """Scale all gradients by one factor, such that their norm is at most ``max_norm``::

        factor = min(1, max_norm / (norm + 1e-6))

    A norm of nan makes all gradients nan, and one of infinity those that are finite zero: ask
    ``global_norm`` first where that may happen.

    Args:
        max_norm: the bound, a number or a function of the number of updates.
        norm_type: which norm, as in ``global_norm``.

    Returns:
        Transformation, with ``step`` in its state.

    Raises:
        ValueError: a negative bound.

    >>> import functorch_lite as fl
    >>> clip = clip_by_norm(1.0)
    >>> grads = fl.numpy.asarray([3.0, 4.0])
    >>> clip.update(grads, clip.init(grads), grads)[0].round(4)
    Array([0.6, 0.8], dtype=float32)

    Source: Pascanu et al., ICML 2013; ``torch.nn.utils.clip_grad_norm_``.
    """
    check_settings("clip_by_norm", max_norm=max_norm)

    def change(grads: Any, params: Any, bound: Any) -> Any:
        norm = global_norm(grads, norm_type)
        factor = fnp.minimum(bound / (norm + 1e-6), 1.0)
        return tree.map(lambda g: (working(g) * factor).astype(g.dtype), grads)

    return scheduled("clip_by_norm", max_norm, change)


def clip_by_value(max_value: LearningRate) -> Transformation:
    """Put every number of the gradients into ``[-max_value, max_value]``; nan stays.

    Args:
        max_value: the bound, a number or a function of the number of updates.

    Returns:
        Transformation, with ``step`` in its state.

    Raises:
        ValueError: a negative bound.

    >>> import functorch_lite as fl
    >>> clip = clip_by_value(1.0)
    >>> grads = fl.numpy.asarray([-3.0, 0.5])
    >>> clip.update(grads, clip.init(grads), grads)[0]
    Array([-1. ,  0.5], dtype=float32)

    Source: ``torch.nn.utils.clip_grad_value_``.
    """
    check_settings("clip_by_value", max_value=max_value)

    def change(grads: Any, params: Any, bound: Any) -> Any:
        return tree.map(lambda g: fnp.clip(g, -bound, bound).astype(g.dtype), grads)

    return scheduled("clip_by_value", max_value, change)
