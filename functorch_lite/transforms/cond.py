"""``cond``: the op that applies one of several graphs, chosen by an index.

Reverse mode gives every branch slots for what its pullback needs; a branch fills its own and leaves
zeros in the others. When the index differs between the examples of a ``vmap``, all branches run and
the results are selected.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from functorch_lite.core.array import is_zero_stack
from functorch_lite.core.aval import Aval, StackAval, short_list
from functorch_lite.core.dtypes import is_integer
from functorch_lite.core.graph import Graph, Var, evaluate, same_type, same_types
from functorch_lite.core.op import Op, Shared
from functorch_lite.errors import DtypeError, ShapeError
from functorch_lite.ops import clamp, eq, reshape, select
from functorch_lite.ops.families import const
from functorch_lite.transforms.batch import BatchTrace
from functorch_lite.transforms.call import place, program_of
from functorch_lite.transforms.derived import (
    Reverse,
    Split,
    batched_of,
    forward_of,
    is_unknown,
    reached_outputs,
    reverse_of,
    split_of,
    write_down,
    zero_of,
)
from functorch_lite.transforms.higher_order import higher_order
from functorch_lite.transforms.stage import stage

__all__ = ["cond"]

Branches = tuple[Graph, ...]


# ------------------------------------------------------------------------------- value and its type
def _eager(index: Any, *datas: Any, branches: Branches) -> tuple[Any, ...]:
    return program_of(branches[_clamped(index, branches)])(*datas)


def _clamped(index: Any, branches: Branches) -> int:
    return min(max(int(index), 0), len(branches) - 1)


def _aval(index: Aval, *avals: Aval, branches: Branches) -> tuple[Aval, ...]:
    if not is_integer(index.dtype):
        raise DtypeError(
            f"cond: the index of the branch must be an integer, got {index.dtype.name}. Convert a "
            "condition with .astype('int32')."
        )
    if index.shape != ():
        raise ShapeError(
            f"cond: the index of the branch must be a scalar, got shape {index.shape}. Reduce it, "
            "e.g. with .any(), or use numpy.where for a choice per element."
        )
    for i, branch in enumerate(branches):
        for what, found, wanted in (
            ("takes", branch.in_avals, avals),
            ("returns", branch.out_avals, branches[0].out_avals),
        ):
            if not same_types(found, wanted):
                raise ShapeError(
                    f"cond: branch {i} {what} {short_list(found)}, expected {short_list(wanted)}. "
                    "All branches take the operands and return the same shapes and dtypes."
                )
    return branches[0].out_avals


def _inline(args: Sequence[Any], params: dict[str, Any]) -> tuple[Any, ...]:
    branches = params["branches"]
    index = args[0].concrete("cond") if hasattr(args[0], "concrete") else args[0]
    return evaluate(branches[_clamped(index._data, branches)], args[1:])


# ----------------------------------------------------------------------------- slots for residuals
class Slots(NamedTuple):
    """Room for the residuals of all branches.

    Attributes:
        avals: types of the slots.
        where: per branch and residual, a position among the operands and then the slots.
        fill: per branch and slot, the variable that the branch stores there, or None.
    """

    avals: tuple[Aval, ...]
    where: tuple[tuple[int, ...], ...]
    fill: tuple[tuple[Var | None, ...], ...]


def _slots(
    graphs: Sequence[Graph], residuals: Sequence[Sequence[Var]], kept: Sequence[int]
) -> Slots:
    """Give every residual that is no operand a slot; branches share slots of one type.

    Args:
        graphs: the branches.
        residuals: variables of each.
        kept: positions of the graphs' inputs among the operands that will be at hand.
    """
    avals: list[Aval] = []
    fills: list[dict[int, Var]] = []
    found: list[list[tuple[bool, int]]] = []
    for graph, needed in zip(graphs, residuals, strict=True):
        places = place(needed, Graph(graph.inputs, [], []))
        operand = {i: at for at, i in enumerate(kept)}
        taken: dict[int, Var] = {}
        slot_of: dict[Var, int] = {}
        for var in places.extra:
            free = (
                k
                for k, a in enumerate(avals)
                if k not in taken and same_type(a, var.aval) and not isinstance(a, StackAval)
            )
            slot = next(free, len(avals))
            if slot == len(avals):
                avals.append(var.aval)
            taken[slot] = var
            slot_of[var] = slot
        found.append([
            (False, slot_of[var]) if var in slot_of else (True, operand[graph.inputs.index(var)])
            for var in needed
        ])  # fmt: skip
        fills.append(taken)
    return Slots(
        tuple(avals),
        tuple(tuple(i if own else len(kept) + i for own, i in row) for row in found),
        tuple(tuple(taken.get(k) for k in range(len(avals))) for taken in fills),
    )


def _storing(graph: Graph, slots: Slots, branch: int, name: str) -> Graph:
    """A branch that returns its outputs, then its slots."""
    wanted = [v for v in slots.fill[branch] if v is not None]
    inner = Graph(graph.inputs, graph.eqns, [*graph.outputs, *wanted], graph.consts, graph.name)

    def f(*args: Any) -> list[Any]:
        outs = evaluate(inner, args)
        n = len(graph.outputs)
        stored = iter(outs[n:])
        return [
            *outs[:n],
            *[
                zero_of(a) if v is None else next(stored)
                for a, v in zip(slots.avals, slots.fill[branch], strict=True)
            ],
        ]

    return _staged(f, inner.in_avals, name)


def _staged(f: Callable[..., Sequence[Any]], avals: Sequence[Aval], name: str) -> Graph:
    graph = stage(f, avals, name)
    graph.name = name
    return graph


# ------------------------------------------------------------------------------------ reverse mode
class _Pair(NamedTuple):
    """Branches of the forward and of the backward pass.

    Attributes:
        kept: positions of the operands that the backward pass needs.
    """

    forward: Branches
    backward: Branches
    kept: tuple[int, ...]
    live: tuple[bool, ...]
    reached: tuple[bool, ...]
    linear: bool


def _pair(branches: Branches, wants: tuple[bool, ...]) -> _Pair:
    # Other branches are part of the key; the first one holds it, and must not hold itself.
    key = ("cond", branches[1:], wants)
    memo = branches[0].memo
    if key not in memo:
        memo[key] = _make_pair(branches, wants)
    found: _Pair = memo[key]
    return found


def _make_pair(branches: Branches, wants: tuple[bool, ...]) -> _Pair:
    pairs: list[Reverse] = [reverse_of(b, wants) for b in branches]
    live = tuple(map(any, zip(*[p.live for p in pairs], strict=True)))
    reached = tuple(map(any, zip(*[p.reached for p in pairs], strict=True)))
    graphs = [p.forward for p in pairs]
    in_avals = branches[0].in_avals
    needed = [set(p.residuals) for p in pairs]
    kept = tuple(
        i
        for i in range(len(in_avals))
        if any(g.inputs[i] in held for g, held in zip(graphs, needed, strict=True))
    )
    slots = _slots(graphs, [p.residuals for p in pairs], kept)
    count = len(kept)
    forward = tuple(_storing(g, slots, i, f"{g.name}_forward") for i, g in enumerate(graphs))
    ct_avals = [a for a, alive in zip(branches[0].out_avals, live, strict=True) if alive]

    def backward(i: int) -> Callable[..., list[Any]]:
        def f(*args: Any) -> list[Any]:
            have, cts = args[: count + len(slots.avals)], iter(args[count + len(slots.avals) :])
            spread = [next(cts) if alive else None for alive in live]
            found = pairs[i].pull([have[k] for k in slots.where[i]], spread)
            return [
                zero_of(a) if g is None else g
                for g, a, r in zip(found, in_avals, reached, strict=True)
                if r
            ]

        return f

    avals = [*[in_avals[i] for i in kept], *slots.avals, *ct_avals]
    back = tuple(_staged(backward(i), avals, f"{b.name}_backward") for i, b in enumerate(branches))
    return _Pair(forward, back, kept, live, reached, all(p.linear for p in pairs))


class _Saved:
    """What the pullback gets."""

    __slots__ = ("linear", "pair", "values")

    def __init__(self, pair: _Pair, values: Sequence[Any]) -> None:
        self.pair, self.values, self.linear = pair, values, pair.linear


def _fwd(primals: Sequence[Any], wants: list[bool], params: dict[str, Any]) -> tuple[Any, Any, Any]:
    index, *operands = primals
    pair = _pair(params["branches"], tuple(wants[1:]))
    outs = cond(index, *operands, branches=pair.forward)
    n = len(pair.live)
    return outs[:n], _Saved(pair, [index, *[operands[i] for i in pair.kept], *outs[n:]]), pair.live


def _vjp(
    cts: list[Any], saved: _Saved, args: Sequence[Any], params: dict[str, Any], wants: list[bool]
) -> list[Any]:
    pair = saved.pair
    given = [
        zero_of(a) if ct is None else ct
        for ct, a, alive in zip(cts, params["branches"][0].out_avals, pair.live, strict=True)
        if alive
    ]
    found = iter(cond(*saved.values, *given, branches=pair.backward))
    return [None, *[next(found) if r else None for r in pair.reached]]


# -------------------------------------------------------------------------- forward mode, batching
def _jvp(primals: list[Any], tangents: list[Any], params: dict[str, Any]) -> tuple[Any, Any]:
    branches = params["branches"]
    mask = [t is not None for t in tangents[1:]]
    live = [forward_of(b, mask)[1] for b in branches]
    force = [any(row) for row in zip(*live, strict=True)]
    joint = tuple(forward_of(b, mask, force)[0] for b in branches)
    outs = cond(*primals, *[t for t in tangents[1:] if t is not None], branches=joint)
    n = len(force)
    rest = iter(outs[n:])
    return outs[:n], tuple(next(rest) if m else None for m in force)


def _batch(
    trace: BatchTrace, args: Sequence[Any], batched: Sequence[bool], params: dict[str, Any]
) -> tuple[Any, ...]:
    branches, (index, *operands) = params["branches"], args
    varies = [batched_of(b, trace, batched[1:])[1] for b in branches]
    if not batched[0]:
        force = [any(row) for row in zip(*varies, strict=True)]
        over = tuple(batched_of(b, trace, batched[1:], force)[0] for b in branches)
        outs = cond(index, *operands, branches=over)
        return tuple(o if v else Shared(o) for o, v in zip(outs, force, strict=True))
    arrays = [not isinstance(a, StackAval) for a in branches[0].out_avals]
    every = [batched_of(b, trace, batched[1:], arrays) for b in branches]
    results = [evaluate(graph, operands) for graph, _ in every]
    index = clamp(const(0, index.dtype), index, const(len(branches) - 1, index.dtype))
    chosen = [eq(index, const(i, index.dtype)) for i in range(1, len(branches))]
    return tuple(
        _select(chosen, column) if own else _only_stack(column, [v[k] for _, v in every])
        for k, (column, own) in enumerate(zip(zip(*results, strict=True), arrays, strict=True))
    )


def _only_stack(column: Sequence[Any], varies: Sequence[bool]) -> Any:
    """The stack of the one branch that has it; the others hold zeros in its place, never read."""
    real = [i for i, x in enumerate(column) if not is_zero_stack(x)]
    i = real[0] if real else 0
    return column[i] if varies[i] else Shared(column[i])


def _select(chosen: Sequence[Any], column: Sequence[Any]) -> Any:
    """Row by row the chosen element of ``column``: the one whose flag is set, else the first."""
    found = column[0]
    for here, other in zip(chosen, column[1:], strict=True):
        mask = reshape(here, shape=(*here.shape, *(1,) * (len(other.shape) - 1)))
        found = select(mask, other, found)
    return found


# ------------------------------------------------------------------------------ partial evaluation
def _partial(trace: Any, args: Sequence[Any], params: dict[str, Any]) -> tuple[Any, ...]:
    unknown = [is_unknown(trace, a) for a in args]
    if unknown[0]:
        return write_down(trace, cond, args, params)
    branches = params["branches"]
    late = [split_of(b, unknown[1:]).out_unknown for b in branches]
    force = tuple(any(row) for row in zip(*late, strict=True))
    cuts: list[Split] = [split_of(b, unknown[1:], force) for b in branches]
    kept = [i for i, u in enumerate(unknown[1:]) if not u]
    slots = _slots([c.known for c in cuts], [c.residuals for c in cuts], range(len(kept)))
    known_avals = [branches[0].in_avals[i] for i in kept]
    known = tuple(_storing(c.known, slots, i, c.known.name) for i, c in enumerate(cuts))
    rest = []
    for i, c in enumerate(cuts):

        def f(*values: Any, i: int = i, c: Split = c) -> Any:
            n = len(kept) + len(slots.avals)
            return evaluate(c.rest, [*[values[k] for k in slots.where[i]], *values[n:]])

        late_avals = [a for a, u in zip(branches[0].in_avals, unknown[1:], strict=True) if u]
        rest.append(_staged(f, [*known_avals, *slots.avals, *late_avals], c.rest.name))
    known_args = [args[1 + i] for i in kept]
    outs = cond(args[0], *known_args, branches=known)
    n = force.count(False)
    late_args = [a for a, u in zip(args, unknown, strict=True) if u]
    rest_args = [args[0], *known_args, *outs[n:], *late_args]
    late_outs = iter(write_down(trace, cond, rest_args, {"branches": tuple(rest)}))
    early_outs = iter(outs[:n])
    return tuple(next(late_outs) if u else next(early_outs) for u in force)


def _reach(params: dict[str, Any], mask: Sequence[bool]) -> list[bool]:
    branches = params["branches"]
    columns = zip(*[reached_outputs(b, mask[1:]) for b in branches], strict=True)
    return [mask[0] or any(column) for column in columns]


cond: Op = higher_order(
    "cond",
    ("index", "*operands"),
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
