"""A run that is killed, however often, ends as one that was not, bit for bit."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from functorch_lite import tree
from functorch_lite.training import CheckpointManager

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
STEPS = 40


def command(folder):
    program = "import sys; sys.path.insert(0, {!r}); import train_program as t; t.main({!r}, {})"
    return [sys.executable, "-c", program.format(str(HERE), str(folder), STEPS)]


def final(folder):
    manager = CheckpointManager(folder)
    assert manager.latest() == STEPS
    return manager.path(STEPS).read_bytes()


def run_and_kill(folder, delay_lines, delay_seconds=0.0):
    """Run until some lines came and a while more, then kill; whether that was before its end."""
    process = subprocess.Popen(command(folder), cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    with process:
        for line in process.stdout:
            if line.startswith("saved"):
                delay_lines -= 1
            if delay_lines <= 0:
                time.sleep(delay_seconds)
                process.kill()  # SIGKILL: no handler, no cleaning up
                break
        process.stdout.read()
    return process.returncode != 0


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    subprocess.run(command(folder), cwd=REPOSITORY, check=True, stdout=subprocess.DEVNULL)
    return final(folder)


def resume_after_kills(tmp_path, rng, kills):
    for _ in range(kills):
        run_and_kill(tmp_path, int(rng.integers(0, 9)), rng.uniform(0, 0.03))
    subprocess.run(command(tmp_path), cwd=REPOSITORY, check=True, stdout=subprocess.DEVNULL)
    return final(tmp_path)


def test_a_killed_run_ends_as_an_undisturbed_one(tmp_path, rng, undisturbed):
    assert resume_after_kills(tmp_path, rng, 3) == undisturbed


@pytest.mark.long
@pytest.mark.parametrize("trial", range(5))
def test_runs_killed_many_times(tmp_path, rng, undisturbed, trial):
    assert resume_after_kills(tmp_path, rng, 8) == undisturbed


def test_a_run_that_forgets_the_feed_is_noticed(tmp_path, rng, undisturbed):
    # The test can fail: without the place in the data the numbers are others.
    while not run_and_kill(tmp_path, 3):
        pass
    sys.path.insert(0, str(HERE))
    try:
        import train_program
    finally:
        sys.path.remove(str(HERE))
    start, _ = train_program.start()
    manager = CheckpointManager(tmp_path)
    found = manager.restore(like=start)
    assert tree.leaves(found["feed"]) != tree.leaves(start["feed"])
    manager.save(int(found["state"].step), {**found, "feed": start["feed"]})
    subprocess.run(command(tmp_path), cwd=REPOSITORY, check=True, stdout=subprocess.DEVNULL)
    assert final(tmp_path) != undisturbed
