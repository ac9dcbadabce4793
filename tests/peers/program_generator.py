"""Random programs: one for each number, always the same one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import program_array_templates as arrays
import program_index_templates as indexing
import program_integer_templates as integers
import program_library_templates as library
import program_numerical_templates as numerical
import program_templates as elementwise
from program_builder import COMFORTABLE, FLAT, SIZES, Builder
from program_shrink import clean
from program_transforms import Transform, mapped_specs
from program_trees import leaves
from programs import Leaf, Program

TEMPLATES = {
    name: template
    for module in (elementwise, arrays, indexing, integers, library)
    for name, template in module.TEMPLATES.items()
}
NUMERICAL_FROM = 100_000
"""Programs from this number on are built around matrices, Fourier and special functions."""
SMALLEST, LARGEST = 5, 40

# How many more operations a transform makes of a program, roughly; it limits the programs' size.
COST = {
    "grad": 3.0, "value_and_grad": 3.0, "vjp": 3.0, "jvp": 2.2, "linearize": 2.2,
    "linear_transpose": 3.5, "jacfwd": 2.5, "jacrev": 3.5, "hessian": 8.0, "vmap": 1.1, "jit": 1.0,
}  # fmt: skip
BUDGET = 150

__all__ = [
    "LARGEST", "NUMERICAL_FROM", "SMALLEST", "arguments", "generate", "operations", "outputs",
    "transforms_of",
]  # fmt: skip


def generate(number: int) -> Program:
    """The program of a number.

    Every program is built around three templates that take turns, and filled up with random ones;
    so any few hundred consecutive numbers exercise every template several times.
    """
    rng = np.random.default_rng([2024, number])
    transforms = _kinds(rng, number)
    expansion = float(np.prod([COST[k] for k in transforms]))
    largest = int(np.clip(BUDGET / expansion, 6, 36))
    while True:
        program = _program(rng, number, int(rng.integers(SMALLEST, largest + 1)))
        if SMALLEST <= operations(program) <= LARGEST:
            return replace(program, transforms=transforms_of(rng, program, transforms))


def operations(program: Program) -> int:
    """The number of nodes that compute something."""
    return sum(node.op != "my.constant" for node in program.nodes)


def _program(rng: np.random.Generator, number: int, target: int) -> Program:
    args = arguments(rng)
    names = list(TEMPLATES)
    builder = Builder(rng, list(leaves(args)))
    turns = numerical.TEMPLATES if number >= NUMERICAL_FROM else TEMPLATES
    order = list(turns)
    due = [order[(3 * number + i) % len(order)] for i in range(3)]
    rng.shuffle(due)
    while due or len(builder.nodes) < target:
        name = due.pop() if due else names[int(rng.integers(len(names)))]
        (TEMPLATES | numerical.TEMPLATES)[name](builder)
    results = outputs(builder)
    return clean(Program(number, args, tuple(builder.nodes), results))


# ---------------------------------------------------------------------------------------- arguments
def arguments(rng: np.random.Generator) -> tuple[Any, ...]:
    """One to three arguments, some of them trees, at most one of integers."""
    key = iter(range(100))

    def leaf() -> Leaf:
        shape = tuple(int(rng.choice(SIZES)) for _ in range(int(rng.integers(0, 3))))
        return Leaf(shape, "f8", next(key))

    def tree() -> Any:
        form = int(rng.integers(6))
        if form == 0:
            return {"b": leaf(), "w": leaf()}
        if form == 1:
            return (leaf(), [leaf()])
        if form == 2:
            return {"layer": (leaf(), {"scale": leaf()}), "none": None}
        return leaf()

    args = [tree() for _ in range(int(rng.integers(1, 4)))]
    if rng.random() < 0.35:
        shape = ((), (2,), (3,))[int(rng.integers(3))]
        args.insert(int(rng.integers(len(args) + 1)), Leaf(shape, "i8", next(key), 5))
    return tuple(args)


# ------------------------------------------------------------------------------------------ results
def outputs(b: Builder) -> Any:
    """A tree of the values that nothing uses yet; float64 ones beyond a few are summed up."""
    free = [i for i in range(b.inputs, len(b.types)) if not b.used[i]]
    reals = [i for i in free if b.types[i][1] == "f8" and b.nodes[i - b.inputs].operands]
    others = [i for i in free if b.types[i][1] in ("i8", "b1")]
    if not any(b.live[i] for i in reals):
        inputs = [i for i in range(b.inputs) if b.live[i]]
        reals.append(b.same("np.sin", b.one_of(inputs)))
    while len(reals) > 3:
        x, y = reals.pop(), reals.pop()
        reals.insert(0, b.add("op.add", *(_total(b, i) for i in (x, y)), shape=(), bound=2.0))
    reals = [b.bounded(i, 4 * COMFORTABLE) for i in reals]
    # Something that depends on a single argument; it may be constant over a mapped axis.
    inputs = [i for i in range(b.inputs) if b.types[i][1] == "f8"]
    alone = b.same("np.sin", b.one_of(inputs)) if b.chance(0.3) else None
    form = int(b.rng.integers(4))
    rest = others[:2]
    if alone is not None:
        rest = [*rest, alone]
    if form == 0 and len(reals) == 1 and not rest:
        return reals[0]
    if form <= 1:
        return (*reals, rest)
    if form == 2:
        return {"loss": reals[0], "rest": [*reals[1:], {"z": tuple(rest)}]}
    return [{"a": reals[0], "b": tuple(reals[1:])}, *rest]


def _total(b: Builder, i: int) -> int:
    """A bounded scalar that depends on all of a value."""
    return b.bounded(b.add("np.mean", i, shape=(), bound=b.bounds[i]) if b.shape(i) else i, 1.0)


# --------------------------------------------------------------------------------------- transforms
_CHOICES = [
    "grad", "grad", "value_and_grad", "vjp", "vjp", "jvp", "jvp", "linearize", "linear_transpose",
    "jacfwd", "jacrev", "hessian", "vmap", "vmap", "vmap", "vmap", "jit", "jit", "jit",
]  # fmt: skip


def _kinds(rng: np.random.Generator, number: int) -> list[str]:
    """One to three kinds, innermost first; nearly always with a derivative among them."""
    depth = (1, 2, 2, 3, 3, 3)[number % 6]
    while True:
        kinds = [_CHOICES[int(rng.integers(len(_CHOICES)))] for _ in range(depth)]
        cost = float(np.prod([COST[k] for k in kinds]))
        derived = sum(k not in ("vmap", "jit") for k in kinds)
        if cost <= 25 and (derived or number % 12 == 0):
            return kinds


def _reached(program: Program) -> set[int]:
    """The positions of the arguments on which a float64 result depends smoothly."""
    base = len(list(leaves(program.args)))
    kinds = [leaf.dtype for leaf in leaves(program.args)] + [n.dtype for n in program.nodes]
    kinds = ["f8" if kind in ("many", "empty") else kind for kind in kinds]
    needed = {i for i in leaves(program.outputs) if kinds[i] == "f8"}
    for i in reversed(range(len(program.nodes))):
        node = program.nodes[i]
        if base + i in needed and node.op not in FLAT:
            needed.update(j for j in node.operands if kinds[j] == "f8")
    owner = [k for k, arg in enumerate(program.args) for _ in leaves(arg)]
    return {owner[i] for i in needed if i < base}


def transforms_of(rng: np.random.Generator, program: Program, kinds: list[str]) -> tuple[Any, ...]:
    args, reached = program.args, _reached(program)
    real = [i for i, a in enumerate(args) if all(leaf.dtype == "f8" for leaf in leaves(a))]
    out = []
    for kind in kinds:
        key, closure = int(rng.integers(1 << 30)), bool(rng.random() < 0.4)
        if kind == "vmap":
            axes = _in_axes(rng, args)
            size = 2 if rng.random() < 0.6 else 3
            args = mapped_specs(args, axes, size)
            place = str(rng.choice(["first", "last", "mixed", "mixed"]))
            out.append(
                Transform(kind, closure=closure, key=key, in_axes=axes, out_axes=place, size=size)
            )
            continue
        pool = list(range(len(args))) if kind == "jit" else real
        if kind == "hessian" or kind.startswith("jac"):
            useful = [i for i in pool if i in reached] or pool
            which = (min(useful, key=lambda i: _elements(args[i])),)
        else:
            count = int(rng.integers(1, len(pool) + 1))
            which = tuple(int(i) for i in rng.choice(pool, count, replace=False))
            if reached.isdisjoint(which):
                which = (*which, *sorted(reached)[:1])
        out.append(Transform(kind, which, closure, key, int(rng.integers(3))))
    return tuple(out)


def _elements(arg: Any) -> int:
    return sum(int(np.prod(leaf.shape)) for leaf in leaves(arg))


def _in_axes(rng: np.random.Generator, args: Any) -> tuple[Any, ...]:
    while True:
        axes: list[Any] = []
        for arg in args:
            found = list(leaves(arg))
            ranks = [len(leaf.shape) + 1 for leaf in found]
            choice = rng.random()
            if choice < 0.3:
                axes.append(None)
            elif choice < 0.5 or len(found) == 1:
                smallest = min(ranks)
                axes.append(int(rng.integers(-smallest, smallest)))
            else:
                axes.append(
                    tuple(None if rng.random() < 0.3 else int(rng.integers(-n, n)) for n in ranks)
                )
        if any(
            a is not None for axis in axes for a in (axis if isinstance(axis, tuple) else [axis])
        ):
            return tuple(axes)
