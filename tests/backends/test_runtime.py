"""The virtual machine: every command, calls and refusals, callbacks, interruption, profiles."""

import ctypes
import gc
import signal
import sys
import threading
import time
import weakref

import numpy as np
import pytest
from runtime_kernels import LOADED, MARK, SCALE, endless_program, program, scale_program, words

from functorch_lite.backends.cpu.runtime import Code, Program, Status
from functorch_lite.backends.cpu.runtime import program as program_module
from functorch_lite.backends.cpu.runtime.commands import COMMANDS
from functorch_lite.backends.cpu.runtime.native import native
from functorch_lite.backends.cpu.runtime.vm import _WRITERS


def test_every_command_is_carried_out():
    assert set(_WRITERS) == set(COMMANDS)


def test_kernel():
    x, out = np.arange(7.0), np.empty(7)
    assert scale_program(7).run((x,), (out,)) == Status.OK
    assert out.tolist() == (2 * x + 1).tolist()


def test_kernel_range_starts_anywhere():
    code = Code()
    code.kernel(SCALE, [0, 1], 2, 5)
    x, out = np.arange(7.0), np.zeros(7)
    program(code, 1, 1).run((x,), (out,))
    assert out.tolist() == [0, 0, 5, 7, 9, 0, 0]


def test_copy_zero_and_overlap():
    code = Code()
    code.copy(1, 0, 24)
    code.zero(1, 8)
    code.ptr(2, 1, 0, 0, 8)
    code.copy(2, 1, 16)
    code.register()
    out = np.empty(3)
    program(code, 1, 1, free=1).run((np.array([1.0, 2.0, 3.0]),), (out,))
    assert out.tolist() == [0, 0, 2]


def test_constants_arena_and_free_slots():
    # Slots: 0 output, 1 and 2 constants, 3 and 4 arena, 5 free.
    code = Code()
    r = code.register()
    code.copy(3, 1, 16)
    code.copy(4, 2, 16)
    code.ptr(5, 3, r, 0, 8)
    code.copy(0, 5, 24)  # the second word of one arena buffer, then the other one
    out = words(0, 0, 0)
    made = program(
        code,
        outputs=1,
        constants=[words(1, 2), words(3, 4)],
        arena=[0, 16],
        arena_bytes=32,
        free=1,
    )
    made.run((), (out,))
    assert out.tolist() == [2, 3, 4]
    assert made.block_bytes >= 32 + 8 * 7


def test_registers_and_jumps():
    code = Code()
    a, b, c = (code.register() for _ in range(3))
    skipped, over = code.label(), code.label()
    code.setr(a, 5)
    code.movr(b, a)
    code.addr(b, -7)
    code.addrr(c, a)
    code.addrr(c, b)
    for i, r in enumerate((a, b, c)):
        code.ptr(1, 0, r, 0, 8 * i)
        code.storer(1, r)
    code.jge(a, 5, skipped)
    code.zero(0, 8)
    code.place(skipped)
    code.jge(a, 6, over)
    code.jltr(a, b, over)
    code.jltr(b, a, over)
    code.zero(0, 8)
    code.place(over)
    out = words(0, 0, 0)
    program(code, outputs=1, free=1).run((), (out,))
    assert out.tolist() == [5, -2, 3]


def test_registers_start_as_zeros():
    code = Code()
    r = code.register()
    code.addr(r, 1)
    code.storer(0, r)
    made, out = program(code, outputs=1), words(0)
    block = native().arenas.acquire(made.block_bytes)
    for _ in range(3):
        made.run((), (out,), block)
        assert out.tolist() == [1]
    native().arenas.release(block)


def test_counted_loop_moves_pointers():
    code = Code()
    i = code.register()
    again = code.here()
    code.ptr(2, 0, i, 8)
    code.ptr(3, 1, i, -8, 8 * 4)
    code.copy(3, 2, 8)
    code.addr(i, 1)
    code.jlt(i, 5, again)
    x, out = np.arange(5.0), np.empty(5)
    program(code, 1, 1, free=2).run((x,), (out,))
    assert out.tolist() == x[::-1].tolist()


def test_loop_over_a_number_from_memory():
    code = Code()
    i, n = code.register(), code.register()
    over = code.label()
    code.loadr(n, 0)
    again = code.here()
    code.jge(i, 100, over)
    code.addr(i, 1)
    code.jltr(i, n, again)
    code.place(over)
    code.storer(1, i)
    made, out = program(code, 1, 1), words(0)
    for n_steps, done in ((7, 7), (1, 1), (1000, 100)):
        made.run((words(n_steps),), (out,))
        assert out.tolist() == [done]


def test_move_and_exchange_pointers():
    code = Code()
    code.movp(4, 0)
    code.movp(5, 1)
    code.swapp(4, 5)
    code.copy(2, 4, 8)
    code.copy(3, 5, 8)
    outs = words(0), words(0)
    program(code, 2, 2, free=2).run((words(1), words(2)), outs)
    assert [x.tolist() for x in outs] == [[2], [1]]


@pytest.mark.parametrize("flag", [False, True])
def test_branch_on_a_byte(flag):
    code = Code()
    no, over = code.label(), code.label()
    code.jz8(0, no)
    code.copy(2, 1, 8)
    code.jump(over)
    code.place(no)
    code.zero(2, 8)
    code.place(over)
    out = words(3)
    program(code, 2, 1).run((np.array(flag), words(7)), (out,))
    assert out.tolist() == [7 if flag else 0]


@pytest.mark.parametrize("index", [-(2**62), -1, 0, 1, 2, 3, 2**62])
def test_switch_clamps(index):
    code = Code()
    r = code.register()
    labels, over = [code.label() for _ in range(3)], code.label()
    code.switch(0, labels)
    for i, label in enumerate(labels):
        code.place(label)
        code.setr(r, 10 * i)
        code.jump(over)
    code.place(over)
    code.storer(1, r)
    out = words(-1)
    program(code, 1, 1).run((words(index),), (out,))
    assert out.tolist() == [10 * min(max(index, 0), 2)]


def test_host_gets_its_id_and_the_slots():
    calls = []

    def host(id_, slots):
        pointers = (ctypes.c_void_p * 2).from_address(slots)
        x = (ctypes.c_double * 3).from_address(pointers[0])
        y = (ctypes.c_double * 3).from_address(pointers[1])
        y[:] = [2 * value for value in x]
        calls.append(id_)

    code = Code()
    code.host(5)
    code.host(-(2**40))
    out = np.zeros(3)
    assert program(code, 1, 1, host=host).run((np.arange(3.0),), (out,)) == Status.OK
    assert out.tolist() == [0, 2, 4]
    assert calls == [5, -(2**40)]


@pytest.mark.parametrize("release", [False, True])
@pytest.mark.parametrize("answer", [None, 0, False, 1, "stop"])
def test_host_can_stop_the_program(answer, release):
    code = Code()
    code.host(0)
    code.zero(0, 8)
    out = words(3)
    made = program(code, outputs=1, host=lambda *_: answer, release=release)
    assert made.run((), (out,)) == (Status.STOPPED if answer else Status.OK)
    assert out.tolist() == [3 if answer else 0]


@pytest.mark.parametrize("release", [False, True])
@pytest.mark.parametrize("error", [ValueError("here"), KeyboardInterrupt(), SystemExit(3)])
def test_exceptions_of_host_come_out(error, release):
    def host(*_):
        raise error

    code = Code()
    code.host(0)
    made = program(code, host=host, release=release)
    for _ in range(3):
        with pytest.raises(type(error)) as caught:
            made.run((), ())
        assert caught.value is error


def test_an_answer_without_a_truth_value_comes_out():
    code = Code()
    code.host(0)
    with pytest.raises(ValueError, match="truth value"):
        program(code, host=lambda *_: np.zeros(2)).run((), ())


def test_host_exceptions_leak_nothing():
    class Marked(Exception):
        pass

    def host(*_):
        raise Marked

    code = Code()
    code.host(0)
    made = program(code, host=host)
    with pytest.raises(Marked) as caught:
        made.run((), ())
    seen = weakref.ref(caught.value)
    del caught
    gc.collect()
    assert seen() is None


def test_arguments_and_answers_of_host_leak_nothing():
    class Answer:
        def __bool__(self):
            return False

    answer, given = Answer(), []

    def host(*arguments):
        given.extend(arguments)
        return answer

    code = Code()
    code.host(123456)
    made = program(code, host=host)
    before = sys.getrefcount(answer)
    made.run((), ())
    assert sys.getrefcount(answer) == before
    reference = [object()]
    assert [sys.getrefcount(given[i]) for i in range(2)] == [sys.getrefcount(reference[0])] * 2


def test_programs_nest():
    inner = scale_program(4, grain=1)
    values = [np.arange(4.0), np.empty(4)]

    def host(id_, slots):
        if id_ < 5:
            assert inner.run((values[0],), (values[1],)) == Status.OK
            values.reverse()
            outer(id_ + 1).run((), ())

    def outer(id_):
        code = Code()
        code.host(id_)
        return program(code, host=host)

    outer(0).run((), ())
    assert values[0].tolist() == (32 * np.arange(4.0) + 31).tolist()


@pytest.mark.parametrize(
    ("spoil", "status"),
    [
        (lambda x: x[::2], "refused"),
        (lambda x: x.reshape(2, 3).T, "refused"),
        (lambda x: x.tolist(), "refused"),
        (lambda x: np.float64(3), "refused"),
        (lambda x: x.view(np.recarray), "refused"),
        (lambda x: np.frombuffer(b"x" + bytes(48), np.float64, 6, 1), "refused"),
        (lambda x: x.reshape(2, 3), "taken"),
        (lambda x: x[3:], "taken"),
        (lambda x: x.reshape(1, 6)[:, ::1], "taken"),
    ],
)
@pytest.mark.parametrize("slow", [False, True])
def test_operands_that_cannot_be_used_in_place_are_refused(spoil, status, slow):
    code = Code()
    code.zero(3, 8)
    made = program(code, 2, 2)
    run = program_module._slow_run(made._native, made._table) if slow else made.run
    good = [np.ones(6) for _ in range(4)]
    for i in range(4):
        operands = list(good)
        operands[i] = spoil(np.ones(6))
        refused = status == "refused" or (
            i >= 2 and isinstance(operands[i], np.ndarray) and not operands[i].flags.writeable
        )
        expected = Status.REFUSED + i if refused else Status.OK
        good[3][0] = 1
        assert run(tuple(operands[:2]), tuple(operands[2:])) == expected
        assert good[3][0] == (1 if refused or i == 3 else 0), "it ran, or did not"


@pytest.mark.parametrize("slow", [False, True])
def test_outputs_must_be_writeable(slow):
    made = scale_program(2)
    run = program_module._slow_run(made._native, made._table) if slow else made.run
    x, fixed = np.ones(2), np.ones(2)
    x.flags.writeable = fixed.flags.writeable = False
    assert run((x,), (fixed,)) == Status.REFUSED + 1
    assert run((x,), (np.ones(2),)) == Status.OK


@pytest.mark.parametrize("slow", [False, True])
def test_wrong_calls_are_type_errors(slow):
    made = scale_program(2)
    run = program_module._slow_run(made._native, made._table) if slow else made.run
    x, out = (np.ones(2),), (np.ones(2),)
    for arguments in ((x,), (x, ()), ((), out), (x + x, out), ([*x], out), (x, [*out]), (1, out)):
        with pytest.raises(TypeError):
            run(*arguments)
    for arguments in ((x, out, 0), (x, out, "arena"), (x, out, 1, 2)):
        if not slow:
            with pytest.raises(TypeError):
                run(*arguments)
    assert run(x, out) == Status.OK


def test_slow_calls_are_calls():
    made = scale_program(40, grain=8)
    run = program_module._slow_run(made._native, made._table)
    x, out = np.arange(40.0), np.empty(40)
    assert run((x,), (out,)) == Status.OK
    assert out.tolist() == (2 * x + 1).tolist()

    code = Code()
    code.host(0)
    failing = program(code, host=lambda *_: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        program_module._slow_run(failing._native, failing._table)((), ())


def test_a_program_keeps_what_it_needs():
    class Kept:
        pass

    kept, constant = Kept(), words(7)
    dead = weakref.ref(kept), weakref.ref(constant)
    code = Code()
    code.copy(0, 1, 8)
    code.end()
    made = Program(code, inputs=0, outputs=1, constants=[constant], keep=kept)
    run = made.run
    del kept, constant, made, code
    gc.collect()
    assert all(one() is not None for one in dead)
    out = words(0)
    run((), (out,))
    assert out.tolist() == [7]
    del run
    gc.collect()
    assert all(one() is None for one in dead)


def test_a_program_that_its_callback_refers_to_is_collected():
    class Owner:
        pass

    owner = Owner()
    dead = weakref.ref(owner)

    def host(*_, owner=owner):
        return owner

    code = Code()
    code.host(0)
    owner.program = program(code, host=host)
    del owner, host
    assert dead() is not None
    gc.collect()
    assert dead() is None


def test_refcounts_stay():
    made = scale_program(2)
    x, out = np.ones(2), np.ones(2)
    ins, outs = (x,), (out,)
    before = [sys.getrefcount(thing) for thing in (x, out, ins, outs)]
    for _ in range(100):
        made.run(ins, outs)
        made.run((x[::2].T[:0:-1],), outs)
    assert [sys.getrefcount(thing) for thing in (x, out, ins, outs)] == before


def test_constants_must_be_contiguous():
    code = Code()
    code.end()
    with pytest.raises(ValueError, match="number 1 is not"):
        Program(code, inputs=0, outputs=0, constants=[words(1), np.ones((3, 3)).T[1:]])


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs interval timers")
@pytest.mark.parametrize("release", [False, True])
def test_an_endless_program_can_be_interrupted(release):
    def interrupt(*_):
        raise KeyboardInterrupt("by the test")

    old = signal.signal(signal.SIGALRM, interrupt)
    start = time.perf_counter()
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(KeyboardInterrupt, match="by the test"):
            endless_program(release).run((), ())
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    assert time.perf_counter() - start < 20, "a hang, not a matter of speed"


def test_polling_lets_signals_be_handled_and_goes_on():
    if not hasattr(signal, "setitimer"):
        pytest.skip("needs interval timers")
    out, seen = words(1), []

    def handle(*_):
        seen.append(1)
        out[0] = 0

    code = Code()
    again = code.here()
    over = code.label()
    code.poll()
    code.jz8(0, over)
    code.jump(again)
    code.place(over)
    old = signal.signal(signal.SIGALRM, handle)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        assert program(code, outputs=1).run((), (out,)) == Status.OK
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    assert seen == [1]


def test_other_threads_run_while_a_program_does():
    out = words(1)
    code = Code()
    again = code.here()
    over = code.label()
    code.poll()
    code.jz8(0, over)
    code.jump(again)
    code.place(over)
    made = program(code, outputs=1)
    thread = threading.Thread(target=made.run, args=((), (out,)))
    thread.start()
    out[0] = 0
    thread.join(20)
    assert not thread.is_alive()


def test_profile_counts_commands():
    code = Code()
    i = code.register()
    again = code.here()
    code.zero(0, 8)
    code.addr(i, 1)
    code.jlt(i, 10, again)
    made, out = program(code, outputs=1), words(1)
    assert made.timings() == []
    made.profile()
    for _ in range(3):
        made.run((), (out,))
    rows = made.timings()
    assert [(row.name, row.calls) for row in rows] == [
        ("ZERO", 30),
        ("ADDR", 30),
        ("JLT", 30),
        ("END", 0),
    ]
    assert all(row.seconds >= 0 for row in rows)
    assert sum(row.seconds for row in rows) < 10
    made.profile()
    assert all(row.calls == 0 for row in made.timings())
    made.profile(False)
    made.run((), (out,))
    assert made.timings() == []


def test_marks_of_a_kernel_that_stays_whole():
    code = Code()
    code.kernel(MARK, [0], 0, 10, grain=10)
    out = np.zeros(11, np.int64)
    program(code, outputs=1).run((), (out,))
    assert out.tolist() == [10] + [0] * 10
    assert LOADED.functions
