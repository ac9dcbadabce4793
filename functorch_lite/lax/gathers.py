"""Reading windows at positions that index vectors give."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from functorch_lite import ops
from functorch_lite.core.array import Array
from functorch_lite.core.dtypes import int64, is_bool, is_inexact, is_integer
from functorch_lite.errors import DtypeError, ShapeError
from functorch_lite.lax.index_numbers import (
    GatherDimensionNumbers,
    GatherScatterMode,
    as_starts,
    ascending,
    check_batching,
)
from functorch_lite.lax.index_windows import Windows
from functorch_lite.numpy.convert import as_array, axes_in_order, cast, checked_shape, const

__all__ = ["gather", "index_take"]


def gather(
    operand: Any,
    start_indices: Any,
    dimension_numbers: GatherDimensionNumbers,
    slice_sizes: Sequence[int],
    *,
    unique_indices: bool = False,
    indices_are_sorted: bool = False,
    mode: str | GatherScatterMode | None = None,
    fill_value: Any = None,
) -> Array:
    """Windows of an array, side by side.

    Args:
        operand: array.
        start_indices: integers[..., k]; each vector says where a window begins.
        dimension_numbers: what the axes mean, a :class:`GatherDimensionNumbers`.
        slice_sizes: size of a window along every axis of the operand.
        unique_indices, indices_are_sorted: accepted for JAX's sake; nothing depends on them.
        mode: what becomes of a window that is not wholly inside, see :class:`GatherScatterMode`;
            None clips.
        fill_value: what "fill" and "drop" read there: NaN, the smallest signed or the largest
            unsigned integer, or True if left out.

    Returns:
        array with the axes of ``start_indices`` but the last, and between them, at
        ``offset_dims``, those of a window.

    Raises:
        ShapeError: sizes and dimension numbers that do not fit each other.
        AxisError: dimension numbers that name no axis, or one twice.
        DtypeError: indices that are no integers, or a fill value that the operand cannot hold.
        ValueError: another mode.

    >>> from functorch_lite import lax
    >>> rows = GatherDimensionNumbers((1,), (), (0,))
    >>> starts = lax.reshape(lax.mul(lax.iota("int32", 2), 2), (2, 1))
    >>> gather(lax.iota("int32", 5), starts, rows, (3,))
    Array([[0, 1, 2],
           [2, 3, 4]], dtype=int32)

    Source: ``jax.lax.gather``; XLA's operation of this name.
    """
    del unique_indices, indices_are_sorted
    x = as_array(operand, "gather", "operand")
    chosen = GatherScatterMode.CLIP if mode is None else GatherScatterMode.from_any(mode)
    windows = _windows(x, start_indices, dimension_numbers, slice_sizes)
    out = windows.read(x)
    if chosen is GatherScatterMode.ONE_HOT:
        return windows.where_valid(out, const(0, x.dtype))
    if chosen is GatherScatterMode.FILL_OR_DROP:
        return windows.where_valid(out, _fill_for(x, fill_value))
    return out


def _windows(x: Array, start_indices: Any, numbers: Any, slice_sizes: Any) -> Windows:
    """The windows that the arguments describe, checked."""
    numbers = GatherDimensionNumbers(*numbers)
    start_map = axes_in_order(tuple(numbers.start_index_map), x.ndim, "lax.gather: start_index_map")
    starts = as_starts("gather", "start_indices", start_indices, len(start_map), "start_index_map")
    collapsed = ascending("gather", "collapsed_slice_dims", numbers.collapsed_slice_dims, x.ndim)
    batching = ascending("gather", "operand_batching_dims", numbers.operand_batching_dims, x.ndim)
    beside = axes_in_order(
        tuple(numbers.start_indices_batching_dims), starts.ndim - 1,
        "lax.gather: start_indices_batching_dims",
    )  # fmt: skip
    check_batching(
        "gather", "start_indices", x.shape, starts.shape, batching, beside,
        (*collapsed, *start_map),
    )  # fmt: skip
    sizes = checked_shape(slice_sizes, "lax.gather", "slice_sizes")
    if len(sizes) != x.ndim or any(n > m for n, m in zip(sizes, x.shape, strict=False)):
        raise ShapeError(
            f"lax.gather: slice_sizes must have, for every axis of the operand, a size that fits "
            f"into it; got {sizes} for shape {x.shape}. Remedy: at most {x.shape}."
        )
    wide = [d for d in (*collapsed, *batching) if sizes[d] != 1]
    if wide:
        raise ShapeError(
            f"lax.gather: collapsed_slice_dims and operand_batching_dims have window size 1; axes "
            f"{tuple(wide)} have slice_sizes {tuple(sizes[d] for d in wide)}. Remedy: size 1, or "
            "offset_dims for these axes."
        )
    inner = x.ndim - len(collapsed) - len(batching)
    rank = starts.ndim - 1 + inner
    offset = ascending("gather", "offset_dims", numbers.offset_dims, rank)
    if len(offset) != inner:
        raise ShapeError(
            f"lax.gather: the operand has {x.ndim} axes, of which {len(collapsed)} are collapsed "
            f"and {len(batching)} batching, so that offset_dims needs {inner} axes of the result; "
            f"got {offset}. Remedy: name one for each axis that a window keeps."
        )
    return Windows(x.shape, sizes, starts, start_map, batching, beside, collapsed, offset)


def _fill_for(x: Array, fill_value: Any) -> Array:
    """A scalar that stands for what is outside."""
    dtype = x.dtype
    if fill_value is not None:
        value = as_array(fill_value, "lax.gather", "fill_value")
        if value.ndim:
            raise ShapeError(
                f"lax.gather: fill_value must be a scalar; got shape {value.shape}. Remedy: select "
                "other values in the result."
            )
        if is_inexact(value.dtype) and not is_inexact(dtype):
            raise DtypeError(
                f"lax.gather: the operand is {dtype.name}, which cannot hold a fill_value of dtype "
                f"{value.dtype.name}. Remedy: fill_value=0, or convert_element_type of the operand."
            )
        return cast(value, dtype)
    if is_inexact(dtype):
        return const(float("nan"), dtype)
    if is_bool(dtype):
        return const(True, dtype)
    limits = np.iinfo(dtype)
    return const(limits.min if dtype.kind == "i" else limits.max, dtype)


def index_take(src: Any, idxs: Sequence[Any], axes: Sequence[int]) -> Array:
    """The elements of an array at joint positions along some axes.

    Args:
        src: array.
        idxs: one integer array for each of ``axes``, all of one shape; positions count around.
        axes: the axes of ``src`` that they index.

    Returns:
        array of the shape of an index array, followed by the other axes of ``src``.

    Raises:
        ShapeError: another number of index arrays than of axes, index arrays of different shapes,
            or an empty axis.
        DtypeError: indices that are no integers.

    >>> from functorch_lite import lax
    >>> rows, columns = lax.iota("int32", 2), lax.full((2,), -1)
    >>> index_take(lax.reshape(lax.iota("int32", 4), (2, 2)), [rows, columns], (0, 1))
    Array([1, 3], dtype=int32)

    Source: ``jax.lax.index_take``.
    """
    x = as_array(src, "index_take", "src")
    where = axes_in_order(tuple(axes), x.ndim, "lax.index_take: axes")
    given = [as_array(i, "index_take", f"idxs[{n}]") for n, i in enumerate(idxs)]
    if not given or len(given) != len(where) or any(i.shape != given[0].shape for i in given):
        raise ShapeError(
            "lax.index_take: idxs must hold an index array for each of axes, all of one shape; got "
            f"{[i.shape for i in given]} for axes {where}. Remedy: broadcast them first."
        )
    indices = []
    for index, axis in zip(given, where, strict=True):
        if not is_integer(index.dtype):
            raise DtypeError(
                f"lax.index_take: idxs must hold integers; got {index.dtype.name}. Remedy: "
                "convert_element_type(index, 'int64')."
            )
        if x.shape[axis] == 0 and index.size:
            raise ShapeError(
                f"lax.index_take: axis {axis} of shape {x.shape} is empty, so that there is no "
                "element to take. Remedy: index arrays of size 0."
            )
        unsigned = index.dtype.kind == "u" and index.dtype.itemsize == 8
        size = const(max(x.shape[axis], 1), index.dtype if unsigned else int64)
        index = index if unsigned else cast(index, int64)
        indices.append(cast(ops.remainder(index, size), int64))
    out: Array = ops.gather(x, *indices, axes=where, mode="clip")
    return out
