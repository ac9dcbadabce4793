"""Reductions of rows by the number of the segment that each belongs to: ``jax.ops``'s functions.

They live here because ``functorch_lite.ops`` holds the records of the library. The rows of one
segment need not stand together, and rows whose number is negative or too large belong to none.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from functorch_lite import numpy as fnp
from functorch_lite.errors import DtypeError, NonConcreteError, ShapeError
from functorch_lite.nn.ranges import known_values
from functorch_lite.numpy.dtypes import highest, lowest

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = ["segment_max", "segment_min", "segment_prod", "segment_sum"]


# -------------------------------------------------------------------------------------- arguments
def _count(name: str, num_segments: Any, known: np.ndarray | None) -> int:
    if num_segments is None:
        if known is None:
            raise NonConcreteError(
                f"nn.{name}: the number of segments is the size of the result, and segment_ids are "
                f"being traced. Remedy: pass it, {name}(data, segment_ids, num_segments=10), as a "
                "Python int."
            )
        return max(0, int(known.max()) + 1) if known.size else 0
    count = operator.index(num_segments)
    if count < 0:
        raise ValueError(f"nn.{name}: expected num_segments of at least 0; got {count}.")
    return count


def _targets(
    ids: Array, known: np.ndarray | None, count: int, mode: str | None
) -> tuple[Any, str | None]:
    """i[n] of rows of the result, and what ``.at`` shall do with those outside it."""
    if known is not None and (not known.size or (known.min() >= 0 and known.max() < count)):
        return ids, None
    ids = ids.astype("int64")
    if mode == "clip" and count:
        return fnp.clip(ids, 0, count - 1), "promise_in_bounds"
    if mode == "promise_in_bounds":
        return ids, mode
    # .at counts negative indices from the end; here they name no segment
    return fnp.where(ids < 0, count, ids), "drop"


def _check(name: str, data: Array, ids: Array, how: str) -> None:
    if not fnp.issubdtype(ids.dtype, fnp.integer):
        raise DtypeError(
            f"nn.{name}: expected segment_ids that are integers; got {ids.dtype.name}. Remedy: "
            "convert them with .astype(int)."
        )
    if ids.ndim != 1 or not data.ndim or data.shape[0] != ids.shape[0]:
        raise ShapeError(
            f"nn.{name}: expected one segment id for each row of data; got ids of shape "
            f"{tuple(ids.shape)} for data of shape {tuple(data.shape)}. Remedy: ids of shape (n,) "
            "for data of shape (n, ...)."
        )
    if how in ("add", "multiply") and data.dtype.kind == "b":
        raise DtypeError(
            f"nn.{name}: expected data that are numbers; got bool. Remedy: data.astype(int), or "
            "segment_max for 'any' and segment_min for 'all'."
        )
    if how in ("max", "min") and fnp.issubdtype(data.dtype, fnp.complexfloating):
        raise DtypeError(
            f"nn.{name}: complex numbers have no order; got {data.dtype.name}. Remedy: abs(data)."
        )


_IDENTITIES: dict[str, Callable[..., Any]] = {
    "add": lambda dtype: 0,
    "multiply": lambda dtype: 1,
    "max": lowest,
    "min": highest,
}


_OVER_BUCKETS: dict[str, Callable[..., Any]] = {
    "add": fnp.sum,
    "multiply": fnp.prod,
    "max": fnp.max,
    "min": fnp.min,
}


def _reduce(
    name: str,
    how: str,
    data: Any,
    segment_ids: Any,
    num_segments: int | None,
    bucket_size: int | None,
    mode: str | None,
) -> Array:
    data, ids = fnp.asarray(data), fnp.asarray(segment_ids)
    _check(name, data, ids, how)
    if mode not in (None, "drop", "fill", "clip", "promise_in_bounds"):
        raise ValueError(
            f"nn.{name}: expected mode None, 'drop', 'fill', 'clip' or 'promise_in_bounds'; got "
            f"{mode!r}."
        )
    known = known_values(ids)
    count = _count(name, num_segments, known)
    rows, rest = data.shape[0], tuple(data.shape[1:])
    if count == 0:
        return fnp.zeros((0, *rest), data.dtype)
    target, outside = _targets(ids, known, count, mode)
    buckets = 1
    if bucket_size is not None and rows:
        size = operator.index(bucket_size)
        if size < 1:
            raise ValueError(f"nn.{name}: expected bucket_size of at least 1; got {size}.")
        buckets = -(-rows // size)
        first = fnp.arange(rows) // size * count
        # rows outside must stay outside, not land in the next bucket
        target = fnp.where(target < count, target + first, buckets * count)
    start = fnp.full((buckets * count, *rest), _IDENTITIES[how](data.dtype), data.dtype)
    out = getattr(start.at[target], how)(data, mode=outside)
    if buckets == 1:
        return out
    reduced: Array = _OVER_BUCKETS[how](out.reshape(buckets, count, *rest), axis=0)
    return reduced.astype(data.dtype)


# -------------------------------------------------------------------------------------- functions
def segment_sum(
    data: Array,
    segment_ids: Array,
    num_segments: int | None = None,
    indices_are_sorted: bool = False,
    unique_indices: bool = False,
    bucket_size: int | None = None,
    mode: str | None = None,
) -> Array:
    """Sum of the rows of each segment; 0 for a segment without rows.

    Args:
        data: [n, ...].
        segment_ids: i[n], the segment of each row, in any order; rows with a negative number or
            one of at least ``num_segments`` are left out.
        num_segments: size of the result, a Python int; the largest id plus 1 by default, which
            needs ids that are not traced.
        indices_are_sorted, unique_indices: accepted for JAX's sake; nothing is made of them.
        bucket_size: reduce so many rows at a time and then what came out, for accuracy.
        mode: ``"clip"`` moves ids outside to the nearest segment; None, ``"drop"`` and ``"fill"``
            leave their rows out; ``"promise_in_bounds"`` says there are none.

    Returns:
        [num_segments, ...] in the dtype of ``data``.

    Raises:
        ShapeError: not one id per row.
        DtypeError: ids that are no integers, or data without such a reduction.
        NonConcreteError: ``num_segments`` is missing and the ids are traced.

    >>> segment_sum(fnp.asarray([1.0, 2.0, 4.0]), fnp.asarray([0, 2, 0]))
    Array([5., 0., 2.], dtype=float32)

    Source: ``jax.ops.segment_sum``.
    """
    del indices_are_sorted, unique_indices
    return _reduce("segment_sum", "add", data, segment_ids, num_segments, bucket_size, mode)


def segment_prod(
    data: Array,
    segment_ids: Array,
    num_segments: int | None = None,
    indices_are_sorted: bool = False,
    unique_indices: bool = False,
    bucket_size: int | None = None,
    mode: str | None = None,
) -> Array:
    """Product of the rows of each segment, 1 without rows; arguments as of :func:`segment_sum`.

    Its derivatives hold at zeros too.

    >>> segment_prod(fnp.asarray([1.0, 2.0, 4.0]), fnp.asarray([0, 2, 0]))
    Array([4., 1., 2.], dtype=float32)

    Source: ``jax.ops.segment_prod``.
    """
    del indices_are_sorted, unique_indices
    return _reduce("segment_prod", "multiply", data, segment_ids, num_segments, bucket_size, mode)


def segment_max(
    data: Array,
    segment_ids: Array,
    num_segments: int | None = None,
    indices_are_sorted: bool = False,
    unique_indices: bool = False,
    bucket_size: int | None = None,
    mode: str | None = None,
) -> Array:
    """Largest element of each segment, the dtype's lowest value (-inf) without rows; arguments as
    of :func:`segment_sum`.

    Equal elements share the derivative.

    >>> segment_max(fnp.asarray([1.0, 2.0, 4.0]), fnp.asarray([0, 2, 0]))
    Array([  4., -inf,   2.], dtype=float32)

    Source: ``jax.ops.segment_max``.
    """
    del indices_are_sorted, unique_indices
    return _reduce("segment_max", "max", data, segment_ids, num_segments, bucket_size, mode)


def segment_min(
    data: Array,
    segment_ids: Array,
    num_segments: int | None = None,
    indices_are_sorted: bool = False,
    unique_indices: bool = False,
    bucket_size: int | None = None,
    mode: str | None = None,
) -> Array:
    """Smallest element of each segment, the dtype's highest value (inf) without rows; arguments as
    of :func:`segment_sum`.

    Equal elements share the derivative.

    >>> segment_min(fnp.asarray([1.0, 2.0, 4.0]), fnp.asarray([0, 2, 0]))
    Array([ 1., inf,  2.], dtype=float32)

    Source: ``jax.ops.segment_min``.
    """
    del indices_are_sorted, unique_indices
    return _reduce("segment_min", "min", data, segment_ids, num_segments, bucket_size, mode)
