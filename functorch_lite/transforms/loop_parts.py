"""What the loops share: the order of their operands, and bodies derived from bodies.

A loop's operands are constants, carried values and (for ``scan``) operands that are sliced; its
results are the carried values and results that are stacked over the steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from functorch_lite.core.aval import Aval
from functorch_lite.core.dtypes import is_inexact
from functorch_lite.core.graph import Graph, Var
from functorch_lite.core.rewrite import with_signature
from functorch_lite.ops import add, concatenate, full, reshape
from functorch_lite.ops import slice as block
from functorch_lite.transforms.derived import Reverse, forward_of, reverse_of, zero_of

Params = dict[str, Any]


class Parts:
    """Positions of a scan's operands and results.

    Attributes:
        consts, carry, xs: slices of the list of operands.
        n_carry: number of carried values, which lead the results.
    """

    def __init__(self, params: Params) -> None:
        n, m = params["n_consts"], params["n_carry"]
        self.consts, self.carry, self.xs = slice(0, n), slice(n, n + m), slice(n + m, None)
        self.n_consts, self.n_carry = n, m

    def of(self, items: Sequence[Any]) -> tuple[list[Any], list[Any], list[Any]]:
        """Constants, carry and sliced operands."""
        return list(items[self.consts]), list(items[self.carry]), list(items[self.xs])


def named(graph: Graph, name: str) -> Graph:
    """The graph under another name."""
    graph.name = name
    return graph


def cut(items: Sequence[Any], *sizes: int) -> list[list[Any]]:
    """Consecutive parts of a list."""
    found, at = [], 0
    for n in sizes:
        found.append(list(items[at : at + n]))
        at += n
    return found


def chosen(items: Sequence[Any], mask: Sequence[bool]) -> list[Any]:
    """The items that the mask asks for."""
    return [x for x, m in zip(items, mask, strict=True) if m]


def row_of(x: Any, i: int) -> Any:
    """The slice of one step."""
    rest = x.shape[1:]
    start, stop = (i, *(0,) * len(rest)), (i + 1, *rest)
    return reshape(block(x, start=start, stop=stop, step=(1,) * len(stop)), shape=rest)


def from_rows(rows: Sequence[Any], aval: Aval) -> Any:
    """The slices of all steps, each of the given type, along a new axis 0."""
    if not rows:
        return full(shape=(0, *aval.shape), dtype=aval.dtype, value=0)
    return concatenate(*[reshape(r, shape=(1, *r.shape)) for r in rows], axis=0)


def carry_fixpoint(
    start: Sequence[bool], grow: Callable[[list[bool]], Sequence[bool]]
) -> list[bool]:
    """The smallest set of carried values that contains ``start`` and what it leads to in a step."""
    have = list(start)
    while True:
        new = [a or b for a, b in zip(have, grow(have), strict=True)]
        if new == have:
            return have
        have = new


def wanted_carry(
    body: Graph, wants: Sequence[bool], parts: Parts
) -> tuple[Reverse, tuple[int, ...], list[bool]]:
    """Forward pass and pullback of a body, with every carried value that gets a derivative.

    Returns:
        the pair of graphs, the carried values that have a cotangent, and which results of the whole
        loop depend on a wanted operand. A loop of no steps returns the carry as it came, so a
        wanted carry depends on itself even where a step replaces it.
    """
    consts, carry, xs = parts.of(wants)

    def grow(have: list[bool]) -> Sequence[bool]:
        return reverse_of(body, [*consts, *have, *xs]).live[: parts.n_carry]

    carry = carry_fixpoint(carry, grow)
    reverse = reverse_of(body, [*consts, *carry, *xs])
    slots = tuple(i for i, c in enumerate(carry) if c)
    return reverse, slots, [*carry, *reverse.live[parts.n_carry :]]


def joint_body(
    body: Graph, mask: Sequence[bool], parts: Parts
) -> tuple[Graph, list[bool], list[bool], list[bool], list[bool]]:
    """The body over values and tangents, each group of inputs and outputs followed by its tangents.

    Returns:
        the graph, then which constants, carried values, slices and results have tangents.
    """
    consts, carry, xs = parts.of(mask)
    carry = [
        c and is_inexact(a.dtype) for c, a in zip(carry, body.in_avals[parts.carry], strict=True)
    ]
    n_results = len(body.outputs) - parts.n_carry

    def grow(have: list[bool]) -> Sequence[bool]:
        return forward_of(body, [*consts, *have, *xs])[1][: parts.n_carry]

    carry = carry_fixpoint(carry, grow)
    full_mask = [*consts, *carry, *xs]
    joint, out_mask = forward_of(body, full_mask, [*carry, *[False] * n_results])
    n = len(full_mask)
    dots = iter(joint.inputs[n:])
    tangents = [next(dots) if m else None for m in full_mask]
    inputs: list[Var] = []
    for values, ts in zip(parts.of(joint.inputs[:n]), parts.of(tangents), strict=True):
        inputs += [*values, *[t for t in ts if t is not None]]
    k = len(body.outputs)
    out_dots = iter(joint.outputs[k:])
    spread = [next(out_dots) if m else None for m in out_mask]
    outputs = [
        *joint.outputs[: parts.n_carry],
        *[t for t in spread[: parts.n_carry] if t is not None],
        *joint.outputs[parts.n_carry : k],
        *[t for t in spread[parts.n_carry :] if t is not None],
    ]
    graph = with_signature(joint, inputs, outputs)
    return graph, consts, carry, xs, list(out_mask[parts.n_carry :])


def with_tangents(
    values: Sequence[Any], tangents: Sequence[Any], mask: Sequence[bool]
) -> list[Any]:
    """A group of operands followed by the tangents that the mask asks for."""
    dots = [
        zero_of(v.aval) if t is None else t
        for v, t, m in zip(values, tangents, mask, strict=True)
        if m
    ]
    return [*values, *dots]


def split_tangents(
    outs: Sequence[Any], n_carry: int, carry: Sequence[bool], results: Sequence[bool]
) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Values and tangents (None for zero) of the results of a loop over a joint body."""
    ends, end_dots, ys, y_dots = cut(outs, n_carry, sum(carry), len(results), sum(results))
    a, b = iter(end_dots), iter(y_dots)
    tangents = [next(a) if m else None for m in carry] + [next(b) if m else None for m in results]
    return (*ends, *ys), tuple(tangents)


# ------------------------------------------------------------------------------------ reverse mode
def given_results(reverse: Reverse, cts: Sequence[Any], parts: Parts) -> tuple[bool, ...]:
    """Which of a loop's results have a cotangent that may differ from zero."""
    n = parts.n_carry
    return tuple(
        alive and ct is not None for alive, ct in zip(reverse.live[n:], cts[n:], strict=True)
    )


def backward_avals(
    reverse: Reverse,
    invariant: Sequence[bool],
    slots: Sequence[int],
    given: Sequence[bool],
    parts: Parts,
) -> tuple[list[Aval], list[Aval], list[Aval], list[Aval], list[Aval]]:
    """Types of the backward body's inputs: constants, their sums, carry, slices, results."""
    body = reverse.forward
    residuals = [v.aval for v in reverse.residuals]
    consts, carry, _ = parts.of(body.in_avals)
    fixed = chosen(residuals, invariant)
    moving = chosen(residuals, [not f for f in invariant])
    sums = chosen(consts, reverse.reached[parts.consts])
    results = chosen(body.out_avals[parts.n_carry :], given)
    return fixed, sums, [carry[i] for i in slots], moving, results


def pull_step(
    reverse: Reverse,
    residuals: Sequence[Any],
    sums: Sequence[Any],
    ct_carry: dict[int, Any],
    ct_results: Sequence[Any],
    given: Sequence[bool],
    parts: Parts,
) -> tuple[list[Any], list[Any], list[Any]]:
    """One step back: new sums for constants, new cotangents of carry, those of slices."""
    results = iter(ct_results)
    cts = [ct_carry.get(i) for i in range(parts.n_carry)]
    cts += [next(results) if g else None for g in given]
    ct_consts, new_carry, ct_xs = parts.of(reverse.pull(residuals, cts))
    totals = [
        total if g is None else add(total, g)
        for total, g in zip(sums, chosen(ct_consts, reverse.reached[parts.consts]), strict=True)
    ]
    avals = reverse.forward.in_avals
    carry = [
        zero_of(avals[parts.n_consts + i]) if new_carry[i] is None else new_carry[i]
        for i in ct_carry
    ]
    slices = [
        zero_of(aval) if g is None else g
        for g, aval, r in zip(ct_xs, avals[parts.xs], reverse.reached[parts.xs], strict=True)
        if r
    ]
    return totals, carry, slices


def spread_cotangents(
    outs: Sequence[Any], slots: Sequence[int], reverse: Reverse, parts: Parts
) -> list[Any]:
    """What a backward loop returned, per operand of the loop; None where there is nothing."""
    found = iter(outs)
    consts = [next(found) if r else None for r in reverse.reached[parts.consts]]
    carry: list[Any] = [None] * parts.n_carry
    for i in slots:
        carry[i] = next(found)
    xs = [next(found) if r else None for r in reverse.reached[parts.xs]]
    return [*consts, *carry, *xs]


def rest_body(rest: Graph, invariant: Sequence[bool], sizes: Sequence[int]) -> Graph:
    """The unknown part of a body, with its inputs in a scan's order."""
    k = len(invariant)
    fixed = chosen(rest.inputs[:k], invariant)
    moving = chosen(rest.inputs[:k], [not f for f in invariant])
    consts, carry, xs = cut(rest.inputs[k:], *sizes)
    return with_signature(rest, [*fixed, *consts, *carry, *moving, *xs], rest.outputs)
