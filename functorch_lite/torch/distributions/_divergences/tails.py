"""Divergences of Pareto's and the continuous Bernoulli distribution, and to them."""

from __future__ import annotations

import math
from typing import Any

from functorch_lite.torch._ops.creation import full_like
from functorch_lite.torch._ops.mixing import where
from functorch_lite.torch.distributions._divergences.mixed import (
    _infinite,
    _mean_log,
    _to_exponential,
    _to_normal,
)
from functorch_lite.torch.distributions._tensor import Tensor
from functorch_lite.torch.distributions.beta import Beta
from functorch_lite.torch.distributions.continuous_bernoulli import ContinuousBernoulli
from functorch_lite.torch.distributions.exponential import Exponential
from functorch_lite.torch.distributions.gamma import Gamma
from functorch_lite.torch.distributions.gumbel import Gumbel
from functorch_lite.torch.distributions.kl import register_kl
from functorch_lite.torch.distributions.laplace import Laplace
from functorch_lite.torch.distributions.normal import Normal
from functorch_lite.torch.distributions.pareto import Pareto
from functorch_lite.torch.distributions.uniform import Uniform

__all__: list[str] = []

_UNBOUNDED = (Exponential, Gamma, Gumbel, Laplace, Normal)
_BELOW_ANY_BOUND = (Beta, ContinuousBernoulli, *_UNBOUNDED)
for _q, _ps in {ContinuousBernoulli: _UNBOUNDED, Pareto: _BELOW_ANY_BOUND}.items():
    for _p in _ps:
        register_kl(_p, _q)(_infinite)


# --------------------------------------------------------------------- the continuous Bernoulli
@register_kl(ContinuousBernoulli, ContinuousBernoulli)
@register_kl(Beta, ContinuousBernoulli)
def _to_continuous_bernoulli(p: Any, q: ContinuousBernoulli) -> Tensor:
    normaliser = (-q.probs).log1p() + q._cont_bern_log_norm()
    return -p.entropy() - p.mean * q.logits - normaliser


@register_kl(Uniform, ContinuousBernoulli)
def _uniform_continuous_bernoulli(p: Uniform, q: ContinuousBernoulli) -> Tensor:
    # PyTorch's is infinite on the whole unit interval, too.
    found = _to_continuous_bernoulli(p, q)
    return where((p.high >= 1) | (p.low <= 0), full_like(found, math.inf), found)


@register_kl(ContinuousBernoulli, Uniform)
def _continuous_bernoulli_uniform(p: ContinuousBernoulli, q: Uniform) -> Tensor:
    # PyTorch's is infinite on the whole unit interval, too.
    found = (q.high - q.low).log() - p.entropy()
    return where((q.low >= 0) | (q.high <= 1), full_like(found, math.inf), found)


register_kl(ContinuousBernoulli, Exponential)(_to_exponential)
register_kl(ContinuousBernoulli, Normal)(_to_normal)


# ----------------------------------------------------------------------------------------- Pareto
for _bounded in (Beta, ContinuousBernoulli, Uniform):
    register_kl(Pareto, _bounded)(_infinite)


@register_kl(Pareto, Pareto)
def _pareto(p: Pareto, q: Pareto) -> Tensor:
    ratio = q.alpha / p.alpha
    found = q.alpha * (p.scale / q.scale).log() - ratio.log() + ratio - 1
    return found.masked_fill(p.scale < q.scale, math.inf)


def _mean(p: Pareto) -> Tensor:
    """The mean where it is finite."""
    return p.alpha * p.scale / (p.alpha - 1)


@register_kl(Pareto, Exponential)
def _pareto_exponential(p: Pareto, q: Exponential) -> Tensor:
    found = q.rate * _mean(p) - q.rate.log() - p.entropy()
    return found.masked_fill(p.alpha <= 1, math.inf)


@register_kl(Pareto, Gamma)
def _pareto_gamma(p: Pareto, q: Gamma) -> Tensor:
    a = q.concentration
    mean_log = p.scale.log() + p.alpha.reciprocal()
    normaliser = a.lgamma() - a * q.rate.log()
    found = normaliser - (a - 1) * mean_log + q.rate * _mean(p) - p.entropy()
    return found.masked_fill(p.alpha <= 1, math.inf)


@register_kl(Pareto, Normal)
def _pareto_normal(p: Pareto, q: Normal) -> Tensor:
    variance = p.alpha * (p.scale / (p.alpha - 1)).pow(2) / (p.alpha - 2)
    spread = (variance + (_mean(p) - q.loc).pow(2)) / (2 * q.scale.pow(2))
    found = (math.sqrt(2 * math.pi) * q.scale).log() + spread - p.entropy()
    return found.masked_fill(p.alpha <= 2, math.inf)


@register_kl(Uniform, Pareto)
def _uniform_pareto(p: Uniform, q: Pareto) -> Tensor:
    density = (q.alpha * q.scale.pow(q.alpha) * (p.high - p.low)).log()
    found = (q.alpha + 1) * _mean_log(p.low, p.high) - density
    return found.masked_fill(p.low < q.scale, math.inf)
