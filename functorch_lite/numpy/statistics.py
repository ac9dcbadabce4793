"""Order statistics, correlation, counting, interpolation and polynomials."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from functorch_lite import ops
from functorch_lite.core.array import Array
from functorch_lite.core.dtypes import int64
from functorch_lite.errors import ShapeError
from functorch_lite.numpy.array_protocols import host_value
from functorch_lite.numpy.convert import (
    as_array,
    as_axes,
    asarray,
    cast,
    const,
    fill,
    iota,
    promote,
    promote_inexact,
    to_inexact,
)
from functorch_lite.numpy.linalg_basic import matmul
from functorch_lite.numpy.reductions import any as _any
from functorch_lite.numpy.reductions import average
from functorch_lite.numpy.reductions import sum as _sum
from functorch_lite.numpy.selection import clip, take_along_axis
from functorch_lite.numpy.shapes import _cut, flip, moveaxis, ravel
from functorch_lite.numpy.sorting import searchsorted

_METHODS = ("linear", "lower", "higher", "midpoint", "nearest")


# -------------------------------------------------------------------------------- order statistics
def quantile(
    a: Any,
    q: Any,
    axis: Any = None,
    out: None = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
) -> Array:
    """Quantiles over axes.

    Args:
        a: array of real numbers.
        q: probabilities in [0, 1], scalar or vector.
        axis: one axis, several, or None for all.
        out: must be None.
        overwrite_input: accepted for NumPy's sake.
        method: ``linear``, ``lower``, ``higher``, ``midpoint`` or ``nearest``.
        keepdims: keep the axes with size 1.

    Returns:
        inexact array of q's shape followed by the axes that remain; NaN where there is a NaN.

    >>> quantile(np.array([1.0, 2.0, 3.0, 4.0]), 0.5)
    Array(2.5, dtype=float64)
    """
    del overwrite_input
    return _quantile("quantile", a, q, axis, out, method, keepdims, False)


def percentile(
    a: Any,
    q: Any,
    axis: Any = None,
    out: None = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
) -> Array:
    """Percentiles over axes: :func:`quantile` of q / 100.

    >>> percentile(np.array([1.0, 2.0, 3.0]), 50)
    Array(2., dtype=float64)
    """
    del overwrite_input
    return _quantile("percentile", a, q, axis, out, method, keepdims, False, 100)


def median(
    a: Any,
    axis: Any = None,
    out: None = None,
    overwrite_input: bool = False,
    keepdims: bool = False,
) -> Array:
    """Median over axes: the mean of the two middle elements.

    >>> median(np.array([3.0, 1.0, 2.0]))
    Array(2., dtype=float64)
    """
    return quantile(a, 0.5, axis, out, overwrite_input, "midpoint", keepdims)


def nanquantile(
    a: Any,
    q: Any,
    axis: Any = None,
    out: None = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
) -> Array:
    """:func:`quantile` of the elements that are not NaN.

    >>> nanquantile(np.array([1.0, np.nan, 3.0]), 0.5)
    Array(2., dtype=float64)
    """
    del overwrite_input
    return _quantile("nanquantile", a, q, axis, out, method, keepdims, True)


def nanpercentile(
    a: Any,
    q: Any,
    axis: Any = None,
    out: None = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
) -> Array:
    """:func:`percentile` of the elements that are not NaN.

    >>> nanpercentile(np.array([1.0, np.nan, 3.0]), 50)
    Array(2., dtype=float64)
    """
    del overwrite_input
    return _quantile("nanpercentile", a, q, axis, out, method, keepdims, True, 100)


def nanmedian(
    a: Any,
    axis: Any = None,
    out: None = None,
    overwrite_input: bool = False,
    keepdims: bool = False,
) -> Array:
    """:func:`median` of the elements that are not NaN.

    >>> nanmedian(np.array([1.0, np.nan, 3.0]))
    Array(2., dtype=float64)
    """
    return nanquantile(a, 0.5, axis, out, overwrite_input, "midpoint", keepdims)


def _quantile(
    fun: str,
    a: Any,
    q: Any,
    axis: Any,
    out: None,
    method: str,
    keepdims: bool,
    skip_nan: bool,
    whole: int = 1,
) -> Array:
    if out is not None:
        raise TypeError(f"{fun}: out must be None, because arrays never change.")
    if method not in _METHODS:
        raise ValueError(f"{fun}: method must be one of {', '.join(_METHODS)}, got {method!r}.")
    if isinstance(q, (list, tuple)):
        q = asarray(q, to_inexact(a, fun, "a").dtype)  # as weak as the numbers in it
    a, q = promote_inexact(a, q, fun=fun, names="aq")
    q = q if whole == 1 else ops.div(q, const(whole, q.dtype))
    if q.ndim > 1:
        raise ShapeError(f"{fun}: q must be a scalar or a vector, got shape {q.shape}.")
    axes = as_axes(axis, a.ndim, fun)
    shape = a.shape
    rows = moveaxis(a, axes, range(a.ndim - len(axes), a.ndim)) if axes else a
    rest = rows.shape[: a.ndim - len(axes)]
    n = int(np.prod([shape[i] for i in axes], dtype=np.int64))
    if n == 0:
        raise ShapeError(f"{fun}: axes {axes} of shape {shape} are empty.")
    (rows,) = ops.sort(ops.reshape(rows, shape=(*rest, n)), axis=len(rest), num_keys=1)
    found = _pick(rows, q, method, skip_nan)  # [*rest, *q]
    if q.ndim:
        found = moveaxis(found, -1, 0)
    if keepdims:
        sizes = tuple(1 if i in axes else m for i, m in enumerate(shape))
        found = ops.reshape(found, shape=q.shape + sizes)
    return found


def _pick(rows: Array, q: Array, method: str, skip_nan: bool) -> Array:
    """Quantiles q of sorted rows: array of rows.shape[:-1] + q.shape."""
    last, n = rows.ndim - 1, rows.shape[-1]
    nan = ops.isnan(rows)
    lead = rows.shape[:-1]
    points = ops.reshape(q, shape=(1,) * last + (max(q.size, 1),))
    if skip_nan:
        valid = ops.sub(const(n, int64), _sum(nan, last, keepdims=True))
        top = cast(ops.maximum(ops.sub(valid, const(1, int64)), const(0, int64)), rows.dtype)
    else:
        top = const(n - 1, rows.dtype)
    place = ops.broadcast_to(ops.mul(points, top), shape=(*lead, max(q.size, 1)))
    lo, hi = ops.floor(place), ops.ceil(place)
    part = ops.sub(place, lo)
    low, high = (take_along_axis(rows, cast(x, int64), last, mode="clip") for x in (lo, hi))
    if method == "linear":
        # Equal neighbours (infinite ones as well) are the answer themselves.
        step = ops.select(ops.eq(low, high), const(0, rows.dtype), ops.sub(high, low))
        found = ops.add(low, ops.mul(step, ops.stop_gradient(part)))
    elif method == "midpoint":
        half = const(0.5, rows.dtype)
        found = ops.add(ops.mul(low, half), ops.mul(high, half))
    elif method == "nearest":
        nearest = cast(ops.round(place), int64)
        found = take_along_axis(rows, nearest, last, mode="clip")
    else:
        found = low if method == "lower" else high
    if not skip_nan:
        found = ops.select(_any(nan, last, keepdims=True), const(np.nan, rows.dtype), found)
    return found if q.ndim else ops.reshape(found, shape=lead)


# ------------------------------------------------------------------------------------- correlation
def cov(
    m: Any,
    y: Any = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: int | None = None,
    fweights: Any = None,
    aweights: Any = None,
) -> Array:
    """Covariance matrix of variables.

    Args:
        m: array [variables, observations], or one variable [observations].
        y: more variables.
        rowvar: false if the variables are columns.
        bias: divide by n instead of n - 1.
        ddof: divide by n - ddof.
        fweights: how often each observation occurs.
        aweights: how much each observation weighs.

    Returns:
        array [variables, variables], or a scalar for one variable.

    >>> cov(np.array([[0.0, 2.0], [0.0, 4.0]]))
    Array([[2., 4.],
           [4., 8.]], dtype=float64)
    """
    x = _variables(m, rowvar, "m")
    if y is not None:
        x, more = promote(x, _variables(y, rowvar, "y"), fun="cov")
        x = ops.concatenate(x, more, axis=0)
    less = ddof if ddof is not None else (0 if bias else 1)
    weights = None
    for w, name in ((fweights, "fweights"), (aweights, "aweights")):
        if w is not None:
            w = cast(as_array(w, "cov", name), x.dtype)
            weights = w if weights is None else ops.mul(weights, w)
    n = const(x.shape[1], x.dtype) if weights is None else _sum(weights)
    if aweights is None or not less:
        factor = ops.sub(n, const(less, x.dtype))
    else:
        a = cast(as_array(aweights, "cov", "aweights"), x.dtype)
        used = ops.div(_sum(ops.mul(weights, a)), n)
        factor = ops.sub(n, ops.mul(const(less, x.dtype), used))
    centre = average(x, 1, weights=weights, keepdims=True)
    gap = ops.sub(x, centre)
    right = gap if weights is None else ops.mul(gap, weights)
    right = ops.conj(right) if x.dtype.kind == "c" else right
    out = ops.div(matmul(gap, ops.transpose(right, perm=(1, 0))), factor)
    return ops.reshape(out, shape=()) if out.shape == (1, 1) else out


def _variables(m: Any, rowvar: bool, arg: str) -> Array:
    x = to_inexact(m, "cov", arg)
    if x.ndim > 2:
        raise ShapeError(f"cov: {arg} must have at most 2 dimensions, got shape {x.shape}.")
    x = ops.reshape(x, shape=(1, x.size)) if x.ndim < 2 else x
    return x if rowvar or x.shape[0] == 1 else ops.transpose(x, perm=(1, 0))


def corrcoef(x: Any, y: Any = None, rowvar: bool = True) -> Array:
    """Correlation matrix of variables; arguments as of :func:`cov`.

    >>> corrcoef(np.array([[0.0, 2.0], [0.0, 4.0]]))
    Array([[1., 1.],
           [1., 1.]], dtype=float64)
    """
    c = cov(x, y, rowvar)
    if c.ndim == 0:
        return ops.div(c, c)
    n = c.shape[0]
    line = iota(c, shape=(n,), dtype=int64, axis=0)
    deviation = ops.sqrt(ops.real(d) if (d := ops.gather(c, line, line, axes=(0, 1), mode="clip"))
                         .dtype.kind == "c" else d)  # fmt: skip
    deviation = cast(deviation, c.dtype)
    c = ops.div(c, ops.reshape(deviation, shape=(n, 1)))
    c = ops.div(c, ops.reshape(deviation, shape=(1, n)))
    return c if c.dtype.kind == "c" else clip(c, -1, 1)


# ---------------------------------------------------------------------------------------- counting
def bincount(
    x: Any, weights: Any = None, minlength: int = 0, *, length: int | None = None
) -> Array:
    """How often each number from 0 on occurs, or the sum of the weights there.

    Args:
        x: ints of shape [n]; negative ones count as 0.
        weights: array of x's shape.
        minlength: least length of the result.
        length: static length of the result; needed under ``jit``.

    Returns:
        int64 array, or one of the weights' dtype.

    >>> bincount(np.array([0, 2, 2]))
    Array([1, 0, 2], dtype=int64)
    """
    x = as_array(x, "bincount")
    if x.ndim != 1:
        raise ShapeError(f"bincount: x must have one dimension, got shape {x.shape}.")
    if length is None:
        data = host_value(x, "bincount() without length=")
        length = max(int(data.max(initial=-1)) + 1, operator.index(minlength))
    index = ops.maximum(cast(x, int64), const(0, int64))
    if weights is None:
        update = fill(x, shape=x.shape, dtype=int64, value=1)
    else:
        update = as_array(weights, "bincount", "weights")
    zeros = fill(x, shape=(length,), dtype=update.dtype, value=0)
    return ops.scatter_add(zeros, update, index, axes=(0,), mode="drop")


def histogram_bin_edges(a: Any, bins: Any = 10, range: Any = None, weights: Any = None) -> Array:
    """Edges of equally wide bins between the extremes, or between two limits.

    >>> histogram_bin_edges(np.array([0.0, 4.0]), 2)
    Array([0., 2., 4.], dtype=float64)
    """
    del weights
    a = to_inexact(ravel(a), "histogram", "a")
    if not isinstance(bins, (int, np.integer)):
        if isinstance(bins, str):
            raise ValueError("histogram: bins must be a number or edges; named rules need NumPy.")
        bins = np.asarray(bins) if isinstance(bins, (list, tuple)) else bins
        return cast(as_array(bins, "histogram", "bins"), a.dtype)
    count = operator.index(bins)
    if range is not None:
        lo, hi = (cast(as_array(v, "histogram", "range"), a.dtype) for v in range)
    elif a.size == 0:
        lo, hi = const(0, a.dtype), const(1, a.dtype)
    else:
        lo, hi = ops.reduce_min(a, axes=(0,)), ops.reduce_max(a, axes=(0,))
    flat, half = ops.eq(lo, hi), const(0.5, a.dtype)
    lo, hi = ops.select(flat, ops.sub(lo, half), lo), ops.select(flat, ops.add(hi, half), hi)
    part = ops.div(iota(a, shape=(count + 1,), dtype=a.dtype, axis=0), const(count, a.dtype))
    edges = ops.add(lo, ops.mul(ops.sub(hi, lo), part))
    last = ops.eq(iota(a, shape=(count + 1,), dtype=int64, axis=0), const(count, int64))
    return ops.select(last, hi, edges)


def histogram(
    a: Any, bins: Any = 10, range: Any = None, weights: Any = None, density: bool | None = None
) -> tuple[Array, Array]:
    """Counts per bin, and the edges of the bins; the last bin contains its upper edge.

    Args:
        a: array; it is flattened.
        bins: number of bins, or their edges.
        range: limits of equally wide bins.
        weights: how much each element counts.
        density: divide so that the integral is one.

    Returns:
        the pair (counts, edges). Counts are floats of a's dtype (float32 for integers).

    >>> histogram(np.array([0.0, 1.0, 4.0]), 2)[0]
    Array([2., 1.], dtype=float64)
    """
    edges = histogram_bin_edges(a, bins, range)
    values = cast(ravel(a), edges.dtype)
    count = edges.shape[0] - 1
    index = ops.sub(searchsorted(edges, values, "right"), const(1, int64))
    top = _cut(edges, 0, count, count + 1)
    index = ops.select(ops.eq(values, top), const(count - 1, int64), index)
    if weights is None:
        update = fill(values, shape=values.shape, dtype=edges.dtype, value=1)
    else:
        update = ravel(to_inexact(weights, "histogram", "weights"))
    inside = ops.bitwise_and(ops.ge(index, const(0, int64)), ops.lt(index, const(count, int64)))
    index = ops.select(inside, index, const(count, int64))
    zeros = fill(values, shape=(count,), dtype=update.dtype, value=0)
    counts = ops.scatter_add(zeros, update, index, axes=(0,), mode="drop")
    if density:
        widths = ops.sub(_cut(edges, 0, 1, count + 1), _cut(edges, 0, 0, count))
        counts = ops.div(ops.div(counts, cast(widths, counts.dtype)), _sum(counts))
    return counts, edges


# ----------------------------------------------------------------------- interpolation, polynomials
def interp(
    x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None
) -> Array:
    """Piecewise linear function through points.

    Args:
        x: where to evaluate; any shape.
        xp: ascending coordinates of the points [n].
        fp: values at the points [n].
        left, right: values outside; by default those of the end points.
        period: period of x, in which case the points need not be sorted.

    Returns:
        inexact array of x's shape.

    >>> interp(0.5, np.array([0.0, 1.0]), np.array([10.0, 20.0]))
    Array(15., dtype=float64)
    """
    x, xp, fp = promote_inexact(x, xp, fp, fun="interp", names=("x", "xp", "fp"))
    if xp.ndim != 1 or xp.shape != fp.shape or not xp.size:
        raise ShapeError(
            f"interp: xp and fp must be vectors of one length, got {xp.shape} and {fp.shape}."
        )
    if period is not None:
        whole = cast(as_array(period, "interp", "period"), x.dtype)
        x, xp = ops.remainder(x, whole), ops.remainder(xp, whole)
        xp, fp = ops.sort(xp, fp, axis=0, num_keys=1)
        n = xp.shape[0]
        first, last = (_cut(xp, 0, i, i + 1) for i in (0, n - 1))
        xp = ops.concatenate(ops.sub(last, whole), xp, ops.add(first, whole), axis=0)
        fp = ops.concatenate(_cut(fp, 0, n - 1, n), fp, _cut(fp, 0, 0, 1), axis=0)
    n = xp.shape[0]
    i = clip(searchsorted(xp, x, "right"), 1, max(n - 1, 1))
    before = ops.sub(i, const(1, int64))
    x0, x1, f0, f1 = (
        ops.gather(v, at, axes=(0,), mode="clip") for v in (xp, fp) for at in (before, i)
    )
    dx = ops.sub(x1, x0)
    flat = ops.eq(dx, const(0, x.dtype))
    slope = ops.div(ops.sub(f1, f0), ops.select(flat, const(1, x.dtype), dx))
    inner = ops.add(f0, ops.mul(ops.sub(x, x0), slope))
    inner = ops.select(flat, f0, inner)
    ends = [ops.gather(v, const(k, int64), axes=(0,), mode="clip")
            for v in (xp, fp) for k in (0, n - 1)]  # fmt: skip
    below = ends[2] if left is None or period is not None else _like(left, x)
    above = ends[3] if right is None or period is not None else _like(right, x)
    out = ops.select(ops.lt(x, ends[0]), below, inner)
    return ops.select(ops.gt(x, ends[1]), above, out)


def _like(value: Any, x: Array) -> Array:
    return cast(as_array(value, "interp", "left"), x.dtype)


def polyval(p: Any, x: Any) -> Array:
    """A polynomial, highest coefficient first, at x, by Horner's rule.

    >>> polyval(np.array([1, 0, 2]), 3)
    Array(11, dtype=int64)
    """
    p, x = promote(p, x, fun="polyval", names="px")
    out = fill(x, shape=x.shape, dtype=x.dtype, value=0)
    for k in range(p.shape[0]):
        coefficient = ops.reshape(_cut(p, 0, k, k + 1), shape=())
        out = ops.add(ops.mul(out, x), coefficient)
    return out


def convolve(a: Any, v: Any, mode: str = "full", **_: Any) -> Array:
    """Convolution of two vectors.

    Args:
        a: vector [n].
        v: vector [m].
        mode: ``full`` (length n + m - 1), ``same`` (the longer length) or ``valid``.

    Returns:
        vector.

    >>> convolve(np.array([1, 2, 3]), np.array([0, 1]))
    Array([0, 1, 2, 3], dtype=int64)
    """
    x, y = promote(a, v, fun="convolve", names="av")
    return _correlate("convolve", x, flip(y), mode)


def correlate(a: Any, v: Any, mode: str = "valid", **_: Any) -> Array:
    """Correlation of two vectors, the second one conjugated; modes as of :func:`convolve`.

    >>> correlate(np.array([1, 2, 3]), np.array([0, 1]))
    Array([2, 3], dtype=int64)
    """
    x, y = promote(a, v, fun="correlate", names="av")
    y = ops.conj(y) if y.dtype.kind == "c" else y
    if y.shape[0] > x.shape[0]:
        return flip(_correlate("correlate", y, x, mode))
    return _correlate("correlate", x, y, mode)


def _correlate(fun: str, x: Array, y: Array, mode: str) -> Array:
    if x.ndim != 1 or y.ndim != 1 or not x.size or not y.size:
        raise ShapeError(f"{fun}: needs two vectors, got shapes {x.shape} and {y.shape}.")
    if mode not in ("full", "same", "valid"):
        raise ValueError(f"{fun}: mode must be 'full', 'same' or 'valid', got {mode!r}.")
    n, m = x.shape[0], y.shape[0]
    if m > n:
        x, y, n, m = flip(y), flip(x), m, n
    row = iota(x, shape=(n + m - 1, m), dtype=int64, axis=0)
    index = ops.add(row, iota(x, shape=(n + m - 1, m), dtype=int64, axis=1))
    wide = ops.pad(x, const(0, x.dtype), config=((m - 1, m - 1, 0),))
    out = matmul(ops.gather(wide, index, axes=(0,), mode="clip"), y)
    if mode == "valid":
        return _cut(out, 0, m - 1, n)
    start = (m - 1) // 2
    return out if mode == "full" else _cut(out, 0, start, start + n)
