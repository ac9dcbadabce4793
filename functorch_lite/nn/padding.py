"""Padding: with a number, with reflections, with the edge, or around."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from functorch_lite import lax
from functorch_lite import numpy as fnp
from functorch_lite.errors import ShapeError

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = ["pad", "places"]

MODES = ("constant", "reflect", "replicate", "circular")


def pad(x: Array, pad: Sequence[int], mode: str = "constant", value: float = 0.0) -> Array:
    """An array with more elements around it, or fewer.

    Args:
        x: any array.
        pad: how many before and after, for the last axis first: (left, right, top, bottom, ...).
            Negative numbers cut off.
        mode: "constant" for one value, "reflect" for the elements mirrored at the edge (which is
            not repeated), "replicate" for the edge itself, "circular" for the other end.
        value: of the new elements, with "constant".

    Returns:
        Array with other sizes, in the dtype of ``x``.

    Raises:
        ShapeError: more numbers than axes have ends, or too few elements for them.
        TypeError: something else than integers.
        ValueError: an odd number of them, another ``mode``, or a ``value`` that it does not take.

    >>> pad(fnp.asarray([1.0, 2.0, 3.0]), (1, 2), "reflect")
    Array([2., 1., 2., 3., 2., 1.], dtype=float32)
    >>> pad(fnp.ones((2, 2)), (0, 0, 1, -1)).tolist()
    [[0.0, 0.0], [1.0, 1.0]]

    Source: ``torch.nn.functional.pad``.
    """
    x = fnp.asarray(x)
    pairs = _pairs(x, pad)
    if mode not in MODES:
        raise ValueError(f"nn.pad: expected mode in {MODES}; got {mode!r}.")
    if mode != "constant" and value != 0:
        raise ValueError(f"nn.pad: mode {mode!r} takes no value; got {value!r}. Remedy: leave it.")
    first = x.ndim - len(pairs)
    for axis, (low, high) in enumerate(pairs, first):
        _check(x, axis, low, high, mode)
    if mode == "constant":
        config = [(0, 0, 0)] * first + [(low, high, 0) for low, high in pairs]
        return lax.pad(x, fnp.asarray(value, x.dtype), config)
    for axis, (low, high) in enumerate(pairs, first):
        if low or high:
            x = fnp.take(x, places(mode, x.shape[axis], low, high), axis=axis)
    return x


def places(mode: str, size: int, low: int, high: int) -> np.ndarray:
    """int64[low + size + high]: which element stands at each place of a padded axis.

    >>> places("circular", 3, 1, 1).tolist()
    [2, 0, 1, 2, 0]
    """
    if mode == "circular":  # what is cut off at one end does not come back at the other
        first, kept = max(-low, 0), size + min(low, 0) + min(high, 0)
        return first + np.arange(-max(low, 0), kept + max(high, 0)) % kept
    at = np.arange(-low, size + high)
    if mode == "replicate":
        return np.clip(at, 0, size - 1)
    return size - 1 - np.abs(size - 1 - np.abs(at))


def _pairs(x: Array, pad: Any) -> list[tuple[int, int]]:
    """(before, after) of the last axes, in their order."""
    if not isinstance(pad, Sequence) or not all(hasattr(p, "__index__") for p in pad):
        raise TypeError(
            f"nn.pad: expected pad to be integers (left, right, ...); got {pad!r}. "
            "Remedy: pad=(1, 1), for example."
        )
    numbers = [operator.index(p) for p in pad]
    if len(numbers) % 2:
        raise ValueError(
            f"nn.pad: expected an even number of integers, two for each axis; got {pad!r}."
        )
    if len(numbers) > 2 * x.ndim:
        raise ShapeError(
            f"nn.pad: expected pad for at most the {x.ndim} axes of x, {2 * x.ndim} integers; got "
            f"{len(numbers)}. Remedy: x[None] adds an axis in front."
        )
    return list(zip(numbers[::2], numbers[1::2], strict=True))[::-1]


def _check(x: Array, axis: int, low: int, high: int, mode: str) -> None:
    n = x.shape[axis]
    kept = n + min(low, 0) + min(high, 0)
    most = {"constant": None, "replicate": None, "reflect": n - 1, "circular": kept}[mode]
    if most is not None and max(low, high) > max(most, 0):
        raise ShapeError(
            f"nn.pad: mode {mode!r} can add at most {max(most, 0)} elements to axis {axis} of x "
            f"{tuple(x.shape)}; got {(low, high)}. Remedy: mode='replicate', or pad twice."
        )
    if mode == "replicate" and not n and max(low, high) > 0:
        raise ShapeError(f"nn.pad: axis {axis} of x {tuple(x.shape)} has no edge to repeat.")
    if n + low + high < 0 or kept < 0:
        raise ShapeError(
            f"nn.pad: expected to leave elements of axis {axis} of x {tuple(x.shape)}; got "
            f"{(low, high)}."
        )
