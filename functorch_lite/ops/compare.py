"""Comparisons, logic, bits and selection, element by element."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.core.op import Op
from functorch_lite.ops.families import NOT_DIFFERENTIABLE, elementwise, zeros_like

_XY = ("x", "y")
_PLANE = ((-3.0, 3.0), (-3.0, 3.0))


def _comparison(name: str, ufunc: Any, kinds: str, symbol: str) -> Any:
    return elementwise(
        name, ufunc, NOT_DIFFERENTIABLE, operands=_XY, result="bool", kinds=kinds, domain=_PLANE,
        code="{0} " + symbol + " {1}",
    )  # fmt: skip


def _predicate(name: str, ufunc: Any, kinds: str) -> Any:
    return elementwise(
        name, ufunc, NOT_DIFFERENTIABLE, result="bool", kinds=kinds, code=name + "({0})"
    )


eq = _comparison("eq", np.equal, "bifc", "==")
ne = _comparison("ne", np.not_equal, "bifc", "!=")
lt = _comparison("lt", np.less, "bif", "<")
le = _comparison("le", np.less_equal, "bif", "<=")
gt = _comparison("gt", np.greater, "bif", ">")
ge = _comparison("ge", np.greater_equal, "bif", ">=")

isfinite = _predicate("isfinite", np.isfinite, "fc")
isnan = _predicate("isnan", np.isnan, "fc")
isinf = _predicate("isinf", np.isinf, "fc")
signbit = _predicate("signbit", np.signbit, "f")


# -------------------------------------------------------------------------------------------- bits
def _bits(name: str, ufunc: Any, kinds: str, symbol: str) -> Any:
    return elementwise(
        name, ufunc, NOT_DIFFERENTIABLE, operands=_XY, kinds=kinds, domain=_PLANE,
        code="{0} " + symbol + " {1}",
    )  # fmt: skip


bitwise_not = elementwise("bitwise_not", np.invert, NOT_DIFFERENTIABLE, kinds="bi", code="~{0}")
bitwise_and = _bits("bitwise_and", np.bitwise_and, "bi", "&")
bitwise_or = _bits("bitwise_or", np.bitwise_or, "bi", "|")
bitwise_xor = _bits("bitwise_xor", np.bitwise_xor, "bi", "^")
# Shifting by the width or more (or by a negative count) shifts every bit out, as NumPy does.
shift_left = _bits("shift_left", np.left_shift, "i", "<<")
shift_right = _bits("shift_right", np.right_shift, "i", ">>")


def _unsigned(x: Any) -> Any:
    return x.view(np.dtype(f"u{x.dtype.itemsize}"))


def _population_count(xp: Any, x: Any) -> Any:
    # NumPy counts the bits of |x|; the bits of the two's complement are meant here.
    return xp.bitwise_count(_unsigned(x)).astype(x.dtype)


def _clz(xp: Any, x: Any) -> Any:
    bits = 8 * x.dtype.itemsize
    filled = _unsigned(x)
    step = 1
    while step < bits:
        filled = filled | (filled >> filled.dtype.type(step))
        step *= 2
    return (bits - xp.bitwise_count(filled)).astype(x.dtype)


population_count = elementwise(
    "population_count", _population_count, NOT_DIFFERENTIABLE, kinds="i", code="popcount({0})"
)
clz = elementwise("clz", _clz, NOT_DIFFERENTIABLE, kinds="i", code="clz({0})")


# --------------------------------------------------------------------------------------- selection
def _select(xp: Any, cond: Any, x: Any, y: Any) -> Any:
    return xp.where(cond, x, y)


select: Op = elementwise(
    "select",
    _select,
    (
        None,
        lambda t, cond: select(cond, t, zeros_like(t)),
        lambda t, cond: select(cond, zeros_like(t), t),
    ),
    operands=("cond", "x", "y"),
    same=(1, 2),
    first="b",
    kinds="bifc",
    domain=((0.0, 1.0), (-3.0, 3.0), (-3.0, 3.0)),
    code="{0} ? {1} : {2}",
)
