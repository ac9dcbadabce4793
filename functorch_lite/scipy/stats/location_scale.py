"""Distributions whose only parameters are where they are and how wide.

>>> norm.pdf(0.0), norm.cdf(1.0, loc=1.0, scale=2.0)
(Array(0.3989423, dtype=float32), Array(0.5, dtype=float32))
>>> uniform.pdf(3.0, 2.0, 4.0), expon.sf(0.0), laplace.cdf(0.0)
(Array(0.25, dtype=float32), Array(1., dtype=float32), Array(0.5, dtype=float32))
>>> logistic.ppf(0.5), cauchy.isf(0.5).round(5) == 0
(Array(0., dtype=float32), Array(True, dtype=bool))
>>> gumbel_r.logcdf(0.0), gumbel_l.logsf(0.0)
(Array(-1., dtype=float32), Array(-1., dtype=float32))
"""

from __future__ import annotations

import math

from functorch_lite import numpy as fnp
from functorch_lite.core.array import Array
from functorch_lite.scipy.special_combined import logit, ndtr
from functorch_lite.scipy.special_functions import expit, log_ndtr, ndtri
from functorch_lite.scipy.stats.distribution import Continuous

__all__ = [
    "cauchy", "expon", "gumbel_l", "gumbel_r", "laplace", "logistic", "norm", "uniform",
]  # fmt: skip

_LOG_2 = math.log(2)
_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)


def log_of_complement(x: Array) -> Array:
    """log(1 - exp(-x)) for x >= 0, without cancellation at either end.

    >>> log_of_complement(fnp.asarray(0.0))
    Array(-inf, dtype=float32)
    """
    small = x < _LOG_2
    near = fnp.log(-fnp.expm1(-fnp.where(small, x, _LOG_2)))
    return fnp.where(small, near, fnp.log1p(-fnp.exp(-fnp.where(small, _LOG_2, x))))


norm = Continuous(
    "norm", (), "The normal distribution: exp(-y**2 / 2) / sqrt(2 pi).",
    lambda y: -0.5 * y * y - _HALF_LOG_2PI,
    cdf=ndtr, sf=lambda y: ndtr(-y), logcdf=log_ndtr, logsf=lambda y: log_ndtr(-y),
    ppf=ndtri, isf=lambda q: -ndtri(q),
)  # fmt: skip

uniform = Continuous(
    "uniform", (), "The uniform distribution: 1 from 0 to 1.",
    lambda y: 0 * y,
    support=lambda: (0, 1), inner=lambda: 0.5,
    cdf=lambda y: y, sf=lambda y: 1 - y, ppf=lambda q: q, isf=lambda q: 1 - q,
)  # fmt: skip

expon = Continuous(
    "expon", (), "The exponential distribution: exp(-y) from 0 on.",
    lambda y: -y,
    support=lambda: (0, fnp.inf), inner=lambda: 1.0,
    cdf=lambda y: -fnp.expm1(-y), sf=lambda y: fnp.exp(-y), logcdf=log_of_complement,
    logsf=lambda y: -y, ppf=lambda q: -fnp.log1p(-q), isf=lambda q: -fnp.log(q),
)  # fmt: skip


def _laplace_cdf(y: Array) -> Array:
    half = 0.5 * fnp.exp(-fnp.abs(y))
    return fnp.where(y < 0, half, 1 - half)


def _laplace_logcdf(y: Array) -> Array:
    return fnp.where(y < 0, y - _LOG_2, fnp.log1p(-0.5 * fnp.exp(-fnp.abs(y))))


def _laplace_ppf(q: Array) -> Array:
    low = q < 0.5
    return fnp.where(low, fnp.log(2 * fnp.where(low, q, 0.5)), -_log_twice_rest(q, low))


def _log_twice_rest(q: Array, low: Array) -> Array:
    """log(2 (1 - q)) for q >= 1/2."""
    return _LOG_2 + fnp.log1p(-fnp.where(low, 0.5, q))


laplace = Continuous(
    "laplace", (), "Laplace's distribution: exp(-abs(y)) / 2.",
    lambda y: -fnp.abs(y) - _LOG_2,
    cdf=_laplace_cdf, sf=lambda y: _laplace_cdf(-y), logcdf=_laplace_logcdf,
    logsf=lambda y: _laplace_logcdf(-y), ppf=_laplace_ppf, isf=lambda q: -_laplace_ppf(q),
)  # fmt: skip

logistic = Continuous(
    "logistic", (), "The logistic distribution: exp(-y) / (1 + exp(-y))**2.",
    lambda y: -fnp.abs(y) - 2 * fnp.log1p(fnp.exp(-fnp.abs(y))),
    cdf=expit, sf=lambda y: expit(-y), logcdf=lambda y: -fnp.logaddexp(0.0, -y),
    logsf=lambda y: -fnp.logaddexp(0.0, y), ppf=logit, isf=lambda q: -logit(q),
)  # fmt: skip


def _cauchy_cdf(y: Array) -> Array:
    # The angle as of a point, since 1/2 + arctan(y)/pi has no digits left far to the left.
    return fnp.arctan2(fnp.ones_like(y), -y) / math.pi


def _cauchy_ppf(q: Array) -> Array:
    low = q <= 0.5
    slope = 1 / fnp.tan(math.pi * fnp.where(low, q, 1 - q))
    return fnp.where(low, -slope, slope)


cauchy = Continuous(
    "cauchy", (), "Cauchy's distribution: 1 / (pi (1 + y**2)).",
    lambda y: -2 * fnp.log(fnp.hypot(fnp.ones_like(y), y)) - math.log(math.pi),
    cdf=_cauchy_cdf, sf=lambda y: _cauchy_cdf(-y),
    ppf=_cauchy_ppf, isf=lambda q: -_cauchy_ppf(q),
)  # fmt: skip

gumbel_r = Continuous(
    "gumbel_r", (), "Gumbel's distribution of maxima: exp(-y - exp(-y)).",
    lambda y: -y - fnp.exp(-y),
    cdf=lambda y: fnp.exp(-fnp.exp(-y)), sf=lambda y: -fnp.expm1(-fnp.exp(-y)),
    logcdf=lambda y: -fnp.exp(-y), logsf=lambda y: log_of_complement(fnp.exp(-y)),
    ppf=lambda q: -fnp.log(-fnp.log(q)), isf=lambda q: -fnp.log(-fnp.log1p(-q)),
)  # fmt: skip

gumbel_l = Continuous(
    "gumbel_l", (), "Gumbel's distribution of minima: exp(y - exp(y)).",
    lambda y: y - fnp.exp(y),
    cdf=lambda y: -fnp.expm1(-fnp.exp(y)), sf=lambda y: fnp.exp(-fnp.exp(y)),
    logcdf=lambda y: log_of_complement(fnp.exp(y)), logsf=lambda y: -fnp.exp(y),
    ppf=lambda q: fnp.log(-fnp.log1p(-q)), isf=lambda q: fnp.log(-fnp.log(q)),
)  # fmt: skip
