"""The machine: what it is, and how fast it multiplies and moves numbers.

    python -m benchmarks.machine [--device cuda]

prints both as JSON. The rates give every row its floor: the larger of operations over rate and
bytes over bandwidth. Bandwidth is measured for several working sets, since what fits in a cache is
not bound by memory; a row is held against the smallest set that holds its bytes.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["commit", "description", "floor_seconds", "rates", "versions"]

DISTRIBUTIONS = (
    "functorch_lite", "numpy", "scipy", "llvmlite", "optree", "ml_dtypes", "jax", "jaxlib", "torch",
    "cupy-cuda12x", "cupy-cuda13x",
)  # fmt: skip
WORKING_SETS = tuple(2**20 * n for n in (1, 4, 16, 64, 256))
PRODUCT_SIZES = (512, 1024, 2048)
MEASURED_SECONDS = 0.3


def description() -> dict[str, Any]:
    """Processor, cores that this process may use, memory, system, Python and load.

    >>> description()["cores"] >= 1
    True
    """
    return {
        "processor": _processor(),
        "architecture": platform.machine(),
        "cores": cores(),
        "memory_bytes": _memory(),
        "system": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "load": load(),
    }


def cores() -> int:
    """Processors that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def load() -> float | None:
    """Processes that wanted to run over the last minute: what else the machine was doing."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def versions() -> dict[str, str]:
    """Installed versions of what is compared and of what we build on."""
    found = {}
    for name in DISTRIBUTIONS:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def commit() -> str:
    """The commit of the checkout, with a + where files differ from it; "" outside of one."""
    folder = Path(__file__).resolve().parent
    try:
        revision = _git(folder, "rev-parse", "HEAD")
        changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return ""
    return revision + ("+" if changed else "")


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def _processor() -> str:
    try:
        if sys.platform == "linux":
            for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
                if line.startswith(("model name", "Model")):
                    return line.partition(":")[2].strip()
        if sys.platform == "darwin":
            command = ["sysctl", "-n", "machdep.cpu.brand_string"]
            return subprocess.run(
                command, check=True, capture_output=True, text=True
            ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        pass
    return platform.processor() or "unknown"


def _memory() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0


# ------------------------------------------------------------ rates
def best_rate(work: float, run: Callable[[], Any]) -> float:
    """Units of work per second in the best of several runs."""
    run()
    best, end = 0.0, time.perf_counter() + MEASURED_SECONDS
    while True:
        start = time.perf_counter()
        run()
        now = time.perf_counter()
        best = max(best, work / (now - start))
        if now > end:
            return best


def gemm_rate(xp: Any, wait: Callable[[], Any]) -> float:
    """Floating-point operations per second of float32 products, the best of a few sizes."""
    best = 0.0
    for n in PRODUCT_SIZES:
        a = xp.ones((n, n), dtype=np.float32)

        def run(a: Any = a) -> None:
            a @ a
            wait()

        best = max(best, best_rate(2.0 * n**3, run))
    return best


def bandwidth(working_set: int) -> float:
    """Bytes per second of c = a + b over arrays of that size together, on all cores."""
    count = cores()
    n = working_set // 12 // count
    parts = [[np.ones(n, np.float32) for _ in range(3)] for _ in range(count)]
    # Passes enough for a millisecond or so, for the start of the threads not to count.
    passes = max(1, 2**25 // working_set)

    def pass_over(part: list[np.ndarray]) -> None:
        a, b, c = part
        for _ in range(passes):
            np.add(a, b, out=c)

    with ThreadPoolExecutor(count) as pool:
        return best_rate(12.0 * n * count * passes, lambda: list(pool.map(pass_over, parts)))


def rates(device: str = "cpu") -> dict[str, Any]:
    """Operations per second, and bytes per second by working set in bytes."""
    if device == "cuda":
        return _cuda_rates()
    return {
        "flops": gemm_rate(np, lambda: None),
        "bytes": {str(size): bandwidth(size) for size in WORKING_SETS},
    }


def _cuda_rates() -> dict[str, Any]:
    cupy = importlib.import_module("cupy")
    wait = cupy.cuda.get_current_stream().synchronize
    found = {}
    for size in WORKING_SETS:
        parts = [cupy.ones(size // 12, np.float32) for _ in range(3)]

        def run(parts: list[Any] = parts) -> None:
            cupy.add(*parts)
            wait()

        found[str(size)] = best_rate(float(size), run)
    name = cupy.cuda.runtime.getDeviceProperties(0)["name"].decode()
    return {"device": name, "flops": gemm_rate(cupy, wait), "bytes": found}


def floor_seconds(measured: Mapping[str, Any], flops: float, traffic: float) -> float:
    """The time that no implementation can go below, roughly.

    Args:
        measured: what ``rates`` returned.
        flops: operations.
        traffic: bytes from and to memory.

    >>> floor_seconds({"flops": 1e9, "bytes": {"1000": 8e9, "4000": 1e9}}, 2e6, 2000)
    0.002
    """
    by_size = sorted((int(size), rate) for size, rate in measured["bytes"].items())
    fitting = [rate for size, rate in by_size if size >= traffic]
    return float(max(flops / measured["flops"], traffic / (fitting or [by_size[-1][1]])[0]))


def main() -> None:
    """See the head of the file."""
    parser = argparse.ArgumentParser(description="rates of the machine")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    device = parser.parse_args().device
    print(json.dumps({**description(), "rates": rates(device)}, indent=2))


if __name__ == "__main__":
    main()
