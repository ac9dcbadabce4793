"""The reference backend: runs an optimised graph op by op through the eager functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from functorch_lite.core.graph import Graph, reference_program

Program = Callable[..., tuple[Any, ...]]


def compile(graph: Graph) -> Program:
    """A program of raw arrays; every other backend is tested against it."""
    return reference_program(graph)
