"""Normalisation of layers and groups of channels, and by neighbouring channels."""

from __future__ import annotations

import numbers
from typing import Any

from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch.nn import functional as F
from functorch_lite.torch.nn import init
from functorch_lite.torch.nn.modules._functions import CrossMapLRN2d as CrossMap
from functorch_lite.torch.nn.modules.module import Module
from functorch_lite.torch.nn.parameter import blank

__all__ = ["CrossMapLRN2d", "GroupNorm", "LayerNorm", "LocalResponseNorm", "RMSNorm"]


class _Affine(Module):
    """A module with weights that begin with 1 and biases that begin with 0."""

    weight: Any
    bias: Any

    def _put(self, sizes: tuple[int, ...], weight: bool, bias: bool, **where: Any) -> None:
        """Register the parameters that there are."""
        for name, there in (("weight", weight), ("bias", bias)):
            self.register_parameter(name, blank(*sizes, **where) if there else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weights 1, biases 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)


def _shape(sizes: Any) -> tuple[int, ...]:
    return (sizes,) if isinstance(sizes, numbers.Integral) else tuple(sizes)  # type: ignore[return-value]


class LayerNorm(_Affine):
    """The last dimensions of every example with mean 0 and variance 1, then scaled and shifted.

    Args:
        normalized_shape: their sizes, or the size of the last one.
        eps: added to the variance.
        elementwise_affine: whether there are weights.
        bias: whether there are biases beside them.
        device, dtype: of the parameters.

    >>> LayerNorm(4)
    LayerNorm((4,), eps=1e-05, elementwise_affine=True, bias=True)

    Source: Ba et al. 2016; ``torch.nn.LayerNorm``.
    """

    __module__ = "torch.nn.modules.normalization"
    __constants__ = ["normalized_shape", "eps", "elementwise_affine"]

    def __init__(
        self, normalized_shape: Any, eps: float = 1e-5, elementwise_affine: bool = True,
        bias: bool = True, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.normalized_shape = _shape(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self._put(
            self.normalized_shape, elementwise_affine, elementwise_affine and bias, device=device,
            dtype=dtype,
        )  # fmt: skip

    def forward(self, input: Tensor) -> Tensor:
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine="
            f"{self.elementwise_affine}, bias={self.bias is not None}"
        )


class GroupNorm(_Affine):
    """Groups of channels of every example with mean 0 and variance 1, then scaled and shifted.

    Args:
        num_groups: must divide the number of channels.
        num_channels: of the input.
        eps: added to the variance.
        affine: whether there are weights.
        device, dtype: of the parameters.
        bias: whether there are biases beside the weights.

    Raises:
        ValueError: the channels do not make such groups.

    Source: Wu & He 2018; ``torch.nn.GroupNorm``.
    """

    __module__ = "torch.nn.modules.normalization"
    __constants__ = ["num_groups", "num_channels", "eps", "affine"]

    def __init__(
        self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True,
        device: Any = None, dtype: Any = None, *, bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        if num_channels % num_groups != 0:
            raise ValueError(
                f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})"
            )
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        self._put((num_channels,), affine, affine and bias, device=device, dtype=dtype)

    def forward(self, input: Tensor) -> Tensor:
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


class RMSNorm(Module):
    """The last dimensions of every example with mean square 1, then scaled.

    Args:
        normalized_shape: their sizes, or the size of the last one.
        eps: added to the mean square; the dtype's by default.
        elementwise_affine: whether there are weights.
        device, dtype: of the weights.

    Source: Zhang & Sennrich 2019; ``torch.nn.RMSNorm``.
    """

    __module__ = "torch.nn.modules.normalization"
    __constants__ = ["normalized_shape", "eps", "elementwise_affine"]
    weight: Any

    def __init__(
        self, normalized_shape: Any, eps: float | None = None, elementwise_affine: bool = True,
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.normalized_shape = _shape(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        made = blank(*self.normalized_shape, device=device, dtype=dtype)
        self.register_parameter("weight", made if elementwise_affine else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weights 1."""
        if self.elementwise_affine:
            init.ones_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine="
            f"{self.elementwise_affine}"
        )


class LocalResponseNorm(Module):
    """Each element over a power of the mean square of its neighbours among the channels.

    Args:
        size: how many neighbouring channels count.
        alpha, beta, k: x / (k + alpha * mean square) ** beta.

    Source: Krizhevsky et al. 2012; ``torch.nn.LocalResponseNorm``.
    """

    __module__ = "torch.nn.modules.normalization"
    __constants__ = ["size", "alpha", "beta", "k"]

    def __init__(
        self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
    ) -> None:
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, input: Tensor) -> Tensor:
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


class CrossMapLRN2d(Module):
    """``LocalResponseNorm`` of images as PyTorch's predecessor computed it.

    Args:
        size: how many neighbouring channels count.
        alpha, beta, k: as of ``LocalResponseNorm``.

    Source: ``torch.nn.CrossMapLRN2d``.
    """

    __module__ = "torch.nn.modules.normalization"

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1) -> None:
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, input: Tensor) -> Tensor:
        return CrossMap.apply(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
