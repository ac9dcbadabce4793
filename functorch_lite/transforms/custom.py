"""``custom_call``: the op that applies a function whose derivatives the user gives.

Under a transform that differentiates, the user's rule runs as Python under the transform's parent,
so it may look at values wherever values exist. Staging writes the function's graph down together
with its rule; batching makes the function and its rule work on all examples.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from typing import Any

from functorch_lite.core import tree
from functorch_lite.core.aval import Aval, make_aval
from functorch_lite.core.dtypes import is_inexact
from functorch_lite.core.graph import Graph, evaluate
from functorch_lite.core.op import Op, Shared
from functorch_lite.core.rewrite import close
from functorch_lite.core.trace import Reenter, Trace, function_name, state
from functorch_lite.errors import EscapedTracerError, GradientError
from functorch_lite.ops import reduce_sum
from functorch_lite.transforms.batch import BatchTrace, BatchTracer
from functorch_lite.transforms.call import check_operands, program_of
from functorch_lite.transforms.concrete import PrimalTracer
from functorch_lite.transforms.derived import batched_of, write_down
from functorch_lite.transforms.higher_order import higher_order
from functorch_lite.transforms.linear import transpose_graph
from functorch_lite.transforms.stage import PartialStageTrace, StageTrace, stage

__all__ = ["Rules", "apply_custom", "custom_call", "run_rule"]

Arrays = Sequence[Any]


class Rules:
    """A function of flat arrays with its derivative, as ``custom_call`` uses it.

    A tangent or cotangent of None is zero. Subclasses give ``jvp``, or ``fwd`` and ``bwd``.

    Attributes:
        label: names the function in messages.
        reverse: whether the derivative is given as ``fwd`` and ``bwd``.
    """

    label: str
    reverse: bool

    def primal(self, args: Arrays) -> list[Any]:
        """The function's outputs."""
        raise GradientError(f"{self.label}: no function")

    def jvp(self, args: Arrays, tangents: Arrays) -> tuple[list[Any], list[Any]]:
        """Outputs and their tangents."""
        raise GradientError(f"{self.label}: no rule for forward mode")

    def fwd(self, args: Arrays, wants: Sequence[bool]) -> tuple[list[Any], Any]:
        """Outputs and residuals, any tree."""
        raise GradientError(f"{self.label}: no rule for reverse mode")

    def bwd(self, residuals: Any, cts: Arrays) -> list[Any]:
        """Cotangent of each argument, or None."""
        raise GradientError(f"{self.label}: no rule for reverse mode")


def apply_custom(rules: Rules, args: Arrays) -> Sequence[Any]:
    """The function's outputs under the current trace."""
    outs: Sequence[Any] = custom_call(*args, graph=None, rules=rules, n_consts=0)
    return outs


class _CustomCall(Op):
    """Until it is staged, the op has no graph, and its eager form is the user's function."""

    def __call__(self, *args: Any, **params: Any) -> Any:
        # An eager op runs where it may not call other ops, and explains errors as its own.
        if state.trace is None and params["graph"] is None:
            return tuple(params["rules"].primal(args))
        return super().__call__(*args, **params)


# ------------------------------------------------------------------------------- captured values
def run_rule(label: str, f: Callable[..., Any], *args: Any) -> Any:
    """Call the user's function or rule, and explain a traced value that it is not given.

    It runs outside the transforms that the custom function was applied in, so values of these must
    come as arguments. One that is closed over fails at its first op; while staging it would be
    captured as a constant.
    """
    stages = [(t, len(t.consts)) for t in _around(state.trace) if isinstance(t, StageTrace)]
    try:
        out = f(*args)
    except EscapedTracerError as error:
        if hasattr(error, "explained"):
            raise
        whose = re.search(r"belongs to (.*?), begun at", str(error))
        raise _captured(label, f, whose and whose[1], "still running" in str(error)) from error
    for trace, count in stages:
        for x in itertools.islice(trace.consts.values(), count, None):
            # A tracer of another staged program may be a residual.
            if isinstance(x, (PrimalTracer, BatchTracer)) and not _is_within(x._trace, trace):
                raise _captured(label, f, x._trace.label, True)
    return out


def _around(trace: Trace | None) -> list[Trace]:
    """A trace and those around it, innermost first."""
    found = []
    while trace is not None:
        found.append(trace)
        trace = trace.parent
    return found


def _is_within(outer: Trace, trace: Trace) -> bool:
    return any(
        t is outer or (isinstance(t, _VmapAgain) and id(outer) in t.same) for t in _around(trace)
    )


def _captured(label: str, f: Callable[..., Any], whose: str | None, alive: bool) -> Exception:
    """The error for a value that a function or rule takes from a transform around it."""
    kind = GradientError if alive else EscapedTracerError
    error: Any = kind(
        f"{label}: {function_name(f)} uses a value of {whose or 'a transform'}"
        f"{'' if alive else ', which has ended,'} that is not an argument: it closes over it, or "
        "gets it by nondiff_argnums. Pass it as an ordinary argument; closure_convert finds what a "
        "function closes over."
    )
    error.explained = whose
    found: Exception = error
    return found


# ------------------------------------------------------------------------------- value and its type
def _eager(*datas: Any, graph: Graph, rules: Rules, n_consts: int) -> tuple[Any, ...]:
    return program_of(graph)(*datas)


def _aval(*avals: Aval, graph: Graph, rules: Rules, n_consts: int) -> tuple[Aval, ...]:
    check_operands("custom_call", graph, avals)
    return graph.out_avals


def _inline(args: Arrays, params: dict[str, Any]) -> Sequence[Any]:
    graph: Graph | None = params["graph"]
    return params["rules"].primal(args) if graph is None else evaluate(graph, args)


def _stage(trace: StageTrace, args: Arrays, params: dict[str, Any]) -> tuple[Any, ...]:
    """Write the function's graph down beside its rule."""
    if params["graph"] is not None:
        return write_down(trace, custom_call, args, params)
    rules: Rules = params["rules"]
    avals = [make_aval(a.shape, a.dtype, a.weak) for a in args]
    with Reenter(trace):  # values of this very graph may be captured
        graph = stage(lambda *xs: rules.primal(xs), avals, rules.label)
    graph.name = "custom"
    closed, free = close(graph)
    new = {"graph": closed, "rules": rules, "n_consts": len(free)}
    return write_down(trace, custom_call, [*free, *args], new)


# ------------------------------------------------------------------------------------- derivatives
class _Saved:
    """What a pullback gets; ``linear`` says that the op is not transposed as a linear map."""

    __slots__ = ("linear", "value")

    def __init__(self, value: Any) -> None:
        self.value, self.linear = value, False


def _refuse_captured(rules: Rules, flags: Sequence[bool]) -> None:
    if any(flags):
        raise GradientError(
            f"{rules.label}: the function closes over a value that is differentiated, which its "
            "rule does not know of. Pass it as an ordinary argument; closure_convert finds what a "
            "function closes over."
        )


def _fwd(primals: Arrays, wants: Sequence[bool], params: dict[str, Any]) -> tuple[Any, Any, Any]:
    rules, n = params["rules"], params["n_consts"]
    _refuse_captured(rules, wants[:n])
    args, wants = primals[n:], wants[n:]
    if rules.reverse:
        outs, residuals = rules.fwd(args, wants)
        return outs, _Saved(residuals), [is_inexact(o.dtype) for o in outs]
    with PartialStageTrace(rules.label) as trace:
        assert isinstance(trace, PartialStageTrace)
        ts = [
            trace.arg(make_aval(x.shape, x.dtype)) if w and is_inexact(x.dtype) else None
            for x, w in zip(args, wants, strict=True)
        ]
        outs, dots = rules.jvp(args, ts)
        graph = trace.graph([d for d in dots if d is not None], "linearized")
    live = [d is not None for d in dots]
    return outs, _Saved((graph, live, [t is not None for t in ts])), live


def _vjp(
    cts: list[Any], saved: _Saved, avals: Arrays, params: dict[str, Any], wants: list[bool]
) -> list[Any]:
    rules, captured = params["rules"], [None] * params["n_consts"]
    if rules.reverse:
        return [*captured, *rules.bwd(saved.value, cts)]
    graph, live, has = saved.value
    given = [ct for ct, alive in zip(cts, live, strict=True) if alive]
    found = iter(_transposed(graph, given, rules))
    return [*captured, *[next(found) if h else None for h in has]]


def _jvp(primals: Arrays, tangents: Arrays, params: dict[str, Any]) -> tuple[Any, Any]:
    rules, n = params["rules"], params["n_consts"]
    _refuse_captured(rules, [t is not None for t in tangents[:n]])
    args, ts = primals[n:], tangents[n:]
    if not rules.reverse:
        return rules.jvp(args, ts)
    outs, residuals = rules.fwd(args, [t is not None for t in ts])
    has = [t is not None for t in ts]
    floats = [is_inexact(o.dtype) for o in outs]
    avals = [make_aval(o.shape, o.dtype) for o, f in zip(outs, floats, strict=True) if f]
    reached: list[bool] = []

    def pull(*cts: Any) -> list[Any]:
        given = iter(cts)
        found = rules.bwd(residuals, [next(given) if f else None for f in floats])
        reached[:] = [h and g is not None for h, g in zip(has, found, strict=True)]
        return [g for g, r in zip(found, reached, strict=True) if r]

    # Forward mode is the transpose of the pullback, which is linear in the cotangents.
    graph = stage(pull, avals, f"the transposed rule of {rules.label}")
    given = [t for t, r in zip(ts, reached, strict=True) if r]
    found = iter(_transposed(graph, given, rules))
    return outs, [next(found) if f else None for f in floats]


def _transposed(graph: Graph, given: Arrays, rules: Rules) -> list[Any]:
    """The transpose of a rule, at cotangents (of a rule for cotangents, at tangents)."""
    try:
        return transpose_graph(graph, given, rules.label)
    except GradientError as error:
        where, found, _ = str(error).partition(" is not linear in")
        if not found:
            raise
        remedy = (
            "the cotangent, so forward mode, its transpose, does not exist. Use reverse mode "
            "(grad, vjp, jacrev)"
            if rules.reverse
            else "the tangents. Compute what is not linear from the primals alone"
        )
        raise GradientError(f"{where}, in its rule, is not linear in {remedy}.") from None


# ---------------------------------------------------------------------------------------- batching
class _VmapAgain(BatchTrace):
    """A vmap that a rule enters again, perhaps later and inside other transforms than before.

    Values of that vmap which the rule closes over are mapped values here, too.

    Attributes:
        same: ids of the traces whose values these are. The traces themselves would make a cycle: a
            staged program holds its rules. A value holds its trace, so the id stays its own.
    """

    __slots__ = ("same",)

    def __init__(self, label: str, size: int, axis_name: Any, same: frozenset[int]) -> None:
        super().__init__(label, size, axis_name)
        self.same = same

    def process(self, op: Op, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        return super().process(op, tuple(map(self.own, args)), params)

    def lower(self, x: Any) -> Any:
        return super().lower(self.own(x))

    def own(self, x: Any) -> Any:
        """The value as one of this trace, if it belongs to the same vmap."""
        if isinstance(x, BatchTracer) and id(x._trace) in self.same:
            return self.tracer(x.value, x.weak)
        return x


class _BatchedRules(Rules):
    """A function and its rule over all examples; every output is batched."""

    def __init__(self, inner: Rules, trace: BatchTrace, batched: Sequence[bool]) -> None:
        self.inner, self.batched = inner, tuple(batched)
        self.size, self.axis_name = trace.size, trace.axis_name
        earlier = trace.same if isinstance(trace, _VmapAgain) else frozenset()
        self.same = frozenset([id(trace), *earlier])
        self.label = f"vmap of {inner.label}"
        self.reverse = inner.reverse

    def _run(self, f: Callable[[Callable[..., Any]], Any]) -> tuple[Any, _VmapAgain]:
        with _VmapAgain(self.label, self.size, self.axis_name, self.same) as trace:
            assert isinstance(trace, _VmapAgain)
            out = f(trace.tracer)
        return out, trace

    def _moved(self, wrap: Callable[..., Any], values: Arrays) -> list[Any]:
        return [
            wrap(v, v.weak) if b and v is not None else v
            for v, b in zip(values, self.batched, strict=True)
        ]

    def primal(self, args: Arrays) -> list[Any]:
        outs, trace = self._run(lambda wrap: self.inner.primal(self._moved(wrap, args)))
        return [trace.lower(o) for o in outs]

    def jvp(self, args: Arrays, tangents: Arrays) -> tuple[list[Any], list[Any]]:
        (outs, dots), trace = self._run(
            lambda wrap: self.inner.jvp(self._moved(wrap, args), self._moved(wrap, tangents))
        )
        dots = [None if d is None else trace.lower(d) for d in dots]
        return [trace.lower(o) for o in outs], dots

    def fwd(self, args: Arrays, wants: Sequence[bool]) -> tuple[list[Any], Any]:
        (outs, residuals), trace = self._run(
            lambda wrap: self.inner.fwd(self._moved(wrap, args), wants)
        )
        leaves, treedef = tree.flatten(residuals)
        leaves = [trace.own(x) for x in leaves]
        kept = [(True, trace.lower(x)) if _belongs(x, trace) else (False, x) for x in leaves]
        return [trace.lower(o) for o in outs], (kept, treedef)

    def bwd(self, residuals: Any, cts: Arrays) -> list[Any]:
        kept, treedef = residuals

        def pull(wrap: Callable[..., Any]) -> list[Any]:
            leaves = [wrap(x) if moving else x for moving, x in kept]
            given = [None if ct is None else wrap(ct) for ct in cts]
            return self.inner.bwd(tree.unflatten(treedef, leaves), given)

        found, trace = self._run(pull)
        out: list[Any] = []
        for g, b in zip(found, self.batched, strict=True):
            if g is not None:
                g = trace.lower(g)
                g = g if b else reduce_sum(g, axes=(0,))
            out.append(g)
        return out


def _belongs(x: Any, trace: BatchTrace) -> bool:
    return isinstance(x, BatchTracer) and x._trace is trace


def _batch(
    trace: BatchTrace, args: Arrays, batched: Sequence[bool], params: dict[str, Any]
) -> tuple[Any, ...]:
    graph, n = params["graph"], params["n_consts"]
    if not any(batched) and trace.axis_name is None:
        try:
            return tuple(Shared(o) for o in custom_call(*args, **params))
        except GradientError as error:
            if graph is not None or getattr(error, "explained", None) != trace.label:
                raise  # else the function closes over a mapped value
    rules = _BatchedRules(params["rules"], trace, batched[n:])
    if graph is None:
        return tuple(apply_custom(rules, args))
    over = batched_of(graph, trace, batched, [True] * len(graph.outputs))[0]
    outs: tuple[Any, ...] = custom_call(*args, graph=over, rules=rules, n_consts=n)
    return outs


custom_call: Op = higher_order(
    "custom_call",
    eager=_eager,
    aval=_aval,
    fwd=_fwd,
    vjp=_vjp,
    jvp=_jvp,
    batch=_batch,
    inline=_inline,
    stage=_stage,
    kind=_CustomCall,
    prints_as_call=True,
)
