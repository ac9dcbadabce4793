"""Samplers: in which order the indices of a data set are visited, in PyTorch's random streams."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

import numpy as np

from functorch_lite.torch._core import dtypes
from functorch_lite.torch._core.tensor import Tensor, make
from functorch_lite.torch._object.generator import Generator
from functorch_lite.torch._ops.creation import as_tensor
from functorch_lite.torch._ops.random_fill import multinomial, randint, randperm
from functorch_lite.torch._ops.random_inplace import random_
from functorch_lite.torch.utils.data._naming import Named

__all__ = [
    "BatchSampler",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "SubsetRandomSampler",
    "WeightedRandomSampler",
    "draw_seed",
]

T_co = TypeVar("T_co", covariant=True)

# So many indices with replacement are drawn at once: a program that draws from the same generator
# in between finds it where PyTorch leaves it.
_AT_ONCE = 32


def draw_seed(generator: Generator | None) -> int:
    """A seed for another stream: one int64 drawn from the generator, or the default one."""
    return random_(make(np.empty((), np.int64)), generator=generator).item()


def _is_positive(value: Any) -> bool:
    return isinstance(value, int) and value > 0


class Sampler(Named, Generic[T_co]):
    """Indices one after the other. Subclasses have ``__iter__`` and, mostly, ``__len__``.

    Source: ``torch.utils.data.Sampler``.
    """

    __module__ = "torch.utils.data.sampler"

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError


class SequentialSampler(Sampler[int]):
    """All indices in their order.

    Args:
        data_source: what has the length.

    >>> list(SequentialSampler("abc"))
    [0, 1, 2]

    Source: ``torch.utils.data.SequentialSampler``.
    """

    __module__ = "torch.utils.data.sampler"

    def __init__(self, data_source: Any) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """Indices in random order.

    Args:
        data_source: what has the length.
        replacement: whether an index can come again.
        num_samples: how many; by default the length.
        generator: what draws; by default one that the default generator seeds.

    Raises:
        TypeError: ``replacement`` is no bool.
        ValueError: ``num_samples`` is not a positive integer.

    Source: ``torch.utils.data.RandomSampler``.
    """

    __module__ = "torch.utils.data.sampler"

    def __init__(
        self,
        data_source: Any,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Generator | None = None,
    ) -> None:
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator
        if not isinstance(replacement, bool):
            raise TypeError(
                f"replacement should be a boolean value, but got replacement={replacement}"
            )
        if not _is_positive(self.num_samples):
            raise ValueError(
                "num_samples should be a positive integer value, but got "
                f"num_samples={self.num_samples}"
            )

    @property
    def num_samples(self) -> int:
        """How many indices; that of a data set may change."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        n, wanted = len(self.data_source), self.num_samples
        generator = self.generator
        if generator is None:
            generator = Generator().manual_seed(draw_seed(None))
        if self.replacement:
            whole, rest = divmod(wanted, _AT_ONCE)
            for size in itertools.chain(itertools.repeat(_AT_ONCE, whole), [rest]):
                yield from randint(n, (size,), generator=generator).tolist()
            return
        for _ in range(wanted // n):
            yield from randperm(n, generator=generator).tolist()
        # Drawn even where nothing of it is used: the stream goes on as PyTorch's does.
        yield from randperm(n, generator=generator).tolist()[: wanted % n]

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """Given indices in random order.

    Args:
        indices: the indices.
        generator: what draws.

    Source: ``torch.utils.data.SubsetRandomSampler``.
    """

    __module__ = "torch.utils.data.sampler"

    def __init__(self, indices: Sequence[int], generator: Generator | None = None) -> None:
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        for i in randperm(len(self.indices), generator=self.generator).tolist():
            yield self.indices[i]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """Indices drawn by weights.

    Args:
        weights: one for each index; they need not add up to 1.
        num_samples: how many to draw.
        replacement: whether an index can come again.
        generator: what draws.

    Raises:
        ValueError: ``num_samples`` is not a positive integer, ``replacement`` no bool, or weights
            are not one-dimensional.

    Source: ``torch.utils.data.WeightedRandomSampler``.
    """

    __module__ = "torch.utils.data.sampler"

    def __init__(
        self,
        weights: Sequence[float] | Tensor,
        num_samples: int,
        replacement: bool = True,
        generator: Generator | None = None,
    ) -> None:
        if not _is_positive(num_samples) or isinstance(num_samples, bool):
            raise ValueError(
                f"num_samples should be a positive integer value, but got num_samples={num_samples}"
            )
        if not isinstance(replacement, bool):
            raise ValueError(
                f"replacement should be a boolean value, but got replacement={replacement}"
            )
        self.weights = as_tensor(weights, dtype=dtypes.float64)
        if self.weights.ndim != 1:
            raise ValueError(
                "weights should be a 1d sequence but given weights have shape "
                f"{tuple(self.weights.shape)}"
            )
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        yield from multinomial(
            self.weights, self.num_samples, self.replacement, generator=self.generator
        ).tolist()

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """The indices of another sampler in lists.

    Args:
        sampler: a sampler, or any iterable.
        batch_size: how many are in a list.
        drop_last: whether a last list that is shorter is left out.

    Raises:
        ValueError: ``batch_size`` is not a positive integer, or ``drop_last`` no bool.

    >>> list(BatchSampler(range(5), 2, drop_last=False))
    [[0, 1], [2, 3], [4]]

    Source: ``torch.utils.data.BatchSampler``.
    """

    __module__ = "torch.utils.data.sampler"

    def __init__(self, sampler: Iterable[Any], batch_size: int, drop_last: bool) -> None:
        if not _is_positive(batch_size) or isinstance(batch_size, bool):
            raise ValueError(
                f"batch_size should be a positive integer value, but got batch_size={batch_size}"
            )
        if not isinstance(drop_last, bool):
            raise ValueError(f"drop_last should be a boolean value, but got drop_last={drop_last}")
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[int]]:
        indices = iter(self.sampler)
        least = self.batch_size if self.drop_last else 1
        while len(batch := [*itertools.islice(indices, self.batch_size)]) >= least:
            yield batch

    def __len__(self) -> int:
        count = len(self.sampler)  # type: ignore[arg-type]
        return count // self.batch_size if self.drop_last else -(-count // self.batch_size)
