"""Divergences of two distributions of one family."""

from __future__ import annotations

import math

from functorch_lite.torch._core.gradients import grad
from functorch_lite.torch._ops.joining import broadcast_shapes
from functorch_lite.torch._ops.linalg_systems import solve_triangular
from functorch_lite.torch.distributions._tensor import Tensor, softplus
from functorch_lite.torch.distributions.bernoulli import Bernoulli
from functorch_lite.torch.distributions.beta import Beta
from functorch_lite.torch.distributions.binomial import Binomial
from functorch_lite.torch.distributions.categorical import Categorical
from functorch_lite.torch.distributions.cauchy import Cauchy
from functorch_lite.torch.distributions.dirichlet import Dirichlet
from functorch_lite.torch.distributions.exp_family import ExponentialFamily
from functorch_lite.torch.distributions.exponential import Exponential
from functorch_lite.torch.distributions.gamma import Gamma
from functorch_lite.torch.distributions.geometric import Geometric
from functorch_lite.torch.distributions.gumbel import Gumbel
from functorch_lite.torch.distributions.half_normal import HalfNormal
from functorch_lite.torch.distributions.independent import Independent
from functorch_lite.torch.distributions.kl import kl_divergence, register_kl
from functorch_lite.torch.distributions.laplace import Laplace
from functorch_lite.torch.distributions.multivariate_normal import (
    MultivariateNormal,
    half_log_det,
    mahalanobis,
)
from functorch_lite.torch.distributions.normal import Normal
from functorch_lite.torch.distributions.one_hot_categorical import OneHotCategorical
from functorch_lite.torch.distributions.poisson import Poisson
from functorch_lite.torch.distributions.transformed_distribution import TransformedDistribution
from functorch_lite.torch.distributions.uniform import Uniform
from functorch_lite.torch.distributions.utils import euler_constant, sum_rightmost

__all__: list[str] = []


def _weighted(weight: Tensor, gap: Tensor, excluded: Tensor) -> Tensor:
    """weight * gap: infinite where q excludes what p has, zero where p has none of it."""
    return (weight * gap).masked_fill(excluded, math.inf).masked_fill(weight == 0, 0)


@register_kl(Bernoulli, Bernoulli)
def _bernoulli(p: Bernoulli, q: Bernoulli) -> Tensor:
    ones = softplus(-q.logits) - softplus(-p.logits)
    zeros = softplus(q.logits) - softplus(p.logits)
    return _weighted(p.probs, ones, q.probs == 0) + _weighted(1 - p.probs, zeros, q.probs == 1)


@register_kl(Beta, Beta)
def _beta(p: Beta, q: Beta) -> Tensor:
    return kl_divergence(p._dirichlet, q._dirichlet)


@register_kl(Binomial, Binomial)
def _binomial(p: Binomial, q: Binomial) -> Tensor:
    if (p.total_count < q.total_count).any():
        raise NotImplementedError(
            "KL between Binomials where q.total_count > p.total_count is not implemented"
        )
    gap = p.probs * (p.logits - q.logits) + (-p.probs).log1p() - (-q.probs).log1p()
    return (p.total_count * gap).masked_fill(p.total_count > q.total_count, math.inf)


@register_kl(Categorical, Categorical)
def _categorical(p: Categorical, q: Categorical) -> Tensor:
    return _weighted(p.probs, p.logits - q.logits, q.probs == 0).sum(-1)


@register_kl(Cauchy, Cauchy)
def _cauchy(p: Cauchy, q: Cauchy) -> Tensor:
    reach = (p.scale + q.scale).pow(2) + (p.loc - q.loc).pow(2)
    return reach.log() - (4 * p.scale * q.scale).log()


@register_kl(Dirichlet, Dirichlet)
def _dirichlet(p: Dirichlet, q: Dirichlet) -> Tensor:
    a, b = p.concentration, q.concentration
    total_a, total_b = a.sum(-1), b.sum(-1)
    totals = total_a.lgamma() - total_b.lgamma()
    parts = (a.lgamma() - b.lgamma()).sum(-1)
    slopes = (a - b) * (a.digamma() - total_a.digamma().unsqueeze(-1))
    return totals - parts + slopes.sum(-1)


@register_kl(Exponential, Exponential)
def _exponential(p: Exponential, q: Exponential) -> Tensor:
    ratio = q.rate / p.rate
    return -ratio.log() + ratio - 1


@register_kl(ExponentialFamily, ExponentialFamily)
def _exp_family(p: ExponentialFamily, q: ExponentialFamily) -> Tensor:
    """Bregman's divergence of the log-normaliser."""
    if type(p) is not type(q):
        raise NotImplementedError(
            "The cross KL-divergence between different exponential families cannot"
            "                             be computed using Bregman divergences"
        )
    mine = [t.detach().requires_grad_() for t in p._natural_params]
    theirs = q._natural_params
    normaliser = p._log_normalizer(*mine)
    slopes = grad(normaliser.sum(), mine, create_graph=True)
    found = q._log_normalizer(*theirs) - normaliser
    for a, b, slope in zip(mine, theirs, slopes, strict=True):
        found = found - sum_rightmost((b - a) * slope, len(q.event_shape))
    return found


@register_kl(Gamma, Gamma)
def _gamma(p: Gamma, q: Gamma) -> Tensor:
    rates = q.concentration * (p.rate / q.rate).log()
    shapes = q.concentration.lgamma() - p.concentration.lgamma()
    slopes = (p.concentration - q.concentration) * p.concentration.digamma()
    return rates + shapes + slopes + (q.rate - p.rate) * (p.concentration / p.rate)


@register_kl(Geometric, Geometric)
def _geometric(p: Geometric, q: Geometric) -> Tensor:
    return -p.entropy() - (-q.probs).log1p() / p.probs - q.logits


@register_kl(Gumbel, Gumbel)
def _gumbel(p: Gumbel, q: Gumbel) -> Tensor:
    ratio = p.scale / q.scale
    gap = (p.loc - q.loc) / q.scale
    tail = ((1 + ratio).lgamma() - gap).exp()
    return -ratio.log() + gap + ratio * euler_constant + tail - (1 + euler_constant)


@register_kl(HalfNormal, HalfNormal)
def _half_normal(p: HalfNormal, q: HalfNormal) -> Tensor:
    return _normal(p.base_dist, q.base_dist)


@register_kl(Independent, Independent)
def _independent(p: Independent, q: Independent) -> Tensor:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError
    return sum_rightmost(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)


@register_kl(Laplace, Laplace)
def _laplace(p: Laplace, q: Laplace) -> Tensor:
    ratio = p.scale / q.scale
    gap = (p.loc - q.loc).abs()
    return -ratio.log() + gap / q.scale + ratio * (-gap / p.scale).exp() - 1


@register_kl(MultivariateNormal, MultivariateNormal)
def _multivariate_normal(p: MultivariateNormal, q: MultivariateNormal) -> Tensor:
    if p.event_shape != q.event_shape:
        raise ValueError(
            "KL-divergence between two Multivariate Normals with                          "
            "different event shapes cannot be computed"
        )
    mine, theirs = p._unbroadcasted_scale_tril, q._unbroadcasted_scale_tril
    batch = broadcast_shapes(mine.shape[:-2], theirs.shape[:-2])
    n = p.event_shape[0]
    whitened = solve_triangular(
        theirs.expand((*batch, n, n)), mine.expand((*batch, n, n)), upper=False
    )
    trace = whitened.pow(2).sum((-2, -1))
    square = mahalanobis(theirs, q.loc - p.loc)
    return half_log_det(theirs) - half_log_det(mine) + 0.5 * (trace + square - n)


@register_kl(Normal, Normal)
def _normal(p: Normal, q: Normal) -> Tensor:
    ratio = (p.scale / q.scale).pow(2)
    gap = ((p.loc - q.loc) / q.scale).pow(2)
    return 0.5 * (ratio + gap - 1 - ratio.log())


@register_kl(OneHotCategorical, OneHotCategorical)
def _one_hot_categorical(p: OneHotCategorical, q: OneHotCategorical) -> Tensor:
    return _categorical(p._categorical, q._categorical)


@register_kl(Poisson, Poisson)
def _poisson(p: Poisson, q: Poisson) -> Tensor:
    return p.rate * (p.rate.log() - q.rate.log()) - (p.rate - q.rate)


@register_kl(TransformedDistribution, TransformedDistribution)
def _transformed(p: TransformedDistribution, q: TransformedDistribution) -> Tensor:
    if p.transforms != q.transforms or p.event_shape != q.event_shape:
        raise NotImplementedError
    return kl_divergence(p.base_dist, q.base_dist)


@register_kl(Uniform, Uniform)
def _uniform(p: Uniform, q: Uniform) -> Tensor:
    found = ((q.high - q.low) / (p.high - p.low)).log()
    return found.masked_fill((q.low > p.low) | (q.high < p.high), math.inf)
