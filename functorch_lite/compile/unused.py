"""Loops and branches without the results, carried values and operands that nobody uses."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from functorch_lite.core.graph import Eqn, Graph
from functorch_lite.core.rewrite import dead_code, with_signature
from functorch_lite.transforms.loop_parts import chosen

__all__ = ["drop_unused"]


def drop_unused(graph: Graph) -> Graph:
    """The same program, in which control flow computes only what is used after it."""
    used = set(graph.outputs)
    eqns: list[Eqn] = []
    for eqn in reversed(graph.eqns):
        rule = _RULES.get(eqn.op.name)
        if rule is not None:
            eqn = rule(eqn, [v in used for v in eqn.outputs])
        used.update(eqn.inputs)
        eqns.append(eqn)
    return Graph(graph.inputs, eqns[::-1], graph.outputs, graph.consts, graph.name)


def _part(graph: Graph, inputs: Sequence[bool], outputs: Sequence[bool]) -> Graph:
    """A body with some of its inputs and outputs, the same one for the same choice."""
    key = ("part", tuple(inputs), tuple(outputs))
    if key not in graph.memo:
        outs = chosen(graph.outputs, outputs)
        cut = dead_code(with_signature(graph, graph.inputs, outs))
        cut.inputs = tuple(chosen(graph.inputs, inputs))
        graph.memo[key] = cut
    found: Graph = graph.memo[key]
    return found


def needed_inputs(graph: Graph, outputs: Sequence[bool]) -> list[bool]:
    """Which inputs the wanted outputs (and effects) depend on."""
    outs = chosen(graph.outputs, outputs)
    cut = dead_code(with_signature(graph, graph.inputs, outs))
    used = {v for e in cut.eqns for v in e.inputs} | set(outs)
    return [v in used for v in graph.inputs]


def _cond(eqn: Eqn, used: Sequence[bool]) -> Eqn:
    branches: tuple[Graph, ...] = eqn.params["branches"]
    needed = [
        any(column) for column in zip(*[needed_inputs(b, used) for b in branches], strict=True)
    ]
    if all(used) and all(needed):
        return eqn
    parts = tuple(_part(b, needed, used) for b in branches)
    inputs = [eqn.inputs[0], *chosen(eqn.inputs[1:], needed)]
    return Eqn(eqn.op, inputs, chosen(eqn.outputs, used), {"branches": parts}, eqn.source)


def _needed_carry(
    body: Graph, used: Sequence[bool], start: int, count: int, also: Sequence[bool] = ()
) -> tuple[list[bool], list[bool]]:
    """Which inputs of a loop's body, and which outputs, matter in the long run.

    Args:
        body: the inputs from ``start`` on are the carry, ``count`` of them.
        used: outputs of the loop that are used.
        also: inputs that something beside the body needs.
    """
    outputs = list(used)
    while True:
        inputs = needed_inputs(body, outputs)
        inputs = [a or b for a, b in zip(inputs, also, strict=True)] if also else inputs
        carried = inputs[start : start + count]
        grown = [a or b for a, b in zip(outputs[:count], carried, strict=True)]
        if grown == outputs[:count]:
            # A carried value that comes out must also go in, or there would be no place for it.
            inputs[start : start + count] = grown
            return inputs, outputs
        outputs[:count] = grown


def _scan(eqn: Eqn, used: Sequence[bool]) -> Eqn:
    params = eqn.params
    n, m = params["n_consts"], params["n_carry"]
    inputs, outputs = _needed_carry(params["body"], used, n, m)
    if params["length"] is None and not any(inputs[n + m :]):
        inputs[n + m :] = [True] * (len(inputs) - n - m)  # they say how many steps there are
    if all(inputs) and all(outputs):
        return eqn
    new = {
        **params,
        "body": _part(params["body"], inputs, outputs),
        "n_consts": sum(inputs[:n]),
        "n_carry": sum(inputs[n : n + m]),
    }
    return Eqn(eqn.op, chosen(eqn.inputs, inputs), chosen(eqn.outputs, outputs), new, eqn.source)


def _while(eqn: Eqn, used: Sequence[bool]) -> Eqn:
    params = eqn.params
    n, test, body = params["n_consts"], params["cond"], params["body"]
    m = len(body.inputs) - n
    inputs, outputs = _needed_carry(body, used, n, m, needed_inputs(test, [True]))
    if all(inputs) and all(outputs):
        return eqn
    new = {
        **params,
        "cond": _part(test, inputs, [True]),
        "body": _part(body, inputs, outputs),
        "n_consts": sum(inputs[:n]),
        "mapped": tuple(chosen(params["mapped"], inputs[:n])),
    }
    return Eqn(eqn.op, chosen(eqn.inputs, inputs), chosen(eqn.outputs, outputs), new, eqn.source)


_RULES: dict[str, Callable[[Eqn, Sequence[bool]], Eqn]] = {
    "cond": _cond,
    "scan": _scan,
    "while_loop": _while,
}
