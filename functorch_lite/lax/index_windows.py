"""Windows of an array at positions that index vectors give: what ``gather`` and ``scatter`` share.

A window either spans an axis, which then needs no index, or is written out as index arrays for the
ops of ``functorch_lite.ops``, which index some axes jointly.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from functorch_lite import ops
from functorch_lite.core.array import Array
from functorch_lite.core.dtypes import bool_, int64
from functorch_lite.numpy.convert import cast, const, fill, iota

__all__ = ["Windows"]


class Windows:
    """Windows of one size, one for each index vector.

    Args:
        shape: of the operand.
        sizes: of a window, along every axis of the operand.
        starts: integers[*batch, k], the index vectors.
        start_map: the operand's axis for each of their k components; the others start at 0.
        batching: axes of the operand along which each index vector sees its own part only.
        starts_batching: the axes of ``starts`` that go along with them.
        dropped: axes of the operand that windows, as they are given and returned, lack.
        window_dims: where the other axes of a window are in the array of all windows.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        sizes: tuple[int, ...],
        starts: Array,
        start_map: Sequence[int],
        batching: Sequence[int],
        starts_batching: Sequence[int],
        dropped: Sequence[int],
        window_dims: Sequence[int],
    ) -> None:
        self.shape, self.sizes = shape, sizes
        self.batch = starts.shape[:-1]
        axes = [d for d, n in enumerate(shape) if d in batching or sizes[d] != n]
        # Without an axis to index, all windows are the operand: index a new axis of size 1.
        self.whole = not axes
        spread = [d for d in axes if d not in batching and sizes[d] != 1]
        joint = (*self.batch, *(sizes[d] for d in spread))
        places = dict(zip(batching, starts_batching, strict=True))
        self.starts = starts
        limits = [shape[d] - sizes[d] for d in start_map]
        self.columns = [self._column(i, limit) for i, limit in enumerate(limits)]
        moved = {
            d: ops.clamp(const(0, int64), column, const(limit, int64))
            for d, (column, limit) in zip(start_map, self.columns, strict=True)
        }
        self.axes = (0,) if self.whole else tuple(axes)
        if self.whole:
            self.indices = [fill(starts, shape=joint, dtype=int64, value=0)]
        else:
            self.indices = [
                self._index(joint, places.get(d), moved.get(d), spread, d) for d in axes
            ]
        # The axes of a gathered block, by the operand's axes, and of the array of all windows.
        kept = [d for d in range(len(shape)) if d not in dropped and d not in batching]
        loose = [d for d in range(len(shape)) if d not in axes]
        inside = [d for d in (*spread, *loose) if d in kept]
        labels: list[Any] = [("batch", i) for i in range(len(self.batch))] + inside
        labels += [d for d in kept if d not in inside]
        outer = iter(range(len(self.batch)))
        at = dict(zip(window_dims, kept, strict=True))
        wanted = [at[i] if i in at else ("batch", next(outer)) for i in range(len(labels))]
        self.perm = tuple(labels.index(label) for label in wanted)
        self.ordered = (*self.batch, *(sizes[d] for d in labels[len(self.batch) :]))
        self.block = (*joint, *(shape[d] for d in loose))

    def _column(self, i: int, limit: int) -> tuple[Array, int]:
        """One component of all index vectors, and the largest value that it may have."""
        starts = self.starts
        lead = starts.ndim - 1
        column = ops.slice(
            starts,
            start=(*(0,) * lead, i),
            stop=(*starts.shape[:-1], i + 1),
            step=(1,) * starts.ndim,
        )
        column = ops.reshape(column, shape=self.batch)
        if starts.dtype.kind == "u" and starts.dtype.itemsize == 8:  # stays too large as int64
            column = ops.minimum(column, const(limit + 1, starts.dtype))
        return cast(column, int64), limit

    def _valid(self) -> Array:
        """bool[*batch], whether a window is wholly inside the operand."""
        valid = fill(self.starts, shape=self.batch, dtype=bool_, value=True)
        for column, limit in self.columns:
            above, below = ops.ge(column, const(0, int64)), ops.le(column, const(limit, int64))
            valid = ops.bitwise_and(valid, ops.bitwise_and(above, below))
        return valid

    def _index(
        self,
        joint: tuple[int, ...],
        place: int | None,
        begin: Array | None,
        spread: list[int],
        axis: int,
    ) -> Array:
        """The index array of one axis, of shape ``joint``."""
        if place is not None:
            return iota(self.starts, shape=joint, dtype=int64, axis=place)
        found = None
        if axis in spread:
            within = len(self.batch) + spread.index(axis)
            found = iota(self.starts, shape=joint, dtype=int64, axis=within)
        if begin is None:
            return fill(self.starts, shape=joint, dtype=int64, value=0) if found is None else found
        begin = self._over(begin, joint)
        return begin if found is None else ops.add(begin, found)

    def _over(self, per_window: Array, shape: tuple[int, ...]) -> Array:
        """A value per window, repeated over the elements of a block."""
        wide = (*self.batch, *(1,) * (len(shape) - len(self.batch)))
        return ops.broadcast_to(ops.reshape(per_window, shape=wide), shape=shape)

    # ------------------------------------------------------------------------------ read and write
    def read(self, x: Array) -> Array:
        """All windows, those outside moved inside, in the layout of ``window_dims``."""
        x = ops.reshape(x, shape=(1, *self.shape)) if self.whole else x
        block = ops.gather(x, *self.indices, axes=self.axes, mode="clip")
        return _transposed(_reshaped(block, self.ordered), self.perm)

    def write(self, scatter: Any, x: Array, updates: Array, clip: bool) -> Array:
        """x with all windows written by a scattering op; those outside are moved, or left out."""
        back = tuple(self.perm.index(i) for i in range(len(self.perm)))
        updates = _reshaped(_transposed(updates, back), self.block)
        indices = self.indices
        if not clip:
            first = indices[0]
            valid = self._over(self._valid(), first.shape)
            indices = [ops.select(valid, first, const(-1, int64)), *indices[1:]]
        x = ops.reshape(x, shape=(1, *self.shape)) if self.whole else x
        out: Array = scatter(x, updates, *indices, axes=self.axes, mode="clip" if clip else "drop")
        return ops.reshape(out, shape=self.shape) if self.whole else out

    def where_valid(self, windows: Array, other: Array) -> Array:
        """Windows that :meth:`read` gave, with another value in those that are outside."""
        inner = len(self.perm) - len(self.batch)
        flags = _transposed(_reshaped(self._valid(), (*self.batch, *(1,) * inner)), self.perm)
        return ops.select(ops.broadcast_to(flags, shape=windows.shape), windows, other)


def _reshaped(x: Array, shape: tuple[int, ...]) -> Array:
    return x if x.shape == shape else ops.reshape(x, shape=shape)


def _transposed(x: Array, perm: tuple[int, ...]) -> Array:
    return x if perm == tuple(range(len(perm))) else ops.transpose(x, perm=perm)
