"""Vectors brought to a length: by their mean square, their p-norm, or their neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.torch._core.public import put_out
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch.nn._functional.normalization import check_layer
from functorch_lite.torch.nn._functional.padding import pad
from functorch_lite.torch.nn._functional.pooling import avg_pool2d, avg_pool3d

__all__ = ["local_response_norm", "normalize", "rms_norm"]


def rms_norm(
    input: Any, normalized_shape: Any, weight: Any = None, eps: float | None = None
) -> Tensor:
    """The last dimensions of every example with mean square 1.

    Args:
        input: f[..., *normalized_shape].
        weight: f[*normalized_shape].
        eps: added to the mean square; the dtype's by default.

    Source: ``torch.nn.functional.rms_norm``.
    """
    shape = tuple(normalized_shape)
    check_layer(input, shape, "")
    if weight is not None and weight._np.shape != shape:
        raise RuntimeError(
            "Expected weight to be of same shape as normalized_shape, but got weight of shape "
            f"{list(weight._np.shape)} and normalized_shape = {list(shape)}"
        )
    own = input.dtype
    wide = input.float() if own.np.itemsize == 2 else input
    least = float(np.finfo(wide._np.dtype).eps) if eps is None else eps
    axes = list(range(-len(shape), 0))
    out = wide * (wide.pow(2).mean(axes, keepdim=True) + least).rsqrt()
    if weight is not None:
        out = out * weight
    return out.to(own) if out.dtype is not own else out


def normalize(
    input: Any, p: float = 2.0, dim: Any = 1, eps: float = 1e-12, out: Any = None
) -> Tensor:
    """Vectors along a dimension with p-norm 1.

    Args:
        eps: the least norm to divide by.

    Source: ``torch.nn.functional.normalize``.
    """
    made = input / input.norm(p, dim, keepdim=True).clamp_min(eps).expand_as(input)
    if out is not None:
        put_out(out, made)
        return out
    return made


def local_response_norm(
    input: Any, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """Each element over a power of the mean square of its neighbours among the channels.

    Args:
        input: f[batch, channels, ...].
        size: how many neighbouring channels count.

    Source: ``torch.nn.functional.local_response_norm``.
    """
    shape = input._np.shape
    if len(shape) < 3:
        raise ValueError(
            f"Expected 3D or higher dimensionality                          input (got {len(shape)}"
            " dimensions)"
        )
    if not input._np.size:
        return input
    squares = (input * input).unsqueeze(1)
    ends = (size // 2, (size - 1) // 2)
    means: Any
    if len(shape) == 3:
        means = avg_pool2d(pad(squares, (0, 0, *ends)), (size, 1), 1)
        means = means.squeeze(1)
    else:
        squares = squares.view(shape[0], 1, shape[1], shape[2], -1)
        means = avg_pool3d(pad(squares, (0, 0, 0, 0, *ends)), (size, 1, 1), 1)
        means = means.squeeze(1).view(shape)
    return input / (means * alpha + k).pow(beta)
