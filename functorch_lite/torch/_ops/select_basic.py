"""Single steps of basic indexing, as views with their gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functorch_lite.torch._core.node import attach
from functorch_lite.torch._core.op import formula, wants_grad
from functorch_lite.torch._core.tensor import Tensor, is_symbol, make, share, zeros_for
from functorch_lite.torch._core.view import inherit

__all__ = ["embedded", "selected", "sliced", "strided_data"]

ALL = slice(None)


def embedded(
    g: Tensor,
    shape: Sequence[int],
    part: Callable[[Any], Any],
    name: str,
    read: Callable[[Tensor], Tensor],
) -> Tensor:
    """Zeros of a shape with a tensor in one part of them.

    Args:
        part: from the zeros, raw, the raw part to write to.
        name: of the node.
        read: the part of a tensor of that shape, which is the gradient.
    """
    data = zeros_for(g._np, shape)
    part(data)[...] = g._np
    out = make(data)
    if wants_grad((g,)):
        attach(out, formula(name, (g,), read))
    return out


def strided_data(array: Any, size: Sequence[int], stride: Sequence[int], start: int) -> Any:
    """The part of contiguous raw values with a size, strides and first position in elements."""
    if is_symbol(array):
        return array.strided(size, stride, start)
    item = array.itemsize
    flat = array.reshape(-1)[start:]
    return np.lib.stride_tricks.as_strided(flat, tuple(size), [s * item for s in stride])


def selected(t: Tensor, dim: int, place: int) -> Tensor:
    """One position of a dimension; both are known to be there."""
    array = t._np
    shape = array.shape
    if place < 0:
        place += shape[dim]
    key = (place, ...) if not dim else (*(ALL,) * dim, place, ...)
    offset = t._offset + place * (array.strides[dim] // array.itemsize)

    def backward(g: Tensor) -> Tensor:
        return embedded(
            g, shape, lambda a: a[key], "SelectBackwardBackward0", lambda h: selected(h, dim, place)
        )

    return inherit(t, share(t, array[key], offset), "SelectBackward0", backward)  # type: ignore[index]


def sliced(t: Tensor, dim: int, start: int, stop: int, step: int) -> Tensor:
    """A slice of a dimension, its ends within it."""
    array = t._np
    shape = array.shape
    key = (*(ALL,) * dim, slice(start, max(stop, start), step))
    offset = t._offset + start * (array.strides[dim] // array.itemsize)

    def backward(g: Tensor) -> Tensor:
        return embedded(
            g, shape, lambda a: a[key], "SliceBackwardBackward0",
            lambda h: sliced(h, dim, start, stop, step),
        )  # fmt: skip

    return inherit(t, share(t, array[key], offset), "SliceBackward0", backward)
