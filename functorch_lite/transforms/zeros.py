"""Backward graphs without the cotangents that are known to be zero."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from functorch_lite.core.array import wrap_stack
from functorch_lite.core.aval import StackAval
from functorch_lite.core.graph import Eqn, Graph, Var, same_type
from functorch_lite.core.rewrite import dead_code
from functorch_lite.core.stack import zero_stack
from functorch_lite.ops import full

__all__ = ["without_zeros"]

# Zero if any of the operands is, and if the first one is. An op that is in neither list gets zeros
# that are written out, which is always right.
_MULTILINEAR = frozenset(("mul", "dot_general", "conv"))
_HOMOGENEOUS = frozenset((
    "div", "neg", "reshape", "transpose", "broadcast_to", "reduce_sum", "cast", "slice", "flip",
    "gather", "dynamic_slice", "cumsum", "window_sum", "psum", "all_gather", "ppermute", "fft",
    "real", "imag", "conj",
))  # fmt: skip


def without_zeros(graph: Graph, zero: Sequence[bool]) -> tuple[Graph, tuple[bool, ...]]:
    """The graph with some of its inputs zero, and gone.

    Args:
        graph: linear in the inputs that are zero, together with others perhaps.
        zero: which inputs are zero.

    Returns:
        a graph of the other inputs, and which outputs it returns; the others are zero.
    """
    gone = {v for v, z in zip(graph.inputs, zero, strict=True) if z}
    swap: dict[Var, Var] = {}
    consts: dict[Var, Any] = dict(graph.consts)
    eqns: list[Eqn] = []
    written: set[Var] = set()
    for eqn in graph.eqns:
        inputs = [swap.get(v, v) for v in eqn.inputs]
        if not any(v in gone for v in inputs):
            eqns.append(Eqn(eqn.op, inputs, eqn.outputs, eqn.params, eqn.source))
            continue
        if _vanishes(eqn.op.name, inputs, gone):
            gone.update(eqn.outputs)
            continue
        rest = _other_summand(eqn, inputs, gone)
        if rest is not None:
            swap[eqn.outputs[0]] = rest
            continue
        for v in dict.fromkeys(inputs):
            if v in gone and v not in written:
                written.add(v)
                if isinstance(v.aval, StackAval):
                    consts[v] = wrap_stack(zero_stack(v.aval))
                else:
                    eqns.append(_zeros(v, eqn))
        eqns.append(Eqn(eqn.op, inputs, eqn.outputs, eqn.params, eqn.source))
    outs = [swap.get(v, v) for v in graph.outputs]
    kept = tuple(v not in gone for v in outs)
    inputs = [v for v, z in zip(graph.inputs, zero, strict=True) if not z]
    new = Graph(inputs, eqns, [v for v in outs if v not in gone], consts, graph.name)
    return dead_code(new), kept


def _zeros(v: Var, reader: Eqn) -> Eqn:
    """The equation that writes a variable out; an array made here would belong to one trace."""
    params = {"shape": v.aval.shape, "dtype": v.aval.dtype, "value": 0}
    return Eqn(full, (), (v,), params, reader.source)


def _vanishes(name: str, inputs: Sequence[Var], gone: set[Var]) -> bool:
    """Whether the op returns zero, some of its operands being zero."""
    if name == "add":
        return gone.issuperset(inputs)
    return name in _MULTILINEAR or (name in _HOMOGENEOUS and inputs[0] in gone)


def _other_summand(eqn: Eqn, inputs: Sequence[Var], gone: set[Var]) -> Var | None:
    """What an addition to zero leaves, if it has the sum's type."""
    if eqn.op.name == "add":
        rest = inputs[1] if inputs[0] in gone else inputs[0]
    elif eqn.op.name == "scatter_add" and inputs[1] in gone and inputs[0] not in gone:
        rest = inputs[0]
    else:
        return None
    return rest if same_type(rest.aval, eqn.outputs[0].aval) else None
