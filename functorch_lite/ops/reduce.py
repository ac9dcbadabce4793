"""Reductions over a set of axes, and the positions of extrema along one axis."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from functorch_lite.core.aval import Aval, make_aval
from functorch_lite.core.dtypes import bfloat16, float32, int64
from functorch_lite.core.op import Op
from functorch_lite.errors import DtypeError, ShapeError
from functorch_lite.ops import compare
from functorch_lite.ops.arithmetic import div, mul
from functorch_lite.ops.convert import cast
from functorch_lite.ops.cumulative import cumprod, preceding
from functorch_lite.ops.families import (
    HALF_CHARS,
    NOT_DIFFERENTIABLE,
    axis_error,
    define,
    kind_of,
    reduction,
    zeros_like,
)
from functorch_lite.ops.shape import broadcast_to, reshape, transpose


def spread(x: Any, shape: tuple[int, ...], axes: tuple[int, ...]) -> Any:
    """Undo a reduction's change of shape: repeat ``x`` along the reduced ``axes`` of ``shape``."""
    if len(axes) < len(shape):
        x = reshape(x, shape=tuple(1 if i in axes else n for i, n in enumerate(shape)))
    return broadcast_to(x, shape=shape)


# ---------------------------------------------------------------------------------- sum, product
# Over NumPy the ufuncs' own methods: np.sum and its kin add five Python frames.
def _sum(xp: Any, x: Any, *, axes: tuple[int, ...]) -> Any:
    dtype = x.dtype
    if dtype.char in HALF_CHARS:
        return _sum(xp, x.astype(float32), axes=axes).astype(dtype)
    if xp is np:
        return np.add.reduce(x, axis=axes, dtype=dtype)
    return xp.sum(x, axis=axes, dtype=dtype)


reduce_sum: Op = reduction(
    "reduce_sum",
    eager=_sum,
    jvp=lambda t, axes: reduce_sum(t, axes=axes),
    vjp=lambda ct, x_shape, axes: spread(ct, x_shape, axes),
    kinds="ifc",
    domain=(-3.0, 3.0),
)


def _prod(xp: Any, x: Any, *, axes: tuple[int, ...]) -> Any:
    dtype = x.dtype
    if dtype.char in HALF_CHARS:
        return _prod(xp, x.astype(float32), axes=axes).astype(dtype)
    if xp is np:
        return np.multiply.reduce(x, axis=axes, dtype=dtype)
    return xp.prod(x, axis=axes, dtype=dtype)


def products_of_others(x: Any, axes: tuple[int, ...]) -> Any:
    """For every element, the product of all *other* elements along ``axes``; safe for zeros."""
    if 0 in x.shape:
        return zeros_like(x)
    shape = x.shape
    perm = tuple(i for i in range(len(shape)) if i not in axes) + axes
    moved = tuple(shape[i] for i in perm)
    kept = moved[: len(shape) - len(axes)]
    last = len(kept)
    rows = reshape(transpose(x, perm=perm), shape=(*kept, math.prod(moved[last:])))
    before, after = (
        preceding(cumprod(rows, axis=last, reverse=reverse), last, reverse, 1.0)
        for reverse in (False, True)
    )
    back = tuple(perm.index(i) for i in range(len(shape)))
    return transpose(reshape(mul(before, after), shape=moved), perm=back)


reduce_prod = reduction(
    "reduce_prod",
    eager=_prod,
    jvp=lambda t, x, axes: reduce_sum(mul(t, products_of_others(x, axes)), axes=axes),
    vjp=lambda ct, x, axes: mul(spread(ct, x.shape, axes), products_of_others(x, axes)),
    kinds="ifc",
    domain=(-2.0, 2.0),
)


# ---------------------------------------------------------------------------------------- extrema
def _max(xp: Any, x: Any, *, axes: tuple[int, ...]) -> Any:
    return np.maximum.reduce(x, axis=axes) if xp is np else xp.max(x, axis=axes)


def _min(xp: Any, x: Any, *, axes: tuple[int, ...]) -> Any:
    return np.minimum.reduce(x, axis=axes) if xp is np else xp.min(x, axis=axes)


def _attained(x: Any, ans: Any, axes: tuple[int, ...]) -> tuple[Any, Any]:
    """Where the extremum is attained, and how often; a NaN counts as the extremum it causes."""
    here = compare.bitwise_or(compare.eq(x, spread(ans, x.shape, axes)), compare.isnan(x))
    return here, reduce_sum(cast(here, dtype=x.dtype), axes=axes)


def _extremum_jvp(t: Any, x: Any, ans: Any, axes: tuple[int, ...]) -> Any:
    here, count = _attained(x, ans, axes)
    return div(reduce_sum(compare.select(here, t, zeros_like(t)), axes=axes), count)


def _extremum_vjp(ct: Any, x: Any, ans: Any, axes: tuple[int, ...]) -> Any:
    here, count = _attained(x, ans, axes)
    share = spread(div(ct, count), x.shape, axes)
    return compare.select(here, share, zeros_like(share))


reduce_max = reduction(
    "reduce_max",
    eager=_max,
    jvp=_extremum_jvp,
    vjp=_extremum_vjp,
    kinds="bif",
    identity=False,
    domain=(-3.0, 3.0),
)
reduce_min = reduction(
    "reduce_min",
    eager=_min,
    jvp=_extremum_jvp,
    vjp=_extremum_vjp,
    kinds="bif",
    identity=False,
    domain=(-3.0, 3.0),
)


# ------------------------------------------------------------------------------------------- logic
def _all(xp: Any, x: Any, *, axes: tuple[int, ...]) -> Any:
    return xp.all(x, axis=axes)


def _any(xp: Any, x: Any, *, axes: tuple[int, ...]) -> Any:
    return xp.any(x, axis=axes)


reduce_and = reduction(
    "reduce_and", eager=_all, jvp=NOT_DIFFERENTIABLE, vjp=NOT_DIFFERENTIABLE, kinds="b"
)
reduce_or = reduction(
    "reduce_or", eager=_any, jvp=NOT_DIFFERENTIABLE, vjp=NOT_DIFFERENTIABLE, kinds="b"
)


# ---------------------------------------------------------------------------- positions of extrema
def _position(name: str, method: str) -> Any:
    def eager(xp: Any, x: Any, *, axis: int) -> Any:
        if x.dtype == bfloat16:
            x = x.astype(float32)
        return getattr(xp, method)(x, axis=axis).astype(np.int64, copy=False)

    def aval(x: Aval, *, axis: int) -> Aval:
        if not 0 <= axis < x.ndim:
            raise axis_error(name, axis, x.shape)
        if kind_of(x.dtype) == "c":
            raise DtypeError(
                f"{name}: expected an ordered dtype; got {x.dtype.name}. "
                "Remedy: take the absolute value or the real part first."
            )
        if x.shape[axis] == 0:
            raise ShapeError(
                f"{name}: axis {axis} of shape {x.shape} is empty, so no position exists. "
                "Remedy: guard the call by the shape, or concatenate a fallback value first."
            )
        return make_aval(x.shape[:axis] + x.shape[axis + 1 :], int64)

    def batch(size: int, args: Any, batched: Any, params: Any) -> Any:
        return op(args[0], axis=params["axis"] + 1)

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


argmax = _position("argmax", "argmax")
argmin = _position("argmin", "argmin")
