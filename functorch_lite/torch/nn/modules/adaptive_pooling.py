"""Pooling into a given number of windows; public as part of ``torch.nn.modules.pooling``."""

from __future__ import annotations

from typing import Any

from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch.nn import functional as F
from functorch_lite.torch.nn.modules.module import Module

__all__ = [
    "AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveAvgPool3d", "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d", "AdaptiveMaxPool3d",
]  # fmt: skip


class _AdaptiveMaxPoolNd(Module):
    """Maxima; a subclass says by which function."""

    __module__ = "torch.nn.modules.pooling"
    __constants__ = ["output_size", "return_indices"]
    _function: Any

    def __init__(self, output_size: Any, return_indices: bool = False) -> None:
        super().__init__()
        self.output_size = output_size
        self.return_indices = return_indices

    def forward(self, input: Tensor) -> Any:
        return self._function(input, self.output_size, self.return_indices)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveMaxPool1d(_AdaptiveMaxPoolNd):
    """Maxima of so many windows of sequences. Source: ``torch.nn.AdaptiveMaxPool1d``."""

    __module__ = "torch.nn.modules.pooling"
    _function = staticmethod(F.adaptive_max_pool1d)


class AdaptiveMaxPool2d(_AdaptiveMaxPoolNd):
    """Maxima of so many windows of images.

    Args:
        output_size: how many, one number or one for each dimension; None for as many as elements.
        return_indices: whether to return the places as well.

    Source: ``torch.nn.AdaptiveMaxPool2d``.
    """

    __module__ = "torch.nn.modules.pooling"
    _function = staticmethod(F.adaptive_max_pool2d)


class AdaptiveMaxPool3d(_AdaptiveMaxPoolNd):
    """Maxima of so many windows of volumes. Source: ``torch.nn.AdaptiveMaxPool3d``."""

    __module__ = "torch.nn.modules.pooling"
    _function = staticmethod(F.adaptive_max_pool3d)


class _AdaptiveAvgPoolNd(Module):
    """Means; a subclass says by which function."""

    __module__ = "torch.nn.modules.pooling"
    __constants__ = ["output_size"]
    _function: Any

    def __init__(self, output_size: Any) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, input: Tensor) -> Tensor:
        return self._function(input, self.output_size)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_AdaptiveAvgPoolNd):
    """Means of so many windows of sequences. Source: ``torch.nn.AdaptiveAvgPool1d``."""

    __module__ = "torch.nn.modules.pooling"
    _function = staticmethod(F.adaptive_avg_pool1d)


class AdaptiveAvgPool2d(_AdaptiveAvgPoolNd):
    """Means of so many windows of images; as ``AdaptiveMaxPool2d``.

    Source: ``torch.nn.AdaptiveAvgPool2d``.
    """

    __module__ = "torch.nn.modules.pooling"
    _function = staticmethod(F.adaptive_avg_pool2d)


class AdaptiveAvgPool3d(_AdaptiveAvgPoolNd):
    """Means of so many windows of volumes. Source: ``torch.nn.AdaptiveAvgPool3d``."""

    __module__ = "torch.nn.modules.pooling"
    _function = staticmethod(F.adaptive_avg_pool3d)
