"""Prefetching keeps order and places, hands on exceptions, and leaves no thread behind."""

import gc
import threading
import time
import traceback

import pytest

import functorch_lite.numpy as fnp
from functorch_lite import data

SECONDS = 20.0


def running():
    return [t for t in threading.enumerate() if t.name.startswith("prefetch-")]


@pytest.fixture(autouse=True)
def no_threads_left():
    assert not running()
    yield
    gc.collect()
    deadline = time.monotonic() + SECONDS
    while running() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not running()


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("size", [1, 2, 7])
def test_the_order_is_kept(size, threads):
    def slow_at_times(n):
        time.sleep(0.004 * (n % 3 == 0))
        return n * n

    found = list(data.prefetch(range(40), size, threads=threads, transform=slow_at_times))
    assert found == [n * n for n in range(40)]


def test_an_empty_source_and_an_exhausted_one():
    assert list(data.prefetch([])) == []
    feed = data.prefetch(range(2))
    assert list(feed) == [0, 1]
    assert next(feed, "none") == "none"


@pytest.mark.parametrize(("size", "threads"), [(1, 1), (3, 1), (3, 4)])
def test_it_is_ahead_by_no_more_than_its_size(size, threads):
    made = []

    def source():
        for n in range(100):
            made.append(n)
            yield n

    with data.prefetch(source(), size, threads=threads) as feed:
        for taken in range(1, 10):
            next(feed)
            time.sleep(0.005)
            assert len(made) <= taken + size
        deadline = time.monotonic() + SECONDS
        while len(made) < 9 + size and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(0.02)
        assert len(made) == 9 + size


def raising(n):
    if n == 3:
        raise KeyError("broken example")
    return n


@pytest.mark.parametrize("threads", [1, 3])
def test_an_exception_comes_in_its_turn_with_its_traceback(threads):
    feed = data.prefetch(range(10), 2, threads=threads, transform=raising)
    assert [next(feed) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(KeyError, match="broken example") as caught:
        next(feed)
    functions = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert "raising" in functions
    assert not running()
    assert list(feed) == []


def test_an_exception_of_the_source():
    def source():
        yield 1
        raise OSError("disk")

    feed = data.prefetch(source())
    assert next(feed) == 1
    with pytest.raises(OSError, match="disk"):
        next(feed)


def test_threads_end_at_break_with_close_and_without():
    for n in data.prefetch(iter(int, 1)):  # endless
        assert n == 0
        break
    feed = data.prefetch(iter(int, 1), 3, threads=3)
    next(feed)
    assert running()
    feed.close()
    assert not running()
    feed.close()
    assert list(feed) == []
    with data.prefetch(iter(int, 1)) as feed:
        next(feed)
    assert not running()


def test_threads_end_when_an_exception_leaves_the_loop():
    with pytest.raises(ZeroDivisionError):
        for n in data.prefetch(iter(int, 1), threads=2):
            1 // n


def test_threads_end_when_the_iterator_is_collected():
    feed = data.prefetch(iter(int, 1), 2, threads=2)
    cycle = [feed]
    cycle.append(cycle)
    next(feed)
    del feed, cycle  # the fixture collects and looks


def test_the_place_is_that_of_what_was_consumed():
    def make():
        return data.loader(fnp.arange(20), 3, key=2, epochs=2)

    plain = make()
    with data.prefetch(make(), 4, threads=2) as feed:
        for _ in range(9):
            assert feed.state() == plain.state()
            assert (next(feed) == next(plain)).all()
        place = feed.state()
        rest = [batch.tolist() for batch in feed]
        feed.restore(place)
        assert [batch.tolist() for batch in feed] == rest == [b.tolist() for b in plain]
    other = data.prefetch(make(), 4)
    other.restore(place)
    assert [batch.tolist() for batch in other] == rest


def test_a_traced_transform_in_threads():
    import functorch_lite as fl

    feed = data.prefetch(data.batches(fnp.arange(8.0), 2), threads=2, transform=fl.jit(fnp.exp))
    found = fnp.concatenate(list(feed))
    assert fnp.allclose(found, fnp.exp(fnp.arange(8.0)), rtol=1e-6)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: data.prefetch([1], 0), ValueError, "size >= 1; got 0"),
        (lambda: data.prefetch([1], threads=0), ValueError, "threads >= 1"),
        (lambda: data.prefetch([1], 1.5), TypeError, "integer"),
        (lambda: data.prefetch(3), TypeError, "iterable as source; got int"),
        (lambda: data.prefetch([1], transform=3), TypeError, "function of an item"),
        (lambda: data.prefetch([1]).state(), TypeError, "prefetch a data.loader"),
        (lambda: data.prefetch([1]).restore(1), TypeError, "prefetch a data.loader"),
    ],
)
def test_messages(call, error, message):
    with pytest.raises(error, match=message):
        call()
