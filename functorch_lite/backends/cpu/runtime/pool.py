"""Native code of the thread pool: hand out the pieces of one task, help, and wait for the rest.

A task is published as a *ticket* (its serial number and its number of pieces in one word). Each
piece has a word that holds the serial number of the last task it was claimed for, so a piece is
claimed by raising that word, once. Worker `w` tries piece `w` first, then any other; the caller
takes piece 0, then whatever nobody has claimed yet. So a task is done even if no worker ever comes,
and a worker that was asleep costs nothing but its help.

A worker may read the task's words while the caller publishes the next one. It then holds the serial
number of a task whose pieces are all claimed, and can claim nothing with it.
"""

from __future__ import annotations

import os
import platform

from functorch_lite.backends.cpu.runtime.ir import Function, Module, Value
from functorch_lite.backends.cpu.runtime.layout import Control, Pool, control

__all__ = ["write_pool", "write_ticks"]

_PIECES_BITS = 10
_PATIENT_SPINS = 4096  # before a waiting caller offers its core to others


def write_ticks(module: Module) -> None:
    """Add `i64 ticks()`: a counter of the processor that advances steadily."""
    f = module.function("ticks", "i64", {}, exported=True, inline=True)
    # The cycle counter is the steady one on x86 and AArch64, and forbidden on RISC-V.
    kind = "steady" if platform.machine().lower().startswith("riscv") else "cycle"
    f.give(f.intrinsic("i64", f"llvm.read{kind}counter"))


def _pause(f: Function) -> None:
    """Tell the processor that this thread waits in a loop."""
    machine = platform.machine().lower()
    if machine in ("x86_64", "amd64"):
        f.intrinsic("void", "llvm.x86.sse2.pause")
    elif machine in ("arm64", "aarch64"):
        f.intrinsic("void", "llvm.aarch64.hint", f.value(1, "i32"))


def write_pool(module: Module) -> None:
    """Add `pool_run`, `pool_worker`, `pool_stop` and `kernel_piece`."""
    _write_run(module)
    _write_worker(module)
    _write_stop(module)
    _write_kernel_piece(module)


def _word(pool: Value, which: Pool) -> Value:
    return pool.word(which)


def _mutex(f: Function, table: Value, which: Control) -> None:
    pool = control(table, Control.POOL)
    f.call("void", control(table, which), _word(pool, Pool.MUTEX))


def _claim(pool: Value, piece: Value, serial: Value) -> tuple[Value, Value, Value]:
    """The word of a piece, its value now, and whether that piece is still to be had."""
    place = _word(pool, Pool.CLAIMS).word(piece * 8)
    last = place.load(order="monotonic")
    return place, last, last < serial


def _write_run(module: Module) -> None:
    """`i1 pool_run(control, task, context, pieces)`: run `task(context, piece, pieces)` for every
    piece; False, and nothing done, if the pool is taken.
    """
    names = {"control": "ptr", "task": "ptr", "context": "ptr", "pieces": "i64"}
    f = module.function("pool_run", "i1", names)
    table, task, context, pieces = f.parameters.values()
    pool = control(table, Control.POOL)
    busy = _word(pool, Pool.BUSY)
    with f.if_(busy.load(order="monotonic").differs(0)):
        f.give(0)
    with f.if_(busy.swap_if(0, 1).equals(0)):
        f.give(0)
    ticket = _word(pool, Pool.TICKET)
    _word(pool, Pool.TASK).store(task, order="monotonic")
    _word(pool, Pool.CONTEXT).store(context, order="monotonic")
    serial = (ticket.load(order="monotonic") >> _PIECES_BITS) + 1
    _word(pool, Pool.CLAIMS).store(serial, order="monotonic")
    ticket.store((serial << _PIECES_BITS) | pieces, order="seq_cst")
    with f.if_(_word(pool, Pool.SLEEPERS).load(order="seq_cst") > 0):
        _mutex(f, table, Control.LOCK)
        f.call("void", control(table, Control.WAKE_ALL), _word(pool, Pool.CONDITION))
        _mutex(f, table, Control.UNLOCK)

    f.call("void", task, context, f.value(0), pieces)
    given = f.variable(pieces - 1)
    with f.count(pieces, start=1) as piece:
        place, last, free = _claim(pool, piece, serial)
        with f.if_(free):
            with f.if_(place.swap_if(last, serial)):
                f.call("void", task, context, piece, pieces)
                given.set(given.get() - 1)

    finished = _word(pool, Pool.FINISHED)
    spins = f.variable(0)
    with f.loop() as loop:
        loop.leave_if(finished.load(order="acquire") >= given.get())
        _pause(f)
        spins.set(spins.get() + 1)
        with f.if_(spins.get() > _PATIENT_SPINS):
            f.call("i32", control(table, Control.YIELD))
    finished.store(0, order="monotonic")
    busy.store(0, order="release")
    f.give(1)


def _write_worker(module: Module) -> None:
    """`void pool_worker(control, number)`: serve the pool until it is stopped."""
    f = module.function("pool_worker", "void", {"control": "ptr", "number": "i64"}, exported=True)
    table, number = f.parameters.values()
    pool = control(table, Control.POOL)
    ticket = _word(pool, Pool.TICKET)
    stop = _word(pool, Pool.STOP)
    seen = f.variable(0)
    with f.loop():
        start = f.call("i64", "ticks")
        patience = _word(pool, Pool.SPIN_TICKS).load()
        with f.loop() as waiting:
            with f.if_(stop.load(order="monotonic").differs(0)):
                f.finish()
            waiting.leave_if(ticket.load(order="acquire").differs(seen.get()))
            _pause(f)
            late = (f.call("i64", "ticks") - start) >= patience
            with f.if_(late):
                _sleep(f, table, seen.get())
        now = ticket.load(order="acquire")
        seen.set(now)
        pieces = now & ((1 << _PIECES_BITS) - 1)
        with f.if_(number < pieces):
            _work(f, pool, now >> _PIECES_BITS, number, pieces)


def _sleep(f: Function, table: Value, seen: Value) -> None:
    """Sleep until the ticket is not the one seen, or the pool is stopped."""
    pool = control(table, Control.POOL)
    _mutex(f, table, Control.LOCK)
    sleepers = _word(pool, Pool.SLEEPERS)
    sleepers.add_atomic(1)
    with f.loop() as asleep:
        asleep.leave_if(_word(pool, Pool.TICKET).load(order="seq_cst").differs(seen))
        asleep.leave_if(_word(pool, Pool.STOP).load(order="seq_cst").differs(0))
        arguments = [_word(pool, Pool.CONDITION), _word(pool, Pool.MUTEX)]
        if os.name == "nt":
            arguments += [f.value(-1, "i32"), f.value(0, "i32")]
        f.call("i32", control(table, Control.WAIT), *arguments)
    sleepers.add_atomic(-1)
    _mutex(f, table, Control.UNLOCK)


def _work(f: Function, pool: Value, serial: Value, number: Value, pieces: Value) -> None:
    """Do the piece with this worker's number, then those that nobody has claimed."""
    task = _word(pool, Pool.TASK).load("ptr", order="monotonic")
    context = _word(pool, Pool.CONTEXT).load("ptr", order="monotonic")
    with f.count(pieces) as step:
        at = number + step
        piece = (at >= pieces).choose(at - pieces, at)
        place, last, free = _claim(pool, piece, serial)
        with f.if_(free):
            with f.if_(place.swap_if(last, serial)):
                f.call("void", task, context, piece, pieces)
                _word(pool, Pool.FINISHED).add_atomic(1)


def _write_stop(module: Module) -> None:
    """`void pool_stop(control)`: make every worker return once it has done its piece."""
    f = module.function("pool_stop", "void", {"control": "ptr"}, exported=True)
    table = f.parameters["control"]
    pool = control(table, Control.POOL)
    _mutex(f, table, Control.LOCK)
    _word(pool, Pool.STOP).store(1, order="seq_cst")
    f.call("void", control(table, Control.WAKE_ALL), _word(pool, Pool.CONDITION))
    _mutex(f, table, Control.UNLOCK)
    f.finish()


def share(units: Value, piece: Value | int, pieces: Value) -> Value:
    """The first unit of a piece, when units are dealt out evenly and in order."""
    return (units * piece) // pieces


def _write_kernel_piece(module: Module) -> None:
    """`void kernel_piece(context, piece, pieces)`: one piece of a kernel's range."""
    names = {"context": "ptr", "piece": "i64", "pieces": "i64"}
    f = module.function("kernel_piece", "void", names)
    context, piece, pieces = f.parameters.values()
    function, arguments = context.load("ptr"), context.word(1).load("ptr")
    begin, end, align = (context.word(i).load() for i in (2, 3, 4))
    units = (end - begin + align - 1) // align
    low = begin + share(units, piece, pieces) * align
    high = begin + share(units, piece + 1, pieces) * align
    high = (high > end).choose(end, high)
    with f.if_(low < high):
        f.call("void", function, arguments, low, high)
    f.finish()
