"""``call``: the op that applies a graph, with the rules that make ``jit`` compose with everything.

Each rule derives a graph once and keeps it in the graph's memo: the forward and backward pair for
reverse mode, the joint graph for forward mode, the batched graph, the split into known and unknown
parts.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

from functorch_lite.core.aval import Aval, short_list
from functorch_lite.core.graph import Eqn, Graph, Var, evaluate, reference_program, same_types
from functorch_lite.core.op import Op, Shared
from functorch_lite.core.rewrite import close, with_signature
from functorch_lite.core.trace import state
from functorch_lite.errors import ShapeError
from functorch_lite.transforms.batch import BatchTrace
from functorch_lite.transforms.derived import (
    Reverse,
    batched_of,
    forward_of,
    is_unknown,
    reached_outputs,
    reverse_of,
    split_of,
    write_down,
)
from functorch_lite.transforms.higher_order import higher_order

Program = Callable[..., tuple[Any, ...]]


def _interpret(graph: Graph, backend: str | None) -> Program:
    return reference_program(graph)


_compile: Callable[[Graph, str | None], Program] = _interpret


def set_compiler(compiler: Callable[[Graph, str | None], Program]) -> None:
    """Choose what makes a program of a graph; the driver does so when it is imported."""
    global _compile
    _compile = compiler


def program_of(graph: Graph, backend: str | None = None) -> Program:
    """The compiled program of a graph, a function of raw arrays; compiled once.

    Args:
        graph: without captured tracers.
        backend: a backend's name; by default that of the program around this call, if there is one.
    """
    key = "program", backend or state.backend
    program: Program | None = graph.memo.get(key)
    if program is None:
        program = graph.memo[key] = _compile(graph, key[1])
    return program


def call_graph(graph: Graph, args: Sequence[Any]) -> tuple[Any, ...]:
    """Apply a graph as one op; captured tracers become operands."""
    closed, free = close(graph)
    out: tuple[Any, ...] = call(*free, *args, graph=closed)
    return out


def _eager(*datas: Any, graph: Graph) -> tuple[Any, ...]:
    return program_of(graph)(*datas)


def check_operands(what: str, graph: Graph, avals: Sequence[Aval]) -> None:
    """Raise unless values of these types can be given to a graph."""
    if not same_types(avals, graph.in_avals):
        raise ShapeError(
            f"{what} of {graph.name}: the graph takes {short_list(graph.in_avals)}, got "
            f"{short_list(avals)}"
        )


def _aval(*avals: Aval, graph: Graph) -> tuple[Aval, ...]:
    check_operands("call", graph, avals)
    return graph.out_avals


def inline_graph(args: Sequence[Any], params: dict[str, Any]) -> tuple[Any, ...]:
    """An op that applies one graph, as the ops of the graph."""
    return evaluate(params["graph"], args)


def reach_graph(params: dict[str, Any], mask: Sequence[bool]) -> list[bool]:
    """Which outputs of an op that applies one graph depend on some of the operands."""
    return reached_outputs(params["graph"], mask)


# ------------------------------------------------------------------------------------ reverse mode
class Places(NamedTuple):
    """Where values of a graph are found among its inputs and outputs.

    Attributes:
        extra: those that are neither, in the order in which they are to be appended to the outputs.
        where: per value, its position among inputs and then outputs, the extra ones included.
    """

    extra: tuple[Var, ...]
    where: tuple[int, ...]

    def of(self, inputs: Sequence[Any], outputs: Sequence[Any]) -> list[Any]:
        """The values."""
        have = [*inputs, *outputs]
        return [have[i] for i in self.where]


def place(values: Sequence[Var], graph: Graph) -> Places:
    """Find values of a graph; an input or output that is one of them is not kept twice."""
    known = {v: i for i, v in reversed(list(enumerate((*graph.inputs, *graph.outputs))))}
    extra = tuple(dict.fromkeys(v for v in values if v not in known))
    known.update({v: len(graph.inputs) + len(graph.outputs) + i for i, v in enumerate(extra)})
    return Places(extra, tuple(known[v] for v in values))


def _fwd(
    primals: Sequence[Any], wants: list[bool], params: dict[str, Any]
) -> tuple[Any, Any, Sequence[bool]]:
    graph: Graph = params["graph"]
    reverse = reverse_of(graph, wants)
    if "call" not in reverse.memo:
        places = place(reverse.residuals, reverse.forward)
        kept = [*reverse.forward.outputs, *places.extra]
        forward = with_signature(
            reverse.forward, reverse.forward.inputs, kept, f"{graph.name}_forward"
        )
        reverse.memo["call"] = forward, places
    forward, places = reverse.memo["call"]
    outs = call_graph(forward, primals)
    saved = Saved(reverse, places.of(primals, outs))
    return outs[: len(graph.outputs)], saved, reverse.live


class Saved(NamedTuple):
    """What the pullback of an applied graph gets: the pair of graphs, values of its residuals."""

    reverse: Reverse
    values: list[Any]

    @property
    def linear(self) -> bool:
        """Whether the graph is linear in the wanted operands."""
        return self.reverse.linear


def _vjp(
    cts: list[Any], saved: Saved, args: Sequence[Any], params: dict[str, Any], wants: list[bool]
) -> list[Any]:
    graph, given, reached = saved.reverse.backward_for(cts)
    found = iter(call_graph(graph, [*saved.values, *given]))
    return [next(found) if r else None for r in reached]


# -------------------------------------------------------------------------- forward mode, batching
def _jvp(
    primals: list[Any], tangents: list[Any], params: dict[str, Any]
) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    return joint_call(call, primals, tangents, params)


def joint_call(
    op: Op, primals: Sequence[Any], tangents: Sequence[Any], params: dict[str, Any]
) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Values and tangents of an op that applies one graph, by the op on the joint graph."""
    graph: Graph = params["graph"]
    joint, out_mask = forward_of(graph, [t is not None for t in tangents])
    outs = op(*primals, *[t for t in tangents if t is not None], **{**params, "graph": joint})
    n = len(graph.outputs)
    rest = iter(outs[n:])
    return outs[:n], tuple(next(rest) if m else None for m in out_mask)


def batched_call(
    op: Op,
    trace: BatchTrace,
    args: Sequence[Any],
    batched: Sequence[bool],
    params: dict[str, Any],
) -> tuple[Any, ...]:
    """The outputs over all examples of an op that applies one graph, by the op itself."""
    graph, varies = batched_of(params["graph"], trace, batched)
    outs = op(*args, **{**params, "graph": graph})
    return tuple(o if v else Shared(o) for o, v in zip(outs, varies, strict=True))


# ------------------------------------------------------------------------------ partial evaluation
def flatten_calls(graph: Graph, ops: Collection[str] = ("call",)) -> Graph:
    """The same program with the graphs of its calls (or of other ops of that form) in place."""
    if not any(e.op.name in ops for e in graph.eqns):
        return graph
    eqns: list[Eqn] = []
    consts = dict(graph.consts)
    swap: dict[Var, Var] = {}
    _emit(graph, swap, eqns, consts, ops, True)
    return Graph(graph.inputs, eqns, [swap.get(v, v) for v in graph.outputs], consts, graph.name)


def _emit(
    graph: Graph,
    env: dict[Var, Var],
    eqns: list[Eqn],
    consts: dict[Var, Any],
    ops: Collection[str],
    outermost: bool,
) -> None:
    """Append a graph's equations, and in place of its calls those of the graphs they apply."""
    for eqn in graph.eqns:
        inputs = [env.get(v, v) for v in eqn.inputs]
        if eqn.op.name not in ops:
            fresh = eqn.outputs if outermost else [Var(v.aval, v.name) for v in eqn.outputs]
            env.update(zip(eqn.outputs, fresh, strict=True))
            eqns.append(Eqn(eqn.op, inputs, fresh, eqn.params, eqn.source))
            continue
        inner: Graph = eqn.params["graph"]
        inner_env = dict(zip(inner.inputs, inputs, strict=True))
        for v, c in inner.consts.items():
            inner_env[v] = Var(v.aval, v.name)
            consts[inner_env[v]] = c
        _emit(inner, inner_env, eqns, consts, ops, False)
        outs = [inner_env.get(v, v) for v in inner.outputs]
        env.update(zip(eqn.outputs, outs, strict=True))


def flattened(graph: Graph) -> Graph:
    """``flatten_calls``, remembered."""
    found: Graph | None = graph.memo.get("flat")
    if found is None:
        found = flatten_calls(graph)
        if found is not graph:  # a graph that held itself would be a reference cycle
            graph.memo["flat"] = found
    return found


def _partial(trace: Any, args: Sequence[Any], params: dict[str, Any]) -> tuple[Any, ...]:
    """Run what does not depend on unknown operands now; write down the rest."""
    unknown = [is_unknown(trace, a) for a in args]
    split = split_of(params["graph"], unknown)
    places = place(split.residuals, split.known)
    known_graph = with_signature(
        split.known, split.known.inputs, [*split.known.outputs, *places.extra]
    )
    known_args = [a for a, u in zip(args, unknown, strict=True) if not u]
    known = call_graph(known_graph, known_args)
    residuals = places.of(known_args, known)
    rest_args = [*residuals, *[a for a, u in zip(args, unknown, strict=True) if u]]
    rest = write_down(trace, call, rest_args, {"graph": split.rest})
    known_iter, rest_iter = iter(known), iter(rest)
    return tuple(next(rest_iter) if u else next(known_iter) for u in split.out_unknown)


call: Op = higher_order(
    "call",
    eager=_eager,
    aval=_aval,
    fwd=_fwd,
    vjp=_vjp,
    jvp=_jvp,
    batch=lambda *rest: batched_call(call, *rest),
    inline=inline_graph,
    partial=_partial,
    prints_as_call=True,
    reach=reach_graph,
)

__all__ = ["call", "call_graph", "flatten_calls", "program_of", "set_compiler"]
