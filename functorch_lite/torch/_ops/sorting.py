"""Sorting, and the elements at a place of the order: the largest few, the k-th, the median."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.torch import return_types
from functorch_lite.torch._core.grad_mode import mode as grad_mode
from functorch_lite.torch._core.keeping import keep, keep_result
from functorch_lite.torch._core.node import needs_grad
from functorch_lite.torch._core.out_rules import check_apart
from functorch_lite.torch._core.public import public
from functorch_lite.torch._core.tensor import Tensor, is_symbol, make
from functorch_lite.torch._ops.axes import add_all, one_axis, rows, wrong_arguments
from functorch_lite.torch._ops.copying import empty_as
from functorch_lite.torch._ops.creation import with_strides
from functorch_lite.torch._ops.extremes import refuse_empty
from functorch_lite.torch._ops.places import results_at
from functorch_lite.torch.return_types import results_in

__all__ = ["argsort", "comparable", "kthvalue", "msort", "order_of", "sort", "topk"]

_FLOAT32 = np.dtype(np.float32)
_UNSET: Any = object()
_PACKED = 1 << 11
_ROUNDS = 16
_PARTITION = 64
"""Elements per line from which on the largest few are separated before they are sorted."""


def comparable(array: Any) -> Any:
    """Values that NumPy sorts as PyTorch does, NaN last: half precision in single precision."""
    if array.dtype.kind == "f" and array.dtype.itemsize > 2 or array.dtype.kind in "biu":
        return array
    return array.astype(_FLOAT32)


def order_of(array: Any, axis: int, descending: bool = False) -> Any:
    """The positions of the elements in their order along an axis; stable, NaN is the largest."""
    keys = comparable(array)
    if keys.size >= _PACKED and keys.itemsize <= 4 and keys.dtype != np.uint32:
        return _packed_order(keys, axis, descending)
    if not descending:
        return keys.argsort(axis, "stable")
    # Equal elements keep their order when both the values and the result are turned round.
    turn = (slice(None),) * axis + (slice(None, None, -1),)
    return array.shape[axis] - 1 - keys[turn].argsort(axis, "stable")[turn]


def _packed_order(keys: Any, axis: int, descending: bool) -> Any:
    """The order by sorting integers that hold value and position: NumPy sorts these much faster."""
    if keys.dtype.kind == "f":
        bits = (keys + np.float32(0)).view(np.int32)  # one zero, not two
        bits = bits ^ ((bits >> 31) & 0x7FFFFFFF)
        bits[np.isnan(keys)] = 0x7FFFFFFF
        packed = bits.astype(np.int64)
    else:
        packed = keys.astype(np.int64)
    if descending:
        packed = ~packed
    size = [1] * keys.ndim
    size[axis] = keys.shape[axis]
    packed <<= 32
    packed |= np.arange(keys.shape[axis]).reshape(size)
    packed.sort(axis)
    packed &= 0xFFFFFFFF
    return packed


# -------------------------------------------------------------------------------------------- sort
def _sorted(t: Tensor, dim: Any, descending: bool, node: str) -> Any:
    array = t._np
    axis = one_axis(dim, array.ndim, "sort")
    if array.dtype.kind == "c":
        raise RuntimeError(" Sort does not support complex dtypes on CPU")
    at = np.zeros((), np.int64) if not array.ndim else order_of(array, axis, descending)
    made = results_at(return_types.sort, node, t, rows(at), axis)
    if not array.flags.c_contiguous:
        stride = empty_as(t)
        for each in made:
            each._np = with_strides(each._np, stride)
    return made


@public()
def sort(
    input: Tensor, dim: int = -1, descending: bool = False, stable: Any = _UNSET, *, out: Any = None
) -> Any:
    """The elements in their order along a dimension, and where they were.

    Equal elements keep their order, whether or not ``stable`` is asked for; NaN is the largest.

    Returns:
        a tuple of ``values`` and int64 ``indices``.

    Raises:
        RuntimeError: the tensor is complex.

    >>> import functorch_lite.torch as torch
    >>> torch.sort(torch.tensor([3, 1, 2])).indices
    tensor([1, 2, 0])

    Source: ``torch.sort``.
    """
    if dim.__class__ is bool:
        raise wrong_arguments("sort", dim)
    node = "SortBackward0" if stable is _UNSET else "SortBackward1"
    made = _sorted(input, dim, descending, node)
    return made if out is None else results_in(made, out)


@public()
def argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Tensor:
    """Where the elements are, in their order along a dimension.

    Returns:
        int64; equal elements keep their order, NaN is the largest.

    Source: ``torch.argsort``.
    """
    return _sorted(make(input._np), dim, descending, "")[1]


@public(out=True)
def msort(input: Tensor) -> Tensor:
    """The elements in their order along the first dimension. Source: ``torch.msort``."""
    return _sorted(input, 0, False, "SortBackward0")[0]


# -------------------------------------------------------------------------------- the largest few
@public()
def topk(
    input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True, *,
    out: Any = None,
) -> Any:  # fmt: skip
    """The ``k`` largest or smallest elements along a dimension, in their order, and their places.

    Returns:
        a tuple of ``values`` and int64 ``indices``.

    Raises:
        RuntimeError: there are no ``k`` elements, or the tensor is bool.

    >>> import functorch_lite.torch as torch
    >>> torch.topk(torch.tensor([3, 1, 2]), 2).values
    tensor([3, 2])

    Source: ``torch.topk``.
    """
    array = input._np
    axis = one_axis(dim, array.ndim, "topk")
    length = array.shape[axis] if array.ndim else 1
    if not 0 <= k <= length:
        raise RuntimeError("selected index k out of range")
    if array.dtype.kind in "bc":
        kind = "bool" if array.dtype.kind == "b" else "complex"
        raise RuntimeError(f"topk does not support {kind} dtypes on CPU")
    if not array.ndim:
        at = np.zeros((), np.int64)
    else:
        at = rows(_first(comparable(array), k, axis, largest))
    made = results_at(return_types.topk, "TopkBackward0", input, at, axis)
    return made if out is None else results_in(made, out)


def _first(keys: Any, k: int, axis: int, largest: bool) -> Any:
    """Where the first ``k`` elements of an order are."""
    length = keys.shape[axis]
    head = (slice(None),) * axis + (slice(k),)
    if k <= _ROUNDS and keys.size >= _PACKED and length >= _PARTITION and not is_symbol(keys):
        quick = _by_rounds(keys, k, axis, largest)
        if quick is not None:
            return quick
    if length < _PARTITION or k > length // 4 or not k:
        return order_of(keys, axis, largest)[head]
    if largest:
        found = np.argpartition(keys, length - k, axis)
        found = found[(slice(None),) * axis + (slice(length - k, None),)]
    else:
        found = np.argpartition(keys, k - 1, axis)[head]
    found = np.sort(found, axis)
    order = order_of(np.take_along_axis(keys, found, axis), axis, largest)
    return np.take_along_axis(found, order, axis)


def _by_rounds(keys: Any, k: int, axis: int, largest: bool) -> Any:
    """The positions of a few extremes, one after the other; None where that does not tell them."""
    lines = np.ascontiguousarray(np.moveaxis(keys, axis, -1))
    shape = lines.shape
    lines = lines.reshape(-1, shape[-1])
    if lines is keys or np.may_share_memory(lines, keys):
        lines = lines.copy()
    if keys.dtype.kind == "f":
        if not largest and np.isnan(lines).any():
            return None
        last: Any = -np.inf if largest else np.inf
    else:
        limits = np.iinfo(keys.dtype)
        last = limits.min if largest else limits.max
    find = np.argmax if largest else np.argmin
    every = np.arange(len(lines))
    found = np.empty((len(lines), k), np.int64)
    for i in range(k):
        at = found[:, i] = find(lines, 1)
        if (lines[every, at] == last).any():  # what has been taken looks the same
            return None
        lines[every, at] = last
    return np.moveaxis(found.reshape(*shape[:-1], k), -1, axis)


@public()
def kthvalue(
    input: Tensor, k: int, dim: int = -1, keepdim: bool = False, *, out: Any = None
) -> Any:
    """The ``k``-th smallest element along a dimension, counted from 1, and where it is.

    Returns:
        a tuple of ``values`` and int64 ``indices``.

    Raises:
        RuntimeError: there is no such element.

    Source: ``torch.kthvalue``.
    """
    array = input._np
    axis = one_axis(dim, array.ndim, "kthvalue")
    length = array.shape[axis] if array.ndim else 1
    if array.ndim:
        refuse_empty(array.shape, (axis,), "kthvalue()")
    if not 1 <= k <= length:
        raise RuntimeError(f"kthvalue(): selected number k out of range for dimension {axis}")
    _refuse(input, "kthvalue_cpu")
    if not array.ndim:
        at = np.zeros((), np.int64)
    else:
        at = _kth(comparable(array), k - 1, axis)
    made = results_at(return_types.kthvalue, "KthvalueBackward0", input, at, axis, keepdim)
    if out is not None:
        check_apart("kthvalue", out[0], (input,))
    return made if out is None else results_in(made, out)


def _kth(keys: Any, k: int, axis: int) -> Any:
    return rows(np.take(np.argpartition(keys, k, axis), [k], axis))


def _refuse(t: Tensor, kernel: str, kinds: str = "bc") -> None:
    if t._np.dtype.kind in kinds:
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{t.dtype.scalar_name}'")


# ------------------------------------------------------------------------------------------ medians
def _median_at(array: Any, axis: int, skip_nan: bool) -> Any:
    """Where the lower median of each line is."""
    keys = comparable(array)
    order = np.argsort(keys, axis, kind="stable")
    length = array.shape[axis]
    half = (length - 1) // 2
    if keys.dtype.kind != "f":
        return rows(np.take(order, [half], axis))
    nan = np.isnan(keys)
    count = add_all(nan, axis, np.int64, None, True)
    if skip_nan:
        middle = np.maximum(length - count - 1, 0) // 2
    else:
        # The first NaN of a line is its median.
        middle = np.where(count > 0, length - count, half)
    return rows(np.take_along_axis(order, middle, axis))


def _median(name: str, skip_nan: bool, what: str) -> None:
    kind = getattr(return_types, name)
    nodes = f"{name.capitalize()}Backward0", f"{name.capitalize()}Backward1"

    def function(
        input: Tensor, dim: int | None = None, keepdim: bool = False, *, out: Any = None
    ) -> Any:
        array = input._np
        if dim is None:
            if out is not None:
                raise TypeError(f'{name}() missing 1 required positional arguments: "dim"')
            _refuse(input, "median_cpu")
            return _overall(input, skip_nan, nodes[0])
        axis = one_axis(dim, array.ndim, name)
        _refuse(input, "median_out")
        if array.ndim:
            refuse_empty(array.shape, (axis,), f"{name}()")
            at = _median_at(array, axis, skip_nan) if array.size else np.zeros(
                array.shape[:axis] + (1,) + array.shape[axis + 1 :], np.int64
            )  # fmt: skip
        else:
            at = np.zeros((), np.int64)
        made = results_at(kind, nodes[1], input, at, axis, keepdim)
        return made if out is None else results_in(made, out)

    function.__name__ = name
    function.__doc__ = (
        f"The lower median {what}: of all elements, or along a dimension with its place.\n\n"
        "    Returns:\n        a tensor, or for a dimension a tuple of ``values`` and int64 "
        "``indices``.\n\n"
        f"    Source: ``torch.{name}``.\n    "
    )
    public(name)(function)


def _overall(t: Tensor, skip_nan: bool, node: str) -> Tensor:
    """The lower median of all elements."""
    array = t._np
    if array.size:
        value = _median_value(comparable(array.reshape(-1)), skip_nan).astype(array.dtype)
    else:
        lowest = np.nan if array.dtype.kind not in "iu" else np.iinfo(array.dtype).min
        value = np.array(lowest, array.dtype)
    out = make(value)
    if grad_mode.enabled and needs_grad(t):
        keep_result(out, keep(node, (t,), (t,), _shared))
    return out


def _shared(g: Any, x: Tensor, median: Tensor) -> Any:
    """Equal elements share the gradient, as with the largest of all."""
    array, value = x._np, median._np
    here = np.isnan(array) if np.isnan(value) else array == value
    return g * make((here / max(here.sum(), 1)).astype(array.dtype))


def _median_value(keys: Any, skip_nan: bool) -> Any:
    """The lower median of flat values; the order itself is not needed."""
    if keys.dtype.kind == "f":
        nan = np.isnan(keys)
        if nan.any():
            if not skip_nan or nan.all():
                return np.array(np.nan)
            keys = keys[~nan]
    half = (keys.size - 1) // 2
    return np.partition(keys, half)[half]


_median("median", False, "with NaN as the largest element, and the median if there is one")
_median("nanmedian", True, "without NaN")


# ------------------------------------------------------------------------------------ most frequent
@public("mode")
def most_frequent(input: Tensor, dim: int = -1, keepdim: bool = False, *, out: Any = None) -> Any:
    """The most frequent element along a dimension, the smallest of several, and where it is last.

    Returns:
        a tuple of ``values`` and int64 ``indices``.

    Source: ``torch.mode``.
    """
    array = input._np
    axis = one_axis(dim, array.ndim, "mode")
    _refuse(input, "mode_cpu", "c")
    if array.ndim:
        refuse_empty(array.shape, (axis,), "mode()")
        at = _mode_at(comparable(array), axis)
    else:
        at = np.zeros((), np.int64)
    made = results_at(return_types.mode, "ModeBackward0", input, at, axis, keepdim)
    return made if out is None else results_in(made, out)


def _mode_at(keys: Any, axis: int) -> Any:
    order = np.moveaxis(np.argsort(keys, axis, kind="stable"), axis, -1)
    lines = np.take_along_axis(np.moveaxis(keys, axis, -1), order, -1)
    length = lines.shape[-1]
    along = np.arange(length)
    changed = lines[..., 1:] != lines[..., :-1]
    first = np.concatenate([np.ones((*lines.shape[:-1], 1), bool), changed], -1)
    start = np.maximum.accumulate(np.where(first, along, 0), -1)
    # A run is longest at its last element, and argmax takes the first of the longest runs.
    best = np.argmax(along - start, -1, keepdims=True) if lines.size else start[..., :1]
    return rows(np.moveaxis(np.take_along_axis(order, best, -1), -1, axis))


# Their names are published when they are imported; they use what is above.
