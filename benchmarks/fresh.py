"""Figures that need a process of their own: import time, installed size, the first call."""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import kits
from benchmarks.client import cache_folders, run_python

__all__ = ["Context", "first_call", "first_call_from_disk", "import_seconds", "installed_bytes"]

IMPORTS = {
    "ours": "functorch_lite",
    "jax": "jax, jax.numpy",
    "torch": "torch",
    "numpy": "numpy",
}
DISTRIBUTIONS = {"ours": "functorch_lite", "jax": "jax", "torch": "torch", "numpy": "numpy"}
NAME = re.compile(r"[A-Za-z0-9._-]+")


@dataclass
class Context:
    """Where figures are taken.

    Args:
        device: "cpu" or "cuda".
        scratch: a folder for caches.
        timeout: seconds for one process.
    """

    device: str
    scratch: Path
    timeout: float
    filled: dict[tuple[str, str], Path] = field(default_factory=dict)
    folders: int = 0

    def folder(self) -> Path:
        """A new, empty folder."""
        self.folders += 1
        path = self.scratch / f"fresh_{self.folders}"
        path.mkdir(parents=True)
        return path


def import_seconds(name: str, context: Context) -> float:
    """Seconds of the import of a library in a fresh interpreter, whose own start does not count."""
    program = (
        "import time; start = time.perf_counter(); "
        f"import {IMPORTS[name]}; print(time.perf_counter() - start)"
    )
    module = kits.MODULES[name]
    if importlib.util.find_spec(module) is None:
        raise kits.Unavailable(f"{module} is not installed")
    extra = kits.environment(name, context.device)
    return float(run_python(["-c", program], extra, context.timeout).split()[-1])


def first_call(row: str) -> Callable[[str, Context], float]:
    """A measure of the first call of a row: fresh process, nothing on disk."""

    def measure(name: str, context: Context) -> float:
        return _first(name, row, context, cache_folders(context.folder()))

    return measure


def first_call_from_disk(row: str) -> Callable[[str, Context], float]:
    """A measure of the first call in a fresh process after another has filled the disk cache."""

    def measure(name: str, context: Context) -> float:
        if (name, row) not in context.filled:
            folder = context.filled[name, row] = context.folder()
            _first(name, row, context, _with_disk(folder))
        return _first(name, row, context, _with_disk(context.filled[name, row]))

    return measure


def _with_disk(folder: Path) -> dict[str, str]:
    """Disk caches of all libraries in a folder, JAX's too, which is off unless asked for."""
    return {
        **cache_folders(folder),
        "JAX_COMPILATION_CACHE_DIR": str(folder / "jax"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }


def _first(name: str, row: str, context: Context, caches: dict[str, str]) -> float:
    extra = {**kits.environment(name, context.device), **caches}
    arguments = ["-m", "benchmarks.worker", name, context.device, "--once", row]
    reply = json.loads(run_python(arguments, extra, context.timeout).splitlines()[-1])
    if "unavailable" in reply:
        raise kits.Unavailable(reply["unavailable"])
    return float(reply["seconds"])


# ------------------------------------------------------------ installed size
def installed_bytes(name: str, context: Context | None = None) -> float:
    """Bytes of a distribution and of all that it requires, without bytecode and without extras.

    >>> 1e6 < installed_bytes("numpy") < 1e9
    True
    """
    seen: set[str] = set()
    waiting = [DISTRIBUTIONS[name]]
    total = 0
    while waiting:
        distribution = waiting.pop()
        key = re.sub(r"[-_.]+", "-", distribution).lower()
        if key in seen:
            continue
        seen.add(key)
        try:
            found = importlib.metadata.distribution(distribution)
        except importlib.metadata.PackageNotFoundError:
            # A requirement of another platform has a marker and is not installed.
            if distribution == DISTRIBUTIONS[name]:
                raise kits.Unavailable(f"{distribution} is not installed") from None
            continue
        total += _size(found)
        for requirement in found.requires or []:
            if "extra ==" not in requirement and (match := NAME.match(requirement)):
                waiting.append(match.group())
    return float(total)


def _size(distribution: importlib.metadata.Distribution) -> int:
    paths = {Path(str(distribution.locate_file(file))) for file in distribution.files or []}
    if not any(path.suffix == ".py" for path in paths):
        # Installed in place: the record names no source file, the package's folder has them.
        spec = importlib.util.find_spec(distribution.metadata["Name"].replace("-", "_"))
        for folder in (spec.submodule_search_locations or []) if spec else []:
            paths.update(Path(folder).rglob("*"))
    return sum(
        path.stat().st_size for path in paths if path.is_file() and "__pycache__" not in path.parts
    )
