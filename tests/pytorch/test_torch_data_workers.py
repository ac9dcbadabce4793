"""The DataLoader with workers: order, epochs, errors and what goes through the pipes."""

import os
import time
import warnings

import numpy as np
import pytest
from oracle import ours, real, same

from functorch_lite.torch.utils.data import _transport

D = ours.utils.data


def agree(program):
    """Run a program in both worlds: results, or exceptions and their first lines; warnings."""
    found = []
    for T in (ours, real):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                result = program(T, T.utils.data)
            except Exception as error:
                result = (type(error).__name__, str(error).split("\n")[0])
        found.append((result, [str(w.message) for w in caught]))
    same(*found, graph=False)
    return found[0][0]


def shard(D, n):
    class Stream(D.IterableDataset):
        def __iter__(self):
            info = D.get_worker_info()
            where = 0 if info is None else info.id
            step = 1 if info is None else info.num_workers
            # The last worker has less than its share.
            return iter(range(where, n - 3 * where, step))

        def __len__(self):
            return n

        def __repr__(self):
            return "Stream()"

    return Stream()


@pytest.mark.parametrize("size", [None, 2])
@pytest.mark.parametrize("persistent", [False, True])
def test_streams_are_shared_out(size, persistent):
    def program(T, D):
        loader = D.DataLoader(shard(D, 13), size, num_workers=2, persistent_workers=persistent)
        return [[*loader], [*loader]]

    agree(program)


def test_too_long_streams_are_warned_of():
    def program(T, D):
        class Twice(D.IterableDataset):
            def __iter__(self):
                return iter(range(2))

            def __len__(self):
                return 2

            def __repr__(self):
                return "Twice()"

        loader = D.DataLoader(Twice(), None, num_workers=2)
        return len(loader), [*loader]

    agree(program)


def test_persistent_workers_go_on_with_their_numbers():
    def program(T, D):
        class Draws(D.Dataset):
            count = 0

            def __len__(self):
                return 5

            def __getitem__(self, i):
                self.count += 1
                return i, self.count, T.rand(1)

        T.manual_seed(11)
        loader = D.DataLoader(Draws(), 2, shuffle=True, num_workers=2, persistent_workers=True)
        first = [*loader]
        pids = [w.pid for w in loader._iterator._workers]
        second = [*loader]
        assert pids == [w.pid for w in loader._iterator._workers]
        return first, second, T.rand(1)

    agree(program)


def test_an_epoch_that_is_left_does_not_reach_into_the_next():
    loader = D.DataLoader(range(40), 3, num_workers=2, persistent_workers=True, prefetch_factor=5)
    for _ in range(2):
        for _, batch in zip(range(2), loader, strict=False):
            assert len(batch) == 3
    assert [i for batch in loader for i in batch.tolist()] == list(range(40))


def test_initialisation():
    def program(T, D):
        class Known(D.Dataset):
            def __len__(self):
                return 4

            def __getitem__(self, i):
                return i, self.worker

        def init(worker):
            info = D.get_worker_info()
            info.dataset.worker = 10 * worker + info.id
            assert info.rng is None and info.worker_method == "multiprocessing"

        return [*D.DataLoader(Known(), num_workers=2, worker_init_fn=init)]

    agree(program)


class Failing:
    """Item 3 raises."""

    def __init__(self, kind):
        self.kind = kind

    def __len__(self):
        return 6

    def __getitem__(self, i):
        if i == 3:
            raise self.kind("bad", "item") if self.kind is UnicodeWarning else self.kind("bad item")
        return i


class Needy(Exception):
    def __init__(self, first, second=None):
        if second is None and "Caught" in first:
            raise TypeError
        super().__init__(first)


class Spoken(Exception):
    message = "words"

    def __init__(self, message):
        super().__init__(message)


@pytest.mark.parametrize("kind", [ValueError, KeyError, OSError, StopIteration, Needy, Spoken])
def test_errors_come_with_the_batch_and_the_loader_goes_on(kind):
    def program(T, D):
        found, batches = [], iter(D.DataLoader(Failing(kind), 1, num_workers=2))
        while True:
            try:
                found.append(next(batches).tolist())
            except StopIteration as error:
                found.append(str(error).split("\n")[0])
                if not str(error):
                    return found
            except Exception as error:
                lines = str(error).split("\n")
                found.append((type(error).__name__, lines[:2], lines[-2:]))

    found = agree(program)
    assert len(found) == 7


def test_errors_at_the_start():
    def fail(worker):
        raise ValueError(f"worker {worker} does not start")

    def program(T, D):
        return [*D.DataLoader(range(4), num_workers=2, worker_init_fn=fail)]

    name, text = agree(program)
    assert name == "ValueError" and text == "Caught ValueError in DataLoader worker process 0."


def test_an_error_shows_where_it_was_raised():
    with pytest.raises(KeyError) as caught:
        list(D.DataLoader(Failing(KeyError), num_workers=1))
    text = str(caught.value)
    assert text.startswith("Caught KeyError in DataLoader worker process 0.\nOriginal Traceback")
    assert "in __getitem__\n" in text and "KeyError: 'bad item'" in text


def test_a_batch_that_cannot_be_sent_is_an_error():
    loader = D.DataLoader(range(2), 1, num_workers=1, collate_fn=lambda batch: lambda: batch)
    with pytest.raises(Exception, match="in DataLoader worker process 0"):
        list(loader)


def test_graphs_do_not_leave_a_worker():
    x = ours.ones(2, requires_grad=True)
    loader = D.DataLoader(range(1), None, num_workers=1, collate_fn=lambda i: x * i)
    with pytest.raises(RuntimeError, match="Cowardly refusing to serialize non-leaf"):
        list(loader)
    leaf = D.DataLoader(range(1), None, num_workers=1, collate_fn=lambda i: x)
    assert next(iter(leaf)).requires_grad


class Slow(D.Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, i):
        time.sleep((0.6, 0, 0.0, 0.0)[i])
        return i


def test_timeout():
    batches = iter(D.DataLoader(Slow(), num_workers=2, timeout=0.2))
    with pytest.raises(RuntimeError, match=r"^DataLoader timed out after 0\.2 seconds$"):
        next(batches)
    time.sleep(0.6)
    assert [b.item() for b in batches] == [0, 1, 2, 3]


def test_order():
    ordered = D.DataLoader(Slow(), num_workers=2)
    assert [b.item() for b in ordered] == [0, 1, 2, 3]
    ready = D.DataLoader(Slow(), num_workers=2, in_order=False)
    found = [b.item() for b in ready]
    assert sorted(found) == [0, 1, 2, 3] and found[0] != 0
    streams = D.DataLoader(shard(D, 9), None, num_workers=2, in_order=False)
    assert sorted(streams) == sorted([*range(0, 9, 2), *range(1, 6, 2)])


# ----------------------------------------------------------------------------------- memory, pipes
def descriptors():
    return len(os.listdir("/proc/self/fd"))


needs_proc = pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")


class Big(D.Dataset):
    """Rows of 400,000 bytes."""

    def __len__(self):
        return 12

    def __getitem__(self, i):
        return {"x": ours.full((100_000,), float(i)), "n": np.full(50_000, i), "i": i}


@needs_proc
def test_large_batches_come_through_shared_memory_and_nothing_is_left():
    before = descriptors()
    for _ in range(2):
        loader = D.DataLoader(Big(), 4, num_workers=2)
        for k, batch in enumerate(loader):
            expected = ours.arange(4 * k, 4 * k + 4)
            same(batch["i"].tolist(), expected.tolist())
            assert batch["x"].is_shared() and batch["x"].shape == (4, 100_000)
            assert ours.equal(batch["x"][:, -1], expected.float())
            assert ours.equal(batch["n"][:, 7], expected)
            batch["x"].add_(1)
            assert ours.equal(batch["x"][:, 5], expected.float() + 1)
        del batch
    # An iterator that is left behind takes its workers along.
    batches = iter(D.DataLoader(Big(), 4, num_workers=2))
    next(batches)
    workers = list(batches._workers)
    started = time.monotonic()
    del batches
    assert time.monotonic() - started < 2
    assert all(not w.is_alive() for w in workers)
    assert descriptors() <= before + 2 * len(workers)  # by which processes are waited for
    del workers
    assert descriptors() <= before


@needs_proc
def test_batches_that_are_kept_do_not_use_up_descriptors():
    before = descriptors()

    class Rows(D.Dataset):
        def __len__(self):
            return 400

        def __getitem__(self, i):
            return ours.full((5_000,), float(i))

    kept = list(D.DataLoader(Rows(), None, num_workers=2))
    assert descriptors() - before <= 260
    assert [t[-1].item() for t in kept] == list(range(400))
    kept[300][0] = 5
    del kept
    assert descriptors() <= before


def test_a_row_does_not_take_its_data_set_along():
    data = ours.arange(200_000.0).view(1000, 200)
    message = _transport.encode(data[3])
    assert message.head.nbytes < 2000 and not message.apart
    message = _transport.encode(data[:, 1])
    assert message.piped < 100 and message.apart[0].nbytes == 4 * (999 * 200 + 1)
    received = list(D.DataLoader(data.t()[:3], None, num_workers=1))
    same([t.tolist() for t in received], [t.tolist() for t in data.t()[:3]])


def test_long_lists_of_indices_and_long_results_do_not_block():
    class Words(D.Dataset):
        def __len__(self):
            return 200_000

        def __getitems__(self, indices):
            return [str(i) for i in indices]

    loader = D.DataLoader(Words(), 5_000, num_workers=2, prefetch_factor=30)
    time.sleep(0.3)
    found = [word for batch in loader for word in batch]
    assert found == [str(i) for i in range(200_000)]


def test_many_tasks_ahead():
    loader = D.DataLoader(range(3_000), None, num_workers=2, prefetch_factor=2_000)
    batches = iter(loader)
    time.sleep(0.5)
    assert list(batches) == list(range(3_000))


class Own(ours.Tensor):
    pass


def test_parameters_and_subclasses_are_sent():
    def pieces(i):
        marked = ours.ones(3)
        marked.note = "kept"
        return {
            "p": ours.nn.Parameter(ours.ones(2)), "s": ours.ones(2).as_subclass(Own),
            "m": marked, "e": ours.ones(0, 3), "d": ours.float32, "z": ours.tensor(2).size(),
        }  # fmt: skip

    (found,) = D.DataLoader(range(1), None, num_workers=1, collate_fn=pieces)
    assert isinstance(found["p"], ours.nn.Parameter) and found["p"].requires_grad
    assert type(found["s"]) is Own and found["m"].note == "kept"
    assert found["e"].shape == (0, 3) and found["d"] is ours.float32


# ---------------------------------------------------------------------------------- start methods
class Plain(D.Dataset):
    def __init__(self, lock=None):
        self.lock = lock

    def __len__(self):
        return 3

    def __getitem__(self, i):
        return ours.rand(1), ours.full((9_000,), i)


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_other_ways_to_start(method):
    context = ours.multiprocessing.get_context(method)
    ours.manual_seed(5)
    expected = [*D.DataLoader(Plain(), num_workers=1)]
    ours.manual_seed(5)
    data = D.ConcatDataset([Plain(context.Lock())])
    found = [*D.DataLoader(data, num_workers=1, multiprocessing_context=context)]
    for a, b in zip(found, expected, strict=True):
        assert all(ours.equal(p, q) for p, q in zip(a, b, strict=True))


def test_what_cannot_be_pickled_cannot_be_spawned():
    loader = D.DataLoader(range(2), num_workers=1, multiprocessing_context="spawn",
                          collate_fn=lambda batch: batch)  # fmt: skip
    with (
        pytest.warns(UserWarning, match="^Got pickle error when attempting to start a worker"),
        pytest.raises(Exception, match="pickle"),
    ):
        iter(loader)
