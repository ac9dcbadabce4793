"""Whole slices by a vector of positions: index_select, index_add and its kin, take, put."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite.torch._core.dtypes import FROM_NP
from functorch_lite.torch._core.inplace import no_overlap
from functorch_lite.torch._core.op import wants_grad
from functorch_lite.torch._core.public import method, public
from functorch_lite.torch._core.tensor import Tensor, is_symbol, make, zeros_for
from functorch_lite.torch._ops.index_key import Key
from functorch_lite.torch._ops.index_put import add_at
from functorch_lite.torch._ops.index_write import (
    apart,
    as_value,
    keeping,
    write_at,
    write_copy,
)
from functorch_lite.torch._ops.shape import dimension

__all__ = ["beyond", "rows_added"]

ALL = slice(None)
_UNSIGNED = {8: np.dtype(np.uint64), 4: np.dtype(np.uint32)}


def beyond(index: Any, n: int) -> int | None:
    """The first raw index that is not below ``n``, or negative; None if there is none."""
    if is_symbol(index):
        index.within(n)
        return None
    if not index.size or int(index.view(_UNSIGNED[index.itemsize]).max()) < n:
        return None
    flat = index.reshape(-1)
    return int(flat[(flat < 0) | (flat >= n)][0])


def _vector(index: Tensor, name: str) -> Any:
    """The raw positions of a vector."""
    array = index._np
    if array.ndim > 1:
        raise IndexError(
            f"{name}(): Index is supposed to be a vector"
            if name == "index_select" else
            f"{name}(): Index is supposed to be a vector, but got dim: {array.ndim} with type: "
            f"{index.dtype.scalar_name} and size: {list(array.shape)}"
        )  # fmt: skip
    return array.reshape(-1)


def _at(dim: int, rows: Any) -> tuple[Any, ...]:
    return (*(ALL,) * dim, rows)


def _without(shape: tuple[int, ...], at: int) -> list[int]:
    return [*shape[:at], *shape[at + 1 :]]


# --------------------------------------------------------------------------------------- reading
@public("index_select", out=True)
def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """The slices at some positions of a dimension.

    Args:
        index: int32 or int64, a vector.

    Raises:
        IndexError: a position is outside the dimension.

    >>> import functorch_lite.torch as torch
    >>> torch.index_select(torch.tensor([5, 6, 7]), 0, torch.tensor([2, 0])).tolist()
    [7, 5]

    Source: ``torch.index_select``.
    """
    array = input._np
    at = dimension(dim, array.ndim)
    if index._np.dtype.name not in ("int64", "int32"):
        _vector(index, "index_select")
        raise RuntimeError("index_select(): Expected dtype int32 or int64 for index")
    rows = _vector(index, "index_select")
    shape = array.shape
    if not shape and rows.size != 1:
        raise RuntimeError(
            f"index_select(): Index to scalar can have only 1 value, got {rows.size} value(s)"
        )
    if beyond(rows, shape[at] if shape else 1) is not None:
        raise IndexError("index out of range in self")
    data = array.take(rows, at, None, "clip") if shape else array.copy()
    if not data.flags.c_contiguous:
        data = np.ascontiguousarray(data)
    return keeping(
        data, "IndexSelectBackward0", (input,), (index,), lambda g, i: rows_added(g, at, i, shape)
    )


def rows_added(g: Tensor, dim: int, index: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Zeros of a shape with the slices of a tensor added at positions of a dimension."""
    array = g._np
    if not shape:
        return g.sum()
    data = zeros_for(array, shape)
    add_rows(data, dim, index._np.reshape(-1), array)
    return keeping(data, "IndexAddBackward0", (g,), (index,), lambda h, i: index_select(h, dim, i))


def add_rows(data: Any, dim: int, rows: Any, values: Any) -> None:
    """Add raw slices at raw positions of a dimension."""
    if is_symbol(data):
        add_at(data, Key(_at(dim, rows), False), values)
        return
    if rows.size == 1:
        part = data[_at(dim, int(rows[0]))]
        if data.ndim > 1:
            part += values[_at(dim, 0)]
        else:
            data[int(rows[0])] += values[0]
        return
    if values.size < 2048 or values.size < 8 * rows.size:
        add_at(data, Key(_at(dim, rows), False), values)
        return
    # Equal positions side by side, so that whole slices add up in few steps.
    order = rows.argsort(kind="stable")
    line = rows[order]
    starts = np.flatnonzero(np.r_[True, line[1:] != line[:-1]])
    front, given = np.moveaxis(data, dim, 0), np.moveaxis(values, dim, 0)
    if starts.size == rows.size:
        front[rows] += given
    else:
        front[line[starts]] += np.add.reduceat(given[order], starts, 0)


@public("take", out=True)
def take(input: Tensor, index: Tensor) -> Tensor:
    """The elements at positions of the flattened tensor; negative ones count from the end.

    Source: ``torch.take``.
    """
    rows = _long(index, "take")
    array = input._np
    shape = array.shape
    _check_flat(rows, array.size)
    data = array.reshape(-1)[rows]

    def backward(g: Tensor, index: Tensor) -> Tensor:
        zeros = make(np.zeros(shape, g._np.dtype))
        return put(zeros, index, g, True)

    return keeping(data, "TakeBackward0", (input,), (index,), backward)


def _long(index: Tensor, name: str) -> Any:
    array = index._np
    if array.dtype != np.int64:
        raise RuntimeError(
            f"{name}(): Expected a long tensor for index, but got {index.dtype.scalar_name}"
        )
    return array


def _check_flat(rows: Any, n: int) -> None:
    if rows.size:
        low, high = int(rows.min()), int(rows.max())
        if low < -n or high >= n:
            bad = next(int(v) for v in rows.reshape(-1) if not -n <= v < n)
            raise IndexError(
                f"out of range: tried to access index {bad} on a tensor of {n} elements."
            )


# --------------------------------------------------------------------------------------- writing
Plan = tuple[Any, str, Any, Callable[[Any], None], Any]


def _publish(name: str, plan: Callable[..., Plan], keep: bool, overlap: bool = False) -> None:
    """``name`` and ``name_`` from what to write and the gradients."""

    def outside(input: Tensor, *args: Any, **options: Any) -> Tensor:
        others, node, backward, change, saved = plan(input, *args, **options)
        return write_copy(input, others, node, backward, change, saved, keep=keep)

    def inside(self: Tensor, *args: Any, **options: Any) -> Tensor:
        others, node, backward, change, saved = plan(self, *args, **options)
        if not overlap:
            no_overlap(self._np)
        apart(self, others)
        return write_at(self, others, node, backward, change, saved)

    for f, own in ((outside, name), (inside, f"{name}_")):
        functools.update_wrapper(f, plan)
        f.__name__ = own
        f.__doc__ = plan.__doc__
        parameters = list(inspect.signature(plan).parameters.values())
        f.__signature__ = inspect.Signature(parameters)  # type: ignore[union-attr]
    public(name, out=True)(outside)
    method(f"{name}_")(inside)


def _index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Any = 1) -> Plan:
    """Slices added at positions of a dimension, times ``alpha``. Source: ``torch.index_add``."""
    array = input._np
    at = dimension(dim, array.ndim)
    if source._np.dtype != array.dtype:
        raise RuntimeError(
            f"index_add_(): self ({input.dtype.scalar_name}) and source "
            f"({source.dtype.scalar_name}) must have the same scalar type"
        )
    if index._np.dtype.name not in ("int64", "int32"):
        raise RuntimeError("index_add_(): Expected dtype int32/int64 for index")
    rows = _vector(index, "index_add_")
    values = source._np
    n = values.shape[at] if values.ndim else 1
    if rows.size != n:
        raise RuntimeError(
            f"index_add_(): Number of indices ({rows.size}) should be equal to "
            f"source.size(dim): ({n}), for dim: {at}"
        )
    if _without(array.shape, at) != _without(values.shape, at) or (values.ndim and not array.ndim):
        raise RuntimeError(
            "source tensor shape must match self tensor shape, excluding the specified dimension. "
            f"Got self.shape = {list(array.shape)} source.shape = {list(values.shape)}"
        )
    bad = beyond(rows, array.shape[at] if array.ndim else 1)
    if bad is not None:
        raise RuntimeError(
            f"index {bad} is out of bounds for dimension {at} with size {array.shape[at]}"
            if array.ndim else "index out of range in self"
        )  # fmt: skip
    scaled = values if alpha == 1 else values * as_value(alpha, input.dtype)

    def change(target: Any) -> None:
        if target.ndim:
            add_rows(target, at, rows, scaled)
        else:
            target[...] = np.add.reduce(scaled, None, target.dtype) + target

    wanted = wants_grad((source,))
    size = values.shape

    def backward(g: Tensor, index: Tensor) -> tuple[Tensor, Tensor | None]:
        if not wanted:
            return g, None
        back = index_select(g, at, index).reshape(size)
        return g, back if alpha == 1 else back * alpha

    return (source,), "IndexAddBackward0", backward, change, (index,)


def _index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Plan:
    """Slices written at positions of a dimension. Source: ``torch.index_copy``."""
    array = input._np
    at = dimension(dim, array.ndim)
    rows = _vector(index, "index_copy_")
    values = source._np
    if values.ndim and array.ndim and values.ndim != array.ndim:
        raise IndexError(
            "index_copy_(): When source and destination are not scalars, their dimensionality must "
            f"match. Source dimensionality ({values.ndim}), destination dimensionality "
            f"({array.ndim})"
        )
    _long(index, "index_copy_")
    if values.dtype != array.dtype:
        raise RuntimeError(
            "index_copy_(): self and source expected to have the same dtype, but got (self) "
            f"{input.dtype.scalar_name} and (source) {source.dtype.scalar_name}"
        )
    n = values.shape[at] if values.ndim else 1
    if _without(array.shape, at) != _without(values.shape, at):
        raise RuntimeError(
            "index_copy_(): Source/destination tensor must have same slice shapes. Destination "
            f"slice shape: {_without(array.shape, at)} at dimension {at} and source slice shape: "
            f"{_without(values.shape, at)} at dimension {at if values.ndim else 0}."
        )
    if rows.size != n:
        raise IndexError(
            f"index_copy_(): Number of indices ({rows.size}) should be equal to source.size(dim) "
            f"({n})"
        )
    bad = beyond(rows, array.shape[at] if array.ndim else 1)
    if bad is not None:
        raise IndexError(
            f"index_copy_(): index {bad} is out of bounds for dimension {at} with size "
            f"{array.shape[at] if array.ndim else 1}"
        )

    def change(target: Any) -> None:
        if target.ndim:
            target[_at(at, rows)] = values
        else:
            target[...] = values.reshape(())

    wanted = wants_grad((source,))
    size = values.shape

    def backward(g: Tensor, index: Tensor) -> tuple[Tensor, Tensor | None]:
        own = g.index_fill(at, index, 0)
        return own, index_select(g, at, index).reshape(size) if wanted else None

    return (source,), "IndexCopyBackward0", backward, change, (index,)


def _index_fill(input: Tensor, dim: int, index: Tensor, value: Any) -> Plan:
    """A number written at positions of a dimension. Source: ``torch.index_fill``."""
    array = input._np
    at = dimension(dim, array.ndim)
    if index._np.dtype != np.int64:
        raise IndexError("index_fill_(): Expected dtype int64 for index.")
    if isinstance(value, Tensor) and value._np.ndim:
        raise RuntimeError(
            "index_fill_ only supports a 0-dimensional value tensor, but got tensor with "
            f"{value._np.ndim} dimension(s)."
        )
    rows = _vector(index, "index_fill_")
    n = array.shape[at] if array.ndim else 1
    for v in rows[(rows < -n) | (rows >= n)][:1]:
        raise IndexError(f"index {v} is out of bounds for dimension {at} with size {n}")
    dtype = FROM_NP[array.dtype]
    raw = value._np.astype(array.dtype) if isinstance(value, Tensor) else as_value(value, dtype)

    def change(target: Any) -> None:
        if target.ndim:
            target[_at(at, rows)] = raw
        elif rows.size:
            target[...] = raw

    if isinstance(value, Tensor):
        wanted = wants_grad((value,))

        def both(g: Tensor, index: Tensor) -> tuple[Tensor, Tensor | None]:
            own = g.index_fill(at, index, 0)
            if not wanted:
                return own, None
            once = make(np.unique(index._np.reshape(-1) % n))
            return own, index_select(g, at, once).sum()

        return (value,), "IndexFillBackward1", both, change, (index,)
    return (), "IndexFillBackward0", lambda g, i: g.index_fill(at, i, 0), change, (index,)


def _put(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Plan:
    """Elements written, or added, at positions of the flattened tensor. Source: ``torch.put``."""
    rows = _long(index, "put_")
    array, values = input._np, source._np
    if values.dtype != array.dtype:
        raise RuntimeError(
            f"put_(): self and source expected to have the same dtype, but got self.dtype = "
            f"{input.dtype.scalar_name} and source.dtype = {source.dtype.scalar_name}"
        )
    if values.size != rows.size:
        raise IndexError(
            "put_(): Expected source and index to have the same number of elements, but got "
            f"source.numel() = {values.size}, index.numel() = {rows.size}"
        )
    _check_flat(rows, array.size)

    def change(target: Any) -> None:
        flat = rows.reshape(-1)
        given = values.reshape(-1)
        if target.flags.c_contiguous:
            line = target.reshape(-1)
            if accumulate:
                np.add.at(line, flat, given)
            else:
                line[flat] = given
            return
        places = np.unravel_index(np.where(flat < 0, flat + target.size, flat), target.shape)
        if accumulate:
            np.add.at(target, places, given)
        else:
            target[places] = given

    wanted = wants_grad((source,))
    size = values.shape

    def backward(g: Tensor, index: Tensor) -> tuple[Tensor, Tensor | None]:
        own = g
        if not accumulate:
            own = put(g, index, make(np.zeros(index._np.shape, g._np.dtype)), False)
        return own, take(g, index).reshape(size) if wanted else None

    return (source,), "PutBackward0", backward, change, (index,)


_publish("index_add", _index_add, False)
_publish("index_copy", _index_copy, False)
_publish("index_fill", _index_fill, True, True)
_publish("put", _put, True)
put: Callable[..., Tensor] = Tensor.put  # type: ignore[attr-defined]
