"""``debug_nans``, ``debug_infs``: base traces that run each op and look at its result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from functorch_lite.core.array import Array, StackArray, Tracer
from functorch_lite.core.dtypes import is_inexact
from functorch_lite.core.op import Op
from functorch_lite.core.trace import Reenter, Trace, location_of, source_here, state
from functorch_lite.errors import NanError

__all__ = ["debug_infs", "debug_nans"]


class NanTrace(Trace):
    """Runs ops under its parent and raises at the first one whose result holds a NaN."""

    __slots__ = ()

    what, one = "NaN", "a NaN"

    def __init__(self) -> None:
        super().__init__(f"debug_{self.what.lower()}s")

    def found(self, data: Any) -> Any:
        """Where the numbers are what is looked for."""
        return data != data

    def process(self, op: Op, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        if op.inline is not None and all(_concrete(a) is not None for a in args):
            # A jitted function runs equation by equation, so that one of them can be named.
            with Reenter(self):
                return op.inline(args, params)
        out = op(*args, **params)
        if op.name == "full":
            return out  # a NaN or an infinity that was written down is wanted
        for i, x in enumerate(out if op.multi else (out,)):
            data = _numbers(x)
            if self._holds(data):
                raise NanError(self._message(op, i, x, data, args))
        return out

    def _holds(self, data: Any) -> bool:
        return data is not None and is_inexact(data.dtype) and bool(self.found(data).any())

    def _message(self, op: Op, i: int, out: Any, data: Any, args: Sequence[Any]) -> str:
        count = int(self.found(data).sum())
        had = [k for k, a in enumerate(args) if self._holds(_numbers(a))]
        line = state.source or source_here()
        pulled = line[3] if line is not None and len(line) > 3 else None
        if pulled is None and state.backward is not None:
            pulled = state.backward.op.name
        where = location_of(line)
        if pulled is not None:
            head = (
                f"{self.what} in the backward pass: {op.name}, in the derivative of {pulled} at "
                f"{where}"
            )
        else:
            head = f"{self.what} in the forward pass: {op.name} at {where}"
        made = (
            f" Operand{'s' * (len(had) > 1)} {', '.join(map(str, had))} held {self.what} already."
            if had
            else f" None of its operands held {self.one}."
        )
        which = f"output {i}" if op.multi else "a result"
        return (
            f"{head}: {count} of {data.size} elements of {which} of shape {tuple(out.shape)}.{made}"
        )


def _concrete(x: Any) -> Any:
    """The raw CPU or GPU array behind a value, or None if it has none."""
    while isinstance(x, Tracer):
        x = getattr(x, "primal", None) if hasattr(x, "primal") else getattr(x, "value", None)
    return x._data if isinstance(x, Array) else None


def _numbers(x: Any) -> Any:
    """The raw array behind a value whose numbers may be looked at; None for a loop's stack."""
    return None if isinstance(x, StackArray) else _concrete(x)


class InfTrace(NanTrace):
    """Runs ops under its parent and raises at the first one whose result holds an infinity."""

    __slots__ = ()

    what, one = "inf", "an inf"

    def found(self, data: Any) -> Any:
        if data.dtype.kind == "c":
            return self.found(data.real) | self.found(data.imag)
        return abs(data) == np.inf


class debug_nans:
    """Context in which the first operation that makes a NaN raises an error.

    The error names the operation, the user's line, and whether it was in the forward or in the
    backward pass. Inside the context jitted functions run op by op.

    Args:
        enabled: false makes the context do nothing.

    Raises:
        NanError: at the operation.

    >>> import functorch_lite.numpy as fnp
    >>> with debug_nans():
    ...     x = fnp.sqrt(fnp.asarray(4.0))
    """

    _trace: type[NanTrace] = NanTrace

    def __init__(self, enabled: bool = True) -> None:
        self.enabled = enabled
        self._stack: list[Trace] = []

    def __enter__(self) -> None:
        if self.enabled:
            trace = self._trace()
            trace.__enter__()
            state.debug += 1
            self._stack.append(trace)

    def __exit__(self, *exc: object) -> None:
        if self.enabled:
            state.debug -= 1
            self._stack.pop().__exit__(*exc)


class debug_infs(debug_nans):
    """Context in which the first operation that makes an infinity raises an error.

    It says and does the same as :func:`debug_nans`, with which it goes together.

    Args:
        enabled: false makes the context do nothing.

    Raises:
        NanError: at the operation.

    >>> import functorch_lite.numpy as fnp
    >>> with debug_infs():
    ...     x = fnp.log(fnp.asarray(1.0))

    Source: ``jax.debug_infs``.
    """

    _trace = InfTrace
