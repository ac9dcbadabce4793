"""``debug_nans``: a base trace that runs each op and looks at its result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from functorch_lite.core.array import Array, Tracer
from functorch_lite.core.dtypes import is_inexact
from functorch_lite.core.graph import Graph
from functorch_lite.core.op import Op
from functorch_lite.core.trace import Trace, state, user_location
from functorch_lite.errors import NanError

__all__ = ["debug_nans"]


class NanTrace(Trace):
    """Runs ops under its parent and raises at the first one that makes a NaN out of numbers."""

    __slots__ = ("location",)

    def __init__(self) -> None:
        super().__init__("debug_nans")
        self.location: str | None = None

    def process(self, op: Op, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        if op.inline is not None:
            return self._run_graph(params["graph"], args)
        out = op(*args, **params)
        for i, x in enumerate(out if op.multi else (out,)):
            data = _concrete(x)
            if data is not None and is_inexact(data.dtype) and _has_nan(data):
                raise NanError(self._message(op, i, x, data, args))
        return out

    def _run_graph(self, graph: Graph, args: Sequence[Any]) -> tuple[Any, ...]:
        """A jitted function runs equation by equation, so that one of them can be named."""
        env: dict[Any, Any] = dict(zip(graph.inputs, args, strict=True))
        env.update(graph.consts)
        was = self.location
        try:
            for eqn in graph.eqns:
                if eqn.source is not None:
                    self.location = eqn.location()
                with Reenter(self):
                    out = eqn.op(*[env[v] for v in eqn.inputs], **eqn.params)
                env.update(zip(eqn.outputs, out if eqn.op.multi else (out,), strict=True))
        finally:
            self.location = was
        return tuple(env[v] for v in graph.outputs)

    def _message(self, op: Op, i: int, out: Any, data: Any, args: Sequence[Any]) -> str:
        node: Any = state.backward
        count = int(np.isnan(np.asarray(data, np.complex128 if data.dtype.kind == "c" else np.float64)).sum())
        had = [k for k, a in enumerate(args) if (d := _concrete(a)) is not None and _has_nan(d)]
        where = self.location or user_location()
        if node:
            of = getattr(node, "op", None)
            line = getattr(node, "where", None) or where
            head = (
                f"NaN in the backward pass: {op.name}, in the derivative of "
                f"{of.name if of else 'a sum of cotangents'} computed at {line}"
            )
        else:
            head = f"NaN in the forward pass: {op.name} at {where}"
        source = (
            f" Operand{'s' * (len(had) > 1)} {', '.join(map(str, had))} held NaN already."
            if had
            else " None of its operands held a NaN."
        )
        return f"{head}: {count} of {data.size} elements of a result of shape {tuple(out.shape)}.{source}"


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


def _concrete(x: Any) -> Any:
    """The raw CPU or GPU array behind a value, or None if it has none."""
    while isinstance(x, Tracer):
        x = getattr(x, "primal", None) if hasattr(x, "primal") else getattr(x, "value", None)
    return x._data if isinstance(x, Array) else None


def _has_nan(data: Any) -> bool:
    if not is_inexact(data.dtype):
        return False
    return bool((data != data).any())


class debug_nans:
    """Context in which the first operation that makes a NaN raises an error.

    The error names the operation, the user's line, and whether it was in the forward or in the backward
    pass. Inside the context jitted functions run op by op.

    Args:
        enabled: false makes the context do nothing.

    Raises:
        NanError: at the operation.

    >>> import functorch_lite.numpy as fnp
    >>> with debug_nans():
    ...     x = fnp.sqrt(fnp.asarray(4.0))
    """

    def __init__(self, enabled: bool = True) -> None:
        self.enabled = enabled
        self._stack: list[Trace] = []

    def __enter__(self) -> None:
        if self.enabled:
            trace = NanTrace()
            trace.__enter__()
            state.debug += 1
            self._stack.append(trace)

    def __exit__(self, *exc: object) -> None:
        if self.enabled:
            state.debug -= 1
            self._stack.pop().__exit__(*exc)
