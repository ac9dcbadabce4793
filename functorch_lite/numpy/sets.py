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
from functorch_lite.core.dtypes import bool_, int64, is_inexact
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
from functorch_lite.numpy.creation import full_like
from functorch_lite.numpy.selection import isin
from functorch_lite.numpy.shapes import moveaxis, ravel
from functorch_lite.numpy.sorting import flatnonzero, in_order, searchsorted


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


def _distinct(a: Array, size: int | None) -> tuple[Array, Array, Array]:
    """The distinct values in ascending order, where each first occurs, and which there are.

    With a size known before the program runs, the largest value follows where there are no more.
    """
    flat = ravel(a)
    if not flat.shape[0]:
        first, real = (fill(a, shape=(0,), dtype=d, value=0) for d in (int64, bool_))
        return flat, first, real
    if size is None:
        values, first = unique(flat, return_index=True)
        return values, first, fill(a, shape=values.shape, dtype=bool_, value=True)
    values, first, counts = unique(
        flat, return_index=True, return_counts=True, size=flat.shape[0],
        fill_value=ops.reduce_max(flat, axes=(0,)),
    )  # fmt: skip
    return values, first, ops.gt(counts, const(0, int64))


def _chosen(values: Array, keep: Array, size: int | None, missing: Any) -> tuple[Array, Array]:
    """The values to keep, and their places: all of them, or ``size`` with ``missing`` behind.

    ``missing`` is None for the first value that is kept, or 0 where there is none.
    """
    if size is None:
        place = flatnonzero(keep)
        return ops.gather(values, place, axes=(0,), mode="clip"), place
    n = values.shape[0]
    place = flatnonzero(keep, size=operator.index(size), fill_value=n)
    if not n:
        value = 0 if missing is None else missing
        return full_like(fill(values, shape=place.shape, dtype=values.dtype, value=0), value), place
    found = ops.gather(values, place, axes=(0,), mode="clip")
    there = ops.lt(place, const(n, int64))
    if missing is None:
        zero = const(0, values.dtype)
        first = ops.slice(found, start=(0,), stop=(min(1, found.shape[0]),), step=(1,))
        any_ = ops.slice(there, start=(0,), stop=(min(1, found.shape[0]),), step=(1,))
        other = ops.select(any_, first, zero)
    else:
        other = cast(as_array(missing, "sets", "fill_value"), values.dtype)
    return ops.select(there, found, other), place


def intersect1d(
    ar1: Any,
    ar2: Any,
    assume_unique: bool = False,
    return_indices: bool = False,
    *,
    size: int | None = None,
    fill_value: Any = None,
) -> Any:
    """The distinct values that are in both arrays.

    Args:
        ar1, ar2: arrays; they are flattened.
        assume_unique: taken for NumPy's sake; the values are found in any case.
        return_indices: also return where each first occurs in either array.
        size: static number of values; needed under ``jit``. Further ones are cut off.
        fill_value: fills missing values; by default the smallest one. Missing indices are the
            sizes of the arrays.

    >>> intersect1d(np.array([1, 2]), np.array([2, 3]))
    Array([2], dtype=int64)
    """
    a, b = promote(ar1, ar2, fun="intersect1d", names=("ar1", "ar2"))
    values, first, real = _distinct(a, size)
    keep = ops.bitwise_and(real, isin(values, ravel(b)))
    found, place = _chosen(values, keep, size, fill_value)
    if not return_indices:
        return found
    other, first_b, _ = _distinct(b, size)
    there = ops.lt(place, const(values.shape[0], int64))
    in_a = _looked_up(first, place)
    in_b = _looked_up(first_b, searchsorted(other, _looked_up(values, place)))
    return (
        found,
        ops.select(there, in_a, const(a.size, int64)),
        ops.select(there, in_b, const(b.size, int64)),
    )


def _looked_up(table: Array, place: Array) -> Array:
    if not table.shape[0]:
        return fill(table, shape=place.shape, dtype=table.dtype, value=0)
    found: Array = ops.gather(table, place, axes=(0,), mode="clip")
    return found


def setdiff1d(
    ar1: Any,
    ar2: Any,
    assume_unique: bool = False,
    *,
    size: int | None = None,
    fill_value: Any = None,
) -> Array:
    """The distinct values of the first array that are not in the second.

    Args:
        ar1, ar2: arrays; they are flattened.
        assume_unique: keep the first array's order and its repetitions.
        size: static number of values; needed under ``jit``. Further ones are cut off.
        fill_value: fills missing values; 0 by default.

    >>> setdiff1d(np.array([1, 2]), np.array([2, 3]))
    Array([1], dtype=int64)
    """
    a, b = promote(ar1, ar2, fun="setdiff1d", names=("ar1", "ar2"))
    if assume_unique:
        values, real = ravel(a), None
    else:
        values, _, real = _distinct(a, size)
    keep = isin(values, ravel(b), invert=True)
    keep = keep if real is None else ops.bitwise_and(real, keep)
    return _chosen(values, keep, size, 0 if fill_value is None else fill_value)[0]


def setxor1d(
    ar1: Any,
    ar2: Any,
    assume_unique: bool = False,
    *,
    size: int | None = None,
    fill_value: Any = None,
) -> Array:
    """The distinct values that are in one of the arrays only.

    Args:
        ar1, ar2: arrays; they are flattened.
        assume_unique: taken for NumPy's sake; the values are found in any case.
        size: static number of values; needed under ``jit``. Further ones are cut off.
        fill_value: fills missing values; by default the smallest one.

    >>> setxor1d(np.array([1, 2]), np.array([2, 3]))
    Array([1, 3], dtype=int64)
    """
    a, b = promote(ar1, ar2, fun="setxor1d", names=("ar1", "ar2"))
    values, _, real = _distinct(ops.concatenate(ravel(a), ravel(b), axis=0), size)
    both = ops.bitwise_and(isin(values, ravel(a)), isin(values, ravel(b)))
    keep = ops.bitwise_and(real, ops.bitwise_not(both))
    return _chosen(values, keep, size, fill_value)[0]
