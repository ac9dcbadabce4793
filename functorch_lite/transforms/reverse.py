"""Reverse mode: a trace that records which rules to run backwards.

The forward pass runs under the parent trace. Each differentiable op leaves a node that holds its
record, the nodes of its operands and only those values that its rules name. The pullback visits
nodes by falling index, so it may run later, repeatedly, and under whatever trace is current then.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Sequence
from typing import Any

from functorch_lite.core.array import Array
from functorch_lite.core.aval import make_aval
from functorch_lite.core.dtypes import is_complex, is_inexact
from functorch_lite.core.op import NOT_DIFFERENTIABLE, Op, Whole
from functorch_lite.core.trace import Source, Trace, source_here, state
from functorch_lite.errors import GradientError
from functorch_lite.ops import add
from functorch_lite.ops.families import unbroadcast
from functorch_lite.transforms.concrete import PrimalTracer
from functorch_lite.transforms.stage import StageTrace

_new = object.__new__


class Node:
    """One recorded op; a root (an input of the function) has no op.

    Attributes:
        parents: node of each operand that wants a cotangent, else None.
        args: saved operand values, or shapes and dtypes; empty when no rule needs either.
        shapes: operand shapes where broadcasting took place, else None.
        ans: the saved answer, or None.
        index: position in the order of execution.
        where: the user's line, recorded only while staging and under ``debug_nans``.
    """

    __slots__ = ("ans", "args", "index", "op", "params", "parents", "shapes", "where")

    op: Op | None
    parents: list[Node | None]
    args: list[Any]
    shapes: list[tuple[int, ...]] | None
    ans: Any
    params: dict[str, Any]
    index: int
    where: Source | None


class Output(Node):
    """One output of an op that has several; collects its cotangent into the op's list."""

    __slots__ = ("position",)
    position: int


class GradTracer(PrimalTracer):
    """A value on a path from the differentiated inputs."""

    __slots__ = ("node",)

    node: Node

    def __repr__(self) -> str:
        return f"GradTracer({self.primal!r})"


def _is_staging(trace: Trace | None) -> bool:
    while trace is not None:
        if isinstance(trace, StageTrace):
            return True
        trace = trace.parent
    return False


class GradTrace(Trace):
    """Records nodes for the ops that depend on the differentiated inputs."""

    __slots__ = ("counter", "debug")

    def __init__(self, label: str) -> None:
        super().__init__(label)
        self.counter = itertools.count()
        self.debug = state.debug > 0 or _is_staging(self.parent)

    def root(self, x: Array, weak: bool = False) -> GradTracer:
        """A tracer for an input."""
        node = _new(Node)
        node.op = None
        node.index = next(self.counter)
        return _tracer(self, x, node, weak)

    def process(self, op: Op, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        primals: list[Any] = []
        parents: list[Node | None] = []
        mask = 0
        bit = 1
        for a in args:
            if a.__class__ is GradTracer and a._trace is self:
                primals.append(a.primal)
                parents.append(a.node)
                mask |= bit
            else:
                primals.append(a)
                parents.append(None)
            bit <<= 1
        if not mask:
            return op(*primals, **params)
        if op.vjp is NOT_DIFFERENTIABLE:
            return refuse_complex(op, op(*primals, **params))
        if op.fwd is not None:
            return self._process_fwd(op, primals, parents, params)
        ans = op(*primals, **params)
        if op.multi:
            return self._multi(op, primals, parents, params, mask, ans)
        if ans.dtype.kind in "biu":
            return ans
        try:
            keep_ans, keep_args, keep_shapes = op._plans[mask << 32 | len(primals)]
        except KeyError:
            keep_ans, keep_args, keep_shapes = op.save_plan(mask, len(primals))
        node = _new(Node)
        node.op = op
        node.parents = parents
        node.params = params
        node.ans = ans if keep_ans else None
        node.shapes = None
        if op.unbroadcasts:
            shape = ans.shape
            for p in primals:
                if p.shape != shape:
                    node.shapes = [p.shape for p in primals]
                    break
        saved: list[Any] = []
        for p, keep in zip(primals, keep_args, strict=True):
            saved.append(p if keep else make_aval(p.shape, p.dtype) if keep_shapes else None)
        node.args = saved
        node.index = next(self.counter)
        node.where = source_here() if self.debug else None
        out = _new(GradTracer)
        out._trace = self
        out.primal = ans
        out.node = node
        out.weak = False
        return out

    def _multi(
        self,
        op: Op,
        primals: list[Any],
        parents: list[Node | None],
        params: dict[str, Any],
        mask: int,
        outs: Sequence[Any],
    ) -> tuple[Any, ...]:
        keep_ans, keep_args, _ = op.save_plan(mask, len(primals))
        args = [
            p if keep else make_aval(p.shape, p.dtype)
            for p, keep in zip(primals, keep_args, strict=True)
        ]
        return self._record(op, parents, args, outs if keep_ans else None, params, outs)

    def _process_fwd(
        self, op: Op, primals: list[Any], parents: list[Node | None], params: dict[str, Any]
    ) -> tuple[Any, ...]:
        """Ops with their own forward pass: ``fwd(primals, wants, params)``.

        It returns the outputs, what the reverse rule gets for the answer, and which outputs depend
        on the wanted operands.
        """
        assert op.fwd is not None
        outs, residual, live = op.fwd(primals, [p is not None for p in parents], params)
        found = self._record(op, parents, [p.aval for p in primals], residual, params, outs)
        return tuple(f if alive else o for f, o, alive in zip(found, outs, live, strict=True))

    def _record(
        self,
        op: Op,
        parents: list[Node | None],
        args: list[Any],
        ans: Any,
        params: dict[str, Any],
        outs: Sequence[Any],
    ) -> tuple[Any, ...]:
        node = _new(Node)
        node.op, node.parents, node.args, node.ans = op, parents, args, ans
        node.params, node.shapes = params, None
        node.where = source_here() if self.debug else None
        node.index = next(self.counter)
        results = []
        for i, out in enumerate(outs):
            if not is_inexact(out.dtype):
                results.append(out)
                continue
            slot = _new(Output)
            slot.op, slot.parents, slot.position = None, [node], i
            slot.ans = len(outs)
            slot.index = next(self.counter)
            results.append(_tracer(self, out, slot, False))
        return tuple(results)


def _tracer(trace: GradTrace, primal: Array, node: Node, weak: bool) -> GradTracer:
    out = _new(GradTracer)
    out._trace, out.primal, out.node, out.weak = trace, primal, node, weak
    return out


_HIDDEN = {
    "sign": "x / abs(x), which has a derivative except at 0",
    "bitcast": "lax.complex(real, imag), or view the parts with real(x) and imag(x)",
}


def refuse_complex(op: Op, out: Any) -> Any:
    """The answer of an op without derivative, unless for complex numbers it would have one."""
    if op.name in _HIDDEN and is_complex(out.dtype):
        raise GradientError(
            f"{op.name}: expected a real result where it is differentiated; got {out.dtype.name}. "
            f"Remedy: {_HIDDEN[op.name]}."
        )
    return out


def backward(seeds: Sequence[tuple[Node, Any]]) -> dict[Node, Any]:
    """Propagate cotangents from ``seeds`` to the roots.

    Args:
        seeds: pairs of a node and the cotangent of its value.

    Returns:
        cotangent by root node; a root that nothing reached is absent.
    """
    cts: dict[Node, Any] = {}
    heap: list[tuple[int, Node]] = []
    roots: dict[Node, Any] = {}

    def put(node: Node, ct: Any) -> None:
        have = cts.get(node)
        if have is None:
            cts[node] = ct
            heapq.heappush(heap, (-node.index, node))
        else:
            cts[node] = add(have, ct)

    was, source = state.backward, state.source
    try:
        for node, ct in seeds:
            put(node, ct)
        while heap:
            node = heapq.heappop(heap)[1]
            ct = cts.pop(node)
            if node.op is None:
                if node.__class__ is Output:
                    _collect(node, ct, cts, heap)
                else:
                    roots[node] = ct
                continue
            state.backward = node
            if node.where is not None:
                state.source = (*node.where[:3], node.op.name)
            for parent, g in zip(node.parents, _pull(node.op, node, ct), strict=True):
                if parent is not None and g is not None:
                    put(parent, g)
    finally:
        state.backward, state.source = was, source
    return roots


def _collect(slot: Any, ct: Any, cts: dict[Node, Any], heap: list[tuple[int, Node]]) -> None:
    """Put an output's cotangent into the list that its op's rule takes."""
    owner = slot.parents[0]
    have = cts.get(owner)
    if have is None:
        have = cts[owner] = [None] * slot.ans
        heapq.heappush(heap, (-owner.index, owner))
    have[slot.position] = ct


def _pull(op: Op, node: Node, ct: Any) -> Sequence[Any]:
    """Cotangents of a node's operands."""
    rules = op.vjp
    if rules.__class__ is Whole:
        wants = [p is not None for p in node.parents]
        found: Sequence[Any] = rules.fn(ct, node.ans, node.args, node.params, wants)
        return found
    out: list[Any] = []
    last = len(op.operands) - 1
    for i, parent in enumerate(node.parents):
        if parent is None:
            out.append(None)
            continue
        rule = rules[i if i < last else last]
        if rule is None:
            out.append(None)
            continue
        g = rule(ct, node.ans, node.args, node.params, i - last if i > last else 0)
        if node.shapes is not None:
            g = unbroadcast(g, node.shapes[i])
        out.append(g)
    return out
