"""``ensure_compile_time_eval``: known values are computed at once, also while staging."""

from __future__ import annotations

from typing import Any

from functorch_lite.core.array import Tracer
from functorch_lite.core.op import Op
from functorch_lite.core.trace import Trace, state
from functorch_lite.transforms.debug import NanTrace

__all__ = ["ensure_compile_time_eval"]


class EagerTrace(Trace):
    """Runs ops on values that exist at once, and hands all others to its parent."""

    __slots__ = ("base",)

    base: Trace | None

    def __init__(self) -> None:
        super().__init__("ensure_compile_time_eval")
        chain = []
        trace = self.parent
        while trace is not None:
            chain.append(trace)
            trace = trace.parent
        # debug_nans around everything still looks at what is computed.
        self.base = None
        for trace in reversed(chain):
            if not isinstance(trace, NanTrace):
                break
            self.base = trace

    def process(self, op: Op, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        if op.family != "collective" and not any(isinstance(a, Tracer) for a in args):
            state.trace = self.base  # the caller restores it
        return op(*args, **params)


class ensure_compile_time_eval:
    """Context in which what does not depend on traced values is computed at once.

    Inside ``jit`` even ``sin(3.0)`` is written down and has no value; in this context it has one,
    which may decide a Python ``if``, and which the program holds as a constant. Operations on
    traced values are written down as ever.

    >>> import functorch_lite as fl
    >>> import functorch_lite.numpy as fnp
    >>> @fl.jit
    ... def f(x):
    ...     with fl.ensure_compile_time_eval():
    ...         positive = fnp.sin(3.0) > 0
    ...     return x + 1 if positive else x
    >>> f(1.0)
    Array(2., dtype=float32)

    Source: ``jax.ensure_compile_time_eval``.
    """

    def __init__(self) -> None:
        self._stack: list[Trace] = []

    def __enter__(self) -> None:
        trace = EagerTrace()
        trace.__enter__()
        self._stack.append(trace)

    def __exit__(self, *exc: object) -> None:
        self._stack.pop().__exit__(*exc)
