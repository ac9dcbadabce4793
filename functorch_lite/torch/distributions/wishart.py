"""Wishart's distribution of matrices."""

from __future__ import annotations

import math
import warnings
from typing import Any

from functorch_lite.torch._core.dtypes import finfo
from functorch_lite.torch._core.size import Size
from functorch_lite.torch._ops.creation import arange, tensor
from functorch_lite.torch._ops.joining import broadcast_shapes
from functorch_lite.torch._ops.linalg_systems import slogdet
from functorch_lite.torch.distributions import constraints
from functorch_lite.torch.distributions._covariances import (
    WithCovariance,
    inverse_of_product,
    the_one_of,
)
from functorch_lite.torch.distributions._tensor import Tensor, ones_like
from functorch_lite.torch.distributions.chi2 import Chi2
from functorch_lite.torch.distributions.exp_family import ExponentialFamily
from functorch_lite.torch.distributions.multivariate_normal import half_log_det
from functorch_lite.torch.distributions.utils import is_number, standard_normal

__all__ = ["Wishart"]

_LOG_2 = math.log(2)


class Wishart(WithCovariance, ExponentialFamily):
    """Sums of x x^T over normal vectors x.

    Args:
        df: how many vectors, in general a fraction; above n - 1.
        covariance_matrix: ``[..., n, n]``, of the vectors.
        precision_matrix: its inverse, instead.
        scale_tril: its Cholesky factor, instead: the quickest.

    Raises:
        AssertionError: of the three matrices not exactly one is given.
        ValueError: ``df`` is too small, or the matrix is none.

    Source: ``torch.distributions.Wishart``.
    """

    __module__ = "torch.distributions.wishart"
    support = constraints.positive_definite
    has_rsample = True
    _mean_carrier_measure = 0

    @property
    def arg_constraints(self) -> dict[str, Any]:
        return {
            "covariance_matrix": constraints.positive_definite,
            "precision_matrix": constraints.positive_definite,
            "scale_tril": constraints.lower_cholesky,
            "df": constraints.greater_than(self.event_shape[-1] - 1),
        }

    def __init__(
        self, df: Any, covariance_matrix: Any = None, precision_matrix: Any = None,
        scale_tril: Any = None, validate_args: Any = None,
    ) -> None:  # fmt: skip
        name, matrix = the_one_of(
            AssertionError, covariance_matrix=covariance_matrix, precision_matrix=precision_matrix,
            scale_tril=scale_tril,
        )  # fmt: skip
        if matrix.dim() < 2:
            raise ValueError(
                "scale_tril must be at least two-dimensional, with optional leading batch "
                "dimensions"
            )
        if is_number(df):
            batch_shape = matrix.shape[:-2]
            self.df = tensor(df, dtype=matrix.dtype)
        else:
            batch_shape = broadcast_shapes(matrix.shape[:-2], df.shape)
            self.df = df.expand(batch_shape)
        n = matrix.shape[-1]
        if self.df.le(n - 1).any():
            raise ValueError(f"Value of df={df} expected to be greater than ndim - 1 = {n - 1}.")
        self._show_matrix(name, matrix, batch_shape)
        if self.df.lt(n).any():
            warnings.warn(
                "Low df values detected. Singular samples are highly likely to occur for "
                "ndim - 1 < df < ndim.",
                stacklevel=2,
            )
        super().__init__(batch_shape, matrix.shape[-2:], validate_args=validate_args)
        self._take_matrix(name, matrix)
        self._dist_chi2 = self._of_diagonal()

    def _of_diagonal(self) -> Chi2:
        """The distribution of the squares of the diagonal of Bartlett's factor."""
        steps = arange(self._event_shape[-1], dtype=self._unbroadcasted_scale_tril.dtype)
        return Chi2(self.df.unsqueeze(-1) - steps.expand((*self._batch_shape, -1)))

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._expanded(Wishart, _instance, batch_shape, ("df",))
        self._show_matrices(new, batch_shape)
        new._unbroadcasted_scale_tril = self._unbroadcasted_scale_tril.expand(
            (*batch_shape, *self._event_shape)
        )
        new._dist_chi2 = Wishart._of_diagonal(new)
        return new

    def _of_each(self, number: Tensor) -> Tensor:
        """A number of each matrix of the batch, to be multiplied by the matrix."""
        return number.view((*self._batch_shape, 1, 1))

    @property
    def mean(self) -> Tensor:
        return self._of_each(self.df) * self.covariance_matrix

    @property
    def mode(self) -> Tensor:
        factor = self.df - self._event_shape[-1] - 1
        return self._of_each(factor.masked_fill(factor <= 0, math.nan)) * self.covariance_matrix

    @property
    def variance(self) -> Tensor:
        covariance = self.covariance_matrix
        diagonal = covariance.diagonal(dim1=-2, dim2=-1)
        products = diagonal.unsqueeze(-1) * diagonal.unsqueeze(-2)
        return self._of_each(self.df) * (covariance.pow(2) + products)

    def _bartlett_sampling(self, sample_shape: Any = ()) -> Tensor:
        """Samples L A A^T L^T for a lower triangular A of independent elements."""
        n = self._event_shape[-1]
        roots = self._dist_chi2.rsample(sample_shape).sqrt()
        noise = roots.clamp(min=finfo(roots.dtype).eps).diag_embed()
        below = ones_like(noise).tril(-1) > 0
        count = n * (n - 1) // 2
        noise[below] = standard_normal((*sample_shape, *self._batch_shape, count), noise).flatten()
        factor = self._unbroadcasted_scale_tril @ noise
        return factor @ factor.mT

    def rsample(self, sample_shape: Any = (), max_try_correction: Any = None) -> Tensor:
        """Samples, differentiable in the parameters.

        PyTorch means to draw singular samples anew. Its first check is inverted: it warns of, and
        draws anew, those that are not singular. The numbers are to be its own, so this does so too.
        For ``df`` near n - 1 it is rounding that decides which samples are singular, and with them
        what is drawn. Gradients are there always, in PyTorch only where nothing was drawn anew.

        Args:
            sample_shape: of what comes before the batch's and the sample's own.
            max_try_correction: how often singular samples are drawn anew; 10 by default.
        """
        sample_shape = Size(sample_shape)
        sample = self._bartlett_sampling(sample_shape)
        again = self._any_of_batch(self.support.check(sample))
        if not again.any():
            return sample
        warnings.warn("Singular sample detected.", stacklevel=2)
        for _ in range(10 if max_try_correction is None else max_try_correction):
            fresh = self._bartlett_sampling(again[again].shape)
            sample[again] = fresh
            # Of a copy: what was written into the samples keeps the places.
            left = again.clone()
            left[again] = self._any_of_batch(~self.support.check(fresh))
            again = left
            if not again.any():
                break
        return sample

    def _any_of_batch(self, flags: Tensor) -> Tensor:
        """Whether a flag of any matrix of the batch is set."""
        dims = len(self._batch_shape)
        return flags.amax(tuple(range(-dims, 0))) if dims else flags

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        n, df = self._event_shape[-1], self.df
        inverse = inverse_of_product(self._unbroadcasted_scale_tril)
        trace = (inverse @ value).diagonal(dim1=-2, dim2=-1).sum(-1)
        normaliser = df * self._half_log_det_of_double() + (df / 2).mvlgamma(n)
        return (df - n - 1) / 2 * slogdet(value).logabsdet - trace / 2 - normaliser

    def _half_log_det_of_double(self) -> Tensor:
        """Half the logarithm of the determinant of twice the covariance."""
        return self._event_shape[-1] * _LOG_2 / 2 + half_log_det(self._unbroadcasted_scale_tril)

    def entropy(self) -> Tensor:
        n, half = self._event_shape[-1], self.df / 2
        slopes = (half.unsqueeze(-1) - arange(n, dtype=half.dtype) / 2).digamma().sum(-1)
        return (
            (n + 1) * self._half_log_det_of_double() + half.mvlgamma(n)
            - (self.df - n - 1) / 2 * slopes + half * n
        )  # fmt: skip

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return -self.precision_matrix / 2, (self.df - self._event_shape[-1] - 1) / 2

    def _log_normalizer(self, x: Tensor, y: Tensor) -> Tensor:
        n = self._event_shape[-1]
        half = y + (n + 1) / 2
        return half * (_LOG_2 * n - slogdet(-2 * x).logabsdet) + half.mvlgamma(n)
