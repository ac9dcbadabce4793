"""Graphs derived from a graph: its derivatives, its batched form, its known and unknown parts.

The ops that hold graphs (``call``, ``cond``, ``scan``, ``while_loop``, ``checkpoint``) make their
rules from these. What is derived is kept in the graph's memo, so it is derived once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from functorch_lite.core.array import Array, wrap_stack
from functorch_lite.core.aval import Aval, StackAval, with_axis
from functorch_lite.core.dtypes import is_inexact
from functorch_lite.core.graph import Eqn, Graph, Var, evaluate
from functorch_lite.core.op import Op
from functorch_lite.core.rewrite import dead_code
from functorch_lite.core.stack import zero_stack
from functorch_lite.core.trace import source_here
from functorch_lite.ops import full
from functorch_lite.transforms.batch import BatchTrace, BatchTracer
from functorch_lite.transforms.forward import JVPTrace, JVPTracer
from functorch_lite.transforms.reverse import GradTrace, GradTracer, backward
from functorch_lite.transforms.stage import PartialStageTrace, StageTrace, StageTracer, stage
from functorch_lite.transforms.zeros import without_zeros

__all__ = [
    "Reverse",
    "Split",
    "batched_of",
    "forward_of",
    "reach",
    "reached_outputs",
    "reverse_of",
    "split_of",
    "write_down",
    "zero_of",
]


def zero_of(aval: Aval) -> Array:
    """Zeros of a type; a stack of zeros has whatever length its reader expects."""
    if isinstance(aval, StackAval):
        return wrap_stack(zero_stack(aval))
    found: Array = full(shape=aval.shape, dtype=aval.dtype, value=0)
    return found


def reach(graph: Graph, inputs: Sequence[bool]) -> set[Var]:
    """The variables that depend on some of the inputs, these included.

    An op that holds graphs says for each of its outputs what it depends on, by the ``reach`` in its
    ``info``; an output of any other op depends on all operands.
    """
    found = {v for v, chosen in zip(graph.inputs, inputs, strict=True) if chosen}
    for eqn in graph.eqns:
        mask = [v in found for v in eqn.inputs]
        if any(mask):
            rule = eqn.op.info.get("reach")
            outs = [True] * len(eqn.outputs) if rule is None else rule(eqn.params, mask)
            found.update(v for v, hit in zip(eqn.outputs, outs, strict=True) if hit)
    return found


def reached_outputs(graph: Graph, inputs: Sequence[bool]) -> list[bool]:
    """Per output, whether it depends on some of the inputs."""
    found = reach(graph, inputs)
    return [v in found for v in graph.outputs]


def _once(graph: Graph, key: Any, make: Callable[[], Any]) -> Any:
    if key not in graph.memo:
        graph.memo[key] = make()
    return graph.memo[key]


# ------------------------------------------------------------------------------------ reverse mode
class Reverse(NamedTuple):
    """A graph's forward pass and pullback.

    Attributes:
        forward: the same function; its variables are those that ``residuals`` names.
        residuals: what the pullback needs: inputs, outputs or intermediate values of ``forward``.
        backward: residuals, then cotangents of the live outputs, to cotangents of reached inputs.
        live: per output, whether it depends on a wanted input.
        reached: per input, whether a cotangent comes out for it.
        wanted: per input, whether it was wanted.
        memo: what an op derives from all this.
    """

    forward: Graph
    residuals: tuple[Var, ...]
    backward: Graph
    live: tuple[bool, ...]
    reached: tuple[bool, ...]
    wanted: tuple[bool, ...]
    memo: dict[Any, Any]

    @property
    def linear(self) -> bool:
        """Whether no residual depends on a wanted input."""
        if "linear" not in self.memo:
            found = reach(self.forward, self.wanted)
            self.memo["linear"] = found.isdisjoint(self.residuals)
        answer: bool = self.memo["linear"]
        return answer

    def backward_for(self, cts: Sequence[Any]) -> tuple[Graph, list[Any], tuple[bool, ...]]:
        """The pullback for given cotangents of all outputs, None where they are zero.

        Returns:
            a graph of the residuals and the cotangents that there are, these cotangents, and per
            input whether the graph returns its cotangent.
        """
        live = [ct for ct, alive in zip(cts, self.live, strict=True) if alive]
        zero = tuple(ct is None for ct in live)
        if not any(zero):
            return self.backward, live, self.reached
        if zero not in self.memo:
            mask = [False] * len(self.residuals) + list(zero)
            self.memo[zero] = without_zeros(self.backward, mask)
        graph, kept = self.memo[zero]
        returned = iter(kept)
        reached = tuple(r and next(returned) for r in self.reached)
        return graph, [ct for ct in live if ct is not None], reached

    def pull(self, residuals: Sequence[Any], cts: Sequence[Any]) -> list[Any]:
        """Cotangent of each input or None, under the current trace.

        Args:
            residuals: values of ``residuals``.
            cts: a cotangent per output; those of outputs that are not live are not looked at, and
                None stands for zero.
        """
        graph, given, reached = self.backward_for(cts)
        found = iter(evaluate(graph, [*residuals, *given]))
        return [next(found) if r else None for r in reached]


def reverse_of(graph: Graph, wants: Sequence[bool]) -> Reverse:
    """Forward pass and pullback of a graph with respect to the inputs that are wanted."""
    wants = tuple(bool(w) for w in wants)
    found: Reverse = _once(graph, ("vjp", wants), lambda: _reverse(graph, wants))
    return found


def _reverse(graph: Graph, wants: tuple[bool, ...]) -> Reverse:
    trace = StageTrace(f"the forward pass of {graph.name}")
    with trace:
        args = [trace.arg(v.aval, v.name) for v in graph.inputs]
        grad_trace = GradTrace(f"the forward pass of {graph.name}")
        with grad_trace:
            roots = [
                grad_trace.root(a) if w and is_inexact(a.dtype) else a
                for a, w in zip(args, wants, strict=True)
            ]
            outs = evaluate(graph, roots)
        live = [type(o) is GradTracer and o._trace is grad_trace for o in outs]
        primal_outs = [o.primal if alive else o for o, alive in zip(outs, live, strict=True)]
    trace.alive = True
    back = StageTrace(f"the backward pass of {graph.name}")
    with back:
        alive_outs = [o for o, alive in zip(outs, live, strict=True) if alive]
        seeds = [(o.node, back.arg(o.primal.aval)) for o in alive_outs]
        found = backward(seeds)
    results = [found.get(r.node) if type(r) is GradTracer else None for r in roots]
    back_outs = [back.var_of(r) for r in results if r is not None]
    forward = trace.graph(primal_outs, graph.name)
    trace.alive = False
    pulled = Graph(back.inputs, back.eqns, back_outs, back.consts, f"{graph.name}_backward")
    residuals, pulled = _with_residuals(pulled, trace)
    wanted = tuple(type(r) is GradTracer for r in roots)
    reached = tuple(r is not None for r in results)
    return Reverse(forward, residuals, pulled, tuple(live), reached, wanted, {})


# ------------------------------------------------------------------------------------ forward mode
def forward_of(
    graph: Graph, mask: Sequence[bool], force: Sequence[bool] | None = None
) -> tuple[Graph, tuple[bool, ...]]:
    """The joint graph of values and tangents.

    Args:
        graph: a graph.
        mask: which inputs have a tangent.
        force: outputs that get a tangent in any case, of zeros if need be; not the discrete ones.

    Returns:
        a graph from inputs, then their tangents, to outputs, then their tangents; and which outputs
        have one.
    """
    mask = tuple(mask)
    force = (False,) * len(graph.outputs) if force is None else tuple(force)
    found: tuple[Graph, tuple[bool, ...]] = _once(
        graph, ("jvp", mask, force), lambda: _forward(graph, mask, force)
    )
    return found


def _forward(
    graph: Graph, mask: tuple[bool, ...], force: tuple[bool, ...]
) -> tuple[Graph, tuple[bool, ...]]:
    out_mask: list[bool] = []

    def joint(*args: Any) -> list[Any]:
        primals, ts = args[: len(mask)], iter(args[len(mask) :])
        with JVPTrace(f"the forward derivative of {graph.name}") as trace:
            assert isinstance(trace, JVPTrace)
            pairs = [
                trace.tracer(p, next(ts) if m else None) for p, m in zip(primals, mask, strict=True)
            ]
            outs = evaluate(graph, pairs)
        live = [type(o) is JVPTracer and o._trace is trace for o in outs]
        out_mask[:] = [
            alive or (f and is_inexact(v.aval.dtype))
            for alive, f, v in zip(live, force, graph.outputs, strict=True)
        ]
        primal_outs = [o.primal if alive else o for o, alive in zip(outs, live, strict=True)]
        dots = [
            o.tangent if alive else zero_of(v.aval)
            for o, alive, m, v in zip(outs, live, out_mask, graph.outputs, strict=True)
            if m
        ]
        return primal_outs + dots

    avals = [*graph.in_avals, *[a for a, m in zip(graph.in_avals, mask, strict=True) if m]]
    staged = stage(joint, avals, f"the forward derivative of {graph.name}")
    staged.name = f"{graph.name}_jvp"
    return staged, tuple(out_mask)


# ---------------------------------------------------------------------------------------- batching
def batched_of(
    graph: Graph,
    trace: BatchTrace,
    batched: Sequence[bool],
    force: Sequence[bool] | None = None,
) -> tuple[Graph, tuple[bool, ...]]:
    """The graph over all examples.

    Args:
        graph: a graph.
        trace: gives the size of the new axis and its name.
        batched: which inputs have the axis, in front.
        force: outputs that get the axis in any case.

    Returns:
        the graph, and which outputs have the axis.
    """
    force = (False,) * len(graph.outputs) if force is None else tuple(force)
    size, name, batched = trace.size, trace.axis_name, tuple(batched)
    found: tuple[Graph, tuple[bool, ...]] = _once(
        graph,
        ("batch", size, name, batched, force),
        lambda: _batched(graph, size, name, batched, force),
    )
    return found


def _batched(
    graph: Graph, size: int, name: Any, batched: tuple[bool, ...], force: tuple[bool, ...]
) -> tuple[Graph, tuple[bool, ...]]:
    varies: list[bool] = []

    def over_examples(*values: Any) -> list[Any]:
        with BatchTrace(f"vmap of {graph.name}", size, name) as trace:
            assert isinstance(trace, BatchTrace)
            outs = evaluate(
                graph, [trace.tracer(v) if b else v for v, b in zip(values, batched, strict=True)]
            )
        varies[:] = [
            f or (type(o) is BatchTracer and o._trace is trace)
            for o, f in zip(outs, force, strict=True)
        ]
        return [trace.lower(o) if v else o for o, v in zip(outs, varies, strict=True)]

    avals = [with_axis(a, size) if b else a for a, b in zip(graph.in_avals, batched, strict=True)]
    staged = stage(over_examples, avals, f"vmap of {graph.name}")
    staged.name = f"{graph.name}_vmap"
    return staged, tuple(varies)


# ------------------------------------------------------------------------------ partial evaluation
class Split(NamedTuple):
    """A graph cut in two by which inputs are unknown.

    Attributes:
        known: known inputs to known outputs.
        residuals: variables of ``known`` that the rest needs.
        rest: residuals, then unknown inputs, to unknown outputs.
        out_unknown: per output, whether it belongs to the rest.
    """

    known: Graph
    residuals: tuple[Var, ...]
    rest: Graph
    out_unknown: tuple[bool, ...]


def split_of(graph: Graph, unknown: Sequence[bool], force: Sequence[bool] | None = None) -> Split:
    """Cut a graph; outputs in ``force`` belong to the rest in any case."""
    unknown = tuple(unknown)
    force = (False,) * len(graph.outputs) if force is None else tuple(force)
    found: Split = _once(graph, ("partial", unknown, force), lambda: _split(graph, unknown, force))
    return found


def _split(graph: Graph, unknown: tuple[bool, ...], force: tuple[bool, ...]) -> Split:
    trace = StageTrace(f"the known part of {graph.name}")
    with trace:
        known = [
            None if u else trace.arg(v.aval) for v, u in zip(graph.inputs, unknown, strict=True)
        ]
        partial = PartialStageTrace(f"the unknown part of {graph.name}")
        with partial:
            args = [
                partial.arg(v.aval) if k is None else k
                for v, k in zip(graph.inputs, known, strict=True)
            ]
            outs = evaluate(graph, args)
        out_unknown = tuple(is_unknown(partial, o) or f for o, f in zip(outs, force, strict=True))
        known_outs = [o for o, u in zip(outs, out_unknown, strict=True) if not u]
        rest_outs = [partial.var_of(o) for o, u in zip(outs, out_unknown, strict=True) if u]
        early = trace.graph(known_outs, f"{graph.name}_known")
    late = Graph(partial.inputs, partial.eqns, rest_outs, partial.consts, f"{graph.name}_rest")
    residuals, rest = _with_residuals(late, trace)
    return Split(early, residuals, rest, out_unknown)


def _with_residuals(graph: Graph, trace: StageTrace) -> tuple[tuple[Var, ...], Graph]:
    """Make leading inputs of the values that a graph captured from another one being written.

    Returns:
        the variables of that other graph, each once, and the graph without what it does not need.
    """
    places: dict[Var, Var] = {}
    swap: dict[Var, Var] = {}
    consts = dict(graph.consts)
    for var, value in graph.consts.items():
        if isinstance(value, StageTracer) and value._trace is trace:
            del consts[var]
            swap[var] = places.setdefault(value._var, var)
    eqns = [
        Eqn(e.op, [swap.get(v, v) for v in e.inputs], e.outputs, e.params, e.source)
        for e in graph.eqns
    ]
    outs = [swap.get(v, v) for v in graph.outputs]
    pruned = dead_code(Graph(graph.inputs, eqns, outs, consts, graph.name))
    used = {v for e in pruned.eqns for v in e.inputs} | set(pruned.outputs)
    kept = {place: var for place, var in places.items() if var in used}
    pruned.inputs = (*kept.values(), *graph.inputs)
    return tuple(kept), pruned


def write_down(trace: Any, op: Op, args: Sequence[Any], params: dict[str, Any]) -> tuple[Any, ...]:
    """Add an equation to a stage trace without asking the op's partial rule."""
    inputs = [trace.var_of(a) for a in args]
    outs = op.aval(*[v.aval for v in inputs], **params)
    eqn = Eqn(op, inputs, [Var(a) for a in outs], params, source_here())
    trace.eqns.append(eqn)
    return tuple(trace.tracer(v) for v in eqn.outputs)


def is_unknown(trace: Any, x: Any) -> bool:
    """Whether a value is written down in a partial stage trace."""
    return type(x) is StageTracer and x._trace is trace
