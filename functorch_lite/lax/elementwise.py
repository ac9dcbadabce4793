"""Elementwise functions under their lax names: strict dtypes, no promotion between arrays.

Operands must have one dtype; Python numbers take the dtype of the array beside them. Shapes must be
equal or scalar.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from functorch_lite import ops
from functorch_lite.core.array import Array
from functorch_lite.core.dtypes import SCALAR_TYPES, canonical, result_type
from functorch_lite.errors import DtypeError, ShapeError
from functorch_lite.lax.choices import RoundingMethod, check_accuracy
from functorch_lite.numpy.convert import as_array, cast, const


def operands(fun: str, *args: Any) -> list[Array]:
    """Arrays of one dtype and shape (or scalars); Python numbers follow the arrays.

    Raises:
        DtypeError: arrays of different dtypes.
        ShapeError: arrays of different shapes, none of them a scalar.
    """
    arrays = [None if isinstance(x, SCALAR_TYPES) else as_array(x, fun) for x in args]
    known = [x for x in arrays if x is not None]
    dtype = known[0].dtype if known else result_type(*args)
    for x in known:
        if x.dtype != dtype:
            names = ", ".join(a.dtype.name for a in known)
            raise DtypeError(
                f"lax.{fun}: operands must have one dtype, got {names}. Remedy: "
                f"convert_element_type, or numpy.{fun}, which promotes."
            )
    shapes = {x.shape for x in known if x.shape != ()}
    if len(shapes) > 1:
        listed = " and ".join(map(str, sorted(shapes, key=len)))
        raise ShapeError(
            f"lax.{fun}: operands must have one shape, got {listed}. Remedy: broadcast_in_dim, or "
            f"numpy.{fun}, which broadcasts."
        )
    return [const(value, dtype) if x is None else x for value, x in zip(args, arrays, strict=True)]


def function(name: str, op: Any, line: str) -> Callable[..., Array]:
    count = len(op.operands)

    def unary(x: Any, /) -> Array:
        return op(as_array(x, name))

    def graded(x: Any, /, *, accuracy: Any = None) -> Array:
        if accuracy is not None:
            check_accuracy(name, accuracy)
        return op(as_array(x, name))

    def binary(x: Any, y: Any, /) -> Array:
        return op(*operands(name, x, y))

    fn: Callable[..., Array] = binary if count == 2 else graded if name in _GRADED else unary
    fn.__name__ = fn.__qualname__ = name
    fn.__doc__ = f"{line}\n\nArgs:\n    {', '.join('xy'[:count])}: arrays of one dtype and shape.\n"
    if fn is graded:
        fn.__doc__ += (
            "    accuracy: a Tolerance or an AccuracyMode; the function is the same for all.\n"
        )
    return fn


_GRADED = frozenset(
    ("cbrt", "cos", "exp", "exp2", "expm1", "log", "log1p", "logistic", "rsqrt", "sin", "sqrt",
     "tan", "tanh")
)  # fmt: skip
"""The functions of which JAX lets callers say how exact they want them."""

abs = function("abs", ops.abs, "Absolute value.")
acos = function("acos", ops.acos, "Inverse cosine.")
acosh = function("acosh", ops.acosh, "Inverse hyperbolic cosine.")
add = function("add", ops.add, "x + y.")
asin = function("asin", ops.asin, "Inverse sine.")
asinh = function("asinh", ops.asinh, "Inverse hyperbolic sine.")
atan = function("atan", ops.atan, "Inverse tangent.")
atan2 = function("atan2", ops.atan2, "Angle of the point (y, x); the first argument is y.")
atanh = function("atanh", ops.atanh, "Inverse hyperbolic tangent.")
bitwise_and = function("bitwise_and", ops.bitwise_and, "Bits set in both.")
bitwise_not = function("bitwise_not", ops.bitwise_not, "Every bit flipped.")
bitwise_or = function("bitwise_or", ops.bitwise_or, "Bits set in either.")
bitwise_xor = function("bitwise_xor", ops.bitwise_xor, "Bits set in one.")
cbrt = function("cbrt", ops.cbrt, "Cube root.")
ceil = function("ceil", ops.ceil, "The smallest integer >= x.")
clz = function("clz", ops.clz, "Number of leading zero bits.")
complex = function("complex", ops.complex, "Complex number from real and imaginary part.")
conj = function("conj", ops.conj, "Complex conjugate.")
cos = function("cos", ops.cos, "Cosine.")
cosh = function("cosh", ops.cosh, "Hyperbolic cosine.")
div = function("div", ops.div, "x / y; integers are divided towards zero.")
eq = function("eq", ops.eq, "x == y.")
erf = function("erf", ops.erf, "Error function.")
erf_inv = function("erf_inv", ops.erfinv, "Inverse of the error function.")
erfc = function("erfc", ops.erfc, "1 - erf(x).")
exp = function("exp", ops.exp, "e to the power x.")
exp2 = function("exp2", ops.exp2, "2 to the power x.")
expm1 = function("expm1", ops.expm1, "exp(x) - 1.")
floor = function("floor", ops.floor, "The largest integer <= x.")
ge = function("ge", ops.ge, "x >= y.")
gt = function("gt", ops.gt, "x > y.")
imag = function("imag", ops.imag, "Imaginary part.")
is_finite = function("is_finite", ops.isfinite, "Neither infinite nor NaN.")
le = function("le", ops.le, "x <= y.")
log = function("log", ops.log, "Natural logarithm.")
log1p = function("log1p", ops.log1p, "log(1 + x).")
logistic = function("logistic", ops.logistic, "1 / (1 + exp(-x)).")
lt = function("lt", ops.lt, "x < y.")
max = function("max", ops.maximum, "The larger one.")
min = function("min", ops.minimum, "The smaller one.")
mul = function("mul", ops.mul, "x * y.")
ne = function("ne", ops.ne, "x != y.")
neg = function("neg", ops.neg, "-x.")
nextafter = function("nextafter", ops.nextafter, "The next float after x towards y.")
population_count = function("population_count", ops.population_count, "Number of 1 bits.")
pow = function("pow", ops.pow, "x to the power y.")
real = function("real", ops.real, "Real part.")
reciprocal = function("reciprocal", ops.reciprocal, "1 / x.")
rem = function("rem", ops.fmod, "Remainder with the sign of x.")
rsqrt = function("rsqrt", ops.rsqrt, "1 / sqrt(x).")
shift_left = function("shift_left", ops.shift_left, "x * 2**y.")
shift_right_arithmetic = function("shift_right_arithmetic", ops.shift_right, "x // 2**y.")
sign = function("sign", ops.sign, "-1, 0 or 1.")
sin = function("sin", ops.sin, "Sine.")
sinh = function("sinh", ops.sinh, "Hyperbolic sine.")
sqrt = function("sqrt", ops.sqrt, "Square root.")
square = function("square", ops.square, "x * x.")
stop_gradient = function("stop_gradient", ops.stop_gradient, "x, through which no gradient flows.")
sub = function("sub", ops.sub, "x - y.")
tan = function("tan", ops.tan, "Tangent.")
tanh = function("tanh", ops.tanh, "Hyperbolic tangent.")


def round(x: Any, rounding_method: int = RoundingMethod.AWAY_FROM_ZERO) -> Array:
    """The nearest integer.

    Args:
        x: float array.
        rounding_method: a :class:`RoundingMethod` or its number: 0 rounds halves away from zero, 1
            to even.

    Raises:
        ValueError: another method.

    >>> round(2.5), round(2.5, 1)
    (Array(3., dtype=float32), Array(2., dtype=float32))
    """
    x = as_array(x, "round")
    if rounding_method not in tuple(RoundingMethod):
        raise ValueError(
            "lax.round: rounding_method must be a RoundingMethod, 0 (halves away from zero) or 1 "
            f"(halves to even); got {rounding_method!r}. Remedy: RoundingMethod.TO_NEAREST_EVEN."
        )
    even = ops.round(x)
    if rounding_method == RoundingMethod.TO_NEAREST_EVEN:
        return even
    gap = ops.abs(ops.sub(x, ops.trunc(x)))
    away = ops.add(ops.trunc(x), ops.sign(x))
    return ops.select(ops.eq(gap, const(0.5, x.dtype)), away, even)


def shift_right_logical(x: Any, y: Any) -> Array:
    """Bits shifted right, zeros entering on the left.

    >>> shift_right_logical(-1, 63)
    Array(1, dtype=int64)
    """
    x, y = operands("shift_right_logical", x, y)
    if x.dtype.kind == "u":
        return ops.shift_right(x, y)
    unsigned = canonical(f"uint{8 * x.dtype.itemsize}")
    moved = ops.shift_right(*(ops.bitcast(v, dtype=unsigned) for v in (x, y)))
    return ops.bitcast(moved, dtype=x.dtype)


def integer_pow(x: Any, y: int) -> Array:
    """x to a static integer power, by repeated multiplication.

    >>> integer_pow(2.0, 3)
    Array(8., dtype=float32)
    """
    return ops.integer_pow(as_array(x, "integer_pow"), n=int(y))


def select(pred: Any, on_true: Any, on_false: Any) -> Array:
    """on_true where ``pred`` is true, else on_false.

    Args:
        pred: bool array of the branches' shape, or a scalar.
        on_true, on_false: arrays of one dtype and shape.

    >>> select(True, 1.0, 2.0)
    Array(1., dtype=float32)
    """
    return ops.select(as_array(pred, "select", "pred"), *operands("select", on_true, on_false))


def select_n(which: Any, *cases: Any) -> Array:
    """The case that ``which`` (bool or int) numbers, element by element.

    >>> select_n(False, 1.0, 2.0)
    Array(1., dtype=float32)
    """
    which = as_array(which, "select_n", "which")
    held = operands("select_n", *cases)
    out = held[-1]
    number = cast(which, canonical("int32"))
    for i in range(len(held) - 2, -1, -1):
        out = ops.select(ops.eq(number, const(i, number.dtype)), held[i], out)
    return out


def clamp(min: Any, x: Any, max: Any) -> Array:
    """x limited to an interval.

    >>> clamp(0.0, 3.0, 1.0)
    Array(1., dtype=float32)
    """
    x = as_array(x, "clamp") if not isinstance(x, SCALAR_TYPES) else x
    lo, x, hi = operands("clamp", min, x, max)
    return ops.clamp(lo, x, hi)


def convert_element_type(operand: Any, new_dtype: Any) -> Array:
    """The operand in another dtype.

    >>> convert_element_type(1.5, "int32")
    Array(1, dtype=int32)
    """
    return cast(as_array(operand, "convert_element_type", "operand"), canonical(new_dtype))


def bitcast_convert_type(operand: Any, new_dtype: Any) -> Array:
    """The bits of the operand read as another dtype of the same width.

    >>> bitcast_convert_type(1.0, "int32")
    Array(1065353216, dtype=int32)
    """
    x = as_array(operand, "bitcast_convert_type", "operand")
    return ops.bitcast(x, dtype=canonical(new_dtype))
