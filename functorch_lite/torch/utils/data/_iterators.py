"""Iterators over a ``DataLoader``: in this process, or with workers that run ahead."""

from __future__ import annotations

import itertools
import multiprocessing
import warnings
from typing import TYPE_CHECKING, Any

from functorch_lite.torch._utils import ExceptionWrapper
from functorch_lite.torch.utils.data._utils.fetch import create_fetcher
from functorch_lite.torch.utils.data._utils.worker import Ended, Job
from functorch_lite.torch.utils.data._workers import Workers
from functorch_lite.torch.utils.data.sampler import draw_seed

if TYPE_CHECKING:
    from functorch_lite.torch.utils.data.dataloader import DataLoader

__all__ = ["_BaseDataLoaderIter", "_MultiProcessingDataLoaderIter", "_SingleProcessDataLoaderIter"]


class _BaseDataLoaderIter:
    """What both kinds of iterators do: draw indices, count, warn.

    Args:
        loader: what is iterated over.

    Source: ``torch.utils.data.dataloader._BaseDataLoaderIter``.
    """

    __module__ = "torch.utils.data.dataloader"

    def __init__(self, loader: DataLoader[Any]) -> None:
        self._dataset = loader.dataset
        self._dataset_kind = loader._dataset_kind
        self._IterableDataset_len_called = loader._IterableDataset_len_called
        self._auto_collation = loader._auto_collation
        self._drop_last = loader.drop_last
        self._index_sampler = loader._index_sampler
        self._num_workers = loader.num_workers
        self._timeout = loader.timeout
        self._collate_fn = loader.collate_fn
        self._persistent_workers = loader.persistent_workers
        self._num_yielded = 0
        self._warn_of_pinning(loader)
        self._sampler_iter = iter(self._index_sampler)
        # Drawn even where nobody needs it: what the program draws afterwards depends on it.
        self._base_seed = draw_seed(loader.generator)

    @staticmethod
    def _warn_of_pinning(loader: DataLoader[Any]) -> None:
        if loader.pin_memory and loader.pin_memory_device:
            warnings.warn(
                "pin_memory_device is deprecated, the current accelerator will be used as the "
                f"device,ignore pin_memory_device='{loader.pin_memory_device}'.",
                stacklevel=5,
            )
        if loader.pin_memory:
            warnings.warn(
                "'pin_memory' argument is set as true but no accelerator is found, then device "
                "pinned memory won't be used.",
                stacklevel=5,
            )

    def __iter__(self) -> _BaseDataLoaderIter:
        return self

    def _reset(self, loader: DataLoader[Any], first_iter: bool = False) -> None:
        """Begin an epoch."""
        self._sampler_iter = iter(self._index_sampler)
        self._num_yielded = 0
        self._IterableDataset_len_called = loader._IterableDataset_len_called

    def _next_index(self) -> Any:
        return next(self._sampler_iter)

    def _next_data(self) -> Any:
        raise NotImplementedError

    def __next__(self) -> Any:
        data = self._next_data()
        self._num_yielded += 1
        reported = self._IterableDataset_len_called
        # The number of batches is compared with that of samples, as PyTorch does.
        if self._dataset_kind and reported is not None and self._num_yielded > reported:
            self._warn_of_length(reported)
        return data

    def _warn_of_length(self, reported: int) -> None:
        text = (
            f"Length of IterableDataset {self._dataset} was reported to be {reported}(when "
            f"accessing len(dataloader)), but {self._num_yielded} samples have been fetched. "
        )
        if self._num_workers > 0:
            text += (
                "For multiprocessing data-loading, this could be caused by not properly "
                "configuring the IterableDataset replica at each worker. Please see "
                "https://pytorch.org/docs/stable/data.html#torch.utils.data.IterableDataset for "
                "examples."
            )
        warnings.warn(text, stacklevel=3)

    def __len__(self) -> int:
        return len(self._index_sampler)

    def __getstate__(self) -> Any:
        raise NotImplementedError("{} cannot be pickled", self.__class__.__name__)


class _SingleProcessDataLoaderIter(_BaseDataLoaderIter):
    """Fetches in this process.

    Source: ``torch.utils.data.dataloader._SingleProcessDataLoaderIter``.
    """

    __module__ = "torch.utils.data.dataloader"

    def __init__(self, loader: DataLoader[Any]) -> None:
        super().__init__(loader)
        if self._timeout != 0:
            raise AssertionError("_SingleProcessDataLoaderIter requires timeout == 0")
        self._dataset_fetcher = create_fetcher(
            bool(self._dataset_kind), self._dataset, self._auto_collation, self._collate_fn,
            self._drop_last,
        )  # fmt: skip

    def _next_data(self) -> Any:
        return self._dataset_fetcher.fetch(self._next_index())


class _MultiProcessingDataLoaderIter(_BaseDataLoaderIter):
    """Fetches in worker processes, some batches ahead.

    Tasks are numbered in the order in which batches are wanted. They go to the workers in turn,
    and an answer that comes early is kept.

    Source: ``torch.utils.data.dataloader._MultiProcessingDataLoaderIter``.
    """

    __module__ = "torch.utils.data.dataloader"

    def __init__(self, loader: DataLoader[Any]) -> None:
        super().__init__(loader)
        if not loader.prefetch_factor:
            raise AssertionError(
                "prefetch_factor must be greater than 0 for MultiProcessingDataLoaderIter"
            )
        self._prefetch_factor = loader.prefetch_factor
        self._in_order = loader.in_order
        self._worker_init_fn = loader.worker_init_fn
        job = Job(
            bool(self._dataset_kind), self._dataset, self._auto_collation, self._collate_fn,
            self._drop_last, self._worker_init_fn, self._base_seed, self._num_workers,
        )  # fmt: skip
        context = loader.multiprocessing_context or multiprocessing.get_context()
        self._group = Workers(context, job)
        self._workers = self._group.processes
        self._reset(loader, first_iter=True)

    def _reset(self, loader: DataLoader[Any], first_iter: bool = False) -> None:
        super()._reset(loader, first_iter)
        self._send_idx = 0  # of the next task
        self._rcvd_idx = 0  # of the next batch
        self._owners: dict[int, int] = {}  # which worker has which task
        self._early: dict[int, tuple[int, Any]] = {}  # answers before their turn
        self._workers_status = [True] * self._num_workers  # whether they have more samples
        self._workers_num_tasks = [0] * self._num_workers
        self._turns = itertools.cycle(range(self._num_workers))
        if not first_iter:
            self._group.resume()
        for _ in range(self._prefetch_factor * self._num_workers):
            self._try_put_index()

    def _try_put_index(self) -> None:
        """Give the next task to the worker whose turn it is."""
        try:
            index = self._next_index()
        except StopIteration:
            return
        most = self._prefetch_factor * self._num_workers
        active = sum(self._workers_status)
        for worker in itertools.islice(self._turns, self._num_workers):
            if self._workers_status[worker] and (
                self._in_order or self._workers_num_tasks[worker] < most // active
            ):
                break
        else:
            return
        self._owners[self._send_idx] = worker
        self._workers_num_tasks[worker] += 1
        task = (self._send_idx, index)
        self._send_idx += 1
        self._group.post(worker, task)

    def _next_data(self) -> Any:
        while True:
            first = self._next_owner()
            if self._rcvd_idx in self._early:
                del self._owners[self._rcvd_idx]
                return self._process_data(*self._early.pop(self._rcvd_idx))
            worker, (idx, data) = self._group.receive(first, self._timeout)
            if isinstance(data, Ended):
                if self._workers_status[worker]:
                    self._workers_status[worker] = False
                    self._try_put_index()
            elif idx == self._rcvd_idx or not self._in_order:
                del self._owners[idx]
                return self._process_data(worker, data)
            else:
                self._early[idx] = worker, data

    def _next_owner(self) -> int:
        """Go on to the next task that has an answer, or will have; its worker.

        Raises:
            StopIteration: there is none.
        """
        while self._rcvd_idx < self._send_idx:
            owner = self._owners.get(self._rcvd_idx)
            if owner is not None:
                if self._workers_status[owner] or self._rcvd_idx in self._early:
                    return owner
                del self._owners[self._rcvd_idx]
            self._rcvd_idx += 1
        if not self._persistent_workers:
            self._shutdown_workers()
        raise StopIteration

    def _process_data(self, worker: int, data: Any) -> Any:
        """Let a worker go on, and give out what it has sent."""
        self._workers_num_tasks[worker] -= 1
        self._try_put_index()
        if isinstance(data, ExceptionWrapper):
            data.reraise()
        return data

    def _shutdown_workers(self) -> None:
        """End the worker processes."""
        self._group.close()
