"""Products of two operands as nodes, which keep what the other factor's gradient needs."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite import numpy as fnp
from functorch_lite.core.trace import state
from functorch_lite.torch._core.grad_mode import mode
from functorch_lite.torch._core.large import FLOATS, compiled
from functorch_lite.torch._core.node import (
    Node,
    Saved,
    attach,
    edge_of,
    freed_error,
    needs_grad,
    save,
)
from functorch_lite.torch._core.tensor import Tensor, make
from functorch_lite.torch._ops.binary import MUL, operate

__all__ = ["BilinearNode", "DotNode", "OuterNode", "SumNode", "VectorNode", "bilinear", "kind_of",
           "product", "recorded_node"]  # fmt: skip

SMALL = frozenset("eE")
WORK = 1 << 17
"""Multiplications from which on a product is a program, which shares its threads with others."""
_matmul = np.matmul


def product(a: Any, b: Any) -> Any:
    """The matrix product of raw arrays; 16-bit floats are added up in 32 bits."""
    dtype = a.dtype
    if dtype.char in SMALL:
        return product(a.astype(np.float32), b.astype(np.float32)).astype(dtype)
    if b.ndim == 2 and a.ndim == 2 and dtype in FLOATS and a.size * b.shape[1] >= WORK:
        # NumPy's BLAS has threads of its own, which wait for work at the cost of ours.
        left, right = _by_columns(a), _by_columns(b)
        return _large_product(a.T if left else a, b.T if right else b, left=left, right=right)
    return state.run(_matmul, a, b)


def _by_columns(x: Any) -> bool:
    return x.flags.f_contiguous and not x.flags.c_contiguous


@compiled
def _large_product(a: Any, b: Any, *, left: bool, right: bool) -> Any:
    return fnp.matmul(a.T if left else a, b.T if right else b)


def raw_conj(x: Any) -> Any:
    return x.conj() if x.dtype.kind == "c" else x


def number_conj(x: Any) -> Any:
    """The conjugate of a Python number, which stays as it is if it is real."""
    return x.conjugate() if x.__class__ is complex else x


def _conj(x: Any) -> Any:
    return x.conj() if x._np.dtype.kind == "c" else x


def _raw_t(x: Any) -> Any:
    return x.swapaxes(-1, -2)


def _t(x: Any) -> Any:
    return x.transpose(-1, -2)


def _times(a: Any, b: Any) -> Any:
    return state.run(np.multiply, a, b)


def _tensor_product(a: Any, b: Any) -> Tensor:
    if a._np.ndim == 3:
        return a.bmm(b)
    return a.mm(b) if b._np.ndim == 2 else a.mv(b)


def _tensor_times(a: Tensor, b: Any) -> Tensor:
    return operate(MUL, a, b)


class _Raw:
    """Operations of the rules below on raw arrays."""

    product = staticmethod(product)
    conj = staticmethod(raw_conj)
    t = staticmethod(_raw_t)
    times = staticmethod(_times)

    @staticmethod
    def column(x: Any) -> Any:
        return x[:, None]

    @staticmethod
    def stacked(x: Any, count: int) -> Any:
        return np.broadcast_to(x, (count, *x.shape))


class _Recorded:
    """The same operations on tensors, which are recorded."""

    product = staticmethod(_tensor_product)
    conj = staticmethod(_conj)
    t = staticmethod(_t)
    times = staticmethod(_tensor_times)

    @staticmethod
    def column(x: Any) -> Any:
        return x.unsqueeze(1)

    @staticmethod
    def stacked(x: Any, count: int) -> Any:
        return x.expand(count, *x._np.shape)


# --------------------------------------------------------------------------------- what is recorded
class BilinearNode(Node):
    """A product of two operands, which may have been added to a third that comes first.

    Attributes:
        a, b: what is saved of the factors; None where nobody needs it.
        alpha, beta: the factors of the product and of what it was added to.
        columns: whether each factor lay in memory column by column, as its gradient then does.
    """

    __slots__ = ("a", "alpha", "b", "beta", "columns", "count")

    a: Saved | None
    b: Saved | None
    alpha: Any
    beta: Any
    columns: tuple[bool, bool]
    count: int

    def backward(self, grads: list[Tensor | None]) -> list[Tensor | None]:
        g = grads[0]
        edges = self.edges
        if g is None:
            return [None] * len(edges)
        if self.freed:
            raise freed_error()
        found: list[Tensor | None] = []
        if len(edges) == 3:
            beta = number_conj(self.beta)
            found.append(None if edges[0] is None else g if beta == 1 else _tensor_times(g, beta))
        if mode.enabled:
            a = None if self.a is None else self.a.get(self)
            b = None if self.b is None else self.b.get(self)
            pair = self.pull(_Recorded, g, a, b)
            return [*found, *pair]
        a = None if self.a is None else self.a.raw(self)
        b = None if self.b is None else self.b.raw(self)
        x, y = self.pull(_Raw, g._np, a, b)
        return [*found, None if x is None else make(x), None if y is None else make(y)]

    def pull(self, ops: Any, g: Any, a: Any, b: Any) -> tuple[Any, Any]:
        """Gradients of the factors; None where the other one was not saved."""
        x = None if b is None else self.left(ops, g, ops.conj(b), self.columns[0])
        y = None if a is None else self.right(ops, g, ops.conj(a), self.columns[1])
        alpha = number_conj(self.alpha)
        if alpha != 1:
            x = None if x is None else ops.times(x, alpha)
            y = None if y is None else ops.times(y, alpha)
        return x, y

    def left(self, ops: Any, g: Any, b: Any, column: bool) -> Any:
        """The gradient of the first factor."""
        if column:
            return ops.t(ops.product(b, ops.t(g)))
        return ops.product(g, ops.t(b))

    def right(self, ops: Any, g: Any, a: Any, column: bool) -> Any:
        """The gradient of the second factor."""
        if column:
            return ops.t(ops.product(ops.t(g), a))
        return ops.product(ops.t(a), g)

    def release(self) -> None:
        # What saved nothing, as only the third operand wants a gradient, can be gone through again.
        self.freed = self.a is not None or self.b is not None
        self.a = self.b = None


class VectorNode(BilinearNode):
    """A matrix times a vector."""

    __slots__ = ()

    def left(self, ops: Any, g: Any, b: Any, column: bool) -> Any:
        return ops.times(ops.column(g), b)

    def right(self, ops: Any, g: Any, a: Any, column: bool) -> Any:
        return ops.product(ops.t(a), g)


class DotNode(BilinearNode):
    """A vector times a vector."""

    __slots__ = ()

    def left(self, ops: Any, g: Any, b: Any, column: bool) -> Any:
        return ops.times(b, g)

    def right(self, ops: Any, g: Any, a: Any, column: bool) -> Any:
        return ops.times(a, g)


class ConjugateDotNode(BilinearNode):
    """The conjugate of a vector times a vector."""

    __slots__ = ()

    def pull(self, ops: Any, g: Any, a: Any, b: Any) -> tuple[Any, Any]:
        x = None if b is None else ops.times(b, ops.conj(g))
        return x, None if a is None else ops.times(a, g)


class OuterNode(BilinearNode):
    """Every element of a vector times every element of another."""

    __slots__ = ()

    def left(self, ops: Any, g: Any, b: Any, column: bool) -> Any:
        return ops.product(g, b)

    def right(self, ops: Any, g: Any, a: Any, column: bool) -> Any:
        return ops.product(ops.t(g), a)


class SumNode(BilinearNode):
    """The sum over a batch of products."""

    __slots__ = ()

    def left(self, ops: Any, g: Any, b: Any, column: bool) -> Any:
        return ops.product(ops.stacked(g, self.count), ops.t(b))

    def right(self, ops: Any, g: Any, a: Any, column: bool) -> Any:
        return ops.product(ops.t(a), ops.stacked(g, self.count))


def kind_of(name: str, base: type[BilinearNode] = BilinearNode) -> type[BilinearNode]:
    """A class of nodes of that name."""
    return type(name, (base,), {"__slots__": ()})


def recorded_node(
    kind: type[BilinearNode], a: Tensor, b: Tensor, third: tuple[Tensor, ...], beta: Any, alpha: Any
) -> BilinearNode:
    """A node for a product, the edge of what it was added to first."""
    edge_a, edge_b = edge_of(a), edge_of(b)
    node = kind((*[edge_of(t) for t in third], edge_a, edge_b))
    node.alpha, node.beta = alpha, beta
    # Only what the other factor's gradient needs.
    node.a = None if edge_b is None else save(a)
    node.b = None if edge_a is None else save(b)
    x, y = a._np.flags, b._np.flags
    node.columns = (
        x.f_contiguous and not x.c_contiguous, y.f_contiguous and not y.c_contiguous
    )  # fmt: skip
    node.count = a._np.shape[0] if a._np.ndim else 1
    return node


def bilinear(
    kind: type[BilinearNode], data: Any, a: Tensor, b: Tensor, third: tuple[Tensor, ...] = (),
    beta: Any = 1, alpha: Any = 1,
) -> Tensor:  # fmt: skip
    """A tensor around the raw product of two tensors, recorded if need be."""
    out = make(data)
    if mode.enabled and data.dtype.kind in "fcV":
        if needs_grad(a) or needs_grad(b) or (third and needs_grad(third[0])):
            attach(out, recorded_node(kind, a, b, third, beta, alpha))
    return out
