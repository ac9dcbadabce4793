"""Random numbers from explicit keys: pure functions, the same numbers as JAX's.

A key is an ordinary array of two ``uint32`` words; every sampler is a pure function of its key.
Numbers come from the Threefry-2x32 counter-based generator: element ``i`` of a sample depends on
the key and on ``i`` alone, so samples are the same under ``jit``, under ``vmap`` over keys, and on
every device.

Integers are int64 by default, as elsewhere in this package, so ``randint`` without a dtype, and
``choice`` with replacement, give JAX's numbers with 64-bit types enabled.  For those of a program
that left them off, call ``randint`` with ``dtype="int32"`` and index with what it gives.

A key is consumed once: derive fresh ones with :func:`split` or :func:`fold_in`.

>>> import functorch_lite as fl
>>> key = fl.random.key(0)
>>> key, subkey = fl.random.split(key)
>>> fl.random.uniform(subkey, (3,)).shape
(3,)

Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011; the mapping from
counters to samples is that of JAX 0.10 with ``jax_threefry_partitionable`` on.
"""

from functorch_lite.random.binomial import binomial, multinomial
from functorch_lite.random.bits import bits
from functorch_lite.random.categorical import categorical, gumbel
from functorch_lite.random.choice import choice, permutation
from functorch_lite.random.gamma import gamma, loggamma
from functorch_lite.random.gamma_family import (
    ball,
    beta,
    chisquare,
    dirichlet,
    f,
    generalized_normal,
    t,
)
from functorch_lite.random.gaussian import double_sided_maxwell, lognormal, maxwell, wald
from functorch_lite.random.inverse import (
    cauchy,
    exponential,
    laplace,
    logistic,
    pareto,
    rayleigh,
    triangular,
    weibull_min,
)
from functorch_lite.random.keys import (
    PRNGKey,
    clone,
    fold_in,
    key,
    key_data,
    key_dtype,
    key_impl,
    split,
    wrap_key_data,
)
from functorch_lite.random.like import like
from functorch_lite.random.matrices import multivariate_normal, orthogonal
from functorch_lite.random.normal import normal, truncated_normal
from functorch_lite.random.poisson import geometric, poisson
from functorch_lite.random.randint import randint
from functorch_lite.random.reuse import debug_key_reuse
from functorch_lite.random.uniform import bernoulli, rademacher, uniform

__all__ = [
    "PRNGKey",
    "ball",
    "bernoulli",
    "beta",
    "binomial",
    "bits",
    "categorical",
    "cauchy",
    "chisquare",
    "choice",
    "clone",
    "debug_key_reuse",
    "dirichlet",
    "double_sided_maxwell",
    "exponential",
    "f",
    "fold_in",
    "gamma",
    "generalized_normal",
    "geometric",
    "gumbel",
    "key",
    "key_data",
    "key_dtype",
    "key_impl",
    "laplace",
    "like",
    "loggamma",
    "logistic",
    "lognormal",
    "maxwell",
    "multinomial",
    "multivariate_normal",
    "normal",
    "orthogonal",
    "pareto",
    "permutation",
    "poisson",
    "rademacher",
    "randint",
    "rayleigh",
    "split",
    "t",
    "triangular",
    "truncated_normal",
    "uniform",
    "wald",
    "weibull_min",
    "wrap_key_data",
]
