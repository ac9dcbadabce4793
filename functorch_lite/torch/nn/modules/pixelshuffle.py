"""Channels as pixels, and back."""

from __future__ import annotations

from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch.nn import functional as F
from functorch_lite.torch.nn.modules.module import Module

__all__ = ["PixelShuffle", "PixelUnshuffle"]


class PixelShuffle(Module):
    """Groups of channels as blocks of pixels: from [..., c r^2, h, w] to [..., c, h r, w r].

    Args:
        upscale_factor: the r.

    Source: ``torch.nn.PixelShuffle``.
    """

    __module__ = "torch.nn.modules.pixelshuffle"
    __constants__ = ["upscale_factor"]

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self) -> str:
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """Blocks of pixels as channels: from [..., c, h r, w r] to [..., c r^2, h, w].

    Args:
        downscale_factor: the r.

    Source: ``torch.nn.PixelUnshuffle``.
    """

    __module__ = "torch.nn.modules.pixelshuffle"
    __constants__ = ["downscale_factor"]

    def __init__(self, downscale_factor: int) -> None:
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self) -> str:
        return f"downscale_factor={self.downscale_factor}"
