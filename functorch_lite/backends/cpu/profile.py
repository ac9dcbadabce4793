"""Where a compiled program spends its time."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from functorch_lite.backends.cpu.program import CompiledProgram

__all__ = ["Profile", "ProfileRow", "profile"]


@dataclasses.dataclass(frozen=True)
class ProfileRow:
    """One kernel or library call, over one run of the program.

    Attributes:
        label: the ops it computes, or the sizes of a product.
        calls: how often it ran.
        seconds: in all of these.
        nbytes: bytes of the arrays it was given, times ``calls``.
        flops: operations, roughly, times ``calls``.
    """

    label: str
    calls: float
    seconds: float
    nbytes: float
    flops: float


@dataclasses.dataclass(frozen=True)
class Profile:
    """A table of where time goes; ``print`` it.

    Attributes:
        rows: the slowest first.
        seconds: one whole call, results allocated and all.
    """

    rows: tuple[ProfileRow, ...]
    seconds: float

    def __str__(self) -> str:
        lines = [f"{'us':>9} {'share':>6} {'calls':>7} {'GB/s':>7} {'GFLOP/s':>8}  what"]
        for r in self.rows:
            lines.append(
                f"{r.seconds * 1e6:9.1f} {r.seconds / self.seconds:6.1%} {r.calls:7.0f} "
                f"{r.nbytes / max(r.seconds, 1e-12) / 1e9:7.1f} "
                f"{r.flops / max(r.seconds, 1e-12) / 1e9:8.1f}  {r.label}"
            )
        rest = self.seconds - sum(r.seconds for r in self.rows)
        lines.append(f"{rest * 1e6:9.1f} {rest / self.seconds:6.1%} {'':25}between them and around")
        lines.append(f"{self.seconds * 1e6:9.1f} us a call")
        return "\n".join(lines)


def profile(program: CompiledProgram, datas: Sequence[Any], repeats: int = 20) -> Profile:
    """Run a program some times and say what each of its steps took.

    Args:
        program: compiled.
        datas: raw arrays.
        repeats: runs to average over, after one that is not counted.
    """
    given = tuple(datas)
    program(*given)
    native = program.native
    native.profile(True)
    try:
        begin = time.perf_counter()
        for _ in range(repeats):
            program(*given)
        seconds = (time.perf_counter() - begin) / repeats
        rows = []
        for timing in native.timings():
            mark = program.marks.get(timing.word)
            if not timing.calls:
                continue
            calls = timing.calls / repeats
            label, flops, nbytes = mark or (timing.name.lower(), 0, 0)
            rows.append(
                ProfileRow(label, calls, timing.seconds / repeats, nbytes * calls, flops * calls)
            )
    finally:
        native.profile(False)
    return Profile(tuple(sorted(rows, key=lambda r: -r.seconds)), seconds)
