"""Entries of the database in child processes, so that a crash is one entry's failure."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

__all__ = ["CASES", "DTYPES", "KINDS", "ROOT", "entry_names", "passing_names", "results"]

ROOT = Path(__file__).resolve().parent.parent.parent
KINDS = ("samples", "reference", "noncontiguous", "conjugated")
"""Modes that compare results and gradients, by where the inputs come from: the samples, more of
them (``reference_inputs``), the samples with gaps in memory, the complex ones as views of their
conjugates."""
CASES = ("errors", "out", "variants", "second", "forward-ad")
"""Modes that count cases: wrong calls; outputs given with ``out=``; methods, operators, forms in
place and aliases; second derivatives; products with tangents."""
CHUNK = 120
DTYPES = (
    "float32", "float64", "bfloat16", "float16", "complex64", "complex128", "int64", "int32",
    "int16", "int8", "uint8", "bool",
)  # fmt: skip
START_SECONDS = 120
ENTRY_SECONDS = 240

Result = dict[str, Any]


def passing_names(mode: str = "samples") -> list[str]:
    """The entries that are known to pass in a mode."""
    file = Path(__file__).with_name("passing") / f"{mode}.txt"
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return [line for line in lines if line and not line.startswith("#")]


def entry_names() -> list[str]:
    """All entries with a dtype on the CPU, in the database's order."""
    found = subprocess.run(
        [sys.executable, "-m", "tests.opinfo.list_entries"],
        cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    return found.stdout.split("\n")[:-1]


def results(
    names: Sequence[str],
    dtypes: Sequence[str],
    samples: int,
    mode: str = "samples",
    entry_seconds: float = ENTRY_SECONDS,
) -> Iterator[Result]:
    """Run entries, in chunks of one process each.

    Args:
        names: of entries.
        dtypes: by name.
        samples: at most so many per entry and dtype.
        mode: one of ``KINDS`` or ``CASES``.
        entry_seconds: after which an entry is given up.

    Yields:
        what ``check`` or a ``Tally`` returns, or the same with ``crash`` as a failure.
    """
    rest = list(names)
    while rest:
        chunk = rest[:CHUNK]
        done = 0
        for result in _chunk(chunk, dtypes, samples, mode, entry_seconds):
            done += 1
            yield result
        rest = rest[max(done, 1) :]


def _chunk(
    names: Sequence[str], dtypes: Sequence[str], samples: int, mode: str, entry_seconds: float
) -> Iterator[Result]:
    """The results of one process, up to its end; that of the entry that ended it is the last."""
    command = [sys.executable, "-m", "tests.opinfo.worker", "--mode", mode,
               "--dtypes", ",".join(dtypes), "--samples", str(samples)]  # fmt: skip
    child = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert child.stdin is not None and child.stdout is not None and child.stderr is not None
    lines: queue.Queue[str] = queue.Queue()
    errors: list[str] = []
    readers = [
        threading.Thread(target=_read, args=(child.stdout, lines.put), daemon=True),
        threading.Thread(target=_read, args=(child.stderr, errors.append), daemon=True),
    ]
    for reader in readers:
        reader.start()
    with contextlib.suppress(BrokenPipeError):  # it may have ended already
        child.stdin.write("".join(name + "\n" for name in names))
        child.stdin.close()
    try:
        waited: float = START_SECONDS
        current = names[0]
        seen = 0
        while seen < len(names):
            try:
                line = lines.get(timeout=waited)
            except queue.Empty:
                yield _crash(current, dtypes, f"no result after {waited:.0f} s")
                return
            if not line:
                said = " ".join("".join(errors[-3:]).split())
                yield _crash(current, dtypes, f"exit status {child.wait()}: {said}"[:300])
                return
            found = json.loads(line)
            waited = entry_seconds
            if "starts" in found:
                current = found["starts"]
            else:
                seen += 1
                yield found
    finally:
        child.kill()
        child.wait()
        for reader in readers:
            reader.join()
        child.stdout.close()
        child.stderr.close()


def _read(stream: IO[str], put: Any) -> None:
    """Hand on every line of a stream, and an empty one at its end."""
    for line in stream:
        put(line)
    put("")


def _crash(name: str, dtypes: Sequence[str], text: str) -> Result:
    failures = {dtype: ["crash", text] for dtype in dtypes}
    return {"name": name, "forward": failures, "gradient": {}, "samples": 0, "compared": 0,
            "closer": 0, "cases": 1, "right": 0, "messages": 0, "failures": [["crash", text]],
            "seconds": 0.0}  # fmt: skip
