"""Elementwise mathematics: promotion in front of one op each.

Functions that need nothing more are declared in a table, one line each; what needs thought follows.
"""

from __future__ import annotations

import builtins
import math
import operator
from collections.abc import Callable
from typing import Any

from functorch_lite import ops
from functorch_lite.core.array import Array
from functorch_lite.core.dtypes import (
    SCALAR_TYPES,
    float32,
    float64,
    int32,
    int64,
    is_inexact,
)
from functorch_lite.numpy.convert import (
    as_array,
    cast,
    const,
    promote,
    promote_inexact,
    promote_numbers,
    to_bool,
    to_inexact,
)

Function = Callable[..., Any]


def _named(fn: Function, name: str, doc: str) -> Function:
    fn.__name__ = fn.__qualname__ = name
    fn.__doc__ = doc
    return fn


def _doc(line: str, args: str, returns: str, call: str, answer: str) -> str:
    return f"{line}\n\nArgs:\n{args}\n\nReturns:\n    {returns}\n\n>>> {call}\n{answer}\n"


_X = "    x: array or number"
_XY = "    x, y: arrays or numbers of shapes that broadcast"


def _inexact(op: Any, line: str, call: str, answer: str) -> Function:
    name = call.split("(")[0]

    def fn(x: Any, /) -> Array:
        return op(to_inexact(x, name))

    args = _X + "; integers are taken as float32."
    return _named(fn, name, _doc(line, args, "inexact array of x's shape.", call, answer))


def _same(op: Any, line: str, call: str, answer: str) -> Function:
    name = call.split("(")[0]

    def fn(x: Any, /) -> Array:
        return op(as_array(x, name))

    return _named(fn, name, _doc(line, _X + ".", "array of x's shape and dtype.", call, answer))


def _rounding(op: Any, line: str, call: str, answer: str) -> Function:
    name = call.split("(")[0]

    def fn(x: Any, /) -> Array:
        x = as_array(x, name)
        return op(x) if is_inexact(x.dtype) else x

    return _named(fn, name, _doc(line, _X + ".", "array of x's shape and dtype.", call, answer))


def _binary(op: Any, line: str, call: str, answer: str) -> Function:
    name = call.split("(")[0]

    def fn(x: Any, y: Any, /) -> Array:
        return op(*promote(x, y, fun=name))

    args = _XY + "."
    return _named(fn, name, _doc(line, args, "array of the joined dtype.", call, answer))


def _number(op: Any, line: str, call: str, answer: str) -> Function:
    name = call.split("(")[0]

    def fn(x: Any, y: Any, /) -> Array:
        return op(*promote_numbers(x, y, fun=name))

    args = _XY + "; bools are taken as int64."
    return _named(fn, name, _doc(line, args, "array of the joined dtype.", call, answer))


def _binary_inexact(op: Any, line: str, call: str, answer: str) -> Function:
    name = call.split("(")[0]

    def fn(x: Any, y: Any, /) -> Array:
        return op(*promote_inexact(x, y, fun=name))

    args = _XY + "; integers are taken as float32."
    return _named(fn, name, _doc(line, args, "inexact array of the joined dtype.", call, answer))


def _compare(op: Any, line: str, call: str, answer: str) -> Function:
    name = call.split("(")[0]

    def fn(x: Any, y: Any, /) -> Array:
        return op(*promote(x, y, fun=name))

    return _named(fn, name, _doc(line, _XY + ".", "bool array.", call, answer))


def _logical(op: Any, line: str, call: str, answer: str) -> Function:
    name = call.split("(")[0]

    def fn(x: Any, y: Any, /) -> Array:
        return op(to_bool(x, name), to_bool(y, name, "y"))

    args = _XY + "; everything but zero is true."
    return _named(fn, name, _doc(line, args, "bool array.", call, answer))


# --------------------------------------------------------------------------- one argument, inexact
_TRUE, _FALSE = "Array(True, dtype=bool)", "Array(False, dtype=bool)"
_I, _F = "Array({}, dtype=int64)".format, "Array({}, dtype=float32)".format
exp = _inexact(ops.exp, "e to the power x.", "exp(0.0)", _F("1."))
exp2 = _inexact(ops.exp2, "2 to the power x.", "exp2(3)", _F("8."))
expm1 = _inexact(ops.expm1, "exp(x) - 1, exact for small x.", "expm1(0.0)", _F("0."))
log = _inexact(ops.log, "Natural logarithm.", "log(1.0)", _F("0."))
log2 = _inexact(ops.log2, "Logarithm to base 2.", "log2(2.0)", _F("1."))
log10 = _inexact(ops.log10, "Logarithm to base 10.", "log10(10.0)", _F("1."))
log1p = _inexact(ops.log1p, "log(1 + x), exact for small x.", "log1p(0.0)", _F("0."))
sqrt = _inexact(ops.sqrt, "Square root.", "sqrt(4)", _F("2."))
cbrt = _inexact(ops.cbrt, "Cube root, of negative x too.", "cbrt(-1.0)", _F("-1."))
sin = _inexact(ops.sin, "Sine of x in radians.", "sin(0.0)", _F("0."))
cos = _inexact(ops.cos, "Cosine of x in radians.", "cos(0.0)", _F("1."))
tan = _inexact(ops.tan, "Tangent of x in radians.", "tan(0.0)", _F("0."))
arcsin = _inexact(ops.asin, "Inverse sine, in [-pi/2, pi/2].", "arcsin(0.0)", _F("0."))
arccos = _inexact(ops.acos, "Inverse cosine, in [0, pi].", "arccos(1.0)", _F("0."))
arctan = _inexact(ops.atan, "Inverse tangent, in [-pi/2, pi/2].", "arctan(0.0)", _F("0."))
sinh = _inexact(ops.sinh, "Hyperbolic sine.", "sinh(0.0)", _F("0."))
cosh = _inexact(ops.cosh, "Hyperbolic cosine.", "cosh(0.0)", _F("1."))
tanh = _inexact(ops.tanh, "Hyperbolic tangent.", "tanh(0.0)", _F("0."))
arcsinh = _inexact(ops.asinh, "Inverse hyperbolic sine.", "arcsinh(0.0)", _F("0."))
arccosh = _inexact(ops.acosh, "Inverse hyperbolic cosine, of x >= 1.", "arccosh(1.0)", _F("0."))
arctanh = _inexact(ops.atanh, "Inverse hyperbolic tangent, of |x| < 1.", "arctanh(0.0)", _F("0."))
asin, acos, atan, asinh, acosh, atanh = arcsin, arccos, arctan, arcsinh, arccosh, arctanh

# ------------------------------------------------------------------------- one argument, any dtype
negative = _same(ops.neg, "-x.", "negative(2)", _I("-2"))
absolute = _same(ops.abs, "Absolute value, real for complex x.", "absolute(-2)", _I("2"))


def _sign(x: Array) -> Array:
    if x.dtype.kind != "c":
        return ops.sign(x)
    radius = ops.cast(ops.abs(x), dtype=x.dtype)  # unlike the record, a division has a derivative
    zero = ops.eq(x, const(0, x.dtype))
    return ops.select(zero, x, ops.div(x, ops.select(zero, const(1, x.dtype), radius)))


sign = _same(_sign, "-1, 0 or 1 (x / |x| for complex x).", "sign(-2.5)", _F("-1."))
square = _same(ops.square, "x * x.", "square(3)", _I("9"))
invert = _same(ops.bitwise_not, "Every bit flipped; not x for bools.", "invert(True)", _FALSE)
bitwise_count = _same(ops.population_count, "How many bits are 1.", "bitwise_count(7)", _I("3"))
floor = _rounding(ops.floor, "The largest integer <= x.", "floor(1.5)", _F("1."))
ceil = _rounding(ops.ceil, "The smallest integer >= x.", "ceil(0.5)", _F("1."))
trunc = _rounding(ops.trunc, "x without its fraction.", "trunc(1.5)", _F("1."))
rint = _inexact(ops.round, "The nearest integer, halves to even.", "rint(0.5)", _F("0."))
bitwise_invert = bitwise_not = invert
fix = trunc

# ------------------------------------------------------------------------------------ two arguments
add = _binary(ops.add, "x + y.", "add(1, 2.5)", _F("3.5"))
subtract = _binary(ops.sub, "x - y.", "subtract(3, 1)", _I("2"))
multiply = _binary(ops.mul, "x * y.", "multiply(3, 2)", _I("6"))
remainder = _number(ops.remainder, "x - y * floor(x / y).", "remainder(-1, 3)", _I("2"))
fmod = _number(ops.fmod, "x - y * trunc(x / y).", "fmod(-1, 3)", _I("-1"))
maximum = _binary(ops.maximum, "The larger one; NaN if either is.", "maximum(1, 2)", _I("2"))
minimum = _binary(ops.minimum, "The smaller one; NaN if either is.", "minimum(1, 2)", _I("1"))
bitwise_and = _binary(ops.bitwise_and, "Bits set in both.", "bitwise_and(6, 3)", _I("2"))
bitwise_or = _binary(ops.bitwise_or, "Bits set in either.", "bitwise_or(6, 3)", _I("7"))
bitwise_xor = _binary(ops.bitwise_xor, "Bits set in one.", "bitwise_xor(6, 3)", _I("5"))
left_shift = _number(ops.shift_left, "x * 2**y.", "left_shift(1, 3)", _I("8"))
right_shift = _number(ops.shift_right, "x // 2**y.", "right_shift(8, 3)", _I("1"))
true_divide = _binary_inexact(ops.div, "x / y.", "true_divide(1, 2)", _F("0.5"))
arctan2 = _binary_inexact(ops.atan2, "Angle of the point (y, x).", "arctan2(0.0, 1.0)", _F("0."))
hypot = _binary_inexact(ops.hypot, "sqrt(x**2 + y**2) without overflow.", "hypot(3, 4)", _F("5."))
logaddexp = _binary_inexact(
    ops.logaddexp, "log(exp(x) + exp(y)) without overflow.", "logaddexp(0.0, -math.inf)", _F("0.")
)
nextafter = _binary_inexact(
    ops.nextafter, "The next float after x towards y.", "nextafter(0.0, 1.0) > 0", _TRUE
)
copysign = _binary_inexact(ops.copysign, "|x| with y's sign.", "copysign(1.0, -2.0)", _F("-1."))
divide, mod, atan2 = true_divide, remainder, arctan2
bitwise_left_shift, bitwise_right_shift = left_shift, right_shift

equal = _compare(ops.eq, "x == y.", "equal(1, 1.0)", _TRUE)
not_equal = _compare(ops.ne, "x != y.", "not_equal(1, 1.0)", _FALSE)
less = _compare(ops.lt, "x < y.", "less(1, 2)", _TRUE)
less_equal = _compare(ops.le, "x <= y.", "less_equal(2, 2)", _TRUE)
greater = _compare(ops.gt, "x > y.", "greater(1, 2)", _FALSE)
greater_equal = _compare(ops.ge, "x >= y.", "greater_equal(2, 2)", _TRUE)
logical_and = _logical(ops.bitwise_and, "Both are true.", "logical_and(1, 0)", _FALSE)
logical_or = _logical(ops.bitwise_or, "Either is true.", "logical_or(1, 0)", _TRUE)
logical_xor = _logical(ops.bitwise_xor, "One is true.", "logical_xor(1, 1)", _FALSE)


# ------------------------------------------------------------------------------ what needs thought
def logical_not(x: Any, /) -> Array:
    """Whether x is zero: a bool array of x's shape.

    >>> logical_not(0)
    Array(True, dtype=bool)
    """
    return ops.bitwise_not(to_bool(x, "logical_not"))


def positive(x: Any, /) -> Array:
    """+x: x itself.

    >>> positive(-2)
    Array(-2, dtype=int64)
    """
    return as_array(x, "positive")


def fabs(x: Any, /) -> Array:
    """Absolute value as a float, of x's shape.

    >>> fabs(-2)
    Array(2., dtype=float32)
    """
    return ops.abs(to_inexact(x, "fabs"))


def reciprocal(x: Any, /) -> Array:
    """1 / x, of x's shape; integers are taken as float32.

    >>> reciprocal(4)
    Array(0.25, dtype=float32)
    """
    return ops.reciprocal(to_inexact(x, "reciprocal"))


def floor_divide(x: Any, y: Any, /) -> Array:
    """floor(x / y) in the joined dtype; integers divided by 0 give 0.

    >>> floor_divide(-3, 2), floor_divide(7.5, 2)
    (Array(-2, dtype=int64), Array(3., dtype=float32))
    """
    x, y = promote_numbers(x, y, fun="floor_divide")
    return ops.floor_divide(x, y)


def divmod(x: Any, y: Any, /) -> tuple[Array, Array]:
    """``(floor_divide(x, y), remainder(x, y))``.

    >>> divmod(7, 3)
    (Array(2, dtype=int64), Array(1, dtype=int64))
    """
    x, y = promote_numbers(x, y, fun="divmod")
    return ops.floor_divide(x, y), ops.remainder(x, y)


def power(x: Any, y: Any, /) -> Array:
    """x to the power y.

    A whole Python number as exponent becomes repeated multiplication, whose derivatives exist at
    x = 0 as well.

    Args:
        x, y: arrays or numbers of shapes that broadcast.

    Returns:
        array of the joined dtype; integers stay integers.

    Raises:
        ValueError: an integer x with a negative Python int as exponent.

    >>> power(2, 3), power(4.0, 0.5)
    (Array(8, dtype=int64), Array(2., dtype=float32))
    """
    if isinstance(y, SCALAR_TYPES) and not isinstance(y, (bool, complex)):
        return power_of(as_array(x, "power"), y)
    return ops.pow(*promote_numbers(x, y, fun="power"))


def power_of(x: Array, n: Any) -> Array:
    """``x ** n`` for a Python int or float n."""
    if isinstance(n, int) or (n.is_integer() and builtins.abs(n) <= 64 and is_inexact(x.dtype)):
        if x.dtype.kind == "b":
            x = cast(x, int64)
        if n < 0 and not is_inexact(x.dtype):
            raise ValueError(
                f"power: integers to the negative power {n} are not integers. Remedy: "
                f"x.astype('float32') ** {n}."
            )
        return ops.integer_pow(x, n=operator.index(int(n)))
    x = x if is_inexact(x.dtype) else ops.cast(x, dtype=float32)
    return ops.sqrt(x) if n == 0.5 else ops.pow(x, const(n, x.dtype))


def float_power(x: Any, y: Any, /) -> Array:
    """x to the power y in floating point.

    >>> float_power(2, -1)
    Array(0.5, dtype=float32)
    """
    return ops.pow(*promote_inexact(x, y, fun="float_power"))


def sinc(x: Any, /) -> Array:
    """sin(pi x) / (pi x), 1 at x = 0.

    >>> sinc(0.0)
    Array(1., dtype=float32)
    """
    x = to_inexact(x, "sinc")
    at_zero = ops.eq(x, const(0, x.dtype))
    safe = ops.mul(ops.select(at_zero, const(1, x.dtype), x), const(math.pi, x.dtype))
    # The series keeps value and second derivative right at 0, where the quotient is 0 / 0.
    z = ops.mul(x, const(math.pi, x.dtype))
    near = ops.sub(const(1, x.dtype), ops.div(ops.mul(z, z), const(6, x.dtype)))
    return ops.select(at_zero, near, ops.div(ops.sin(safe), safe))


def _scale(x: Any, factor: float, fun: str) -> Array:
    x = to_inexact(x, fun)
    return ops.mul(x, const(factor, x.dtype))


def deg2rad(x: Any, /) -> Array:
    """Degrees to radians.

    >>> deg2rad(0.0)
    Array(0., dtype=float32)
    """
    return _scale(x, math.pi / 180, "deg2rad")


def rad2deg(x: Any, /) -> Array:
    """Radians to degrees.

    >>> rad2deg(0.0)
    Array(0., dtype=float32)
    """
    return _scale(x, 180 / math.pi, "rad2deg")


radians, degrees = deg2rad, rad2deg


def logaddexp2(x: Any, y: Any, /) -> Array:
    """log2(2**x + 2**y) without overflow.

    >>> logaddexp2(0.0, 0.0)
    Array(1., dtype=float32)
    """
    x, y = promote_inexact(x, y, fun="logaddexp2")
    ln2 = const(math.log(2), x.dtype)
    return ops.div(ops.logaddexp(ops.mul(x, ln2), ops.mul(y, ln2)), ln2)


def heaviside(x: Any, h: Any, /) -> Array:
    """0 where x < 0, h where x == 0, 1 where x > 0.

    >>> heaviside(0.0, 0.5)
    Array(0.5, dtype=float32)
    """
    x, h = promote_inexact(x, h, fun="heaviside", names="xh")
    zero, one = const(0, x.dtype), const(1, x.dtype)
    step = ops.select(ops.lt(x, zero), zero, ops.select(ops.gt(x, zero), one, x))
    return ops.select(ops.eq(x, zero), h, step)


def fmax(x: Any, y: Any, /) -> Array:
    """The larger one; the other one where one is NaN.

    >>> fmax(1.0, math.nan)
    Array(1., dtype=float32)
    """
    x, y = promote(x, y, fun="fmax")
    return _unless_nan(ops.maximum(x, y), x, y)


def fmin(x: Any, y: Any, /) -> Array:
    """The smaller one; the other one where one is NaN.

    >>> fmin(1.0, math.nan)
    Array(1., dtype=float32)
    """
    x, y = promote(x, y, fun="fmin")
    return _unless_nan(ops.minimum(x, y), x, y)


def _unless_nan(best: Array, x: Array, y: Array) -> Array:
    if not is_inexact(x.dtype):
        return best
    return ops.select(ops.isnan(x), y, ops.select(ops.isnan(y), x, best))


def round(x: Any, decimals: int = 0) -> Array:
    """x rounded to a number of decimals, halves to even.

    Args:
        x: array or number.
        decimals: static int; negative rounds to tens, hundreds …

    Returns:
        array of x's shape and dtype.

    >>> round(1.25, 1), round(1234, -2)
    (Array(1.2, dtype=float32), Array(1200, dtype=int64))
    """
    x = as_array(x, "round")
    places = operator.index(decimals)
    if x.dtype.kind == "b":
        x = cast(x, int64)
    if not is_inexact(x.dtype):
        if places >= 0:
            return x
        whole = cast(round(cast(x, float64), places), x.dtype)
        return whole
    if x.dtype.kind == "c":
        return ops.complex(round(ops.real(x), places), round(ops.imag(x), places))
    if places == 0:
        return ops.round(x)
    factor = const(10.0 ** builtins.abs(places), x.dtype)
    if places > 0:
        return ops.div(ops.round(ops.mul(x, factor)), factor)
    return ops.mul(ops.round(ops.div(x, factor)), factor)


around = round


def modf(x: Any, /) -> tuple[Array, Array]:
    """Fractional and whole part, both of x's sign.

    >>> modf(1.5)
    (Array(0.5, dtype=float32), Array(1., dtype=float32))
    """
    x = to_inexact(x, "modf")
    whole = ops.trunc(x)
    part = ops.select(ops.isinf(x), const(0, x.dtype), ops.sub(x, whole))
    return ops.copysign(part, x), whole


def ldexp(x: Any, n: Any, /) -> Array:
    """x * 2**n for integers n.

    >>> ldexp(1.5, 2)
    Array(6., dtype=float32)
    """
    x = to_inexact(x, "ldexp")
    n = as_array(n, "ldexp", "n")
    # Two factors reach results whose power of two alone would overflow.
    half = ops.shift_right(n, const(1, n.dtype))
    first, second = cast(half, x.dtype), cast(ops.sub(n, half), x.dtype)
    return ops.mul(ops.mul(x, ops.exp2(first)), ops.exp2(second))


def frexp(x: Any, /) -> tuple[Array, Array]:
    """Mantissa in ±[0.5, 1) and integer exponent: ``x == mantissa * 2**exponent``.

    >>> frexp(6.0)
    (Array(0.75, dtype=float32), Array(3, dtype=int32))
    """
    x = to_inexact(x, "frexp")
    plain = ops.bitwise_and(ops.isfinite(x), ops.ne(x, const(0, x.dtype)))
    size = ops.select(plain, ops.abs(x), const(1, x.dtype))
    power2 = ops.add(ops.floor(ops.log2(size)), const(1, x.dtype))
    for wrong, step in ((ops.ge, 1), (ops.lt, -1)):  # log2 may be off by one beside a power of two
        part = ldexp(size, ops.neg(cast(power2, int32)))
        bound = const(1 if step == 1 else 0.5, x.dtype)
        fix_ = ops.select(wrong(part, bound), const(step, x.dtype), const(0, x.dtype))
        power2 = ops.add(power2, fix_)
    exponent = ops.select(plain, cast(power2, int32), const(0, int32))
    return ops.select(plain, ldexp(x, ops.neg(exponent)), x), exponent


abs = absolute
pow = power
