"""Programs for the processor: a plan as commands of the runtime, its kernels as machine code."""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from functorch_lite.backends.cpu.machine import vector_bytes
from functorch_lite.backends.cpu.objects import load_many
from functorch_lite.backends.cpu.printer import kernel_name, print_kernel
from functorch_lite.backends.cpu.runtime.blas import gemm_address
from functorch_lite.backends.cpu.runtime.commands import TAPE_BYTES, Code
from functorch_lite.backends.cpu.runtime.layout import Status
from functorch_lite.backends.cpu.runtime.outputs import allocate
from functorch_lite.backends.cpu.runtime.program import Program
from functorch_lite.compile.kernel import Kernel, Loop, Unplannable
from functorch_lite.compile.plan import Plan, plan
from functorch_lite.compile.steps import (
    Branch,
    Clear,
    Copy,
    Free,
    Host,
    Keep,
    Launch,
    Multiply,
    Point,
    Push,
    Repeat,
    Reserve,
    Slot,
    Step,
    Swap,
    While,
    all_steps,
    depth_of,
)
from functorch_lite.core.aval import StackAval
from functorch_lite.core.dtypes import float64
from functorch_lite.core.graph import Graph, reference_program
from functorch_lite.core.op import devices_enabled
from functorch_lite.core.trace import state

__all__ = ["CompiledProgram", "compile"]

GRAIN = 1 << 14
"""Operations below which a kernel stays on one thread."""
LARGE = 1 << 16
"""Bytes from which on the memory of a result is kept for later ones."""
LONG = 1 << 14
"""Operations from which on other Python threads may run meanwhile."""


class CompiledProgram:
    """A program of raw arrays.

    Attributes:
        kernels: the text of each kernel, by name.
        seconds: time to plan, print and load.
        arena_bytes: memory between inputs and outputs.
        donations: per output, the input whose memory it may take.
        calls: ops that Python runs, by name.
    """

    def __init__(self, graph: Graph) -> None:
        begin = time.perf_counter()
        made: Plan = plan(graph)
        planned = time.perf_counter()
        names: dict[Kernel, str] = {}
        launches: dict[str, Kernel] = {}
        for step in all_steps(made.steps):
            if isinstance(step, Launch):
                kernel = step.emitted.kernel
                names[kernel] = kernel_name(kernel, vector_bytes())
                launches.setdefault(names[kernel], kernel)
        texts = {name: print_kernel(k, vector_bytes()) for name, k in launches.items()}
        self.kernels = {name: k.text for name, k in launches.items()}
        printed = time.perf_counter()
        loaded = load_many(list(texts.values()))
        addresses: dict[str, int] = {}
        for one in loaded:
            addresses.update(one.functions)
        self.code = Code()
        writer = _Writer(self.code, made, names, addresses)
        writer.steps(made.steps)
        self.code.end()
        slots = made.slots
        self.shapes = [
            (np.empty if s.nbytes < LARGE else allocate, s.aval.shape, s.aval.dtype)
            for s in made.outputs
        ]
        self.arena_bytes = made.arena_bytes
        self.donations = made.donations
        self.calls = writer.calls
        self.marks = writer.marks
        hosts = writer.hosts
        self.native = Program(
            self.code,
            inputs=len(made.inputs),
            outputs=len(made.outputs),
            constants=[s.value for s in slots if s.kind == "const"],
            arena=[s.offset for s in slots if s.kind == "arena"],
            arena_bytes=made.arena_bytes,
            free=sum(s.kind == "pointer" for s in slots) + writer.extra,
            host=(lambda number, address: hosts[number](address)) if hosts else None,
            release=writer.work > LONG,
            keep=loaded,
        )
        self.run = self.native.run
        self.reference = reference_program(graph) if devices_enabled() or _gpu_possible() else None
        for kernel in names:
            kernel.release()
        end = time.perf_counter()
        self.seconds = {
            "plan": planned - begin, "print": printed - planned, "load": end - printed,
        }  # fmt: skip

    def __call__(self, *datas: Any) -> tuple[Any, ...]:
        outs = tuple([make(shape, dtype) for make, shape, dtype in self.shapes])
        status = self.run(datas, outs)
        return self.again(datas, outs, status) if status else outs

    def into(self, datas: tuple[Any, ...], outs: tuple[Any, ...]) -> tuple[Any, ...]:
        """Run with given memory for the results."""
        status = self.run(datas, outs)
        return self.again(datas, outs, status) if status else outs

    def again(self, datas: tuple[Any, ...], outs: tuple[Any, ...], status: int) -> tuple[Any, ...]:
        """Run with operands laid out as the program needs them, or where they are."""
        if status < Status.REFUSED:
            raise RuntimeError(f"a compiled program stopped with status {status}")
        if self.reference is not None and not all(isinstance(d, np.ndarray) for d in datas):
            return self.reference(*datas)
        given = tuple([
            np.require(np.asarray(d), requirements=["C", "A"]).view(np.ndarray) for d in datas
        ])  # fmt: skip
        status = self.run(given, outs)
        if status:
            raise RuntimeError(f"a compiled program refused operand {status - Status.REFUSED}")
        return outs


@functools.cache
def _gpu_possible() -> bool:
    """Whether arrays may come from a GPU."""
    return importlib.util.find_spec("cupy") is not None


class Mark(NamedTuple):
    """What a command does: for profiles."""

    label: str
    flops: int
    nbytes: int


class _Writer:
    """Writes steps as commands."""

    def __init__(
        self, code: Code, made: Plan, names: dict[Kernel, str], addresses: dict[str, int]
    ) -> None:
        self.code = code
        self.names = names
        self.addresses = addresses
        self.next = len(made.slots)
        self.hosts: list[Callable[[int], None]] = []
        self.calls: list[str] = []
        self.marks: dict[int, Mark] = {}
        self.tapes: dict[Slot, int] = {}
        self.extra = 0
        self.work = 0
        self.zero: int | None = None

    def temporary(self) -> int:
        """A free slot."""
        self.extra += 1
        self.next += 1
        return self.next - 1

    def at(self, slot: Slot, nbytes: int) -> int:
        """A slot that points some bytes into another."""
        if not nbytes:
            return slot.number
        place = self.temporary()
        if self.zero is None:
            self.zero = self.code.register()
        self.code.ptr(place, slot.number, self.zero, 0, nbytes)
        return place

    def steps(self, steps: Sequence[Step], counter: int | None = None) -> None:
        """All steps; pointers with a stride follow ``counter``."""
        for step in steps:
            if isinstance(step, Launch):
                self.launch(step)
            elif isinstance(step, Multiply):
                self.multiply(step)
            elif isinstance(step, Copy):
                if step.source.nbytes:
                    out = self.at(step.out, step.offset)
                    self.code.copy(out, step.source.number, step.source.nbytes)
                    self.work += step.source.nbytes >> 4
            elif isinstance(step, Point):
                if step.out.kind == "tape":
                    assert counter is not None
                    self.code.tview(self.tape(step.out), self.tape(step.source), counter)
                elif step.source.kind == "tape":
                    assert counter is not None
                    tape = self.tape(step.source)
                    self.code.tptr(step.out.number, tape, counter, step.stride)
                elif step.stride:
                    assert counter is not None
                    self.code.ptr(step.out.number, step.source.number, counter, step.stride)
                elif step.offset:
                    self.code.movp(step.out.number, self.at(step.source, step.offset))
                else:
                    self.code.movp(step.out.number, step.source.number)
            elif isinstance(step, Clear):
                self.code.zero(step.out.number, step.out.nbytes)
            elif isinstance(step, Push):
                self.push(self.tape(step.tape), step.source)
            elif isinstance(step, Keep):
                assert counter is not None
                tape, source = self.tape(step.tape), self.tape(step.source)
                nbytes, depth = element_bytes(step.source), depth_of(step.source)
                self.code.tput(tape, counter, source, nbytes, depth)
            elif isinstance(step, Free):
                self.code.tfree(self.tape(step.tape), depth_of(step.tape))
            elif isinstance(step, Reserve):
                self.reserve(step)
            elif isinstance(step, Swap):
                self.code.swapp(step.a.number, step.b.number)
            elif isinstance(step, Host):
                self.host(step)
            elif isinstance(step, Repeat):
                self.repeat(step)
            elif isinstance(step, While):
                self.loop(step)
            else:
                self.branch(step)

    def launch(self, step: Launch) -> None:
        """A kernel, shared between threads if it is worth it."""
        emitted = step.emitted
        name = self.names[emitted.kernel]
        extent = emitted.kernel.extent
        flat = any(
            isinstance(s, Loop) and s.shared and s.kind == "lane" for s in emitted.kernel.body
        )
        grain = max(1, GRAIN // emitted.work)
        if emitted.work * extent < 2 * GRAIN:
            grain = 0
        elif flat:
            grain = max(grain, 1024)
        self.work += emitted.work * extent
        self.marks[len(self.code)] = Mark(
            f"{emitted.kernel.label} [{name[:6]}]", emitted.work * extent,
            sum(s.nbytes for s in step.slots),
        )  # fmt: skip
        self.code.kernel(
            self.addresses[name], [s.number for s in step.slots], 0, extent,
            grain=grain, align=64 if flat else 1,
        )  # fmt: skip

    def multiply(self, step: Multiply) -> None:
        """A matrix product: in BLAS's terms the transposes, in reverse order."""
        size = step.dtype.itemsize
        (x, dx, ldx, tx, sx), (y, dy, ldy, ty, sy), (out, do, ldo, _, so) = step.x, step.y, step.out
        a, b, c = self.at(y, dy * size), self.at(x, dx * size), self.at(out, do * size)
        many = f"{step.batch} x " if step.batch > 1 else ""
        self.marks[len(self.code)] = Mark(
            f"gemm {many}{step.m} x {step.k} x {step.n}",
            2 * step.batch * step.m * step.n * step.k,
            step.batch * (step.m * step.k + step.k * step.n + step.m * step.n) * size,
        )
        self.code.gemm(
            gemm_address(step.dtype), a, b, c, step.n, step.m, step.k,
            double=step.dtype == float64, ta=ty, tb=tx, lda=ldy, ldb=ldx, ldc=ldo,
            batch=step.batch, sa=sy, sb=sx, sc=so, accumulate=step.add,
        )  # fmt: skip
        self.work += step.m * step.n * step.k * step.batch

    def host(self, step: Host) -> None:
        """A call of Python."""
        numbers = [s.number for s in (*step.inputs, *step.outputs)]
        avals = [s.aval for s in (*step.inputs, *step.outputs)]
        count = len(step.inputs)
        eqn = step.eqn

        def run(slots: int) -> None:
            found = []
            for number, aval in zip(numbers, avals, strict=True):
                address = ctypes.c_void_p.from_address(slots + 8 * number).value
                found.append(_view(address, aval))
            was = state.backend
            if eqn.op.family not in ("higher-order", "host"):
                state.backend = "interpret"  # its eager function must not call a program again
            try:
                out = eqn.op.eager(*found[:count], **eqn.params)
            finally:
                state.backend = was
            for target, value in zip(found[count:], out if eqn.op.multi else (out,), strict=True):
                target[...] = value

        self.marks[len(self.code)] = Mark(f"python {eqn.op.name}", 0, sum(a.nbytes for a in avals))
        self.code.host(len(self.hosts))
        self.hosts.append(run)
        self.calls.append(eqn.op.name)
        self.work += LONG

    def tape(self, slot: Slot) -> int:
        """The registers of a tape."""
        if slot not in self.tapes:
            self.tapes[slot] = self.code.tape(depth_of(slot))
        return self.tapes[slot]

    def push(self, tape: int, source: Slot) -> None:
        """Append to a tape."""
        if source.kind == "tape":
            self.code.tmove(tape, self.tape(source), element_bytes(source))
        else:
            self.code.tpush(tape, source.number, source.nbytes)

    def reserve(self, step: Reserve) -> None:
        """Append to a tape until it has so many elements, or as many as another."""
        code = self.code
        tape = self.tape(step.tape)
        end = code.label()
        again = code.here()
        more = code.label()
        if isinstance(step.count, int):
            code.jlt(tape + 1, step.count, more)
        else:
            code.jltr(tape + 1, self.tape(step.count) + 1, more)
        code.jump(end)
        code.place(more)
        self.push(tape, step.like)
        code.jump(again)
        code.place(end)

    def repeat(self, step: Repeat) -> None:
        """A counted loop."""
        code = self.code
        register = code.register()
        if isinstance(step.count, int):
            if step.count == 0:
                return
            code.setr(register, step.count - 1 if step.reverse else 0)
            self.work += step.count * 16
        elif step.reverse:
            code.movr(register, self.tape(step.count) + 1)
            code.addr(register, -1)
        else:
            code.setr(register, 0)
        again, enter, end = code.here(), code.label(), code.label()
        if isinstance(step.count, Slot):
            if step.reverse:
                code.jge(register, 0, enter)
            else:
                code.jltr(register, self.tape(step.count) + 1, enter)
            code.jump(end)
            code.place(enter)
        self.steps(step.body, register)
        code.poll()
        code.addr(register, -1 if step.reverse else 1)
        if isinstance(step.count, Slot):
            code.jump(again)
            code.place(end)
        elif step.reverse:
            code.jge(register, 0, again)
        else:
            code.jlt(register, step.count, again)

    def loop(self, step: While) -> None:
        """A loop with a condition."""
        code = self.code
        again, end = code.here(), code.label()
        self.steps(step.test)
        code.jz8(step.flag.number, end)
        self.steps(step.body)
        code.poll()
        code.jump(again)
        code.place(end)
        self.work += LONG

    def branch(self, step: Branch) -> None:
        """One of several bodies."""
        code = self.code
        labels = [code.label() for _ in step.bodies]
        end = code.label()
        code.switch(step.index.number, labels)
        for label, body in zip(labels, step.bodies, strict=True):
            code.place(label)
            self.steps(body)
            code.jump(end)
        code.place(end)


def element_bytes(tape: Slot) -> int:
    """Bytes of an element of a tape, itself a tape perhaps."""
    if depth_of(tape):
        return TAPE_BYTES
    assert isinstance(tape.aval, StackAval)
    return tape.aval.elem.nbytes


_WRITABLE = 0x200
_memory = ctypes.pythonapi.PyMemoryView_FromMemory
_memory.restype = ctypes.py_object
_memory.argtypes = [ctypes.c_void_p, ctypes.c_ssize_t, ctypes.c_int]


def _view(address: int | None, aval: Any) -> Any:
    """An array over memory of the program."""
    if not aval.nbytes or address is None:
        return np.empty(aval.shape, aval.dtype)
    raw = _memory(address, aval.nbytes, _WRITABLE)
    return np.frombuffer(raw, aval.dtype).reshape(aval.shape)


def compile(graph: Graph) -> Callable[..., tuple[Any, ...]]:
    """A program of raw arrays: native on the processor, interpreted elsewhere.

    Args:
        graph: optimised.
    """
    try:
        return CompiledProgram(graph)
    except Unplannable:
        return reference_program(graph)
