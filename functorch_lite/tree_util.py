"""The names of ``jax.tree_util`` for :mod:`functorch_lite.tree`."""

from __future__ import annotations

from functorch_lite.core.tree import (
    Partial,
    PyTreeDef,
    register_dataclass,
    register_pytree_node,
    register_pytree_node_class,
)
from functorch_lite.core.tree import all as tree_all
from functorch_lite.core.tree import all_leaves as all_leaves
from functorch_lite.core.tree import flatten as tree_flatten
from functorch_lite.core.tree import flatten_with_path as tree_flatten_with_path
from functorch_lite.core.tree import leaves as tree_leaves
from functorch_lite.core.tree import leaves_with_path as tree_leaves_with_path
from functorch_lite.core.tree import map as tree_map
from functorch_lite.core.tree import map_with_path as tree_map_with_path
from functorch_lite.core.tree import reduce as tree_reduce
from functorch_lite.core.tree import structure as tree_structure
from functorch_lite.core.tree import transpose as tree_transpose
from functorch_lite.core.tree import unflatten as tree_unflatten
from functorch_lite.core.tree_keys import (
    DictKey,
    FlattenedIndexKey,
    GetAttrKey,
    KeyEntry,
    KeyPath,
    SequenceKey,
    keystr,
)
from functorch_lite.core.tree_levels import broadcast as tree_broadcast
from functorch_lite.core.tree_levels import (
    flatten_one_level,
    flatten_one_level_with_keys,
    is_tree_node,
    register_pytree_with_keys,
    register_pytree_with_keys_class,
    register_static,
    treedef_children,
    treedef_is_leaf,
    treedef_tuple,
)
from functorch_lite.core.tree_levels import reduce_associative as tree_reduce_associative

__all__ = [
    "DictKey",
    "FlattenedIndexKey",
    "GetAttrKey",
    "KeyEntry",
    "KeyPath",
    "Partial",
    "PyTreeDef",
    "SequenceKey",
    "all_leaves",
    "flatten_one_level",
    "flatten_one_level_with_keys",
    "is_tree_node",
    "keystr",
    "register_dataclass",
    "register_pytree_node",
    "register_pytree_node_class",
    "register_pytree_with_keys",
    "register_pytree_with_keys_class",
    "register_static",
    "tree_all",
    "tree_broadcast",
    "tree_flatten",
    "tree_flatten_with_path",
    "tree_leaves",
    "tree_leaves_with_path",
    "tree_map",
    "tree_map_with_path",
    "tree_reduce",
    "tree_reduce_associative",
    "tree_structure",
    "tree_transpose",
    "tree_unflatten",
    "treedef_children",
    "treedef_is_leaf",
    "treedef_tuple",
]
