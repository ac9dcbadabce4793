"""Nested containers taken apart and put together, with classes that users register.

PyTorch keeps this module private, and many packages use it.

Source: ``torch.utils._pytree``.
"""

from __future__ import annotations

import types
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeAlias

from functorch_lite.torch.utils._tree_nodes import (
    SUPPORTED_NODES,
    GetAttrKey,
    KeyEntry,
    MappingKey,
    NodeDef,
    Path,
    SequenceKey,
    definition,
    is_namedtuple,
    is_namedtuple_class,
    is_namedtuple_instance,
    is_structseq,
    is_structseq_class,
    is_structseq_instance,
    key_get,
    keystr,
    register_dataclass,
    register_pytree_node,
)

__all__ = [
    "SUPPORTED_NODES", "Context", "GetAttrKey", "KeyEntry", "LeafSpec", "MappingKey", "NodeDef",
    "PyTree", "SequenceKey", "TreeSpec", "arg_tree_leaves", "is_namedtuple",
    "is_namedtuple_class", "is_namedtuple_instance", "is_structseq", "is_structseq_class",
    "is_structseq_instance", "key_get", "keystr", "register_dataclass", "register_pytree_node",
    "tree_all", "tree_all_only", "tree_any", "tree_any_only", "tree_flatten",
    "tree_flatten_with_path", "tree_is_leaf", "tree_iter", "tree_leaves", "tree_leaves_with_path",
    "tree_map", "tree_map_", "tree_map_only", "tree_map_only_", "tree_map_with_path",
    "tree_structure", "tree_unflatten", "treespec_dict", "treespec_leaf", "treespec_tuple",
]  # fmt: skip

PyTree: TypeAlias = Any
Context: TypeAlias = Any
IsLeaf: TypeAlias = Callable[[Any], bool] | None

_register_pytree_node = register_pytree_node


def tree_is_leaf(tree: Any, is_leaf: IsLeaf = None) -> bool:
    """Whether it is no container.

    Args:
        is_leaf: whether something counts as a leaf though it is a container.
    """
    return (is_leaf is not None and is_leaf(tree)) or definition(type(tree)) is None


# ------------------------------------------------------------------------------------- structures
class TreeSpec:
    """The containers of a tree.

    Attributes:
        type: the class of the outermost one; None for a leaf.
        context: what it takes to make one beside its items.
        num_leaves, num_nodes, num_children: how many there are.
    """

    __slots__ = ("_children", "_made", "context", "num_leaves", "num_nodes", "type")

    def __init__(
        self, type: Any, context: Any = None, children: Sequence[TreeSpec] = (), made: Any = None
    ) -> None:
        self.type = type
        self.context = context
        self._children = tuple(children)
        # A class may be unregistered, or the named one: how it was taken apart is how it is made.
        self._made = made
        self.num_leaves: int = 1 if type is None else sum(c.num_leaves for c in children)
        self.num_nodes: int = 1 + sum(c.num_nodes for c in children)

    @property
    def num_children(self) -> int:
        """How many items the outermost container has."""
        return len(self._children)

    @property
    def children_specs(self) -> list[TreeSpec]:
        """The structures of its items."""
        return list(self._children)

    def children(self) -> list[TreeSpec]:
        """The structures of its items."""
        return list(self._children)

    def child(self, index: int) -> TreeSpec:
        """The structure of one item."""
        return self._children[index]

    def is_leaf(self) -> bool:
        """Whether there is no container."""
        return self.type is None

    def unflatten(self, leaves: Iterable[Any]) -> Any:
        """A tree of these containers.

        Raises:
            ValueError: there are more leaves than places, or fewer.
        """
        values = leaves if isinstance(leaves, (list, tuple)) else list(leaves)
        if len(values) != self.num_leaves:
            raise ValueError(
                f"treespec.unflatten(leaves): `leaves` has length {len(values)} but the spec "
                f"refers to a pytree that holds {self.num_leaves} items ({self})."
            )
        return self._filled(iter(values))

    def _filled(self, values: Iterator[Any]) -> Any:
        if self.type is None:
            return next(values)
        return self._made([c._filled(values) for c in self._children], self.context)

    def flatten_up_to(self, tree: Any) -> list[Any]:
        """The parts of a tree at the places of this one's leaves.

        Raises:
            ValueError: the tree has other containers.
        """
        if self.type is None:
            return [tree]
        other = _opened(tree)
        if other is None or other[0] is not self.type and not _alike(other[0], self.type):
            raise ValueError(f"Node type mismatch; expected {self.type!r}, but got {type(tree)!r}.")
        items, keys = other[1], other[2]
        if len(items) != len(self._children):
            raise ValueError(
                f"Node arity mismatch; expected {len(self._children)}, but got {len(items)}."
            )
        if self.type in _DICTS:
            own, theirs = _keys(self.context, self.type), _keys(keys, other[0])
            if set(own) != set(theirs):
                raise ValueError(f"Node keys mismatch{_difference(own, theirs)}.")
            by_key = dict(zip(theirs, items, strict=True))
            items = [by_key[k] for k in own]
        elif keys != self.context:
            raise ValueError(
                f"Node context mismatch for custom node type {self.type!r}: expected "
                f"{self.context!r}, but got {keys!r}."
            )
        parts = zip(self._children, items, strict=True)
        return [part for child, item in parts for part in child.flatten_up_to(item)]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TreeSpec):
            return NotImplemented
        same = self.type is other.type and self.context == other.context
        return same and self._children == other._children

    def __hash__(self) -> int:
        return hash((self.type, repr(self.context), self._children))

    def __repr__(self) -> str:
        return self._text(0)

    def _text(self, indent: int) -> str:
        if self.type is None:
            return "*"
        head = f"TreeSpec({self.type.__name__}, {self.context}, ["
        pad = indent + 2
        inner = [c._text(pad) for c in self._children]
        return head + (",\n" + " " * pad).join(inner) + "])"


_DICTS = (dict, OrderedDict, defaultdict)
_LEAF = TreeSpec(None)


def _alike(a: Any, b: Any) -> bool:
    return a in _DICTS and b in _DICTS


def _keys(context: Any, kind: Any) -> list[Any]:
    found: list[Any] = context[1] if kind is defaultdict else context
    return found


def _difference(own: list[Any], theirs: list[Any]) -> str:
    """Which keys only one of two dictionaries has."""
    text = ""
    for word, some, others in (("missing", own, theirs), ("extra", theirs, own)):
        if found := set(some) - set(others):
            text += f"; {word} key(s): {found}"
    return text


class _LeafMeta(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, TreeSpec) and instance.is_leaf()


class LeafSpec(metaclass=_LeafMeta):
    """The structure of a leaf: ``LeafSpec()`` is one, and ``isinstance`` knows it."""

    def __new__(cls) -> Any:
        return _LEAF


def treespec_leaf() -> TreeSpec:
    """The structure of a leaf."""
    return _LEAF


def treespec_tuple(iterable: Iterable[TreeSpec] = (), /) -> TreeSpec:
    """The structure of a tuple of structures."""
    return TreeSpec(tuple, None, tuple(iterable), SUPPORTED_NODES[tuple].unflatten_fn)


def treespec_dict(mapping: Any = (), /, **kwargs: TreeSpec) -> TreeSpec:
    """The structure of a dictionary of structures."""
    found = dict(mapping, **kwargs)
    return TreeSpec(dict, list(found), tuple(found.values()), SUPPORTED_NODES[dict].unflatten_fn)


def _opened(tree: Any) -> tuple[Any, list[Any], Any, Any] | None:
    """The class of a container as a spec has it, its items, context and maker; None of a leaf."""
    found = definition(type(tree))
    if found is None:
        return None
    items, context = found.flatten_fn(tree)
    return found.type, items, context, found.unflatten_fn


# ----------------------------------------------------------------------------- apart and together
def tree_flatten(tree: Any, is_leaf: IsLeaf = None) -> tuple[list[Any], TreeSpec]:
    """The leaves of a tree, and its containers.

    Args:
        tree: None is a leaf.
        is_leaf: whether something counts as a leaf though it is a container.

    >>> tree_flatten({"a": [1, 2]})
    ([1, 2], TreeSpec(dict, ['a'], [TreeSpec(list, None, [*,
        *])]))
    """
    found: list[Any] = []
    return found, _walk(tree, found, is_leaf)


def _walk(tree: Any, found: list[Any], is_leaf: IsLeaf) -> TreeSpec:
    opened = None if is_leaf is not None and is_leaf(tree) else _opened(tree)
    if opened is None:
        found.append(tree)
        return _LEAF
    kind, items, context, made = opened
    return TreeSpec(kind, context, [_walk(x, found, is_leaf) for x in items], made)


def tree_unflatten(leaves: Iterable[Any], treespec: TreeSpec) -> Any:
    """The tree of leaves and containers.

    Raises:
        TypeError: the second argument is no structure.
        ValueError: the numbers of leaves differ.
    """
    if not isinstance(treespec, TreeSpec):
        raise TypeError(
            "Expected `treespec` to be an instance of PyTreeSpec but got item of type "
            f"{type(treespec)}."
        )
    return treespec.unflatten(leaves)


def tree_iter(tree: Any, is_leaf: IsLeaf = None) -> Iterator[Any]:
    """The leaves, one by one."""
    yield from tree_leaves(tree, is_leaf)


def tree_leaves(tree: Any, is_leaf: IsLeaf = None) -> list[Any]:
    """The leaves of a tree."""
    return tree_flatten(tree, is_leaf)[0]


def tree_structure(tree: Any, is_leaf: IsLeaf = None) -> TreeSpec:
    """The containers of a tree."""
    return tree_flatten(tree, is_leaf)[1]


def arg_tree_leaves(*args: Any, **kwargs: Any) -> list[Any]:
    """The leaves of all arguments."""
    return tree_leaves((*args, *kwargs.values()))


def tree_map(f: Callable[..., Any], tree: Any, *rests: Any, is_leaf: IsLeaf = None) -> Any:
    """A tree with a function of each leaf in its place.

    Args:
        f: of a leaf, and of what the other trees have there.
        rests: trees that begin alike.

    >>> tree_map(lambda x, y: x + y, [1, 2], [3, 4])
    [4, 6]
    """
    leaves, spec = tree_flatten(tree, is_leaf)
    columns = [leaves, *[spec.flatten_up_to(rest) for rest in rests]]
    return spec.unflatten(list(map(f, *columns)))


def tree_map_(f: Callable[..., Any], tree: Any, *rests: Any, is_leaf: IsLeaf = None) -> Any:
    """A function called for each leaf; the tree itself comes back."""
    tree_map(f, tree, *rests, is_leaf=is_leaf)
    return tree


def _chosen(kind: Any) -> Callable[[Any], bool]:
    """Whether a value is of a type, of one of several, or as a function of it says."""
    if isinstance(kind, (type, tuple, types.UnionType)):
        return lambda x: isinstance(x, kind)
    if callable(kind):
        return lambda x: bool(kind(x))
    raise TypeError("Argument must be a type, a tuple of types, or a callable.")


def tree_map_only(kind: Any, /, func: Any, tree: Any, is_leaf: IsLeaf = None) -> Any:
    """``tree_map`` for the leaves of a type, or those that a function chooses."""
    chosen = _chosen(kind)
    return tree_map(lambda x: func(x) if chosen(x) else x, tree, is_leaf=is_leaf)


def tree_map_only_(kind: Any, /, func: Any, tree: Any, is_leaf: IsLeaf = None) -> Any:
    """``tree_map_`` for such leaves."""
    tree_map_only(kind, func, tree, is_leaf)
    return tree


def tree_all(pred: Callable[[Any], bool], tree: Any, is_leaf: IsLeaf = None) -> bool:
    """Whether all leaves are as asked."""
    return all(map(pred, tree_leaves(tree, is_leaf)))


def tree_any(pred: Callable[[Any], bool], tree: Any, is_leaf: IsLeaf = None) -> bool:
    """Whether some leaf is as asked."""
    return any(map(pred, tree_leaves(tree, is_leaf)))


def tree_all_only(kind: Any, /, pred: Any, tree: Any, is_leaf: IsLeaf = None) -> bool:
    """``tree_all`` for leaves of a type."""
    return all(pred(x) for x in tree_leaves(tree, is_leaf) if isinstance(x, kind))


def tree_any_only(kind: Any, /, pred: Any, tree: Any, is_leaf: IsLeaf = None) -> bool:
    """``tree_any`` for leaves of a type."""
    return any(pred(x) for x in tree_leaves(tree, is_leaf) if isinstance(x, kind))


# -------------------------------------------------------------------------------------- with paths
def tree_leaves_with_path(tree: Any, is_leaf: IsLeaf = None) -> list[tuple[Path, Any]]:
    """The leaves, each with its path.

    Raises:
        ValueError: a container was registered without ``flatten_with_keys_fn``.
    """
    return list(_paths((), tree, is_leaf))


def _paths(path: Path, tree: Any, is_leaf: IsLeaf) -> Iterator[tuple[Path, Any]]:
    found = definition(type(tree))
    if found is None or (is_leaf is not None and is_leaf(tree)):
        yield path, tree
        return
    if found.flatten_with_keys_fn is None:
        raise ValueError(
            f"Did not find a flatten_with_keys_fn for type: {type(tree)}. Please pass a "
            "flatten_with_keys_fn argument to register_pytree_node."
        )
    for key, item in found.flatten_with_keys_fn(tree)[0]:
        yield from _paths((*path, key), item, is_leaf)


def tree_flatten_with_path(
    tree: Any, is_leaf: IsLeaf = None
) -> tuple[list[tuple[Path, Any]], TreeSpec]:
    """The leaves, each with its path, and the containers."""
    return tree_leaves_with_path(tree, is_leaf), tree_structure(tree, is_leaf)


def tree_map_with_path(f: Any, tree: Any, *rests: Any, is_leaf: IsLeaf = None) -> Any:
    """``tree_map`` with a function of path and leaf."""
    pairs, spec = tree_flatten_with_path(tree, is_leaf)
    columns = [
        [path for path, _ in pairs], [leaf for _, leaf in pairs],
        *[spec.flatten_up_to(rest) for rest in rests],
    ]  # fmt: skip
    return spec.unflatten(list(map(f, *columns)))
