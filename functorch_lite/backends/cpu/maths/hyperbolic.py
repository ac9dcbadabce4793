"""sinh, cosh and the inverse hyperbolic functions.

Method of sinh and cosh: with ``abs(x) = n*ln2 + r``, the addition theorems, which need the two
functions of ``n*ln2``, that is half the sum and difference of 2**n and 2**-n, and two short
polynomials for those of r. The inverses go through log1p. The coefficients are minimax fits (Remez
exchange in 60 digits), each rounded in turn and the remaining ones fitted again.
"""

from __future__ import annotations

import math

from functorch_lite.backends.cpu.maths.builder import Builder, Value
from functorch_lite.backends.cpu.maths.exponential import reduce_ln2
from functorch_lite.backends.cpu.maths.logarithm import log1p_inside
from functorch_lite.backends.cpu.maths.parts import (
    exponent_bits,
    horner,
    layout,
    minimum,
    pick,
    power_of_two,
)

# (sinh(r) - r) / r**3 and (cosh(r) - 1) / r**2 as polynomials in r**2, for abs(r) <= ln2/2.
_SINH = (
    (0.16666537523269653, 0.008367292582988739),
    (
        0.16666666666666674,
        0.008333333333322935,
        0.00019841269883989554,
        2.755724549275779e-06,
        2.5108828596098214e-08,
    ),
)
_COSH = (
    (0.5, 0.04166645184159279, 0.001393627026118338),
    (
        0.5000000000000011,
        0.041666666666521864,
        0.0013888888946518095,
        2.4801489583938347e-05,
        2.7631645539461013e-07,
    ),
)
_LN2 = math.log(2.0)


def _in_quarters(b: Builder, x: Value) -> tuple[Value, Value, Value, Value, Value]:
    """``(n, up, down, sinh(r), cosh(r) - 1)`` with ``up``, ``down`` a quarter of 2**n and 2**-n.

    Quarters, because sinh and cosh are finite for some x where 2**n is not.
    """
    kind = layout(b, x)
    size = minimum(b, b.abs(x), pick(b, x, (89.5, 710.5)))
    r, n, shifted = reduce_ln2(b, size)
    up = power_of_two(b, shifted, -2)
    down = b.sub(b.int_const(x, kind.one - (2 << kind.mantissa)), exponent_bits(b, shifted))
    down = b.bitcast_float(down, x)
    # It is not normal for the largest n, and does not count long before that.
    down = b.select(b.lt(n, b.const(x, 100.0)), down, b.const(x, 0.0))
    square = b.mul(r, r)
    sinh_r = b.fma(b.mul(r, square), horner(b, square, _SINH[kind.index]), r)
    cosh_r = b.mul(square, horner(b, square, _COSH[kind.index]))
    return n, up, down, sinh_r, cosh_r


def sinh(b: Builder, x: Value) -> Value:
    """The hyperbolic sine."""
    n, up, down, sinh_r, cosh_r = _in_quarters(b, x)
    difference = b.sub(up, down)
    half = b.fma(sinh_r, b.add(up, down), b.fma(difference, cosh_r, difference))
    y = b.select(b.eq(n, b.const(x, 0.0)), sinh_r, b.add(half, half))
    return b.copysign(y, x)


def cosh(b: Builder, x: Value) -> Value:
    """The hyperbolic cosine."""
    _, up, down, sinh_r, cosh_r = _in_quarters(b, x)
    total = b.add(up, down)
    half = b.fma(sinh_r, b.sub(up, down), b.fma(total, cosh_r, total))
    return b.add(half, half)


def _huge(b: Builder, x: Value) -> Value:
    """Whether 1 is nothing next to x, and the square of x may overflow."""
    return b.gt(x, pick(b, x, (2.0**30, 2.0**60)))


def asinh(b: Builder, x: Value) -> Value:
    """The inverse of sinh: ``log1p(a + a**2 / (1 + sqrt(a**2 + 1)))`` for ``a = abs(x)``."""
    one = b.const(x, 1.0)
    size = b.abs(x)
    huge = _huge(b, size)
    root = b.sqrt(b.fma(size, size, one))
    u = b.add(size, b.div(b.mul(size, size), b.add(root, one)))
    y = log1p_inside(b, b.select(huge, size, u))
    y = b.add(y, b.select(huge, b.const(x, _LN2), b.const(x, 0.0)))
    infinity = b.const(x, math.inf)
    return b.copysign(b.select(b.eq(size, infinity), infinity, y), x)


def acosh(b: Builder, x: Value) -> Value:
    """The inverse of cosh: ``log1p(t + sqrt(t**2 + 2*t))`` for ``t = x - 1``; NaN below 1."""
    one = b.const(x, 1.0)
    huge = _huge(b, x)
    t = b.sub(x, one)
    u = b.add(t, b.sqrt(b.fma(t, t, b.add(t, t))))
    y = log1p_inside(b, b.select(huge, x, u))
    y = b.add(y, b.select(huge, b.const(x, _LN2), b.const(x, 0.0)))
    y = b.select(b.eq(x, b.const(x, math.inf)), x, y)
    return b.select(b.ge(x, one), y, b.const(x, math.nan))


def atanh(b: Builder, x: Value) -> Value:
    """The inverse of tanh: half of ``log1p(2*a / (1 - a))`` for ``a = abs(x)``."""
    one = b.const(x, 1.0)
    size = b.abs(x)
    u = b.div(b.add(size, size), b.sub(one, size))
    y = b.mul(log1p_inside(b, u), b.const(x, 0.5))
    at_end = b.select(b.eq(size, one), b.const(x, math.inf), b.const(x, math.nan))
    return b.copysign(b.select(b.lt(size, one), y, at_end), x)
