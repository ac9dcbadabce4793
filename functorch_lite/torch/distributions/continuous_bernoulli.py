"""Numbers between zero and one with an exponential density."""

from __future__ import annotations

import math
from typing import Any

from functorch_lite.torch._ops.mixing import where
from functorch_lite.torch.distributions import constraints
from functorch_lite.torch.distributions._probabilities import EventProbability
from functorch_lite.torch.distributions._tensor import (
    Tensor,
    binary_cross_entropy_with_logits,
    ones_like,
    zeros_like,
)
from functorch_lite.torch.distributions.exp_family import ExponentialFamily
from functorch_lite.torch.distributions.utils import (
    broadcast_all,
    clamp_probs,
    lazy_property,
    logits_to_probs,
    standard_uniform,
)

__all__ = ["ContinuousBernoulli"]


class ContinuousBernoulli(EventProbability, ExponentialFamily):
    """The density proportional to p^x (1 - p)^(1 - x) for x between zero and one.

    Near p = 1/2 the formulas lose their digits, and a series in p - 1/2 takes their place.

    Args:
        probs: p, which is not the mean.
        logits: the log-odds of p, instead.
        lims: the values of p between which the series is taken.

    Source: ``torch.distributions.ContinuousBernoulli``; Loaiza-Ganem and Cunningham, "The
    continuous Bernoulli", NeurIPS 2019.
    """

    __module__ = "torch.distributions.continuous_bernoulli"
    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    has_rsample = True
    _mean_carrier_measure = 0

    def __init__(
        self, probs: Any = None, logits: Any = None, lims: Any = (0.499, 0.501),
        validate_args: Any = None,
    ) -> None:  # fmt: skip
        shape = self._take(probs, logits)
        if probs is not None:
            # Before they are clamped, and even with False, as PyTorch does.
            unit = self.arg_constraints["probs"]
            if validate_args is not None and not unit.check(self.probs).all():
                raise ValueError("The parameter probs has invalid values")
            self.probs = self._param = clamp_probs(self.probs)
        self._lims = lims
        super().__init__(shape, validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        names = ("probs", "logits", "_param")
        new = self._expanded(ContinuousBernoulli, _instance, batch_shape, names)
        new._lims = self._lims
        return new

    @lazy_property
    def probs(self: Any) -> Tensor:
        """The parameter p."""
        return clamp_probs(logits_to_probs(self.logits, is_binary=True))

    def _is_far(self) -> Tensor:
        """Where p is so far from 1/2 that the formulas are exact."""
        low, high = self._lims
        return (self.probs <= low) | (self.probs > high)

    def _far_probs(self) -> Tensor:
        """The parameter p where the formulas are exact, else a number that is harmless in them."""
        return where(self._is_far(), self.probs, self._lims[0] * ones_like(self.probs))

    def _cont_bern_log_norm(self) -> Tensor:
        """The logarithm of what the density's formula is multiplied by."""
        p = self._far_probs()
        gap = (2.0 * p - 1.0).abs().log()
        x = (self.probs - 0.5).pow(2)
        series = math.log(2.0) + (4.0 / 3.0 + 104.0 / 45.0 * x) * x
        return where(self._is_far(), _log_odds(p).abs().log() - gap, series)

    @property
    def mean(self) -> Tensor:
        p = self._far_probs()
        x = self.probs - 0.5
        series = 0.5 + (1.0 / 3.0 + 16.0 / 45.0 * x.pow(2)) * x
        return where(self._is_far(), p / (2.0 * p - 1.0) - 1.0 / _log_odds(p), series)

    @property
    def variance(self) -> Tensor:
        p = self._far_probs()
        x = (self.probs - 0.5).pow(2)
        series = 1.0 / 12.0 - (1.0 / 15.0 - 128.0 / 945.0 * x) * x
        far = p * (p - 1.0) / (1.0 - 2.0 * p).pow(2) + 1.0 / _log_odds(p).pow(2)
        return where(self._is_far(), far, series)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.icdf(standard_uniform(self._extended_shape(sample_shape), self.probs))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        entropy = binary_cross_entropy_with_logits(logits, value, reduction="none")
        return -entropy + self._cont_bern_log_norm()

    def cdf(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        p = self._far_probs()
        far = (p.pow(value) * (1.0 - p).pow(1.0 - value) + p - 1.0) / (2.0 * p - 1.0)
        inner = where(self._is_far(), far, value)
        below_one = where(value >= 1.0, ones_like(value), inner)
        return where(value <= 0.0, zeros_like(value), below_one)

    def icdf(self, value: Tensor) -> Tensor:
        p = self._far_probs()
        rise = (-p + value * (2.0 * p - 1.0)).log1p() - (-p).log1p()
        return where(self._is_far(), rise / _log_odds(p), value)

    def entropy(self) -> Tensor:
        tail = (-self.probs).log1p()
        return self.mean * (tail - self.probs.log()) - self._cont_bern_log_norm() - tail

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return (self.logits,)

    def _log_normalizer(self, x: Tensor) -> Tensor:
        low, high = (limit - 0.5 for limit in self._lims)
        is_far = (x <= low) | (x > high)
        y = where(is_far, x, low * ones_like(x))
        series = 0.5 * x + x.pow(2) / 24.0 - x.pow(4) / 2880.0
        return where(is_far, y.expm1().abs().log() - y.abs().log(), series)


def _log_odds(p: Tensor) -> Tensor:
    return p.log() - (-p).log1p()
