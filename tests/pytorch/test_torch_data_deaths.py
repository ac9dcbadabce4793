"""The DataLoader where processes die: what is said, and that nothing is left."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

pytestmark = pytest.mark.skipif(not os.path.isdir("/dev/shm"), reason="looks into /proc, /dev/shm")

START = """
import os, signal, sys, time
{imports}
from torch.utils.data import DataLoader, Dataset, get_worker_info

class Rows(Dataset):
    def __init__(self, what="", seconds=0.0):
        self.what, self.seconds = what, seconds

    def __len__(self):
        return 64

    def __getitem__(self, i):
        open(f"{{__file__}}.{{os.getpid()}}", "w").close()
        time.sleep(self.seconds)
        if i == 9 and self.what == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if i == 9 and self.what == "exit":
            os._exit(7)
        return torch.full((20_000,), float(i))

def pids(batches):
    print(*[w.pid for w in batches._workers], flush=True)

if __name__ == "__main__":
"""
NAMED = """
import sys
{imports}
D = torch.utils.data

class Collate:
    def __call__(self, batch):
        assert D.get_worker_info() is not None
        assert torch.__spec__.name == "functorch_lite.torch"
        return D.default_collate(batch)

if __name__ == "__main__":
"""
INSTALLED = "import functorch_lite.torch; functorch_lite.torch.install(); import torch"


def later(*cases):
    """Cases of the long tier."""
    return [pytest.param(*case, marks=pytest.mark.long) for case in cases]


def start(tmp_path, body, imports=INSTALLED, runner=(), start_with=START, **options):
    path = tmp_path / "program.py"
    text = textwrap.indent(textwrap.dedent(body), "    ")
    path.write_text(start_with.format(imports=imports) + text)
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    return subprocess.Popen(
        [sys.executable, *runner, str(path)], text=True, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)}, **options,
    )  # fmt: skip


def workers_of(program):
    return [int(pid) for pid in program.stdout.readline().split()]


def wait_for_work(tmp_path, pids):
    """Wait until each worker has begun to fetch."""
    end = time.monotonic() + 60
    while not all((tmp_path / f"program.py.{pid}").exists() for pid in pids):
        assert time.monotonic() < end, "workers do not start"
        time.sleep(0.02)


def is_there(pid):
    """Whether a process runs; one that only waits to be noticed does not."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def assert_gone(pids, seconds=5.0):
    end = time.monotonic() + seconds
    while left := [pid for pid in pids if is_there(pid)]:
        assert time.monotonic() < end, f"{left} still run"
        time.sleep(0.05)


@pytest.fixture(autouse=True)
def _nothing_is_left_in_shared_memory():
    before = set(os.listdir("/dev/shm"))
    yield
    made = set(os.listdir("/dev/shm")) - before
    # Semaphores of other programs that run meanwhile have names of their own.
    assert not [name for name in made if "torch" in name or name.startswith("psm_")]


@pytest.mark.parametrize(
    ("what", "method"), [("kill", "fork"), ("exit", "spawn"), *later(("kill", "spawn"))]
)
def test_a_worker_that_dies_is_named(tmp_path, what, method):
    program = start(
        tmp_path,
        f"""
        loader = DataLoader(Rows({what!r}), 4, num_workers=2, multiprocessing_context={method!r})
        batches = iter(loader)
        pids(batches)
        try:
            for batch in batches:
                pass
        except RuntimeError as error:
            print(error)
            print([w.is_alive() for w in batches._workers])
            try:
                next(batches)
            except RuntimeError as again:
                print(str(again) == str(error))
        """,
    )
    pids = workers_of(program)
    out, err = program.communicate(timeout=60)
    # Item 9 is in the third batch, which the first worker has.
    text = {
        "kill": f"DataLoader worker (pid {pids[0]}) is killed by signal: Killed. ",
        "exit": f"DataLoader worker (pid {pids[0]}) exited unexpectedly with exit code 7. Details "
        "are lost due to multiprocessing. Rerunning with num_workers=0 may give better error "
        "trace.",
    }[what]
    assert out.split("\n")[:3] == [text, "[False, False]", "True"], err
    assert_gone(pids, 0.5)


def test_a_worker_that_is_killed_while_another_is_slow_is_reported_at_once(tmp_path):
    program = start(
        tmp_path,
        """
        batches = iter(DataLoader(Rows(seconds=30), 1, num_workers=2))
        pids(batches)
        next(batches)
        """,
    )
    pids = workers_of(program)
    wait_for_work(tmp_path, pids)
    os.kill(pids[1], signal.SIGKILL)
    started = time.monotonic()
    _, err = program.communicate(timeout=60)
    assert time.monotonic() - started < 5
    assert err.strip().endswith(f"RuntimeError: DataLoader worker (pid {pids[1]}) is killed by "
                                "signal: Killed.")  # fmt: skip
    assert_gone(pids, 1.0)


@pytest.mark.parametrize(
    ("seconds", "method"),
    [
        (0, "fork"), (100, "fork"), (100, "spawn"),
        *later((0, "spawn"), (0, "forkserver"), (100, "forkserver")),
    ],
)  # fmt: skip
def test_workers_end_with_a_main_process_that_is_killed(tmp_path, seconds, method):
    program = start(
        tmp_path,
        f"""
        kept = [
            iter(DataLoader(Rows(seconds={seconds}), 4, num_workers=2,
                            multiprocessing_context={method!r}))
            for _ in range(2)
        ]
        print(*[w.pid for batches in kept for w in batches._workers], flush=True)
        time.sleep(100)
        """,
    )
    pids = workers_of(program)
    wait_for_work(tmp_path, pids)
    assert all(map(is_there, pids))
    program.kill()
    program.wait()
    assert_gone(pids)
    # Whoever holds the pipes still runs.
    program.communicate(timeout=10)


@pytest.mark.parametrize("how", ["break", "raise", "exit", "interrupt", "kept"])
def test_workers_end_with_the_loop(tmp_path, how):
    program = start(
        tmp_path,
        f"""
        how = {how!r}
        batches = iter(DataLoader(Rows(), 4, num_workers=2, persistent_workers=how == "kept"))
        pids(batches)
        for batch in batches:
            if how == "break":
                break
            if how == "raise":
                raise ValueError("stop")
            if how == "exit":
                sys.exit(5)
            if how == "interrupt":
                time.sleep(100)
        if how == "break":
            del batches
            print("gone", flush=True)
            time.sleep(100)
        """,
        start_new_session=True,
    )
    pids = workers_of(program)
    if how == "break":
        assert program.stdout.readline() == "gone\n"
        assert_gone(pids, 1.0)
        program.kill()
    if how == "interrupt":
        time.sleep(0.5)
        os.killpg(program.pid, signal.SIGINT)
    out, err = program.communicate(timeout=30)
    assert_gone(pids, 1.0)
    codes = {"break": -9, "raise": 1, "exit": 5, "interrupt": -signal.SIGINT, "kept": 0}
    assert program.returncode == codes[how], err
    # The workers have nothing to say.
    assert err.count("Traceback") == (how in ("raise", "interrupt")), err


def test_an_interrupted_wait_can_be_taken_up_again(tmp_path):
    program = start(
        tmp_path,
        """
        batches = iter(DataLoader(Rows(seconds=0.1), 8, num_workers=2))
        pids(batches)
        try:
            next(batches)
        except KeyboardInterrupt:
            print(sum(len(batch) for batch in batches))
        """,
    )
    wait_for_work(tmp_path, workers_of(program))
    program.send_signal(signal.SIGINT)
    out, err = program.communicate(timeout=60)
    assert out == "64\n", err


@pytest.mark.parametrize(
    ("way", "method"),
    [
        ("run", "spawn"), ("imported", "spawn"), ("installed", "forkserver"),
        *later(
            ("run", "fork"), ("run", "forkserver"), ("imported", "fork"),
            ("imported", "forkserver"), ("installed", "fork"), ("installed", "spawn"),
        ),
    ],
)  # fmt: skip
def test_workers_have_the_same_torch(tmp_path, way, method):
    imports = {
        "installed": INSTALLED,
        "run": "import torch",
        "imported": "import functorch_lite.torch as torch",
    }[way]
    program = start(
        tmp_path,
        f"""
        data = D.TensorDataset(torch.arange(6), torch.nn.Linear(2, 6).weight.detach())
        split = D.random_split(data, [0.5, 0.5])
        loader = D.DataLoader(split[0] + split[1], 2, num_workers=1,
                              collate_fn=Collate(), multiprocessing_context={method!r})
        print(sorted(i for batch, _ in loader for i in batch.tolist()))
        """,
        imports=imports,
        start_with=NAMED,
        runner=("-m", "functorch_lite.torch") if way == "run" else (),
    )
    out, err = program.communicate(timeout=60)
    assert out == "[0, 1, 2, 3, 4, 5]\n", err
