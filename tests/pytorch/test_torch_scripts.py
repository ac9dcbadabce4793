"""Scripts as people write them, run unchanged under PyTorch and under this package.

Each prints its losses; those of the first 50 steps must agree to 1e-3, or drift apart no further
than twice what PyTorch does when one initial weight is moved by an ulp. Accuracies at the end must
agree to 1e-3, or, where losses drift, to 2 % or twice PyTorch's own change.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("sklearn")

HERE = Path(__file__).parent
QUICK = ["gan_rings", "graph_convolution", "lbfgs_fit", "mlp_digits", "policy_gradient",
         "transformer_chars", "vae_digits"]  # fmt: skip
SLOW = ["cnn_digits", "lstm_chars", "resnet_digits", "siamese_digits", "super_resolution"]


def outputs(names, *command):
    """What scripts printed, by name."""
    paths = [str(HERE / "scripts" / f"{name}.py") for name in names]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", *command, *paths],
        capture_output=True, text=True, timeout=540, cwd=HERE.parent.parent,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return dict(zip(names, json.loads(done.stdout.splitlines()[-1]).values(), strict=True))


def both(names):
    runner = str(HERE / "run_scripts.py")
    theirs = outputs(names, runner)
    ours = outputs(names, "-m", "functorch_lite.torch", runner)
    return {name: (ours[name], theirs[name]) for name in names}


def losses(text):
    return [float(v) for line in re.findall(r"^step \d+ loss (.*)$", text, re.M)
            for v in line.split()]  # fmt: skip


def drift(a, b):
    return [abs(x - y) / max(abs(y), 1e-2) for x, y in zip(a, b, strict=True)]


def accuracy(text):
    return float(re.search(r"^accuracy ([\d.]+)$", text, re.M).group(1))


def check(name, ours, theirs):
    assert losses(theirs), theirs
    assert "Traceback" not in ours, ours
    apart = drift(losses(ours), losses(theirs))
    if max(apart) <= 1e-3 and abs(accuracy(ours) - accuracy(theirs)) <= 1e-3 * accuracy(theirs):
        return
    other = outputs([name], str(HERE / "run_scripts.py"), "--ulp")[name]
    own = drift(losses(other), losses(theirs))
    assert max(apart) <= max(1e-3, 2 * max(own)), f"{max(apart)} against PyTorch's own {max(own)}"
    allowed = max(2 * abs(accuracy(other) - accuracy(theirs)), 0.02 * accuracy(theirs))
    assert abs(accuracy(ours) - accuracy(theirs)) <= allowed


@pytest.fixture(scope="module")
def quick():
    return both(QUICK)


@pytest.mark.parametrize("name", QUICK)
def test_the_same_losses(quick, name):
    check(name, *quick[name])


@pytest.mark.long
@pytest.mark.parametrize("name", SLOW)
def test_the_same_losses_in_longer_runs(name):
    check(name, *both([name])[name])


@pytest.mark.parametrize("name", QUICK + SLOW)
def test_scripts_import_only_what_people_have(name):
    text = (HERE / "scripts" / f"{name}.py").read_text()
    tops = set(re.findall(r"^(?:from|import) (\w+)", text, re.M))
    assert tops <= {"torch", "numpy", "sklearn", "math", "os", "io", "tempfile"}
    assert text.count("\n") >= 40
