"""Functions of layers with gradients of their own. Source: ``torch.nn.modules._functions``."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.torch._core.tensor import make
from functorch_lite.torch._ops.einsum import einsum
from functorch_lite.torch.autograd.function import Function
from functorch_lite.torch.autograd.once import once_differentiable

__all__ = ["CrossMapLRN2d"]


class CrossMapLRN2d(Function):
    """The response normalisation that PyTorch has kept from its predecessor.

    Two peculiarities are part of its numbers: the first channel counts among the neighbours of
    every channel, and the gradient adds over a window that is not centred.

    Source: ``torch.nn.modules._functions.CrossMapLRN2d``.
    """

    __module__ = "torch.nn.modules._functions"

    @staticmethod
    def forward(
        ctx: Any, input: Any, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1
    ) -> Any:
        """f[batch, channels, height, width] over a power of sums of squares of neighbours."""
        if input.dim() != 4:
            raise ValueError(
                f"CrossMapLRN2d: Expected input to be 4D, got {input.dim()}D instead."
            )
        to = np.arange(input.shape[1])
        neighbours = (abs(to[:, None] - to) <= (size - 1) // 2) | (to == 0)
        scale = _over_channels(neighbours, input * input) * (alpha / size) + k
        ctx.size, ctx.alpha, ctx.beta = size, alpha, beta
        output = input * scale.pow(-beta)
        ctx.save_for_backward(input, output, scale)
        return output

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Any) -> Any:
        input, output, scale = ctx.saved_tensors
        size = ctx.size
        if size < 2:
            raise RuntimeError("CrossMapLRN2d: there is no gradient for size 1. Remedy: size=3")
        to = np.arange(input.shape[1])
        before = to[:, None] - to
        window = (before <= (size + 1) // 2) & (before > (size + 1) // 2 - size)
        total = _over_channels(window, g * output / scale)
        factor = 2 * ctx.alpha * ctx.beta / size
        return g * scale.pow(-ctx.beta) - input * total * factor, None, None, None, None


def _over_channels(which: Any, x: Any) -> Any:
    """For each row of bools, the sum of the channels that it names."""
    return einsum("cd,ndhw->nchw", make(which.astype(x._np.dtype)), x)
