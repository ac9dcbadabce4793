"""Which backend makes programs of graphs."""

from __future__ import annotations

import threading
import warnings
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from functorch_lite.backends import interpret
from functorch_lite.compile.fingerprint import fingerprint
from functorch_lite.compile.passes import optimise
from functorch_lite.core.graph import Graph
from functorch_lite.core.op import devices_enabled
from functorch_lite.transforms.call import set_compiler

__all__ = ["BACKENDS", "compile_graph"]

Program = Callable[..., tuple[Any, ...]]


def _cpu(graph: Graph) -> Program:
    from functorch_lite.backends.cpu import program

    return program.compile(graph)


BACKENDS: dict[str, Callable[[Graph], Program]] = {
    "cpu": _cpu,
    "interpret": interpret.compile,
}
_default: list[str] = []


def default_backend() -> str:
    """The compiler, or the interpreter where the compiler's library does not load."""
    if not _default:
        from functorch_lite.backends.cpu.machine import binding, machine

        try:
            binding()
            if not machine().fma:
                raise ImportError("compiled programs need a processor with fused multiply-add")
            _default.append("cpu")
        except ImportError as error:
            _default.append("interpret")
            warnings.warn(
                f"functorch_lite: jit runs programs op by op, because {error}. "
                "Remedy: pip install -U llvmlite, or ask for it with backend='interpret'.",
                RuntimeWarning,
                stacklevel=2,
            )
    return _default[0]


_shared: OrderedDict[Any, Program] = OrderedDict()
_lock = threading.Lock()
MOST_SHARED = 512


def compile_graph(graph: Graph, backend: str | None = None) -> Program:
    """Optimise a graph and make a program of it; equal graphs share one."""
    name = backend or default_backend()
    graph = optimise(graph)
    if name == "interpret":
        return BACKENDS[name](graph)
    key = fingerprint(graph)
    if key is None:
        return BACKENDS[name](graph)
    key = name, devices_enabled(), key
    with _lock:
        found = _shared.get(key)
        if found is not None:
            _shared.move_to_end(key)
            return found
    made = BACKENDS[name](graph)
    with _lock:
        _shared[key] = made
        while len(_shared) > MOST_SHARED:
            _shared.popitem(last=False)
    return made


set_compiler(compile_graph)
