"""Arguments that hold an integer for each of several dimensions."""

from __future__ import annotations

import operator
from typing import Any

from functorch_lite.errors import ShapeError

__all__ = ["per_dimension"]


def per_dimension(name: str, argument: str, given: Any, count: int, least: int) -> tuple[int, ...]:
    """An integer for each of ``count`` dimensions, from one or from a sequence.

    Args:
        name: the function or layer, for messages.
        argument: what the integers are called.
        given: what the user passed.
        count: number of dimensions.
        least: the smallest integer that has a meaning.

    Raises:
        TypeError: something else than integers.
        ShapeError: another number of them.
        ValueError: one below ``least``.

    >>> per_dimension("conv2d", "stride", 2, 2, 1)
    (2, 2)
    """
    sizes = tuple(given) if isinstance(given, (tuple, list)) else (given,)
    if not all(hasattr(size, "__index__") for size in sizes):
        raise TypeError(
            f"nn.{name}: expected {argument} to be an int or {count} of them; got {given!r}. "
            f"Remedy: {argument}=1, for example."
        )
    sizes = sizes * count if len(sizes) == 1 else sizes
    if len(sizes) != count:
        raise ShapeError(
            f"nn.{name}: expected {argument} to be an int or {count} of them; got {given!r}."
        )
    found = tuple(map(operator.index, sizes))
    if min(found) < least:
        raise ValueError(f"nn.{name}: expected {argument} of at least {least}; got {given!r}.")
    return found
