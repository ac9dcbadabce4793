"""Static values: what is part of a signature by its value, compared exactly."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["Static"]


class Static:
    """A value in a key, equal only to values of the same type, inside tuples too.

    Args:
        value: anything hashable.

    Raises:
        TypeError: if it is not.

    >>> Static(1) == Static(True), Static((0.0,)) == Static((-0.0,)), Static("a") == Static("a")
    (False, False, True)
    """

    __slots__ = ("exact", "value")

    def __init__(self, value: Any) -> None:
        hash(value)
        self.value = value
        self.exact = _exact(value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Static) and bool(self.exact == other.exact)

    def __hash__(self) -> int:
        return hash(self.exact)

    def __repr__(self) -> str:
        return repr(self.value)


def _exact(value: Any) -> Any:
    """A key that tells 1, 1.0 and True apart, and 0.0 from -0.0; NaN equals itself."""
    kind = type(value)
    if isinstance(value, tuple):
        return kind, tuple(map(_exact, value))
    if kind is frozenset:
        return kind, frozenset(map(_exact, value))
    if isinstance(value, (float, complex, np.inexact)):
        return kind, repr(value)
    return kind, value
