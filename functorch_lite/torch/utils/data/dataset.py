"""Data sets: samples by index or one after the other, and how they are put together and split."""

from __future__ import annotations

import bisect
import itertools
import math
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, Generic, Iterable, TypeVar  # noqa: UP035  (see IterableDataset)

from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch._object.generator import Generator, default_generator
from functorch_lite.torch._ops.random_fill import randperm
from functorch_lite.torch.utils.data._naming import Named

__all__ = [
    "ChainDataset",
    "ConcatDataset",
    "Dataset",
    "IterableDataset",
    "StackDataset",
    "Subset",
    "TensorDataset",
    "random_split",
]

T_co = TypeVar("T_co", covariant=True)


class Dataset(Named, Generic[T_co]):
    """Samples by index. Subclasses have ``__getitem__`` and, for most samplers, ``__len__``.

    ``__getitems__``, where there is one, fetches the samples of a list of indices at once.

    Source: ``torch.utils.data.Dataset``.
    """

    __module__ = "torch.utils.data.dataset"

    def __getitem__(self, index: Any) -> T_co:
        raise NotImplementedError("Subclasses of Dataset should implement __getitem__.")

    def __add__(self, other: Any) -> Any:
        return ConcatDataset([self, other])


# typing's Iterable, not that of collections.abc: a generic base must be subscripted alike.
class IterableDataset(Dataset[T_co], Iterable[T_co]):
    """Samples one after the other. Subclasses have ``__iter__``.

    Each worker of a ``DataLoader`` iterates over a copy of its own; ``get_worker_info()`` tells
    it which share of the samples is its.

    Source: ``torch.utils.data.IterableDataset``.
    """

    __module__ = "torch.utils.data.dataset"

    def __add__(self, other: Any) -> Any:
        return ChainDataset([self, other])


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """The rows of tensors: sample ``i`` is the tuple of their ``i``-th rows.

    Args:
        tensors: tensors of one size in their first dimension.

    Raises:
        AssertionError: their sizes differ.

    >>> import functorch_lite.torch as torch
    >>> TensorDataset(torch.arange(3), torch.zeros(3, 2))[1]
    (tensor(1), tensor([0., 0.]))

    Source: ``torch.utils.data.TensorDataset``.
    """

    __module__ = "torch.utils.data.dataset"

    def __init__(self, *tensors: Any) -> None:
        if any(tensors[0].size(0) != t.size(0) for t in tensors):
            raise AssertionError("Size mismatch between tensors")
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(t[index] for t in self.tensors)

    def __len__(self) -> int:
        return self.tensors[0].size(0)


def _samples(dataset: Any, indices: Sequence[Any]) -> Sequence[Any]:
    """The samples of several indices, at once where the data set can."""
    if callable(getattr(dataset, "__getitems__", None)):
        return dataset.__getitems__(indices)
    return [dataset[i] for i in indices]


class StackDataset(Dataset[Any]):
    """Data sets side by side: a sample is a tuple of theirs, or a dict where they have names.

    Args:
        args: data sets of one length.
        kwargs: the same with names, instead.

    Raises:
        ValueError: both kinds are given, or none, or lengths differ.

    >>> StackDataset(image=[1, 2], label="ab")[1]
    {'image': 2, 'label': 'b'}

    Source: ``torch.utils.data.StackDataset``.
    """

    __module__ = "torch.utils.data.dataset"
    datasets: tuple[Any, ...] | dict[str, Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if args and kwargs:
            raise ValueError(
                "Supported either ``tuple``- (via ``args``) or``dict``- (via ``kwargs``) like "
                "input/output, but both types are given."
            )
        if not args and not kwargs:
            raise ValueError("At least one dataset should be passed")
        parts = args or tuple(kwargs.values())
        self._length = len(parts[0])
        if any(len(part) != self._length for part in parts):
            raise ValueError("Size mismatch between datasets")
        self.datasets = args or kwargs

    def __getitem__(self, index: Any) -> Any:
        if isinstance(self.datasets, dict):
            return {name: part[index] for name, part in self.datasets.items()}
        return tuple(part[index] for part in self.datasets)

    def __getitems__(self, indices: Sequence[Any]) -> list[Any]:
        named = isinstance(self.datasets, dict)
        parts = self.datasets.values() if isinstance(self.datasets, dict) else self.datasets
        columns = []
        for part in parts:
            column = _samples(part, indices)
            if len(column) != len(indices):
                raise ValueError(
                    f"Nested dataset's output size mismatch. Expected {len(indices)}, got "
                    f"{len(column)}"
                )
            columns.append(column)
        rows = zip(*columns, strict=True)
        return [dict(zip(self.datasets, row, strict=True)) for row in rows] if named else [*rows]

    def __len__(self) -> int:
        return self._length


class ConcatDataset(Dataset[T_co]):
    """Data sets one behind the other.

    Args:
        datasets: data sets with lengths.

    Raises:
        AssertionError: there is none, or one is an ``IterableDataset``.

    >>> ConcatDataset(["ab", "cde"])[3]
    'd'

    Source: ``torch.utils.data.ConcatDataset``.
    """

    __module__ = "torch.utils.data.dataset"

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise AssertionError("datasets should not be an empty iterable")
        if any(isinstance(d, IterableDataset) for d in self.datasets):
            raise AssertionError("ConcatDataset does not support IterableDataset")
        self.cumulative_sizes = self.cumsum(self.datasets)

    @staticmethod
    def cumsum(sequence: Iterable[Any]) -> list[int]:
        """The sums of lengths up to each."""
        return [*itertools.accumulate(len(each) for each in sequence)]

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, idx: int) -> T_co:
        if idx < 0:
            idx += len(self)
            if idx < 0:
                raise ValueError("absolute value of index should not exceed dataset length")
        which = bisect.bisect_right(self.cumulative_sizes, idx)
        start = self.cumulative_sizes[which - 1] if which else 0
        return self.datasets[which][idx - start]

    @property
    def cummulative_sizes(self) -> list[int]:
        """The old name of ``cumulative_sizes``."""
        warnings.warn(
            "`cummulative_sizes` attribute is renamed to `cumulative_sizes`",
            FutureWarning,
            stacklevel=2,
        )
        return self.cumulative_sizes


class ChainDataset(IterableDataset[Any]):
    """Iterable data sets one behind the other.

    Args:
        datasets: instances of ``IterableDataset``.

    Source: ``torch.utils.data.ChainDataset``.
    """

    __module__ = "torch.utils.data.dataset"

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = datasets

    def _checked(self) -> Iterator[Any]:
        for d in self.datasets:
            if not isinstance(d, IterableDataset):
                raise AssertionError("ChainDataset only supports IterableDataset")
            yield d

    def __iter__(self) -> Iterator[Any]:
        return itertools.chain.from_iterable(self._checked())

    def __len__(self) -> int:
        return sum(len(d) for d in self._checked())


class Subset(Dataset[T_co]):
    """The samples of a data set at some indices.

    Args:
        dataset: the whole.
        indices: which samples, in which order.

    Raises:
        NotImplementedError: a subclass has ``__getitem__`` without ``__getitems__``.

    >>> list(Subset("abc", [2, 0]))
    ['c', 'a']

    Source: ``torch.utils.data.Subset``.
    """

    __module__ = "torch.utils.data.dataset"

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices
        cls = type(self)
        if (
            cls.__getitem__ is not Subset.__getitem__
            and cls.__getitems__ is Subset.__getitems__
        ):  # fmt: skip
            raise NotImplementedError(
                f"{cls.__name__} overrides __getitem__ but not __getitems__. When subclassing "
                "Subset and overriding __getitem__, you must also override __getitems__ to ensure "
                "DataLoader works correctly with your custom logic. A simple implementation:\n\n"
                "def __getitems__(self, indices):\n"
                "    return [self.__getitem__(idx) for idx in indices]"
            )

    def __getitem__(self, idx: Any) -> Any:
        if isinstance(idx, list):
            return self.dataset[[self.indices[i] for i in idx]]
        return self.dataset[self.indices[idx]]

    def __getitems__(self, indices: Sequence[int]) -> Sequence[Any]:
        return _samples(self.dataset, [self.indices[i] for i in indices])

    def __len__(self) -> int:
        return len(self.indices)


def _split_sizes(total: int, fractions: Sequence[float]) -> list[int]:
    """Lengths for fractions of a total; what rounding leaves goes to the first, one each."""
    sizes = []
    for i, fraction in enumerate(fractions):
        if not 0 <= fraction <= 1:
            raise ValueError(f"Fraction at index {i} is not between 0 and 1")
        sizes.append(math.floor(total * fraction))
    for i in range(total - sum(sizes)):
        sizes[i % len(sizes)] += 1
    for i, size in enumerate(sizes):
        if size == 0:
            warnings.warn(
                f"Length of split at index {i} is 0. This might result in an empty dataset.",
                stacklevel=3,
            )
    return sizes


def random_split(
    dataset: Any,
    lengths: Sequence[float],
    generator: Generator | None = default_generator,
) -> list[Subset[Any]]:
    """Split a data set at random into parts that do not overlap.

    Args:
        dataset: a data set with a length.
        lengths: of the parts, or fractions that add up to 1.
        generator: what draws the order.

    Returns:
        The parts.

    Raises:
        ValueError: lengths do not add up to that of the data set, or a fraction is not one.

    >>> [len(part) for part in random_split(range(10), [0.5, 0.3, 0.2])]
    [5, 3, 2]

    Source: ``torch.utils.data.random_split``.
    """
    total = sum(lengths)
    if math.isclose(total, 1) and total <= 1:
        lengths = _split_sizes(len(dataset), lengths)
    if sum(lengths) != len(dataset):
        raise ValueError("Sum of input lengths does not equal the length of the input dataset!")
    order = randperm(sum(lengths), generator=generator).tolist()
    ends = itertools.accumulate(lengths)
    return [Subset(dataset, order[end - n : end]) for end, n in zip(ends, lengths, strict=True)]
