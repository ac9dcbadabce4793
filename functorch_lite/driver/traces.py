"""Records of what was traced and why, and the graphs behind them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from functorch_lite.compile.passes import optimise
from functorch_lite.core.graph import Graph, check
from functorch_lite.core.rewrite import free_tracers

__all__ = ["CacheInfo", "Entry", "Lowered", "TraceRecord", "reason_for"]


@dataclasses.dataclass(frozen=True)
class TraceRecord:
    """One tracing of a jitted function.

    Attributes:
        signature: the arguments in short form.
        reason: why no earlier trace could be used.
        equations: equations as staged, and after optimisation (None until it first ran).
    """

    signature: str
    reason: str
    equations: tuple[int, int | None]


@dataclasses.dataclass(frozen=True)
class CacheInfo:
    """What a jitted function has done.

    Attributes:
        hits: calls that reused a trace.
        misses: calls that had to trace.
        traces: one record per trace that is kept, then the latest of those that could not be kept.
    """

    hits: int
    misses: int
    traces: tuple[TraceRecord, ...]

    def __str__(self) -> str:
        lines = [f"{self.hits} calls reused a trace, {self.misses} traced"]
        lines += [f"  {t.signature}: {t.reason}" for t in self.traces]
        return "\n".join(lines)


class Entry:
    """A traced signature of a jitted function."""

    __slots__ = (
        "axes", "debug", "graph", "leaves", "out_tree", "out_weak", "reason", "statics", "treedef",
    )  # fmt: skip

    def record(self, name: str) -> TraceRecord:
        """What ``cache_info`` says about it."""
        optimised = self.graph.memo.get("optimised")
        text = ", ".join([f"{n}: {a}" for n, a in (*self.leaves, *self.statics)])
        count = (len(self.graph.eqns), None if optimised is None else len(optimised.eqns))
        return TraceRecord(f"{name}({text})", self.reason, count)

    graph: Graph
    out_tree: Any
    out_weak: list[bool]
    reason: str
    treedef: Any
    leaves: tuple[Any, ...]
    statics: tuple[Any, ...]
    axes: tuple[tuple[Any, int], ...]
    debug: bool


def reason_for(new: Entry, kept: Sequence[Entry]) -> str:
    """Why a signature was traced: the smallest difference from an earlier trace, in words."""
    if free_tracers(new.graph):
        return "the function closes over values of an outer transform, so it is traced at each call"
    best: list[str] | None = None
    for old in kept:
        diffs = []
        if old.treedef != new.treedef:
            diffs.append(f"the arguments' structure is {new.treedef} instead of {old.treedef}")
        else:
            diffs += [
                f"{n} is {b} instead of {a}"
                for (_, a), (n, b) in zip(old.leaves, new.leaves, strict=True)
                if a != b
            ]
        if old.statics != new.statics:
            diffs.append(f"static arguments are {dict(new.statics)} instead of {dict(old.statics)}")
        if old.axes != new.axes:
            now, was = _spoken_axes(new.axes), _spoken_axes(old.axes)
            diffs.append(f"the named axes around the call changed: {now} instead of {was}")
        if old.debug != new.debug:
            diffs.append(f"debug_nans is {'on' if new.debug else 'off'}")
        if not diffs:
            diffs = ["the default device changed"]
        if best is None or len(diffs) < len(best):
            best = diffs
    return "first call" if best is None else "; ".join(best)


def _spoken_axes(axes: Sequence[tuple[Any, int]]) -> str:
    return ", ".join(f"{name!r} of size {size}" for name, size in axes) or "none"


@dataclasses.dataclass(frozen=True)
class Lowered:
    """A traced function before it runs.

    Attributes:
        graph: the program as staged.
    """

    graph: Graph

    @property
    def optimised(self) -> Graph:
        """The program after all passes, checked."""
        return check(optimise(self.graph))

    def as_text(self, optimised: bool = False) -> str:
        """The program as runnable Python."""
        return str(self.optimised if optimised else self.graph)
