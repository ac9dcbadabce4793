"""LLVM instructions on scalars and vectors, with types kept by NumPy dtype and width.

An operand of a 16-bit float dtype is a ``float`` that is already rounded to it.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from functorch_lite.core.dtypes import bfloat16, float16, float32, float64, is_float

__all__ = ["BOOL", "INT32", "INT64", "Assembler", "Operand"]

Dtype = np.dtype[Any]
BOOL, INT32, INT64 = np.dtype(np.bool_), np.dtype(np.int32), np.dtype(np.int64)


class Operand:
    """A name or constant with its dtype and its number of lanes."""

    __slots__ = ("dtype", "text", "width")

    def __init__(self, text: str, dtype: Dtype, width: int) -> None:
        self.text, self.dtype, self.width = text, dtype, width

    def __repr__(self) -> str:
        return f"{self.text}: {self.dtype}x{self.width}"


def scalar_type(dtype: Dtype) -> str:
    """The LLVM type of a value in a register."""
    if dtype == float64:
        return "double"
    if is_float(dtype):
        return "float"
    return "i1" if dtype.kind == "b" else f"i{8 * dtype.itemsize}"


def memory_type(dtype: Dtype) -> str:
    """The LLVM type of a value in memory."""
    if dtype == float16:
        return "half"
    if dtype.kind == "b":
        return "i8"
    return "i16" if dtype == bfloat16 else scalar_type(dtype)


def vector_type(scalar: str, width: int) -> str:
    """A type of ``width`` lanes."""
    return scalar if width == 1 else f"<{width} x {scalar}>"


def number(value: Any, dtype: Dtype) -> str:
    """A scalar constant."""
    if dtype.kind == "b":
        return "true" if value else "false"
    if is_float(dtype):
        wide = float(np.asarray(value, dtype if dtype.itemsize >= 4 else float32))
        return "0x" + struct.pack(">d", wide).hex().upper()
    return str(int(value))


class Assembler:
    """Appends instructions to a list of lines; also the builder of the maths functions.

    Attributes:
        lines: the text so far.
        declared: intrinsics in use, by name.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.declared: dict[str, str] = {}
        self.count = 0

    # ------------------------------------------------------------------------------------ basics
    def fresh(self) -> str:
        """A new name."""
        self.count += 1
        return f"%t{self.count}"

    def line(self, text: str) -> None:
        """An instruction without result."""
        self.lines.append("  " + text)

    def define(self, text: str, dtype: Dtype, width: int) -> Operand:
        """An instruction with a result."""
        name = self.fresh()
        self.lines.append(f"  {name} = {text}")
        return Operand(name, dtype, width)

    def type(self, x: Operand) -> str:
        """The LLVM type of an operand."""
        return vector_type(scalar_type(x.dtype), x.width)

    def constant(self, value: Any, dtype: Dtype, width: int = 1) -> Operand:
        """A constant, the same in all lanes."""
        text = number(value, dtype)
        if width > 1:
            text = f"splat ({scalar_type(dtype)} {text})"
        return Operand(text, dtype, width)

    def spread(self, x: Operand, width: int) -> Operand:
        """A scalar in all lanes."""
        if x.width == width:
            return x
        kind = scalar_type(x.dtype)
        if not x.text.startswith("%"):
            return Operand(f"splat ({kind} {x.text})", x.dtype, width)
        wide = vector_type(kind, width)
        one = self.define(f"insertelement {wide} poison, {kind} {x.text}, i64 0", x.dtype, width)
        return self.define(
            f"shufflevector {wide} {one.text}, {wide} poison, <{width} x i32> zeroinitializer",
            x.dtype, width,
        )  # fmt: skip

    def joined(self, *xs: Operand) -> tuple[Operand, ...]:
        """Operands of one width."""
        width = max(x.width for x in xs)
        return tuple([x if x.width == width else self.spread(x, width) for x in xs])

    def binary(self, code: str, x: Operand, y: Operand, dtype: Dtype | None = None) -> Operand:
        """A two-operand instruction."""
        x, y = self.joined(x, y)
        return self.define(f"{code} {self.type(x)} {x.text}, {y.text}", dtype or x.dtype, x.width)

    def convert(self, code: str, x: Operand, dtype: Dtype) -> Operand:
        """A conversion."""
        to = vector_type(scalar_type(dtype), x.width)
        return self.define(f"{code} {self.type(x)} {x.text} to {to}", dtype, x.width)

    def intrinsic(self, name: str, *xs: Operand, extra: str = "", flags: str = "") -> Operand:
        """A call of ``llvm.name`` that is overloaded on its operands' type."""
        xs = self.joined(*xs)
        kind = self.type(xs[0])
        short = {"float": "f32", "double": "f64"}.get(scalar_type(xs[0].dtype)) or scalar_type(
            xs[0].dtype
        )
        full = f"llvm.{name}.{short if xs[0].width == 1 else f'v{xs[0].width}{short}'}"
        given = ", ".join([kind] * len(xs) + (["i1"] if extra else []))
        self.declared[full] = f"declare {kind} @{full}({given})"
        args = ", ".join(f"{kind} {x.text}" for x in xs) + (f", {extra}" if extra else "")
        return self.define(f"call {flags}{kind} @{full}({args})", xs[0].dtype, xs[0].width)

    # ---------------------------------------------------------------------- the maths' builder
    def dtype(self, x: Operand) -> Dtype:
        """The dtype of a float."""
        return float64 if x.dtype == float64 else float32

    def const(self, like: Operand, value: float) -> Operand:
        """A float constant."""
        return self.constant(value, self.dtype(like), like.width)

    def int_const(self, like: Operand, value: int) -> Operand:
        """An integer constant as wide as a float."""
        bits = 64 if like.dtype in (float64, INT64) else 32
        value &= (1 << bits) - 1
        value -= (1 << bits) if value >> (bits - 1) else 0
        return self.constant(value, INT64 if bits == 64 else INT32, like.width)

    def _op(self, name: str, x: Operand, y: Operand) -> Operand:
        return self.binary(f"f{name}" if is_float(x.dtype) else name, x, y)

    def add(self, x: Operand, y: Operand) -> Operand:
        """Sum."""
        return self._op("add", x, y)

    def sub(self, x: Operand, y: Operand) -> Operand:
        """Difference."""
        return self._op("sub", x, y)

    def mul(self, x: Operand, y: Operand) -> Operand:
        """Product."""
        return self._op("mul", x, y)

    def div(self, x: Operand, y: Operand) -> Operand:
        """Quotient of floats."""
        return self.binary("fdiv", x, y)

    def fma(self, x: Operand, y: Operand, z: Operand) -> Operand:
        """``x * y + z``, rounded once."""
        return self.intrinsic("fma", x, y, z)

    def neg(self, x: Operand) -> Operand:
        """Change of sign."""
        if is_float(x.dtype):
            return self.define(f"fneg {self.type(x)} {x.text}", x.dtype, x.width)
        return self.binary("sub", self.constant(0, x.dtype, x.width), x)

    def abs(self, x: Operand) -> Operand:
        """Magnitude of a float."""
        return self.intrinsic("fabs", x)

    def sqrt(self, x: Operand) -> Operand:
        """Square root."""
        return self.intrinsic("sqrt", x)

    def floor(self, x: Operand) -> Operand:
        """Round down."""
        return self.intrinsic("floor", x)

    def rint(self, x: Operand) -> Operand:
        """Round to nearest, halves to even."""
        return self.intrinsic("roundeven", x)

    def trunc(self, x: Operand) -> Operand:
        """Round towards zero."""
        return self.intrinsic("trunc", x)

    def copysign(self, x: Operand, y: Operand) -> Operand:
        """Magnitude of x, sign of y."""
        return self.intrinsic("copysign", x, y)

    def compare(self, code: str, x: Operand, y: Operand) -> Operand:
        """A comparison."""
        return self.binary(code, x, y, BOOL)

    def lt(self, x: Operand, y: Operand) -> Operand:
        """x < y."""
        return self.compare("fcmp olt", x, y)

    def le(self, x: Operand, y: Operand) -> Operand:
        """x <= y."""
        return self.compare("fcmp ole", x, y)

    def gt(self, x: Operand, y: Operand) -> Operand:
        """x > y."""
        return self.compare("fcmp ogt", x, y)

    def ge(self, x: Operand, y: Operand) -> Operand:
        """x >= y."""
        return self.compare("fcmp oge", x, y)

    def eq(self, x: Operand, y: Operand) -> Operand:
        """x == y."""
        return self.compare("fcmp oeq" if is_float(x.dtype) else "icmp eq", x, y)

    def ne(self, x: Operand, y: Operand) -> Operand:
        """x != y or NaN."""
        return self.compare("fcmp une" if is_float(x.dtype) else "icmp ne", x, y)

    def logical_and(self, x: Operand, y: Operand) -> Operand:
        """Both."""
        return self.binary("and", x, y)

    def logical_or(self, x: Operand, y: Operand) -> Operand:
        """Either."""
        return self.binary("or", x, y)

    def logical_not(self, x: Operand) -> Operand:
        """Not."""
        return self.binary("xor", x, self.constant(True, BOOL, x.width))

    def select(self, c: Operand, x: Operand, y: Operand) -> Operand:
        """x where c, else y."""
        width = max(c.width, x.width, y.width)
        c = self.spread(c, width)
        x, y = self.spread(x, width), self.spread(y, width)
        kind, of = self.type(x), vector_type("i1", width)
        return self.define(
            f"select {of} {c.text}, {kind} {x.text}, {kind} {y.text}", x.dtype, width
        )

    def bit_and(self, x: Operand, y: Operand) -> Operand:
        """Bitwise and."""
        return self.binary("and", x, y)

    def bit_or(self, x: Operand, y: Operand) -> Operand:
        """Bitwise or."""
        return self.binary("or", x, y)

    def bit_xor(self, x: Operand, y: Operand) -> Operand:
        """Bitwise exclusive or."""
        return self.binary("xor", x, y)

    def shl(self, x: Operand, y: Operand) -> Operand:
        """Shift left."""
        return self.binary("shl", x, y)

    def shr(self, x: Operand, y: Operand) -> Operand:
        """Shift right, with sign."""
        return self.binary("ashr", x, y)

    def lshr(self, x: Operand, y: Operand) -> Operand:
        """Shift right, with zeros."""
        return self.binary("lshr", x, y)

    def bitcast_int(self, x: Operand) -> Operand:
        """A float's bits."""
        return self.convert("bitcast", x, INT64 if x.dtype == float64 else INT32)

    def bitcast_float(self, i: Operand, like: Operand) -> Operand:
        """A float from bits."""
        return self.convert("bitcast", i, self.dtype(like))

    def to_int(self, x: Operand) -> Operand:
        """Truncate to an integer of the same width."""
        made = self.convert("fptosi", x, INT64 if x.dtype == float64 else INT32)
        return self.define(f"freeze {self.type(made)} {made.text}", made.dtype, made.width)

    def saturate(self, x: Operand, dtype: Dtype) -> Operand:
        """A float as an integer: NaN as 0, what lies outside as the nearest that there is."""
        info = np.iinfo(dtype)
        low, beyond = self.const(x, info.min), self.const(x, 2.0 ** (info.bits - (info.min < 0)))
        # LLVM's own saturating conversions go element by element.
        above, below = self.ge(x, low), self.lt(x, beyond)
        inside = self.select(below, self.select(above, x, low), low)
        wide = dtype if dtype.itemsize >= 4 else INT32
        made = self.convert("fptoui" if wide.kind == "u" else "fptosi", inside, wide)
        made = self.select(below, made, self.constant(info.max, wide, x.width))
        made = self.select(self.compare("fcmp ord", x, x), made, self.constant(0, wide, x.width))
        return made if wide == dtype else self.convert("trunc", made, dtype)

    def to_float(self, i: Operand, like: Operand) -> Operand:
        """A signed integer as a float."""
        return self.convert("sitofp", i, self.dtype(like))

    def widen(self, x: Operand) -> Operand:
        """float32 to float64."""
        return self.convert("fpext", x, float64)

    def narrow(self, x: Operand) -> Operand:
        """float64 to float32."""
        return self.convert("fptrunc", x, float32)

    # ------------------------------------------------------------------------------- 16-bit floats
    def rounded(self, x: Operand, dtype: Dtype) -> Operand:
        """A float32 rounded to a 16-bit float dtype."""
        if dtype == float16:
            half = vector_type("half", x.width)
            low = self.define(f"fptrunc {self.type(x)} {x.text} to {half}", dtype, x.width)
            kind = vector_type("float", x.width)
            return self.define(f"fpext {half} {low.text} to {kind}", dtype, x.width)
        bits = self.shl(self.bfloat_bits(x), self.constant(16, INT32, x.width))
        made = self.convert("bitcast", bits, float32)
        return Operand(made.text, dtype, x.width)

    def bfloat_bits(self, x: Operand) -> Operand:
        """The upper 16 bits, as an int32, of a float32 rounded to bfloat16."""
        wide = Operand(x.text, float32, x.width)
        bits = self.convert("bitcast", wide, INT32)
        c = lambda value: self.constant(value, INT32, x.width)  # noqa: E731
        odd = self.bit_and(self.lshr(bits, c(16)), c(1))
        near = self.lshr(self.add(self.add(bits, c(0x7FFF)), odd), c(16))
        quiet = self.bit_or(self.lshr(bits, c(16)), c(0x40))
        return self.select(self.ne(wide, wide), quiet, near)

    def from_memory(self, text: str, dtype: Dtype, width: int) -> Operand:
        """A loaded value as an operand."""
        kind = vector_type(memory_type(dtype), width)
        if dtype == float16:
            to = vector_type("float", width)
            return self.define(f"fpext {kind} {text} to {to}", dtype, width)
        if dtype == bfloat16:
            wide = self.define(f"zext {kind} {text} to {vector_type('i32', width)}", INT32, width)
            high = self.shl(wide, self.constant(16, INT32, width))
            return Operand(self.convert("bitcast", high, float32).text, dtype, width)
        if dtype.kind == "b":
            return self.define(f"trunc {kind} {text} to {vector_type('i1', width)}", dtype, width)
        return Operand(text, dtype, width)

    def to_memory(self, x: Operand) -> str:
        """An operand as it is stored."""
        kind = vector_type(memory_type(x.dtype), x.width)
        if x.dtype == float16:
            return self.define(f"fptrunc {self.type(x)} {x.text} to {kind}", x.dtype, x.width).text
        if x.dtype == bfloat16:
            bits = self.bfloat_bits(x)
            return self.define(
                f"trunc {self.type(bits)} {bits.text} to {kind}", x.dtype, x.width
            ).text
        if x.dtype.kind == "b":
            return self.define(f"zext {self.type(x)} {x.text} to {kind}", x.dtype, x.width).text
        return x.text
