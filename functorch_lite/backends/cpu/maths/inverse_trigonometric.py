"""asin, acos, atan and atan2.

Method: asin and acos by a polynomial up to 1/2 and by the half-angle formula above; atan by moving
the angle by pi/4 or pi/2 so that its tangent is at most tan(pi/8). The coefficients are minimax
fits (Remez exchange in 60 digits), each rounded in turn and the remaining ones fitted again.
"""

from __future__ import annotations

import math

from functorch_lite.backends.cpu.maths.builder import Builder, Value
from functorch_lite.backends.cpu.maths.parts import horner, layout, pick

# (asin(s)/s - 1) / s**2 as a polynomial in s**2, for s**2 <= 1/4.
_ASIN = (
    (
        0.16666731238365173,
        0.07495956867933273,
        0.04540148749947548,
        0.024475717917084694,
        0.04171565920114517,
    ),
    (
        0.1666666666666541,
        0.0750000000033662,
        0.04464285682858679,
        0.03038195912810483,
        0.022371758233216545,
        0.017359702331624025,
        0.013885257069715789,
        0.012169082149580927,
        0.006528492346722492,
        0.019526947410308318,
        -0.016222314819192903,
        0.03191101990310893,
    ),
)
# (atan(t)/t - 1) / t**2 as a polynomial in t**2, for abs(t) <= tan(pi/8).
_ATAN = (
    (-0.33332955837249756, 0.19977939128875732, -0.13879802823066711, 0.08059199899435043),
    (
        -0.3333333333333021,
        0.1999999999910312,
        -0.14285714196393762,
        0.11111106697940304,
        -0.09090783394645,
        0.0769008143221061,
        -0.06641229210244932,
        0.05693073076029313,
        -0.04360549536044793,
        0.02127658356567548,
    ),
)
# pi/2 as a float of the type and the rest of it.
_HALF_PI_HIGH = (1.5707963705062866, 1.5707963267948966)
_HALF_PI_LOW = (-4.371138828673793e-08, 6.123233995736766e-17)
_TAN_EIGHTH = math.sqrt(2.0) - 1.0


def _half_pi_minus(b: Builder, y: Value) -> Value:
    return b.sub(pick(b, y, _HALF_PI_HIGH), b.sub(y, pick(b, y, _HALF_PI_LOW)))


def _asin_or_half(b: Builder, size: Value) -> tuple[Value, Value]:
    """``(small, p)``: asin(size) if ``small``, else half of acos(size)."""
    half = b.const(size, 0.5)
    small = b.le(size, half)
    square = b.select(small, b.mul(size, size), b.fma(size, b.neg(half), half))
    s = b.select(small, size, b.sqrt(square))
    return small, b.fma(b.mul(s, square), horner(b, square, _ASIN[layout(b, size).index]), s)


def asin(b: Builder, x: Value) -> Value:
    """The inverse sine, in [-pi/2, pi/2]; NaN past 1."""
    small, p = _asin_or_half(b, b.abs(x))
    return b.copysign(b.select(small, p, _half_pi_minus(b, b.add(p, p))), x)


def acos(b: Builder, x: Value) -> Value:
    """The inverse cosine, in [0, pi]; NaN past 1."""
    small, p = _asin_or_half(b, b.abs(x))
    from_middle = _half_pi_minus(b, b.copysign(p, x))
    half = b.select(b.lt(x, b.const(x, 0.0)), _half_pi_minus(b, p), p)
    return b.select(small, from_middle, b.add(half, half))


def _angle(b: Builder, rise: Value, run: Value) -> Value:
    """The angle, in [0, pi/2], whose tangent is ``rise / run``; neither is negative."""
    zero = b.const(rise, 0.0)
    eighth = b.const(rise, _TAN_EIGHTH)
    low = b.le(rise, b.mul(run, eighth))
    high = b.lt(run, b.mul(rise, eighth))
    top = b.select(low, rise, b.select(high, b.neg(run), b.sub(rise, run)))
    below = b.select(low, run, b.select(high, rise, b.add(rise, run)))
    index = layout(b, rise).index
    t = b.div(top, below)
    square = b.mul(t, t)
    part = b.fma(b.mul(t, square), horner(b, square, _ATAN[index]), t)

    def offset(half_pi: float) -> Value:
        moved = b.select(high, b.const(rise, half_pi), b.const(rise, half_pi / 2))
        return b.select(low, zero, moved)

    part = b.add(part, offset(_HALF_PI_LOW[index]))
    return b.add(offset(_HALF_PI_HIGH[index]), part)


def atan(b: Builder, x: Value) -> Value:
    """The inverse tangent, in [-pi/2, pi/2]."""
    return b.copysign(_angle(b, b.abs(x), b.const(x, 1.0)), x)


def atan2(b: Builder, y: Value, x: Value) -> Value:
    """The angle of the point (x, y), in [-pi, pi], with the signs of zeros as in C."""
    kind = layout(b, x)
    zero, one, infinity = b.const(x, 0.0), b.const(x, 1.0), b.const(x, math.inf)
    rise, run = b.abs(y), b.abs(x)
    larger = b.select(b.gt(rise, run), rise, run)
    # Away from both ends of the range, so that sums do not overflow and products keep their bits.
    top = 2.0 ** (kind.bias - 20)
    scale = b.select(
        b.gt(larger, b.const(x, top)),
        b.const(x, 2.0**-30),
        b.select(b.lt(larger, b.const(x, 1.0 / top)), b.const(x, 2.0**60), one),
    )
    both = b.logical_and(b.eq(rise, infinity), b.eq(run, infinity))
    rise = b.select(both, one, b.mul(rise, scale))
    run = b.select(both, one, b.mul(run, scale))
    run = b.select(b.eq(larger, zero), one, run)
    angle = _angle(b, rise, run)
    half_pi, low = pick(b, x, _HALF_PI_HIGH), pick(b, x, _HALF_PI_LOW)
    behind = b.sub(b.add(half_pi, half_pi), b.sub(angle, b.add(low, low)))
    left = b.lt(b.copysign(one, x), zero)
    return b.copysign(b.select(left, behind, angle), y)
