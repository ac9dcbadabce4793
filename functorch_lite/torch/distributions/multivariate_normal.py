"""Normal vectors."""

from __future__ import annotations

import math
from typing import Any

from functorch_lite.torch._ops.joining import broadcast_shapes
from functorch_lite.torch._ops.linalg_systems import solve_triangular
from functorch_lite.torch.distributions import constraints
from functorch_lite.torch.distributions._covariances import WithCovariance, the_one_of
from functorch_lite.torch.distributions._tensor import Tensor
from functorch_lite.torch.distributions.distribution import Distribution
from functorch_lite.torch.distributions.utils import standard_normal

__all__ = ["MultivariateNormal"]


def mahalanobis(factor: Tensor, gap: Tensor) -> Tensor:
    """The squared length of L^-1 x.

    Args:
        factor: ``[batch..., n, n]``, lower triangular L.
        gap: ``[sample..., batch..., n]``, x; the batches broadcast.
    """
    # One solution per factor: samples are columns of its right-hand side.
    extra = max(gap.dim() - factor.dim() + 1, 0)
    samples = gap.shape[:extra]
    columns = gap.reshape((-1, *gap.shape[extra:])).movedim(0, -1)
    found = solve_triangular(factor, columns, upper=False).pow(2).sum(-2).movedim(-1, 0)
    return found.reshape((*samples, *found.shape[1:]))


def half_log_det(factor: Tensor) -> Tensor:
    """The logarithm of the determinant of a triangular matrix."""
    return factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)


class MultivariateNormal(WithCovariance, Distribution):
    """The normal distribution of vectors.

    Args:
        loc: ``[..., n]``, the mean.
        covariance_matrix: ``[..., n, n]``.
        precision_matrix: its inverse, instead.
        scale_tril: its Cholesky factor, instead: the quickest.

    Source: ``torch.distributions.MultivariateNormal``.
    """

    __module__ = "torch.distributions.multivariate_normal"
    arg_constraints = {
        "loc": constraints.real_vector,
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self, loc: Tensor, covariance_matrix: Any = None, precision_matrix: Any = None,
        scale_tril: Any = None, validate_args: Any = None,
    ) -> None:  # fmt: skip
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        name, matrix = the_one_of(
            ValueError, covariance_matrix=covariance_matrix, precision_matrix=precision_matrix,
            scale_tril=scale_tril,
        )  # fmt: skip
        if matrix.dim() < 2:
            what = "scale_tril matrix" if name == "scale_tril" else name
            raise ValueError(
                f"{what} must be at least two-dimensional, with optional leading batch dimensions"
            )
        batch_shape = broadcast_shapes(matrix.shape[:-2], loc.shape[:-1])
        self._show_matrix(name, matrix, batch_shape)
        self.loc = loc.expand((*batch_shape, -1))
        super().__init__(batch_shape, self.loc.shape[-1:], validate_args=validate_args)
        self._take_matrix(name, matrix)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        n = self._event_shape
        new = self._expanded(MultivariateNormal, _instance, batch_shape, ("loc",), n)
        self._show_matrices(new, batch_shape)
        new._unbroadcasted_scale_tril = self._unbroadcasted_scale_tril
        return new

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        squares = self._unbroadcasted_scale_tril.pow(2).sum(-1)
        return squares.expand((*self._batch_shape, *self._event_shape))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        noise = standard_normal(self._extended_shape(sample_shape), self.loc)
        return self.loc + (self._unbroadcasted_scale_tril @ noise.unsqueeze(-1)).squeeze(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        factor = self._unbroadcasted_scale_tril
        square = mahalanobis(factor, value - self.loc)
        size = self._event_shape[0] * math.log(2 * math.pi)
        return -0.5 * (size + square) - half_log_det(factor)

    def entropy(self) -> Tensor:
        size = self._event_shape[0] * (1.0 + math.log(2 * math.pi))
        found = 0.5 * size + half_log_det(self._unbroadcasted_scale_tril)
        return found.expand(self._batch_shape) if self._batch_shape else found
