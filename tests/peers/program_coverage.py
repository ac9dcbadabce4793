"""What programs contain: records, constructs, and the special cases of constructs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from program_backends import Ours
from program_control_nodes import bodies_of, is_control, param
from program_trees import leaves, map_leaves
from programs import Program, function_of

import functorch_lite as fl
from functorch_lite.core.graph import subgraphs

__all__ = ["recorded", "special_cases"]


def recorded(programs: Iterable[Program]) -> Counter[str]:
    """For each op, the number of programs in whose graph it stands."""
    uses: Counter[str] = Counter()
    for program in programs:
        args = map_leaves(lambda leaf, seed=program.seed: Ours.array(leaf.data(seed)), program.args)
        uses.update(set(_ops_of(fl.make_graph(function_of(program, Ours))(*args))))
    return uses


def _ops_of(graph: Any) -> Iterator[str]:
    for eqn in graph.eqns:
        yield eqn.op.name
        for inner in subgraphs(eqn):
            yield from _ops_of(inner)


def special_cases(programs: Iterable[Program]) -> Counter[str]:
    """How many programs have each special case of a construct."""
    found: Counter[str] = Counter()
    for program in programs:
        types = [(leaf.shape, leaf.dtype) for leaf in leaves(program.args)]
        found.update(set(_cases(types, program.nodes)))
    return found


def _cases(types: list[Any], nodes: Any) -> Iterator[str]:
    types = [*types, *((n.shape, n.dtype) for n in nodes)]
    picked = Counter(n.operands[0] for n in nodes if n.op == "my.pick")
    base = len(types) - len(nodes)
    for i, node in enumerate(nodes):
        if not is_control(node):
            continue
        name = node.op.partition(".")[2]
        last = bodies_of(node)[-1]
        if len(node.operands) > param(node, "own"):
            yield "captured values"
        if picked[base + i] < len(last.outputs):
            yield "unused results"
        if name in ("scan", "while_loop", "fori_loop"):
            yield from _carry_cases(node, last)
        if name == "scan":
            yield from _scan_cases(node, types)
        if name == "checkpoint":
            yield f"policy {param(node, 'policy')}"
            yield f"prevent_cse {param(node, 'prevent_cse')}"
        if name == "map" and param(node, "options"):
            yield "map in batches"
        if name.startswith("custom"):
            yield from (f"{name} {key}" for key in ("nondiff", "by_argument") if param(node, key))
        for body in bodies_of(node):
            yield from _cases(list(body.types), body.nodes)


def _carry_cases(node: Any, body: Any) -> Iterator[str]:
    lead = 1 if node.op == "control.fori_loop" else 0
    count = len(list(leaves(param(node, "carry"))))
    kinds = {dtype for _, dtype in body.types[lead : lead + count]}
    yield from (f"carry of {kind}" for kind in kinds)
    if isinstance(param(node, "carry"), dict):
        yield "carry is a dict"
    if any(body.outputs[k] == lead + k for k in range(count)):
        yield "carry is returned unchanged"


def _scan_cases(node: Any, types: list[Any]) -> Iterator[str]:
    given = dict(node.params)
    count, options = given["n_carry"], dict(given["options"])
    rows = [types[i][0][0] for i in node.operands[count : given["own"]]]
    if not rows:
        yield "without slices"
    elif rows[0] < 2:
        yield f"scan over {rows[0]}"
    if not list(leaves(given["ys"])):
        yield "without results"
    yield from (f"scan {name}" for name in options)
    body = given["bodies"][0]
    reads = {i for n in body.nodes for i in n.operands} | set(body.outputs)
    if rows and reads.isdisjoint(range(count, given["own"])):
        yield "slices are not read"
