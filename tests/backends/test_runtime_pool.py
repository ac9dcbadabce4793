"""The thread pool: splitting, matrix products, many callers, forks, the end of the process."""

import itertools
import os
import re
import threading
import types

import numpy as np
import pytest
from runtime_kernels import MARK, MEET, SCALE, program, scale_program, tasks, words

from functorch_lite.backends.cpu.runtime import (
    Code,
    Status,
    gemm_address,
    get_num_threads,
    set_num_threads,
)
from functorch_lite.backends.cpu.runtime import native as native_module
from functorch_lite.backends.cpu.runtime import pool as pool_module
from functorch_lite.backends.cpu.runtime import threads as threads_module
from functorch_lite.backends.cpu.runtime.native import native


@pytest.fixture(autouse=True)
def _threads_as_before():
    before = get_num_threads()
    yield
    set_num_threads(before)


def pieces_of(begin, end, grain, align):
    """The (begin, end) of each call of a kernel over a range."""
    code = Code()
    code.kernel(MARK, [0], begin, end, grain=grain, align=align)
    marks = np.zeros(max(end, begin) + 1, np.int64)
    program(code, outputs=1).run((), (marks,))
    return [(int(i), int(marks[i])) for i in np.flatnonzero(marks)]


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
@pytest.mark.parametrize("begin", [0, 5])
@pytest.mark.parametrize(("length", "grain"), [(1, 1), (2, 1), (100, 30), (101, 7), (64, 0)])
@pytest.mark.parametrize("align", [1, 4, 16])
def test_pieces_of_a_range(threads, begin, length, grain, align):
    set_num_threads(threads)
    end = begin + length
    pieces = pieces_of(begin, end, grain, align)
    assert pieces[0][0] == begin and pieces[-1][1] == end
    for (_, stop), (start, _) in itertools.pairwise(pieces):
        assert stop == start and (start - begin) % align == 0
    most = min(threads, -(-length // grain)) if grain else 1
    units = -(-length // align)
    assert len(pieces) == max(1, min(most, units))
    sizes = [-(-(stop - start) // align) for start, stop in pieces]
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("length", [0, -3])
def test_an_empty_range_stays_whole(length):
    set_num_threads(4)
    before = tasks()
    pieces_of(5, 5 + length, 1, 1)
    assert tasks() == before


def test_pool_on_and_off_agree():
    x = np.random.default_rng(0).standard_normal(10_001)
    made = scale_program(x.size, grain=100, repeat=20)
    results = []
    for threads in (1, 2, 5, 1, 3):
        set_num_threads(threads)
        out, before = np.empty_like(x), tasks()
        assert made.run((x,), (out,)) == Status.OK
        assert tasks() - before == (20 if threads > 1 else 0)
        results.append(out)
    for out in results:
        np.testing.assert_array_equal(out, 2 * x + 1)


def test_a_command_is_over_when_all_of_its_pieces_are():
    set_num_threads(2)
    code = Code()
    turn = code.register()
    again = code.here()
    code.zero(0, 8)
    code.zero(1, 16)
    code.kernel(MEET, [0, 1], 0, 2, grain=1)
    code.copy(2, 1, 16)
    code.host(0)
    code.addr(turn, 1)
    code.jlt(turn, 10, again)
    counter, marks, seen = words(0), words(0, 0), words(0, 0)
    results = []
    made = program(code, outputs=3, host=lambda *_: results.append(seen.tolist()))
    made.run((), (counter, marks, seen))
    assert results == [[1, 1]] * 10


def test_more_tasks_than_spinning_lasts():
    """Workers fall asleep between calls and wake up again."""
    set_num_threads(4)
    x = np.arange(1000.0)
    made, out = scale_program(x.size, grain=10), np.empty(1000)
    asleep = threading.Event()
    for _ in range(20):
        out[:] = 0
        made.run((x,), (out,))
        np.testing.assert_array_equal(out, 2 * x + 1)
        asleep.wait(0.002)


def test_many_python_threads_call_at_once():
    set_num_threads(3)
    made = scale_program(5000, grain=64, repeat=30)
    g = gemm_address(np.float64)
    code = Code()
    code.gemm(g, 0, 1, 2, 96, 96, 96, double=True)
    product = program(code, 2, 1)
    failures = []

    def work(seed):
        rng = np.random.default_rng(seed)
        for _ in range(10):
            x, out = rng.standard_normal(5000), np.empty(5000)
            made.run((x,), (out,))
            a, b, c = rng.standard_normal((3, 96, 96))
            product.run((a, b), (c,))
            if not (np.array_equal(out, 2 * x + 1) and np.allclose(c, b @ a)):
                failures.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    assert failures == []


def test_programs_nest_around_the_pool():
    set_num_threads(3)
    inner = scale_program(1000, grain=10)
    x, out = np.arange(1000.0), np.empty(1000)
    code = Code()
    code.kernel(SCALE, [0, 1], 0, 1000, grain=10)
    code.host(0)
    code.kernel(SCALE, [0, 1], 0, 1000, grain=10)
    outer = program(code, 1, 1, host=lambda *_: inner.run((x,), (out,)))
    result, before = np.empty(1000), tasks()
    assert outer.run((x,), (result,)) == Status.OK
    assert tasks() == before + 3
    np.testing.assert_array_equal(result, out)


def test_workers_that_cannot_start_are_done_without(monkeypatch):
    def refuse(self):
        raise RuntimeError("can't start new thread")

    native().workers.stop()
    monkeypatch.setattr(threading.Thread, "start", refuse)
    set_num_threads(4)
    x, out = np.arange(1000.0), np.empty(1000)
    scale_program(1000, grain=10).run((x,), (out,))
    np.testing.assert_array_equal(out, 2 * x + 1)
    monkeypatch.undo()
    native().workers.stop()
    native().workers.ensure()
    assert len(native().workers._threads) == 3


def test_stopping_wakes_workers_and_ends_them():
    set_num_threads(3)
    workers = native().workers
    workers.stop()
    made, x, out = scale_program(100, grain=1), np.arange(100.0), np.empty(100)
    for pause in (0.0, 0.02):
        made.run((x,), (out,))
        threads = list(workers._threads)
        assert len(threads) == 2
        threading.Event().wait(pause)
        workers.stop()
        assert not any(thread.is_alive() for thread in threads)
    made.run((x,), (out,))
    assert len(workers._threads) == 2


def test_number_of_threads():
    for bad in (0, -1, 10_000):
        with pytest.raises(ValueError, match="number of threads"):
            set_num_threads(bad)
    set_num_threads(5)
    assert get_num_threads() == 5


def test_number_of_threads_from_the_environment(monkeypatch):
    monkeypatch.setenv("FUNCTORCH_LITE_NUM_THREADS", "3")
    assert threads_module._default() == 3
    monkeypatch.setenv("FUNCTORCH_LITE_NUM_THREADS", " ")
    assert 1 <= threads_module._default() <= (os.cpu_count() or 1)
    for bad in ("many", "0", "-1", "1.5"):
        monkeypatch.setenv("FUNCTORCH_LITE_NUM_THREADS", bad)
        with pytest.raises(ValueError, match="FUNCTORCH_LITE_NUM_THREADS must be"):
            threads_module._default()


def test_a_containers_share_of_the_processors_counts(monkeypatch, tmp_path):
    monkeypatch.delenv("FUNCTORCH_LITE_NUM_THREADS", raising=False)
    monkeypatch.setattr(threads_module, "_QUOTA", tmp_path / "cpu.max")
    free = threads_module._default()
    for text, most in (("max 100000", free), ("150000 100000", 2), ("50000 100000", 1)):
        (tmp_path / "cpu.max").write_text(text)
        assert threads_module._default() == min(free, most)


@pytest.mark.parametrize(
    ("triple", "machine", "system"),
    [
        ("x86_64-pc-windows-msvc", "AMD64", "nt"),
        ("x86_64-apple-darwin", "x86_64", "posix"),
        ("arm64-apple-darwin", "arm64", "posix"),
        ("aarch64-unknown-linux-gnu", "aarch64", "posix"),
    ],
)
def test_the_native_part_needs_nothing_from_any_system(triple, machine, system, monkeypatch):
    llvm = pytest.importorskip("llvmlite.binding")
    try:
        llvm.initialize_all_targets()
        llvm.initialize_all_asmprinters()
        found = llvm.Target.from_triple(triple)
    except RuntimeError:
        pytest.skip(f"this llvmlite has no code generator for {triple}")
    monkeypatch.setattr("platform.machine", lambda: machine)
    monkeypatch.setattr(pool_module, "os", types.SimpleNamespace(name=system))
    native_module.source.cache_clear()
    text = native_module.source()
    native_module.source.cache_clear()
    target = found.create_target_machine(opt=2, jit=True)
    module = llvm.parse_assembly(text)
    module.triple, module.data_layout = triple, str(target.target_data)
    module.verify()
    defined = {function.name for function in module.functions if not function.is_declaration}
    assembly = target.emit_assembly(module)
    called = set(re.findall(r"^\s+(?:callq?|bl)\s+(\w+)", assembly, re.MULTILINE))
    assert {name.lstrip("_") for name in called} <= defined | {"rax"}
    assert ("CNTVCT_EL0" if "ar" in machine else "rdtsc") in assembly
    assert ("yield" if "ar" in machine else "pause") in assembly
