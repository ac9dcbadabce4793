"""jax.scipy.stats's distributions and statistics, written in array operations.

A distribution is an object with ``logpdf``, ``pdf``, ``cdf`` and what else it has; its arguments
broadcast, all of them have derivatives, and values outside of the support have probability 0.

>>> import functorch_lite as fl
>>> from functorch_lite.scipy import stats
>>> fl.grad(stats.norm.logpdf)(2.0)
Array(-2., dtype=float32)
"""

from functorch_lite.scipy.stats.discrete import bernoulli, betabinom, binom, geom, nbinom, poisson
from functorch_lite.scipy.stats.kde import gaussian_kde
from functorch_lite.scipy.stats.location_scale import (
    cauchy,
    expon,
    gumbel_l,
    gumbel_r,
    laplace,
    logistic,
    norm,
    uniform,
)
from functorch_lite.scipy.stats.multivariate import dirichlet, multinomial, multivariate_normal
from functorch_lite.scipy.stats.samples import mode, rankdata, sem
from functorch_lite.scipy.stats.with_shapes import (
    beta,
    chi2,
    gamma,
    gennorm,
    pareto,
    t,
    truncnorm,
    vonmises,
    wrapcauchy,
)

__all__ = [
    "bernoulli",
    "beta",
    "betabinom",
    "binom",
    "cauchy",
    "chi2",
    "dirichlet",
    "expon",
    "gamma",
    "gaussian_kde",
    "gennorm",
    "geom",
    "gumbel_l",
    "gumbel_r",
    "laplace",
    "logistic",
    "mode",
    "multinomial",
    "multivariate_normal",
    "nbinom",
    "norm",
    "pareto",
    "poisson",
    "rankdata",
    "sem",
    "t",
    "truncnorm",
    "uniform",
    "vonmises",
    "wrapcauchy",
]
