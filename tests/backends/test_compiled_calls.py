"""Compiled functions in use: many threads, many calls, many shapes, forks, interruptions."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest
from memory_in_use import STATM, needs_statm, resident

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import lax
from functorch_lite.backends.cpu import objects
from functorch_lite.driver import programs

pytest.importorskip("llvmlite.binding")


def run_script(text, timeout=120):
    """Run a script in a process of its own; what it prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(text)],
        capture_output=True, text=True, timeout=timeout,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def together(count, work):
    """Run ``work(number)`` in threads that start at one moment; the first failure is raised."""
    barrier, failures = threading.Barrier(count), []

    def body(number):
        barrier.wait()
        try:
            work(number)
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=body, args=(i,)) for i in range(count)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if failures:
        raise failures[0]


# ---------------------------------------------------------------------------------------- threads
def layers(x, w):
    h = fnp.tanh(x @ w)
    for _ in range(3):
        h = h / (1 + fnp.sum(h * h, axis=-1, keepdims=True))
    last, _ = lax.scan(lambda c, row: (c * 0.5 + row, None), h[0], h)
    return h, last, fnp.sort(h[:, 0])


def test_sixteen_threads_share_one_function():
    """First calls race for the program; later ones run it at once, on their own memory."""
    w = fnp.asarray(np.random.default_rng(0).normal(size=(40, 30)))
    jitted = fl.jit(layers)
    inputs = [fnp.asarray(np.random.default_rng(k).normal(size=(50, 40))) for k in range(16)]
    wants = [[np.asarray(y) for y in fl.jit(layers, backend="interpret")(x, w)] for x in inputs]

    def work(number):
        for _ in range(20):
            got = jitted(inputs[number], w)
            for a, b in zip(got, wants[number], strict=True):
                np.testing.assert_allclose(np.asarray(a), b, rtol=1e-12, atol=1e-13)

    together(16, work)
    assert jitted.cache_info().misses == 1


def test_sixteen_threads_with_shapes_of_their_own():
    """Some threads compile while others run what is compiled."""
    jitted = fl.jit(lambda x: (fnp.cumsum(x * 2), fnp.exp(-x) + 1, fnp.max(x)))

    def work(number):
        for n in (number % 5 + 1, number + 3, 100 + number % 3, 40_000 + number % 2):
            x = np.linspace(0, 1, n)
            total, e, top = jitted(fnp.asarray(x))
            np.testing.assert_allclose(np.asarray(total), np.cumsum(2 * x), rtol=1e-12)
            np.testing.assert_allclose(np.asarray(e), np.exp(-x) + 1, rtol=1e-14)
            assert float(top) == x[-1]

    together(16, work)


# ----------------------------------------------------------------------------------------- memory
def check_calls(count):
    jitted = fl.jit(layers)
    x, w = fnp.asarray(np.ones((8, 4))), fnp.asarray(np.ones((4, 5)))

    def call(times):
        for _ in range(times):
            jitted(x, w)

    call(200)
    gc.collect()
    before = sys.getallocatedblocks()
    call(count)
    gc.collect()
    assert sys.getallocatedblocks() - before < 200
    if os.path.exists(STATM):
        start = resident()
        call(count)
        assert resident() - start < 4 << 20


def test_calls_leave_nothing_behind():
    check_calls(2_000)


@pytest.mark.long
def test_a_hundred_thousand_calls_leave_nothing_behind():
    check_calls(100_000)


def shapes(count, first=2):
    """Call one function at many shapes; how many results were wrong."""
    jitted = fl.jit(lambda x: fnp.sum(x * 2 + 1))
    wrong = 0
    for n in range(first, first + count):
        wrong += float(jitted(fnp.asarray(np.ones(n)))) != 3 * n
    assert jitted.cache_info().misses == count
    return wrong


def check_shapes(count, monkeypatch):
    """Programs that nobody holds go, but for the last few, and their code with them."""
    most = 30
    monkeypatch.setattr(programs, "MOST_SHARED", most)
    objects.forget()
    gc.collect()
    shapes(40)
    gc.collect()
    assert len(programs._shared) <= most
    alive = len(objects._LIVE)
    for k in range(3):
        assert shapes(count // 3, 100 + k * count) == 0
        gc.collect()
        objects.forget()
        assert len(programs._shared) <= most
        assert len(objects._LIVE) <= alive + most


def test_many_shapes_leave_bounded_caches(monkeypatch):
    check_shapes(300, monkeypatch)


@pytest.mark.long
@needs_statm
def test_two_thousand_shapes_leave_bounded_memory(monkeypatch):
    check_shapes(600, monkeypatch)
    before = resident()
    check_shapes(2000, monkeypatch)
    assert resident() - before < 64 << 20  # all of the programs would be several hundred


def test_the_memory_cache_of_code_is_bounded(monkeypatch):
    size = 200_000
    monkeypatch.setattr(objects, "_MEMORY_BYTES", size)
    shapes(60, 5000)
    assert objects._recent_bytes <= size or len(objects._RECENT) == 1
    assert objects._recent_bytes == sum(code.size for code in objects._RECENT.values())


# ---------------------------------------------------------------------------- forks and interrupts
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_runs_and_compiles():
    """The child has none of the parent's threads; it calls what is compiled and compiles more."""
    out = run_script("""
        import os, warnings
        warnings.simplefilter("ignore", DeprecationWarning)  # that is what is tried here
        import numpy as np
        import functorch_lite as fl, functorch_lite.numpy as fnp
        from functorch_lite.backends.cpu.runtime import set_num_threads

        set_num_threads(3)
        f = fl.jit(lambda x: fnp.sum(fnp.exp(x * 2)))
        x = fnp.asarray(np.linspace(0, 1, 300_000))
        want = float(f(x))
        for generation in range(3):
            child = os.fork()
            if child:
                _, status = os.waitpid(child, 0)
                assert status == 0, status
                break
            assert float(f(x)) == want
            g = fl.jit(lambda x: fnp.cumsum(x) + generation)
            assert float(g(x)[-1]) > 0
        else:
            os._exit(0)
        assert float(f(x)) == want
        if generation:
            os._exit(0)
        print("done")
    """)
    assert out == ["done"]


@pytest.mark.skipif(not hasattr(os, "kill") or os.name == "nt", reason="no POSIX signals")
@pytest.mark.parametrize("how", ["alarm", "another thread"])
def test_an_endless_loop_can_be_interrupted(how):
    """KeyboardInterrupt comes out of every kind of loop, and everything works afterwards."""
    send = {
        "alarm": "signal.setitimer(signal.ITIMER_REAL, 0.1)",
        "another thread": "threading.Thread(target=kill_while_inside, args=(name,)).start()",
    }[how]
    out = run_script(f"""
        import os, signal, threading, time
        import numpy as np
        import functorch_lite as fl, functorch_lite.numpy as fnp
        from functorch_lite import lax
        from functorch_lite.core.trace import state

        inside = []

        def kill_while_inside(name):
            while inside != [name]:
                time.sleep(0.01)
            time.sleep(0.2)
            while inside == [name]:  # again, as Python drops what is raised in a finaliser
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(5)

        def stop(*frame):
            raise KeyboardInterrupt

        signal.signal(signal.SIGALRM, stop)
        signal.signal(signal.SIGINT, stop)  # it is ignored where the parent ignores it
        body = {{
            "number": (lambda s: s * 1.0, ()), "array": (lambda s: fnp.tanh(s), (1000,)),
            "product": (lambda s: fnp.tanh(s @ s), (200, 200)), "python": (fnp.sort, (1000,)),
            "inner": (lambda s: lax.fori_loop(0, 1000, lambda i, v: v * 1.0, s), (10,)),
        }}
        after = fl.jit(lambda x: fnp.sum(x * 2))
        for name, (step, shape) in body.items():
            f = fl.jit(lambda x: lax.while_loop(lambda s: fnp.all(s < 10), step, x))
            before = state.trace, state.backend
            f(fnp.full(shape, 11.0))  # compiled, ends at once
            {send}
            inside.append(name)
            try:
                f(fnp.ones(shape))
            except KeyboardInterrupt:
                print(name)
            inside.clear()
            assert (state.trace, state.backend) == before
            assert float(after(fnp.ones(3))) == 6.0
            assert np.all(np.asarray(f(fnp.full(shape, 12.0))) == 12.0)
    """)
    assert out == ["number", "array", "product", "python", "inner"]
