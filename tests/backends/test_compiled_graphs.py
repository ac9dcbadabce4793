"""Ops in company: compiled functions equal interpreted ones, on any number of threads.

Families of functions sweep a length through the lanes; random functions of tens to hundreds of ops
have loops and branches inside. A random function that fails is cut down before it is printed.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from agreement import LENGTHS, differ, raw
from composed import FAMILIES
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from minimise import minimise
from random_graphs import arguments, random_function, replayed

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite.backends.cpu.runtime import get_num_threads, set_num_threads
from functorch_lite.core.array import wrap
from functorch_lite.core.graph import reference_program
from functorch_lite.core.trace import state
from functorch_lite.driver.programs import compile_graph

pytest.importorskip("llvmlite.binding")

LONG_ROWS = 5003
THREADED = {
    name: f for name, f in FAMILIES.items()
    if name not in ("updates", "scalars", "loops", "derivatives", "products", "batched products")
}  # fmt: skip


@pytest.fixture(autouse=True)
def _threads_as_before():
    before = get_num_threads()
    yield
    set_num_threads(before)


# --------------------------------------------------------------------------------------- families
def family_cases():
    """Two lengths of each family; all with --long."""
    for i, name in enumerate(FAMILIES):
        for k, n in enumerate(LENGTHS):
            marks = [] if k in (i % 5, 5 + (i * 2 + 1) % 5) else [pytest.mark.long]
            yield pytest.param(name, n, marks=marks)


@pytest.mark.parametrize(("name", "n"), list(family_cases()))
def test_family(name, n):
    f, operands = FAMILIES[name](n)
    arrays = [fnp.asarray(x) for x in operands]
    want = raw(fl.jit(f, backend="interpret")(*arrays))
    got = raw(fl.jit(f, backend="cpu")(*arrays))
    single = any(x.dtype == np.float32 for x in want)
    wrong = differ(want, got, [False] * len(want), single)
    assert not wrong, (wrong, [(want[k], got[k]) for k in wrong])


@pytest.mark.parametrize("name", THREADED)
def test_threads_do_not_change_a_bit(name):
    f, operands = FAMILIES[name](LONG_ROWS)
    arrays = [fnp.asarray(x) for x in operands]
    jitted = fl.jit(f, backend="cpu")
    results = []
    for threads in (1, 2, 3):
        set_num_threads(threads)
        results.append([x.tobytes() for x in raw(jitted(*arrays))])
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("shape", [(3, 40_000), (40_000, 3), (100_003,), (7, 65_537), (33, 32_768)])
def test_long_reductions_on_threads(shape):
    """What is split into blocks: the same bits for any number of threads, and near the truth."""

    def f(x):
        p = fnp.exp(x - fnp.max(x, axis=-1, keepdims=True))
        p = p / fnp.sum(p, axis=-1, keepdims=True)
        return (
            fnp.sum(x), fnp.max(x), fnp.argmin(x), fnp.sum(p * x, axis=0), fnp.mean(x, axis=-1),
            p, fnp.argmax(x, axis=-1), fnp.any(x > 4),
        )  # fmt: skip

    x = fnp.asarray(np.random.default_rng(0).normal(size=shape))
    want = raw(fl.jit(f, backend="interpret")(x))
    results = []
    for threads in (1, 2):
        set_num_threads(threads)
        results.append(raw(fl.jit(f, backend="cpu")(x)))
    assert [a.tobytes() for a in results[0]] == [b.tobytes() for b in results[1]]
    assert not differ(want, results[0], [False] * len(want), single=False)


# ---------------------------------------------------------------------------------- random graphs
def fails(graph, args):
    """Whether the compiler gets a graph wrong."""
    was, state.backend = state.backend, "interpret"
    try:
        want = [np.asarray(x) for x in reference_program(graph)(*args)]
    finally:
        state.backend = was
    got = [np.asarray(x) for x in compile_graph(graph, "cpu")(*args)]
    return bool(differ(want, got, [False] * len(want)))


def check_random(choose, count):
    start = replayed(choose)
    operands = arguments(choose)
    arrays = [wrap(np.asarray(x)) for x in operands]
    f = random_function(start, count)
    want = raw(fl.jit(f, backend="interpret")(*arrays))
    got = raw(fl.jit(f, backend="cpu")(*arrays))
    wrong = differ(want, got, f.exact)
    if not wrong:
        return
    graph = fl.make_graph(f)(*arrays)
    found = minimise(graph, [np.asarray(x) for x in operands], fails)
    text = "only whole graphs differ\n" if found is None else ""
    note(text + str(graph if found is None else found[0]))
    raise AssertionError(f"results {wrong} differ: {[(want[k], got[k]) for k in wrong][:3]}")


QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]


@settings(max_examples=12, suppress_health_check=QUIET)
@given(data=st.data())
def test_random_graph(data):
    check_random(lambda n: data.draw(st.integers(0, n - 1)), 40)


@pytest.mark.long
@settings(max_examples=150, suppress_health_check=QUIET)
@given(data=st.data())
def test_random_graphs_at_length(data):
    check_random(lambda n: data.draw(st.integers(0, n - 1)), 60)


def seeds():
    """Random functions of up to 250 ops; most of them with --long."""
    for seed in range(90):
        yield pytest.param(seed, marks=[] if seed < 10 else [pytest.mark.long])


@pytest.mark.parametrize("seed", list(seeds()))
def test_random_function_of_a_number(seed):
    rng = np.random.default_rng([11, seed])
    check_random(lambda n: int(rng.integers(n)), (60, 30, 120, 80, 250)[seed % 5])


def test_a_wrong_kernel_is_found_and_cut_out(monkeypatch):
    """With tanh a little off, what is left of a graph is little more than tanh."""
    from functorch_lite.backends.cpu import printer, scalars

    right = scalars.apply

    def wrong(a, name, args, dtype, attrs):
        return right(a, "sin" if name == "tanh" else name, args, dtype, attrs)

    monkeypatch.setattr(scalars, "apply", wrong)
    monkeypatch.setattr(printer, "FORMAT", "wrong")
    x = np.linspace(0.5, 2, 30).reshape(5, 6)

    def f(x):
        y = fnp.sum(fnp.tanh(x * 2 + 1), axis=1) * 3
        return fnp.exp(-y), fnp.sort(x, axis=0), y[::-1] - x[:, 0]

    graph = fl.make_graph(f)(fnp.asarray(x))
    small, args = minimise(graph, [x], fails)
    assert [eqn.op.name for eqn in small.eqns] == ["tanh"]
    assert [a.shape for a in args] == [(5, 6)]


# --------------------------------------------------------------------------------- another machine
@pytest.mark.skipif(
    platform.machine().lower() not in ("x86_64", "amd64"), reason="a processor of another kind"
)
def test_a_smaller_vector():
    """A sample on half registers, in a process that makes code for a processor of 2013."""
    from functorch_lite.backends.cpu.machine import vector_bytes

    if vector_bytes() < 32:
        pytest.skip("this processor has no such registers")
    script = """
        import sys
        sys.path[:0] = sys.argv[1:]
        import numpy as np
        from test_compiled_graphs import FAMILIES, check_random, test_family
        from functorch_lite.backends.cpu.machine import vector_bytes

        assert vector_bytes() == 32
        for name in FAMILIES:
            test_family(name, 33)
        for seed in range(4):
            rng = np.random.default_rng([12, seed])
            check_random(lambda n: int(rng.integers(n)), 60)
    """
    here = os.path.dirname(__file__)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(script), here, os.getcwd()],
        capture_output=True, text=True, timeout=300,
        env={**os.environ, "FUNCTORCH_LITE_TARGET": "haswell"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
