"""Sums, means and extrema over the examples of a vmap, along the axis that it names.

Inside ``vmap(f, axis_name="batch")`` the function sees one example; here are the operations that
look at the others; ``exchanges`` holds those that pass values on. They take trees of arrays. Where
several names are given, the axes count as one, the first of them varying slowest.

>>> import functorch_lite as fl
>>> from functorch_lite import lax, numpy as np
>>> fl.vmap(lambda x: x / lax.psum(x, "batch"), axis_name="batch")(np.asarray([1.0, 3.0]))
Array([0.25, 0.75], dtype=float32)
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functorch_lite import ops
from functorch_lite.core import tree
from functorch_lite.core.array import Array
from functorch_lite.core.dtypes import highest, int32, is_bool, lowest
from functorch_lite.core.trace import axis_environment
from functorch_lite.errors import AxisNameError, TransformError
from functorch_lite.numpy.convert import as_array, cast, fill
from functorch_lite.numpy.elementwise import true_divide

__all__ = ["axis_index", "axis_size", "pmax", "pmean", "pmin", "psum"]

AxisName = Any
"""A hashable name, or a tuple or list of them."""


# --------------------------------------------------------------------------------- names and groups
def named_axes(axis_name: AxisName, fun: str) -> list[tuple[Any, int]]:
    """The axes asked for, with their sizes; the innermost of two that share a name."""
    names = list(axis_name) if isinstance(axis_name, (tuple, list)) else [axis_name]
    around = axis_environment()
    sizes = dict(reversed(around))
    found: list[tuple[Any, int]] = []
    for name in names:
        if name not in sizes:
            raise AxisNameError(_unknown(fun, name, around))
        if (name, sizes[name]) in found:
            raise AxisNameError(f"lax.{fun}: axis_name names {name!r} twice in {axis_name!r}.")
        found.append((name, sizes[name]))
    return found


def _unknown(fun: str, name: Any, around: Sequence[tuple[Any, int]]) -> str:
    listed = ", ".join(f"{n!r} (size {s})" for n, s in around)
    there = (
        f"the named axes in force are {listed}, innermost first"
        if around
        else "no vmap with an axis_name surrounds this code"
    )
    return (
        f"lax.{fun}: no axis is named {name!r} here: {there}. Remedy: give the axis its name in "
        f"the vmap around this code, vmap(f, axis_name={name!r})."
    )


def grouped_axes(
    axis_name: AxisName, axis_index_groups: Any, fun: str
) -> tuple[list[tuple[Any, int]], tuple[tuple[int, ...], ...] | None]:
    """The axes, and the groups as tuples; None where all examples are in one group."""
    axes = named_axes(axis_name, fun)
    if axis_index_groups is None:
        return axes, None
    groups = tuple(tuple(map(operator.index, group)) for group in axis_index_groups)
    if len(axes) != 1:
        raise TransformError(
            f"lax.{fun}: axis_index_groups divide the examples along one axis, but axis_name is "
            f"{axis_name!r}. Remedy: give one name, or leave the groups away."
        )
    return axes, groups or None


def apply_over(op: Any, x: Array, axis: tuple[Any, int], **params: Any) -> Array:
    """One collective over one axis; its shape rule checks the arguments in every mode."""
    name, size = axis
    params = {"axis_name": name, "axis_size": size, **params}
    op.aval(x.aval, **params)
    out: Array = op(x, **params)
    return out


def over_tree(fun: str, x: Any, one: Callable[[Array], Array]) -> Any:
    return tree.map(lambda leaf: one(as_array(leaf, fun)), x)


def axis_size(axis_name: AxisName) -> int:
    """The number of examples along a named axis, a Python int; the product for several names.

    Args:
        axis_name: the name of an axis around the code, or a tuple of names.

    Raises:
        AxisNameError: if no surrounding vmap has the name.

    >>> import functorch_lite as fl
    >>> fl.vmap(lambda x: x * axis_size("i"), axis_name="i")(np.arange(3))
    Array([0, 3, 6], dtype=int64)
    """
    return math.prod(size for _, size in named_axes(axis_name, "axis_size"))


def axis_index(axis_name: AxisName) -> Array:
    """The position of the example along a named axis, ``i32[]``.

    Args:
        axis_name: a name, or a tuple of names, over which the position counts as over one axis.

    Raises:
        AxisNameError: if no surrounding vmap has the name.

    >>> import functorch_lite as fl
    >>> fl.vmap(lambda x: axis_index("i"), axis_name="i")(np.arange(3))
    Array([0, 1, 2], dtype=int32)
    """
    out: Any = None
    for name, size in named_axes(axis_name, "axis_index"):
        at = ops.axis_index(axis_name=name, axis_size=size)
        out = at if out is None else out * size + at
    return as_array(np.zeros((), int32), "axis_index") if out is None else out


# -------------------------------------------------------------------------------------- reductions
def psum(x: Any, axis_name: AxisName, *, axis_index_groups: Any = None) -> Any:
    """Sum over all examples, the same for each of them.

    Args:
        x: tree of arrays; bools are added as int32. A Python number is multiplied by the number of
            examples at once, so ``psum(1, name)`` is the size as an int.
        axis_name: name of an axis, or a tuple of names.
        axis_index_groups: a partition of the positions, in lists; the sum is over each of them.

    Returns:
        tree of arrays of the same shapes.

    Raises:
        AxisNameError: if no surrounding vmap has the name.
        ShapeError: if the groups are no partition.

    >>> import functorch_lite as fl
    >>> fl.vmap(lambda x: psum(x, "i"), axis_name="i")(np.arange(3))
    Array([3, 3, 3], dtype=int64)
    >>> groups = [[0, 1], [2]]
    >>> fl.vmap(lambda x: psum(x, "i", axis_index_groups=groups), axis_name="i")(np.arange(3))
    Array([1, 1, 2], dtype=int64)
    """
    axes, groups = grouped_axes(axis_name, axis_index_groups, "psum")
    even = groups is None or len({len(group) for group in groups}) == 1
    count = len(groups[0]) if groups is not None else math.prod(size for _, size in axes)

    def one(leaf: Any) -> Any:
        if even and type(leaf) in (int, float, complex):
            return count * leaf
        value = as_number(as_array(leaf, "psum"))
        for axis in axes:
            value = apply_over(ops.psum, value, axis, groups=groups)
        return value

    return tree.map(one, x)


def as_number(x: Array) -> Array:
    return cast(x, int32) if is_bool(x.dtype) else x


def pmean(x: Any, axis_name: AxisName, *, axis_index_groups: Any = None) -> Any:
    """Mean over all examples, the same for each of them.

    Args:
        x: tree of arrays; integers and bools give float32.
        axis_name: name of an axis, or a tuple of names.
        axis_index_groups: a partition of the positions, in lists.

    Returns:
        tree of arrays of the same shapes.

    Raises:
        AxisNameError: if no surrounding vmap has the name.
        ShapeError: if the groups are no partition.

    >>> import functorch_lite as fl
    >>> fl.vmap(lambda x: x - pmean(x, "i"), axis_name="i")(np.arange(3))
    Array([-1.,  0.,  1.], dtype=float32)
    """
    total = psum(x, axis_name, axis_index_groups=axis_index_groups)
    count = psum(1, axis_name, axis_index_groups=axis_index_groups)
    return tree.map(lambda leaf: true_divide(leaf, count), total)


def _extremum(
    fun: str, op: Any, worst: Any, x: Any, axis_name: AxisName, axis_index_groups: Any
) -> Any:
    axes, groups = grouped_axes(axis_name, axis_index_groups, fun)

    def one(leaf: Array) -> Array:
        for axis in axes:
            if axis[1] == 0:  # nobody sees the result, which still needs a value
                leaf = fill(leaf, shape=leaf.shape, dtype=leaf.dtype, value=worst(leaf.dtype))
            else:
                leaf = op(apply_over(ops.all_gather, leaf, axis, groups=groups), axes=(0,))
        return leaf

    return over_tree(fun, x, one)


def pmax(x: Any, axis_name: AxisName, *, axis_index_groups: Any = None) -> Any:
    """Largest value of all examples, the same for each of them.

    Its derivative is that of ``max`` over the examples: those that attain it share it evenly.

    Args:
        x: tree of real arrays.
        axis_name: name of an axis, or a tuple of names.
        axis_index_groups: a partition of the positions into lists of one length.

    Returns:
        tree of arrays of the same shapes.

    Raises:
        AxisNameError: if no surrounding vmap has the name.
        ShapeError: if the groups are no partition, or differ in size.

    >>> import functorch_lite as fl
    >>> fl.vmap(lambda x: pmax(x, "i"), axis_name="i")(np.arange(3))
    Array([2, 2, 2], dtype=int64)
    """
    return _extremum("pmax", ops.reduce_max, lowest, x, axis_name, axis_index_groups)


def pmin(x: Any, axis_name: AxisName, *, axis_index_groups: Any = None) -> Any:
    """Smallest value of all examples, the same for each of them; see :func:`pmax`.

    >>> import functorch_lite as fl
    >>> fl.vmap(lambda x: pmin(x, "i"), axis_name="i")(np.arange(3))
    Array([0, 0, 0], dtype=int64)
    """
    return _extremum("pmin", ops.reduce_min, highest, x, axis_name, axis_index_groups)
