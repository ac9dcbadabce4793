"""Divergences of normal vectors of which a covariance is of low rank."""

from __future__ import annotations

from typing import Any

from functorch_lite.torch._ops.linalg_systems import solve_triangular
from functorch_lite.torch.distributions._tensor import Tensor
from functorch_lite.torch.distributions.kl import register_kl
from functorch_lite.torch.distributions.lowrank_multivariate_normal import (
    LowRankMultivariateNormal,
)
from functorch_lite.torch.distributions.multivariate_normal import (
    MultivariateNormal,
    half_log_det,
    mahalanobis,
)

__all__: list[str] = []


def _check(p: Any, q: Any, what: str) -> None:
    if p.event_shape != q.event_shape:
        raise ValueError(
            f"KL-divergence between two {what} with                          "
            "different event shapes cannot be computed"
        )


def _trace(q: LowRankMultivariateNormal, factor: Tensor, whitener: Tensor) -> Tensor:
    """The trace of q's precision times F F^T."""
    own = factor.pow(2) / q._unbroadcasted_cov_diag.unsqueeze(-1)
    return own.sum((-2, -1)) - (whitener @ factor).pow(2).sum((-2, -1))


def _together(p: Any, gap_of_logs: Tensor, trace: Tensor, square: Tensor) -> Tensor:
    return 0.5 * (gap_of_logs + trace + square - p.event_shape[0])


@register_kl(LowRankMultivariateNormal, LowRankMultivariateNormal)
def _low_ranks(p: LowRankMultivariateNormal, q: LowRankMultivariateNormal) -> Tensor:
    _check(p, q, "Low Rank Multivariate Normals")
    whitener, diagonal = q._whitener(), p._unbroadcasted_cov_diag
    trace = (
        (diagonal / q._unbroadcasted_cov_diag).sum(-1)
        - (whitener.pow(2) * diagonal.unsqueeze(-2)).sum((-2, -1))
        + _trace(q, p._unbroadcasted_cov_factor, whitener)
    )  # fmt: skip
    return _together(p, q._log_det() - p._log_det(), trace, q._mahalanobis(q.loc - p.loc))


@register_kl(MultivariateNormal, LowRankMultivariateNormal)
def _to_low_rank(p: MultivariateNormal, q: LowRankMultivariateNormal) -> Tensor:
    _check(p, q, "(Low Rank) Multivariate Normals")
    factor = p._unbroadcasted_scale_tril
    gap_of_logs = q._log_det() - 2 * half_log_det(factor)
    trace = _trace(q, factor, q._whitener())
    return _together(p, gap_of_logs, trace, q._mahalanobis(q.loc - p.loc))


@register_kl(LowRankMultivariateNormal, MultivariateNormal)
def _from_low_rank(p: LowRankMultivariateNormal, q: MultivariateNormal) -> Tensor:
    _check(p, q, "(Low Rank) Multivariate Normals")
    factor = q._unbroadcasted_scale_tril
    parts = (p._unbroadcasted_cov_factor, p._unbroadcasted_cov_diag.sqrt().diag_embed())
    trace: Any = 0
    for part in parts:
        whitened = solve_triangular(factor, part, upper=False)
        trace = trace + whitened.pow(2).sum((-2, -1))
    gap_of_logs = 2 * half_log_det(factor) - p._log_det()
    return _together(p, gap_of_logs, trace, mahalanobis(factor, q.loc - p.loc))
