"""What distributions share that take a covariance, its inverse or its Cholesky factor."""

from __future__ import annotations

from typing import Any

from functorch_lite.torch._ops.creation import eye
from functorch_lite.torch._ops.linalg_systems import cholesky, solve_triangular
from functorch_lite.torch.distributions._tensor import Tensor
from functorch_lite.torch.distributions.utils import lazy_property

__all__ = ["WithCovariance", "inverse_of_product", "the_one_of"]

_NAMES = ("covariance_matrix", "precision_matrix", "scale_tril")


def _inverse_of_lower(factor: Tensor) -> Tensor:
    return solve_triangular(factor, eye(factor.shape[-1], dtype=factor.dtype), upper=False)


def _factor_of_inverse(precision: Tensor) -> Tensor:
    """The Cholesky factor of the inverse of a positive definite matrix."""
    # With rows and columns reversed, a lower factor of P is an upper one, whose inverse is lower.
    return _inverse_of_lower(cholesky(precision.flip((-2, -1))).flip((-2, -1)).mT)


def inverse_of_product(factor: Tensor) -> Tensor:
    """The inverse of L L^T for a lower triangular L ``[..., n, n]``."""
    inverse = _inverse_of_lower(factor)
    return inverse.mT @ inverse


def the_one_of(error: type[Exception], **matrices: Tensor | None) -> tuple[str, Tensor]:
    """The name of the matrix that is given, and the matrix.

    Args:
        error: what to raise if there is none, or more than one.
        matrices: the three by name.
    """
    given = [(name, matrix) for name, matrix in matrices.items() if matrix is not None]
    if len(given) != 1:
        raise error(
            "Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified."
        )
    return given[0]


class WithCovariance:
    """The three matrices, of which one is given and the others follow."""

    _batch_shape: Any
    _unbroadcasted_scale_tril: Tensor

    def _show_matrix(self, name: str, matrix: Tensor, batch_shape: Any) -> None:
        """Have the matrix that is given as an attribute, for every member of the batch."""
        self.__dict__[name] = matrix.expand((*batch_shape, -1, -1))

    def _take_matrix(self, name: str, matrix: Tensor) -> None:
        """Factor it, once it is known to be valid."""
        if name == "covariance_matrix":
            matrix = cholesky(matrix)
        elif name == "precision_matrix":
            matrix = _factor_of_inverse(matrix)
        self._unbroadcasted_scale_tril = matrix

    def _show_matrices(self, new: Any, batch_shape: Any) -> None:
        """Give another batch the matrices that are there."""
        for name in _NAMES:
            if name in self.__dict__:
                WithCovariance._show_matrix(new, name, self.__dict__[name], batch_shape)

    def _matrix(self, matrix: Tensor) -> Tensor:
        return matrix.expand((*self._batch_shape, -1, -1))

    @lazy_property
    def scale_tril(self) -> Tensor:
        """The Cholesky factor of the covariance."""
        return self._matrix(self._unbroadcasted_scale_tril)

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        """The covariance."""
        factor = self._unbroadcasted_scale_tril
        return self._matrix(factor @ factor.mT)

    @lazy_property
    def precision_matrix(self) -> Tensor:
        """The inverse of the covariance."""
        return self._matrix(inverse_of_product(self._unbroadcasted_scale_tril))
