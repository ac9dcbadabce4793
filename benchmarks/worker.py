"""The process of one implementation: prepares rows, times them when asked to, sleeps between.

    python -m benchmarks.worker IMPLEMENTATION DEVICE [--x64]
    python -m benchmarks.worker IMPLEMENTATION DEVICE --once ROW

It reads requests from standard input and answers on what was standard output, one JSON object a
line; whatever a library prints goes to standard error. With ``--once`` it makes the first call of a
row, prints the seconds it took, and ends.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import os
import statistics
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import agreement, kits, memory
from benchmarks.record import Sizes, StepRow, make_inputs
from benchmarks.rows import step_row

__all__ = ["Bench", "first_steps", "main", "on_device", "results"]

CALIBRATION_SECONDS = 0.01
BLOCK_SECONDS = 1e-3


class Bench:
    """A kit and the row it is at.

    Args:
        kit: the library, from ``benchmarks.kits.load``.
    """

    def __init__(self, kit: Any) -> None:
        self.kit = kit
        self.step: Callable[[], Any] | None = None
        self.per_call = 1
        self.call_seconds = 0.0

    def prepare(self, row: StepRow) -> tuple[dict[str, Any], dict[str, Any]]:
        """Build a row and make its first calls.

        Returns:
            Seconds of the first call, and bytes by which memory grew at most beyond the inputs;
            and the results by name, sampled.
        """
        self.drop()
        inputs = on_device(self.kit, row, row.sizes)
        memory.settle()
        before = memory.resident()
        step, seconds, result = first_steps(self.kit, row, row.sizes, inputs)
        report = {"first_call_s": seconds, "peak_bytes": max(0, memory.peak() - before)}
        self.step, self.per_call = step, row.per_call
        return report, results(self.kit, row, result)

    def time(self, seconds: float, least: int, most_seconds: float) -> dict[str, Any]:
        """Time the row for one turn, in blocks of a millisecond or of one call.

        Args:
            seconds: what the calls should take together.
            least: calls to make even if they take longer.
            most_seconds: what they must not take together, unless a single call does.

        Returns:
            Seconds per unit of work, the median and the smallest over the blocks, and the number
            of calls. Another process that breaks into a few blocks is not seen in the median.
        """
        assert self.step is not None
        gc.collect()
        if not self.call_seconds:
            self.call_seconds = self._calibrated(self.step)
        each = self.call_seconds
        calls = max(least, math.ceil(seconds / each))
        calls = max(1, min(calls, int(most_seconds / each)))
        in_block = min(calls, math.ceil(BLOCK_SECONDS / each))
        blocks = sorted(_spent(self.step, in_block) / in_block for _ in range(calls // in_block))
        self.call_seconds = statistics.median(blocks)
        return {
            "seconds": self.call_seconds / self.per_call,
            "smallest": blocks[0] / self.per_call,
            "calls": len(blocks) * in_block,
        }

    def _calibrated(self, step: Callable[[], Any]) -> float:
        """Seconds of a call; the calls it takes to know also warm up what is lazy."""
        calls = 1
        _spent(step, 1)
        while (spent := _spent(step, calls)) < CALIBRATION_SECONDS:
            calls *= 4
        return spent / calls

    def drop(self) -> None:
        """Forget the row, and what was compiled for it."""
        self.step, self.call_seconds = None, 0.0
        self.kit.forget()


def _spent(step: Callable[[], Any], calls: int) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        step()
    return time.perf_counter() - start


def on_device(kit: Any, row: StepRow, sizes: Sizes) -> dict[str, Any]:
    """The inputs of a row as arrays of the library."""
    return {name: kit.array(x) for name, x in make_inputs(row, sizes).items()}


def first_steps(
    kit: Any, row: StepRow, sizes: Sizes, inputs: dict[str, Any]
) -> tuple[Callable[[], Any], float, Any]:
    """Build a row and call it as often as it takes before results are compared.

    Returns:
        The step, seconds of its first call, and what the last one returned.
    """
    step = row.builders[kit.name](kit, sizes, inputs)
    start = time.perf_counter()
    result = step()
    seconds = time.perf_counter() - start
    for _ in range(row.calls_compared - 1):
        result = step()
    return step, seconds, result


def results(kit: Any, row: StepRow, result: Any) -> dict[str, Any]:
    """What a step returned, by name, as NumPy arrays, sampled; nothing if it is not compared."""
    if not row.calls_compared:
        return {}
    return {name: agreement.sample(kit.numpy(x)) for name, x in agreement.named(result).items()}


def answer(bench: Bench, request: dict[str, Any]) -> dict[str, Any]:
    """Do what a request asks for."""
    if request["op"] == "prepare":
        report, found = bench.prepare(step_row(request["row"]))
        np.savez(request["results"], **found)
        return report
    if request["op"] == "time":
        return bench.time(request["seconds"], request["least"], request["most_seconds"])
    if request["op"] == "drop":
        bench.drop()
        return {}
    raise ValueError(f"unknown request {request['op']!r}")


def serve(channel: Any, name: str, device: str, x64: bool) -> None:
    """Answer requests until standard input ends."""

    def say(reply: dict[str, Any]) -> None:
        channel.write(json.dumps(reply) + "\n")
        channel.flush()

    try:
        bench = Bench(kits.load(name, device, x64))
    except kits.Unavailable as reason:
        say({"unavailable": str(reason)})
        return
    say({"version": bench.kit.version})
    for line in sys.stdin:
        try:
            say(answer(bench, json.loads(line)))
        except kits.Unavailable as reason:
            say({"unavailable": str(reason)})
        except Exception as error:
            traceback.print_exc()
            bench.drop()
            lines = str(error).strip().splitlines() or [""]
            say({"error": f"{type(error).__name__}: {lines[0][:200]}"})


def main(arguments: list[str] | None = None) -> None:
    """See the head of the file."""
    parser = argparse.ArgumentParser(description="one implementation")
    parser.add_argument("implementation")
    parser.add_argument("device")
    parser.add_argument("--x64", action="store_true")
    parser.add_argument("--once", metavar="ROW")
    options = parser.parse_args(arguments)
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    if options.once is None:
        serve(channel, options.implementation, options.device, options.x64)
        return
    try:
        kit, row = kits.load(options.implementation, options.device), step_row(options.once)
        seconds = first_steps(kit, row, row.sizes, on_device(kit, row, row.sizes))[1]
        reply: dict[str, Any] = {"seconds": seconds}
    except kits.Unavailable as reason:
        reply = {"unavailable": str(reason)}
    print(json.dumps(reply), file=channel, flush=True)


if __name__ == "__main__":
    main()
