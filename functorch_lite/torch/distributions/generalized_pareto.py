"""The generalised Pareto distribution of what exceeds a threshold."""

from __future__ import annotations

import math
from typing import Any

from functorch_lite.torch._ops.compare import isclose
from functorch_lite.torch._ops.creation import tensor
from functorch_lite.torch._ops.mixing import where
from functorch_lite.torch.distributions import constraints
from functorch_lite.torch.distributions._tensor import Tensor, ones_like, zeros_like
from functorch_lite.torch.distributions.distribution import Distribution
from functorch_lite.torch.distributions.utils import broadcast_all, standard_uniform

__all__ = ["GeneralizedPareto"]


class GeneralizedPareto(Distribution):
    """Tails: exponential ones for concentration 0, heavier above, and bounded below.

    Args:
        loc: the smallest value.
        scale: how wide it is.
        concentration: how heavy the tail is.

    Source: ``torch.distributions.GeneralizedPareto``.
    """

    __module__ = "torch.distributions.generalized_pareto"
    arg_constraints = {
        "loc": constraints.real,
        "scale": constraints.positive,
        "concentration": constraints.real,
    }
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, concentration: Any, validate_args: Any = None) -> None:
        self.loc, self.scale, self.concentration = broadcast_all(loc, scale, concentration)
        super().__init__(self.loc.size(), validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        names = ("loc", "scale", "concentration")
        return self._expanded(GeneralizedPareto, _instance, batch_shape, names)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Any:
        end = self.loc - self.scale / self.concentration
        return constraints.interval(self.loc, where(self.concentration < 0, end, math.inf))

    @property
    def mean(self) -> Tensor:
        valid = self.concentration < 1
        gap = 1 - where(valid, self.concentration, 0.5)
        return where(valid, self.loc + self.scale / gap, math.nan)

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        valid = self.concentration < 0.5
        c = where(valid, self.concentration, 0.25)
        return where(valid, self.scale**2 / ((1 - c) ** 2 * (1 - 2 * c)), math.nan)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.icdf(standard_uniform(self._extended_shape(sample_shape), self.loc))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        z = (value - self.loc) / self.scale
        # PyTorch compares with a zero of the default dtype, and so refuses parameters of others.
        is_zero, c = self._split(tensor(0.0))
        y = 1 / c + ones_like(z)
        return -self.scale.log() - where(is_zero, z, where(y == 0, y, y * (c * z).log1p()))

    def log_survival_function(self, value: Tensor) -> Tensor:
        """The logarithm of the probability of what is larger than a value."""
        if self._validate_args:
            self._validate_sample(value)
        z = (value - self.loc) / self.scale
        is_zero, c = self._split(tensor(0.0))
        return where(is_zero, -z, -(c * z).log1p() / c)

    def log_cdf(self, value: Tensor) -> Tensor:
        """The logarithm of ``cdf``."""
        return (-self.log_survival_function(value).exp()).log1p()

    def cdf(self, value: Tensor) -> Tensor:
        return self.log_cdf(value).exp()

    def icdf(self, value: Tensor) -> Tensor:
        is_zero, c = self._split(zeros_like(self.concentration))
        log_rest = (-value).log1p()
        heavy = self.loc + self.scale / c * (-c * log_rest).expm1()
        return where(is_zero, self.loc - self.scale * log_rest, heavy)

    def _split(self, zero: Tensor) -> tuple[Tensor, Tensor]:
        """Where the concentration is zero, and it with ones there, which can be divided by."""
        is_zero = isclose(self.concentration, zero)
        return is_zero, where(is_zero, ones_like(self.concentration), self.concentration)

    def entropy(self) -> Tensor:
        return self.scale.log() + self.concentration + 1
