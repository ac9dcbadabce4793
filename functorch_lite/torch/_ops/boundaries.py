"""Where values lie among sorted boundaries."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.torch._core import dtypes
from functorch_lite.torch._core.dtypes import from_np
from functorch_lite.torch._core.public import public, put_out
from functorch_lite.torch._core.tensor import Tensor, make
from functorch_lite.torch._ops.axes import rows
from functorch_lite.torch._ops.index_rows import beyond
from functorch_lite.torch._ops.sorting import comparable

__all__ = ["bucketize", "searchsorted"]


def _values(input: Any, boundaries: Any) -> Any:
    """Raw values; a number is one of the boundaries' dtype, unless these are integers."""
    if isinstance(input, Tensor):
        return input._np
    return np.asarray(input, boundaries.dtype if boundaries.dtype.kind in "fV" else None)


def _search(boundaries: Any, values: Any, right: bool, narrow: bool) -> Tensor:
    """Where values would be inserted into sorted raw boundaries."""
    if boundaries.dtype.kind in "bc":
        name = from_np(boundaries.dtype).scalar_name
        raise NotImplementedError(f"\"searchsorted_out_cpu\" not implemented for '{name}'")
    data: Any
    if boundaries.ndim == 1:
        data = _places(boundaries, values, right)
    else:
        data = np.empty(values.shape, np.int64)
        for at in np.ndindex(values.shape[:-1]):
            data[at] = _places(boundaries[at], values[at], right)
    return make(rows(data).astype(np.int32 if narrow else np.int64))


def _places(line: Any, values: Any, right: bool) -> Any:
    """The same for one line."""
    keys, wanted = comparable(line), comparable(values)
    if keys.dtype.kind != "f" or not np.isnan(keys).any():
        return np.searchsorted(keys, wanted, "right" if right else "left")
    # NaN is neither below nor above a value: where it is met, PyTorch's bisection goes up.
    low = np.zeros(wanted.shape, np.int64)
    high = np.full(wanted.shape, keys.size)
    while (low < high).any():
        middle = (low + high) // 2
        found = keys[np.minimum(middle, keys.size - 1)]
        down = found > wanted if right else found >= wanted
        unsure = low < high
        low = np.where(unsure & ~down, middle + 1, low)
        high = np.where(unsure & down, middle, high)
    return low


@public(methods=False)
def searchsorted(
    sorted_sequence: Tensor, input: Any, *, out_int32: bool = False, right: bool = False,
    side: Any = None, sorter: Any = None, out: Any = None,
) -> Tensor:  # fmt: skip
    """Where values would be inserted into sorted lines to keep these sorted.

    Args:
        sorted_sequence: one line, or one per line of the values.
        input: values, or a number.
        out_int32: whether the result is int32 instead of int64.
        right: whether values go behind those that equal them.
        side: ``left`` or ``right``, which says the same.
        sorter: the order of lines that are not sorted.

    Raises:
        RuntimeError: the sizes do not fit, or ``side`` contradicts ``right``.

    >>> import functorch_lite.torch as torch
    >>> torch.searchsorted(torch.tensor([1, 3, 5]), torch.tensor([3, 4]))
    tensor([1, 2])

    Source: ``torch.searchsorted``.
    """
    boundaries = sorted_sequence._np
    values = _values(input, boundaries)
    place = "torch.searchsorted(): "
    if side is not None and side not in ("left", "right"):
        raise RuntimeError(f"{place}side can only be 'left' or 'right' but got {side}")
    if side == "left" and right:
        raise RuntimeError(
            f"{place}side and right can't be set to opposites, got side of left while right was "
            "True"
        )
    if not boundaries.ndim:
        raise RuntimeError(
            f"{place}boundaries tensor should have positive dimension, but got 0 dimension"
        )
    if boundaries.ndim != 1 and (
        boundaries.ndim != values.ndim or boundaries.shape[:-1] != values.shape[:-1]
    ):
        raise RuntimeError(
            f"{place}boundaries tensor should be 1 dimension or the first N-1 dimensions of "
            "boundaries tensor and input value tensor must match, but we got boundaries tensor "
            f"{list(boundaries.shape)} and input value tensor {list(values.shape)}"
        )
    if sorter is not None:
        if sorter._np.shape != boundaries.shape:
            raise RuntimeError(
                f"{place}boundary and sorter must have the same size, but got boundary tensor "
                f"{list(boundaries.shape)}and got sorter tensor {list(sorter._np.shape)}"
            )
        if sorter.dtype is not dtypes.int64:
            raise RuntimeError(
                f"{place}sorter must be a tensor of long dtype but got dtype "
                f"{sorter.dtype.scalar_name}"
            )
        if beyond(sorter._np, boundaries.shape[-1]) is not None:
            raise RuntimeError(f"{place}sorter index out of range")
        boundaries = np.take_along_axis(boundaries, sorter._np, -1)
    if out is not None and out.dtype is not (dtypes.int32 if out_int32 else dtypes.int64):
        raise RuntimeError(
            f"{place}output tensor's dtype is wrong, it can only be Int(int32) or Long(int64) "
            "depending on whether out_int32 flag is True, but we got output tensor's dtype "
            f"{out.dtype.scalar_name} and out_int32 flag is {out_int32}"
        )
    made = _search(boundaries, values, right or side == "right", out_int32)
    if out is None:
        return made
    put_out(out, made)
    return out


@public(methods=False, out=True)
def bucketize(
    input: Any, boundaries: Tensor, *, out_int32: bool = False, right: bool = False
) -> Tensor:
    """Between which boundaries values lie.

    Args:
        input: values, or a number.
        boundaries: one sorted line.
        out_int32: whether the result is int32 instead of int64.
        right: whether values that equal a boundary count to the bucket behind it.

    Raises:
        RuntimeError: the boundaries are not one line.

    Source: ``torch.bucketize``.
    """
    if boundaries._np.ndim != 1:
        raise RuntimeError(
            f"boundaries tensor must be 1 dimension, but got dim({boundaries._np.ndim})"
        )
    values = _values(input, boundaries._np)
    return _search(boundaries._np, values, right, out_int32)
