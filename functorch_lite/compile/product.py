"""Matrix products as libraries take them: sizes, strides, and the arrays behind transposes.

``decompose`` brings every product to ``x[*batch, m, k] @ y[*batch, k, n]``; here the views in front
of its operands are folded into strides, so that no transposed copy is made.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

from functorch_lite.compile.elements import Elements, Indices
from functorch_lite.compile.index import Axis, Index, linear
from functorch_lite.compile.kernel import Builder, Value
from functorch_lite.core.graph import Eqn, Var

__all__ = ["Matrix", "Product", "product_of"]

_FOLDED = frozenset(("reshape", "transpose", "slice", "stop_gradient", "checkpoint_name"))


@dataclasses.dataclass(frozen=True)
class Matrix:
    """A batch of matrices inside an array, by strides in elements.

    Attributes:
        base: the array.
        offset: position of the first element.
        batch: stride per batch dimension.
        transposed: whether it is the rows, not the columns, whose elements lie together.
        lead: stride of the other dimension.
    """

    base: Var
    offset: int
    batch: tuple[int, ...]
    transposed: bool
    lead: int


@dataclasses.dataclass(frozen=True)
class Product:
    """``x @ y`` for a batch: sizes, operands, result."""

    batch: tuple[int, ...]
    m: int
    n: int
    k: int
    x: Matrix
    y: Matrix
    out: Var

    @property
    def flops(self) -> int:
        """Operations."""
        return 2 * math.prod(self.batch) * self.m * self.n * self.k


def product_of(eqn: Eqn, maker: Callable[[Var], Eqn | None]) -> Product | None:
    """The product that an equation in normal form is."""
    if eqn.op.name != "dot_general":
        return None
    x, y = eqn.inputs
    count = len(eqn.params["batch"][0])
    batch = x.aval.shape[:count]
    m, k = x.aval.shape[count:]
    n = y.aval.shape[-1]
    return Product(batch, m, n, k, _matrix(x, maker), _matrix(y, maker), eqn.outputs[0])


def _matrix(var: Var, maker: Callable[[Var], Eqn | None]) -> Matrix:
    found = _folded(var, maker)
    if found is None:
        found = _folded(var, lambda v: None)
        assert found is not None
    return found


def _folded(var: Var, maker: Callable[[Var], Eqn | None]) -> Matrix | None:
    """The operand in terms of the array behind its views, or None if that is not strided so."""
    shape = var.aval.shape
    axes = [Axis(n, f"d{i}") for i, n in enumerate(shape)]
    ends: list[tuple[Var, Index]] = []

    def leaf(v: Var, indices: Indices, mask: Value | None) -> Value:
        ends.append((v, linear(indices, v.aval.shape)))
        return Value("none", (), v.aval.dtype, None, frozenset())

    def views(v: Var) -> Eqn | None:
        eqn = maker(v)
        return eqn if eqn is not None and eqn.op.name in _FOLDED else None

    Elements(Builder(), views, leaf).at(var, tuple(map(Index.of, axes)))
    ((base, index),) = ends
    if any(not isinstance(atom, Axis) for atom in index.terms):
        return None
    *batch, rows, columns = [index.terms.get(a, 0) for a in axes]
    m, k = shape[-2:]
    if k == 1:
        columns = 1
    if m == 1:
        rows = max(k, 1) if columns == 1 else 1
    if columns == 1 and rows >= k:
        return Matrix(base, index.const, tuple(batch), False, max(rows, 1))
    if rows == 1 and columns >= m:
        return Matrix(base, index.const, tuple(batch), True, columns)
    return None
