"""Indices and loads of a kernel, for one lane or several.

Along the lanes an index stands still, moves evenly, or has to be computed per lane; loads are
scalars, vectors or gathers accordingly.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.backends.cpu.assembler import (
    INT32,
    INT64,
    Assembler,
    Operand,
    memory_type,
    scalar_type,
    vector_type,
)
from functorch_lite.compile.index import Axis, Computed, Digit, Index
from functorch_lite.compile.kernel import Buffer, Loop, Value

__all__ = ["Lanes", "short"]

Dtype = np.dtype[Any]
SMALL_INT = 1 << 31
FARTHEST = 4


class Lanes:
    """What is known while the body of a loop is printed.

    Attributes:
        env: values that are computed.
        axes: the counters of the open loops.
        lane: the open lane loop, with ``width`` iterations at a time.
        tail: which lanes of it are inside the loop; None: all of them.
    """

    def __init__(self) -> None:
        self.a = Assembler()
        self.env: dict[Value, Operand] = {}
        self.axes: dict[Axis, str] = {}
        self.lane: Loop | None = None
        self.width = 1
        self.tail: Operand | None = None
        self.memo: list[dict[Any, Any]] = [{}]

    def varies(self, value: Value) -> bool:
        """Whether a value differs between the lanes."""
        return self.lane is not None and self.lane in value.deps

    # ------------------------------------------------------------------------------------- indices
    def lane_step(self, index: Index) -> int | None:
        """How far the index moves from lane to lane; None if it moves unevenly."""
        assert self.lane is not None
        axis = self.lane.axis
        step = 0
        for atom, coef in index.terms.items():
            if atom is axis:
                step = coef
            elif isinstance(atom, Computed):
                if self.varies(atom.value):
                    return None
            elif isinstance(atom, Digit) and self.moves(atom.base):
                return None
        return step

    def moves(self, base: Axis | Index) -> bool:
        """Whether the base of a digit varies along the lanes."""
        if isinstance(base, Axis):
            return self.lane is not None and base is self.lane.axis
        return self.lane_step(base) != 0

    def scalar_index(self, index: Index) -> Operand:
        """An index as an i64; that of the first lane if it moves evenly."""
        for memo in reversed(self.memo):
            if index in memo:
                found: Operand = memo[index]
                return found
        total: Operand | None = None
        for atom, coef in index.terms.items():
            term = self.scalar_atom(atom)
            if coef != 1:
                term = self.a.define(f"mul nsw i64 {term.text}, {coef}", INT64, 1)
            total = term if total is None else self.a.define(
                f"add nsw i64 {total.text}, {term.text}", INT64, 1
            )  # fmt: skip
        if total is None:
            return Operand(str(index.const), INT64, 1)
        if index.const:
            total = self.a.define(f"add nsw i64 {total.text}, {index.const}", INT64, 1)
        self.memo[-1][index] = total
        return total

    def scalar_atom(self, atom: Any) -> Operand:
        """One term as an i64."""
        if isinstance(atom, Axis):
            return Operand(self.axes[atom], INT64, 1)
        if isinstance(atom, Computed):
            return self.env[atom.value]
        base = atom.base
        x = self.scalar_index(base if isinstance(base, Index) else Index.of(base)).text
        if atom.div != 1:
            x = self.a.define(f"udiv i64 {x}, {atom.div}", INT64, 1).text
        if atom.mod:
            x = self.a.define(f"urem i64 {x}, {atom.mod}", INT64, 1).text
        return Operand(x, INT64, 1)

    def vector_index(self, index: Index) -> Operand:
        """An index in every lane, as i32 where that is wide enough."""
        dtype = INT32 if fits(index) else INT64
        return self.vector_part(index, dtype)

    def vector_part(self, index: Index, dtype: Dtype) -> Operand:
        a, w = self.a, self.width
        assert self.lane is not None
        step = self.lane_step(index)
        if step is not None:
            base = self.scalar_index(index)
            if dtype == INT32:
                base = a.convert("trunc", base, INT32) if base.text[0] == "%" else Operand(
                    base.text, INT32, 1
                )  # fmt: skip
            if w == 1:
                return base
            wide = a.spread(base, w)
            if not step:
                return wide
            kind = scalar_type(dtype)
            ramp = ", ".join(f"{kind} {i * step}" for i in range(w))
            return a.add(wide, Operand(f"<{ramp}>", dtype, w))
        total = a.constant(index.const, dtype, w)
        for atom, coef in index.terms.items():
            term = self.vector_atom(atom, dtype)
            if coef != 1:
                term = a.mul(term, a.constant(coef, dtype, w))
            total = a.add(total, term)
        return total

    def vector_atom(self, atom: Any, dtype: Dtype) -> Operand:
        """One term in every lane."""
        a, w = self.a, self.width
        if isinstance(atom, Axis):
            return self.vector_part(Index.of(atom), dtype)
        if isinstance(atom, Computed):
            x = a.spread(self.env[atom.value], w)
            return a.convert("trunc", x, INT32) if dtype == INT32 else x
        base = atom.base if isinstance(atom.base, Index) else Index.of(atom.base)
        x = self.vector_part(base, dtype)
        if atom.div != 1:
            x = a.binary("udiv", x, a.constant(atom.div, dtype, w))
        if atom.mod:
            x = a.binary("urem", x, a.constant(atom.mod, dtype, w))
        return x

    # --------------------------------------------------------------------------------------- loads
    def address(self, buffer: Buffer, index: Operand) -> str:
        """A pointer to an element."""
        kind = memory_type(buffer.dtype)
        text = f"getelementptr {kind}, ptr %p.{buffer.name}, i64 {index.text}"
        return self.a.define(text, INT64, 1).text

    def addresses(self, buffer: Buffer, index: Index) -> Operand:
        """Pointers to an element per lane."""
        places = self.vector_index(index)
        kind, w = memory_type(buffer.dtype), self.width
        of = vector_type(scalar_type(places.dtype), w)
        text = f"getelementptr {kind}, ptr %p.{buffer.name}, {of} {places.text}"
        return self.a.define(text, INT64, w)

    def load(self, v: Value) -> Operand:
        """A load of any kind."""
        buffer, index, *fill = v.attrs
        a, kind, align = self.a, memory_type(v.dtype), v.dtype.itemsize
        mask = self.env[v.args[0]] if v.args else None
        other = a.constant(np.frombuffer(fill[0], v.dtype)[0], v.dtype) if fill else None
        if not self.varies(v) or self.width == 1:
            place = self.scalar_index(index)
            if mask is not None:
                place = a.select(mask, place, Operand("0", INT64, 1))
            text = f"load {kind}, ptr {self.address(buffer, place)}, align {align}"
            found = a.from_memory(a.define(text, v.dtype, 1).text, v.dtype, 1)
            if mask is None:
                return found
            assert other is not None
            return a.select(mask, found, other)
        w = self.width
        wide = vector_type(kind, w)
        step = self.lane_step(index)
        if step == 0 and mask is None:
            text = f"load {kind}, ptr {self.address(buffer, self.scalar_index(index))}"
            return a.from_memory(a.define(f"{text}, align {align}", v.dtype, 1).text, v.dtype, 1)
        masks = self.masks(mask)
        if step == 1:
            at = self.address(buffer, self.scalar_index(index))
            if masks is None:
                raw = a.define(f"load {wide}, ptr {at}, align {align}", v.dtype, w).text
            else:
                raw = self.masked_load(buffer.dtype, at, masks)
        elif step == -1 and masks is None:
            raw = self.reversed_load(buffer, index)
        elif step is not None and 2 <= step <= FARTHEST and masks is None:
            raw = self.spaced_load(buffer, index, step)
        else:
            raw = self.gather(buffer, index, masks)
        found = a.from_memory(raw, v.dtype, w)
        return found if masks is None or other is None else self.filled(found, mask, other)

    def masks(self, mask: Operand | None) -> str | None:
        """Which lanes access memory; None for all."""
        both = mask if self.tail is None else self.tail
        if mask is not None and self.tail is not None:
            both = self.a.logical_and(mask, self.tail)
        return None if both is None else self.a.spread(both, self.width).text

    def filled(self, found: Operand, mask: Operand | None, other: Operand) -> Operand:
        """A masked load's lanes with the fill where the mask is false; loads leave zeros."""
        if other.text in ("0", "0x0000000000000000", "false"):
            return found
        assert mask is not None
        return self.a.select(mask, found, other)

    def masked_load(self, dtype: Dtype, at: str, mask: str) -> str:
        """Consecutive elements, zero where the mask is false."""
        kind, w = memory_type(dtype), self.width
        wide = vector_type(kind, w)
        name = f"llvm.masked.load.v{w}{short(kind)}.p0"
        self.a.declared[name] = f"declare {wide} @{name}(ptr, i32, <{w} x i1>, {wide})"
        text = (
            f"call {wide} @{name}(ptr {at}, i32 {dtype.itemsize}, <{w} x i1> {mask}, "
            f"{wide} zeroinitializer)"
        )
        return self.a.define(text, dtype, w).text

    def reversed_load(self, buffer: Buffer, index: Index) -> str:
        """Consecutive elements in reverse order."""
        dtype, w, a = buffer.dtype, self.width, self.a
        wide = vector_type(memory_type(dtype), w)
        low = a.define(f"sub i64 {self.scalar_index(index).text}, {w - 1}", INT64, 1)
        raw = a.define(
            f"load {wide}, ptr {self.address(buffer, low)}, align {dtype.itemsize}", dtype, w
        ).text
        order = ", ".join(f"i32 {w - 1 - i}" for i in range(w))
        return a.define(
            f"shufflevector {wide} {raw}, {wide} poison, <{w} x i32> <{order}>", dtype, w
        ).text

    def spaced_load(self, buffer: Buffer, index: Index, step: int) -> str:
        """Every ``step``-th of consecutive elements; cheaper than a gather of few steps."""
        dtype, w, a = buffer.dtype, self.width, self.a
        count = step * (w - 1) + 1
        wide = vector_type(memory_type(dtype), count)
        at = self.address(buffer, self.scalar_index(index))
        raw = a.define(f"load {wide}, ptr {at}, align {dtype.itemsize}", dtype, count).text
        order = ", ".join(f"i32 {step * i}" for i in range(w))
        return a.define(
            f"shufflevector {wide} {raw}, {wide} poison, <{w} x i32> <{order}>", dtype, w
        ).text

    def gather(self, buffer: Buffer, index: Index, mask: str | None) -> str:
        """Elements from anywhere."""
        kind, w = memory_type(buffer.dtype), self.width
        wide = vector_type(kind, w)
        places = self.addresses(buffer, index)
        name = f"llvm.masked.gather.v{w}{short(kind)}.v{w}p0"
        self.a.declared[name] = f"declare {wide} @{name}(<{w} x ptr>, i32, <{w} x i1>, {wide})"
        text = (
            f"call {wide} @{name}(<{w} x ptr> {places.text}, i32 {buffer.dtype.itemsize}, "
            f"<{w} x i1> {mask or 'splat (i1 true)'}, {wide} zeroinitializer)"
        )
        return self.a.define(text, buffer.dtype, w).text


def short(kind: str) -> str:
    """An LLVM type as it is written in names of intrinsics."""
    return {"float": "f32", "double": "f64", "half": "f16"}.get(kind, kind)


def fits(index: Index) -> bool:
    """Whether an index and all that it is made of fit into 31 bits."""
    if not (-SMALL_INT < index.lo and index.hi < SMALL_INT):
        return False
    for atom, coef in index.terms.items():
        reach = max(abs(atom.lo), abs(atom.hi)) * abs(coef)
        if reach >= SMALL_INT or abs(coef) >= SMALL_INT:
            return False
        if isinstance(atom, Digit) and isinstance(atom.base, Index) and not fits(atom.base):
            return False
        if isinstance(atom, Digit) and atom.base.hi >= SMALL_INT:
            return False
    return True
