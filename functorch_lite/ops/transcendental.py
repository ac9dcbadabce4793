"""Exponentials, powers, trigonometric, hyperbolic and error functions, element by element."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from functorch_lite.core.op import Op
from functorch_lite.ops import compare
from functorch_lite.ops.arithmetic import add, div, mul, neg, scale, square, sub
from functorch_lite.ops.families import const, elementwise, half_safe, ones_like, zeros_like

_LN2 = math.log(2.0)
_LN10 = math.log(10.0)


def _shifted(x: Any, by: float) -> Any:
    if x.dtype.kind == "c":
        # Only a difference keeps the sign of a zero imaginary part, the side of a branch cut.
        return sub(x, const(-by, x.dtype))
    return add(x, const(by, x.dtype))


def _one_minus_square(x: Any) -> Any:
    # The factored form keeps its accuracy near |x| = 1.
    if x.dtype.kind == "c":
        return neg(mul(_shifted(x, -1.0), _shifted(x, 1.0)))
    return mul(sub(const(1.0, x.dtype), x), _shifted(x, 1.0))


# ------------------------------------------------------------------------ exponentials, logarithms
exp = elementwise("exp", np.exp, (lambda t, ans: mul(t, ans),), kinds="fc", code="exp({0})")
exp2 = elementwise(
    "exp2", np.exp2, (lambda t, ans: mul(t, scale(ans, _LN2)),), kinds="fc", code="exp2({0})"
)
# exp(x) rather than ans + 1, which loses every digit for very negative x.
expm1 = elementwise(
    "expm1", np.expm1, (lambda t, x: mul(t, exp(x)),), kinds="fc", code="expm1({0})"
)
log = elementwise(
    "log", np.log, (lambda t, x: div(t, x),), kinds="fc", domain=(0.2, 3.0), code="log({0})"
)
log2 = elementwise(
    "log2",
    np.log2,
    (lambda t, x: div(t, scale(x, _LN2)),),
    kinds="fc",
    domain=(0.2, 3.0),
    code="log2({0})",
)
log10 = elementwise(
    "log10",
    np.log10,
    (lambda t, x: div(t, scale(x, _LN10)),),
    kinds="fc",
    domain=(0.2, 3.0),
    code="log10({0})",
)
log1p = elementwise(
    "log1p",
    np.log1p,
    (lambda t, x: div(t, _shifted(x, 1.0)),),
    kinds="fc",
    domain=(-0.8, 3.0),
    code="log1p({0})",
)


def _logistic(xp: Any, x: Any) -> Any:
    if x.dtype.kind == "c":  # an infinite complex number has no reciprocal, so none may come up
        left = x.real < 0
        small = xp.exp(xp.where(left, x, -x))
        return xp.where(left, small, 1).astype(x.dtype) / (1 + small)
    return xp.reciprocal(1 + xp.exp(-x))


logistic = elementwise(
    "logistic",
    half_safe(_logistic),
    (lambda t, ans: mul(t, mul(ans, sub(const(1.0, ans.dtype), ans))),),
    kinds="fc",
    code="1 / (1 + exp(-{0}))",
)


def _logaddexp_weight(t: Any, mine: Any, other: Any) -> Any:
    """``t`` times e**mine / (e**mine + e**other); two equal infinities share evenly."""
    tied = compare.bitwise_and(compare.eq(mine, other), compare.isinf(mine))
    mine = compare.select(tied, zeros_like(mine), mine)
    other = compare.select(tied, zeros_like(other), other)
    return mul(t, logistic(sub(mine, other)))


logaddexp = elementwise(
    "logaddexp",
    np.logaddexp,
    (
        lambda t, x, y: _logaddexp_weight(t, x, y),
        lambda t, x, y: _logaddexp_weight(t, y, x),
    ),
    operands=("x", "y"),
    kinds="f",
    domain=((-3.0, 3.0), (-3.0, 3.0)),
    code="logaddexp({0}, {1})",
)


# ------------------------------------------------------------------------------- powers and roots
def _pow(xp: Any, x: Any, y: Any) -> Any:
    if x.dtype.kind == "i":
        negative = y < 0
        if negative.any():
            # The exact power truncated to an integer: only 1 and -1 survive, by the parity.
            x = xp.where(negative & (x != 1) & (x != -1), 0, x).astype(x.dtype)
            y = xp.where(negative, 2 - (y & 1), y).astype(y.dtype)
    return xp.power(x, y)


def _pow_dx(t: Any, x: Any, y: Any) -> Any:
    flat = compare.eq(y, zeros_like(y))  # x**0 is flat, also at x = 0 where x**-1 is infinite
    exponent = compare.select(flat, ones_like(y), sub(y, ones_like(y)))
    return mul(t, mul(y, pow(x, exponent)))


def _pow_dy(t: Any, x: Any, ans: Any) -> Any:
    # 0**y and powers that underflow stay zero; log(x) would turn them into 0 * inf.
    zero = compare.bitwise_or(compare.eq(x, zeros_like(x)), compare.eq(ans, zeros_like(ans)))
    return mul(t, mul(ans, log(compare.select(zero, ones_like(x), x))))


pow = elementwise(
    "pow",
    _pow,
    (_pow_dx, _pow_dy),
    operands=("x", "y"),
    kinds="ifc",
    domain=((0.3, 3.0), (-3.0, 3.0)),
    code="pow({0}, {1})",
)


sqrt = elementwise(
    "sqrt",
    np.sqrt,
    (lambda t, ans: div(scale(t, 0.5), ans),),
    kinds="fc",
    domain=(0.2, 3.0),
    code="sqrt({0})",
)


def _rsqrt(xp: Any, x: Any) -> Any:
    return xp.reciprocal(xp.sqrt(x))


rsqrt = elementwise(
    "rsqrt",
    half_safe(_rsqrt),
    (lambda t, x, ans: mul(t, scale(div(ans, x), -0.5)),),
    kinds="fc",
    domain=(0.2, 3.0),
    code="1 / sqrt({0})",
)
cbrt = elementwise(
    "cbrt",
    np.cbrt,
    (lambda t, ans: div(t, scale(square(ans), 3.0)),),
    kinds="f",
    domain=(0.2, 3.0),
    code="cbrt({0})",
)

# -------------------------------------------------------------------------------------- circle
sin = elementwise("sin", np.sin, (lambda t, x: mul(t, cos(x)),), kinds="fc", code="sin({0})")
cos: Op = elementwise(
    "cos", np.cos, (lambda t, x: neg(mul(t, sin(x))),), kinds="fc", code="cos({0})"
)
tan = elementwise(
    "tan",
    np.tan,
    (lambda t, ans: mul(t, _shifted(square(ans), 1.0)),),
    kinds="fc",
    domain=(-1.2, 1.2),
    code="tan({0})",
)
asin = elementwise(
    "asin",
    np.arcsin,
    (lambda t, x: mul(t, rsqrt(_one_minus_square(x))),),
    kinds="fc",
    domain=(-0.9, 0.9),
    code="asin({0})",
)
acos = elementwise(
    "acos",
    np.arccos,
    (lambda t, x: neg(mul(t, rsqrt(_one_minus_square(x)))),),
    kinds="fc",
    domain=(-0.9, 0.9),
    code="acos({0})",
)
atan = elementwise(
    "atan",
    np.arctan,
    (lambda t, x: div(t, _shifted(square(x), 1.0)),),
    kinds="fc",
    code="atan({0})",
)


def _over_radius(t: Any, side: Any, radius: Any, power: int) -> Any:
    """``t * side / radius**power``, and 0 at the origin."""
    safe = compare.select(compare.eq(radius, zeros_like(radius)), ones_like(radius), radius)
    ratio = div(side, safe)
    return mul(t, ratio if power == 1 else div(ratio, safe))


atan2 = elementwise(
    "atan2",
    np.arctan2,
    (
        lambda t, x, y: _over_radius(t, y, hypot(x, y), 2),
        lambda t, x, y: neg(_over_radius(t, x, hypot(x, y), 2)),
    ),
    operands=("x", "y"),
    kinds="f",
    domain=((-3.0, 3.0), (0.5, 3.0)),
    code="atan2({0}, {1})",
)
hypot: Op = elementwise(
    "hypot",
    np.hypot,
    (
        lambda t, x, ans: _over_radius(t, x, ans, 1),
        lambda t, y, ans: _over_radius(t, y, ans, 1),
    ),
    operands=("x", "y"),
    kinds="f",
    domain=((-3.0, 3.0), (0.5, 3.0)),
    code="hypot({0}, {1})",
)

# --------------------------------------------------------------------------------------- hyperbola
sinh = elementwise("sinh", np.sinh, (lambda t, x: mul(t, cosh(x)),), kinds="fc", code="sinh({0})")
cosh: Op = elementwise(
    "cosh", np.cosh, (lambda t, x: mul(t, sinh(x)),), kinds="fc", code="cosh({0})"
)
tanh = elementwise(
    "tanh",
    np.tanh,
    # The answer is rounded already, so factoring 1 - ans**2 would gain nothing.
    (lambda t, ans: mul(t, sub(const(1.0, ans.dtype), square(ans))),),
    kinds="fc",
    code="tanh({0})",
)
asinh = elementwise(
    "asinh",
    np.arcsinh,
    (lambda t, x: mul(t, rsqrt(_shifted(square(x), 1.0))),),
    kinds="fc",
    code="asinh({0})",
)
# Two roots, because x * x - 1 loses its digits near 1.
acosh = elementwise(
    "acosh",
    np.arccosh,
    (lambda t, x: mul(t, mul(rsqrt(_shifted(x, -1.0)), rsqrt(_shifted(x, 1.0)))),),
    kinds="fc",
    domain=(1.2, 3.0),
    code="acosh({0})",
)
atanh = elementwise(
    "atanh",
    np.arctanh,
    (lambda t, x: div(t, _one_minus_square(x)),),
    kinds="fc",
    domain=(-0.9, 0.9),
    code="atanh({0})",
)


# --------------------------------------------------------------------------------- error functions
def _special(name: str) -> Any:
    def eager(xp: Any, x: Any) -> Any:
        if xp is np:
            from scipy import special
        else:
            from cupyx.scipy import special
        return getattr(special, name)(x)

    return half_safe(eager)


def _gauss(t: Any, x: Any, factor: float) -> Any:
    return mul(t, scale(exp(neg(square(x))), factor))


_TWO_OVER_ROOT_PI = 2.0 / math.sqrt(math.pi)
erf = elementwise(
    "erf",
    _special("erf"),
    (lambda t, x: _gauss(t, x, _TWO_OVER_ROOT_PI),),
    kinds="f",
    code="erf({0})",
)
erfc = elementwise(
    "erfc",
    _special("erfc"),
    (lambda t, x: _gauss(t, x, -_TWO_OVER_ROOT_PI),),
    kinds="f",
    code="erfc({0})",
)


def _erfinv(xp: Any, x: Any) -> Any:
    return xp.copysign(_special("erfinv")(xp, x), x)  # SciPy loses the sign of zero


erfinv = elementwise(
    "erfinv",
    half_safe(_erfinv),
    (lambda t, ans: mul(t, scale(exp(square(ans)), 1.0 / _TWO_OVER_ROOT_PI)),),
    kinds="f",
    domain=(-0.9, 0.9),
    code="erfinv({0})",
)
