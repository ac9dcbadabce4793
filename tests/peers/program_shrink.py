"""The smallest part of a program that still fails, and its text as something to run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

from program_control_nodes import is_control
from program_control_shrink import (
    CONSTANTS,
    constant_like,
    redirected,
    replaced,
    smaller_control,
    unfolded,
    without_unused,
)
from program_trees import leaves, map_leaves
from programs import Leaf, Node, Program, Transform, failure

__all__ = ["clean", "shrink", "smallest", "snippet"]


def shrink(
    program: Program, failure: Callable[[Program], str | None], seconds: float = 120.0
) -> Program:
    """Drop transforms, results and nodes for as long as the program fails in the same way.

    Args:
        program: one that fails.
        failure: in what way a program fails; None for one that does not, or cannot run at all.
        seconds: when to stop.
    """
    way = failure(program)
    end = time.monotonic() + seconds
    progress = True
    while progress:
        progress = False
        for smaller in candidates(program):
            if time.monotonic() > end:
                return program
            if failure(smaller) == way:
                program, progress = smaller, True
                break
    return program


def smallest(program: Program, seconds: float = 60.0) -> Program:
    """The smallest program that fails like this one, by quick runs if they can be relied upon."""
    small = shrink(program, partial(failure, thorough=False), seconds)
    return small if failure(small) else shrink(program, failure, seconds)


def candidates(program: Program) -> Iterator[Program]:
    """Programs with one thing less, those with much less first."""
    for i in range(len(program.transforms)):
        kept = program.transforms[:i] + program.transforms[i + 1 :]
        if not any(t.kind == "vmap" for t in program.transforms[i:]) or not kept:
            yield replace(program, transforms=kept)
        elif program.transforms[i].kind != "vmap":
            yield replace(program, transforms=kept)
    refs = list(leaves(program.outputs))
    if len(refs) > 1:
        for ref in refs:
            yield clean(replace(program, outputs=ref))
    base = len(list(leaves(program.args)))
    for i in reversed(range(len(program.nodes))):
        if program.nodes[i].op == "my.constant":
            continue
        if is_control(program.nodes[i]):
            for nodes, moved in unfolded(program.nodes, i, base):
                outputs = map_leaves(moved, program.outputs)
                yield clean(replace(program, nodes=nodes, outputs=outputs))
            for node in smaller_control(program.nodes[i]):
                yield clean(replace(program, nodes=replaced(program.nodes, i, node)))
            continue
        for j in program.nodes[i].operands:  # the node's operand in its place
            if _type(program, j) == _type(program, base + i):
                yield clean(_redirected(program, base + i, j))
        for j in range(base):  # an argument in its place
            if _type(program, j) == _type(program, base + i):
                yield clean(_redirected(program, base + i, j))
        if program.nodes[i].dtype in CONSTANTS:
            constant = constant_like(program.nodes[i], i)
            yield clean(replace(program, nodes=replaced(program.nodes, i, constant)))
    for t, transform in enumerate(program.transforms):
        plain = 3 if transform.kind == "linear_transpose" and transform.variant == 3 else 0
        simple = replace(transform, variant=plain, closure=False, out_axes="first")
        if simple != transform:
            kept = (*program.transforms[:t], simple, *program.transforms[t + 1 :])
            yield replace(program, transforms=kept)


def _type(program: Program, i: int) -> tuple[tuple[int, ...], str]:
    found = list(leaves(program.args))
    value: Leaf | Node = found[i] if i < len(found) else program.nodes[i - len(found)]
    return value.shape, value.dtype


def _redirected(program: Program, old: int, new: int) -> Program:
    nodes, swap = redirected(program.nodes, old, new)
    return replace(program, nodes=nodes, outputs=map_leaves(swap, program.outputs))


def clean(program: Program) -> Program:
    """The program without nodes that no result depends on, in it and in the functions it holds."""
    base = len(list(leaves(program.args)))
    nodes, place = without_unused(program.nodes, base, set(leaves(program.outputs)))
    return replace(program, nodes=nodes, outputs=map_leaves(place.get, program.outputs))


def snippet(program: Program) -> str:
    """A Python program, to be run in the folder of these tests, that repeats the failure."""
    base = len(list(leaves(program.args)))
    nodes = "".join(f"        {node!r},  # {base + i}\n" for i, node in enumerate(program.nodes))
    transforms = "".join(f"        {_short(t)},\n" for t in program.transforms)
    return (
        "from program_backends import jax\n"
        "from programs import Body, Leaf, Node, Program, Transform, check\n\n"
        "program = Program(\n"
        f"    seed={program.seed},\n    args={program.args!r},\n"
        f"    nodes=(\n{nodes}    ),\n    outputs={program.outputs!r},\n"
        f"    transforms=(\n{transforms}    ),\n)\n"
        "with jax.enable_x64(True):\n    check(program)\n"
    )


def _short(t: Transform) -> str:
    """A transform without the attributes that its kind does not use."""
    plain = Transform(t.kind)
    given = [
        f"{name}={value!r}"
        for name, value in vars(t).items()
        if name != "kind" and value != getattr(plain, name)
    ]
    return f"Transform({', '.join([repr(t.kind), *given])})"
