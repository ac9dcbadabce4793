"""Benchmarks of functorch_lite beside JAX and PyTorch, on the same work in the same run.

    python -m benchmarks                        everything that is installed
    python -m benchmarks --quick                a few minutes
    python -m benchmarks --rows 'mlp_*,gpt_adamw' --peers jax,torch
    python -m benchmarks --shim                 functorch_lite.torch beside PyTorch
    python -m benchmarks --list                 the rows

Figures are medians over rounds; ours/best below 1 is ahead of the best peer; "unsteady" marks rows
where ours or the best peer has a median of more than 1.5 times its fastest calls. Exits with 1 if
results differ between libraries or if ours fails.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import machine, report
from benchmarks.client import WorkerError
from benchmarks.record import IMPLEMENTATIONS, OURS, Row, StepRow
from benchmarks.rows import chosen
from benchmarks.runner import Options, RowResult, machine_facts, run

RESULTS = Path(__file__).resolve().parent / "results"


def arguments(given: list[str] | None) -> tuple[argparse.Namespace, Options]:
    """What was asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    peers = ",".join(name for name in IMPLEMENTATIONS if name != OURS)
    parser.add_argument("--rows", default="", help="names or patterns, with commas; all by default")
    parser.add_argument("--shim", action="store_true", help="the rows shim_*, beside PyTorch")
    parser.add_argument("--peers", help=f"with commas, of {peers}; all by default")
    parser.add_argument("--rounds", type=int, help="7 by default, 3 with --quick")
    parser.add_argument("--quick", action="store_true", help="fewer rows, no torch.compile")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--json", type=Path, help="where to write; a dated file by default")
    parser.add_argument("--list", action="store_true", help="show the rows and end")
    parser.add_argument("--timeout", type=float, default=300.0, help="seconds for one request")
    options = parser.parse_args(given)
    if options.shim:
        against = "torch" if options.quick else "torch,compile"
        options.rows, options.peers = options.rows or "shim_*", options.peers or against
    default = tuple(n for n in peers.split(",") if not (options.quick and n == "compile"))
    wanted = tuple(options.peers.split(",")) if options.peers is not None else default
    if unknown := sorted(set(wanted) - {*peers.split(","), ""}):
        parser.error(f"unknown {', '.join(unknown)}; peers are {peers}")
    if options.rounds is not None and options.rounds < 1:
        parser.error("--rounds must be positive")
    try:
        options.chosen = chosen(filter(None, options.rows.split(",")), options.quick)
    except ValueError as error:
        parser.error(str(error))
    common = {"peers": wanted, "device": options.device, "timeout": options.timeout}
    if options.quick:
        quick = Options(**common, rounds=options.rounds or 3, seconds=0.05, least=3, most_seconds=1)
        return options, quick
    return options, Options(**common, rounds=options.rounds or 7)


def listing(rows: list[Row]) -> str:
    """The rows with their sizes and implementations."""
    lines = []
    for row in rows:
        lines.append(f"{row.name.ljust(28)} {row.about}")
        sizes = ""
        if isinstance(row, StepRow):
            sizes = ", ".join(f"{name}={value}" for name, value in row.sizes.items() if value)
        lines.append(f"{' ' * 28} {' '.join(row.implementations)}{sizes and f'; {sizes}'}")
    return "\n".join(lines)


def main(given: list[str] | None = None) -> int:
    """Run what was asked for; the exit status."""
    asked, options = arguments(given)
    rows: list[Row] = asked.chosen
    if asked.list:
        print(listing(rows))
        return 0
    begun = datetime.now(UTC)
    try:
        found = machine_facts(options.device)
    except WorkerError as problem:
        print(f"the rates of the {options.device} device could not be measured: {problem}")
        return 2
    facts: dict[str, Any] = {
        "date": begun.isoformat(timespec="seconds"),
        "commit": machine.commit(),
        "versions": machine.versions(),
        "device": options.device,
        "rounds": options.rounds,
        "seconds_per_turn": options.seconds,
        "machine": found,
    }
    print(describe(facts))
    if (found["load"] or 0) > found["cores"] / 2:
        print(f"The machine is busy (load {found['load']}): other work will show in the figures.")
    absent = {"cpu": "cupy", "cuda": "numpy"}[options.device]
    names = [n for n in IMPLEMENTATIONS if n == OURS or (n in options.peers and n != absent)]
    print("\n" + report.header(names))

    stamp = begun.strftime("%Y-%m-%dT%H%M%SZ")
    path = asked.json or RESULTS / f"{stamp}-{options.device}.json"
    results: list[RowResult] = []

    def show(result: RowResult) -> None:
        print(report.line(result, names), flush=True)
        results.append(result)
        # After every row, so that a run that is cut off leaves what it has.
        report.save(report.as_json(results, facts), path)

    options = Options(**{**vars(options), "peers": tuple(n for n in names if n != OURS)})
    run(rows, options, facts["machine"]["rates"], show)
    print(report.summary(results))
    print(f"written to {path}")
    failed = any(r.disagreeing or r.figures[OURS].error for r in results if OURS in r.figures)
    return 1 if failed else 0


def describe(facts: dict[str, Any]) -> str:
    """The machine in three lines."""
    machine_, rates = facts["machine"], facts["machine"]["rates"]
    bandwidths = ", ".join(
        f"{int(size) >> 20} MiB {rate / 1e9:.0f}" for size, rate in rates["bytes"].items()
    )
    return (
        f"{machine_['processor']}, {machine_['cores']} cores, {machine_['system']}, "
        f"{machine_['python']}, load {machine_['load']}\n"
        f"float32 products {rates['flops'] / 1e9:.0f} GFLOP/s; GB/s by working set: {bandwidths}\n"
        + ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    )


if __name__ == "__main__":
    sys.exit(main())
