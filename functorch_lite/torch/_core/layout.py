"""Layouts and memory formats, and the base of all constants that are objects of their own class."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

__all__ = [
    "channels_last",
    "channels_last_3d",
    "contiguous_format",
    "jagged",
    "layout",
    "legacy_contiguous_format",
    "memory_format",
    "preserve_format",
    "sparse_bsc",
    "sparse_bsr",
    "sparse_coo",
    "sparse_csc",
    "sparse_csr",
    "strided",
]


class Sealed:
    """Base of the classes that PyTorch writes in C: final, and their objects never change."""

    __slots__ = ()

    def __init_subclass__(cls) -> None:
        base = cls.__base__
        if base is not None and base.__module__ == "torch":
            raise TypeError(f"type 'torch.{base.__name__}' is not an acceptable base type")

    def __setattr__(self, name: str, value: Any) -> None:
        kind = f"{type(self).__module__}.{type(self).__name__}"
        if hasattr(type(self), name):
            raise AttributeError(f"attribute '{name}' of '{kind}' objects is not writable")
        raise AttributeError(f"'{kind}' object has no attribute '{name}'")

    def __delattr__(self, name: str) -> None:
        self.__setattr__(name, None)

    # Hidden from type checkers: they would take every misspelt attribute for a known one.
    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> NoReturn:
            kind = f"{type(self).__module__}.{type(self).__name__}"
            raise AttributeError(f"'{kind}' object has no attribute '{name}'", name=name, obj=self)


# The one way past Sealed.__setattr__, for what makes the objects.
fill = object.__setattr__
_Made = TypeVar("_Made", bound=Sealed)


def sealed(kind: type[_Made], /, **attributes: Any) -> _Made:
    """A new object with the attributes given."""
    self = object.__new__(kind)
    for name, value in attributes.items():
        fill(self, name, value)
    return self


def type_name(value: Any) -> str:
    """The name of a value's type in PyTorch's messages, which have it from C.

    Args:
        value: anything.

    >>> type_name(strided), type_name(1)
    ('torch.layout', 'int')
    """
    kind = type(value)
    if kind.__module__ == "numpy" or (kind.__module__ == "torch" and kind.__name__ != "Tensor"):
        return f"{kind.__module__}.{kind.__name__}"
    return kind.__name__


class layout(Sealed):
    """How a tensor keeps its elements: with strides, or one of the sparse ways.

    Raises:
        TypeError: always, when called: there are no further layouts to make.

    >>> from functorch_lite.torch._core.layout import strided
    >>> strided
    torch.strided

    Source: ``torch.layout``.
    """

    __module__ = "torch"
    __slots__ = ("_name",)

    _name: str

    def __new__(cls, *_: Any, **__: Any) -> layout:
        raise TypeError("cannot create 'torch.layout' instances")

    def __repr__(self) -> str:
        return f"torch.{self._name}"

    # Not by the name torch.strided: `torch` may be the real package, or absent, when this is read.
    def __reduce__(self) -> tuple[Callable[[str], layout], tuple[str]]:
        return layout_named, (self._name,)


class memory_format(Sealed):
    """The order in which the elements of a strided tensor lie in memory.

    Raises:
        TypeError: always, when called: there are no further formats to make.

    >>> from functorch_lite.torch._core.layout import channels_last
    >>> channels_last
    torch.channels_last

    Source: ``torch.memory_format``.
    """

    __module__ = "torch"
    __slots__ = ("_name",)

    _name: str

    def __new__(cls, *_: Any, **__: Any) -> memory_format:
        raise TypeError("cannot create 'torch.memory_format' instances")

    def __repr__(self) -> str:
        return f"torch.{self._name}"

    def __reduce__(self) -> tuple[Callable[[str], memory_format], tuple[str]]:
        return memory_format_named, (self._name,)


_Named = TypeVar("_Named", layout, memory_format)


def _make(known: dict[str, _Named], kind: type[_Named], name: str) -> _Named:
    """A new object of a kind, entered under its name."""
    made = known[name] = sealed(kind, _name=name)
    return made


LAYOUTS: dict[str, layout] = {}
MEMORY_FORMATS: dict[str, memory_format] = {}

strided = _make(LAYOUTS, layout, "strided")
sparse_coo = _make(LAYOUTS, layout, "sparse_coo")
sparse_csr = _make(LAYOUTS, layout, "sparse_csr")
sparse_csc = _make(LAYOUTS, layout, "sparse_csc")
sparse_bsr = _make(LAYOUTS, layout, "sparse_bsr")
sparse_bsc = _make(LAYOUTS, layout, "sparse_bsc")
jagged = _make(LAYOUTS, layout, "jagged")

contiguous_format = _make(MEMORY_FORMATS, memory_format, "contiguous_format")
channels_last = _make(MEMORY_FORMATS, memory_format, "channels_last")
channels_last_3d = _make(MEMORY_FORMATS, memory_format, "channels_last_3d")
preserve_format = _make(MEMORY_FORMATS, memory_format, "preserve_format")
legacy_contiguous_format = contiguous_format


def layout_named(name: str) -> layout:
    """The layout of a name without ``torch.``: what pickles of layouts call.

    >>> layout_named("sparse_coo")
    torch.sparse_coo
    """
    return LAYOUTS[name]


def memory_format_named(name: str) -> memory_format:
    """The memory format of a name without ``torch.``: what pickles of them call.

    >>> memory_format_named("preserve_format")
    torch.preserve_format
    """
    return MEMORY_FORMATS[name]
