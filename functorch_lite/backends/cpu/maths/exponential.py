"""exp, exp2, expm1 and what follows from them: logistic and tanh.

Method: ``x = n*ln2 + r`` with ``abs(r) <= ln2/2``, a polynomial for ``exp(r) - 1``, and a scaling
by ``2**n``. The coefficients are minimax fits (Remez exchange in 45 digits); those for float32 are
rounded in turn and the remaining ones fitted again.
"""

from __future__ import annotations

from functorch_lite.backends.cpu.maths.builder import Builder, Value
from functorch_lite.backends.cpu.maths.parts import (
    horner,
    layout,
    maximum,
    minimum,
    pick,
    power_of_two,
    scale_by_power,
)

# (exp(r) - 1 - r) / r**2 on abs(r) <= ln2/2, best relative to exp(r) - 1.
_EXPM1 = (
    (
        0.4999999701976776,
        0.16666534543037415,
        0.04166771471500397,
        0.008367697708308697,
        0.0013841950567439198,
    ),
    (
        0.5000000000000006,
        0.1666666666666658,
        0.04166666666656943,
        0.00833333333339431,
        0.0013888888934152888,
        0.00019841269711250555,
        2.48015019862842e-05,
        2.7557411371002076e-06,
        2.7627402783545916e-07,
        2.5053719219864465e-08,
    ),
)
# (2**r - 1) / r on abs(r) <= 1/2, best relative to 2**r.
_EXP2 = (
    (
        0.6931472420692444,
        0.24022693932056427,
        0.055502597242593765,
        0.00961229670792818,
        0.0013423652853816748,
        0.00017154822126030922,
    ),
    (
        0.6931471805599453,
        0.2402265069591013,
        0.055504108664820084,
        0.00961812910759412,
        0.0013333558146774586,
        0.00015403530457111687,
        1.5252733493114194e-05,
        1.3215435282494534e-06,
        1.0178199588136588e-07,
        7.073783223489365e-09,
        4.434767826404262e-10,
    ),
)
_LOG2_E = 1.4426950408889634
# ln2 as a float of the type and the rest of it.
LN2_HIGH = (0.6931471824645996, 0.6931471805599453)
LN2_LOW = (-1.9046542121259336e-09, 2.3190468138462996e-17)

# Beyond these exp is 0 or infinite; between them the exponent arithmetic holds.
_EXP_RANGE = ((-104.0, 89.0), (-746.0, 710.0))


def reduce_ln2(b: Builder, x: Value) -> tuple[Value, Value, Value]:
    """``(r, n, shifted)`` with ``x = n*ln2 + r``; ``shifted`` holds n in its low bits."""
    magic = b.const(x, layout(b, x).magic)
    shifted = b.fma(x, b.const(x, _LOG2_E), magic)
    n = b.sub(shifted, magic)
    r = b.fma(n, b.neg(pick(b, x, LN2_HIGH)), x)
    return b.fma(n, b.neg(pick(b, x, LN2_LOW)), r), n, shifted


def expm1_reduced(b: Builder, r: Value) -> Value:
    """``exp(r) - 1`` for ``abs(r) <= ln2/2``; the sign of a zero is lost."""
    tail = horner(b, r, _EXPM1[layout(b, r).index])
    return b.fma(b.mul(r, r), tail, r)


def clamp_to_exp_range(b: Builder, x: Value) -> Value:
    """``x`` moved into the range where exp is neither 0 nor infinite, or just past its ends."""
    low, high = _EXP_RANGE[layout(b, x).index]
    return minimum(b, maximum(b, x, b.const(x, low)), b.const(x, high))


def exp_in_parts(b: Builder, high: Value, low: Value) -> tuple[Value, Value]:
    """``(e, shifted)`` with ``exp(high + low) == (1 + e) * 2**n`` for the n in ``shifted``.

    Args:
        high: a number in the range where exp is neither 0 nor infinite.
        low: an addition that is small next to 1.
    """
    r, _, shifted = reduce_ln2(b, high)
    return expm1_reduced(b, b.add(r, low)), shifted


def exp_of_sum(b: Builder, high: Value, low: Value) -> Value:
    """``exp(high + low)`` for a ``low`` that is small next to 1."""
    e, shifted = exp_in_parts(b, clamp_to_exp_range(b, high), low)
    return scale_by_power(b, b.add(e, b.const(e, 1.0)), shifted)


def exp(b: Builder, x: Value) -> Value:
    """e**x."""
    r, _, shifted = reduce_ln2(b, clamp_to_exp_range(b, x))
    y = b.add(expm1_reduced(b, r), b.const(x, 1.0))
    return scale_by_power(b, y, shifted)


def exp2_reduced(b: Builder, r: Value) -> Value:
    """``2**r`` for ``abs(r) <= 1/2``."""
    return b.fma(r, horner(b, r, _EXP2[layout(b, r).index]), b.const(r, 1.0))


def exp2(b: Builder, x: Value) -> Value:
    """2**x, exact for whole numbers."""
    kind = layout(b, x)
    low, high = ((-151.0, 129.0), (-1076.0, 1025.0))[kind.index]
    x = minimum(b, maximum(b, x, b.const(x, low)), b.const(x, high))
    magic = b.const(x, kind.magic)
    shifted = b.add(x, magic)
    r = b.sub(x, b.sub(shifted, magic))
    return scale_by_power(b, exp2_reduced(b, r), shifted)


def expm1(b: Builder, x: Value) -> Value:
    """e**x - 1, accurate near 0."""
    kind = layout(b, x)
    low, high = ((-18.0, 89.0), (-40.0, 710.0))[kind.index]
    clamped = minimum(b, maximum(b, x, b.const(x, low)), b.const(x, high))
    r, n, shifted = reduce_ln2(b, clamped)
    small = expm1_reduced(b, r)
    # Half of the scale, so that it stays finite where only the answer overflows.
    scale = power_of_two(b, shifted, -1)
    half = b.fma(scale, small, b.sub(scale, b.const(x, 0.5)))
    y = b.select(b.eq(n, b.const(x, 0.0)), small, b.add(half, half))
    return b.copysign(y, x)


def logistic(b: Builder, x: Value) -> Value:
    """1 / (1 + e**-x), accurate on both sides."""
    one = b.const(x, 1.0)
    low = b.const(x, _EXP_RANGE[layout(b, x).index][0])
    r, _, shifted = reduce_ln2(b, maximum(b, b.neg(b.abs(x)), low))
    # e**-abs(x) never overflows, and for x < 0 the answer is e**x / (1 + e**x).
    e = scale_by_power(b, b.add(expm1_reduced(b, r), one), shifted)
    return b.div(b.select(b.lt(x, b.const(x, 0.0)), e, one), b.add(one, e))


def tanh(b: Builder, x: Value) -> Value:
    """The hyperbolic tangent, as ``-e / (2 + e)`` with ``e = exp(-2*abs(x)) - 1``."""
    cap = pick(b, x, (10.0, 20.0))  # past it the answer rounds to 1
    twice = b.mul(minimum(b, b.abs(x), cap), b.const(x, -2.0))
    r, _, shifted = reduce_ln2(b, twice)
    scale = power_of_two(b, shifted)
    e = b.fma(scale, expm1_reduced(b, r), b.sub(scale, b.const(x, 1.0)))
    return b.copysign(b.div(e, b.add(b.const(x, 2.0), e)), x)
