"""Indices that are known are checked; traced ones cannot be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

import functorch_lite as fl
from functorch_lite.errors import IndexRangeError, NonConcreteError

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = ["check_range", "known_values"]


def known_values(values: Array) -> np.ndarray | None:
    """The numbers of an array, or None while it is traced."""
    try:
        return np.asarray(fl.device_get(values))
    except NonConcreteError:
        return None


def check_range(values: Array, count: int, what: str, remedy: str) -> None:
    """Raise if one of the integers is known and does not lie between 0 and ``count - 1``.

    Args:
        values: i[...].
        count: number of rows or classes.
        what: the function and what it expected, e.g. ``nn.embedding: expected ids``.
        remedy: what to do.

    Raises:
        IndexRangeError: naming the first value that is outside.
    """
    known = known_values(values)
    if known is None:
        return
    wrong = known[(known < 0) | (known >= count)]
    if wrong.size:
        allowed = f"from 0 to {count - 1}" if count else "- none, there are no rows -"
        raise IndexRangeError(f"{what} {allowed}; got {int(wrong.flat[0])}. Remedy: {remedy}.")
