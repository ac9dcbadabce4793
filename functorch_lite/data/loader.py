"""A loader: batches over many epochs, from a place that can be written down and returned to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from functorch_lite import random
from functorch_lite.data.batches import Batches, as_key, check_batch_size
from functorch_lite.data.dataset import Dataset, as_dataset
from functorch_lite.errors import TreeError

__all__ = ["Loader", "loader"]

_FIXED = ("size", "batch_size", "drop_last", "key")


class Loader:
    """An iterator over the batches of many epochs, whose place is a small dict.

    Made by :func:`loader`.  Batch b of epoch e is ``batches(data, batch_size,
    random.fold_in(key, e))[b]``, so a place is two numbers, and returning to it repeats nothing.

    Attributes:
        epoch: the epoch of the next batch, from 0.
        batch: the number of the next batch in its epoch, from 0.

    >>> import functorch_lite.numpy as fnp
    >>> feed = loader(fnp.arange(6), 2, key=0, epochs=1)
    >>> first = next(feed)
    >>> place = feed.state()
    >>> second = next(feed)
    >>> feed.restore(place)
    >>> bool((next(feed) == second).all())
    True
    """

    __slots__ = ("_data", "_epoch_batches", "_key", "batch", "batch_size", "drop_last", "epoch",
                 "epochs")  # fmt: skip

    batch: int
    batch_size: int
    drop_last: bool
    epoch: int
    epochs: int | None

    def __init__(
        self, data: Dataset, batch_size: int, key: Any, drop_last: bool, epochs: int | None
    ) -> None:
        self._data = data
        self._key = key
        self._epoch_batches: tuple[int, Batches] | None = None
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.epochs = epochs
        self.epoch = 0
        self.batch = 0

    @property
    def batches_per_epoch(self) -> int:
        """How many batches an epoch has."""
        return len(Batches(self._data, self.batch_size, None, self.drop_last))

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if self.epochs is not None and self.epoch >= self.epochs:
            raise StopIteration
        here = self._batches_of(self.epoch)
        if not len(here):
            raise StopIteration
        found = here[self.batch]
        self.batch += 1
        if self.batch == len(here):
            self.epoch, self.batch = self.epoch + 1, 0
        return found

    def state(self) -> dict[str, Any]:
        """The place of the next batch: a dict of Python numbers, and of the key as a list.

        ``epoch`` and ``batch`` are the place; ``size``, ``batch_size``, ``drop_last`` and ``key``
        say what it is a place in.
        """
        return {"epoch": self.epoch, "batch": self.batch, **self._identity()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go to a place that :meth:`state` gave, of this loader or of one made alike.

        Args:
            state: the dict.

        Raises:
            TreeError: it is no such dict, or the place of a loader with other data, another batch
                size, ``drop_last`` or key.

        >>> import functorch_lite.numpy as fnp
        >>> place = loader(fnp.arange(6), 2, epochs=1).state()
        >>> loader(fnp.arange(6), 3, epochs=1).restore(place)
        Traceback (most recent call last):
        ...
        functorch_lite.errors.TreeError: data.Loader.restore: expected the state of a loader with \
batch_size 3; got 2. Remedy: make the loader as it was when the state was saved.
        """
        name = "data.Loader.restore"
        wanted = {"epoch", "batch", *_FIXED}
        if not isinstance(state, Mapping) or set(state) != wanted:
            got = list(state) if isinstance(state, Mapping) else type(state).__name__
            raise TreeError(
                f"{name}: expected a dict with the keys {sorted(wanted)}; got {got}. "
                "Remedy: restore(state) takes what state() gave."
            )
        for field, value in self._identity().items():
            found = state[field]
            if field == "key" and found is not None:
                found = [int(word) for word in found]
            if found != value:
                raise TreeError(
                    f"{name}: expected the state of a loader with {field} {value}; got {found}. "
                    "Remedy: make the loader as it was when the state was saved."
                )
        epoch, batch = int(state["epoch"]), int(state["batch"])
        if epoch < 0 or not 0 <= batch < max(self.batches_per_epoch, 1):
            raise TreeError(
                f"{name}: expected a place in epochs of {self.batches_per_epoch} batches; got "
                f"epoch {epoch}, batch {batch}. Remedy: restore(state) takes what state() gave."
            )
        self.epoch, self.batch = epoch, batch

    def _identity(self) -> dict[str, Any]:
        key = None if self._key is None else [int(word) for word in self._key.tolist()]
        return {
            "size": len(self._data),
            "batch_size": self.batch_size,
            "drop_last": self.drop_last,
            "key": key,
        }

    def _batches_of(self, epoch: int) -> Batches:
        if self._epoch_batches is None or self._epoch_batches[0] != epoch:
            order = None
            if self._key is not None:
                order = random.permutation(random.fold_in(self._key, epoch), len(self._data))
            made = Batches(self._data, self.batch_size, order, self.drop_last)
            self._epoch_batches = (epoch, made)
        return self._epoch_batches[1]


def loader(
    arrays: Any,
    batch_size: int,
    key: Any = None,
    *,
    epochs: int | None,
    drop_last: bool = False,
) -> Loader:
    """Batches over many epochs, each in an order of its own, resumable at every batch.

    Epoch e is in the order ``random.permutation(random.fold_in(key, e), n)``: it depends on nothing
    but the key, the epoch and n, so it is the same on every machine.

    Args:
        arrays: Dataset, or pytree of arrays [n, ...].
        batch_size: examples in a batch.
        key: u32[2] or an integer seed; None keeps the order of the data.
        epochs: how many, always to be said; None goes on for ever.
        drop_last: whether to leave out an epoch's last batch if it is smaller.

    Returns:
        Loader, an iterator of batches with ``state()`` and ``restore(state)``.

    Raises:
        ShapeError: the arrays differ in their first dimension, or there is none.
        ValueError: ``batch_size`` is not positive, ``epochs`` is negative, or an endless loader
            would have no batch.

    >>> import functorch_lite.numpy as fnp
    >>> [batch.tolist() for batch in loader(fnp.arange(3), 2, epochs=2)]
    [[0, 1], [2], [0, 1], [2]]
    """
    name = "data.loader"
    batch_size = check_batch_size(name, batch_size)
    if epochs is not None and epochs < 0:
        raise ValueError(
            f"{name}: expected a number of epochs >= 0, or None; got {epochs}. "
            "Remedy: epochs=None goes on for ever."
        )
    data = as_dataset(name, arrays)
    made = Loader(data, batch_size, None if key is None else as_key(key), drop_last, epochs)
    if epochs is None and not made.batches_per_epoch:
        raise ValueError(
            f"{name}: expected at least one batch in an epoch; got {len(data)} examples for a "
            f"batch_size of {batch_size} with drop_last={drop_last}. Remedy: a smaller batch_size, "
            "or epochs=... for a loader that may be empty."
        )
    return made
