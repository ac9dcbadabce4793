"""Joining and cutting arrays, and padding them."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functorch_lite import ops
from functorch_lite.core.array import Array
from functorch_lite.core.dtypes import canonical, int64, is_inexact
from functorch_lite.errors import ShapeError
from functorch_lite.numpy.convert import (
    as_array,
    as_axis,
    as_axis_sequence,
    asarray,
    cast,
    const,
    constant,
    fill,
    iota,
    promote,
)
from functorch_lite.numpy.shapes import (
    _cut,
    _restored,
    atleast_1d,
    atleast_2d,
    atleast_3d,
    broadcast_to,
    expand_dims,
    flip,
    ravel,
)


def concatenate(arrays: Any, axis: int | None = 0, dtype: Any = None) -> Array:
    """Arrays joined along an existing axis.

    Args:
        arrays: sequence of arrays that agree in all sizes but that of ``axis``.
        axis: the axis; None joins the flattened arrays.
        dtype: dtype of the result, by default the joined one.

    Returns:
        array as long as all of them along ``axis``.

    Raises:
        ShapeError: the arrays disagree in another axis.

    >>> concatenate([np.ones(2), np.zeros(1)])
    Array([1., 1., 0.], dtype=float64)
    """
    held = _joined(arrays, "concatenate", dtype)
    if axis is None:
        held, axis = [ravel(a) for a in held], 0
    i = as_axis(axis, held[0].ndim, "concatenate")
    return held[0] if len(held) == 1 else ops.concatenate(*held, axis=i)


concat = concatenate


def _joined(arrays: Any, fun: str, dtype: Any) -> list[Array]:
    held = as_axis_sequence(arrays, fun, "arrays")
    if dtype is None:
        return promote(*held, fun=fun)
    wanted = canonical(dtype)
    return [cast(a, wanted) for a in held]


def stack(arrays: Any, axis: int = 0, dtype: Any = None) -> Array:
    """Arrays of one shape joined along a new axis.

    Args:
        arrays: sequence of arrays of one shape.
        axis: position of the new axis in the result.
        dtype: dtype of the result, by default the joined one.

    Returns:
        array with one more axis, as long as there are arrays.

    >>> stack([np.ones(2), np.zeros(2)], axis=1).shape
    (2, 2)
    """
    held = _joined(arrays, "stack", dtype)
    shape = held[0].shape
    for k, a in enumerate(held):
        if a.shape != shape:
            raise ShapeError(
                f"stack: all arrays must have one shape; arrays[0] has {shape}, arrays[{k}] has "
                f"{a.shape}. Remedy: concatenate joins arrays of different lengths."
            )
    i = as_axis(axis, len(shape) + 1, "stack")
    return ops.concatenate(*[expand_dims(a, i) for a in held], axis=i)


def hstack(tup: Any, dtype: Any = None) -> Array:
    """Joined along axis 1, or axis 0 for vectors.

    >>> hstack([np.ones(2), np.ones(1)]).shape
    (3,)
    """
    held = [atleast_1d(a) for a in as_axis_sequence(tup, "hstack", "tup")]
    return concatenate(held, 0 if held[0].ndim == 1 else 1, dtype)


def vstack(tup: Any, dtype: Any = None) -> Array:
    """Joined along axis 0, vectors as rows.

    >>> vstack([np.ones(2), np.ones(2)]).shape
    (2, 2)
    """
    return concatenate([atleast_2d(a) for a in as_axis_sequence(tup, "vstack", "tup")], 0, dtype)


def dstack(tup: Any, dtype: Any = None) -> Array:
    """Joined along axis 2.

    >>> dstack([np.ones(2), np.ones(2)]).shape
    (1, 2, 2)
    """
    return concatenate([atleast_3d(a) for a in as_axis_sequence(tup, "dstack", "tup")], 2, dtype)


def column_stack(tup: Any) -> Array:
    """Joined along axis 1, vectors as columns.

    >>> column_stack([np.ones(2), np.zeros(2)]).shape
    (2, 2)
    """
    held = as_axis_sequence(tup, "column_stack", "tup")
    columns = [a if a.ndim > 1 else ops.reshape(a, shape=(a.size, 1)) for a in held]
    return concatenate(columns, 1)


def append(arr: Any, values: Any, axis: int | None = None) -> Array:
    """``values`` joined to the end of ``arr``; flattened without an axis.

    >>> append(np.arange(2), 5)
    Array([0, 1, 5], dtype=int64)
    """
    first, last = as_array(arr, "append", "arr"), as_array(values, "append", "values")
    if axis is None:
        first, last, axis = ravel(first), ravel(last), 0
    return concatenate([first, last], axis)


def block(arrays: Any) -> Array:
    """A matrix from nested lists of blocks: innermost lists joined along the last axis.

    >>> block([[np.ones((1, 1)), np.zeros((1, 2))]]).shape
    (1, 3)
    """

    def depth(x: Any) -> int:
        return 1 + max(map(depth, x)) if isinstance(x, list) and x else 0

    levels = depth(arrays)

    def join(x: Any, level: int) -> Array:
        if not isinstance(x, list):
            a = as_array(x, "block", "arrays")
            ndim = max(levels, a.ndim)
            return ops.reshape(a, shape=(1,) * (ndim - a.ndim) + a.shape)
        parts = [join(y, level + 1) for y in x]
        return concatenate(parts, axis=parts[0].ndim - (levels - level))

    return join(arrays, 0)


# --------------------------------------------------------------------------------------- splitting
def array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Array]:
    """Like :func:`split`, allowing parts of unequal length.

    >>> [part.shape for part in array_split(np.ones(5), 2)]
    [(3,), (2,)]
    """
    return _split("array_split", ary, indices_or_sections, axis, False)


def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Array]:
    """Parts along an axis.

    Args:
        ary: array.
        indices_or_sections: a number of equal parts, or the static positions to cut at.
        axis: the axis.

    Returns:
        list of arrays.

    Raises:
        ShapeError: the axis cannot be cut into that many equal parts.

    >>> [part.shape for part in split(np.ones((4, 2)), [1, 3])]
    [(1, 2), (2, 2), (1, 2)]
    """
    return _split("split", ary, indices_or_sections, axis, True)


def _split(fun: str, ary: Any, where: Any, axis: int, equal: bool) -> list[Array]:
    a = as_array(ary, fun, "ary")
    i = as_axis(axis, a.ndim, fun)
    n = a.shape[i]
    if isinstance(where, (int, np.integer)):
        count = operator.index(where)
        if count < 1 or (equal and n % count):
            raise ShapeError(
                f"{fun}: cannot cut axis {i} of shape {a.shape} into {count} equal parts. Remedy: "
                f"array_split(x, {max(count, 1)}), or name the positions to cut at."
            )
        base, extra = divmod(n, count)
        ends = np.cumsum([base + (k < extra) for k in range(count)])
        cuts = [0, *map(int, ends)]
    else:
        points = [operator.index(p) for p in where]
        cuts = [0, *[slice(p).indices(n)[1] for p in points], n]
    return [_cut(a, i, lo, max(lo, hi)) for lo, hi in zip(cuts, cuts[1:], strict=False)]


def _splitter(name: str, axis: Callable[[int], int], least: int) -> Callable[..., list[Array]]:
    def fn(ary: Any, indices_or_sections: Any) -> list[Array]:
        a = as_array(ary, name, "ary")
        if a.ndim < least:
            raise ShapeError(f"{name}: needs at least {least} dimensions, got shape {a.shape}.")
        return split(a, indices_or_sections, axis(a.ndim))

    fn.__name__ = fn.__qualname__ = name
    fn.__doc__ = f"``split`` along the axis that {name[0]}stack joins along; a list of arrays."
    return fn


hsplit = _splitter("hsplit", lambda ndim: 0 if ndim == 1 else 1, 1)
vsplit = _splitter("vsplit", lambda ndim: 0, 2)
dsplit = _splitter("dsplit", lambda ndim: 2, 3)


def unstack(x: Any, /, *, axis: int = 0) -> tuple[Array, ...]:
    """The slices along an axis, without that axis.

    >>> [row.shape for row in unstack(np.ones((2, 3)))]
    [(3,), (3,)]
    """
    x = as_array(x, "unstack")
    i = as_axis(axis, x.ndim, "unstack")
    rest = x.shape[:i] + x.shape[i + 1 :]
    return tuple(ops.reshape(_cut(x, i, k, k + 1), shape=rest) for k in range(x.shape[i]))


# ----------------------------------------------------------------------------- inserting, removing
def delete(arr: Any, obj: Any, axis: int | None = None) -> Array:
    """Without the entries at static positions.

    Args:
        arr: array.
        obj: static int, slice or ints.
        axis: the axis; None works on the flattened array.

    Returns:
        array, shorter along ``axis``.

    >>> delete(np.arange(4), 1)
    Array([0, 2, 3], dtype=int64)
    """
    a = as_array(arr, "delete", "arr")
    if axis is None:
        a, axis = ravel(a), 0
    i = as_axis(axis, a.ndim, "delete")
    obj = obj if isinstance(obj, slice) else np.asarray(obj)
    keep = constant(a, np.delete(np.arange(a.shape[i]), obj))
    return _restored(ops.gather(a, keep, axes=(i,), mode="clip"), i)


def insert(arr: Any, obj: Any, values: Any, axis: int | None = None) -> Array:
    """With ``values`` inserted before static positions.

    Args:
        arr: array.
        obj: static int, slice or ints, counted in ``arr``.
        values: number or array that broadcasts to the new entries.
        axis: the axis; None works on the flattened array.

    Returns:
        array, longer along ``axis``.

    >>> insert(np.arange(3), 1, 9)
    Array([0, 9, 1, 2], dtype=int64)
    """
    a = as_array(arr, "insert", "arr")
    if axis is None:
        a, axis = ravel(a), 0
    i = as_axis(axis, a.ndim, "insert")
    n = a.shape[i]
    new = asarray(values, a.dtype)
    where = obj if isinstance(obj, slice) else np.asarray(obj)
    many = isinstance(where, slice) or where.ndim > 0
    count = 1 if not many else len(np.arange(n)[where] if isinstance(where, slice) else where)
    if not many and new.ndim == a.ndim:
        count = new.shape[i]
        new_shape = (*a.shape[:i], count, *a.shape[i + 1 :])
    else:
        new_shape = (*a.shape[:i], count, *a.shape[i + 1 :])
        new = expand_dims(new, i) if not many and new.ndim == a.ndim - 1 else new
    marks = np.arange(n, n + count)
    order = np.insert(np.arange(n), where, marks if many or count > 1 else marks[0])
    both = ops.concatenate(a, broadcast_to(new, new_shape), axis=i)
    index = constant(a, order)
    return _restored(ops.gather(both, index, axes=(i,), mode="clip"), i)


def resize(a: Any, new_shape: Any) -> Array:
    """The elements repeated until they fill ``new_shape``.

    >>> resize(np.arange(2), 3)
    Array([0, 1, 0], dtype=int64)
    """
    flat = ravel(a)
    sizes = new_shape if isinstance(new_shape, (tuple, list)) else (new_shape,)
    total = int(np.prod(sizes))
    if flat.size == 0:
        return fill(flat, shape=tuple(sizes), dtype=flat.dtype, value=0)
    line = iota(flat, shape=(total,), dtype=int64, axis=0)
    index = ops.remainder(line, const(flat.size, int64))
    return ops.reshape(ops.gather(flat, index, axes=(0,), mode="clip"), shape=tuple(sizes))


# --------------------------------------------------------------------------------------------- pad
_REORDERING = ("edge", "reflect", "symmetric", "wrap")
_STATISTICS = ("maximum", "mean", "median", "minimum")


def pad(
    array: Any,
    pad_width: Any,
    mode: str = "constant",
    *,
    constant_values: Any = 0,
    end_values: Any = 0,
    stat_length: Any = None,
    reflect_type: str = "even",
) -> Array:
    """Elements added at the ends of axes.

    Args:
        array: array.
        pad_width: static: one int, one pair (before, after), or a pair for every axis.
        mode: ``constant``, ``edge``, ``reflect``, ``symmetric``, ``wrap``, ``linear_ramp``,
            ``maximum``, ``minimum``, ``mean``, ``median`` or ``empty``.
        constant_values: what ``constant`` fills with; one value, a pair, or a pair for every axis.
        end_values: where ``linear_ramp`` ends.
        stat_length: how many elements at the end a statistic is taken of; by default all.
        reflect_type: ``"even"`` or ``"odd"`` reflections.

    Returns:
        the larger array, of the same dtype.

    >>> pad(np.arange(3), (1, 2), mode="reflect")
    Array([1, 0, 1, 2, 1, 0], dtype=int64)

    Source: numpy.pad.
    """
    a = as_array(array, "pad", "array")
    widths = _pairs(pad_width, a.ndim, "pad_width")
    if any(n < 0 for pair in widths for n in pair):
        raise ValueError(f"pad: pad_width must not be negative, got {pad_width!r}.")
    if mode in ("constant", "empty"):
        return _pad_constant(a, widths, 0 if mode == "empty" else constant_values)
    for axis, (lo, hi) in enumerate(widths):
        if lo == hi == 0:
            continue
        if a.shape[axis] == 0:
            raise ShapeError(f"pad: mode {mode!r} cannot extend the empty axis {axis}.")
        if mode in _REORDERING:
            a = _pad_reordering(a, axis, lo, hi, mode, reflect_type)
        elif mode == "linear_ramp":
            a = _pad_ramp(a, axis, lo, hi, _pairs(end_values, a.ndim, "end_values", False)[axis])
        elif mode in _STATISTICS:
            every = (a.shape[axis],) * 2 if stat_length is None else stat_length
            counts = _pairs(every, a.ndim, "stat_length")[axis]
            a = _pad_statistic(a, axis, lo, hi, mode, counts)
        else:
            raise ValueError(
                f"pad: unknown mode {mode!r}. Remedy: one of constant, empty, linear_ramp, "
                f"{', '.join(_REORDERING + _STATISTICS)}."
            )
    return a


def _pairs(given: Any, ndim: int, arg: str, ints: bool = True) -> list[tuple[Any, Any]]:
    if isinstance(given, dict):
        pairs: list[Any] = [(0, 0)] * ndim
        for axis, pair in given.items():
            pairs[axis] = pair if isinstance(pair, (tuple, list)) else (pair, pair)
        return [(operator.index(a), operator.index(b)) for a, b in pairs]
    if not isinstance(given, (tuple, list, np.ndarray)):
        rows: list[Any] = [(given, given)] * ndim
    else:
        rows = list(given)
        if rows and not isinstance(rows[0], (tuple, list, np.ndarray)):
            rows = [tuple(rows) if len(rows) == 2 else (rows[0], rows[0])] * ndim
        elif len(rows) == 1:
            rows = rows * ndim
    if len(rows) != ndim or any(len(row) not in (1, 2) for row in rows):
        raise ShapeError(
            f"pad: {arg} must be a number, a pair, or {ndim} pairs for {ndim} axes, got {given!r}."
        )
    pairs = [(row[0], row[-1]) for row in rows]
    return [(operator.index(a), operator.index(b)) for a, b in pairs] if ints else pairs


def _pad_constant(a: Array, widths: Sequence[tuple[int, int]], values: Any) -> Array:
    if not isinstance(values, (tuple, list, np.ndarray)) or np.ndim(values) == 0:
        filler = cast(as_array(values, "pad", "constant_values"), a.dtype)
        return ops.pad(a, filler, config=tuple((lo, hi, 0) for lo, hi in widths))
    for axis, (first, last) in enumerate(_pairs(values, a.ndim, "constant_values", False)):
        for side, value in enumerate((first, last)):
            config = [(0, 0, 0)] * a.ndim
            config[axis] = (0, widths[axis][1], 0) if side else (widths[axis][0], 0, 0)
            filler = cast(as_array(value, "pad", "constant_values"), a.dtype)
            a = ops.pad(a, filler, config=tuple(config))
    return a


def _pad_reordering(a: Array, axis: int, lo: int, hi: int, mode: str, reflect_type: str) -> Array:
    n = a.shape[axis]
    if mode == "edge" or reflect_type == "even" or n == 1 or mode == "wrap":
        order = np.pad(np.arange(n), (lo, hi), mode=mode)  # type: ignore[call-overload]
        index = constant(a, order)
        return _restored(ops.gather(a, index, axes=(axis,), mode="clip"), axis)
    # An odd reflection goes through the end point: 2 * end - mirror image.
    step = n - 1 if mode == "reflect" else n
    for side, width in enumerate((lo, hi)):
        while width > 0:
            take, m = min(width, step), a.shape[axis]
            skip = 1 if mode == "reflect" else 0
            if side == 0:
                part, end = _cut(a, axis, skip, take + skip), _cut(a, axis, 0, 1)
            else:
                part, end = _cut(a, axis, m - take - skip, m - skip), _cut(a, axis, m - 1, m)
            new = ops.sub(ops.mul(end, const(2, a.dtype)), flip(part, axis))
            a = ops.concatenate(*((a, new) if side else (new, a)), axis=axis)
            width -= take
    return a


def _pad_ramp(a: Array, axis: int, lo: int, hi: int, ends: tuple[Any, Any]) -> Array:
    work = a if is_inexact(a.dtype) else cast(a, canonical("float64"))
    n = a.shape[axis]

    def ramp(width: int, end: Any, edge: Array) -> Array:
        """From ``end`` up to, not including, the edge."""
        line = iota(work, shape=(width,), dtype=work.dtype, axis=0)
        part = ops.div(line, const(max(width, 1), work.dtype))
        shape = tuple(width if i == axis else 1 for i in range(a.ndim))
        target = cast(as_array(end, "pad", "end_values"), work.dtype)
        return ops.add(target, ops.mul(ops.sub(edge, target), ops.reshape(part, shape=shape)))

    left = ramp(lo, ends[0], _cut(work, axis, 0, 1))
    right = flip(ramp(hi, ends[1], _cut(work, axis, n - 1, n)), axis)
    if not is_inexact(a.dtype):
        left, right = (cast(ops.floor(x), a.dtype) for x in (left, right))
    return ops.concatenate(left, a, right, axis=axis)


def _pad_statistic(
    a: Array, axis: int, lo: int, hi: int, mode: str, counts: tuple[int, int]
) -> Array:
    n = a.shape[axis]
    sides = []
    for side, width in enumerate((lo, hi)):
        count = min(counts[side], n)
        part = _cut(a, axis, n - count, n) if side else _cut(a, axis, 0, count)
        shape = (*a.shape[:axis], width, *a.shape[axis + 1 :])
        sides.append(broadcast_to(expand_dims(_statistic(part, axis, mode), axis), shape))
    return ops.concatenate(sides[0], a, sides[1], axis=axis)


def _statistic(part: Array, axis: int, mode: str) -> Array:
    if mode == "maximum":
        return ops.reduce_max(part, axes=(axis,))
    if mode == "minimum":
        return ops.reduce_min(part, axes=(axis,))
    work = part if is_inexact(part.dtype) else cast(part, canonical("float64"))
    n = part.shape[axis]
    if mode == "median":
        (rows,) = ops.sort(work, axis=axis, num_keys=1)
        work = _cut(rows, axis, (n - 1) // 2, n // 2 + 1)
        n = work.shape[axis]
    out = ops.div(ops.reduce_sum(work, axes=(axis,)), const(n, work.dtype))
    return out if is_inexact(part.dtype) else cast(ops.round(out), part.dtype)
