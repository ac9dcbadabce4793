"""What stands between the brackets of ``x[...]``, and index tensors as NumPy understands them."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from functorch_lite.torch._core.foreign import refuse_foreign
from functorch_lite.torch._core.tensor import Tensor, make
from functorch_lite.torch._ops.creation import as_array

__all__ = ["Key", "as_items", "key_of", "positions"]

ALL = slice(None)


# -------------------------------------------------------------------------------------- brackets
def as_items(index: Any) -> tuple[Any, ...]:
    """What is between the brackets, one by one: ints, slices, None, Ellipsis, bools, tensors.

    Raises:
        IndexError, TypeError: it is no index.
    """
    cls = index.__class__
    if cls is not tuple:
        if cls is list and len(index) < 32 and any(_many(each) for each in index):
            warnings.warn(
                "Using a non-tuple sequence for multidimensional indexing is deprecated and will "
                "be changed in pytorch 2.9; use x[tuple(seq)] instead of x[seq]. In pytorch 2.9 "
                "this will be interpreted as tensor index, x[torch.tensor(seq)], which will result "
                "either in an error or a different result",
                UserWarning,
                stacklevel=3,
            )
            index = tuple(index)
        elif isinstance(index, tuple):
            index = tuple(index)
        else:
            return (_item(index),)
    for each in index:
        if each.__class__ is not int and each.__class__ is not slice:
            return tuple([_item(each) for each in index])
    return index


def _many(each: Any) -> bool:
    return each is None or each is Ellipsis or isinstance(each, (Tensor, slice, list, tuple, range,
                                                                np.ndarray))  # fmt: skip


def _item(each: Any) -> Any:
    cls = each.__class__
    if cls is int or cls is slice or each is None or each is Ellipsis or cls is bool:
        return each
    if isinstance(each, Tensor):
        array = each._np
        if array.ndim:
            return each
        kind = array.dtype.kind
        if kind == "i":
            return int(array)
        if kind == "b":
            return bool(array)
        if array.dtype == np.uint8:
            return bool(array)
        return each
    if isinstance(each, np.ndarray):
        return _item(make(each))
    if isinstance(each, (list, tuple, range)):
        return _sequence(each)
    if isinstance(each, str):
        raise TypeError("new(): invalid data type 'str'")
    refuse_foreign("index", (each,))
    if not isinstance(each, (float, complex, np.bool_)) and hasattr(each, "__index__"):
        return each.__index__()
    raise IndexError(
        "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid "
        f"indices (got {_name_of(type(each))})"
    )


def _name_of(cls: type) -> str:
    return cls.__name__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__name__}"


def _sequence(given: Any) -> Tensor:
    array = as_array(list(given), None)
    if array.dtype.kind == "f":
        array = array.astype(np.int64)
    return make(array)


def _byte_warning() -> None:
    warnings.warn(
        "indexing with dtype torch.uint8 is now deprecated, please use a dtype torch.bool instead.",
        UserWarning,
        stacklevel=5,
    )


# ----------------------------------------------------------------------------------- index arrays
class Key:
    """Index tensors as one NumPy index.

    Attributes:
        raw: the NumPy index: slices, integer arrays and masks.
        masks: whether it is one mask and nothing else, so that no element is met twice.
    """

    __slots__ = ("masks", "raw")

    def __init__(self, raw: tuple[Any, ...], masks: bool) -> None:
        self.raw = raw
        self.masks = masks


def key_of(indices: Sequence[Tensor | None], shape: tuple[int, ...]) -> Key:
    """Index tensors, None for whole dimensions, as an index into values of a shape.

    Raises:
        IndexError: an index of a dtype that is none, a mask of another shape, or too many.
    """
    raw: list[Any] = []
    at = 0
    masks = others = 0
    for t in indices:
        if t is None:
            raw.append(ALL)
            at += 1
            continue
        array = t._np
        kind = array.dtype.kind
        if kind == "b" or array.dtype == np.uint8:
            if kind != "b":
                _byte_warning()
                array = array != 0
            for j, n in enumerate(array.shape):
                if at + j >= len(shape) or shape[at + j] != n:
                    raise IndexError(
                        f"The shape of the mask {list(array.shape)} at index {j} does not match "
                        f"the shape of the indexed tensor {list(shape)} at index {at + j}"
                    )
            masks += 1
            at += array.ndim
        elif array.dtype.name in ("int64", "int32"):
            others += 1
            at += 1
        else:
            raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
        raw.append(array)
    if at > len(shape):
        got = f" (got {at})" if shape else ""
        raise IndexError(f"too many indices for tensor of dimension {len(shape)}{got}")
    return Key(tuple(raw), masks == 1 and not others)


def explain(key: Key, shape: tuple[int, ...], error: Exception) -> IndexError:
    """PyTorch's words for what NumPy says of an index."""
    expanded = [k for k in without_masks(key.raw) if k.__class__ is not slice]
    try:
        np.broadcast_shapes(*[k.shape for k in expanded])
    except ValueError:
        shapes = ", ".join(str(list(k.shape)) for k in expanded)
        return IndexError(
            f"shape mismatch: indexing tensors could not be broadcast together with shapes {shapes}"
        )
    found = re.search(r"index (-?\d+) is out of bounds for axis (\d+) with size (\d+)", str(error))
    if found is None:
        return IndexError(str(error))
    # PyTorch counts the indexed dimensions only.
    axis = int(found[2])
    number = sum(1 for k in without_masks(key.raw)[:axis] if k.__class__ is not slice)
    return IndexError(
        f"index {found[1]} is out of bounds for dimension {number} with size {found[3]}"
    )


def without_masks(raw: tuple[Any, ...]) -> list[Any]:
    """The index with masks as the integer arrays of their true places."""
    found: list[Any] = []
    for k in raw:
        if k.__class__ is not slice and k.dtype.kind == "b":
            found.extend(k.nonzero())
        else:
            found.append(k)
    return found


def layout_of(
    raw: Sequence[Any], shape: tuple[int, ...]
) -> tuple[list[int], tuple[int, ...], list[int], list[int]]:
    """Where the dimensions of an indexed value come from.

    Args:
        raw: an index without masks.

    Returns:
        the whole dimensions before the block, the shape of the block, the whole dimensions after
        it, the dimensions that are indexed.
    """
    taken = [d for d, k in enumerate(raw) if k.__class__ is not slice]
    block = np.broadcast_shapes(*[raw[d].shape for d in taken])
    whole = [d for d in range(len(shape)) if d not in taken]
    if taken[-1] - taken[0] + 1 == len(taken):
        return [d for d in whole if d < taken[0]], block, [d for d in whole if d > taken[0]], taken
    return [], block, whole, taken


def positions(raw: tuple[Any, ...], shape: tuple[int, ...]) -> Any:
    """Where each indexed element lies in values of a shape, laid out row by row."""
    expanded = without_masks(raw)
    before, block, after, taken = layout_of(expanded, shape)
    steps = [math.prod(shape[d + 1 :]) for d in range(len(shape))]
    place: Any = np.zeros((), np.int64)
    for d in taken:
        k = expanded[d]
        place = place + np.where(k < 0, k + shape[d], k) * steps[d]
    place = np.broadcast_to(place, block)
    ndim = len(before) + len(block) + len(after)
    place = place.reshape(block + (1,) * len(after))
    where = [*range(len(before)), *range(len(before) + len(block), ndim)]
    for axis, d in zip(where, (*before, *after), strict=True):
        line = np.arange(shape[d], dtype=np.int64) * steps[d]
        place = place + line.reshape((shape[d],) + (1,) * (ndim - 1 - axis))
    return place
