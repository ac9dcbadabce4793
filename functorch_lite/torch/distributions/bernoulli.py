"""The distribution of one event that happens or not."""

from __future__ import annotations

import math
from typing import Any

from functorch_lite.torch._core.grad_mode import no_grad
from functorch_lite.torch._ops.creation import arange
from functorch_lite.torch._ops.random_fill import bernoulli
from functorch_lite.torch.distributions import constraints
from functorch_lite.torch.distributions._probabilities import EventProbability
from functorch_lite.torch.distributions._tensor import Tensor, binary_cross_entropy_with_logits
from functorch_lite.torch.distributions.exp_family import ExponentialFamily
from functorch_lite.torch.distributions.utils import broadcast_all

__all__ = ["Bernoulli"]


class Bernoulli(EventProbability, ExponentialFamily):
    """Ones with a probability, else zeros.

    Args:
        probs: the probability of a one.
        logits: its log-odds, instead.

    Source: ``torch.distributions.Bernoulli``.
    """

    __module__ = "torch.distributions.bernoulli"
    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.boolean
    has_enumerate_support = True
    _mean_carrier_measure = 0

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: Any = None) -> None:
        super().__init__(self._take(probs, logits), validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        return self._expanded(Bernoulli, _instance, batch_shape, ("probs", "logits", "_param"))

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def mode(self) -> Tensor:
        found = (self.probs >= 0.5).to(self.probs)
        return found.masked_fill(self.probs == 0.5, math.nan)

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            return bernoulli(self.probs.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        return -binary_cross_entropy_with_logits(logits, value, reduction="none")

    def entropy(self) -> Tensor:
        return binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")

    def enumerate_support(self, expand: bool = True) -> Tensor:
        values = arange(2, dtype=self._param.dtype).view((-1,) + (1,) * len(self._batch_shape))
        return values.expand((-1, *self._batch_shape)) if expand else values

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return (self.probs.logit(),)

    def _log_normalizer(self, x: Tensor) -> Tensor:
        return x.exp().log1p()
