"""Records of what was traced and why, and the graphs behind them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from functorch_lite.compile.passes import optimise
from functorch_lite.core.graph import Graph, check
from functorch_lite.core.rewrite import free_tracers

if TYPE_CHECKING:
    from functorch_lite.backends.cpu.inspect import MemoryAnalysis

__all__ = ["CacheInfo", "Entry", "Lowered", "TraceRecord", "reason_for"]


@dataclasses.dataclass(frozen=True)
class TraceRecord:
    """One tracing of a jitted function.

    Attributes:
        signature: the arguments in short form.
        reason: why no earlier trace could be used.
        equations: equations as staged, and after optimisation (None until it first ran).
        seconds: what tracing and compiling took: ``trace``, then ``plan`` (fusion and buffers),
            ``print`` (to LLVM's language) and ``load`` (LLVM, or the cache of compiled code).
        host_calls: ops of the program that the compiler leaves to Python, by name.
    """

    signature: str
    reason: str
    equations: tuple[int, int | None]
    seconds: dict[str, float] = dataclasses.field(default_factory=dict)
    host_calls: tuple[str, ...] = ()


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
        for t in self.traces:
            lines.append(f"  {t.signature}: {t.reason}")
            if t.seconds:
                spent = ", ".join(f"{k} {v * 1e3:.1f} ms" for k, v in t.seconds.items())
                lines.append(f"    {spent}")
            if t.host_calls:
                lines.append(f"    Python runs: {', '.join(t.host_calls)}")
        return "\n".join(lines)


class Entry:
    """A traced signature of a jitted function."""

    __slots__ = (
        "axes", "backend", "debug", "donated", "graph", "leaves", "out_tree", "out_weak", "reason",
        "seconds", "statics", "treedef",
    )  # fmt: skip

    def record(self, name: str) -> TraceRecord:
        """What ``cache_info`` says about it."""
        optimised = self.graph.memo.get("optimised")
        text = ", ".join([f"{n}: {a}" for n, a in (*self.leaves, *self.statics)])
        count = (len(self.graph.eqns), None if optimised is None else len(optimised.eqns))
        program = self.graph.memo.get(("program", self.backend))
        seconds = {"trace": self.seconds, **getattr(program, "seconds", {})}
        calls = tuple(getattr(program, "calls", ()))
        return TraceRecord(f"{name}({text})", self.reason, count, seconds, calls)

    graph: Graph
    out_tree: Any
    out_weak: list[bool]
    reason: str
    treedef: Any
    leaves: tuple[Any, ...]
    statics: tuple[Any, ...]
    axes: tuple[tuple[Any, int], ...]
    debug: bool
    seconds: float
    backend: str | None
    donated: tuple[int, ...]


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


STAGES = ("graph", "optimised", "plan", "kernels", "llvm", "assembly")


@dataclasses.dataclass(frozen=True)
class Lowered:
    """A traced function before it runs; ``print`` it to see the program as staged.

    Attributes:
        graph: the program as staged.
    """

    graph: Graph

    def __str__(self) -> str:
        return str(self.graph)

    @property
    def optimised(self) -> Graph:
        """The program after all passes, checked."""
        return check(optimise(self.graph))

    def as_text(self, stage: str | bool = "graph") -> str:
        """The program as text.

        Args:
            stage: ``"graph"`` or ``"optimised"`` for runnable Python, before and after the passes;
                ``"plan"`` for the commands of the compiled program, ``"kernels"`` for its kernels
                in the kernel language, ``"llvm"`` and ``"assembly"`` for what becomes of them.

        Raises:
            ValueError: for another stage.
        """
        if isinstance(stage, bool):
            stage = "optimised" if stage else "graph"
        if stage not in STAGES:
            raise ValueError(f"as_text: stage must be one of {', '.join(STAGES)}, got {stage!r}")
        if stage == "graph":
            return str(self.graph)
        if stage == "optimised":
            return str(self.optimised)
        from functorch_lite.backends.cpu import inspect

        return inspect.stages(self.optimised)[stage]

    def memory_analysis(self) -> MemoryAnalysis:
        """Bytes of operands, results, and what the compiled program needs between them."""
        from functorch_lite.backends.cpu import inspect

        return inspect.memory_analysis(self.optimised)
