"""The kernel language: loops, loads, stores, scalar ops and reductions over flat buffers.

A kernel is one nest of loops over scalars. Nothing in it is a vector: a loop of kind ``lane`` may
be run several iterations at a time, and a printer decides how many. A loop of kind ``grid`` runs
over a range that the caller gives, so that threads can share it. Buffers are dense arrays,
addressed by the row-major position; every index is known to stay inside its buffer, or the access
has a mask.

:class:`Builder` places each value in the outermost loop in which it can be computed and computes
equal values once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from functorch_lite.compile.index import Axis, Computed, Index
from functorch_lite.core.aval import short_dtype

__all__ = [
    "WHOLE",
    "Accumulator",
    "Buffer",
    "Builder",
    "Kernel",
    "Leave",
    "Loop",
    "Result",
    "Store",
    "Unplannable",
    "Update",
    "Value",
]

Dtype = np.dtype[Any]
WHOLE = 64
"""Shared lane loops whose length, like the caller's ranges, is a multiple of this have no tail."""
NOWHERE: frozenset[Loop] = frozenset()


class Unplannable(Exception):
    """A graph that no compiled program can run; it says why."""


@dataclasses.dataclass(eq=False, slots=True)
class Buffer:
    """A dense array that a kernel reads or writes.

    Attributes:
        name: how the kernel calls it.
        dtype: of its elements.
        size: number of elements.
        role: ``in``, ``out``, or ``local`` for a scratch row that lives while the kernel runs.
    """

    name: str
    dtype: Dtype
    size: int
    role: str


class Value:
    """A scalar: ``op`` applied to values.

    Attributes:
        op: the name of an elementwise op, or ``const``, ``index``, ``load``, ``result``.
        attrs: what the op needs beside operands, hashable.
        deps: the loops that it varies with.
    """

    __slots__ = ("args", "attrs", "deps", "dtype", "name", "op")

    def __init__(
        self, op: str, args: tuple[Value, ...], dtype: Dtype, attrs: Any, deps: frozenset[Loop]
    ) -> None:
        self.op, self.args, self.dtype, self.attrs, self.deps = op, args, dtype, attrs, deps
        self.name = ""

    def __repr__(self) -> str:
        return self.name or f"<{self.op}>"


class Loop:
    """A counted loop.

    Attributes:
        axis: its variable and its number of iterations.
        kind: ``grid`` (the caller's range), ``lane`` (independent, or combined by accumulators
            only), or ``serial``.
        shared: whether the caller's range applies to it; a flat kernel's only loop is a lane that
            is shared.
        limit: where given, an index that bounds the number of iterations at run time.
    """

    __slots__ = ("axis", "body", "kind", "limit", "shared")

    def __init__(self, axis: Axis, kind: str, shared: bool, limit: Index | None = None) -> None:
        self.axis, self.kind, self.shared, self.limit = axis, kind, shared, limit
        self.body: list[Statement] = []


@dataclasses.dataclass(eq=False, slots=True)
class Store:
    """``buffer[index] = value``, where ``mask`` holds if there is one."""

    buffer: Buffer
    index: Index
    value: Value
    mask: Value | None = None


@dataclasses.dataclass(eq=False, slots=True)
class Accumulator:
    """A running reduction; as a statement, its declaration.

    Attributes:
        op: ``add``, ``mul``, ``maximum``, ``minimum``, ``bitwise_and``, ``bitwise_or``; or
            ``assign``, which keeps the latest value, for loops that run in order.
        init: the identity, a Python number.
        over: the loops that it reduces over.
    """

    op: str
    dtype: Dtype
    init: Any
    over: frozenset[Loop]
    name: str = ""


@dataclasses.dataclass(eq=False, slots=True)
class Update:
    """``accumulator = op(accumulator, value)``."""

    accumulator: Accumulator
    value: Value


@dataclasses.dataclass(eq=False, slots=True)
class Result:
    """Make the value of an accumulator available, after its loops."""

    accumulator: Accumulator
    value: Value


@dataclasses.dataclass(eq=False, slots=True)
class Leave:
    """Leave the innermost loop, which is serial, unless the value holds."""

    unless: Value


Statement = Value | Loop | Store | Accumulator | Update | Result | Leave


@dataclasses.dataclass(eq=False)
class Kernel:
    """A nest of loops over buffers.

    Attributes:
        buffers: those of the caller, in the order of its arguments.
        locals: scratch rows.
        body: statements.
        extent: the number of iterations of the shared loop, 1 if there is none.
        label: what it computes, for people.
    """

    buffers: list[Buffer]
    locals: list[Buffer]
    body: list[Statement]
    extent: int
    label: str = ""
    _text: str = ""

    @property
    def text(self) -> str:
        """The kernel as text; equal kernels have equal text."""
        if not self._text:
            self._text = _print(self)
        return self._text

    def release(self) -> None:
        """Forget everything but the text; loops and the values in them refer to each other."""
        self._text = self.text
        _clear(self.body)


def _clear(body: list[Statement]) -> None:
    for s in body:
        if isinstance(s, Loop):
            _clear(s.body)
    body.clear()


class Builder:
    """Writes a kernel, statement by statement, in the loops that are open."""

    def __init__(self) -> None:
        self.buffers: list[Buffer] = []
        self.locals: list[Buffer] = []
        self.body: list[Statement] = []
        self.open: list[Loop] = []
        self.loop_of: dict[Axis, Loop] = {}
        self._memo: list[dict[Any, Value]] = [{}]
        self.extent = 1

    # ------------------------------------------------------------------------------------ buffers
    def buffer(self, dtype: Dtype, size: int, role: str) -> Buffer:
        """A new buffer."""
        kind = self.locals if role == "local" else self.buffers
        found = Buffer(f"{'s' if role == 'local' else 'b'}{len(kind)}", dtype, size, role)
        kind.append(found)
        return found

    # -------------------------------------------------------------------------------------- loops
    def enter(
        self, axis: Axis, kind: str, shared: bool = False, limit: Index | None = None
    ) -> Loop:
        """Open a loop inside those that are open."""
        loop = Loop(axis, kind, shared, limit)
        if shared:
            self.extent = axis.extent
        self.open.append(loop)
        self.loop_of[axis] = loop
        self._memo.append({})
        return loop

    def leave(self) -> None:
        """Close the innermost loop."""
        loop = self.open.pop()
        self._memo.pop()
        del self.loop_of[loop.axis]
        (self.open[-1].body if self.open else self.body).append(loop)

    def _add(self, deps: frozenset[Loop], statement: Statement) -> int:
        """Write a statement in the innermost loop of ``deps``; returns its depth."""
        for depth in range(len(self.open), 0, -1):
            if self.open[depth - 1] in deps:
                self.open[depth - 1].body.append(statement)
                return depth
        self.body.append(statement)
        return 0

    # ------------------------------------------------------------------------------------- values
    def value(
        self, op: str, args: tuple[Value, ...], dtype: Dtype, attrs: Any = None,
        deps: frozenset[Loop] = NOWHERE,
    ) -> Value:  # fmt: skip
        """``op`` of values, computed where they are."""
        for arg in args:
            if arg.deps is not deps:
                deps = deps | arg.deps if deps else arg.deps
        key = (op, args, dtype, attrs)
        depth = next((d for d in range(len(self.open), 0, -1) if self.open[d - 1] in deps), 0)
        found = self._memo[depth].get(key)
        if found is None:
            found = self._memo[depth][key] = Value(op, args, dtype, attrs, deps)
            (self.open[depth - 1].body if depth else self.body).append(found)
        return found

    def const(self, value: Any, dtype: Dtype) -> Value:
        """A constant, given as a NumPy scalar's bytes so that NaN and -0.0 are themselves."""
        return self.value("const", (), dtype, np.array(value, dtype).tobytes())

    def deps_of(self, index: Index) -> frozenset[Loop]:
        """The loops that an index varies with."""
        deps: set[Loop] = set()
        for atom in index.atoms():
            if isinstance(atom, Axis):
                loop = self.loop_of.get(atom)
                if loop is not None:
                    deps.add(loop)
            elif isinstance(atom, Computed):
                deps |= atom.value.deps
        return frozenset(deps)

    def index(self, index: Index, dtype: Dtype) -> Value:
        """An index as a number."""
        return self.value("index", (), dtype, index, self.deps_of(index))

    def load(
        self, buffer: Buffer, index: Index, mask: Value | None = None, other: Any = 0
    ) -> Value:
        """``buffer[index]``, or ``other`` where the mask is false."""
        deps = self.deps_of(index)
        if mask is None:
            return self.value("load", (), buffer.dtype, (buffer, index), deps)
        fill = np.array(other, buffer.dtype).tobytes()
        return self.value("load", (mask,), buffer.dtype, (buffer, index, fill), deps)

    def fresh_load(self, buffer: Buffer, index: Index) -> Value:
        """``buffer[index]`` as it is now, of a buffer that the kernel also writes."""
        value = Value("load", (), buffer.dtype, (buffer, index), frozenset(self.open))
        self.open[-1].body.append(value)
        return value

    # --------------------------------------------------------------------------------- statements
    def store(self, buffer: Buffer, index: Index, value: Value, mask: Value | None = None) -> None:
        """Write an element."""
        deps = self.deps_of(index) | value.deps | (mask.deps if mask else NOWHERE)
        self._add(deps, Store(buffer, index, value, mask))

    def accumulator(self, op: str, dtype: Dtype, init: Any) -> Accumulator:
        """Declare an accumulator in the innermost open loop; loops opened next are reduced."""
        found = Accumulator(op, dtype, init, NOWHERE)
        (self.open[-1].body if self.open else self.body).append(found)
        return found

    def update(self, accumulator: Accumulator, value: Value) -> None:
        """Combine a value into an accumulator, in the innermost open loop."""
        (self.open[-1].body if self.open else self.body).append(Update(accumulator, value))

    def leave_unless(self, value: Value) -> None:
        """Leave the innermost open loop here unless ``value`` holds."""
        self.open[-1].body.append(Leave(value))

    def peek(self, accumulator: Accumulator) -> Value:
        """The accumulator's value at this moment, in the innermost open loop."""
        value = Value("peek", (), accumulator.dtype, accumulator, frozenset(self.open))
        self.open[-1].body.append(value)
        return value

    def result(self, accumulator: Accumulator, over: Sequence[Loop]) -> Value:
        """The accumulator's value, after its loops are closed."""
        accumulator.over = frozenset(over)
        value = Value("result", (), accumulator.dtype, accumulator, frozenset(self.open))
        body = self.open[-1].body if self.open else self.body
        body.append(Result(accumulator, value))
        return value

    def kernel(self, label: str) -> Kernel:
        """The finished kernel."""
        return Kernel(self.buffers, self.locals, self.body, self.extent, label)


# ---------------------------------------------------------------------------------------- printing
def _print(kernel: Kernel) -> str:
    buffers = ", ".join(
        f"{b.role} {b.name}: {short_dtype(b.dtype)}[{b.size}]" for b in kernel.buffers
    )
    lines = [f"kernel({buffers})"]
    lines += [f"  local {b.name}: {short_dtype(b.dtype)}[{b.size}]" for b in kernel.locals]
    names = _Names()
    _print_body(kernel.body, "  ", lines, names)
    return "\n".join(lines)


class _Names:
    def __init__(self) -> None:
        self.values = 0
        self.loops = 0
        self.accumulators = 0


def _print_body(body: list[Statement], pad: str, lines: list[str], names: _Names) -> None:
    for s in body:
        if isinstance(s, Value):
            s.name = f"v{names.values}"
            names.values += 1
            lines.append(f"{pad}{s.name}: {short_dtype(s.dtype)} = {_expression(s)}")
        elif isinstance(s, Loop):
            s.axis.name = f"i{names.loops}"
            names.loops += 1
            head = f"{'shared ' if s.shared else ''}{s.kind} {s.axis.name} < "
            size = str(s.axis.extent)
            if s.shared and s.kind == "lane":  # one text for all lengths
                size = f"{WHOLE} * n" if s.axis.extent % WHOLE == 0 else "n"
            head += size if s.limit is None else f"min({size}, {s.limit!r})"
            lines.append(f"{pad}for {head}:")
            _print_body(s.body, pad + "  ", lines, names)
        elif isinstance(s, Store):
            where = f" where {s.mask}" if s.mask else ""
            lines.append(f"{pad}{s.buffer.name}[{s.index!r}] = {s.value}{where}")
        elif isinstance(s, Accumulator):
            s.name = f"a{names.accumulators}"
            names.accumulators += 1
            lines.append(f"{pad}{s.name}: {short_dtype(s.dtype)} = {s.op} from {s.init!r}")
        elif isinstance(s, Update):
            lines.append(f"{pad}{s.accumulator.name} <- {s.accumulator.op} {s.value}")
        elif isinstance(s, Leave):
            lines.append(f"{pad}leave unless {s.unless}")
        else:
            s.value.name = f"v{names.values}"
            names.values += 1
            lines.append(
                f"{pad}{s.value.name}: {short_dtype(s.value.dtype)} = {s.accumulator.name}"
            )


def _expression(v: Value) -> str:
    if v.op == "const":
        return repr(np.frombuffer(v.attrs, v.dtype)[0])
    if v.op == "peek":
        return v.attrs.name
    if v.op == "index":
        return f"index {v.attrs!r}"
    if v.op == "load":
        buffer, index, *fill = v.attrs
        text = f"{buffer.name}[{index!r}]"
        if fill:
            text += f" where {v.args[0]} else {np.frombuffer(fill[0], v.dtype)[0]!r}"
        return text
    inner = ", ".join(a.name for a in v.args)
    return f"{v.op}({inner})" + (f" {v.attrs!r}" if v.attrs is not None else "")
