"""Fractional max pooling: windows of one size whose places are drawn."""

from __future__ import annotations

from typing import Any

from functorch_lite import nn
from functorch_lite.core.array import wrap
from functorch_lite.torch._core.grad_mode import mode
from functorch_lite.torch._core.keeping import keep, keep_plain
from functorch_lite.torch._core.node import attach, needs_grad
from functorch_lite.torch._core.public import FUNCTIONS
from functorch_lite.torch._core.tensor import make
from functorch_lite.torch._ops import random_fill as _random_fill  # noqa: F401  (``rand``)
from functorch_lite.torch.nn._functional.pooling import ScatterRule
from functorch_lite.torch.nn._functional.windows import numbers

__all__ = ["fractional_max_pool2d", "fractional_max_pool3d"]

_rand = FUNCTIONS["rand"]
_POOL = {2: nn.fractional_max_pool2d, 3: nn.fractional_max_pool3d}


def _pool(
    count: int, input: Any, kernel_size: Any, output_size: Any, output_ratio: Any,
    return_indices: bool, samples: Any,
) -> Any:  # fmt: skip
    name = f"fractional_max_pool{count}d"
    if output_size is None and output_ratio is None:
        raise ValueError(f"{name} requires specifying either an output_size or an output_ratio")
    x = input._np
    if x.ndim not in (count + 1, count + 2):
        raise RuntimeError(
            f"{name}(): Expected {count + 1}D or {count + 2}D tensor, but got: {list(x.shape)}"
        )
    sizes = x.shape[-count:]
    if output_size is None:
        ratios = output_ratio if isinstance(output_ratio, (tuple, list)) else [output_ratio] * count
        output_size = [int(n * r) for n, r in zip(sizes, ratios, strict=True)]
    outs = numbers(name, "output_size", output_size, count)
    kernel = numbers(name, "kernel_size", kernel_size, count)
    for part, n, k, out in zip(("time", "height", "width")[-count:], sizes, kernel, outs,
                               strict=True):  # fmt: skip
        if out + k - 1 >= n + (count == 2) or out < 1:
            raise RuntimeError(
                f"{name}{'_out' * (count == 3)}(): pool {part} {k} too large relative to input "
                f"{part} {n}"
            )
    if samples is None:
        lead = (1, x.shape[0]) if x.ndim == count + 1 else x.shape[:2]
        samples = _rand(*lead, count, dtype=input.dtype)
    found, at = _POOL[count](
        wrap(x), kernel, outs, return_indices=True, random_samples=wrap(samples._np)
    )
    made, places = make(found._data), make(at._data)
    if mode.enabled and needs_grad(input) and x.dtype.kind in "fV":
        rule = ScatterRule(x.shape, count, False)
        node = keep(f"FractionalMaxPool{count}DBackward0", (input,), (), rule)
        keep_plain(places, node)
        attach(made, node)
    return (made, places) if return_indices else made


def fractional_max_pool2d(
    input: Any, kernel_size: Any, output_size: Any = None, output_ratio: Any = None,
    return_indices: bool = False, _random_samples: Any = None,
) -> Any:  # fmt: skip
    """Maxima of windows of images whose places are drawn.

    Args:
        input: f[batch, channels, height, width], or without batch.
        kernel_size: of the windows, one number or one for each dimension.
        output_size: how many of them, one number or one for each dimension; or
        output_ratio: their number over the size.
        return_indices: whether to return the places in the flattened last two dimensions, too.
        _random_samples: f[batch, channels, 2] in [0, 1), instead of random ones.

    Raises:
        ValueError: neither size nor ratio.
        RuntimeError: the windows do not fit.

    Source: ``torch.nn.functional.fractional_max_pool2d``; Graham, 2014.
    """
    return _pool(2, input, kernel_size, output_size, output_ratio, return_indices, _random_samples)


def fractional_max_pool3d(
    input: Any, kernel_size: Any, output_size: Any = None, output_ratio: Any = None,
    return_indices: bool = False, _random_samples: Any = None,
) -> Any:  # fmt: skip
    """The same of volumes. Source: ``torch.nn.functional.fractional_max_pool3d``."""
    return _pool(3, input, kernel_size, output_size, output_ratio, return_indices, _random_samples)
