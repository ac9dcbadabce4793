"""The code of every scalar op, over operands of any width.

Integer semantics are NumPy's: arithmetic wraps, division by zero gives zero, shifts by the width or
more shift everything out. 16-bit floats compute in float32 and round after each op.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite.backends.cpu.assembler import (
    BOOL,
    INT64,
    Assembler,
    Operand,
)
from functorch_lite.backends.cpu.maths import FUNCTIONS
from functorch_lite.core.dtypes import float16, float32, float64, is_float, is_half

__all__ = ["apply"]

UINT64 = np.dtype(np.uint64)
Rule = Callable[[Assembler, list[Operand], Any, Any], Operand]


def apply(a: Assembler, name: str, args: list[Operand], dtype: Any, attrs: Any) -> Operand:
    """The result of an op."""
    if name in FUNCTIONS and is_float(dtype):
        made: Operand = FUNCTIONS[name](a, *[_plain(x) for x in a.joined(*args)])
    else:
        made = RULES[name](a, args, dtype, attrs)
    if made.dtype == dtype:
        return made
    if is_half(dtype):
        return a.rounded(made, dtype)
    return Operand(made.text, dtype, made.width)


def _plain(x: Operand) -> Operand:
    """A 16-bit float as the float32 that it is."""
    return Operand(x.text, float32, x.width) if is_half(x.dtype) else x


def _signed(dtype: Any) -> bool:
    return bool(dtype.kind == "i")


def _limits(dtype: Any) -> tuple[int, int]:
    info = np.iinfo(dtype)
    return int(info.min), int(info.max)


# -------------------------------------------------------------------------------------- arithmetic
def _arithmetic(code: str, on_bool: str) -> Rule:
    def rule(a: Assembler, args: list[Operand], dtype: Any, attrs: Any) -> Operand:
        x, y = args
        if dtype.kind == "b":
            return a.binary(on_bool, x, y)
        if is_float(dtype):
            return a.binary(f"f{code}", _plain(x), _plain(y))
        return a.binary(code, x, y)

    return rule


def _neg(a: Assembler, args: list[Operand], dtype: Any, attrs: Any) -> Operand:
    return a.neg(args[0])


def _safe_divisor(a: Assembler, x: Operand, y: Operand) -> tuple[Operand, Operand, Operand]:
    """Operands of one width, the divisor made harmless, and where it was zero."""
    x, y = a.joined(x, y)
    zero = a.eq(y, a.constant(0, y.dtype, y.width))
    bad = zero
    if _signed(x.dtype):
        low = a.eq(x, a.constant(_limits(x.dtype)[0], x.dtype, x.width))
        bad = a.logical_or(zero, a.logical_and(low, a.eq(y, a.constant(-1, y.dtype, y.width))))
    return x, a.select(bad, a.constant(1, y.dtype, y.width), y), zero


def _integer_division(kind: str) -> Rule:
    def rule(a: Assembler, args: list[Operand], dtype: Any, attrs: Any) -> Operand:
        x, y, zero = _safe_divisor(a, *args)
        nothing = a.constant(0, dtype, x.width)
        letter = "s" if _signed(dtype) else "u"
        if kind == "div" or not _signed(dtype) and kind == "floor_divide":
            return a.select(zero, nothing, a.binary(f"{letter}div", x, y))
        rest = a.binary(f"{letter}rem", x, y)
        if kind == "fmod" or not _signed(dtype):
            return a.select(zero, nothing, rest)
        crossed = a.logical_and(
            a.ne(rest, nothing),
            a.compare("icmp slt", a.bit_xor(rest, y), nothing),
        )
        if kind == "remainder":
            return a.select(zero, nothing, a.select(crossed, a.add(rest, y), rest))
        quotient = a.binary("sdiv", x, y)
        one = a.constant(1, dtype, x.width)
        return a.select(zero, nothing, a.select(crossed, a.sub(quotient, one), quotient))

    return rule


def _div(a: Assembler, args: list[Operand], dtype: Any, attrs: Any) -> Operand:
    if is_float(dtype):
        x, y = map(_plain, args)
        return a.binary("fdiv", x, y)
    return _integer_division("div")(a, args, dtype, attrs)


def _frem(a: Assembler, x: Operand, y: Operand) -> Operand:
    return a.binary("frem", x, y)


def _fmod(a: Assembler, args: list[Operand], dtype: Any, attrs: Any) -> Operand:
    if not is_float(dtype):
        return _integer_division("fmod")(a, args, dtype, attrs)
    return _frem(a, *map(_plain, args))


def _remainder(a: Assembler, args: list[Operand], dtype: Any, attrs: Any) -> Operand:
    if not is_float(dtype):
        return _integer_division("remainder")(a, args, dtype, attrs)
    x, y = a.joined(*map(_plain, args))
    zero = a.const(x, 0.0)
    rest = _frem(a, x, y)
    crossed = a.binary("xor", a.lt(y, zero), a.lt(rest, zero), BOOL)
    moved = a.select(crossed, a.add(rest, y), rest)
    return a.select(a.eq(rest, zero), a.copysign(zero, y), moved)


def _floor_divide(a: Assembler, args: list[Operand], dtype: Any, attrs: Any) -> Operand:
    if not is_float(dtype):
        return _integer_division("floor_divide")(a, args, dtype, attrs)
    x, y = a.joined(*map(_plain, args))
    zero, one = a.const(x, 0.0), a.const(x, 1.0)
    rest = _frem(a, x, y)
    ratio = a.div(a.sub(x, rest), y)
    crossed = a.binary("xor", a.lt(y, zero), a.lt(rest, zero), BOOL)
    crossed = a.logical_and(crossed, a.ne(rest, zero))
    ratio = a.select(crossed, a.sub(ratio, one), ratio)
    low = a.floor(ratio)
    low = a.select(a.gt(a.sub(ratio, low), a.const(x, 0.5)), a.add(low, one), low)
    whole = a.div(x, y)
    low = a.select(a.eq(ratio, zero), a.copysign(zero, whole), low)
    return a.select(a.eq(y, zero), whole, low)


def _square(a: Assembler, args: list[Operand], dtype: Any, attrs: Any) -> Operand:
    return RULES["mul"](a, [args[0], args[0]], dtype, attrs)


def _reciprocal(a: Assembler, args: list[Operand], dtype: Any, attrs: Any) -> Operand:
    x = _plain(args[0])
    return a.div(a.const(x, 1.0), x)


def _integer_pow(a: Assembler, args: list[Operand], dtype: Any, attrs: Any) -> Operand:
    x = _plain(args[0])
    n = abs(attrs[0])
    answer: Operand | None = None
    while n:
        if n & 1:
            answer = x if answer is None else a.mul(answer, x)
        n >>= 1
        if n:
            x = a.mul(x, x)
    if answer is None:
        return a.constant(1, x.dtype, x.width)
    return a.div(a.const(answer, 1.0), answer) if attrs[0] < 0 else answer


# ------------------------------------------------------------------------------- sign, rounding
def _sign(a: Assembler, args: list[Operand], dtype: Any, attrs: Any) -> Operand:
    x = _plain(args[0])
    zero = a.constant(0, x.dtype, x.width)
    one, minus = a.constant(1, x.dtype, x.width), a.constant(-1, x.dtype, x.width)
    if is_float(x.dtype):
        low = a.select(a.lt(x, zero), minus, a.select(a.eq(x, zero), zero, x))
        return a.select(a.gt(x, zero), one, low)
    if not _signed(x.dtype):
        return a.select(a.ne(x, zero), one, zero)
    low = a.select(a.compare("icmp slt", x, zero), minus, zero)
    return a.select(a.compare("icmp sgt", x, zero), one, low)


def _abs(a: Assembler, args: list[Operand], dtype: Any, attrs: Any) -> Operand:
    x = _plain(args[0])
    if is_float(x.dtype):
        return a.abs(x)
    return a.intrinsic("abs", x, extra="i1 false") if _signed(x.dtype) else x


def _rounding(name: str) -> Rule:
    return lambda a, args, dtype, attrs: a.intrinsic(name, _plain(args[0]))


def _copysign(a: Assembler, args: list[Operand], dtype: Any, attrs: Any) -> Operand:
    return a.copysign(*map(_plain, args))


def _extremum(greater: bool) -> Rule:
    def rule(a: Assembler, args: list[Operand], dtype: Any, attrs: Any) -> Operand:
        x, y = a.joined(*args)
        if is_float(dtype):
            first = a.compare("fcmp oge" if greater else "fcmp ole", x, y)
            return a.select(a.logical_or(first, a.compare("fcmp uno", x, x)), x, y)
        if dtype.kind == "b":
            return a.binary("or" if greater else "and", x, y)
        return a.intrinsic(f"{'s' if _signed(dtype) else 'u'}{'max' if greater else 'min'}", x, y)

    return rule


def _clamp(a: Assembler, args: list[Operand], dtype: Any, attrs: Any) -> Operand:
    low, x, high = args
    return RULES["minimum"](a, [RULES["maximum"](a, [low, x], dtype, None), high], dtype, None)


# ------------------------------------------------------------------------ comparisons and bits
def _comparison(ordered: str, integer: str) -> Rule:
    def rule(a: Assembler, args: list[Operand], dtype: Any, attrs: Any) -> Operand:
        x, y = args
        if is_float(x.dtype):
            return a.compare(f"fcmp {ordered}", x, y)
        letter = "" if integer in ("eq", "ne") else "s" if _signed(x.dtype) else "u"
        return a.compare(f"icmp {letter}{integer}", x, y)

    return rule


def _isnan(a: Assembler, args: list[Operand], dtype: Any, attrs: Any) -> Operand:
    return a.compare("fcmp uno", args[0], args[0])


def _isinf(a: Assembler, args: list[Operand], dtype: Any, attrs: Any) -> Operand:
    x = _plain(args[0])
    return a.eq(a.abs(x), a.const(x, float("inf")))


def _isfinite(a: Assembler, args: list[Operand], dtype: Any, attrs: Any) -> Operand:
    x = _plain(args[0])
    return a.lt(a.abs(x), a.const(x, float("inf")))


def _signbit(a: Assembler, args: list[Operand], dtype: Any, attrs: Any) -> Operand:
    bits = a.bitcast_int(_plain(args[0]))
    return a.compare("icmp slt", bits, a.constant(0, bits.dtype, bits.width))


def _not(a: Assembler, args: list[Operand], dtype: Any, attrs: Any) -> Operand:
    x = args[0]
    return a.binary("xor", x, a.constant(1 if dtype.kind == "b" else -1, dtype, x.width))


def _bits(code: str) -> Rule:
    return lambda a, args, dtype, attrs: a.binary(code, args[0], args[1])


def _shift(left: bool) -> Rule:
    def rule(a: Assembler, args: list[Operand], dtype: Any, attrs: Any) -> Operand:
        x, y = a.joined(*args)
        bits = 8 * dtype.itemsize
        inside = a.compare("icmp ult", y, a.constant(bits, dtype, y.width))
        if left or not _signed(dtype):
            by = a.select(inside, y, a.constant(0, dtype, y.width))
            moved = a.binary("shl" if left else "lshr", x, by)
            return a.select(inside, moved, a.constant(0, dtype, y.width))
        by = a.select(inside, y, a.constant(bits - 1, dtype, y.width))
        return a.binary("ashr", x, by)

    return rule


def _count(name: str, extra: str) -> Rule:
    return lambda a, args, dtype, attrs: a.intrinsic(name, args[0], extra=extra)


def _select(a: Assembler, args: list[Operand], dtype: Any, attrs: Any) -> Operand:
    return a.select(*args)


# --------------------------------------------------------------------------------- conversions
def _cast(a: Assembler, args: list[Operand], dtype: Any, attrs: Any) -> Operand:
    x = args[0]
    if x.dtype == dtype:
        return x
    if dtype.kind == "b":
        zero = a.constant(0, x.dtype, x.width)
        return a.compare("fcmp une" if is_float(x.dtype) else "icmp ne", x, zero)
    if is_float(x.dtype):
        return _float_to_float(a, x, dtype) if is_float(dtype) else _float_to_int(a, x, dtype)
    if is_float(dtype):
        code = "sitofp" if _signed(x.dtype) else "uitofp"
        return a.convert(code, x, float64 if dtype == float64 else float32)
    if x.dtype.kind == "b" or dtype.itemsize > x.dtype.itemsize:
        return a.convert("sext" if _signed(x.dtype) else "zext", x, dtype)
    if dtype.itemsize == x.dtype.itemsize:
        return Operand(x.text, dtype, x.width)
    return a.convert("trunc", x, dtype)


def _float_to_float(a: Assembler, x: Operand, dtype: Any) -> Operand:
    if x.dtype == float64:
        if dtype == float16:  # round to odd first, so that rounding twice is rounding once
            bits = a.bitcast_int(x)
            low = a.int_const(x, (1 << 29) - 1)
            lost = a.ne(a.bit_and(bits, low), a.int_const(x, 0))
            kept = a.bit_and(bits, a.int_const(x, ~((1 << 29) - 1)))
            odd = a.bit_or(kept, a.int_const(x, 1 << 29))
            x = a.bitcast_float(a.select(lost, odd, kept), x)
        return a.narrow(x)
    return a.widen(_plain(x)) if dtype == float64 else _plain(x)


def _float_to_int(a: Assembler, x: Operand, dtype: Any) -> Operand:
    return a.saturate(_plain(x), dtype)


def _bitcast(a: Assembler, args: list[Operand], dtype: Any, attrs: Any) -> Operand:
    x = args[0]
    if is_float(x.dtype) == is_float(dtype):
        return Operand(x.text, dtype, x.width)
    return a.convert("bitcast", x, dtype)


def _same(a: Assembler, args: list[Operand], dtype: Any, attrs: Any) -> Operand:
    return args[0]


# -------------------------------------------------------------------------------------- indices
def _clip_index(a: Assembler, args: list[Operand], dtype: Any, size: Any) -> Operand:
    """An integer of any dtype clamped to 0 … size - 1, as int64."""
    x = args[0]
    top = max(size - 1, 0)
    if not _signed(x.dtype):
        if top <= _limits(x.dtype)[1]:
            x = a.intrinsic("umin", x, a.constant(top, x.dtype, x.width))
        return _cast(a, [x], INT64, None)
    x = _cast(a, [x], INT64, None)
    x = a.intrinsic("smax", x, a.constant(0, INT64, x.width))
    return a.intrinsic("smin", x, a.constant(top, INT64, x.width))


def _in_range(a: Assembler, args: list[Operand], dtype: Any, size: Any) -> Operand:
    x = args[0]
    wide = UINT64 if x.dtype == UINT64 else INT64
    x = _cast(a, [x], wide, None)
    return a.compare("icmp ult", x, a.constant(size, wide, x.width))


# --------------------------------------------------------------------------------------- random
_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA


def _threefry(a: Assembler, args: list[Operand], dtype: Any, attrs: Any) -> Operand:
    k0, k1, c0, c1 = a.joined(*args)
    width, word = k0.width, k0.dtype

    def number(value: int) -> Operand:
        return a.constant(value, word, width)

    keys = (k0, k1, a.bit_xor(a.bit_xor(k0, k1), number(_PARITY)))
    x, y = a.add(c0, k0), a.add(c1, k1)
    for group in range(5):
        for distance in _ROTATIONS[group % 2]:
            x = a.add(x, y)
            y = a.intrinsic("fshl", y, y, number(distance))
            y = a.bit_xor(y, x)
        x = a.add(x, keys[(group + 1) % 3])
        y = a.add(y, a.add(keys[(group + 2) % 3], number(group + 1)))
    high = a.shl(a.convert("zext", x, UINT64), a.constant(32, UINT64, width))
    return a.bit_or(high, a.convert("zext", y, UINT64))


RULES: dict[str, Rule] = {
    "add": _arithmetic("add", "or"), "sub": _arithmetic("sub", "xor"),
    "mul": _arithmetic("mul", "and"), "neg": _neg, "div": _div, "fmod": _fmod,
    "remainder": _remainder, "floor_divide": _floor_divide, "square": _square,
    "reciprocal": _reciprocal, "integer_pow": _integer_pow,
    "sqrt": lambda a, args, dtype, attrs: a.sqrt(_plain(args[0])),
    "sign": _sign, "abs": _abs, "floor": _rounding("floor"), "ceil": _rounding("ceil"),
    "round": _rounding("roundeven"), "trunc": _rounding("trunc"), "copysign": _copysign,
    "maximum": _extremum(True), "minimum": _extremum(False), "clamp": _clamp,
    "eq": _comparison("oeq", "eq"), "ne": _comparison("une", "ne"), "lt": _comparison("olt", "lt"),
    "le": _comparison("ole", "le"), "gt": _comparison("ogt", "gt"), "ge": _comparison("oge", "ge"),
    "isnan": _isnan, "isinf": _isinf, "isfinite": _isfinite, "signbit": _signbit,
    "bitwise_not": _not, "bitwise_and": _bits("and"), "bitwise_or": _bits("or"),
    "bitwise_xor": _bits("xor"), "shift_left": _shift(True), "shift_right": _shift(False),
    "population_count": _count("ctpop", ""), "clz": _count("ctlz", "i1 false"),
    "select": _select, "cast": _cast, "bitcast": _bitcast, "conj": _same, "stop_gradient": _same,
    "clip_index": _clip_index, "in_range": _in_range, "threefry2x32": _threefry,
}  # fmt: skip
