"""Windows that taper a signal, and the Bessel function that the last of them is made of."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

from functorch_lite import ops
from functorch_lite.core.array import Array
from functorch_lite.core.dtypes import float32
from functorch_lite.numpy.convert import as_array, cast, const, to_inexact
from functorch_lite.numpy.creation import arange, ones
from functorch_lite.numpy.elementwise import absolute, cos, sqrt

__all__ = ["bartlett", "blackman", "hamming", "hanning", "i0", "kaiser"]


def i0(x: Any) -> Array:
    """The modified Bessel function of the first kind of order 0.

    Args:
        x: real array or number; integers are taken as float32.

    >>> i0(0.0)
    Array(1., dtype=float32)
    """
    found: Array = ops.i0(to_inexact(x, "i0"))
    return found


def _taper(M: int, of_phase: Callable[[Array], Array]) -> Array:
    """``of_phase`` of n / (M - 1) for n in 0 ... M - 1; ones where M is at most 1."""
    M = operator.index(M)
    if M <= 1:
        return ones(max(M, 0), float32)
    return of_phase(arange(M, dtype=float32) / (M - 1))


def bartlett(M: int) -> Array:
    """A triangle from 0 over 1 to 0.

    Args:
        M: static int, the number of points.

    Returns:
        f32[M].

    >>> bartlett(3)
    Array([0., 1., 0.], dtype=float32)
    """
    return _taper(M, lambda t: 1.0 - absolute(2.0 * t - 1.0))


def blackman(M: int) -> Array:
    """Blackman's window: 0.42 - 0.5 cos(2 pi t) + 0.08 cos(4 pi t); arguments as of `bartlett`.

    >>> blackman(3).round(4)
    Array([-0.,  1., -0.], dtype=float32)
    """
    turn = 2.0 * math.pi
    return _taper(M, lambda t: 0.42 - 0.5 * cos(turn * t) + 0.08 * cos(2.0 * turn * t))


def hamming(M: int) -> Array:
    """Hamming's window: 0.54 - 0.46 cos(2 pi t); arguments as of `bartlett`.

    >>> hamming(3).round(4)
    Array([0.08, 1.  , 0.08], dtype=float32)
    """
    return _taper(M, lambda t: 0.54 - 0.46 * cos(2.0 * math.pi * t))


def hanning(M: int) -> Array:
    """Hann's window: 0.5 - 0.5 cos(2 pi t); arguments as of `bartlett`.

    >>> hanning(3).round(4)
    Array([0., 1., 0.], dtype=float32)
    """
    return _taper(M, lambda t: 0.5 - 0.5 * cos(2.0 * math.pi * t))


def kaiser(M: int, beta: Any) -> Array:
    """Kaiser's window: i0(beta sqrt(1 - (2 t - 1)**2)) / i0(beta).

    Args:
        M: static int, the number of points.
        beta: number, how narrow.

    Returns:
        f32[M].

    >>> kaiser(3, 0.0)
    Array([1., 1., 1.], dtype=float32)
    """
    shape = cast(as_array(beta, "kaiser", "beta"), float32)
    top = i0(shape)

    def of_phase(t: Array) -> Array:
        inside = ops.maximum(1.0 - (2.0 * t - 1.0) ** 2, const(0.0, float32))
        return i0(shape * sqrt(inside)) / top

    return _taper(M, of_phase)
