"""Windows of images as columns, and back."""

from __future__ import annotations

from typing import Any

from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch.nn import functional as F
from functorch_lite.torch.nn.modules.module import Module
from functorch_lite.torch.nn.modules.utils import _named

__all__ = ["Fold", "Unfold"]


class Fold(Module):
    """Columns added up as windows of an image, from [batch, channels * window, windows].

    Args:
        output_size: height and width of the image.
        kernel_size, dilation, padding, stride: of the windows.

    Source: ``torch.nn.Fold``.
    """

    __module__ = "torch.nn.modules.fold"
    __constants__ = ["output_size", "kernel_size", "dilation", "padding", "stride"]

    def __init__(
        self, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0,
        stride: Any = 1,
    ) -> None:  # fmt: skip
        super().__init__()
        self.output_size = output_size
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        return F.fold(
            input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride
        )

    def extra_repr(self) -> str:
        return _named(self, *self.__constants__)


class Unfold(Module):
    """Windows of images as columns, [batch, channels * window, windows].

    Args:
        kernel_size, dilation, padding, stride: of the windows.

    Source: ``torch.nn.Unfold``.
    """

    __module__ = "torch.nn.modules.fold"
    __constants__ = ["kernel_size", "dilation", "padding", "stride"]

    def __init__(
        self, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return _named(self, *self.__constants__)
