"""Logarithm, sine and cosine of single precision as PyTorch's vector code computes them.

PyTorch turns uniform numbers into normal ones with the Cephes library's polynomials and the
processor's fused multiply-adds. The same roundings in the same order give the same bits: a fused
step is a product and a sum of doubles, rounded to single precision at the end. (The sum itself is
rounded once before: one step in some hundred million comes out a bit apart.)
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["radius_and_turn"]

Singles = np.ndarray[Any, np.dtype[np.float32]]
Doubles = np.ndarray[Any, np.dtype[np.float64]]


def _single(value: float) -> float:
    """A constant as single precision holds it."""
    return float(np.float32(value))


_LOG = [
    _single(value)
    for value in (
        7.0376836292e-2,
        -1.1514610310e-1,
        1.1676998740e-1,
        -1.2420140846e-1,
        1.4249322787e-1,
        -1.6668057665e-1,
        2.0000714765e-1,
        -2.4999993993e-1,
        3.3333331174e-1,
    )
]
_LOG2_LOW, _LOG2_HIGH = _single(-2.12194440e-4), 0.693359375
_ROOT_HALF_BITS = np.float32(0.707106781186547524).view(np.int32)
_FOUR_OVER_PI = np.float32(1.27323954473516)
_QUARTER_PI = [
    _single(v) for v in (-0.78515625, -2.4187564849853515625e-4, -3.77489497744594108e-8)
]
_COSINE_AND_SINE = np.array(
    [
        [2.443315711809948e-005, -1.388731625493765e-003, 4.166664568298827e-002],
        [-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1],
    ],
    np.float32,
).astype(np.float64)
_FIRST, _SECOND, _THIRD = (_COSINE_AND_SINE[:, k : k + 1] for k in range(3))
_TWO_PI = np.float32(2.0 * np.pi)
_ONE, _MINUS_TWO = np.float32(1.0), np.float32(-2.0)
_23, _29 = np.int32(23), np.int32(29)


def radius_and_turn(first: Singles, second: Singles) -> tuple[Singles, Singles, Singles]:
    """A pair's radius, and the cosine and the sine of its angle.

    Args:
        first: float32 ``(n,)`` of [0, 1): gives the radius.
        second: float32 ``(n,)`` of [0, 1): the part of a full turn.

    Returns:
        Three arrays of float32 ``(n,)``.
    """
    radius = _logarithm(np.subtract(_ONE, first))
    radius *= _MINUS_TWO
    np.sqrt(radius, out=radius)
    cosine, sine = _cosine_and_sine(second * _TWO_PI)
    return radius, cosine, sine


def _round(wide: Doubles, single: Singles) -> None:
    """Rounds doubles to single precision, in both places."""
    single[...] = wide
    wide[...] = single


def _logarithm(values: Singles) -> Singles:
    """Natural logarithms of numbers of (0, 1]."""
    bits = values.view(np.int32)
    power = bits - _ROOT_HALF_BITS
    power >>= _23
    single = (bits - (power << _23)).view(np.float32)
    single -= _ONE
    exponent = power.astype(np.float64)
    x = single.astype(np.float64)
    z = np.multiply(single, single).astype(np.float64)
    y = x * _LOG[0]
    y += _LOG[1]
    _round(y, single)
    for coefficient in _LOG[2:]:
        y *= x
        y += coefficient
        single[...] = y
        y[...] = single
    y *= x
    _round(y, single)
    low = exponent * _LOG2_LOW
    _round(low, single)
    y *= z
    y += low
    _round(y, single)
    z *= 0.5
    y -= z
    _round(y, single)
    y += x
    _round(y, single)
    exponent *= _LOG2_HIGH
    y += exponent
    single[...] = y
    return single


def _cosine_and_sine(angles: Singles) -> tuple[Singles, Singles]:
    """Cosines and sines of angles of [0, 2 pi]."""
    octant = (angles * _FOUR_OVER_PI).astype(np.int32)
    octant += np.int32(1)
    octant &= np.int32(-2)
    turns = octant.astype(np.float64)
    x = angles.astype(np.float64)
    single = np.empty_like(angles)
    for part in _QUARTER_PI:
        x += turns * part
        _round(x, single)
    z = np.multiply(single, single).astype(np.float64)
    # The cosine's and the sine's polynomials side by side.
    both = np.empty((2, angles.size), np.float32)
    y = z * _FIRST
    y += _SECOND
    _round(y, both)
    y *= z
    y += _THIRD
    _round(y, both)
    y *= z
    _round(y, both)
    cosine, sine = y
    cosine *= z
    z *= 0.5
    cosine -= z
    sine *= x
    sine += x
    _round(y, both)
    cosine += 1.0
    both[0] = cosine
    swapped = (octant & np.int32(2)).astype(bool)
    results = np.where(swapped, both[::-1], both)
    signs = results.view(np.int32)
    signs[1] ^= (octant & np.int32(4)) << _29
    octant += np.int32(2)
    signs[0] ^= (octant & np.int32(4)) << _29
    return results[0], results[1]
