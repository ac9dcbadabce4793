"""Dispatch state and the base class of traces.

One thread-local slot holds the current trace; ``None`` means eager execution. An op reads it once
per call. A transform installs its own trace for the duration of the user's function and restores
the outer one whatever happens, so an exception can never leave a thread in the wrong state.
"""

from __future__ import annotations

import contextvars
import functools
import os
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from functorch_lite.core.op import Op

PACKAGE_DIR = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


Source = tuple[str, int, str] | tuple[str, int, str, str]


class State(threading.local):
    """What every thread keeps for itself.

    Attributes:
        trace: the current trace, ``None`` in eager mode.
        run: calls a function with NumPy's floating-point warnings off. It is the ``run`` of a
            context of this thread, because entering ``np.errstate`` costs several times an op.
        device: where creation ops allocate, ``None`` for the CPU.
        backward: the node whose rule a pullback is running, so that diagnostics can name it.
        source: the line that ops are ascribed to, ``(file, line, function)``, and as a fourth
            entry the op whose reverse rule runs, if one does; None for the line that calls.
        scope: the names of the ``named_scope`` blocks around the code, each with a slash behind.
        debug: how many ``debug_nans`` blocks surround the code.
        disable_jit: true inside ``disable_jit()``.
        strict: true where dtypes may not differ, inside ``numpy_dtype_promotion("strict")``.
        backend: what makes programs of graphs here, ``None`` for the default.
    """

    trace: Trace | None = None
    device: Any = None
    backward: Any = None
    source: Source | None = None
    scope: str = ""
    debug: int = 0
    disable_jit: bool = False
    strict: bool = False
    backend: str | None = None
    run: Callable[..., Any]

    def __init__(self) -> None:
        self.run = quiet_runner()


def quiet_runner() -> Callable[..., Any]:
    """A ``run(function, *args)`` under which NumPy reports no floating-point condition."""
    context = contextvars.Context()
    context.run(np.seterr, all="ignore")
    return context.run


def run_again(error: Exception, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call ``function`` after ``state.run`` refused because this thread is inside it already.

    A signal handler, a finalizer or a debugger may apply an op while another one is running.

    Raises:
        Exception: ``error`` itself, if it means anything else.
    """
    if isinstance(error, RuntimeError) and str(error).startswith("cannot enter context"):
        return quiet_runner()(function, *args, **kwargs)
    raise error


class Trace:
    """An interpreter of ops: what a transform does with each of them.

    Attributes:
        parent: the trace that was current when the transform began.
        alive: false once the transform has ended; its tracers must not be used any more.
        label: the transform and function in words, for messages.
        axis_name: the name of the axis that the trace maps over, if it has one.
    """

    __slots__ = ("_caller", "alive", "label", "parent")

    axis_name: Any = None

    def __init__(self, label: str) -> None:
        self.parent = state.trace
        self.alive = True
        self.label = label
        frame = user_frame(2)
        self._caller = None if frame is None else (frame.f_code, frame.f_lineno)

    @property
    def where(self) -> str:
        """File, line and function of the call that began the transform."""
        if self._caller is None:
            return "<unknown>"
        code, line = self._caller
        return f"{code.co_filename}:{line} ({code.co_name})"

    def process(self, op: Op, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Apply ``op``; called with ``parent`` as the current trace."""
        raise NotImplementedError  # every transform has its own

    def __enter__(self) -> Trace:
        state.trace = self
        return self

    def __exit__(self, *exc: object) -> None:
        state.trace = self.parent
        self.alive = False


class Reenter:
    """Make a trace current again while it processes an op made of other ops."""

    __slots__ = ("trace", "was")

    def __init__(self, trace: Trace) -> None:
        self.trace = trace

    def __enter__(self) -> None:
        self.was = state.trace
        state.trace = self.trace

    def __exit__(self, *exc: object) -> None:
        state.trace = self.was


state = State()


def axis_environment() -> tuple[tuple[Any, int], ...]:
    """The named axes that surround the current code, innermost first, with their sizes."""
    found = []
    trace = state.trace
    while trace is not None:
        if trace.axis_name is not None:
            found.append((trace.axis_name, int(trace.size)))  # type: ignore[attr-defined]
        trace = trace.parent
    return tuple(found)


def user_frame(depth: int = 1) -> FrameType | None:
    """The innermost frame that is not inside this package."""
    frame: FrameType | None = sys._getframe(depth)
    while frame is not None and frame.f_code.co_filename.startswith(PACKAGE_DIR):
        frame = frame.f_back
    return frame


def frame_location(frame: FrameType) -> str:
    """``file:line (function)`` of a frame."""
    return f"{frame.f_code.co_filename}:{frame.f_lineno} ({frame.f_code.co_name})"


def source_here() -> Source | None:
    """The line that an op applied now is ascribed to."""
    if state.source is not None:
        return state.source
    frame = user_frame(2)
    return frame and (
        frame.f_code.co_filename,
        frame.f_lineno,
        state.scope + frame.f_code.co_name,
    )


def location_of(source: Source | None) -> str:
    """``file:line (function)`` of a source, or ``<unknown>``."""
    return "<unknown>" if source is None else f"{source[0]}:{source[1]} ({source[2]})"


def function_name(f: Any) -> str:
    """A name for a callable in messages."""
    while isinstance(f, functools.partial):
        f = f.func
    return str(getattr(f, "__name__", None) or getattr(type(f), "__name__", "function"))
