"""A staged function as a container: its program is structure, what it closes over are leaves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from functorch_lite.core import tree
from functorch_lite.core.array import Tracer, make_strong
from functorch_lite.core.aval import Aval
from functorch_lite.core.graph import Graph
from functorch_lite.core.rewrite import with_signature
from functorch_lite.core.trace import function_name
from functorch_lite.errors import ShapeError, TreeError
from functorch_lite.ops import cast
from functorch_lite.transforms.arguments import Flat, finish, outputs_as_arrays
from functorch_lite.transforms.call import call_graph
from functorch_lite.transforms.stage import StageTrace

__all__ = ["ClosedFunction"]


class ClosedFunction:
    """A function of trees, staged for arguments of given types; may leave a transform as data.

    The values that the function closes over are the leaves of the container, so that ``jit``
    returns them, ``vmap`` batches them and derivatives go through them, like any tree's.

    Attributes:
        label: what to call it in messages.
        graph: the program; takes the closed-over values, then the arguments.
        in_tree, out_tree: structures of the tuple of arguments and of the result.
        weak: per result, whether it stems from Python scalars alone.
        values: what the function closes over.
    """

    def __init__(
        self, label: str, graph: Graph, in_tree: Any, out_tree: Any, weak: Sequence[bool],
        values: Sequence[Any],
    ) -> None:  # fmt: skip
        self.label, self.graph = label, graph
        self.in_tree, self.out_tree = in_tree, out_tree
        self.weak, self.values = tuple(weak), tuple(values)

    @staticmethod
    def of(fun: Callable[..., Any], types: Any, label: str) -> ClosedFunction:
        """Stage a function.

        Args:
            fun: function of trees of arrays; it may use values of transforms around the call.
            types: tuple of the arguments' trees, with ``ShapeDtypeStruct`` leaves.
            label: what to call it in messages.
        """
        leaves, in_tree = tree.flatten(types)
        with StageTrace(label) as trace:
            assert isinstance(trace, StageTrace)
            tracers = [trace.arg(Aval(a.shape, a.dtype, a.weak), None, a.weak) for a in leaves]
            out = fun(*tree.unflatten(in_tree, tracers))
            outs, weak, out_tree = outputs_as_arrays(out, function_name(fun), label)
            graph = trace.graph([make_strong(o) for o in outs], function_name(fun))
        # A single number stays in the program, where it may be folded.
        held = {v: c for v, c in graph.consts.items() if isinstance(c, Tracer) or c.size != 1}
        whole = with_signature(graph, [*held, *graph.inputs], graph.outputs)
        return ClosedFunction(label, whole, in_tree, out_tree, weak, list(held.values()))

    def __call__(self, *args: Any) -> Any:
        flat = Flat(args, lambda: tree.leaf_names(args, "args"), self.label)
        if flat.treedef != self.in_tree:
            raise TreeError(
                f"{self.label}: called with arguments of structure {flat.treedef}, expected "
                f"{self.in_tree}."
            )
        types = self.graph.in_avals
        given = [
            self._fitting(x, weak, aval)
            for x, weak, aval in zip(flat.arrays, flat.weak, types[len(self.values) :], strict=True)
        ]
        # A number that came from Python's has the default dtype outside of the transform.
        held = [
            make_strong(x) if x.dtype == aval.dtype else cast(x, dtype=aval.dtype)
            for x, aval in zip(self.values, types, strict=False)
        ]
        outs = call_graph(self.graph, [*held, *given])
        found = [finish(o, w) for o, w in zip(outs, self.weak, strict=True)]
        return tree.unflatten(self.out_tree, found)

    def _fitting(self, x: Any, weak: bool, aval: Aval) -> Any:
        if x.shape != aval.shape or (x.dtype != aval.dtype and not (weak or aval.weak)):
            raise ShapeError(
                f"{self.label}: called with {x.aval.short()} where {aval.short()} is expected. "
                "Remedy: an array of that shape and dtype."
            )
        return make_strong(x) if x.dtype == aval.dtype else cast(x, dtype=aval.dtype)

    def __repr__(self) -> str:
        return f"<{self.graph.name} with {len(self.values)} arrays>"


def _flatten(closed: ClosedFunction) -> tuple[Any, Any]:
    kept = closed.label, closed.graph, closed.in_tree, closed.out_tree, closed.weak
    return closed.values, kept


def _unflatten(kept: Any, values: Any) -> ClosedFunction:
    label, graph, in_tree, out_tree, weak = kept
    return ClosedFunction(label, graph, in_tree, out_tree, weak, tuple(values))


tree.register_pytree_node(ClosedFunction, _flatten, _unflatten)
