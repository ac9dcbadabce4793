"""The rows of the benchmark, in the order of the table.

A row is added by a record in the ``ROWS`` of one of these files, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from benchmarks.record import Row, StepRow
from benchmarks.rows import (
    contractions,
    dispatch,
    elementwise,
    language,
    loops,
    networks,
    process,
    regressions,
    scaling,
    shim,
    shim_data,
    shim_func,
    shim_networks,
)

__all__ = ["ROWS", "chosen", "step_row"]

ROWS: tuple[Row, ...] = (
    *networks.ROWS,
    *language.ROWS,
    *elementwise.ROWS,
    *loops.ROWS,
    *dispatch.ROWS,
    *regressions.ROWS,
    *scaling.ROWS,
    *contractions.ROWS,
    *shim.ROWS,
    *shim_networks.ROWS,
    *shim_data.ROWS,
    *shim_func.ROWS,
    *process.ROWS,
)

BY_NAME = {row.name: row for row in ROWS}
if len(BY_NAME) < len(ROWS):
    raise ValueError("two rows have one name")


def step_row(name: str) -> StepRow:
    """The row of a name, which must be one that a process repeats."""
    row = BY_NAME[name]
    if not isinstance(row, StepRow):
        raise TypeError(f"{name} is not a row of steps")
    return row


def chosen(patterns: Iterable[str], quick: bool = False) -> list[Row]:
    """The rows that are asked for, in the order of the table.

    Args:
        patterns: names, names without what stands in brackets, or patterns with ``*`` and ``?``;
            none for all.
        quick: leave out the rows that a quick run does without, unless they are named.

    Raises:
        ValueError: a pattern that no row has.

    >>> [row.name for row in chosen(["mlp_*"])]
    ['mlp_adam', 'mlp_adam_small']
    """
    patterns = list(patterns)
    if not patterns:
        return [row for row in ROWS if row.quick or not quick]
    found: dict[str, Row] = {}
    for pattern in patterns:
        matching = [row for row in ROWS if _matches(row.name, pattern)]
        if not matching:
            raise ValueError(f"no row is named {pattern}; --list shows all")
        found |= {row.name: row for row in matching}
    return [row for row in ROWS if row.name in found]


def _matches(name: str, pattern: str) -> bool:
    escaped = pattern.replace("[", "[[]")
    return pattern == name.partition("[")[0] or fnmatchcase(name, escaped)
