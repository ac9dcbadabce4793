"""Indices and writes that follow a mask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from functorch_lite.core.array import Array
from functorch_lite.errors import ShapeError
from functorch_lite.numpy.convert import as_array, asarray, cast, to_bool
from functorch_lite.numpy.creation import ones
from functorch_lite.numpy.scans import cumsum
from functorch_lite.numpy.selection import take, where
from functorch_lite.numpy.shapes import ravel, reshape
from functorch_lite.numpy.sorting import nonzero

__all__ = ["mask_indices", "place"]


def mask_indices(
    n: int, mask_func: Callable[[Array, Any], Any], k: Any = 0, *, size: int | None = None
) -> tuple[Array, ...]:
    """Indices of a square matrix where a mask such as ``triu``'s is not zero.

    Args:
        n: static size of the matrix.
        mask_func: ``mask_func(ones, k)``.
        k: passed on.
        size: how many indices to return; needed under ``jit`` of ``k``.

    Returns:
        row and column indices.

    >>> from functorch_lite.numpy import triu
    >>> mask_indices(2, triu)
    (Array([0, 0, 1], dtype=int64), Array([0, 1, 1], dtype=int64))
    """
    found: tuple[Array, ...] = nonzero(mask_func(ones((n, n)), k), size=size)
    return found


def place(arr: Any, mask: Any, vals: Any, *, inplace: bool = True) -> Array:
    """An array with the elements under a mask replaced, in order, by the values, which repeat.

    Args:
        arr: array.
        mask: of ``arr``'s size; what is not zero is replaced.
        vals: at least one value.
        inplace: must be False, since arrays do not change.

    Raises:
        ValueError: ``inplace`` is true, or there are no values.
        ShapeError: the mask has another size.

    >>> import numpy as np
    >>> place(np.arange(4), np.array([1, 0, 1, 1]), np.array([7, 8]), inplace=False)
    Array([7, 1, 8, 7], dtype=int64)
    """
    if inplace:
        raise ValueError(
            "place: arrays do not change in place. Remedy: x = place(x, mask, vals, inplace=False)."
        )
    x = as_array(asarray(arr), "place", "arr")
    chosen = ravel(to_bool(asarray(mask), "place", "mask"))
    values = cast(ravel(asarray(vals)), x.dtype)
    if chosen.size != x.size:
        raise ShapeError(f"place: arr and mask differ in size, {x.size} and {chosen.size}.")
    if not x.size:
        return x
    if not values.size:
        raise ValueError("place: vals must hold a value.")
    order = (cumsum(chosen) - 1) % values.shape[0]
    return reshape(where(chosen, take(values, order), ravel(x)), x.shape)
