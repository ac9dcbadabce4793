"""The graphs of a recording: the call itself, and its backward pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from functorch_lite import numpy as fnp
from functorch_lite.core.aval import make_aval
from functorch_lite.core.dtypes import is_inexact
from functorch_lite.core.graph import Eqn, Graph, Var
from functorch_lite.torch._compile.recording import Recording
from functorch_lite.torch._compile.symbol import fresh_symbol, symbol_of
from functorch_lite.torch._core import engine
from functorch_lite.torch._core.grad_mode import mode
from functorch_lite.torch._core.node import edge_of, needs_grad
from functorch_lite.torch._core.tensor import Tensor, make

__all__ = ["Program"]


class Program:
    """Two graphs.

    Args:
        recording: a call that has just run, still current.
        roots: its results; gradients of those that have one are asked for.
        others: further values that are wanted; whether an assumption was wrong comes after them.

    Attributes:
        forward: from the operands to results, further values, and values kept for ``backward``.
        backward: from what was kept, and gradients of results, to those of operands; None if no
            result has one.
        places: where the values that ``backward`` begins with are, among operands, then outputs.
        asked: which results it takes gradients of.
        reached: which operands it gives gradients of.
        checked: whether anything was assumed.
        count: how many outputs ``forward`` has besides those that are kept.
    """

    def __init__(
        self, recording: Recording, roots: Sequence[Tensor], others: Sequence[Any]
    ) -> None:
        trace = recording.trace
        operands = list(trace.inputs)
        outs = [trace.var_of(symbol_of(t).value) for t in roots] + [trace.var_of(v) for v in others]
        self.asked = [i for i, t in enumerate(roots) if _has_gradient(t)]
        self.backward: Graph | None = None
        self.places: list[int] = []
        self.reached: list[int] = []
        kept: list[Var] = []
        late: set[Var] = set()
        grads: list[Var] = []
        if self.asked:
            found = self._record_backward(recording, roots)
            # A symbol writes down its value when that is asked for first.
            grads = [trace.var_of(symbol_of(g).value) for g in found]
            late = _depending(trace.eqns, trace.inputs[len(operands) :])
        self.checked = bool(recording.demands)
        if self.checked:
            wrong = [fnp.logical_not(t) if wanted else t for t, wanted in recording.demands]
            outs.append(trace.var_of(fnp.any(fnp.stack(wrong))))
            if any(trace.var_of(w) in late for w in wrong):
                raise recording.needs_values("the backward pass")
        self.count = len(outs)
        if self.asked:
            needed = _needed(trace.eqns, grads)
            back = [e for e in trace.eqns if any(v in late for v in e.outputs) and e in needed]
            begin = _read_first(back, grads, late, trace.consts)
            known = {v: i for i, v in reversed(list(enumerate([*operands, *outs])))}
            kept = [v for v in begin if v not in known]
            known.update({v: len(operands) + len(outs) + i for i, v in enumerate(kept)})
            self.places = [known[v] for v in begin]
            inputs = [*begin, *trace.inputs[len(operands) :]]
            self.backward = Graph(inputs, back, grads, _used(back, grads, trace.consts),
                                  f"{recording.name}_backward")  # fmt: skip
        early = [e for e in trace.eqns if not any(v in late for v in e.outputs)]
        results = [*outs, *kept]
        wanted = _needed(early, results)
        early = [e for e in early if e in wanted]
        self.forward = Graph(operands, early, results, _used(early, results, trace.consts),
                             recording.name)  # fmt: skip

    def _record_backward(self, recording: Recording, roots: Sequence[Tensor]) -> list[Tensor]:
        """The gradients of the operands that get one."""
        trace = recording.trace
        starts = []
        for i in self.asked:
            symbol = roots[i]._np
            ct = trace.arg(make_aval(symbol.shape, symbol.dtype))
            starts.append((edge_of(roots[i]), make(fresh_symbol(recording, ct))))
        places, edges = [], []
        for i, source in enumerate(recording.inputs):
            twin = recording.twins[source] if isinstance(source, int) else None
            edge = edge_of(twin) if twin is not None and _has_gradient(twin) else None
            if edge is not None:
                places.append(i)
                edges.append(edge)
        with recording.library("backward"):
            found: list[Any] = engine.run(starts, False, False, edges)  # type: ignore[arg-type]
        self.reached = [i for i, g in zip(places, found, strict=True) if g is not None]
        return [recording.lift_constant(g) for g in found if g is not None]


def _has_gradient(t: Tensor) -> bool:
    return mode.enabled and needs_grad(t) and is_inexact(t._np.dtype)


def _depending(eqns: Sequence[Eqn], on: Sequence[Var]) -> set[Var]:
    """All variables that depend on some."""
    found = set(on)
    for eqn in eqns:
        if any(v in found for v in eqn.inputs):
            found.update(eqn.outputs)
    return found


def _needed(eqns: Sequence[Eqn], outs: Sequence[Var]) -> set[Eqn]:
    """The equations that some values need."""
    wanted, found = set(outs), set()
    for eqn in reversed(eqns):
        if any(v in wanted for v in eqn.outputs):
            found.add(eqn)
            wanted.update(eqn.inputs)
    return found


def _read_first(
    eqns: Sequence[Eqn], outs: Sequence[Var], late: set[Var], consts: dict[Var, Any]
) -> list[Var]:
    """What some equations and outputs need of earlier ones."""
    read = [v for e in eqns for v in e.inputs] + list(outs)
    return list(dict.fromkeys(v for v in read if v not in late and v not in consts))


def _used(eqns: Sequence[Eqn], outs: Sequence[Var], consts: dict[Var, Any]) -> dict[Var, Any]:
    read = {v for e in eqns for v in e.inputs} | set(outs)
    return {v: x for v, x in consts.items() if v in read}
