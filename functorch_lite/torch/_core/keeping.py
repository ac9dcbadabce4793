"""Nodes whose gradient is written in operations on tensors and needs values of the forward pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from functorch_lite.torch._core.node import Node, Saved, attach, freed_error, save
from functorch_lite.torch._core.op import Operands, _edges
from functorch_lite.torch._core.tensor import Tensor, version

__all__ = ["KeepingNode", "keep", "keep_plain", "keep_result"]


class KeepingNode(Node):
    """A node with ``rule(gradients..., kept tensors...) -> gradients``.

    Attributes:
        kept: what is saved, operands or results.
        rule: in operations on tensors, so that it can be differentiated in turn; it holds no
            tensor itself.
    """

    __slots__ = ("kept", "rule")

    kept: Sequence[Saved]
    rule: Any

    def backward(self, grads: list[Tensor | None]) -> Sequence[Tensor | None]:
        if all(g is None for g in grads):
            return [None] * len(self.edges)
        if self.freed:
            raise freed_error()
        found = self.rule(*grads, *[s.get(self) for s in self.kept])
        return found if isinstance(found, (tuple, list)) else (found,)

    def release(self) -> None:
        if self.kept:
            self.freed = True
        self.kept = ()


_classes: dict[str, type[KeepingNode]] = {}


def keep(
    name: str, operands: Operands, kept: Sequence[Tensor], rule: Callable[..., Any]
) -> KeepingNode:
    """A node of that name that keeps some operands for its rule."""
    found = _classes.get(name)
    if found is None:
        found = _classes[name] = type(name, (KeepingNode,), {"__slots__": ()})
    node = found(_edges(operands))
    node.rule = rule
    node.kept = [save(t) for t in kept]
    return node


def keep_result(out: Tensor, node: KeepingNode, nr: int = 0) -> Tensor:
    """Make a tensor a result of a node, which keeps its value as well."""
    node.kept = [*node.kept, Saved(None, out._np, version(out), nr)]
    return attach(out, node, nr)


def keep_plain(t: Tensor, node: KeepingNode) -> None:
    """Keep a value without a gradient: indices, counts."""
    node.kept = [*node.kept, Saved(None, t._np, version(t))]
