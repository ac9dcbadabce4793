"""All samplers: each fills an array, or makes one, with the numbers that PyTorch's CPU draws."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

from functorch_lite.torch._core.public import overrides
from functorch_lite.torch._rng import choice, continuous, discrete, rejection
from functorch_lite.torch._rng import normal as normals

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

F = TypeVar("F", bound=Callable[..., Any])


def _alone(sample: F) -> F:
    """A sampler whose numbers follow each other in the stream, whatever other threads draw."""

    @functools.wraps(sample)
    def call(engine: Any, *args: Any, **options: Any) -> Any:
        recorder = overrides.recorder
        if recorder is not None:
            return recorder.drawn(call, engine, args, options)
        with engine.lock:
            return sample(engine, *args, **options)

    return cast("F", call)


bernoulli_like = _alone(discrete.bernoulli_like)
bernoulli_p = _alone(discrete.bernoulli_p)
binomial = _alone(rejection.binomial)
cauchy = _alone(continuous.cauchy)
dirichlet = _alone(rejection.dirichlet)
dropout_mask = _alone(discrete.dropout_mask)
exponential = _alone(continuous.exponential)
geometric = _alone(discrete.geometric)
log_normal = _alone(continuous.log_normal)
multinomial = _alone(choice.multinomial)
normal = _alone(normals.normal)
normal_like = _alone(normals.normal_like)
poisson = _alone(rejection.poisson)
randint = _alone(discrete.randint)
random = _alone(discrete.random)
randperm = _alone(choice.randperm)
standard_gamma = _alone(rejection.standard_gamma)
uniform = _alone(continuous.uniform)
