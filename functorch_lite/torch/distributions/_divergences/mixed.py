"""Divergences of distributions of two families: the mean of -log q over p, less p's entropy.

What that mean takes of p is little: its mean and variance for a normal q, its mean and the mean of
its logarithm for a gamma q, a mean of exponentials for a Gumbel q.
"""

from __future__ import annotations

import math
from typing import Any

from functorch_lite.torch._ops.creation import full_like
from functorch_lite.torch.distributions._tensor import Tensor
from functorch_lite.torch.distributions.bernoulli import Bernoulli
from functorch_lite.torch.distributions.beta import Beta
from functorch_lite.torch.distributions.binomial import Binomial
from functorch_lite.torch.distributions.exponential import Exponential
from functorch_lite.torch.distributions.gamma import Gamma
from functorch_lite.torch.distributions.gumbel import Gumbel
from functorch_lite.torch.distributions.kl import register_kl
from functorch_lite.torch.distributions.laplace import Laplace
from functorch_lite.torch.distributions.normal import Normal
from functorch_lite.torch.distributions.poisson import Poisson
from functorch_lite.torch.distributions.uniform import Uniform
from functorch_lite.torch.distributions.utils import euler_constant

__all__: list[str] = []


# ------------------------------------------------------------------- where p has what q excludes
def _infinite(p: Any, q: Any) -> Tensor:
    return full_like(p.mean, math.inf)


for _p, _qs in {
    Exponential: (Beta, Uniform),
    Gamma: (Beta, Uniform),
    Gumbel: (Beta, Exponential, Gamma, Uniform),
    Laplace: (Beta, Exponential, Gamma, Uniform),
    Normal: (Beta, Exponential, Gamma, Uniform),
    Poisson: (Bernoulli, Binomial),
}.items():
    for _q in _qs:
        register_kl(_p, _q)(_infinite)


# ------------------------------------------------------------------------------------- to a normal
def _to_normal(p: Any, q: Normal) -> Tensor:
    square = q.scale.pow(2)
    spread = (p.variance + (p.mean - q.loc).pow(2)) / (2 * square)
    return 0.5 * (2 * math.pi * square).log() + spread - p.entropy()


for _p in (Beta, Exponential, Gamma, Gumbel, Laplace, Uniform):
    register_kl(_p, Normal)(_to_normal)


# ------------------------------------------------------------------------------- to positive ones
def _to_exponential(p: Any, q: Exponential) -> Tensor:
    return q.rate * p.mean - q.rate.log() - p.entropy()


register_kl(Beta, Exponential)(_to_exponential)
register_kl(Gamma, Exponential)(_to_exponential)


@register_kl(Uniform, Exponential)
def _uniform_exponential(p: Uniform, q: Exponential) -> Tensor:
    return _to_exponential(p, q).masked_fill(p.low < 0, math.inf)


def _to_gamma(p: Any, q: Gamma, mean_log: Tensor) -> Tensor:
    a = q.concentration
    return a.lgamma() - a * q.rate.log() - (a - 1) * mean_log + q.rate * p.mean - p.entropy()


@register_kl(Beta, Gamma)
def _beta_gamma(p: Beta, q: Gamma) -> Tensor:
    total = p.concentration1 + p.concentration0
    return _to_gamma(p, q, p.concentration1.digamma() - total.digamma())


@register_kl(Exponential, Gamma)
def _exponential_gamma(p: Exponential, q: Gamma) -> Tensor:
    return _to_gamma(p, q, -euler_constant - p.rate.log())


@register_kl(Uniform, Gamma)
def _uniform_gamma(p: Uniform, q: Gamma) -> Tensor:
    return _to_gamma(p, q, _mean_log(p.low, p.high)).masked_fill(p.low < 0, math.inf)


def _mean_log(low: Tensor, high: Tensor) -> Tensor:
    """The mean of log x for x between two positive numbers."""
    return (high.xlogy(high) - low.xlogy(low)) / (high - low) - 1


# ---------------------------------------------------------------------------- within (0, 1)
@register_kl(Beta, Uniform)
def _beta_uniform(p: Beta, q: Uniform) -> Tensor:
    found = (q.high - q.low).log() - p.entropy()
    return found.masked_fill((q.low > 0) | (q.high < 1), math.inf)


@register_kl(Uniform, Beta)
def _uniform_beta(p: Uniform, q: Beta) -> Tensor:
    a, b = q.concentration1, q.concentration0
    normaliser = a.lgamma() + b.lgamma() - (a + b).lgamma()
    logs = (a - 1) * _mean_log(p.low, p.high) + (b - 1) * _mean_log(1 - p.high, 1 - p.low)
    found = normaliser - logs - p.entropy()
    return found.masked_fill((p.high > 1) | (p.low < 0), math.inf)


# ------------------------------------------------------------------------------------- to a Gumbel
def _to_gumbel(p: Any, q: Gumbel, mean_power: Tensor) -> Tensor:
    """``mean_power``: the mean of exp(-x / scale)."""
    tail = (q.loc / q.scale).exp() * mean_power
    return q.scale.log() + (p.mean - q.loc) / q.scale + tail - p.entropy()


@register_kl(Exponential, Gumbel)
def _exponential_gumbel(p: Exponential, q: Gumbel) -> Tensor:
    product = p.rate * q.scale
    return _to_gumbel(p, q, product / (product + 1))


@register_kl(Gamma, Gumbel)
def _gamma_gumbel(p: Gamma, q: Gumbel) -> Tensor:
    return _to_gumbel(p, q, (1 + 1 / (p.rate * q.scale)).pow(-p.concentration))


@register_kl(Normal, Gumbel)
def _normal_gumbel(p: Normal, q: Gumbel) -> Tensor:
    return _to_gumbel(p, q, (-p.loc / q.scale + 0.5 * (p.scale / q.scale).pow(2)).exp())


@register_kl(Uniform, Gumbel)
def _uniform_gumbel(p: Uniform, q: Gumbel) -> Tensor:
    powers = (-p.low / q.scale).exp() - (-p.high / q.scale).exp()
    return _to_gumbel(p, q, q.scale * powers / (p.high - p.low))


# ------------------------------------------------------------------------------------------ others
@register_kl(Bernoulli, Poisson)
def _bernoulli_poisson(p: Bernoulli, q: Poisson) -> Tensor:
    return q.rate - p.probs * q.rate.log() - p.entropy()


@register_kl(Normal, Laplace)
def _normal_laplace(p: Normal, q: Laplace) -> Tensor:
    gap = (p.loc - q.loc) / p.scale
    near = math.sqrt(2 / math.pi) * (-0.5 * gap.pow(2)).exp()
    distance = p.scale * (near + gap * (gap * math.sqrt(0.5)).erf())
    return (2 * q.scale).log() + distance / q.scale - p.entropy()
