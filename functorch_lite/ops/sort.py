"""Sorting: stable, ascending, NaN last, along one axis, with any number of keys and passengers."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.core.aval import Aval, make_aval
from functorch_lite.core.dtypes import bfloat16, float32, int64
from functorch_lite.core.op import Op, whole_vjp
from functorch_lite.errors import AxisError, ShapeError
from functorch_lite.ops.creation import iota
from functorch_lite.ops.families import define, zeros_like
from functorch_lite.ops.index import gather, scatter
from functorch_lite.ops.shape import with_batch

__all__ = ["sort"]


def _key(x: Any) -> Any:
    # NumPy does not know which bfloat16 is NaN; float32 holds all values in the same order
    return x.astype(float32) if x.dtype == bfloat16 else x


def _order(xp: Any, keys: Any, axis: int) -> Any:
    if xp is np:
        if len(keys) == 1:
            return np.argsort(keys[0], axis, kind="stable")
        return np.lexsort(keys[::-1], axis)
    order = xp.argsort(keys[-1], axis)  # CuPy sorts stably, and its lexsort knows no axis
    for key in keys[-2::-1]:
        step = xp.argsort(xp.take_along_axis(key, order, axis), axis)
        order = xp.take_along_axis(order, step, axis)
    return order


def _eager(xp: Any, *xs: Any, axis: int, num_keys: int) -> tuple[Any, ...]:
    first = xs[0]
    if len(xs) == 1 and first.dtype != bfloat16:
        return (np.sort(first, axis, kind="stable") if xp is np else xp.sort(first, axis),)
    order = _order(xp, [_key(x) for x in xs[:num_keys]], axis)
    return tuple(xp.take_along_axis(x, order, axis) for x in xs)


def _aval(*xs: Aval, axis: int, num_keys: int) -> tuple[Aval, ...]:
    if not xs:
        raise ShapeError("sort: expected at least one array; got none.")
    if not 1 <= num_keys <= len(xs):
        raise ShapeError(
            f"sort: num_keys must lie between 1 and the number of arrays ({len(xs)}); got "
            f"{num_keys}."
        )
    shape = xs[0].shape
    if not 0 <= axis < len(shape):
        raise AxisError(
            f"sort: axis {axis} is out of range for arrays of shape {shape}. Remedy: "
            + ("a scalar cannot be sorted." if not shape else f"choose 0 to {len(shape) - 1}.")
        )
    for i, x in enumerate(xs):
        if x.shape != shape:
            raise ShapeError(
                f"sort: all arrays must have one shape; argument 0 has {shape}, argument {i} has "
                f"{x.shape}. Remedy: broadcast them first."
            )
    return tuple(make_aval(x.shape, x.dtype) for x in xs)


def _grid(order: Any, axis: int) -> list[Any]:
    return [
        order if i == axis else iota(shape=order.shape, dtype=int64, axis=i)
        for i in range(len(order.shape))
    ]


def _along(x: Any, order: Any, axis: int) -> Any:
    """x[..., order, ...]: the elements of x in another order along one axis."""
    axes = tuple(range(len(x.shape)))
    return gather(x, *_grid(order, axis), axes=axes, mode="clip")


def _positions(x: Any, axis: int) -> Any:
    return iota(shape=x.shape, dtype=int64, axis=axis)


def _jvp(primals: Any, tangents: Any, params: dict[str, Any]) -> Any:
    axis = params["axis"]
    *ans, order = sort(*primals, _positions(primals[0], axis), **params)
    moved = [None if t is None else _along(t, order, axis) for t in tangents]
    return tuple(ans), moved


def _vjp(ct: Any, ans: Any, args: Any, params: dict[str, Any], wants: Any) -> list[Any]:
    axis, num_keys = params["axis"], params["num_keys"]
    ids = _positions(args[0], axis)
    order = sort(*args[:num_keys], ids, axis=axis, num_keys=num_keys)[-1]
    back = _undo(order, ids, axis)
    return [
        _along(c, back, axis) if want and c is not None else None
        for c, want in zip(ct, wants, strict=True)
    ]


def _undo(order: Any, ids: Any, axis: int) -> Any:
    """The inverse permutation along one axis."""
    axes = tuple(range(len(order.shape)))
    return scatter(zeros_like(order), ids, *_grid(order, axis), axes=axes, mode="clip")


def _batch(size: int, args: Any, batched: Any, params: dict[str, Any]) -> Any:
    args = [with_batch(x, b, size) for x, b in zip(args, batched, strict=True)]
    return sort(*args, axis=params["axis"] + 1, num_keys=params["num_keys"])


sort: Op = define(
    "sort",
    operands=("*xs",),
    eager=_eager,
    aval=_aval,
    jvp=_jvp,
    vjp=whole_vjp(_vjp, saves=("args",)),
    batch=_batch,
    multi=True,
)
