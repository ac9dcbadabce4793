"""Pooling over windows: maxima, means and p-norms, with PyTorch's arguments.

All take ``x`` of shape [batch, channels, *sizes] or [channels, *sizes], and move windows along the
last one, two or three axes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from functorch_lite import lax
from functorch_lite import numpy as fnp
from functorch_lite.errors import ShapeError
from functorch_lite.nn.sizes import per_dimension
from functorch_lite.numpy.convert import constant, to_inexact

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = [
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "lp_pool1d",
    "lp_pool2d",
    "lp_pool3d",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
]

Size = int | Sequence[int]


# -------------------------------------------------------------------------------------- arguments
def check_rank(name: str, x: Array, count: int) -> None:
    """Raise unless x has one or two axes before the pooled ones, and elements along those."""
    if not count + 1 <= x.ndim <= count + 2:
        raise ShapeError(
            f"nn.{name}: expected x with batch and channels, or channels alone, before its last "
            f"{count} axes; got shape {tuple(x.shape)}. Remedy: x[None] adds an axis in front."
        )
    if 0 in x.shape[-count:]:
        raise ShapeError(
            f"nn.{name}: expected elements along each of the last {count} axes; got an x of shape "
            f"{tuple(x.shape)}. Remedy: guard the call by the shape."
        )


class _Windows:
    """Where the windows of one call lie: each attribute has one entry per pooled axis."""

    def __init__(
        self,
        name: str,
        x: Array,
        count: int,
        kernel_size: Any,
        stride: Any,
        padding: Any,
        dilation: Any,
        ceil_mode: bool,
    ) -> None:
        check_rank(name, x, count)
        self.kernel = per_dimension(name, "kernel_size", kernel_size, count, 1)
        given = kernel_size if stride is None or stride == () or stride == [] else stride
        self.stride = per_dimension(name, "stride", given, count, 1)
        if isinstance(padding, str):
            raise TypeError(
                f"nn.{name}: expected padding to be an int or {count} of them; got {padding!r}. "
                "Remedy: padding=1, for example; lax.reduce_window and lax.reduce_window_max take "
                "padding='SAME'."
            )
        self.padding = per_dimension(name, "padding", padding, count, 0)
        self.dilation = per_dimension(name, "dilation", dilation, count, 1)
        self.sizes = tuple(x.shape[-count:])
        self.lead = x.ndim - count
        pairs = []
        for n, k, s, p, d in zip(
            self.sizes, self.kernel, self.stride, self.padding, self.dilation, strict=True
        ):
            reach = (k - 1) * d + 1
            if 2 * p > k:
                raise ValueError(
                    f"nn.{name}: expected padding of at most half of kernel_size, or a window may "
                    f"lie in padding alone; got padding {padding!r} for kernel_size "
                    f"{kernel_size!r}. Remedy: choose at most {k // 2}, or numpy.pad x first."
                )
            room = n + 2 * p - reach
            steps = -(-room // s) if ceil_mode else room // s
            # a window that would begin in the padding at the far end is left out
            if ceil_mode and steps * s >= n + p:
                steps -= 1
            if steps < 0:
                raise ShapeError(
                    f"nn.{name}: a window of kernel_size {kernel_size!r} does not fit into x of "
                    f"shape {tuple(x.shape)} with padding {padding!r}. Remedy: a smaller "
                    "kernel_size, or more padding."
                )
            pairs.append((p, steps * s + reach - n - p))
        self.pairs = tuple(pairs)

    def arguments(self) -> dict[str, Any]:
        """Those of ``lax.reduce_window`` over all axes of x."""
        still = (1,) * self.lead
        return {
            "window_dimensions": still + self.kernel,
            "window_strides": still + self.stride,
            "padding": ((0, 0),) * self.lead + self.pairs,
            "window_dilation": still + self.dilation,
        }

    def counts(self, include_pad: bool) -> np.ndarray:
        """int64[*outputs]: how many places of a window lie in x, or in x and its padding."""
        found = np.ones((), np.int64)
        for n, k, s, p, (_, high) in zip(
            self.sizes, self.kernel, self.stride, self.padding, self.pairs, strict=True
        ):
            begin = np.arange(0, n + p + high - k + 1, s) - p
            low, end = (-p, n + p) if include_pad else (0, n)
            line = np.minimum(begin + k, end) - np.maximum(begin, low)
            found = found[..., None] * line
        return found


# -------------------------------------------------------------------------------------- max pooling
def _max_pool(name: str, count: int, x: Any, windows: tuple[Any, ...], return_indices: bool) -> Any:
    x = fnp.asarray(x)
    found = _Windows(name, x, count, *windows)
    arguments = found.arguments()
    out = lax.reduce_window_max(x, **arguments)
    if not return_indices:
        return out
    return out, lax.reduce_window_argmax(x, **arguments, batch_dims=found.lead)


def max_pool1d(
    x: Array,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Largest element of each window along the last axis; see :func:`max_pool2d`.

    >>> max_pool1d(fnp.asarray([[1.0, 4.0, 2.0, 3.0]]), 2)
    Array([[4., 3.]], dtype=float32)
    """
    windows = (kernel_size, stride, padding, dilation, ceil_mode)
    return _max_pool("max_pool1d", 1, x, windows, return_indices)


def max_pool2d(
    x: Array,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Largest element of each window along the last two axes.

    The derivative belongs to the first of equal elements in row-major order, and to the last NaN
    where a window has one, as in PyTorch.

    Args:
        x: [batch, channels, height, width] or [channels, height, width].
        kernel_size: size of the windows, an int or one per axis, as are the next three.
        stride: by how much they move; ``kernel_size`` by default.
        padding: places at both ends that hold no element; at most half the window.
        dilation: distance between the places of a window.
        ceil_mode: whether windows that reach beyond the padding count too, if they begin before it.
        return_indices: whether to return the positions as well.

    Returns:
        [..., out_height, out_width] in the dtype of x; with ``return_indices`` a pair of it and of
        the positions in the flattened last two axes of x, int64.

    Raises:
        ShapeError: x has another rank, or no window fits.
        ValueError: a size is too small, or ``padding`` is more than half the window.

    >>> x = fnp.arange(16.0).reshape(1, 4, 4)
    >>> max_pool2d(x, 2)
    Array([[[ 5.,  7.],
            [13., 15.]]], dtype=float32)
    >>> max_pool2d(x, 2, return_indices=True)[1].tolist()
    [[[5, 7], [13, 15]]]

    Source: ``torch.nn.functional.max_pool2d``.
    """
    windows = (kernel_size, stride, padding, dilation, ceil_mode)
    return _max_pool("max_pool2d", 2, x, windows, return_indices)


def max_pool3d(
    x: Array,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Largest element of each window along the last three axes; see :func:`max_pool2d`.

    >>> max_pool3d(fnp.arange(8.0).reshape(1, 2, 2, 2), 2).tolist()
    [[[[7.0]]]]
    """
    windows = (kernel_size, stride, padding, dilation, ceil_mode)
    return _max_pool("max_pool3d", 3, x, windows, return_indices)


# ---------------------------------------------------------------------------------- average pooling
def divide_by_counts(total: Array, counts: np.ndarray, dtype: Any) -> Array:
    """Sums over numbers of elements, in the dtype of the means."""
    if counts.size and (counts == counts.flat[0]).all():
        return (total / int(counts.flat[0])).astype(dtype)
    return (total / constant(total, counts).astype(total.dtype)).astype(dtype)


def in_wide(x: Any) -> tuple[Array, Any]:
    """x in a dtype to add up in, and the dtype of its mean."""
    x = to_inexact(fnp.asarray(x), "nn")
    return (x.astype("float32") if x.dtype.itemsize == 2 else x), x.dtype


def _avg_pool(
    name: str,
    count: int,
    x: Any,
    windows: tuple[Any, ...],
    count_include_pad: bool,
    divisor_override: int | None,
) -> Array:
    kernel_size, stride, padding, ceil_mode = windows
    wide, dtype = in_wide(x)
    found = _Windows(name, wide, count, kernel_size, stride, padding, 1, ceil_mode)
    total = lax.reduce_window_sum(wide, **found.arguments())
    if divisor_override is None:
        return divide_by_counts(total, found.counts(count_include_pad), dtype)
    if divisor_override == 0:
        raise ValueError(f"nn.{name}: expected divisor_override other than 0; got 0.")
    return (total / divisor_override).astype(dtype)


def avg_pool1d(
    x: Array,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Array:
    """Mean of each window along the last axis; see :func:`avg_pool2d`.

    >>> avg_pool1d(fnp.asarray([[1.0, 4.0, 2.0, 4.0]]), 2)
    Array([[2.5, 3. ]], dtype=float32)
    """
    windows = (kernel_size, stride, padding, ceil_mode)
    return _avg_pool("avg_pool1d", 1, x, windows, count_include_pad, None)


def avg_pool2d(
    x: Array,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Array:
    """Mean of each window along the last two axes.

    Args:
        x: [batch, channels, height, width] or [channels, height, width]; integers become float32.
        kernel_size: size of the windows, an int or one per axis, as are the next two.
        stride: by how much they move; ``kernel_size`` by default.
        padding: zeros at both ends; at most half the window.
        ceil_mode: whether windows that reach beyond the padding count too, if they begin before it;
            places beyond the padding are not counted in the mean.
        count_include_pad: whether the zeros of the padding count in the mean.
        divisor_override: divide the sums by this number instead.

    Returns:
        [..., out_height, out_width] in the dtype of x.

    Raises:
        ShapeError: x has another rank, or no window fits.
        ValueError: a size is too small, or ``padding`` is more than half the window.

    >>> x = fnp.arange(16.0).reshape(1, 4, 4)
    >>> avg_pool2d(x, 2).tolist()
    [[[2.5, 4.5], [10.5, 12.5]]]
    >>> avg_pool2d(x, 3, stride=3, padding=1, count_include_pad=False).tolist()
    [[[2.5, 4.5], [10.5, 12.5]]]

    Source: ``torch.nn.functional.avg_pool2d``.
    """
    windows = (kernel_size, stride, padding, ceil_mode)
    return _avg_pool("avg_pool2d", 2, x, windows, count_include_pad, divisor_override)


def avg_pool3d(
    x: Array,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Array:
    """Mean of each window along the last three axes; see :func:`avg_pool2d`.

    >>> avg_pool3d(fnp.arange(8.0).reshape(1, 2, 2, 2), 2).tolist()
    [[[[3.5]]]]
    """
    windows = (kernel_size, stride, padding, ceil_mode)
    return _avg_pool("avg_pool3d", 3, x, windows, count_include_pad, divisor_override)


# ------------------------------------------------------------------------------------------ p-norms
def _lp_pool(name: str, count: int, x: Any, norm_type: float, windows: tuple[Any, ...]) -> Array:
    kernel_size, stride, ceil_mode = windows
    if not norm_type > 0 or math.isinf(norm_type):
        raise ValueError(
            f"nn.{name}: expected a finite norm_type > 0; got {norm_type!r}. Remedy: max_pool of "
            "abs(x) is the norm at infinity."
        )
    wide, dtype = in_wide(x)
    found = _Windows(name, wide, count, kernel_size, stride, 0, 1, ceil_mode)
    power = int(norm_type) if norm_type == int(norm_type) else norm_type
    total = lax.reduce_window_sum(wide**power, **found.arguments())
    # PyTorch scales the mean, so windows that are cut off at the end count as if they were whole.
    total = divide_by_counts(total, found.counts(True), total.dtype) * math.prod(found.kernel)
    # The root has no derivative at 0: there it is 0 by agreement, and must not become NaN.
    zero = total == 0
    root = fnp.where(zero, 1.0, total) ** (1.0 / norm_type)
    return fnp.where(zero, 0.0, root).astype(dtype)


def lp_pool1d(
    x: Array,
    norm_type: float,
    kernel_size: Size,
    stride: Size | None = None,
    ceil_mode: bool = False,
) -> Array:
    """p-norm of each window along the last axis; see :func:`lp_pool2d`.

    >>> lp_pool1d(fnp.asarray([[3.0, 4.0, 5.0, 12.0]]), 2, 2)
    Array([[ 5., 13.]], dtype=float32)
    """
    return _lp_pool("lp_pool1d", 1, x, norm_type, (kernel_size, stride, ceil_mode))


def lp_pool2d(
    x: Array,
    norm_type: float,
    kernel_size: Size,
    stride: Size | None = None,
    ceil_mode: bool = False,
) -> Array:
    """p-norm of each window along the last two axes: the p-th root of the sum of x**p.

    Args:
        x: [batch, channels, height, width] or [channels, height, width].
        norm_type: p; the sum of powers is not one of magnitudes, so odd p needs x >= 0.
        kernel_size: size of the windows, an int or one per axis.
        stride: by how much they move; ``kernel_size`` by default.
        ceil_mode: whether windows that reach beyond x count too; their mean counts for the places
            that they lack.

    Returns:
        [..., out_height, out_width] in the dtype of x; its derivative is 0 where it is 0.

    Raises:
        ShapeError: x has another rank, or no window fits.
        ValueError: a size is too small, or ``norm_type`` is not positive and finite.

    >>> lp_pool2d(fnp.ones((1, 2, 2)), 2, 2)
    Array([[[2.]]], dtype=float32)

    Source: ``torch.nn.functional.lp_pool2d``.
    """
    return _lp_pool("lp_pool2d", 2, x, norm_type, (kernel_size, stride, ceil_mode))


def lp_pool3d(
    x: Array,
    norm_type: float,
    kernel_size: Size,
    stride: Size | None = None,
    ceil_mode: bool = False,
) -> Array:
    """p-norm of each window along the last three axes; see :func:`lp_pool2d`.

    >>> lp_pool3d(fnp.ones((1, 1, 2, 2)), 2, (1, 2, 2))
    Array([[[[2.]]]], dtype=float32)

    Source: ``torch.nn.functional.lp_pool3d``.
    """
    return _lp_pool("lp_pool3d", 3, x, norm_type, (kernel_size, stride, ceil_mode))
