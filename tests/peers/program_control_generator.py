"""Random programs with control flow: one for each number, always the same one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import program_window_templates as windows
from program_control_builder import Scope
from program_control_nodes import bodies_of, is_control
from program_control_templates import CONTROL, NO_FORWARD, NO_REVERSE, allowed
from program_generator import COST, TEMPLATES, arguments, outputs, transforms_of
from program_shrink import clean
from program_trees import leaves
from programs import Program

ORDINARY = {**TEMPLATES, **windows.TEMPLATES}
FORWARD = ("jvp", "linearize", "jacfwd")
REVERSE = ("grad", "value_and_grad", "vjp", "jacrev")
BOTH = ("linear_transpose", "hessian")
CONTROL_PROGRAMS = 500
MOST_COST = 25.0
# Deeper programs say no more about control flow, and JAX compiles for long.
LARGEST_CONTROL = 60

__all__ = [
    "BOTH",
    "CONTROL_PROGRAMS",
    "FORWARD",
    "LARGEST_CONTROL",
    "REVERSE",
    "constructs",
    "generate_control",
    "size",
]


def generate_control(number: int) -> Program:
    """The program of a number.

    It is built around two of the templates with control flow, which take turns, and filled up with
    random ones of both kinds.
    """
    rng = np.random.default_rng([2025, number])
    names = list(CONTROL)
    due = [names[number % len(names)], names[int(rng.integers(len(names)))]]
    if number % 5 == 2:  # these programs have reverse mode only
        due[1] = NO_FORWARD[number // 5 % 2]
    kinds = _kinds(rng, number, due[0])
    while True:
        program = _program(rng, number, list(due), kinds)
        if constructs(program) and size(program) <= LARGEST_CONTROL:
            return replace(program, transforms=_smooth(transforms_of(rng, program, kinds)))


def size(program: Any) -> int:
    """The number of nodes in a program or function, with those inside of others."""
    count = sum(node.op not in ("my.constant", "my.pick") for node in program.nodes)
    return count + sum(size(body) for node in program.nodes for body in bodies_of(node))


def constructs(program: Any, around: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The constructs in a program, each with those around it, outermost first."""
    found = []
    blocks = {f"my.{name}" for name in CONTROL} | {"my.prefix", "my.prefix_affine"}
    for node in program.nodes:
        if is_control(node) or node.op in blocks:
            path = (*around, node.op.partition(".")[2])
            found.append(path)
            for body in bodies_of(node):
                found += constructs(body, path)
    return found


# ------------------------------------------------------------------------------------------ writing
def _program(rng: np.random.Generator, number: int, due: list[str], kinds: list[str]) -> Program:
    args, first = arguments(rng), due[0]
    scope = Scope(rng, list(leaves(args)), _fill)
    derived = [k for k in kinds if k not in ("vmap", "jit")]
    scope.reverse = any(k not in FORWARD for k in derived)
    scope.rules = all(k in REVERSE for k in derived)
    others = list(ORDINARY)
    extra = [others[int(rng.integers(len(others)))] for _ in range(int(rng.integers(0, 3)))]
    extra.append(list(windows.TEMPLATES)[number % len(windows.TEMPLATES)])
    for name in extra:
        due.insert(int(rng.integers(len(due) + 1)), name)
    permitted = allowed(scope)
    # Most of those that are due have another one inside, many of these a further one; the first
    # thing that a vmap is to have inside is a loop whose condition differs between its examples.
    scope.within += [scope.one_of(list(CONTROL)) for _ in range(int(rng.integers(0, 3)))]
    if first == "mapped":
        scope.within.append("while_stopped" if scope.reverse else "while_free")
    for name in due:
        if name in CONTROL:
            name = name if name in permitted else scope.one_of(permitted)
            CONTROL[name](scope)
        else:
            ORDINARY[name](scope)
    results = outputs(scope)
    return clean(Program(number, args, tuple(scope.nodes), results))


def _fill(scope: Scope) -> None:
    """A few random nodes; the deeper the scope, the fewer, and the fewer of them hold further."""
    for _ in range(int(scope.rng.integers(1, 4 - min(scope.depth, 2)))):
        scope.one_of(list(ORDINARY.values()))(scope)
    names = allowed(scope)
    if names and scope.within:
        due = scope.within.pop()
        CONTROL[due if due in names else scope.one_of(names)](scope)
    elif names and scope.chance((0.0, 0.4, 0.2)[scope.depth]):
        CONTROL[scope.one_of(names)](scope)


# --------------------------------------------------------------------------------------- transforms
_OPTIONS = {
    "forward": [*FORWARD, *FORWARD, "vmap", "vmap", "vmap", "jit", "jit"],
    "reverse": [*REVERSE, *REVERSE, "vmap", "vmap", "vmap", "jit", "jit"],
    "any": [
        *FORWARD,
        *REVERSE,
        *REVERSE,
        *BOTH,
        *BOTH,
        "vmap",
        "vmap",
        "vmap",
        "vmap",
        "jit",
        "jit",
    ],
}


def _kinds(rng: np.random.Generator, number: int, due: str) -> list[str]:
    """One to three kinds, innermost first, such that the template that is due may stand inside."""
    if due in NO_REVERSE or (due == "newton_steps" and number % 2):
        mode = "forward"
    elif due in NO_FORWARD:
        mode = "reverse"
    else:
        mode = ("any", "any", "reverse", "any", "forward")[number % 5]
    depth = (1, 2, 2, 3, 3, 3)[int(rng.integers(6))]
    options = _OPTIONS[mode]
    while True:
        kinds = [options[int(rng.integers(len(options)))] for _ in range(depth)]
        derived = sum(k not in ("vmap", "jit") for k in kinds)
        if float(np.prod([COST[k] for k in kinds])) <= MOST_COST and (derived or number % 16 == 0):
            return kinds


def _smooth(transforms: tuple[Any, ...]) -> tuple[Any, ...]:
    """JAX transposes a loop only after ``linearize`` has taken its primal part out."""
    return tuple(replace(t, variant=3) if t.kind == "linear_transpose" else t for t in transforms)
