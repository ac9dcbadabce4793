"""pow, cbrt, rsqrt and hypot."""

from __future__ import annotations

import math

from functorch_lite.backends.cpu.maths.builder import Builder, Value
from functorch_lite.backends.cpu.maths.exponential import exp2_reduced
from functorch_lite.backends.cpu.maths.parts import (
    horner,
    layout,
    maximum,
    minimum,
    pick,
    quick_two_sum,
    scale_by_power,
    split_exponent,
    two_product,
)

# log2(m) = s*(c0 + z*(c1 + z*Q(z))) with s = (m - 1) / (m + 1) and z = s**2. The first two are the
# exact 2/ln2 and 2/(3*ln2), each as a float of the type and the rest of it; Q is a minimax fit.
_C0_HIGH = (2.885390043258667, 2.8853900817779268)
_C0_LOW = (3.851926067000022e-08, 4.0710547481862066e-17)
_C1_HIGH = (0.9617967009544373, 0.9617966939259756)
_C1_LOW = (-7.028461812552678e-09, 5.0577616648125907e-17)
_LOG2_TAIL = (
    (0.5770793557167053, 0.4119217097759247, 0.3363255560398102),
    (
        0.5770780163555851,
        0.4121985831113457,
        0.32059889791277996,
        0.2623081986592011,
        0.22195227020779124,
        0.1924013307262325,
        0.16845128590705558,
        0.17281967589137504,
    ),
)


def _log2_in_two(b: Builder, x: Value) -> tuple[Value, Value]:
    """log2 of a positive finite number as a sum of two floats, good to about 12 bits more than one.

    Exactly 0 for 1.
    """
    index = layout(b, x).index
    one = b.const(x, 1.0)
    n, m = split_exponent(b, x)
    top = b.sub(m, one)
    below, below_low = quick_two_sum(b, one, m)
    inverse = b.div(one, below)
    s = b.mul(top, inverse)
    rest = b.fma(b.neg(s), below_low, b.fma(b.neg(s), below, top))
    s_low = b.mul(rest, inverse)
    z, z_low = two_product(b, s, s)
    z_low = b.fma(b.add(s, s), s_low, z_low)
    u, u_low = quick_two_sum(b, pick(b, x, _C1_HIGH), b.mul(z, horner(b, z, _LOG2_TAIL[index])))
    u_low = b.add(u_low, pick(b, x, _C1_LOW))
    v, v_low = two_product(b, z, u)
    v_low = b.fma(z_low, u, b.fma(z, u_low, v_low))
    w, w_low = quick_two_sum(b, pick(b, x, _C0_HIGH), v)
    w_low = b.add(w_low, b.add(v_low, pick(b, x, _C0_LOW)))
    high, low = two_product(b, s, w)
    low = b.fma(s_low, w, b.fma(s, w_low, low))
    high, rest = quick_two_sum(b, n, high)
    return high, b.add(low, rest)


def _is_whole(b: Builder, y: Value) -> Value:
    return b.eq(b.trunc(y), y)


def pow(b: Builder, x: Value, y: Value) -> Value:
    """x**y, with the special values of C99.

    2 to the power y*log2(abs(x)), the logarithm and the product carried in two floats, then the
    sign and the exceptions.
    """
    kind = layout(b, x)
    zero, one = b.const(x, 0.0), b.const(x, 1.0)
    infinity = b.const(x, math.inf)
    size = b.abs(x)
    # Past this every power but 1's has over- or underflown, and the products stay finite.
    cap = (2.0**40, 2.0**70)[kind.index]
    whole, half = _is_whole(b, y), _is_whole(b, b.mul(y, b.const(x, 0.5)))
    odd = b.logical_and(whole, b.logical_not(half))
    exponent = minimum(b, maximum(b, y, b.const(x, -cap)), b.const(x, cap))
    high, low = _log2_in_two(b, size)
    high = b.select(b.eq(size, zero), b.const(x, -math.inf), high)
    high = b.select(b.eq(size, infinity), infinity, high)
    product, product_low = two_product(b, exponent, high)
    product_low = b.fma(exponent, low, product_low)

    least, most = ((-151.0, 129.0), (-1076.0, 1025.0))[kind.index]
    inside = b.lt(b.abs(product), b.const(x, -least))
    product_low = b.select(inside, product_low, zero)
    product = minimum(b, maximum(b, product, b.const(x, least)), b.const(x, most))
    magic = b.const(x, kind.magic)
    shifted = b.add(product, magic)
    r = b.add(b.sub(product, b.sub(shifted, magic)), product_low)
    answer = scale_by_power(b, exp2_reduced(b, r), shifted)

    answer = b.select(odd, b.copysign(answer, x), answer)
    negative = b.logical_and(b.lt(x, zero), b.lt(size, infinity))
    undefined = b.logical_or(b.logical_and(negative, b.logical_not(whole)), b.ne(x, x))
    answer = b.select(undefined, b.const(x, math.nan), answer)
    always_one = b.logical_or(b.eq(y, zero), b.eq(x, one))
    return b.select(always_one, one, answer)


def cbrt(b: Builder, x: Value) -> Value:
    """The real cube root.

    A third of the bits of x, taken from a constant, are the bits of a number within 4 % of
    ``x**(-1/3)``; two steps of an iteration without division make it exact to the type, and the
    root is x times its square, corrected once.
    """
    kind = layout(b, x)
    size = b.abs(x)
    small = b.lt(size, b.const(x, kind.tiny))
    lift = (24, 54)[kind.index]  # a multiple of 3
    y = b.select(small, b.mul(size, b.const(x, 2.0**lift)), size)

    # The upper bits of y as a float of that value, times -1/3, and back.
    low_bits = (10, 32)[kind.index]
    upper = b.lshr(b.bitcast_int(y), b.int_const(x, low_bits))
    whole = b.bit_or(upper, b.int_const(x, (kind.bias + kind.mantissa) << kind.mantissa))
    upper = b.sub(b.bitcast_float(whole, x), b.const(x, 2.0**kind.mantissa))
    start = (4.0 / 3.0 * kind.bias - 0.0637) * 2.0 ** (kind.mantissa - low_bits)
    magic = b.const(x, kind.magic)
    shifted = b.add(b.fma(upper, b.const(x, -1.0 / 3.0), b.const(x, start)), magic)
    r = b.bitcast_float(b.shl(b.bitcast_int(shifted), b.int_const(x, low_bits)), x)

    for _ in range(2):
        # With h = 1 - y*r**3, r * (1 - h)**(-1/3), the power cut after the cube.
        h = b.fma(b.neg(b.mul(y, r)), b.mul(r, r), b.const(x, 1.0))
        r = b.fma(b.mul(r, h), horner(b, h, (1.0 / 3.0, 2.0 / 9.0, 14.0 / 81.0)), r)
    square = b.mul(r, r)
    root = b.mul(y, square)
    rest = b.fma(b.neg(b.mul(root, root)), root, y)
    root = b.fma(rest, b.mul(square, b.const(x, 1.0 / 3.0)), root)

    root = b.select(small, b.mul(root, b.const(x, 2.0 ** (-lift // 3))), root)
    ordinary = b.logical_and(b.gt(size, b.const(x, 0.0)), b.lt(size, b.const(x, math.inf)))
    return b.select(ordinary, b.copysign(root, x), x)


def rsqrt(b: Builder, x: Value) -> Value:
    """1 / sqrt(x)."""
    return b.div(b.const(x, 1.0), b.sqrt(x))


def hypot(b: Builder, x: Value, y: Value) -> Value:
    """sqrt(x**2 + y**2) without overflow or underflow on the way; infinite if either is."""
    kind = layout(b, x)
    x, y = b.abs(x), b.abs(y)
    larger = b.select(b.gt(x, y), x, y)
    large, shift = ((2.0**60, 90), (2.0**500, 600))[kind.index]
    one = b.const(x, 1.0)
    down, up = b.const(x, 2.0**-shift), b.const(x, 2.0**shift)
    is_large = b.gt(larger, b.const(x, large))
    is_small = b.lt(larger, b.const(x, 1.0 / large))
    scale = b.select(is_large, down, b.select(is_small, up, one))
    back = b.select(is_large, up, b.select(is_small, down, one))
    u, v = b.mul(x, scale), b.mul(y, scale)
    answer = b.mul(b.sqrt(b.fma(u, u, b.mul(v, v))), back)
    infinity = b.const(x, math.inf)
    infinite = b.logical_or(b.eq(x, infinity), b.eq(y, infinity))
    return b.select(infinite, infinity, answer)
