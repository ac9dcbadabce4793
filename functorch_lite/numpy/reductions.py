"""Reductions over axes: sums, extrema, moments, logic, and log-sum-exp."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functorch_lite import ops
from functorch_lite.core.array import Array
from functorch_lite.core.dtypes import (
    bool_,
    canonical,
    float32,
    highest,
    int64,
    is_inexact,
    lowest,
    uint64,
)
from functorch_lite.errors import ShapeError
from functorch_lite.numpy.convert import (
    as_array,
    as_axes,
    as_axis,
    cast,
    const,
    promote,
    to_bool,
    to_inexact,
)
from functorch_lite.numpy.shapes import broadcast_shapes, broadcast_to

Axis = int | Sequence[int] | None


# ------------------------------------------------------------------------------------------ helpers
def kept(out: Array, shape: tuple[int, ...], axes: tuple[int, ...]) -> Array:
    """A reduction's answer with its axes kept at size 1."""
    return ops.reshape(out, shape=tuple(1 if i in axes else n for i, n in enumerate(shape)))


def _refuse_out(fun: str, out: Any) -> None:
    if out is not None:
        raise TypeError(
            f"{fun}: out must be None, because arrays never change. Remedy: leave it out."
        )


def _masked(a: Array, where: Any, fill: Any, fun: str) -> Array:
    """``a`` with ``fill`` wherever the mask is false."""
    mask = to_bool(where, fun, "where")
    shape = broadcast_shapes(a.shape, mask.shape)
    return ops.select(broadcast_to(mask, shape), broadcast_to(a, shape), const(fill, a.dtype))


def _reduce(
    fun: str, op: Any, a: Array, axis: Axis, keepdims: bool, initial: Any, combine: Any
) -> Array:
    axes = as_axes(axis, a.ndim, fun)
    out = op(a, axes=axes)
    if keepdims:
        out = kept(out, a.shape, axes)
    if initial is not None:
        out = combine(out, cast(as_array(initial, fun, "initial"), out.dtype))
    return out


def _summable(a: Any, dtype: Any, fun: str) -> Array:
    """In the dtype that sums are taken in: 64-bit integers for integers, unless one is named."""
    a = as_array(a, fun, "a")
    if dtype is not None:
        return cast(a, canonical(dtype))
    if is_inexact(a.dtype):
        return a
    return cast(a, uint64 if a.dtype.kind == "u" else int64)


def _count(shape: tuple[int, ...], axes: tuple[int, ...]) -> int:
    return math.prod(shape[i] for i in axes)


# ----------------------------------------------------------------------------------- sums, products
def sum(
    a: Any,
    axis: Axis = None,
    dtype: Any = None,
    out: None = None,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = None,
) -> Array:
    """Sum over axes.

    Args:
        a: array.
        axis: one axis, several, or None for all.
        dtype: dtype to sum in and to return; by default integers and bools are summed in 64 bits.
        out: must be None.
        keepdims: keep the summed axes with size 1.
        initial: number added to the sum.
        where: bool array that broadcasts against ``a``; only elements where it is true count.

    Returns:
        array without the summed axes.

    >>> sum(np.ones((2, 3)), axis=1)
    Array([3., 3.], dtype=float64)
    """
    _refuse_out("sum", out)
    a = _summable(a, dtype, "sum")
    if where is not None:
        a = _masked(a, where, 0, "sum")
    if a.dtype is bool_:
        return _reduce("sum", ops.reduce_or, a, axis, keepdims, initial, ops.bitwise_or)
    return _reduce("sum", ops.reduce_sum, a, axis, keepdims, initial, ops.add)


def prod(
    a: Any,
    axis: Axis = None,
    dtype: Any = None,
    out: None = None,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = None,
) -> Array:
    """Product over axes; arguments as of :func:`sum`.

    >>> prod(np.array([2.0, 3.0]))
    Array(6., dtype=float64)
    """
    _refuse_out("prod", out)
    a = _summable(a, dtype, "prod")
    if where is not None:
        a = _masked(a, where, 1, "prod")
    if a.dtype is bool_:
        return _reduce("prod", ops.reduce_and, a, axis, keepdims, initial, ops.bitwise_and)
    return _reduce("prod", ops.reduce_prod, a, axis, keepdims, initial, ops.mul)


# ----------------------------------------------------------------------------------------- extrema
def _extremum(
    fun: str, op: Any, combine: Any, worst: Callable[[np.dtype[Any]], Any], a: Any, axis: Axis,
    keepdims: bool, initial: Any, where: Any,
) -> Array:  # fmt: skip
    a = as_array(a, fun, "a")
    if where is not None:
        if initial is None:
            raise ValueError(
                f"{fun}: with where, a row may have no element left. Remedy: pass initial as well."
            )
        a = _masked(a, where, worst(a.dtype), fun)
    axes = as_axes(axis, a.ndim, fun)
    if initial is not None and _count(a.shape, axes) == 0:
        shape = tuple(n for i, n in enumerate(a.shape) if i not in axes)
        start = broadcast_to(cast(as_array(initial, fun, "initial"), a.dtype), shape)
        return kept(start, a.shape, axes) if keepdims else start
    return _reduce(fun, op, a, axes, keepdims, initial, combine)


def max(
    a: Any,
    axis: Axis = None,
    out: None = None,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = None,
) -> Array:
    """Largest element over axes; NaN if there is one. Gradients are shared between equal ones.

    Args:
        a: array of real numbers.
        axis: one axis, several, or None for all.
        out: must be None.
        keepdims: keep the reduced axes with size 1.
        initial: lower bound of the answer; needed where an axis is empty.
        where: bool array; only elements where it is true count. Needs ``initial``.

    Returns:
        array without the reduced axes.

    Raises:
        ShapeError: an empty axis without ``initial``.

    >>> max(np.array([[1.0, 5.0], [3.0, 2.0]]), axis=0)
    Array([3., 5.], dtype=float64)
    """
    _refuse_out("max", out)
    return _extremum("max", ops.reduce_max, ops.maximum, lowest, a, axis, keepdims, initial, where)


def min(
    a: Any,
    axis: Axis = None,
    out: None = None,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = None,
) -> Array:
    """Smallest element over axes; arguments as of :func:`max`.

    >>> min(np.array([2.0, 1.0]))
    Array(1., dtype=float64)
    """
    _refuse_out("min", out)
    return _extremum("min", ops.reduce_min, ops.minimum, highest, a, axis, keepdims, initial, where)


amax, amin = max, min


def ptp(a: Any, axis: Axis = None, out: None = None, keepdims: bool = False) -> Array:
    """Largest minus smallest element over axes.

    >>> ptp(np.array([1.0, 4.0]))
    Array(3., dtype=float64)
    """
    _refuse_out("ptp", out)
    return ops.sub(max(a, axis, keepdims=keepdims), min(a, axis, keepdims=keepdims))


def argmax(a: Any, axis: int | None = None, out: None = None, keepdims: bool = False) -> Array:
    """Position of the largest element, the first of equal ones; NaN counts as largest.

    Args:
        a: array of real numbers.
        axis: the axis; None counts in the flattened array.
        out: must be None.
        keepdims: keep the axis with size 1.

    Returns:
        int64 array without the axis.

    >>> argmax(np.array([1.0, 5.0, 5.0]))
    Array(1, dtype=int64)
    """
    return _position("argmax", ops.argmax, a, axis, out, keepdims)


def argmin(a: Any, axis: int | None = None, out: None = None, keepdims: bool = False) -> Array:
    """Position of the smallest element; arguments as of :func:`argmax`.

    >>> argmin(np.array([1.0, 0.0]))
    Array(1, dtype=int64)
    """
    return _position("argmin", ops.argmin, a, axis, out, keepdims)


def _position(fun: str, op: Any, a: Any, axis: int | None, out: None, keepdims: bool) -> Array:
    _refuse_out(fun, out)
    a = as_array(a, fun, "a")
    if axis is None:
        found = op(ops.reshape(a, shape=(a.size,)), axis=0)
        return ops.reshape(found, shape=(1,) * a.ndim) if keepdims else found
    i = as_axis(axis, a.ndim, fun)
    found = op(a, axis=i)
    return kept(found, a.shape, (i,)) if keepdims else found


# ------------------------------------------------------------------------------------------- logic
def all(
    a: Any, axis: Axis = None, out: None = None, keepdims: bool = False, *, where: Any = None
) -> Array:
    """Whether every element over axes is true (not zero).

    >>> all(np.array([1, 0]))
    Array(False, dtype=bool)
    """
    _refuse_out("all", out)
    a = to_bool(a, "all", "a")
    a = a if where is None else _masked(a, where, True, "all")
    return _reduce("all", ops.reduce_and, a, axis, keepdims, None, None)


def any(
    a: Any, axis: Axis = None, out: None = None, keepdims: bool = False, *, where: Any = None
) -> Array:
    """Whether any element over axes is true (not zero).

    >>> any(np.array([1, 0]))
    Array(True, dtype=bool)
    """
    _refuse_out("any", out)
    a = to_bool(a, "any", "a")
    a = a if where is None else _masked(a, where, False, "any")
    return _reduce("any", ops.reduce_or, a, axis, keepdims, None, None)


def count_nonzero(a: Any, axis: Axis = None, keepdims: bool = False) -> Array:
    """How many elements over axes are not zero, as int64.

    >>> count_nonzero(np.array([1, 0, 2]))
    Array(2, dtype=int64)
    """
    return sum(to_bool(a, "count_nonzero", "a"), axis, keepdims=keepdims)


# ----------------------------------------------------------------------------------------- moments
def _wide(a: Array) -> Array:
    """In float32 at least, so that a 16-bit sum can neither overflow nor lose its count."""
    return cast(a, float32) if a.dtype.itemsize == 2 else a


def mean(
    a: Any,
    axis: Axis = None,
    dtype: Any = None,
    out: None = None,
    keepdims: bool = False,
    *,
    where: Any = None,
) -> Array:
    """Arithmetic mean over axes; arguments as of :func:`sum`.

    Returns:
        inexact array without the axes; integers are averaged in float32.

    >>> mean(np.array([1.0, 2.0]))
    Array(1.5, dtype=float64)
    """
    _refuse_out("mean", out)
    a = (
        to_inexact(a, "mean", "a")
        if dtype is None
        else cast(as_array(a, "mean", "a"), canonical(dtype))
    )
    axes = as_axes(axis, a.ndim, "mean")
    work = _wide(a)
    total = sum(work, axes, keepdims=keepdims, where=where)
    n = _number(work, axes, keepdims, where)
    return cast(ops.div(total, n), a.dtype)


def _number(a: Array, axes: tuple[int, ...], keepdims: bool, where: Any) -> Array:
    """How many elements of ``a`` a reduction counts, in a's dtype."""
    if where is None:
        return const(_count(a.shape, axes), a.dtype)
    mask = broadcast_to(to_bool(where, "mean", "where"), a.shape)
    return cast(sum(mask, axes, keepdims=keepdims), a.dtype)


def var(
    a: Any,
    axis: Axis = None,
    dtype: Any = None,
    out: None = None,
    ddof: float = 0,
    keepdims: bool = False,
    *,
    where: Any = None,
    correction: float | None = None,
) -> Array:
    """Variance over axes: the mean of |a - mean(a)|**2.

    Args:
        a: array.
        axis: one axis, several, or None for all.
        dtype: dtype to compute in.
        out: must be None.
        ddof: subtracted from the number of elements that the sum is divided by.
        keepdims: keep the axes with size 1.
        where: bool array; only elements where it is true count.
        correction: the array API's name of ``ddof``.

    Returns:
        real array without the axes.

    >>> var(np.array([1.0, 3.0])), var(np.array([1.0, 3.0]), ddof=1)
    (Array(1., dtype=float64), Array(2., dtype=float64))
    """
    _refuse_out("var", out)
    a = (
        to_inexact(a, "var", "a")
        if dtype is None
        else cast(as_array(a, "var", "a"), canonical(dtype))
    )
    axes = as_axes(axis, a.ndim, "var")
    work = _wide(a)
    gap = ops.sub(work, mean(work, axes, keepdims=True, where=where))
    if gap.dtype.kind == "c":
        square = ops.add(ops.square(ops.real(gap)), ops.square(ops.imag(gap)))
    else:
        square = ops.square(gap)
    total = sum(square, axes, keepdims=keepdims, where=where)
    less = ddof if correction is None else correction
    n = ops.sub(_number(square, axes, keepdims, where), const(less, square.dtype))
    n = ops.maximum(n, const(0, n.dtype))
    out_dtype = a.dtype if a.dtype.kind != "c" else square.dtype
    return cast(ops.div(total, n), out_dtype)


def std(
    a: Any,
    axis: Axis = None,
    dtype: Any = None,
    out: None = None,
    ddof: float = 0,
    keepdims: bool = False,
    *,
    where: Any = None,
    correction: float | None = None,
) -> Array:
    """Standard deviation over axes, the square root of :func:`var`.

    >>> std(np.array([1.0, 3.0]))
    Array(1., dtype=float64)
    """
    return ops.sqrt(var(a, axis, dtype, out, ddof, keepdims, where=where, correction=correction))


def average(
    a: Any,
    axis: Axis = None,
    weights: Any = None,
    returned: bool = False,
    keepdims: bool = False,
) -> Any:
    """Weighted mean over axes.

    Args:
        a: array.
        axis: one axis, several, or None for all.
        weights: array of a's shape, or of shape (a.shape[axis],).
        returned: return the sum of the weights as well.
        keepdims: keep the axes with size 1.

    Returns:
        the mean, or the pair (mean, sum of weights).

    >>> average(np.array([1.0, 2.0]), weights=np.array([3.0, 1.0]))
    Array(1.25, dtype=float64)
    """
    a = to_inexact(a, "average", "a")
    axes = as_axes(axis, a.ndim, "average")
    if weights is None:
        out = mean(a, axes, keepdims=keepdims)
        total = broadcast_to(const(_count(a.shape, axes), out.dtype), out.shape)
        return (out, total) if returned else out
    a, w = promote(a, weights, fun="average", names=("a", "weights"))
    if w.shape != a.shape:
        if w.ndim != 1 or len(axes) != 1 or w.shape[0] != a.shape[axes[0]]:
            raise ShapeError(
                f"average: weights of shape {w.shape} fit neither a's shape {a.shape} nor its axis "
                f"{axis}. Remedy: give one weight per element of one axis, and name the axis."
            )
        w = ops.reshape(w, shape=tuple(n if i in axes else 1 for i, n in enumerate(a.shape)))
        w = broadcast_to(w, a.shape)
    total = sum(w, axes, keepdims=keepdims)
    out = ops.div(sum(ops.mul(a, w), axes, keepdims=keepdims), total)
    return (out, total) if returned else out


# -------------------------------------------------------------------------------------- log-sum-exp
def logsumexp(
    a: Any,
    axis: Axis = None,
    b: Any = None,
    keepdims: bool = False,
    return_sign: bool = False,
    where: Any = None,
) -> Any:
    """log(sum(b * exp(a))) over axes, without overflow.

    Args:
        a: array of real numbers.
        axis: one axis, several, or None for all.
        b: factors that broadcast against ``a``.
        keepdims: keep the axes with size 1.
        return_sign: return the pair (log |sum|, sign of the sum).
        where: bool array; only elements where it is true count.

    Returns:
        inexact array without the axes; -inf over an empty axis.

    >>> logsumexp(np.array([1000.0, 1000.0])) - 1000
    Array(0.69314718, dtype=float64)
    """
    a = to_inexact(a, "logsumexp", "a")
    if b is not None:
        a, b = promote(a, b, fun="logsumexp", names="ab")
        shape = broadcast_shapes(a.shape, b.shape)
        a, b = broadcast_to(a, shape), broadcast_to(b, shape)
        a = ops.select(ops.ne(b, const(0, b.dtype)), a, const(-math.inf, a.dtype))
    if where is not None:
        a = _masked(a, where, -math.inf, "logsumexp")
    axes = as_axes(axis, a.ndim, "logsumexp")
    top = ops.stop_gradient(max(a, axes, keepdims=True, initial=-math.inf))
    top = ops.select(ops.isfinite(top), top, const(0, top.dtype))
    parts = ops.exp(ops.sub(a, top))
    parts = parts if b is None else ops.mul(b, parts)
    total = sum(parts, axes, keepdims=True)
    sign = ops.sign(total)
    size = ops.abs(total) if return_sign else total
    out = ops.add(ops.log(size), top)
    if not keepdims:
        shape = tuple(n for i, n in enumerate(a.shape) if i not in axes)
        out, sign = ops.reshape(out, shape=shape), ops.reshape(sign, shape=shape)
    return (out, sign) if return_sign else out
