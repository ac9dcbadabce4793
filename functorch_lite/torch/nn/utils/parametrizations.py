"""Weights with a length, a largest singular value or directions of their own."""

from __future__ import annotations

from typing import Any

from functorch_lite.torch._core.grad_mode import no_grad
from functorch_lite.torch.nn import functional as F
from functorch_lite.torch.nn.modules.conv import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from functorch_lite.torch.nn.modules.module import Module
from functorch_lite.torch.nn.utils._orthogonal import (
    _OrthMaps,  # noqa: F401  (likewise)
    _Orthogonal,  # noqa: F401  (pickles name it)
    orthogonal,
)
from functorch_lite.torch.nn.utils.parametrize import register_parametrization
from functorch_lite.torch.nn.utils.weight_lengths import norm_except_dim, with_lengths

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]


class _WeightNorm(Module):
    """A weight from its lengths and its directions."""

    __module__ = "torch.nn.utils.parametrizations"

    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Any, weight_v: Any) -> Any:
        return with_lengths(weight_v, weight_g, self.dim)

    def right_inverse(self, weight: Any) -> tuple[Any, Any]:
        """Lengths and directions of a weight."""
        return norm_except_dim(weight, 2, self.dim), weight


def weight_norm(module: Any, name: str = "weight", dim: int | None = 0) -> Any:
    """Let a weight be directions times lengths, which are learned apart.

    Args:
        module: whose weight.
        name: of the weight.
        dim: each of its places along this dimension has a length; None for one length in all.

    Returns:
        the module.

    Source: Salimans & Kingma 2016; ``torch.nn.utils.parametrizations.weight_norm``.
    """
    register_parametrization(module, name, _WeightNorm(dim), unsafe=True)

    def from_old(state: dict[str, Any], prefix: str, *_: Any) -> None:
        g, v = f"{prefix}{name}_g", f"{prefix}{name}_v"
        if g in state and v in state:
            state[f"{prefix}parametrizations.{name}.original0"] = state.pop(g)
            state[f"{prefix}parametrizations.{name}.original1"] = state.pop(v)

    module._register_load_state_dict_pre_hook(from_old)
    return module


class _SpectralNorm(Module):
    """A weight over its largest singular value, which is followed step by step."""

    __module__ = "torch.nn.utils.parametrizations"
    _u: Any
    _v: Any

    def __init__(
        self, weight: Any, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12
    ) -> None:
        super().__init__()
        ndim = weight.dim()
        if dim >= ndim or dim < -ndim:
            raise IndexError(
                f"Dimension out of range (expected to be in range of [-{ndim}, {ndim - 1}] but got "
                f"{dim})"
            )
        if n_power_iterations <= 0:
            raise ValueError(
                "Expected n_power_iterations to be positive, but got "
                f"n_power_iterations={n_power_iterations}"
            )
        self.dim = dim if dim >= 0 else dim + ndim
        self.eps = eps
        if ndim > 1:
            # A vector is brought to length 1, there is nothing to follow.
            self.n_power_iterations = n_power_iterations
            matrix = self._matrix(weight)
            rows, columns = matrix.size()
            u = matrix.new_empty(rows).normal_(0, 1)
            v = matrix.new_empty(columns).normal_(0, 1)
            self.register_buffer("_u", F.normalize(u, dim=0, eps=eps))
            self.register_buffer("_v", F.normalize(v, dim=0, eps=eps))
            self._power_method(matrix, 15)

    def _matrix(self, weight: Any) -> Any:
        if self.dim != 0:
            others = [d for d in range(weight.dim()) if d != self.dim]
            weight = weight.permute(self.dim, *others)
        return weight.flatten(1)

    def _power_method(self, matrix: Any, count: int) -> None:
        """Steps towards the singular vectors of the largest singular value, in place."""
        with no_grad():
            for _ in range(count):
                self._u.copy_(F.normalize(matrix.mv(self._v), dim=0, eps=self.eps))
                self._v.copy_(F.normalize(matrix.t().mv(self._u), dim=0, eps=self.eps))

    def forward(self, weight: Any) -> Any:
        if weight.dim() == 1:
            return F.normalize(weight, dim=0, eps=self.eps)
        matrix = self._matrix(weight)
        if self.training:
            self._power_method(matrix, self.n_power_iterations)
        # Copies: the vectors are written to in the next step, before this one's backward perhaps.
        u, v = self._u.clone(), self._v.clone()
        return weight / u.dot(matrix.mv(v))

    def right_inverse(self, value: Any) -> Any:
        """The weight itself."""
        return value


def spectral_norm(
    module: Any, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12,
    dim: int | None = None,
) -> Any:  # fmt: skip
    """Divide a weight by its largest singular value.

    Args:
        module: whose weight.
        name: of the weight.
        n_power_iterations: steps towards that value at each reading in training.
        eps: the least length that is divided by.
        dim: the dimension that is rows of the matrix; that of the outputs by default.

    Returns:
        the module.

    Raises:
        ValueError: there is no such weight; no steps.

    Source: Miyato et al. 2018; ``torch.nn.utils.parametrizations.spectral_norm``.
    """
    weight = getattr(module, name, None)
    if weight is None:
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    if dim is None:
        turned = isinstance(module, (ConvTranspose1d, ConvTranspose2d, ConvTranspose3d))
        dim = 1 if turned else 0
    return register_parametrization(
        module, name, _SpectralNorm(weight, n_power_iterations, dim, eps)
    )
