"""Pytrees over optree: nested containers with arrays at the leaves.

Containers are dict, list, tuple, namedtuple, OrderedDict, defaultdict, deque, ``None`` (an empty
container), dataclasses registered with :func:`register_dataclass` and classes registered with
:func:`register_pytree_node`. Dictionaries are visited in sorted order of their keys.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import optree

from functorch_lite.core.static import Static
from functorch_lite.core.tree_keys import KeyPath, key_of, keystr
from functorch_lite.errors import TreeError

__all__ = [
    "Partial",
    "PyTreeDef",
    "all",
    "all_leaves",
    "flatten",
    "flatten_with_path",
    "is_leaf",
    "leaf_names",
    "leaves",
    "leaves_with_path",
    "map",
    "map_with_path",
    "path_str",
    "reduce",
    "register_dataclass",
    "register_pytree_node",
    "register_pytree_node_class",
    "structure",
    "transpose",
    "unflatten",
]

NAMESPACE = "functorch_lite"
PyTreeDef = optree.PyTreeSpec
_builtin_all = all
_C = TypeVar("_C", bound=type)
IsLeaf = Callable[[Any], bool] | None


def flatten(tree: Any, is_leaf: IsLeaf = None) -> tuple[list[Any], PyTreeDef]:
    """Leaves of a tree and its structure.

    >>> flatten({"b": 1, "a": (2, None)})[0]
    [2, 1]
    """
    return optree.tree_flatten(tree, is_leaf, namespace=NAMESPACE)


def unflatten(treedef: PyTreeDef, leaves: Iterable[Any]) -> Any:
    """The tree of a structure with the given leaves; the inverse of :func:`flatten`.

    Raises:
        TreeError: if the number of leaves is not the structure's.
    """
    leaves = list(leaves)
    if len(leaves) != treedef.num_leaves:
        raise TreeError(
            f"unflatten: the structure {treedef} has {treedef.num_leaves} leaves, got {len(leaves)}"
        )
    return optree.tree_unflatten(treedef, leaves)


def leaves(tree: Any, is_leaf: IsLeaf = None) -> list[Any]:
    """The leaves of a tree, in order."""
    return optree.tree_leaves(tree, is_leaf, namespace=NAMESPACE)


def structure(tree: Any, is_leaf: IsLeaf = None) -> PyTreeDef:
    """The structure of a tree: everything but its leaves."""
    return optree.tree_structure(tree, is_leaf, namespace=NAMESPACE)


def map(f: Callable[..., Any], tree: Any, *rest: Any, is_leaf: IsLeaf = None) -> Any:
    """Apply ``f`` to corresponding leaves of one or more trees.

    Args:
        f: called with one leaf of each tree.
        tree: the tree that decides the structure.
        rest: trees of which ``tree``'s structure is a prefix.
        is_leaf: optional test that stops the descent.

    Raises:
        TreeError: if the structures differ; it names the first path where they do.

    >>> map(lambda a, b: a + b, {"w": 1, "b": 2}, {"w": 10, "b": 20})
    {'w': 11, 'b': 22}
    """
    found, treedef = flatten(tree, is_leaf)
    others = [prefix_leaves(treedef, tree, other, i + 1, "map") for i, other in enumerate(rest)]
    return optree.tree_unflatten(treedef, [f(*xs) for xs in zip(found, *others, strict=True)])


def prefix_leaves(treedef: PyTreeDef, tree: Any, other: Any, i: int, name: str) -> list[Any]:
    """The subtrees of ``other`` at the leaves of ``treedef``."""
    try:
        return list(treedef.flatten_up_to(other))
    except (ValueError, TypeError):
        raise TreeError(structure_mismatch(name, tree, other, i)) from None


def structure_mismatch(name: str, tree: Any, other: Any, i: int) -> str:
    """Where two trees part, in words."""
    return (
        f"tree.{name}: tree 0 and tree {i} have different structures: "
        f"{first_difference(tree, other)}. Full structures: {structure(tree)} and "
        f"{structure(other)}."
    )


def first_difference(a: Any, b: Any, path: str = "") -> str:
    """The first path at which two trees differ, and how."""
    where = path or "the root"
    if isinstance(a, dict) and isinstance(b, dict):
        missing = [k for k in a if k not in b]
        extra = [k for k in b if k not in a]
        if missing or extra:
            return (
                f"at {where}, keys {missing} are only in the first and {extra} only in the second"
            )
        for k in a:
            if structure(a[k]) != structure(b[k]):
                return first_difference(a[k], b[k], f"{path}[{k!r}]")
    elif type(a) is type(b) and isinstance(a, (list, tuple)):
        if len(a) != len(b):
            return f"at {where}, the first has {len(a)} children and the second {len(b)}"
        for k, (x, y) in enumerate(zip(a, b, strict=True)):
            if structure(x) != structure(y):
                return first_difference(x, y, f"{path}[{k}]")
    return f"at {where}, the first has {_kind(a)} and the second {_kind(b)}"


def _kind(x: Any) -> str:
    if x is None:
        return "None"
    return "a leaf" if is_leaf(x) else type(x).__name__


def reduce(f: Callable[[Any, Any], Any], tree: Any, *initial: Any, is_leaf: IsLeaf = None) -> Any:
    """Fold the leaves from the left with ``f``, optionally starting from a value.

    >>> reduce(lambda a, b: a + b, {"x": 1, "y": (2, 3)})
    6
    """
    return optree.tree_reduce(f, tree, *initial, is_leaf=is_leaf, namespace=NAMESPACE)


def all(tree: Any, is_leaf: IsLeaf = None) -> bool:
    """Whether every leaf is true.

    >>> all({"a": True, "b": [1, 0]})
    False
    """
    return _builtin_all(leaves(tree, is_leaf))


def transpose(outer: PyTreeDef, inner: PyTreeDef, tree: Any) -> Any:
    """Turn a tree of trees inside out.

    >>> transpose(structure([0, 0]), structure({"a": 0}), [{"a": 1}, {"a": 2}])
    {'a': [1, 2]}
    """
    found, have = flatten(tree)
    if have.num_leaves != outer.num_leaves * inner.num_leaves:
        raise TreeError(
            f"tree.transpose: {have} has {have.num_leaves} leaves, but {outer} times {inner} has "
            f"{outer.num_leaves * inner.num_leaves}"
        )
    n = inner.num_leaves
    columns = [found[i::n] for i in range(n)]
    return optree.tree_unflatten(inner, [optree.tree_unflatten(outer, c) for c in columns])


def all_leaves(items: Iterable[Any], is_leaf: IsLeaf = None) -> bool:
    """Whether none of the items is a container."""
    return optree.all_leaves(items, is_leaf, namespace=NAMESPACE)


def is_leaf(x: Any) -> bool:
    """Whether x is a leaf, not a container."""
    return bool(structure(x) == _LEAF)


def flatten_with_path(
    tree: Any, is_leaf: IsLeaf = None
) -> tuple[list[tuple[KeyPath, Any]], PyTreeDef]:
    """Pairs of (path, leaf), and the structure; a path is a tuple of key objects.

    >>> flatten_with_path({"a": [5]})[0]
    [((DictKey(key='a'), SequenceKey(idx=0)), 5)]
    """
    accessors, found, treedef = optree.tree_flatten_with_accessor(
        tree, is_leaf, namespace=NAMESPACE
    )
    paths = [tuple([key_of(step) for step in accessor]) for accessor in accessors]
    return list(zip(paths, found, strict=True)), treedef


def leaves_with_path(tree: Any, is_leaf: IsLeaf = None) -> list[tuple[KeyPath, Any]]:
    """Pairs of (path, leaf).

    >>> [(path_str(path), leaf) for path, leaf in leaves_with_path({"a": [5]})]
    [("['a'][0]", 5)]
    """
    return flatten_with_path(tree, is_leaf)[0]


def map_with_path(f: Callable[..., Any], tree: Any, *rest: Any, is_leaf: IsLeaf = None) -> Any:
    """Like :func:`map`, with the path of each leaf as first argument.

    >>> map_with_path(lambda path, x: path_str(path), {"a": [5, 6]})
    {'a': ["['a'][0]", "['a'][1]"]}
    """
    pairs, treedef = flatten_with_path(tree, is_leaf)
    others = [prefix_leaves(treedef, tree, o, i + 1, "map_with_path") for i, o in enumerate(rest)]
    return optree.tree_unflatten(
        treedef, [f(path, x, *xs) for (path, x), *xs in zip(pairs, *others, strict=True)]
    )


def path_str(path: Iterable[Any]) -> str:
    """A path as Python would index it: ``['layers'][0]``.

    Args:
        path: key objects; strings, numbers and tuples of them stand for keys of a dict.
    """
    return keystr(path)


def leaf_names(tree: Any, name: str, is_leaf: IsLeaf = None) -> list[str]:
    """The leaves of a tree as Python would spell them, starting with the tree's own name.

    >>> leaf_names({"layers": [1, 2]}, "params")
    ["params['layers'][0]", "params['layers'][1]"]
    """
    accessors = optree.tree_accessors(tree, is_leaf, namespace=NAMESPACE)
    return [accessor.codify(name) for accessor in accessors]


def register_pytree_node(
    cls: type,
    flatten_func: Callable[[Any], tuple[Iterable[Any], Any]],
    unflatten_func: Callable[[Any, Iterable[Any]], Any],
) -> None:
    """Make instances of ``cls`` containers.

    Args:
        cls: the class.
        flatten_func: instance -> (children, static data that can be compared and hashed).
        unflatten_func: (static data, children) -> instance.
    """

    def unflatten_node(aux: Any, children: Iterable[Any]) -> Any:
        return unflatten_func(aux, children)

    optree.register_pytree_node(cls, flatten_func, unflatten_node, namespace=NAMESPACE)


def register_pytree_node_class(cls: _C) -> _C:
    """Class decorator: a container through its own ``tree_flatten`` and ``tree_unflatten``."""
    register_pytree_node(cls, lambda x: x.tree_flatten(), cls.tree_unflatten)  # type: ignore[attr-defined]
    return cls


def register_dataclass(
    cls: _C | None = None,
    data_fields: Iterable[str] | None = None,
    meta_fields: Iterable[str] | None = None,
) -> Any:
    """Make a dataclass a container; usable as a decorator.

    Args:
        cls: the dataclass.
        data_fields: fields that hold trees; by default all that are not in ``meta_fields`` and
        have no
            ``metadata={"static": True}``.
        meta_fields: static fields, part of the structure; they must be hashable and comparable.

    >>> @register_dataclass
    ... @dataclasses.dataclass
    ... class Point:
    ...     x: float
    ...     y: float
    >>> leaves(Point(1.0, 2.0))
    [1.0, 2.0]
    """
    if cls is None:
        return lambda c: register_dataclass(c, data_fields, meta_fields)
    if not dataclasses.is_dataclass(cls):
        raise TreeError(
            f"register_dataclass: {cls.__name__} is not a dataclass; add @dataclass below"
        )
    names = [f.name for f in dataclasses.fields(cls) if f.init]
    static = {f.name for f in dataclasses.fields(cls) if f.metadata.get("static", False)}
    meta = list(meta_fields) if meta_fields is not None else [n for n in names if n in static]
    data = list(data_fields) if data_fields is not None else [n for n in names if n not in meta]
    unknown = [n for n in [*data, *meta] if n not in names]
    if unknown or len({*data, *meta}) != len(names):
        raise TreeError(
            f"register_dataclass: data_fields {data} and meta_fields {meta} must together name "
            f"each of the fields {names} of {cls.__name__} once"
        )

    entries = tuple(data)

    def flatten_node(x: Any) -> tuple[tuple[Any, ...], Static, tuple[str, ...]]:
        try:
            static = Static(tuple([getattr(x, n) for n in meta]))
        except TypeError:
            raise TreeError(unhashable_field(x, meta)) from None
        return tuple([getattr(x, n) for n in entries]), static, entries

    def unflatten_node(aux: Static, children: Iterable[Any]) -> Any:
        x = object.__new__(cls)
        for name, value in zip([*data, *meta], [*children, *aux.value], strict=True):
            object.__setattr__(x, name, value)
        return x

    optree.register_pytree_node(cls, flatten_node, unflatten_node, namespace=NAMESPACE)  # type: ignore[arg-type]
    return cls


def unhashable_field(x: Any, meta: Iterable[str]) -> str:
    """Which static field of a dataclass cannot be part of a structure."""
    for name in meta:
        value = getattr(x, name)
        try:
            hash(value)
        except TypeError:
            return (
                f"static field {name} of {type(x).__name__} must be hashable, got "
                f"{type(value).__name__}. Make it a tuple, a number or a string, or a data field."
            )
    return f"a static field of {type(x).__name__} must be hashable"


_LEAF = structure(0)


class Partial(functools.partial[Any]):
    """``functools.partial`` as a container: its arguments are children, its function is static.

    >>> leaves(Partial(pow, 2, mod=5))
    [2, 5]
    """


def _flatten_partial(p: Partial) -> tuple[tuple[Any, ...], Static]:
    return (p.args, p.keywords), Static(p.func)


register_pytree_node(
    Partial,
    _flatten_partial,
    lambda func, children: Partial(func.value, *tuple(children)[0], **tuple(children)[1]),
)
