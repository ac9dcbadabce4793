"""Maxima and means over sliding windows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from functorch_lite import ops
from functorch_lite.core.array import Array, wrap
from functorch_lite.torch._core.grad_mode import mode
from functorch_lite.torch._core.keeping import keep, keep_plain
from functorch_lite.torch._core.node import attach, needs_grad
from functorch_lite.torch._core.tensor import Tensor, is_symbol, make
from functorch_lite.torch.nn._functional.pulled import Linear
from functorch_lite.torch.nn._functional.windows import Windows, numbers

__all__ = [
    "avg_pool1d", "avg_pool2d", "avg_pool3d", "lp_pool1d", "lp_pool2d", "lp_pool3d", "max_pool1d",
    "max_pool2d", "max_pool3d", "max_unpool1d", "max_unpool2d", "max_unpool3d", "scattered",
]  # fmt: skip


# ------------------------------------------------------------------------------------------- maxima
class ScatterRule:
    """The gradient of elements that were picked by their places in the last dimensions."""

    __slots__ = ("apart", "shape", "tail")

    def __init__(self, shape: tuple[int, ...], tail: int, apart: bool) -> None:
        self.shape, self.tail, self.apart = shape, tail, apart

    def __call__(self, g: Any, at: Tensor) -> Tensor:
        return scattered(g, at, self.shape, self.tail, self.apart)


def scattered(g: Any, at: Any, shape: tuple[int, ...], tail: int, apart: bool) -> Tensor:
    """Values added up at places within the last ``tail`` dimensions of a shape of zeros.

    Args:
        at: int64, of the shape of ``g``.
        apart: whether no place comes twice.
    """
    lead = shape[: len(shape) - tail]
    count = math.prod(shape[len(shape) - tail :])
    rows = math.prod(lead)
    if mode.enabled or is_symbol(g._np):
        per = g._np.size // max(rows, 1)
        flat = g.new_zeros((rows, count))
        flat = flat.scatter_add(1, at.reshape(rows, per), g.reshape(rows, per))
        return flat.reshape(shape)
    values = g._np.reshape(rows, g._np.size // max(rows, 1))
    places = at._np.reshape(values.shape) + np.arange(rows)[:, None] * count
    if apart:
        found = np.zeros(rows * count, values.dtype)
        found[places.reshape(-1)] = values.reshape(-1)
        return make(found.reshape(shape))
    zeros = wrap(np.zeros(rows * count, values.dtype))
    index = wrap(places.reshape(-1))
    out = ops.scatter_add(zeros, wrap(values.reshape(-1)), index, axes=(0,), mode="clip")
    return make(out._data.reshape(shape))


def _max_pool(
    name: str, count: int, input: Any, kernel: Any, stride: Any, padding: Any, dilation: Any,
    ceil_mode: bool, return_indices: bool,
) -> Any:  # fmt: skip
    x = input._np
    if x.ndim not in (count + 1, count + 2):
        raise RuntimeError(
            f"non-empty {count + 1}D or {count + 2}D (batch mode) tensor expected for input"
        )
    if 0 in x.shape[1 if x.ndim == count + 2 else 0 :]:
        raise RuntimeError(
            f"Expected {count + 1}D or {count + 2}D (batch mode) tensor with optional 0 dim batch "
            f"size for input, but got:{list(x.shape)}"
        )
    windows = Windows(name, x.shape, count, kernel, stride, padding, dilation, ceil_mode)
    if x.dtype.kind in "bc":
        raise NotImplementedError(f"\"{name}\" not implemented for '{input.dtype.scalar_name}'")
    recorded = mode.enabled and needs_grad(input) and x.dtype.kind in "fV"
    params = windows.params()
    array = wrap(x)
    if not (recorded or return_indices):
        found = ops.window_max(array, **params)._data
        return make(found.copy() if np.may_share_memory(found, x) else found)
    at = ops.window_argmax(array, batch_dims=windows.lead, **params)._data
    rows = math.prod(x.shape[: windows.lead])
    flat = x.reshape(rows, windows.size())
    data = np.take_along_axis(flat, at.reshape(rows, math.prod(windows.outs)), -1)
    out, places = make(data.reshape(at.shape)), make(at)
    if recorded:
        rule = ScatterRule(x.shape, count, windows.apart())
        node = keep(f"MaxPool{count}DWithIndicesBackward0", (input,), (), rule)
        keep_plain(places, node)
        attach(out, node)
    return (out, places) if return_indices else out


def max_pool1d(
    input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Any:  # fmt: skip
    """Maxima along the last dimension. Source: ``torch.nn.functional.max_pool1d``."""
    x = input._np
    if x.ndim not in (2, 3) or 0 in x.shape[x.ndim - 2 :]:
        raise RuntimeError(
            "max_pool1d: Expected 2D or 3D (batch mode) tensor with optional 0 dim batch size for "
            f"input, but got:{list(x.shape)}"
        )
    name = "max_pool1d"
    kernel = numbers(name, "kernel_size", kernel_size, 1)[0]
    step = kernel if stride is None or stride in ((), []) else numbers(name, "stride", stride, 1)[0]
    pad, apart = numbers(name, "padding", padding, 1)[0], numbers(name, "dilation", dilation, 1)[0]
    for what, n in (("kernel_size", kernel), ("stride", step), ("dilation", apart)):
        if n <= 0:
            raise RuntimeError(f"max_pool1d() {what} must be greater than zero, but got {n}")
    if pad < 0:
        raise RuntimeError(f"max_pool1d() padding must be non-negative, but got {pad}")
    if pad > kernel // 2:
        raise RuntimeError(
            "max_pool1d() padding should be at most half of kernel size, but got "
            f"padding={pad} and kernel_size={kernel}"
        )
    reach = apart * (kernel - 1) + 1
    if x.shape[-1] + 2 * pad < reach and not ceil_mode:
        out = (x.shape[-1] + 2 * pad - reach) // step + 1
        raise RuntimeError(f"max_pool1d() Invalid computed output size: {out}")
    found = _max_pool(
        name, 2, input.unsqueeze(-2), (1, kernel), (1, step), (0, pad), (1, apart), ceil_mode,
        return_indices,
    )  # fmt: skip
    if return_indices:
        return found[0].squeeze(-2), found[1].squeeze(-2)
    return found.squeeze(-2)


def max_pool2d(
    input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Any:  # fmt: skip
    """The largest element of each window along the last two dimensions.

    Args:
        input: [batch, channels, height, width], or without batch.
        kernel_size: size of the windows, one number or one for each dimension, as the next three.
        stride: by how much they move; ``kernel_size`` by default.
        padding: places without an element at both ends, at most half a window.
        dilation: distance between places of a window.
        ceil_mode: whether windows may reach behind the padding.
        return_indices: whether to return the places in the flattened last two dimensions, too.

    Raises:
        RuntimeError: the windows do not fit.

    Source: ``torch.nn.functional.max_pool2d``.
    """
    return _max_pool(
        "max_pool2d", 2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices
    )


def max_pool3d(
    input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Any:  # fmt: skip
    """Maxima along the last three dimensions. Source: ``torch.nn.functional.max_pool3d``."""
    return _max_pool(
        "max_pool3d", 3, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices
    )


# -------------------------------------------------------------------------------------- maxima back
def _unpool(
    name: str, count: int, input: Any, indices: Any, kernel: Any, stride: Any, padding: Any,
    output_size: Any,
) -> Any:  # fmt: skip
    k = numbers(name, "kernel_size", kernel, count)
    s = k if stride is None else numbers(name, "stride", stride, count)
    p = numbers(name, "padding", padding, count)
    x = input._np
    wanted = [(n - 1) * b + a - 2 * c for n, a, b, c in zip(x.shape[-count:], k, s, p, strict=True)]
    if output_size is not None:
        given = list(output_size)[-count:]
        for d, (n, m, b) in enumerate(zip(given, wanted, s, strict=True)):
            if not m - b < n < m + b:
                raise ValueError(
                    f'invalid output_size "{given}" (dim {d} must be between {m - b} and {m + b})'
                )
        wanted = given
    if indices._np.dtype != np.int64:
        raise RuntimeError(
            f"elements in indices should be type int64 but got: {indices.dtype.scalar_name}"
        )
    if indices._np.shape != x.shape:
        raise RuntimeError(
            f"Expected shape of indices to be same as that of the input tensor ({list(x.shape)}) "
            f"but got indices tensor with shape: {list(indices._np.shape)}"
        )
    lead = x.shape[: x.ndim - count]
    total = math.prod(wanted)
    rows = math.prod(lead)
    if x.size and (indices._np.min() < 0 or indices._np.max() >= total):
        bad = indices._np[(indices._np < 0) | (indices._np >= total)].flat[0]
        raise RuntimeError(
            f"Found an invalid max index: {bad} (output volumes are of size "
            f"{'x'.join(map(str, wanted))}"
        )
    flat = input.new_zeros((rows, total))
    flat = flat.scatter(1, indices.reshape(rows, -1), input.reshape(rows, -1))
    return flat.reshape((*lead, *wanted))


def max_unpool1d(
    input: Any, indices: Any, kernel_size: Any, stride: Any = None, padding: Any = 0,
    output_size: Any = None,
) -> Tensor:  # fmt: skip
    """Maxima put back in their places. Source: ``torch.nn.functional.max_unpool1d``."""
    return _unpool("max_unpool1d", 1, input, indices, kernel_size, stride, padding, output_size)


def max_unpool2d(
    input: Any, indices: Any, kernel_size: Any, stride: Any = None, padding: Any = 0,
    output_size: Any = None,
) -> Tensor:  # fmt: skip
    """Maxima put back in their places. Source: ``torch.nn.functional.max_unpool2d``."""
    return _unpool("max_unpool2d", 2, input, indices, kernel_size, stride, padding, output_size)


def max_unpool3d(
    input: Any, indices: Any, kernel_size: Any, stride: Any = None, padding: Any = 0,
    output_size: Any = None,
) -> Tensor:  # fmt: skip
    """Maxima put back in their places. Source: ``torch.nn.functional.max_unpool3d``."""
    return _unpool("max_unpool3d", 3, input, indices, kernel_size, stride, padding, output_size)


# -------------------------------------------------------------------------------------------- means
def _divisor(x: Array, counts: Any) -> Array:
    return wrap(np.array(counts, x.dtype))


def _mean(x: Array, *, windows: Windows, counts: Any) -> Array:
    total = ops.window_sum(x, **windows.params())
    if x.dtype.kind in "iu":
        sums = total._data
        signs = np.sign(sums) * np.sign(counts)
        return wrap(signs * (np.abs(sums) // np.abs(counts)))  # towards zero
    return total / _divisor(x, counts)


def _mean_back(g: Array, shape: tuple[int, ...], *, windows: Windows, counts: Any) -> Array:
    rule = ops.window_sum.vjp[0]
    share = g / _divisor(g, counts)
    args = [wrap(np.broadcast_to(np.zeros((), g.dtype), shape))]
    return rule(share, None, args, windows.params(), 0)


_MEANS = {n: Linear(f"AvgPool{n}DBackward0", _mean, _mean_back) for n in (2, 3)}


def _avg_pool(
    name: str, count: int, input: Any, kernel: Any, stride: Any, padding: Any, ceil_mode: bool,
    include_pad: bool, divisor: int | None,
) -> Tensor:  # fmt: skip
    x = input._np
    if x.ndim not in (count + 1, count + 2):
        if x.ndim < count + 1 and count == 2:
            raise IndexError(
                f"Dimension out of range (expected to be in range of [{-x.ndim}, {x.ndim - 1}], "
                f"but got {-count - 1})"
            )
        raise RuntimeError(
            f"non-empty {count + 1}D or {count + 2}D (batch mode) tensor expected for input"
        )
    if divisor == 0:
        raise RuntimeError("divisor must be not zero")
    windows = Windows(name, x.shape, count, kernel, stride, padding, 1, ceil_mode)
    counts: Any = divisor if divisor is not None else windows.counts(include_pad)
    if divisor is None and counts.size and (counts == counts.flat[0]).all():
        counts = int(counts.flat[0])
    return _MEANS[count](input, windows=windows, counts=counts)


def avg_pool1d(
    input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:  # fmt: skip
    """Means along the last dimension. Source: ``torch.nn.functional.avg_pool1d``."""
    if input._np.ndim not in (2, 3):
        raise RuntimeError(
            f"Expected 2 to 3 dimensions, but got {input._np.ndim}-dimensional tensor for argument "
            "#1 'self' (while checking arguments for avg_pool1d)"
        )
    name = "avg_pool1d"
    kernel = numbers(name, "kernel_size", kernel_size, 1)[0]
    empty = stride is None or stride in ((), [])
    step = kernel if empty else numbers(name, "stride", stride, 1)[0]
    pad = numbers(name, "padding", padding, 1)[0]
    found: Any = _avg_pool(
        name, 2, input.unsqueeze(-2), (1, kernel), (1, step), (0, pad), ceil_mode,
        count_include_pad, None,
    )  # fmt: skip
    return found.squeeze(-2)


def avg_pool2d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: int | None = None,
) -> Tensor:  # fmt: skip
    """The mean of each window along the last two dimensions.

    Args:
        input: [batch, channels, height, width], or without batch.
        kernel_size: size of the windows, one number or one for each dimension, as the next two.
        stride: by how much they move; ``kernel_size`` by default.
        padding: zeros at both ends, at most half a window.
        ceil_mode: whether windows may reach behind the padding.
        count_include_pad: whether the padding counts.
        divisor_override: divide the sums by this instead.

    Raises:
        RuntimeError: the windows do not fit.

    Source: ``torch.nn.functional.avg_pool2d``.
    """
    return _avg_pool(
        "avg_pool2d", 2, input, kernel_size, stride, padding, ceil_mode, count_include_pad,
        divisor_override,
    )  # fmt: skip


def avg_pool3d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: int | None = None,
) -> Tensor:  # fmt: skip
    """Means along the last three dimensions. Source: ``torch.nn.functional.avg_pool3d``."""
    return _avg_pool(
        "avg_pool3d", 3, input, kernel_size, stride, padding, ceil_mode, count_include_pad,
        divisor_override,
    )  # fmt: skip


# ------------------------------------------------------------------------------------------ p-norms
def _lp_pool(count: int, input: Any, p: float, kernel: Any, stride: Any, ceil_mode: bool) -> Tensor:
    k = numbers("lp_pool", "kernel_size", kernel, count)
    pool = (avg_pool1d, avg_pool2d, avg_pool3d)[count - 1]
    means: Any = pool(input.pow(p), kernel, stride, 0, ceil_mode)
    powers: Any = means.sign() * means.abs().relu()
    return (powers * math.prod(k)).pow(1.0 / p)


def lp_pool1d(
    input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Tensor:
    """p-norms along the last dimension. Source: ``torch.nn.functional.lp_pool1d``."""
    return _lp_pool(1, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(
    input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Tensor:
    """p-norms along the last two dimensions. Source: ``torch.nn.functional.lp_pool2d``."""
    return _lp_pool(2, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(
    input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Tensor:
    """p-norms along the last three dimensions. Source: ``torch.nn.functional.lp_pool3d``."""
    return _lp_pool(3, input, norm_type, kernel_size, stride, ceil_mode)
