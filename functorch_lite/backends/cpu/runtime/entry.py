"""Native code of the call itself: a Python builtin that fills the slots and runs the program.

Its `self` is the program's descriptor, an int64 array. Called with the tuples of inputs and
outputs, and with the address of an arena block unless it shall take one itself, it answers a
`Status` as an int, `REFUSED + i` if operand i is no array to read or write in place.
"""

from __future__ import annotations

from dataclasses import dataclass

from functorch_lite.backends.cpu.runtime.ir import Function, Module, Value
from functorch_lite.backends.cpu.runtime.layout import (
    Control,
    Descriptor,
    Flag,
    Pool,
    Status,
    control,
    python,
)

__all__ = ["ArrayLayout", "write_enter"]

_CONTIGUOUS, _ALIGNED, _WRITEABLE = 0x1, 0x100, 0x400


@dataclass(frozen=True)
class ArrayLayout:
    """Where an `ndarray` object keeps what we read, in bytes from its address.

    Attributes:
        type: the pointer to its type.
        data: the pointer to its first element.
        flags: the int with its flags.
    """

    type: int
    data: int
    flags: int


def write_enter(module: Module, layout: ArrayLayout) -> None:
    """Add `ptr enter(ptr self, ptr arguments, i64 count)`."""
    _write_run(module, layout)
    names = {"self": "ptr", "arguments": "ptr", "count": "i64"}
    f = module.function("enter", "ptr", names, exported=True)
    self, arguments, count = f.parameters.values()
    descriptor = self.at(layout.data).load("ptr")
    table = descriptor.word(Descriptor.CONTROL).load("ptr")
    bad = f.label("bad")
    f.go_if(count < 2, bad)
    f.go_if(count > 3, bad)
    ins, outs = arguments.load("ptr"), arguments.word(1).load("ptr")
    for given, field in ((ins, Descriptor.INPUTS), (outs, Descriptor.OUTPUTS)):
        wanted = descriptor.word(field).load()
        f.go_if(python(f, table, "i64", "PyTuple_Size", given).differs(wanted), bad)
    status = f.variable(Status.ERROR)
    with f.if_(count.equals(3)):
        given = python(f, table, "ptr", "PyLong_AsVoidPtr", arguments.word(2).load("ptr"))
        f.go_if(given.equals(0), bad)
        status.set(f.call("i64", "run", descriptor, ins, outs, given))
    with f.otherwise():
        nbytes = descriptor.word(Descriptor.BLOCK_BYTES).load()
        taken = f.call("ptr", "arena_take", table, nbytes)
        with f.if_(taken.differs(0)):
            status.set(f.call("i64", "run", descriptor, ins, outs, taken))
            f.call("void", "arena_give", table, taken)
    with f.if_(status.get().equals(Status.ERROR)):
        f.give(0)
    f.give(python(f, table, "ptr", "PyLong_FromLongLong", status.get()))
    f.start(bad)
    python(f, table, "i32", "PyErr_BadArgument")
    f.give(0)


def _write_run(module: Module, layout: ArrayLayout) -> None:
    """`i64 run(descriptor, ins, outs, arena)`: a `Status`; `ERROR` with an exception set."""
    names = {"descriptor": "ptr", "ins": "ptr", "outs": "ptr", "arena": "ptr"}
    f = module.function("run", "i64", names)
    descriptor, ins, outs, arena = f.parameters.values()
    table = descriptor.word(Descriptor.CONTROL).load("ptr")
    inputs = descriptor.word(Descriptor.INPUTS).load()
    outputs = descriptor.word(Descriptor.OUTPUTS).load()
    readable = _CONTIGUOUS | _ALIGNED
    kind = control(table, Control.ARRAY_TYPE)
    for given, count, first, needed in (
        (ins, inputs, f.value(0), readable),
        (outs, outputs, inputs, readable | _WRITEABLE),
    ):
        with f.count(count) as i:
            array = python(f, table, "ptr", "PyTuple_GetItem", given, i)
            refused = first + i + Status.REFUSED
            with f.if_(array.at(layout.type).load("ptr").differs(kind)):
                f.give(refused)
            flags = array.at(layout.flags).load("i32") & needed
            with f.if_(flags.differs(needed)):
                f.give(refused)
            arena.word(first + i).store(array.at(layout.data).load("ptr"))
    _ensure_pool(f, table, descriptor)
    f.give(f.call("i64", "execute", descriptor, arena))


def _ensure_pool(f: Function, table: Value, descriptor: Value) -> None:
    """Start the workers before the first program that can use them."""
    flags = descriptor.word(Descriptor.FLAGS).load()
    with f.if_((flags & Flag.PARALLEL).differs(0)):
        alive = control(table, Control.POOL).word(Pool.ALIVE).load(order="monotonic")
        with f.if_(alive.equals(0)):
            callee, null = control(table, Control.ENSURE), f.value(0, "ptr")
            call = "PyObject_Vectorcall"
            result = python(f, table, "ptr", call, callee, null, f.value(0), null)
            with f.if_(result.equals(0)):
                f.give(Status.ERROR)
            python(f, table, "void", "Py_DecRef", result)
