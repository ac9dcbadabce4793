"""Which classes are containers, how they are taken apart and made, and paths into them."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeAlias

from functorch_lite.torch._core.size import Size
from functorch_lite.torch.return_types import NamedResults

__all__ = [
    "SUPPORTED_NODES", "GetAttrKey", "KeyEntry", "MappingKey", "NodeDef", "Path", "SequenceKey",
    "definition", "is_namedtuple", "is_namedtuple_class", "is_namedtuple_instance", "is_structseq",
    "is_structseq_class", "is_structseq_instance", "key_get", "keystr", "register_dataclass",
    "register_pytree_node",
]  # fmt: skip


# ------------------------------------------------------------------------------- paths to a leaf
@dataclasses.dataclass(frozen=True)
class SequenceKey:
    """An item by its place."""

    idx: int

    def __str__(self) -> str:
        return f"[{self.idx!r}]"

    def get(self, sequence: Any) -> Any:
        """The item."""
        return sequence[self.idx]


@dataclasses.dataclass(frozen=True)
class MappingKey:
    """A value by its key."""

    key: Any

    def __str__(self) -> str:
        return f"[{self.key!r}]"

    def get(self, mapping: Any) -> Any:
        """The value."""
        return mapping[self.key]


@dataclasses.dataclass(frozen=True)
class GetAttrKey:
    """An attribute by its name."""

    name: str

    def __str__(self) -> str:
        return f".{self.name}"

    def get(self, obj: Any) -> Any:
        """The attribute."""
        return getattr(obj, self.name)


KeyEntry: TypeAlias = SequenceKey | MappingKey | GetAttrKey
Path: TypeAlias = tuple[Any, ...]


def keystr(kp: Path) -> str:
    """A path as Python writes it.

    >>> keystr((GetAttrKey("x"), SequenceKey(1)))
    '.x[1]'
    """
    return "".join(map(str, kp))


def key_get(obj: Any, kp: Path) -> Any:
    """What lies at a path."""
    for key in kp:
        obj = key.get(obj)
    return obj


# ------------------------------------------------------------------------------------ containers
class NodeDef(NamedTuple):
    """How instances of a class are taken apart and made."""

    type: Any
    flatten_fn: Callable[[Any], tuple[list[Any], Any]]
    unflatten_fn: Callable[[Any, Any], Any]
    flatten_with_keys_fn: Callable[[Any], tuple[list[Any], Any]] | None


SUPPORTED_NODES: dict[Any, NodeDef] = {}
"""The containers there are, by class."""


def register_pytree_node(
    cls: type, flatten_fn: Any, unflatten_fn: Any, *, serialized_type_name: str | None = None,
    to_dumpable_context: Any = None, from_dumpable_context: Any = None,
    flatten_with_keys_fn: Any = None,
) -> None:  # fmt: skip
    """Let instances of a class be containers.

    Args:
        cls: the class.
        flatten_fn: gives the list of an instance's items, and what else it takes to make one.
        unflatten_fn: makes an instance of items and of that.
        flatten_with_keys_fn: like ``flatten_fn``, with pairs of a key and an item.

    Raises:
        ValueError: the class is registered.
    """
    if cls in SUPPORTED_NODES:
        raise ValueError(f"{cls} is already registered as pytree node.")
    SUPPORTED_NODES[cls] = NodeDef(cls, flatten_fn, unflatten_fn, flatten_with_keys_fn)


def register_dataclass(
    cls: type, *, field_names: list[str] | None = None,
    drop_field_names: list[str] | None = None, serialized_type_name: str | None = None,
) -> None:  # fmt: skip
    """Let instances of a dataclass be containers of their fields.

    Args:
        field_names: which fields; those of ``__init__`` by default.
        drop_field_names: which of them are left out.
    """
    names = field_names
    if names is None:
        names = [field.name for field in dataclasses.fields(cls) if field.init]
    names = [name for name in names if name not in (drop_field_names or ())]

    def flatten(obj: Any) -> tuple[list[Any], Any]:
        there = [name for name in names if getattr(obj, name) is not None]
        return [getattr(obj, name) for name in there], [
            there, [name for name in names if name not in there],
        ]  # fmt: skip

    def unflatten(values: Iterable[Any], context: Any) -> Any:
        there, missing = context
        return cls(**dict(zip(there, values, strict=True)), **dict.fromkeys(missing))

    def with_keys(obj: Any) -> tuple[list[Any], Any]:
        values, context = flatten(obj)
        return [(GetAttrKey(k), v) for k, v in zip(context[0], values, strict=True)], context

    register_pytree_node(cls, flatten, unflatten, flatten_with_keys_fn=with_keys)


def _sequence(cls: Any, make: Callable[[Any, Any], Any], context: Callable[[Any], Any]) -> None:
    def flatten(x: Any) -> tuple[list[Any], Any]:
        return list(x), context(x)

    def with_keys(x: Any) -> tuple[list[Any], Any]:
        return [(SequenceKey(i), v) for i, v in enumerate(x)], context(x)

    SUPPORTED_NODES[cls] = NodeDef(cls, flatten, make, with_keys)


def _mapping(cls: Any, make: Callable[[Any, Any], Any], context: Callable[[Any], Any]) -> None:
    def flatten(x: Any) -> tuple[list[Any], Any]:
        return list(x.values()), context(x)

    def with_keys(x: Any) -> tuple[list[Any], Any]:
        return [(MappingKey(k), v) for k, v in x.items()], context(x)

    SUPPORTED_NODES[cls] = NodeDef(cls, flatten, make, with_keys)


def _fields(x: Any) -> tuple[list[Any], Any]:
    return [(GetAttrKey(k), v) for k, v in zip(x._fields, x, strict=True)], type(x)


_sequence(tuple, lambda items, _: tuple(items), lambda x: None)
_sequence(list, lambda items, _: list(items), lambda x: None)
_sequence(deque, lambda items, maxlen: deque(items, maxlen), lambda x: x.maxlen)
# As in PyTorch, what is made of the items of a torch.Size is a plain tuple.
_sequence(Size, lambda items, _: tuple(items), lambda x: None)
_mapping(dict, lambda items, keys: dict(zip(keys, items, strict=True)), list)
_mapping(OrderedDict, lambda items, keys: OrderedDict(zip(keys, items, strict=True)), list)
_mapping(
    defaultdict,
    lambda items, context: defaultdict(context[0], zip(context[1], items, strict=True)),
    lambda x: [x.default_factory, list(x)],
)
_TUPLE = SUPPORTED_NODES[tuple]
_NAMED = NodeDef(namedtuple, lambda x: (list(x), type(x)), lambda items, cls: cls(*items), _fields)


def is_namedtuple_class(cls: Any) -> bool:
    """Whether a class is one of named tuples."""
    return isinstance(cls, type) and issubclass(cls, tuple) and hasattr(cls, "_fields")


def is_namedtuple_instance(obj: Any) -> bool:
    """Whether an object is a named tuple."""
    return is_namedtuple_class(type(obj))


def is_namedtuple(obj: Any) -> bool:
    """Whether an object is a named tuple, or a class of them."""
    return is_namedtuple_class(obj if isinstance(obj, type) else type(obj))


def is_structseq_class(cls: Any) -> bool:
    """Whether a class is one of results with names, ``torch.return_types``."""
    return isinstance(cls, type) and issubclass(cls, NamedResults)


def is_structseq_instance(obj: Any) -> bool:
    """Whether an object is such a result."""
    return isinstance(obj, NamedResults)


def is_structseq(obj: Any) -> bool:
    """Whether an object is such a result, or a class of them."""
    return is_structseq_class(obj if isinstance(obj, type) else type(obj))


def definition(kind: Any) -> NodeDef | None:
    """How instances of a class are taken apart; None for leaves."""
    found = SUPPORTED_NODES.get(kind)
    if found is None and is_structseq_class(kind):
        return _TUPLE._replace(type=kind, unflatten_fn=lambda items, _: kind(items))
    return _NAMED if found is None and is_namedtuple_class(kind) else found
