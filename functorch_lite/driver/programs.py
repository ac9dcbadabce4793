"""Which backend makes programs of graphs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from functorch_lite.backends import interpret
from functorch_lite.compile.passes import optimise
from functorch_lite.core.graph import Graph
from functorch_lite.transforms.call import set_compiler

__all__ = ["BACKENDS", "DEFAULT_BACKEND", "compile_graph"]

BACKENDS: dict[str, Callable[[Graph], Callable[..., tuple[Any, ...]]]] = {
    "interpret": interpret.compile,
}
DEFAULT_BACKEND = "interpret"


def compile_graph(graph: Graph) -> Callable[..., tuple[Any, ...]]:
    """Optimise a graph and make a program of it with the default backend."""
    return BACKENDS[DEFAULT_BACKEND](optimise(graph))


set_compiler(compile_graph)
