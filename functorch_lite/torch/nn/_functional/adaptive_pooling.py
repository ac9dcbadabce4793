"""Pooling to a given number of windows, which cover the input as evenly as integers allow."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from functorch_lite import nn
from functorch_lite import numpy as fnp
from functorch_lite.core.array import Array, wrap
from functorch_lite.torch._core.grad_mode import mode
from functorch_lite.torch._core.keeping import keep, keep_plain
from functorch_lite.torch._core.node import attach, needs_grad
from functorch_lite.torch._core.tensor import Tensor, make
from functorch_lite.torch.nn._functional.pooling import ScatterRule
from functorch_lite.torch.nn._functional.pulled import Linear

__all__ = [
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "adaptive_max_pool1d",
    "adaptive_max_pool2d", "adaptive_max_pool3d",
]  # fmt: skip


def _outs(input: Any, output_size: Any, count: int, name: str) -> tuple[int, ...]:
    shape = input._np.shape
    if isinstance(output_size, (tuple, list)):
        given = tuple(output_size)
        if len(shape) <= len(given):
            raise ValueError(f"Input dimension should be at least {len(given) + 1}")
        if len(given) == 1:
            given = given * count
        if len(given) != count:
            raise RuntimeError(f"{name}: output_size must be {count}")
    else:
        given = (output_size,) * count
    if len(shape) < count:
        raise ValueError(f"Input dimension should be at least {count + 1}")
    outs = [n if m is None else m.__index__() for n, m in zip(shape[-count:], given, strict=True)]
    if min(outs) < 0:
        raise RuntimeError(
            f"{name}: elements of output_size must be greater than or equal to 0 but received "
            f"{list(outs)}"
        )
    return tuple(outs)


@lru_cache(maxsize=256)
def _shares(size: int, out: int, dtype: str) -> Any:
    """[out, size]: what each element contributes to each mean."""
    number = np.arange(out)
    begin = number * size // max(out, 1)
    end = -(-(number + 1) * size // max(out, 1))
    at = np.arange(size)
    inside = (at >= begin[:, None]) & (at < end[:, None])
    return (inside / np.maximum(end - begin, 1)[:, None]).astype(dtype)


_AVG = {1: nn.adaptive_avg_pool1d, 2: nn.adaptive_avg_pool2d, 3: nn.adaptive_avg_pool3d}
_MAX = {1: nn.adaptive_max_pool1d, 2: nn.adaptive_max_pool2d, 3: nn.adaptive_max_pool3d}


def _mean(x: Array, *, outs: tuple[int, ...]) -> Array:
    return _AVG[len(outs)](x, outs)


def _mean_back(g: Array, shape: tuple[int, ...], *, outs: tuple[int, ...]) -> Array:
    count = len(outs)
    for i, (n, out) in enumerate(zip(shape[-count:], outs, strict=True)):
        axis = len(shape) - count + i
        shares = wrap(_shares(n, out, g.dtype.name))
        g = fnp.moveaxis(fnp.matmul(fnp.moveaxis(g, axis, -1), shares), -1, axis)
    return g


_MEANS = {n: Linear(f"AdaptiveAvgPool{n}DBackward0", _mean, _mean_back) for n in (2, 3)}


def _adaptive_avg(count: int, input: Any, output_size: Any) -> Tensor:
    name = f"adaptive_avg_pool{count}d"
    outs = _outs(input, output_size, count, name)
    x = input._np
    if set(outs) == {1}:
        axes = tuple(range(-count, 0))
        if x.ndim in range(count, count + 3):
            return input.mean(axes, keepdim=True)
    if x.ndim not in (count + 1, count + 2):
        raise RuntimeError(
            f"{name}(): Expected {count + 1}D or {count + 2}D tensor, but got {list(x.shape)}"
        )
    first = 1 if x.ndim == count + 2 else 0
    if 0 in x.shape[first:]:
        raise RuntimeError(
            f"{name}(): Expected input to have non-zero size for non-batch dimensions, but input "
            f"has sizes {list(x.shape)} with dimension "
            f"{first + x.shape[first:].index(0)} being empty"
        )
    if x.dtype.kind in "iub":
        raise NotImplementedError(
            f"\"adaptive_avg_pool{count}d\" not implemented for '{input.dtype.scalar_name}'"
        )
    return _MEANS[count](input, outs=outs)


def adaptive_avg_pool1d(input: Any, output_size: Any) -> Tensor:
    """Means of a number of windows. Source: ``torch.nn.functional.adaptive_avg_pool1d``."""
    if input._np.ndim not in (2, 3):
        raise RuntimeError(
            f"Expected 2 to 3 dimensions, but got {input._np.ndim}-dimensional tensor for argument "
            "#1 'self' (while checking arguments for adaptive_avg_pool1d)"
        )
    (out,) = _outs(input, output_size, 1, "adaptive_avg_pool1d")
    found: Any = _adaptive_avg(2, input.unsqueeze(-2), (1, out))
    return found.squeeze(-2)


def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """Means of a given number of windows along the last two dimensions.

    Args:
        input: [batch, channels, height, width], or without batch.
        output_size: number of windows, or one for each dimension; None keeps the size.

    Source: ``torch.nn.functional.adaptive_avg_pool2d``.
    """
    return _adaptive_avg(2, input, output_size)


def adaptive_avg_pool3d(input: Tensor, output_size: Any) -> Tensor:
    """Means of a number of windows. Source: ``torch.nn.functional.adaptive_avg_pool3d``."""
    return _adaptive_avg(3, input, output_size)


# ------------------------------------------------------------------------------------------- maxima
def _adaptive_max(count: int, input: Any, output_size: Any, return_indices: bool) -> Any:
    name = f"adaptive_max_pool{count}d"
    outs = _outs(input, output_size, count, name)
    x = input._np
    if x.ndim not in (count + 1, count + 2):
        raise RuntimeError(
            f"{name}(): Expected {count + 1}D or {count + 2}D tensor, but got: {list(x.shape)}"
        )
    first = 1 if x.ndim == count + 2 else 0
    if 0 in x.shape[first:]:
        raise RuntimeError(
            f"Expected input to have non-zero size for non-batch dimensions, but input has sizes "
            f"{list(x.shape)} with dimension {first + x.shape[first:].index(0)} being empty"
        )
    found, at = _MAX[count](wrap(x), outs, return_indices=True)
    data = found._data
    out = make(data.copy() if np.may_share_memory(data, x) else data)
    places = make(at._data)
    if mode.enabled and needs_grad(input):
        rule = ScatterRule(x.shape, count, False)
        node = keep(f"AdaptiveMaxPool{count}DBackward0", (input,), (), rule)
        keep_plain(places, node)
        attach(out, node)
    return (out, places) if return_indices else out


def adaptive_max_pool1d(input: Any, output_size: Any, return_indices: bool = False) -> Any:
    """Maxima of a number of windows. Source: ``torch.nn.functional.adaptive_max_pool1d``."""
    (out,) = _outs(input, output_size, 1, "adaptive_max_pool1d")
    found = _adaptive_max(2, input.unsqueeze(-2), (1, out), True)
    if return_indices:
        return found[0].squeeze(-2), found[1].squeeze(-2)
    return found[0].squeeze(-2)


def adaptive_max_pool2d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """Maxima of a given number of windows along the last two dimensions.

    Args:
        input: [batch, channels, height, width], or without batch.
        output_size: number of windows, or one for each dimension; None keeps the size.
        return_indices: whether to return the places in the flattened last two dimensions, too.

    Source: ``torch.nn.functional.adaptive_max_pool2d``.
    """
    return _adaptive_max(2, input, output_size, return_indices)


def adaptive_max_pool3d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """Maxima of a number of windows. Source: ``torch.nn.functional.adaptive_max_pool3d``."""
    return _adaptive_max(3, input, output_size, return_indices)
