"""What elementwise ops give at NaN, infinities, zeros of both signs and huge numbers.

One scalar function per op, from Python's ``math`` (C99, annex F) and from first principles;
Python's exceptions stand for the NaN or infinity that C99 asks for. It shares nothing with NumPy's
loops.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

INF, NAN = math.inf, math.nan
VALUES = (
    0.0, -0.0, INF, -INF, NAN, 1.0, -1.0, 0.5, -0.5, 1.5, -1.5, 2.0, -2.0, 2.5, -3.0, 7.0,
    1e-300, -1e-300, 1e300, -1e300, 5e-324, 1e-9, -1e-9, 100.0, -100.0, 1000.0, -1000.0,
)  # fmt: skip


def _safe(fn: Callable[..., float]) -> Callable[..., float]:
    """``fn`` with a domain error as NaN, and an overflow as infinity."""

    def scalar(*xs: float) -> float:
        if any(math.isnan(x) for x in xs):
            return NAN
        try:
            return fn(*xs)
        except OverflowError:
            return INF
        except (ValueError, ZeroDivisionError):
            return NAN

    return scalar


def _odd(fn: Callable[[float], float]) -> Callable[[float], float]:
    """An odd function that overflows with the sign of its operand."""

    def scalar(x: float) -> float:
        return x if math.isnan(x) else math.copysign(_safe(fn)(abs(x)), x)

    return scalar


def _with_pole(fn: Callable[[float], float], at: float, value: float) -> Callable[[float], float]:
    return lambda x: value if x == at else _safe(fn)(x)


def divide(x: float, y: float) -> float:
    """IEEE 754 division."""
    if math.isnan(x) or math.isnan(y) or (x == 0 == y) or (math.isinf(x) and math.isinf(y)):
        return NAN
    if y == 0:
        return math.copysign(INF, x) * math.copysign(1.0, y)
    return x / y


def _power(x: float, y: float) -> float:
    if y == 0 or x == 1:
        return 1.0
    if math.isnan(x) or math.isnan(y):
        return NAN
    odd = math.isfinite(y) and y == math.floor(y) and y % 2 == 1
    sign = math.copysign(1.0, x) if odd else 1.0
    if x == 0 and y < 0:
        return sign * INF
    try:
        return math.pow(x, y)
    except OverflowError:
        return sign * INF
    except ValueError:
        return NAN


def _extremum(better: Callable[[float, float], bool]) -> Callable[[float, float], float]:
    def scalar(x: float, y: float) -> float:
        return NAN if math.isnan(x) or math.isnan(y) else x if better(x, y) else y

    return scalar


def _logaddexp(x: float, y: float) -> float:
    if math.isnan(x) or math.isnan(y):
        return NAN
    high, low = max(x, y), min(x, y)
    return high if math.isinf(high) else high + math.log1p(math.exp(low - high))


def _sign(x: float) -> float:
    # Zero of either sign has sign 0.0, as in NumPy.
    return 0.0 if x == 0 else x if math.isnan(x) else math.copysign(1.0, x)


def _rounded(fn: Callable[[float], float]) -> Callable[[float], float]:
    def scalar(x: float) -> float:
        return x if math.isinf(x) or math.isnan(x) else math.copysign(float(abs(fn(x))), x)

    return scalar


_UNARY: dict[str, Callable[[float], Any]] = {
    "neg": operator.neg,
    "abs": abs,
    "sign": _sign,
    "square": lambda x: x * x,
    "reciprocal": lambda x: divide(1.0, x),
    "floor": _rounded(math.floor),
    "ceil": _rounded(math.ceil),
    "trunc": _rounded(math.trunc),
    "round": _rounded(round),
    "exp": _safe(math.exp),
    "exp2": _safe(math.exp2),
    "expm1": lambda x: x if x == 0 else _safe(math.expm1)(x),
    "log": _with_pole(math.log, 0.0, -INF),
    "log2": _with_pole(math.log2, 0.0, -INF),
    "log10": _with_pole(math.log10, 0.0, -INF),
    "log1p": _with_pole(math.log1p, -1.0, -INF),
    "sqrt": _safe(math.sqrt),
    "rsqrt": lambda x: divide(1.0, _safe(math.sqrt)(x)),
    "cbrt": _safe(math.cbrt),
    "sin": _safe(math.sin),
    "cos": _safe(math.cos),
    "tan": _safe(math.tan),
    "asin": _safe(math.asin),
    "acos": _safe(math.acos),
    "atan": _safe(math.atan),
    "sinh": _odd(math.sinh),
    "cosh": _safe(math.cosh),
    "tanh": _safe(math.tanh),
    "asinh": _safe(math.asinh),
    "acosh": _safe(math.acosh),
    "atanh": lambda x: math.copysign(INF, x) if abs(x) == 1 else _safe(math.atanh)(x),
    "erf": _safe(math.erf),
    "erfc": _safe(math.erfc),
    "isfinite": math.isfinite,
    "isnan": math.isnan,
    "isinf": math.isinf,
    "signbit": lambda x: math.copysign(1.0, x) < 0,
    "stop_gradient": lambda x: x,
    "conj": lambda x: x,
}
_BINARY: dict[str, Callable[[float, float], Any]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": divide,
    "fmod": lambda x, y: _safe(math.fmod)(x, y),
    "pow": _power,
    "atan2": _safe(math.atan2),
    "hypot": lambda x, y: INF if math.isinf(x) or math.isinf(y) else _safe(math.hypot)(x, y),
    "maximum": _extremum(operator.gt),
    "minimum": _extremum(operator.lt),
    "logaddexp": _logaddexp,
    "copysign": math.copysign,
    "nextafter": math.nextafter,
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
}
SCALARS: dict[str, Callable[..., Any]] = {**_UNARY, **_BINARY}

# Which of two zeros is their extremum, IEEE 754 leaves open.
OPEN_ZERO_SIGN = {"maximum", "minimum"}
