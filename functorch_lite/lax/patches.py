"""Patches: what a convolution's window sees at each of its places, and kernels for each place."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

from functorch_lite import ops
from functorch_lite.core.array import Array
from functorch_lite.core.dtypes import canonical
from functorch_lite.errors import ShapeError
from functorch_lite.lax.conv_dimensions import (
    ConvDimensionNumbers,
    as_pairs,
    conv_dimension_numbers,
    factors,
    padtype_to_pads,
)
from functorch_lite.lax.convolution import operands
from functorch_lite.lax.structure import dot_general
from functorch_lite.numpy.convert import as_array, cast, checked_shape, const, fill

__all__ = [
    "ConvGeneralDilatedDimensionNumbers",
    "conv_general_dilated_local",
    "conv_general_dilated_patches",
]

ConvGeneralDilatedDimensionNumbers = tuple[str, str, str] | ConvDimensionNumbers | None
"""What the argument ``dimension_numbers`` of convolutions may be."""


def conv_general_dilated_patches(
    lhs: Any,
    filter_shape: Sequence[int],
    window_strides: Sequence[int],
    padding: Any,
    lhs_dilation: Sequence[int] | None = None,
    rhs_dilation: Sequence[int] | None = None,
    dimension_numbers: ConvGeneralDilatedDimensionNumbers = None,
    precision: Any = None,
    preferred_element_type: Any = None,
) -> Array:
    """What the window of a convolution sees at each of its places.

    Elements are moved, not multiplied: NaN and infinities stay in the patches that they are in.

    Args:
        lhs: array[batch, channels, *spatial], or another layout by ``dimension_numbers``.
        filter_shape: sizes of the window, in the order of the kernel's layout.
        window_strides, padding, lhs_dilation, rhs_dilation, dimension_numbers: as in
            :func:`conv_general_dilated`.
        precision: accepted for JAX's sake.
        preferred_element_type: dtype to return.

    Returns:
        array[batch, channels * window, *sizes], or another layout: the elements of a patch, those
        of a channel together and in row-major order, in the place of the channels.

    Raises:
        ShapeError: ranks and params that do not fit.
        TypeError, ValueError: dimension numbers or padding that cannot be read.

    >>> from functorch_lite import lax
    >>> x = lax.reshape(lax.iota("int32", 4), (1, 1, 4))
    >>> conv_general_dilated_patches(x, (2,), (1,), "VALID")
    Array([[[0, 1, 2],
            [1, 2, 3]]], dtype=int32)

    Source: ``jax.lax.conv_general_dilated_patches``.
    """
    del precision
    name = "conv_general_dilated_patches"
    x = as_array(lhs, name, "lhs")
    x = x if preferred_element_type is None else cast(x, canonical(preferred_element_type))
    params = window_strides, padding, lhs_dilation, rhs_dilation
    patches, numbers = _patches(name, x, filter_shape, *params, dimension_numbers)
    perm = tuple(numbers.out_spec.index(i) for i in range(x.ndim))
    return ops.transpose(patches, perm=perm)


def _patches(
    name: str,
    x: Array,
    filter_shape: Any,
    window_strides: Any,
    padding: Any,
    lhs_dilation: Any,
    rhs_dilation: Any,
    dimension_numbers: Any,
) -> tuple[Array, ConvDimensionNumbers]:
    """The patches as [batch, channels * window, *sizes], and the layouts."""
    window = checked_shape(filter_shape, f"lax.{name}", "filter_shape")
    ndim = x.ndim - 2
    if ndim < 0 or len(window) != ndim:
        raise ShapeError(
            f"lax.{name}: filter_shape must have a size for each spatial axis of lhs, which is of "
            f"shape {x.shape}; got {window}. Remedy: {(1,) * max(ndim, 0)}, for example."
        )
    numbers = conv_dimension_numbers(x.shape, (1, 1, *window), dimension_numbers)
    strides = factors(name, "window_strides", window_strides, ndim)
    spread = factors(name, "lhs_dilation", lhs_dilation, ndim)
    steps = factors(name, "rhs_dilation", rhs_dilation, ndim)
    x = ops.transpose(x, perm=numbers.lhs_spec)
    reach = [(k - 1) * d + 1 for k, d in zip(window, steps, strict=True)]
    if isinstance(padding, str):
        if any(d != 1 for d in spread):
            raise ValueError(
                f"lax.{name}: padding {padding!r} has no meaning with lhs_dilation {spread}. "
                "Remedy: a pair (low, high) per dimension."
            )
        padding = padtype_to_pads(x.shape[2:], reach, strides, padding)
    pads = as_pairs(padding, ndim)
    config = ((0, 0, 0), (0, 0, 0), *((*p, d - 1) for p, d in zip(pads, spread, strict=True)))
    x = ops.pad(x, const(0, x.dtype), config=config)
    sizes = [max(0, (n - r) // s + 1) for n, r, s in zip(x.shape[2:], reach, strides, strict=True)]
    shape = (*x.shape[:2], 1, *sizes)
    if 0 in sizes or 0 in window:
        flat = (x.shape[0], x.shape[1] * math.prod(window), *sizes)
        return fill(x, shape=flat, dtype=x.dtype, value=0), numbers
    seen = []
    for place in itertools.product(*map(range, window)):
        start = [i * d for i, d in zip(place, steps, strict=True)]
        stop = [b + (n - 1) * s + 1 for b, n, s in zip(start, sizes, strides, strict=True)]
        block = ops.slice(
            x, start=(0, 0, *start), stop=(*x.shape[:2], *stop), step=(1, 1, *strides)
        )
        seen.append(ops.reshape(block, shape=shape))
    out = ops.concatenate(*seen, axis=2) if len(seen) > 1 else seen[0]
    return ops.reshape(out, shape=(x.shape[0], x.shape[1] * len(seen), *sizes)), numbers


def conv_general_dilated_local(
    lhs: Any,
    rhs: Any,
    window_strides: Sequence[int],
    padding: Any,
    filter_shape: Sequence[int],
    lhs_dilation: Sequence[int] | None = None,
    rhs_dilation: Sequence[int] | None = None,
    dimension_numbers: ConvGeneralDilatedDimensionNumbers = None,
    precision: Any = None,
) -> Array:
    """A convolution with a kernel of its own at each place of the window.

    Args:
        lhs: array[batch, channels, *spatial], or another layout by ``dimension_numbers``.
        rhs: the kernels, array[outputs, channels * window, *sizes] of the same dtype, or another
            layout; its spatial axes are those of the result.
        window_strides, padding, lhs_dilation, rhs_dilation, dimension_numbers: as in
            :func:`conv_general_dilated`.
        filter_shape: sizes of the window, in the order of the kernel's layout.
        precision: a PrecisionLike; sums are made in its accumulation type where that is wider.

    Returns:
        array[batch, outputs, *sizes], or another layout.

    Raises:
        ShapeError: ranks, sizes and params that do not fit.
        DtypeError: operands of different dtypes.
        TypeError, ValueError: dimension numbers or padding that cannot be read.

    >>> from functorch_lite import lax
    >>> x, w = lax.full((1, 1, 4), 1.0), lax.full((2, 3, 2), 1.0)
    >>> conv_general_dilated_local(x, w, (1,), "VALID", (3,)).shape
    (1, 2, 2)

    Source: ``jax.lax.conv_general_dilated_local``.
    """
    name = "conv_general_dilated_local"
    x, w = operands(name, lhs, rhs)
    params = window_strides, padding, lhs_dilation, rhs_dilation
    patches, numbers = _patches(name, x, filter_shape, *params, dimension_numbers)
    if w.ndim != x.ndim:
        raise ShapeError(
            f"lax.{name}: lhs and rhs must have as many axes; got shapes {x.shape} and {w.shape}. "
            "Remedy: fuse the window and the channels of rhs into one axis."
        )
    w = ops.transpose(w, perm=numbers.rhs_spec)
    if w.shape[1:] != patches.shape[1:]:
        raise ShapeError(
            f"lax.{name}: rhs must have, besides its {w.shape[0]} outputs, an axis of the "
            f"{patches.shape[1]} elements of a patch and the spatial sizes {patches.shape[2:]} of "
            f"the result; got {w.shape[1]} and {w.shape[2:]}. Remedy: check filter_shape and "
            "padding, or the order of the axes in dimension_numbers."
        )
    spatial = tuple(range(2, x.ndim))
    out = dot_general(patches, w, (((1,), (1,)), (spatial, spatial)), precision)
    last = x.ndim - 2
    places = {0: last, 1: last + 1, **{i: i - 2 for i in spatial}}
    return ops.transpose(out, perm=tuple(places[numbers.out_spec.index(i)] for i in range(x.ndim)))
