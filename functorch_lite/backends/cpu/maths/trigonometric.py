"""sin, cos and tan, for every angle or, cheaper, for angles up to a limit.

Method: reduction to ``abs(r) <= pi/4`` (`quadrants`), then one polynomial each for the sine and the
cosine of r, chosen and signed by the quadrant. The coefficients are minimax fits (Remez exchange in
45 digits) a little past pi/4, each rounded in turn and the remaining ones fitted again.
"""

from __future__ import annotations

from collections.abc import Callable

from functorch_lite.backends.cpu.maths.builder import Builder, Value
from functorch_lite.backends.cpu.maths.parts import horner, layout
from functorch_lite.backends.cpu.maths.quadrants import reduce_any, reduce_moderate

Reduction = Callable[[Builder, Value], tuple[Value, Value]]

# (sin(r) - r) / r**3 as a polynomial in r**2.
_SIN = (
    (-0.16666653752326965, 0.008332100696861744, -0.0001950668665813282),
    (
        -0.16666666666666638,
        0.00833333333332201,
        -0.00019841269828671632,
        2.7557313114000955e-06,
        -2.5050648372859176e-08,
        1.5889675536172263e-10,
    ),
)
# (cos(r) - 1) / r**2 as a polynomial in r**2.
_COS = (
    (-0.5, 0.04166664183139801, -0.0013887147651985288, 2.4415316147496924e-05),
    (
        -0.5,
        0.04166666666666658,
        -0.0013888888888870477,
        2.4801587287219976e-05,
        -2.7557313702684906e-07,
        2.0875635441520937e-09,
        -1.1355122756765e-11,
    ),
)


def _sin_reduced(b: Builder, r: Value, square: Value) -> Value:
    return b.fma(b.mul(r, square), horner(b, square, _SIN[layout(b, r).index]), r)


def _cos_reduced(b: Builder, r: Value, square: Value) -> Value:
    return b.fma(square, horner(b, square, _COS[layout(b, r).index]), b.const(r, 1.0))


def _is_odd(b: Builder, quadrant: Value, like: Value) -> Value:
    """Whether the lowest bit is set: as the sign of plus or minus 1."""
    kind = layout(b, like)
    width = kind.mantissa + (9, 12)[kind.index]
    i = b.shl(quadrant, b.int_const(like, width - 1))
    signed_one = b.bitcast_float(b.bit_or(i, b.int_const(like, kind.one)), like)
    return b.lt(signed_one, b.const(like, 0.0))


def _sign_of_half_turn(b: Builder, quadrant: Value, like: Value) -> Value:
    """The second lowest bit, moved to the sign."""
    kind = layout(b, like)
    width = kind.mantissa + (9, 12)[kind.index]
    i = b.shl(quadrant, b.int_const(like, width - 2))
    return b.bit_and(i, b.int_const(like, 1 << width - 1))


def _wave(b: Builder, x: Value, reduce: Reduction, quarter_turns: int) -> Value:
    """``sin(x + quarter_turns * pi/2)``."""
    r, shifted = reduce(b, x)
    quadrant = b.bitcast_int(shifted)
    if quarter_turns:
        quadrant = b.add(quadrant, b.int_const(x, quarter_turns))
    square = b.mul(r, r)
    sine, cosine = _sin_reduced(b, r, square), _cos_reduced(b, r, square)
    if not quarter_turns:
        sine = b.copysign(sine, r)  # a zero lost its sign in the polynomial
    y = b.select(_is_odd(b, quadrant, x), cosine, sine)
    sign = _sign_of_half_turn(b, quadrant, x)
    return b.bitcast_float(b.bit_xor(b.bitcast_int(y), sign), x)


def _tan(b: Builder, x: Value, reduce: Reduction) -> Value:
    r, shifted = reduce(b, x)
    square = b.mul(r, r)
    sine = b.copysign(_sin_reduced(b, r, square), r)
    cosine = _cos_reduced(b, r, square)
    odd = _is_odd(b, b.bitcast_int(shifted), x)
    return b.div(b.select(odd, b.neg(cosine), sine), b.select(odd, sine, cosine))


def sin(b: Builder, x: Value) -> Value:
    """The sine, for every angle."""
    return _wave(b, x, reduce_any, 0)


def cos(b: Builder, x: Value) -> Value:
    """The cosine, for every angle."""
    return _wave(b, x, reduce_any, 1)


def tan(b: Builder, x: Value) -> Value:
    """The tangent, for every angle."""
    return _tan(b, x, reduce_any)


def sin_moderate(b: Builder, x: Value) -> Value:
    """The sine of angles below `quadrants.LIMITS`, where it equals `sin`."""
    return _wave(b, x, reduce_moderate, 0)


def cos_moderate(b: Builder, x: Value) -> Value:
    """The cosine of angles below `quadrants.LIMITS`, where it equals `cos`."""
    return _wave(b, x, reduce_moderate, 1)


def tan_moderate(b: Builder, x: Value) -> Value:
    """The tangent of angles below `quadrants.LIMITS`, where it equals `tan`."""
    return _tan(b, x, reduce_moderate)
