"""Batches: one pass over the data, each batch within reach by its index."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any

import functorch_lite as fl
from functorch_lite import random
from functorch_lite.data.dataset import Dataset, as_dataset
from functorch_lite.errors import IndexRangeError

__all__ = ["Batches", "batches", "check_batch_size"]


class Batches:
    """The batches of one pass over the data; may be iterated many times, and has a length.

    Every iteration gives the same batches, since nothing but the arguments decides them: a new
    order for every epoch comes from a new key for every epoch.  :func:`loader` does that, and goes
    on where it stopped.

    >>> import functorch_lite.numpy as fnp
    >>> epoch = batches(fnp.arange(5), 2)
    >>> len(epoch), epoch[1]
    (3, Array([2, 3], dtype=int64))
    """

    __slots__ = ("_data", "_order", "batch_size", "drop_last", "size")

    batch_size: int
    drop_last: bool
    size: int

    def __init__(self, data: Dataset, batch_size: int, order: Any, drop_last: bool) -> None:
        self._data = data
        self._order = order
        self.batch_size = batch_size
        self.size = len(data)
        self.drop_last = drop_last

    def __len__(self) -> int:
        full, rest = divmod(self.size, self.batch_size)
        return full + (rest > 0 and not self.drop_last)

    def __getitem__(self, index: int) -> Any:
        place = operator.index(index)
        if not -len(self) <= place < len(self):
            raise IndexRangeError(
                f"data.Batches: batch {place} is out of range: there are {len(self)} batches. "
                "Remedy: index from 0 to len(batches) - 1."
            )
        start = (place % len(self)) * self.batch_size
        stop = min(start + self.batch_size, self.size)
        if self._order is None:
            return self._data.rows(start, stop)
        return self._data._gathered(self._order[start:stop])

    def __iter__(self) -> Iterator[Any]:
        for index in range(len(self)):
            yield self[index]


def batches(arrays: Any, batch_size: int, key: Any = None, *, drop_last: bool = False) -> Batches:
    """Cuts arrays into batches along their first dimension, shuffled if there is a key.

    The order is ``random.permutation(key, n)``: the same for a key on every machine and device.

    Args:
        arrays: Dataset, or pytree of arrays [n, ...], e.g. ``(images, labels)``; NumPy arrays are
            copied once.
        batch_size: examples in a batch.
        key: u32[2] or an integer seed for the order; None keeps the order of the data.  Use another
            one in every epoch, e.g. ``random.fold_in(key, epoch)``.
        drop_last: whether to leave out the last batch if it is smaller.

    Returns:
        Batches: iterable and indexable, of pytrees like ``arrays`` with arrays [batch, ...].

    Raises:
        ShapeError: the arrays differ in their first dimension, or there is none.
        ValueError: ``batch_size`` is not positive.

    >>> import functorch_lite.numpy as fnp
    >>> images, labels = fnp.zeros((10, 8, 8)), fnp.arange(10)
    >>> epoch = batches((images, labels), 3, key=random.key(0))
    >>> [labels.shape for images, labels in epoch]
    [(3,), (3,), (3,), (1,)]
    """
    batch_size = check_batch_size("data.batches", batch_size)
    data = as_dataset("data.batches", arrays)
    order = None if key is None else random.permutation(as_key(key), len(data))
    return Batches(data, batch_size, order, drop_last)


def as_key(key: Any) -> fl.Array:
    """A key, from a key or an integer seed."""
    return random.key(key) if isinstance(key, int) else key


def check_batch_size(name: str, batch_size: Any) -> int:
    """The batch size as a Python int; raises if it is none, or not positive."""
    try:
        size = operator.index(batch_size)
    except TypeError:
        raise TypeError(
            f"{name}: expected an int as batch_size; got {type(batch_size).__name__}. "
            "Remedy: batch_size=32."
        ) from None
    if size < 1:
        raise ValueError(
            f"{name}: expected a positive batch_size; got {size}. Remedy: batch_size=32."
        )
    return size
