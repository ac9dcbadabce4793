"""How ``gather`` and ``scatter`` find their dimensions, and what becomes of indices outside."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Any, NamedTuple

from functorch_lite.core.array import Array
from functorch_lite.core.dtypes import int64, is_integer
from functorch_lite.errors import DtypeError, ShapeError
from functorch_lite.numpy.convert import as_array, axes_in_order

__all__ = [
    "GatherDimensionNumbers",
    "GatherScatterMode",
    "ScatterDimensionNumbers",
    "as_starts",
    "ascending",
    "check_batching",
]


class GatherDimensionNumbers(NamedTuple):
    """Where :func:`gather` finds its dimensions; the index vectors are the last of start_indices.

    Attributes:
        offset_dims: ascending axes of the result that run inside a window.
        collapsed_slice_dims: ascending axes of the operand, of window size 1, that the result
            lacks.
        start_index_map: for each component of an index vector, the operand's axis that it points
            into.
        operand_batching_dims: ascending axes of the operand that go along with axes of
            start_indices.
        start_indices_batching_dims: these axes of start_indices, one for each of the former.

    >>> GatherDimensionNumbers((1,), (0,), (0,)).start_index_map
    (0,)
    """

    offset_dims: tuple[int, ...]
    collapsed_slice_dims: tuple[int, ...]
    start_index_map: tuple[int, ...]
    operand_batching_dims: tuple[int, ...] = ()
    start_indices_batching_dims: tuple[int, ...] = ()


class ScatterDimensionNumbers(NamedTuple):
    """Where the scatters find their dimensions; the index vectors are the last of scatter_indices.

    Attributes:
        update_window_dims: ascending axes of the updates that run inside a window.
        inserted_window_dims: ascending axes of the operand, of window size 1, that the updates
            lack.
        scatter_dims_to_operand_dims: for each component of an index vector, the operand's axis
            that it points into.
        operand_batching_dims: ascending axes of the operand that go along with axes of
            scatter_indices.
        scatter_indices_batching_dims: these axes of scatter_indices, one for each of the former.

    >>> ScatterDimensionNumbers((1,), (0,), (0,)).inserted_window_dims
    (0,)
    """

    update_window_dims: Sequence[int]
    inserted_window_dims: Sequence[int]
    scatter_dims_to_operand_dims: Sequence[int]
    operand_batching_dims: Sequence[int] = ()
    scatter_indices_batching_dims: Sequence[int] = ()


class GatherScatterMode(enum.Enum):
    """What becomes of a window that is not wholly inside the operand.

    ``CLIP`` moves it to the nearest place inside. ``FILL_OR_DROP`` reads a fill value and writes
    nothing. ``PROMISE_IN_BOUNDS`` says that there is none; here such a read is clipped and such a
    write dropped. ``ONE_HOT`` reads zero, which is what a product with one-hot vectors gives, and
    writes nothing.

    >>> GatherScatterMode.from_any("clip")
    <GatherScatterMode.CLIP: 1>
    """

    CLIP = 1
    FILL_OR_DROP = 2
    PROMISE_IN_BOUNDS = 3
    ONE_HOT = 4

    @staticmethod
    def from_any(s: str | GatherScatterMode | None) -> GatherScatterMode:
        """A mode from its word, which NumPy-style indexing has, too; None is ``FILL_OR_DROP``.

        Raises:
            ValueError: another word.

        >>> GatherScatterMode.from_any("drop") is GatherScatterMode.from_any(None)
        True
        """
        if isinstance(s, GatherScatterMode):
            return s
        found = _MODES.get(s) if s is None or isinstance(s, str) else None
        if found is None:
            words = ", ".join(repr(word) for word in _MODES)
            raise ValueError(
                f"GatherScatterMode.from_any: a mode must be one of {words}, or a "
                f"GatherScatterMode; got {s!r}. Remedy: mode='clip'."
            )
        return found


_MODES: dict[str | None, GatherScatterMode] = {
    None: GatherScatterMode.FILL_OR_DROP,
    "clip": GatherScatterMode.CLIP,
    "fill": GatherScatterMode.FILL_OR_DROP,
    "drop": GatherScatterMode.FILL_OR_DROP,
    "promise_in_bounds": GatherScatterMode.PROMISE_IN_BOUNDS,
    "one_hot": GatherScatterMode.ONE_HOT,
}


# ------------------------------------------------------------------------------------------- checks
def as_starts(fun: str, arg: str, indices: Any, count: int, field: str) -> Array:
    """Index vectors, checked: integers, the last axis of size ``count``.

    Raises:
        DtypeError: indices that are no integers.
        ShapeError: an index vector of another length than the dimension numbers say.
    """
    starts = as_array(indices, fun, arg)
    if not is_integer(starts.dtype):
        raise DtypeError(
            f"lax.{fun}: {arg} must hold integers; got {starts.dtype.name}. Remedy: "
            f"{arg}.astype('{int64.name}')."
        )
    if starts.ndim == 0 or starts.shape[-1] != count:
        raise ShapeError(
            f"lax.{fun}: the last axis of {arg} holds the index vectors, with one component for "
            f"each of the {count} axes in {field}; got shape {starts.shape}. Remedy: "
            f"expand_dims({arg}, [{starts.ndim}]) for indices of a single axis."
        )
    return starts


def ascending(fun: str, field: str, dims: Sequence[int], ndim: int) -> tuple[int, ...]:
    """Axes that must be given in ascending order.

    Raises:
        AxisError: an axis that does not exist, or is named twice.
        ShapeError: another order.
    """
    axes = axes_in_order(tuple(dims), ndim, f"lax.{fun}: {field}")
    if list(axes) != sorted(axes):
        raise ShapeError(
            f"lax.{fun}: {field} must be in ascending order; got {tuple(dims)}. Remedy: "
            f"{tuple(sorted(axes))}, and transpose the array that has these axes."
        )
    return axes


def check_batching(
    fun: str,
    arg: str,
    shape: tuple[int, ...],
    starts: tuple[int, ...],
    dims: tuple[int, ...],
    starts_dims: tuple[int, ...],
    taken: Sequence[int],
) -> None:
    """Raise unless the batching axes of operand and indices go together.

    Raises:
        ShapeError: axes of different number or sizes, or that are used otherwise, too.
    """
    sizes, others = tuple(shape[d] for d in dims), tuple(starts[d] for d in starts_dims)
    if sizes != others:
        raise ShapeError(
            f"lax.{fun}: the batching axes {dims} of the operand and {starts_dims} of {arg} must "
            f"have the same sizes; got {sizes} and {others}. Remedy: name them in pairs."
        )
    twice = sorted(set(dims).intersection(taken))
    if twice:
        raise ShapeError(
            f"lax.{fun}: axes {tuple(twice)} of the operand are named as batching axes and in "
            "another role, too. Remedy: name each axis once."
        )
