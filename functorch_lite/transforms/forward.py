"""Forward mode: a trace that carries a tangent beside each value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from functorch_lite.core.array import Array
from functorch_lite.core.dtypes import is_inexact
from functorch_lite.core.op import NOT_DIFFERENTIABLE, Op, Whole
from functorch_lite.core.trace import Trace
from functorch_lite.ops import add, broadcast_to
from functorch_lite.transforms.concrete import PrimalTracer
from functorch_lite.transforms.reverse import refuse_complex

_new = object.__new__


class JVPTracer(PrimalTracer):
    """A value with its tangent."""

    __slots__ = ("tangent",)

    tangent: Array

    def __repr__(self) -> str:
        return f"JVPTracer({self.primal!r}, tangent={self.tangent!r})"


class JVPTrace(Trace):
    """Applies forward rules; a tangent of ``None`` is a symbolic zero."""

    __slots__ = ()

    def tracer(self, primal: Array, tangent: Array | None, weak: bool = False) -> Any:
        """A value with its tangent; without a tangent it needs no tracer."""
        if tangent is None:
            return primal
        out = _new(JVPTracer)
        out._trace, out.primal, out.tangent, out.weak = self, primal, tangent, weak
        return out

    def process(self, op: Op, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        primals: list[Any] = []
        tangents: list[Any] = []
        live = False
        for a in args:
            if a.__class__ is JVPTracer and a._trace is self:
                primals.append(a.primal)
                tangents.append(a.tangent)
                live = True
            else:
                primals.append(a)
                tangents.append(None)
        rules = op.jvp
        if not live:
            return op(*primals, **params)
        if rules is NOT_DIFFERENTIABLE:
            return refuse_complex(op, op(*primals, **params))
        if rules.__class__ is Whole:
            ans, tangent = rules.fn(primals, tangents, params)
            if op.multi:
                return tuple(self._out(op, a, t) for a, t in zip(ans, tangent, strict=True))
            return self._out(op, ans, tangent)
        ans = op(*primals, **params)
        return self._out(op, ans, tangent_of(op, ans, primals, tangents, params))

    def _out(self, op: Op, ans: Any, tangent: Any) -> Any:
        if tangent is None or not is_inexact(ans.dtype):
            return ans
        return self.tracer(ans, tangent)


def tangent_of(
    op: Op, ans: Any, primals: Sequence[Any], tangents: Sequence[Any], params: dict[str, Any]
) -> Any:
    """Sum of the contributions of each operand's tangent, or None."""
    total: Any = None
    last = len(op.operands) - 1
    for i, t in enumerate(tangents):
        if t is None:
            continue
        rule = op.jvp[i if i < last else last]
        if rule is None:
            continue
        term = rule(t, ans, primals, params, i - last if i > last else 0)
        if term.shape != ans.shape:
            term = broadcast_to(term, shape=ans.shape)
        total = term if total is None else add(total, term)
    return total
