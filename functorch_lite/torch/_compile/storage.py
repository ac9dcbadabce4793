"""Memory of symbols: strided views of it as core operations, for reading and for writing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from functorch_lite import numpy as fnp

__all__ = ["Storage", "read", "write"]


class Storage:
    """Memory that symbols share.

    Attributes:
        value: a core array whose elements, row by row, are the memory.
        count: how many elements there are.
        size: how many bytes, as of the memory of any tensor.
        writes: how often it was written to.
        source: the slot of the tensor that it came from; None if it was made here.
    """

    __slots__ = ("count", "size", "source", "value", "writes")

    def __init__(self, value: Any, source: int | None = None) -> None:
        self.value = value
        self.count = math.prod(value.shape)
        self.size = self.count * value.dtype.itemsize
        self.writes = 0
        self.source = source


class Plan(NamedTuple):
    """A strided view as a box of memory that is seen with more dimensions.

    Attributes:
        sizes: of memory, slowest dimension first; may reach beyond its end.
        box: a slice of each of them, then a place in the last one.
        order: for each dimension of the box, that of the view.
    """

    sizes: tuple[int, ...]
    box: tuple[Any, ...]
    order: tuple[int, ...]


def _plan(shape: Sequence[int], steps: Sequence[int], offset: int, size: int) -> Plan | None:
    """The box that a view without repetitions is; None if it is none."""
    dims = [(s, n, d) for d, (s, n) in enumerate(zip(steps, shape, strict=True)) if n != 1]
    dims.sort(key=lambda dim: (-dim[0], dim[2]))
    if not dims or dims[-1][0] <= 0:
        return None
    sizes: list[int] = []
    box: list[Any] = []
    above = -(-size // dims[0][0]) * dims[0][0]
    rest = offset
    for step, n, _ in dims:
        if above % step:
            return None
        length, start = above // step, rest // step
        if start + n > length:
            return None
        sizes.append(length)
        box.append(slice(start, start + n))
        above, rest = step, rest % step
    return Plan((*sizes, above), (*box, rest), tuple(d for _, _, d in dims))


def _flat(storage: Storage, length: int) -> Any:
    """The memory in one dimension, with zeros up to a length."""
    flat = fnp.reshape(storage.value, (storage.count,))
    if length > storage.count:
        flat = fnp.concatenate([flat, fnp.zeros(length - storage.count, flat.dtype)])
    return flat


def _places(shape: Sequence[int], steps: Sequence[int], offset: int) -> Any:
    """For each element its place in memory."""
    found = np.full((), offset, np.int64)
    for n, s in zip(shape, steps, strict=True):
        found = found[..., None] + np.arange(n) * s
    return found


def read(storage: Storage, shape: Sequence[int], steps: Sequence[int], offset: int) -> Any:
    """The elements of a strided view, steps in elements, as a core array."""
    shape = tuple(shape)
    count = math.prod(shape)
    if not count:
        return fnp.zeros(shape, storage.value.dtype)
    repeated = [s == 0 and n != 1 for s, n in zip(steps, shape, strict=True)]
    if any(repeated):
        once = tuple(1 if r else n for r, n in zip(repeated, shape, strict=True))
        return fnp.broadcast_to(read(storage, once, steps, offset), shape)
    plan = _plan(shape, steps, offset, storage.count)
    if count == 1 and storage.count == 1:
        return fnp.reshape(storage.value, shape)
    if plan is None:
        places = _places(shape, steps, offset)
        return fnp.take(fnp.reshape(storage.value, (storage.count,)), places, axis=0)
    sizes, box, order = plan
    kept = shape if order == tuple(sorted(order)) else None
    if count == storage.count:
        lengths = sizes[:-1]
        if kept is not None:
            value = storage.value
            return value if value.shape == kept else fnp.reshape(value, kept)
        value = fnp.reshape(storage.value, lengths)
    else:
        value = fnp.reshape(_flat(storage, math.prod(sizes)), sizes)[box]
    if kept is None:
        value = fnp.transpose(value, _inverse(order))
    return fnp.reshape(value, shape)


def _inverse(order: Sequence[int]) -> tuple[int, ...]:
    """The axes of a box in the order of the dimensions that they are."""
    return tuple(sorted(range(len(order)), key=lambda i: order[i]))


def write(
    storage: Storage, shape: Sequence[int], steps: Sequence[int], offset: int, value: Any
) -> None:
    """Put a core array of a shape into a strided view without repetitions."""
    storage.writes += 1
    count = math.prod(shape)
    if not count:
        return
    plan = _plan(shape, steps, offset, storage.count)
    whole = storage.value.shape
    if plan is None:
        places = _places(shape, steps, offset).reshape(-1)
        flat = fnp.reshape(storage.value, (storage.count,))
        flat = flat.at[places].set(fnp.reshape(value, (count,)))
        storage.value = fnp.reshape(flat, whole)
        return
    sizes, box, order = plan
    value = fnp.reshape(value, tuple(shape[d] for d in sorted(order)))
    if order != tuple(sorted(order)):
        ranks = sorted(order)
        value = fnp.transpose(value, tuple(ranks.index(d) for d in order))
    if count == storage.count:
        storage.value = fnp.reshape(value, whole)
        return
    length = math.prod(sizes)
    seen = fnp.reshape(_flat(storage, length), sizes)
    flat = fnp.reshape(seen.at[box].set(value), (length,))
    storage.value = fnp.reshape(flat[: storage.count], whole)
