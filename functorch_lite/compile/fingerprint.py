"""A key that graphs of one program share, so that a loop staged again is not compiled again."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.core.array import Array
from functorch_lite.core.graph import Graph, Var
from functorch_lite.core.static import Static

__all__ = ["fingerprint"]

MOST_CONSTANT_BYTES = 1 << 14
_OPAQUE = ("host", "collective")


class _Unshared(Exception):
    """The graph holds something that must not outlive it."""


def fingerprint(graph: Graph) -> Any:
    """A hashable key, equal for graphs that do the same in the same way; None if there is none.

    Graphs that call Python, or that hold large constants, have none: whoever remembers their
    programs would keep what they hold.
    """
    try:
        return _key(graph)
    except _Unshared:
        return None


def _key(graph: Graph) -> Any:
    numbers: dict[Var, int] = {}

    def number(v: Var) -> int:
        return numbers.setdefault(v, len(numbers))

    parts: list[Any] = [tuple((number(v), v.aval) for v in graph.inputs)]
    for v, const in graph.consts.items():
        data = getattr(const, "_data", None) if type(const) is Array else None
        if not isinstance(data, np.ndarray) or data.nbytes > MOST_CONSTANT_BYTES:
            raise _Unshared
        parts.append((number(v), data.dtype, data.shape, data.tobytes()))
    for eqn in graph.eqns:
        if eqn.op.family in _OPAQUE or eqn.op.name == "custom_call":
            raise _Unshared
        params = tuple((k, _param(p)) for k, p in eqn.params.items())
        ins, outs = tuple(map(number, eqn.inputs)), tuple(map(number, eqn.outputs))
        parts.append((eqn.op.name, ins, outs, params))
    parts.append(tuple(map(number, graph.outputs)))
    return tuple(parts)


def _param(value: Any) -> Any:
    if isinstance(value, Graph):
        return _key(value)
    if isinstance(value, tuple) and any(isinstance(v, Graph) for v in value):
        return tuple(map(_param, value))
    return Static(value)
