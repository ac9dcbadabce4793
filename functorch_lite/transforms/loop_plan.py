"""What a loop keeps for the loop of its derivative, and where.

Values of the loop's body that a later loop needs are kept in the cheapest place: a constant of the
loop or a value computed from constants alone is kept once, a slice of an operand stays in that
operand, a value that the loop returns for every step is not kept twice. Only the rest is stacked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from functorch_lite.core.graph import Graph, Var
from functorch_lite.core.rewrite import dead_code, dependents
from functorch_lite.transforms.call import call_graph

__all__ = ["Keeping", "Kept", "plan_loop"]


class Keeping(NamedTuple):
    """A loop body that also returns, for every step, what a later loop needs.

    Attributes:
        body: takes constants, hoisted values, carry, slices; returns carry, old and new results.
        hoist: graph from the constants to the hoisted values, or None if there are none.
        where: per kept value ``(kind, position)``: ``"const"`` among the constants, ``"hoisted"``,
            ``"slice"`` among the sliced operands, or ``"result"`` among the results.
    """

    body: Graph
    hoist: Graph | None
    where: tuple[tuple[str, int], ...]

    @property
    def invariant(self) -> tuple[bool, ...]:
        """Per kept value, whether it is the same in every step."""
        return tuple(kind in ("const", "hoisted") for kind, _ in self.where)

    def hoisted(self, consts: Sequence[Any]) -> tuple[Any, ...]:
        """The hoisted values."""
        return () if self.hoist is None else call_graph(self.hoist, consts)

    def find(
        self, consts: Sequence[Any], hoisted: Sequence[Any], xs: Sequence[Any], ys: Sequence[Any]
    ) -> Kept:
        """The kept values, after the loop has run."""
        have = {"const": consts, "hoisted": hoisted, "slice": xs, "result": ys}
        values = [have[kind][i] for kind, i in self.where]
        return Kept(tuple(values), self.invariant)


class Kept(NamedTuple):
    """Values for a later loop.

    Attributes:
        values: constants of that loop, and operands that it slices.
        invariant: which are constants.
    """

    values: tuple[Any, ...]
    invariant: tuple[bool, ...]

    @property
    def constants(self) -> list[Any]:
        """Those that are the same in every step."""
        return [v for v, fixed in zip(self.values, self.invariant, strict=True) if fixed]

    @property
    def steps(self) -> list[Any]:
        """Those that have a value for every step."""
        return [v for v, fixed in zip(self.values, self.invariant, strict=True) if not fixed]


def merge(invariant: Sequence[bool], constants: Sequence[Any], steps: Sequence[Any]) -> list[Any]:
    """The kept values in their order, of one step."""
    fixed, moving = iter(constants), iter(steps)
    return [next(fixed) if f else next(moving) for f in invariant]


def plan_loop(body: Graph, kept: Sequence[Var], n_consts: int, n_carry: int) -> Keeping:
    """Plan where the values ``kept`` of a loop's body are found after the loop.

    Args:
        body: takes constants, carry and slices, returns carry and results.
        kept: variables of the body.
        n_consts, n_carry: how many inputs are constants, and carry.
    """
    consts, moving = body.inputs[:n_consts], body.inputs[n_consts:]
    slices = moving[n_carry:]
    results = list(body.outputs[n_carry:])
    varying = dependents(body, moving)
    wanted = {v for v in kept if v not in varying and v not in consts}
    hoisted_eqns = [e for e in body.eqns if any(v in wanted for v in e.outputs)]
    hoisted = [v for e in hoisted_eqns for v in e.outputs]
    hoist = None
    if hoisted:
        hoist = dead_code(Graph(consts, body.eqns, hoisted, body.consts, f"{body.name}_invariant"))
    where: list[tuple[str, int]] = []
    for var in kept:
        if var in consts:
            where.append(("const", consts.index(var)))
        elif var in hoisted:
            where.append(("hoisted", hoisted.index(var)))
        elif var in slices:
            where.append(("slice", slices.index(var)))
        else:
            if var not in results:
                results.append(var)
            where.append(("result", results.index(var)))
    rest = [e for e in body.eqns if not any(v in wanted for v in e.outputs)]
    keeping = dead_code(
        Graph(
            [*consts, *hoisted, *moving], rest, [*body.outputs[:n_carry], *results], body.consts,
            body.name,
        )
    )  # fmt: skip
    return Keeping(keeping, hoist, tuple(where))
