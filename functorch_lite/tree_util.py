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
from functorch_lite.core.tree import path_str as keystr
from functorch_lite.core.tree import reduce as tree_reduce
from functorch_lite.core.tree import structure as tree_structure
from functorch_lite.core.tree import transpose as tree_transpose
from functorch_lite.core.tree import unflatten as tree_unflatten

__all__ = [
    "Partial",
    "PyTreeDef",
    "all_leaves",
    "keystr",
    "register_dataclass",
    "register_pytree_node",
    "register_pytree_node_class",
    "tree_all",
    "tree_flatten",
    "tree_flatten_with_path",
    "tree_leaves",
    "tree_leaves_with_path",
    "tree_map",
    "tree_map_with_path",
    "tree_reduce",
    "tree_structure",
    "tree_transpose",
    "tree_unflatten",
]
