"""Distributions over whole numbers.

>>> bernoulli.pmf([0, 1], 0.25), bernoulli.ppf(0.8, 0.25)
(Array([0.75, 0.25], dtype=float32), Array(1., dtype=float32))
>>> binom.pmf(1, 2, 0.5).round(5), betabinom.pmf(1, 2, 1.0, 1.0).round(5)
(Array(0.5, dtype=float32), Array(0.33333, dtype=float32))
>>> geom.pmf(1, 0.25), nbinom.pmf(0, 2, 0.5)
(Array(0.25, dtype=float32), Array(0.25, dtype=float32))
>>> poisson.logpmf(0, 2.0), poisson.cdf(-1, 2.0)
(Array(-2., dtype=float32), Array(0., dtype=float32))
"""

from __future__ import annotations

from functorch_lite import numpy as fnp
from functorch_lite.core.array import Array
from functorch_lite.scipy.special_functions import betaln, gammaincc, gammaln, xlog1py, xlogy
from functorch_lite.scipy.stats.distribution import Discrete

__all__ = ["bernoulli", "betabinom", "binom", "geom", "nbinom", "poisson"]

bernoulli = Discrete(
    "bernoulli", ("p",), "1 with probability p, else 0.",
    lambda k, p: xlogy(k, p) + xlog1py(1 - k, -p),
    support=lambda p: (0, 1),
    cdf=lambda k, p: 1 - p + 0 * k, ppf=lambda q, p: fnp.where(q <= 1 - p, 0.0, 1.0),
)  # fmt: skip


def _log_choose(n: Array, k: Array) -> Array:
    return -fnp.log1p(n) - betaln(n - k + 1, k + 1)


binom = Discrete(
    "binom", ("n", "p"), "How many of n events of probability p happen.",
    lambda k, n, p: _log_choose(n, k) + xlogy(k, p) + xlog1py(n - k, -p),
    support=lambda n, p: (0, n),
)  # fmt: skip

betabinom = Discrete(
    "betabinom", ("n", "a", "b"), "How many of n events happen whose probability is beta(a, b).",
    lambda k, n, a, b: _log_choose(n, k) + betaln(k + a, n - k + b) - betaln(a, b),
    support=lambda n, a, b: (0, n),
)  # fmt: skip

geom = Discrete(
    "geom", ("p",), "How many tries the first event of probability p takes.",
    lambda k, p: xlog1py(k - 1, -p) + fnp.log(p),
    support=lambda p: (1, fnp.inf),
)  # fmt: skip

nbinom = Discrete(
    "nbinom", ("n", "p"), "How many failures come before n events of probability p.",
    lambda k, n, p: (
        gammaln(k + n) - gammaln(n) - gammaln(k + 1) + xlogy(n, p) + xlog1py(k, -p)
    ),
    support=lambda n, p: (0, fnp.inf),
)  # fmt: skip

poisson = Discrete(
    "poisson", ("mu",), "How many events happen of which mu are expected.",
    lambda k, mu: xlogy(k, mu) - gammaln(k + 1) - mu,
    support=lambda mu: (0, fnp.inf), cdf=lambda k, mu: gammaincc(k + 1, mu),
)  # fmt: skip
