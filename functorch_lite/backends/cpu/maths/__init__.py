"""float32 and float64 elementary functions as branch-free sequences of primitive operations.

No function calls a library, reads a table or branches; each is written once against a `Builder`,
which may emit code for a vector of any width. Subnormal numbers, signed zeros, infinities and NaN
are handled as NumPy and `scipy.special` do; `erfinv` keeps the sign of a zero.
"""

from __future__ import annotations

from collections.abc import Callable

from functorch_lite.backends.cpu.maths import (
    error_functions,
    exponential,
    hyperbolic,
    inverse_trigonometric,
    logarithm,
    powers,
    trigonometric,
)
from functorch_lite.backends.cpu.maths.builder import Builder, Value
from functorch_lite.backends.cpu.maths.quadrants import LIMITS

__all__ = ["ERROR_BOUNDS", "FUNCTIONS", "MODERATE", "RANGE_LIMITS", "Builder", "Value"]

Function = Callable[..., Value]

# By op name, each `function(builder, x)` or `function(builder, x, y)`. Every one holds for all
# numbers of its type.
FUNCTIONS: dict[str, Function] = {
    "acos": inverse_trigonometric.acos,
    "acosh": hyperbolic.acosh,
    "asin": inverse_trigonometric.asin,
    "asinh": hyperbolic.asinh,
    "atan": inverse_trigonometric.atan,
    "atan2": inverse_trigonometric.atan2,
    "atanh": hyperbolic.atanh,
    "cbrt": powers.cbrt,
    "cos": trigonometric.cos,
    "cosh": hyperbolic.cosh,
    "erf": error_functions.erf,
    "erfc": error_functions.erfc,
    "erfinv": error_functions.erfinv,
    "exp": exponential.exp,
    "exp2": exponential.exp2,
    "expm1": exponential.expm1,
    "hypot": powers.hypot,
    "log": logarithm.log,
    "log10": logarithm.log10,
    "log1p": logarithm.log1p,
    "log2": logarithm.log2,
    "logaddexp": logarithm.logaddexp,
    "logistic": exponential.logistic,
    "pow": powers.pow,
    "rsqrt": powers.rsqrt,
    "sin": trigonometric.sin,
    "sinh": hyperbolic.sinh,
    "tan": trigonometric.tan,
    "tanh": exponential.tanh,
}

# Variants that take a third of the instructions and hold only for operands smaller in size than
# `RANGE_LIMITS`, (float32, float64), where they give the very same answers.
MODERATE: dict[str, Function] = {
    "cos": trigonometric.cos_moderate,
    "sin": trigonometric.sin_moderate,
    "tan": trigonometric.tan_moderate,
}
RANGE_LIMITS: dict[str, tuple[float, float]] = dict.fromkeys(MODERATE, LIMITS)

# The largest error in units in the last place of the exact answer, for float32 and float64.
# That of logaddexp is in units of the exact answer or of the larger operand, whichever is larger:
# two negative operands may cancel to almost nothing.
ERROR_BOUNDS: dict[str, tuple[float, float]] = {
    "acos": (1.3, 1.3),
    "acosh": (2.2, 2.2),
    "asin": (2.5, 2.5),
    "asinh": (2.2, 2.2),
    "atan": (2.5, 2.7),
    "atan2": (2.8, 3.0),
    "atanh": (2.5, 2.5),
    "cbrt": (1.0, 1.0),
    "cos": (1.7, 1.7),
    "cosh": (2.8, 2.8),
    "erf": (1.5, 1.2),
    "erfc": (3.5, 3.5),
    "erfinv": (3.5, 3.0),
    "exp": (1.2, 1.2),
    "exp2": (1.1, 1.1),
    "expm1": (2.0, 2.2),
    "hypot": (1.4, 1.4),
    "log": (1.0, 1.0),
    "log10": (1.2, 1.2),
    "log1p": (1.8, 1.8),
    "log2": (1.2, 1.2),
    "logaddexp": (3.5, 3.5),
    "logistic": (2.7, 2.5),
    "pow": (1.3, 1.3),
    "rsqrt": (1.6, 1.6),
    "sin": (1.7, 1.7),
    "sinh": (2.8, 3.0),
    "tan": (3.9, 3.5),
    "tanh": (2.8, 2.8),
}
