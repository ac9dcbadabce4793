"""Batches of arrays that share their first dimension."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import functorch_lite as fl
from functorch_lite import numpy as fnp
from functorch_lite import random, tree
from functorch_lite.errors import ShapeError

__all__ = ["Batches", "batches"]


class Batches:
    """The batches of one pass over the data; may be iterated many times, and has a length.

    Every iteration gives the same batches, since nothing but the arguments decides them: a new
    order for every epoch comes from a new key for every epoch.

    >>> epoch = batches(fnp.arange(5), 2)
    >>> len(epoch), epoch[1]
    (3, Array([2, 3], dtype=int64))
    """

    __slots__ = ("_arrays", "_order", "batch_size", "drop_last", "size")

    def __init__(
        self, arrays: Any, batch_size: int, order: Any, size: int, drop_last: bool
    ) -> None:
        self._arrays = arrays
        self._order = order
        self.batch_size = batch_size
        self.size = size
        self.drop_last = drop_last

    def __len__(self) -> int:
        full, rest = divmod(self.size, self.batch_size)
        return full + (rest > 0 and not self.drop_last)

    def __getitem__(self, index: int) -> Any:
        if not -len(self) <= index < len(self):
            raise IndexError(f"batch {index} is out of range: there are {len(self)} batches")
        start = (index % len(self)) * self.batch_size
        stop = min(start + self.batch_size, self.size)
        if self._order is None:
            return tree.map(lambda x: x[start:stop], self._arrays)
        chosen = self._order[start:stop]
        return tree.map(
            lambda x: fnp.take(x, fl.device_put(chosen, x.device), axis=0), self._arrays
        )

    def __iter__(self) -> Iterator[Any]:
        for index in range(len(self)):
            yield self[index]


def batches(arrays: Any, batch_size: int, key: Any = None, *, drop_last: bool = False) -> Batches:
    """Cuts arrays into batches along their first dimension, shuffled if there is a key.

    Args:
        arrays: pytree of arrays [n, ...], e.g. ``(images, labels)``; NumPy arrays are copied once.
        batch_size: examples in a batch.
        key: u32[2] or an integer seed for the order; None keeps the order of the data.  Use another
            one in every epoch, e.g. ``random.fold_in(key, epoch)``.
        drop_last: whether to leave out the last batch if it is smaller.

    Returns:
        Batches: iterable and indexable, of pytrees like ``arrays`` with arrays [batch, ...].

    Raises:
        ShapeError: the arrays differ in their first dimension, or there is none.
        ValueError: ``batch_size`` is not positive.

    >>> images, labels = fnp.zeros((10, 8, 8)), fnp.arange(10)
    >>> epoch = batches((images, labels), 3, key=random.key(0))
    >>> [labels.shape for images, labels in epoch]
    [(3,), (3,), (3,), (1,)]
    """
    if batch_size < 1:
        raise ValueError(f"data.batches: expected a positive batch_size; got {batch_size}.")
    arrays = tree.map(fnp.asarray, arrays)
    shapes = [tuple(x.shape) for x in tree.leaves(arrays)]
    sizes = {shape[:1] for shape in shapes}
    if len(sizes) != 1 or sizes == {()}:
        raise ShapeError(
            f"data.batches: expected arrays with one first dimension in common; got {shapes}."
        )
    size = shapes[0][0]
    order = None
    if key is not None:
        order = random.permutation(random.key(key) if isinstance(key, int) else key, size)
    return Batches(arrays, batch_size, order, size, drop_last)
