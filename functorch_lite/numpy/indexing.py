"""``x[index]`` and ``x.at[index]`` for every index that NumPy takes.

An index is read once into a plan: cut a block out of x by slices, give it the shape in which every
integer array meets one axis, gather there, and put the gathered dimensions where NumPy puts them.
Reading follows the plan forwards; ``.at`` follows it, changes the block and writes it back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite import ops
from functorch_lite.core.array import Array, wrap
from functorch_lite.core.dtypes import (
    SCALAR_TYPES,
    is_bool,
    is_complex,
    is_inexact,
    scalar_dtype,
)
from functorch_lite.core.trace import state
from functorch_lite.errors import DtypeError, ShapeError
from functorch_lite.numpy.convert import as_array, asarray, cast, const, strong
from functorch_lite.numpy.index_plan import Plan

__all__ = ["At", "at", "getitem"]

_new = object.__new__
_ndarray = np.ndarray
_BASIC = frozenset({int, slice, type(None), type(Ellipsis)})
_SMALL = 4096  # elements, up to which ufunc.at costs less than making a plan


def getitem(x: Array, index: Any) -> Array:
    """The elements of x that an index selects.

    Args:
        x: array of any shape.
        index: anything NumPy takes: ints, slices, ``...``, ``None``, bool masks, integer arrays,
            and tuples of these. Integer arrays and scalars may be traced; masks may not.

    Returns:
        An array of the shape that NumPy gives. Traced indices outside their axis are clamped to it.

    Raises:
        IndexRangeError: a known index lies outside its axis, or there are too many.
        NonConcreteError: a mask or a slice bound is being traced.

    >>> import functorch_lite.numpy as fnp
    >>> fnp.arange(6).reshape(2, 3)[:, ::-2]
    Array([[2, 0],
           [5, 3]], dtype=int64)

    Source: NumPy's indexing rules; JAX's for traced indices.
    """
    if state.trace is None and x.__class__ is Array and x._data.__class__ is _ndarray:
        try:
            kind = index.__class__
            if kind is Array:
                data = x._data[index._data]
            elif kind is tuple and Array in map(type, index):
                data = x._data[tuple(i._data if type(i) is Array else i for i in index)]
            else:
                data = x._data[index]
        except Exception:
            return _read(x, Plan(x.shape, index))  # says what is wrong
        out = _new(Array)
        out._data = data if data.__class__ is _ndarray else np.asarray(data)
        return out
    return _read(strong(x) if x.weak else x, Plan(x.shape, index))


def at(x: Array) -> At:
    """Functional updates: ``x.at[index].set(value)`` is a copy of x in which ``x[index]`` is
    value.
    """
    return At(strong(x) if x.weak else x)


class At:
    """What ``x.at`` is; see :func:`at`."""

    __slots__ = ("_x",)

    def __init__(self, x: Array) -> None:
        self._x = x

    def __getitem__(self, index: Any) -> IndexedArray:
        return IndexedArray(self._x, index)

    def __repr__(self) -> str:
        return f"{self._x!r}.at"


class IndexedArray:
    """``x.at[index]``: the methods return a new array and leave x alone.

    All take ``mode``, which says what becomes of an index outside its axis: ``None`` raises where
    the index is known, and else clamps it for ``get`` and drops the write; ``"clip"`` clamps;
    ``"drop"`` and ``"fill"`` skip the write and read ``fill_value``; ``"wrap"`` counts around;
    ``"promise_in_bounds"`` says there is none. Values broadcast to the shape of ``x[index]``.

    >>> import functorch_lite.numpy as fnp
    >>> fnp.zeros(3).at[1].set(5)
    Array([0., 5., 0.], dtype=float32)
    >>> fnp.zeros(3).at[fnp.asarray([0, 2, 2])].add(1)
    Array([1., 0., 2.], dtype=float32)
    """

    __slots__ = ("_index", "_x")

    def __init__(self, x: Array, index: Any) -> None:
        self._x = x
        self._index = index

    def get(self, *, mode: str | None = None, fill_value: Any = None) -> Array:
        """``x[index]``.

        Args:
            mode: see the class.
            fill_value: what ``"fill"`` reads outside; NaN, the smallest signed or the largest
            unsigned
                integer, or True if left out.
        """
        if mode is None:
            return getitem(self._x, self._index)
        return _read(self._x, Plan(self._x.shape, self._index, mode), fill_value)

    def set(self, values: Any, *, mode: str | None = None) -> Array:
        """``x[index] = values``; among equal indices the last one counts."""
        return _write(self._x, self._index, values, "set", mode)

    def add(self, values: Any, *, mode: str | None = None) -> Array:
        """``x[index] += values``; equal indices add up."""
        return _write(self._x, self._index, values, "add", mode)

    def subtract(self, values: Any, *, mode: str | None = None) -> Array:
        """``x[index] -= values``; equal indices add up."""
        return self.add(ops.neg(_as_update(values, self._x, "subtract")), mode=mode)

    def multiply(self, values: Any, *, mode: str | None = None) -> Array:
        """``x[index] *= values``; equal indices multiply."""
        return _write(self._x, self._index, values, "multiply", mode)

    def divide(self, values: Any, *, mode: str | None = None) -> Array:
        """``x[index] /= values`` for floating-point and complex x; equal indices divide
        repeatedly.
        """
        if not is_inexact(self._x.dtype):
            raise DtypeError(
                f"x.at[...].divide: x is {self._x.dtype.name}, and a quotient is no integer. "
                "Remedy: convert x first with x.astype('float32')."
            )
        return ops.div(self._x, self._product(values, "divide", mode))

    def power(self, values: Any, *, mode: str | None = None) -> Array:
        """``x[index] **= values``; equal indices raise repeatedly."""
        return ops.pow(self._x, self._product(values, "power", mode))

    def min(self, values: Any, *, mode: str | None = None) -> Array:
        """``x[index] = minimum(x[index], values)``."""
        return _write(self._x, self._index, values, "min", mode)

    def max(self, values: Any, *, mode: str | None = None) -> Array:
        """``x[index] = maximum(x[index], values)``."""
        return _write(self._x, self._index, values, "max", mode)

    def apply(self, function: Callable[[Array], Any], *, mode: str | None = None) -> Array:
        """``x[index] = function(x[index])``; the function sees the selected elements at once."""
        return self.set(function(self.get(mode=mode)), mode=mode)

    mul = multiply
    div = divide
    pow = power

    def _product(self, values: Any, name: str, mode: str | None) -> Array:
        """Ones, times the values where the index points."""
        values = _as_update(values, self._x, name)
        return _write(ops.families.ones_like(self._x), self._index, values, "multiply", mode)

    def __repr__(self) -> str:
        return f"{self._x!r}.at[{self._index!r}]"


# ---------------------------------------------------------------------------------- read and write
def _read(x: Array, plan: Plan, fill_value: Any = None) -> Array:
    block = plan.take(x)
    if not plan.axes:
        return block
    axes, indices = tuple(plan.axes), plan.indices
    filling = plan.mode in ("fill", "drop") and not plan.known
    fill = _fill_constant(x, fill_value) if filling else None
    mode = "drop" if filling and fill is None else "clip"
    if filling and 0 in [plan.middle[a] for a in axes]:
        mode = "drop"
    out = ops.gather(block, *indices, axes=axes, mode=mode)
    if fill is not None:
        out = ops.select(_valid(plan, out.shape), out, ops.broadcast_to(fill, shape=out.shape))
    if plan.place:
        n, place = len(plan.joint), plan.place
        before = range(n, n + place)
        out = ops.transpose(out, perm=(*before, *range(n), *range(n + place, len(out.shape))))
    return out


def _fill_constant(x: Array, fill_value: Any) -> Array | None:
    """What to read outside, or None for zero, which the op reads by itself."""
    dtype = x.dtype
    if fill_value is None:
        if is_inexact(dtype):
            fill_value = float("nan")
        elif is_bool(dtype):
            fill_value = True
        else:
            fill_value = np.iinfo(dtype).min if dtype.kind == "i" else np.iinfo(dtype).max
    elif isinstance(fill_value, SCALAR_TYPES) and fill_value == 0:
        return None
    return _as_update(fill_value, x, "get(fill_value)")


def _valid(plan: Plan, shape: tuple[int, ...]) -> Array:
    """bool of ``shape``: whether the indices of an element are all in range."""
    valid = None
    for axis, index in zip(plan.axes, plan.indices, strict=True):
        low = ops.ge(index, ops.families.zeros_like(index))
        high = ops.lt(index, ops.families.full_like(index, plan.middle[axis]))
        inside = ops.bitwise_and(low, high)
        valid = inside if valid is None else ops.bitwise_and(valid, inside)
    assert valid is not None
    valid = ops.reshape(valid, shape=plan.joint + (1,) * (len(shape) - len(plan.joint)))
    return ops.broadcast_to(valid, shape=shape)


_COMBINE = {
    "add": (ops.add, ops.scatter_add, np.add),
    "multiply": (ops.mul, ops.scatter_mul, np.multiply),
    "min": (ops.minimum, ops.scatter_min, np.minimum),
    "max": (ops.maximum, ops.scatter_max, np.maximum),
}


def _write(x: Array, index: Any, values: Any, how: str, mode: str | None) -> Array:
    update = _as_update(values, x, how)
    if how in ("min", "max") and is_complex(x.dtype):
        raise DtypeError(f"x.at[...].{how}: complex numbers have no order. Remedy: compare abs(x).")
    if (
        state.trace is None
        and mode is None
        and type(x) is Array
        and type(update) is Array
        and type(x._data) is type(update._data) is _ndarray
    ):
        out = _write_eager(x._data, index, update._data, how)
        if out is not None:
            return wrap(out)
    plan = Plan(x.shape, index, mode)
    update = _fit(update, plan.result_shape(), how)
    if not plan.axes:
        block = update if how == "set" else _COMBINE[how][0](plan.take(x), update)
        return plan.put(x, block)
    if plan.place:
        n, place = len(plan.joint), plan.place
        rest = range(place + n, len(update.shape))
        update = ops.transpose(update, perm=(*range(place, place + n), *range(place), *rest))
    scatter = ops.scatter if how == "set" else _COMBINE[how][1]
    into = "clip" if plan.known or mode in ("clip", "wrap", "promise_in_bounds") else "drop"
    axes = tuple(plan.axes)
    return plan.put(x, scatter(plan.take(x), update, *plan.indices, axes=axes, mode=into))


def _write_eager(data: Any, index: Any, update: Any, how: str) -> Any:
    """NumPy's own assignment; None where the general path is faster or explains what is wrong."""
    parts = index if type(index) is tuple else (index,)
    parts = tuple(part._data if type(part) is Array else part for part in parts)
    basic = _BASIC.issuperset(map(type, parts))
    half = data.dtype.itemsize == 2  # sums of several updates are to be rounded once
    if not basic and how != "set" and (half or update.size > _SMALL or data.size > _SMALL):
        return None
    out = data.copy()
    try:
        if how == "set":
            out[parts] = update
        elif basic:
            out[parts] = state.run(_COMBINE[how][2], out[parts], update)
        else:
            state.run(_COMBINE[how][2].at, out, parts, update)
    except (IndexError, ValueError, TypeError):
        return None
    return out


def _fit(update: Array, shape: tuple[int, ...], how: str) -> Array:
    """The update broadcast to the shape of ``x[index]``; surplus leading axes of size 1 are
    dropped.
    """
    have = update.shape
    if have == shape:
        return update
    surplus = len(have) - len(shape)
    if surplus > 0 and have[:surplus] == (1,) * surplus:
        have = have[surplus:]
        update = ops.reshape(update, shape=have)
    fits = len(have) <= len(shape) and all(
        n in (1, m) for n, m in zip(reversed(have), reversed(shape), strict=False)
    )
    if not fits:
        raise ShapeError(
            f"x.at[index].{how}: values of shape {have} do not broadcast to x[index], which has "
            f"shape {shape}. Remedy: pass a scalar or reshape the values."
        )
    return ops.broadcast_to(update, shape=shape)


_RANK = {"b": 0, "i": 1, "u": 1, "f": 2, "V": 2, "c": 3}


def _as_update(values: Any, x: Array, how: str) -> Array:
    """Values in the dtype of x, which an update never changes."""
    if isinstance(values, SCALAR_TYPES):
        dtype = scalar_dtype(values)
    else:
        is_sequence = isinstance(values, (list, tuple))
        values = asarray(values) if is_sequence else as_array(values, f"x.at[...].{how}", "values")
        dtype = values.dtype
    if _RANK[dtype.kind] > _RANK[x.dtype.kind]:
        raise DtypeError(
            f"x.at[...].{how}: x is {x.dtype.name}, which cannot hold values of dtype "
            f"{dtype.name}. Remedy: convert x first with x.astype({dtype.name!r}), or the values "
            f"with .astype({x.dtype.name!r})."
        )
    return cast(values, x.dtype) if isinstance(values, Array) else const(values, x.dtype)
