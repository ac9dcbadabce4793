"""Native code of tapes: arrays that grow while a program runs, whose elements may be tapes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functorch_lite.backends.cpu.runtime.commands import TAPE_BYTES
from functorch_lite.backends.cpu.runtime.ir import Module, Value
from functorch_lite.backends.cpu.runtime.layout import (
    Control,
    Descriptor,
    Status,
    control,
    python,
)

if TYPE_CHECKING:
    from functorch_lite.backends.cpu.runtime.vm import Machine

__all__ = ["TAPE_COMMANDS", "free_tapes", "write_free_tape"]

_FIRST_TAPE_BYTES = 4096


def write_free_tape(module: Module) -> None:
    """Add `void free_tape(ptr control, ptr tape, i64 depth)`: empty a tape and its elements."""
    f = module.function("free_tape", "void", {"control": "ptr", "tape": "ptr", "depth": "i64"})
    table, tape, depth = (f.parameters[n] for n in ("control", "tape", "depth"))
    with f.if_(tape.word(2).load().differs(0)):
        elements = tape.load("ptr")
        with f.if_(depth > 0), f.count(tape.word(1).load()) as i:
            f.call("void", "free_tape", table, elements.at(i * TAPE_BYTES), depth - 1)
        python(f, table, "void", "PyMem_RawFree", elements)
    for word in range(3):
        tape.word(word).store(0)
    f.finish()


def free_tapes(vm: Machine) -> None:
    """Empty all tapes of a program."""
    behind = vm.field(Descriptor.CONSTANTS) + vm.field(Descriptor.ARENA)
    listed = vm.descriptor.word(behind + Descriptor.SIZE)
    with vm.f.count(vm.tapes) as i:
        packed = listed.word(i).load()
        _free_tape(vm, vm.registers.word(packed & 0xFFFFFFFF), packed >> 32)


def _tpush(vm: Machine) -> None:
    _append(vm, vm.register("tape"), vm.buffer("src"), vm.operand("bytes"))


def _append(vm: Machine, tape: Value, source: Value, nbytes: Value) -> None:
    f = vm.f
    count, capacity = tape.word(1).load(), tape.word(2).load()
    with f.if_(count >= capacity):
        # Elements without bytes are counted like the others.
        step = (nbytes > 0).choose(nbytes, 1)
        first = f.value(_FIRST_TAPE_BYTES) // step + 1
        wanted = (capacity > 0).choose(capacity * 2, first)
        old = tape.load("ptr")
        grown = python(f, vm.control, "ptr", "PyMem_RawRealloc", old, wanted * step)
        with f.if_(grown.equals(0)):
            vm.fail(Status.MEMORY)
        tape.store(grown)
        tape.word(2).store(wanted)
    move = control(vm.control, Control.MEMMOVE)
    f.call("ptr", move, tape.load("ptr").at(count * nbytes), source, nbytes)
    tape.word(1).store(count + 1)


def _tptr(vm: Machine) -> None:
    vm.slot("dst").store(_element(vm, vm.operand("bytes")))


def _element(vm: Machine, nbytes: Value) -> Value:
    """Pointer to element r of a tape."""
    tape, r = vm.register("tape"), vm.register("r").load()
    with vm.f.if_(r >= tape.word(1).load()):
        vm.fail(Status.STOPPED)
    return tape.load("ptr").at(r * nbytes)


def _tmove(vm: Machine) -> None:
    source = vm.register("from")
    _shrink(vm, source)
    _append(vm, vm.register("tape"), source, vm.f.value(TAPE_BYTES))
    for i in range(3):
        source.word(i).store(0)


def _tput(vm: Machine) -> None:
    source = vm.register("from")
    _shrink(vm, source)
    place = _element(vm, vm.f.value(TAPE_BYTES))
    _free_tape(vm, place, vm.operand("depth"))
    for i in range(3):
        place.word(i).store(source.word(i).load())
        source.word(i).store(0)


def _shrink(vm: Machine, tape: Value) -> None:
    """Give back the memory of a tape beyond its elements; there may be many short ones."""
    count, nbytes = tape.word(1).load(), vm.operand("bytes")
    with vm.f.if_((count * nbytes > 0) & (count < tape.word(2).load())):
        old = tape.load("ptr")
        kept = python(vm.f, vm.control, "ptr", "PyMem_RawRealloc", old, count * nbytes)
        with vm.f.if_(kept.differs(0)):
            tape.store(kept)
            tape.word(2).store(count)


def _tview(vm: Machine) -> None:
    element, dst = _element(vm, vm.f.value(TAPE_BYTES)), vm.register("dst")
    dst.store(element.load())
    dst.word(1).store(element.word(1).load())
    dst.word(2).store(0)  # without room of its own: memory that belongs to another


def _tfree(vm: Machine) -> None:
    _free_tape(vm, vm.register("tape"), vm.operand("depth"))


def _free_tape(vm: Machine, tape: Value, depth: Value) -> None:
    vm.f.call("void", "free_tape", vm.control, tape, depth)


TAPE_COMMANDS = {
    "TPUSH": _tpush,
    "TPTR": _tptr,
    "TMOVE": _tmove,
    "TPUT": _tput,
    "TVIEW": _tview,
    "TFREE": _tfree,
}
