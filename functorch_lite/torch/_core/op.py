"""Operations on tensors: pure functions of core arrays, recorded as one node each.

Two kinds cover nearly all. A *record* is an op of the core with its own derivative rules; a
*composite* is any function of core arrays, which the core differentiates. Both kinds keep what
their derivative needs. A backward pass that is itself recorded is again a composite, to any order.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functorch_lite import vjp
from functorch_lite.core.array import Array, wrap
from functorch_lite.core.aval import make_aval
from functorch_lite.core.dtypes import is_inexact
from functorch_lite.core.op import NOT_DIFFERENTIABLE, Rule
from functorch_lite.core.op import Op as Record
from functorch_lite.core.trace import state
from functorch_lite.ops import conj
from functorch_lite.torch._core.grad_mode import mode
from functorch_lite.torch._core.large import BIG
from functorch_lite.torch._core.node import (
    Node,
    Saved,
    accumulator,
    attach,
    edge_of,
    freed_error,
    graph_fn,
    needs_grad,
    save,
)
from functorch_lite.torch._core.order import in_order
from functorch_lite.torch._core.public import overrides
from functorch_lite.torch._core.tensor import Tensor, is_symbol, make, version

__all__ = ["Composite", "FormulaNode", "RecordOp", "before", "formula", "fresh", "upward",
           "wants_grad"]  # fmt: skip

Operands = Sequence[Any]
_ndarray = np.ndarray
_NONE: dict[str, Any] = {}


def conjugated(x: Array) -> Array:
    """A gradient of the core as one of PyTorch, or the other way round.

    The core pairs cotangents with tangents as Re(ct * t), PyTorch as Re(conj(ct) * t).
    """
    return conj(x) if x.dtype.kind == "c" else x


def wants_grad(operands: Operands) -> bool:
    """Whether an operation on these is recorded."""
    if mode.enabled:
        for t in operands:
            if isinstance(t, Tensor) and needs_grad(t):
                return True
    return False


def _edges(operands: Operands) -> list[Any]:
    return [edge_of(t) if isinstance(t, Tensor) else None for t in operands]


# ----------------------------------------------------------------------------------------- records
class RecordNode(Node):
    """A recorded op of the core.

    Attributes:
        args: per operand what is saved: a ``Saved``, an Array for a number, else shape and dtype.
        ans: the saved answer, if the rules need it.
        dtype: in which the op was computed.
    """

    __slots__ = ("ans", "args", "dtype", "params", "record")

    ans: Any
    args: Sequence[Any]
    dtype: Any
    params: dict[str, Any]
    record: Record

    def backward(self, grads: list[Tensor | None]) -> Sequence[Tensor | None]:
        g = grads[0]
        if g is None:
            return [None] * len(self.edges)
        if self.freed:
            raise freed_error()
        if mode.enabled:
            return self._recorded(g)
        args = [self._value(a) for a in self.args]
        ans = None if self.ans is None else wrap(self.ans.raw(self))
        found = self._rules(wrap(g._np), ans, args)
        return [None if r is None else make(upward(r._data)) for r in found]

    def _value(self, kept: Any) -> Any:
        if kept.__class__ is Saved:
            array = kept.raw(self)
            return wrap(array if array.dtype == self.dtype else array.astype(self.dtype))
        return kept

    def _rules(self, ct: Array, ans: Any, args: Sequence[Any]) -> list[Any]:
        rules, record, params = self.record.vjp, self.record, self.params
        last = len(record.operands) - 1
        if ct.dtype.kind == "c":
            ct = conj(ct)
        found: list[Any] = []
        for i, edge in enumerate(self.edges):
            rule: Rule | None = rules[i if i < last else last] if edge is not None else None
            g = None if rule is None else rule(ct, ans, args, params, i - last if i > last else 0)
            if g is not None and g.dtype.kind == "c":
                g = conj(g)
            found.append(g)
        return found

    def _recorded(self, g: Tensor) -> Sequence[Tensor | None]:
        """The same as an operation on the gradient, the saved operands and the saved answer."""
        values = [self._tensor(a) if a.__class__ is Saved else None for a in self.args]
        tensors = [g, *[v for v in values if v is not None]]
        if self.ans is not None:
            tensors.append(self.ans.get(self))

        def f(ct: Array, *given: Array) -> tuple[Array, ...]:
            rest = iter(given)
            args = [
                next(rest) if v is not None else a for v, a in zip(values, self.args, strict=True)
            ]
            ans = next(rest) if self.ans is not None else None
            return tuple(r for r in self._rules(ct, ans, args) if r is not None)

        made = iter(Composite(f"{self.name()[:-1]}Backward0", f)(tensors))
        last = len(self.record.operands) - 1
        return [
            None if edge is None or self.record.vjp[min(i, last)] is None else next(made)
            for i, edge in enumerate(self.edges)
        ]

    def _tensor(self, kept: Saved) -> Tensor:
        t = kept.get(self)
        return t if t._np.dtype == self.dtype else t.to(make(np.empty((), self.dtype)).dtype)

    def release(self) -> None:
        if self.ans is None and not any(a.__class__ is Saved for a in self.args):
            if not self._needs_numbers():
                return  # what saved nothing can be gone through again
        self.freed = True
        self.args = ()
        self.ans = None

    def _needs_numbers(self) -> bool:
        """Whether the rules read an operand that is a number."""
        if not any(a.__class__ is Array for a in self.args):
            return False
        mask = 0
        for i, edge in enumerate(self.edges):
            if edge is not None:
                mask |= 1 << i
        count = len(self.edges)
        plan = self.record._plans.get(mask << 32 | count) or self.record.save_plan(mask, count)
        return any(plan[1])


class RecordOp:
    """An op of the core as an operation on tensors.

    Args:
        name: of its node, as PyTorch names it.
        record: the op.
        big: the same over raw arrays of many elements, on all cores.
    """

    __slots__ = ("big", "eager", "node", "record")

    def __init__(self, name: str, record: Record, big: Callable[..., Any] | None = None) -> None:
        self.record = record
        self.eager = record.eager
        self.big = big
        self.node: type[RecordNode] = type(name, (RecordNode,), {"__slots__": ()})

    def __call__(
        self, operands: Operands, params: dict[str, Any] = _NONE, dtype: Any = None
    ) -> Tensor:
        """Apply it to operands: tensors, and core Arrays for numbers.

        Args:
            dtype: NumPy dtype in which to compute, if tensors have another.
        """
        if mode.enabled:
            for t in operands:
                if t.__class__ is not Array and needs_grad(t):
                    return self.recorded(operands, params, dtype)[0]
        datas = _datas(operands, dtype)
        if overrides.known and any(map(is_symbol, datas)):
            return make(overrides.recorder.applied(self.record, datas, params))
        if self.big is not None and datas[0].size >= BIG:
            return fresh(in_order(self.big(*datas, **params), datas), operands)
        return fresh(in_order(state.run(self.eager, *datas, **params), datas), operands)

    def recorded(
        self, operands: Operands, params: dict[str, Any], dtype: Any = None, copied: bool = False
    ) -> tuple[Tensor, Node | None]:
        """The result and its node, attached.

        Args:
            copied: keep a copy of the first operand, as it is about to be written to.
        """
        record = self.record
        datas = _datas(operands, dtype)
        if overrides.known and any(map(is_symbol, datas)):
            out = make(overrides.recorder.applied(record, datas, params))
        elif self.big is not None and datas[0].size >= BIG:
            out = fresh(in_order(self.big(*datas, **params), datas), operands)
        else:
            data = state.run(self.eager, *datas, **params)
            out = fresh(in_order(data, datas) if data.ndim > 1 else data, operands)
        made = out._np.dtype
        if record.vjp is NOT_DIFFERENTIABLE or (made.kind != "f" and not is_inexact(made)):
            return out, None
        node = self.node_for(operands, datas, params, copied)
        attach(out, node)
        if node.ans is not None:
            node.ans = Saved(None, out._np, version(out), 0)
        return out, node

    def node_for(
        self, operands: Operands, datas: Sequence[Any], params: dict[str, Any], copied: bool = False
    ) -> RecordNode:
        """A node; ``ans`` is not None if the answer must be saved."""
        edges: list[Any] = []
        mask, bit = 0, 1
        for t in operands:  # edge_of(), written out: this runs for every recorded operation
            edge = None
            if t.__class__ is not Array:
                fn = t._fn if t._view is None else graph_fn(t)
                if fn is not None:
                    edge = fn, t._nr
                    mask |= bit
                elif t._rg:
                    edge = accumulator(t), 0
                    mask |= bit
            edges.append(edge)
            bit <<= 1
        node = self.node(edges)
        record = node.record = self.record
        node.params = params
        count = len(edges)
        plan = record._plans.get(mask << 32 | count) or record.save_plan(mask, count)
        keep_ans, keep_args, keep_shapes = plan
        dtype = node.dtype = datas[0].dtype
        args: list[Any] = []
        for t, keep in zip(operands, keep_args, strict=True):
            if t.__class__ is Array:
                args.append(t)
            elif not keep:
                args.append(make_aval(t._np.shape, dtype) if keep_shapes else None)
            elif copied and not args:
                args.append(Saved(before(t), t._np.copy(), None))
            else:
                args.append(Saved(t, t._np, t._version_of or version(t)))
        node.args = args
        node.ans = True if keep_ans else None
        return node


def _datas(operands: Operands, dtype: Any) -> list[Any]:
    """The raw arrays of operands, in one dtype."""
    datas = [t._data if t.__class__ is Array else t._np for t in operands]
    if dtype is not None:
        return [d if d.dtype == dtype else d.astype(dtype) for d in datas]
    return datas


def before(t: Tensor) -> Tensor:
    """What a tensor was before it is written to, in the graph."""
    out = make(t._np.copy())
    edge = edge_of(t)
    if t._fn is not None and edge is not None:
        out._fn, out._nr = edge
    return out


def upward(data: Any) -> Any:
    """A raw array, copied if it runs backwards through memory: strides of tensors do not."""
    if data.__class__ is _ndarray and not data.flags.c_contiguous and min(data.strides) < 0:
        return data.copy()
    return data


def fresh(data: Any, operands: Operands) -> Tensor:
    """A tensor around a result, in memory that no operand shares."""
    if data.__class__ is not _ndarray:
        return make(data)
    if data.base is not None or not data.flags.writeable:
        if not data.flags.writeable or any(
            np.may_share_memory(data, t._np if isinstance(t, Tensor) else t._data) for t in operands
        ):
            data = data.copy()
        else:
            data = upward(data)
    else:
        for t in operands:
            if t.__class__ is not Array and t._np is data:
                data = data.copy()
                break
    return make(data)


# -------------------------------------------------------------------------------------- composites
class CompositeNode(Node):
    """A recorded function of core arrays.

    Attributes:
        saved: the operands that it needs, as they were.
        results: the results that it needs.
        pull: from cotangents of the results to those of the wanted operands.
    """

    __slots__ = ("operands", "params", "pull", "results", "saved", "what")

    operands: Sequence[Any]
    params: dict[str, Any]
    pull: Any
    results: Any
    saved: Any
    what: Composite

    def backward(self, grads: list[Tensor | None]) -> Sequence[Tensor | None]:
        if all(g is None for g in grads):
            return [None] * len(self.edges)
        if self.freed:
            raise freed_error()
        for s in (*self.saved, *self.results):
            if s.unpack is None:
                s.raw(self)  # complains if it has changed
        if mode.enabled:
            return self._recorded(grads)
        cts = [
            wrap(np.zeros(*meta)) if g is None else wrap(g._np)
            for g, meta in zip(grads, self.metas, strict=True)
        ]
        pull = self.pull
        if pull is None:
            pull = self._again()
        found = iter(pull(cts))
        return [None if edge is None else make(upward(next(found)._data)) for edge in self.edges]

    def _recorded(self, grads: list[Tensor | None]) -> Sequence[Tensor | None]:
        what, params = self.what, self.params
        wanted = [i for i, edge in enumerate(self.edges) if edge is not None]
        cts = [
            make(np.zeros(*meta)) if g is None else g
            for g, meta in zip(grads, self.metas, strict=True)
        ]
        operands = [s.get(self) if s.__class__ is Saved else s for s in self.operands]
        count = len(cts)

        def f(*given: Array) -> tuple[Array, ...]:
            pull = what.record(given[count:], wanted, params)[1]
            return tuple(pull(given[:count]))

        name = f"{self.name()[:-1]}Backward0"
        found = iter(Composite(name, f)([*cts, *operands]))
        return [None if edge is None else next(found) for edge in self.edges]

    def _again(self) -> Any:
        """The pullback of what hooks have kept of the operands."""
        operands = [wrap(s.raw(self)) if s.__class__ is Saved else s for s in self.operands]
        wanted = [i for i, edge in enumerate(self.edges) if edge is not None]
        return self.what.record(operands, wanted, self.params)[1]

    def release(self) -> None:
        if not self.results and all(s.version is None and s.unpack is None for s in self.saved):
            return  # what saved nothing can be gone through again
        self.freed = True
        self.pull = self.saved = self.results = self.operands = ()


@functools.cache
def _composite_class(name: str) -> type[CompositeNode]:
    """The class of nodes of a name; one for all, as classes are freed by no reference count."""
    return type(name, (CompositeNode,), {"__slots__": ()})


class Composite:
    """A function of core arrays as one operation on tensors.

    Args:
        name: of its node, as PyTorch names it.
        f: ``f(*arrays, **params)`` returns an array or a tuple of arrays.
        saves: the positions of the operands that may not be written to before the backward pass;
            all by default.
        result: whether the results may not be written to either.

    The call takes a list of operands (tensors, or core Arrays for numbers) and returns one tensor,
    or a tuple of them if the function does.
    """

    __slots__ = ("f", "keeps_result", "node", "saves")

    def __init__(
        self,
        name: str,
        f: Callable[..., Any],
        *,
        saves: Sequence[int] | None = None,
        result: bool = False,
    ) -> None:
        self.f = f
        self.saves = None if saves is None else frozenset(saves)
        self.keeps_result = result
        self.node = _composite_class(name)

    def __call__(self, operands: Operands, **params: Any) -> Any:
        """Apply it."""
        arrays = [wrap(t._np) if isinstance(t, Tensor) else t for t in operands]
        if not wants_grad(operands):
            out = self.f(*arrays, **params)
            if isinstance(out, (tuple, list)):
                return tuple([fresh(o._data, operands) for o in out])
            return fresh(out._data, operands)
        return self.recorded(operands, arrays, params)[0]

    def recorded(
        self, operands: Operands, arrays: Sequence[Array], params: dict[str, Any]
    ) -> tuple[Any, Node]:
        """The results and their node, attached."""
        node = self.node(_edges(operands))
        wanted = [
            i
            for i, (edge, x) in enumerate(zip(node.edges, arrays, strict=True))
            if edge is not None and is_inexact(x.dtype)
        ]
        node.edges = [e if i in wanted else None for i, e in enumerate(node.edges)]
        outs, node.pull, single = self.record(arrays, wanted, params)
        node.what = self
        node.params = params
        saves = self.saves
        node.operands = [
            save(t) if isinstance(t, Tensor) and (saves is None or i in saves) else
            Saved(t, t._np, None) if isinstance(t, Tensor) else t
            for i, t in enumerate(operands)
        ]  # fmt: skip
        node.saved = [s for s in node.operands if s.__class__ is Saved]
        if mode.packing:
            node.pull = None  # hooks decide what is kept
        made = []
        node.results = []
        for nr, out in enumerate(outs):
            t = fresh(out._data, operands)
            if not self.keeps_result and t._np is out._data and is_inexact(out.dtype):
                t._np = t._np.copy()  # the pullback may hold it
            made.append(t)
            if is_inexact(out.dtype):
                attach(t, node, nr)
                if self.keeps_result:
                    node.results.append(Saved(None, t._np, version(t), nr))
            else:
                node.metas.append((t._np.shape, t._np.dtype))
        return (made[0] if single else tuple(made)), node

    def record(
        self, arrays: Sequence[Array], wanted: Sequence[int], params: dict[str, Any]
    ) -> tuple[Sequence[Array], Callable[[Sequence[Array]], Sequence[Array]], bool]:
        """Results, pullback to the wanted operands, and whether there is a single result."""
        f = self.f
        single = True

        def part(*given: Array) -> tuple[Array, ...]:
            nonlocal single
            full = list(arrays)
            for i, x in zip(wanted, given, strict=True):
                full[i] = x
            out = f(*full, **params)
            single = not isinstance(out, (tuple, list))
            return (out,) if single else tuple(out)

        outs, pull = vjp(part, *[arrays[i] for i in wanted])
        return outs, lambda cts: [*map(conjugated, pull(tuple(map(conjugated, cts))))], single


# ---------------------------------------------------------------------------------------- formulas
class FormulaNode(Node):
    """A node whose backward is written in operations on tensors: ``formula(g) -> gradients``."""

    __slots__ = ("formula",)

    formula: Callable[..., Any]

    def backward(self, grads: list[Tensor | None]) -> Sequence[Tensor | None]:
        if all(g is None for g in grads):
            return [None] * len(self.edges)
        found = self.formula(*grads)
        return found if isinstance(found, (tuple, list)) else (found,)


_classes: dict[str, type[FormulaNode]] = {}


def formula(name: str, operands: Operands, fn: Callable[..., Any]) -> FormulaNode:
    """A node of that name; ``fn`` must not hold a result of it."""
    found = _classes.get(name)
    if found is None:
        found = _classes[name] = type(name, (FormulaNode,), {"__slots__": ()})
    node = found(_edges(operands))
    node.formula = fn
    return node
