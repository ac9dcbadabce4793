"""Datasets: pytrees of arrays with one first axis in common, cut, chosen from and mapped."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import functorch_lite as fl
from functorch_lite import numpy as fnp
from functorch_lite import tree
from functorch_lite.errors import DtypeError, IndexRangeError, ShapeError

__all__ = ["Dataset", "dataset"]


class Dataset:
    """Examples in a row: ``data[i]`` is one, ``data[a:b]`` and ``data.map(f)`` are datasets.

    Made by :func:`dataset`.  It is immutable, and cutting it copies nothing but the arrays' rows.

    >>> digits = dataset({"image": fnp.zeros((10, 8, 8)), "label": fnp.arange(10)})
    >>> len(digits), len(digits[2:5]), digits[3]["label"]
    (10, 3, Array(3, dtype=int64))
    """

    __slots__ = ("_arrays", "_maps", "_size")

    _arrays: Any
    _maps: tuple[Callable[[Any], Any], ...]
    _size: int

    def __init__(self, arrays: Any, size: int, maps: tuple[Callable[[Any], Any], ...]) -> None:
        self._arrays = arrays
        self._size = size
        self._maps = maps

    def __len__(self) -> int:
        return self._size

    def __repr__(self) -> str:
        shapes = tree.map(lambda x: fl.ShapeDtypeStruct(x.shape[1:], x.dtype), self._arrays)
        mapped = f", mapped {len(self._maps)} times" if self._maps else ""
        return f"Dataset({self._size} examples of {shapes}{mapped})"

    def __getitem__(self, index: Any) -> Any:
        """One example for an int, a dataset for a slice.

        Raises:
            IndexRangeError: there is no such example.
        """
        if isinstance(index, slice):
            start, stop, step = index.indices(self._size)
            size = len(range(start, stop, step))
            return Dataset(tree.map(lambda x: x[index], self._arrays), size, self._maps)
        try:
            place = operator.index(index)
        except TypeError:
            raise TypeError(
                f"data.Dataset: expected an int or a slice as index; got {type(index).__name__}. "
                "Remedy: take(indices) gives the examples of an array of indices."
            ) from None
        if not -self._size <= place < self._size:
            raise IndexRangeError(
                f"data.Dataset: there is no example {place}, there are {self._size}. "
                "Remedy: index from 0 to len(data) - 1."
            )
        place %= self._size
        return tree.map(lambda x: x[0], self.rows(place, place + 1))

    def rows(self, start: int, stop: int) -> Any:
        """The batch of the examples from ``start`` up to ``stop``, arrays [stop - start, ...]."""
        return self._mapped(tree.map(lambda x: x[start:stop], self._arrays))

    def take(self, indices: Any) -> Any:
        """The batch of the examples of given indices.

        Args:
            indices: i[batch], from 0 to ``len(self) - 1``.

        Returns:
            A pytree like an example, of arrays [batch, ...].

        Raises:
            DtypeError, ShapeError: ``indices`` is no vector of integers.
            IndexRangeError: there is no such example.

        >>> dataset(fnp.arange(5) * 10).take(fnp.asarray([4, 0]))
        Array([40,  0], dtype=int64)
        """
        chosen = fnp.asarray(indices)
        if chosen.size == 0:
            chosen = chosen.astype("int64")
        if chosen.dtype.kind not in "iu":
            raise DtypeError(
                f"data.Dataset.take: expected integer indices; got {chosen.dtype.name}. "
                "Remedy: fnp.flatnonzero(mask) gives the indices of a mask."
            )
        if chosen.ndim != 1:
            raise ShapeError(
                f"data.Dataset.take: expected indices of shape [batch]; got {tuple(chosen.shape)}. "
                "Remedy: indices.reshape(-1)."
            )
        if chosen.size and not (0 <= int(chosen.min()) and int(chosen.max()) < self._size):
            raise IndexRangeError(
                f"data.Dataset.take: expected indices from 0 to {self._size - 1}; got "
                f"{int(chosen.min())} to {int(chosen.max())}. Remedy: take them modulo len(data)."
            )
        return self._gathered(chosen)

    def _gathered(self, chosen: Any) -> Any:
        """What :meth:`take` gives of indices that are known to be right, which may be traced."""
        return self._mapped(
            tree.map(lambda x: fnp.take(x, fl.device_put(chosen, x.device), axis=0), self._arrays)
        )

    def map(self, f: Callable[[Any], Any], *, batched: bool = False) -> Dataset:
        """The dataset of ``f(example)``, computed when examples are asked for.

        Args:
            f: function of an example.  It is called for a whole batch at once, through ``vmap``.
            batched: whether ``f`` takes a batch (arrays [batch, ...]) and is called as it is.

        Returns:
            Dataset of the same length.

        Raises:
            ShapeError: at the first batch, if a ``batched`` function changes how many there are.

        >>> dataset(fnp.arange(4)).map(lambda x: x * x)[3]
        Array(9, dtype=int64)
        """
        if not callable(f):
            raise TypeError(
                f"data.Dataset.map: expected a function of an example; got {type(f).__name__}. "
                "Remedy: map(lambda example: ...)."
            )
        return Dataset(self._arrays, self._size, (*self._maps, f if batched else fl.vmap(f)))

    def _mapped(self, batch: Any) -> Any:
        size = tree.leaves(batch)[0].shape[0]
        for f in self._maps:
            if size == 0:
                # vmap refuses an axis of size 0: one example of zeros shows what f makes of none.
                one = tree.map(lambda x: fnp.zeros((1, *x.shape[1:]), x.dtype), batch)
                batch = tree.map(lambda x: x[:0], f(one))
                continue
            batch = f(batch)
            found = {tuple(x.shape[:1]) for x in tree.leaves(batch)}
            if found != {(size,)}:
                raise ShapeError(
                    f"data.Dataset.map: expected arrays of {size} examples from the function; got "
                    f"{[tuple(x.shape) for x in tree.leaves(batch)]}. "
                    "Remedy: map(f) without batched=True for a function of one example."
                )
        return batch


def dataset(arrays: Any) -> Dataset:
    """A dataset of arrays that share their first axis.

    Args:
        arrays: pytree of arrays [n, ...], e.g. ``(images, labels)`` or a dict.  NumPy arrays are
            copied once; a Dataset comes back as it is.

    Returns:
        Dataset of n examples, pytrees like ``arrays`` of arrays [...].

    Raises:
        ShapeError: the arrays differ in their first axis, or there is none.

    >>> pairs = dataset((fnp.arange(6.0).reshape(3, 2), fnp.arange(3)))
    >>> pairs[1]
    (Array([2., 3.], dtype=float32), Array(1, dtype=int64))
    """
    return as_dataset("data.dataset", arrays)


def as_dataset(name: str, arrays: Any) -> Dataset:
    """The dataset of what a function named ``name`` was given."""
    if isinstance(arrays, Dataset):
        return arrays
    arrays = tree.map(fnp.asarray, arrays)
    shapes = [tuple(x.shape) for x in tree.leaves(arrays)]
    sizes = {shape[:1] for shape in shapes}
    if len(sizes) != 1 or sizes == {()}:
        raise ShapeError(
            f"{name}: expected arrays with one first dimension in common; got {shapes}. "
            "Remedy: examples along axis 0 of every array; x[None] adds an axis."
        )
    return Dataset(arrays, shapes[0][0], ())
