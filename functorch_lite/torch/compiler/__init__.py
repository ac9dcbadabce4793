"""What belongs to ``torch.compile``. Source: ``torch.compiler``."""

from typing import Any

from functorch_lite.torch._compile.public import (
    compile,
    disable,
    is_compiling,
    list_backends,
    reset,
)
from functorch_lite.torch._scripts.names import module_getattr as _module_getattr

__all__ = [
    "allow_in_graph", "assume_constant_result", "compile", "cudagraph_mark_step_begin", "disable",
    "is_compiling", "is_dynamo_compiling", "is_exporting", "list_backends", "reset",
]  # fmt: skip

is_dynamo_compiling = is_compiling


def is_exporting() -> bool:
    """False: programs are not exported. Source: ``torch.compiler.is_exporting``."""
    return False


def cudagraph_mark_step_begin() -> None:
    """Nothing: there are no CUDA graphs. Source: ``torch.compiler.cudagraph_mark_step_begin``."""


def allow_in_graph(fn: Any) -> Any:
    """The function: all are looked into. Source: ``torch.compiler.allow_in_graph``."""
    return fn


def assume_constant_result(fn: Any) -> Any:
    """The function: all are looked into. Source: ``torch.compiler.assume_constant_result``."""
    return fn


__getattr__ = _module_getattr(globals())
