"""Native code of the virtual machine: one loop that carries out the commands of a program.

The arena block of a call starts with the table of slots, then the registers, then room for the
arguments of one kernel. Python's lock (GIL) is not held while commands run, if the program asks
for that; it is taken back around HOST and POLL, and an exception raised there stays set, so that
it simply comes out of the call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from functorch_lite.backends.cpu.runtime.commands import COMMANDS
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
from functorch_lite.backends.cpu.runtime.tapes import (
    TAPE_COMMANDS,
    free_tapes,
    write_free_tape,
)

__all__ = ["Machine", "write_execute"]

_MOST_POLLS = 16


class Machine:
    """What the writers of the single commands share."""

    def __init__(self, f: Function) -> None:
        self.f = f
        self.descriptor = f.parameters["descriptor"]
        self.slots = f.parameters["arena"]
        self.control = self.field(Descriptor.CONTROL).pointer()
        self.code = self.field(Descriptor.CODE).pointer()
        self.registers = self.slots.at(self.field(Descriptor.REGISTERS))
        self.arguments = self.slots.at(self.field(Descriptor.ARGUMENTS))
        self.flags = self.field(Descriptor.FLAGS)
        self.pool = control(self.control, Control.POOL)
        self.profile = self.field(Descriptor.PROFILE)
        self.host = self.field(Descriptor.HOST).pointer()
        self.tapes = self.field(Descriptor.TAPES)
        self.at = f.variable(0)
        self.status = f.variable(Status.OK)
        self.thread = f.variable(0, "ptr")
        self.polls = f.variable(1)
        self.interval = f.variable(1)
        self.last_poll = f.variable(0)
        self.last_tick = f.variable(0)
        self.gemm_context = f.room(128)
        self.kernel_context = f.room(64)
        self.pushed = f.room(32)
        self.command: Value = self.code
        self.name = ""
        self.next = f.label("next")
        self.stop = f.label("stop")

    def field(self, which: Descriptor) -> Value:
        return self.descriptor.word(which).load()

    def operand(self, name: str) -> Value:
        return self.command.word(2 + list(COMMANDS[self.name].operands).index(name)).load()

    def operands_end(self) -> Value:
        """Pointer to the words behind the named operands."""
        return self.command.word(2 + len(COMMANDS[self.name].operands))

    def slot(self, name: str) -> Value:
        """Place of a slot in the table."""
        return self.slots.word(self.operand(name))

    def buffer(self, name: str) -> Value:
        """Pointer in a slot."""
        return self.slot(name).load("ptr")

    def register(self, name: str) -> Value:
        """Place of a register in the table."""
        return self.registers.word(self.operand(name))

    def jump_if(self, condition: Value, name: str) -> None:
        with self.f.if_(condition):
            self.at.set(self.operand(name))

    def fail(self, status: Status) -> None:
        self.status.set(int(status))
        self.f.go(self.stop)

    @contextmanager
    def python_held(self) -> Iterator[None]:
        """Hold Python's lock, whether the program runs with or without it."""
        f = self.f
        released = self.thread.get().differs(0)
        with f.if_(released):
            python(f, self.control, "void", "PyEval_RestoreThread", self.thread.get())
        yield
        with f.if_(released):
            self.thread.set(python(f, self.control, "ptr", "PyEval_SaveThread"))


def write_execute(module: Module) -> None:
    """Add `i64 execute(ptr descriptor, ptr arena)`, which runs a program whose slots of inputs and
    outputs are filled, and answers a `Status`; `ERROR` with an exception set. Python's lock is held
    before and after.
    """
    write_free_tape(module)
    f = module.function("execute", "i64", {"descriptor": "ptr", "arena": "ptr"}, exported=True)
    vm = Machine(f)
    _fill_tables(vm)
    blas = (vm.flags & Flag.BLAS).differs(0)
    with f.if_((vm.flags & Flag.RELEASE).differs(0)):
        vm.thread.set(python(f, vm.control, "ptr", "PyEval_SaveThread"))
    with f.if_(blas):
        f.call("void", "blas_enter", vm.control)
    profiled = vm.profile.differs(0)
    with f.if_(profiled):
        vm.last_tick.set(f.call("i64", "ticks"))

    fetch, unknown = f.label("fetch"), f.label("unknown")
    f.start(fetch)
    start = vm.at.get()
    vm.command = vm.code.word(start)
    vm.at.set(start + vm.command.word(1).load())
    labels = {name: f.label(name.lower()) for name in _WRITERS}
    f.switch(vm.command.load(), unknown, [(COMMANDS[name].number, labels[name]) for name in labels])
    for name, write in _WRITERS.items():
        f.start(labels[name])
        vm.name = name
        write(vm)
        f.close(vm.next)
    f.start(unknown)
    vm.fail(Status.STOPPED)
    f.start(vm.next)
    with f.if_(profiled):
        now = f.call("i64", "ticks")
        row = vm.profile.pointer().word(start * 2)
        row.store(row.load() + now - vm.last_tick.get())
        row.word(1).store(row.word(1).load() + 1)
        vm.last_tick.set(now)
    f.go(fetch)

    f.start(vm.stop)
    free_tapes(vm)
    with f.if_(blas):
        f.call("void", "blas_leave", vm.control)
    with f.if_(vm.thread.get().differs(0)):
        python(f, vm.control, "void", "PyEval_RestoreThread", vm.thread.get())
    with f.if_(vm.status.get().equals(Status.MEMORY)):
        python(f, vm.control, "ptr", "PyErr_NoMemory")
        vm.status.set(Status.ERROR)
    f.give(vm.status.get())


def _fill_tables(vm: Machine) -> None:
    f = vm.f
    constants = vm.field(Descriptor.CONSTANTS)
    first = vm.field(Descriptor.INPUTS) + vm.field(Descriptor.OUTPUTS)
    source = vm.descriptor.word(Descriptor.SIZE)
    with f.count(constants) as i:
        vm.slots.word(first + i).store(source.word(i).load())
    first = first + constants
    source = source.word(constants)
    base = (vm.slots.at(vm.field(Descriptor.DATA))).address()
    with f.count(vm.field(Descriptor.ARENA)) as i:
        vm.slots.word(first + i).store(base + source.word(i).load())
    with f.count(vm.field(Descriptor.REGISTER_COUNT)) as i:
        vm.registers.word(i).store(0)


def _end(vm: Machine) -> None:
    vm.f.go(vm.stop)


def _kernel(vm: Machine) -> None:
    f = vm.f
    slots = vm.operands_end()
    with f.count(vm.operand("count")) as i:
        vm.arguments.word(i).store(vm.slots.word(slots.word(i).load()).load())
    function = vm.operand("function").pointer()
    begin, end, grain = vm.operand("begin"), vm.operand("end"), vm.operand("grain")
    length = end - begin
    direct = f.label("direct")
    f.go_if(grain <= 0, direct)
    f.go_if(length <= grain, direct)
    threads = vm.pool.word(Pool.THREADS).load(order="monotonic")
    f.go_if(threads <= 1, direct)
    pieces = (length + grain - 1) // grain
    pieces = (pieces < threads).choose(pieces, threads)
    context = vm.kernel_context
    for word, value in enumerate((function, vm.arguments, begin, end, vm.operand("align"))):
        context.word(word).store(value)
    task = f.function_address("kernel_piece")
    f.go_if(f.call("i1", "pool_run", vm.control, task, context, pieces), vm.next)
    f.start(direct)
    f.call("void", function, vm.arguments, begin, end)


def _gemm(vm: Machine) -> None:
    arguments = vm.control, vm.command, vm.slots, vm.gemm_context
    vm.f.call("void", "gemm", *arguments)


def _copy(vm: Machine) -> None:
    f = vm.f
    move = control(vm.control, Control.MEMMOVE)
    f.call("ptr", move, vm.buffer("dst"), vm.buffer("src"), vm.operand("bytes"))


def _zero(vm: Machine) -> None:
    f = vm.f
    fill = control(vm.control, Control.MEMSET)
    f.call("ptr", fill, vm.buffer("dst"), f.value(0, "i32"), vm.operand("bytes"))


def _host(vm: Machine) -> None:
    f = vm.f
    answer = f.variable(0)
    blas = (vm.flags & Flag.BLAS).differs(0)
    with f.if_(blas):
        f.call("void", "blas_leave", vm.control)
    with vm.python_held():
        address = vm.slots.address()
        numbers = [
            python(f, vm.control, "ptr", "PyLong_FromLongLong", number)
            for number in (vm.operand("id"), address)
        ]
        for i, number in enumerate(numbers):
            vm.pushed.word(i).store(number)
        answer.set(_call(vm, vm.host, vm.pushed, 2))
        for number in numbers:
            python(f, vm.control, "void", "Py_DecRef", number)
    with f.if_(blas):
        f.call("void", "blas_enter", vm.control)
    with f.if_(answer.get().differs(0)):
        vm.status.set(answer.get())
        f.go(vm.stop)


def _call(vm: Machine, callee: Value, arguments: Value, count: int) -> Value:
    """Call a Python object: 0 where it answers something false, else a `Status`."""
    f = vm.f
    call = "PyObject_Vectorcall"
    null = f.value(0, "ptr")
    result = python(f, vm.control, "ptr", call, callee, arguments, f.value(count), null)
    answer = f.variable(Status.ERROR)
    with f.if_(result.differs(0)):
        true = python(f, vm.control, "i32", "PyObject_IsTrue", result)
        python(f, vm.control, "void", "Py_DecRef", result)
        positive = (true > 0).choose(Status.STOPPED, Status.OK)
        answer.set((true < 0).choose(Status.ERROR, positive))
    return answer.get()


def _setr(vm: Machine) -> None:
    vm.register("r").store(vm.operand("value"))


def _addr(vm: Machine) -> None:
    vm.register("r").store(vm.register("r").load() + vm.operand("value"))


def _movr(vm: Machine) -> None:
    vm.register("r").store(vm.register("from").load())


def _addrr(vm: Machine) -> None:
    vm.register("r").store(vm.register("r").load() + vm.register("from").load())


def _jump(vm: Machine) -> None:
    vm.at.set(vm.operand("target"))


def _jlt(vm: Machine) -> None:
    vm.jump_if(vm.register("r").load() < vm.operand("value"), "target")


def _jltr(vm: Machine) -> None:
    vm.jump_if(vm.register("r").load() < vm.register("than").load(), "target")


def _jge(vm: Machine) -> None:
    vm.jump_if(vm.register("r").load() >= vm.operand("value"), "target")


def _jz8(vm: Machine) -> None:
    vm.jump_if(vm.buffer("slot").load("i8").equals(0), "target")


def _switch(vm: Machine) -> None:
    last = vm.operand("count") - 1
    chosen = vm.buffer("slot").load()
    chosen = (chosen < 0).choose(0, chosen)
    chosen = (chosen > last).choose(last, chosen)
    vm.at.set(vm.operands_end().word(chosen).load())


def _ptr(vm: Machine) -> None:
    step = vm.register("r").load() * vm.operand("stride") + vm.operand("offset")
    vm.slot("dst").store(vm.buffer("base").at(step))


def _movp(vm: Machine) -> None:
    vm.slot("dst").store(vm.buffer("src"))


def _swapp(vm: Machine) -> None:
    a, b = vm.buffer("a"), vm.buffer("b")
    vm.slot("a").store(b)
    vm.slot("b").store(a)


def _storer(vm: Machine) -> None:
    vm.buffer("slot").store(vm.register("r").load())


def _loadr(vm: Machine) -> None:
    vm.register("r").store(vm.buffer("slot").load())


def _poll(vm: Machine) -> None:
    f = vm.f
    left = vm.polls.get() - 1
    vm.polls.set(left)
    f.go_if(left > 0, vm.next)
    now = f.call("i64", "ticks")
    patience = vm.control.word(Control.POLL_TICKS).load()
    # The first reading starts the clock. A processor without a counter always reads zero.
    last = vm.last_poll.get()
    last = last.equals(0).choose(now, last)
    vm.last_poll.set(last)
    late = (now - last) >= patience
    # The clock is read less often the more often it shows that little time has passed.
    doubled = vm.interval.get() * 2
    doubled = (doubled > _MOST_POLLS).choose(_MOST_POLLS, doubled)
    vm.interval.set(late.choose(1, doubled))
    vm.polls.set(vm.interval.get())
    with f.if_(late):
        answer = f.variable(0)
        with vm.python_held():
            callee = control(vm.control, Control.POLL)
            answer.set(_call(vm, callee, f.value(0, "ptr"), 0))
        vm.last_poll.set(f.call("i64", "ticks"))
        with f.if_(answer.get().differs(0)):
            vm.status.set(answer.get())
            f.go(vm.stop)


_WRITERS: dict[str, Callable[[Machine], None]] = {
    "END": _end,
    "KERNEL": _kernel,
    "GEMM": _gemm,
    "COPY": _copy,
    "ZERO": _zero,
    "HOST": _host,
    "SETR": _setr,
    "ADDR": _addr,
    "MOVR": _movr,
    "ADDRR": _addrr,
    "JUMP": _jump,
    "JLT": _jlt,
    "JLTR": _jltr,
    "JGE": _jge,
    "JZ8": _jz8,
    "SWITCH": _switch,
    "PTR": _ptr,
    "MOVP": _movp,
    "SWAPP": _swapp,
    "STORER": _storer,
    "LOADR": _loadr,
    "POLL": _poll,
    **TAPE_COMMANDS,
}
