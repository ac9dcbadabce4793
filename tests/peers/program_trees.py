"""Nested dicts, tuples and lists, walked the same way whichever library made them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["leaves", "map_leaves", "paths"]


def leaves(tree: Any) -> Iterator[Any]:
    """The leaves, dict entries by sorted key."""
    for _, leaf in paths(tree):
        yield leaf


def paths(tree: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves with their paths, dict entries by sorted key."""
    if isinstance(tree, dict):
        for key in sorted(tree):
            yield from paths(tree[key], f"{path}[{key!r}]")
    elif isinstance(tree, (tuple, list)):
        form = "({})" if isinstance(tree, tuple) else "[{}]"
        for i, value in enumerate(tree):
            yield from paths(value, path + form.format(i))
    elif tree is not None:
        yield path, tree


def map_leaves(f: Callable[[Any], Any], tree: Any) -> Any:
    """The tree with each leaf replaced, in the order of ``leaves``."""
    if isinstance(tree, dict):
        return {k: map_leaves(f, tree[k]) for k in sorted(tree)}
    if isinstance(tree, (tuple, list)):
        return type(tree)(map_leaves(f, v) for v in tree)
    return None if tree is None else f(tree)
