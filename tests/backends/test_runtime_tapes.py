"""Tapes of the virtual machine: arrays that grow while a program runs, and tapes of tapes."""

import ctypes

import numpy as np
import pytest
from memory_in_use import needs_statm, resident
from runtime_kernels import program, words

from functorch_lite.backends.cpu.runtime import Code, Status
from functorch_lite.backends.cpu.runtime.native import native


def test_tape_keeps_what_was_pushed():
    steps, width = 3000, 3  # beyond the first room, several times
    code = Code()
    i, tape = code.register(), code.tape()
    push, pop = code.here(), None
    code.ptr(2, 0, i, 8)
    code.tpush(tape, 2, 8 * width)
    code.addr(i, 1)
    code.jlt(i, steps, push)
    pop = code.here()
    code.addr(i, -1)
    code.tptr(2, tape, i, 8 * width)
    code.ptr(3, 1, i, 8 * width)
    code.copy(3, 2, 8 * width)
    code.jge(i, 1, pop)
    code.tfree(tape)
    x, out = np.arange(steps + width, dtype=np.float64), np.zeros((steps, width))
    made = program(code, 1, 1, free=2)
    for _ in range(2):
        out[:] = 0
        made.run((x,), (out,))
        expected = np.lib.stride_tricks.sliding_window_view(x, width)[:steps]
        np.testing.assert_array_equal(out, expected)


def test_tape_of_elements_without_bytes():
    code = Code()
    i, tape = code.register(), code.tape()
    again = code.here()
    code.tpush(tape, 0, 0)
    code.addr(i, 1)
    code.jlt(i, 10000, again)
    code.storer(1, tape + 1)
    out = words(0)
    program(code, 1, 1).run((words(),), (out,))
    assert out.tolist() == [10000]


def nested(code, rows):
    """Moves tapes of 0, 1, ... elements of 8 bytes onto a tape of tapes, by its element r."""
    outer, inner = code.tape(1), code.tape()
    i, j, all_ = code.register(), code.register(), code.register()
    code.setr(all_, rows)
    again = code.here()
    code.tmove(outer, inner, 8)  # empty: room for an element
    code.jltr(outer + 1, all_, again)
    again, more, full = code.here(), code.label(), code.label()
    code.setr(j, 0)
    code.place(more)
    code.jltr(i, j, full)
    code.ptr(2, 0, j, 8)
    code.tpush(inner, 2, 8)
    code.addr(j, 1)
    code.jump(more)
    code.place(full)
    code.tput(outer, i, inner, 8, 0)
    code.addr(i, 1)
    code.jlt(i, rows, again)
    return outer, inner


def test_tapes_of_tapes():
    code, rows = Code(), 700
    outer, inner = nested(code, rows)
    view, r, last = code.tape(), code.register(), code.register()
    code.setr(r, rows - 1)
    pop = code.here()
    code.tview(view, outer, r)
    code.ptr(2, 1, r, 16)
    code.storer(2, view + 1)  # how many
    code.movr(last, view + 1)
    code.addr(last, -1)
    code.tptr(3, view, last, 8)
    code.ptr(2, 1, r, 16, 8)
    code.copy(2, 3, 8)  # the last of them
    code.tfree(view)  # which leaves what is not its own
    code.addr(r, -1)
    code.jge(r, 0, pop)
    code.tfree(outer, 1)
    out = words(*[-1] * (2 * rows))
    made = program(code, 1, 1, free=2)
    for _ in range(2):
        out[:] = -1
        assert made.run((words(*range(rows)),), (out,)) == Status.OK
        assert out.reshape(-1, 2).tolist() == [[k + 1, k] for k in range(rows)]


@needs_statm
def test_an_element_replaced_or_left_gives_its_memory_back():
    code, rows = Code(), 700
    outer, inner = nested(code, rows)
    r, k = code.register(), code.register()
    again = code.here()
    code.tpush(inner, 0, 4096)
    code.tput(outer, r, inner, 4096, 0)  # row 0, 2 MB in all
    code.addr(k, 1)
    code.jlt(k, 500, again)
    code.tview(inner, outer, r)
    code.storer(1, inner + 1)
    made, out = program(code, 1, 1, free=1), words(-1)
    given = words(*range(rows))

    def grown():
        before = resident()
        for _ in range(60):  # 60 times 2 MB of rows, and of what was in row 0
            made.run((given,), (out,))
        return resident() - before

    grown()
    assert grown() < 30 * 2**20
    assert out.tolist() == [1]


@pytest.mark.parametrize("read", ["tptr", "tview"])
def test_no_element_behind_the_last_is_read(read):
    code = Code()
    outer, inner = nested(code, 3)
    r = code.register()
    code.setr(r, 3)
    if read == "tview":
        code.tview(inner, outer, r)
    else:
        code.tptr(1, outer, r, 24)
    assert program(code, 1, free=2).run((words(1, 2, 3),), ()) == Status.STOPPED


def test_a_tape_too_large_is_a_memory_error():
    code = Code()
    code.tpush(code.tape(), 0, 2**60)
    with pytest.raises(MemoryError):
        program(code, 1).run((words(1),), ())


def test_tapes_are_freed_when_a_program_stops():
    code = Code()
    tape = code.tape()
    code.tpush(tape, 0, 8)
    code.host(0)
    seen = []
    made = program(code, 1, host=lambda id_, slots: seen.append(slots) or True)
    block = native().arenas.acquire(made.block_bytes)
    assert made.run((words(1),), (), block) == Status.STOPPED
    registers = (ctypes.c_int64 * 3).from_address(block + 8)
    assert list(registers) == [0, 0, 0]
    assert seen == [block]
    native().arenas.release(block)
