"""Sums and extrema over windows that slide along the axes, and where the extrema lie.

All take ``window``, ``strides``, ``base_dilation`` and ``window_dilation`` with one entry per axis
and ``padding`` with one (low, high) pair, as XLA's reduce-window does; ``window_geometry`` says
what they mean. Padding and gaps hold the identity: 0 for a sum, the lowest value for a maximum.

A rectangular window is reduced along one axis after the other, so its cost grows with the sum of
its sizes, not with their product.
"""

from __future__ import annotations

import builtins
import math
from typing import Any

import numpy as np

from functorch_lite.core.aval import Aval, make_aval
from functorch_lite.core.dtypes import float32, highest, int64, lowest
from functorch_lite.core.op import Op, Whole, whole_vjp
from functorch_lite.errors import ShapeError
from functorch_lite.ops.families import (
    HALF_CHARS,
    NOT_DIFFERENTIABLE,
    _illegal_dtype,
    define,
    kind_of,
    linear,
)
from functorch_lite.ops.index import gather, scatter_add
from functorch_lite.ops.shape import reshape, zeros_of
from functorch_lite.ops.window_geometry import (
    Axis,
    axes_of,
    check_window,
    every_window_is_met,
    transposed,
)

__all__ = ["window_argmax", "window_argmin", "window_max", "window_min", "window_sum"]

_slice = builtins.slice
_FILLS = {"max": lowest, "min": highest}
_CALL = 1000
"""How many elements NumPy combines in the time that a call costs."""


# ------------------------------------------------------------------------- one axis after the other
def _slide(xp: Any, held: tuple[Any, ...], fills: tuple[Any, ...], merge: Any, params: Any) -> Any:
    """Reduce windows of several arrays together.

    Args:
        xp: array module.
        held: arrays of one shape.
        fills: for each, what padding and gaps hold: the identity of ``merge``.
        merge: ``merge(xp, left, right)`` combines two lists of arrays into the left ones, in place;
            it is associative.
        params: those of a windowed op.
    """
    axes = axes_of(held[0].shape, **params)
    if any(min(axis.window, axis.base_dilation, axis.window_dilation) < 1 for axis in axes):
        raise ValueError("a window without places")  # it would give the identity
    # Elements that lie closer in memory come first, which is what "first" means among equal ones.
    for i in reversed(range(len(axes))):
        axis = axes[i]
        if not axis.is_trivial:
            way = _by_doubling if _doubling_pays(held[0].shape, i, axis) else _by_places
            held = way(xp, held, fills, merge, i, axis)
    return held


def _doubling_pays(shape: tuple[int, ...], i: int, axis: Axis) -> bool:
    others = math.prod(shape[:i] + shape[i + 1 :])
    steps = 2 * axis.window.bit_length()
    reach = (axis.outputs - 1) * axis.stride + (axis.window - 1) * axis.window_dilation + 1
    return bool(
        axis.outputs
        and steps * (_CALL + reach * others) < axis.window * (_CALL + axis.outputs * others)
    )


def _index(ndim: int, i: int, where: slice) -> tuple[slice, ...]:
    return (*(_slice(None),) * i, where, *(_slice(None),) * (ndim - i - 1))


def _resized(shape: tuple[int, ...], i: int, size: int) -> tuple[int, ...]:
    return (*shape[:i], size, *shape[i + 1 :])


def _by_places(
    xp: Any, held: tuple[Any, ...], fills: tuple[Any, ...], merge: Any, i: int, axis: Axis
) -> tuple[Any, ...]:
    """Merge, for each place of the window, what the outputs meet there; nothing is padded."""
    ndim = held[0].ndim
    shape = _resized(held[0].shape, i, axis.outputs)
    out = tuple(xp.full(shape, fill, x.dtype) for x, fill in zip(held, fills, strict=True))
    for place in range(axis.window):
        found = axis.meeting(place)
        if found is not None:
            to, where = (_index(ndim, i, s) for s in found)
            merge(xp, [x[to] for x in out], [x[where] for x in held])
    return out


def _by_doubling(
    xp: Any, held: tuple[Any, ...], fills: tuple[Any, ...], merge: Any, i: int, axis: Axis
) -> tuple[Any, ...]:
    """Merge runs of 1, 2, 4 … places into one another; the window is the sum of some of them."""
    ndim, apart = held[0].ndim, axis.window_dilation
    span = (axis.outputs - 1) * axis.stride + 1
    run = [
        _spread_out(xp, x, fill, i, axis, span + (axis.window - 1) * apart)
        for x, fill in zip(held, fills, strict=True)
    ]
    out: list[Any] = []
    length, done, left = 1, 0, axis.window
    while left:
        if left & 1:
            where = _index(ndim, i, _slice(done * apart, done * apart + span, axis.stride))
            parts = [x[where] for x in run]
            if out:
                merge(xp, out, parts)
            else:
                out = [x.copy() for x in parts]
            done += length
        left >>= 1
        if left:
            head = _index(ndim, i, _slice(0, run[0].shape[i] - length * apart))
            tail = _index(ndim, i, _slice(length * apart, None))
            longer = [x[head].copy() for x in run]
            merge(xp, longer, [x[tail] for x in run])
            run, length = longer, 2 * length
    return tuple(out)


def _spread_out(xp: Any, x: Any, fill: Any, i: int, axis: Axis, size: int) -> Any:
    """x with padding and gaps along axis i, as far as any window reaches."""
    out = xp.full(_resized(x.shape, i, size), fill, x.dtype)
    whole = Axis(axis.size, 1, 1, axis.low, axis.high, axis.base_dilation, 1)
    found = whole.meeting(0)
    if found is not None:
        to, where = found
        count = len(range(*to.indices(size)))
        where = _slice(where.start, where.start + count)
        to = _slice(to.start, min(to.stop, size), to.step)
        out[_index(x.ndim, i, to)] = x[_index(x.ndim, i, where)]
    return out


# ------------------------------------------------------------------------------------------- sums
def _merge_by(ufunc_name: str) -> Any:
    def merge(xp: Any, left: Any, right: Any) -> None:
        getattr(xp, ufunc_name)(left[0], right[0], out=left[0])

    return merge


_add, _keep_max, _keep_min = _merge_by("add"), _merge_by("maximum"), _merge_by("minimum")


def _sum(xp: Any, x: Any, **params: Any) -> Any:
    dtype = x.dtype
    wide = x.astype(float32) if dtype.char in HALF_CHARS else x
    return _slide(xp, (wide,), (0,), _add, params)[0].astype(dtype, copy=False)


def _sum_aval(x: Aval, **params: Any) -> Aval:
    if kind_of(x.dtype) not in "ifc":
        _illegal_dtype("window_sum", (x,), 0, "ifc")
    return make_aval(check_window("window_sum", x, **params), x.dtype)


def _sum_transpose(
    ct: Any,
    x_shape: Any,
    window: Any,
    strides: Any,
    padding: Any,
    base_dilation: Any,
    window_dilation: Any,
) -> Any:
    axes = axes_of(x_shape, window, strides, padding, base_dilation, window_dilation)
    back = [transposed(axis) for axis in axes]
    return window_sum(
        ct,
        window=window,
        strides=base_dilation,
        padding=tuple((axis.low, axis.high) for axis in back),
        base_dilation=strides,
        window_dilation=window_dilation,
    )


def _with_mapped_axis(params: dict[str, Any]) -> dict[str, Any]:
    """The params with a window of one element along a new first axis."""
    return {k: ((0, 0) if k == "padding" else 1, *v) for k, v in params.items()}


window_sum: Op = linear(
    "window_sum",
    eager=_sum,
    aval=_sum_aval,
    transpose=_sum_transpose,
    batch=lambda size, args, batched, params: window_sum(args[0], **_with_mapped_axis(params)),
    kinds="ifc",
)


# ------------------------------------------------------------------------ positions of the extrema
def _merge_better(greater: bool) -> Any:
    """Keep values with their positions; the left one if equal; a NaN wins over what is before it.

    A position of -1 stands for padding, which any element beats.
    """

    extremum = "maximum" if greater else "minimum"

    def merge(xp: Any, left: Any, right: Any) -> None:
        (have, at), (new, place) = left, right
        better = new > have if greater else new < have
        better |= (at < 0) & (place >= 0)
        if new.dtype.kind == "f":
            better |= new != new
        getattr(xp, extremum)(have, new, out=have)
        # at or place by their bits: a masked copy mispredicts branches and takes ten times as long
        xp.bitwise_xor(at, (at ^ place) & -better.astype(at.dtype), out=at)

    return merge


def _is_batch(shape: tuple[int, ...], batch_dims: int, params: Any) -> bool:
    """Whether the first ``batch_dims`` axes stay as they are."""
    axes = axes_of(shape, **params)
    return 0 <= batch_dims <= len(axes) and all(axis.is_trivial for axis in axes[:batch_dims])


def _positions(name: str, kind: str) -> Op:
    merge = _merge_better(kind == "max")
    fill = _FILLS[kind]

    def eager(xp: Any, x: Any, *, batch_dims: int, **params: Any) -> Any:
        if not _is_batch(x.shape, batch_dims, params):
            raise ValueError("windows across examples")
        x = x.astype(float32) if x.dtype.char in HALF_CHARS else x
        inner = x.shape[batch_dims:]
        count = math.prod(inner)
        # half the memory where it suffices
        places = xp.arange(count, dtype=np.int32 if count < 2**31 else np.int64).reshape(inner)
        if batch_dims:
            places = xp.broadcast_to(places, x.shape)
        fills = (fill(x.dtype), -1)
        return _slide(xp, (x, places), fills, merge, params)[1].astype(np.int64, copy=False)

    def aval(x: Aval, *, batch_dims: int, **params: Any) -> Aval:
        if kind_of(x.dtype) not in "bif":
            _illegal_dtype(name, (x,), 0, "bif")
        shape = check_window(name, x, **params)
        if not _is_batch(x.shape, batch_dims, params):
            raise ShapeError(
                f"{name}: expected batch_dims to count leading axes along which the window is a "
                f"single element that moves by 1; got batch_dims={batch_dims} for shape {x.shape} "
                f"and window {params['window']}. Remedy: batch_dims=0 counts positions in the "
                "whole array."
            )
        return make_aval(shape, int64)

    def batch(size: int, args: Any, batched: Any, params: dict[str, Any]) -> Any:
        params = dict(params)
        batch_dims = params.pop("batch_dims") + 1
        return op(args[0], batch_dims=batch_dims, **_with_mapped_axis(params))

    op = define(
        name,
        eager=eager,
        aval=aval,
        jvp=NOT_DIFFERENTIABLE,
        vjp=NOT_DIFFERENTIABLE,
        batch=batch,
        kinds="bif",
    )
    return op


window_argmax = _positions("window_argmax", "max")
window_argmin = _positions("window_argmin", "min")


# ----------------------------------------------------------------------------------------- extrema
def _extremum(name: str, kind: str, positions: Op) -> Op:
    """The extremum of each window; its derivative belongs to the one element that ``positions``
    names.
    """
    merge = _keep_max if kind == "max" else _keep_min
    fill = _FILLS[kind]

    def eager(xp: Any, x: Any, **params: Any) -> Any:
        dtype = x.dtype
        wide = x.astype(float32) if dtype.char in HALF_CHARS else x
        fills = (fill(wide.dtype),)
        return _slide(xp, (wide,), fills, merge, params)[0].astype(dtype, copy=False)

    def aval(x: Aval, **params: Any) -> Aval:
        if kind_of(x.dtype) not in "bif":
            _illegal_dtype(name, (x,), 0, "bif")
        return make_aval(check_window(name, x, **params), x.dtype)

    def batch(size: int, args: Any, batched: Any, params: dict[str, Any]) -> Any:
        return op(args[0], **_with_mapped_axis(params))

    def chosen(x: Any, params: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Flat positions, and how to index by them: where a window may be empty, reads of -1 give
        0.
        """
        mode = "clip" if every_window_is_met(tuple(x.shape), **params) else "drop"
        return positions(x, batch_dims=0, **params), {"axes": (0,), "mode": mode}

    def jvp(primals: Any, tangents: Any, params: dict[str, Any]) -> Any:
        (x,), (t,) = primals, tangents
        ans = op(x, **params)
        if t is None:
            return ans, None
        index, how = chosen(x, params)
        return ans, gather(reshape(t, shape=(x.size,)), index, **how)

    def vjp(ct: Any, ans: Any, args: Any, params: dict[str, Any], wants: Any) -> list[Any]:
        (x,) = args
        index, how = chosen(x, params)
        flat = scatter_add(zeros_of((x.size,), ct), ct, index, **how)
        return [reshape(flat, shape=x.shape)]

    op = define(
        name,
        eager=eager,
        aval=aval,
        jvp=Whole(jvp),
        vjp=whole_vjp(vjp, saves=("args",)),
        batch=batch,
        kinds="bif",
    )
    return op


window_max = _extremum("window_max", "max", window_argmax)
window_min = _extremum("window_min", "min", window_argmin)
