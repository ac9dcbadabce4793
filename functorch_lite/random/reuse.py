"""A debug mode that notices a random key which is consumed twice."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Any

import numpy as np

from functorch_lite.core.array import Array, Tracer
from functorch_lite.core.trace import Source, location_of, source_here, state
from functorch_lite.errors import KeyReuseError
from functorch_lite.transforms.stage import StageTrace, StageTracer

__all__ = ["debug_key_reuse", "forget", "watch"]

_PACKAGE = __name__.rpartition(".")[0]
_SMALL = 64


class _Watch(threading.local):
    """What this thread has seen: the ledger of the mode, None while it is off."""

    ledger: Ledger | None = None


class Ledger:
    """The keys that have been consumed, with the function and the line that did.

    Eager keys are known by their value.  In a staged program they have none: there a key is known
    by the expression that computes it, so ``keys[0]`` written twice is one key.
    """

    def __init__(self) -> None:
        self._by_value: dict[Any, tuple[str, Source | None]] = {}
        self._programs: dict[int, _Program] = {}

    def consume(self, name: str, key: Any) -> None:
        """Note that the public function ``name``, one frame above the caller, uses a key up."""
        caller = sys._getframe(2).f_back
        if caller is not None and _inside(caller.f_globals.get("__name__", "")):
            return  # a sampler that is made of this one has been noted already
        use = name, source_here()
        own, outer = self._tables()
        for identity in self._identities(key):
            first = own.get(identity) or outer.get(identity)
            if first is not None:
                raise KeyReuseError(
                    f"{name}: this key is used up. {first[0]} consumed it at "
                    f"{location_of(first[1])}, and now {name} at {location_of(use[1])}; both "
                    "would give related numbers. Remedy: k1, k2 = random.split(key), and a key "
                    "for each."
                )
            own[identity] = use

    def release(self, key: Any) -> None:
        """Forget that a key has been consumed."""
        own, outer = self._tables()
        for identity in self._identities(key):
            own.pop(identity, None)
            outer.pop(identity, None)

    def _tables(self) -> tuple[dict[Any, Any], dict[Any, Any]]:
        """Where uses are noted now, and where earlier ones may stand besides.

        What a staged program consumes belongs to that program: it is staged more than once where
        a loop's carry changes its dtype, or for arguments of another shape.
        """
        self._programs = {i: p for i, p in self._programs.items() if p.trace.alive}
        trace = _staging()
        if trace is None:
            return self._by_value, {}
        return self._program(trace).uses, self._by_value

    def _program(self, trace: StageTrace) -> _Program:
        return self._programs.setdefault(id(trace), _Program(trace))

    def _identities(self, key: Any) -> Iterator[Any]:
        """What a key is known by; several for the mapped keys of ``vmap``."""
        while isinstance(key, Tracer) and not isinstance(key, StageTracer):
            key = key.primal if hasattr(key, "primal") else getattr(key, "value", None)
        if isinstance(key, StageTracer):
            if isinstance(key._trace, StageTrace):
                yield id(key._trace), self._program(key._trace).number(key)
        elif key is not None:
            yield from {tuple(row) for row in _words(key).reshape(-1, 2).tolist()}


class _Program:
    """A program that is being staged: its uses of keys, and its values by their expressions."""

    def __init__(self, trace: StageTrace) -> None:
        self.trace = trace
        self.uses: dict[Any, tuple[str, Source | None]] = {}
        self._numbers: dict[Any, int] = {}
        self._of_var: dict[Any, int] = {}
        self._read = 0

    def number(self, x: StageTracer) -> int:
        """The number of a value; two values that the same ops compute share theirs."""
        for eqn in self.trace.eqns[self._read :]:
            inputs = tuple(self._number_of(v) for v in eqn.inputs)
            for i, var in enumerate(eqn.outputs):
                expression: Any = (eqn.op.name, tuple(sorted(eqn.params.items())), inputs, i)
                try:
                    self._of_var[var] = self._numbers.setdefault(expression, len(self._numbers))
                except TypeError:  # params that cannot be hashed
                    self._of_var[var] = self._numbers.setdefault(var, len(self._numbers))
        self._read = len(self.trace.eqns)
        return self._number_of(x._var)

    def _number_of(self, var: Any) -> int:
        if var not in self._of_var:
            const = self.trace.consts.get(var)
            is_small = type(const) is Array and const.size <= _SMALL
            data = _words(const) if is_small else None
            known = var if data is None else (data.dtype.name, data.shape, data.tobytes())
            self._of_var[var] = self._numbers.setdefault(known, len(self._numbers))
        return self._of_var[var]


class debug_key_reuse:
    """Notice random keys that are consumed twice: a setting, and a context that takes it back.

    Sampling from a key and splitting it consume it; ``fold_in`` does not, since a key and many
    numbers give many keys, and ``clone`` gives a key back.  Eager keys are compared by value, so
    ``key(0)`` made twice is one key.  Inside a program that ``jit``, ``scan`` or another
    transform stages, keys are compared by the expression that computes them, while the program is
    staged: what it consumes is not held against calls of it.  With ``disable_jit()`` around,
    everything is compared by value.  The setting holds for the current thread; when it is off,
    nothing is remembered.

    Args:
        enabled: whether to look.

    Raises:
        KeyReuseError: at the second use; it names both functions and lines.

    >>> from functorch_lite import random
    >>> key = random.key(0)
    >>> with random.debug_key_reuse():
    ...     k1, k2 = random.split(key)
    ...     x = random.normal(k1) + random.uniform(k2)

    Source: ``jax_debug_key_reuse``.
    """

    def __init__(self, enabled: bool = True) -> None:
        self._was = watch.ledger
        watch.ledger = (self._was or Ledger()) if enabled else None

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        watch.ledger = self._was


def forget(key: Any) -> None:
    """Let a key be consumed once more, where the mode is on."""
    if watch.ledger is not None:
        watch.ledger.release(key)


def _inside(module: str) -> bool:
    return module == _PACKAGE or module.startswith(f"{_PACKAGE}.")


def _staging() -> StageTrace | None:
    """The innermost program that is being staged around the current code."""
    trace = state.trace
    while trace is not None and not isinstance(trace, StageTrace):
        trace = trace.parent
    return trace


def _words(x: Any) -> Any:
    """A concrete array in the host's memory."""
    data = x._data if isinstance(x, Array) else x
    return np.asarray(data.get() if hasattr(data, "get") else data)


watch = _Watch()
