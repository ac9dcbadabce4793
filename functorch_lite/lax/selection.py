"""The largest and the smallest elements of an axis, where approximate ones would do."""

from __future__ import annotations

import operator
from typing import Any

from functorch_lite import ops
from functorch_lite.core.array import Array
from functorch_lite.core.dtypes import int32, is_float
from functorch_lite.errors import DtypeError, ShapeError
from functorch_lite.lax.structure import top_k
from functorch_lite.numpy.convert import as_array, as_axis, cast, const
from functorch_lite.numpy.selection import take_along_axis

__all__ = ["approx_max_k", "approx_min_k"]


def approx_max_k(
    operand: Any,
    k: int,
    reduction_dimension: int = -1,
    recall_target: float = 0.95,
    reduction_input_size_override: int = -1,
    aggregate_to_topk: bool = True,
) -> tuple[Array, Array]:
    """The k largest elements along an axis, and where they are; largest first.

    They are exact here, which every recall allows.

    Args:
        operand: array of real floats; NaN comes last.
        k: how many.
        reduction_dimension: the axis to look along.
        recall_target: the part of them that must be found, above 0 and at most 1.
        reduction_input_size_override, aggregate_to_topk: accepted for JAX's sake.

    Returns:
        values and int32 positions, with k elements along the axis.

    Raises:
        DtypeError: the operand holds no real floats.
        ShapeError: k is negative or more than there are.
        ValueError: a recall outside (0, 1].

    >>> import numpy as np
    >>> approx_max_k(np.array([1.0, 5.0, 3.0], "float32"), 2)
    (Array([5., 3.], dtype=float32), Array([1, 2], dtype=int32))

    Source: ``jax.lax.approx_max_k``.
    """
    del reduction_input_size_override, aggregate_to_topk
    return _largest("approx_max_k", operand, k, reduction_dimension, recall_target, False)


def approx_min_k(
    operand: Any,
    k: int,
    reduction_dimension: int = -1,
    recall_target: float = 0.95,
    reduction_input_size_override: int = -1,
    aggregate_to_topk: bool = True,
) -> tuple[Array, Array]:
    """The k smallest elements along an axis, and where they are; smallest first.

    Args, Returns and Raises are those of :func:`approx_max_k`.

    >>> import numpy as np
    >>> approx_min_k(np.array([4.0, 5.0, 3.0], "float32"), 2)
    (Array([3., 4.], dtype=float32), Array([2, 0], dtype=int32))

    Source: ``jax.lax.approx_min_k``.
    """
    del reduction_input_size_override, aggregate_to_topk
    return _largest("approx_min_k", operand, k, reduction_dimension, recall_target, True)


def _largest(
    fun: str, operand: Any, k: int, axis: int, recall: float, smallest: bool
) -> tuple[Array, Array]:
    x = as_array(operand, fun, "operand")
    if not is_float(x.dtype):
        raise DtypeError(
            f"lax.{fun}: operand must hold real floats; got {x.dtype.name}. Remedy: top_k, which "
            "takes all numbers."
        )
    if not 0 < recall <= 1:
        raise ValueError(
            f"lax.{fun}: recall_target must be above 0 and at most 1; got {recall}. Remedy: 0.95."
        )
    i = as_axis(axis, x.ndim, fun)
    count = operator.index(k)
    if not 0 <= count <= x.shape[i]:
        raise ShapeError(
            f"lax.{fun}: k={count} of an axis of size {x.shape[i]}. Remedy: 0 <= k <= {x.shape[i]}."
        )
    order = ops.neg(x) if smallest else x
    order = ops.select(ops.isnan(x), const(float("-inf"), x.dtype), ops.stop_gradient(order))
    places = top_k(order, count, axis=i)[1]
    return take_along_axis(x, places, i), cast(places, int32)
