"""Nested containers of leaves, as PyTorch takes them apart: None is a leaf."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Sequence
from typing import Any

from functorch_lite.torch.return_types import NamedResults

__all__ = ["Spec", "broadcast", "flatten", "leaves", "tree_map", "unflatten"]

_SEQUENCES = (tuple, list, deque)
_DICTS = (dict, OrderedDict, defaultdict)


class Spec:
    """The containers of a tree.

    Attributes:
        kind: the class of the outermost one; None for a leaf.
        context: its keys, or what else it takes to make one.
        children: the specs of its items.
    """

    __slots__ = ("children", "context", "kind")

    def __init__(self, kind: Any, context: Any = None, children: Sequence[Spec] = ()) -> None:
        self.kind = kind
        self.context = context
        self.children = tuple(children)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Spec) or self.kind is not other.kind:
            return False
        keys, others = self.context, other.context
        if self.kind in _DICTS and self.kind is not OrderedDict:
            if set(keys) != set(others):
                return False
            by_key = dict(zip(others, other.children, strict=True))
            return all(c == by_key[k] for k, c in zip(keys, self.children, strict=True))
        return bool(keys == others and self.children == other.children)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        """Its structure in PyTorch's short form."""
        if self.kind is None:
            return "*"
        inner = [repr(c) for c in self.children]
        if self.kind is list:
            return f"[{', '.join(inner)}]"
        if self.kind in _DICTS:
            pairs = zip(self.context, inner, strict=True)
            return "{" + ", ".join(f"{k!r}: {c}" for k, c in pairs) + "}"
        return f"({', '.join(inner)}{',' if len(inner) == 1 else ''})"


_LEAF = Spec(None)


def flatten(tree: Any) -> tuple[list[Any], Spec]:
    """The leaves of a tree, and its containers."""
    found: list[Any] = []
    return found, _walk(tree, found)


def _walk(tree: Any, found: list[Any]) -> Spec:
    kind = type(tree)
    if kind in _DICTS:
        return Spec(kind, list(tree), [_walk(v, found) for v in tree.values()])
    named = isinstance(tree, NamedResults) or (isinstance(tree, tuple) and hasattr(tree, "_fields"))
    if named or kind in _SEQUENCES:
        return Spec(kind, None, [_walk(v, found) for v in tree])
    found.append(tree)
    return _LEAF


def unflatten(values: Sequence[Any], spec: Spec) -> Any:
    """A tree of those containers."""
    return _made(iter(values), spec)


def _made(values: Any, spec: Spec) -> Any:
    if spec.kind is None:
        return next(values)
    children = [_made(values, c) for c in spec.children]
    if spec.kind in _DICTS:
        pairs = dict(zip(spec.context, children, strict=True))
        return pairs if spec.kind in (dict, defaultdict) else spec.kind(pairs)
    if hasattr(spec.kind, "_fields"):
        return spec.kind(*children)
    return spec.kind(children)


def leaves(tree: Any) -> list[Any]:
    """The leaves of a tree."""
    return flatten(tree)[0]


def tree_map(f: Callable[[Any], Any], tree: Any) -> Any:
    """A tree with a function of each leaf in its place."""
    found, spec = flatten(tree)
    return unflatten([f(x) for x in found], spec)


def broadcast(prefix: Any, spec: Spec) -> list[Any] | None:
    """For each leaf of a structure, the leaf of a prefix of it; None if it is no prefix."""
    found: list[Any] = []
    return found if _spread(prefix, spec, found) else None


def _spread(prefix: Any, spec: Spec, found: list[Any]) -> bool:
    if prefix is None or prefix.__class__ is int:
        found.extend([prefix] * _count(spec))
        return True
    own = flatten(prefix)[1]
    if own.kind is None:
        found.extend([prefix] * _count(spec))
        return True
    if own.kind is not spec.kind or len(own.children) != len(spec.children):
        return False
    if own.kind in _DICTS:
        if set(own.context) != set(spec.context):
            return False
        items = [prefix[k] for k in spec.context]
    else:
        items = list(prefix)
    return all(_spread(p, c, found) for p, c in zip(items, spec.children, strict=True))


def _count(spec: Spec) -> int:
    return 1 if spec.kind is None else sum(map(_count, spec.children))
