"""Filling what a file holds into a tree of the structure that the caller expects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

import functorch_lite as fl
from functorch_lite import tree
from functorch_lite.errors import CheckpointError
from functorch_lite.training.tree_text import one_level, path_text

__all__ = ["fill"]

_MOST_PROBLEMS = 5  # that a message lists


class _Filler:
    def __init__(self, decoder: Any) -> None:
        self.decoder = decoder
        self.problems: list[str] = []

    def node(self, like: Any, node: Any, path: tuple[Any, ...]) -> Any:
        """The tree like ``like`` of a node's contents."""
        if like is None:
            return self.nothing(node, path)
        saved = self.decoder.children(node, path)
        level = one_level(like)
        if level is None:
            return self.leaf(like, node, saved, path)
        pairs, structure = level
        if saved is None:
            return self.differ(path, _kind(like), self.spoken(node, saved))
        if isinstance(like, Mapping) and ("dict" in node or "ordered_dict" in node):
            by_key = dict(saved)
            missing = [entry for entry, _ in pairs if entry not in by_key]
            extra = [entry for entry in by_key if entry not in like]
            if missing or extra:
                return self.differ(
                    path,
                    f"the keys {[entry for entry, _ in pairs]}",
                    f"{list(by_key)} (missing: {missing}, unexpected: {extra})",
                )
            children = [by_key[entry] for entry, _ in pairs]
        else:
            if _kind(like) != _saved_kind(node):
                return self.differ(path, _kind(like), self.spoken(node, saved))
            if len(pairs) != len(saved):
                return self.differ(
                    path, f"{len(pairs)} children", f"{len(saved)} of them in a {_kind(like)}"
                )
            entries = [entry for entry, _ in pairs]
            if "node" in node and [str(entry) for entry, _ in saved] != list(map(str, entries)):
                return self.differ(
                    path, f"the fields {entries}", f"{[entry for entry, _ in saved]}"
                )
            children = [child for _, child in saved]
        filled = [
            self.node(child, found, (*path, entry))
            for (entry, child), found in zip(pairs, children, strict=True)
        ]
        return tree.unflatten(structure, filled)

    def nothing(self, node: Any, path: tuple[Any, ...]) -> None:
        """None, where None was saved."""
        if node is not None:
            self.differ(path, "None", self.spoken(node, self.decoder.children(node, path)))

    def leaf(self, like: Any, node: Any, saved: Any, path: tuple[Any, ...]) -> Any:
        """An array of the template's shape and dtype, or a value of its type."""
        if saved is not None or node is None:
            return self.differ(path, _leaf_kind(like), self.spoken(node, saved))
        found = self.decoder.leaf(node, path)
        if _leaf_kind(found) != _leaf_kind(like):
            return self.differ(path, _leaf_kind(like), _leaf_kind(found))
        return found

    def differ(self, path: tuple[Any, ...], expected: str, found: str) -> None:
        """Note a difference, and go on: one message lists several."""
        self.problems.append(f"at {path_text(path)} expected {expected}, found {found}")

    def spoken(self, node: Any, saved: Any) -> str:
        """What a node is, in words."""
        if saved is not None:
            return _saved_kind(node)
        if node is None:
            return "None"
        return _leaf_kind(self.decoder.leaf(node, ()))


def fill(decoder: Any, node: Any, like: Any) -> Any:
    """The tree like ``like`` with the contents of a file.

    Raises:
        CheckpointError: listing where structure, shapes, dtypes or types differ.
    """
    filler = _Filler(decoder)
    result = filler.node(like, node, ())
    problems = filler.problems
    if problems:
        listed = "; ".join(problems[:_MOST_PROBLEMS])
        more = len(problems) - _MOST_PROBLEMS
        more_text = f"; and {more} more" if more > 0 else ""
        raise CheckpointError(
            f"training.checkpoint.load: the file does not hold a tree like that of like=: {listed}"
            f"{more_text}. Remedy: make like= as the tree was when it was saved, or load without "
            "it to see what is there."
        )
    return result


def _kind(like: Any) -> str:
    """The kind of a container, as files name it."""
    if isinstance(like, dict):
        return "dict"
    return type(like).__name__


def _saved_kind(node: Any) -> str:
    if "node" in node:
        return str(node["node"])
    kind = next(kind for kind in ("dict", "ordered_dict", "list", "tuple", "deque") if kind in node)
    return "dict" if kind == "ordered_dict" else kind


def _leaf_kind(x: Any) -> str:
    """What must agree of a leaf: dtype and shape of arrays, the type of other values."""
    if isinstance(x, (fl.Array, fl.ShapeDtypeStruct, np.ndarray, np.generic)):
        return f"{x.dtype.name}{list(x.shape)}"
    return type(x).__name__
