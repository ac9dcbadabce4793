"""Packages written for PyTorch run unchanged on this package, with PyTorch's numbers.

Each program in ``packages/`` runs in two processes, one with PyTorch; the packages that are not
installed are skipped.
"""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
NEEDS = {
    "use_einops": ["einops"],
    "use_einx": ["einx", "opt_einsum"],
    "use_optimisers": ["lion_pytorch", "ema_pytorch"],
    "use_attention": ["rotary_embedding_torch", "local_attention", "x_transformers"],
    "use_safetensors": ["safetensors", "jaxtyping", "beartype"],
    "use_torchdiffeq": ["torchdiffeq"],
    "use_torchmetrics": ["torchmetrics"],
    "use_vit": ["vit_pytorch"],
}
QUICK = ("use_einops", "use_safetensors")
PROGRAMS = [
    pytest.param(name, marks=[] if name in QUICK else [pytest.mark.long]) for name in NEEDS
]


def shown(name, *commands):
    """The lines that a program printed, by each of several commands that run at the same time."""
    runner, program = HERE / "run_scripts.py", HERE / "packages" / f"{name}.py"
    # PyTorch's compiler takes seconds, and gives the numbers that it gives without.
    env = os.environ | {"TORCHDYNAMO_DISABLE": "1", "PYTHONPATH": str(program.parent)}
    started = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", *command, str(runner), str(program)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=HERE.parent.parent,
            env=env,
        )
        for command in commands
    ]  # fmt: skip
    found = []
    try:
        for process in started:
            out, errors = process.communicate(timeout=300)
            assert process.returncode == 0, errors
            (text,) = json.loads(out.splitlines()[-1]).values()
            assert "Traceback" not in text, text
            found.append(text.splitlines())
    finally:
        for process in started:
            process.kill()
            process.wait()
    return found


@pytest.mark.parametrize("name", PROGRAMS)
def test_package(name):
    for package in ("torch", *NEEDS[name]):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    theirs, ours = shown(name, (), ("-m", "functorch_lite.torch"))
    assert len(ours) == len(theirs) > 5
    for mine, line in zip(ours, theirs, strict=True):
        head, _, numbers = line.partition(" | ")
        my_head, _, mine_numbers = mine.partition(" | ")
        assert my_head == head
        if mine_numbers != numbers:
            a, b = (list(map(float, text.split())) for text in (mine_numbers, numbers))
            assert a == pytest.approx(b, rel=2e-4, abs=1e-6, nan_ok=True), head
