"""`import functorch_lite` is quick and loads no heavy library."""

import json
import os
import statistics
import subprocess
import sys

import pytest

HEAVY = ("llvmlite", "scipy", "cupy", "jax", "torch", "numba", "sklearn", "matplotlib", "pytest")
ALLOWANCE_SECONDS = 0.1


def python(program, environment=None):
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, timeout=120, env=environment
    )
    return done.stdout


def test_the_import_loads_no_heavy_library():
    program = (
        "import sys, json, numpy; before = set(sys.modules); import functorch_lite;"
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    loaded = json.loads(python(program))
    assert "functorch_lite" in loaded
    heavy = [name for name in loaded if name.split(".")[0] in HEAVY]
    assert not heavy, heavy
    later = ("functorch_lite.training.checkpoint", "numpy.polynomial", "secrets")
    assert not set(later) & set(loaded)  # loaded where they are first used


@pytest.mark.long
def test_the_import_takes_little_more_than_numpys(capsys, tmp_path):
    # Installed packages come with their bytecode; a checkout gets it here, in a folder of its own.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = str(tmp_path)

    program = (
        "import time; start = time.perf_counter(); import numpy; middle = time.perf_counter();"
        "import functorch_lite; print(middle - start, time.perf_counter() - middle)"
    )
    python(program, environment)  # writes the bytecode
    rounds = [map(float, python(program, environment).split()) for _ in range(15)]
    numpys, ours = map(statistics.median, zip(*rounds, strict=True))
    with capsys.disabled():
        print(f"\nimport numpy {numpys * 1e3:.0f} ms, functorch_lite {ours * 1e3:.0f} ms on top")
    assert ours <= ALLOWANCE_SECONDS
