"""Pooling to a given number of windows, which cover the input as evenly as integers allow.

Window i of ``out`` over n elements reaches from floor(i * n / out) to ceil((i + 1) * n / out), so
neighbours may share an element. Such windows are laid out side by side, all of one width, and then
pooled like any others.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np

import functorch_lite as fl
from functorch_lite import lax
from functorch_lite import numpy as fnp
from functorch_lite.errors import ShapeError
from functorch_lite.nn.pool import check_rank, divide_by_counts, in_wide
from functorch_lite.numpy.convert import constant

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "adaptive_max_pool3d",
]


class _Line:
    """The windows along one axis.

    Attributes:
        size: elements of the axis.
        out: number of windows.
        width: places of the widest.
        index: int64[out * width], the element at each place; a narrower window repeats its last.
        counts: int64[out], the elements of each window.
    """

    def __init__(self, size: int, out: int) -> None:
        number = np.arange(out)
        begin = number * size // max(out, 1)
        end = -(-(number + 1) * size // max(out, 1))
        self.size, self.out = size, out
        self.counts = end - begin
        self.width = int(self.counts.max(initial=1))
        places = begin[:, None] + np.arange(self.width)
        self.index = np.minimum(places, end[:, None] - 1).reshape(-1)
        self.even = self.width * out == size

    def lay_out(self, x: Array, axis: int) -> Array:
        """x with the windows side by side."""
        return x if self.even else fnp.take(x, self.index, axis=axis)


def _lines(name: str, x: Array, output_size: Any, count: int) -> list[_Line]:
    check_rank(name, x, count)
    many = isinstance(output_size, (tuple, list))
    given = tuple(output_size) if many else (output_size,) * count
    given = given * count if len(given) == 1 else given
    if len(given) != count:
        raise ShapeError(
            f"nn.{name}: expected output_size to be an int, None or {count} of them; got "
            f"{output_size!r}."
        )
    sizes = x.shape[-count:]
    outs = [n if m is None else operator.index(m) for n, m in zip(sizes, given, strict=True)]
    if min(outs) < 0:
        raise ValueError(f"nn.{name}: expected output_size of at least 0; got {output_size!r}.")
    return [_Line(n, out) for n, out in zip(sizes, outs, strict=True)]


def _blocks(lead: int, lines: list[_Line]) -> dict[str, Any]:
    """The arguments of ``lax.reduce_window`` for windows that lie side by side."""
    widths = (1,) * lead + tuple(line.width for line in lines)
    return {"window_dimensions": widths, "window_strides": widths}


# ----------------------------------------------------------------------------------------- averages
def _adaptive_avg(name: str, count: int, x: Any, output_size: Any) -> Array:
    wide, dtype = in_wide(x)
    lines = _lines(name, wide, output_size, count)
    lead = wide.ndim - count
    counts = np.ones((), np.int64)
    for line in lines:
        counts = counts[..., None] * line.counts
    if 0 in counts.shape:
        return fnp.zeros((*wide.shape[:lead], *counts.shape), dtype)
    if all(line.even and (line.width >= _WIDE or line.out == 1) for line in lines):
        pairs = [n for line in lines for n in (line.out, line.width)]
        tiles = wide.reshape(*wide.shape[:lead], *pairs)
        total = fnp.sum(tiles, axis=tuple(lead + 2 * i + 1 for i in range(count)))
        return divide_by_counts(total, counts, dtype)
    # The first axes first: their rows are moved as a whole, and the last axis sees what is left.
    for i, line in enumerate(lines):
        wide = line.lay_out(wide, lead + i)
        if line.counts.min() < line.width:  # repeated elements must not count
            inside = np.arange(line.width) < line.counts[:, None]
            mask = constant(wide, inside.reshape((-1,) + (1,) * (count - i - 1)))
            wide = fnp.where(mask, wide, fnp.zeros((), wide.dtype))
        block = [1] * wide.ndim
        block[lead + i] = line.width
        wide = lax.reduce_window_sum(wide, block, block)
    return divide_by_counts(wide, counts, dtype)


_WIDE = 16  # NumPy adds up so many neighbours faster than it adds that many strided slices


def adaptive_avg_pool1d(x: Array, output_size: Any) -> Array:
    """Means of ``output_size`` windows along the last axis; see :func:`adaptive_avg_pool2d`.

    >>> adaptive_avg_pool1d(fnp.asarray([[1.0, 2.0, 3.0]]), 2)
    Array([[1.5, 2.5]], dtype=float32)
    """
    return _adaptive_avg("adaptive_avg_pool1d", 1, x, output_size)


def adaptive_avg_pool2d(x: Array, output_size: Any) -> Array:
    """Means of a given number of windows along the last two axes.

    Args:
        x: [batch, channels, height, width] or [channels, height, width]; integers become float32.
        output_size: number of windows, an int or one per axis; None keeps the size of an axis.

    Returns:
        [..., out_height, out_width] in the dtype of x.

    Raises:
        ShapeError: x has another rank or no elements, or ``output_size`` another length.
        ValueError: a negative size.

    >>> adaptive_avg_pool2d(fnp.arange(9.0).reshape(1, 3, 3), (None, 2)).tolist()
    [[[0.5, 1.5], [3.5, 4.5], [6.5, 7.5]]]

    Source: ``torch.nn.functional.adaptive_avg_pool2d``.
    """
    return _adaptive_avg("adaptive_avg_pool2d", 2, x, output_size)


def adaptive_avg_pool3d(x: Array, output_size: Any) -> Array:
    """Means of a given number of windows along the last three axes; see
    :func:`adaptive_avg_pool2d`.

    >>> adaptive_avg_pool3d(fnp.arange(8.0).reshape(1, 2, 2, 2), 1).tolist()
    [[[[3.5]]]]
    """
    return _adaptive_avg("adaptive_avg_pool3d", 3, x, output_size)


# ------------------------------------------------------------------------------------------ maxima
def _adaptive_max(name: str, count: int, x: Any, output_size: Any, return_indices: bool) -> Any:
    x = fnp.asarray(x)
    lines = _lines(name, x, output_size, count)
    lead = x.ndim - count
    shape = (*x.shape[:lead], *(line.out for line in lines))
    if 0 in shape:
        out = fnp.zeros(shape, x.dtype)
        return (out, fnp.zeros(shape, "int64")) if return_indices else out
    if all(line.even for line in lines):
        blocks = _blocks(lead, lines)
        out = lax.reduce_window_max(x, **blocks)
        if not return_indices:
            return out
        return out, lax.reduce_window_argmax(x, **blocks, batch_dims=lead)
    # The positions decide, and the elements there are read from x: so the derivative does not pass
    # through the laid out copy. A repeated last element comes after itself, so "first" still holds.
    laid = fl.stop_gradient(x)
    origin = np.zeros((), np.int64)
    for i, line in enumerate(lines):
        laid = line.lay_out(laid, lead + i)
        origin = origin[..., None] * line.size + line.index
    at = lax.reduce_window_argmax(laid, **_blocks(lead, lines), batch_dims=lead)
    at = constant(x, origin.reshape(-1))[at]
    flat = (*x.shape[:lead], -1)
    out = fnp.take_along_axis(x.reshape(flat), at.reshape(flat), axis=-1).reshape(shape)
    return (out, at) if return_indices else out


def adaptive_max_pool1d(x: Array, output_size: Any, return_indices: bool = False) -> Any:
    """Maxima of ``output_size`` windows along the last axis; see :func:`adaptive_max_pool2d`.

    >>> adaptive_max_pool1d(fnp.asarray([[1.0, 2.0, 3.0]]), 2)
    Array([[2., 3.]], dtype=float32)
    """
    return _adaptive_max("adaptive_max_pool1d", 1, x, output_size, return_indices)


def adaptive_max_pool2d(x: Array, output_size: Any, return_indices: bool = False) -> Any:
    """Maxima of a given number of windows along the last two axes.

    Args:
        x: [batch, channels, height, width] or [channels, height, width].
        output_size: number of windows, an int or one per axis; None keeps the size of an axis.
        return_indices: whether to return the positions as well.

    Returns:
        [..., out_height, out_width] in the dtype of x; with ``return_indices`` a pair of it and of
        the positions in the flattened last two axes of x, int64.

    Raises:
        ShapeError: x has another rank or no elements, or ``output_size`` another length.
        ValueError: a negative size.

    >>> adaptive_max_pool2d(fnp.arange(9.0).reshape(1, 3, 3), (None, 2)).tolist()
    [[[1.0, 2.0], [4.0, 5.0], [7.0, 8.0]]]

    Source: ``torch.nn.functional.adaptive_max_pool2d``.
    """
    return _adaptive_max("adaptive_max_pool2d", 2, x, output_size, return_indices)


def adaptive_max_pool3d(x: Array, output_size: Any, return_indices: bool = False) -> Any:
    """Maxima of a given number of windows along the last three axes; see
    :func:`adaptive_max_pool2d`.

    >>> adaptive_max_pool3d(fnp.arange(8.0).reshape(1, 2, 2, 2), 1).tolist()
    [[[[7.0]]]]
    """
    return _adaptive_max("adaptive_max_pool3d", 3, x, output_size, return_indices)
