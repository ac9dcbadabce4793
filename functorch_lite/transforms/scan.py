"""``scan``: the op that applies a graph once per slice of its operands, carrying values along.

Its derivatives are scans. Reverse mode runs the loop once with residuals, kept as ``loop_plan``
says, and once from the last step to the first. The number of steps is static, or that of the stacks
which a loop of unknown length left (``length=None``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from functorch_lite.core.array import wrap_stack
from functorch_lite.core.aval import Aval, StackAval, make_aval, short_list
from functorch_lite.core.graph import Graph, evaluate, same_types
from functorch_lite.core.op import Op, Shared, wrap_result
from functorch_lite.core.stack import Stack
from functorch_lite.errors import ShapeError
from functorch_lite.ops import transpose
from functorch_lite.transforms.batch import BatchTrace
from functorch_lite.transforms.call import program_of
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
from functorch_lite.transforms.loop_parts import (
    Params,
    Parts,
    backward_avals,
    carry_fixpoint,
    chosen,
    cut,
    from_rows,
    given_results,
    joint_body,
    named,
    pull_step,
    rest_body,
    row_of,
    split_tangents,
    spread_cotangents,
    wanted_carry,
    with_tangents,
)
from functorch_lite.transforms.loop_plan import Keeping, Kept, merge, plan_loop
from functorch_lite.transforms.stage import stage

__all__ = ["scan"]


# ------------------------------------------------------------------------------- value and its type
def step_aval(aval: Aval) -> Aval:
    """The type of one step's slice."""
    if isinstance(aval, StackAval):
        return aval.elem
    return make_aval(aval.shape[1:], aval.dtype)


def stacked_aval(aval: Aval, length: int | None) -> Aval:
    """The type of one step's results, all together."""
    if length is None or isinstance(aval, StackAval):
        return StackAval(aval)
    return make_aval((length, *aval.shape), aval.dtype)


def _aval(
    *avals: Aval, body: Graph, n_consts: int, n_carry: int, length: int | None, reverse: bool
) -> tuple[Aval, ...]:
    consts, carry, xs = Parts({"n_consts": n_consts, "n_carry": n_carry}).of(avals)
    for i, x in enumerate(xs):
        if not isinstance(x, StackAval) and (not x.shape or x.shape[0] != length):
            raise ShapeError(
                f"scan: operand {i} of those that are sliced has shape {x.shape}, expected "
                f"{length} along axis 0. All of them have one leading size, that of length=."
            )
    given = [*consts, *carry, *map(step_aval, xs)]
    if not same_types(given, body.in_avals):
        raise ShapeError(
            f"scan of {body.name}: a step takes {short_list(body.in_avals)}, got "
            f"{short_list(given)}"
        )
    outs = body.out_avals
    if not same_types(outs[:n_carry], carry):
        raise ShapeError(
            f"scan of {body.name}: a step returns the carry {short_list(outs[:n_carry])}, expected "
            f"{short_list(carry)}. The carry keeps its shapes and dtypes."
        )
    return (*outs[:n_carry], *[stacked_aval(a, length) for a in outs[n_carry:]])


def number_of_steps(xs: Sequence[Any], length: int | None) -> int:
    """How often a scan over raw operands runs."""
    if length is not None:
        return length
    return max(len(x.items) for x in xs if isinstance(x, Stack) and x.items is not None)


def _eager(
    xp: Any,
    *datas: Any,
    body: Graph,
    n_consts: int,
    n_carry: int,
    length: int | None,
    reverse: bool,
) -> tuple[Any, ...]:
    program = program_of(body)
    consts, carry = datas[:n_consts], datas[n_consts : n_consts + n_carry]
    xs = datas[n_consts + n_carry :]
    n = number_of_steps(xs, length)
    avals = body.out_avals[n_carry:]
    ys: list[Any] = [
        [None] * n
        if length is None or isinstance(a, StackAval)
        else xp.empty((n, *a.shape), a.dtype)
        for a in avals
    ]
    for i in range(n - 1, -1, -1) if reverse else range(n):
        slices = [x.at(i, xp) if x.__class__ is Stack else x[i, ...] for x in xs]
        outs = program(*consts, *carry, *slices)
        carry = outs[:n_carry]
        for y, out in zip(ys, outs[n_carry:], strict=True):
            y[i] = out
    return (
        *carry,
        *[Stack(y, a) if isinstance(y, list) else y for y, a in zip(ys, avals, strict=True)],
    )


def _inline(args: Sequence[Any], params: Params) -> tuple[Any, ...]:
    """Step by step in ops, for ``debug_nans``."""
    body, length = params["body"], params["length"]
    parts = Parts(params)
    consts, carry, xs = parts.of(args)
    n = number_of_steps([getattr(x, "_data", None) for x in xs], length)
    rows: list[Any] = [None] * n
    for i in reversed(range(n)) if params["reverse"] else range(n):
        outs = evaluate(body, [*consts, *carry, *[_element(x, i) for x in xs]])
        carry, rows[i] = list(outs[: parts.n_carry]), outs[parts.n_carry :]
    avals = body.out_avals[parts.n_carry :]
    return (*carry, *[_together([r[k] for r in rows], a, length) for k, a in enumerate(avals)])


def _element(x: Any, i: int) -> Any:
    if isinstance(x.aval, StackAval):
        item = x._data.at(i, np)
        return wrap_result(item)
    return row_of(x, i)


def _together(rows: Sequence[Any], aval: Aval, length: int | None) -> Any:
    if length is None or isinstance(aval, StackAval):
        return wrap_stack(Stack([r._data for r in rows], aval))
    return from_rows(rows, aval)


# ------------------------------------------------------------------------------------ reverse mode
class _Saved(NamedTuple):
    """What the pullback gets; ``slots`` are the carried values that have a cotangent."""

    reverse: Reverse
    kept: Kept
    slots: tuple[int, ...]

    @property
    def linear(self) -> bool:
        """Whether the loop is linear in the wanted operands."""
        return self.reverse.linear


def _fwd(primals: Sequence[Any], wants: list[bool], params: Params) -> tuple[Any, Any, Any]:
    parts = Parts(params)
    reverse, slots, live = wanted_carry(params["body"], wants, parts)
    key = ("scan", parts.n_consts, parts.n_carry)
    if key not in reverse.memo:
        reverse.memo[key] = plan_loop(
            reverse.forward, reverse.residuals, parts.n_consts, parts.n_carry
        )
    keeping: Keeping = reverse.memo[key]
    consts, carry, xs = parts.of(primals)
    hoisted = keeping.hoisted(consts)
    new = {"n_consts": parts.n_consts + len(hoisted), "body": keeping.body}
    outs = scan(*consts, *hoisted, *carry, *xs, **{**params, **new})
    kept = keeping.find(consts, hoisted, xs, outs[parts.n_carry :])
    saved = _Saved(reverse, kept, slots)
    return outs[: len(params["body"].outputs)], saved, live


def _backward_body(
    reverse: Reverse,
    invariant: Sequence[bool],
    slots: tuple[int, ...],
    given: tuple[bool, ...],
    parts: Parts,
) -> Graph:
    """One step back, for results of which some have a cotangent."""
    groups = backward_avals(reverse, invariant, slots, given, parts)
    sizes = [len(group) for group in groups]

    def step(*args: Any) -> list[Any]:
        fixed, sums, carry, moving, results = cut(args, *sizes)
        ct_carry = dict(zip(slots, carry, strict=True))
        residuals = merge(invariant, fixed, moving)
        totals, ends, slices = pull_step(reverse, residuals, sums, ct_carry, results, given, parts)
        return [*totals, *ends, *slices]

    avals = [a for group in groups for a in group]
    return named(stage(step, avals, reverse.backward.name), reverse.backward.name)


def _vjp(
    cts: list[Any], saved: _Saved, args: Sequence[Any], params: Params, wants: list[bool]
) -> list[Any]:
    reverse, parts, slots = saved.reverse, Parts(params), saved.slots
    given = given_results(reverse, cts, parts)
    invariant = saved.kept.invariant
    key = ("scan back", given, parts.n_consts, parts.n_carry)
    if key not in reverse.memo:
        reverse.memo[key] = _backward_body(reverse, invariant, slots, given, parts)
    _, sums, carry, _, _ = backward_avals(reverse, invariant, slots, given, parts)
    start = [zero_of(a) if cts[i] is None else cts[i] for i, a in zip(slots, carry, strict=True)]
    fixed = saved.kept.constants
    outs = scan(
        *fixed, *map(zero_of, sums), *start, *saved.kept.steps,
        *chosen(cts[parts.n_carry :], given), body=reverse.memo[key], n_consts=len(fixed),
        n_carry=len(sums) + len(start), length=params["length"], reverse=not params["reverse"],
    )  # fmt: skip
    return spread_cotangents(outs, slots, reverse, parts)


# ------------------------------------------------------------------------------------ forward mode
def _jvp(primals: list[Any], tangents: list[Any], params: Params) -> tuple[Any, Any]:
    parts = Parts(params)
    graph, consts, carry, xs, results = joint_body(
        params["body"], [t is not None for t in tangents], parts
    )
    groups = zip(parts.of(primals), parts.of(tangents), (consts, carry, xs), strict=True)
    operands = [x for values, ts, mask in groups for x in with_tangents(values, ts, mask)]
    new = {
        "body": graph,
        "n_consts": parts.n_consts + sum(consts),
        "n_carry": parts.n_carry + sum(carry),
    }
    outs = scan(*operands, **{**params, **new})
    return split_tangents(outs, parts.n_carry, carry, results)


# ---------------------------------------------------------------------------------------- batching
def swap_leading(x: Any) -> Any:
    """Axes 0 and 1 exchanged: the mapped axis and that of the steps. A stack stays as it is."""
    if isinstance(x.aval, StackAval):
        return x
    return transpose(x, perm=(1, 0, *range(2, len(x.shape))))


def _batch(
    trace: BatchTrace, args: Sequence[Any], batched: Sequence[bool], params: Params
) -> tuple[Any, ...]:
    parts, body = Parts(params), params["body"]
    consts, carry, xs = parts.of(batched)

    def grow(have: list[bool]) -> Sequence[bool]:
        return batched_of(body, trace, [*consts, *have, *xs])[1][: parts.n_carry]

    carry = carry_fixpoint(carry, grow)
    force = [*carry, *[False] * (len(body.outputs) - parts.n_carry)]
    over, varies = batched_of(body, trace, [*consts, *carry, *xs], force)
    values = parts.of(args)
    start = [
        trace.lower(x) if want and not have else x
        for x, want, have in zip(values[1], carry, batched[parts.carry], strict=True)
    ]
    moved = [swap_leading(x) if b else x for x, b in zip(values[2], xs, strict=True)]
    outs = scan(*values[0], *start, *moved, **{**params, "body": over})
    n = parts.n_carry
    return tuple(
        Shared(o) if not v else o if i < n else swap_leading(o)
        for i, (o, v) in enumerate(zip(outs, varies, strict=True))
    )


def _reach(params: Params, mask: Sequence[bool]) -> list[bool]:
    parts, body = Parts(params), params["body"]
    consts, carry, xs = parts.of(mask)
    carry = carry_fixpoint(
        carry, lambda have: reached_outputs(body, [*consts, *have, *xs])[: parts.n_carry]
    )
    return [*carry, *reached_outputs(body, [*consts, *carry, *xs])[parts.n_carry :]]


# ------------------------------------------------------------------------------ partial evaluation
def _partial(trace: Any, args: Sequence[Any], params: Params) -> tuple[Any, ...]:
    parts, body = Parts(params), params["body"]
    consts, carry, xs = parts.of([is_unknown(trace, a) for a in args])
    n_results = len(body.outputs) - parts.n_carry

    def grow(have: list[bool]) -> Sequence[bool]:
        return split_of(body, [*consts, *have, *xs]).out_unknown[: parts.n_carry]

    carry = carry_fixpoint(carry, grow)
    unknown = [*consts, *carry, *xs]
    halves = split_of(body, unknown, [*carry, *[False] * n_results])
    known_consts, known_carry, known_xs = ([not u for u in group] for group in (consts, carry, xs))
    keeping = plan_loop(halves.known, halves.residuals, sum(known_consts), sum(known_carry))
    early = [
        chosen(g, m)
        for g, m in zip(parts.of(args), (known_consts, known_carry, known_xs), strict=True)
    ]
    hoisted = keeping.hoisted(early[0])
    outs = scan(
        *early[0], *hoisted, *early[1], *early[2], body=keeping.body,
        n_consts=len(early[0]) + len(hoisted), n_carry=len(early[1]), length=params["length"],
        reverse=params["reverse"],
    )  # fmt: skip
    kept = keeping.find(early[0], hoisted, early[2], outs[len(early[1]) :])
    late = [chosen(g, m) for g, m in zip(parts.of(args), (consts, carry, xs), strict=True)]
    rest = rest_body(halves.rest, kept.invariant, [len(g) for g in late])
    rest_params = {
        **params, "body": rest, "n_consts": len(kept.constants) + len(late[0]),
        "n_carry": len(late[1]),
    }  # fmt: skip
    operands = [*kept.constants, *late[0], *late[1], *kept.steps, *late[2]]
    late_outs = iter(write_down(trace, scan, operands, rest_params))
    n_known = halves.out_unknown.count(False)
    early_outs = iter(outs[:n_known])
    return tuple(next(late_outs) if u else next(early_outs) for u in halves.out_unknown)


scan: Op = higher_order(
    "scan",
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
