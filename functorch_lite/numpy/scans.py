"""Running sums and products, differences, and what is built from them."""

from __future__ import annotations

import operator
from typing import Any

from functorch_lite import ops
from functorch_lite.core.array import Array
from functorch_lite.core.dtypes import canonical, int64, is_inexact, uint64
from functorch_lite.errors import ShapeError
from functorch_lite.numpy.convert import (
    as_array,
    as_axis,
    cast,
    const,
    iota,
    promote,
    promote_inexact,
    to_inexact,
)
from functorch_lite.numpy.joining import concatenate
from functorch_lite.numpy.shapes import _cut, broadcast_to, moveaxis, ravel


def _scan(fun: str, op: Any, a: Any, axis: Any, dtype: Any, out: Any) -> Array:
    if out is not None:
        raise TypeError(f"{fun}: out must be None, because arrays never change.")
    a = as_array(a, fun, "a")
    if dtype is not None:
        a = cast(a, canonical(dtype))
    elif a.dtype.kind in "bi":
        a = cast(a, int64)
    elif a.dtype.kind == "u":
        a = cast(a, uint64)
    if axis is None:
        a, axis = ravel(a), 0
    return op(a, axis=as_axis(axis, a.ndim, fun), reverse=False)


def cumsum(a: Any, axis: int | None = None, dtype: Any = None, out: None = None) -> Array:
    """Running sum along an axis.

    Args:
        a: array.
        axis: the axis; None runs over the flattened array.
        dtype: dtype to sum in and to return; by default integers are summed in 64 bits.
        out: must be None.

    Returns:
        array of a's shape, or of shape (a.size,).

    >>> import numpy as np

    >>> cumsum(np.arange(4))
    Array([0, 1, 3, 6], dtype=int64)
    """
    return _scan("cumsum", ops.cumsum, a, axis, dtype, out)


def cumprod(a: Any, axis: int | None = None, dtype: Any = None, out: None = None) -> Array:
    """Running product along an axis; arguments as of :func:`cumsum`.

    >>> import numpy as np

    >>> cumprod(np.arange(1, 4))
    Array([1, 2, 6], dtype=int64)
    """
    return _scan("cumprod", ops.cumprod, a, axis, dtype, out)


def nancumsum(a: Any, axis: int | None = None, dtype: Any = None, out: None = None) -> Array:
    """Running sum that takes NaN as 0.

    >>> import numpy as np

    >>> nancumsum(np.array([1.0, np.nan]))
    Array([1., 1.], dtype=float64)
    """
    return cumsum(_filled(a, 0, "nancumsum"), axis, dtype, out)


def nancumprod(a: Any, axis: int | None = None, dtype: Any = None, out: None = None) -> Array:
    """Running product that takes NaN as 1.

    >>> import numpy as np

    >>> nancumprod(np.array([2.0, np.nan]))
    Array([2., 2.], dtype=float64)
    """
    return cumprod(_filled(a, 1, "nancumprod"), axis, dtype, out)


def _filled(a: Any, value: Any, fun: str) -> Array:
    a = as_array(a, fun, "a")
    return ops.select(ops.isnan(a), const(value, a.dtype), a) if is_inexact(a.dtype) else a


def _cumulative(fun: str, scan: Any, x: Any, axis: Any, dtype: Any, start: Any, one: int) -> Array:
    x = as_array(x, fun)
    if axis is None:
        if x.ndim > 1:
            raise ShapeError(f"{fun}: name the axis of an array of shape {x.shape}.")
        axis = 0
    out = scan(x, axis, dtype)
    if not start:
        return out
    i = as_axis(axis, out.ndim, fun)
    config = tuple((1, 0, 0) if k == i else (0, 0, 0) for k in range(out.ndim))
    return ops.pad(out, const(one, out.dtype), config=config)


def cumulative_sum(
    x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Array:
    """Running sum along an axis, on request starting from 0.

    >>> import numpy as np

    >>> cumulative_sum(np.arange(3), include_initial=True)
    Array([0, 0, 1, 3], dtype=int64)
    """
    return _cumulative("cumulative_sum", cumsum, x, axis, dtype, include_initial, 0)


def cumulative_prod(
    x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Array:
    """Running product along an axis, on request starting from 1.

    >>> import numpy as np

    >>> cumulative_prod(np.arange(1, 3), include_initial=True)
    Array([1, 1, 2], dtype=int64)
    """
    return _cumulative("cumulative_prod", cumprod, x, axis, dtype, include_initial, 1)


# ------------------------------------------------------------------------------------- differences
def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Array:
    """n-th difference along an axis.

    Args:
        a: array.
        n: how many times to take differences.
        axis: the axis.
        prepend, append: values joined to the ends of the axis first.

    Returns:
        array, n shorter along the axis.

    >>> import numpy as np

    >>> diff(np.array([1, 4, 9]))
    Array([3, 5], dtype=int64)
    """
    a = as_array(a, "diff", "a")
    if a.ndim == 0:
        raise ShapeError("diff: needs at least one dimension, got a 0-d array.")
    i = as_axis(axis, a.ndim, "diff")
    times = operator.index(n)
    if times < 0:
        raise ValueError(f"diff: n must not be negative, got {n}.")
    parts = [a]
    if prepend is not None:
        parts.insert(0, _edge(prepend, a, i, "prepend"))
    if append is not None:
        parts.append(_edge(append, a, i, "append"))
    if len(parts) > 1:
        a = concatenate(parts, i)
    op = ops.ne if a.dtype.kind == "b" else ops.sub
    for _ in range(min(times, a.shape[i])):
        m = a.shape[i]
        a = op(_cut(a, i, min(1, m), m), _cut(a, i, 0, max(m - 1, 0)))
    return a


def _edge(value: Any, a: Array, axis: int, arg: str) -> Array:
    value = as_array(value, "diff", arg)
    if value.ndim == 0:
        return broadcast_to(value, (*a.shape[:axis], 1, *a.shape[axis + 1 :]))
    return value


def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Array:
    """Differences of the flattened array, between optional ends.

    >>> import numpy as np

    >>> ediff1d(np.array([1, 4, 9]))
    Array([3, 5], dtype=int64)
    """
    out = diff(ravel(ary))
    ends = [None if x is None else cast(ravel(x), out.dtype) for x in (to_begin, to_end)]
    parts = [x for x in (ends[0], out, ends[1]) if x is not None]
    return concatenate(parts)


def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """Central differences inside, one-sided ones of the given order at the ends.

    Args:
        f: array.
        *varargs: spacing: none (1), one number, or one number or coordinate vector per axis.
        axis: the axes; all by default.
        edge_order: 1 or 2.

    Returns:
        an array of f's shape, or a list with one per axis.

    >>> import numpy as np

    >>> gradient(np.array([0.0, 1.0, 4.0]))
    Array([1., 2., 3.], dtype=float64)
    """
    f = to_inexact(f, "gradient", "f")
    given = range(f.ndim) if axis is None else axis if isinstance(axis, (tuple, list)) else (axis,)
    axes = [as_axis(a, f.ndim, "gradient") for a in given]
    steps: list[Any] = list(varargs) or [1]
    steps = steps * len(axes) if len(steps) == 1 else steps
    if len(steps) != len(axes):
        raise ShapeError(f"gradient: {len(steps)} spacings for {len(axes)} axes.")
    out = [_slope(f, h, i, edge_order) for h, i in zip(steps, axes, strict=True)]
    return out[0] if len(out) == 1 else out


def _slope(f: Array, spacing: Any, axis: int, edge_order: int) -> Array:
    n = f.shape[axis]
    if n < edge_order + 1:
        raise ShapeError(f"gradient: axis {axis} needs at least {edge_order + 1} points, has {n}.")
    h = cast(as_array(spacing, "gradient", "varargs"), f.dtype)
    y = moveaxis(f, axis, 0)
    if h.ndim == 0:
        x = ops.mul(iota(f, shape=(n,), dtype=f.dtype, axis=0), h)
    else:
        x = h
    x = ops.reshape(x, shape=(n,) + (1,) * (y.ndim - 1))
    dx, dy = (ops.sub(_cut(v, 0, 1, n), _cut(v, 0, 0, n - 1)) for v in (x, y))
    slope = ops.div(dy, dx)  # between neighbours
    left, right = _cut(slope, 0, 0, n - 2), _cut(slope, 0, 1, n - 1)
    before, after = _cut(dx, 0, 0, n - 2), _cut(dx, 0, 1, n - 1)
    inner = ops.div(ops.add(ops.mul(left, after), ops.mul(right, before)), ops.add(before, after))
    first, last = _cut(slope, 0, 0, 1), _cut(slope, 0, n - 2, n - 1)
    if edge_order == 2:
        two = const(2, f.dtype)
        near, far = _cut(inner, 0, 0, 1), _cut(inner, 0, n - 3, n - 2)
        first = ops.sub(ops.mul(two, first), near)
        last = ops.sub(ops.mul(two, last), far)
    return moveaxis(ops.concatenate(first, inner, last, axis=0), 0, axis)


def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Array:
    """Integral along an axis by the trapezoid rule.

    Args:
        y: values.
        x: coordinates, along the axis or of y's shape.
        dx: spacing where x is left out.
        axis: the axis.

    Returns:
        array without the axis.

    >>> import numpy as np

    >>> trapezoid(np.array([1.0, 2.0, 3.0]))
    Array(4., dtype=float64)
    """
    if x is None:
        y, step = promote_inexact(y, dx, fun="trapezoid", names=("y", "dx"))
        width = step
        y = moveaxis(y, axis, -1)
    else:
        y, x = promote_inexact(y, x, fun="trapezoid", names="yx")
        same = x.ndim == y.ndim and x.ndim > 1
        y = moveaxis(y, axis, -1)
        width = diff(moveaxis(x, axis, -1) if same else x)
    n = y.shape[-1]
    pairs = ops.add(_cut(y, y.ndim - 1, 1, n), _cut(y, y.ndim - 1, 0, max(n - 1, 0)))
    areas = ops.mul(ops.mul(pairs, width), const(0.5, y.dtype))
    return ops.reduce_sum(areas, axes=(areas.ndim - 1,))


def unwrap(p: Any, discont: float | None = None, axis: int = -1, period: float = 6.283185307179586):
    """Phases without jumps of more than half a period along an axis.

    >>> import numpy as np

    >>> unwrap(np.array([0.0, 6.0])) < 0
    Array([False,  True], dtype=bool)
    """
    p = to_inexact(p, "unwrap", "p")
    i = as_axis(axis, p.ndim, "unwrap")
    step = diff(p, axis=i)
    half, whole = const(period / 2, p.dtype), const(period, p.dtype)
    (step_mod,) = promote(ops.sub(ops.remainder(ops.add(step, half), whole), half))
    at_edge = ops.bitwise_and(ops.eq(step_mod, ops.neg(half)), ops.gt(step, const(0, p.dtype)))
    step_mod = ops.select(at_edge, half, step_mod)
    limit = const(period / 2 if discont is None else max(discont, period / 2), p.dtype)
    small = ops.lt(ops.abs(step), limit)
    fixes = ops.select(small, const(0, p.dtype), ops.sub(step_mod, step))
    total = ops.cumsum(fixes, axis=i, reverse=False)
    config = tuple((1, 0, 0) if k == i else (0, 0, 0) for k in range(p.ndim))
    return ops.add(p, ops.pad(total, const(0, p.dtype), config=config))
