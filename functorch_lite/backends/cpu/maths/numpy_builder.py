"""The primitive operations on NumPy arrays: the maths functions without LLVM."""

from __future__ import annotations

from typing import Any

import numpy as np

_INTEGERS: dict[Any, tuple[np.dtype[Any], np.dtype[Any]]] = {
    np.dtype(np.float32): (np.dtype(np.int32), np.dtype(np.uint32)),
    np.dtype(np.float64): (np.dtype(np.int64), np.dtype(np.uint64)),
}
_SPLITTER = 2.0**27 + 1


def _product_error(x: Any, y: Any, product: Any) -> Any:
    """The exact ``x * y - product`` of float64 arrays in the middle of their range (Dekker)."""
    big = _SPLITTER * x
    x_high = big - (big - x)
    x_low = x - x_high
    big = _SPLITTER * y
    y_high = big - (big - y)
    y_low = y - y_high
    return ((x_high * y_high - product) + x_high * y_low + x_low * y_high) + x_low * y_low


def _fma_middle(x: Any, y: Any, z: Any) -> Any:
    product = x * y
    error = _product_error(x, y, product)
    total = product + z
    part = total - product
    rest = (product - (total - part)) + (z - part)
    return total + (rest + error)


def fma64(x: Any, y: Any, z: Any) -> Any:
    """``x * y + z`` of float64 arrays, rounded once but for rare ties between two neighbours.

    Products near the ends of the range are taken on mantissas alone and scaled back, which may
    round a subnormal answer twice.
    """
    x, y, z = np.broadcast_arrays(
        np.asarray(x, np.float64), np.asarray(y, np.float64), np.asarray(z, np.float64)
    )
    plain = x * y + z
    with np.errstate(all="ignore"):
        answer = _fma_middle(x, y, z)
    largest = np.maximum(np.maximum(abs(x), abs(y)), np.maximum(abs(x * y), abs(z)))
    smallest = abs(x * y)
    ordinary = (largest < 2.0**960) & (smallest > 2.0**-900)
    answer = np.where(ordinary, answer, plain)
    rest = ~ordinary & np.isfinite(x) & np.isfinite(y) & np.isfinite(z) & (x != 0) & (y != 0)
    rest = np.flatnonzero(rest.reshape(-1))
    if rest.size:
        (mx, ex), (my, ey) = np.frexp(x.reshape(-1)[rest]), np.frexp(y.reshape(-1)[rest])
        mz, ez = np.frexp(z.reshape(-1)[rest])
        shift = ex + ey
        gap = np.where(mz == 0, 0, ez - shift)
        # A z that is far larger swallows the product, one far smaller only breaks ties.
        scaled = np.ldexp(_fma_middle(mx, my, np.ldexp(mz, np.clip(gap, -300, 300))), shift)
        scaled = np.where(gap > 200, z.reshape(-1)[rest], scaled)
        answer = answer.copy()
        answer.reshape(-1)[rest] = scaled
    return answer


class NumpyBuilder:
    """A `Builder` whose values are NumPy arrays; constants are arrays of no dimensions.

    Example:
        >>> import numpy as np
        >>> from functorch_lite.backends.cpu.maths import FUNCTIONS
        >>> FUNCTIONS["exp"](NumpyBuilder(), np.array([0.0, 1.0]))
        array([1.        , 2.71828183])
    """

    def dtype(self, x: Any) -> np.dtype[Any]:
        return np.dtype(x.dtype)

    def const(self, like: Any, number: float) -> Any:
        return np.asarray(number, like.dtype)

    def int_const(self, like: Any, number: int) -> Any:
        signed, unsigned = _INTEGERS[like.dtype]
        bits = 8 * int(like.dtype.itemsize)
        return np.asarray(number % (1 << bits), unsigned).view(signed)

    def add(self, x: Any, y: Any) -> Any:
        return np.add(x, y)

    def sub(self, x: Any, y: Any) -> Any:
        return np.subtract(x, y)

    def mul(self, x: Any, y: Any) -> Any:
        return np.multiply(x, y)

    def div(self, x: Any, y: Any) -> Any:
        return np.divide(x, y)

    def fma(self, x: Any, y: Any, z: Any) -> Any:
        if x.dtype == np.float32:
            wide = np.multiply(x, y, dtype=np.float64) + z
            return wide.astype(np.float32)
        return fma64(x, y, z)

    def neg(self, x: Any) -> Any:
        return np.negative(x)

    def abs(self, x: Any) -> Any:
        return np.abs(x)

    def sqrt(self, x: Any) -> Any:
        return np.sqrt(x)

    def floor(self, x: Any) -> Any:
        return np.floor(x)

    def rint(self, x: Any) -> Any:
        return np.rint(x)

    def trunc(self, x: Any) -> Any:
        return np.trunc(x)

    def copysign(self, x: Any, y: Any) -> Any:
        return np.copysign(x, y)

    def lt(self, x: Any, y: Any) -> Any:
        return np.less(x, y)

    def le(self, x: Any, y: Any) -> Any:
        return np.less_equal(x, y)

    def gt(self, x: Any, y: Any) -> Any:
        return np.greater(x, y)

    def ge(self, x: Any, y: Any) -> Any:
        return np.greater_equal(x, y)

    def eq(self, x: Any, y: Any) -> Any:
        return np.equal(x, y)

    def ne(self, x: Any, y: Any) -> Any:
        return np.not_equal(x, y)

    def logical_and(self, x: Any, y: Any) -> Any:
        return np.logical_and(x, y)

    def logical_or(self, x: Any, y: Any) -> Any:
        return np.logical_or(x, y)

    def logical_not(self, x: Any) -> Any:
        return np.logical_not(x)

    def select(self, c: Any, x: Any, y: Any) -> Any:
        return np.where(c, x, y)

    def bit_and(self, x: Any, y: Any) -> Any:
        return np.bitwise_and(x, y)

    def bit_or(self, x: Any, y: Any) -> Any:
        return np.bitwise_or(x, y)

    def bit_xor(self, x: Any, y: Any) -> Any:
        return np.bitwise_xor(x, y)

    def shl(self, x: Any, y: Any) -> Any:
        return np.left_shift(x, y)

    def shr(self, x: Any, y: Any) -> Any:
        return np.right_shift(x, y)

    def lshr(self, x: Any, y: Any) -> Any:
        unsigned = np.dtype(f"u{x.dtype.itemsize}")
        return np.right_shift(x.view(unsigned), y.view(unsigned)).view(x.dtype)

    def bitcast_int(self, x: Any) -> Any:
        return x.view(_INTEGERS[x.dtype][0])

    def bitcast_float(self, i: Any, like: Any) -> Any:
        return i.view(like.dtype)

    def to_int(self, x: Any) -> Any:
        return x.astype(_INTEGERS[x.dtype][0])

    def to_float(self, i: Any, like: Any) -> Any:
        return i.astype(like.dtype)

    def widen(self, x: Any) -> Any:
        return x.astype(np.float64)

    def narrow(self, x: Any) -> Any:
        return x.astype(np.float32)
