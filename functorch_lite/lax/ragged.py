"""Products of matrices whose rows, or whose summed axes, fall into groups of unequal sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from functorch_lite import ops
from functorch_lite.core.array import Array, Tracer
from functorch_lite.core.dtypes import canonical, int64, is_integer
from functorch_lite.errors import DtypeError, ShapeError
from functorch_lite.lax.structure import dot, dot_general, index_in_dim, slice_in_dim
from functorch_lite.numpy.convert import as_array, axes_in_order, cast, const, fill, iota

__all__ = [
    "DotDimensionNumbers",
    "RaggedDotDimensionNumbers",
    "ragged_dot",
    "ragged_dot_general",
]

DotDimensionNumbers = tuple[
    tuple[Sequence[int], Sequence[int]], tuple[Sequence[int], Sequence[int]]
]
"""Axes summed over, of both operands, and batch axes, of both operands."""


class RaggedDotDimensionNumbers(NamedTuple):
    """Where :func:`ragged_dot_general` finds its dimensions.

    Attributes:
        dot_dimension_numbers: those of :func:`dot_general`, without the axis of groups.
        lhs_ragged_dimensions: the axis of lhs that falls into groups, as a sequence of one.
        rhs_group_dimensions: the axis of rhs that has an entry for each group; none if lhs is
            ragged along an axis that is summed over, or along a batch axis.

    >>> RaggedDotDimensionNumbers((((1,), (1,)), ((), ())), (0,), (0,)).rhs_group_dimensions
    (0,)
    """

    dot_dimension_numbers: DotDimensionNumbers
    lhs_ragged_dimensions: Sequence[int]
    rhs_group_dimensions: Sequence[int]


def ragged_dot(
    lhs: Any,
    rhs: Any,
    group_sizes: Any,
    precision: Any = None,
    preferred_element_type: Any = None,
    group_offset: Any = None,
) -> Array:
    """Rows that fall into groups, each group multiplied by a matrix of its own.

    Args:
        lhs: array[m, k], the rows of group 0 first, then those of group 1, and so on.
        rhs: array[groups, k, n] of the same dtype.
        group_sizes: integers[groups]; rows that are in no group give zeros.
        precision, preferred_element_type: as in :func:`dot_general`.
        group_offset: integers[1], the group that ``rhs[0]`` is for, if rhs holds some of the groups
            only; the rows of others give zeros.

    Returns:
        array[m, n].

    Raises:
        ShapeError: shapes that do not fit.
        DtypeError: group sizes that are no integers, or operands of different dtypes.

    >>> from functorch_lite import lax
    >>> x, w = lax.full((3, 2), 1.0), lax.broadcasted_iota("float32", (2, 2, 1), 0)
    >>> ragged_dot(x, w, lax.iota("int32", 2) + 1)
    Array([[0.],
           [2.],
           [2.]], dtype=float32)

    Source: ``jax.lax.ragged_dot``.
    """
    x, y = as_array(lhs, "ragged_dot", "lhs"), as_array(rhs, "ragged_dot", "rhs")
    if x.ndim != 2 or y.ndim != 3:
        raise ShapeError(
            "lax.ragged_dot: needs lhs[m, k] and rhs[groups, k, n]; got shapes "
            f"{x.shape} and {y.shape}. Remedy: ragged_dot_general, or vmap."
        )
    sizes = as_array(group_sizes, "ragged_dot", "group_sizes")
    known = not isinstance(sizes, Tracer) and sizes.shape == y.shape[:1] and group_offset is None
    if known and x.dtype == y.dtype and is_integer(sizes.dtype):
        given = np.asarray(sizes).astype(np.int64)
        if given.size and given.min() >= 0:
            return _row_by_row(x, y, given.tolist(), precision, preferred_element_type)
    numbers = RaggedDotDimensionNumbers((((1,), (1,)), ((), ())), (0,), (0,))
    return ragged_dot_general(x, y, sizes, numbers, precision, preferred_element_type, group_offset)


def _row_by_row(x: Array, y: Array, sizes: list[int], precision: Any, dtype: Any) -> Array:
    """The product where the sizes are known: no row meets the matrix of another group."""
    parts, start = [], 0
    for group, size in enumerate(sizes):
        stop = min(start + size, x.shape[0])
        if stop > start or group == len(sizes) - 1:
            rows = slice_in_dim(x, start, stop)
            parts.append(dot(rows, index_in_dim(y, group, keepdims=False), precision, dtype))
        start = stop
    shape = (x.shape[0] - start, y.shape[2])
    parts.append(fill(x, shape=shape, dtype=parts[0].dtype, value=0))
    out: Array = ops.concatenate(*parts, axis=0)
    return out


def ragged_dot_general(
    lhs: Any,
    rhs: Any,
    group_sizes: Any,
    ragged_dot_dimension_numbers: RaggedDotDimensionNumbers,
    precision: Any = None,
    preferred_element_type: Any = None,
    group_offset: Any = None,
) -> Array:
    """:func:`dot_general` with an axis of lhs that falls into groups.

    Which axis that is decides what groups are for. Along a free axis of lhs, each group meets its
    own part of rhs, ``[b…, m…, k…]`` by ``[g, b…, k…, n…]`` giving ``[b…, m…, n…]``. Along an axis
    that is summed over, each group gives a product of its own, ``[g, b…, m…, n…]``. Along a batch
    axis, groups change nothing.

    Args:
        lhs, rhs: arrays of one dtype.
        group_sizes: integers[g], or with axes before the groups: those of lhs that are of the
            ragged one's kind and before it, for the first two kinds after the batch axes.
        ragged_dot_dimension_numbers: a :class:`RaggedDotDimensionNumbers`.
        precision, preferred_element_type: as in :func:`dot_general`.
        group_offset: as in :func:`ragged_dot`; for a ragged free axis only.

    Returns:
        array, see above; elements that are in no group count as zero.

    Raises:
        ShapeError: shapes and dimension numbers that do not fit each other.
        AxisError: an axis that does not exist, or is named twice.
        DtypeError: group sizes that are no integers, or operands of different dtypes.
        NotImplementedError: a group_offset along another axis.

    >>> from functorch_lite import lax
    >>> numbers = RaggedDotDimensionNumbers((((0,), (0,)), ((), ())), (0,), ())
    >>> x = lax.full((3, 1), 1.0)
    >>> ragged_dot_general(x, x, lax.iota("int32", 2) + 1, numbers)[:, 0, 0]
    Array([1., 2.], dtype=float32)

    Source: ``jax.lax.ragged_dot_general``.
    """
    fun = "ragged_dot_general"
    x, y = as_array(lhs, fun, "lhs"), as_array(rhs, fun, "rhs")
    if preferred_element_type is not None:
        x, y = (cast(a, canonical(preferred_element_type)) for a in (x, y))
    numbers = RaggedDotDimensionNumbers(*ragged_dot_dimension_numbers)
    (cx, cy), (bx, by) = numbers.dot_dimension_numbers
    cx, bx = (axes_in_order(tuple(a), x.ndim, f"lax.{fun}: lhs") for a in (cx, bx))
    cy, by = (axes_in_order(tuple(a), y.ndim, f"lax.{fun}: rhs") for a in (cy, by))
    ragged = axes_in_order(tuple(numbers.lhs_ragged_dimensions), x.ndim, f"lax.{fun}: ragged")
    group = axes_in_order(tuple(numbers.rhs_group_dimensions), y.ndim, f"lax.{fun}: group")
    free = [d for d in range(x.ndim) if d not in cx and d not in bx]
    if len(ragged) != 1 or len(group) != (1 if ragged[0] in free else 0):
        raise ShapeError(
            f"lax.{fun}: lhs_ragged_dimensions must name one axis, and rhs_group_dimensions one if "
            f"that is a free axis of lhs, else none; got {ragged} and {group}. Remedy: name the "
            "axis of rhs that has an entry for each group."
        )
    (axis,) = ragged
    kind, lead = (free, bx) if axis in free else (list(cx), bx) if axis in cx else (list(bx), ())
    outer = [*lead, *kind[: kind.index(axis)]]
    sizes = as_array(group_sizes, fun, "group_sizes")
    _check_sizes(sizes, tuple(x.shape[d] for d in outer))
    if group_offset is not None and axis not in free:
        raise NotImplementedError(
            f"lax.{fun}: group_offset has a meaning where a free axis of lhs is ragged; axis "
            f"{axis} is not free. Remedy: slice group_sizes."
        )
    if axis in bx:
        return dot_general(x, y, ((cx, cy), (bx, by)), precision)
    if axis in cx:
        return _by_group(x, y, sizes, axis, outer, ((cx, cy), (bx, by)), precision)
    return _rows_by_group(x, y, sizes, axis, outer, group[0], ((cx, cy), (bx, by)), precision,
                          group_offset)  # fmt: skip


def _check_sizes(sizes: Array, outer: tuple[int, ...]) -> None:
    if not is_integer(sizes.dtype):
        raise DtypeError(
            f"lax.ragged_dot: group_sizes must hold integers; got {sizes.dtype.name}. Remedy: "
            "convert_element_type(group_sizes, 'int32')."
        )
    if sizes.ndim == 0 or sizes.shape[:-1] not in ((), outer):
        raise ShapeError(
            "lax.ragged_dot: group_sizes must have shape [groups]"
            f"{f' or {[*outer, 0]} with groups for the 0' if outer else ''}; got {sizes.shape}. "
            "Remedy: one axis, for groups that are everywhere the same."
        )


def _members(x: Array, sizes: Array, axis: int, outer: list[int]) -> tuple[Array, list[int]]:
    """bool[*kept axes of lhs, groups]: which places along ``axis`` each group has.

    Returns:
        the flags, and the axes of lhs that they have, ``axis`` the last of them.
    """
    sizes = cast(sizes, int64)
    ends = ops.cumsum(sizes, axis=sizes.ndim - 1, reverse=False)
    starts = ops.sub(ends, sizes)
    lead = sizes.shape[:-1]
    shape = (*lead, x.shape[axis], sizes.shape[-1])
    place = iota(x, shape=shape, dtype=int64, axis=len(lead))
    starts, ends = (
        ops.broadcast_to(ops.reshape(v, shape=(*lead, 1, v.shape[-1])), shape=shape)
        for v in (starts, ends)
    )
    inside = ops.bitwise_and(ops.ge(place, starts), ops.lt(place, ends))
    return inside, [*(outer if lead else ()), axis]


def _spread(flags: Array, axes: list[int], order: list[int], shape: tuple[int, ...]) -> Array:
    """Flags over axes of an operand and groups, at the places of ``order`` of a result.

    Args:
        flags: bool[*axes, groups].
        axes: names of its axes but the last.
        order: names of the axes of the result, -1 for the groups.
        shape: of the result.
    """
    names = [*axes, -1]
    perm = tuple(sorted(range(len(names)), key=lambda i: order.index(names[i])))
    flags = ops.transpose(flags, perm=perm)
    wide = tuple(n if name in names else 1 for name, n in zip(order, shape, strict=True))
    return ops.broadcast_to(ops.reshape(flags, shape=wide), shape=shape)


def _rows_by_group(
    x: Array,
    y: Array,
    sizes: Array,
    axis: int,
    outer: list[int],
    group: int,
    numbers: Any,
    precision: Any,
    offset: Any,
) -> Array:
    """All rows by the matrices of all groups, of which each row keeps its own group's."""
    flags, axes = _members(x, sizes, axis, outer)
    groups = y.shape[group]
    if offset is not None:
        first = cast(as_array(offset, "ragged_dot", "group_offset"), int64)
        starts = [const(0, int64)] * (flags.ndim - 1) + [ops.reshape(first, shape=())]
        if groups > flags.shape[-1]:
            raise _other_groups(groups, flags.shape[-1])
        flags = ops.dynamic_slice(flags, *starts, sizes=(*flags.shape[:-1], groups))
    elif groups != flags.shape[-1]:
        raise _other_groups(groups, flags.shape[-1])
    (cx, cy), (bx, by) = numbers
    free = [d for d in range(x.ndim) if d not in cx and d not in bx]
    others = [d for d in range(y.ndim) if d not in cy and d not in by]
    if group not in others:
        raise ShapeError(
            "lax.ragged_dot_general: the axis of groups is one of the batch axes of rhs, or summed "
            "over. Remedy: rhs_group_dimensions names a free axis of rhs."
        )
    out = dot_general(x, y, numbers, precision)
    # Axes of lhs keep their names; those of rhs get others, the groups -1.
    order = [*bx, *free, *(-1 if d == group else x.ndim + d for d in others)]
    mine = _spread(flags, axes, order, out.shape)
    kept = ops.select(mine, out, ops.families.zeros_like(out))
    return ops.reduce_sum(kept, axes=(order.index(-1),))


def _other_groups(groups: int, sizes: int) -> ShapeError:
    return ShapeError(
        f"lax.ragged_dot: rhs has {groups} groups, and group_sizes {sizes}. Remedy: one size for "
        "each group, or group_offset where rhs holds some of the groups."
    )


def _by_group(
    x: Array,
    y: Array,
    sizes: Array,
    axis: int,
    outer: list[int],
    numbers: Any,
    precision: Any,
) -> Array:
    """One product for each group, of operands that are zero elsewhere."""
    (cx, cy), (bx, by) = numbers
    flags, axes = _members(x, sizes, axis, outer)
    partner = dict(zip((*cx, *bx), (*cy, *by), strict=True))
    groups = flags.shape[-1]
    sides = []
    for operand, names in ((x, axes), (y, [partner[d] for d in axes])):
        shape = (groups, *operand.shape)
        mine = _spread(flags, names, [-1, *range(operand.ndim)], shape)
        wide = ops.broadcast_to(operand, shape=shape)
        sides.append(ops.select(mine, wide, ops.families.zeros_like(wide)))
    moved = [tuple(d + 1 for d in axes) for axes in (cx, cy, bx, by)]
    shifted = ((moved[0], moved[1]), ((0, *moved[2]), (0, *moved[3])))
    return dot_general(sides[0], sides[1], shifted, precision)
