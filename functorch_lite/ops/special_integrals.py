"""Integrals that have names: of the normal law, of exp, sine, cosine and the logarithm."""

from __future__ import annotations

import math
from typing import Any

from functorch_lite.core.dtypes import int32
from functorch_lite.core.op import Op
from functorch_lite.ops.arithmetic import add, div, mul, neg, scale, square, sub
from functorch_lite.ops.compare import lt, select
from functorch_lite.ops.convert import cast
from functorch_lite.ops.families import const, full_like
from functorch_lite.ops.special_eager import (
    in_float64,
    member,
    power_series,
    quotient,
    scipy_special,
    special,
)
from functorch_lite.ops.transcendental import cos, erf, exp, log1p, sin

__all__ = [
    "dawsn", "cosine_integral", "erfcx", "exp1", "expi", "expn", "fresnel_c", "fresnel_s",
    "log_ndtr", "ndtri", "owens_t", "sine_integral", "spence",
]  # fmt: skip

_TWO_OVER_ROOT_PI = 2.0 / math.sqrt(math.pi)


# ------------------------------------------------------------------------------------ normal
@in_float64
def _erfcx_slope(x: Any, ans: Any) -> Any:
    """2 x erfcx(x) - 2 / sqrt(pi), which cancels for large x."""
    direct = sub(scale(mul(x, ans), 2.0), const(_TWO_OVER_ROOT_PI, x.dtype))
    far = lt(const(30.0, x.dtype), x)
    # The same by the asymptotic series.
    z = div(const(1.0, x.dtype), square(select(far, x, full_like(x, 30.0))))
    series = const(0.0, x.dtype)
    for k in range(7, 0, -1):
        factor = -(2 * k - 1) / 2
        series = mul(scale(z, factor), add(const(1.0, x.dtype), series))
    return select(far, scale(series, _TWO_OVER_ROOT_PI), direct)


erfcx: Op = special(
    "erfcx",
    "erfcx",
    (lambda t, x: mul(t, _erfcx_dx(x)),),
    domain=(-2.0, 3.0),
    code="erfcx({0})",
)


@in_float64
def _erfcx_dx(x: Any) -> Any:
    return _erfcx_slope(x, erfcx(x))


def _log_ndtr_dx(t: Any, x: Any) -> Any:
    # The density over the distribution function, both times exp(x**2 / 2).
    ratio = div(const(math.sqrt(2.0 / math.pi), x.dtype), erfcx(scale(x, -math.sqrt(0.5))))
    return mul(t, ratio)


log_ndtr = special("log_ndtr", "log_ndtr", (_log_ndtr_dx,), code="log_ndtr({0})")
ndtri: Op = special(
    "ndtri",
    "ndtri",
    (lambda t, ans: mul(t, scale(exp(scale(square(ans), 0.5)), math.sqrt(2.0 * math.pi))),),
    domain=(0.05, 0.95),
    code="ndtri({0})",
)


def _owens_t_dh(t: Any, h: Any, a: Any) -> Any:
    bell = scale(exp(scale(square(h), -0.5)), -0.5 / math.sqrt(2.0 * math.pi))
    return mul(t, mul(bell, erf(scale(mul(a, h), math.sqrt(0.5)))))


def _owens_t_da(t: Any, h: Any, a: Any) -> Any:
    wide = add(square(a), const(1.0, a.dtype))
    bell = exp(scale(mul(square(h), wide), -0.5))
    return mul(t, div(scale(bell, 0.5 / math.pi), wide))


owens_t = special(
    "owens_t",
    "owens_t",
    (_owens_t_dh, _owens_t_da),
    operands=("h", "a"),
    domain=((-2.0, 2.0), (-2.0, 2.0)),
    code="owens_t({0}, {1})",
)
dawsn: Op = special(
    "dawsn",
    "dawsn",
    (lambda t, x: mul(t, _dawsn_dx(x)),),
    code="dawsn({0})",
)


@in_float64
def _dawsn_dx(x: Any) -> Any:
    """1 - 2 x D(x), by its asymptotic series where that cancels."""
    one = const(1.0, x.dtype)
    direct = sub(one, scale(mul(x, dawsn(x)), 2.0))
    far = lt(const(900.0, x.dtype), square(x))
    z = div(one, square(select(far, x, full_like(x, 30.0))))
    series = const(0.0, x.dtype)
    for k in range(7, 0, -1):
        series = mul(scale(z, (2 * k - 1) / 2), add(one, series))
    return select(far, neg(series), direct)


# ------------------------------------------------------------------------------- exponentials
exp1 = special(
    "exp1",
    "exp1",
    (lambda t, x: neg(mul(t, div(exp(neg(x)), x))),),
    domain=(0.2, 3.0),
    code="exp1({0})",
)
expi = special(
    "expi",
    "expi",
    (lambda t, x: mul(t, div(exp(x), x)),),
    domain=(0.2, 3.0),
    code="expi({0})",
)


def _expn(xp: Any, n: Any, x: Any) -> Any:
    positive = n > 0
    found = scipy_special("expn")(xp, xp.where(positive & (n < 1e9), n, 1.0), x)
    sum_ = x + n
    found = xp.where(n < 1e9, found, xp.exp(-x) * (1 + n / sum_ / sum_) / sum_)
    # For n <= 0 it is an incomplete gamma function with a closed form.
    order = xp.where(positive, 1.0, 1.0 - n)
    upper = scipy_special("gammaincc")(xp, order, x) * scipy_special("gamma")(xp, order)
    return xp.where(positive, found, upper / x**order)


def _expn_dx(t: Any, n: Any, x: Any) -> Any:
    below = sub(cast(n, dtype=int32), const(1, int32))
    return neg(mul(t, expn(below, x)))


expn: Op = special(
    "expn",
    _expn,
    (None, _expn_dx),
    operands=("n", "x"),
    domain=((0.0, 4.0), (0.2, 3.0)),
    code="expn({0}, {1})",
    order=True,
)


# ------------------------------------------------------------------------ sine, cosine, logarithm
_SINC = [(-1) ** k / math.factorial(2 * k + 1) for k in range(14)]
_LOG1P_OVER_X = [(-1) ** k / (k + 1) for k in range(17)]


def _sinc(x: Any) -> Any:
    return power_series(square(x), _SINC)


sine_integral = special(
    "sine_integral",
    member("sici", 0),
    (lambda t, x: mul(t, quotient(sin(x), x, _sinc)),),
    code="si({0})",
)
cosine_integral = special(
    "cosine_integral",
    member("sici", 1),
    (lambda t, x: mul(t, div(cos(x), x)),),
    domain=(0.3, 3.0),
    code="ci({0})",
)
fresnel_s = special(
    "fresnel_s",
    member("fresnel", 0),
    (lambda t, x: mul(t, sin(scale(square(x), math.pi / 2))),),
    domain=(-2.0, 2.0),
    code="fresnel_s({0})",
)
fresnel_c = special(
    "fresnel_c",
    member("fresnel", 1),
    (lambda t, x: mul(t, cos(scale(square(x), math.pi / 2))),),
    domain=(-2.0, 2.0),
    code="fresnel_c({0})",
)


def _log1p_over(x: Any) -> Any:
    return power_series(x, _LOG1P_OVER_X)


def _spence_dx(t: Any, x: Any) -> Any:
    # log(x) / (1 - x): beside 1, where both vanish, in terms of x - 1.
    gap = sub(x, const(1.0, x.dtype))
    return neg(mul(t, quotient(log1p(gap), gap, _log1p_over, 1 / 16)))


spence = special("spence", "spence", (_spence_dx,), domain=(0.2, 0.9), code="spence({0})")
