"""Loops over a few numbers as one kernel, with the carried values in registers.

A loop whose body computes nothing but scalars costs a few operations a step; a kernel call per step
would cost many times that.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from functorch_lite.compile.decompose import decompose
from functorch_lite.compile.elements import AXIS_REDUCTIONS, BOOL, VIEWS, Elements, Indices
from functorch_lite.compile.emit import Emitted
from functorch_lite.compile.fuse import from_rule, is_map, plain
from functorch_lite.compile.index import ZERO, Axis, Index, linear
from functorch_lite.compile.kernel import Accumulator, Buffer, Builder, Value
from functorch_lite.compile.passes import optimise
from functorch_lite.compile.steps import Copy, Launch, Slot, Step, While
from functorch_lite.core.aval import make_aval
from functorch_lite.core.graph import Eqn, Graph, Var

__all__ = ["scalar_scan", "scalar_while"]

OPERATIONS = 1 << 26
"""Operations after which a loop lets signals be handled."""
MOST_VALUES = 4000


MOST_ELEMENTS = 32
"""Elements of a value up to which each is a number of its own."""
_UNROLLED = frozenset((*AXIS_REDUCTIONS, "concatenate"))


def _is_small(graph: Graph, inputs: Sequence[Var]) -> bool:
    """Whether all that a graph computes are a few numbers, at places that are known beforehand."""
    values = [*inputs, *graph.outputs, *(v for e in graph.eqns for v in e.outputs)]
    return (
        all(0 < v.aval.size <= MOST_ELEMENTS for v in values)
        and sum(v.aval.size for v in values) <= MOST_VALUES
        and all(is_map(e) or e.op.name in _UNROLLED and plain(e) for e in graph.eqns)
    )


class _Unknown(Exception):
    """A register is asked for by an index that only the running program knows."""


Numbers = list[Value]


class _Loop:
    """A kernel of one serial loop."""

    def __init__(self, planner: Any) -> None:
        self.planner = planner
        self.b = Builder()
        self.slots: list[Slot] = []
        self.buffers: dict[tuple[Slot, str], Buffer] = {}

    def buffer(self, slot: Slot, role: str) -> Buffer:
        """A slot as a buffer."""
        found = self.buffers.get((slot, role))
        if found is None:
            found = self.buffers[slot, role] = self.b.buffer(slot.aval.dtype, slot.aval.size, role)
            self.slots.append(slot)
        return found

    def carry(self, slot: Slot) -> list[Accumulator]:
        """A carried value that starts as what the slot holds."""
        found = []
        for i in range(slot.aval.size):
            accumulator = self.b.accumulator("assign", slot.aval.dtype, 0)
            self.b.update(accumulator, self.b.load(self.buffer(slot, "in"), Index.number(i)))
            found.append(accumulator)
        return found

    def evaluate(
        self,
        graph: Graph,
        given: dict[Var, list[Accumulator]],
        rows: dict[Var, tuple[Slot, Index]],
        consts: dict[Var, Slot],
    ) -> list[Numbers]:
        """The outputs of a graph, in the innermost open loop."""
        maker: dict[Var, Eqn] = {v: e for e in graph.eqns for v in e.outputs}
        numbers = {v: [self.b.peek(a) for a in held] for v, held in given.items()}

        def leaf(var: Var, indices: Indices, mask: Value | None) -> Value:
            place = linear(indices, var.aval.shape)
            if var in numbers:
                if place.terms:
                    raise _Unknown
                return numbers[var][min(max(place.const, 0), var.aval.size - 1)]
            if var in rows:
                slot, index = rows[var]
                at = index.scaled(var.aval.size) + place
                return self.b.load(self.buffer(slot, "in"), at, mask)
            const = graph.consts.get(var)
            if const is not None and var.aval.size == 1:
                return self.b.const(const._data.reshape(-1)[0], var.aval.dtype)
            if const is not None and var not in consts:
                consts[var] = Slot("const", var.aval, np.ascontiguousarray(const._data))
            return self.b.load(self.buffer(consts[var], "in"), place, mask)

        e = Elements(self.b, lambda v: None if v in numbers else maker.get(v), leaf)
        for eqn in graph.eqns:
            for v in eqn.outputs:
                if eqn.op.name not in VIEWS:
                    numbers[v] = [from_rule(e, eqn, at) for at in places(v)]
        outs = [[e.at(v, at) for at in places(v)] for v in graph.outputs]
        e.close()
        return outs

    def store(self, slot: Slot, values: Sequence[Value], at: Index = ZERO) -> None:
        """The elements of a value, to the ``at``-th part of a slot."""
        for i, value in enumerate(values):
            index = at.scaled(len(values)) + i
            self.b.store(self.buffer(slot, "out"), index, value)

    def update(self, carried: Sequence[list[Accumulator]], values: Sequence[Numbers]) -> None:
        """New values of what is carried."""
        for accumulators, found in zip(carried, values, strict=True):
            for accumulator, value in zip(accumulators, found, strict=True):
                self.b.update(accumulator, value)

    def done(self, label: str, work: int) -> Launch:
        """The step that runs it."""
        return Launch(Emitted(self.b.kernel(label), [], (), work), self.slots)


def places(v: Var) -> list[Indices]:
    """The indices of all elements."""
    return [tuple(map(Index.number, at)) for at in np.ndindex(v.aval.shape)]


def scalar_scan(planner: Any, eqn: Eqn, given: list[Slot]) -> bool:
    """Plan a scan over a few numbers; False if it is not one."""
    p = eqn.params
    n, c, length = p["n_consts"], p["n_carry"], p["length"]
    body = decompose(optimise(p["body"]))
    if not 0 < length * len(body.eqns or (0,)) <= OPERATIONS or not _is_small(
        body, body.inputs[n:]
    ):
        return False
    loop = _Loop(planner)
    b = loop.b
    carried = [loop.carry(s) for s in given[n : n + c]]
    counter = b.enter(Axis(length, "t"), "serial")
    at = Index.of(counter.axis)
    at = at.scaled(-1) + (length - 1) if p["reverse"] else at
    try:
        outs = loop.evaluate(
            body,
            dict(zip(body.inputs[n : n + c], carried, strict=True)),
            {v: (s, at) for v, s in zip(body.inputs[n + c :], given[n + c :], strict=True)},
            dict(zip(body.inputs[:n], given[:n], strict=True)),
        )
    except _Unknown:
        return False
    for v, values in zip(eqn.outputs[c:], outs[c:], strict=True):
        loop.store(planner.place(v), values, at)
    loop.update(carried, outs[:c])
    b.leave()
    for v, accumulators in zip(eqn.outputs[:c], carried, strict=True):
        loop.store(planner.place(v), [b.result(a, [counter]) for a in accumulators])
    planner.steps.append(loop.done("scan", length * max(1, len(body.eqns))))
    return True


def scalar_while(planner: Any, eqn: Eqn, given: list[Slot]) -> bool:
    """Plan a while loop over a few numbers; False if it is not one."""
    p = eqn.params
    n = p["n_consts"]
    body, cond = decompose(optimise(p["body"])), decompose(optimise(p["cond"]))
    if not (_is_small(body, body.inputs[n:]) and _is_small(cond, cond.inputs[n:])):
        return False
    memory = [Slot("arena", s.aval) for s in given[n:]]
    flag = Slot("arena", make_aval((), BOOL))
    loop = _Loop(planner)
    b = loop.b
    carried = [loop.carry(m) for m in memory]
    running = b.accumulator("assign", BOOL, True)
    steps = OPERATIONS // max(1, len(body.eqns) + len(cond.eqns))
    counter = b.enter(Axis(steps, "t"), "serial")
    try:
        consts = dict(zip(cond.inputs[:n], given[:n], strict=True))
        held = dict(zip(cond.inputs[n:], carried, strict=True))
        more = loop.evaluate(cond, held, {}, consts)[0][0]
        b.update(running, more)
        b.leave_unless(more)
        consts = dict(zip(body.inputs[:n], given[:n], strict=True))
        held = dict(zip(body.inputs[n:], carried, strict=True))
        outs = loop.evaluate(body, held, {}, consts)
    except _Unknown:
        return False
    loop.update(carried, outs)
    b.leave()
    for m, accumulators in zip(memory, carried, strict=True):
        loop.store(m, [b.result(a, [counter]) for a in accumulators])
    loop.store(flag, [b.result(running, [counter])])
    work = max(1, len(body.eqns)) * math.isqrt(steps)
    test: list[Step] = [loop.done("while_loop", work)]
    planner.steps += [Copy(m, s) for m, s in zip(memory, given[n:], strict=True)]
    planner.steps.append(While(test, flag, []))
    planner.results(eqn.outputs, memory)
    return True
