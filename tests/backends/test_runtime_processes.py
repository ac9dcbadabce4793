"""Forks, and the end of the process."""

import os
import subprocess
import sys
import textwrap

import pytest


def run_script(text, **environment):
    """Run a script in a process of its own; what it prints."""
    script = "import sys\nsys.path.insert(0, sys.argv[1])\n" + textwrap.dedent(text)
    here = os.path.dirname(__file__)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, here],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.split()


FORK = """
    import os, signal, threading, warnings
    import numpy as np
    from runtime_kernels import scale_program
    from functorch_lite.backends.cpu.runtime import get_num_threads, set_num_threads
    from functorch_lite.backends.cpu.runtime.native import native

    warnings.simplefilter("ignore", DeprecationWarning)  # for forking with threads
    signal.alarm(60)
    set_num_threads(3)
    x, made = np.arange(10000.0), scale_program(10000, grain=10, repeat=5)

    def right():
        out = np.empty(10000)
        made.run((x,), (out,))
        return (out == 2 * x + 1).all()
"""


def fork_script(text):
    if not hasattr(os, "fork"):
        pytest.skip("needs fork")
    return run_script(textwrap.dedent(FORK) + textwrap.dedent(text))


def test_fork_after_use():
    script = """
    assert right()
    for _ in range(5):
        child = os.fork()
        if not child:
            good = right() and get_num_threads() == 1 and not native().workers._threads
            os._exit(0 if good else 3)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert get_num_threads() == 3 and right() and len(native().workers._threads) == 2
    print("done")
    """
    assert fork_script(script) == ["done"]


def test_child_may_use_threads_again():
    script = """
    assert right()
    child = os.fork()
    if not child:
        set_num_threads(4)
        good = right() and len(native().workers._threads) == 3
        other = threading.Thread(target=set_num_threads, args=(5,), daemon=True)
        other.start()
        other.join(20)
        good = good and get_num_threads() == 5
        grandchild = os.fork()
        if not grandchild:
            os._exit(0 if right() and get_num_threads() == 1 else 4)
        good = good and os.waitstatus_to_exitcode(os.waitpid(grandchild, 0)[1]) == 0
        os._exit(0 if good else 3)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    print("done")
    """
    assert fork_script(script) == ["done"]


def test_fork_while_other_threads_run_programs():
    script = """
    over, failures = threading.Event(), []

    def work():
        while not over.is_set():
            if not right():
                failures.append(1)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(10):
        child = os.fork()
        if not child:
            os._exit(0 if right() else 3)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    over.set()
    for thread in threads:
        thread.join()
    assert not failures
    print("done")
    """
    assert fork_script(script) == ["done"]


def test_fork_inside_a_callback():
    script = """
    from functorch_lite.backends.cpu.runtime import Code, gemm_address
    from runtime_kernels import program

    def host(*_):
        global child
        child = os.fork()

    code = Code()
    g = gemm_address("float64")
    code.gemm(g, 0, 1, 2, 90, 90, 90, double=True)
    code.host(0)
    code.gemm(g, 0, 1, 2, 90, 90, 90, double=True, accumulate=True)
    a, b, c = np.random.default_rng(0).random((3, 90, 90))
    program(code, 2, 1, host=host).run((a, b), (c,))
    good = np.allclose(c, 2 * (b @ a)) and right()
    if not child:
        os._exit(0 if good else 3)
    assert good and os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    print("done")
    """
    assert fork_script(script) == ["done"]


def test_multiprocessing_with_fork():
    script = """
    import multiprocessing

    assert right()
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert all(pool.starmap(right, [()] * 4))
    assert right()
    print("done")
    """
    assert fork_script(script) == ["done"]


@pytest.mark.parametrize("moment", ["at once", "asleep", "running", "atexit"])
def test_the_process_ends_cleanly(moment):
    script = f"""
    import atexit, threading, time
    import numpy as np
    from runtime_kernels import endless_program, scale_program
    from functorch_lite.backends.cpu.runtime import set_num_threads

    set_num_threads(4)
    x, out = np.arange(10000.0), np.empty(10000)
    made = scale_program(10000, grain=10, repeat=5)
    moment = {moment!r}
    if moment == "atexit":
        atexit.register(lambda: print(made.run((x,), (out,))))
    made.run((x,), (out,))
    if moment == "asleep":
        time.sleep(0.05)
    if moment == "running":
        busy = scale_program(10000, grain=10, repeat=10**9)
        threading.Thread(target=busy.run, args=((x,), (np.empty(10000),)), daemon=True).start()
        threading.Thread(target=endless_program().run, args=((), ()), daemon=True).start()
        time.sleep(0.05)
    print("done")
    """
    assert run_script(script) == ["done", *(["0"] if moment == "atexit" else [])]
