"""Transforms of vectors and matrices."""

from __future__ import annotations

import math
from typing import Any

from functorch_lite.torch._core.dtypes import finfo
from functorch_lite.torch._ops.creation import arange, eye
from functorch_lite.torch._ops.linalg_systems import cholesky
from functorch_lite.torch.distributions import constraints
from functorch_lite.torch.distributions._tensor import Tensor, pad, softplus
from functorch_lite.torch.distributions._transforms.base import Transform
from functorch_lite.torch.distributions.utils import (
    tril_matrix_to_vec,
    vec_to_tril_matrix,
)

__all__ = [
    "CorrCholeskyTransform", "LowerCholeskyTransform", "PositiveDefiniteTransform",
    "SoftmaxTransform", "StickBreakingTransform",
]  # fmt: skip


def _check_dims(shape: Any) -> None:
    if len(shape) < 1:
        raise ValueError("Too few dimensions on input")


class SoftmaxTransform(Transform):
    """y = exp(x), scaled to sum to one; many x have the same y.

    Source: ``torch.distributions.transforms.SoftmaxTransform``.
    """

    __module__ = "torch.distributions.transforms"
    domain = constraints.real_vector
    codomain = constraints.simplex

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SoftmaxTransform)

    def _call(self, x: Tensor) -> Tensor:
        powers = (x - x.max(-1, True)[0]).exp()
        return powers / powers.sum(-1, True)

    def _inverse(self, y: Tensor) -> Tensor:
        return y.log()

    def forward_shape(self, shape: Any) -> Any:
        _check_dims(shape)
        return shape

    def inverse_shape(self, shape: Any) -> Any:
        _check_dims(shape)
        return shape


class StickBreakingTransform(Transform):
    """n numbers to n + 1 shares: each breaks its part off what is left of a stick.

    Source: ``torch.distributions.transforms.StickBreakingTransform``.
    """

    __module__ = "torch.distributions.transforms"
    domain = constraints.real_vector
    codomain = constraints.simplex
    bijective = True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StickBreakingTransform)

    def _call(self, x: Tensor) -> Tensor:
        z = (x - self._left(x.shape[-1], x).log()).sigmoid()
        rest = (1 - z).cumprod(-1)
        return pad(z, [0, 1], value=1) * pad(rest, [1, 0], value=1)

    def _inverse(self, y: Tensor) -> Tensor:
        inner = y[..., :-1]
        rest = (1 - inner.cumsum(-1)).clamp(min=finfo(y.dtype).tiny)
        return inner.log() - rest.log() + self._left(inner.shape[-1], y).log()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        shifted = x - self._left(x.shape[-1], x).log()
        return (-shifted + -softplus(-shifted) + y[..., :-1].log()).sum(-1)

    @staticmethod
    def _left(count: int, like: Tensor) -> Tensor:
        """How many shares follow each: zeros give equal shares then."""
        return arange(count, 0, -1).to(like.dtype)

    def forward_shape(self, shape: Any) -> Any:
        _check_dims(shape)
        return shape[:-1] + (shape[-1] + 1,)  # noqa: RUF005  (a Size stays one)

    def inverse_shape(self, shape: Any) -> Any:
        _check_dims(shape)
        return shape[:-1] + (shape[-1] - 1,)  # noqa: RUF005  (a Size stays one)


class CorrCholeskyTransform(Transform):
    """n (n - 1) / 2 numbers to the Cholesky factor of an n x n correlation matrix.

    The tangents hyperbolic of the numbers are partial correlations.

    Source: ``torch.distributions.transforms.CorrCholeskyTransform``.
    """

    __module__ = "torch.distributions.transforms"
    domain = constraints.real_vector
    codomain = constraints.corr_cholesky
    bijective = True

    def _call(self, x: Tensor) -> Tensor:
        tanh = x.tanh()
        eps = finfo(tanh.dtype).eps
        partial = vec_to_tril_matrix(tanh.clamp(min=-1 + eps, max=1 - eps), diag=-1)
        left = (1 - partial**2).sqrt().cumprod(-1)
        lower = partial + eye(partial.shape[-1], dtype=partial.dtype)
        return lower * pad(left[..., :-1], [1, 0], value=1)

    def _inverse(self, y: Tensor) -> Tensor:
        left = 1 - (y * y).cumsum(-1)
        before = pad(left[..., :-1], [1, 0], value=1)
        numbers = tril_matrix_to_vec(y, diag=-1)
        lengths = tril_matrix_to_vec(before, diag=-1)
        partial = numbers / lengths.sqrt()
        # The inverse of tanh, kinder to the ends than atanh.
        return (partial.log1p() - partial.neg().log1p()) / 2

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor, intermediates: Any = None) -> Tensor:
        left = 1 - (y * y).cumsum(-1)
        of_lengths = 0.5 * tril_matrix_to_vec(left, diag=-2).log().sum(-1)
        of_tanh = -2 * (x + softplus(-2 * x) - math.log(2.0)).sum(-1)
        return of_lengths + of_tanh

    def forward_shape(self, shape: Any) -> Any:
        _check_dims(shape)
        count = shape[-1]
        n = round((0.25 + 2 * count) ** 0.5 + 0.5)
        if n * (n - 1) // 2 != count:
            raise ValueError("Input is not a flattened lower-diagonal number")
        return shape[:-1] + (n, n)  # noqa: RUF005

    def inverse_shape(self, shape: Any) -> Any:
        if len(shape) < 2:
            raise ValueError("Too few dimensions on input")
        if shape[-2] != shape[-1]:
            raise ValueError("Input is not square")
        n = shape[-1]
        return shape[:-2] + (n * (n - 1) // 2,)  # noqa: RUF005


class LowerCholeskyTransform(Transform):
    """Matrices to lower triangular ones with a positive diagonal, by its exponentials.

    Source: ``torch.distributions.transforms.LowerCholeskyTransform``.
    """

    __module__ = "torch.distributions.transforms"
    domain = constraints.independent(constraints.real, 2)
    codomain = constraints.lower_cholesky

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LowerCholeskyTransform)

    def _call(self, x: Tensor) -> Tensor:
        return x.tril(-1) + x.diagonal(dim1=-2, dim2=-1).exp().diag_embed()

    def _inverse(self, y: Tensor) -> Tensor:
        return y.tril(-1) + y.diagonal(dim1=-2, dim2=-1).log().diag_embed()


class PositiveDefiniteTransform(Transform):
    """Matrices to positive definite ones, by their Cholesky factors.

    Source: ``torch.distributions.transforms.PositiveDefiniteTransform``.
    """

    __module__ = "torch.distributions.transforms"
    domain = constraints.independent(constraints.real, 2)
    codomain = constraints.positive_definite

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PositiveDefiniteTransform)

    def _call(self, x: Tensor) -> Tensor:
        factor = LowerCholeskyTransform()(x)
        return factor @ factor.mT

    def _inverse(self, y: Tensor) -> Tensor:
        return LowerCholeskyTransform().inv(cholesky(y))
