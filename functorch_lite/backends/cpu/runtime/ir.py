"""A small writer of LLVM IR text: typed values with operators, variables, structured control flow.

The runtime is written with it once per process, so the text is plain and leaves all tidying
(variables to registers, dead blocks) to LLVM.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

__all__ = ["Function", "Module", "Value", "Variable"]

_ALIGN = {"i64": 8, "ptr": 8, "i32": 4, "i8": 1, "double": 8}


class Value:
    """An operand of LLVM IR inside one function.

    Attributes:
        type: LLVM type, such as "i64" or "ptr".
        text: its name or its literal.
    """

    __slots__ = ("function", "text", "type")

    def __init__(self, function: Function, type_: str, text: str) -> None:
        self.function = function
        self.type = type_
        self.text = text

    def _binary(self, op: str, other: Value | int) -> Value:
        right = self.function.value(other, self.type)
        return self.function.assign(self.type, f"{op} {self.type} {self.text}, {right.text}")

    def _compare(self, op: str, other: Value | int) -> Value:
        right = self.function.value(other, self.type)
        return self.function.assign("i1", f"icmp {op} {self.type} {self.text}, {right.text}")

    def __add__(self, other: Value | int) -> Value:
        return self._binary("add", other)

    def __sub__(self, other: Value | int) -> Value:
        return self._binary("sub", other)

    def __mul__(self, other: Value | int) -> Value:
        return self._binary("mul", other)

    def __floordiv__(self, other: Value | int) -> Value:
        """Quotient of numbers that are not negative."""
        return self._binary("udiv", other)

    def __mod__(self, other: Value | int) -> Value:
        """Remainder of numbers that are not negative."""
        return self._binary("urem", other)

    def __and__(self, other: Value | int) -> Value:
        return self._binary("and", other)

    def __or__(self, other: Value | int) -> Value:
        return self._binary("or", other)

    def __lshift__(self, other: Value | int) -> Value:
        return self._binary("shl", other)

    def __rshift__(self, other: Value | int) -> Value:
        return self._binary("lshr", other)

    def __lt__(self, other: Value | int) -> Value:
        return self._compare("slt", other)

    def __le__(self, other: Value | int) -> Value:
        return self._compare("sle", other)

    def __gt__(self, other: Value | int) -> Value:
        return self._compare("sgt", other)

    def __ge__(self, other: Value | int) -> Value:
        return self._compare("sge", other)

    def equals(self, other: Value | int) -> Value:
        """Whether both are the same number or pointer."""
        return self._compare("eq", other)

    def differs(self, other: Value | int) -> Value:
        """Whether they are different numbers or pointers."""
        return self._compare("ne", other)

    def choose(self, yes: Value | int, no: Value | int, type_: str = "i64") -> Value:
        """One of two values, by this truth value."""
        f = self.function
        a, b = f.value(yes, type_), f.value(no, type_)
        return f.assign(type_, f"select i1 {self.text}, {type_} {a.text}, {type_} {b.text}")

    def to(self, type_: str) -> Value:
        """The same number in a narrower or wider integer type, signed; i1 becomes 0 or 1."""
        if self.type == type_:
            return self
        bits, wanted = int(self.type[1:]), int(type_[1:])
        op = "trunc" if wanted < bits else "zext" if bits == 1 else "sext"
        return self.function.assign(type_, f"{op} {self.type} {self.text} to {type_}")

    def pointer(self) -> Value:
        """The pointer whose address is this i64."""
        return self.function.assign("ptr", f"inttoptr i64 {self.text} to ptr")

    def address(self) -> Value:
        """The address of this pointer as i64."""
        return self.function.assign("i64", f"ptrtoint ptr {self.text} to i64")

    def at(self, nbytes: Value | int) -> Value:
        """This pointer, moved by some bytes."""
        step = self.function.value(nbytes, "i64")
        return self.function.assign("ptr", f"getelementptr i8, ptr {self.text}, i64 {step.text}")

    def word(self, index: Value | int) -> Value:
        """Pointer to the i64 at an index behind this pointer."""
        step = self.function.value(index, "i64")
        return self.function.assign("ptr", f"getelementptr i64, ptr {self.text}, i64 {step.text}")

    def load(self, type_: str = "i64", order: str = "") -> Value:
        """What this pointer points to; `order` makes the load atomic."""
        atomic, order = ("atomic ", f" {order}") if order else ("", "")
        text = f"load {atomic}{type_}, ptr {self.text}{order}, align {_ALIGN[type_]}"
        return self.function.assign(type_, text)

    def store(self, value: Value | int, type_: str = "i64", order: str = "") -> None:
        """Write a value where this pointer points to; `order` makes the store atomic."""
        f = self.function
        made = f.value(value, value.type if isinstance(value, Value) else type_)
        atomic, order = ("atomic ", f" {order}") if order else ("", "")
        place = f"ptr {self.text}{order}, align {_ALIGN[made.type]}"
        f.line(f"store {atomic}{made.type} {made.text}, {place}")

    def add_atomic(self, amount: int) -> Value:
        """Add to the i64 this points to, as one step; the value before."""
        text = f"atomicrmw add ptr {self.text}, i64 {amount} seq_cst, align 8"
        return self.function.assign("i64", text)

    def swap_if(self, old: Value | int, new: Value | int) -> Value:
        """Replace the i64 this points to if it still is `old`; whether it was."""
        f = self.function
        a, b = f.value(old, "i64"), f.value(new, "i64")
        pair = f.assign(
            "{ i64, i1 }",
            f"cmpxchg ptr {self.text}, i64 {a.text}, i64 {b.text} seq_cst seq_cst, align 8",
        )
        return f.assign("i1", f"extractvalue {{ i64, i1 }} {pair.text}, 1")


class Variable:
    """A variable on the stack of one function."""

    __slots__ = ("place", "type")

    def __init__(self, place: Value, type_: str) -> None:
        self.place = place
        self.type = type_

    def get(self) -> Value:
        """Its value now."""
        return self.place.load(self.type)

    def set(self, value: Value | int) -> None:
        """Give it a value."""
        self.place.store(value, self.type)


class Loop:
    """The loop that is being written: ways to leave it and to start it again."""

    def __init__(self, function: Function, head: str, end: str) -> None:
        self._function = function
        self._head = head
        self._end = end

    def leave_if(self, condition: Value) -> None:
        """Go behind the loop if the condition holds."""
        self._function.go_if(condition, self._end)

    def again_if(self, condition: Value) -> None:
        """Go to the start of the loop if the condition holds."""
        self._function.go_if(condition, self._head)


class Function:
    """One function being written.

    Args:
        module: where it goes.
        name: its symbol.
        result: LLVM type of its result.
        parameters: name to type.
        exported: whether it can be found by name from outside.
        inline: whether LLVM may copy it into its callers.
    """

    def __init__(
        self,
        module: Module,
        name: str,
        result: str,
        parameters: dict[str, str],
        exported: bool,
        inline: bool,
    ) -> None:
        self._module = module
        self._result = result
        self._count = 0
        self._lines: list[str] = []
        self._slots: list[str] = []
        self._open = True
        self._else: tuple[int, str] | None = None
        self.parameters = {name: Value(self, t, f"%{name}") for name, t in parameters.items()}
        listed = ", ".join(f"{t} %{name}" for name, t in parameters.items())
        linkage = "" if exported else "internal "
        self._head = f"define {linkage}{result} @{name}({listed}) #{int(inline)}"

    def text(self) -> str:
        """The function as LLVM IR."""
        rest = ["  unreachable"] if self._open else []
        body = "\n".join(["entry:", *self._slots, *self._lines, *rest])
        return f"{self._head} {{\n{body}\n}}\n"

    def line(self, text: str) -> None:
        """Add one instruction."""
        assert self._open, f"behind a jump: {text}"
        self._else = None
        self._lines.append("  " + text)

    def assign(self, type_: str, text: str) -> Value:
        """Add one instruction that has a value."""
        self._count += 1
        name = f"%v{self._count}"
        self.line(f"{name} = {text}")
        return Value(self, type_, name)

    def value(self, value: Value | int, type_: str = "i64") -> Value:
        """A value as it is; a number as a constant."""
        if isinstance(value, Value):
            return value
        return Value(self, type_, "null" if type_ == "ptr" else str(int(value)))

    def variable(self, initial: Value | int, type_: str = "i64") -> Variable:
        """A new variable with a first value."""
        made = Variable(self.room(_ALIGN[type_]), type_)
        made.set(initial)
        return made

    def room(self, nbytes: int) -> Value:
        """Bytes on the stack, aligned for any number."""
        self._count += 1
        name = f"%v{self._count}"
        self._slots.append(f"  {name} = alloca [{nbytes} x i8], align 16")
        return Value(self, "ptr", name)

    def call(self, result: str, callee: Value | str, *arguments: Value) -> Value:
        """Call a function by name or through a pointer."""
        listed = ", ".join(f"{a.type} {a.text}" for a in arguments)
        target = f"@{callee}" if isinstance(callee, str) else callee.text
        if result == "void":
            self.line(f"call void {target}({listed})")
            return Value(self, "void", "")
        return self.assign(result, f"call {result} {target}({listed})")

    def intrinsic(self, result: str, name: str, *arguments: Value) -> Value:
        """Call an intrinsic of LLVM."""
        types = ", ".join(a.type for a in arguments)
        self._module.declare(f"declare {result} @{name}({types})")
        return self.call(result, name, *arguments)

    def function_address(self, name: str) -> Value:
        """Pointer to another function of the module."""
        return Value(self, "ptr", f"@{name}")

    def give(self, value: Value | int) -> None:
        """Return a value."""
        made = self.value(value, self._result)
        self.line(f"ret {made.type} {made.text}")
        self._open = False

    def finish(self) -> None:
        """Return from a function without a result."""
        self.line("ret void")
        self._open = False

    def label(self, kind: str) -> str:
        """A new name for a block."""
        self._count += 1
        return f"{kind}{self._count}"

    def start(self, label: str) -> None:
        """Start a block; the one before falls through into it."""
        if self._open:
            self.go(label)
        self._lines.append(f"{label}:")
        self._open = True

    def go(self, label: str) -> None:
        """Jump."""
        self.line(f"br label %{label}")
        self._open = False

    def close(self, label: str) -> None:
        """Jump, unless the block has ended already."""
        if self._open:
            self.go(label)

    def go_if(self, condition: Value, label: str) -> None:
        """Jump if a condition holds, go on if not."""
        after = self.label("on")
        self.line(f"br i1 {condition.text}, label %{label}, label %{after}")
        self._open = False
        self.start(after)

    def switch(self, value: Value, default: str, cases: Sequence[tuple[int, str]]) -> None:
        """Jump by the value of an i64."""
        listed = " ".join(f"i64 {number}, label %{label}" for number, label in cases)
        self.line(f"switch i64 {value.text}, label %{default} [ {listed} ]")
        self._open = False

    @contextmanager
    def if_(self, condition: Value) -> Iterator[None]:
        """What is written inside runs if the condition holds."""
        yes, end = self.label("then"), self.label("end")
        self.line(f"br i1 {condition.text}, label %{yes}, label %{end}")
        mark = len(self._lines) - 1
        self._open = False
        self.start(yes)
        yield
        self.start(end)
        self._else = (mark, end)

    @contextmanager
    def otherwise(self) -> Iterator[None]:
        """What is written inside runs if the condition of the `if_` just before did not hold."""
        assert self._else is not None, "no `if_` just before"
        mark, end = self._else
        no = self.label("else")
        head, _, _ = self._lines[mark].rpartition(",")
        self._lines[mark] = f"{head}, label %{no}"
        self._lines.pop()
        self._open = False
        self.start(no)
        yield
        self.start(end)

    @contextmanager
    def loop(self) -> Iterator[Loop]:
        """What is written inside runs again and again, until it leaves the loop."""
        head, end = self.label("loop"), self.label("done")
        self.start(head)
        yield Loop(self, head, end)
        if self._open:
            self.go(head)
        self.start(end)

    @contextmanager
    def count(self, stop: Value, start: Value | int = 0) -> Iterator[Value]:
        """What is written inside runs once per number from `start` to before `stop`."""
        at = self.variable(start)
        with self.loop() as loop:
            i = at.get()
            loop.leave_if(i >= stop)
            yield i
            at.set(i + 1)


class Module:
    """A module of LLVM IR being written, without target triple and data layout."""

    def __init__(self) -> None:
        self._functions: list[Function] = []
        self._declared: dict[str, None] = {}

    def function(
        self,
        name: str,
        result: str,
        parameters: dict[str, str],
        *,
        exported: bool = False,
        inline: bool = False,
    ) -> Function:
        """Start a function."""
        made = Function(self, name, result, parameters, exported, inline)
        self._functions.append(made)
        return made

    def declare(self, text: str) -> None:
        """Declare an outside function once."""
        self._declared[text] = None

    def text(self) -> str:
        """The module as LLVM IR."""
        # Without "no-builtins" LLVM turns loops into calls of memcpy and memset, which not every
        # system's loader finds.
        parts = [*self._declared, *(f.text() for f in self._functions)]
        # And "optnone" makes compiling take a third of the time, calls a tenth longer.
        common = 'nounwind "no-builtins"'
        kinds = [
            f"attributes #0 = {{ noinline optnone {common} }}",
            f"attributes #1 = {{ alwaysinline {common} }}",
        ]
        return "\n".join([*parts, *kinds, ""])
