"""Continuous distributions that have parameters of shape: gamma, beta, t and others.

>>> gamma.logpdf(1.0, 1.0), chi2.cdf(0.0, 3.0)
(Array(-1., dtype=float32), Array(0., dtype=float32))
>>> beta.pdf(0.5, 1.0, 1.0), pareto.sf(2.0, 1.0)
(Array(1., dtype=float32), Array(0.5, dtype=float32))
>>> t.pdf(0.0, 1.0).round(4), gennorm.cdf(0.0, 1.5)
(Array(0.3183, dtype=float32), Array(0.5, dtype=float32))
>>> truncnorm.cdf([-1.0, 0.0, 1.0], -1.0, 1.0).round(4)
Array([0. , 0.5, 1. ], dtype=float32)
>>> vonmises.pdf(0.0, 0.0).round(4), wrapcauchy.pdf(1.0, 0.0).round(4)
(Array(0.1592, dtype=float32), Array(0.1592, dtype=float32))
"""

from __future__ import annotations

import math

from functorch_lite import numpy as fnp
from functorch_lite.core.array import Array
from functorch_lite.scipy.special_combined import ndtr
from functorch_lite.scipy.special_functions import (
    betainc,
    betaln,
    gammainc,
    gammaincc,
    gammaln,
    i0e,
    log_ndtr,
    xlog1py,
    xlogy,
)
from functorch_lite.scipy.stats.distribution import Continuous
from functorch_lite.scipy.stats.location_scale import log_of_complement

__all__ = [
    "beta", "chi2", "gamma", "gennorm", "pareto", "t", "truncnorm", "vonmises", "wrapcauchy",
]  # fmt: skip

_LOG_2PI = math.log(2 * math.pi)

gamma = Continuous(
    "gamma", ("a",), "The gamma distribution: y**(a - 1) exp(-y) / Gamma(a) from 0 on.",
    lambda y, a: xlogy(a - 1, y) - y - gammaln(a),
    support=lambda a: (0, fnp.inf), inner=lambda a: 1.0,
    cdf=lambda y, a: gammainc(a, y), sf=lambda y, a: gammaincc(a, y),
)  # fmt: skip

chi2 = Continuous(
    "chi2", ("df",), "The distribution of a sum of df squares of standard normal numbers.",
    lambda y, df: xlogy(0.5 * df - 1, 0.5 * y) - 0.5 * y - gammaln(0.5 * df) - math.log(2),
    support=lambda df: (0, fnp.inf), inner=lambda df: 1.0,
    cdf=lambda y, df: gammainc(0.5 * df, 0.5 * y), sf=lambda y, df: gammaincc(0.5 * df, 0.5 * y),
)  # fmt: skip

beta = Continuous(
    "beta", ("a", "b"), "The beta distribution: y**(a - 1) (1 - y)**(b - 1) / B(a, b), 0 to 1.",
    lambda y, a, b: xlogy(a - 1, y) + xlog1py(b - 1, -y) - betaln(a, b),
    support=lambda a, b: (0, 1), inner=lambda a, b: 0.5,
    cdf=lambda y, a, b: betainc(a, b, y), sf=lambda y, a, b: betainc(b, a, 1 - y),
)  # fmt: skip

pareto = Continuous(
    "pareto", ("b",), "Pareto's distribution: b / y**(b + 1) from 1 on.",
    lambda y, b: fnp.log(b) - (b + 1) * fnp.log(y),
    support=lambda b: (1, fnp.inf), inner=lambda b: 2.0,
    cdf=lambda y, b: -fnp.expm1(-b * fnp.log(y)), sf=lambda y, b: fnp.exp(-b * fnp.log(y)),
    logcdf=lambda y, b: log_of_complement(b * fnp.log(y)), logsf=lambda y, b: -b * fnp.log(y),
    ppf=lambda q, b: fnp.exp(-fnp.log1p(-q) / b), isf=lambda q, b: fnp.exp(-fnp.log(q) / b),
)  # fmt: skip


def _t(y: Array, df: Array) -> Array:
    # Squares of large numbers overflow; the logarithm of a hypotenuse does not.
    tail = 2 * fnp.log(fnp.hypot(fnp.ones_like(y), y / fnp.sqrt(df)))
    top = gammaln(0.5 * (df + 1)) - gammaln(0.5 * df)
    return top - 0.5 * (fnp.log(df) + math.log(math.pi)) - 0.5 * (df + 1) * tail


t = Continuous("t", ("df",), "Student's distribution with df degrees of freedom.", _t)


def _gennorm(y: Array, p: Array) -> Array:
    return fnp.log(0.5 * p) - gammaln(1 / p) - fnp.abs(y) ** p


def _gennorm_cdf(y: Array, p: Array) -> Array:
    upper = 0.5 * gammaincc(1 / p, fnp.abs(y) ** p)
    return fnp.where(y < 0, upper, 1 - upper)


gennorm = Continuous(
    "gennorm", ("p",), "The generalised normal distribution: p exp(-abs(y)**p) / (2 Gamma(1/p)).",
    _gennorm, cdf=_gennorm_cdf, sf=lambda y, p: _gennorm_cdf(-y, p),
)  # fmt: skip


# ----------------------------------------------------------------------------- truncated normal
def _log_mass(a: Array, b: Array) -> Array:
    """The logarithm of a normal number's probability to lie between a and b."""
    right = a > 0
    low, high = fnp.where(right, -b, a), fnp.where(right, -a, b)
    central, nothing = high > 0, high == -fnp.inf
    top = log_ndtr(fnp.where(central | nothing, 0.0, high))
    below = fnp.where(central | nothing, -1.0, low)
    beside = fnp.where(nothing, -fnp.inf, top + log_of_complement(top - log_ndtr(below)))
    return fnp.where(central, fnp.log1p(-ndtr(low) - ndtr(-high)), beside)


def _share(function: str) -> object:
    """The part of the mass below or above a point, as a logarithm or itself."""

    def of(y: Array, a: Array, b: Array) -> Array:
        part = _log_mass(a, y) if function.endswith("cdf") else _log_mass(y, b)
        found = fnp.minimum(part - _log_mass(a, b), 0)
        return found if function.startswith("log") else fnp.exp(found)

    return of


truncnorm = Continuous(
    "truncnorm", ("a", "b"), "The normal distribution between a and b, in units of its scale.",
    lambda y, a, b: -0.5 * y * y - 0.5 * _LOG_2PI - _log_mass(a, b),
    support=lambda a, b: (a, b), inner=lambda a, b: fnp.clip(fnp.zeros_like(a), a, b),
    **{name: _share(name) for name in ("cdf", "sf", "logcdf", "logsf")},  # type: ignore[arg-type]
)  # fmt: skip


# ------------------------------------------------------------------------------ on the circle
vonmises = Continuous(
    "vonmises", ("kappa",), "Von Mises' distribution: exp(kappa cos(y)) / (2 pi I0(kappa)).",
    lambda y, kappa: kappa * (fnp.cos(y) - 1) - _LOG_2PI - fnp.log(i0e(kappa)),
)  # fmt: skip

wrapcauchy = Continuous(
    "wrapcauchy", ("c",), "Cauchy's distribution wrapped around the circle, angles from 0 to 2 pi.",
    lambda y, c: fnp.log1p(-c * c) - _LOG_2PI - fnp.log1p(c * c - 2 * c * fnp.cos(y)),
    support=lambda c: (0, 2 * math.pi), inner=lambda c: 1.0,
)  # fmt: skip
