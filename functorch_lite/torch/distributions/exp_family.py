"""Distributions whose density is exp(t(x) eta - F(eta) + k(x))."""

from __future__ import annotations

from typing import Any

from functorch_lite.torch._core.gradients import grad
from functorch_lite.torch.distributions._tensor import Tensor
from functorch_lite.torch.distributions.distribution import Distribution

__all__ = ["ExponentialFamily"]


class ExponentialFamily(Distribution):
    """A distribution given by its natural parameters and its log-normaliser.

    A subclass has ``_natural_params``, ``_log_normalizer`` and ``_mean_carrier_measure``; entropy
    and divergences follow by differentiation.

    Source: ``torch.distributions.ExponentialFamily``.
    """

    __module__ = "torch.distributions.exp_family"

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        raise NotImplementedError

    def _log_normalizer(self, *natural_params: Tensor) -> Tensor:
        raise NotImplementedError

    @property
    def _mean_carrier_measure(self) -> Any:
        raise NotImplementedError

    def entropy(self) -> Tensor:
        """F(eta) - eta F'(eta), less the mean of k."""
        found = -self._mean_carrier_measure
        params = [p.detach().requires_grad_() for p in self._natural_params]
        normaliser = self._log_normalizer(*params)
        slopes = grad(normaliser.sum(), params, create_graph=True)
        found = found + normaliser
        for param, slope in zip(params, slopes, strict=True):
            found = found - (param * slope).reshape((*self._batch_shape, -1)).sum(-1)
        return found
