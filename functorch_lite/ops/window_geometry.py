"""Where windows that slide along an axis meet its elements.

An axis of n elements is spread out by ``base_dilation`` (b - 1 gaps between neighbours), grown by
``low`` and ``high`` empty places at its ends (negative ones cut off), and read by a window of w
places that lie ``window_dilation`` apart and move by ``stride``. Output o meets element i at place
k of its window exactly if::

    i * base_dilation == o * stride + k * window_dilation - low
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

from functorch_lite.core.aval import Aval
from functorch_lite.errors import ShapeError
from functorch_lite.ops.conv_shape import meeting, spread

__all__ = ["Axis", "axes_of", "check_window", "every_window_is_met", "transposed"]

Ints = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]


class Axis(NamedTuple):
    """The window along one axis of ``size`` elements; see the module for the names."""

    size: int
    window: int
    stride: int
    low: int
    high: int
    base_dilation: int
    window_dilation: int

    @property
    def spread(self) -> int:
        """Places that the elements take with the gaps between them."""
        return spread(self.size, self.base_dilation)

    @property
    def reach(self) -> int:
        """Places from the first to the last of a window, both included."""
        return (self.window - 1) * self.window_dilation + 1

    @property
    def outputs(self) -> int:
        """How many windows fit."""
        room = self.spread + self.low + self.high - self.reach
        return max(0, room // self.stride + 1)

    @property
    def is_trivial(self) -> bool:
        """Whether the windows are the elements themselves."""
        return (self.window, self.stride, self.low, self.high, self.base_dilation) == (
            1, 1, 0, 0, 1,
        )  # fmt: skip

    def meeting(self, place: int) -> tuple[slice, slice] | None:
        """The outputs that meet an element at one place of their windows, and those elements."""
        offset = place * self.window_dilation - self.low
        return meeting(self.outputs, self.stride, offset, self.size, self.base_dilation)


def axes_of(
    shape: Ints,
    window: Ints,
    strides: Ints,
    padding: Pairs,
    base_dilation: Ints,
    window_dilation: Ints,
) -> list[Axis]:
    """The params of a windowed op, axis by axis.

    >>> (axis,) = axes_of((5,), (2,), (2,), ((1, 0),), (1,), (1,))
    >>> axis.outputs, axis.meeting(0), axis.meeting(1)
    (3, (slice(1, 3, 1), slice(1, 4, 2)), (slice(0, 3, 1), slice(0, 5, 2)))
    """
    return [
        Axis(n, w, s, low, high, b, d)
        for n, w, s, (low, high), b, d in zip(
            shape, window, strides, padding, base_dilation, window_dilation, strict=True
        )
    ]


@lru_cache(maxsize=1024)
def every_window_is_met(
    shape: Ints,
    window: Ints,
    strides: Ints,
    padding: Pairs,
    base_dilation: Ints,
    window_dilation: Ints,
) -> bool:
    """Whether no window lies wholly in padding and gaps."""
    axes = axes_of(shape, window, strides, padding, base_dilation, window_dilation)
    for axis in axes:
        met: set[int] = set()
        for place in range(axis.window):
            found = axis.meeting(place)
            if found is not None:
                met.update(range(*found[0].indices(axis.outputs)))
        if len(met) < axis.outputs:
            return any(other.outputs == 0 for other in axes)
    return True


def transposed(axis: Axis) -> Axis:
    """The window over the outputs that sums, for each element, the outputs that meet it.

    Elements and outputs change places, and so do stride and base dilation; the first element lies
    at the far end of the window of the outputs before it.
    """
    outputs = axis.outputs
    low = axis.reach - 1 - axis.low
    high = (axis.size - 1) * axis.base_dilation + axis.reach - spread(outputs, axis.stride) - low
    return Axis(
        outputs, axis.window, axis.base_dilation, low, high, axis.stride, axis.window_dilation
    )


def check_window(
    name: str,
    x: Aval,
    window: Ints,
    strides: Ints,
    padding: Pairs,
    base_dilation: Ints,
    window_dilation: Ints,
) -> Ints:
    """The shape of the answer.

    Raises:
        ShapeError: a param has not one entry per axis, or one that is too small.
    """
    params: dict[str, tuple[Any, ...]] = {
        "window": window,
        "strides": strides,
        "padding": padding,
        "base_dilation": base_dilation,
        "window_dilation": window_dilation,
    }
    for what, given in params.items():
        if len(given) != x.ndim:
            filler = (0, 0) if what == "padding" else 1
            raise ShapeError(
                f"{name}: expected {what} with one entry for each of the {x.ndim} axes of shape "
                f"{x.shape}; got {given}. Remedy: write {filler} for axes that shall stay as "
                "they are."
            )
        if what != "padding" and min(given, default=1) < 1:
            raise ShapeError(
                f"{name}: expected {what} of at least 1 on every axis; got {given} for an array "
                f"of shape {x.shape}. Remedy: 1 leaves an axis as it is."
            )
    axes = axes_of(x.shape, window, strides, padding, base_dilation, window_dilation)
    return tuple(axis.outputs for axis in axes)
