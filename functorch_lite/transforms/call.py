"""``call``: the op that applies a graph, with the rules that make ``jit`` compose with everything.

Each rule derives a graph once and keeps it in the graph's memo: the forward and backward pair for
reverse mode, the joint graph for forward mode, the batched graph, the split into known and unknown
parts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from functorch_lite.core.aval import Aval
from functorch_lite.core.dtypes import is_inexact
from functorch_lite.core.graph import Eqn, Graph, Var, close, evaluate, reference_program
from functorch_lite.core.op import Op, Shared, Whole
from functorch_lite.core.trace import source_here
from functorch_lite.errors import ShapeError
from functorch_lite.ops import full
from functorch_lite.transforms.batch import BatchTrace, BatchTracer
from functorch_lite.transforms.forward import JVPTrace, JVPTracer
from functorch_lite.transforms.reverse import GradTrace, GradTracer, backward
from functorch_lite.transforms.stage import StageTrace, StageTracer, stage

_compile: Callable[[Graph], Callable[..., tuple[Any, ...]]] = reference_program


def set_compiler(compiler: Callable[[Graph], Callable[..., tuple[Any, ...]]]) -> None:
    """Choose what makes a program of a graph; the driver does so when it is imported."""
    global _compile
    _compile = compiler


def program_of(graph: Graph) -> Callable[..., tuple[Any, ...]]:
    """The compiled program of a graph, a function of raw arrays; compiled once."""
    program: Callable[..., tuple[Any, ...]] | None = graph.memo.get("program")
    if program is None:
        program = graph.memo["program"] = _compile(graph)
    return program


def call_graph(graph: Graph, args: Sequence[Any]) -> tuple[Any, ...]:
    """Apply a graph as one op; captured tracers become operands."""
    closed, free = close(graph)
    out: tuple[Any, ...] = call(*free, *args, graph=closed)
    return out


def _eager(*datas: Any, graph: Graph) -> tuple[Any, ...]:
    return program_of(graph)(*datas)


def _aval(*avals: Aval, graph: Graph) -> tuple[Aval, ...]:
    given = [(a.shape, a.dtype) for a in avals]
    wanted = [(a.shape, a.dtype) for a in graph.in_avals]
    if given != wanted:
        raise ShapeError(
            f"call of {graph.name}: the graph takes "
            f"{', '.join(a.short() for a in graph.in_avals)}, got "
            f"{', '.join(a.short() for a in avals)}"
        )
    return graph.out_avals


def _inline(args: Sequence[Any], params: dict[str, Any]) -> tuple[Any, ...]:
    return evaluate(params["graph"], args)


# ------------------------------------------------------------------------------------ reverse mode
def _fwd(primals: Sequence[Any], wants: list[bool], params: dict[str, Any]) -> tuple[Any, Any]:
    graph: Graph = params["graph"]
    key = ("vjp", tuple(wants))
    if key not in graph.memo:
        graph.memo[key] = _reverse_graphs(graph, wants)
    forward, backward_graph, reached = graph.memo[key]
    outs = call_graph(forward, primals)
    n = len(graph.outputs)
    return outs[:n], (outs[n:], backward_graph, reached)


def _reverse_graphs(graph: Graph, wants: list[bool]) -> tuple[Graph, Graph, list[bool]]:
    """Forward graph (to outputs, residuals), backward graph (of residuals, cotangents), reached."""
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
        cts = [back.arg(o.aval) for o in primal_outs]
        seeds = [(o.node, ct) for o, ct, alive in zip(outs, cts, live, strict=True) if alive]
        found = backward(seeds)
    results = [found.get(r.node) if type(r) is GradTracer else None for r in roots]
    reached = [r is not None for r in results]
    back_outs = [back.var_of(r) for r in results if r is not None]
    trace.alive = False
    residuals = [
        (v, c) for v, c in back.consts.items() if isinstance(c, StageTracer) and c._trace is trace
    ]
    held = {v for v, _ in residuals}
    consts = {v: c for v, c in back.consts.items() if v not in held}
    forward_outs = [*primal_outs, *[c for _, c in residuals]]
    forward = trace.graph(forward_outs, f"{graph.name}_forward")
    backward_graph = Graph(
        [*[v for v, _ in residuals], *back.inputs], back.eqns, back_outs, consts,
        f"{graph.name}_backward",
    )  # fmt: skip
    return forward, backward_graph, reached


def _vjp(
    cts: list[Any], saved: Any, args: Sequence[Any], params: dict[str, Any], wants: list[bool]
) -> list[Any]:
    residuals, graph, reached = saved
    avals = graph.in_avals[len(residuals) :]
    explicit = [
        full(shape=a.shape, dtype=a.dtype, value=0) if ct is None else ct
        for ct, a in zip(cts, avals, strict=True)
    ]
    found = iter(call_graph(graph, [*residuals, *explicit]))
    return [next(found) if r else None for r in reached]


# ------------------------------------------------------------------------------------ forward mode
def _jvp(
    primals: list[Any], tangents: list[Any], params: dict[str, Any]
) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    graph: Graph = params["graph"]
    mask = tuple(t is not None for t in tangents)
    key = ("jvp", mask)
    if key not in graph.memo:
        graph.memo[key] = _forward_graph(graph, mask)
    joint, out_mask = graph.memo[key]
    outs = call_graph(joint, [*primals, *[t for t in tangents if t is not None]])
    n = len(graph.outputs)
    rest = iter(outs[n:])
    return outs[:n], tuple(next(rest) if m else None for m in out_mask)


def _forward_graph(graph: Graph, mask: tuple[bool, ...]) -> tuple[Graph, list[bool]]:
    """Graph of (primals, live tangents) -> (outputs, live output tangents)."""
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
        out_mask[:] = live
        primal_outs = [o.primal if alive else o for o, alive in zip(outs, live, strict=True)]
        return primal_outs + [o.tangent for o, alive in zip(outs, live, strict=True) if alive]

    avals = [*graph.in_avals, *[a for a, m in zip(graph.in_avals, mask, strict=True) if m]]
    staged = stage(joint, avals, f"the forward derivative of {graph.name}")
    staged.name = f"{graph.name}_jvp"
    return staged, out_mask


# ---------------------------------------------------------------------------------------- batching
def _batch(
    size: int, args: list[Any], batched: list[bool], params: dict[str, Any]
) -> tuple[Any, ...]:
    graph: Graph = params["graph"]
    key = ("batch", size, tuple(batched))
    if key not in graph.memo:
        graph.memo[key] = _batched_graph(graph, size, batched)
    batched_graph, varies = graph.memo[key]
    outs = call_graph(batched_graph, args)
    return tuple(o if v else Shared(o) for o, v in zip(outs, varies, strict=True))


def _batched_graph(graph: Graph, size: int, batched: list[bool]) -> tuple[Graph, list[bool]]:
    """The graph over all examples, and for each output whether it varies between them."""
    varies: list[bool] = []

    def over_examples(*values: Any) -> list[Any]:
        with BatchTrace(f"vmap of {graph.name}", size) as trace:
            assert isinstance(trace, BatchTrace)
            outs = evaluate(
                graph, [trace.tracer(v) if b else v for v, b in zip(values, batched, strict=True)]
            )
        varies[:] = [type(o) is BatchTracer and o._trace is trace for o in outs]
        return [o.value if v else o for o, v in zip(outs, varies, strict=True)]

    avals = [
        Aval((size, *a.shape), a.dtype) if b else a
        for a, b in zip(graph.in_avals, batched, strict=True)
    ]
    staged = stage(over_examples, avals, f"vmap of {graph.name}")
    staged.name = f"{graph.name}_vmap"
    return staged, varies


# ------------------------------------------------------------------------------ partial evaluation
def flatten_calls(graph: Graph) -> Graph:
    """The same program with the graphs of its calls written out in place."""
    if not any(e.op is call for e in graph.eqns):
        return graph
    eqns: list[Eqn] = []
    consts = dict(graph.consts)
    swap: dict[Var, Var] = {}

    def emit(g: Graph, env: dict[Var, Var]) -> None:
        for eqn in g.eqns:
            inputs = [env.get(v, v) for v in eqn.inputs]
            if eqn.op is call:
                inner: Graph = eqn.params["graph"]
                inner_env = dict(zip(inner.inputs, inputs, strict=True))
                for v, c in inner.consts.items():
                    inner_env[v] = Var(v.aval, v.name)
                    consts[inner_env[v]] = c
                emit(inner, inner_env)
                outs = [inner_env.get(v, v) for v in inner.outputs]
                env.update(zip(eqn.outputs, outs, strict=True))
            else:
                fresh = eqn.outputs if g is graph else [Var(v.aval, v.name) for v in eqn.outputs]
                env.update(zip(eqn.outputs, fresh, strict=True))
                eqns.append(Eqn(eqn.op, inputs, fresh, eqn.params, eqn.source))

    emit(graph, swap)
    return Graph(graph.inputs, eqns, [swap.get(v, v) for v in graph.outputs], consts, graph.name)


def _partial(trace: Any, args: Sequence[Any], params: dict[str, Any]) -> tuple[Any, ...]:
    """Run what does not depend on unknown operands now; write down the rest."""
    graph: Graph = params["graph"]
    unknown = tuple(type(a) is StageTracer and a._trace is trace for a in args)
    key = ("partial", unknown)
    if key not in graph.memo:
        graph.memo[key] = split(flatten_calls(graph), unknown)
    known_graph, unknown_graph, out_unknown = graph.memo[key]
    known_args = [a for a, u in zip(args, unknown, strict=True) if not u]
    known = call_graph(known_graph, known_args)
    n = out_unknown.count(False)
    rest_args = [*known[n:], *[a for a, u in zip(args, unknown, strict=True) if u]]
    rest = write_down(trace, call, rest_args, {"graph": unknown_graph})
    known_iter, rest_iter = iter(known[:n]), iter(rest)
    return tuple(next(rest_iter) if u else next(known_iter) for u in out_unknown)


def write_down(trace: Any, op: Op, args: Sequence[Any], params: dict[str, Any]) -> tuple[Any, ...]:
    """Add an equation to a stage trace without asking the op's partial rule."""
    inputs = [trace.var_of(a) for a in args]
    outs = op.aval(*[v.aval for v in inputs], **params)
    eqn = Eqn(op, inputs, [Var(a) for a in outs], params, source_here())
    trace.eqns.append(eqn)
    return tuple(trace.tracer(v) for v in eqn.outputs)


def split(graph: Graph, unknown: Sequence[bool]) -> tuple[Graph, Graph, list[bool]]:
    """Split a graph by which inputs are unknown.

    Returns:
        the known graph (known outputs, then residuals), the unknown graph (residuals, then unknown
        inputs), and for each output whether it is unknown.
    """
    late = {v for v, u in zip(graph.inputs, unknown, strict=True) if u}
    early_eqns, late_eqns = [], []
    for eqn in graph.eqns:
        if any(v in late for v in eqn.inputs):
            late_eqns.append(eqn)
            late.update(eqn.outputs)
        else:
            early_eqns.append(eqn)
    out_unknown = [v in late for v in graph.outputs]
    used = dict.fromkeys(v for e in late_eqns for v in e.inputs)
    consts = {v: c for v, c in graph.consts.items() if v in used}
    residuals = [v for v in used if v not in late and v not in graph.consts]
    known_inputs = [v for v, u in zip(graph.inputs, unknown, strict=True) if not u]
    known_outs = [v for v, u in zip(graph.outputs, out_unknown, strict=True) if not u]
    known = Graph(
        known_inputs, early_eqns, [*known_outs, *residuals], graph.consts, graph.name + "_known"
    )
    rest_inputs = [v for v, u in zip(graph.inputs, unknown, strict=True) if u]
    rest_outs = [v for v, u in zip(graph.outputs, out_unknown, strict=True) if u]
    rest = Graph([*residuals, *rest_inputs], late_eqns, rest_outs, consts, graph.name + "_rest")
    return known, rest, out_unknown


call = Op(
    "call",
    ("*args",),
    _eager,
    _aval,
    Whole(_jvp),
    Whole(_vjp, ("ans",)),
    _batch,
    multi=True,
    family="higher-order",
)
call.fwd = _fwd
call.partial = _partial
call.inline = _inline

__all__ = ["call", "call_graph", "flatten_calls", "program_of", "set_compiler", "split"]
