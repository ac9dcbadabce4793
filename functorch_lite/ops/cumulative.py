"""Running sums, products and extrema along one axis.

The derivative of a running product or of a running log-sum-exp is a first-order linear recurrence
``y[i] = a[i] * y[i-1] + b[i]``. It is solved by doubling, in about log2(n) steps of whole-array
ops: nothing is divided, so zeros in the operand do no harm, and the rules differentiate in turn.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.core.aval import Aval
from functorch_lite.core.dtypes import int64, is_inexact
from functorch_lite.core.op import Op
from functorch_lite.ops import compare
from functorch_lite.ops.arithmetic import add, mul, neg, sub
from functorch_lite.ops.creation import iota
from functorch_lite.ops.families import (
    _illegal_dtype,
    axis_error,
    const,
    define,
    full_like,
    half_safe,
    kind_of,
    linear,
    zeros_like,
)
from functorch_lite.ops.index import gather, scatter_add
from functorch_lite.ops.shape import flip, pad, slice
from functorch_lite.ops.transcendental import logistic


# ----------------------------------------------------------------------------- moving along an axis
def _part(x: Any, axis: int, start: int, stop: int) -> Any:
    """``x[start:stop]`` along ``axis``."""
    starts = tuple(start if i == axis else 0 for i in range(len(x.shape)))
    stops = tuple(stop if i == axis else n for i, n in enumerate(x.shape))
    return slice(x, start=starts, stop=stops, step=(1,) * len(x.shape))


def _padded(x: Any, axis: int, lo: int, hi: int, fill: float) -> Any:
    config = tuple((lo, hi, 0) if i == axis else (0, 0, 0) for i in range(len(x.shape)))
    return pad(x, const(fill, x.dtype), config=config)


def preceding(x: Any, axis: int, reverse: bool, fill: float) -> Any:
    """The element before each one in the order of the scan; ``fill`` before the first."""
    return _padded(x, axis, -1, 1, fill) if reverse else _padded(x, axis, 1, -1, fill)


def _all_but_first(x: Any, axis: int, reverse: bool) -> Any:
    n = x.shape[axis]
    return _part(x, axis, 0, n - 1) if reverse else _part(x, axis, 1, n)


def _all_but_last(x: Any, axis: int, reverse: bool) -> Any:
    return _all_but_first(x, axis, not reverse)


def affine_recurrence(a: Any, b: Any, axis: int, reverse: bool) -> Any:
    """Solve ``y[0] = b[0]``, ``y[i] = a[i-1] * y[i-1] + b[i]`` along ``axis`` by doubling.

    Args:
        a: factors of the steps from each element to the next, one fewer than ``b`` along ``axis``.
        b: addends.
        axis: the axis to run along.
        reverse: run from the last element to the first; ``a[i]`` then leads from i + 1 to i.

    Returns:
        y, with the shape of ``b``.
    """
    n = b.shape[axis]
    if n < 2:
        return b
    if reverse:
        a, b = flip(a, axes=(axis,)), flip(b, axes=(axis,))
    step = 1
    while step < n:
        # Here a[i] is the product of the factors from element i to element i + step.
        carried = mul(a, _part(b, axis, 0, n - step))
        b = add(b, _padded(carried, axis, step, 0, 0.0))
        if 2 * step < n:
            a = mul(_part(a, axis, step, n - step), _part(a, axis, 0, n - 2 * step))
        step *= 2
    return flip(b, axes=(axis,)) if reverse else b


# -------------------------------------------------------------------------------------------- rules
def _aval(name: str, kinds: str) -> Any:
    def aval(x: Aval, *, axis: int, reverse: bool) -> Aval:
        if not 0 <= axis < x.ndim:
            raise axis_error(name, axis, x.shape)
        if kind_of(x.dtype) not in kinds:
            _illegal_dtype(name, (x,), 0, kinds)
        return x

    return aval


def _batch(size: int, args: Any, batched: Any, params: Any, *, op: Any) -> Any:
    return op(args[0], axis=params["axis"] + 1, reverse=params["reverse"])


def _scan(ufunc_name: str) -> Any:
    """Eager running ``ufunc`` along an axis."""

    def scan(xp: Any, x: Any, *, axis: int, reverse: bool) -> Any:
        line = xp.flip(x, axis) if reverse else x
        ufunc = getattr(xp, ufunc_name)
        if xp is np:
            line = ufunc.accumulate(line, axis=axis, dtype=x.dtype)
        else:
            line = _scan_by_doubling(xp, ufunc, line, axis)
        return xp.flip(line, axis) if reverse else line

    return scan


def _scan_by_doubling(xp: Any, ufunc: Any, x: Any, axis: int) -> Any:
    """Running ``ufunc`` where ufuncs cannot accumulate, as in CuPy."""
    line = xp.moveaxis(x, axis, 0).copy()
    step = 1
    while step < len(line):
        # The right-hand side is computed in full before it is stored.
        line[step:] = ufunc(line[:-step], line[step:])
        step *= 2
    return xp.moveaxis(line, 0, axis)


def _cumulative(name: str, eager: Any, kinds: str, jvp: Any, vjp: Any, **info: Any) -> Any:
    def batch(size: int, args: Any, batched: Any, params: Any) -> Any:
        return _batch(size, args, batched, params, op=op)

    op = define(
        name, eager=eager, aval=_aval(name, kinds), jvp=(jvp,), vjp=(vjp,), batch=batch,
        kinds=kinds, **info,
    )  # fmt: skip
    return op


# -------------------------------------------------------------------------------- sum and product
cumsum: Op = linear(
    "cumsum",
    eager=half_safe(_scan("add")),
    aval=_aval("cumsum", "ifc"),
    transpose=lambda ct, axis, reverse: cumsum(ct, axis=axis, reverse=not reverse),
    batch=lambda size, args, batched, params: _batch(size, args, batched, params, op=cumsum),
    kinds="ifc",
    domain=(-3.0, 3.0),
)


def _cumprod_jvp(t: Any, x: Any, ans: Any, axis: int, reverse: bool) -> Any:
    if 0 in x.shape:
        return t
    fresh = mul(t, preceding(ans, axis, reverse, 1.0))
    return affine_recurrence(_all_but_first(x, axis, reverse), fresh, axis, reverse)


def _cumprod_vjp(ct: Any, x: Any, ans: Any, axis: int, reverse: bool) -> Any:
    if 0 in x.shape:
        return ct
    summed = affine_recurrence(_all_but_first(x, axis, reverse), ct, axis, not reverse)
    return mul(summed, preceding(ans, axis, reverse, 1.0))


cumprod = _cumulative(
    "cumprod",
    half_safe(_scan("multiply")),
    "ifc",
    _cumprod_jvp,
    _cumprod_vjp,
    domain=(-2.0, 2.0),
)


# ------------------------------------------------------------------------------------------ extrema
def _positions(x: Any, ans: Any, axis: int, reverse: bool) -> list[Any]:
    """Indices, one array per axis, of the element that each running extremum comes from.

    Of equal elements the one met last counts; a NaN is the extremum of all that follows it.
    """
    here = compare.eq(x, ans)
    if is_inexact(x.dtype):
        here = compare.bitwise_or(here, compare.isnan(x))
    indices = [iota(shape=x.shape, dtype=int64, axis=i) for i in range(len(x.shape))]
    along = indices[axis]
    if reverse:
        latest = compare.select(here, along, full_like(along, x.shape[axis] - 1))
        indices[axis] = cummin(latest, axis=axis, reverse=True)
    else:
        latest = compare.select(here, along, zeros_like(along))
        indices[axis] = cummax(latest, axis=axis, reverse=False)
    return indices


def _extremum_jvp(t: Any, x: Any, ans: Any, axis: int, reverse: bool) -> Any:
    if 0 in x.shape:
        return t
    axes = tuple(range(len(x.shape)))
    return gather(t, *_positions(x, ans, axis, reverse), axes=axes, mode="clip")


def _extremum_vjp(ct: Any, x: Any, ans: Any, axis: int, reverse: bool) -> Any:
    if 0 in x.shape:
        return ct
    axes = tuple(range(len(x.shape)))
    positions = _positions(x, ans, axis, reverse)
    return scatter_add(zeros_like(ct), ct, *positions, axes=axes, mode="clip")


cummax = _cumulative(
    "cummax", _scan("maximum"), "bif", _extremum_jvp, _extremum_vjp, domain=(-3.0, 3.0)
)
cummin = _cumulative(
    "cummin", _scan("minimum"), "bif", _extremum_jvp, _extremum_vjp, domain=(-3.0, 3.0)
)


# --------------------------------------------------------------------------------------- logsumexp
def _weights(x: Any, ans: Any, axis: int, reverse: bool) -> tuple[Any, Any]:
    """Shares of the new element and of the sum before it: ``ans = logaddexp(before, x)``.

    Returns:
        ``kept`` (one per step) and ``fresh`` (one per element; 1 for the first).
    """
    new = _all_but_first(x, axis, reverse)
    before = _all_but_last(ans, axis, reverse)
    # Two equal infinities have no difference; they share evenly, as in logaddexp.
    tied = compare.bitwise_and(compare.eq(new, before), compare.isinf(new))
    zero = zeros_like(new)
    gap = sub(compare.select(tied, zero, new), compare.select(tied, zero, before))
    lo, hi = (0, 1) if reverse else (1, 0)
    return logistic(neg(gap)), _padded(logistic(gap), axis, lo, hi, 1.0)


def _cumlogsumexp_jvp(t: Any, x: Any, ans: Any, axis: int, reverse: bool) -> Any:
    if 0 in x.shape:
        return t
    kept, fresh = _weights(x, ans, axis, reverse)
    return affine_recurrence(kept, mul(t, fresh), axis, reverse)


def _cumlogsumexp_vjp(ct: Any, x: Any, ans: Any, axis: int, reverse: bool) -> Any:
    if 0 in x.shape:
        return ct
    kept, fresh = _weights(x, ans, axis, reverse)
    return mul(affine_recurrence(kept, ct, axis, not reverse), fresh)


cumlogsumexp = _cumulative(
    "cumlogsumexp",
    half_safe(_scan("logaddexp")),
    "f",
    _cumlogsumexp_jvp,
    _cumlogsumexp_vjp,
    domain=(-3.0, 3.0),
)
