"""What turns indices into batches, in the main process and in workers alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["create_fetcher"]


class _Fetcher:
    """A data set and how its samples become batches.

    Args:
        dataset: the samples.
        auto_collation: whether what is fetched is a list of samples.
        collate_fn: makes of the sample, or the list, what users get.
        drop_last: whether a last list that is shorter is left out.
    """

    def __init__(
        self, dataset: Any, auto_collation: bool, collate_fn: Callable[[Any], Any], drop_last: bool
    ) -> None:
        self.dataset = dataset
        self.auto_collation = auto_collation
        self.collate_fn = collate_fn
        self.drop_last = drop_last


class _MapDatasetFetcher(_Fetcher):
    """Fetches by index."""

    def fetch(self, possibly_batched_index: Any) -> Any:
        """The batch of a list of indices, or the sample of one."""
        index, dataset = possibly_batched_index, self.dataset
        if not self.auto_collation:
            data = dataset[index]
        elif getattr(dataset, "__getitems__", None):
            data = dataset.__getitems__(index)
        else:
            data = [dataset[i] for i in index]
        return self.collate_fn(data)


class _IterableDatasetFetcher(_Fetcher):
    """Fetches what comes next."""

    def __init__(
        self, dataset: Any, auto_collation: bool, collate_fn: Callable[[Any], Any], drop_last: bool
    ) -> None:
        super().__init__(dataset, auto_collation, collate_fn, drop_last)
        self.dataset_iter = iter(dataset)
        self.ended = False

    def fetch(self, possibly_batched_index: Any) -> Any:
        """The next batch, as long as a list of indices, or the next sample.

        Raises:
            StopIteration: there are no more.
        """
        if self.ended:
            raise StopIteration
        if not self.auto_collation:
            return self.collate_fn(next(self.dataset_iter))
        data = []
        for _ in possibly_batched_index:
            try:
                data.append(next(self.dataset_iter))
            except StopIteration:
                self.ended = True
                break
        if len(data) < (len(possibly_batched_index) if self.drop_last else 1):
            raise StopIteration
        return self.collate_fn(data)


def create_fetcher(
    iterable: bool,
    dataset: Any,
    auto_collation: bool,
    collate_fn: Callable[[Any], Any],
    drop_last: bool,
) -> _MapDatasetFetcher | _IterableDatasetFetcher:
    """What fetches from a data set.

    Args:
        iterable: whether it is visited in its own order.
        dataset, auto_collation, collate_fn, drop_last: see ``_Fetcher``.
    """
    kind = _IterableDatasetFetcher if iterable else _MapDatasetFetcher
    return kind(dataset, auto_collation, collate_fn, drop_last)
