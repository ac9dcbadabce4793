"""Functions of raw arrays that run as compiled, multi-threaded programs above a size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite.core.array import wrap
from functorch_lite.core.aval import make_aval
from functorch_lite.core.trace import state
from functorch_lite.driver.programs import default_backend
from functorch_lite.torch._core.tensor import is_symbol
from functorch_lite.transforms.call import program_of
from functorch_lite.transforms.stage import stage

__all__ = ["BIG", "ELEMENTS", "FLOATS", "at_size", "compiled", "is_big", "when_large"]

ELEMENTS = 1 << 15
"""Elements of the first operand from which on a program is compiled."""
BIG = 1 << 17
"""Elements from which on operations bound by memory run on all cores."""
FLOATS = frozenset((np.dtype(np.float32), np.dtype(np.float64)))
MOST_PROGRAMS = 256
"""Of one function; they are forgotten together."""


def is_big(x: Any) -> bool:
    """Whether raw values are floats of such a number that a program on all cores pays."""
    return x.size >= BIG and x.dtype in FLOATS


def compiled(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function of core arrays as one of raw arrays, compiled for each kind of operands.

    Args:
        f: of arrays, with hashable keywords; returns one array.

    Returns:
        the same over NumPy arrays; a call costs two microseconds more than the work.
    """
    programs: dict[Any, Callable[..., Any]] = {}

    def run(*arrays: Any, **params: Any) -> Any:
        if any(map(is_symbol, arrays)):
            return f(*map(wrap, arrays), **params)._data
        key = (*[a.shape for a in arrays], *[a.dtype for a in arrays], *params.items())
        program = programs.get(key)
        if program is None:
            if len(programs) >= MOST_PROGRAMS:
                programs.clear()
            program = programs[key] = _program(f, arrays, params)
        return program(*arrays)[0]

    return run


def _program(f: Callable[..., Any], arrays: Any, params: dict[str, Any]) -> Callable[..., Any]:
    avals = [make_aval(a.shape, a.dtype) for a in arrays]
    graph = stage(lambda *args: (f(*args, **params),), avals, getattr(f, "__name__", "f"))
    program = program_of(graph)
    if default_backend() == "cpu":
        return program

    def interpreted(*arrays: Any) -> Any:
        with np.errstate(all="ignore"):
            return program(*arrays)

    return interpreted


def when_large(
    plain: Callable[..., Any], f: Callable[..., Any], least: int = ELEMENTS
) -> Callable[..., Any]:
    """A function of raw arrays: NumPy for small ones, a compiled program for large floats.

    Args:
        plain: over raw arrays; runs with NumPy's warnings off.
        f: the same over arrays of the core; its keywords are hashable.
        least: elements of the first operand from which on the program pays.

    Returns:
        a function with the operands and keywords of both.
    """
    return at_size(lambda *arrays, **params: state.run(plain, *arrays, **params), f, least)


def at_size(plain: Callable[..., Any], f: Callable[..., Any], least: int) -> Callable[..., Any]:
    """Like :func:`when_large`, for use where NumPy's warnings are off already."""
    large = compiled(f)

    def run(x: Any, *rest: Any, **params: Any) -> Any:
        if x.size < least or x.dtype not in FLOATS:
            return plain(x, *rest, **params)
        return large(x, *rest, **params)

    return run
