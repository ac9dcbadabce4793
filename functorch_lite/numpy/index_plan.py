"""What an index means: every form that NumPy takes, normalised to slices, integer arrays and a
reshape.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from functorch_lite import ops
from functorch_lite.core.array import Array, Tracer, wrap
from functorch_lite.core.aval import describe
from functorch_lite.core.dtypes import bool_, int64, is_bool, is_integer
from functorch_lite.errors import DtypeError, IndexRangeError, NonConcreteError, ShapeError
from functorch_lite.numpy.convert import asarray, cast, const

__all__ = ["Plan"]

_ndarray = np.ndarray
_MODES = (None, "clip", "drop", "fill", "promise_in_bounds", "wrap")


class Plan:
    """What an index means for an array of known shape.

    Attributes:
        start, stop, step: the block to cut out, one entry per axis of x.
        flips: axes of the block that run backwards.
        middle: the block's shape with indexed-away axes dropped, new axes inserted and the axes
            under a mask joined.
        axes: the axes of ``middle`` that integer arrays index, jointly.
        indices: one int64 array for each of them, all of shape ``joint``.
        joint: their common shape.
        place: how many axes of the answer come before the dimensions ``joint``.
        known: whether every index is known to be in range.
        mode: "clip", "drop" or None (where the caller decides), for indices that are not known.
    """

    __slots__ = (
        "axes", "flips", "indices", "joint", "known", "middle", "mode", "place", "shape", "start",
        "step", "stop",
    )  # fmt: skip

    def __init__(self, shape: tuple[int, ...], index: Any, mode: str | None = None) -> None:
        if mode not in _MODES:
            raise ValueError(f"mode must be one of {', '.join(map(repr, _MODES))}; got {mode!r}.")
        self.shape = shape
        self.mode = mode
        items = _items(shape, index)
        self.start, self.stop, self.step = [0] * len(shape), list(shape), [1] * len(shape)
        self.flips: list[int] = []
        self.middle: list[int] = []
        self.axes: list[int] = []
        self.known = True
        arrays: list[Any] = []
        fancy = [n for n, item in enumerate(items) if _is_advanced(item)]
        if fancy:  # then single integers are index arrays like the others
            fancy = [n for n, item in enumerate(items) if _is_advanced(item) or _is_scalar(item)]
        kept = 0  # axes of the answer so far that come from slices
        self.place = 0
        axis = 0
        for n, item in enumerate(items):
            if fancy and n == fancy[0]:
                self.place = kept
            if item is None:
                self.middle.append(1)
                kept += 1
            elif isinstance(item, slice):
                self._cut(axis, item)
                axis += 1
                kept += 1
            elif item is Ellipsis:
                count = len(shape) - sum(map(_consumed, items))
                self.middle.extend(shape[axis : axis + count])
                axis += count
                kept += count
            else:
                found = self._point(axis, item)
                if found is not None:
                    self.axes.append(len(self.middle) - 1)
                    arrays.append(found)
                axis += _consumed(item)
        if fancy and fancy[-1] - fancy[0] >= len(fancy):
            self.place = 0  # separated index arrays: their dimensions lead, as in NumPy
        self.joint, self.indices = _broadcast_indices(arrays)

    def _cut(self, axis: int, item: slice) -> None:
        size = self.shape[axis]
        for bound in (item.start, item.stop, item.step):
            if isinstance(bound, Tracer):
                raise NonConcreteError(
                    f"a slice bound for axis {axis} is being traced, so the size of the result "
                    "would not be known. Remedy: lax.dynamic_slice(x, starts, sizes) for a block "
                    "of fixed size, or where(mask, x, 0) with a mask computed from positions."
                )
        try:
            taken = range(*item.indices(size))
        except TypeError:
            raise DtypeError(
                f"slice bounds must be integers or None; got {item} for axis {axis}. Remedy: use "
                "// or int(...)."
            ) from None
        count = len(taken)
        self.middle.append(count)
        if count == 0:
            self.start[axis] = self.stop[axis] = 0
        elif taken.step > 0 or count == 1:
            self.start[axis], self.stop[axis] = taken[0], taken[-1] + 1
            self.step[axis] = taken.step if count > 1 else 1
        else:
            self.start[axis], self.stop[axis] = taken[-1], taken[0] + 1
            self.step[axis] = -taken.step
            self.flips.append(axis)

    def _point(self, axis: int, item: Any) -> Any:
        """Note an integer, mask or integer array; the index array to gather with, if any."""
        if isinstance(item, bool):
            self.middle.append(1)
            return np.zeros(int(item), np.int64)
        if isinstance(item, int):
            return self._pick(axis, item)
        if isinstance(item, _Mask):
            covered = self.shape[axis : axis + item.data.ndim]
            if item.data.shape != covered:
                raise IndexRangeError(
                    f"a bool mask of shape {item.data.shape} does not fit axes {axis} to "
                    f"{axis + item.data.ndim - 1} of an array of shape {self.shape}. Remedy: use a "
                    f"mask of shape {covered}, or broadcast it with broadcast_to."
                )
            self.middle.append(math.prod(covered))
            return item.positions
        self.middle.append(self.shape[axis])
        return self._in_range(axis, item)

    def _pick(self, axis: int, i: int) -> Any:
        size = self.shape[axis]
        inside = -size <= i < size
        if not inside and self.mode is None:
            raise IndexRangeError(_range_text(f"index {i}", axis, self.shape))
        i = i + size if i < 0 else i
        if not inside and size:
            inside = self.mode != "drop" and self.mode != "fill"
            i = i % size if self.mode == "wrap" else min(max(i, 0), size - 1) if inside else i
        if inside:
            self.start[axis], self.stop[axis] = i, i + 1
            return None
        self.middle.append(size)
        self.known = False
        return np.array(-1, np.int64)

    def _in_range(self, axis: int, index: Any) -> Any:
        """An integer array made non-negative as the mode asks."""
        size = self.shape[axis]
        if isinstance(index, Tracer):
            self.known = False
            return _traced_index(index, size, self.mode)
        data = index.astype(np.int64, copy=False)
        if self.mode == "wrap" and size:
            return data % size
        if data.size:
            low, high = int(data.min()), int(data.max())
            if low < 0:
                data = data + size * (data < 0)
            if low < -size or high >= size:
                if self.mode is None:
                    worst = low if low < -size else high
                    raise IndexRangeError(_range_text(f"index {worst}", axis, self.shape))
                self.known = False
        return data

    def take(self, x: Array) -> Array:
        """The block, in the shape ``middle``."""
        if self.is_cut():
            start, stop, step = tuple(self.start), tuple(self.stop), tuple(self.step)
            x = ops.slice(x, start=start, stop=stop, step=step)
        if self.flips:
            x = ops.flip(x, axes=tuple(self.flips))
        middle = tuple(self.middle)
        return x if x.shape == middle else ops.reshape(x, shape=middle)

    def is_cut(self) -> bool:
        """Whether the block is less than x."""
        return self.block_shape() != self.shape

    def block_shape(self) -> tuple[int, ...]:
        """Shape of the block before axes are dropped and inserted."""
        bounds = zip(self.start, self.stop, self.step, strict=True)
        return tuple(-((a - b) // s) for a, b, s in bounds)

    def rest(self) -> tuple[int, ...]:
        """Shape of what is left of ``middle`` beside the gathered axes."""
        return tuple(n for i, n in enumerate(self.middle) if i not in self.axes)

    def result_shape(self) -> tuple[int, ...]:
        """Shape of ``x[index]``."""
        rest = self.rest()
        return (*rest[: self.place], *self.joint, *rest[self.place :])

    def put(self, x: Array, block: Array) -> Array:
        """x with the block written back."""
        shape = self.block_shape()
        if block.shape != shape:
            block = ops.reshape(block, shape=shape)
        if self.flips:
            block = ops.flip(block, axes=tuple(self.flips))
        if shape == self.shape:
            return block
        if 0 in shape:
            return x
        if all(step == 1 for step in self.step):
            return ops.dynamic_update_slice(x, block, *(const(i, int64) for i in self.start))
        config = tuple(
            (a, n - b, s - 1)
            for a, b, s, n in zip(
                self.start, _ends(self, shape), self.step, self.shape, strict=True
            )
        )
        inside = ops.full(shape=shape, dtype=bool_, value=True)
        mask = ops.pad(inside, const(False, bool_), config=config)
        return ops.select(mask, ops.pad(block, const(0, x.dtype), config=config), x)


def _ends(plan: Plan, shape: tuple[int, ...]) -> list[int]:
    """One past the last position of the block on each axis."""
    return [a + (n - 1) * s + 1 for a, n, s in zip(plan.start, shape, plan.step, strict=True)]


def _range_text(what: str, axis: int, shape: tuple[int, ...]) -> str:
    size = shape[axis]
    allowed = f"from {-size} to {size - 1}" if size else "- none, the axis is empty -"
    return (
        f"{what} is out of range for axis {axis} of size {size} in an array of shape {shape}. "
        f"Remedy: use an index {allowed}, or say what shall happen outside with "
        "x.at[index].get(mode='clip'), or set(..., mode='drop')."
    )


def _traced_index(index: Any, size: int, mode: str | None) -> Array:
    if mode == "wrap" and size:
        index = ops.cast(index, dtype=int64)
        return ops.remainder(index, ops.families.full_like(index, size))
    if index.dtype.kind == "u":
        if index.dtype.itemsize == 8:  # keeps far values out of range in int64
            index = ops.minimum(index, ops.families.full_like(index, size))
        return cast(index, int64)
    index = cast(index, int64)
    negative = ops.lt(index, ops.families.zeros_like(index))
    from_end = ops.add(index, ops.families.full_like(index, size))
    return ops.select(negative, from_end, index)


def _broadcast_indices(arrays: list[Any]) -> tuple[tuple[int, ...], list[Array]]:
    """The common shape of the index arrays, and each of them in it."""
    try:
        joint = np.broadcast_shapes(*(a.shape for a in arrays))
    except ValueError:
        shapes = ", ".join(str(tuple(a.shape)) for a in arrays)
        raise ShapeError(
            f"the index arrays do not broadcast: their shapes are {shapes} (a mask counts with the "
            "number of its true elements). Remedy: to select rows and columns independently, use "
            "ix_(rows, columns)."
        ) from None
    out = []
    for a in arrays:
        if isinstance(a, Array):
            out.append(a if a.shape == joint else ops.broadcast_to(a, shape=joint))
        else:
            out.append(wrap(a if a.shape == joint else np.broadcast_to(a, joint)))
    return joint, out


# ------------------------------------------------------------------------------ reading its items
class _Mask:
    """A bool array of at least one dimension, with the flat positions of its true elements."""

    __slots__ = ("data", "positions")

    def __init__(self, data: Any) -> None:
        self.data = data
        self.positions = data.reshape(-1).nonzero()[0]


def _is_advanced(item: Any) -> bool:
    return isinstance(item, (bool, _Mask)) or (
        isinstance(item, (Array, _ndarray)) and len(item.shape) > 0
    )


def _is_scalar(item: Any) -> bool:
    return isinstance(item, (int, Array, _ndarray))


def _consumed(item: Any) -> int:
    """How many axes of x an item takes."""
    if item is None or item is Ellipsis or isinstance(item, bool):
        return 0
    return item.data.ndim if isinstance(item, _Mask) else 1


def _items(shape: tuple[int, ...], index: Any) -> list[Any]:
    """The parts of an index, normalised, with exactly one Ellipsis."""
    parts = index if isinstance(index, tuple) else (index,)
    items = [_item(part) for part in parts]
    ellipses = sum(item is Ellipsis for item in items)
    if ellipses > 1:
        raise IndexRangeError("an index may hold one Ellipsis ('...'), this one holds more.")
    used = sum(map(_consumed, items))
    if used > len(shape):
        raise IndexRangeError(
            f"too many indices: an array of shape {shape} has {len(shape)} axes, but {used} were "
            "indexed. Remedy: drop some, or insert axes with None."
        )
    return items if ellipses else [*items, Ellipsis]


def _item(part: Any) -> Any:
    """One part of an index as None, Ellipsis, slice, int, bool, _Mask, Tracer or integer
    ndarray.
    """
    if part is None or part is Ellipsis or isinstance(part, (slice, int)):
        return part
    if isinstance(part, np.bool_):
        return bool(part)
    if isinstance(part, np.integer):
        return int(part)
    if isinstance(part, (list, tuple, range)):
        part = asarray(list(part)) if len(part) else wrap(np.empty(0, np.int64))
    elif isinstance(part, (str, bytes, float, complex)):
        raise _bad_index(part)
    if isinstance(part, Tracer):
        if is_bool(part.dtype):
            part = _concrete_mask(part)
        elif is_integer(part.dtype):
            return part
        else:
            raise _bad_index(part)
    data = part._data if isinstance(part, Array) else part
    if not hasattr(data, "ndim"):
        try:
            return operator.index(data)
        except TypeError:
            data = np.asarray(data)
    if data.dtype == bool_:
        return _Mask(data) if data.ndim else bool(data)
    if data.dtype.kind not in "iu":
        if data.size or data.ndim == 0 or isinstance(part, Array):
            raise _bad_index(part)
        data = data.astype(np.int64)
    return data if data.ndim else int(data)


def _concrete_mask(mask: Tracer) -> Any:
    try:
        return mask.concrete("a bool mask as an index")
    except NonConcreteError:
        raise NonConcreteError(
            f"a traced bool mask ({describe(mask)}) cannot index an array inside "
            f"{mask._trace.label}, because the shape of the result would depend on its values. "
            "Remedy: where(mask, x, other) keeps the shape; for an update write "
            "where(mask, value, x); nonzero(mask, size=n) gives a fixed number of positions."
        ) from None


def _bad_index(part: Any) -> DtypeError:
    return DtypeError(
        "an index must be an integer, slice, None, Ellipsis, or an array of integers or bools; got "
        f"{describe(part)}. Remedy: convert it with .astype(int)."
    )
