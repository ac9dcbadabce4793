"""Bernoulli variables between zero and one, with gradients."""

from __future__ import annotations

from typing import Any

from functorch_lite.torch.distributions import constraints
from functorch_lite.torch.distributions._probabilities import EventProbability
from functorch_lite.torch.distributions._tensor import Tensor
from functorch_lite.torch.distributions.distribution import Distribution
from functorch_lite.torch.distributions.transformed_distribution import TransformedDistribution
from functorch_lite.torch.distributions.transforms import SigmoidTransform
from functorch_lite.torch.distributions.utils import broadcast_all, clamp_probs, standard_uniform

__all__ = ["LogitRelaxedBernoulli", "RelaxedBernoulli"]


class LogitRelaxedBernoulli(EventProbability, Distribution):
    """The log-odds of ``RelaxedBernoulli``.

    Args:
        temperature: how far from zeros and ones.
        probs: the probability of a one.
        logits: its log-odds, instead.

    Source: ``torch.distributions.relaxed_bernoulli.LogitRelaxedBernoulli``; Maddison et al., "The
    concrete distribution", ICLR 2017.
    """

    __module__ = "torch.distributions.relaxed_bernoulli"
    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.real

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: Any = None
    ) -> None:
        self.temperature = temperature
        super().__init__(self._take(probs, logits), validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        names = ("probs", "logits", "_param")
        new = self._expanded(LogitRelaxedBernoulli, _instance, batch_shape, names)
        new.temperature = self.temperature
        return new

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        probs = clamp_probs(self.probs.expand(shape))
        u = clamp_probs(standard_uniform(shape, probs))
        return (u.log() - (-u).log1p() + probs.log() - (-probs).log1p()) / self.temperature

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        gap = logits - value.mul(self.temperature)
        return self.temperature.log() + gap - 2 * gap.exp().log1p()


class RelaxedBernoulli(TransformedDistribution):
    """Numbers between zero and one, the nearer to them the lower the temperature.

    Args:
        temperature: how far from zeros and ones.
        probs: the probability of a one.
        logits: its log-odds, instead.

    Source: ``torch.distributions.RelaxedBernoulli``.
    """

    __module__ = "torch.distributions.relaxed_bernoulli"
    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    has_rsample = True
    base_dist: LogitRelaxedBernoulli

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: Any = None
    ) -> None:
        base = LogitRelaxedBernoulli(temperature, probs, logits)
        super().__init__(base, SigmoidTransform(), validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._get_checked_instance(RelaxedBernoulli, _instance)
        return super().expand(batch_shape, _instance=new)

    @property
    def temperature(self) -> Any:
        """How far from zeros and ones."""
        return self.base_dist.temperature

    @property
    def logits(self) -> Tensor:
        """The log-odds of a one."""
        return self.base_dist.logits

    @property
    def probs(self) -> Tensor:
        """The probability of a one."""
        return self.base_dist.probs
