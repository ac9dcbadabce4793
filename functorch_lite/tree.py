"""Pytree utilities: ``map``, ``flatten``, ``leaves`` … (see :mod:`functorch_lite.core.tree`)."""

from __future__ import annotations

from functorch_lite.core.tree import (
    Partial,
    PyTreeDef,
    all,
    all_leaves,
    flatten,
    flatten_with_path,
    leaves,
    leaves_with_path,
    map,
    map_with_path,
    path_str,
    reduce,
    register_dataclass,
    register_pytree_node,
    register_pytree_node_class,
    structure,
    transpose,
    unflatten,
)
from functorch_lite.core.tree_keys import entry_of
from functorch_lite.core.tree_levels import broadcast, reduce_associative, static

__all__ = [
    "Partial",
    "PyTreeDef",
    "all",
    "all_leaves",
    "broadcast",
    "entry_of",
    "flatten",
    "flatten_with_path",
    "leaves",
    "leaves_with_path",
    "map",
    "map_with_path",
    "path_str",
    "reduce",
    "reduce_associative",
    "register_dataclass",
    "register_pytree_node",
    "register_pytree_node_class",
    "static",
    "structure",
    "transpose",
    "unflatten",
]
