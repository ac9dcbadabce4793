"""Loops and branches as steps: carried values change places, rows are pointers, stacks tapes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from functorch_lite.compile.kernel import Unplannable
from functorch_lite.compile.passes import optimise
from functorch_lite.compile.scalar_loop import scalar_scan, scalar_while
from functorch_lite.compile.steps import (
    Branch,
    Copy,
    Free,
    Keep,
    Point,
    Push,
    Repeat,
    Reserve,
    Slot,
    Step,
    Swap,
    While,
)
from functorch_lite.core.aval import Aval, StackAval, make_aval
from functorch_lite.core.graph import Eqn, Graph, Var
from functorch_lite.core.op import REGISTRY
from functorch_lite.transforms.call import flatten_calls

__all__ = ["CONTROL", "copy_stack"]

Pairs = list[tuple[Slot, Slot]]


def _carried(planner: Any, inits: Sequence[Slot]) -> Pairs:
    """Two pointers per carried value, to memory of their own that holds its start."""
    found = []
    for init in inits:
        _no_stack(init.aval)
        memory = Slot("arena", init.aval), Slot("arena", init.aval)
        now = Slot("pointer", init.aval, behind=memory)
        new = Slot("pointer", init.aval, behind=memory)
        planner.steps += [Point(now, memory[0]), Point(new, memory[1]), Copy(now, init)]
        found.append((now, new))
    return found


def _no_stack(aval: Aval) -> None:
    if isinstance(aval, StackAval):
        raise Unplannable("a loop that carries a stack")


def _body(
    planner: Any,
    graph: Graph,
    consts: Sequence[Slot],
    pairs: Pairs,
    rows: Sequence[Slot],
    outs: Sequence[Slot],
) -> list[Step]:
    """A step of a loop: from the carried values now to the new ones, then exchange them."""
    kept = [graph.outputs[k] is graph.inputs[len(consts) + k] for k in range(len(pairs))]
    targets = [now if same else new for (now, new), same in zip(pairs, kept, strict=True)]
    steps, swapped = planner.planner.graph(
        graph,
        [*consts, *[now for now, _ in pairs], *rows],
        [*targets, *outs],
        {new: now for (now, new), same in zip(pairs, kept, strict=True) if not same},
    )
    for (now, new), same in zip(pairs, kept, strict=True):
        if not same and new not in swapped:
            steps.append(Swap(now, new))
    found: list[Step] = steps
    return found


def _row(of: Slot, before: list[Step]) -> Slot:
    """A pointer to the current step's part of an array or tape; a tape if that is a stack."""
    if isinstance(of.aval, StackAval):
        row = _element(of)
        if of.kind == "zeros":
            return row
    else:
        aval = make_aval(of.aval.shape[1:], of.aval.dtype)
        row = Slot("pointer", aval, behind=(of,))
    before.append(Point(row, of, max(row.nbytes, 1)))
    return row


def _element(of: Slot) -> Slot:
    """Where an element of a stack can be read."""
    assert isinstance(of.aval, StackAval)
    elem = of.aval.elem
    if isinstance(elem, StackAval):
        return Slot(of.kind, elem)
    if of.kind == "zeros":
        return Slot("const", elem, np.zeros(elem.shape, elem.dtype))
    return Slot("pointer", elem, behind=(of,))


def _room(stack: Aval) -> Slot:
    """Memory for an element of a stack."""
    assert isinstance(stack, StackAval)
    return Slot("tape" if isinstance(stack.elem, StackAval) else "arena", stack.elem)


def copy_stack(out: Slot, source: Slot) -> list[Step]:
    """Make a tape what another is."""
    if source.kind == "zeros":
        return [Free(out)]  # of a branch that has no such stack; nobody reads it then
    row = _element(source)
    body: list[Step] = [Point(row, source, max(row.nbytes, 1))]
    if row.kind == "tape":
        elem = _room(source.aval)
        body += copy_stack(elem, row)
    else:
        elem = row
    return [Free(out), Repeat(source, False, [*body, Push(out, elem)])]


def scan(planner: Any, eqn: Eqn) -> bool:
    """A loop over rows."""
    p = eqn.params
    body: Graph = optimise(p["body"])
    n, c, length = p["n_consts"], p["n_carry"], p["length"]
    given = [planner.place(v) for v in eqn.inputs]
    plain = not any(isinstance(v.aval, StackAval) for v in (*eqn.inputs, *eqn.outputs))
    if length is not None and plain and scalar_scan(planner, eqn, given):
        return True
    xs = given[n + c :]
    count = length
    if length is None:
        count = next((x for x in xs if x.kind == "tape"), None)
        if count is None:
            raise Unplannable("a scan without a length")
    pairs = _carried(planner, given[n : n + c])
    before: list[Step] = []
    rows = [_row(x, before) for x in xs]
    outs, after = [], []
    for v in eqn.outputs[c:]:
        whole = planner.place(v)
        if not isinstance(v.aval, StackAval):
            outs.append(_row(whole, before))
            continue
        elem = _room(v.aval)
        planner.steps += [Free(whole), Reserve(whole, count, elem)]
        if elem.kind == "tape":
            outs.append(elem)
            after.append(Keep(whole, elem))
        else:
            outs.append(_row(whole, before))
    steps = _body(planner, body, given[:n], pairs, rows, outs)
    planner.steps.append(Repeat(count, p["reverse"], [*before, *steps, *after]))
    planner.results(eqn.outputs[:c], [now for now, _ in pairs])
    return True


def while_loop(planner: Any, eqn: Eqn) -> bool:
    """A loop with a condition; what a step returns beside the carry goes to tapes."""
    p = eqn.params
    n = p["n_consts"]
    cond, body = (optimise(p["cond"]), optimise(p["body"]))
    count = len(eqn.inputs) - n
    given = [planner.place(v) for v in eqn.inputs]
    tapes = eqn.outputs[count:]
    if p["lanes"]:
        cond, body = _with_lanes(cond, body, n, len(p["lanes"]))
    elif not tapes and not any(isinstance(v.aval, StackAval) for v in eqn.inputs):
        if scalar_while(planner, eqn, given):
            return True
    pairs = _carried(planner, given[n:])
    flag = Slot("arena", make_aval((), np.dtype(np.bool_)))
    now = [a for a, _ in pairs]
    test, _ = planner.planner.graph(cond, [*given[:n], *now], [flag])
    outs, pushes = [], []
    for v in tapes:
        tape, elem = planner.place(v), _room(v.aval)
        planner.steps.append(Free(tape))
        outs.append(elem)
        pushes.append(Push(tape, elem))
    steps = _body(planner, body, given[:n], pairs, [], outs)
    planner.steps.append(While(test, flag, [*steps, *pushes]))
    planner.results(eqn.outputs[:count], now)
    return True


def _with_lanes(cond: Graph, body: Graph, n: int, lanes: int) -> tuple[Graph, Graph]:
    """Condition and body of a loop with lanes as those of one without: any lane goes on, and those
    that have ended keep their values.
    """
    call, select = REGISTRY["call"], REGISTRY["select"]

    def apply(op: Any, inputs: Sequence[Var], **params: Any) -> tuple[Eqn, list[Var]]:
        found = op.aval(*[v.aval for v in inputs], **params)
        outs = [Var(a) for a in (found if op.multi else (found,))]
        return Eqn(op, inputs, outs, params), outs

    def running() -> tuple[list[Var], Eqn, Var]:
        inputs = [Var(v.aval) for v in cond.inputs]
        eqn, (flag,) = apply(call, inputs, graph=cond)
        return inputs, eqn, flag

    inputs, eqn, flag = running()
    any_eqn, outs = apply(REGISTRY["reduce_or"], [flag], axes=tuple(range(lanes)))
    test = Graph(inputs, [eqn, any_eqn], outs, name=cond.name)
    inputs, eqn, flag = running()
    step, new = apply(call, inputs, graph=body)
    eqns, results = [eqn, step], []
    for old, made in zip(inputs[n:], new, strict=False):
        shape = (*flag.aval.shape, *(1,) * (made.aval.ndim - lanes))
        reshaped, (mask,) = apply(REGISTRY["reshape"], [flag], shape=shape)
        chosen, (out,) = apply(select, [mask, made, old])
        eqns += [reshaped, chosen]
        results.append(out)
    whole = Graph(inputs, eqns, [*results, *new[len(results) :]], name=body.name)
    return optimise(flatten_calls(test)), optimise(flatten_calls(whole))


def cond(planner: Any, eqn: Eqn) -> bool:
    """One of several graphs."""
    index, *given = [planner.place(v) for v in eqn.inputs]
    outs = [planner.place(v) for v in eqn.outputs]
    bodies = [planner.planner.graph(b, given, outs)[0] for b in eqn.params["branches"]]
    planner.steps.append(Branch(index, bodies))
    return True


CONTROL = {"scan": scan, "while_loop": while_loop, "cond": cond}
