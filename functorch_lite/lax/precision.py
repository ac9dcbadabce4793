"""The argument ``precision`` of products, accepted for JAX's sake."""

from __future__ import annotations

import enum


class Precision(enum.Enum):
    """How exactly to multiply: products here are always taken in full precision.

    >>> Precision.HIGHEST
    HIGHEST
    """

    DEFAULT = 0
    HIGH = 1
    HIGHEST = 2

    def __repr__(self) -> str:
        return self.name
