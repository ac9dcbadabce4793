"""Loops that count their steps, and what runs over the stacks that they leave.

A step's number is kept beside its residuals. Whoever reads them compares it with the final count,
which is one for all examples or, once the loop is batched, one for each lane: a step that a lane
did not make is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from functorch_lite.core.aval import make_aval
from functorch_lite.core.dtypes import int32, int64
from functorch_lite.core.graph import Graph, Var, evaluate
from functorch_lite.core.op import REGISTRY
from functorch_lite.core.rewrite import with_signature
from functorch_lite.ops import add, cast, full, lt, select
from functorch_lite.ops.families import const
from functorch_lite.transforms.cond import cond
from functorch_lite.transforms.derived import Reverse, zero_of
from functorch_lite.transforms.lanes import mask_like
from functorch_lite.transforms.loop_parts import (
    Params,
    Parts,
    backward_avals,
    cut,
    named,
    pull_step,
)
from functorch_lite.transforms.loop_plan import Keeping, Kept, merge
from functorch_lite.transforms.stage import stage

__all__ = ["backward_body", "counting", "guarded", "run_counting"]


def counting(
    keeping: Keeping, condition: Graph, n_consts: int, n_carry: int, lanes: tuple[int, ...]
) -> tuple[Graph, Graph]:
    """The condition and body of a loop that also carries the number of its steps.

    The count comes last in the carry, and before each step also last in the results.
    """
    body = keeping.body
    n_hoisted = len(body.inputs) - n_consts - n_carry
    count = make_aval(lanes, int64)

    def step(*args: Any) -> list[Any]:
        *rest, k = args
        outs = evaluate(body, rest)
        return [*outs[:n_carry], add(k, const(1, int64)), *outs[n_carry:], k]

    staged = named(stage(step, [*body.in_avals, count], body.name), body.name)
    spare = [Var(v.aval) for v in body.inputs[n_consts : n_consts + n_hoisted]]
    inputs = [*condition.inputs[:n_consts], *spare, *condition.inputs[n_consts:], Var(count)]
    return with_signature(condition, inputs, condition.outputs), staged


def run_counting(
    keeping: Keeping,
    test: Graph,
    step: Graph,
    consts: Sequence[Any],
    carry: Sequence[Any],
    params: Params,
) -> tuple[tuple[Any, ...], Kept, Any, Any, tuple[Any, ...]]:
    """Run a counting loop.

    Returns:
        the carry, the kept values, the final count, the stack of counts, the stacked results.
    """
    hoisted = keeping.hoisted(consts)
    lanes = params["lanes"]
    whole = (False,) * len(lanes)
    new = {
        "cond": test,
        "body": step,
        "n_consts": len(consts) + len(hoisted),
        "mapped": (*params["mapped"], *[whole] * len(hoisted)),
    }
    zero = full(shape=lanes, dtype=int64, value=0)
    outs = REGISTRY["while_loop"](*consts, *hoisted, *carry, zero, **{**params, **new})
    n = len(carry)
    kept = keeping.find(consts, hoisted, (), outs[n + 1 :])
    return outs[:n], kept, outs[n], outs[-1], outs[n + 1 :]


def backward_body(
    reverse: Reverse,
    invariant: Sequence[bool],
    slots: tuple[int, ...],
    given: tuple[bool, ...],
    parts: Parts,
    lanes: tuple[int, ...],
) -> Graph:
    """One step back, left out where the loop had ended: a step's number is below the count then.

    Inputs: the count and constants, sums and carried cotangents, the step's number, its residuals,
    cotangents of its results.
    """
    groups = backward_avals(reverse, invariant, slots, given, parts)
    sizes = [len(group) for group in groups]
    n_sums = sizes[1]

    def pull(*args: Any) -> list[Any]:
        fixed, sums, carry, moving, results = cut(args, *sizes)
        ct_carry = dict(zip(slots, carry, strict=True))
        residuals = merge(invariant, fixed, moving)
        totals, ends, _ = pull_step(reverse, residuals, sums, ct_carry, results, given, parts)
        return [*totals, *ends]

    def stay(*args: Any) -> list[Any]:
        _, sums, carry, _, _ = cut(args, *sizes)
        return [*sums, *carry]

    avals = [aval for group in groups for aval in group]
    name = reverse.backward.name
    branches = tuple(named(stage(f, avals, name), name) for f in (stay, pull))

    def step(total: Any, *args: Any) -> list[Any]:
        n = sizes[0] + sizes[1] + sizes[2]
        number, rest = args[n], [*args[:n], *args[n + 1 :]]
        running = lt(number, total)
        if not lanes:
            return list(cond(cast(running, dtype=int32), *rest, branches=branches))
        fixed, sums, old, moving, results = cut(rest, *sizes)
        masked = [select(mask_like(running, ct, lanes), ct, zero_of(ct.aval)) for ct in old]
        outs = evaluate(branches[1], [*fixed, *sums, *masked, *moving, *results])
        new = [
            select(mask_like(running, x, lanes), x, y)
            for x, y in zip(outs[n_sums:], old, strict=True)
        ]
        return [*outs[:n_sums], *new]

    count = make_aval(lanes, int64)
    split = sizes[0] + sizes[1] + sizes[2]
    staged = stage(step, [count, *avals[:split], count, *avals[split:]], name)
    return named(staged, name)


def guarded(rest: Graph, n_consts: int, n_carry: int, lanes: tuple[int, ...]) -> Graph:
    """The unknown part of a step, left out where the loop had ended."""
    count = make_aval(lanes, int64)
    results = rest.out_avals[n_carry:]

    def stay(*args: Any) -> list[Any]:
        return [*args[n_consts : n_consts + n_carry], *map(zero_of, results)]

    skip = named(stage(stay, rest.in_avals, rest.name), rest.name)

    def step(total: Any, *args: Any) -> Sequence[Any]:
        n = n_consts + n_carry
        number, operands = args[n], [*args[:n], *args[n + 1 :]]
        running = lt(number, total)
        if not lanes:
            return cond(cast(running, dtype=int32), *operands, branches=(skip, rest))
        new, old = evaluate(rest, operands), args[n_consts:n]
        kept = [
            select(mask_like(running, x, lanes), x, y)
            for x, y in zip(new[:n_carry], old, strict=True)
        ]
        return [*kept, *new[n_carry:]]

    head, tail = rest.in_avals[: n_consts + n_carry], rest.in_avals[n_consts + n_carry :]
    return named(stage(step, [count, *head, count, *tail], rest.name), rest.name)
