"""The order in which dimensions lie in memory: results keep that of their operands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["as_laid", "dense_order", "in_order", "is_dense", "iteration_order", "memory_order"]

_ndarray = np.ndarray


def in_order(data: Any, datas: Sequence[Any]) -> Any:
    """A result with its dimensions in memory in the order of its operands'.

    NumPy sees to that, but for dimensions that an expanded operand repeats.
    """
    if data.__class__ is not _ndarray or data.ndim < 2:
        return data
    for d in datas:
        if not d.flags.c_contiguous:
            if is_dense(d) and all(e.strides == d.strides and e.shape == d.shape for e in datas):
                return as_laid(data, d)
            order = iteration_order(data.shape, datas)
            if order is None:
                return data
            return laid_as(data, order)
    return data


def laid_as(data: Any, order: Sequence[int]) -> Any:
    """Values with their dimensions in memory in an order, fastest first, without gaps."""
    strides, step = [0] * data.ndim, data.itemsize
    for d in order:
        strides[d] = step
        step *= max(data.shape[d], 1)
    wanted = tuple(strides)
    if data.strides == wanted or not data.size:
        return data
    as_strided = np.lib.stride_tricks.as_strided
    if all(n == 1 or s == w for n, s, w in zip(data.shape, data.strides, wanted, strict=True)):
        return as_strided(data, data.shape, wanted)
    made = as_strided(np.empty(data.size, data.dtype), data.shape, wanted)
    made[...] = data
    return made


def is_dense(array: Any) -> bool:
    """Whether the elements fill a piece of memory, each once."""
    step = array.itemsize
    for s, n in sorted((s, n) for s, n in zip(array.strides, array.shape, strict=True) if n != 1):
        if s != step:
            return False
        step *= n
    return True


def as_laid(data: Any, like: Any) -> Any:
    """Values in memory exactly as a dense array lies, dimensions of size 1 included."""
    ratio = data.itemsize / like.itemsize
    strides = tuple([int(s * ratio) for s in like.strides])
    if data.shape != like.shape or data.strides == strides or not data.size:
        return data
    made = np.empty_like(like, data.dtype)
    made[...] = data
    return np.lib.stride_tricks.as_strided(made, data.shape, strides)


def iteration_order(shape: tuple[int, ...], datas: Sequence[Any]) -> list[int] | None:
    """The dimensions of an elementwise operation, fastest first; None if the shapes do not say."""
    ndim = len(shape)
    rows = []
    for d in datas:
        if d.ndim > ndim or any(
            m not in (1, n) for m, n in zip(d.shape[::-1], shape[::-1], strict=False)
        ):
            return None
        new = ndim - d.ndim
        repeated = [n == 1 and m != 1 for n, m in zip(d.shape, shape[new:], strict=True)]
        rows.append(
            (0,) * new + tuple(0 if r else s for r, s in zip(repeated, d.strides, strict=True))
        )
    return memory_order(shape, rows)


def memory_order(shape: Sequence[int], operands: Sequence[Sequence[int]]) -> list[int]:
    """Dimensions of an elementwise result from the fastest to the slowest in memory.

    Args:
        operands: strides of the operands, the first one counts most; 0 says nothing.
    """

    def later(a: int, b: int) -> int:
        for strides in operands:
            x, y = strides[a], strides[b]
            if x and y:
                if x != y:
                    return 1 if x > y else -1
                if shape[a] > shape[b]:
                    return 1
        return 0

    order = list(range(len(shape) - 1, -1, -1))
    for i in range(1, len(order)):
        at = i
        for j in range(i - 1, -1, -1):
            found = later(order[j], order[at])
            if found > 0:
                order[j], order[at] = order[at], order[j]
                at = j
            elif found < 0:
                break
    return order


def dense_order(array: Any) -> Sequence[int] | None:
    """Dimensions from the slowest to the fastest; None for their own order."""
    if array.flags.c_contiguous or not is_dense(array):
        return None
    return sorted(range(array.ndim), key=lambda d: -array.strides[d])
