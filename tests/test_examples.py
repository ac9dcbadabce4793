"""The examples run as a user runs them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import functorch_lite as fl

REPOSITORY = Path(__file__).resolve().parent.parent

for library in ("sklearn", "matplotlib", "tqdm"):
    pytest.importorskip(library)


def train_digits(*arguments):
    command = [sys.executable, REPOSITORY / "examples" / "train_digits.py", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    return subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)


def accuracy_of(done):
    assert done.returncode == 0, done.stderr
    label, _, value = done.stdout.splitlines()[-1].rpartition(" ")
    assert label == "test accuracy:"
    assert len(value) == len("0.978")
    return float(value)


def test_train_digits(tmp_path):
    arguments = ["--epochs", "3", "--seed", "5", "--out"]
    first = train_digits(*arguments, tmp_path / "first")
    assert accuracy_of(first) > 0.8
    for name in ("curves.png", "predictions.png"):
        content = (tmp_path / "first" / name).read_bytes()
        assert content.startswith(b"\x89PNG")
        assert len(content) > 10_000
    assert "loss=" in first.stderr
    second = train_digits(*arguments, tmp_path / "second")
    table = [text for text in first.stdout.splitlines() if "pictures" not in text]
    assert table == [text for text in second.stdout.splitlines() if "pictures" not in text]


@pytest.mark.long
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "rmsprop", "adagrad"])
def test_train_digits_reaches_its_accuracy(optimizer, tmp_path):
    done = train_digits("--optimizer", optimizer, "--out", tmp_path)
    assert accuracy_of(done) >= 0.97


def test_a_missing_gpu_is_one_line_and_exit_status_2(tmp_path):
    if {device.kind for device in fl.devices()} != {"cpu"}:
        pytest.skip("there is a GPU")
    done = train_digits("--device", "cuda", "--out", tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "cuda" in done.stderr
    assert done.stdout == ""
