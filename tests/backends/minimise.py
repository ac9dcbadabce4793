"""Cuts a graph that the compiler gets wrong down to the part that it gets wrong."""

from __future__ import annotations

import numpy as np

from functorch_lite.compile.passes import optimise
from functorch_lite.core.graph import Graph


def minimise(graph, args, fails):
    """The smallest graph found that still fails.

    Args:
        graph: what fails.
        args: raw arrays.
        fails: ``fails(graph, args)``, whether a graph is got wrong.

    Returns:
        a graph and its arguments; None if nothing fails.
    """
    graph, args = optimise(graph), list(args)
    if not fails(graph, args):
        return None
    values = _values(graph, args)
    shorter = True
    while shorter:
        shorter = _earlier(graph, args, fails) or _cut(graph, args, values, fails)
        if shorter:
            graph, args = shorter
    return graph, args


def _values(graph, args):
    """What every variable is, by the eager functions."""
    env = dict(zip(graph.inputs, args, strict=True))
    env.update({v: c._data for v, c in graph.consts.items()})
    for eqn in graph.eqns:
        out = eqn.op.eager(*[env[v] for v in eqn.inputs], **eqn.params)
        env.update(zip(eqn.outputs, map(np.asarray, out if eqn.op.multi else (out,)), strict=True))
    return env


def _live(graph, args, inputs, eqns, outputs):
    """The part of a graph that its outputs need, with its arguments."""
    needed, kept = set(outputs), []
    for eqn in reversed(eqns):
        if needed.intersection(eqn.outputs):
            kept.append(eqn)
            needed.update(eqn.inputs)
    pairs = [(v, x) for v, x in zip(inputs, args, strict=True) if v in needed]
    consts = {v: c for v, c in graph.consts.items() if v in needed}
    return Graph([v for v, _ in pairs], kept[::-1], outputs, consts), [x for _, x in pairs]


def _earlier(graph, args, fails):
    """The graph up to one of its variables."""
    for eqn in graph.eqns:
        for v in eqn.outputs:
            if graph.outputs == (v,):
                continue
            found = _live(graph, args, graph.inputs, graph.eqns, [v])
            if (len(found[0].eqns) < len(graph.eqns) or len(graph.outputs) > 1) and fails(*found):
                return found
    return None


def _cut(graph, args, values, fails):
    """The graph with one equation's results as arguments."""
    for eqn in reversed(graph.eqns):
        if set(graph.outputs).intersection(eqn.outputs):
            continue
        inputs = [*graph.inputs, *eqn.outputs]
        given = [*args, *[values[v] for v in eqn.outputs]]
        found = _live(graph, given, inputs, [e for e in graph.eqns if e is not eqn], graph.outputs)
        if fails(*found):
            return found
    return None
