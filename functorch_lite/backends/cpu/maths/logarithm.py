"""log, log2, log10, log1p, logaddexp.

Method: ``x = 2**n * (1 + f)`` with ``1 + f`` between sqrt(1/2) and sqrt(2), and
``log(1 + f) = f + tail``. The tail is a polynomial in f for float32; for float64, where that would
take some twenty terms, it goes through ``s = f / (2 + f)`` and a polynomial in ``s**2``. The
coefficients are minimax fits (Remez exchange in 45 digits).
"""

from __future__ import annotations

import math

from functorch_lite.backends.cpu.maths.builder import Builder, Value
from functorch_lite.backends.cpu.maths.exponential import LN2_HIGH, LN2_LOW, exp_of_sum
from functorch_lite.backends.cpu.maths.parts import (
    horner,
    layout,
    pick,
    split_exponent,
)

# (log(1 + f) - f + f**2/2) / f**3, best relative to log(1 + f).
_TAIL32 = (
    0.3333333134651184,
    -0.250008225440979,
    0.20001260936260223,
    -0.16623345017433167,
    0.14201004803180695,
    -0.1315985471010208,
    0.1276833862066269,
    -0.07644884288311005,
)
# (2*atanh(s)/s - 2) / s**2 as a polynomial in s**2.
_TAIL64 = (
    0.666666666666671,
    0.3999999999952104,
    0.28571428728942905,
    0.22222199121141298,
    0.18183570343084393,
    0.15313186296323728,
    0.1481036967113229,
)
# log2(e), log10(e) and log10(2) as a float of the type and the rest of it.
_LOG2_E = (
    (1.4426950216293335, 1.4426950408889634),
    (1.925963033500011e-08, 2.0355273740931033e-17),
)
_LOG10_E = (
    (0.4342944920063019, 0.4342944819032518),
    (-1.0103049952192578e-08, 1.098319650216765e-17),
)
_LOG10_2 = (
    (0.3010300099849701, 0.3010299956639812),
    (-1.432098883924482e-08, -2.8037281277851704e-18),
)


def log_tail(b: Builder, f: Value) -> Value:
    """``log(1 + f) - f`` for ``1 + f`` between sqrt(1/2) and sqrt(2)."""
    square = b.mul(f, f)
    if layout(b, f).index == 0:
        return b.mul(square, b.fma(f, horner(b, f, _TAIL32), b.const(f, -0.5)))
    s = b.div(f, b.add(f, b.const(f, 2.0)))
    z = b.mul(s, s)
    half = b.mul(square, b.const(f, 0.5))
    return b.fma(s, b.fma(z, horner(b, z, _TAIL64), half), b.neg(half))


def _with_ends(b: Builder, y: Value, x: Value, pole: float) -> Value:
    """``y`` with the values of a logarithm at its ``pole``, below it, and at infinity."""
    edge = b.const(x, pole)
    below = b.select(b.eq(x, edge), b.const(x, -math.inf), b.const(x, math.nan))
    y = b.select(b.gt(x, edge), y, below)
    return b.select(b.eq(x, b.const(x, math.inf)), x, y)


def log_inside(b: Builder, x: Value, denormals: bool = False) -> Value:
    """The natural logarithm of positive finite numbers; anything for others.

    Args:
        denormals: whether x may be subnormal.
    """
    n, m = split_exponent(b, x, denormals)
    f = b.sub(m, b.const(x, 1.0))
    low = b.fma(n, pick(b, x, LN2_LOW), log_tail(b, f))
    return b.fma(n, pick(b, x, LN2_HIGH), b.add(f, low))


def log(b: Builder, x: Value) -> Value:
    """The natural logarithm."""
    return _with_ends(b, log_inside(b, x, denormals=True), x, 0.0)


def _times_log_e(
    b: Builder, f: Value, scale: tuple[tuple[float, float], tuple[float, float]]
) -> Value:
    """``log(1 + f)`` times a constant given as a high and a low part."""
    high, low = pick(b, f, scale[0]), pick(b, f, scale[1])
    return b.fma(f, high, b.fma(f, low, b.mul(log_tail(b, f), high)))


def log2(b: Builder, x: Value) -> Value:
    """The logarithm to base 2, exact for powers of two."""
    n, m = split_exponent(b, x)
    f = b.sub(m, b.const(x, 1.0))
    return _with_ends(b, b.add(n, _times_log_e(b, f, _LOG2_E)), x, 0.0)


def log10(b: Builder, x: Value) -> Value:
    """The logarithm to base 10."""
    n, m = split_exponent(b, x)
    f = b.sub(m, b.const(x, 1.0))
    low = b.fma(n, pick(b, x, _LOG10_2[1]), _times_log_e(b, f, _LOG10_E))
    return _with_ends(b, b.fma(n, pick(b, x, _LOG10_2[0]), low), x, 0.0)


def log1p_inside(b: Builder, x: Value) -> Value:
    """``log(1 + x)`` for finite ``x > -1``; NaN for NaN, and the sign of a zero is lost."""
    kind = layout(b, x)
    total = b.add(x, b.const(x, 1.0))
    n, _ = split_exponent(b, total, denormals=False)
    # f = (1 + x) / 2**n - 1 from x itself, rounded once. Four times that, so that 4 / 2**n is a
    # normal number for the largest n; n = 0 gives x exactly.
    i = b.add(b.bitcast_int(total), b.int_const(x, kind.one - kind.sqrt_half))
    i = b.bit_and(i, b.int_const(x, -1 << kind.mantissa))
    scale = b.sub(b.int_const(x, (2 * kind.bias + 2) << kind.mantissa), i)
    scale = b.bitcast_float(scale, x)
    four = b.fma(x, scale, b.sub(scale, b.const(x, 4.0)))
    f = b.mul(four, b.const(x, 0.25))
    low = b.fma(n, pick(b, x, LN2_LOW), log_tail(b, f))
    return b.fma(n, pick(b, x, LN2_HIGH), b.add(f, low))


def log1p(b: Builder, x: Value) -> Value:
    """log(1 + x), accurate near 0."""
    return b.copysign(_with_ends(b, log1p_inside(b, x), x, -1.0), x)


def logaddexp(b: Builder, x: Value, y: Value) -> Value:
    """log(e**x + e**y) without overflow; equal infinities give themselves."""
    larger = b.gt(x, y)
    top, bottom = b.select(larger, x, y), b.select(larger, y, x)
    gap = b.sub(bottom, top)
    # What rounding the gap took. Exact where bottom is the larger in size, else it matters little.
    rest = b.sub(b.sub(bottom, gap), top)
    rest = b.select(b.gt(gap, b.const(x, -1000.0)), rest, b.const(x, 0.0))
    gap = b.select(b.eq(x, y), b.const(x, 0.0), gap)
    return b.add(top, log1p_inside(b, exp_of_sum(b, gap, rest)))
