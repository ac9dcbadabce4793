"""Pieces that the maths functions share: polynomials, exponents, and sums of two floats.

Names used throughout: a *shifted* value is ``x + magic``, where ``magic`` is so large that the sum
rounds to a whole number, whose two's complement then sits in the low bits of the sum. This gives
the rounded float and the integer together, works for NaN (the integer is garbage, not undefined),
and needs no conversion instruction, which AVX2 lacks for 64-bit integers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from functorch_lite.backends.cpu.maths.builder import Builder, Value


@dataclass(frozen=True)
class Layout:
    """The bit layout of a float type.

    Attributes:
        index: 0 for float32, 1 for float64; picks from pairs of per-type numbers.
        mantissa: number of stored mantissa bits.
        bias: exponent bias.
        magic: adding it to a small float rounds that to a whole number.
        tiny: the smallest normal number.
    """

    index: int
    mantissa: int
    bias: int
    magic: float
    tiny: float

    @property
    def one(self) -> int:
        """The bits of 1.0."""
        return self.bias << self.mantissa

    @property
    def mantissa_mask(self) -> int:
        return (1 << self.mantissa) - 1

    @property
    def sqrt_half(self) -> int:
        """The bits of sqrt(0.5), rounded down."""
        return (0x3F3504F3, 0x3FE6A09E667F3BCC)[self.index]


_LAYOUTS = {
    np.dtype(np.float32): Layout(0, 23, 127, 1.5 * 2.0**23, 2.0**-126),
    np.dtype(np.float64): Layout(1, 52, 1023, 1.5 * 2.0**52, 2.0**-1022),
}


def layout(b: Builder, x: Value) -> Layout:
    """The layout of the float type of ``x``."""
    return _LAYOUTS[np.dtype(b.dtype(x))]


def pick(b: Builder, x: Value, pair: tuple[float, float]) -> Value:
    """The constant of ``pair`` that belongs to the type of ``x``: (float32, float64)."""
    return b.const(x, pair[layout(b, x).index])


def horner(b: Builder, x: Value, coefficients: Sequence[float]) -> Value:
    """The polynomial with these coefficients, lowest power first."""
    total = b.const(x, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        total = b.fma(total, x, b.const(x, coefficient))
    return total


def minimum(b: Builder, x: Value, bound: Value) -> Value:
    """The smaller of the two; NaN where ``x`` is NaN."""
    return b.select(b.lt(bound, x), bound, x)


def maximum(b: Builder, x: Value, bound: Value) -> Value:
    """The larger of the two; NaN where ``x`` is NaN."""
    return b.select(b.gt(bound, x), bound, x)


# ---------------------------------------------------------------------------------------- exponents
def exponent_bits(b: Builder, shifted: Value) -> Value:
    """The whole number in a shifted value, moved to the exponent field."""
    i = b.bitcast_int(shifted)
    return b.shl(i, b.int_const(shifted, layout(b, shifted).mantissa))


def power_of_two(b: Builder, shifted: Value, offset: int = 0) -> Value:
    """``2**(n + offset)`` for the whole number n in a shifted value; the result must be normal."""
    kind = layout(b, shifted)
    one = b.int_const(shifted, kind.one + (offset << kind.mantissa))
    return b.bitcast_float(b.add(exponent_bits(b, shifted), one), shifted)


def scale_by_power(b: Builder, y: Value, shifted: Value) -> Value:
    """``y * 2**n`` for the whole number n in a shifted value, into the subnormal range and past it.

    Two factors of about half the exponent; for y of ordinary size only the last product rounds.
    """
    kind = layout(b, y)
    i = b.bitcast_int(shifted)
    one = b.int_const(y, kind.one)
    half = b.shl(i, b.int_const(y, kind.mantissa - 1))
    half = b.bit_and(half, b.int_const(y, -1 << kind.mantissa))
    rest = b.sub(b.shl(i, b.int_const(y, kind.mantissa)), half)
    y = b.mul(y, b.bitcast_float(b.add(half, one), y))
    return b.mul(y, b.bitcast_float(b.add(rest, one), y))


def split_exponent(b: Builder, x: Value, denormals: bool = True) -> tuple[Value, Value]:
    """``(n, m)`` with ``x == 2**n * m`` and m in [sqrt(1/2), sqrt(2)), both floats.

    Args:
        x: positive and finite; for anything else the answer is a meaningless pair.
        denormals: whether x may be subnormal.
    """
    kind = layout(b, x)
    whole = 2.0**kind.mantissa
    offset = b.const(x, whole + kind.bias)
    if denormals:
        lift = kind.mantissa + 2
        small = b.lt(x, b.const(x, kind.tiny))
        x = b.select(small, b.mul(x, b.const(x, 2.0**lift)), x)
        offset = b.select(small, b.const(x, whole + kind.bias + lift), offset)
    i = b.add(b.bitcast_int(x), b.int_const(x, kind.one - kind.sqrt_half))
    exponent = b.lshr(i, b.int_const(x, kind.mantissa))
    # Or-ing a small integer into the bits of 2**mantissa adds it to that number.
    exponent = b.bit_or(exponent, b.int_const(x, (kind.bias + kind.mantissa) << kind.mantissa))
    n = b.sub(b.bitcast_float(exponent, x), offset)
    m = b.add(b.bit_and(i, b.int_const(x, kind.mantissa_mask)), b.int_const(x, kind.sqrt_half))
    return n, b.bitcast_float(m, x)


# ------------------------------------------------------------------------------- sums of two floats
def two_sum(b: Builder, x: Value, y: Value) -> tuple[Value, Value]:
    """``x + y`` as a rounded sum and its exact error."""
    total = b.add(x, y)
    part = b.sub(total, x)
    return total, b.add(b.sub(x, b.sub(total, part)), b.sub(y, part))


def quick_two_sum(b: Builder, x: Value, y: Value) -> tuple[Value, Value]:
    """``two_sum`` for ``abs(x) >= abs(y)``."""
    total = b.add(x, y)
    return total, b.sub(y, b.sub(total, x))


def two_product(b: Builder, x: Value, y: Value) -> tuple[Value, Value]:
    """``x * y`` as a rounded product and its exact error, where nothing underflows."""
    product = b.mul(x, y)
    return product, b.fma(x, y, b.neg(product))
