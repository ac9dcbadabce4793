"""Shapes changed and computed: broadcasting by rank, joining, splitting, sizes of windows."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from functorch_lite import ops
from functorch_lite.core.array import Array
from functorch_lite.core.dtypes import SCALAR_TYPES, canonical, scalar_dtype
from functorch_lite.errors import DtypeError, ShapeError
from functorch_lite.lax.conv_dimensions import (
    conv_dimension_numbers,
    conv_general_shape_tuple,
    factors,
    transposed_padding,
)
from functorch_lite.lax.elementwise import operands as alike
from functorch_lite.lax.structure import slice_in_dim
from functorch_lite.lax.windows import window_params
from functorch_lite.numpy.convert import as_array, as_axis, asarray, checked_shape
from functorch_lite.numpy.shapes import broadcast_shapes as _broadcast_shapes
from functorch_lite.numpy.shapes import broadcast_to
from functorch_lite.numpy.shapes import tile as _tile
from functorch_lite.ops.window_geometry import axes_of

__all__ = [
    "broadcast_like",
    "broadcast_shapes",
    "broadcast_to_rank",
    "collapse",
    "conv_shape_tuple",
    "conv_transpose_shape_tuple",
    "dtype",
    "empty",
    "reduce_window_shape_tuple",
    "shape_as_value",
    "split",
    "stack",
    "tile",
    "unstack",
]


# ------------------------------------------------------------------------------------ broadcasting
def broadcast_like(arr: Any, like_arr: Any) -> Array:
    """An array repeated to the shape of another; its dtype stays.

    Args:
        arr: array, whose shape broadcasts to that of ``like_arr``.
        like_arr: array.

    >>> from functorch_lite import lax
    >>> broadcast_like(lax.iota("int32", 2), lax.full((3, 2), 1.0)).shape
    (3, 2)

    Source: ``jax.lax.broadcast_like``.
    """
    x, like = as_array(arr, "broadcast_like", "arr"), as_array(like_arr, "broadcast_like")
    return broadcast_to(x, like.shape)


def broadcast_shapes(*shapes: Sequence[int]) -> tuple[int, ...]:
    """The shape that arrays of these shapes broadcast to.

    Raises:
        ShapeError: sizes that differ, none of them 1.

    >>> broadcast_shapes((2, 1), (3,))
    (2, 3)

    Source: ``jax.lax.broadcast_shapes``.
    """
    return _broadcast_shapes(*(checked_shape(s, "lax.broadcast_shapes") for s in shapes))


def broadcast_to_rank(x: Any, rank: int) -> Array:
    """An array with axes of size 1 in front, so that it has ``rank`` axes; or itself.

    >>> from functorch_lite import lax
    >>> broadcast_to_rank(lax.iota("int32", 2), 3).shape
    (1, 1, 2)

    Source: ``jax.lax.broadcast_to_rank``.
    """
    x = as_array(x, "broadcast_to_rank")
    missing = operator.index(rank) - x.ndim
    return ops.reshape(x, shape=(*(1,) * missing, *x.shape)) if missing > 0 else x


# --------------------------------------------------------------------------------- cut and joined
def collapse(operand: Any, start_dimension: int, stop_dimension: int | None = None) -> Array:
    """Neighbouring axes joined into one.

    Args:
        operand: array.
        start_dimension: the first of them.
        stop_dimension: the one after the last; None joins all from the first on.

    Raises:
        ShapeError: positions that name no range of axes.

    >>> from functorch_lite import lax
    >>> collapse(lax.full((2, 3, 4), 1.0), 0, 2).shape
    (6, 4)

    Source: ``jax.lax.collapse``.
    """
    x = as_array(operand, "collapse", "operand")
    start, stop, _ = slice(start_dimension, stop_dimension).indices(x.ndim)
    if start > stop:
        raise ShapeError(
            f"lax.collapse: start_dimension={start_dimension} and stop_dimension={stop_dimension} "
            f"name no range of the {x.ndim} axes of shape {x.shape}. Remedy: start <= stop."
        )
    size = math.prod(x.shape[start:stop])
    return ops.reshape(x, shape=(*x.shape[:start], size, *x.shape[stop:]))


def split(operand: Any, sizes: Sequence[int], axis: int = 0) -> list[Array]:
    """Parts of given sizes along an axis.

    Args:
        operand: array.
        sizes: sizes of the parts, which add up to the axis.
        axis: the axis to cut.

    Raises:
        ShapeError: negative sizes, or another sum.

    >>> from functorch_lite import lax
    >>> split(lax.iota("int32", 3), (1, 2))
    [Array([0], dtype=int32), Array([1, 2], dtype=int32)]

    Source: ``jax.lax.split``.
    """
    x = as_array(operand, "split", "operand")
    i = as_axis(axis, x.ndim, "split")
    parts = checked_shape(sizes, "lax.split", "sizes")
    if sum(parts) != x.shape[i]:
        raise ShapeError(
            f"lax.split: sizes must add up to the {x.shape[i]} elements of axis {i}; got {parts}, "
            f"which add up to {sum(parts)}. Remedy: one more part of {x.shape[i] - sum(parts)}."
            if sum(parts) < x.shape[i]
            else f"lax.split: sizes must add up to the {x.shape[i]} elements of axis {i}; got "
            f"{parts}, which add up to {sum(parts)}. Remedy: smaller parts."
        )
    ends = np.cumsum(parts).tolist()
    return [slice_in_dim(x, end - n, end, 1, i) for n, end in zip(parts, ends, strict=True)]


def stack(operands: Sequence[Any], axis: int = 0) -> Array:
    """Arrays of one shape and dtype joined along a new axis.

    Args:
        operands: sequence of arrays.
        axis: the new axis, in the result.

    Raises:
        ShapeError: no arrays, or different shapes.
        DtypeError: different dtypes.

    >>> stack([1.0, 2.0])
    Array([1., 2.], dtype=float32)

    Source: ``jax.lax.stack``.
    """
    given = list(operands)
    if not given:
        raise ShapeError("lax.stack: operands must hold at least one array; got none.")
    xs = alike("stack", *given)
    shapes = {x.shape for x in xs}
    if len(shapes) > 1:
        raise ShapeError(
            f"lax.stack: operands must have one shape; got {' and '.join(map(str, shapes))}. "
            "Remedy: broadcast_like."
        )
    i = as_axis(axis, xs[0].ndim + 1, "stack")
    shape = (*xs[0].shape[:i], 1, *xs[0].shape[i:])
    return ops.concatenate(*(ops.reshape(x, shape=shape) for x in xs), axis=i)


def unstack(x: Any, axis: int = 0) -> tuple[Array, ...]:
    """The slices along an axis, without that axis.

    >>> from functorch_lite import lax
    >>> unstack(lax.iota("int32", 2))
    (Array(0, dtype=int32), Array(1, dtype=int32))

    Source: ``jax.lax.unstack``.
    """
    x = as_array(x, "unstack")
    i = as_axis(axis, x.ndim, "unstack")
    shape = (*x.shape[:i], *x.shape[i + 1 :])
    rows = (slice_in_dim(x, n, n + 1, 1, i) for n in range(x.shape[i]))
    return tuple(ops.reshape(row, shape=shape) for row in rows)


def tile(operand: Any, reps: Sequence[int]) -> Array:
    """An array repeated side by side.

    Args:
        operand: array.
        reps: how often, for each of its axes.

    Raises:
        ShapeError: another number of ``reps`` than of axes, or a negative one.

    >>> from functorch_lite import lax
    >>> tile(lax.iota("int32", 2), (2,))
    Array([0, 1, 0, 1], dtype=int32)

    Source: ``jax.lax.tile``.
    """
    x = as_array(operand, "tile", "operand")
    counts = checked_shape(reps, "lax.tile", "reps")
    if len(counts) != x.ndim:
        raise ShapeError(
            f"lax.tile: reps must have an entry for each of the {x.ndim} axes of shape {x.shape}; "
            f"got {counts}. Remedy: numpy.tile, which adds axes, or 1 for an axis that stays."
        )
    return _tile(x, counts)


def empty(shape: Any, dtype: Any) -> Array:
    """An array for which nobody cares what it holds; zeros here.

    >>> empty((2,), "int8").shape
    (2,)

    Source: ``jax.lax.empty``.
    """
    return ops.full(shape=checked_shape(shape, "lax.empty"), dtype=canonical(dtype), value=0)


# -------------------------------------------------------------------------------- dtype and shapes
def dtype(x: Any) -> np.dtype[Any]:
    """The dtype of an array or number, or the one that a type or name stands for.

    Raises:
        DtypeError: a dtype that arrays do not have.

    >>> dtype(1), dtype("bfloat16")
    (dtype('int64'), dtype(bfloat16))

    Source: ``jax.lax.dtype``.
    """
    if isinstance(x, SCALAR_TYPES):
        return scalar_dtype(x)
    try:
        return canonical(x)
    except DtypeError as error:
        raise DtypeError(f"lax.dtype: {error}") from None


def shape_as_value(shape: Any) -> Array:
    """A shape as an array of integers.

    >>> shape_as_value((2, 3))
    Array([2, 3], dtype=int64)

    Source: ``jax.lax.shape_as_value``.
    """
    return asarray(np.array(checked_shape(shape, "lax.shape_as_value"), np.int64))


def reduce_window_shape_tuple(
    operand_shape: Sequence[int],
    window_dimensions: Sequence[int],
    window_strides: Sequence[int],
    padding: Sequence[tuple[int, int]],
    base_dilation: Sequence[int] | None = None,
    window_dilation: Sequence[int] | None = None,
) -> tuple[int, ...]:
    """The shape of what :func:`reduce_window` returns.

    Args:
        operand_shape: of the operand.
        window_dimensions, window_strides: size and step of the window along every axis.
        padding: (low, high) for every axis.
        base_dilation, window_dilation: steps between the elements of operand and window.

    >>> reduce_window_shape_tuple((10, 8), (3, 2), (2, 1), ((1, 1), (0, 0)))
    (5, 7)

    Source: ``jax.lax.reduce_window_shape_tuple``.
    """
    fun = "reduce_window_shape_tuple"
    shape = checked_shape(operand_shape, f"lax.{fun}", "operand_shape")
    params = window_params(
        fun, shape, window_dimensions, window_strides, padding, base_dilation, window_dilation
    )
    return tuple(axis.outputs for axis in axes_of(shape, **params))


def conv_shape_tuple(
    lhs_shape: Sequence[int],
    rhs_shape: Sequence[int],
    strides: Sequence[int],
    pads: Any,
    batch_group_count: int = 1,
) -> tuple[int, ...]:
    """The shape of a convolution of [batch, channels, …] by [outputs, channels, …].

    Args:
        lhs_shape, rhs_shape: shapes of the operands, dilations included.
        strides: steps of the window.
        pads: (low, high) for every spatial axis, or one of the words of
            :func:`conv_general_dilated`.
        batch_group_count: number of groups of examples.

    >>> conv_shape_tuple((2, 3, 10), (4, 3, 3), (2,), ((1, 1),))
    (2, 4, 5)

    Source: ``jax.lax.conv_shape_tuple``.
    """
    steps = factors("conv_shape_tuple", "strides", strides, len(lhs_shape) - 2)
    _, *rest = conv_general_shape_tuple(lhs_shape, rhs_shape, steps, pads, None)
    groups = operator.index(batch_group_count)
    if groups < 1 or lhs_shape[0] % groups:
        raise ShapeError(
            f"lax.conv_shape_tuple: the {lhs_shape[0]} examples of lhs are no multiple of "
            f"batch_group_count={groups}. Remedy: batch_group_count=1."
        )
    return (lhs_shape[0] // groups, *rest)


def conv_transpose_shape_tuple(
    lhs_shape: Sequence[int],
    rhs_shape: Sequence[int],
    window_strides: Sequence[int],
    padding: Any,
    dimension_numbers: Any,
) -> tuple[int, ...]:
    """The shape of a transposed convolution.

    Args:
        lhs_shape, rhs_shape: shapes of the operands.
        window_strides: factors by which the spatial axes grow.
        padding: "SAME" or "VALID", of the convolution that this one transposes; or pairs (low,
            high) for the dilated operand.
        dimension_numbers: as in :func:`conv_general_dilated`.

    >>> layout = ("NHC", "HIO", "NHC")
    >>> conv_transpose_shape_tuple((2, 10, 3), (3, 3, 4), (2,), "SAME", layout)
    (2, 20, 4)

    Source: ``jax.lax.conv_transpose_shape_tuple``.
    """
    numbers = conv_dimension_numbers(lhs_shape, rhs_shape, dimension_numbers)
    kernel = [rhs_shape[i] for i in numbers.rhs_spec[2:]]
    steps = factors("conv_transpose_shape_tuple", "window_strides", window_strides, len(kernel))
    if isinstance(padding, str):
        if padding not in ("SAME", "VALID"):
            raise ValueError(
                f"lax.conv_transpose_shape_tuple: padding must be 'SAME', 'VALID' or pairs; got "
                f"{padding!r}. Remedy: padding={[(0, 0)] * len(kernel)}."
            )
        padding = [transposed_padding(k, s, padding) for k, s in zip(kernel, steps, strict=True)]
    spread = list(lhs_shape)
    for i, step in zip(numbers.lhs_spec[2:], steps, strict=True):
        spread[i] = (spread[i] - 1) * step + 1
    return conv_general_shape_tuple(spread, rhs_shape, (1,) * len(steps), padding, numbers)
