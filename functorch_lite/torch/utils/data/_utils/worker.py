"""What runs in a worker process of a ``DataLoader``."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from functorch_lite.torch._object.generator import Generator, manual_seed
from functorch_lite.torch._object.settings import set_num_threads
from functorch_lite.torch._utils import ExceptionWrapper
from functorch_lite.torch.multiprocessing._parent import end_with_parent
from functorch_lite.torch.utils.data._transport import Carried, Channel, encode
from functorch_lite.torch.utils.data._utils.fetch import create_fetcher

__all__ = ["Ended", "Job", "Resume", "WorkerInfo", "get_worker_info"]


@dataclass(frozen=True, slots=True)
class _RNG:
    """Generators of a worker that is a thread; workers here are processes, with global ones.

    Source: ``torch.utils.data._utils.worker._RNG``.
    """

    random_generator: random.Random
    torch_generator: Generator
    numpy_generator: object | None = None


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """What a worker knows of itself.

    Attributes:
        id: its number, from 0.
        num_workers: how many there are.
        seed: what its generators were seeded with.
        dataset: its copy of the data set.
        rng: None.
        worker_method: ``"multiprocessing"``.

    Source: ``torch.utils.data._utils.worker.WorkerInfo``.
    """

    id: int
    num_workers: int
    seed: int
    dataset: Any
    rng: _RNG | None = None
    worker_method: str | None = "multiprocessing"


@dataclass(frozen=True)
class Ended:
    """The answer of a worker whose iterable data set has no more samples."""


@dataclass(frozen=True)
class Resume:
    """The order to begin another epoch."""


@dataclass(frozen=True)
class Job:
    """What all workers of a loader do.

    Attributes:
        iterable: whether the data set is visited in its own order.
        dataset, auto_collation, collate_fn, drop_last: of the fetcher.
        init_fn: called first in each worker with its number.
        base_seed: the worker's number is added to it.
        num_workers: how many there are.
    """

    iterable: bool
    dataset: Any
    auto_collation: bool
    collate_fn: Callable[[Any], Any]
    drop_last: bool
    init_fn: Callable[[int], None] | None
    base_seed: int
    num_workers: int

    def fetcher(self) -> Any:
        """A fetcher at the start of an epoch."""
        return create_fetcher(
            self.iterable, self.dataset, self.auto_collation, self.collate_fn, self.drop_last
        )


class _Here:
    """The worker that this process is."""

    info: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """What a worker knows of itself; None in the main process.

    Returns:
        An object with ``id``, ``num_workers``, ``seed`` and ``dataset``.

    >>> get_worker_info() is None
    True

    Source: ``torch.utils.data.get_worker_info``.
    """
    return _Here.info


def _generate_state(base_seed: int, worker_id: int) -> list[int]:
    """The seed of NumPy's global generator in a worker, apart from that of ``random``."""
    words = [worker_id, base_seed & 0xFFFFFFFF, base_seed >> 32, 0]
    return np.random.SeedSequence(words).generate_state(4).tolist()


def _seed(base_seed: int, worker_id: int) -> int:
    """Seed the global generators; the seed."""
    seed = base_seed + worker_id
    random.seed(seed)
    manual_seed(seed)
    # Programs draw from it in their data sets, and find PyTorch's numbers there.
    np.random.seed(_generate_state(base_seed, worker_id))  # noqa: NPY002
    return seed


class _Worker:
    """Answers each task of the main process with a batch, an error or the end.

    Args:
        job: what it does.
        worker_id: its number.
    """

    def __init__(self, job: Job, worker_id: int) -> None:
        self.job = job
        self.where = f"in DataLoader worker process {worker_id}"
        self.failed: ExceptionWrapper | None = None
        self.ended = False
        try:
            if job.init_fn is not None:
                job.init_fn(worker_id)
        except Exception:
            self.failed = ExceptionWrapper(where=self.where)
        else:
            self.resume()

    def resume(self) -> None:
        """Begin an epoch."""
        self.ended = False
        try:
            self.fetcher = self.job.fetcher()
        except Exception:
            self.failed = ExceptionWrapper(where=self.where)

    def answer(self, index: Any) -> Any:
        """What is at an index."""
        if self.failed is not None:
            return self.failed
        if self.ended:
            return Ended()
        try:
            return self.fetcher.fetch(index)
        except Exception as error:
            if isinstance(error, StopIteration) and self.job.iterable:
                self.ended = True
                return Ended()
            return ExceptionWrapper(where=self.where)

    def serve(self, channel: Channel) -> None:
        """Answer until the main process closes the channel."""
        while True:
            task = channel.get()
            if isinstance(task, Resume):
                self.resume()
                continue
            number, index = task
            try:
                message = encode((number, self.answer(index)))
            except Exception:
                # The batch cannot be pickled.
                message = encode((number, ExceptionWrapper(where=self.where)))
            channel.put(message)
            del message


def run(connection: Connection, carried: Carried, worker_id: int) -> None:
    """Be a worker until the main process closes its end of the connection.

    Args:
        connection: to the main process.
        carried: the job.
        worker_id: its number.
    """
    # Ctrl-C reaches all processes of a terminal; the main process is the one to speak of it.
    # A closed channel is how the main process says that there is nothing more to do.
    with contextlib.suppress(KeyboardInterrupt, EOFError, OSError):
        end_with_parent()
        job: Job = carried.value
        set_num_threads(1)
        seed = _seed(job.base_seed, worker_id)
        _Here.info = WorkerInfo(worker_id, job.num_workers, seed, job.dataset)
        _Worker(job, worker_id).serve(Channel(connection))
