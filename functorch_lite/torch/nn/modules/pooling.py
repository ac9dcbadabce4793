"""Pooling: maxima, means and norms of windows; adaptive pooling is in a file of its own."""

from __future__ import annotations

from typing import Any

from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch.nn import functional as F
from functorch_lite.torch.nn.modules.adaptive_pooling import (
    AdaptiveAvgPool1d,
    AdaptiveAvgPool2d,
    AdaptiveAvgPool3d,
    AdaptiveMaxPool1d,
    AdaptiveMaxPool2d,
    AdaptiveMaxPool3d,
)
from functorch_lite.torch.nn.modules.module import Module
from functorch_lite.torch.nn.modules.utils import _named, _ntuple

__all__ = [
    "AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveAvgPool3d", "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d", "AdaptiveMaxPool3d", "AvgPool1d", "AvgPool2d", "AvgPool3d",
    "FractionalMaxPool2d", "FractionalMaxPool3d", "LPPool1d", "LPPool2d", "LPPool3d", "MaxPool1d",
    "MaxPool2d", "MaxPool3d", "MaxUnpool1d", "MaxUnpool2d", "MaxUnpool3d",
]  # fmt: skip


# ------------------------------------------------------------------------------------------- maxima
class _MaxPoolNd(Module):
    """Maxima of windows; a subclass says by which function."""

    __module__ = "torch.nn.modules.pooling"
    __constants__ = [
        "kernel_size", "stride", "padding", "dilation", "return_indices", "ceil_mode",
    ]  # fmt: skip
    _function: Any

    def __init__(
        self, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
        return_indices: bool = False, ceil_mode: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def forward(self, input: Tensor) -> Any:
        return self._function(
            input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode,
            self.return_indices,
        )  # fmt: skip

    def extra_repr(self) -> str:
        return _named(self, "kernel_size", "stride", "padding", "dilation", "ceil_mode")


class MaxPool1d(_MaxPoolNd):
    """Maxima of windows of sequences, as ``MaxPool2d``. Source: ``torch.nn.MaxPool1d``."""

    __module__ = "torch.nn.modules.pooling"
    _function = staticmethod(F.max_pool1d)


class MaxPool2d(_MaxPoolNd):
    """Maxima of windows of images.

    Args:
        kernel_size: of the windows, one number or one for each dimension, as the next three.
        stride: by how much they move; ``kernel_size`` by default.
        padding: places without an element at both ends.
        dilation: distance between places of a window.
        return_indices: whether to return the places as well.
        ceil_mode: whether windows may reach behind the padding.

    Source: ``torch.nn.MaxPool2d``.
    """

    __module__ = "torch.nn.modules.pooling"
    _function = staticmethod(F.max_pool2d)


class MaxPool3d(_MaxPoolNd):
    """Maxima of windows of volumes; arguments as ``MaxPool2d``. Source: ``torch.nn.MaxPool3d``."""

    __module__ = "torch.nn.modules.pooling"
    _function = staticmethod(F.max_pool3d)


class _MaxUnpoolNd(Module):
    """Maxima back in their places; a subclass says by which function."""

    __module__ = "torch.nn.modules.pooling"
    _function: Any
    _rank: int

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0) -> None:
        super().__init__()
        each = _ntuple(self._rank)
        self.kernel_size = each(kernel_size)
        self.stride = self.kernel_size if stride is None else each(stride)
        self.padding = each(padding)

    def forward(self, input: Tensor, indices: Tensor, output_size: Any = None) -> Tensor:
        return self._function(
            input, indices, self.kernel_size, self.stride, self.padding, output_size
        )

    def extra_repr(self) -> str:
        return _named(self, "kernel_size", "stride", "padding")


class MaxUnpool1d(_MaxUnpoolNd):
    """Undoes ``MaxPool1d``; arguments as ``MaxUnpool2d``. Source: ``torch.nn.MaxUnpool1d``."""

    __module__ = "torch.nn.modules.pooling"
    _rank = 1
    _function = staticmethod(F.max_unpool1d)


class MaxUnpool2d(_MaxUnpoolNd):
    """Puts maxima of ``MaxPool2d`` back in their places, among zeros.

    Args:
        kernel_size, stride, padding: of that pooling.

    Source: ``torch.nn.MaxUnpool2d``.
    """

    __module__ = "torch.nn.modules.pooling"
    _rank = 2
    _function = staticmethod(F.max_unpool2d)


class MaxUnpool3d(_MaxUnpoolNd):
    """Undoes ``MaxPool3d``; arguments as ``MaxUnpool2d``. Source: ``torch.nn.MaxUnpool3d``."""

    __module__ = "torch.nn.modules.pooling"
    _rank = 3
    _function = staticmethod(F.max_unpool3d)


# -------------------------------------------------------------------------------------------- means
class _AvgPoolNd(Module):
    """Means of windows."""

    __module__ = "torch.nn.modules.pooling"
    __constants__ = ["kernel_size", "stride", "padding", "ceil_mode", "count_include_pad"]

    def extra_repr(self) -> str:
        return _named(self, "kernel_size", "stride", "padding")


class AvgPool1d(_AvgPoolNd):
    """Means of windows of sequences.

    Args:
        kernel_size, stride, padding, ceil_mode, count_include_pad: as of ``AvgPool2d``.

    Source: ``torch.nn.AvgPool1d``.
    """

    __module__ = "torch.nn.modules.pooling"

    def __init__(
        self, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        each = _ntuple(1)
        self.kernel_size = each(kernel_size)
        self.stride = self.kernel_size if stride is None else each(stride)
        self.padding = each(padding)
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        return F.avg_pool1d(
            input, self.kernel_size, self.stride, self.padding, self.ceil_mode,
            self.count_include_pad,
        )  # fmt: skip


class _AvgPool(_AvgPoolNd):
    """Means of windows of images or volumes; a subclass says by which function."""

    __module__ = "torch.nn.modules.pooling"
    __constants__ = [*_AvgPoolNd.__constants__, "divisor_override"]
    _function: Any

    def __init__(
        self, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
        count_include_pad: bool = True, divisor_override: int | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def forward(self, input: Tensor) -> Tensor:
        return self._function(
            input, self.kernel_size, self.stride, self.padding, self.ceil_mode,
            self.count_include_pad, self.divisor_override,
        )  # fmt: skip


class AvgPool2d(_AvgPool):
    """Means of windows of images.

    Args:
        kernel_size: of the windows, one number or one for each dimension, as the next two.
        stride: by how much they move; ``kernel_size`` by default.
        padding: zeros at both ends.
        ceil_mode: whether windows may reach behind the padding.
        count_include_pad: whether the zeros count.
        divisor_override: what to divide the sums by.

    Source: ``torch.nn.AvgPool2d``.
    """

    __module__ = "torch.nn.modules.pooling"
    _function = staticmethod(F.avg_pool2d)


class AvgPool3d(_AvgPool):
    """Means of windows of volumes; arguments as ``AvgPool2d``. Source: ``torch.nn.AvgPool3d``."""

    __module__ = "torch.nn.modules.pooling"
    _function = staticmethod(F.avg_pool3d)


# -------------------------------------------------------------------------------------------- norms
class _LPPoolNd(Module):
    """Norms of windows; a subclass says by which function."""

    __module__ = "torch.nn.modules.pooling"
    __constants__ = ["norm_type", "kernel_size", "stride", "ceil_mode"]
    _function: Any

    def __init__(
        self, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
    ) -> None:
        super().__init__()
        self.norm_type = norm_type
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil_mode = ceil_mode

    def forward(self, input: Tensor) -> Tensor:
        return self._function(
            input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode
        )

    def extra_repr(self) -> str:
        return _named(self, "norm_type", "kernel_size", "stride", "ceil_mode")


class LPPool1d(_LPPoolNd):
    """Norms of windows of sequences; arguments as ``LPPool2d``. Source: ``torch.nn.LPPool1d``."""

    __module__ = "torch.nn.modules.pooling"
    _function = staticmethod(F.lp_pool1d)


class LPPool2d(_LPPoolNd):
    """Norms of windows of images.

    Args:
        norm_type: the p of the norm.
        kernel_size: of the windows.
        stride: by how much they move; ``kernel_size`` by default.
        ceil_mode: whether windows may reach behind the end.

    Source: ``torch.nn.LPPool2d``.
    """

    __module__ = "torch.nn.modules.pooling"
    _function = staticmethod(F.lp_pool2d)


class LPPool3d(_LPPoolNd):
    """Norms of windows of volumes; arguments as ``LPPool2d``. Source: ``torch.nn.LPPool3d``."""

    __module__ = "torch.nn.modules.pooling"
    _function = staticmethod(F.lp_pool3d)


# ------------------------------------------------------------------------- windows drawn at random
class _FractionalMaxPoolNd(Module):
    """Maxima of windows whose places are drawn; a subclass says by which function."""

    __module__ = "torch.nn.modules.pooling"
    __constants__ = ["kernel_size", "return_indices", "output_size", "output_ratio"]
    _function: Any
    _rank: int

    def __init__(
        self, kernel_size: Any, output_size: Any = None, output_ratio: Any = None,
        return_indices: bool = False, _random_samples: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        each = _ntuple(self._rank)
        self.kernel_size = each(kernel_size)
        self.return_indices = return_indices
        self.register_buffer("_random_samples", _random_samples)
        self.output_size = None if output_size is None else each(output_size)
        self.output_ratio = None if output_ratio is None else each(output_ratio)
        if output_size is None and output_ratio is None:
            raise ValueError(
                f"{self._get_name()} requires specifying either an output size, or a pooling ratio"
            )
        if output_size is not None and output_ratio is not None:
            raise ValueError("only one of output_size and output_ratio may be specified")
        if self.output_ratio is not None:
            if not all(0 < ratio < 1 for ratio in self.output_ratio):
                raise ValueError(f"output_ratio must be between 0 and 1 (got {output_ratio})")

    def forward(self, input: Tensor) -> Any:
        return self._function(
            input, self.kernel_size, self.output_size, self.output_ratio, self.return_indices,
            self._random_samples,
        )  # fmt: skip


class FractionalMaxPool2d(_FractionalMaxPoolNd):
    """Maxima of windows of images whose places are drawn.

    Args:
        kernel_size: of the windows.
        output_size: how many of them, one number or one for each dimension; or
        output_ratio: their number over the size, between 0 and 1.
        return_indices: whether to return the places as well.

    Raises:
        ValueError: neither or both of size and ratio are given, or the ratio is out of bounds.

    Source: ``torch.nn.FractionalMaxPool2d``.
    """

    __module__ = "torch.nn.modules.pooling"
    _rank = 2
    _function = staticmethod(F.fractional_max_pool2d)


class FractionalMaxPool3d(_FractionalMaxPoolNd):
    """The same of volumes. Source: ``torch.nn.FractionalMaxPool3d``."""

    __module__ = "torch.nn.modules.pooling"
    _rank = 3
    _function = staticmethod(F.fractional_max_pool3d)
