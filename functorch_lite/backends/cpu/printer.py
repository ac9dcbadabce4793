"""Kernels as LLVM IR.

A lane loop becomes a loop over vectors and a tail: where the number of iterations is known, the
tail is one vector of what remains; where the caller decides, a scalar loop. Values that do not vary
along the lanes stay scalars.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import Any

import numpy as np

from functorch_lite.backends.cpu import scalars
from functorch_lite.backends.cpu.assembler import (
    INT32,
    INT64,
    Operand,
    memory_type,
    scalar_type,
    vector_type,
)
from functorch_lite.backends.cpu.lanes import Lanes, short
from functorch_lite.backends.cpu.maths import FUNCTIONS
from functorch_lite.compile.kernel import (
    WHOLE,
    Accumulator,
    Kernel,
    Leave,
    Loop,
    Result,
    Statement,
    Store,
    Update,
    Value,
)
from functorch_lite.core.dtypes import float32, float64, is_float

__all__ = ["kernel_name", "print_kernel"]

Dtype = np.dtype[Any]
SMALL_INT = 1 << 31
_HEAVY = 20
LIGHT = 12
"""Loops with at most so many vector values run two vectors an iteration."""


def kernel_name(kernel: Kernel, vector_bytes: int) -> str:
    """A name that equal kernels share."""
    text = f"{FORMAT} {vector_bytes} {kernel.text}"
    return "k" + hashlib.sha256(text.encode()).hexdigest()[:24]


FORMAT = 3


def print_kernel(kernel: Kernel, vector_bytes: int) -> str:
    """The LLVM module of one kernel, ``void name(ptr args, i64 begin, i64 end)``."""
    return _Printer(kernel, vector_bytes).module(kernel_name(kernel, vector_bytes))


class _Running:
    """Where an accumulator lives: one slot, or one per width for lanes that are combined later."""

    __slots__ = ("slots",)

    def __init__(self) -> None:
        self.slots: dict[int, str] = {}


class _Printer(Lanes):
    def __init__(self, kernel: Kernel, vector_bytes: int) -> None:
        super().__init__()
        self.kernel = kernel
        self.vector_bytes = vector_bytes
        self.allocas: list[str] = []
        self.running: dict[Accumulator, _Running] = {}
        self.blocks = 0
        self.uses = _uses(kernel.body)
        self.lane_loops = [s for s in _loops(kernel.body) if s.kind == "lane"]
        self.widths = {id(loop): self.choose_width(loop) for loop in self.lane_loops}

    # -------------------------------------------------------------------------------------- module
    def module(self, name: str) -> str:
        """The text."""
        self.body(self.kernel.body)
        head = [f"define void @{name}(ptr noalias %args, i64 %begin, i64 %end) {{", "entry:"]
        for i, buffer in enumerate(self.kernel.buffers):
            at = f"getelementptr inbounds ptr, ptr %args, i64 {i}"
            head.append(f"  %a.{buffer.name} = {at}")
            head.append(f"  %p.{buffer.name} = load ptr, ptr %a.{buffer.name}, align 8")
        for buffer in self.kernel.locals:
            kind = f"[{max(buffer.size, 1)} x {memory_type(buffer.dtype)}]"
            head.append(f"  %p.{buffer.name} = alloca {kind}, align 64")
        lines = [*head, *self.allocas, *self.a.lines, "  ret void", "}"]
        declares = list(self.a.declared.values())
        return "\n".join([*declares, "", *lines, ""])

    def choose_width(self, loop: Loop) -> int:
        """How many iterations run at a time: a register of the dtype that most work is in."""
        weights = {4: 1, 8: 0}
        count = 0
        reduces = False
        for s in _statements(loop.body):
            size = 0
            if isinstance(s, Value) and loop in s.deps:
                count += s.op not in ("const", "index")
                if s.op == "load" or is_float(s.dtype):
                    size = s.dtype.itemsize
                elif s.op == "threefry2x32":
                    size = 4
                weight = _HEAVY if s.op in FUNCTIONS or s.op == "threefry2x32" else 1
            elif isinstance(s, Store):
                size, weight = s.buffer.dtype.itemsize, 1
            elif isinstance(s, Update):
                reduces = True
            if size:
                weights[8 if size == 8 else 4] += weight
        width = max(1, self.vector_bytes // (8 if weights[8] > weights[4] else 4))
        if count <= LIGHT:
            width *= 4 if reduces else 2
        elif reduces and count <= 3 * LIGHT:
            width *= 2
        n = loop.axis.extent
        if not loop.shared and loop.limit is None:
            while width > 1 and width > 2 * n:
                width //= 2
        return width

    # -------------------------------------------------------------------------------------- blocks
    def label(self, name: str) -> str:
        """A new block name."""
        self.blocks += 1
        return f"{name}{self.blocks}"

    def start(self, label: str) -> None:
        """Begin a block."""
        self.a.lines.append(f"{label}:")

    def body(self, statements: list[Statement]) -> None:
        """All statements of a loop's body."""
        for s in statements:
            if isinstance(s, Value):
                self.env[s] = self.value(s)
            elif isinstance(s, Loop):
                self.loop(s)
            elif isinstance(s, Store):
                self.store(s)
            elif isinstance(s, Accumulator):
                self.declare(s)
            elif isinstance(s, Update):
                self.update(s)
            elif isinstance(s, Leave):
                more = self.label("more")
                self.a.line(f"br i1 {self.env[s.unless].text}, label %{more}, label %{self.after}")
                self.start(more)
            else:
                self.result(s)

    def loop(self, loop: Loop) -> None:
        """A loop of any kind."""
        if loop.kind == "lane":
            self.lane_loop(loop)
        elif loop.shared:
            self.counted(loop, "%begin", "%end", 1, 1)
        elif loop.axis.extent == 1:
            self.once(loop, "0")
        elif loop.axis.extent > 1:
            self.counted(loop, "0", self.limit(loop), 1, 1)

    def limit(self, loop: Loop) -> str:
        """The number of iterations."""
        if loop.limit is None:
            return str(loop.axis.extent)
        a, b = self.scalar_index(loop.limit), Operand(str(loop.axis.extent), INT64, 1)
        return self.a.intrinsic("smin", a, b).text

    def lane_loop(self, loop: Loop) -> None:
        """A loop over vectors and its tail."""
        self.lane = loop
        width = self.widths[id(loop)]
        if loop.shared and (loop.axis.extent % WHOLE == 0 or self.vector_bytes == 64):
            self.counted(loop, "%begin", "%end", width, width, loop.axis.extent % WHOLE != 0)
        elif loop.shared or loop.limit is not None:
            low, high = ("%begin", "%end") if loop.shared else ("0", self.limit(loop))
            span = self.a.define(f"sub i64 {high}, {low}", INT64, 1).text
            whole = self.a.define(f"and i64 {span}, {-width}", INT64, 1).text
            middle = self.a.define(f"add i64 {low}, {whole}", INT64, 1).text
            self.counted(loop, low, middle, width, width)
            if width > 1:
                self.counted(loop, middle, high, 1, 1)
        else:
            n = loop.axis.extent
            vectors = n // width * width
            if vectors == width:
                self.once(loop, "0", width)
            elif vectors:
                self.counted(loop, "0", str(vectors), width, width)
            if n > vectors:
                self.once(loop, str(vectors), n - vectors)
        self.lane = None
        self.width = 1

    def once(self, loop: Loop, at: str, width: int | None = None) -> None:
        """One iteration, without a loop."""
        if width is not None:
            self.width = width
        self.axes[loop.axis] = at
        self.memo.append({})
        self.body(loop.body)
        self.memo.pop()

    def counted(
        self, loop: Loop, low: str, high: str, step: int, width: int, masked: bool = False
    ) -> None:
        """A loop from ``low`` to ``high``; the lanes beyond its end are switched off if masked."""
        head, inner, after = self.label("head"), self.label("body"), self.label("after")
        before = self.label("before")
        a = self.a
        a.line(f"br label %{before}")
        self.start(before)
        a.line(f"br label %{head}")
        self.start(head)
        i, following, more = f"%i.{head}", f"%n.{head}", f"%c.{head}"
        latch = f"latch.{head}"
        a.line(f"{i} = phi i64 [ {low}, %{before} ], [ {following}, %{latch} ]")
        a.line(f"{more} = icmp slt i64 {i}, {high}")
        a.line(f"br i1 {more}, label %{inner}, label %{after}")
        self.start(inner)
        if loop.kind == "lane":
            self.width = width
        self.axes[loop.axis] = i
        self.memo.append({})
        self.after = after
        if masked and width > 1:
            ramp = Operand(f"<{', '.join(f'i64 {k}' for k in range(width))}>", INT64, width)
            left = a.define(f"sub i64 {high}, {i}", INT64, 1)
            self.tail = a.compare("icmp slt", ramp, left)
        self.body(loop.body)
        if masked:
            self.tail = None
        self.memo.pop()
        a.line(f"br label %{latch}")
        self.start(latch)
        a.line(f"{following} = add nsw i64 {i}, {step}")
        a.line(f"br label %{head}")
        self.start(after)

    # -------------------------------------------------------------------------------------- values
    def value(self, v: Value) -> Operand:
        """Emit a value."""
        if v.op == "const":
            return self.a.constant(np.frombuffer(v.attrs, v.dtype)[0], v.dtype)
        if v.op == "load":
            return self.load(v)
        if v.op == "index":
            index = self.vector_index(v.attrs) if self.varies(v) else self.scalar_index(v.attrs)
            if index.dtype == INT32 and v.dtype != INT64:
                pass
            elif index.dtype == INT32:
                index = self.a.convert("sext", index, INT64)
            return scalars.apply(self.a, "cast", [index], v.dtype, None)
        if v.op == "peek":
            return self.read(v.attrs, self.width if self.lane else 1)
        args = [self.env[x] for x in v.args]
        return scalars.apply(self.a, v.op, args, v.dtype, v.attrs)

    # -------------------------------------------------------------------------------------- stores
    def store(self, s: Store) -> None:
        """A store of any kind."""
        a, buffer = self.a, s.buffer
        value = self.env[s.value]
        kind, align = memory_type(buffer.dtype), buffer.dtype.itemsize
        lane = self.lane is not None and self.width > 1
        mask = None if s.mask is None else self.env[s.mask]
        if not lane:
            if mask is not None:
                self.guarded_store(s, value, mask)
                return
            raw = a.to_memory(value)
            at = self.address(buffer, self.scalar_index(s.index))
            a.line(f"store {kind} {raw}, ptr {at}, align {align}")
            return
        w = self.width
        wide = vector_type(kind, w)
        raw = a.to_memory(a.spread(value, w))
        step = self.lane_step(s.index)
        masks = self.masks(mask) or "splat (i1 true)"
        if step == 1:
            at = self.address(buffer, self.scalar_index(s.index))
            if mask is None and self.tail is None:
                a.line(f"store {wide} {raw}, ptr {at}, align {align}")
                return
            name = f"llvm.masked.store.v{w}{short(kind)}.p0"
            a.declared[name] = f"declare void @{name}({wide}, ptr, i32, <{w} x i1>)"
            a.line(f"call void @{name}({wide} {raw}, ptr {at}, i32 {align}, <{w} x i1> {masks})")
            return
        places = self.addresses(buffer, s.index)
        name = f"llvm.masked.scatter.v{w}{short(kind)}.v{w}p0"
        a.declared[name] = f"declare void @{name}({wide}, <{w} x ptr>, i32, <{w} x i1>)"
        a.line(
            f"call void @{name}({wide} {raw}, <{w} x ptr> {places.text}, i32 {align}, "
            f"<{w} x i1> {masks})"
        )

    def guarded_store(self, s: Store, value: Operand, mask: Operand) -> None:
        """A scalar store behind a branch."""
        a, buffer = self.a, s.buffer
        yes, after = self.label("yes"), self.label("after")
        a.line(f"br i1 {mask.text}, label %{yes}, label %{after}")
        self.start(yes)
        self.memo.append({})
        raw = a.to_memory(value)
        at = self.address(buffer, self.scalar_index(s.index))
        kind, align = memory_type(buffer.dtype), buffer.dtype.itemsize
        a.line(f"store {kind} {raw}, ptr {at}, align {align}")
        self.memo.pop()
        a.line(f"br label %{after}")
        self.start(after)

    # -------------------------------------------------------------------------------- accumulators
    def combined(self, accumulator: Accumulator) -> Loop | None:
        """The lane loop that an accumulator reduces over."""
        return next((loop for loop in accumulator.over if loop.kind == "lane"), None)

    def declare(self, s: Accumulator) -> None:
        """Make room and fill it with the identity."""
        running = self.running[s] = _Running()
        loop = self.combined(s)
        if loop is None:
            self.slot(s, running, self.width if self.lane else 1)
            return
        width, n = self.widths[id(loop)], loop.axis.extent
        if loop.limit is not None:
            for w in {width, 1}:
                self.slot(s, running, w)
            return
        if n >= width:
            self.slot(s, running, width)
        if n % width:
            self.slot(s, running, n % width)

    def slot(self, s: Accumulator, running: _Running, width: int) -> None:
        """An accumulator's storage for one width."""
        kind = vector_type(scalar_type(s.dtype), width)
        name = f"%acc{len(self.allocas)}"
        self.allocas.append(f"  {name} = alloca {kind}, align 64")
        running.slots[width] = name
        start = self.a.constant(s.init, s.dtype, width)
        self.a.line(f"store {kind} {start.text}, ptr {name}, align 64")

    def read(self, s: Accumulator, width: int) -> Operand:
        """The accumulator's value so far."""
        slots = self.running[s].slots
        width = width if width in slots else 1
        kind = vector_type(scalar_type(s.dtype), width)
        return self.a.define(f"load {kind}, ptr {slots[width]}, align 64", s.dtype, width)

    def update(self, s: Update) -> None:
        """Combine a value into an accumulator."""
        acc = s.accumulator
        width = self.width if self.lane else 1
        slots = self.running[acc].slots
        width = width if width in slots else 1
        if acc.op == "add" and self.fuses(s.value):
            x, y = [self.a.spread(self.env[arg], width) for arg in s.value.args]
            value = self.a.fma(x, y, self.read(acc, width))
        else:
            value = self.a.spread(self.env[s.value], width)
            if acc.op != "assign":
                value = self.combine(acc, self.read(acc, width), value)
        kind = vector_type(scalar_type(acc.dtype), width)
        self.a.line(f"store {kind} {value.text}, ptr {slots[width]}, align 64")

    def fuses(self, value: Value) -> bool:
        """Whether a term is a product that nothing else sees, so that it need not be rounded.

        Only terms of sums: a value that two kernels compute must come out the same in both.
        """
        return value.op == "mul" and value.dtype in (float32, float64) and self.uses[value] == 1

    def combine(self, acc: Accumulator, left: Operand, right: Operand) -> Operand:
        """The reduction of two operands."""
        if acc.op in ("maximum", "minimum") and is_float(acc.dtype):
            # Of zeros of both signs, any: then it takes three instructions a vector.
            return self.a.intrinsic(acc.op, left, right, flags="nsz ")
        return scalars.apply(self.a, acc.op, [left, right], acc.dtype, None)

    def result(self, s: Result) -> None:
        """Take an accumulator's value."""
        acc = s.accumulator
        if self.combined(acc) is None:
            self.env[s.value] = self.read(acc, self.width if self.lane else 1)
            return
        total: Operand | None = None
        for width in sorted(self.running[acc].slots, reverse=True):
            part = self.across(acc, self.read(acc, width))
            total = part if total is None else self.combine(acc, total, part)
        if total is None:
            total = self.a.constant(acc.init, acc.dtype)
        self.env[s.value] = total

    def across(self, acc: Accumulator, x: Operand) -> Operand:
        """All lanes of a vector combined, halving it where its width is even."""
        while x.width > 1:
            w = x.width
            if w % 2:
                rest, last = self.part(x, 0, w - 1), self.part(x, w - 1, 1)
                return self.combine(acc, self.across(acc, rest), last)
            x = self.combine(acc, self.part(x, 0, w // 2), self.part(x, w // 2, w // 2))
        return x

    def part(self, x: Operand, begin: int, count: int) -> Operand:
        """Some consecutive lanes."""
        a, kind = self.a, self.a.type(x)
        if count == 1:
            return a.define(f"extractelement {kind} {x.text}, i64 {begin}", x.dtype, 1)
        order = ", ".join(f"i32 {begin + i}" for i in range(count))
        text = f"shufflevector {kind} {x.text}, {kind} poison, <{count} x i32> <{order}>"
        return a.define(text, x.dtype, count)


def _loops(body: list[Statement]) -> list[Loop]:
    found = []
    for s in body:
        if isinstance(s, Loop):
            found.append(s)
            found += _loops(s.body)
    return found


def _uses(body: list[Statement]) -> Counter[Value]:
    """How often each value is used."""
    found: Counter[Value] = Counter()
    for s in _statements(body):
        if isinstance(s, Value):
            found.update(s.args)
        elif isinstance(s, Update):
            found[s.value] += 1
        elif isinstance(s, Store):
            found.update([s.value] if s.mask is None else [s.value, s.mask])
        elif isinstance(s, Leave):
            found[s.unless] += 1
    return found


def _statements(body: list[Statement]) -> list[Statement]:
    found: list[Statement] = []
    for s in body:
        found.append(s)
        if isinstance(s, Loop):
            found += _statements(s.body)
    return found
