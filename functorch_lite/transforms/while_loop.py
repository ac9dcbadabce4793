"""``while_loop``: the op that applies a graph while another one says so.

A step may return results beside the carry; they are stacked, one element per step. Reverse mode
uses that: its forward pass is the loop with what the pullback needs as results, and with a count of
the steps; a ``scan`` over those stacks, from the last step to the first, pulls cotangents back.

Under ``vmap`` with a condition that differs between examples, the loop has *lanes*: the leading
axes of the condition and of every carried value. It runs until all lanes have finished, and a
finished lane keeps its values. Where a derivative may look at what a finished lane computes, that
lane is given the inputs of a running one, so that no infinity arises which would turn a zero
cotangent into NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from functorch_lite.core.array import wrap_stack
from functorch_lite.core.aval import Aval, StackAval, short_list
from functorch_lite.core.dtypes import bool_
from functorch_lite.core.graph import Graph, Var, evaluate, same_types
from functorch_lite.core.op import Op, Shared
from functorch_lite.core.rewrite import with_signature
from functorch_lite.core.stack import Stack
from functorch_lite.errors import DtypeError, ShapeError
from functorch_lite.ops import select
from functorch_lite.transforms.batch import BatchTrace
from functorch_lite.transforms.call import program_of
from functorch_lite.transforms.counting import backward_body, counting, guarded, run_counting
from functorch_lite.transforms.derived import (
    Reverse,
    batched_of,
    is_unknown,
    reached_outputs,
    split_of,
    write_down,
    zero_of,
)
from functorch_lite.transforms.higher_order import higher_order
from functorch_lite.transforms.lanes import mask_like, safe_body
from functorch_lite.transforms.loop_parts import (
    Params,
    Parts,
    backward_avals,
    carry_fixpoint,
    chosen,
    given_results,
    joint_body,
    rest_body,
    split_tangents,
    spread_cotangents,
    wanted_carry,
    with_tangents,
)
from functorch_lite.transforms.loop_plan import Keeping, Kept, plan_loop
from functorch_lite.transforms.scan import scan

__all__ = ["while_loop"]


def _parts(params: Params) -> Parts:
    n = params["n_consts"]
    return Parts({"n_consts": n, "n_carry": len(params["body"].inputs) - n})


# ------------------------------------------------------------------------------- value and its type
def _aval(
    *avals: Aval, cond: Graph, body: Graph, n_consts: int, lanes: tuple[int, ...], mapped: Any
) -> tuple[Aval, ...]:
    for what, graph in (("condition", cond), ("body", body)):
        if not same_types(avals, graph.in_avals):
            raise ShapeError(
                f"while_loop: the {what} takes {short_list(graph.in_avals)}, got "
                f"{short_list(avals)}"
            )
    found = cond.out_avals
    if len(found) != 1 or found[0].dtype != bool_:
        raise DtypeError(
            f"while_loop: the condition returns {short_list(found)}, expected one bool. Compare, "
            "e.g. x > 0."
        )
    carry = avals[n_consts:]
    if found[0].shape != lanes or any(a.shape[: len(lanes)] != lanes for a in carry):
        raise ShapeError(
            f"while_loop: the condition has shape {found[0].shape}, expected {lanes}. Reduce it to "
            "a scalar, e.g. with .any() or .all()."
        )
    outs = body.out_avals
    if not same_types(outs[: len(carry)], carry):
        raise ShapeError(
            f"while_loop of {body.name}: a step returns the carry "
            f"{short_list(outs[: len(carry)])}, expected {short_list(carry)}. The carry keeps its "
            "shapes and dtypes."
        )
    return (*carry, *map(StackAval, outs[len(carry) :]))


def _eager(
    xp: Any,
    *datas: Any,
    cond: Graph,
    body: Graph,
    n_consts: int,
    lanes: tuple[int, ...],
    mapped: Any,
) -> tuple[Any, ...]:
    test, step = program_of(cond), program_of(body)
    consts, carry = datas[:n_consts], datas[n_consts:]
    n = len(carry)
    avals = body.out_avals[n:]
    rows: list[list[Any]] = [[] for _ in avals]
    running = test(*consts, *carry)[0]
    while bool(running.any() if lanes else running):
        outs = step(*consts, *carry)
        if not lanes or running.all():
            carry = outs[:n]
        else:
            carry = tuple(
                [
                    xp.where(running.reshape(lanes + (1,) * (new.ndim - len(lanes))), new, old)
                    for new, old in zip(outs[:n], carry, strict=True)
                ]
            )
        for row, out in zip(rows, outs[n:], strict=True):
            row.append(out)
        running = test(*consts, *carry)[0]
    return (*carry, *[Stack(row, a) for row, a in zip(rows, avals, strict=True)])


def _inline(args: Sequence[Any], params: Params) -> tuple[Any, ...]:
    """Step by step in ops, for ``debug_nans``."""
    parts, body, lanes = _parts(params), params["body"], params["lanes"]
    consts, carry, _ = parts.of(args)
    rows: list[list[Any]] = [[] for _ in body.outputs[parts.n_carry :]]
    while True:
        (running,) = evaluate(params["cond"], [*consts, *carry])
        if not running._data.any():
            break
        outs = evaluate(body, [*consts, *carry])
        carry = [
            select(mask_like(running, new, lanes), new, old) if lanes else new
            for new, old in zip(outs[: parts.n_carry], carry, strict=True)
        ]
        for row, out in zip(rows, outs[parts.n_carry :], strict=True):
            row.append(out._data)
    avals = body.out_avals[parts.n_carry :]
    return (*carry, *[wrap_stack(Stack(r, a)) for r, a in zip(rows, avals, strict=True)])


# ------------------------------------------------------------------------------------ reverse mode
class _Plan(NamedTuple):
    """A loop that keeps what its pullback needs, and counts."""

    keeping: Keeping
    test: Graph
    step: Graph


class _Saved(NamedTuple):
    """What the pullback gets.

    Attributes:
        count: the number of steps, of each lane.
        counts: before each step, the number of those before it.
        slots: the carried values that have a cotangent.
    """

    reverse: Reverse
    kept: Kept
    count: Any
    counts: Any
    slots: tuple[int, ...]

    @property
    def linear(self) -> bool:
        """Whether the loop is linear in the wanted operands."""
        return self.reverse.linear


def _fwd(primals: Sequence[Any], wants: list[bool], params: Params) -> tuple[Any, Any, Any]:
    parts, lanes, condition = _parts(params), params["lanes"], params["cond"]
    body = safe_body(params) if lanes else params["body"]
    reverse, slots, live = wanted_carry(body, wants, parts)
    key = ("while", condition, lanes, parts.n_consts)
    if key not in reverse.memo:
        keeping = plan_loop(reverse.forward, reverse.residuals, parts.n_consts, parts.n_carry)
        test, step = counting(keeping, condition, parts.n_consts, parts.n_carry, lanes)
        reverse.memo[key] = _Plan(keeping, test, step)
    plan: _Plan = reverse.memo[key]
    consts, carry, _ = parts.of(primals)
    ends, kept, count, counts, results = run_counting(
        plan.keeping, plan.test, plan.step, consts, carry, params
    )
    n = len(params["body"].outputs) - parts.n_carry
    saved = _Saved(reverse, kept, count, counts, slots)
    return (*ends, *results[:n]), saved, live


def _vjp(
    cts: list[Any], saved: _Saved, args: Sequence[Any], params: Params, wants: list[bool]
) -> list[Any]:
    reverse, parts, slots = saved.reverse, _parts(params), saved.slots
    given = given_results(reverse, cts, parts)
    invariant, lanes = saved.kept.invariant, params["lanes"]
    key = ("while back", given, lanes, parts.n_consts)
    if key not in reverse.memo:
        reverse.memo[key] = backward_body(reverse, invariant, slots, given, parts, lanes)
    _, sums, carry, _, _ = backward_avals(reverse, invariant, slots, given, parts)
    start = [zero_of(a) if cts[i] is None else cts[i] for i, a in zip(slots, carry, strict=True)]
    fixed = [saved.count, *saved.kept.constants]
    outs = scan(
        *fixed, *map(zero_of, sums), *start, saved.counts, *saved.kept.steps,
        *chosen(cts[parts.n_carry :], given), body=reverse.memo[key], n_consts=len(fixed),
        n_carry=len(sums) + len(start), length=None, reverse=True,
    )  # fmt: skip
    return spread_cotangents(outs, slots, reverse, parts)


# -------------------------------------------------------------------------- forward mode, batching
def with_spares(graph: Graph, groups: Sequence[tuple[Sequence[Var], Sequence[bool]]]) -> Graph:
    """The graph with further inputs, which it ignores: a tangent for each input that has one."""
    inputs = [
        v
        for own, mask in groups
        for v in (*own, *[Var(x.aval) for x, m in zip(own, mask, strict=True) if m])
    ]
    return with_signature(graph, inputs, graph.outputs)


def _jvp(primals: list[Any], tangents: list[Any], params: Params) -> tuple[Any, Any]:
    parts, condition = _parts(params), params["cond"]
    graph, consts, carry, _, results = joint_body(
        params["body"], [t is not None for t in tangents], parts
    )
    groups = zip(parts.of(primals), parts.of(tangents), (consts, carry), strict=False)
    operands = [x for values, ts, mask in groups for x in with_tangents(values, ts, mask)]
    inputs = parts.of(condition.inputs)
    new = {
        "cond": with_spares(condition, [(inputs[0], consts), (inputs[1], carry)]),
        "body": graph,
        "n_consts": parts.n_consts + sum(consts),
        "mapped": (*params["mapped"], *chosen(params["mapped"], consts)),
    }
    outs = while_loop(*operands, **{**params, **new})
    return split_tangents(outs, parts.n_carry, carry, results)


def _batch(
    trace: BatchTrace, args: Sequence[Any], batched: Sequence[bool], params: Params
) -> tuple[Any, ...]:
    parts, body, lanes = _parts(params), params["body"], params["lanes"]
    consts, carry, _ = parts.of(batched)
    n_results = len(body.outputs) - parts.n_carry

    def grow(have: list[bool]) -> Sequence[bool]:
        return batched_of(body, trace, [*consts, *have])[1][: parts.n_carry]

    carry = carry_fixpoint(carry, grow)
    in_lanes = batched_of(params["cond"], trace, [*consts, *carry])[1][0] or (
        bool(lanes) and any(carry)
    )
    new: Params = {}
    results = [False] * n_results
    if in_lanes:
        carry = [True] * parts.n_carry
        results = [not isinstance(a, StackAval) for a in body.out_avals[parts.n_carry :]]
        new["lanes"] = (trace.size, *lanes)
        new["mapped"] = tuple((b, *m) for b, m in zip(consts, params["mapped"], strict=True))
    flags = [*consts, *carry]
    new["cond"] = batched_of(params["cond"], trace, flags, [in_lanes])[0]
    new["body"], varies = batched_of(body, trace, flags, [*carry, *results])
    if in_lanes and n_results:
        new["body"] = safe_body({**params, **new})
    values = parts.of(args)
    start = [
        trace.lower(x) if want and not have else x
        for x, want, have in zip(values[1], carry, batched[parts.carry], strict=True)
    ]
    outs = while_loop(*values[0], *start, **{**params, **new})
    return tuple(o if v else Shared(o) for o, v in zip(outs, varies, strict=True))


def _reach(params: Params, mask: Sequence[bool]) -> list[bool]:
    parts, body, condition = _parts(params), params["body"], params["cond"]
    consts, carry, _ = parts.of(mask)
    n = parts.n_carry
    carry = carry_fixpoint(carry, lambda have: reached_outputs(body, [*consts, *have])[:n])
    if reached_outputs(condition, [*consts, *carry])[0]:
        return [True] * len(body.outputs)
    return [*carry, *reached_outputs(body, [*consts, *carry])[n:]]


# ------------------------------------------------------------------------------ partial evaluation
def _partial(trace: Any, args: Sequence[Any], params: Params) -> tuple[Any, ...]:
    """Run the known part with what the rest needs; the rest becomes a scan over those stacks."""
    parts, lanes = _parts(params), params["lanes"]
    body = safe_body(params) if lanes else params["body"]
    consts, carry, _ = parts.of([is_unknown(trace, a) for a in args])

    def grow(have: list[bool]) -> Sequence[bool]:
        return split_of(body, [*consts, *have]).out_unknown[: parts.n_carry]

    carry = carry_fixpoint(carry, grow)
    if split_of(params["cond"], [*consts, *carry]).out_unknown[0]:
        return write_down(trace, while_loop, args, params)
    n_results = len(body.outputs) - parts.n_carry
    halves = split_of(body, [*consts, *carry], [*carry, *[False] * n_results])
    known_consts, known_carry = [not u for u in consts], [not u for u in carry]
    early = [
        chosen(group, mask)
        for group, mask in zip(parts.of(args), (known_consts, known_carry), strict=False)
    ]
    keeping = plan_loop(halves.known, halves.residuals, len(early[0]), len(early[1]))
    known_test = split_of(params["cond"], [*consts, *carry]).known
    test, step = counting(keeping, known_test, len(early[0]), len(early[1]), lanes)
    known_params = {**params, "mapped": tuple(chosen(params["mapped"], known_consts))}
    ends, kept, count, counts, results = run_counting(
        keeping, test, step, early[0], early[1], known_params
    )
    late = [
        chosen(group, mask) for group, mask in zip(parts.of(args), (consts, carry), strict=False)
    ]
    rest = rest_body(halves.rest, kept.invariant, [len(late[0]), len(late[1]), 0])
    replay = guarded(rest, len(kept.constants) + len(late[0]), len(late[1]), lanes)
    fixed = [count, *kept.constants, *late[0]]
    late_outs = iter(
        write_down(
            trace, scan, [*fixed, *late[1], counts, *kept.steps],
            {
                "body": replay, "n_consts": len(fixed), "n_carry": len(late[1]), "length": None,
                "reverse": False,
            },
        )
    )  # fmt: skip
    n_known = halves.out_unknown.count(False)
    early_outs = iter((*ends, *results)[:n_known])
    return tuple(next(late_outs) if u else next(early_outs) for u in halves.out_unknown)


while_loop: Op = higher_order(
    "while_loop",
    eager=_eager,
    aval=_aval,
    fwd=_fwd,
    vjp=_vjp,
    jvp=_jvp,
    batch=_batch,
    inline=_inline,
    partial=_partial,
    reach=_reach,
)
