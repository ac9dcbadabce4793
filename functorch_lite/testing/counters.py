"""Counters of what should stay small: traces of ``jit``, Python frames, memory that is kept."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Any

__all__ = ["Allocations", "Traces", "count_allocations", "count_frames", "count_traces"]


class Traces:
    """How often jitted functions were traced inside the block of :func:`count_traces`.

    Attributes:
        count: number of traces so far, still counting inside the block.
        reasons: one line a trace: the signature, and why it was needed.
    """

    def __init__(self, functions: tuple[Any, ...]) -> None:
        self._functions = functions
        self._start = self._state()
        self._end: tuple[int, Counter[str]] | None = None

    def _state(self) -> tuple[int, Counter[str]]:
        infos = [f.cache_info() for f in self._functions]
        lines = Counter(f"{t.signature}: {t.reason}" for info in infos for t in info.traces)
        return sum(info.misses for info in infos), lines

    def __enter__(self) -> Traces:
        self._start, self._end = self._state(), None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end = self._state()

    @property
    def count(self) -> int:
        return (self._end or self._state())[0] - self._start[0]

    @property
    def reasons(self) -> list[str]:
        return list(((self._end or self._state())[1] - self._start[1]).elements())

    def __repr__(self) -> str:
        return "\n  ".join([f"Traces(count={self.count})", *self.reasons])


def count_traces(*functions: Any) -> Traces:
    """Count the traces of jitted functions inside a ``with`` block.

    A training step that is traced more than once is slow, and the reason says which argument
    changed its shape, dtype or static value.

    Args:
        *functions: results of ``jit``.

    Returns:
        Traces, a context manager with ``count`` and ``reasons``.

    Raises:
        TypeError: one of them is no jitted function.

    >>> import functorch_lite as fl
    >>> double = fl.jit(lambda x: x * 2)
    >>> with count_traces(double) as traces:
    ...     for n in (1, 1, 2):
    ...         _ = double(fl.numpy.ones(n))
    >>> traces.count
    2
    >>> traces.reasons[1]
    '<lambda>(x: f32[2]): x is f32[2] instead of f32[1]'
    """
    for f in functions or (None,):
        if not hasattr(f, "cache_info") or not hasattr(f, "lower"):
            got = "no function" if f is None else repr(f)
            raise TypeError(
                f"count_traces: expected functions made by jit; got {got}. "
                "Remedy: step = jit(step); with count_traces(step) as traces: ..."
            )
    return Traces(functions)


def count_frames(f: Callable[..., Any], *args: Any, repeats: int = 20) -> float:
    """Python frames entered per call of a function, not counting its own.

    It is the part of the cost of a call that is the same on every machine.

    Args:
        f: a function written in Python; it is called once before the counting.
        *args: what it is called with.
        repeats: calls to average over.

    Returns:
        Frames per call; generators and comprehensions that are frames of their own count, calls of
        C functions do not.

    Raises:
        ValueError: ``repeats`` is not positive.

    >>> def helper():
    ...     return 1
    >>> count_frames(lambda: helper() + helper())
    2.0
    """
    if repeats < 1:
        raise ValueError(
            f"count_frames: expected repeats >= 1; got {repeats}. Remedy: leave it out, it is 20."
        )
    count = 0

    def profiler(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        if event == "call":
            count += 1

    f(*args)
    previous = sys.getprofile()
    sys.setprofile(profiler)
    try:
        for _ in range(repeats):
            f(*args)
    finally:
        sys.setprofile(previous)
    return count / repeats - 1


class Allocations:
    """Memory that Python and NumPy asked for inside the block of :func:`count_allocations`.

    Attributes:
        kept_bytes: bytes still held at the end, less what was freed; garbage is collected first.
        peak_bytes: the most bytes held at once, above what was held before.
    """

    kept_bytes: int
    peak_bytes: int

    def __init__(self) -> None:
        self.kept_bytes = self.peak_bytes = 0

    def __enter__(self) -> Allocations:
        gc.collect()
        self._mine = not tracemalloc.is_tracing()
        if self._mine:
            tracemalloc.start()
        tracemalloc.reset_peak()
        self._start = tracemalloc.get_traced_memory()[0]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # Collecting allocates a little itself, so the peak is read before.
        peak = tracemalloc.get_traced_memory()[1]
        gc.collect()
        kept = tracemalloc.get_traced_memory()[0]
        self.kept_bytes, self.peak_bytes = kept - self._start, peak - self._start
        if self._mine:
            tracemalloc.stop()

    def __repr__(self) -> str:
        return f"Allocations(kept_bytes={self.kept_bytes}, peak_bytes={self.peak_bytes})"


def count_allocations() -> Allocations:
    """Measure the memory that a ``with`` block keeps, and its peak.

    A loop that keeps more and more holds on to something.  The buffers of arrays count, and Python
    objects; what compiled programs use inside does not (``lower(...).memory_analysis()`` has it).
    Warm up before the block: first calls fill caches.

    Returns:
        Allocations, a context manager with ``kept_bytes`` and ``peak_bytes``, set at its end.

    >>> import functorch_lite.numpy as fnp
    >>> for warm in (False, True):
    ...     with count_allocations() as memory:
    ...         x = fnp.exp(fnp.zeros(1000, "float64"))
    >>> 8_000 <= memory.kept_bytes < 16_000 <= memory.peak_bytes < 24_000
    True

    Source: ``tracemalloc``, to which NumPy reports the memory of its arrays.
    """
    return Allocations()
