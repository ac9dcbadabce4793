"""Blocks of memory for the intermediate results of calls, kept from call to call.

A program takes one block per call. Free blocks stand in a small table that native code searches, so
that a call need not enter Python to find one; Python allocates and frees.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from functorch_lite.backends.cpu.runtime.ir import Function, Module, Value
from functorch_lite.backends.cpu.runtime.layout import Control, Pool, control, python

__all__ = ["Arenas", "write_arenas"]

_LINE = 64
_STEP = 64 << 10
_LARGE = 1 << 62


def write_arenas(module: Module) -> None:
    """Add `ptr arena_take(control, bytes)`, null with an exception set where there is no memory,
    and `void arena_give(control, block)`. Both need Python's lock.
    """
    _write_take(module)
    _write_give(module)


def _entry(table: Value, i: Value) -> Value:
    """Place of a free block in the table: its address, or zero."""
    return control(table, Control.POOL).word(Pool.ARENAS).word(i)


def _size(block: Value) -> Value:
    """Place of the number of bytes of a block, in the line before it."""
    return block.at(-_LINE)


def _lock(f: Function, table: Value) -> Value:
    place = control(table, Control.POOL).word(Pool.ARENA_LOCK)
    with f.loop() as loop:
        loop.leave_if(place.swap_if(0, 1))
    return place


def _call_with_number(f: Function, table: Value, callee: Control, number: Value) -> Value:
    """Call a Python function with an int: its result, which may be null."""
    argument = python(f, table, "ptr", "PyLong_FromLongLong", number)
    pushed, null = f.room(16), f.value(0, "ptr")
    pushed.store(argument)
    call = "PyObject_Vectorcall"
    result = python(f, table, "ptr", call, control(table, callee), pushed, f.value(1), null)
    python(f, table, "void", "Py_DecRef", argument)
    return result


def _write_take(module: Module) -> None:
    f = module.function("arena_take", "ptr", {"control": "ptr", "bytes": "i64"}, exported=True)
    table, nbytes = f.parameters.values()
    best, best_size = f.variable(-1), f.variable(_LARGE)
    found = f.variable(0, "ptr")
    lock = _lock(f, table)
    with f.count(f.value(Pool.ARENA_COUNT)) as i:
        block = _entry(table, i).load("ptr")
        with f.if_(block.differs(0)):
            size = _size(block).load()
            fits = (size >= nbytes) & (size < best_size.get())
            with f.if_(fits):
                best.set(i)
                best_size.set(size)
                found.set(block)
    with f.if_(best.get() >= 0):
        _entry(table, best.get()).store(0)
    lock.store(0, order="release")
    with f.if_(found.get().differs(0)):
        f.give(found.get())
    result = _call_with_number(f, table, Control.ALLOCATE, nbytes)
    with f.if_(result.equals(0)):
        f.give(0)
    address = python(f, table, "ptr", "PyLong_AsVoidPtr", result)
    python(f, table, "void", "Py_DecRef", result)
    f.give(address)


def _write_give(module: Module) -> None:
    f = module.function("arena_give", "void", {"control": "ptr", "block": "ptr"}, exported=True)
    table, block = f.parameters.values()
    # The smallest goes where there are too many: that may be the one given back.
    least, least_size = f.variable(-1), f.variable(_size(block).load())
    dropped = f.variable(block, "ptr")
    lock = _lock(f, table)
    with f.count(f.value(Pool.ARENA_COUNT)) as i:
        other = _entry(table, i).load("ptr")
        size = f.variable(0)
        with f.if_(other.differs(0)):
            size.set(_size(other).load())
        with f.if_(size.get() < least_size.get()):
            least.set(i)
            least_size.set(size.get())
            dropped.set(other)
    with f.if_(least.get() >= 0):
        _entry(table, least.get()).store(block)
    lock.store(0, order="release")
    with f.if_(dropped.get().differs(0)):
        result = _call_with_number(f, table, Control.FREE, dropped.get().address())
        with f.if_(result.differs(0)):
            python(f, table, "void", "Py_DecRef", result)
    f.finish()


class Arenas:
    """The blocks of the process; made once, by the native part.

    Args:
        functions: addresses of `arena_take` and `arena_give`.
        control: the control table.
        pool: the block that threads share.
    """

    def __init__(self, functions: dict[str, int], control: Any, pool: Any) -> None:
        take = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)
        give = ctypes.PYFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)
        self._take = take(functions["arena_take"])
        self._give = give(functions["arena_give"])
        self._control = control.ctypes.data
        self._table = pool[Pool.ARENAS : Pool.ARENAS + Pool.ARENA_COUNT]
        self._blocks: dict[int, np.ndarray[Any, Any]] = {}

    def acquire(self, nbytes: int) -> int:
        """Take a block of at least `nbytes` bytes, aligned to 64; its address.

        Raises:
            MemoryError: there is not so much memory.
        """
        return int(self._take(self._control, nbytes))

    def release(self, address: int) -> None:
        """Give a block back that `acquire` gave."""
        self._give(self._control, address)

    def trim(self) -> None:
        """Free every block that is not in use."""
        while True:
            free = [int(address) for address in self._table if address]
            if not free:
                return
            # Taking it makes it ours; another thread may have been faster, then it is in use.
            address = self.acquire(1)
            self.free(address)

    def kept_bytes(self) -> int:
        """Bytes of all blocks, in use or free."""
        return sum(block.nbytes for block in self._blocks.values())

    def allocate(self, nbytes: int) -> int:
        """Make a new block; its address. Called by native code."""
        size = -(-max(nbytes, 1) // _STEP) * _STEP
        raw = np.empty(size + 2 * _LINE, np.uint8)
        address = -(-raw.ctypes.data // _LINE) * _LINE + _LINE
        start = address - _LINE - raw.ctypes.data
        raw[start : start + 8].view(np.int64)[0] = size
        self._blocks[address] = raw
        return address

    def free(self, address: int) -> None:
        """Drop a block that is not in the table. Called by native code."""
        self._blocks.pop(address, None)
