"""Normal vectors whose covariance is diagonal but for a matrix of low rank."""

from __future__ import annotations

import math
from typing import Any

from functorch_lite.torch._ops.creation import eye
from functorch_lite.torch._ops.joining import broadcast_tensors
from functorch_lite.torch._ops.linalg_systems import cholesky, solve_triangular
from functorch_lite.torch.distributions import constraints
from functorch_lite.torch.distributions._tensor import Tensor
from functorch_lite.torch.distributions.distribution import Distribution
from functorch_lite.torch.distributions.multivariate_normal import half_log_det, mahalanobis
from functorch_lite.torch.distributions.utils import lazy_property, standard_normal

__all__ = ["LowRankMultivariateNormal"]


class LowRankMultivariateNormal(Distribution):
    """The normal distribution of vectors with covariance W W^T + D.

    Only matrices of the size of the rank are factored, by Woodbury's identity: with the capacity
    C = I + W^T D^-1 W, the inverse of the covariance is D^-1 - D^-1 W C^-1 W^T D^-1.

    Args:
        loc: ``[..., n]``, the mean.
        cov_factor: ``[..., n, rank]``, W.
        cov_diag: ``[..., n]``, the diagonal of D, positive.

    Source: ``torch.distributions.LowRankMultivariateNormal``.
    """

    __module__ = "torch.distributions.lowrank_multivariate_normal"
    arg_constraints = {
        "loc": constraints.real_vector,
        "cov_factor": constraints.independent(constraints.real, 2),
        "cov_diag": constraints.independent(constraints.positive, 1),
    }
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self, loc: Tensor, cov_factor: Tensor, cov_diag: Tensor, validate_args: Any = None
    ) -> None:
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        event_shape = loc.shape[-1:]
        if cov_factor.dim() < 2:
            raise ValueError(
                "cov_factor must be at least two-dimensional, with optional leading batch "
                "dimensions"
            )
        if cov_factor.shape[-2:-1] != event_shape:
            raise ValueError(
                f"cov_factor must be a batch of matrices with shape {event_shape[0]} x m"
            )
        if cov_diag.shape[-1:] != event_shape:
            raise ValueError(f"cov_diag must be a batch of vectors with shape {event_shape}")
        try:
            column, self.cov_factor, diagonal = broadcast_tensors(
                loc.unsqueeze(-1), cov_factor, cov_diag.unsqueeze(-1)
            )
        except RuntimeError as error:
            raise ValueError(
                f"Incompatible batch shapes: loc {loc.shape}, cov_factor {cov_factor.shape}, "
                f"cov_diag {cov_diag.shape}"
            ) from error
        self.loc, self.cov_diag = column[..., 0], diagonal[..., 0]
        self._unbroadcasted_cov_factor = cov_factor
        self._unbroadcasted_cov_diag = cov_diag
        capacity = self._over_diag @ cov_factor
        self._capacitance_tril = cholesky(capacity + eye(capacity.shape[-1], dtype=capacity.dtype))
        super().__init__(self.loc.shape[:-1], event_shape, validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        names, n = ("loc", "cov_diag"), self._event_shape
        new = self._expanded(LowRankMultivariateNormal, _instance, batch_shape, names, n)
        new.cov_factor = self.cov_factor.expand((*batch_shape, *self.cov_factor.shape[-2:]))
        for name in ("_unbroadcasted_cov_factor", "_unbroadcasted_cov_diag", "_capacitance_tril"):
            setattr(new, name, getattr(self, name))
        return new

    @property
    def _over_diag(self) -> Tensor:
        """W^T D^-1."""
        return self._unbroadcasted_cov_factor.mT / self._unbroadcasted_cov_diag.unsqueeze(-2)

    def _whitener(self) -> Tensor:
        """The A with A^T A = D^-1 W C^-1 W^T D^-1."""
        return solve_triangular(self._capacitance_tril, self._over_diag, upper=False)

    def _matrix(self, matrix: Tensor) -> Tensor:
        return matrix.expand((*self._batch_shape, *self._event_shape, *self._event_shape))

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @lazy_property
    def variance(self) -> Tensor:
        """The variance."""
        found = self._unbroadcasted_cov_factor.pow(2).sum(-1) + self._unbroadcasted_cov_diag
        return found.expand((*self._batch_shape, *self._event_shape))

    @lazy_property
    def scale_tril(self) -> Tensor:
        """The Cholesky factor of the covariance."""
        # With the roots of D taken out no eigenvalue is below one.
        roots = self._unbroadcasted_cov_diag.sqrt().unsqueeze(-1)
        scaled = self._unbroadcasted_cov_factor / roots
        inner = scaled @ scaled.mT + eye(self._event_shape[0], dtype=scaled.dtype)
        return self._matrix(roots * cholesky(inner))

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        """The covariance."""
        factor = self._unbroadcasted_cov_factor
        return self._matrix(factor @ factor.mT + self._unbroadcasted_cov_diag.diag_embed())

    @lazy_property
    def precision_matrix(self) -> Tensor:
        """The inverse of the covariance."""
        whitener = self._whitener()
        inverses = self._unbroadcasted_cov_diag.reciprocal().diag_embed()
        return self._matrix(inverses - whitener.mT @ whitener)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        common = standard_normal((*shape[:-1], self.cov_factor.shape[-1]), self.loc)
        own = standard_normal(shape, self.loc)
        moved = (self._unbroadcasted_cov_factor @ common.unsqueeze(-1)).squeeze(-1)
        return self.loc + moved + self._unbroadcasted_cov_diag.sqrt() * own

    def _mahalanobis(self, gap: Tensor) -> Tensor:
        """The squared length of x in units of the deviation."""
        inner = (self._over_diag @ gap.unsqueeze(-1)).squeeze(-1)
        own = (gap.pow(2) / self._unbroadcasted_cov_diag).sum(-1)
        return own - mahalanobis(self._capacitance_tril, inner)

    def _log_det(self) -> Tensor:
        """The logarithm of the determinant of the covariance."""
        return 2 * half_log_det(self._capacitance_tril) + self._unbroadcasted_cov_diag.log().sum(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        size = self._event_shape[0] * math.log(2 * math.pi)
        return -0.5 * (size + self._log_det() + self._mahalanobis(value - self.loc))

    def entropy(self) -> Tensor:
        size = self._event_shape[0] * (1.0 + math.log(2 * math.pi))
        return (0.5 * (size + self._log_det())).expand(self._batch_shape)
