"""Windows of an image as columns, and back."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from functorch_lite import numpy as fnp
from functorch_lite.errors import ShapeError
from functorch_lite.nn.layer import Layer, without_params
from functorch_lite.nn.sizes import per_dimension

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = ["Fold", "Unfold", "fold", "fold_value", "unfold", "unfold_value"]

Size = int | tuple[int, ...]
Pair = tuple[int, ...]
Window = tuple[Pair, Pair, Pair, Pair]
"""Kernel, dilation, padding and stride, each (vertical, horizontal)."""


# ----------------------------------------------------------------------------------- the arithmetic
def _blocks(size: Pair, window: Window) -> list[int]:
    return [
        (n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, d, p, s in zip(size, *window, strict=True)
    ]


def _places(size: Pair, window: Window) -> np.ndarray:
    """[kernel, blocks]: where each element of each window lies in the padded image."""
    kernel, dilation, padding, stride = window
    rows, columns = _blocks(size, window)
    width = size[1] + 2 * padding[1]
    y = np.arange(kernel[0])[:, None] * dilation[0] + np.arange(rows) * stride[0]
    x = np.arange(kernel[1])[:, None] * dilation[1] + np.arange(columns) * stride[1]
    found = y[:, None, :, None] * width + x[None, :, None, :]
    return found.reshape(kernel[0] * kernel[1], rows * columns)


def unfold_value(x: Array, *, size: Pair, window: Window) -> Array:
    """The arithmetic of :func:`unfold`, and the cotangent of :func:`fold`.

    >>> window = ((1, 2), (1, 1), (0, 0), (1, 1))
    >>> unfold_value(fnp.ones((3, 2, 2)), size=(2, 2), window=window).shape
    (6, 2)
    """
    *lead, channels, high, wide = x.shape
    padding = window[2]
    if any(padding):
        x = fnp.pad(x, ((0, 0),) * (x.ndim - 2) + tuple((p, p) for p in padding))
    places = _places(size, window)
    flat = x.reshape(*lead, channels, (high + 2 * padding[0]) * (wide + 2 * padding[1]))
    found = fnp.take(flat, places, axis=-1)
    return found.reshape(*lead, channels * places.shape[0], places.shape[1])


def fold_value(x: Array, *, size: Pair, window: Window) -> Array:
    """The arithmetic of :func:`fold`, and the cotangent of :func:`unfold`.

    >>> fold_value(fnp.ones((2, 2)), size=(1, 3), window=((1, 2), (1, 1), (0, 0), (1, 1))).tolist()
    [[[1.0, 2.0, 1.0]]]
    """
    kernel, _, padding, _ = window
    *lead, rows, blocks = x.shape
    channels = rows // math.prod(kernel)
    high, wide = (n + 2 * p for n, p in zip(size, padding, strict=True))
    places = _places(size, window).reshape(-1)
    values = x.reshape(*lead, channels, math.prod(kernel) * blocks)
    flat = fnp.zeros((*lead, channels, high * wide), x.dtype).at[..., places].add(values)
    image = flat.reshape(*lead, channels, high, wide)
    (top, left), (h, w) = padding, size
    return image[..., top : top + h, left : left + w]


# ---------------------------------------------------------------------------------------- functions
def _window(name: str, kernel: Any, dilation: Any, padding: Any, stride: Any) -> Window:
    return (
        per_dimension(name, "kernel_size", kernel, 2, 1),
        per_dimension(name, "dilation", dilation, 2, 1),
        per_dimension(name, "padding", padding, 2, 0),
        per_dimension(name, "stride", stride, 2, 1),
    )


def unfold(
    x: Array, kernel_size: Size, dilation: Size = 1, padding: Size = 0, stride: Size = 1
) -> Array:
    """The windows of an image, each as a column.

    Args:
        x: [batch, channels, height, width] or [channels, height, width].
        kernel_size: size of the windows, an int or one for each axis, as are the next three.
        dilation: distance between the elements of a window.
        padding: zeros on both sides.
        stride: by how much windows move.

    Returns:
        [batch, channels kernel_height kernel_width, windows], or without batch.

    Raises:
        ShapeError: ``x`` has another rank, or no window fits.
        ValueError: a size is too small.

    >>> unfold(fnp.arange(4.0).reshape(1, 2, 2), (1, 2)).tolist()
    [[0.0, 2.0], [1.0, 3.0]]

    Source: ``torch.nn.functional.unfold``.
    """
    x = fnp.asarray(x)
    window = _window("unfold", kernel_size, dilation, padding, stride)
    if x.ndim not in (3, 4):
        raise ShapeError(
            "nn.unfold: expected x [batch, channels, height, width] or [channels, height, width]; "
            f"got {tuple(x.shape)}."
        )
    size = tuple(x.shape[-2:])
    if min(_blocks(size, window)) < 1:
        raise ShapeError(
            f"nn.unfold: a window of kernel_size {kernel_size!r} and dilation {dilation!r} does "
            f"not fit into x {tuple(x.shape)} with padding {padding!r}. Remedy: a smaller "
            "kernel_size, or more padding."
        )
    return unfold_value(x, size=size, window=window)


def fold(
    x: Array,
    output_size: Size,
    kernel_size: Size,
    dilation: Size = 1,
    padding: Size = 0,
    stride: Size = 1,
) -> Array:
    """An image from its windows, which add up where they overlap: the transpose of :func:`unfold`.

    Args:
        x: [batch, channels kernel_height kernel_width, windows], or without batch.
        output_size: height and width of the image, without padding.
        kernel_size, dilation, padding, stride: as in :func:`unfold`.

    Returns:
        [batch, channels, height, width], or without batch.

    Raises:
        ShapeError: the numbers of rows and windows do not fit.
        ValueError: a size is too small.

    >>> fold(fnp.ones((2, 2)), (1, 3), (1, 2)).tolist()
    [[[1.0, 2.0, 1.0]]]

    Source: ``torch.nn.functional.fold``.
    """
    x = fnp.asarray(x)
    window = _window("fold", kernel_size, dilation, padding, stride)
    size = per_dimension("fold", "output_size", output_size, 2, 1)
    kernel = math.prod(window[0])
    if x.ndim not in (2, 3) or x.shape[-2] % kernel:
        raise ShapeError(
            f"nn.fold: expected x [batch, rows, windows] or [rows, windows], rows a multiple of "
            f"the {kernel} elements of a window; got {tuple(x.shape)}."
        )
    rows, columns = (max(n, 0) for n in _blocks(size, window))
    if x.shape[-1] != rows * columns:
        raise ShapeError(
            f"nn.fold: expected {rows} * {columns} = {rows * columns} windows for output_size "
            f"{size}; got {x.shape[-1]} in x {tuple(x.shape)}."
        )
    return fold_value(x, size=size, window=window)


# ------------------------------------------------------------------------------------------ layers
def Unfold(kernel_size: Size, dilation: Size = 1, padding: Size = 0, stride: Size = 1) -> Layer:
    """A layer of :func:`unfold`, with its arguments; no parameters.

    >>> Unfold(2).apply((), fnp.ones((1, 3, 4, 4))).shape
    (1, 12, 9)

    Source: ``torch.nn.Unfold``.
    """

    def apply(params: Any, x: Array) -> Array:
        return unfold(x, kernel_size, dilation, padding, stride)

    shown = f"{kernel_size}, dilation={dilation}, padding={padding}, stride={stride}"
    return Layer(without_params, apply, f"Unfold({shown})")


def Fold(
    output_size: Size, kernel_size: Size, dilation: Size = 1, padding: Size = 0, stride: Size = 1
) -> Layer:
    """A layer of :func:`fold`, with its arguments; no parameters.

    >>> Fold(4, 2).apply((), fnp.ones((1, 12, 9))).shape
    (1, 3, 4, 4)

    Source: ``torch.nn.Fold``.
    """

    def apply(params: Any, x: Array) -> Array:
        return fold(x, output_size, kernel_size, dilation, padding, stride)

    shown = f"{kernel_size}, dilation={dilation}, padding={padding}, stride={stride}"
    return Layer(without_params, apply, f"Fold({output_size}, {shown})")
