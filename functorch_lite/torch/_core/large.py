"""Functions of raw arrays that run as compiled, multi-threaded programs above a size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite import jit
from functorch_lite.core.array import Array, wrap
from functorch_lite.core.trace import state

__all__ = ["ELEMENTS", "FLOATS", "when_large"]

ELEMENTS = 1 << 15
"""Elements of the first operand from which on a program is compiled."""
FLOATS = frozenset((np.dtype(np.float32), np.dtype(np.float64)))


def when_large(
    plain: Callable[..., Any],
    f: Callable[..., Array],
    names: tuple[str, ...],
    least: int = ELEMENTS,
) -> Callable[..., Any]:
    """A function of raw arrays: NumPy for small ones, a compiled program for large floats.

    Args:
        plain: over raw arrays; runs with NumPy's warnings off.
        f: the same over arrays of the core; its parameters are hashable.
        names: of the parameters.
        least: elements of the first operand from which on the program pays.

    Returns:
        a function with the operands and parameters of both.
    """
    program = jit(f, static_argnames=names)

    def run(x: Any, *rest: Any, **params: Any) -> Any:
        if x.size < least or x.dtype not in FLOATS:
            return state.run(plain, x, *rest, **params)
        return program(wrap(x), *map(wrap, rest), **params)._data

    return run
