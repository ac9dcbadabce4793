"""All samplers: each fills an array, or makes one, with the numbers that PyTorch's CPU draws."""

from functorch_lite.torch._rng.choice import multinomial, randperm
from functorch_lite.torch._rng.continuous import (
    cauchy,
    exponential,
    log_normal,
    uniform,
)
from functorch_lite.torch._rng.discrete import (
    bernoulli_like,
    bernoulli_p,
    dropout_mask,
    geometric,
    randint,
    random,
)
from functorch_lite.torch._rng.normal import normal, normal_like
from functorch_lite.torch._rng.rejection import binomial, dirichlet, poisson, standard_gamma

__all__ = [
    "bernoulli_like",
    "bernoulli_p",
    "binomial",
    "cauchy",
    "dirichlet",
    "dropout_mask",
    "exponential",
    "geometric",
    "log_normal",
    "multinomial",
    "normal",
    "normal_like",
    "poisson",
    "randint",
    "random",
    "randperm",
    "standard_gamma",
    "uniform",
]
