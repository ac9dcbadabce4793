"""Sorting, searching, and the positions and values that are there."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from functorch_lite import ops
from functorch_lite.core.array import Array
from functorch_lite.core.dtypes import int64, is_inexact
from functorch_lite.errors import ShapeError
from functorch_lite.numpy.array_protocols import host_value
from functorch_lite.numpy.convert import (
    as_array,
    as_axis,
    as_axis_sequence,
    const,
    constant,
    fill,
    iota,
    promote,
    to_bool,
)
from functorch_lite.numpy.shapes import broadcast_to, flip, ravel


def sort(
    a: Any,
    axis: int | None = -1,
    *,
    kind: str | None = None,
    order: None = None,
    stable: bool = True,
    descending: bool = False,
) -> Array:
    """Elements in ascending order along an axis; NaN last. The sort is stable.

    Args:
        a: array.
        axis: the axis; None sorts the flattened array.
        kind, order: accepted for NumPy's sake; order must be None.
        stable: accepted; every sort is stable.
        descending: largest first (and NaN first).

    Returns:
        array of a's shape.

    >>> sort(np.array([3.0, 1.0, 2.0]))
    Array([1., 2., 3.], dtype=float64)
    """
    a, i = _sortable("sort", a, axis, kind, order, stable)
    (out,) = ops.sort(a, axis=i, num_keys=1)
    return flip(out, i) if descending else out


def argsort(
    a: Any,
    axis: int | None = -1,
    *,
    kind: str | None = None,
    order: None = None,
    stable: bool = True,
    descending: bool = False,
) -> Array:
    """Positions that would sort an array along an axis; arguments as of :func:`sort`.

    Returns:
        int64 array of a's shape; equal elements keep their order, descending as well.

    >>> argsort(np.array([3.0, 1.0, 2.0]))
    Array([1, 2, 0], dtype=int64)
    """
    a, i = _sortable("argsort", a, axis, kind, order, stable)
    ids = iota(a, shape=a.shape, dtype=int64, axis=i)
    if not descending:
        return ops.sort(a, ids, axis=i, num_keys=1)[1]
    # Sorting the reversed array and reversing the answer keeps equal elements in order.
    found = ops.sort(flip(a, i), flip(ids, i), axis=i, num_keys=1)[1]
    return flip(found, i)


def _sortable(fun: str, a: Any, axis: Any, kind: Any, order: Any, stable: Any) -> tuple[Array, int]:
    del kind, stable
    if order is not None:
        raise ValueError(f"{fun}: order must be None, because arrays have no fields.")
    a = as_array(a, fun, "a")
    if axis is None:
        return ravel(a), 0
    return a, as_axis(axis, a.ndim, fun)


def lexsort(keys: Any, axis: int = -1) -> Array:
    """Positions that sort by several keys, the last one first.

    Args:
        keys: sequence of arrays of one shape, or the rows of an array.
        axis: the axis.

    Returns:
        int64 array of the keys' shape.

    >>> lexsort([np.array([2, 1, 0]), np.array([0, 0, 1])])
    Array([1, 0, 2], dtype=int64)
    """
    held = as_axis_sequence(keys, "lexsort", "keys")
    i = as_axis(axis, held[0].ndim, "lexsort")
    ids = iota(held[0], shape=held[0].shape, dtype=int64, axis=i)
    return ops.sort(*held[::-1], ids, axis=i, num_keys=len(held))[-1]


def partition(a: Any, kth: int, axis: int = -1) -> Array:
    """Sorted, which puts the k-th element in its place too; NumPy leaves the rest unordered.

    >>> partition(np.array([3, 1, 2]), 1)
    Array([1, 2, 3], dtype=int64)
    """
    del kth
    return sort(a, axis)


def argpartition(a: Any, kth: int, axis: int = -1) -> Array:
    """The positions that :func:`partition` puts in order.

    >>> argpartition(np.array([3, 1, 2]), 1)
    Array([1, 2, 0], dtype=int64)
    """
    del kth
    return argsort(a, axis)


def sort_complex(a: Any) -> Array:
    """Complex numbers by real part, then imaginary part.

    >>> sort_complex(np.array([2 + 1j, 1 + 0j]))
    Array([1.+0.j, 2.+1.j], dtype=complex128)
    """
    a = as_array(a, "sort_complex", "a")
    if a.dtype.kind != "c":
        a = ops.cast(a, dtype=np.dtype(np.complex64))
    re, im = ops.real(a), ops.imag(a)
    return ops.sort(re, im, a, axis=a.ndim - 1, num_keys=2)[2]


def searchsorted(
    a: Any,
    v: Any,
    side: str = "left",
    sorter: Any = None,
    *,
    method: str = "scan",
) -> Array:
    """Where values would be inserted into a sorted array.

    Args:
        a: sorted array of shape [n].
        v: values of any shape.
        side: ``"left"`` inserts before equal elements, ``"right"`` after them.
        sorter: positions that sort ``a``.
        method: accepted for JAX's sake; the search is always binary.

    Returns:
        int64 array of v's shape, between 0 and n.

    >>> searchsorted(np.array([1, 3, 5]), np.array([3, 4]))
    Array([1, 2], dtype=int64)
    """
    del method
    if side not in ("left", "right"):
        raise ValueError(f"searchsorted: side must be 'left' or 'right', got {side!r}.")
    a, v = promote(a, v, fun="searchsorted", names="av")
    if a.ndim != 1:
        raise ShapeError(f"searchsorted: a must have one dimension, got shape {a.shape}.")
    if sorter is not None:
        a = ops.gather(a, ops.cast(as_array(sorter, "searchsorted", "sorter"), dtype=int64),
                       axes=(0,), mode="clip")  # fmt: skip
    n = a.shape[0]
    lo = fill(v, shape=v.shape, dtype=int64, value=0)
    if n == 0:
        return lo
    hi = fill(v, shape=v.shape, dtype=int64, value=n)
    one = const(1, int64)
    for _ in range(n.bit_length()):
        mid = ops.shift_right(ops.add(lo, hi), one)
        at = ops.gather(a, mid, axes=(0,), mode="clip")
        after = _less(at, v) if side == "left" else ops.bitwise_not(_less(v, at))
        go = ops.bitwise_and(after, ops.lt(lo, hi))
        lo = ops.select(go, ops.add(mid, one), lo)
        hi = ops.select(go, hi, ops.select(ops.lt(lo, hi), ops.minimum(mid, hi), hi))
    return lo


def _less(x: Array, y: Array) -> Array:
    """x before y in sorting order, where NaN is last."""
    if not is_inexact(x.dtype):
        return ops.lt(x, y)
    nan_last = ops.bitwise_and(ops.isnan(y), ops.bitwise_not(ops.isnan(x)))
    return ops.bitwise_or(ops.lt(x, y), nan_last)


def digitize(x: Any, bins: Any, right: bool = False) -> Array:
    """The number of the bin that each value falls into.

    Args:
        x: values of any shape.
        bins: edges of shape [n], ascending or descending.
        right: whether the upper edge belongs to a bin, instead of the lower one.

    Returns:
        int64 array of x's shape.

    >>> digitize(np.array([0.5, 2.5]), np.array([0.0, 1.0, 2.0]))
    Array([1, 3], dtype=int64)
    """
    x, bins = promote(x, bins, fun="digitize", names=("x", "bins"))
    n = bins.shape[0]
    if n == 0:
        return fill(x, shape=x.shape, dtype=int64, value=0)
    side = "left" if right else "right"
    rising = searchsorted(bins, x, side)
    falling = searchsorted(flip(bins), x, side)
    ends = [ops.gather(bins, const(k, int64), axes=(0,), mode="clip") for k in (0, n - 1)]
    return ops.select(ops.le(*ends), rising, ops.sub(const(n, int64), falling))


# ------------------------------------------------------------------- shapes that depend on values
def nonzero(a: Any, *, size: int | None = None, fill_value: Any = None) -> tuple[Array, ...]:
    """Positions of the elements that are not zero, one index array per axis.

    Args:
        a: array of at least one dimension.
        size: static number of positions; needed under ``jit``, where the number is not known.
            Further positions are cut off, missing ones filled.
        fill_value: what is filled in, one int or one per axis; 0 by default.

    Returns:
        one int64 array of shape [size] per axis.

    Raises:
        NonConcreteError: under ``jit`` without ``size``.

    >>> nonzero(np.array([0, 3, 0, 4]))
    (Array([1, 3], dtype=int64),)
    """
    a = as_array(a, "nonzero", "a")
    if a.ndim == 0:
        raise ShapeError("nonzero: a 0-d array has no positions. Remedy: atleast_1d(x).")
    if size is None:
        data = host_value(a, "nonzero() without size=")
        return tuple(constant(a, i) for i in np.nonzero(data))
    count = operator.index(size)
    mask = ravel(to_bool(a, "nonzero", "a"))
    places = ops.cumsum(ops.cast(mask, dtype=int64), axis=0, reverse=False)
    ids = iota(mask, shape=mask.shape, dtype=int64, axis=0)
    target = ops.select(mask, ops.sub(places, const(1, int64)), const(count, int64))
    found = fill(mask, shape=(count,), dtype=int64, value=0)
    found = ops.scatter(found, ids, target, axes=(0,), mode="drop")
    line = iota(mask, shape=(count,), dtype=int64, axis=0)
    total = ops.reduce_sum(ops.cast(mask, dtype=int64), axes=(0,))
    there = ops.lt(line, total)
    fills = fill_value if isinstance(fill_value, (tuple, list)) else (fill_value,) * a.ndim
    out = []
    for axis, filler in enumerate(fills):
        below = math.prod(a.shape[axis + 1 :])
        place = ops.floor_divide(found, const(max(below, 1), int64))
        place = ops.remainder(place, const(max(a.shape[axis], 1), int64))
        value = (
            const(0, int64)
            if filler is None
            else ops.cast(as_array(filler, "nonzero"), dtype=int64)
        )
        out.append(ops.select(there, place, value))
    return tuple(out)


def flatnonzero(a: Any, *, size: int | None = None, fill_value: Any = None) -> Array:
    """Positions in the flattened array that are not zero; see :func:`nonzero`.

    >>> flatnonzero(np.array([[0, 3], [4, 0]]))
    Array([1, 2], dtype=int64)
    """
    return nonzero(ravel(a), size=size, fill_value=fill_value)[0]


def argwhere(a: Any, *, size: int | None = None, fill_value: Any = None) -> Array:
    """Positions that are not zero as rows, int64[count, a.ndim]; see :func:`nonzero`.

    >>> argwhere(np.array([[0, 3], [4, 0]]))
    Array([[0, 1],
           [1, 0]], dtype=int64)
    """
    found = nonzero(a, size=size, fill_value=fill_value)
    columns = [ops.reshape(x, shape=(x.size, 1)) for x in found]
    return ops.concatenate(*columns, axis=1)


def unravel_index(indices: Any, shape: Sequence[int]) -> tuple[Array, ...]:
    """Positions along each axis from positions in the flattened array.

    >>> unravel_index(np.array([5]), (2, 3))
    (Array([1], dtype=int64), Array([2], dtype=int64))
    """
    index = ops.cast(as_array(indices, "unravel_index", "indices"), dtype=int64)
    total = const(math.prod(shape), int64)
    index = ops.select(ops.lt(index, const(0, int64)), ops.add(index, total), index)
    out = []
    for n in reversed(shape):
        out.append(ops.remainder(index, const(max(n, 1), int64)))
        index = ops.floor_divide(index, const(max(n, 1), int64))
    return tuple(out[::-1])


def ravel_multi_index(multi_index: Any, dims: Sequence[int], mode: str = "clip") -> Array:
    """Positions in the flattened array from positions along each axis.

    Args:
        multi_index: sequence of ints, one array per axis.
        dims: static sizes of the axes.
        mode: ``"clip"`` or ``"wrap"`` for positions out of range.

    Returns:
        int64 array.

    >>> ravel_multi_index((np.array([1]), np.array([2])), (2, 3))
    Array([5], dtype=int64)
    """
    flat = const(0, int64)
    for index, n in zip(multi_index, dims, strict=True):
        i = ops.cast(as_array(index, "ravel_multi_index", "multi_index"), dtype=int64)
        if mode == "wrap":
            i = ops.remainder(i, const(n, int64))
        else:
            i = ops.clamp(const(0, int64), i, const(n - 1, int64))
        flat = ops.add(ops.mul(flat, const(n, int64)), i)
    return flat


def in_order(x: Array) -> Array:
    """Whether a sorted vector's element differs from the one before: bool[n], true at the start."""
    n = x.shape[0]
    first = fill(x, shape=(min(n, 1),), dtype=np.dtype(bool), value=True)
    after = ops.slice(x, start=(min(1, n),), stop=(n,), step=(1,))
    before = ops.slice(x, start=(0,), stop=(max(n - 1, 0),), step=(1,))
    return ops.concatenate(first, broadcast_to(ops.ne(after, before), after.shape), axis=0)
