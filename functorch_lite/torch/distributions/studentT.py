"""Student's distribution."""

from __future__ import annotations

import math
from typing import Any

from functorch_lite.torch.distributions import constraints
from functorch_lite.torch.distributions._tensor import Tensor
from functorch_lite.torch.distributions.chi2 import Chi2
from functorch_lite.torch.distributions.distribution import Distribution
from functorch_lite.torch.distributions.utils import broadcast_all, standard_normal

__all__ = ["StudentT"]


class StudentT(Distribution):
    """A normal variable over the root of a mean of squares of such.

    Args:
        df: of how many squares the mean is, in general a fraction.
        loc: the median.
        scale: how wide it is.

    Source: ``torch.distributions.StudentT``.
    """

    __module__ = "torch.distributions.studentT"
    arg_constraints = {
        "df": constraints.positive,
        "loc": constraints.real,
        "scale": constraints.positive,
    }
    support = constraints.real
    has_rsample = True

    def __init__(
        self, df: Any, loc: Any = 0.0, scale: Any = 1.0, validate_args: Any = None
    ) -> None:
        self.df, self.loc, self.scale = broadcast_all(df, loc, scale)
        self._chi2 = Chi2(self.df)
        super().__init__(self.df.size(), validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._expanded(StudentT, _instance, batch_shape, ("df", "loc", "scale"))
        new._chi2 = self._chi2.expand(batch_shape)
        return new

    @property
    def mean(self) -> Tensor:
        return self.loc.masked_fill(self.df <= 1, math.nan)

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        finite = self.df > 2
        df = self.df.masked_fill(~finite, 3)
        found = (self.scale.pow(2) * df / (df - 2)).masked_fill(~finite, math.inf)
        return found.masked_fill(self.df <= 1, math.nan)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        x = standard_normal(self._extended_shape(sample_shape), self.df)
        z = self._chi2.rsample(sample_shape)
        return self.loc + self.scale * (x * (z / self.df).rsqrt())

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        y = (value - self.loc) / self.scale
        half, next_half = 0.5 * self.df, 0.5 * (self.df + 1)
        normaliser = (
            self.scale.log() + 0.5 * self.df.log() + 0.5 * math.log(math.pi)
            + half.lgamma() - next_half.lgamma()
        )  # fmt: skip
        return -next_half * (y**2 / self.df).log1p() - normaliser

    def entropy(self) -> Tensor:
        half, next_half = 0.5 * self.df, 0.5 * (self.df + 1)
        log_beta = math.lgamma(0.5) + half.lgamma() - next_half.lgamma()
        slopes = next_half.digamma() - half.digamma()
        return self.scale.log() + next_half * slopes + 0.5 * self.df.log() + log_beta
