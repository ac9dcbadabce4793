"""Nested sequences of numbers: their shape, their numbers, and the types of these."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from functorch_lite.torch._core import dtypes
from functorch_lite.torch._core.dtypes import dtype as DType
from functorch_lite.torch._core.tensor import Tensor

__all__ = ["collect", "integers", "shape_of"]


def integers(flat: list[Any], dtype: DType) -> np.ndarray[Any, Any]:
    """Numbers as an array of an integer dtype.

    Raises:
        RuntimeError, ValueError, OverflowError: it cannot hold one of them.
    """
    if not all(v.__class__ is int or abs(v) < 2.0**63 for v in flat):  # NaN neither
        raise RuntimeError(f"value cannot be converted to type {dtype.np.name} without overflow")
    whole = [int(v) for v in flat]
    if not whole:
        return np.empty(0, dtype.np)
    low, high = min(whole), max(whole)
    if low < -(2**63) or high >= 2**64 or (high >= 2**63 and dtype is not dtypes.uint64):
        raise ValueError("Overflow when unpacking long long")
    limits = np.iinfo(dtype.np)
    # Unsigned dtypes take negative numbers, which wrap.
    if low < (limits.min or -limits.max) or high > limits.max:
        raise RuntimeError(f"value cannot be converted to type {dtype.np.name}_t without overflow")
    if low < 0 and dtype is dtypes.uint64:
        raise OverflowError("can't convert negative int to unsigned")
    return np.array([v % (limits.max + 1) if v < limits.min else v for v in whole], dtype.np)


def shape_of(data: Any) -> tuple[int, ...]:
    """The sizes of nested sequences, by their first elements."""
    found = []
    while isinstance(data, (list, tuple)) or _is_sequence(data):
        found.append(len(data))
        if not found[-1]:
            break
        data = data[0]
    if isinstance(data, np.ndarray):
        found.extend(data.shape)
    return tuple(found)


def _is_sequence(data: Any) -> bool:
    return (
        hasattr(data, "__len__")
        and hasattr(data, "__getitem__")
        and not isinstance(data, (str, bytes, dict, Tensor, np.ndarray, np.generic))
    )


def collect(data: Any, shape: Sequence[int], depth: int, flat: list[Any], found: set[Any]) -> None:
    """The numbers of nested sequences, and their types, or dtypes where they have one."""
    if isinstance(data, np.ndarray):
        if data.shape != tuple(shape[depth:]):
            raise ValueError(
                f"expected sequence of length {shape[depth] if depth < len(shape) else 0} at dim "
                f"{depth} (got {len(data) if data.ndim else 0})"
            )
        flat.extend(data.reshape(-1).tolist())
        found.add(dtypes.from_np(data.dtype))
        return
    if depth < len(shape):
        if not (isinstance(data, (list, tuple)) or _is_sequence(data)):
            raise TypeError("not a sequence")
        if len(data) != shape[depth]:
            raise ValueError(
                f"expected sequence of length {shape[depth]} at dim {depth} (got {len(data)})"
            )
        for each in data:
            collect(each, shape, depth + 1, flat, found)
        return
    if isinstance(data, Tensor):
        if data._np.size != 1:
            raise ValueError("only one element tensors can be converted to Python scalars")
        flat.append(data.item())
        found.add(data.dtype)
        return
    if isinstance(data, np.generic):
        flat.append(data.item())
        found.add(dtypes.from_np(data.dtype))
        return
    if isinstance(data, (bool, int, float, complex)):
        flat.append(data)
    elif isinstance(data, (list, tuple)):
        raise TypeError(f"must be real number, not {type(data).__name__}")
    elif isinstance(data, str):
        if depth:
            raise ValueError("too many dimensions 'str'")
        raise TypeError("new(): invalid data type 'str'")
    elif data is None:
        raise RuntimeError("Could not infer dtype of NoneType")
    elif hasattr(data, "__index__"):
        flat.append(data.__index__())
    elif hasattr(data, "__float__"):
        flat.append(float(data))
    else:
        raise RuntimeError(f"Could not infer dtype of {type(data).__name__}")
    found.add(flat[-1].__class__)
