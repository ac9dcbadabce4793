"""The distribution of random correlations by Lewandowski, Kurowicka and Joe."""

from __future__ import annotations

import math
from typing import Any

from functorch_lite.torch._core.dtypes import finfo
from functorch_lite.torch._core.size import Size
from functorch_lite.torch._ops.creation import arange
from functorch_lite.torch._ops.joining import cat
from functorch_lite.torch.distributions import constraints
from functorch_lite.torch.distributions._tensor import Tensor
from functorch_lite.torch.distributions.beta import Beta
from functorch_lite.torch.distributions.distribution import Distribution
from functorch_lite.torch.distributions.utils import broadcast_all, standard_normal

__all__ = ["LKJCholesky"]


class LKJCholesky(Distribution):
    """Cholesky factors of correlation matrices with a density of det^(concentration - 1).

    Args:
        dim: the size of the matrices.
        concentration: 1 for the uniform distribution of the correlations; the larger, the nearer
            they are to zero.

    Raises:
        ValueError: ``dim`` is below two.

    Source: ``torch.distributions.LKJCholesky``; Lewandowski, Kurowicka and Joe, "Generating random
    correlation matrices based on vines and extended onion method", Journal of Multivariate
    Analysis 2009.
    """

    __module__ = "torch.distributions.lkj_cholesky"
    arg_constraints = {"concentration": constraints.positive}
    support = constraints.corr_cholesky

    def __init__(self, dim: int, concentration: Any = 1.0, validate_args: Any = None) -> None:
        if dim < 2:
            raise ValueError(
                f"Expected dim to be an integer greater than or equal to 2. Found dim={dim}."
            )
        self.dim = dim
        (self.concentration,) = broadcast_all(concentration)
        # Row i has i elements left of the diagonal; the sum of their squares is a beta variable.
        steps = arange(dim - 1, dtype=self.concentration.dtype)
        steps = cat([steps.new_zeros((1,)), steps])
        rest = (self.concentration + 0.5 * (dim - 2)).unsqueeze(-1) - 0.5 * steps
        self._beta = Beta(steps + 0.5, rest)
        super().__init__(self.concentration.size(), (dim, dim), validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._expanded(LKJCholesky, _instance, batch_shape, ("concentration",))
        new.dim = self.dim
        new._beta = self._beta.expand((*Size(batch_shape), self.dim))
        return new

    def sample(self, sample_shape: Any = ()) -> Tensor:
        squares = self._beta.sample(sample_shape).unsqueeze(-1)
        directions = standard_normal(self._extended_shape(sample_shape), squares).tril(-1)
        directions = directions / directions.norm(dim=-1, keepdim=True)
        directions[..., 0, :] = 0.0
        found = squares.sqrt() * directions
        diagonal = (1 - (found**2).sum(-1)).clamp(min=finfo(found.dtype).tiny).sqrt()
        return found + diagonal.diag_embed()

    def log_prob(self, value: Tensor) -> Tensor:
        # The Jacobian of L -> L L^T puts further powers to the diagonal's elements.
        if self._validate_args:
            self._validate_sample(value)
        rows = arange(2, self.dim + 1)
        powers = 2 * (self.concentration - 1).unsqueeze(-1) + self.dim - rows
        found = (powers * value.diagonal(dim1=-1, dim2=-2)[..., 1:].log()).sum(-1)
        n = self.dim - 1
        a = self.concentration + 0.5 * n
        return found - (0.5 * n * math.log(math.pi) + (a - 0.5).mvlgamma(n) - a.lgamma() * n)
