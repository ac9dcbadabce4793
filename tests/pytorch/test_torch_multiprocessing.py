"""torch.multiprocessing: memory that processes share, and processes that fail together."""

import copy
import os
import pickle
import signal
import sys
import time

import numpy as np
import pytest
from oracle import ours, real

mp = ours.multiprocessing


def test_names():
    missing = {n for n in real.multiprocessing.__all__ if not hasattr(mp, n)}
    assert not missing
    for name in ("spawn", "start_processes", "ProcessContext", "ProcessRaisedException"):
        assert getattr(mp, name).__name__ == getattr(real.multiprocessing, name).__name__
    assert mp.get_context("fork").get_start_method() == "fork"


def test_sharing_strategies():
    theirs = real.multiprocessing
    assert mp.get_all_sharing_strategies() == theirs.get_all_sharing_strategies()
    assert mp.get_sharing_strategy() == theirs.get_sharing_strategy()
    mp.set_sharing_strategy("file_system")
    assert mp.get_sharing_strategy() == "file_system"
    mp.set_sharing_strategy("file_descriptor")
    with pytest.raises(AssertionError, match="invalid sharing strategy 'x', expected one of {"):
        mp.set_sharing_strategy("x")


# ------------------------------------------------------------------------------------ share_memory_
def test_tensors_over_one_memory_move_together():
    def program(T):
        x = T.arange(12.0).view(3, 4)
        row, turned, alone = x[1], x.t(), T.zeros(3)
        flat = x.detach().view(-1)
        before = x.is_shared(), x.untyped_storage().is_shared()
        assert row.share_memory_() is row
        turned[2, 1] = 100
        flat[0] = 50
        row.mul_(2)
        return (
            before, [t.is_shared() for t in (x, row, turned, flat, alone)], x.tolist(),
            row.tolist(), turned.tolist(), flat.tolist(), turned.stride(), row.storage_offset(),
            x.untyped_storage().is_shared(), x._version, x[0].is_shared(),
            x.clone().is_shared(), T.zeros(0).share_memory_().shape,
        )  # fmt: skip

    assert program(ours) == program(real)


def test_gradients_flow_as_before():
    x = ours.ones(3, requires_grad=True)
    x.share_memory_()
    (x * x).sum().backward()
    assert x.grad.tolist() == [2, 2, 2] and x.is_leaf
    layer = ours.nn.Linear(2, 2)
    layer.share_memory()
    assert all(p.is_shared() for p in layer.parameters())
    for made in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert not any(p.is_shared() for p in made.parameters())
        assert ours.equal(made.weight, layer.weight)


def test_storages():
    storage = ours.UntypedStorage([1, 2, 3])
    assert storage.share_memory_().is_shared() and storage.tolist() == [1, 2, 3]
    assert ours.zeros(2).share_memory_()._typed_storage().is_shared()


def add(x, amount):
    x += amount


def test_forked_processes_write_to_shared_memory():
    x = ours.zeros(4)
    view = x[1:]
    x.share_memory_()
    process = mp.get_context("fork").Process(target=add, args=(x, 3))
    process.start()
    process.join()
    assert view.tolist() == [3, 3, 3] and process.exitcode == 0


def pass_on(came, gone):
    x, y = came.get()
    x += 1
    gone.put((x, y.sum(), x.is_shared(), y.is_shared()))
    # Until the other side has taken what was sent.
    came.get()


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_queues_carry_shared_memory(method):
    context = mp.get_context(method)
    came, gone = context.Queue(), context.Queue()
    process = context.Process(target=pass_on, args=(came, gone))
    process.start()
    x, y = ours.zeros(3).share_memory_(), ours.ones(2, 2)
    came.put((x, y))
    again, total, *shared = gone.get(timeout=60)
    again += 5
    came.put(None)
    process.join()
    assert x.tolist() == [6, 6, 6] and total == 4 and shared == [True, False]


# -------------------------------------------------------------------------------------------- spawn
def work(i, what, x):
    x[i] = i + 1
    if i != 1:
        # Ends by the signal that the failure of the other brings.
        time.sleep(0 if what == "nothing" else 60)
        return
    if what == "raise":
        raise ValueError("a long text " * 20_000)
    if what == "exit":
        os._exit(3)
    if what == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "stop":
        sys.exit(0)


def test_spawned_processes():
    x = ours.zeros(2).share_memory_()
    assert mp.spawn(work, ("nothing", x), nprocs=2) is None
    assert x.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("what", "kind", "text"),
    [
        (
            "raise",
            "ProcessRaisedException",
            "\n\n-- Process 1 terminated with the following error:\nTra",
        ),
        ("exit", "ProcessExitedException", "process 1 terminated with exit code 3"),
        ("kill", "ProcessExitedException", "process 1 terminated with signal SIGKILL"),
    ],
)
def test_processes_that_fail(what, kind, text):
    x = ours.zeros(2)
    context = mp.start_processes(work, (what, x), 2, join=False, start_method="fork")
    assert len(context.pids()) == 2
    with pytest.raises(getattr(mp, kind)) as caught:
        while not context.join(timeout=60):
            pass
    error = caught.value
    assert str(error).startswith(text) and error.error_index == 1
    assert error.error_pid == context.pids()[1]
    assert not any(p.is_alive() for p in context.processes)


def test_join_can_give_up():
    context = mp.start_processes(time.sleep, (), 1, join=False, start_method="fork")
    assert context.join(timeout=30)
    context = mp.start_processes(lambda i: time.sleep(30), (), 1, join=False, start_method="fork")
    assert not context.join(timeout=0.05)
    context.processes[0].kill()
    context.processes[0].join()


def nap(i):
    time.sleep(i)


@pytest.mark.parametrize("T", [ours, real], ids=["ours", "real"])
def test_join_returns_with_the_first_that_ends(T):
    context = T.multiprocessing.start_processes(nap, (), 2, join=False, start_method="fork")
    assert not context.join(timeout=30) and len(context.sentinels) == 1
    assert context.processes[1].is_alive()
    assert context.join(timeout=30)


def test_other_start_methods_are_warned_of():
    with pytest.warns(FutureWarning, match=r"only supports start_method=spawn \(got: fork\)"):
        mp.spawn(work, ("nothing", np.zeros(1)), nprocs=1, start_method="fork")
