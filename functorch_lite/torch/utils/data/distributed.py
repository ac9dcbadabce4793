"""The sampler of one process of several that share a data set."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

from functorch_lite.torch._object.generator import Generator
from functorch_lite.torch._ops.random_fill import randperm
from functorch_lite.torch.utils.data.sampler import Sampler

__all__ = ["DistributedSampler"]


class DistributedSampler(Sampler[Any]):
    """Every ``num_replicas``-th index, from the ``rank``-th on, in an order all processes share.

    Args:
        dataset: what has the length.
        num_replicas: the number of processes.
        rank: which of them this is, from 0.
        shuffle: whether the order is random; it depends on ``seed`` and ``set_epoch`` alone.
        seed: of the order; the same in all processes.
        drop_last: whether indices are left out so that all get as many; else the first come again.

    Raises:
        ValueError: ``num_replicas`` or ``rank`` is not given (there are no process groups here),
            or ``rank`` is out of range.

    >>> list(DistributedSampler(range(5), num_replicas=2, rank=1, shuffle=False))
    [1, 3, 0]

    Source: ``torch.utils.data.DistributedSampler``.
    """

    __module__ = "torch.utils.data.distributed"

    def __init__(
        self,
        dataset: Any,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        if num_replicas is None or rank is None:
            raise ValueError(
                "Default process group has not been initialized, please make sure to call "
                "init_process_group."
            )
        if not 0 <= rank < num_replicas:
            raise ValueError(
                f"Invalid rank {rank}, rank should be in the interval [0, {num_replicas - 1}]"
            )
        self.dataset = dataset
        self.num_replicas = num_replicas
        self.rank = rank
        self.epoch = 0
        self.drop_last = drop_last
        self.shuffle = shuffle
        self.seed = seed
        count = len(dataset)
        self.num_samples = count // num_replicas if drop_last else math.ceil(count / num_replicas)
        self.total_size = self.num_samples * num_replicas

    def __iter__(self) -> Iterator[Any]:
        count = len(self.dataset)
        if self.shuffle:
            generator = Generator().manual_seed(self.seed + self.epoch)
            indices = randperm(count, generator=generator).tolist()
        else:
            indices = range(count)
        # Shorter than the total only where the first are to come again.
        padded = [*itertools.islice(itertools.cycle(indices), self.total_size)]
        return iter(padded[self.rank :: self.num_replicas])

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Note the epoch, so that each has an order of its own.

        Args:
            epoch: its number.

        Source: ``torch.utils.data.DistributedSampler.set_epoch``.
        """
        self.epoch = epoch
