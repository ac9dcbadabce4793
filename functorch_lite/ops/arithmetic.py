"""Arithmetic, powers, rounding and extrema, element by element.

Every partial is written for the places where the textbook formula breaks: zeros, ties, infinities.
Integer arithmetic wraps; integer division by zero gives zero, as NumPy's does.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.core.dtypes import complex64, float32, float64
from functorch_lite.core.op import Op
from functorch_lite.errors import DtypeError
from functorch_lite.ops import compare
from functorch_lite.ops.convert import cast, conj, real
from functorch_lite.ops.families import (
    NOT_DIFFERENTIABLE,
    const,
    elementwise,
    full_like,
    half_safe,
    zeros_like,
)

_PLANE = ((-3.0, 3.0), (-3.0, 3.0))
_RIGHT = ((-3.0, 3.0), (0.5, 3.0))


def scale(t: Any, factor: float) -> Any:
    """``t`` times a Python number, in t's dtype."""
    return mul(t, const(factor, t.dtype))


def _real_part_dtype(dtype: Any, **_: Any) -> Any:
    if dtype.kind == "c":
        return float32 if dtype == complex64 else float64
    return dtype


# ------------------------------------------------------------------------------- sums and products
# The sum of bools is their disjunction, the product their conjunction, as in NumPy.
neg: Op = elementwise("neg", np.negative, (lambda t: neg(t),), kinds="ifc", code="-{0}")
add = elementwise(
    "add", np.add, (lambda t: t, lambda t: t), operands=("x", "y"), kinds="bifc", domain=_PLANE,
    code="{0} + {1}",
)  # fmt: skip
sub = elementwise(
    "sub", np.subtract, (lambda t: t, lambda t: neg(t)), operands=("x", "y"), kinds="ifc",
    domain=_PLANE, code="{0} - {1}",
)  # fmt: skip
mul: Op = elementwise(
    "mul", np.multiply, (lambda t, y: mul(t, y), lambda t, x: mul(t, x)), operands=("x", "y"),
    kinds="bifc", domain=_PLANE, code="{0} * {1}",
)  # fmt: skip


def _div(xp: Any, x: Any, y: Any) -> Any:
    kind = x.dtype.kind
    if kind == "u":
        return xp.floor_divide(x, y)
    if kind != "i":
        return xp.divide(x, y)
    quotient = xp.floor_divide(x, y)
    # Floor and truncation differ by one where signs differ and the division leaves a rest.
    inexact = (quotient * y != x) & ((x < 0) != (y < 0)) & (y != 0)
    return quotient + inexact.astype(x.dtype)


div: Op = elementwise(
    "div",
    _div,
    (lambda t, y: div(t, y), lambda t, y, ans: neg(mul(t, div(ans, y)))),
    operands=("x", "y"),
    kinds="ifc",
    domain=_RIGHT,
    code="{0} / {1}",
)
floor_divide = elementwise(
    "floor_divide", np.floor_divide, NOT_DIFFERENTIABLE, operands=("x", "y"), kinds="if",
    domain=_RIGHT, code="floor_divide({0}, {1})",
)  # fmt: skip
remainder = elementwise(
    "remainder",
    np.remainder,
    (lambda t: t, lambda t, x, y: neg(mul(t, floor_divide(x, y)))),
    operands=("x", "y"),
    kinds="if",
    domain=_RIGHT,
    code="remainder({0}, {1})",
)


def _fmod_dy(t: Any, x: Any, y: Any, ans: Any) -> Any:
    # trunc(x / y) is off by one where the quotient rounds up to an integer; (x - ans) / y is not.
    return neg(mul(t, round(div(sub(x, ans), y))))


fmod = elementwise(
    "fmod", np.fmod, (lambda t: t, _fmod_dy), operands=("x", "y"), kinds="if", domain=_RIGHT,
    code="fmod({0}, {1})",
)  # fmt: skip
square = elementwise(
    "square", np.square, (lambda t, x: mul(t, scale(x, 2.0)),), kinds="ifc", code="{0} * {0}"
)
reciprocal = elementwise(
    "reciprocal",
    np.reciprocal,
    (lambda t, ans: neg(mul(t, square(ans))),),
    kinds="fc",
    domain=(0.5, 3.0),
    code="1 / {0}",
)

# ------------------------------------------------------------------------------------------ powers


@half_safe
def _integer_pow(xp: Any, x: Any, *, n: int) -> Any:
    if n < 0:
        return xp.reciprocal(_positive_pow(xp, x, -n))
    return _positive_pow(xp, x, n)


def _positive_pow(xp: Any, x: Any, n: int) -> Any:
    answer = None
    while n:
        if n & 1:
            answer = x if answer is None else xp.multiply(answer, x)
        n >>= 1
        if n:
            x = xp.square(x)
    return xp.ones_like(x) if answer is None else answer


def _integer_pow_dtype(dtype: Any, n: int) -> Any:
    if n < 0 and dtype.kind in "iu":
        raise DtypeError(
            f"integer_pow: expected a float or complex operand for the negative exponent {n}; got "
            f"{dtype.name}. Remedy: convert it first, e.g. x.astype('float32')."
        )
    return dtype


def _integer_pow_dx(t: Any, x: Any, n: int) -> Any:
    if n == 0:
        return zeros_like(t)
    return t if n == 1 else mul(t, scale(integer_pow(x, n=n - 1), float(n)))


integer_pow = elementwise(
    "integer_pow",
    _integer_pow,
    (_integer_pow_dx,),
    result=_integer_pow_dtype,
    kinds="ifc",
    domain=(0.5, 2.0),
    code="integer_pow({0}, {n})",
)


# ------------------------------------------------------------------------------- sign and rounding
sign = elementwise("sign", np.sign, NOT_DIFFERENTIABLE, kinds="ifc", code="sign({0})")


def _direction(x: Any) -> Any:
    """``conj(x) / abs(x)``, and 0 at 0; unlike ``sign`` it has a derivative."""
    radius = abs(x)
    radius = compare.select(compare.eq(radius, zeros_like(radius)), full_like(radius, 1), radius)
    return div(conj(x), cast(radius, dtype=x.dtype))


def _abs_jvp(t: Any, x: Any) -> Any:
    return real(mul(t, _direction(x))) if x.dtype.kind == "c" else mul(t, sign(x))


def _abs_vjp(ct: Any, x: Any) -> Any:
    if x.dtype.kind == "c":
        return mul(cast(ct, dtype=x.dtype), _direction(x))
    return mul(ct, sign(x))


abs: Op = elementwise(
    "abs",
    np.absolute,
    (_abs_jvp,),
    transposed=(_abs_vjp,),
    result=_real_part_dtype,
    kinds="ifc",
    code="fabs({0})",
)
floor = elementwise("floor", np.floor, NOT_DIFFERENTIABLE, kinds="f", code="floor({0})")
ceil = elementwise("ceil", np.ceil, NOT_DIFFERENTIABLE, kinds="f", code="ceil({0})")
round = elementwise("round", np.rint, NOT_DIFFERENTIABLE, kinds="f", code="rint({0})")
trunc = elementwise("trunc", np.trunc, NOT_DIFFERENTIABLE, kinds="f", code="trunc({0})")
copysign = elementwise(
    "copysign",
    np.copysign,
    (lambda t, x, ans: mul(t, mul(sign(x), sign(ans))), None),
    operands=("x", "y"),
    kinds="f",
    domain=_PLANE,
    code="copysign({0}, {1})",
)
nextafter = elementwise(
    "nextafter", np.nextafter, (lambda t: t, None), operands=("x", "y"), kinds="f", domain=_PLANE,
    code="nextafter({0}, {1})",
)  # fmt: skip


# ----------------------------------------------------------------------------------------- extrema
def _wins(t: Any, mine: Any, other: Any, better: Any) -> Any:
    """``t`` where my operand is the extremum, half of it at ties, zero elsewhere."""
    shared = compare.select(compare.eq(mine, other), scale(t, 0.5), zeros_like(t))
    return compare.select(better(mine, other), t, shared)


maximum = elementwise(
    "maximum",
    np.maximum,
    (
        lambda t, x, y: _wins(t, x, y, compare.gt),
        lambda t, x, y: _wins(t, y, x, compare.gt),
    ),
    operands=("x", "y"),
    kinds="bif",
    domain=_PLANE,
    code="maximum({0}, {1})",
)
minimum = elementwise(
    "minimum",
    np.minimum,
    (
        lambda t, x, y: _wins(t, x, y, compare.lt),
        lambda t, x, y: _wins(t, y, x, compare.lt),
    ),
    operands=("x", "y"),
    kinds="bif",
    domain=_PLANE,
    code="minimum({0}, {1})",
)


def _clamp(xp: Any, lo: Any, x: Any, hi: Any) -> Any:
    return xp.minimum(xp.maximum(lo, x), hi)


def _clamp_dlo(t: Any, lo: Any, x: Any, hi: Any) -> Any:
    chosen = compare.bitwise_and(compare.lt(x, lo), compare.le(lo, hi))
    return compare.select(chosen, t, zeros_like(t))


def _clamp_dx(t: Any, lo: Any, x: Any, hi: Any) -> Any:
    chosen = compare.bitwise_and(compare.le(lo, x), compare.le(x, hi))
    return compare.select(chosen, t, zeros_like(t))


def _clamp_dhi(t: Any, lo: Any, x: Any, hi: Any) -> Any:
    return compare.select(compare.gt(maximum(lo, x), hi), t, zeros_like(t))


# At a bound the derivative belongs to x, so that the three partials always add up to one.
clamp = elementwise(
    "clamp",
    _clamp,
    (_clamp_dlo, _clamp_dx, _clamp_dhi),
    operands=("lo", "x", "hi"),
    kinds="if",
    domain=((-2.0, -0.5), (-3.0, 3.0), (0.5, 2.0)),
    code="minimum(maximum({0}, {1}), {2})",
)
