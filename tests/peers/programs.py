"""Descriptions of small array programs, and their evaluation by functorch_lite and by JAX.

A program is plain data: arguments, a list of nodes that each apply one operation to earlier values,
the values that are returned, and the transforms that are wrapped around the whole. Nothing in it
belongs to either library, so both run exactly the same program on exactly the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import program_control_blocks  # noqa: F401  (registers nodes)
import program_numerical_nodes  # noqa: F401
import program_window_nodes  # noqa: F401
from program_backends import Jax, Ours
from program_control_nodes import Body
from program_nodes import run_node
from program_transforms import Transform, apply_transform
from program_trees import leaves, map_leaves, paths

RELATIVE_TOLERANCE = 1e-9

__all__ = [
    "Body",
    "Leaf",
    "Mismatch",
    "Node",
    "Program",
    "Transform",
    "Unsupported",
    "check",
    "compare",
    "evaluate",
    "failure",
    "ours",
    "theirs",
]


@dataclass(frozen=True)
class Leaf:
    """An argument array: ``f8`` uniform in (-2, 2), or ``i8`` in [0, limit), drawn from ``key``."""

    shape: tuple[int, ...]
    dtype: str
    key: int
    limit: int = 0

    def data(self, seed: int) -> np.ndarray:
        """The array."""
        rng = np.random.default_rng([seed, self.key])
        if self.dtype == "i8":
            return rng.integers(0, self.limit, self.shape)
        return rng.uniform(-2.0, 2.0, self.shape)

    def with_axis(self, axis: int, size: int) -> Leaf:
        """The leaf with a mapped axis."""
        at = axis % (len(self.shape) + 1)
        shape = (*self.shape[:at], size, *self.shape[at:])
        return Leaf(shape, self.dtype, self.key, self.limit)


@dataclass(frozen=True)
class Node:
    """One operation: its name, the positions of its operands, its result's type, its params."""

    op: str
    operands: tuple[int, ...]
    shape: tuple[int, ...]
    dtype: str
    params: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True)
class Program:
    """Values are numbered: the leaves of the arguments in order, then the nodes."""

    seed: int
    args: tuple[Any, ...]
    nodes: tuple[Node, ...]
    outputs: Any
    transforms: tuple[Transform, ...] = ()


class Unsupported(Exception):
    """JAX cannot run a program."""


class Mismatch(AssertionError):
    """The two libraries disagree; ``kind`` says about what."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


# --------------------------------------------------------------------------------------- evaluation
def function_of(program: Program, backend: Any) -> Callable[..., Any]:
    """The program without its transforms."""

    def f(*args: Any) -> Any:
        values = list(leaves(args))
        for node in program.nodes:
            operands = [values[i] for i in node.operands]
            values.append(run_node(backend, node, operands, program.seed))
        return map_leaves(values.__getitem__, program.outputs)

    return f


def evaluate(program: Program, backend: Any, out_axes: list[Any] | None = None) -> Any:
    """The transformed function on its arguments.

    Args:
        program: what to run.
        backend: ``Ours`` or ``Jax``.
        out_axes: the ``out_axes`` of the program's ``vmap`` transforms, filled in by ``Ours`` and
            read by ``Jax``, so that both put mapped axes in the same places.

    Returns:
        the result as nested containers of NumPy arrays.
    """
    f, args = function_of(program, backend), program.args
    out_axes = [] if out_axes is None else out_axes
    for level, transform in enumerate(program.transforms):
        f, args = apply_transform(backend, f, args, transform, level, program, out_axes)
    values = map_leaves(lambda leaf: backend.array(leaf.data(program.seed)), args)
    return map_leaves(np.asarray, backend.run(f, values))


def ours(program: Program, out_axes: list[Any]) -> Any:
    """The result by functorch_lite."""
    return evaluate(program, Ours, out_axes)


def theirs(program: Program, out_axes: list[Any], eager: bool = False) -> Any:
    """The result by JAX, compiled or op by op.

    Raises:
        Unsupported: if JAX cannot run the program.
    """
    Jax.eager = eager
    try:
        return evaluate(program, Jax, out_axes)
    except Exception as error:
        raise Unsupported(f"{type(error).__name__}: {error}") from error
    finally:
        Jax.eager = False


def compare(mine: Any, other: Any) -> None:
    """Raise unless both results have one structure, one dtype and shape per leaf, and equal values.

    An element may differ by 1e-9 of the largest magnitude in its array (of 1, if that is smaller).
    Values stay within a few orders of magnitude of 1 by construction, and a program rounds some
    thousand times at 1e-16 each, so agreement is usually near 1e-14 and a wrong rule is far above.
    A NaN equals a NaN, an infinity the same infinity.
    """
    a, b = dict(paths(mine)), dict(paths(other))
    if list(a) != list(b):
        text = f"the results have different structures: {list(a)} and {list(b)}"
        raise Mismatch("structure", text)
    for path, x in a.items():
        y = b[path]
        if x.shape != y.shape or x.dtype != y.dtype:
            text = f"result{path} is {x.dtype}{list(x.shape)}, by JAX {y.dtype}{list(y.shape)}"
            raise Mismatch("type", text)
        if x.dtype.kind != "f":
            same = np.array_equal(x, y)
        else:
            finite = np.abs(y[np.isfinite(y)])
            scale = max(1.0, finite.max(initial=0.0))
            same = np.allclose(x, y, rtol=0.0, atol=RELATIVE_TOLERANCE * scale, equal_nan=True)
        if not same:
            raise Mismatch("values", f"result{path} is\n{x}\nby JAX\n{y}")


def check(program: Program, thorough: bool = True) -> tuple[Any, bool]:
    """Run a program both ways.

    Args:
        program: what to run.
        thorough: let JAX run op by op before its compiled result is held against functorch_lite.

    Returns:
        functorch_lite's result, and whether JAX had to run op by op to agree with it.

    Raises:
        Mismatch: if the results differ from those of JAX, compiled and op by op.
        Unsupported: if JAX cannot run the program.
    """
    out_axes: list[Any] = []
    mine = ours(program, out_axes)
    for eager in (False, True):
        try:
            compare(mine, theirs(program, out_axes, eager))
            return mine, eager
        except Mismatch as error:
            if eager or not thorough or error.kind != "values":
                raise
            first = error
        except Unsupported:
            if eager:  # compiled JAX disagrees, and nothing else can be asked
                raise first from None
            raise
    raise AssertionError("not reached")


def failure(program: Program, thorough: bool = True) -> str | None:
    """In what way functorch_lite fails on a program; None if it does not, or if JAX fails too."""
    try:
        check(program, thorough)
    except Unsupported:
        return None
    except Mismatch as error:
        return error.kind
    except Exception as error:
        try:  # a program that nobody can run says nothing
            theirs(replace(program, transforms=()), [])
        except Unsupported:
            return None
        return f"{type(error).__name__}: {str(error)[:20]}"
    return None
