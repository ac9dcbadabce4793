"""Runs rows: all implementations in turn, round after round, each in a process that sleeps between.

The order turns from round to round, and a pause before each turn lets threads that spin for work go
to sleep, so that no library pays for its neighbour.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import agreement
from benchmarks.client import Worker, WorkerError, run_python
from benchmarks.fresh import Context
from benchmarks.kits import Unavailable
from benchmarks.machine import floor_seconds
from benchmarks.record import OURS, ProcessRow, Row, StepRow, make_inputs

__all__ = ["Figure", "Options", "RowResult", "run"]


UNSTEADY = 1.5


@dataclass(frozen=True)
class Options:
    """How a run goes; see ``python -m benchmarks --help``.

    Args:
        peers: implementations beside ours.
        rounds: rounds of every row.
        device: "cpu" or "cuda".
        seconds: what the calls of one turn take together.
        least: calls of one turn, even if they take longer.
        most_seconds: what a turn of several calls must not take.
        pause: seconds of silence before a turn.
        timeout: seconds for one request, or for one fresh process.
    """

    peers: tuple[str, ...]
    rounds: int = 7
    device: str = "cpu"
    seconds: float = 0.2
    least: int = 5
    most_seconds: float = 3.0
    pause: float = 0.1
    timeout: float = 300.0


@dataclass
class Figure:
    """What one implementation gave for one row; seconds, or bytes for a row of bytes."""

    rounds: list[float] = field(default_factory=list)
    smallest: float | None = None
    calls: int = 1
    first_call_s: float | None = None
    peak_bytes: int | None = None
    missing: str | None = None
    error: str | None = None

    @property
    def median(self) -> float | None:
        """The median over the rounds."""
        return statistics.median(self.rounds) if self.rounds else None

    @property
    def unsteady(self) -> bool:
        """Whether the median over the rounds is far from what was possible."""
        median = self.median
        return median is not None and median > UNSTEADY * (self.smallest or median)


@dataclass
class RowResult:
    """A row with its figures.

    Args:
        row: the row.
        figures: by implementation.
        floor: seconds that the work takes at the machine's rates, or the figure of ``floor_by``.
        differences: relative difference of results from ours (or from the first peer's), with the
            name of the result, by implementation.
    """

    row: Row
    figures: dict[str, Figure]
    floor: float | None = None
    differences: dict[str, tuple[float, str]] = field(default_factory=dict)

    def median(self, name: str) -> float | None:
        """The median of an implementation, or None."""
        figure = self.figures.get(name)
        return figure.median if figure else None

    @property
    def best_peer(self) -> str | None:
        """The fastest implementation beside ours and beside the one that is the floor."""
        peers = {
            name: median
            for name, figure in self.figures.items()
            if name not in (OURS, self.row.floor_by) and (median := figure.median) is not None
        }
        return min(peers, key=peers.__getitem__) if peers else None

    @property
    def ratio(self) -> float | None:
        """Ours over the best peer's; below 1 is ahead."""
        ours, best = self.median(OURS), self.best_peer
        peer = self.median(best) if best else None
        return ours / peer if ours is not None and peer else None

    @property
    def disagreeing(self) -> dict[str, tuple[float, str]]:
        """The differences that are larger than the row allows."""
        limit = self.row.tolerance if isinstance(self.row, StepRow) else np.inf
        return {name: found for name, found in self.differences.items() if not found[0] <= limit}


class Fleet:
    """The workers of a run, started when they are first needed."""

    def __init__(self, options: Options, scratch: Path) -> None:
        self.options = options
        self.scratch = scratch
        self.workers: dict[tuple[str, bool], Worker] = {}
        self.missing: dict[str, str] = {}

    def __enter__(self) -> Fleet:
        return self

    def __exit__(self, *exception: object) -> None:
        for worker in self.workers.values():
            worker.close()

    def get(self, name: str, x64: bool) -> Worker:
        """The worker of an implementation, started again if it has ended.

        Raises:
            Unavailable: the implementation is not there.
            WorkerError: it does not start.
        """
        if name in self.missing:
            raise Unavailable(self.missing[name])
        key = (name, x64 and name == "jax")
        worker = self.workers.get(key)
        if worker is None or not worker.alive:
            if worker is not None:
                worker.close()
            options = self.options
            try:
                worker = Worker(name, options.device, key[1], self.scratch, options.timeout)
            except Unavailable as reason:
                self.missing[name] = str(reason)
                raise
            self.workers[key] = worker
        return worker


def turns(names: Iterable[str], rounds: int) -> Iterable[list[str]]:
    """The order of every round: each begins one further.

    >>> list(turns("abc", 2))
    [['a', 'b', 'c'], ['b', 'c', 'a']]
    """
    names = list(names)
    for i in range(rounds):
        first = i % len(names) if names else 0
        yield names[first:] + names[:first]


def run(
    rows: Iterable[Row],
    options: Options,
    rates: dict[str, Any] | None = None,
    show: Callable[[RowResult], None] = lambda result: None,
) -> list[RowResult]:
    """Run rows and return their figures.

    Args:
        rows: the rows.
        options: how.
        rates: what ``benchmarks.machine.rates`` found, for the floors.
        show: called with every result when it is complete.
    """
    results = []
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        scratch = Path(folder)
        fleet = stack.enter_context(Fleet(options, scratch))
        context = Context(options.device, scratch, options.timeout)
        for row in rows:
            names = [n for n in row.implementations if n == OURS or n in options.peers]
            result = RowResult(row, {name: Figure() for name in names})
            if isinstance(row, StepRow):
                measure_steps(row, result, fleet, scratch)
                if rates and (row.flops(row.sizes) or row.bytes(row.sizes)):
                    result.floor = floor_seconds(rates, row.flops(row.sizes), row.bytes(row.sizes))
            elif isinstance(row, ProcessRow):
                measure_processes(row, result, context, options)
            if row.floor_by:
                result.floor = result.median(row.floor_by)
            results.append(result)
            show(result)
    return results


def measure_steps(row: StepRow, result: RowResult, fleet: Fleet, scratch: Path) -> None:
    """Prepare a row in every worker, compare the results, then time it round after round."""
    options, outputs = fleet.options, {}
    for name, figure in result.figures.items():
        path = scratch / f"results_{name}.npz"
        try:
            reply = fleet.get(name, row.x64).ask("prepare", row=row.name, results=str(path))
        except (Unavailable, WorkerError) as problem:
            note(figure, problem)
            continue
        figure.first_call_s, figure.peak_bytes = reply["first_call_s"], reply["peak_bytes"]
        with np.load(path) as archive:
            outputs[name] = dict(archive)
        path.unlink()
    compare(row, result, outputs)
    for order in turns([n for n in result.figures if n in outputs], options.rounds):
        for name in order:
            figure = result.figures[name]
            if figure.error:
                continue
            time.sleep(options.pause)
            try:
                reply = fleet.get(name, row.x64).ask(
                    "time",
                    seconds=options.seconds,
                    least=options.least,
                    most_seconds=options.most_seconds,
                )
            except (Unavailable, WorkerError) as problem:
                note(figure, problem)
                continue
            figure.rounds.append(reply["seconds"])
            figure.smallest = min(reply["smallest"], figure.smallest or reply["smallest"])
            figure.calls = reply["calls"]
    for name in outputs:
        if not result.figures[name].error:
            fleet.get(name, row.x64).ask("drop")


def compare(row: StepRow, result: RowResult, outputs: dict[str, dict[str, Any]]) -> None:
    """Note how far results are from ours, or from the first peer's where ours are not there."""
    if not row.calls_compared or not outputs:
        return
    inputs = {name: agreement.sample(x) for name, x in make_inputs(row, row.sizes).items()}
    first = next(iter(outputs))
    for name, found in outputs.items():
        if name != first:
            result.differences[name] = agreement.difference(inputs, outputs[first], found)


def measure_processes(
    row: ProcessRow, result: RowResult, context: Context, options: Options
) -> None:
    """Take a figure of whole processes, all implementations in turn."""
    for order in turns(result.figures, min(options.rounds, row.rounds)):
        for name in order:
            figure = result.figures[name]
            if figure.missing or figure.error:
                continue
            try:
                figure.rounds.append(row.measure(name, context))
                figure.smallest = min(figure.rounds)
            except (Unavailable, WorkerError) as problem:
                note(figure, problem)


def note(figure: Figure, problem: Exception) -> None:
    """Write down why there is no figure."""
    if isinstance(problem, Unavailable):
        figure.missing = str(problem)
    else:
        figure.error = str(problem)


def machine_facts(device: str, timeout: float = 120.0) -> dict[str, Any]:
    """Description and rates of the machine, measured in a process that is gone afterwards."""
    arguments = ["-m", "benchmarks.machine", "--device", device]
    return dict(json.loads(run_python(arguments, {}, timeout)))
