"""Dirichlet's distribution of shares."""

from __future__ import annotations

from typing import Any

from functorch_lite.torch._ops.mixing import where
from functorch_lite.torch.distributions import constraints
from functorch_lite.torch.distributions._reparameterised import dirichlet
from functorch_lite.torch.distributions._tensor import Tensor
from functorch_lite.torch.distributions.exp_family import ExponentialFamily
from functorch_lite.torch.nn.functional import one_hot

__all__ = ["Dirichlet"]


class Dirichlet(ExponentialFamily):
    """Shares of a whole.

    Args:
        concentration: ``[..., shares]``; their ratios are those of the means.

    Source: ``torch.distributions.Dirichlet``.
    """

    __module__ = "torch.distributions.dirichlet"
    arg_constraints = {"concentration": constraints.independent(constraints.positive, 1)}
    support = constraints.simplex
    has_rsample = True

    def __init__(self, concentration: Tensor, validate_args: Any = None) -> None:
        if concentration.dim() < 1:
            raise ValueError("`concentration` parameter must be at least one-dimensional.")
        self.concentration = concentration
        shape = concentration.shape
        super().__init__(shape[:-1], shape[-1:], validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        names = ("concentration",)
        return self._expanded(Dirichlet, _instance, batch_shape, names, self.event_shape)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.concentration.sum(-1, True)

    @property
    def mode(self) -> Tensor:
        above = (self.concentration - 1).clamp(min=0.0)
        found = above / above.sum(-1, True)
        # Where all are below one the density is infinite in every corner; PyTorch takes one.
        corner = one_hot(found.argmax(dim=-1), self.concentration.shape[-1]).to(found)
        return where((self.concentration < 1).all(-1, keepdim=True), corner, found)

    @property
    def variance(self) -> Tensor:
        total = self.concentration.sum(-1, True)
        return self.concentration * (total - self.concentration) / (total.pow(2) * (total + 1))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return dirichlet(self.concentration.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        a = self.concentration
        return (a - 1.0).xlogy(value).sum(-1) + a.sum(-1).lgamma() - a.lgamma().sum(-1)

    def entropy(self) -> Tensor:
        a = self.concentration
        count, total = a.size(-1), a.sum(-1)
        normaliser = a.lgamma().sum(-1) - total.lgamma()
        slopes = (count - total) * total.digamma() + ((a - 1.0) * a.digamma()).sum(-1)
        return normaliser - slopes

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return (self.concentration,)

    def _log_normalizer(self, x: Tensor) -> Tensor:
        return x.lgamma().sum(-1) - x.sum(-1).lgamma()
