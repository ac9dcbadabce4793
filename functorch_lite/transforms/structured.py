"""Functions of trees as graphs: what control flow and ``checkpoint`` make of users' functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from functorch_lite.core import tree
from functorch_lite.core.aval import Aval, make_aval
from functorch_lite.core.dtypes import default_dtype
from functorch_lite.core.graph import Eqn, Graph, Var
from functorch_lite.core.rewrite import close
from functorch_lite.core.trace import function_name
from functorch_lite.ops import cast
from functorch_lite.transforms.arguments import outputs_as_arrays
from functorch_lite.transforms.stage import StageTrace

__all__ = ["Staged", "share_captures", "stage_tree", "type_text"]


class Staged:
    """A function of trees, staged.

    Attributes:
        graph: takes the captured values, then the leaves; returns the output leaves.
        free: the captured values that belong to outer transforms.
        tree: structure of the output.
        avals: types of the output leaves, with their weakness.
    """

    __slots__ = ("avals", "free", "graph", "tree")

    def __init__(self, graph: Graph, free: list[Any], treedef: Any, avals: list[Aval]) -> None:
        self.graph, self.free, self.tree, self.avals = graph, free, treedef, avals

    def as_types(self, dtypes: Sequence[Any]) -> Graph:
        """The graph with its outputs cast to the given dtypes."""
        eqns, outs = list(self.graph.eqns), []
        for var, dtype in zip(self.graph.outputs, dtypes, strict=True):
            if var.aval.dtype != dtype:
                new = Var(make_aval(var.aval.shape, dtype))
                eqns.append(Eqn(cast, [var], [new], {"dtype": dtype}))
                var = new
            outs.append(var)
        graph = self.graph
        return Graph(graph.inputs, eqns, outs, graph.consts, graph.name)


def stage_tree(
    f: Callable[..., Any],
    label: str,
    treedef: Any,
    avals: Sequence[Aval],
    names: Sequence[str | None] | None = None,
) -> Staged:
    """Stage ``f(*args)``, where the leaves of args have the given types (weak ones included)."""
    name = function_name(f)
    names = [None] * len(avals) if names is None else names
    with StageTrace(label) as trace:
        assert isinstance(trace, StageTrace)
        tracers = [
            trace.arg(make_aval(a.shape, a.dtype), n, a.weak)
            for a, n in zip(avals, names, strict=True)
        ]
        out = f(*tree.unflatten(treedef, tracers))
        outs, weak, out_tree = outputs_as_arrays(out, name, label)
        graph = trace.graph(outs, name if name.isidentifier() else "body")
    closed, free = close(graph)
    types = [Aval(v.aval.shape, v.aval.dtype, w) for v, w in zip(graph.outputs, weak, strict=True)]
    return Staged(closed, free, out_tree, types)


def settled_dtype(aval: Aval) -> Any:
    """The dtype of a value outside the transform that made it."""
    return default_dtype(aval.dtype) if aval.weak else aval.dtype


def share_captures(
    graphs: Sequence[Graph], free: Sequence[Sequence[Any]]
) -> tuple[list[Graph], list[Any]]:
    """Give graphs with captured values in front one common list of them.

    Returns:
        the graphs, each taking all captured values, and these values, each once.
    """
    values: dict[int, Any] = {}
    for group in free:
        for x in group:
            values.setdefault(id(x), x)
    found = []
    for graph, group in zip(graphs, free, strict=True):
        own = {id(x): v for x, v in zip(group, graph.inputs, strict=False)}
        lead = [own.get(key) or Var(_plain(x.aval)) for key, x in values.items()]
        inputs = [*lead, *graph.inputs[len(group) :]]
        found.append(Graph(inputs, graph.eqns, graph.outputs, graph.consts, graph.name))
    return found, list(values.values())


def _plain(aval: Aval) -> Aval:
    return make_aval(aval.shape, aval.dtype) if aval.weak else aval


def type_text(aval: Aval) -> str:
    """A type in a message."""
    return aval.short() + (" (a Python number)" if aval.weak else "")
