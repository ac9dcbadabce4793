"""Calls whose effect or answer a compiled program would leave out."""

from __future__ import annotations

import gc
import random
import sys
import sysconfig
from collections.abc import Callable
from types import FrameType
from typing import Any

import numpy as np

from functorch_lite.torch._compile.breaks import PACKAGE, GraphBreak
from functorch_lite.torch._object.generator import default_generator

__all__ = ["Streams", "Watch"]

_MODULES = frozenset(
    "_io _random _socket _ssl _thread posix nt select signal time _datetime".split()
)
_CALLS = frozenset(("print", "input", "open", "breakpoint"))
_STDLIB = sysconfig.get_path("stdlib")
_HARMLESS = frozenset(("fspath", "lstat", "stat", "get_ident", "getpid", "allocate_lock"))


class Watch:
    """Within it, calls of C functions that print, read clocks or files, or draw numbers, break.

    Args:
        broken: told of the break.
        library: whether the library itself is at work, which may load a module of its own.
    """

    def __init__(self, broken: Callable[[GraphBreak], None], library: Callable[[], bool]) -> None:
        self._broken = broken
        self._library = library

    def __enter__(self) -> None:
        # Callbacks of the collector would be taken for calls of the function.
        self._collects = gc.isenabled()
        gc.disable()
        self._before = sys.getprofile()
        sys.setprofile(self._seen)

    def __exit__(self, *exc: object) -> None:
        sys.setprofile(self._before)
        if self._collects:
            gc.enable()

    def _seen(self, frame: FrameType, event: str, f: Any) -> None:
        if event != "c_call":
            return
        module = getattr(f, "__module__", None)
        name = getattr(f, "__name__", "")
        printed = module == "builtins" and name in _CALLS
        if printed or module in _MODULES or _is_stateful(f):
            file = frame.f_code.co_filename
            if name in _HARMLESS or file.startswith((PACKAGE, "<frozen")):
                return
            if self._library() and ("site-packages" in file or file.startswith(_STDLIB)):
                return
            found = GraphBreak(f"{name}() has effects that are not supported in compiled graphs")
            self._broken(found)
            raise found


def _is_stateful(f: Any) -> bool:
    """Whether it is a method of a generator of random numbers or of a file, or reads a clock."""
    owner = getattr(f, "__self__", None)
    if isinstance(owner, type):
        return owner.__module__ == "datetime" and f.__name__ in ("now", "today", "utcnow")
    return isinstance(owner, random.Random) or type(owner).__module__ == "_io"


class Streams:
    """The states of the generators of random numbers that a program may draw from unseen."""

    def __init__(self) -> None:
        self._torch = default_generator._engine.state()
        self._python = random.getstate()
        self._numpy = _numpy_state()

    def moved(self) -> str | None:
        """Which of them has been drawn from since."""
        if (self._torch != default_generator._engine.state()).any():
            return "torch"
        if self._python != random.getstate():
            return "random"
        now = _numpy_state()
        if now[2] != self._numpy[2] or (now[1] != self._numpy[1]).any():
            return "numpy.random"
        return None

    def restore(self) -> None:
        """Put them back."""
        default_generator._engine.set_state(self._torch)
        random.setstate(self._python)
        np.random.set_state(self._numpy)  # noqa: NPY002


def _numpy_state() -> Any:
    """The state of NumPy's older generator, which programs use through ``np.random``."""
    kind, keys, *rest = np.random.get_state()  # noqa: NPY002
    return kind, np.array(keys), *rest
