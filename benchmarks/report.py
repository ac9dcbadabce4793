"""Tables and dated JSON of a run."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.record import IMPLEMENTATIONS, OURS, StepRow
from benchmarks.runner import Figure, RowResult

__all__ = ["as_json", "line", "save", "slopes", "summary"]

NAME_WIDTH, CELL = 27, 10


def quantity(value: float | None, unit: str = "s") -> str:
    """A figure with three digits and its unit.

    >>> quantity(0.00123), quantity(4.5e-7), quantity(None), quantity(5.4e8, "bytes")
    ('1.23 ms', '0.45 µs', '-', '540 MB')
    """
    if value is None:
        return "-"
    if unit == "bytes":
        return f"{value / 1e6:.3g} MB" if value < 9.995e8 else f"{value / 1e9:.3g} GB"
    for factor, name in ((1.0, "s"), (1e-3, "ms")):
        if value >= factor:
            return f"{_three(value / factor)} {name}"
    return f"{_three(value * 1e6)} µs"


def _three(x: float) -> str:
    digits = 2 - math.floor(math.log10(x)) if x > 0 else 2
    return f"{x:.{min(max(digits, 0), 2)}f}"


def cell(figure: Figure | None, unit: str) -> str:
    """A cell of the table: the median, or why there is none."""
    if figure is None:
        return ""
    if figure.error:
        return "failed"
    return "absent" if figure.missing else quantity(figure.median, unit)


def header(names: Sequence[str]) -> str:
    """The head of the main table."""
    titles = [*names, "ours/best", "goal", "floor", "ours/floor"]
    return "row".ljust(NAME_WIDTH) + "".join(title.rjust(CELL + 1) for title in titles)


def line(result: RowResult, names: Sequence[str]) -> str:
    """The row of the main table that belongs to a result."""
    row, ours = result.row, result.median(OURS)
    cells = [cell(result.figures.get(name), row.unit) for name in names]
    ratio = result.ratio
    cells.append("" if ratio is None else f"{ratio:.2f}")
    cells.append("" if row.goal is None else f"{row.goal:g}")
    cells.append("" if result.floor is None else quantity(result.floor, row.unit))
    cells.append(f"{ours / result.floor:.1f}" if ours is not None and result.floor else "")
    text = row.name.ljust(NAME_WIDTH) + "".join(text.rjust(CELL + 1) for text in cells)
    if ratio is not None and row.goal is not None:
        text += "  met" if ratio <= row.goal else ""
    if any(
        result.figures[name].unsteady for name in (OURS, result.best_peer) if name in result.figures
    ):
        text += "  unsteady"
    return text + ("  RESULTS DIFFER" if result.disagreeing else "")


def first_calls(results: Sequence[RowResult], names: Sequence[str]) -> list[str]:
    """The table of first calls and of memory, of the rows that have them."""
    titles = [f"first {name}" for name in names] + [f"peak {name}" for name in names]
    lines = ["row".ljust(NAME_WIDTH) + "".join(title.rjust(CELL + 4) for title in titles)]
    for result in results:
        if not isinstance(result.row, StepRow):
            continue
        figures = [result.figures.get(name) for name in names]
        cells = [quantity(f.first_call_s) if f and f.first_call_s else "" for f in figures]
        cells += [
            quantity(f.peak_bytes, "bytes") if f and f.peak_bytes is not None else ""
            for f in figures
        ]
        lines.append(result.row.name.ljust(NAME_WIDTH) + "".join(c.rjust(CELL + 4) for c in cells))
    return lines


def place(result: RowResult) -> float:
    """Where on its curve a result lies."""
    return (result.row.at or 0.0) if isinstance(result.row, StepRow) else 0.0


def slopes(results: Sequence[RowResult]) -> dict[str, dict[str, float]]:
    """By curve and implementation, the exponent of time over size between the two largest sizes.

    1 is linear; the start of a curve is flat, where the call outweighs the work.
    """
    curves: dict[str, list[RowResult]] = {}
    for result in results:
        if isinstance(result.row, StepRow) and result.row.at is not None:
            curves.setdefault(result.row.family, []).append(result)
    found: dict[str, dict[str, float]] = {}
    for family, points in curves.items():
        points.sort(key=place)
        if len(points) < 2:
            continue
        low, high = points[-2:]
        stretch = math.log(place(high) / place(low))
        found[family] = {
            name: math.log(after / before) / stretch
            for name in high.figures
            if (before := low.median(name)) and (after := high.median(name))
        }
    return found


def problems(results: Sequence[RowResult]) -> list[str]:
    """What went wrong, one line each: results that differ, failures, and what is absent."""
    found, absent = [], {}
    for result in results:
        for name, (apart, where) in result.disagreeing.items():
            found.append(f"{result.row.name}: {name} differs by {apart:.2g} in {where}")
        for name, figure in result.figures.items():
            if figure.error:
                found.append(f"{result.row.name}: {name} failed: {figure.error}")
            if figure.missing:
                absent[name] = figure.missing
    return found + [f"{name} is absent: {reason}" for name, reason in absent.items()]


def columns(results: Sequence[RowResult]) -> list[str]:
    """The implementations that appear in any row."""
    return [name for name in IMPLEMENTATIONS if any(name in r.figures for r in results)]


def summary(results: Sequence[RowResult]) -> str:
    """Everything that is printed after the main table."""
    names = [name for name in columns(results) if name not in ("numpy", "cupy")]
    lines = ["", "First call in a worker that is warm otherwise, and growth of memory at most"]
    lines += first_calls(results, names)
    if exponents := slopes(results):
        lines += ["", "Exponent of time over size at the end of each curve (1 is linear)"]
        for family, by_name in exponents.items():
            figures = ", ".join(f"{name} {value:.2f}" for name, value in by_name.items())
            lines.append(f"{family.ljust(NAME_WIDTH)}{figures}")
    if wrong := problems(results):
        lines += ["", "Notes", *wrong]
    ratios = [r for r in results if r.ratio is not None and r.row.goal is not None]
    met = sum(r.ratio <= r.row.goal for r in ratios if r.ratio and r.row.goal)
    lines += ["", f"{met} of {len(ratios)} goals met"]
    return "\n".join(lines)


# ------------------------------------------------------------ JSON
def as_json(results: Sequence[RowResult], facts: dict[str, Any]) -> dict[str, Any]:
    """A run as plain data: the facts given, and one record per row."""
    return {**facts, "rows": [_row_json(result) for result in results], "slopes": slopes(results)}


def _row_json(result: RowResult) -> dict[str, Any]:
    row = result.row
    record: dict[str, Any] = {
        "name": row.name,
        "about": row.about,
        "unit": row.unit,
        "goal": row.goal,
        "floor": result.floor,
        "ratio": result.ratio,
        "best_peer": result.best_peer,
    }
    if isinstance(row, StepRow):
        record["sizes"] = dict(row.sizes)
        record["flops"] = row.flops(row.sizes)
        record["bytes"] = row.bytes(row.sizes)
        record["tolerance"] = row.tolerance
    record["differences"] = {
        name: {"relative": apart if math.isfinite(apart) else None, "where": where}
        for name, (apart, where) in result.differences.items()
    }
    record["results"] = {
        name: {"median": figure.median}
        | {key: value for key, value in asdict(figure).items() if value is not None}
        for name, figure in result.figures.items()
    }
    return record


def save(data: dict[str, Any], path: Path) -> None:
    """Write JSON, with the folder if it is not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
