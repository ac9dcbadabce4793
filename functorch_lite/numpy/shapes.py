"""Rearranging elements: reshape, axes, broadcasting, flips and diagonals."""

from __future__ import annotations

import builtins
import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from functorch_lite import ops
from functorch_lite.core.array import Array
from functorch_lite.core.dtypes import int64
from functorch_lite.errors import AxisError, ShapeError
from functorch_lite.numpy.convert import (
    as_array,
    as_axes,
    as_axis,
    as_shape,
    axes_in_order,
    checked_shape,
    const,
    constant,
    iota,
)


# ----------------------------------------------------------------------------------------- reshape
def reshape(a: Any, shape: Any, order: str = "C", *, copy: bool | None = None) -> Array:
    """The same elements, in row-major order, in another shape.

    Args:
        a: array of any shape.
        shape: static sizes; one of them may be -1 and is then worked out.
        order: ``"C"`` (last axis fastest) or ``"F"`` (first axis fastest).
        copy: accepted for the array API's sake; arrays never change.

    Returns:
        array of ``shape``.

    Raises:
        ShapeError: the number of elements would change.

    >>> reshape(np.arange(6), (2, -1)).shape
    (2, 3)
    """
    del copy
    a = as_array(a, "reshape", "a")
    sizes = _resolve(a, as_shape(shape, "reshape"))
    if order not in ("C", "F", "A"):
        raise ValueError(f"reshape: order must be 'C' or 'F', got {order!r}.")
    if order == "F":
        return transpose(ops.reshape(transpose(a), shape=sizes[::-1]))
    return a if a.shape == sizes else ops.reshape(a, shape=sizes)


def _resolve(a: Array, sizes: tuple[int, ...]) -> tuple[int, ...]:
    holes = sizes.count(-1)
    known = math.prod(n for n in sizes if n != -1)
    if holes == 1 and known and a.size % known == 0:
        return tuple(a.size // known if n == -1 else n for n in sizes)
    if holes == 0 and known == a.size and min(sizes, default=0) >= 0:
        return sizes
    if holes > 1:
        problem, remedy = "only one size can be -1", "name the others"
    elif holes:
        problem = f"{known} does not divide {a.size}"
        remedy = f"choose sizes whose product divides {a.size}"
    else:
        problem = f"that shape has {known} elements"
        remedy = f"choose sizes whose product is {a.size}, or use -1 for one of them"
    raise ShapeError(
        f"reshape: cannot reshape an array of shape {a.shape} ({a.size} elements) into {sizes}: "
        f"{problem}. Remedy: {remedy}."
    )


def ravel(a: Any, order: str = "C") -> Array:
    """All elements in one dimension.

    >>> ravel(np.ones((2, 3))).shape
    (6,)
    """
    return reshape(as_array(a, "ravel", "a"), (-1,), order)


def expand_dims(a: Any, /, axis: int | Sequence[int] = 0) -> Array:
    """New axes of size 1 at the given positions of the result.

    >>> expand_dims(np.ones(3), (0, -1)).shape
    (1, 3, 1)
    """
    a = as_array(a, "expand_dims", "a")
    count = len(axis) if isinstance(axis, (tuple, list)) else 1
    axes = axes_in_order(axis, a.ndim + count, "expand_dims")
    rest = iter(a.shape)
    shape = tuple(1 if i in axes else next(rest) for i in range(a.ndim + count))
    return ops.reshape(a, shape=shape)


def squeeze(a: Any, axis: int | Sequence[int] | None = None) -> Array:
    """Without the axes of size 1: all of them, or those named.

    Raises:
        ShapeError: a named axis has another size.

    >>> squeeze(np.ones((1, 3, 1)), axis=0).shape
    (3, 1)
    """
    a = as_array(a, "squeeze", "a")
    if axis is None:
        axes: Any = [i for i, n in enumerate(a.shape) if n == 1]
    else:
        axes = as_axes(axis, a.ndim, "squeeze")
    for i in axes:
        if a.shape[i] != 1:
            raise ShapeError(
                f"squeeze: axis {i} of shape {a.shape} has size {a.shape[i]}, not 1. Remedy: name "
                "axes of size 1 only, or leave axis out."
            )
    shape = tuple(n for i, n in enumerate(a.shape) if i not in axes)
    return a if shape == a.shape else ops.reshape(a, shape=shape)


# -------------------------------------------------------------------------------------------- axes
def transpose(a: Any, axes: Sequence[int] | None = None) -> Array:
    """Axes permuted, by default reversed.

    Args:
        a: array.
        axes: for each axis of the result, the axis of ``a`` it is.

    Returns:
        array whose i-th size is ``a.shape[axes[i]]``.

    >>> transpose(np.ones((2, 3, 4)), (1, 2, 0)).shape
    (3, 4, 2)
    """
    a = as_array(a, "transpose", "a")
    if axes is None:
        perm = tuple(range(a.ndim))[::-1]
    else:
        perm = axes_in_order(axes, a.ndim, "transpose")
        if len(perm) != a.ndim:
            raise AxisError(
                f"transpose: axes {tuple(axes)} must name each of the {a.ndim} axes of shape "
                f"{a.shape} once. Remedy: leave axes out, or use moveaxis."
            )
    return a if a.ndim < 2 else ops.transpose(a, perm=perm)


def permute_dims(a: Any, /, axes: Sequence[int]) -> Array:
    """Axes permuted; see :func:`transpose`.

    >>> permute_dims(np.ones((2, 3)), (1, 0)).shape
    (3, 2)
    """
    return transpose(a, axes)


def matrix_transpose(x: Any, /) -> Array:
    """The last two axes exchanged.

    >>> matrix_transpose(np.ones((5, 2, 3))).shape
    (5, 3, 2)
    """
    x = as_array(x, "matrix_transpose")
    if x.ndim < 2:
        raise ShapeError(f"matrix_transpose: needs at least 2 dimensions, got shape {x.shape}.")
    return swapaxes(x, -1, -2)


def swapaxes(a: Any, axis1: int, axis2: int) -> Array:
    """Two axes exchanged.

    >>> swapaxes(np.ones((2, 3, 4)), 0, 2).shape
    (4, 3, 2)
    """
    a = as_array(a, "swapaxes", "a")
    i, j = as_axis(axis1, a.ndim, "swapaxes"), as_axis(axis2, a.ndim, "swapaxes")
    perm = list(range(a.ndim))
    perm[i], perm[j] = j, i
    return a if i == j else ops.transpose(a, perm=tuple(perm))


def moveaxis(a: Any, source: int | Sequence[int], destination: int | Sequence[int]) -> Array:
    """Axes moved to new positions; the others keep their order.

    >>> moveaxis(np.ones((2, 3, 4)), 0, -1).shape
    (3, 4, 2)
    """
    a = as_array(a, "moveaxis", "a")
    src, dst = (axes_in_order(x, a.ndim, "moveaxis") for x in (source, destination))
    if len(src) != len(dst):
        raise AxisError(
            f"moveaxis: source {source} and destination {destination} must name equally many axes."
        )
    perm = [i for i in range(a.ndim) if i not in src]
    for to, i in sorted(zip(dst, src, strict=True)):
        perm.insert(to, i)
    return a if perm == sorted(perm) else ops.transpose(a, perm=tuple(perm))


def rollaxis(a: Any, axis: int, start: int = 0) -> Array:
    """One axis moved in front of position ``start``.

    >>> rollaxis(np.ones((2, 3, 4)), 2).shape
    (4, 2, 3)
    """
    a = as_array(a, "rollaxis", "a")
    i = as_axis(axis, a.ndim, "rollaxis")
    to = start + a.ndim if start < 0 else start
    return moveaxis(a, i, to - 1 if i < to else to)


# ------------------------------------------------------------------------------------ broadcasting
def broadcast_shapes(*shapes: Any) -> tuple[int, ...]:
    """The shape that arrays of these shapes broadcast to.

    >>> broadcast_shapes((2, 1), (3,))
    (2, 3)
    """
    given = [as_shape(s, "broadcast_shapes") for s in shapes]
    try:
        return tuple(int(n) for n in np.broadcast_shapes(*given))
    except ValueError:
        listed = ", ".join(map(str, given))
        raise ShapeError(
            f"broadcast_shapes: the shapes {listed} do not broadcast. Remedy: aligned from the "
            "right, sizes must be equal or 1."
        ) from None


def broadcast_to(a: Any, shape: Any) -> Array:
    """``a`` repeated along new axes and axes of size 1.

    >>> broadcast_to(np.ones(3), (2, 3)).shape
    (2, 3)
    """
    a = as_array(a, "broadcast_to", "a")
    sizes = checked_shape(shape, "broadcast_to")
    return a if a.shape == sizes else ops.broadcast_to(a, shape=sizes)


def broadcast_arrays(*arrays: Any) -> list[Array]:
    """Arrays broadcast against each other; each keeps its dtype.

    >>> [x.shape for x in broadcast_arrays(np.ones((2, 1)), np.ones(3))]
    [(2, 3), (2, 3)]
    """
    held = [as_array(a, "broadcast_arrays", f"arrays[{i}]") for i, a in enumerate(arrays)]
    shape = broadcast_shapes(*[a.shape for a in held])
    return [broadcast_to(a, shape) for a in held]


def atleast_1d(*arrays: Any) -> Any:
    """Scalars become arrays of shape (1,); one result or a list of them.

    >>> atleast_1d(3.0).shape
    (1,)
    """
    return _atleast("atleast_1d", arrays, lambda a: (1,))


def atleast_2d(*arrays: Any) -> Any:
    """New leading axes up to two dimensions.

    >>> atleast_2d(np.ones(3)).shape
    (1, 3)
    """
    return _atleast("atleast_2d", arrays, lambda a: (1,) * (2 - a.ndim) + a.shape)


def atleast_3d(*arrays: Any) -> Any:
    """New axes up to three dimensions: (n,) becomes (1, n, 1), (m, n) becomes (m, n, 1).

    >>> atleast_3d(np.ones((2, 3))).shape
    (2, 3, 1)
    """
    return _atleast("atleast_3d", arrays, lambda a: ((1,) * (2 - a.ndim) + a.shape + (1,))[-3:])


def _atleast(fun: str, arrays: Any, shape: Any) -> Any:
    ndim = int(fun[-2])
    held = [as_array(a, fun, f"arrays[{i}]") for i, a in enumerate(arrays)]
    out = [a if a.ndim >= ndim else ops.reshape(a, shape=shape(a)) for a in held]
    return out[0] if len(out) == 1 else out


# --------------------------------------------------------------------------------- flips and rolls
def flip(m: Any, axis: int | Sequence[int] | None = None) -> Array:
    """Elements in reverse order along some axes, by default all.

    >>> flip(np.arange(3))
    Array([2, 1, 0], dtype=int64)
    """
    m = as_array(m, "flip", "m")
    return ops.flip(m, axes=as_axes(axis, m.ndim, "flip"))


def fliplr(m: Any) -> Array:
    """Axis 1 reversed.

    >>> fliplr(np.arange(4).reshape(2, 2))
    Array([[1, 0],
           [3, 2]], dtype=int64)
    """
    return flip(m, 1)


def flipud(m: Any) -> Array:
    """Axis 0 reversed.

    >>> flipud(np.arange(3))
    Array([2, 1, 0], dtype=int64)
    """
    return flip(m, 0)


def rot90(m: Any, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Array:
    """Rotated by k quarter turns from the first of two axes towards the second.

    >>> rot90(np.arange(4).reshape(2, 2))
    Array([[1, 3],
           [0, 2]], dtype=int64)
    """
    m = as_array(m, "rot90", "m")
    i, j = axes_in_order(tuple(axes), m.ndim, "rot90")
    turns = k % 4
    if turns == 2:
        return flip(m, (i, j))
    if turns == 1:
        return swapaxes(flip(m, j), i, j)
    return flip(swapaxes(m, i, j), j) if turns == 3 else m


def roll(a: Any, shift: Any, axis: int | Sequence[int] | None = None) -> Array:
    """Elements shifted along axes; those that leave at the end enter at the start.

    Args:
        a: array.
        shift: how far, one int or one per axis; may be traced.
        axis: the axes; None rolls the flattened array.

    Returns:
        array of a's shape.

    >>> roll(np.arange(4), 1)
    Array([3, 0, 1, 2], dtype=int64)
    """
    a = as_array(a, "roll", "a")
    if axis is None:
        return ops.reshape(roll(ravel(a), shift, 0), shape=a.shape)
    axes = tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)
    shifts = tuple(shift) if isinstance(shift, (tuple, list)) else (shift,) * len(axes)
    if len(axes) == 1:
        axes *= len(shifts)
    if len(axes) != len(shifts):
        raise ShapeError(f"roll: {len(shifts)} shifts for {len(axes)} axes. Remedy: one per axis.")
    for by, which in zip(shifts, axes, strict=True):
        a = _roll(a, by, as_axis(which, a.ndim, "roll"))
    return a


def _roll(a: Array, shift: Any, axis: int) -> Array:
    n = a.shape[axis]
    if n == 0:
        return a
    if isinstance(shift, (int, np.integer)):
        k = int(shift) % n
        if k == 0:
            return a
        parts = _cut(a, axis, n - k, n), _cut(a, axis, 0, n - k)
        return ops.concatenate(*parts, axis=axis)
    by = as_array(shift, "roll", "shift")
    line = iota(a, shape=(n,), dtype=int64, axis=0)
    index = ops.remainder(ops.sub(line, ops.cast(by, dtype=int64)), const(n, int64))
    return _restored(ops.gather(a, index, axes=(axis,), mode="clip"), axis)


def _cut(a: Array, axis: int, start: int, stop: int) -> Array:
    """``a[start:stop]`` along one axis."""
    starts, stops = [0] * a.ndim, list(a.shape)
    starts[axis], stops[axis] = start, stop
    return ops.slice(a, start=tuple(starts), stop=tuple(stops), step=(1,) * a.ndim)


def _restored(a: Array, axis: int) -> Array:
    """Axis 0 moved to its place, after a gather put it in front."""
    return moveaxis(a, 0, axis)


def repeat(
    a: Any, repeats: Any, axis: int | None = None, *, total_repeat_length: int | None = None
) -> Array:
    """Each element repeated.

    Args:
        a: array.
        repeats: an int, or one int per element of the axis.
        axis: the axis; None repeats the elements of the flattened array.
        total_repeat_length: static length of the result, needed where ``repeats`` is traced; the
            last element fills up, what is beyond is cut off.

    Returns:
        array as long as the repeats add up to.

    >>> repeat(np.arange(2), 2)
    Array([0, 0, 1, 1], dtype=int64)
    """
    a = as_array(a, "repeat", "a")
    if axis is None:
        a, axis = ravel(a), 0
    i = as_axis(axis, a.ndim, "repeat")
    if isinstance(repeats, (int, np.integer)) and total_repeat_length is None:
        times = operator.index(repeats)
        shape = (*a.shape[: i + 1], times, *a.shape[i + 1 :])
        wide = ops.broadcast_to(expand_dims(a, i + 1), shape=shape)
        sizes = (*a.shape[:i], a.shape[i] * times, *a.shape[i + 1 :])
        return ops.reshape(wide, shape=sizes)
    if total_repeat_length is not None:
        index = _repeat_positions(repeats, a.shape[i], total_repeat_length)
    else:
        counts = np.broadcast_to(np.asarray(repeats), (a.shape[i],))
        index = constant(a, np.repeat(np.arange(a.shape[i]), counts))
    return _restored(ops.gather(a, index, axes=(i,), mode="clip"), i)


def _repeat_positions(repeats: Any, n: int, total: int) -> Array:
    """int64[total]: for each place of the result, the element that it repeats."""
    counts = ops.cast(as_array(np.asarray(repeats) if isinstance(repeats, list) else repeats,
                               "repeat", "repeats"), dtype=int64)  # fmt: skip
    ends = ops.cumsum(broadcast_to(counts, (n,)), axis=0, reverse=False)
    place = iota(ends, shape=(total, n), dtype=int64, axis=0)
    passed = ops.cast(ops.ge(place, ends), dtype=int64)
    return ops.minimum(ops.reduce_sum(passed, axes=(1,)), const(builtins.max(n - 1, 0), int64))


def tile(a: Any, reps: Any) -> Array:
    """The whole array repeated ``reps`` times along each axis.

    >>> tile(np.arange(2), (2, 2)).shape
    (2, 4)
    """
    a = as_array(a, "tile", "a")
    times = checked_shape(reps, "tile", "reps")
    ndim = builtins.max(a.ndim, len(times))
    times = (1,) * (ndim - len(times)) + times
    shape = (1,) * (ndim - a.ndim) + a.shape
    paired = tuple(n for pair in zip(times, shape, strict=True) for n in pair)
    ones = tuple(n for size in shape for n in (1, size))
    wide = ops.broadcast_to(ops.reshape(a, shape=ones), shape=paired)
    return ops.reshape(wide, shape=tuple(t * n for t, n in zip(times, shape, strict=True)))
