"""The forms of layers' functions that ``torch`` has under the names of its own backends."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.core.trace import state
from functorch_lite.torch._core.public import public
from functorch_lite.torch._core.tensor import Tensor, make
from functorch_lite.torch.nn._functional import grids, normalization, padding

__all__ = ["constant_pad_nd", "grid_sampler"]

_NORMALISED = tuple[Tensor, Tensor, Tensor]
_SINGLE = np.dtype(np.float32)
_INTERPOLATIONS = ("bilinear", "nearest", "bicubic")
_PADDINGS = ("zeros", "border", "reflection")


# ---------------------------------------------------------------------------------- normalisation
def _moments(x: Any, axes: tuple[int, ...], eps: float) -> tuple[Any, Any]:
    """The raw mean and 1 / sqrt(variance + eps); half precision in single precision."""
    wide = x if x.dtype.itemsize > 2 else x.astype(_SINGLE)
    mean = wide.mean(axes, keepdims=True)
    return mean, 1 / np.sqrt(wide.var(axes, keepdims=True) + wide.dtype.type(eps))


@public("native_layer_norm", methods=False)
def native_layer_norm(
    input: Tensor, normalized_shape: Any, weight: Tensor | None, bias: Tensor | None, eps: float
) -> _NORMALISED:
    """``layer_norm`` with the means and inverse deviations. Source: ``torch.native_layer_norm``."""
    out = normalization.layer_norm(input, normalized_shape, weight, bias, eps)
    x = input._np
    axes = tuple(range(x.ndim - len(tuple(normalized_shape)), x.ndim))
    mean, rstd = state.run(_moments, x, axes, eps)
    return out, make(mean.astype(x.dtype)), make(rstd.astype(x.dtype))


@public("native_group_norm", methods=False)
def native_group_norm(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, N: int, C: int, HxW: int,
    group: int, eps: float,
) -> _NORMALISED:  # fmt: skip
    """``group_norm`` with the means and inverse deviations.

    Args:
        input: f[N, C, ...], with HxW elements per channel.
        group: the number of groups.

    Source: ``torch.native_group_norm``.
    """
    x = input._np
    if x.size != N * C * HxW:
        raise RuntimeError(f"Expected X.numel() == N * C * HxW, but got {x.size} and {N * C * HxW}")
    out = normalization.group_norm(input, group, weight, bias, eps)
    # Differentiable, unlike those of the other two.
    rows = input.reshape(N, group, C // group * HxW)
    if x.dtype.itemsize == 2:
        rows = rows.float()
    mean, rstd = rows.mean(2), (rows.var(2, correction=0) + eps).rsqrt()
    return out, mean.to(input.dtype), rstd.to(input.dtype)


@public("native_batch_norm", methods=False)
def native_batch_norm(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, running_mean: Tensor | None,
    running_var: Tensor | None, training: bool, momentum: float, eps: float,
) -> _NORMALISED:  # fmt: skip
    """``batch_norm`` with the batch's means and inverse deviations, empty outside of training.

    Source: ``torch.native_batch_norm``.
    """
    out = normalization.normalised_batch(
        input, running_mean, running_var, weight, bias, training, momentum, eps
    )
    x = input._np
    dtype = _SINGLE if x.dtype.itemsize == 2 and _is_mixed(input, weight) else x.dtype
    if not training:
        return out, make(np.empty(0, dtype)), make(np.empty(0, dtype))
    axes = tuple(d for d in range(x.ndim) if d != 1)
    found = [make(m.reshape(-1).astype(dtype)) for m in state.run(_moments, x, axes, eps)]
    return out, found[0], found[1]


def _is_mixed(input: Tensor, weight: Tensor | None) -> bool:
    return weight is not None and weight._np.dtype != input._np.dtype


@public("_native_batch_norm_legit", methods=False)
def native_batch_norm_legit(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, *rest: Any, **named: Any
) -> _NORMALISED:
    """``native_batch_norm``, with running statistics or without.

    Source: ``torch._native_batch_norm_legit``.
    """
    if len(rest) + len(named) == 3:
        rest = (None, None, *rest)
    return native_batch_norm(input, weight, bias, *rest, **named)


# ------------------------------------------------------------------------------- padding and grids
@public("constant_pad_nd", methods=False)
def constant_pad_nd(input: Tensor, pad: Any, value: Any = 0) -> Tensor:
    """Padding with a number. Source: ``torch.constant_pad_nd``."""
    return padding.pad(input, pad, "constant", value)


@public("grid_sampler", "grid_sampler_2d", "grid_sampler_3d", methods=False)
def grid_sampler(
    input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Tensor:
    """``grid_sample`` with modes by number.

    Args:
        interpolation_mode: 0 for bilinear, 1 for nearest, 2 for bicubic.
        padding_mode: 0 for zeros, 1 for the border, 2 for reflections.

    Source: ``torch.grid_sampler``.
    """
    return grids.grid_sample(
        input, grid, _INTERPOLATIONS[interpolation_mode], _PADDINGS[padding_mode], align_corners
    )
