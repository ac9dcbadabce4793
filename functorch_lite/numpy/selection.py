"""Choosing elements: by condition, by position, by range."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from functorch_lite import ops
from functorch_lite.core.array import Array
from functorch_lite.core.dtypes import SCALAR_TYPES, int64, is_complex, is_inexact, is_integer
from functorch_lite.errors import DtypeError, ShapeError
from functorch_lite.numpy.convert import (
    as_array,
    as_axis,
    as_axis_sequence,
    cast,
    const,
    constant,
    iota,
    promote,
    to_bool,
)
from functorch_lite.numpy.shapes import (
    _restored,
    broadcast_arrays,
    broadcast_shapes,
    broadcast_to,
    moveaxis,
    ravel,
    reshape,
)
from functorch_lite.numpy.sorting import nonzero


def where(
    condition: Any, x: Any = None, y: Any = None, *, size: int | None = None, fill_value: Any = None
) -> Any:
    """x where the condition is true, y where it is not.

    The branch that is not chosen gets no gradient, but is computed: if its derivative is NaN there,
    guard its argument with a ``where`` as well.

    Args:
        condition: bool array (numbers: true if not zero).
        x, y: arrays or numbers; all three broadcast. Left out, see :func:`nonzero`.
        size, fill_value: only without x and y, see :func:`nonzero`.

    Returns:
        array of the joined dtype of x and y; without them, the indices where condition is true.

    >>> where(np.array([True, False]), 1.0, 2.0)
    Array([1., 2.], dtype=float32)
    """
    if x is None and y is None:
        return nonzero(condition, size=size, fill_value=fill_value)
    if x is None or y is None:
        raise ValueError("where: pass both x and y, or neither.")
    mask = to_bool(condition, "where", "condition")
    return ops.select(mask, *promote(x, y, fun="where"))


def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Array:
    """For each element, the choice of the first condition that is true.

    >>> select([np.array([True, False])], [np.array([1, 2])], 9)
    Array([1, 9], dtype=int64)
    """
    if len(condlist) != len(choicelist) or not condlist:
        raise ShapeError(
            f"select: {len(condlist)} conditions for {len(choicelist)} choices. Remedy: one each."
        )
    *choices, out = promote(*choicelist, default, fun="select")
    for condition, choice in zip(reversed(condlist), reversed(choices), strict=True):
        out = ops.select(to_bool(condition, "select", "condlist"), choice, out)
    return out


def clip(
    a: Any, /, min: Any = None, max: Any = None, *, a_min: Any = None, a_max: Any = None
) -> Array:
    """a limited to an interval.

    Args:
        a: array or number.
        min, max: bounds that broadcast against a; None for no bound.
        a_min, a_max: NumPy's old names of the bounds.

    Returns:
        array of the joined dtype. At a bound the gradient belongs to a.

    >>> clip(np.array([-1.0, 0.5, 3.0]), 0, 1)
    Array([0. , 0.5, 1. ], dtype=float64)
    """
    lo, hi = (min if a_min is None else a_min), (max if a_max is None else a_max)
    a = as_array(a, "clip", "a")
    if is_complex(a.dtype):
        raise DtypeError("clip: complex numbers have no order. Remedy: clip the real part or abs.")
    if lo is None and hi is None:
        return a
    if lo is None:
        a, hi = promote(a, hi, fun="clip")
        return ops.select(ops.gt(a, hi), hi, a)
    if hi is None:
        a, lo = promote(a, lo, fun="clip")
        return ops.select(ops.lt(a, lo), lo, a)
    a, lo, hi = promote(a, lo, hi, fun="clip", names=("a", "min", "max"))
    return ops.clamp(lo, a, hi)


# ------------------------------------------------------------------------------------- by position
def _indices(
    indices: Any, n: int, mode: str | None, fun: str, like: Any = None
) -> tuple[Array, str]:
    """Non-negative int64 indices into an axis of size n, and the gather mode for them."""
    if isinstance(indices, (list, tuple)):
        indices = np.asarray(indices, np.int64 if len(indices) == 0 else None)
    idx = indices if isinstance(indices, Array) else constant(like, indices, fun, "indices")
    if not is_integer(idx.dtype):
        raise DtypeError(
            f"{fun}: indices must be integers, got {idx.dtype.name}. Remedy: idx.astype('int64')."
        )
    idx = cast(idx, int64)
    if mode == "wrap":
        return ops.remainder(idx, const(max(n, 1), int64)), "clip"
    if mode == "clip":
        return ops.clamp(const(0, int64), idx, const(max(n - 1, 0), int64)), "clip"
    if mode not in (None, "fill", "drop"):
        raise ValueError(f"{fun}: mode must be 'fill', 'clip' or 'wrap', got {mode!r}.")
    back = ops.add(idx, const(n, int64))
    return ops.select(ops.lt(idx, const(0, int64)), back, idx), "drop"


def _missing(dtype: np.dtype[Any]) -> Any:
    """What stands for an element that does not exist."""
    if is_inexact(dtype):
        return math.nan
    return True if dtype.kind == "b" else int(getattr(np.iinfo(dtype), _END[dtype.kind]))


_END = {"i": "min", "u": "max"}


def take(
    a: Any,
    indices: Any,
    axis: int | None = None,
    out: None = None,
    mode: str | None = None,
    fill_value: Any = None,
) -> Array:
    """Elements, or slices along an axis, at the given positions.

    Args:
        a: array.
        indices: ints of any shape; negative ones count from the end.
        axis: the axis; None takes from the flattened array.
        out: must be None.
        mode: what becomes of an index out of range: ``"fill"`` (the default: NaN, or the extreme
            value of an integer dtype), ``"clip"`` or ``"wrap"``.
        fill_value: what ``"fill"`` fills with.

    Returns:
        array with ``axis`` replaced by the shape of ``indices``.

    >>> take(np.arange(10.0), np.array([1, -1]))
    Array([1., 9.], dtype=float64)
    """
    if out is not None:
        raise TypeError("take: out must be None, because arrays never change.")
    a = as_array(a, "take", "a")
    if axis is None:
        a, axis = ravel(a), 0
    i = as_axis(axis, a.ndim, "take")
    idx, how = _indices(indices, a.shape[i], mode, "take", a)
    found = ops.gather(a, idx, axes=(i,), mode=how)
    if how == "drop":
        found = _fill(found, idx, a.shape[i], fill_value)
    if idx.ndim == 0 or i == 0:
        return found
    return moveaxis(found, list(range(idx.ndim)), list(range(i, i + idx.ndim)))


def _fill(found: Array, idx: Array, n: int, fill_value: Any) -> Array:
    """``fill_value`` in the leading positions whose index is out of range."""
    if fill_value is None:
        fill = const(_missing(found.dtype), found.dtype)
    else:
        fill = cast(as_array(fill_value, "take", "fill_value"), found.dtype)
    inside = ops.bitwise_and(ops.ge(idx, const(0, int64)), ops.lt(idx, const(n, int64)))
    inside = ops.reshape(inside, shape=idx.shape + (1,) * (found.ndim - idx.ndim))
    return ops.select(inside, found, fill)


def _along(a: Array, indices: Any, axis: int, mode: str | None, fun: str, shape: Any = None) -> Any:
    """Joint index arrays, of one shape, for every axis of ``a``; the gather mode; the shape."""
    idx, how = _indices(indices, a.shape[axis], mode, fun, a)
    if idx.ndim != a.ndim:
        raise ShapeError(
            f"{fun}: indices of shape {idx.shape} and an array of shape {a.shape} must have "
            "equally many dimensions. Remedy: take(a, indices, axis) takes whole slices."
        )
    rest = tuple(1 if i == axis else n for i, n in enumerate(a.shape))
    full = broadcast_shapes(rest, idx.shape, *([] if shape is None else [shape]))
    idx = broadcast_to(idx, full)
    line = [idx if i == axis else iota(a, shape=full, dtype=int64, axis=i) for i in range(a.ndim)]
    return line, how, full, idx


def take_along_axis(
    arr: Any, indices: Any, axis: int | None = -1, mode: str | None = None, fill_value: Any = None
) -> Array:
    """Elements at positions that differ from row to row, as argsort and argmax give them.

    Args:
        arr: array.
        indices: ints, with as many dimensions as ``arr``; sizes match or are 1 but along ``axis``.
        axis: the axis the indices count in; None flattens both.
        mode, fill_value: as of :func:`take`.

    Returns:
        array of the shape of ``indices`` (broadcast).

    >>> take_along_axis(np.array([[3, 1], [2, 5]]), np.array([[1], [0]]), axis=1)
    Array([[1],
           [2]], dtype=int64)
    """
    a = as_array(arr, "take_along_axis", "arr")
    if axis is None:
        a, indices, axis = ravel(a), ravel(indices), 0
    i = as_axis(axis, a.ndim, "take_along_axis")
    line, how, _, idx = _along(a, indices, i, mode, "take_along_axis")
    found = ops.gather(a, *line, axes=tuple(range(a.ndim)), mode=how)
    return _fill(found, idx, a.shape[i], fill_value) if how == "drop" else found


def put_along_axis(
    arr: Any, indices: Any, values: Any, axis: int | None = None, inplace: bool = False,
    *, mode: str | None = None,
) -> Array:  # fmt: skip
    """A copy of ``arr`` with values written where :func:`take_along_axis` would read.

    Args:
        arr: array.
        indices: ints, as of :func:`take_along_axis`.
        values: array or number that broadcasts to the shape of ``indices``.
        axis: the axis the indices count in; None flattens.
        inplace: must be false, because arrays never change.
        mode: ``None`` or ``"drop"`` (indices out of range write nothing), ``"clip"``, ``"wrap"``.

    Returns:
        array of arr's shape and dtype.

    >>> put_along_axis(np.zeros((1, 3)), np.array([[1]]), 7.0, axis=1)
    Array([[0., 7., 0.]], dtype=float64)
    """
    if inplace:
        raise ValueError("put_along_axis: inplace must be False, because arrays never change.")
    a = as_array(arr, "put_along_axis", "arr")
    if axis is None:
        flat = put_along_axis(ravel(a), ravel(indices), values, 0, mode=mode)
        return reshape(flat, a.shape)
    i = as_axis(axis, a.ndim, "put_along_axis")
    new = cast(as_array(values, "put_along_axis", "values"), a.dtype)
    line, how, full, _ = _along(a, indices, i, mode, "put_along_axis")
    return ops.scatter(a, broadcast_to(new, full), *line, axes=tuple(range(a.ndim)), mode=how)


def put(a: Any, ind: Any, v: Any, mode: str | None = None, *, inplace: bool = False) -> Array:
    """A copy of ``a`` with values written at positions of the flattened array.

    >>> put(np.zeros(3), np.array([0, 2]), 5.0)
    Array([5., 0., 5.], dtype=float64)
    """
    if inplace:
        raise ValueError("put: inplace must be False, because arrays never change.")
    a = as_array(a, "put", "a")
    flat, ind, v = ravel(a), ravel(ind), ravel(v)
    if v.shape != ind.shape and v.size:
        index = ops.remainder(iota(ind, shape=ind.shape, dtype=int64, axis=0), const(v.size, int64))
        v = ops.gather(v, index, axes=(0,), mode="clip")
    return reshape(put_along_axis(flat, ind, v, 0, mode=mode), a.shape)


def choose(a: Any, choices: Any, out: None = None, mode: str = "raise") -> Array:
    """For each element, the value of the choice that ``a`` numbers.

    Args:
        a: ints.
        choices: sequence of arrays that broadcast against ``a``.
        out: must be None.
        mode: ``"wrap"`` or ``"clip"`` for numbers out of range; ``"raise"`` is taken as ``"clip"``,
            since compiled programs cannot raise.

    Returns:
        array of the broadcast shape.

    >>> choose(np.array([0, 1]), [np.array([1, 2]), np.array([3, 4])])
    Array([1, 4], dtype=int64)
    """
    if out is not None:
        raise TypeError("choose: out must be None, because arrays never change.")
    options = promote(*as_axis_sequence(choices, "choose", "choices"), fun="choose")
    idx, _ = _indices(a, len(options), "wrap" if mode == "wrap" else "clip", "choose")
    idx, *options = broadcast_arrays(idx, *options)
    out_ = options[0]
    for k, option in enumerate(options[1:], 1):
        out_ = ops.select(ops.eq(idx, const(k, int64)), option, out_)
    return out_


def compress(condition: Any, a: Any, axis: int | None = None, *, size: int | None = None,
             fill_value: Any = 0) -> Array:  # fmt: skip
    """The slices along an axis where a 1-d condition is true.

    Args:
        condition: bools, at most as long as the axis.
        a: array.
        axis: the axis; None flattens.
        size: static length of the result, needed under ``jit``; what is missing is filled.
        fill_value: what it is filled with.

    Returns:
        array, shorter along ``axis``.

    >>> compress(np.array([True, False, True]), np.arange(3))
    Array([0, 2], dtype=int64)
    """
    a = as_array(a, "compress", "a")
    if axis is None:
        a, axis = ravel(a), 0
    i = as_axis(axis, a.ndim, "compress")
    condition = np.asarray(condition) if isinstance(condition, (list, tuple)) else condition
    mask = to_bool(condition, "compress", "condition")
    (index,) = nonzero(mask, size=size, fill_value=a.shape[i])
    found = ops.gather(a, index, axes=(i,), mode="drop")
    if size is not None:
        found = _fill(found, index, a.shape[i], fill_value)
    return _restored(found, i)


def extract(condition: Any, arr: Any, *, size: int | None = None, fill_value: Any = 0) -> Array:
    """The elements where the condition is true, in one dimension; see :func:`compress`.

    >>> extract(np.array([[True], [False]]), np.array([[1], [2]]))
    Array([1], dtype=int64)
    """
    return compress(ravel(condition), arr, size=size, fill_value=fill_value)


def piecewise(x: Any, condlist: Any, funclist: Sequence[Any], *args: Any, **kwargs: Any) -> Array:
    """For each element, the function of the last condition that is true, applied to x.

    Args:
        x: array.
        condlist: bool arrays of x's shape.
        funclist: functions or numbers, one per condition, and on request one for none of them.
        *args, **kwargs: passed to the functions.

    Returns:
        array of x's shape and dtype.

    >>> piecewise(np.array([-1.0, 2.0]), [np.array([True, False])], [lambda v: -v, lambda v: v])
    Array([1., 2.], dtype=float64)
    """
    x = as_array(x, "piecewise")
    conditions = [to_bool(c, "piecewise", "condlist") for c in condlist]
    functions = list(funclist)
    if len(functions) == len(conditions):
        functions.append(0)
    if len(functions) != len(conditions) + 1:
        raise ShapeError(f"piecewise: {len(funclist)} functions for {len(conditions)} conditions.")

    def value(f: Any) -> Array:
        out = f(x, *args, **kwargs) if callable(f) else f
        return cast(as_array(out, "piecewise", "funclist"), x.dtype)

    answer = broadcast_to(value(functions[-1]), x.shape)
    for condition, f in zip(conditions, functions, strict=False):
        answer = ops.select(condition, value(f), answer)
    return answer


# ---------------------------------------------------------------------------------------- by value
def nan_to_num(
    x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None
) -> Array:
    """NaN and infinities replaced: by default by 0 and the largest finite numbers.

    >>> nan_to_num(np.array([np.nan, 1.0]))
    Array([0., 1.], dtype=float64)
    """
    del copy
    x = as_array(x, "nan_to_num")
    if not is_inexact(x.dtype):
        return x
    if is_complex(x.dtype):
        parts = (nan_to_num(f(x), True, nan, posinf, neginf) for f in (ops.real, ops.imag))
        return ops.complex(*parts)
    largest = float(np.finfo(x.dtype).max) if x.dtype.kind == "f" else 3.3895313892515355e38
    hi, lo = (largest if posinf is None else posinf), (-largest if neginf is None else neginf)

    def like(v: Any) -> Array:
        return (
            const(v, x.dtype)
            if isinstance(v, SCALAR_TYPES)
            else cast(as_array(v, "nan_to_num"), x.dtype)
        )

    out = ops.select(ops.isnan(x), like(nan), x)
    out = ops.select(ops.eq(x, const(math.inf, x.dtype)), like(hi), out)
    return ops.select(ops.eq(x, const(-math.inf, x.dtype)), like(lo), out)


def isin(
    element: Any,
    test_elements: Any,
    assume_unique: bool = False,
    invert: bool = False,
    *,
    method: str = "auto",
) -> Array:
    """Whether each element is among the test elements.

    >>> isin(np.array([1, 2, 3]), np.array([2, 5]))
    Array([False,  True, False], dtype=bool)
    """
    del assume_unique, method
    if isinstance(test_elements, (list, tuple)):
        test_elements = np.asarray(test_elements)
    x, tests = promote(element, test_elements, fun="isin", names=("element", "test_elements"))
    tests = ops.reshape(tests, shape=(tests.size,))
    same = ops.eq(ops.reshape(x, shape=(*x.shape, 1)), tests)
    found = ops.reduce_or(same, axes=(x.ndim,))
    return ops.bitwise_not(found) if invert else found
