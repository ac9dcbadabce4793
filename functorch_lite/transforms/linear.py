"""Transposes of linear graphs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from functorch_lite.core.aval import Aval
from functorch_lite.core.graph import Eqn, Graph, Var
from functorch_lite.core.op import NOT_DIFFERENTIABLE, Whole
from functorch_lite.errors import GradientError
from functorch_lite.ops import add
from functorch_lite.ops.families import unbroadcast
from functorch_lite.transforms.call import flatten_calls
from functorch_lite.transforms.derived import zero_of

__all__ = ["INLINED", "transpose_graph"]

INLINED = ("call", "checkpoint", "custom_call")
"""Ops that apply one graph to all their operands, and may be written out."""


def transpose_graph(graph: Graph, cts: Sequence[Any], label: str) -> list[Any]:
    """Pull cotangents of a graph's outputs back to its inputs, in all of which it is linear.

    Args:
        graph: captured values may be tracers.
        cts: a cotangent per output; None is zero.
        label: names the function in messages.

    Raises:
        GradientError: naming the operation that is not linear.
    """
    graph = flatten_calls(graph, INLINED)
    linear: set[Var] = set(graph.inputs)
    known: dict[Var, Any] = dict(graph.consts)
    for eqn in graph.eqns:
        if any(v in linear for v in eqn.inputs):
            linear.update(eqn.outputs)
        else:
            out = eqn.op(*[known[v] for v in eqn.inputs], **eqn.params)
            known.update(zip(eqn.outputs, out if eqn.op.multi else (out,), strict=True))
    found: dict[Var, Any] = {}

    def put(var: Var, ct: Any) -> None:
        found[var] = add(found[var], ct) if var in found else ct

    for var, ct in zip(graph.outputs, cts, strict=True):
        if var in linear and ct is not None:
            put(var, ct)
    for eqn in reversed(graph.eqns):
        if not any(v in found for v in eqn.outputs):
            continue
        got = [found.pop(v, None) for v in eqn.outputs]
        wants = [v in linear for v in eqn.inputs]
        if not any(wants):
            continue
        args = [known.get(v, v.aval) for v in eqn.inputs]
        if eqn.op.fwd is None:
            _check_linear(eqn, linear, label)
        else:
            args = [zero_of(a) if isinstance(a, Aval) else a for a in args]
        for var, want, g in zip(
            eqn.inputs,
            wants,
            pull_eqn(eqn, got if eqn.op.multi else got[0], args, wants, label),
            strict=True,
        ):
            if want and g is not None:
                put(var, g)
    return [found[v] if v in found else zero_of(v.aval) for v in graph.inputs]


def pull_eqn(eqn: Eqn, ct: Any, args: list[Any], wants: list[bool], label: str) -> Sequence[Any]:
    """Cotangents of an equation's operands by its op's reverse rules.

    An op with its own forward pass runs it at zero: a linear map is its own derivative anywhere.
    """
    op = eqn.op
    found: Sequence[Any]
    if op.fwd is not None:
        assert isinstance(op.vjp, Whole)
        _, saved, _ = op.fwd(args, wants, eqn.params)
        if not saved.linear:
            raise _not_linear(eqn, label)
        found = op.vjp.fn(ct, saved, [a.aval for a in args], eqn.params, wants)
        return found
    if isinstance(op.vjp, Whole):
        found = op.vjp.fn(ct, None, args, eqn.params, wants)
        return found
    out: list[Any] = []
    for i, want in enumerate(wants):
        rule = op.rule_for(op.vjp, i) if want else None
        if rule is None:
            out.append(None)
            continue
        g = rule(ct, None, args, eqn.params, op.which(i))
        out.append(unbroadcast(g, args[i].shape) if op.unbroadcasts else g)
    return out


def _check_linear(eqn: Eqn, linear: set[Var], label: str) -> None:
    op = eqn.op
    bad = op.vjp is NOT_DIFFERENTIABLE
    positions = [i for i, v in enumerate(eqn.inputs) if v in linear]
    if isinstance(op.vjp, Whole):
        bad = bool(op.vjp.saves) and tuple(positions) not in [(i,) for i in op.vjp.linear]
    elif not bad:
        for i in positions:
            rule = op.rule_for(op.vjp, i)
            needs = () if rule is None else rule.args
            bad |= rule is None or rule.ans or any(k in needs for k in positions)
    if bad:
        raise _not_linear(eqn, label)


def _not_linear(eqn: Eqn, label: str) -> GradientError:
    return GradientError(
        f"{label}: {eqn.op.name} at {eqn.location()} is not linear in the function's arguments. "
        "Use vjp, which transposes the derivative at a point."
    )
