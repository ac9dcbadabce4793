"""Whether operations run in lower precision: per thread and kind of device."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from functorch_lite.torch._core.dtypes import bfloat16, dtype, float16
from functorch_lite.torch._core.grad_mode import _Context

__all__ = ["DTYPES", "Kept", "casting", "paused", "watch"]

DTYPES: dict[str, dtype] = {
    "cpu": bfloat16, "cuda": float16, "mtia": float16, "maia": bfloat16, "xpu": float16,
    "ipu": float16, "hpu": bfloat16, "xla": bfloat16, "privateuseone": float16, "mps": float16,
    "hip": float16,
}  # fmt: skip
"""The lower precision of each kind of device, if none is asked for."""


class _Casting(threading.local):
    """What autocast does in the current thread.

    Attributes:
        kinds: the kinds of device for which it is on.
        on: whether calls are looked at; off while an operation runs whose operands have been cast.
        dtypes: the lower precision by kind of device.
        nesting: how many contexts surround the code.
        keeps: whether casts of parameters are kept until the outermost context ends.
        casts: those that are: what was cast, for which recorder, and the cast; by identity of the
            first two.
    """

    on = False
    nesting = 0
    keeps = True
    kinds: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.dtypes = dict(DTYPES)
        self.casts: dict[tuple[int, int], tuple[Any, Any, Any]] = {}

    def switch(self, kinds: tuple[str, ...]) -> None:
        """Let it be on for some kinds of device and off for all others."""
        if bool(kinds) != bool(self.kinds):
            watch[0](1 if kinds else -1)
        self.kinds = kinds
        self.on = bool(kinds)

    def key(self) -> tuple[Any, ...]:
        """Hashable: what the dtypes of results depend on."""
        if not self.on:
            return ()
        return tuple((kind, self.dtypes[kind]) for kind in self.kinds) + (self.keeps,)


casting = _Casting()

watch: list[Callable[[int], None]] = []
"""Tells operations that there is one more thread, or one less, in which autocast is on."""


@contextmanager
def paused() -> Iterator[None]:
    """Within it, no call of an operation is looked at."""
    was = casting.on
    casting.on = False
    try:
        yield
    finally:
        casting.on = was


class Kept(_Context):
    """A context in which autocast is as it was where this was made."""

    def __init__(self) -> None:
        self.wanted = casting.kinds, dict(casting.dtypes), casting.keeps
        self.before: list[Any] = []

    def __enter__(self) -> None:
        self.before.append((casting.kinds, casting.dtypes, casting.keeps))
        self._put(self.wanted)
        casting.nesting += 1

    def __exit__(self, *exception: object) -> None:
        casting.nesting -= 1
        if not casting.nesting:
            casting.casts.clear()
        self._put(self.before.pop())

    def restore(self) -> None:
        """Have autocast as it was, for good."""
        self._put(self.wanted)

    def _put(self, found: tuple[tuple[str, ...], dict[str, dtype], bool]) -> None:
        kinds, dtypes, casting.keeps = found
        casting.dtypes = dict(dtypes)
        casting.switch(kinds)

    def clone(self) -> Kept:
        """The same context."""
        return self
