"""Distinct values and set operations.

How many values are distinct is not known before a program runs: under ``jit`` their number must be
given as ``size=``, and what is missing is filled.
"""

from __future__ import annotations

import operator
from typing import Any, NamedTuple

import numpy as np

from functorch_lite import ops
from functorch_lite.core.array import Array
from functorch_lite.core.dtypes import int64, is_inexact
from functorch_lite.numpy.array_protocols import host_value
from functorch_lite.numpy.convert import (
    as_array,
    as_axis,
    cast,
    const,
    constant,
    fill,
    iota,
    promote,
)
from functorch_lite.numpy.selection import isin
from functorch_lite.numpy.shapes import moveaxis, ravel
from functorch_lite.numpy.sorting import flatnonzero, in_order


class UniqueAllResult(NamedTuple):
    """What :func:`unique_all` returns."""

    values: Array
    indices: Array
    inverse_indices: Array
    counts: Array


class UniqueCountsResult(NamedTuple):
    """What :func:`unique_counts` returns."""

    values: Array
    counts: Array


class UniqueInverseResult(NamedTuple):
    """What :func:`unique_inverse` returns."""

    values: Array
    inverse_indices: Array


def unique(
    ar: Any,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    *,
    equal_nan: bool = True,
    size: int | None = None,
    fill_value: Any = None,
) -> Any:
    """The distinct elements in ascending order.

    Args:
        ar: array.
        return_index: also return where each first occurs.
        return_inverse: also return, for every element, its place among the distinct ones.
        return_counts: also return how often each occurs.
        axis: compare the slices along an axis instead of the elements; not with ``size``.
        equal_nan: whether all NaNs are one value.
        size: static number of values; needed under ``jit``. Further ones are cut off.
        fill_value: fills missing values; by default the smallest one.

    Returns:
        array, or a tuple that starts with it.

    Raises:
        NonConcreteError: under ``jit`` without ``size``.

    >>> unique(np.array([3, 1, 3]))
    Array([1, 3], dtype=int64)
    """
    a = as_array(ar, "unique", "ar")
    if size is None or axis is not None:
        data = host_value(a, "unique() without size=")
        found = np.unique(data, return_index=True, return_inverse=True, return_counts=True,
                          axis=axis, equal_nan=equal_nan)  # fmt: skip
        index, inverse, counts = (constant(a, x.astype(np.int64)) for x in found[1:])
        if axis is None:
            values = ops.gather(ravel(a), index, axes=(0,), mode="clip")
        else:
            i = as_axis(axis, a.ndim, "unique")
            values = moveaxis(ops.gather(a, index, axes=(i,), mode="clip"), 0, i)
    else:
        values, index, inverse, counts = _sized(
            ravel(a), operator.index(size), fill_value, equal_nan
        )
        inverse = ops.reshape(inverse, shape=a.shape)
    wanted = (True, return_index, return_inverse, return_counts)
    out = tuple(x for x, want in zip((values, index, inverse, counts), wanted, strict=True) if want)
    return out[0] if len(out) == 1 else out


def _sized(a: Array, size: int, fill_value: Any, equal_nan: bool) -> tuple[Array, ...]:
    """Values, first positions, places and counts, with ``size`` of each but the places."""
    n = a.shape[0]
    ids = iota(a, shape=(n,), dtype=int64, axis=0)
    ordered, order = ops.sort(a, ids, axis=0, num_keys=1)
    new = in_order(ordered)
    if equal_nan and is_inexact(a.dtype) and n > 1:
        nan = ops.isnan(ordered)
        before = ops.pad(nan, const(False, nan.dtype), config=((1, -1, 0),))
        new = ops.bitwise_and(new, ops.bitwise_not(ops.bitwise_and(nan, before)))
    place = ops.sub(
        ops.cumsum(cast(new, int64), axis=0, reverse=False), const(1, int64)
    )  # of every sorted element among the distinct ones
    total = ops.reduce_sum(cast(new, int64), axes=(0,))
    starts = flatnonzero(new, size=size, fill_value=0)
    there = ops.lt(iota(a, shape=(size,), dtype=int64, axis=0), total)
    values = ops.gather(ordered, starts, axes=(0,), mode="clip")
    index = ops.gather(order, starts, axes=(0,), mode="clip")
    if fill_value is not None:
        values = ops.select(there, values, cast(as_array(fill_value, "unique"), a.dtype))
    zeros = fill(a, shape=(size,), dtype=int64, value=0)
    ones = fill(a, shape=(n,), dtype=int64, value=1)
    counts = ops.scatter_add(zeros, ones, place, axes=(0,), mode="drop")
    inverse = fill(a, shape=(n,), dtype=int64, value=0)
    inverse = ops.scatter(inverse, place, order, axes=(0,), mode="clip")
    return values, index, inverse, counts


def unique_all(x: Any, /, *, size: int | None = None, fill_value: Any = None) -> UniqueAllResult:
    """Distinct values, first positions, places and counts; every NaN is a value of its own.

    >>> unique_all(np.array([3, 1, 3])).counts
    Array([1, 2], dtype=int64)
    """
    return UniqueAllResult(
        *unique(x, True, True, True, equal_nan=False, size=size, fill_value=fill_value)
    )


def unique_counts(
    x: Any, /, *, size: int | None = None, fill_value: Any = None
) -> UniqueCountsResult:
    """Distinct values and how often each occurs; every NaN is a value of its own.

    >>> unique_counts(np.array([3, 1, 3])).values
    Array([1, 3], dtype=int64)
    """
    found = unique(x, return_counts=True, equal_nan=False, size=size, fill_value=fill_value)
    return UniqueCountsResult(*found)


def unique_inverse(
    x: Any, /, *, size: int | None = None, fill_value: Any = None
) -> UniqueInverseResult:
    """Distinct values, and every element's place among them; every NaN is a value of its own.

    >>> unique_inverse(np.array([3, 1, 3])).inverse_indices
    Array([1, 0, 1], dtype=int64)
    """
    found = unique(x, return_inverse=True, equal_nan=False, size=size, fill_value=fill_value)
    return UniqueInverseResult(*found)


def unique_values(x: Any, /, *, size: int | None = None, fill_value: Any = None) -> Array:
    """Distinct values; every NaN is a value of its own.

    >>> unique_values(np.array([3, 1, 3]))
    Array([1, 3], dtype=int64)
    """
    return unique(x, equal_nan=False, size=size, fill_value=fill_value)


def union1d(ar1: Any, ar2: Any, *, size: int | None = None, fill_value: Any = None) -> Array:
    """The distinct values of both arrays.

    >>> union1d(np.array([1, 2]), np.array([2, 3]))
    Array([1, 2, 3], dtype=int64)
    """
    a, b = promote(ar1, ar2, fun="union1d", names=("ar1", "ar2"))
    both = ops.concatenate(ravel(a), ravel(b), axis=0)
    return unique(both, size=size, fill_value=fill_value)


def intersect1d(ar1: Any, ar2: Any) -> Array:
    """The distinct values that are in both arrays; not under ``jit``.

    >>> intersect1d(np.array([1, 2]), np.array([2, 3]))
    Array([2], dtype=int64)
    """
    a, b = promote(ar1, ar2, fun="intersect1d", names=("ar1", "ar2"))
    values = unique(a)
    return values[isin(values, b)]


def setdiff1d(ar1: Any, ar2: Any) -> Array:
    """The distinct values of the first array that are not in the second; not under ``jit``.

    >>> setdiff1d(np.array([1, 2]), np.array([2, 3]))
    Array([1], dtype=int64)
    """
    a, b = promote(ar1, ar2, fun="setdiff1d", names=("ar1", "ar2"))
    values = unique(a)
    return values[isin(values, b, invert=True)]


def setxor1d(ar1: Any, ar2: Any) -> Array:
    """The distinct values that are in one of the arrays only; not under ``jit``.

    >>> setxor1d(np.array([1, 2]), np.array([2, 3]))
    Array([1, 3], dtype=int64)
    """
    a, b = promote(ar1, ar2, fun="setxor1d", names=("ar1", "ar2"))
    return union1d(setdiff1d(a, b), setdiff1d(b, a))
