"""Trees one level at a time: classes whose children have keys, prefixes, parts of structures."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import optree

from functorch_lite.core.static import Static
from functorch_lite.core.tree import (
    NAMESPACE,
    IsLeaf,
    PyTreeDef,
    first_difference,
    leaves,
    structure,
    unflatten,
)
from functorch_lite.core.tree_keys import KeyedEntry, KeyEntry, key_of
from functorch_lite.errors import TreeError

__all__ = [
    "broadcast",
    "flatten_one_level",
    "flatten_one_level_with_keys",
    "is_tree_node",
    "reduce_associative",
    "register_pytree_with_keys",
    "register_pytree_with_keys_class",
    "register_static",
    "static",
    "treedef_children",
    "treedef_is_leaf",
    "treedef_tuple",
]

_C = TypeVar("_C", bound=type)
_NONE = object()


# ------------------------------------------------------------------------------------ registration
def register_pytree_with_keys(
    nodetype: type,
    flatten_with_keys: Callable[[Any], tuple[Iterable[tuple[KeyEntry, Any]], Any]],
    unflatten_func: Callable[[Any, Iterable[Any]], Any],
    flatten_func: Callable[[Any], tuple[Iterable[Any], Any]] | None = None,
) -> None:
    """Make instances of a class containers whose children have keys of their own in paths.

    Args:
        nodetype: the class.
        flatten_with_keys: instance -> (pairs of key and child, static data that can be compared
            and hashed). Keys are ``GetAttrKey`` and its like, or anything hashable; strings and
            numbers print as keys of a dict do, other objects as they are.
        unflatten_func: (static data, children) -> instance.
        flatten_func: accepted for JAX's sake; ``flatten_with_keys`` serves everything.

    >>> from functorch_lite.tree_util import GetAttrKey, tree_leaves_with_path, keystr
    >>> class Pair:
    ...     def __init__(self, a, b):
    ...         self.a, self.b = a, b
    >>> register_pytree_with_keys(
    ...     Pair,
    ...     lambda p: (((GetAttrKey("a"), p.a), (GetAttrKey("b"), p.b)), None),
    ...     lambda aux, children: Pair(*children),
    ... )
    >>> [keystr(path) for path, _ in tree_leaves_with_path([Pair(1, 2)])]
    ['[0].a', '[0].b']

    Source: ``jax.tree_util.register_pytree_with_keys``.
    """
    del flatten_func

    def flatten_node(x: Any) -> tuple[Sequence[Any], Any, tuple[KeyEntry, ...]]:
        pairs, aux = flatten_with_keys(x)
        pairs = tuple(pairs)
        return [child for _, child in pairs], aux, tuple([key for key, _ in pairs])

    optree.register_pytree_node(
        nodetype, flatten_node, unflatten_func, path_entry_type=KeyedEntry, namespace=NAMESPACE
    )


def register_pytree_with_keys_class(cls: _C) -> _C:
    """Class decorator: a container through ``tree_flatten_with_keys`` and ``tree_unflatten``.

    Args:
        cls: a class whose instances have ``tree_flatten_with_keys()``, as the function of
            :func:`register_pytree_with_keys`, and which has a class method
            ``tree_unflatten(static_data, children)``.

    Source: ``jax.tree_util.register_pytree_with_keys_class``.
    """
    register_pytree_with_keys(
        cls,
        lambda x: x.tree_flatten_with_keys(),
        cls.tree_unflatten,  # type: ignore[attr-defined]
    )
    return cls


def register_static(cls: _C) -> _C:
    """Class decorator: instances have no leaves and are part of the structure by their value.

    So ``jit`` takes them as arguments and traces anew for another value.

    Args:
        cls: a class whose instances can be compared and hashed.

    >>> @register_static
    ... class Mode(str):
    ...     pass
    >>> leaves([1, Mode("train")]), structure(Mode("a")) == structure(Mode("b"))
    ([1], False)

    Source: ``jax.tree_util.register_static``.
    """

    def flatten_node(x: Any) -> tuple[tuple[()], Static]:
        try:
            return (), Static(x)
        except TypeError:
            raise TreeError(
                f"register_static: an instance of {type(x).__name__} cannot be hashed, so it "
                "cannot be part of a structure. Give the class __hash__ and __eq__, e.g. with "
                "dataclass(frozen=True)."
            ) from None

    def unflatten_node(aux: Any, children: Iterable[Any]) -> Any:
        return aux.value

    optree.register_pytree_node(cls, flatten_node, unflatten_node, namespace=NAMESPACE)
    return cls


def static(**kwargs: Any) -> Any:
    """A static field of a registered dataclass: part of the structure, not a leaf.

    Args:
        kwargs: as of ``dataclasses.field``.

    >>> from functorch_lite import register_dataclass
    >>> @register_dataclass
    ... @dataclasses.dataclass
    ... class Affine:
    ...     scale: float
    ...     name: str = static(default="affine")
    >>> leaves(Affine(2.0))
    [2.0]

    Source: ``jax.tree.static``.
    """
    metadata = {**(kwargs.pop("metadata", None) or {}), "static": True}
    return dataclasses.field(metadata=metadata, **kwargs)


# --------------------------------------------------------------------------------------- one level
def is_tree_node(typ: Any) -> bool:
    """Whether instances of a class are containers.

    >>> is_tree_node(dict), is_tree_node(float)
    (True, False)

    Source: ``jax.tree_util.is_tree_node``.
    """
    return isinstance(typ, type) and (
        optree.is_namedtuple_class(typ)
        or optree.register_pytree_node.get(typ, namespace=NAMESPACE) is not None
    )


def _one_level(x: Any, name: str) -> tuple[list[Any], Any]:
    if not is_tree_node(type(x)):
        raise ValueError(
            f"{name}: expected a container; got a leaf, {type(x).__name__}. Remedy: "
            "tree_util.is_tree_node(type(x)) tells them apart."
        )
    children, metadata, *_ = optree.tree_flatten_one_level(x, namespace=NAMESPACE)
    return list(children), metadata


def flatten_one_level(tree: Any) -> tuple[list[Any], Any]:
    """The children of a container, and what else it is made of.

    Raises:
        ValueError: for a leaf.

    >>> flatten_one_level({"a": [1, 2], "b": 3})[0]
    [[1, 2], 3]

    Source: ``jax.tree_util.flatten_one_level``. The second part is what structures compare; its
    form for containers of Python's own (here the list of a dict's keys) is not part of the promise.
    """
    return _one_level(tree, "flatten_one_level")


def flatten_one_level_with_keys(tree: Any) -> tuple[list[tuple[KeyEntry, Any]], Any]:
    """Like :func:`flatten_one_level`, with the key of each child.

    >>> flatten_one_level_with_keys({"a": 3})[0]
    [(DictKey(key='a'), 3)]

    Source: ``jax.tree_util.flatten_one_level_with_keys``.
    """
    children, metadata = _one_level(tree, "flatten_one_level_with_keys")
    steps = optree.tree_accessors(
        tree, lambda child: child is not tree, none_is_leaf=True, namespace=NAMESPACE
    )
    keys = [key_of(step[0]) for step in steps] if children else []
    return list(zip(keys, children, strict=True)), metadata


def treedef_children(treedef: PyTreeDef) -> list[PyTreeDef]:
    """The structures of the children of a structure's root.

    >>> treedef_children(structure([1, {"a": 2}]))
    [PyTreeSpec(*), PyTreeSpec({'a': *})]

    Source: ``jax.tree_util.treedef_children``.
    """
    return list(treedef.children())


def treedef_is_leaf(treedef: PyTreeDef) -> bool:
    """Whether a structure has a single node: a leaf, or an empty container.

    >>> treedef_is_leaf(structure(1)), treedef_is_leaf(structure([1]))
    (True, False)

    Source: ``jax.tree_util.treedef_is_leaf``.
    """
    return bool(treedef.num_nodes == 1)


def treedef_tuple(treedefs: Iterable[PyTreeDef]) -> PyTreeDef:
    """The structure of a tuple of trees of the given structures.

    >>> treedef_tuple([structure(1), structure([2])]) == structure((1, [2]))
    True

    Source: ``jax.tree_util.treedef_tuple``.
    """
    return optree.treespec_tuple(treedefs, namespace=NAMESPACE)


# ------------------------------------------------------------------------- prefixes and reductions
def broadcast(prefix_tree: Any, full_tree: Any, is_leaf: IsLeaf = None) -> Any:
    """Each leaf of a tree repeated for all leaves that another tree has in its place.

    Args:
        prefix_tree: a tree whose structure is a prefix of the other's.
        full_tree: the tree whose structure the result has.
        is_leaf: optional test that stops the descent into ``prefix_tree``.

    Raises:
        TreeError: if it is no prefix.

    >>> broadcast([1, 2], [{"a": 0, "b": 0}, 0])
    [{'a': 1, 'b': 1}, 2]

    Source: ``jax.tree.broadcast``.
    """
    prefix, treedef = optree.tree_flatten(prefix_tree, is_leaf, namespace=NAMESPACE)
    try:
        parts = treedef.flatten_up_to(full_tree)
    except (TypeError, ValueError):
        raise TreeError(
            "tree.broadcast: expected the first tree to be a prefix of the second, and "
            f"{first_difference(prefix_tree, full_tree)}. Remedy: a leaf where the trees part, "
            "which then stands for all below it."
        ) from None
    repeated = [
        x for x, part in zip(prefix, parts, strict=True) for _ in range(structure(part).num_leaves)
    ]
    return unflatten(structure(full_tree), repeated)


def reduce_associative(
    operation: Callable[[Any, Any], Any],
    tree: Any,
    *,
    identity: Any = _NONE,
    is_leaf: IsLeaf = None,
) -> Any:
    """Fold the leaves with an associative function, halves first.

    The depth is the logarithm of the number of leaves, so errors of rounding grow slower than in
    :func:`reduce`.

    Args:
        operation: an associative function of two leaves.
        tree: the tree.
        identity: the result for a tree without leaves.
        is_leaf: optional test that stops the descent.

    Raises:
        TypeError: no leaves, and no identity.

    >>> reduce_associative(lambda a, b: f"({a}{b})", ["a", "b", "c", "d"])
    '((ab)(cd))'

    Source: ``jax.tree.reduce_associative``.
    """
    found = leaves(tree, is_leaf)
    if not found:
        if identity is _NONE:
            raise TypeError(
                "tree.reduce_associative: the tree has no leaves. Remedy: identity=, the result "
                "for that case."
            )
        return identity
    return _halved(operation, found)


def _halved(operation: Callable[[Any, Any], Any], items: Sequence[Any]) -> Any:
    if len(items) == 1:
        return items[0]
    middle = len(items) // 2
    return operation(_halved(operation, items[:middle]), _halved(operation, items[middle:]))
