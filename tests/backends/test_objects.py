"""The LLVM driver: code that runs, one compilation per text, code that is unloaded."""

import ctypes
import gc
import os
import subprocess
import sys
import textwrap
import threading
import weakref

import numpy as np
import pytest
from memory_in_use import needs_statm, resident

from functorch_lite.backends.cpu import counters, emit, machine, objects

LLVM = pytest.importorskip("llvmlite.binding")
X86 = LLVM.get_process_triple().startswith("x86_64")


@pytest.fixture(autouse=True)
def place(monkeypatch, tmp_path):
    """A disk cache and a memory cache of its own for each test."""
    monkeypatch.setenv("FUNCTORCH_LITE_CACHE_DIR", str(tmp_path / "cache"))
    objects.forget()
    return tmp_path / "cache"


def scale(name, factor=2.0, lanes=4):
    """IR of a kernel that multiplies whole vectors of floats in place."""
    vector = f"<{lanes} x float>"
    return textwrap.dedent(f"""\
        define void @{name}(ptr noalias %args, i64 %begin, i64 %end) {{
        entry:
          %p = load ptr, ptr %args, align 8
          br label %head
        head:
          %i = phi i64 [ %begin, %entry ], [ %next, %body ]
          %more = icmp slt i64 %i, %end
          br i1 %more, label %body, label %done
        body:
          %at = getelementptr float, ptr %p, i64 %i
          %x = load {vector}, ptr %at, align 4
          %y = fmul {vector} %x, splat (float {factor:e})
          store {vector} %y, ptr %at, align 4
          %next = add nuw nsw i64 %i, {lanes}
          br label %head
        done:
          ret void
        }}
        """)


def run(address, values):
    kernel = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(address)
    table = (ctypes.c_void_p * 1)(values.ctypes.data)
    kernel(table, 0, len(values))
    return values


def since(before):
    after = objects.statistics()
    return {
        name: getattr(after, name) - getattr(before, name)
        for name in ("parsed", "emitted", "loaded", "memory_hits", "disk_hits", "disk_misses")
    }


@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_code_runs_at_every_level(level):
    (made,) = objects.load_many([scale(f"run{level}", 3.0)], level=level)
    out = run(made.functions[f"run{level}"], np.arange(32, dtype=np.float32))
    np.testing.assert_array_equal(out, 3.0 * np.arange(32, dtype=np.float32))
    assert made.source == "compiled"
    assert set(made.seconds) == {"parse", "optimise", "emit", "load"}
    assert made.size > 0


def test_load_returns_every_visible_function_and_no_other():
    text = """
        @shared = global i32 7
        @secret = private constant i32 5
        define private i32 @"inner part"(i32 %x) { %y = load i32, ptr @secret
          %z = add i32 %x, %y ret i32 %z }
        define i32 @outer.1(i32 %x) { %y = call i32 @"inner part"(i32 %x) ret i32 %y }
        define internal void @unused() { ret void }
        define hidden i32 @"quoted-name"() { %y = load i32, ptr @shared ret i32 %y }
    """.replace('"inner part"', "inner_part")
    found = objects.load(text)
    assert set(found) == {"outer.1", "quoted-name"}
    call = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_int32)
    assert call(found["outer.1"])(2) == 7
    assert ctypes.CFUNCTYPE(ctypes.c_int32)(found["quoted-name"])() == 7


def test_load_keeps_its_code_without_an_owner():
    address = objects.load(scale("kept", 5.0))["kept"]
    objects.forget()
    gc.collect()
    assert run(address, np.ones(4, np.float32)).tolist() == [5.0] * 4


def test_many_texts_share_a_few_modules_and_keep_their_order():
    texts = [scale(f"many{k}", k + 1.0) for k in range(40)]
    before = objects.statistics()
    made = objects.load_many([*texts, texts[3]])
    counts = since(before)
    assert counts["parsed"] == 40
    assert counts["emitted"] == counts["loaded"] < 20
    for k, one in enumerate(made[:40]):
        assert list(one.functions) == [f"many{k}"]
        assert run(one.functions[f"many{k}"], np.ones(8, np.float32))[0] == k + 1.0
    assert made[40].functions == made[3].functions
    assert objects.load_many([]) == []


def test_texts_with_the_same_function_name_are_kept_apart():
    first, second = objects.load_many([scale("same", 2.0), scale("same", 3.0)])
    assert run(first.functions["same"], np.ones(4, np.float32))[0] == 2.0
    assert run(second.functions["same"], np.ones(4, np.float32))[0] == 3.0


def test_one_thread_and_several_give_the_same_code(monkeypatch):
    texts = [scale(f"threads{k}", k + 1.0) for k in range(30)]
    answers = []
    for threads in ("1", "3"):
        monkeypatch.setenv("FUNCTORCH_LITE_NUM_THREADS", threads)
        made = emit.compile_texts(texts, 2)
        assert sorted(place for one in made for place in one.texts) == list(range(30))
        answers.append(sorted(name for one in made for names in one.functions for name in names))
    assert answers[0] == answers[1]


def test_emission_works_under_the_lock_of_llvmlite(monkeypatch):
    monkeypatch.setattr(emit, "_unlocked", lambda name: None)
    (made,) = objects.load_many([scale("locked", 7.0)])
    assert run(made.functions["locked"], np.ones(4, np.float32))[0] == 7.0


def test_memory_answers_the_second_time():
    first = objects.load_many([scale("again")])[0]
    before = objects.statistics()
    second = objects.load_many([scale("again")])[0]
    assert second.source == "memory"
    assert second.functions == first.functions
    assert since(before)["memory_hits"] == 1
    assert since(before)["parsed"] == 0


def test_level_and_target_are_part_of_the_key(monkeypatch):
    objects.load_many([scale("key")], level=2)
    assert objects.load_many([scale("key")], level=1)[0].source == "compiled"
    if X86:
        monkeypatch.setenv("FUNCTORCH_LITE_TARGET", "x86-64")
        assert objects.load_many([scale("key")], level=2)[0].source == "compiled"


def test_code_in_use_outlives_the_memory_cache():
    made = objects.load_many([scale("used", 4.0)])[0]
    objects.forget()
    gc.collect()
    assert run(made.functions["used"], np.ones(4, np.float32))[0] == 4.0
    again = objects.load_many([scale("used", 4.0)])[0]
    assert again.source == "memory"
    assert again.functions == made.functions


def test_memory_cache_is_bounded_and_unloads(monkeypatch):
    monkeypatch.setenv("FUNCTORCH_LITE_CACHE_DIR", "")
    monkeypatch.setattr(objects, "_MEMORY_BYTES", 100_000)
    owners = weakref.WeakSet()
    before = objects.statistics().evicted
    for k in range(40):
        owners.add(objects.load_many([scale(f"bound{k}")], level=1)[0].owner)
    assert 1 <= len(owners) <= 12
    assert objects.statistics().evicted - before == 40 - len(owners)
    assert objects.load_many([scale("bound39")], level=1)[0].source == "memory"
    assert objects.load_many([scale("bound0")], level=1)[0].source == "compiled"


def test_code_in_a_reference_cycle_is_unloaded():
    """The collector ends the members of a cycle in any order, which LLVM must survive."""
    for k in range(8):
        made = objects.load_many([scale(f"cycle{k}"), scale(f"cycle{k}b")], level=1)
        gone = weakref.ref(made[0].owner)
        cycle = [made]
        cycle.append(cycle)
        objects.forget()
        del made, cycle
        gc.collect()
        assert gone() is None
    for k in range(8):
        try:
            objects.load_many([scale("in_order"), f"define void @bad{k}() {{ nonsense }}"])
        except RuntimeError as failure:
            cycle = [failure]
            cycle.append(cycle)
            del cycle
    gc.collect()


def test_bad_texts_raise_and_leave_the_others_usable():
    with pytest.raises(RuntimeError, match="expected instruction opcode"):
        objects.load_many([scale("good"), "define void @bad() { nonsense }"])
    with pytest.raises(RuntimeError):
        objects.load_many(["define i32 @untyped() { ret void }"])
    assert objects.load_many([scale("good")])[0].functions
    with pytest.raises(ValueError, match="level"):
        objects.load_many([scale("good")], level=4)


def test_a_function_that_nothing_provides_raises():
    text = """
        declare i32 @functorch_lite_no_such_function()
        define i32 @caller() { %x = call i32 @functorch_lite_no_such_function() ret i32 %x }
    """
    with pytest.raises(RuntimeError, match="functorch_lite_no_such_function"):
        objects.load(text)


@pytest.mark.skipif(not X86, reason="a processor of the x86 family")
def test_a_function_that_instruction_selection_calls_is_noticed(monkeypatch):
    monkeypatch.setenv("FUNCTORCH_LITE_TARGET", "haswell")
    text = """
        define void @narrow(ptr %p, double %x) {
          %y = fptrunc double %x to bfloat
          store bfloat %y, ptr %p
          ret void
        }
    """
    (made,) = emit.compile_texts([text], 2)
    assert made.symbols == ("__truncdfbf2",)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the C library by its Linux name")
def test_functions_of_the_process_are_found():
    found = objects.load(
        "declare i64 @strlen(ptr)\n"
        "define i64 @size(ptr %p) { %n = call i64 @strlen(ptr %p) ret i64 %n }"
    )
    assert ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_char_p)(found["size"])(b"four") == 4


@pytest.mark.skipif(not X86, reason="names of x86 processors")
@pytest.mark.parametrize(
    ("target", "width", "register"),
    [("haswell", 32, "%ymm"), ("skylake-avx512", 64, "%zmm"), ("x86-64", 16, "%xmm")],
)
def test_forced_target(monkeypatch, target, width, register):
    monkeypatch.setenv("FUNCTORCH_LITE_TARGET", target)
    assert objects.vector_bytes() == width
    assert machine.machine().fma == (width > 16)
    text = scale("forced", lanes=width // 4)
    assert register in objects.assembly(text)
    if target == "haswell" and "+avx2" in LLVM.get_host_cpu_features().flatten():
        (made,) = objects.load_many([text])
        assert run(made.functions["forced"], np.ones(16, np.float32))[15] == 2.0


def test_widest_registers_of_this_processor_are_used():
    width = objects.vector_bytes()
    text = scale("wide", lanes=width // 4)
    register = {64: "%zmm", 32: "%ymm"}.get(width)
    if register:
        assert register in objects.assembly(text)
    assert f"<{width // 4} x float>" in objects.llvm(text)


def test_optimised_text_is_simplified():
    text = "define i32 @f(i32 %x) { %y = mul i32 %x, 8 %z = sub i32 %y, %y ret i32 %z }"
    assert "ret i32 0" in objects.llvm(text)
    assert "mul" in objects.llvm(text, level=1)


def test_stack_slots_are_promoted():
    text = """
        define i32 @f(i32 %x) {
          %slot = alloca i32
          store i32 %x, ptr %slot
          %y = load i32, ptr %slot
          ret i32 %y
        }
    """
    assert "alloca" not in objects.llvm(text)


def test_threads_that_want_the_same_texts_compile_them_once():
    texts = [scale(f"once{k}", k + 1.0) for k in range(12)]
    before = objects.statistics()
    answers, failures = [], []
    gate = threading.Barrier(6)

    def work(turn):
        try:
            gate.wait()
            mine = texts[turn:] + texts[:turn]
            made = objects.load_many(mine)
            answers.append(
                {name: address for one in made for name, address in one.functions.items()}
            )
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=work, args=(turn,)) for turn in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert since(before)["parsed"] == 12
    assert all(answer == answers[0] for answer in answers)


def test_a_thread_takes_over_from_one_that_failed(monkeypatch):
    real, turns = objects._provide, []

    def provide(texts, level):
        turns.append(threading.get_ident())
        if len(turns) == 1:
            # The other thread is waiting for this one by the time it fails.
            other.start()
            started.wait()
            raise KeyboardInterrupt
        return real(texts, level)

    started, made = threading.Event(), []

    def work():
        started.set()
        made.extend(objects.load_many([scale("takeover", 6.0)]))

    monkeypatch.setattr(objects, "_provide", provide)
    other = threading.Thread(target=work)
    with pytest.raises(KeyboardInterrupt):
        objects.load_many([scale("takeover", 6.0)])
    other.join()
    assert run(made[0].functions["takeover"], np.ones(4, np.float32))[0] == 6.0
    assert not objects._PENDING


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_forked_child_compiles():
    objects.load_many([scale("parent")])
    objects._PENDING["left over"] = threading.Event()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            (made,) = objects.load_many([scale("child", 9.0)])
            good = run(made.functions["child"], np.ones(4, np.float32))[0] == 9.0
            status = 0 if good and not objects._PENDING else 1
        finally:
            os._exit(status)
    objects._PENDING.clear()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_without_llvmlite_the_first_use_says_so():
    script = textwrap.dedent("""
        import sys
        sys.modules["llvmlite"] = sys.modules["llvmlite.binding"] = None
        from functorch_lite.backends.cpu import objects
        for call in (objects.vector_bytes, lambda: objects.load("")) * 2:
            try:
                call()
            except ImportError as error:
                assert "llvmlite 0.50" in str(error), error
            else:
                raise SystemExit("no error")
    """)
    subprocess.run([sys.executable, "-c", script], check=True)


def test_statistics_add_up():
    before = objects.statistics()
    counters.add(refused=2, load_seconds=0.5)
    after = objects.statistics()
    assert after.refused - before.refused == 2
    assert after.load_seconds - before.load_seconds == pytest.approx(0.5)


@pytest.mark.long
@needs_statm
def test_two_thousand_programs_do_not_fill_the_memory(monkeypatch):
    monkeypatch.setenv("FUNCTORCH_LITE_CACHE_DIR", "")
    monkeypatch.setattr(objects, "_MEMORY_BYTES", 1 << 20)
    sizes = []
    for k in range(2000):
        objects.load_many([scale(f"program{k}_{part}", k + part / 8) for part in range(3)], level=1)
        if k % 500 == 499:
            sizes.append(resident())
    assert sizes[-1] - sizes[1] < 8 << 20
