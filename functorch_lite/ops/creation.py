"""Arrays made from nothing: a constant fill and a counter along an axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.core.aval import Aval, make_aval
from functorch_lite.errors import DtypeError, ShapeError
from functorch_lite.ops.families import axis_error, define


def _check_shape(name: str, shape: tuple[int, ...]) -> None:
    if any(n < 0 for n in shape):
        raise ShapeError(f"{name}: expected sizes of at least 0; got shape {shape}.")


def _never_batched(size: int, args: Any, batched: Any, params: Any) -> Any:
    raise AssertionError("an op without operands cannot be batched")


def _full(xp: Any, *, shape: tuple[int, ...], dtype: Any, value: Any) -> Any:
    out = xp.empty(shape, dtype)
    out[...] = value
    return out


def _full_aval(*, shape: tuple[int, ...], dtype: Any, value: Any) -> Aval:
    _check_shape("full", shape)
    if isinstance(value, int) and dtype.kind in "iu":
        limits = np.iinfo(dtype)
        if not limits.min <= value <= limits.max:
            raise DtypeError(
                f"full: expected a value between {limits.min} and {limits.max}, the range of "
                f"{dtype.name}; got {value}. Remedy: fill a wider dtype and cast, which wraps."
            )
    return make_aval(shape, dtype)


full = define(
    "full",
    operands=(),
    eager=_full,
    aval=_full_aval,
    jvp=(),
    vjp=(),
    batch=_never_batched,
)


def _iota(xp: Any, *, shape: tuple[int, ...], dtype: Any, axis: int) -> Any:
    # Counting in int64 first: arange has no bool, and 16-bit floats would round along the way.
    line = xp.arange(shape[axis]).astype(dtype)
    line = line.reshape([-1 if i == axis else 1 for i in range(len(shape))])
    return xp.broadcast_to(line, shape)


def _iota_aval(*, shape: tuple[int, ...], dtype: Any, axis: int) -> Aval:
    _check_shape("iota", shape)
    if not 0 <= axis < len(shape):
        raise axis_error("iota", axis, shape)
    return make_aval(shape, dtype)


iota = define(
    "iota",
    operands=(),
    eager=_iota,
    aval=_iota_aval,
    jvp=(),
    vjp=(),
    batch=_never_batched,
)
