"""The reference backend: runs an optimised graph op by op through the eager functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from functorch_lite.core.graph import Graph, reference_program
from functorch_lite.core.trace import state

Program = Callable[..., tuple[Any, ...]]


def compile(graph: Graph) -> Program:
    """A program of raw arrays; every other backend is tested against it.

    The graphs inside loops and branches are interpreted, too.
    """
    run = reference_program(graph)

    def program(*datas: Any) -> tuple[Any, ...]:
        was, state.backend = state.backend, "interpret"
        try:
            return run(*datas)
        finally:
            state.backend = was

    return program
