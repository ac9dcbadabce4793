"""The counters count what they say, from a start of their own."""

import sys
import tracemalloc

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite.testing import count_allocations, count_frames, count_traces


# ------------------------------------------------------------------------------------------ traces
def test_traces_inside_the_block_are_counted_and_explained():
    f, g = fl.jit(lambda x: x + 1), fl.jit(lambda x, n: x * n, static_argnums=1)
    f(fnp.ones(2))
    with count_traces(f, g) as traces:
        assert traces.count == 0 and traces.reasons == []
        f(fnp.ones(2))
        assert traces.count == 0
        f(fnp.ones(3))
        g(fnp.ones(2), 1)
        g(fnp.ones(2), 2)
        assert traces.count == 3
    f(fnp.ones(4))
    assert traces.count == 3
    said = [reason.rpartition("): ")[2] for reason in traces.reasons]
    assert said == [
        "x is f32[3] instead of f32[2]",
        "first call",
        "static arguments are {1: '2'} instead of {1: '1'}",
    ]
    assert str(traces).splitlines()[0] == "Traces(count=3)"
    assert "f32[3] instead of f32[2]" in str(traces)


def test_traces_may_be_counted_twice_over():
    f = fl.jit(fnp.sin)
    counter = count_traces(f)
    for n, count in ((1, 1), (1, 0), (2, 1)):
        with counter as traces:
            f(fnp.ones(n))
        assert traces.count == count


def test_the_count_stays_after_an_error():
    f = fl.jit(fnp.sin)
    with pytest.raises(ZeroDivisionError), count_traces(f) as traces:
        f(1.0)
        raise ZeroDivisionError
    f(fnp.ones(3))
    assert traces.count == 1


@pytest.mark.parametrize("functions", [(), (fnp.sin,), (fl.jit(fnp.sin), 3)])
def test_only_jitted_functions_have_traces(functions):
    with pytest.raises(TypeError, match="count_traces: expected functions made by jit; got"):
        count_traces(*functions)


# ------------------------------------------------------------------------------------------ frames
def test_frames():
    def inner():
        return 0

    def outer(n):
        return [inner() for _ in range(n)] if n > 5 else inner() + inner()

    assert count_frames(lambda: None) == 0
    assert count_frames(outer, 2) == 2
    assert count_frames(lambda: outer(1), repeats=1) == 3
    assert count_frames(np.sin, 1.0) == -1  # a C function has no frame of its own


def test_the_profiler_comes_back_even_after_an_error():
    calls = iter([0, 0])
    with pytest.raises(StopIteration):
        count_frames(lambda: next(calls))
    assert sys.getprofile() is None
    with pytest.raises(ValueError, match="expected repeats >= 1; got 0"):
        count_frames(lambda: None, repeats=0)


# ------------------------------------------------------------------------------------- allocations
def allocate(n):
    return fnp.asarray(np.arange(n, dtype="float64"))


def test_what_is_kept_and_the_peak():
    allocate(10)
    with count_allocations() as memory:
        for _ in range(3):
            allocate(100_000)
        x = allocate(10_000)
    assert 80_000 <= memory.kept_bytes < 100_000
    assert 800_000 <= memory.peak_bytes < 3_000_000
    assert x.size == 10_000 and not tracemalloc.is_tracing()
    assert repr(memory) == (
        f"Allocations(kept_bytes={memory.kept_bytes}, peak_bytes={memory.peak_bytes})"
    )


def test_what_is_freed_is_negative_only_if_it_was_seen():
    with count_allocations() as outer:
        x = allocate(10_000)
        with count_allocations() as inner:
            del x
        assert tracemalloc.is_tracing()
    assert -100_000 < inner.kept_bytes <= -80_000
    assert inner.peak_bytes < 10_000
    assert abs(outer.kept_bytes) < 10_000


def test_a_cycle_is_not_kept():
    with count_allocations() as memory:
        for _ in range(10):
            cycle = [allocate(10_000)]
            cycle.append(cycle)
            del cycle
    assert memory.kept_bytes < 10_000


def test_a_training_step_keeps_nothing():
    step = fl.jit(lambda w, x: w - 0.1 * fl.grad(lambda w: fnp.sum(fnp.tanh(x @ w) ** 2))(w))
    w, x = fnp.ones((64, 64)), fnp.ones((8, 64))
    for _ in range(10):
        w = step(w, x)
    with count_allocations() as memory:
        for _ in range(50):
            w = step(w, x)
    assert memory.kept_bytes < 2 * 16_384  # the last w, in place of one from before the block


def test_a_list_of_results_is_noticed():
    step = fl.jit(lambda w: w * 0.9)
    w = step(fnp.ones(1000))
    kept = []
    with count_allocations() as memory:
        for _ in range(50):
            w = step(w)
            kept.append(w)
    assert memory.kept_bytes > 50 * 4000
