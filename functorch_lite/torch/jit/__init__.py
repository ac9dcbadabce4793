"""Marks for TorchScript's compiler, which there is none of: programs run as Python.

All of it is what PyTorch makes of it where its compiler is switched off (``PYTORCH_JIT=0``).
``torch.compile`` makes functions fast; ``trace`` and files of compiled programs do not exist.

Source: ``torch.jit``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NoReturn

__all__ = [
    "Final", "annotate", "export", "ignore", "is_scripting", "is_tracing", "script",
    "script_if_tracing", "unused",
]  # fmt: skip


def __getattr__(name: str) -> NoReturn:
    raise AttributeError(
        f"module 'torch.jit' has no attribute {name!r}: functorch_lite.torch has no TorchScript "
        "compiler; torch.compile makes functions fast",
        name=name,
    )


def is_scripting() -> bool:
    """Whether TorchScript runs the code. Source: ``torch.jit.is_scripting``."""
    return False


def is_tracing() -> bool:
    """Whether operations are traced for TorchScript. Source: ``torch.jit.is_tracing``."""
    return False


def script(obj: Any, optimize: Any = None, *_: Any, **__: Any) -> Any:
    """A function, class or module as Python runs it: itself.

    Source: ``torch.jit.script``, with its compiler switched off.
    """
    return obj


def script_if_tracing(fn: Callable[..., Any]) -> Callable[..., Any]:
    """A function to be compiled while another is traced: itself, nothing is ever traced.

    Source: ``torch.jit.script_if_tracing``.
    """
    return fn


def annotate(the_type: Any, the_value: Any) -> Any:
    """A value, of which TorchScript should know the type. Source: ``torch.jit.annotate``."""
    return the_value


def export(fn: Callable[..., Any]) -> Callable[..., Any]:
    """A method that TorchScript should compile: itself. Source: ``torch.jit.export``."""
    return fn


def unused(fn: Callable[..., Any]) -> Callable[..., Any]:
    """A method that TorchScript should leave out: itself. Source: ``torch.jit.unused``."""
    return fn


def ignore(drop: Any = False, **kwargs: Any) -> Any:
    """A function that TorchScript should leave to Python: itself.

    Args:
        drop: the function; or, with parentheses, whether it is left out of what is saved.

    Source: ``torch.jit.ignore``.
    """
    return drop if callable(drop) else lambda fn: fn
