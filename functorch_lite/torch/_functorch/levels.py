"""One function that is differentiated: its inputs, and what of its results is still in a graph.

All transforms record on the same tape. A transform gives its function inputs of its own, so that
their gradients are asked for by these alone, and takes from the results the part of the graph that
nothing around the transform has to do with.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np

from functorch_lite.torch._core import engine
from functorch_lite.torch._core.grad_mode import mode
from functorch_lite.torch._core.gradients import _roots
from functorch_lite.torch._core.node import (
    LAST,
    AccumulateGrad,
    Node,
    _numbers,
    accumulator,
    attach,
    edge_of,
    needs_grad,
)
from functorch_lite.torch._core.op import formula
from functorch_lite.torch._core.public import overrides
from functorch_lite.torch._core.tensor import Tensor, make, share, zeros_for
from functorch_lite.torch._meta.symbol import is_meta

__all__ = [
    "DualBackward0", "ForwardOnlyBackward0", "Level", "behind", "check_tangent", "is_over",
    "ones_of", "outside_of_compile", "records", "zeros_like",
]  # fmt: skip


def outside_of_compile(name: str) -> None:
    """Let ``torch.compile`` leave a transform to an eager call."""
    if overrides.known:
        overrides.refuse(f"torch.func.{name}")


def check_tangent(t: Tensor, tangent: Tensor) -> None:
    """Refuse a tangent that has not the sizes of its tensor."""
    if t._np.shape != tangent._np.shape:
        raise RuntimeError(
            "Trying to set a forward gradient that has a different size than that of the original "
            f"Tensor, this is not supported. Tensor is of size {list(t._np.shape)} while the given "
            f"forward gradient is of size {list(tangent._np.shape)}."
        )


def zeros_like(t: Tensor) -> Tensor:
    """Zeros of a tensor's sizes and dtype."""
    return _mapped(make(zeros_for(t._np, t._np.shape)))


def ones_of(t: Tensor) -> Tensor:
    """Ones of a tensor's sizes and dtype."""
    if is_meta(t):
        return zeros_like(t)
    return _mapped(make(np.ones(t._np.shape, t._np.dtype)))


def _mapped(t: Tensor) -> Tensor:
    """A new tensor as operations inside of ``vmap`` have them."""
    if overrides.known and overrides.recorder is not None:
        overrides.recorder.convert(t)
    return t


def is_over(node: Node) -> bool:
    """Whether a node is an input of a function that nobody differentiates any more."""
    if not isinstance(node, AccumulateGrad):
        return False
    of = node.variable.__dict__.get("_level")
    if of is None:
        return False
    level: Level | None = of()
    return level is None or not level.active


class DualBackward0(Node):
    """The node of a tensor with a tangent; its operand is the tensor without.

    Attributes:
        tangent: the tangent.
        level: the object that stands for the level it belongs to.
    """

    __slots__ = ("level", "tangent")

    level: object
    tangent: Tensor

    def backward(self, grads: list[Tensor | None]) -> list[Tensor | None]:
        return grads


class ForwardOnlyBackward0(Node):
    """The node of an operand under ``no_grad``: only passes that compute tangents cross it.

    Of a tensor that is written to, it has a second edge: that of the content before, where all
    other passes go on.
    """

    __slots__ = ()

    def backward(self, grads: list[Tensor | None]) -> list[Tensor | None]:
        both = [*grads, None] if mode.pushing else [None, *grads]
        return both[: len(self.edges)]


def behind(t: Tensor) -> Tensor:
    """A tensor again, as one that leads to its tangents and to no gradient."""
    return attach(share(t, t._np, t._offset), ForwardOnlyBackward0([edge_of(t)]))


def records() -> bool:
    """Whether the code at hand records, if only for the tangents of forward mode."""
    return mode.enabled or (mode.forward is not None and not mode.inference)


class Level:
    """The context in which a function is differentiated; it may be entered again.

    Attributes:
        recorded: whether the code around it records, if only for tangents.
        no_grad: whether it records no more than those.
        spans: numbers of nodes between which it was current.
    """

    def __init__(self) -> None:
        self.recorded, self.no_grad = records(), not mode.enabled
        self.spans: list[tuple[float, float]] = []
        self._own: set[Node] = set()
        self._before: list[tuple[bool, bool, int]] = []

    def __enter__(self) -> Level:
        self._before.append((mode.enabled, mode.inference, len(self.spans)))
        self.recorded, self.no_grad = records(), not mode.enabled
        mode.enabled, mode.inference = True, False
        mode.transforms += 1
        self.spans.append((next(_numbers), LAST))
        return self

    def __exit__(self, *exc: object) -> None:
        mode.enabled, mode.inference, place = self._before.pop()
        self.spans[place] = (self.spans[place][0], next(_numbers))
        if place and place == len(self.spans) - 1:
            self.spans.pop()  # what a derivative returned belongs to the code around
        mode.transforms -= 1

    # ---------------------------------------------------------------------------- in and out
    def input(self, t: Any) -> Tensor:
        """A tensor that the function may be differentiated by."""
        if not isinstance(t, Tensor):
            raise ValueError(f"Thing passed to transform API must be Tensor, got {type(t)}")
        if t._np.dtype.kind not in "fcV":
            raise RuntimeError("only Tensors of floating point dtype can require gradients")
        if self.recorded and needs_grad(t):
            if not self.no_grad:
                return attach(share(t, t._np, t._offset), formula("AliasBackward0", (t,), _same))
            if mode.forward.moves(t):
                return behind(t)
        return self._leaf(share(t, t._np, t._offset))

    def dummy(self, like: Tensor) -> Tensor:
        """A cotangent that gradients may be differentiated by: no zeros, which some rules test."""
        return self._leaf(ones_of(like))

    def _leaf(self, t: Tensor) -> Tensor:
        t._rg = True
        self._own.add(accumulator(t))
        t.__dict__["_level"] = weakref.ref(self)  # it holds the tensor
        return t

    @property
    def active(self) -> bool:
        """Whether its function, or a derivative of it, runs."""
        return bool(self._before)

    def output(self, t: Any, duals: bool = True) -> Tensor:
        """A result, outside of the graph if that leads to nothing outside of the function.

        Args:
            duals: as of ``leads_out``.
        """
        if not isinstance(t, Tensor):
            raise RuntimeError(f"Expected tensors, got unsupported type {type(t)}")
        if not needs_grad(t):
            return t
        if self.leads_out([t], duals):
            if not self.no_grad:
                return t
            if mode.forward.moves(t):
                return behind(t)
        return share(t, t._np, t._offset)

    def leads_out(self, tensors: Sequence[Tensor], duals: bool = True) -> bool:
        """Whether tensors depend on what requires a gradient outside of the function.

        Args:
            duals: whether a tangent, in forward mode, counts as much.
        """
        if not self.recorded:
            return False
        stack = [edge[0] for t in tensors if (edge := edge_of(t)) is not None]
        seen = set(stack)
        while stack:
            node = stack.pop()
            if node in self._own or is_over(node):
                continue
            for begin, end in self.spans:
                if begin < node.number < end:
                    break
            else:
                if node.__class__ is not DualBackward0 or (duals and mode.forward is not None):
                    return True
            ended = node.__class__ is ForwardOnlyBackward0 and mode.forward is None
            for edge in node.edges[ended:]:
                if edge is not None and edge[0] not in seen:
                    seen.add(edge[0])
                    stack.append(edge[0])
        return False

    # ------------------------------------------------------------------------------ gradients
    def pull(
        self, outputs: Sequence[Tensor], cotangents: Sequence[Any], edges: Sequence[Any],
        create: bool, keep: bool = True, push: bool = False,
    ) -> list[Tensor | None]:  # fmt: skip
        """The gradients at some edges, None where there is none.

        Args:
            create: whether they can be differentiated in turn.
            keep: whether the graph remains.
            push: whether this is half of forward mode, which ``no_grad`` does not stop.
        """
        chosen = [(t, g) for t, g in zip(outputs, cotangents, strict=True) if needs_grad(t)]
        if not chosen:
            return [None] * len(edges)
        roots = _roots([t for t, _ in chosen], [g for _, g in chosen])
        was, mode.pushing = mode.pushing, push
        try:
            return engine.run(roots, keep, create, edges)
        finally:
            mode.pushing = was


def _same(g: Tensor) -> Tensor:
    return g
