"""Graph passes: inlining, dead code, common subexpressions, constants, algebra.

Every pass takes a graph and returns a new one with the same inputs and the same values, bit for
bit: no rule here changes NaN, infinity or signed-zero behaviour.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite.compile.unused import drop_unused
from functorch_lite.core.array import Array, wrap
from functorch_lite.core.graph import Eqn, Graph, Var, subgraphs
from functorch_lite.core.rewrite import dead_code, has_effect
from functorch_lite.core.static import Static
from functorch_lite.core.trace import quiet_runner
from functorch_lite.transforms.call import flatten_calls
from functorch_lite.transforms.linear import INLINED

BARRIER = "optimization_barrier"
FOLD_BYTES = 4096
"""Largest result that constant folding stores in the program."""
MAX_ROUNDS = 8
_UNFOLDED = ("higher-order", "collective", "host")
"""Families whose ops run graphs or Python, or have a value only inside the vmap of their axis."""


def optimise(graph: Graph) -> Graph:
    """All passes, in an order in which each feeds the next, until none finds anything.

    The graphs inside loops and branches are optimised too; each graph is once.
    """
    if "is_optimised" in graph.memo:
        return graph
    done: Graph | None = graph.memo.get("optimised")
    if done is not None:
        return done
    result = dead_code(flatten_calls(graph, INLINED))
    for _ in range(MAX_ROUNDS):
        before = len(result.eqns)
        result = fold_constants(result)
        result = simplify(result)
        result = common_subexpressions(result)
        result = dead_code(drop_unused(result))
        if len(result.eqns) == before:
            break
    result.eqns = [_inside(eqn) for eqn in result.eqns]
    result.memo["is_optimised"] = True
    graph.memo["optimised"] = result
    return result


def _inside(eqn: Eqn) -> Eqn:
    """The equation with its graphs optimised."""
    if next(subgraphs(eqn), None) is None:
        return eqn

    params = {key: _optimised_param(value) for key, value in eqn.params.items()}
    return Eqn(eqn.op, eqn.inputs, eqn.outputs, params, eqn.source)


def _optimised_param(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_optimised_param, value))
    return optimise(value) if isinstance(value, Graph) else value


def common_subexpressions(graph: Graph) -> Graph:
    """Compute equal things once. Values that pass a barrier are not equal to those before it."""
    swap: dict[Var, Var] = {}
    seen: dict[Any, tuple[Var, ...]] = {}
    consts: dict[Var, Array] = {}
    for var, const in graph.consts.items():
        data = getattr(const, "_data", None) if type(const) is Array else None
        key: Any
        if isinstance(data, np.ndarray) and data.nbytes <= FOLD_BYTES:
            key = ("const", data.dtype, data.shape, data.tobytes())
        else:
            key = ("const", id(const))
        if key in seen:
            swap[var] = seen[key][0]
            continue
        seen[key] = (var,)
        consts[var] = const
    eqns: list[Eqn] = []
    for eqn in graph.eqns:
        inputs = tuple(swap.get(v, v) for v in eqn.inputs)
        if eqn.op.name == BARRIER or has_effect(eqn):
            eqns.append(Eqn(eqn.op, inputs, eqn.outputs, eqn.params, eqn.source))
            continue
        params = tuple(
            sorted((k, Static(v)) for k, v in eqn.params.items() if not isinstance(v, Graph))
        )
        key = (eqn.op.name, inputs, params, tuple(map(id, subgraphs(eqn))))
        found = seen.get(key)
        if found is not None:
            swap.update(zip(eqn.outputs, found, strict=True))
            continue
        seen[key] = eqn.outputs
        eqns.append(Eqn(eqn.op, inputs, eqn.outputs, eqn.params, eqn.source))
    return Graph(graph.inputs, eqns, [swap.get(v, v) for v in graph.outputs], consts, graph.name)


def fold_constants(graph: Graph) -> Graph:
    """Evaluate small equations whose operands are all constants."""
    consts = dict(graph.consts)
    eqns: list[Eqn] = []
    run = quiet_runner()
    for eqn in graph.eqns:
        small = sum(v.aval.nbytes for v in eqn.outputs) <= FOLD_BYTES
        known = eqn.inputs and all(_on_cpu(consts.get(v)) for v in eqn.inputs)
        kept = eqn.op.name == BARRIER or eqn.op.family in _UNFOLDED or has_effect(eqn)
        if not (known and small) or kept:
            eqns.append(eqn)
            continue
        out = run(eqn.op.eager, *[consts[v]._data for v in eqn.inputs], **eqn.params)
        outs = out if eqn.op.multi else (out,)
        consts.update({v: wrap(np.asarray(o)) for v, o in zip(eqn.outputs, outs, strict=True)})
    return Graph(graph.inputs, eqns, graph.outputs, consts, graph.name)


def _on_cpu(const: Any) -> bool:
    return type(const) is Array and isinstance(const._data, np.ndarray)


# ------------------------------------------------------------------------------------------ algebra
class _View:
    """What the algebra rules may ask about a graph: who made a variable, and scalar constants."""

    def __init__(self, graph: Graph) -> None:
        self.maker: dict[Var, Eqn] = {}
        self.consts = graph.consts

    def made_by(self, var: Var, name: str) -> Eqn | None:
        """The equation that defines ``var`` if it applies the op ``name``."""
        eqn = self.maker.get(var)
        return eqn if eqn is not None and eqn.op.name == name else None

    def scalar(self, var: Var) -> Any:
        """The value of a constant whose elements are all equal by construction, else None."""
        eqn = self.maker.get(var)
        if eqn is not None and eqn.op.name == "full":
            return np.array(eqn.params["value"], eqn.params["dtype"])[()]
        if eqn is not None and eqn.op.name in ("broadcast_to", "reshape"):
            return self.scalar(eqn.inputs[0])
        const = self.consts.get(var)
        if const is not None and _on_cpu(const) and const.shape == ():
            return const._data[()]
        return None


Rewrite = Callable[[Eqn, _View], Var | Eqn | None]


def simplify(graph: Graph) -> Graph:
    """Apply the algebra rules once to each equation, in order."""
    view = _View(graph)
    swap: dict[Var, Var] = {}
    eqns: list[Eqn] = []
    for eqn in graph.eqns:
        eqn = Eqn(eqn.op, [swap.get(v, v) for v in eqn.inputs], eqn.outputs, eqn.params, eqn.source)
        rule = _RULES.get(eqn.op.name)
        found = rule(eqn, view) if rule is not None else None
        if isinstance(found, Var):
            swap[eqn.outputs[0]] = found
            continue
        eqn = found or eqn
        eqns.append(eqn)
        for v in eqn.outputs:
            view.maker[v] = eqn
    return Graph(
        graph.inputs, eqns, [swap.get(v, v) for v in graph.outputs], graph.consts, graph.name
    )


def _same(eqn: Eqn, var: Var) -> Var | None:
    """``var`` if it can stand for the equation's result."""
    out = eqn.outputs[0].aval
    return var if var.aval.shape == out.shape and var.aval.dtype == out.dtype else None


def _is(value: Any, number: float, sign: int = 1) -> bool:
    """Whether a scalar is exactly ``number``, with the given sign if it is a zero."""
    if value is None or value.dtype.kind in "bc" or value != number:
        return False
    return number != 0 or value.dtype.kind in "iu" or bool(np.signbit(value)) == (sign < 0)


def _add(eqn: Eqn, view: _View) -> Var | None:
    x, y = eqn.inputs
    for var, other in ((x, y), (y, x)):
        value = view.scalar(other)
        # x + (-0.0) is x for every x; x + 0.0 turns -0.0 into 0.0.
        if value is not None and _is(value, 0, sign=-1):
            return _same(eqn, var)
    return None


def _sub(eqn: Eqn, view: _View) -> Var | None:
    return _same(eqn, eqn.inputs[0]) if _is(view.scalar(eqn.inputs[1]), 0) else None


def _mul(eqn: Eqn, view: _View) -> Var | None:
    x, y = eqn.inputs
    for var, other in ((x, y), (y, x)):
        if _is(view.scalar(other), 1):
            return _same(eqn, var)
    return None


def _div(eqn: Eqn, view: _View) -> Var | None:
    return _same(eqn, eqn.inputs[0]) if _is(view.scalar(eqn.inputs[1]), 1) else None


def _neg(eqn: Eqn, view: _View) -> Var | None:
    inner = view.made_by(eqn.inputs[0], "neg")
    return None if inner is None else _same(eqn, inner.inputs[0])


def _drop_if_same_aval(eqn: Eqn, view: _View) -> Var | None:
    return _same(eqn, eqn.inputs[0])


def _reshape(eqn: Eqn, view: _View) -> Var | Eqn | None:
    inner = view.made_by(eqn.inputs[0], "reshape")
    if inner is not None:
        eqn = Eqn(eqn.op, inner.inputs, eqn.outputs, eqn.params, eqn.source)
    return _same(eqn, eqn.inputs[0]) or eqn


def _transpose(eqn: Eqn, view: _View) -> Var | Eqn | None:
    inner = view.made_by(eqn.inputs[0], "transpose")
    if inner is not None:
        perm = tuple(inner.params["perm"][i] for i in eqn.params["perm"])
        eqn = Eqn(eqn.op, inner.inputs, eqn.outputs, {"perm": perm}, eqn.source)
    if eqn.params["perm"] == tuple(range(len(eqn.params["perm"]))):
        return eqn.inputs[0]
    return eqn


def _no_axes(eqn: Eqn, view: _View) -> Var | None:
    return _same(eqn, eqn.inputs[0]) if eqn.params["axes"] == () else None


def _one_operand(eqn: Eqn, view: _View) -> Var | None:
    return eqn.inputs[0] if len(eqn.inputs) == 1 else None


def _pad(eqn: Eqn, view: _View) -> Var | None:
    return eqn.inputs[0] if all(c == (0, 0, 0) for c in eqn.params["config"]) else None


def _integer_pow(eqn: Eqn, view: _View) -> Var | None:
    return eqn.inputs[0] if eqn.params["n"] == 1 else None


_RULES: dict[str, Rewrite] = {
    "add": _add,
    "sub": _sub,
    "mul": _mul,
    "div": _div,
    "neg": _neg,
    "cast": _drop_if_same_aval,
    "slice": _drop_if_same_aval,
    "broadcast_to": _drop_if_same_aval,
    "reshape": _reshape,
    "transpose": _transpose,
    "flip": _no_axes,
    # A sum over no axis is not here: it adds 0.0, which turns -0.0 into 0.0.
    "reduce_prod": _no_axes,
    "reduce_max": _no_axes,
    "reduce_min": _no_axes,
    "concatenate": _one_operand,
    "pad": _pad,
    "integer_pow": _integer_pow,
    "checkpoint_name": _drop_if_same_aval,
}
