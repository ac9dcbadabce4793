"""Key objects: the steps of the path that leads from a tree to one of its leaves.

``params['layers'][0].weight`` is ``(DictKey('layers'), SequenceKey(0), GetAttrKey('weight'))``.
They say which kind of container is entered, so that a path can be written as Python would index
it, and so that the name ``0`` in a dict and the place 0 in a list stay apart.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Iterable
from typing import Any, NoReturn

import optree

__all__ = [
    "DictKey",
    "FlattenedIndexKey",
    "GetAttrKey",
    "KeyEntry",
    "KeyPath",
    "KeyedEntry",
    "SequenceKey",
    "entry_of",
    "key_of",
    "keystr",
]

KeyEntry = Hashable
"""A step of a path: one of the classes below, or what ``register_pytree_with_keys`` was given."""

KeyPath = tuple[KeyEntry, ...]
"""The steps from the root to a leaf."""


class _Key:
    """What the key objects share: one field, fixed once set, by which they are compared."""

    # Dataclasses would do the same, and cost a millisecond of the import.
    __slots__ = ()
    __match_args__: tuple[str] = ("",)

    def __init__(self, entry: Hashable) -> None:
        object.__setattr__(self, self.__match_args__[0], entry)

    @property
    def _entry(self) -> Any:
        return getattr(self, self.__match_args__[0])

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return (self._entry,) == (other._entry,)

    def __hash__(self) -> int:
        return hash((self._entry,))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.__match_args__[0]}={self._entry!r})"

    def __reduce__(self) -> Any:
        return type(self), (self._entry,)

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> NoReturn:
        raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


class SequenceKey(_Key):
    """A place in a list, tuple or deque.

    Args:
        idx: the place, counted from 0.

    >>> str(SequenceKey(2))
    '[2]'
    """

    __slots__ = __match_args__ = ("idx",)

    idx: int

    def __init__(self, idx: int) -> None:
        super().__init__(idx)

    def __str__(self) -> str:
        return f"[{self.idx!r}]"


class DictKey(_Key):
    """A key of a dict.

    Args:
        key: the key.

    >>> str(DictKey("bias"))
    "['bias']"
    """

    __slots__ = __match_args__ = ("key",)

    key: Hashable

    def __init__(self, key: Hashable) -> None:
        super().__init__(key)

    def __str__(self) -> str:
        return f"[{self.key!r}]"


class GetAttrKey(_Key):
    """A field of a namedtuple or of a registered dataclass.

    Args:
        name: the field.

    >>> str(GetAttrKey("weight"))
    '.weight'
    """

    __slots__ = __match_args__ = ("name",)

    name: str

    def __init__(self, name: str) -> None:
        super().__init__(name)

    def __str__(self) -> str:
        return f".{self.name}"


class FlattenedIndexKey(_Key):
    """A child of a class that was registered without keys, by its place among the children.

    Args:
        key: the place, counted from 0.

    >>> str(FlattenedIndexKey(1))
    '[<flat index 1>]'
    """

    __slots__ = __match_args__ = ("key",)

    key: int

    def __init__(self, key: int) -> None:
        super().__init__(key)

    def __str__(self) -> str:
        return f"[<flat index {self.key!r}>]"


def entry_of(key: Any) -> Any:
    """What a key object stands for: the key, place or name itself; other objects as they are.

    >>> entry_of(DictKey("bias")), entry_of(SequenceKey(0)), entry_of("mine")
    ('bias', 0, 'mine')
    """
    return key._entry if isinstance(key, _Key) else key


def keystr(keys: Iterable[Any], *, simple: bool = False, separator: str = "") -> str:
    """A path as Python would index it: ``['layers'][0].weight``.

    Args:
        keys: key objects; strings, numbers and tuples of them stand for keys of a dict.
        simple: whether to write only what each key stands for, which may be ambiguous.
        separator: what to write between two keys.

    >>> path = (DictKey("layers"), SequenceKey(0), GetAttrKey("weight"))
    >>> keystr(path)
    "['layers'][0].weight"
    >>> keystr(path, simple=True, separator="/")
    'layers/0/weight'

    Source: ``jax.tree_util.keystr``.
    """
    return separator.join([str(entry_of(k)) if simple else _indexed(k) for k in keys])


_PLAIN = (str, bytes, int, float, complex, tuple, type(None))


def _indexed(key: Any) -> str:
    return f"[{key!r}]" if isinstance(key, _PLAIN) else str(key)


class KeyedEntry(optree.PyTreeEntry):
    """A step into a class that names its children by key objects of its own."""

    __slots__ = ()

    def codify(self, /, node: str = "") -> str:
        """The child in Python's words."""
        return f"{node}{_indexed(self.entry)}"


def key_of(step: optree.PyTreeEntry) -> KeyEntry:
    """The key object of one of optree's steps."""
    entry: Any = step.entry
    if isinstance(step, KeyedEntry):
        return entry  # type: ignore[no-any-return]
    if step.kind == optree.PyTreeKind.CUSTOM:
        return GetAttrKey(entry) if isinstance(entry, str) else FlattenedIndexKey(entry)
    if isinstance(step, (optree.NamedTupleEntry, optree.StructSequenceEntry)):
        return GetAttrKey(step.field)
    if isinstance(step, optree.SequenceEntry):
        return SequenceKey(entry)
    return DictKey(entry)
