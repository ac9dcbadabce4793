"""What distributions share that take probabilities or logits."""

from __future__ import annotations

from typing import Any

from functorch_lite.torch._core.size import Size
from functorch_lite.torch.distributions._tensor import Tensor
from functorch_lite.torch.distributions.utils import (
    broadcast_all,
    lazy_property,
    logits_to_probs,
    probs_to_logits,
)

__all__ = ["EventProbability", "check_one"]


def check_one(probs: Any, logits: Any) -> None:
    """Check that one of both is given.

    Raises:
        ValueError: none is, or both are.
    """
    if (probs is None) == (logits is None):
        raise ValueError("Either `probs` or `logits` must be specified, but not both.")


class EventProbability:
    """The probability of an event and its log-odds, of which one is given and one follows."""

    def _take(self, probs: Any, logits: Any) -> Size:
        """Keep what is given; returns the shape of the batch."""
        check_one(probs, logits)
        return self._keep(probs, *broadcast_all(logits if probs is None else probs))

    def _take_with_count(self, total_count: Any, probs: Any, logits: Any) -> Size:
        """The same with a number for each, in the same dtype."""
        check_one(probs, logits)
        count, param = broadcast_all(total_count, logits if probs is None else probs)
        self.total_count = count.type_as(param)
        return self._keep(probs, param)

    def _keep(self, probs: Any, param: Tensor) -> Size:
        if probs is None:
            self.logits = param
        else:
            self.probs = param
        self._param = param
        return param.size()

    @lazy_property
    def logits(self: Any) -> Tensor:
        """The log-odds."""
        return probs_to_logits(self.probs, is_binary=True)

    @lazy_property
    def probs(self: Any) -> Tensor:
        """The probability."""
        return logits_to_probs(self.logits, is_binary=True)

    @property
    def param_shape(self) -> Size:
        """The shape of the parameter."""
        return self._param.size()

    def _new(self, *args: Any, **kwargs: Any) -> Tensor:
        return self._param.new(*args, **kwargs)
