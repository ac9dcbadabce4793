"""The geometric distribution."""

from __future__ import annotations

from typing import Any

from functorch_lite.torch._core.dtypes import finfo
from functorch_lite.torch._core.grad_mode import no_grad
from functorch_lite.torch.distributions import constraints
from functorch_lite.torch.distributions._probabilities import EventProbability
from functorch_lite.torch.distributions._tensor import (
    Tensor,
    binary_cross_entropy_with_logits,
    empty,
    zeros_like,
)
from functorch_lite.torch.distributions.distribution import Distribution
from functorch_lite.torch.distributions.utils import broadcast_all

__all__ = ["Geometric"]


class Geometric(EventProbability, Distribution):
    """Numbers of failures before the first success.

    Args:
        probs: the probability of a success, above zero.
        logits: its log-odds, instead.

    Source: ``torch.distributions.Geometric``.
    """

    __module__ = "torch.distributions.geometric"
    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.nonnegative_integer

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: Any = None) -> None:
        super().__init__(self._take(probs, logits), validate_args=validate_args)
        if self._validate_args and probs is not None:
            value = self.probs
            valid = value > 0
            if not valid.all():
                raise ValueError(
                    f"Expected parameter probs ({type(value).__name__} of shape "
                    f"{tuple(value.shape)}) of distribution {self!r} to be positive but found "
                    f"invalid values:\n{value[~valid]}"
                )

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        return self._expanded(Geometric, _instance, batch_shape, ("probs", "logits", "_param"))

    @property
    def mean(self) -> Tensor:
        return 1.0 / self.probs - 1.0

    @property
    def mode(self) -> Tensor:
        return zeros_like(self.probs)

    @property
    def variance(self) -> Tensor:
        return (1.0 / self.probs - 1.0) / self.probs

    def sample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        with no_grad():
            u = empty(shape, dtype=self.probs.dtype).uniform_(finfo(self.probs.dtype).tiny, 1)
            return (u.log() / (-self.probs).log1p()).floor()

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        value, probs = broadcast_all(value, self.probs)
        # No failure is certain at one, where the logarithm of a failure is infinite.
        certain = (probs == 1) & (value == 0)
        return value * (-probs.masked_fill(certain, 0)).log1p() + self.probs.log()

    def entropy(self) -> Tensor:
        found = binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")
        return found / self.probs
