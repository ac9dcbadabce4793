"""Values passed between the examples of a vmap: gathered, exchanged, shifted, handed out.

>>> import functorch_lite as fl, numpy as np
>>> from functorch_lite import lax
>>> fl.vmap(lambda x: lax.ppermute(x, "i", [(0, 1), (1, 2)]), axis_name="i")(np.array([1, 2, 3]))
Array([0, 1, 2], dtype=int64)
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from functorch_lite import ops
from functorch_lite.core.array import Array
from functorch_lite.core.dtypes import int32
from functorch_lite.errors import IndexRangeError, NonConcreteError, ShapeError, TransformError
from functorch_lite.lax.collectives import (
    AxisName,
    apply_over,
    as_number,
    axis_index,
    grouped_axes,
    named_axes,
    over_tree,
)
from functorch_lite.numpy.convert import as_axis, constant
from functorch_lite.numpy.shapes import moveaxis

__all__ = [
    "all_gather", "all_to_all", "pbroadcast", "ppermute", "pshuffle", "psum_scatter", "pswapaxes",
]  # fmt: skip


# ------------------------------------------------------------------------- gathering and exchanging
def _merged(x: Array, axis: int) -> Array:
    """Axes ``axis`` and ``axis + 1`` as one."""
    shape = x.shape
    return ops.reshape(x, shape=(*shape[:axis], shape[axis] * shape[axis + 1], *shape[axis + 2 :]))


def _gathered(x: Array, axes: list[tuple[Any, int]], groups: Any) -> Array:
    """The values of all examples, in front."""
    if not axes:
        return ops.reshape(x, shape=(1, *x.shape))
    for i, axis in enumerate(reversed(axes)):
        x = apply_over(ops.all_gather, x, axis, groups=groups)
        x = _merged(x, 0) if i else x
    return x


def all_gather(
    x: Any,
    axis_name: AxisName,
    *,
    axis_index_groups: Any = None,
    axis: int = 0,
    tiled: bool = False,
    to: str = "varying",
) -> Any:
    """The values of all examples side by side, the same for each of them.

    Args:
        x: tree of arrays.
        axis_name: name of an axis, or a tuple of names.
        axis_index_groups: a partition of the positions into lists of one length; an example gets
            the values of its own group, in the group's order.
        axis: where the new axis goes; with ``tiled``, the axis along which values are joined.
        tiled: join along an existing axis instead of a new one.
        to: ``"varying"``; there is no other kind of result here.

    Returns:
        tree of arrays, with one more axis unless ``tiled``.

    Raises:
        AxisNameError: if no surrounding vmap has the name.
        AxisError: if a leaf has no such axis.
        ShapeError: if the groups are no partition, or differ in size.

    >>> import functorch_lite as fl
    >>> fl.vmap(lambda x: all_gather(x, "i"), axis_name="i")(np.arange(2))
    Array([[0, 1],
           [0, 1]], dtype=int64)
    """
    if to != "varying":
        raise TransformError(
            f"lax.all_gather: to must be 'varying', got {to!r}: values carry no mark of whether "
            "they vary between devices. Leave it away."
        )
    axes, groups = grouped_axes(axis_name, axis_index_groups, "all_gather")

    def one(leaf: Array) -> Array:
        at = as_axis(axis, leaf.ndim + (not tiled), "all_gather")
        out = moveaxis(_gathered(leaf, axes, groups), 0, at)
        return _merged(out, at) if tiled else out

    return over_tree("all_gather", x, one)


def _exchanged(x: Array, axes: list[tuple[Any, int]], groups: Any) -> Array:
    """Row i of the result came from example i, where it was the row of this example."""
    if len(axes) == 1:
        return apply_over(ops.all_to_all, x, axes[0], groups=groups)
    rows = ops.reshape(x, shape=(*(size for _, size in axes), *x.shape[1:]))
    for i, axis in enumerate(axes):
        rows = moveaxis(apply_over(ops.all_to_all, moveaxis(rows, i, 0), axis, groups=groups), 0, i)
    return ops.reshape(rows, shape=x.shape)


def _parts(x: Array, axis: int, count: int, tiled: bool, fun: str, arg: str) -> Array:
    """An axis brought to the front as ``count`` parts; with ``tiled`` the rest of it stays."""
    n = x.shape[axis]
    if tiled and count and n % count == 0:
        shape = (*x.shape[:axis], count, n // count, *x.shape[axis + 1 :])
        return moveaxis(ops.reshape(x, shape=shape), axis, 0)
    if tiled or n != count:
        wanted = f"a multiple of {count}" if tiled else f"{count}"
        raise ShapeError(
            f"lax.{fun}: {count} examples share out axis {axis} ({arg}) of shape {x.shape}, so "
            f"that axis must have size {wanted}, not {n}."
            + ("" if tiled or n % count else " Remedy: tiled=True shares out several rows each.")
        )
    return moveaxis(x, axis, 0)


def _count(axes: list[tuple[Any, int]], groups: Any) -> int:
    return math.prod(size for _, size in axes) if groups is None else len(groups[0])


def all_to_all(
    x: Any,
    axis_name: AxisName,
    split_axis: int,
    concat_axis: int,
    *,
    axis_index_groups: Any = None,
    tiled: bool = False,
) -> Any:
    """Every example gives a part of its value to each of them, and joins what it is given.

    Args:
        x: tree of arrays.
        axis_name: name of an axis, or a tuple of names.
        split_axis: the axis that is shared out, part i to example i. Its size is the number of
            examples, and it disappears; with ``tiled`` it is a multiple of the number, and what is
            given to each stays there.
        concat_axis: where the parts are joined, in the order of the examples: a new axis of the
            result, or with ``tiled`` an existing one.
        axis_index_groups: a partition of the positions into lists of one length; exchange is within
            a group.
        tiled: keep the axes.

    Returns:
        tree of arrays.

    Raises:
        AxisNameError: if no surrounding vmap has the name.
        AxisError: if a leaf has no such axis.
        ShapeError: if the axis cannot be shared out, or the groups are no partition.

    >>> import functorch_lite as fl
    >>> x = np.arange(4).reshape(2, 2)
    >>> fl.vmap(lambda x: all_to_all(x, "i", 0, 0), axis_name="i")(x)
    Array([[0, 2],
           [1, 3]], dtype=int64)
    """
    axes, groups = grouped_axes(axis_name, axis_index_groups, "all_to_all")

    def one(leaf: Array) -> Array:
        split = as_axis(split_axis, leaf.ndim, "all_to_all")
        concat = as_axis(concat_axis, leaf.ndim, "all_to_all")
        parts = _parts(leaf, split, _count(axes, groups), tiled, "all_to_all", "split_axis")
        out = moveaxis(_exchanged(parts, axes, groups), 0, concat)
        return _merged(out, concat) if tiled else out

    return over_tree("all_to_all", x, one)


def pswapaxes(x: Any, axis_name: AxisName, axis: int, *, axis_index_groups: Any = None) -> Any:
    """The named axis exchanged with an axis of the value, which must have its size.

    >>> import functorch_lite as fl
    >>> x = np.arange(4).reshape(2, 2)
    >>> fl.vmap(lambda x: pswapaxes(x, "i", 0), axis_name="i")(x)
    Array([[0, 2],
           [1, 3]], dtype=int64)
    """
    return all_to_all(x, axis_name, axis, axis, axis_index_groups=axis_index_groups)


def psum_scatter(
    x: Any,
    axis_name: AxisName,
    *,
    scatter_dimension: int = 0,
    axis_index_groups: Any = None,
    tiled: bool = False,
) -> Any:
    """Sum over all examples, of which each gets one part.

    Args:
        x: tree of arrays; bools are added as int32.
        axis_name: name of an axis, or a tuple of names.
        scatter_dimension: the axis of the sum that is shared out, part i to example i. Its size is
            the number of examples, and it disappears; with ``tiled`` it is a multiple of it.
        axis_index_groups: a partition of the positions into lists of one length.
        tiled: keep the axis.

    Returns:
        tree of arrays.

    Raises:
        AxisNameError: if no surrounding vmap has the name.
        AxisError: if a leaf has no such axis.
        ShapeError: if the axis cannot be shared out, or the groups are no partition.

    >>> import functorch_lite as fl
    >>> fl.vmap(lambda x: psum_scatter(x, "i"), axis_name="i")(np.arange(4).reshape(2, 2))
    Array([2, 4], dtype=int64)
    """
    axes, groups = grouped_axes(axis_name, axis_index_groups, "psum_scatter")

    def one(leaf: Array) -> Array:
        at = as_axis(scatter_dimension, leaf.ndim, "psum_scatter")
        count = _count(axes, groups)
        parts = _parts(as_number(leaf), at, count, tiled, "psum_scatter", "scatter_dimension")
        return ops.reduce_sum(_exchanged(parts, axes, groups), axes=(0,))

    return over_tree("psum_scatter", x, one)


# ----------------------------------------------------------------------------- from one to another
def ppermute(x: Any, axis_name: AxisName, perm: Iterable[tuple[int, int]]) -> Any:
    """Every example's value sent to another one; zeros where nothing arrives.

    Args:
        x: tree of arrays.
        axis_name: name of an axis, or a tuple of names.
        perm: pairs (source, destination) of positions; no source and no destination twice.

    Returns:
        tree of arrays of the same shapes.

    Raises:
        AxisNameError: if no surrounding vmap has the name.
        ShapeError: if a position is outside the axis, or named twice.

    >>> import functorch_lite as fl
    >>> fl.vmap(lambda x: ppermute(x, "i", [(2, 0), (1, 2)]), axis_name="i")(np.arange(3))
    Array([2, 0, 1], dtype=int64)
    """
    axes = named_axes(axis_name, "ppermute")
    pairs = _as_pairs(perm, math.prod(size for _, size in axes), axis_name)
    if len(axes) == 1:
        return over_tree("ppermute", x, lambda v: apply_over(ops.ppermute, v, axes[0], perm=pairs))
    count = math.prod(size for _, size in axes)

    def one(leaf: Array) -> Array:
        ops.ppermute.aval(leaf.aval, axis_name=None, axis_size=count, perm=pairs)
        source = np.full(count, count, int32)
        for at, to in pairs:
            source[to] = at
        mine = _row(constant(leaf, source), axis_index(axis_name))
        return _row(_gathered(leaf, axes, None), mine)

    return over_tree("ppermute", x, one)


def _as_pairs(perm: Any, count: int, axis_name: AxisName) -> tuple[tuple[int, int], ...]:
    """The pairs of a ``ppermute`` along an axis of ``count`` positions."""
    try:
        pairs = tuple((operator.index(at), operator.index(to)) for at, to in perm)
    except NonConcreteError:
        raise
    except (TypeError, ValueError):
        raise TransformError(
            f"lax.ppermute: perm must be a sequence of pairs (source, destination) of ints; got "
            f"{perm!r}. Remedy: [(i, (i + 1) % {count}) for i in range({count})] hands every value "
            "to the next position."
        ) from None
    for pair in pairs:
        for what, at in zip(("source", "destination"), pair, strict=True):
            if not 0 <= at < count:
                raise ShapeError(
                    f"lax.ppermute: {what} {at} of the pair {pair} is outside axis {axis_name!r}, "
                    f"whose positions go from 0 to {count - 1}. Remedy: take positions modulo "
                    f"{count}."
                )
    return pairs


def _row(x: Array, at: Array) -> Array:
    """A row by its number; zeros for a number past the end."""
    return ops.gather(x, at, axes=(0,), mode="drop")


def pshuffle(x: Any, axis_name: AxisName, perm: Sequence[int]) -> Any:
    """Example i gets the value of example ``perm[i]``.

    Args:
        x: tree of arrays.
        axis_name: name of an axis, or a tuple of names.
        perm: a permutation of the positions.

    Returns:
        tree of arrays of the same shapes.

    Raises:
        AxisNameError: if no surrounding vmap has the name.
        ShapeError: if ``perm`` is no permutation.

    >>> import functorch_lite as fl
    >>> fl.vmap(lambda x: pshuffle(x, "i", [2, 0, 1]), axis_name="i")(np.arange(3))
    Array([2, 0, 1], dtype=int64)
    """
    count = math.prod(size for _, size in named_axes(axis_name, "pshuffle"))
    sources = list(map(operator.index, perm))
    if sorted(sources) != list(range(count)):
        raise ShapeError(
            f"lax.pshuffle: perm must name every position from 0 to {count - 1} once; got "
            f"{sources}. Remedy: ppermute takes pairs, and leaves zeros where nothing arrives."
        )
    return ppermute(x, axis_name, [(at, to) for to, at in enumerate(sources)])


def pbroadcast(x: Any, axis_name: AxisName, source: int) -> Any:
    """The value of one example, given to all of them.

    Args:
        x: tree of arrays.
        axis_name: name of an axis, or a tuple of names.
        source: position of the example.

    Returns:
        tree of arrays of the same shapes.

    Raises:
        AxisNameError: if no surrounding vmap has the name.
        IndexRangeError: if there is no such example.

    >>> import functorch_lite as fl
    >>> fl.vmap(lambda x: pbroadcast(x, "i", 1), axis_name="i")(np.arange(3))
    Array([1, 1, 1], dtype=int64)
    """
    axes = named_axes(axis_name, "pbroadcast")
    count, at = math.prod(size for _, size in axes), operator.index(source)
    if not 0 <= at < count:
        raise IndexRangeError(
            f"lax.pbroadcast: source {at} is not among the positions 0 to {count - 1} along "
            f"{axis_name!r}."
        )
    return over_tree("pbroadcast", x, lambda leaf: _gathered(leaf, axes, None)[at])
