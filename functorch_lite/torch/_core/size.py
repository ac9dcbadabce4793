"""The shape of a tensor: a tuple that stays a ``torch.Size`` when it is sliced and joined."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from functools import partial
from math import prod
from typing import TYPE_CHECKING, Any, SupportsIndex, overload

import numpy as np

from functorch_lite.torch._core.layout import type_name

__all__ = ["Size"]

_get = tuple.__getitem__


class Size(tuple[int, ...]):
    """The sizes of a tensor's dimensions.

    Args:
        iterable: the sizes; integers, or what has ``__index__``, as 0-d integral tensors.

    Raises:
        TypeError: ``iterable`` is none, or an item is no integer.

    >>> Size([2, 3])[1:] + (4,)
    torch.Size([3, 4])

    Source: ``torch.Size``.
    """

    __module__ = "torch"
    __slots__ = ()

    def __new__(cls, iterable: Iterable[SupportsIndex] = (), /) -> Size:
        return _checked(tuple(iterable))

    def __init_subclass__(cls) -> None:
        raise TypeError("type 'torch.Size' is not an acceptable base type")

    def __repr__(self) -> str:
        return f"torch.Size([{', '.join(map(str, self))}])"

    # Not by the name torch.Size: `torch` may be the real package, or absent, when this is read.
    def __reduce__(self) -> tuple[Callable[[Any], Size], tuple[tuple[int, ...]]]:
        return restored, (tuple(self),)

    def numel(self) -> int:
        """How many elements a tensor of this shape has.

        >>> Size([2, 3]).numel()
        6
        """
        count = prod(self)
        # PyTorch multiplies in 64 bits.
        return count if -(2**63) <= count < 2**63 else (count + 2**63) % 2**64 - 2**63

    if TYPE_CHECKING:

        @overload
        def __getitem__(self, index: SupportsIndex) -> int: ...
        @overload
        def __getitem__(self, index: slice) -> Size: ...

    def __getitem__(self, index: Any) -> Any:
        if index.__class__ is slice:
            return from_shape(_get(self, index))
        return _get(self, index)

    def __add__(self, other: Any) -> Any:
        if isinstance(other, Size):
            return from_shape(tuple.__add__(self, other))
        if isinstance(other, tuple):
            return _checked(tuple.__add__(self, other))
        # Asked here and not by Python: it would go on to say what a plain tuple says.
        reflected = getattr(type(other), "__radd__", None)
        result = NotImplemented if reflected is None else reflected(other, self)
        if result is NotImplemented:
            raise TypeError(f"can only concatenate tuple (not {type_name(other)}) to torch.Size")
        return result

    def __radd__(self, other: Any) -> Any:
        if isinstance(other, tuple):
            return _checked(tuple.__add__(tuple(other), self))
        return NotImplemented

    def __mul__(self, count: Any) -> Any:
        if isinstance(count, np.ndarray):
            return NotImplemented
        if hasattr(type(count), "__index__"):
            return from_shape(tuple.__mul__(self, count))
        if isinstance(count, Size) or type(count).__module__ in ("builtins", "numpy"):
            raise TypeError(f"can't multiply sequence by non-int of type '{type_name(count)}'")
        return NotImplemented

    __rmul__ = __mul__


# For shapes that are known to hold plain integers, such as NumPy's: no check, no Python frame.
from_shape: Callable[[Any], Size] = partial(tuple.__new__, Size)


def restored(items: tuple[int, ...]) -> Size:
    """The Size of a pickle.

    Args:
        items: plain integers.

    >>> restored((2, 3))
    torch.Size([2, 3])
    """
    return from_shape(items)


def _checked(items: tuple[Any, ...]) -> Size:
    """A Size of items that may be anything."""
    converted: list[Any] | None = None
    for position, item in enumerate(items):
        if type(item) is not int and not isinstance(item, np.integer):
            try:
                item = operator.index(item)
            except (TypeError, ValueError, RuntimeError):
                # What has no integer value, a Tensor of several elements included.
                raise TypeError(
                    f"torch.Size() takes an iterable of 'int' (item {position} is "
                    f"'{type_name(item)}')"
                ) from None
            if converted is None:
                converted = list(items)
            converted[position] = item
    return from_shape(items if converted is None else converted)
