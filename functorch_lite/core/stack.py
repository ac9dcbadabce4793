"""A stack: one value per step of a loop whose number of steps is not known beforehand.

A loop whose length is data keeps what its derivative needs in stacks, and the loop of the
derivative reads them. Only loops make and read stacks; every other op and transform hands them on.
The elements may be stacks in turn, when such a loop runs inside another one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from functorch_lite.core.aval import Aval, StackAval

__all__ = ["Stack", "zero_stack"]


class Stack:
    """The elements of all steps, in order: raw arrays of one shape and dtype, or stacks.

    Attributes:
        items: the elements; None for as many zeros as anyone asks for.
        elem: shape and dtype of an element.
    """

    __slots__ = ("elem", "items")

    def __init__(self, items: Sequence[Any] | None, elem: Aval) -> None:
        self.items = items
        self.elem = elem

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of steps, then the shape of an element."""
        return (0 if self.items is None else len(self.items), *self.elem.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """dtype of the elements."""
        return self.elem.dtype

    @property
    def ndim(self) -> int:
        """Number of dimensions, the steps included."""
        return 1 + self.elem.ndim

    @property
    def size(self) -> int:
        """Number of numbers in it."""
        return sum(int(item.size) for item in self.items or ())

    @property
    def device(self) -> Any:
        """The device of the elements, as their array module gives it."""
        return None if not self.items else self.items[0].device

    def __repr__(self) -> str:
        count = "zeros" if self.items is None else f"{len(self.items)} steps"
        return f"Stack({count} of {self.elem.short()})"

    def at(self, i: int, xp: Any) -> Any:
        """The element of a step."""
        if self.items is not None:
            return self.items[i]
        if isinstance(self.elem, StackAval):
            return Stack(None, self.elem.elem)
        return xp.zeros(self.elem.shape, self.elem.dtype)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """Sums of stacks, which the accumulation of cotangents needs, go element by element."""
        stacks = [x for x in inputs if isinstance(x, Stack)]
        if ufunc is not np.add or method != "__call__" or len(stacks) != 2:
            return NotImplemented
        one, other = stacks
        if one.items is None or other.items is None:
            return other if one.items is None else one
        pairs = zip(one.items, other.items, strict=True)
        sums = [np.add(a, b) if isinstance(a, Stack) else a + b for a, b in pairs]
        return Stack(sums, one.elem)


def zero_stack(aval: StackAval) -> Stack:
    """A stack of zeros, as long as the loop that reads it."""
    return Stack(None, aval.elem)
