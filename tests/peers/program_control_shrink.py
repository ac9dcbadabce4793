"""Smaller functions in the nodes that hold them, and lists of nodes made smaller in general."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from program_control_nodes import Body, bodies_of, is_control, param

Nodes = tuple[Any, ...]
# dtypes of the values that a constant may stand for.
CONSTANTS = ("f8", "i8", "b1")

__all__ = [
    "CONSTANTS",
    "constant_like",
    "redirected",
    "replaced",
    "smaller_control",
    "unfolded",
    "without_unused",
]


def replaced(nodes: Nodes, i: int, *new: Any) -> Nodes:
    """The nodes with one in another's place."""
    return (*nodes[:i], *new, *nodes[i + 1 :])


def with_params(node: Any, **new: Any) -> Any:
    """The node with other values of some params."""
    return replace(node, params=tuple({**dict(node.params), **new}.items()))


def constant_like(node: Any, key: int) -> Any:
    """A constant of a node's type."""
    return replace(node, op="my.constant", operands=(), params=(("key", key),))


def redirected(nodes: Nodes, old: int, new: int) -> tuple[Nodes, Callable[[int], int]]:
    """The nodes reading ``new`` instead of ``old``, and the change of a reference."""

    def swap(i: int) -> int:
        return new if i == old else i

    return tuple(replace(n, operands=tuple(map(swap, n.operands))) for n in nodes), swap


# ------------------------------------------------------------------------------------ unused values
def without_unused(nodes: Nodes, base: int, needed: set[int]) -> tuple[Nodes, dict[int, int]]:
    """The nodes that the ``needed`` values depend on.

    Args:
        nodes: values from ``base`` on.
        base: the number of values before them.
        needed: which values matter.

    Returns:
        the nodes, renumbered, and the new number of each value that is still there.
    """
    kept: dict[int, Any] = {}
    for i in reversed(range(len(nodes))):
        if base + i in needed:
            kept[i] = _without_captures(nodes[i]) if is_control(nodes[i]) else nodes[i]
            needed.update(kept[i].operands)
    place = {i: i for i in range(base)}
    out: list[Any] = []
    for i in sorted(kept):
        place[base + i] = base + len(out)
        out.append(replace(kept[i], operands=tuple(place[j] for j in kept[i].operands)))
    return tuple(out), place


def _without_captures(node: Any) -> Any:
    """The node without dead nodes in its functions and without captures that none of them reads."""
    bodies = [_clean_body(body) for body in bodies_of(node)]
    own = param(node, "own")
    captured = node.operands[own:]
    read = {
        len(body.types) - i
        for body in bodies
        for i in [*body.outputs, *(j for n in body.nodes for j in n.operands)]
        if i < len(body.types)
    }
    # Positions count from the end, because the functions have different numbers of parameters.
    kept = [k for k in range(len(captured)) if len(captured) - k in read]
    bodies = [_with_captures(body, len(captured), kept) for body in bodies]
    operands = (*node.operands[:own], *(captured[k] for k in kept))
    return replace(with_params(node, bodies=tuple(bodies)), operands=operands)


def _clean_body(body: Body) -> Body:
    nodes, place = without_unused(body.nodes, len(body.types), set(body.outputs))
    return Body(body.types, nodes, tuple(place[i] for i in body.outputs))


def _with_captures(body: Body, count: int, kept: Sequence[int]) -> Body:
    """The function with only some of its ``count`` captured values."""
    base, first = len(body.types), len(body.types) - count
    order = [*range(first), *(first + k for k in kept)]
    place = {old: new for new, old in enumerate(order)}
    place |= {base + i: len(order) + i for i in range(len(body.nodes))}
    nodes = tuple(replace(n, operands=tuple(place[i] for i in n.operands)) for n in body.nodes)
    types = tuple(body.types[i] for i in order)
    return Body(types, nodes, tuple(place[i] for i in body.outputs))


# -------------------------------------------------------------------------------- smaller functions
def smaller_control(node: Any) -> Iterator[Any]:
    """The node with one thing less in one of its functions."""
    bodies = bodies_of(node)
    for b, body in enumerate(bodies):
        # A loop's condition counts; without that the loop might not end.
        if node.op == "control.while_loop" and b == 0:
            continue
        for smaller in _smaller_bodies(body):
            if node.op != "control.while_loop" or _counts(smaller):
                yield with_params(node, bodies=replaced(bodies, b, smaller))


def _counts(body: Body) -> bool:
    """Whether the first result is the first parameter plus one, so that the loop ends."""
    base, out = len(body.types), body.outputs[0]
    if out < base or body.nodes[out - base].op != "op.add":
        return False
    x, y = body.nodes[out - base].operands
    one = body.nodes[y - base] if y >= base else None
    return x == 0 and one is not None and one.op == "np.full" and param(one, "fill_value") == 1


def _smaller_bodies(body: Body) -> Iterator[Body]:
    base = len(body.types)
    types = [*body.types, *((n.shape, n.dtype) for n in body.nodes)]
    for k, out in enumerate(body.outputs):
        for i in range(min(base, out)):
            if types[i] == types[out]:
                outputs = (*body.outputs[:k], i, *body.outputs[k + 1 :])
                yield replace(body, outputs=outputs)
                break
    for i in reversed(range(len(body.nodes))):
        node = body.nodes[i]
        if node.op == "my.constant":
            continue
        if is_control(node):
            for nodes, moved in unfolded(body.nodes, i, base):
                yield Body(body.types, nodes, tuple(map(moved, body.outputs)))
            for smaller in smaller_control(node):
                yield replace(body, nodes=replaced(body.nodes, i, smaller))
            continue
        for j in dict.fromkeys([*node.operands, *range(base)]):
            if types[j] == types[base + i]:
                nodes, swap = redirected(body.nodes, base + i, j)
                yield Body(body.types, nodes, tuple(map(swap, body.outputs)))
        if node.dtype in CONSTANTS:
            yield replace(body, nodes=replaced(body.nodes, i, constant_like(node, i)))


# ------------------------------------------------------------------- a function in its node's place
def unfolded(nodes: Nodes, i: int, base: int) -> Iterator[tuple[Nodes, Callable[[int], int]]]:
    """The nodes with a control node replaced by its function, applied once.

    Yields:
        for each function that may stand there: the nodes, and the new number of each value.
    """
    node = nodes[i]
    picked = [param(n, "k") for n in nodes if n.op == "my.pick" and n.operands == (base + i,)]
    for body, args in _applied(node):
        own = param(node, "own")
        given = [*args, *node.operands[own:]]
        if len(given) != len(body.types):
            continue
        stacked = param(node, "n_carry") if node.op == "control.scan" else len(body.outputs)
        if any(k >= stacked for k in picked):  # a result per step has no place in one step
            continue
        yield _spliced(nodes, i, base, body, given)


def _applied(node: Any) -> Iterator[tuple[Body, Sequence[int]]]:
    """The functions of a node whose parameters are its own operands, and those operands."""
    bodies, own = bodies_of(node), node.operands[: param(node, "own")]
    name = node.op.partition(".")[2]
    if name in ("checkpoint", "jit", "custom_jvp", "custom_vjp"):
        yield bodies[0], own
    elif name in ("cond", "switch"):
        for body in bodies:
            yield body, own[1:]
    elif name == "while_loop":
        yield bodies[1], own
    elif name == "scan" and len(own) == param(node, "n_carry"):
        yield bodies[0], own


def _spliced(
    nodes: Nodes, i: int, base: int, body: Body, given: Sequence[int]
) -> tuple[Nodes, Callable[[int], int]]:
    """The body's nodes in the place of node i, whose results its picks named."""
    at, size = base + i, len(body.nodes)
    inner = [*given, *(at + k for k in range(size))]
    written = [replace(n, operands=tuple(inner[j] for j in n.operands)) for n in body.nodes]
    results = [inner[j] for j in body.outputs]
    picks = {
        base + k: results[param(n, "k")]
        for k, n in enumerate(nodes)
        if n.op == "my.pick" and n.operands == (at,)
    }

    def moved(j: int) -> int:
        if j in picks:
            return picks[j]
        return j if j < at else j + size - 1

    later = []
    for k, n in enumerate(nodes[i + 1 :], i + 1):
        if base + k in picks:  # stays as a number that nothing reads
            later.append(constant_like(replace(n, shape=(), dtype="f8"), k))
        else:
            later.append(replace(n, operands=tuple(map(moved, n.operands))))
    return (*nodes[:i], *written, *later), moved
