"""Ops that only move elements: reshape, transpose, broadcast, concatenate, pad, flip, slice."""

from __future__ import annotations

import builtins
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from functorch_lite.core.array import Array, wrap
from functorch_lite.core.aval import Aval, make_aval
from functorch_lite.core.op import Op, namespace_of
from functorch_lite.core.trace import state
from functorch_lite.errors import AxisError, DtypeError, ShapeError
from functorch_lite.ops.compare import ne, select
from functorch_lite.ops.creation import full
from functorch_lite.ops.families import const, define, linear, unbroadcast, zeros_like

__all__ = ["broadcast_to", "concatenate", "flip", "pad", "reshape", "slice", "transpose"]

_slice = builtins.slice
_BOOL = np.dtype(np.bool_)


def move_axis_to_front(x: Any, axis: int) -> Any:
    """Transpose so that ``axis`` comes first and the others keep their order."""
    if axis == 0:
        return x
    return transpose(x, perm=(axis, *(i for i in range(len(x.shape)) if i != axis)))


def with_batch(x: Any, batched: bool, size: int) -> Any:
    """x with a mapped axis in front, repeated where it has none."""
    return x if batched else broadcast_to(x, shape=(size, *x.shape))


def zeros_of(shape: tuple[int, ...], like: Any) -> Any:
    """Zeros of another shape, with the dtype of ``like`` and where it lives."""
    if state.trace is None and type(like) is Array and type(like._data) is not np.ndarray:
        data = like._data
        with data.device:
            return wrap(namespace_of((data,)).zeros(shape, data.dtype))
    return full(shape=tuple(shape), dtype=like.dtype, value=0)


# ----------------------------------------------------------------------------------------- reshape
def _reshape_aval(x: Aval, *, shape: tuple[int, ...]) -> Aval:
    if math.prod(shape) != x.size or min(shape, default=0) < 0:
        raise ShapeError(
            f"reshape: cannot bring an array of shape {x.shape} ({x.size} elements) to shape "
            f"{shape} ({math.prod(shape)} elements). Remedy: choose sizes whose product is "
            f"{x.size}, or leave one of them to be worked out with -1."
        )
    return make_aval(shape, x.dtype)


reshape: Op = linear(
    "reshape",
    eager=lambda xp, x, *, shape: x.reshape(shape),
    aval=_reshape_aval,
    transpose=lambda ct, x_shape: reshape(ct, shape=x_shape),
    batch=lambda size, args, batched, params: reshape(args[0], shape=(size, *params["shape"])),
)


# --------------------------------------------------------------------------------------- transpose
def _transpose_aval(x: Aval, *, perm: tuple[int, ...]) -> Aval:
    if sorted(perm) != list(range(x.ndim)):
        raise AxisError(
            f"transpose: expected a permutation of the axes of an array of shape {x.shape}; "
            f"got {perm}. Remedy: name each axis from 0 to {x.ndim - 1} once."
        )
    return make_aval(tuple(x.shape[i] for i in perm), x.dtype)


def _inverse(perm: Sequence[int]) -> tuple[int, ...]:
    out = [0] * len(perm)
    for i, axis in enumerate(perm):
        out[axis] = i
    return tuple(out)


transpose: Op = linear(
    "transpose",
    eager=lambda xp, x, *, perm: x.transpose(perm),
    aval=_transpose_aval,
    transpose=lambda ct, perm: transpose(ct, perm=_inverse(perm)),
    batch=lambda size, args, batched, params: transpose(
        args[0], perm=(0, *(i + 1 for i in params["perm"]))
    ),
)


# ------------------------------------------------------------------------------------ broadcast_to
def _broadcast_aval(x: Aval, *, shape: tuple[int, ...]) -> Aval:
    offset = len(shape) - x.ndim
    if offset < 0 or any(n != 1 and n != m for n, m in zip(x.shape, shape[offset:], strict=True)):
        raise ShapeError(
            f"broadcast_to: cannot broadcast an array of shape {x.shape} to shape {shape}. Remedy: "
            "aligned from the right, each size must be 1 or equal to the new one; insert axes of "
            "size 1 with reshape or x[..., None]."
        )
    return make_aval(shape, x.dtype)


def _broadcast_batch(size: int, args: Any, batched: Any, params: dict[str, Any]) -> Any:
    (x,), shape = args, params["shape"]
    ones = (1,) * (len(shape) + 1 - len(x.shape))
    if ones:
        x = reshape(x, shape=(size, *ones, *x.shape[1:]))
    return broadcast_to(x, shape=(size, *shape))


def _broadcast_eager(xp: Any, x: Any, *, shape: tuple[int, ...]) -> Any:
    # NumPy's view costs ten Python frames; up to a few thousand elements a copy is far cheaper.
    if math.prod(shape) > _SMALL:
        return xp.broadcast_to(x, shape)
    if x.ndim > len(shape):  # assignment would drop leading axes of size 1
        return xp.broadcast_to(x, shape)
    out = xp.empty(shape, x.dtype)
    out[...] = x
    return out


_SMALL = 4096
broadcast_to: Op = linear(
    "broadcast_to",
    eager=_broadcast_eager,
    aval=_broadcast_aval,
    transpose=lambda ct, x_shape: unbroadcast(ct, x_shape),
    batch=_broadcast_batch,
)


# ------------------------------------------------------------------------------------- concatenate
def _concatenate_aval(*xs: Aval, axis: int) -> Aval:
    if not xs:
        raise ShapeError("concatenate: expected at least one array; got none.")
    first = xs[0]
    if not 0 <= axis < first.ndim:
        raise AxisError(
            f"concatenate: axis {axis} is out of range for arrays of shape {first.shape}. Remedy: "
            + ("use stack for scalars." if first.ndim == 0 else f"choose 0 to {first.ndim - 1}.")
        )
    for i, x in enumerate(xs):
        fits = x.ndim == first.ndim and all(
            a == b for k, (a, b) in enumerate(zip(x.shape, first.shape, strict=True)) if k != axis
        )
        if not fits:
            raise ShapeError(
                f"concatenate: all arrays must agree in every axis but axis {axis}; argument 0 has "
                f"shape {first.shape}, argument {i} has shape {x.shape}. Remedy: join them along "
                "an axis where they differ, or reshape or broadcast them first."
            )
        if x.dtype != first.dtype:
            raise DtypeError(
                f"concatenate: argument 0 is {first.dtype.name}, argument {i} is {x.dtype.name}. "
                "Remedy: cast them to one dtype."
            )
    total = sum(x.shape[axis] for x in xs)
    return make_aval((*first.shape[:axis], total, *first.shape[axis + 1 :]), first.dtype)


def _concatenate_jvp(primals: Any, tangents: Any, params: dict[str, Any]) -> Any:
    filled = [zeros_like(x) if t is None else t for x, t in zip(primals, tangents, strict=True)]
    return concatenate(*primals, **params), concatenate(*filled, **params)


def _concatenate_vjp(ct: Any, xs_shape: Any, which: int, axis: int) -> Any:
    begin = sum(shape[axis] for shape in xs_shape[:which])
    start, stop = [0] * len(ct.shape), list(ct.shape)
    start[axis], stop[axis] = begin, begin + xs_shape[which][axis]
    return slice(ct, start=tuple(start), stop=tuple(stop), step=(1,) * len(stop))


def _concatenate_batch(size: int, args: Any, batched: Any, params: dict[str, Any]) -> Any:
    full_args = [with_batch(x, b, size) for x, b in zip(args, batched, strict=True)]
    return concatenate(*full_args, axis=params["axis"] + 1)


concatenate: Op = define(
    "concatenate",
    operands=("*xs",),
    eager=lambda xp, *xs, axis: xp.concatenate(xs, axis),
    aval=_concatenate_aval,
    jvp=_concatenate_jvp,
    vjp=(_concatenate_vjp,),
    batch=_concatenate_batch,
)


# --------------------------------------------------------------------------------------------- pad
def _pad_eager(xp: Any, x: Any, value: Any, *, config: tuple[tuple[int, int, int], ...]) -> Any:
    shape, dest, source = [], [], []
    for n, (lo, hi, interior) in zip(x.shape, config, strict=True):
        step = interior + 1
        size = lo + hi + n + max(n - 1, 0) * interior
        # element j of the operand lands on lo + j * step; keep those inside [0, size)
        first = max(0, -(lo // step))
        last = max(first, min(n, -((lo - size) // step)))
        shape.append(size)
        source.append(_slice(first, last))
        begin = lo + first * step
        dest.append(
            _slice(begin, begin + (last - first) * step, step) if last > first else _slice(0, 0)
        )
    out = xp.empty(shape, x.dtype)
    out[...] = value
    out[tuple(dest)] = x[tuple(source)]
    return out


def _pad_aval(x: Aval, value: Aval, *, config: tuple[tuple[int, int, int], ...]) -> Aval:
    if len(config) != x.ndim:
        raise ShapeError(
            f"pad: expected one (low, high, interior) triple per axis of shape {x.shape}; got "
            f"{config}."
        )
    if value.shape != ():
        raise ShapeError(f"pad: the padding value must be a scalar; got shape {value.shape}.")
    if value.dtype != x.dtype:
        raise DtypeError(
            f"pad: the array is {x.dtype.name}, the padding value {value.dtype.name}. Remedy: cast "
            "the value to the array's dtype."
        )
    shape = tuple(
        lo + hi + n + max(n - 1, 0) * interior
        for n, (lo, hi, interior) in zip(x.shape, config, strict=True)
    )
    if min(shape, default=0) < 0 or any(interior < 0 for _, _, interior in config):
        raise ShapeError(
            f"pad: config {config} gives an array of shape {x.shape} the shape {shape}. Remedy: "
            "crop at most as many elements as there are, and use interior padding >= 0."
        )
    return make_aval(shape, x.dtype)


def _zero(x: Any) -> Any:
    return const(0, x.dtype)


def _pad_transpose(ct: Any, config: Any) -> Any:
    outer = tuple((-lo, -hi, 0) for lo, hi, _ in config)
    if any(lo or hi for lo, hi, _ in outer):
        ct = pad(ct, _zero(ct), config=outer)
    step = tuple(interior + 1 for _, _, interior in config)
    if all(s == 1 for s in step):
        return ct
    return slice(ct, start=(0,) * len(step), stop=ct.shape, step=step)


def _is_value(like: Any, x_shape: Any, config: Any) -> Any:
    """bool array of the padded shape: true where the padding value stands."""
    inside = zeros_of(x_shape, like)
    return ne(pad(inside, const(1, like.dtype), config=config), zeros_of((), like))


def _pad_value_transpose(ct: Any, config: Any, x_shape: Any) -> Any:
    return unbroadcast(select(_is_value(ct, x_shape, config), ct, zeros_like(ct)), ())


def _pad_jvp(primals: Any, tangents: Any, params: dict[str, Any]) -> Any:
    x, value = primals
    dx, dvalue = tangents
    dx = zeros_like(x) if dx is None else dx
    dvalue = _zero(x) if dvalue is None else dvalue
    return pad(x, value, **params), pad(dx, dvalue, **params)


def _pad_batch(size: int, args: Any, batched: Any, params: dict[str, Any]) -> Any:
    x, value = args
    config = params["config"]
    grown = ((0, 0, 0), *config) if batched[0] else config
    if not batched[1]:
        return pad(x, value, config=grown)
    padded = pad(x, _zero(x), config=grown)
    mask = _is_value(x, x.shape[1:] if batched[0] else x.shape, config)
    if not batched[0]:
        padded = broadcast_to(padded, shape=(size, *padded.shape))
    value = broadcast_to(reshape(value, shape=(size, *(1,) * len(config))), shape=padded.shape)
    return select(broadcast_to(mask, shape=padded.shape), value, padded)


pad: Op = define(
    "pad",
    operands=("x", "value"),
    eager=_pad_eager,
    aval=_pad_aval,
    jvp=_pad_jvp,
    vjp=(_pad_transpose, _pad_value_transpose),
    batch=_pad_batch,
)


# -------------------------------------------------------------------------------------------- flip
def _flip_eager(xp: Any, x: Any, *, axes: tuple[int, ...]) -> Any:
    index = [_slice(None)] * x.ndim
    for axis in axes:
        index[axis] = _slice(None, None, -1)
    return x[tuple(index)]


def _flip_aval(x: Aval, *, axes: tuple[int, ...]) -> Aval:
    if len(set(axes)) != len(axes) or not all(0 <= axis < x.ndim for axis in axes):
        raise AxisError(
            f"flip: axes {axes} do not fit an array of shape {x.shape}. Remedy: name axes from 0 "
            f"to {x.ndim - 1}, each at most once."
        )
    return make_aval(x.shape, x.dtype)


flip: Op = linear(
    "flip",
    eager=_flip_eager,
    aval=_flip_aval,
    transpose=lambda ct, axes: flip(ct, axes=axes),
    batch=lambda size, args, batched, params: flip(
        args[0], axes=tuple(axis + 1 for axis in params["axes"])
    ),
)


# ------------------------------------------------------------------------------------------- slice
def _slice_aval(
    x: Aval, *, start: tuple[int, ...], stop: tuple[int, ...], step: tuple[int, ...]
) -> Aval:
    if not len(start) == len(stop) == len(step) == x.ndim:
        raise ShapeError(
            f"slice: start {start}, stop {stop} and step {step} must have one entry per axis of "
            f"shape {x.shape}."
        )
    for axis, (n, a, b, s) in enumerate(zip(x.shape, start, stop, step, strict=True)):
        if not (0 <= a <= b <= n and s >= 1):
            raise ShapeError(
                f"slice: {a}:{b}:{s} does not fit axis {axis} of size {n} in shape {x.shape}. "
                "Remedy: 0 <= start <= stop <= size and step >= 1 must hold."
            )
    shape = tuple(-((a - b) // s) for a, b, s in zip(start, stop, step, strict=True))
    return make_aval(shape, x.dtype)


def _slice_transpose(ct: Any, x_shape: Any, start: Any, step: Any) -> Any:
    config = []
    for n, size, a, s in zip(x_shape, ct.shape, start, step, strict=True):
        end = a + (size - 1) * s + 1 if size else a
        config.append((a, n - end, s - 1))
    return pad(ct, _zero(ct), config=tuple(config))


slice: Op = linear(
    "slice",
    eager=lambda xp, x, *, start, stop, step: x[tuple(map(_slice, start, stop, step))],
    aval=_slice_aval,
    transpose=_slice_transpose,
    batch=lambda size, args, batched, params: slice(
        args[0],
        start=(0, *params["start"]),
        stop=(size, *params["stop"]),
        step=(1, *params["step"]),
    ),
)
