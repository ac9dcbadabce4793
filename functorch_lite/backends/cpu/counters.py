"""Counts and times of the LLVM driver, one set for the process."""

from __future__ import annotations

import threading
from dataclasses import dataclass, fields

__all__ = ["Statistics", "add", "snapshot"]


@dataclass(frozen=True)
class Statistics:
    """What the LLVM driver has done since the process started.

    Seconds are summed over the threads that spent them.

    Attributes:
        parsed: texts read by LLVM.
        optimised: modules that went through the passes.
        emitted: modules turned into object code.
        loaded: objects placed in memory.
        memory_hits: texts answered from code already in memory.
        disk_hits: texts answered from the disk cache.
        disk_misses: texts looked up on disk in vain.
        refused: files of the disk cache that were damaged, forged or unreadable.
        written: objects written to the disk cache.
        failed_writes: objects that could not be written there.
        removed: objects removed from the disk cache to keep it within its size.
        evicted: objects the memory cache let go.
        parse_seconds: reading, linking and verifying IR.
        optimise_seconds: passes over IR.
        emit_seconds: instruction selection, register allocation, object code.
        load_seconds: relocation into executable memory.
        disk_seconds: reading and writing the disk cache.
    """

    parsed: int = 0
    optimised: int = 0
    emitted: int = 0
    loaded: int = 0
    memory_hits: int = 0
    disk_hits: int = 0
    disk_misses: int = 0
    refused: int = 0
    written: int = 0
    failed_writes: int = 0
    removed: int = 0
    evicted: int = 0
    parse_seconds: float = 0.0
    optimise_seconds: float = 0.0
    emit_seconds: float = 0.0
    load_seconds: float = 0.0
    disk_seconds: float = 0.0


_LOCK = threading.Lock()
_VALUES: dict[str, float] = {item.name: item.default for item in fields(Statistics)}  # type: ignore[misc]


def add(**amounts: float) -> None:
    """Add each amount to the field of `Statistics` with that name."""
    with _LOCK:
        for name, amount in amounts.items():
            _VALUES[name] += amount


def snapshot() -> Statistics:
    """Return the sums so far."""
    with _LOCK:
        return Statistics(**_VALUES)  # type: ignore[arg-type]
