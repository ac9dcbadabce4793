"""Reading and writing ``x[...]``: views for the basic part of an index, then index tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from functorch_lite.torch._core.dtypes import FROM_NP
from functorch_lite.torch._core.dtypes import dtype as DType
from functorch_lite.torch._core.foreign import refuse_foreign
from functorch_lite.torch._core.grad_mode import mode
from functorch_lite.torch._core.inplace import no_overlap
from functorch_lite.torch._core.node import needs_grad
from functorch_lite.torch._core.public import override, overrides
from functorch_lite.torch._core.tensor import Tensor, Version, make, share
from functorch_lite.torch._core.view import alias, inherit
from functorch_lite.torch._ops import (
    index_along,
    index_diag,
    index_embedding,
    index_fill,
    index_find,
    index_move,
    index_reduce,
    index_rows,
)
from functorch_lite.torch._ops.index_fill import fill_with
from functorch_lite.torch._ops.index_key import as_items
from functorch_lite.torch._ops.index_put import indexed, put_into
from functorch_lite.torch._ops.index_write import as_value
from functorch_lite.torch._ops.select_basic import selected, sliced
from functorch_lite.torch._ops.shape import expanded, unsqueeze

__all__ = [
    "getitem", "index_along", "index_diag", "index_embedding", "index_fill", "index_find",
    "index_move", "index_reduce", "index_rows", "setitem",
]  # fmt: skip

ALL = slice(None)
NUMBERS = (bool, int, float, complex)
Entries = list["Tensor | None"]


# --------------------------------------------------------------------------------------- reading
def getitem(self: Tensor, index: Any) -> Tensor:
    """Elements by position: views for ints and slices, copies for index tensors and masks.

    Args:
        index: ints, slices, None, Ellipsis, bools, tensors, sequences, NumPy arrays.

    Raises:
        IndexError: an index is outside its dimension, or none at all.

    >>> import functorch_lite.torch as torch
    >>> x = torch.tensor([[1, 2], [3, 4]])
    >>> x[:, 1].tolist(), x[torch.tensor([1, 1]), 0].tolist()
    ([2, 4], [3, 3])

    Source: ``torch.Tensor.__getitem__``.
    """
    if overrides.known:
        handled = override(getitem, (self, index), {})
        if handled is not NotImplemented:
            return handled
    if index.__class__ is int:
        shape = self._np.shape
        if shape and -shape[0] <= index < shape[0]:
            return selected(self, 0, index)
        raise _outside(index, 0, shape)
    if index is None:
        return unsqueeze(self, 0)
    if index.__class__ is Tensor and index._np.ndim:
        if _span(index) > self._np.ndim:
            raise _too_many(self._np.ndim)
        return indexed(self, [index])
    items = as_items(index)
    out, entries = _viewed(self, items)
    if entries is not None:
        return indexed(out, entries)
    return alias(out) if out is self else out


def _too_many(ndim: int) -> IndexError:
    return IndexError(f"too many indices for tensor of dimension {ndim}")


def _outside(place: int, dim: int, shape: Sequence[int]) -> Exception:
    if not shape:
        return IndexError(
            "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or "
            "`tensor.item<T>()` in C++ to convert a 0-dim tensor to a number"
        )
    if not -(2**63) <= place < 2**63:
        return ValueError("Overflow when unpacking long long")
    n = shape[dim]
    return IndexError(f"index {place} is out of bounds for dimension {dim} with size {n}")


def _used(items: Sequence[Any]) -> int:
    """How many dimensions an index speaks of."""
    count = 0
    for item in items:
        cls = item.__class__
        if cls is int or cls is slice:
            count += 1
        elif isinstance(item, Tensor):
            array = item._np
            mask = array.dtype.kind == "b" or array.dtype == np.uint8
            count += array.ndim if mask else 1
        elif item is not None and item is not Ellipsis and item.__class__ is not bool:
            count += 1
    return count


def _viewed(t: Tensor, items: Sequence[Any]) -> tuple[Tensor, Entries | None]:
    """The view that the basic part of an index makes, and the index tensors for its dimensions."""
    shape = t._np.shape
    total = len(shape)
    left = total - _used(items)
    if left < 0:
        raise IndexError(
            "slice() cannot be applied to a 0-dim tensor."
            if not shape and len(items) == 1 and items[0].__class__ is slice
            else f"too many indices for tensor of dimension {len(shape)}"
        )
    if mode.enabled and needs_grad(t):
        return _step_by_step(t, items, left)
    array = t._np
    strides, item_size = array.strides, array.itemsize
    key: list[Any] = []
    entries: Entries | None = None
    offset = at = 0
    dim = 0  # of the view
    moved = False
    for item in items:
        cls = item.__class__
        if cls is int:
            n = shape[at]
            if not -n <= item < n:
                raise _outside(item, at, shape)
            moved = True
            offset += (item + n if item < 0 else item) * strides[at]
            key.append(item)
            at += 1
        elif cls is slice:
            if item == ALL:
                key.append(ALL)
            else:
                n = shape[at]
                first, last, step = _bounds(item, n)
                if first or last != n or step != 1:
                    moved = True
                offset += first * strides[at]
                key.append(slice(first, last, step))
            at += 1
            dim += 1
        elif item is None or cls is bool:
            return _step_by_step(t, items, total - _used(items))
        elif item is Ellipsis:
            key.extend([ALL] * left)
            at += left
            dim += left
            left = 0
        else:
            entries = _recorded(entries, dim, item)
            span = _span(item)
            key.extend([ALL] * span)
            at += span
            dim += span
    if not moved:
        return t, entries
    key.append(Ellipsis)
    out = share(t, array[tuple(key)], t._offset + offset // item_size)
    return inherit(t, out, "", _unused), entries


def _unused(g: Tensor) -> Tensor:
    raise AssertionError("the view was made outside of the graph")


def _bounds(s: slice, n: int) -> tuple[int, int, int]:
    first, last, step = s.indices(n)
    if step < 0:
        raise ValueError("step must be greater than zero")
    return first, max(first, last), step


def _span(item: Tensor) -> int:
    array = item._np
    return array.ndim if array.dtype.kind == "b" or array.dtype == np.uint8 else 1


def _recorded(entries: Entries | None, dim: int, item: Tensor) -> Entries:
    """The index tensors with one more, for a dimension of the view."""
    found: Entries = [] if entries is None else entries
    have = sum(1 if e is None else _span(e) for e in found)
    found.extend([None] * (dim - have))
    found.append(item)
    return found


def _step_by_step(t: Tensor, items: Sequence[Any], left: int) -> tuple[Tensor, Entries | None]:
    """The same with one view, and one node, per step."""
    shape = t._np.shape
    entries: Entries | None = None
    out = t
    dim = at = 0
    for item in items:
        cls = item.__class__
        if cls is int:
            n = shape[at]
            if not -n <= item < n:
                raise _outside(item, at, shape)
            out = selected(out, dim, item)
            at += 1
        elif cls is slice:
            first, last, step = _bounds(item, shape[at])
            if first or last != shape[at] or step != 1 or len(items) == 1:
                out = sliced(out, dim, first, last, step)
            at += 1
            dim += 1
        elif item is Ellipsis:
            dim += left
            at += left
            left = 0
        elif item is None:
            out = unsqueeze(out, dim)
            dim += 1
        elif cls is bool:
            out = unsqueeze(out, dim)
            entries = _recorded(entries, dim, make(np.array([item])))
            dim += 1
        else:
            entries = _recorded(entries, dim, item)
            span = _span(item)
            at += span
            dim += span
    return out, entries


# --------------------------------------------------------------------------------------- writing
def setitem(self: Tensor, index: Any, value: Any) -> None:
    """Write to elements by position; a value is broadcast to what is written to.

    Args:
        index: as for reading.
        value: a number or a tensor.

    Raises:
        IndexError: an index is outside its dimension, or none at all.
        TypeError: the value is neither a number nor a tensor.
        RuntimeError: its shape does not fit.

    Source: ``torch.Tensor.__setitem__``.
    """
    if overrides.known:
        handled = override(setitem, (self, index, value), {})
        if handled is not NotImplemented:
            return
    if not mode.enabled or not (
        needs_grad(self) or (isinstance(value, Tensor) and needs_grad(value))
    ):
        if _quick(self, index, value):
            return
    if not isinstance(value, (Tensor, *NUMBERS)):
        refuse_foreign("__setitem__", (value,))
        raise TypeError(f"can't assign a {_type_name(value)} to a {_tensor_type(self)}")
    if index.__class__ is bool:
        if index:
            _assign(unsqueeze(self, 0), value)
        return
    items = as_items(index)
    if len(items) == 1 and items[0].__class__ is bool and not isinstance(index, tuple):
        if items[0]:
            _assign(unsqueeze(self, 0), value)
        return
    if len(items) == 1 and (items[0] is Ellipsis or items[0] == ALL):
        if items[0] is not Ellipsis and not self._np.ndim:
            raise IndexError("slice() cannot be applied to a 0-dim tensor.")
        _assign(self, value)
        return
    out, entries = _viewed(self, items)
    if entries is None:
        _assign(out, value)
        return
    if not isinstance(value, Tensor):
        value = make(np.asarray(_element(value, self.dtype)))
    put_into(out, entries, _without_ones(value, out), False)


def _quick(t: Tensor, index: Any, value: Any) -> bool:
    """Write straight into the memory if nothing is recorded and NumPy does as PyTorch does."""
    cls = index.__class__
    if cls is tuple:
        for each in index:
            if each.__class__ is not int and (each.__class__ is not slice or each.step is not None):
                return False
    elif cls is slice:
        if index.step is not None:
            return False
    elif cls is Tensor:
        index = index._np
        kind = index.dtype.kind
        if not index.ndim or not (
            index.dtype == np.int64 or kind == "b" and index.shape == t._np.shape[: index.ndim]
        ):
            return False
    elif cls is not int:
        return False
    array = t._np
    if t._inference or 0 in array.strides:
        return False
    if isinstance(value, Tensor):
        data = value._np
        if (
            data.dtype != array.dtype
            or (value._memory is not None and value._memory is t._memory)
            or data is array
        ):
            return False
    else:
        kind = value.__class__
        if kind is float:
            if array.dtype.kind != "f" or array.itemsize < 8 and not (
                array.itemsize == 4 and -3e38 < value < 3e38
            ):  # fmt: skip
                return False
        elif (
            kind is not int
            or not -1e9 < value < 1e9
            or array.dtype.kind != "f"
            or array.itemsize < 4
        ):
            return False
        data = value
    try:
        array[index] = data
    except (IndexError, ValueError, TypeError, OverflowError):
        return False  # done again with the checks that say what is wrong
    found = t._version_of
    if found is None:
        t._version_of = found = Version()
    found.count += 1
    return True


def _type_name(value: Any) -> str:
    cls = type(value)
    return cls.__name__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__name__}"


def _tensor_type(t: Tensor) -> str:
    return f"torch.{FROM_NP[t._np.dtype].scalar_name}Tensor"


def _without_ones(value: Tensor, target: Tensor) -> Tensor:
    """A value without leading dimensions of size 1 that the target has not."""
    shape = value._np.shape
    extra = len(shape)
    first = 0
    while first < extra and shape[first] == 1:
        first += 1
    if not first:
        return value
    return value.view(shape[first:])


def _element(value: Any, dtype: DType) -> Any:
    """A number as raw value, with the checks of a new tensor of the dtype."""
    if value.__class__ is int and not -(2**63) <= value < 2**64:
        raise ValueError("Overflow when unpacking long long")
    return as_value(value, dtype, True)


def _assign(target: Tensor, value: Any) -> None:
    """Write a value to all elements of a view."""
    if not isinstance(value, Tensor):
        no_overlap(target._np)
        fill_with(target, make(np.asarray(_element(value, target.dtype))), "FillBackward3")
        return
    if not value._np.ndim and target._np.ndim:
        no_overlap(target._np)
        fill_with(target, value, "FillBackward3")
        return
    if value._np.shape != target._np.shape:
        value = expanded(_without_ones(value, target), target._np.shape)
    target.copy_(value)


def _delitem(self: Tensor, index: Any) -> None:
    raise TypeError("Tensor does not support deleting items")


Tensor.__getitem__ = getitem  # type: ignore[misc]
Tensor.__setitem__ = setitem  # type: ignore[index]
Tensor.__delitem__ = _delitem  # type: ignore[attr-defined]
