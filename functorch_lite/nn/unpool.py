"""Maxima put back in their places: a partial inverse of max pooling."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from functorch_lite import numpy as fnp
from functorch_lite.errors import DtypeError, ShapeError
from functorch_lite.nn.layer import Layer, without_params
from functorch_lite.nn.ranges import check_range
from functorch_lite.nn.sizes import per_dimension

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = [
    "MaxUnpool1d",
    "MaxUnpool2d",
    "MaxUnpool3d",
    "max_unpool1d",
    "max_unpool2d",
    "max_unpool3d",
]

Size = int | Sequence[int]


def _unpool(
    name: str,
    count: int,
    x: Any,
    indices: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    output_size: Any,
) -> Array:
    x, indices = fnp.asarray(x), fnp.asarray(indices)
    if not count + 1 <= x.ndim <= count + 2:
        raise ShapeError(
            f"nn.{name}: expected x with batch and channels, or channels alone, before its last "
            f"{count} axes; got shape {tuple(x.shape)}. Remedy: x[None] adds an axis in front."
        )
    if tuple(indices.shape) != tuple(x.shape):
        raise ShapeError(
            f"nn.{name}: expected indices of the shape of x, {tuple(x.shape)}; got "
            f"{tuple(indices.shape)}. Remedy: those that max_pool{count}d returned with x."
        )
    if indices.dtype.kind not in "iu":
        raise DtypeError(
            f"nn.{name}: expected integer indices; got {indices.dtype.name}. Remedy: "
            f"max_pool{count}d(..., return_indices=True)."
        )
    kernel = per_dimension(name, "kernel_size", kernel_size, count, 1)
    step = kernel if stride is None else per_dimension(name, "stride", stride, count, 1)
    pads = per_dimension(name, "padding", padding, count, 0)
    outs = tuple(
        (n - 1) * s + k - 2 * p
        for n, k, s, p in zip(x.shape[-count:], kernel, step, pads, strict=True)
    )
    if output_size is not None:
        wanted = tuple(output_size)[-count:]
        near = [abs(a - b) < s for a, b, s in zip(wanted, outs, step, strict=False)]
        if len(near) != count or not all(near):
            raise ValueError(
                f"nn.{name}: expected an output_size less than stride {step} away from {outs}; got "
                f"{tuple(output_size)}."
            )
        outs = wanted
    total, lead = math.prod(outs), x.shape[:-count]
    check_range(indices, total, f"nn.{name}: an output of {outs} takes indices", "give output_size")
    rows = math.prod(lead)
    at = fnp.clip(indices, 0, max(total - 1, 0)).reshape(rows, math.prod(x.shape[-count:]))
    flat = fnp.zeros((rows, total), x.dtype)
    flat = flat.at[fnp.arange(rows)[:, None], at].set(x.reshape(at.shape))
    return flat.reshape(*lead, *outs)


def max_unpool1d(
    x: Array,
    indices: Array,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    output_size: Sequence[int] | None = None,
) -> Array:
    """Maxima put back along the last axis; see :func:`max_unpool2d`.

    >>> max_unpool1d(fnp.asarray([[4.0, 3.0]]), fnp.asarray([[1, 3]]), 2)
    Array([[0., 4., 0., 3.]], dtype=float32)
    """
    return _unpool("max_unpool1d", 1, x, indices, kernel_size, stride, padding, output_size)


def max_unpool2d(
    x: Array,
    indices: Array,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    output_size: Sequence[int] | None = None,
) -> Array:
    """Maxima put back in their places, zeros elsewhere.

    Args:
        x: [batch, channels, height, width] or [channels, height, width], what ``max_pool2d`` made.
        indices: i[...] like ``x``, the places that it returned.
        kernel_size, stride, padding: those of the pooling.
        output_size: the sizes of the image that was pooled, where they do not follow; more sizes
            in front are not read.

    Returns:
        [..., out_height, out_width] in the dtype of ``x``. Of elements with one place one stays.

    Raises:
        ShapeError: the shapes do not fit.
        DtypeError: ``indices`` holds no integers.
        IndexRangeError: an index is known and lies outside the output.
        ValueError: an ``output_size`` that the pooling cannot have had.

    >>> max_unpool2d(fnp.asarray([[[5.0]]]), fnp.asarray([[[2]]]), 2).tolist()
    [[[0.0, 0.0], [5.0, 0.0]]]

    Source: Zeiler et al., ICCV 2011; ``torch.nn.functional.max_unpool2d``.
    """
    return _unpool("max_unpool2d", 2, x, indices, kernel_size, stride, padding, output_size)


def max_unpool3d(
    x: Array,
    indices: Array,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    output_size: Sequence[int] | None = None,
) -> Array:
    """Maxima put back along the last three axes; see :func:`max_unpool2d`.

    >>> max_unpool3d(fnp.ones((1, 1, 1, 1)), fnp.zeros((1, 1, 1, 1), "int64"), 2).shape
    (1, 2, 2, 2)
    """
    return _unpool("max_unpool3d", 3, x, indices, kernel_size, stride, padding, output_size)


# ------------------------------------------------------------------------------------------- layers
def _layer(count: int, kernel_size: Size, stride: Size | None, padding: Size) -> Layer:
    name = f"MaxUnpool{count}d"

    def apply(params: Any, x: Any, output_size: Sequence[int] | None = None) -> Array:
        if not isinstance(x, (tuple, list)) or len(x) != 2:
            raise TypeError(
                f"nn.{name}: expected a pair (x, indices), as max_pool{count}d returns it with "
                f"return_indices=True; got {type(x).__name__}."
            )
        out, indices = x
        return _unpool(name, count, out, indices, kernel_size, stride, padding, output_size)

    return Layer(without_params, apply, f"{name}({kernel_size}, {stride}, {padding})")


def MaxUnpool1d(kernel_size: Size, stride: Size | None = None, padding: Size = 0) -> Layer:
    """A layer of :func:`max_unpool1d`, applied to the pair (x, indices).

    >>> x, at = fnp.asarray([[4.0, 3.0]]), fnp.asarray([[1, 3]])
    >>> MaxUnpool1d(2).apply((), (x, at))
    Array([[0., 4., 0., 3.]], dtype=float32)

    Source: ``torch.nn.MaxUnpool1d``.
    """
    return _layer(1, kernel_size, stride, padding)


def MaxUnpool2d(kernel_size: Size, stride: Size | None = None, padding: Size = 0) -> Layer:
    """A layer of :func:`max_unpool2d`, applied to the pair (x, indices) that a pooling returns.

    >>> x, at = fnp.ones((1, 1, 1)), fnp.zeros((1, 1, 1), "int64")
    >>> MaxUnpool2d(2).apply((), (x, at)).tolist()
    [[[1.0, 0.0], [0.0, 0.0]]]

    Source: ``torch.nn.MaxUnpool2d``.
    """
    return _layer(2, kernel_size, stride, padding)


def MaxUnpool3d(kernel_size: Size, stride: Size | None = None, padding: Size = 0) -> Layer:
    """A layer of :func:`max_unpool3d`, applied to the pair (x, indices).

    >>> x, at = fnp.ones((1, 1, 1, 1)), fnp.zeros((1, 1, 1, 1), "int64")
    >>> MaxUnpool3d(2).apply((), (x, at)).shape
    (1, 2, 2, 2)

    Source: ``torch.nn.MaxUnpool3d``.
    """
    return _layer(3, kernel_size, stride, padding)
