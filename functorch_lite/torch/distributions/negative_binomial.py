"""The negative binomial distribution."""

from __future__ import annotations

from typing import Any

from functorch_lite.torch._core.grad_mode import no_grad
from functorch_lite.torch._ops.random_fill import poisson
from functorch_lite.torch._ops.smooth import logsigmoid
from functorch_lite.torch.distributions import constraints
from functorch_lite.torch.distributions._probabilities import EventProbability
from functorch_lite.torch.distributions._tensor import Tensor
from functorch_lite.torch.distributions.distribution import Distribution
from functorch_lite.torch.distributions.gamma import Gamma
from functorch_lite.torch.distributions.utils import lazy_property

__all__ = ["NegativeBinomial"]


class NegativeBinomial(EventProbability, Distribution):
    """Numbers of successes before a number of failures.

    Args:
        total_count: the number of failures, in general a fraction.
        probs: the probability of a success.
        logits: its log-odds, instead.

    Source: ``torch.distributions.NegativeBinomial``.
    """

    __module__ = "torch.distributions.negative_binomial"
    arg_constraints = {
        "total_count": constraints.greater_than_eq(0),
        "probs": constraints.half_open_interval(0.0, 1.0),
        "logits": constraints.real,
    }
    support = constraints.nonnegative_integer

    def __init__(
        self, total_count: Any, probs: Any = None, logits: Any = None, validate_args: Any = None
    ) -> None:
        shape = self._take_with_count(total_count, probs, logits)
        super().__init__(shape, validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        names = ("total_count", "probs", "logits", "_param")
        return self._expanded(NegativeBinomial, _instance, batch_shape, names)

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.logits.exp()

    @property
    def mode(self) -> Tensor:
        return ((self.total_count - 1) * self.logits.exp()).floor().clamp(min=0.0)

    @property
    def variance(self) -> Tensor:
        return self.mean / (-self.logits).sigmoid()

    @lazy_property
    def _gamma(self) -> Gamma:
        """The distribution of the rate of a Poisson variable; a count of zero is taken, too."""
        return Gamma(self.total_count, (-self.logits).exp(), validate_args=False)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            return poisson(self._gamma.sample(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        n = self.total_count
        chances = n * logsigmoid(-self.logits) + value * logsigmoid(self.logits)
        choices = (1.0 + value).lgamma() + n.lgamma() - (n + value).lgamma()
        # No successes before no failures are certain, and their gamma functions infinite.
        return chances - choices.masked_fill(n + value == 0.0, 0.0)
