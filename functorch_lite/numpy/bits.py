"""Bits and divisors: packed Booleans, gaps between floats, common divisors and multiples."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from functorch_lite import ops
from functorch_lite.core.array import Array
from functorch_lite.core.dtypes import is_integer, uint8
from functorch_lite.errors import DtypeError
from functorch_lite.numpy.convert import (
    as_array,
    as_axis,
    asarray,
    cast,
    const,
    promote,
    to_inexact,
)
from functorch_lite.numpy.creation import arange
from functorch_lite.numpy.joining import pad
from functorch_lite.numpy.reductions import sum as total
from functorch_lite.numpy.shapes import moveaxis, ravel

__all__ = ["gcd", "lcm", "packbits", "spacing", "unpackbits"]


def _integers(x: Any, y: Any, fun: str) -> list[Array]:
    arrays: list[Array] = promote(x, y, fun=fun)
    if not is_integer(arrays[0].dtype):
        raise DtypeError(f"{fun}: expected integers, got {arrays[0].dtype.name}.")
    return arrays


def gcd(x1: Any, x2: Any) -> Array:
    """The greatest common divisor, never negative.

    Args:
        x1, x2: integer arrays or numbers of shapes that broadcast.

    >>> gcd(12, -18)
    Array(6, dtype=int64)
    """
    found: Array = ops.gcd(*_integers(x1, x2, "gcd"))
    return found


def lcm(x1: Any, x2: Any) -> Array:
    """The least common multiple, never negative; 0 where one is 0.

    Args:
        x1, x2: integer arrays or numbers of shapes that broadcast.

    >>> lcm(4, -6)
    Array(12, dtype=int64)
    """
    x, y = _integers(x1, x2, "lcm")
    # Of two zeros the divisor is 0, by which integers divide to 0.
    found: Array = ops.mul(ops.abs(x), ops.abs(ops.floor_divide(y, ops.gcd(x, y))))
    return found


def spacing(x: Any) -> Array:
    """The distance to the next float away from zero, of x's sign.

    Args:
        x: real array or number.

    Returns:
        float array, NaN where x is not finite.

    >>> float(spacing(1.0)) == 2.0**-23
    True
    """
    x = to_inexact(x, "spacing")
    away = ops.copysign(const(np.inf, x.dtype), x)
    step = ops.sub(ops.nextafter(x, away), x)
    # At the largest float it is infinite; its spacing is the one below.
    inward = ops.sub(x, ops.nextafter(x, const(0.0, x.dtype)))
    found: Array = ops.select(ops.isinf(step), inward, step)
    return ops.select(ops.isfinite(x), found, const(np.nan, x.dtype))


def _bit_order(bitorder: str, fun: str) -> Array:
    if bitorder not in ("big", "little"):
        raise ValueError(f"{fun}: bitorder must be 'big' or 'little', got {bitorder!r}.")
    return arange(7, -1, -1) if bitorder == "big" else arange(8)


def packbits(a: Any, axis: int | None = None, bitorder: str = "big") -> Array:
    """Eight Booleans in one uint8.

    Args:
        a: bool or integer array; what is not 0 is a 1.
        axis: the axis to pack along; None flattens.
        bitorder: whether the first of eight is the highest bit, ``big``, or the lowest, ``little``.

    Returns:
        uint8 array, one eighth as long along the axis, rounded up.

    Raises:
        DtypeError: floats.

    >>> packbits(np.array([1, 0, 0, 0, 0, 0, 0, 1, 1]))
    Array([129, 128], dtype=uint8)
    """
    x = as_array(asarray(a), "packbits", "a")
    if x.dtype.kind not in "biu":
        raise DtypeError(f"packbits: expected bools or integers, got {x.dtype.name}.")
    places = cast(_bit_order(bitorder, "packbits"), uint8)
    if axis is None:
        x, axis = ravel(x), 0
    axis = as_axis(axis, x.ndim, "packbits")
    bits = moveaxis(cast(ops.ne(x, const(0, x.dtype)), uint8), axis, -1)
    n = bits.shape[-1]
    bits = pad(bits, [(0, 0)] * (bits.ndim - 1) + [(0, -n % 8)])
    bits = bits.reshape(*bits.shape[:-1], -(-n // 8), 8)
    return moveaxis(total(ops.shift_left(bits, places), axis=-1, dtype=uint8), -1, axis)


def unpackbits(
    a: Any, axis: int | None = None, count: int | None = None, bitorder: str = "big"
) -> Array:
    """The eight bits of each uint8.

    Args:
        a: uint8 array.
        axis: the axis to unpack along; None flattens.
        count: how many bits to keep; negative drops from the end, more are zeros.
        bitorder: as of :func:`packbits`.

    Returns:
        uint8 array of zeros and ones.

    Raises:
        DtypeError: another dtype.

    >>> unpackbits(np.array([129], "uint8"))
    Array([1, 0, 0, 0, 0, 0, 0, 1], dtype=uint8)
    """
    x = as_array(asarray(a), "unpackbits", "a")
    if x.dtype != uint8:
        raise DtypeError(
            f"unpackbits: expected uint8, got {x.dtype.name}. Remedy: x.astype('uint8')."
        )
    places = cast(_bit_order(bitorder, "unpackbits"), uint8)
    if axis is None:
        x, axis = ravel(x), 0
    axis = as_axis(axis, x.ndim, "unpackbits")
    moved = moveaxis(x, axis, -1)
    bits = ops.bitwise_and(ops.shift_right(moved[..., None], places), const(1, uint8))
    bits = bits.reshape(*moved.shape[:-1], 8 * moved.shape[-1])
    n = bits.shape[-1]
    if count is not None:
        kept = operator.index(count)
        kept = max(n + kept, 0) if kept < 0 else kept
        bits = bits[..., :kept]
        bits = pad(bits, [(0, 0)] * (bits.ndim - 1) + [(0, max(kept - n, 0))])
    return moveaxis(bits, -1, axis)
