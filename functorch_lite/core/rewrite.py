"""Small edits of graphs that several layers need: closing, pruning, selecting a part."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from functorch_lite.core.array import Tracer
from functorch_lite.core.graph import Eqn, Graph, Var, subgraphs

__all__ = [
    "all_equations",
    "close",
    "dead_code",
    "dependents",
    "free_tracers",
    "has_effect",
    "with_signature",
]


def free_tracers(graph: Graph) -> list[tuple[Var, Tracer]]:
    """The captured values that are tracers of outer transforms."""
    return [(v, c) for v, c in graph.consts.items() if isinstance(c, Tracer)]


def close(graph: Graph) -> tuple[Graph, list[Tracer]]:
    """Turn captured tracers into leading inputs; returns the graph and their values."""
    free = free_tracers(graph)
    if not free:
        return graph, []
    consts = {v: c for v, c in graph.consts.items() if not isinstance(c, Tracer)}
    closed = Graph(
        [*[v for v, _ in free], *graph.inputs], graph.eqns, graph.outputs, consts, graph.name
    )
    return closed, [c for _, c in free]


def with_signature(
    graph: Graph, inputs: Sequence[Var], outputs: Sequence[Var], name: str | None = None
) -> Graph:
    """The same equations between other inputs and outputs."""
    consts = {v: c for v, c in graph.consts.items() if v not in inputs}
    return Graph(inputs, graph.eqns, outputs, consts, graph.name if name is None else name)


def has_effect(eqn: Eqn) -> bool:
    """Whether an equation, or one inside its graphs, does something beside computing its result."""
    return bool(eqn.op.info.get("effect")) or any(
        has_effect(inner) for sub in subgraphs(eqn) for inner in sub.eqns
    )


def dead_code(graph: Graph) -> Graph:
    """Drop equations and constants that no output needs."""
    live = set(graph.outputs)
    kept: list[Eqn] = []
    for eqn in reversed(graph.eqns):
        if any(v in live for v in eqn.outputs) or has_effect(eqn):
            kept.append(eqn)
            live.update(eqn.inputs)
    consts = {v: c for v, c in graph.consts.items() if v in live}
    return Graph(graph.inputs, kept[::-1], graph.outputs, consts, graph.name)


def dependents(graph: Graph, sources: Collection[Var]) -> set[Var]:
    """The variables that depend on any of ``sources``, themselves included."""
    found = set(sources)
    for eqn in graph.eqns:
        if any(v in found for v in eqn.inputs) or has_effect(eqn):
            found.update(eqn.outputs)
    return found


def all_equations(graph: Graph) -> Iterator[Eqn]:
    """Every equation of a graph and of the graphs inside it."""
    for eqn in graph.eqns:
        yield eqn
        for sub in subgraphs(eqn):
            yield from all_equations(sub)
