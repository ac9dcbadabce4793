"""Functions of layers under further names: pooling with places, convolution of time first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from functorch_lite.torch.nn._functional import adaptive_pooling, fractional, pooling
from functorch_lite.torch.nn._functional.convolution import conv1d

__all__ = ["WITH_INDICES", "conv_tbc"]


def _windows(count: int) -> Callable[..., Any]:
    f = getattr(pooling, f"max_pool{count}d")

    def pool(
        input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
        ceil_mode: bool = False, return_indices: bool = False,
    ) -> Any:  # fmt: skip
        return f(input, kernel_size, stride, padding, dilation, ceil_mode, True)

    return pool


def _adaptive(count: int) -> Callable[..., Any]:
    f = getattr(adaptive_pooling, f"adaptive_max_pool{count}d")

    def pool(input: Any, output_size: Any, return_indices: bool = False) -> Any:
        return f(input, output_size, True)

    return pool


def _fractional(count: int) -> Callable[..., Any]:
    f = getattr(fractional, f"fractional_max_pool{count}d")

    def pool(
        input: Any, kernel_size: Any, output_size: Any = None, output_ratio: Any = None,
        return_indices: bool = False, _random_samples: Any = None,
    ) -> Any:  # fmt: skip
        return f(input, kernel_size, output_size, output_ratio, True, _random_samples)

    return pool


WITH_INDICES: dict[str, Callable[..., Any]] = {}
"""Maxima of windows and their places, by name."""

for _kind, _of, _counts in (
    ("max_pool", _windows, (1, 2, 3)),
    ("adaptive_max_pool", _adaptive, (1, 2, 3)),
    ("fractional_max_pool", _fractional, (2, 3)),
):
    for _count in _counts:
        _name = f"{_kind}{_count}d_with_indices"
        _f = _of(_count)
        _f.__name__ = _f.__qualname__ = _name
        _f.__doc__ = f"Maxima and their places. Source: ``torch.nn.functional.{_name}``."
        WITH_INDICES[_name] = _f


def conv_tbc(input: Any, weight: Any, bias: Any, pad: int = 0) -> Any:
    """``conv1d`` with time first and channels last.

    Args:
        input: f[time, batch, in].
        weight: f[kernel, in, out].
        bias: f[out].
        pad: zeros at both ends of time.

    Returns:
        f[time, batch, out].

    Raises:
        RuntimeError: an operand with another number of dimensions.

    Source: ``torch.nn.functional.conv_tbc``.
    """
    for what, t, count in (("input", input, 3), ("weight", weight, 3), ("bias", bias, 1)):
        if t._np.ndim != count:
            raise RuntimeError(
                f"conv_tbc: expected {what} with {count} dimensions, but got {t._np.ndim}"
            )
    out: Any = conv1d(input.permute(1, 2, 0), weight.permute(2, 1, 0), bias, padding=pad)
    return out.permute(2, 0, 1).contiguous()
