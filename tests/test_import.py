"""`import functorch_lite` is quick and loads no heavy library."""

import json
import statistics
import subprocess
import sys
import time

import pytest

HEAVY = ("llvmlite", "scipy", "cupy", "jax", "torch", "numba", "sklearn", "matplotlib", "pytest")
ALLOWANCE_SECONDS = 0.1


def python(*arguments):
    command = [sys.executable, "-W", "error", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout


def test_the_import_loads_no_heavy_library():
    program = (
        "import sys, json; before = set(sys.modules); import functorch_lite;"
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    loaded = json.loads(python("-c", program))
    assert "functorch_lite" in loaded
    heavy = [name for name in loaded if name.split(".")[0] in HEAVY]
    assert not heavy, heavy


def import_seconds(module):
    program = (
        "import time; start = time.perf_counter();"
        f"import {module}; print(time.perf_counter() - start)"
    )
    return float(python("-c", program))


@pytest.mark.long
def test_the_import_takes_little_more_than_numpys(capsys):
    import_seconds("numpy"), import_seconds("functorch_lite")  # fills the caches
    numpy_seconds, our_seconds = [], []
    for _ in range(11):
        numpy_seconds.append(import_seconds("numpy"))
        our_seconds.append(import_seconds("functorch_lite"))
        time.sleep(0.02)
    numpys, ours = statistics.median(numpy_seconds), statistics.median(our_seconds)
    with capsys.disabled():
        print(f"\nimport numpy {numpys * 1e3:.0f} ms, import functorch_lite {ours * 1e3:.0f} ms")
    assert ours <= numpys + ALLOWANCE_SECONDS
