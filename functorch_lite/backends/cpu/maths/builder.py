"""What the maths functions ask of the code generator that they are written against."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

Value = Any  # an opaque value of the builder: a vector of floats, of integers or of truth values


class Builder(Protocol):
    """Primitive operations on floats (float32, float64), integers of the same width, and bools.

    Each float operation rounds once, to nearest even, and keeps subnormal numbers. A builder must
    emit it exactly as asked: no reassociation, no contraction of ``mul`` and ``add``, no assumption
    that NaN, infinities or negative zero do not occur. The sequences rely on it, for instance to
    round by adding and subtracting a large constant. Integers wrap.
    """

    def dtype(self, x: Value) -> np.dtype[Any]:
        """The dtype of a float value: float32 or float64."""

    def const(self, like: Value, number: float) -> Value:
        """A float constant, rounded to the dtype of ``like``; may be NaN or infinite."""

    def int_const(self, like: Value, number: int) -> Value:
        """An integer constant as wide as the float ``like``, taken modulo 2**width."""

    def add(self, x: Value, y: Value) -> Value: ...
    def sub(self, x: Value, y: Value) -> Value: ...
    def mul(self, x: Value, y: Value) -> Value: ...
    def div(self, x: Value, y: Value) -> Value: ...

    def fma(self, x: Value, y: Value, z: Value) -> Value:
        """``x * y + z`` rounded once."""

    def neg(self, x: Value) -> Value: ...
    def abs(self, x: Value) -> Value: ...
    def sqrt(self, x: Value) -> Value: ...
    def floor(self, x: Value) -> Value: ...

    def rint(self, x: Value) -> Value:
        """The nearest integer as a float, halves to even."""

    def trunc(self, x: Value) -> Value: ...

    def copysign(self, x: Value, y: Value) -> Value:
        """The magnitude of ``x`` with the sign bit of ``y``."""

    # Ordered comparisons of floats: False where an operand is NaN.
    def lt(self, x: Value, y: Value) -> Value: ...
    def le(self, x: Value, y: Value) -> Value: ...
    def gt(self, x: Value, y: Value) -> Value: ...
    def ge(self, x: Value, y: Value) -> Value: ...
    def eq(self, x: Value, y: Value) -> Value: ...

    def ne(self, x: Value, y: Value) -> Value:
        """Not equal: True where an operand is NaN."""

    def logical_and(self, x: Value, y: Value) -> Value: ...
    def logical_or(self, x: Value, y: Value) -> Value: ...
    def logical_not(self, x: Value) -> Value: ...

    def select(self, c: Value, x: Value, y: Value) -> Value:
        """``x`` where ``c`` holds, else ``y``."""

    def bit_and(self, x: Value, y: Value) -> Value: ...
    def bit_or(self, x: Value, y: Value) -> Value: ...
    def bit_xor(self, x: Value, y: Value) -> Value: ...
    def shl(self, x: Value, y: Value) -> Value: ...

    def shr(self, x: Value, y: Value) -> Value:
        """Shift right, copies of the sign bit entering."""

    def lshr(self, x: Value, y: Value) -> Value:
        """Shift right, zeros entering."""

    def bitcast_int(self, x: Value) -> Value:
        """The bits of a float as an integer of its width."""

    def bitcast_float(self, i: Value, like: Value) -> Value:
        """The float of the dtype of ``like`` that has the bits ``i``."""

    def to_int(self, x: Value) -> Value:
        """A float truncated to an integer of its width; undefined out of range and for NaN."""

    def to_float(self, i: Value, like: Value) -> Value:
        """A signed integer rounded to the dtype of ``like``."""

    def widen(self, x: Value) -> Value:
        """float32 to float64."""

    def narrow(self, x: Value) -> Value:
        """float64 to float32, rounded."""
