"""Gumbel's distribution of largest values."""

from __future__ import annotations

import math
from typing import Any

from functorch_lite.torch._core.dtypes import default, finfo
from functorch_lite.torch._ops.creation import full_like
from functorch_lite.torch.distributions import constraints
from functorch_lite.torch.distributions._tensor import Tensor, ones_like
from functorch_lite.torch.distributions.transformed_distribution import TransformedDistribution
from functorch_lite.torch.distributions.transforms import AffineTransform, ExpTransform
from functorch_lite.torch.distributions.uniform import Uniform
from functorch_lite.torch.distributions.utils import broadcast_all, euler_constant, is_number

__all__ = ["Gumbel"]


class Gumbel(TransformedDistribution):
    """The limit of the largest of many numbers: loc - scale log(-log u) for a uniform u.

    Args:
        loc: the mode.
        scale: how wide it is.

    Source: ``torch.distributions.Gumbel``.
    """

    __module__ = "torch.distributions.gumbel"
    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real

    def __init__(self, loc: Any, scale: Any, validate_args: Any = None) -> None:
        self.loc, self.scale = broadcast_all(loc, scale)
        if is_number(loc) and is_number(scale):
            limits = finfo(default.dtype)
            low, high = limits.tiny, 1 - limits.eps
        else:
            limits = finfo(self.loc.dtype)
            low = full_like(self.loc, limits.tiny)
            high = full_like(self.loc, 1 - limits.eps)
        base = Uniform(low, high, validate_args=validate_args)
        transforms = [
            ExpTransform().inv,
            AffineTransform(loc=0, scale=-ones_like(self.scale)),
            ExpTransform().inv,
            AffineTransform(loc=loc, scale=-self.scale),
        ]
        super().__init__(base, transforms, validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._get_checked_instance(Gumbel, _instance)
        new.loc = self.loc.expand(batch_shape)
        new.scale = self.scale.expand(batch_shape)
        return super().expand(batch_shape, _instance=new)

    @property
    def mean(self) -> Tensor:
        return self.loc + self.scale * euler_constant

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def stddev(self) -> Tensor:
        return (math.pi / math.sqrt(6)) * self.scale

    @property
    def variance(self) -> Tensor:
        return self.stddev.pow(2)

    def log_prob(self, value: Tensor) -> Tensor:
        # Directly: the transforms would lose digits far from the mode.
        if self._validate_args:
            self._validate_sample(value)
        y = (self.loc - value) / self.scale
        return (y - y.exp()) - self.scale.log()

    def entropy(self) -> Tensor:
        return self.scale.log() + (1 + euler_constant)
