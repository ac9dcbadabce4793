"""Reduction of an angle to ``k*pi/2 + r`` with ``abs(r)`` just over pi/4 at most, k modulo 4.

Moderate angles: subtract ``k`` times pi/2 held in three floats, with fused operations (Cody and
Waite). Huge angles: multiply by a window of the binary digits of 2/pi that is chosen by the size of
the angle, leaving out the digits that only contribute multiples of 4 (Payne and Hanek). The window
is moved by selects, in steps that double, so no table is indexed.
"""

from __future__ import annotations

from functorch_lite.backends.cpu.maths.builder import Builder, Value
from functorch_lite.backends.cpu.maths.parts import (
    layout,
    pick,
    quick_two_sum,
    two_product,
    two_sum,
)

# Where the first method holds, for float32 and float64.
LIMITS = (2.0**17, 2.0**40)

_TWO_OVER_PI = 0.6366197723675814
# pi/2 cut into three positive floats of each type, the first two not rounded up: with positive
# parts a zero angle keeps its sign.
_PARTS32 = (1.570796251296997, 7.549789415861596e-08, 5.390302529957765e-15)
_PARTS64 = (1.5707963267948966, 6.123233995736765e-17, 1.0828566739219139e-32)
_HALF_PI = 1.5707963267948966
_HALF_PI_LOW = 6.123233995736766e-17

# The first 1280 binary digits of 2/pi.
_DIGITS = int(
    "a2f9836e4e441529fc2757d1f534ddc0db6295993c439041fe5163abdebbc561b7246e3a424dd2e0"
    "06492eea09d1921cfe1deb1cb129a73ee88235f52ebb4484e99c7026b45f7e413991d639835339f4"
    "9c845f8bbdf9283b1ff897ffde05980fef2f118b5a0a6d1f6d367ecf27cb09b74f463f669e5fea2d"
    "7527bac7ebe5f17b3d0739f78a5292ea6bfb5fb11f8d5d0856033046fc7b6babf0cfbc209af4361d",
    16,
)


def _words(width: int, count: int) -> list[float]:
    """2/pi as digits of ``width`` bits: word k stands for ``word * 2**(-width*k)``."""
    mask = (1 << width) - 1
    return [float(_DIGITS >> (1280 - width * (k + 1)) & mask) * 2.0**-width for k in range(count)]


_WORDS28 = [word * 2.0 ** (-28 * k) for k, word in enumerate(_words(28, 7))]
_WORDS53 = _words(53, 23)


def reduce_moderate(b: Builder, x: Value) -> tuple[Value, Value]:
    """``(r, shifted)`` for angles up to `LIMITS`; ``shifted`` holds k in its low bits."""
    kind = layout(b, x)
    magic = b.const(x, kind.magic)
    shifted = b.fma(x, b.const(x, _TWO_OVER_PI), magic)
    k = b.sub(shifted, magic)
    r = x
    # The first step is exact: its result is a multiple of the spacing of pi/2 and less than 1.
    for part in (_PARTS32, _PARTS64)[kind.index]:
        r = b.fma(k, b.const(x, -part), r)
    return r, shifted


def _modulo_4(b: Builder, x: Value) -> Value:
    return b.fma(b.rint(b.mul(x, b.const(x, 0.25))), b.const(x, -4.0), x)


def _reduce_huge32(b: Builder, x: Value) -> tuple[Value, Value]:
    """The second method for float32, in float64: products of 24 by 28 bits are exact there."""
    wide = b.widen(x)
    size = b.abs(wide)
    words = [b.const(wide, word) for word in _WORDS28]
    # Word k only contributes multiples of 4 from 2**(53 + 28*k) on.
    two = b.ge(size, b.const(wide, 2.0**81))
    words = [b.select(two, words[k + 2], words[k]) for k in range(5)]
    limit = b.select(two, b.const(wide, 2.0**109), b.const(wide, 2.0**53))
    one = b.ge(size, limit)
    words = [b.select(one, words[k + 1], words[k]) for k in range(4)]
    first = _modulo_4(b, b.mul(wide, words[0]))
    second = _modulo_4(b, b.mul(wide, words[1]))
    third = b.mul(wide, words[2])
    k = b.rint(b.add(b.add(first, second), third))
    # Exact until the last two terms come in.
    turn = b.add(b.sub(first, k), second)
    turn = b.fma(wide, words[3], b.add(turn, third))
    r = b.narrow(b.mul(turn, b.const(wide, _HALF_PI)))
    return r, b.add(b.narrow(k), b.const(x, layout(b, x).magic))


def _reduce_huge64(b: Builder, x: Value) -> tuple[Value, Value]:
    """The second method for float64, with products and sums of two floats."""
    words = [b.const(x, word) for word in _WORDS53]
    for step, kept in ((16, 20), (8, 12), (4, 8), (2, 6), (1, 5)):
        move = b.ge(b.abs(x), b.const(x, 2.0 ** (54 + 53 * step)))
        x = b.select(move, b.mul(x, b.const(x, 2.0 ** (-53 * step))), x)
        words = [
            b.select(move, words[k + step], words[k]) if k + step < len(words) else words[k]
            for k in range(kept)
        ]
    high, low = [], []
    for k, word in enumerate(words):
        product, error = two_product(b, b.mul(x, b.const(x, 2.0 ** (-53 * k))), word)
        high.append(product)
        low.append(error)
    total = _modulo_4(b, high[0])
    rest = []
    for term in (_modulo_4(b, low[0]), _modulo_4(b, high[1]), low[1], high[2]):
        total, error = two_sum(b, total, term)
        rest.append(error)
    k = b.rint(total)
    total = b.sub(total, k)
    small, tiny = rest[0], b.add(low[3], high[4])
    for term in (*rest[1:], low[2], high[3]):
        small, error = two_sum(b, small, term)
        tiny = b.add(tiny, error)
    total, small = two_sum(b, total, small)
    total, small = quick_two_sum(b, total, b.add(small, tiny))
    half_pi = b.const(x, _HALF_PI)
    r = b.fma(total, half_pi, b.fma(total, b.const(x, _HALF_PI_LOW), b.mul(small, half_pi)))
    return r, b.add(k, b.const(x, layout(b, x).magic))


def reduce_any(b: Builder, x: Value) -> tuple[Value, Value]:
    """``(r, shifted)`` for every finite angle; NaN for infinities."""
    near, near_shifted = reduce_moderate(b, x)
    huge = _reduce_huge32 if layout(b, x).index == 0 else _reduce_huge64
    far, far_shifted = huge(b, x)
    moderate = b.lt(b.abs(x), pick(b, x, LIMITS))
    return b.select(moderate, near, far), b.select(moderate, near_shifted, far_shifted)
