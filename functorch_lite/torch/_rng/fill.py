"""The order in which PyTorch fills an array, its conversions, and multiply-adds rounded once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import ml_dtypes
import numpy as np
from numpy.lib.stride_tricks import as_strided

from functorch_lite.torch._core.dtypes import FROM_NP
from functorch_lite.torch._rng.engine import CHUNK

__all__ = [
    "BFLOAT16",
    "FLOATS",
    "HALVES",
    "Floats",
    "Values",
    "affine32",
    "affine64",
    "as_written",
    "fill",
    "lay",
    "real_view",
    "reals",
    "shown",
    "store",
    "unsupported",
]

Values = np.ndarray[Any, np.dtype[Any]]
Floats = np.ndarray[Any, np.dtype[np.floating[Any]]]

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
_FLOAT16 = np.dtype(np.float16)
_FLOAT32 = np.dtype(np.float32)
_FLOAT64 = np.dtype(np.float64)
HALVES = frozenset((_FLOAT16, BFLOAT16))
_NARROW = frozenset((_FLOAT16, BFLOAT16, _FLOAT32))
FLOATS = frozenset((_FLOAT16, BFLOAT16, _FLOAT32, _FLOAT64))


def unsupported(kernel: str, dtype: np.dtype[Any]) -> NoReturn:
    """PyTorch's error for a dtype that a kernel does not take."""
    raise NotImplementedError(f"\"{kernel}\" not implemented for '{FROM_NP[dtype].scalar_name}'")


def shown(value: float) -> str:
    """A number as PyTorch's messages print it."""
    return f"{value:g}"


def real_view(out: Values) -> Values:
    """A complex array's real and imaginary parts side by side in a last axis of two."""
    real = out.real
    return as_strided(real, (*out.shape, 2), (*out.strides, real.itemsize))


def as_written(values: Values, out: Values) -> Values:
    """Values of an array's shape, their axes in the order in which PyTorch writes to it."""
    if out.flags.c_contiguous:
        return values
    strides = out.strides
    return values.transpose(sorted(range(out.ndim), key=lambda axis: -strides[axis]))


def lay(out: Values) -> Values:
    """A view in the order PyTorch writes in: that of the memory, flat where there are no gaps."""
    view = as_written(out, out)
    return view.reshape(-1) if view.flags.c_contiguous else view


def store(target: Values, values: Values) -> None:
    """Writes values, one axis of them, to what ``lay`` returned."""
    if target.ndim != 1:
        values = values.reshape(target.shape)
    if target.dtype == values.dtype or target.dtype not in _NARROW:
        target[...] = values
        return
    with np.errstate(over="ignore"):
        # PyTorch's two-byte floats are made from single precision: two roundings from a double.
        target[...] = values if values.dtype == _FLOAT32 else values.astype(np.float32)


def fill(out: Values, draw: Callable[[int], Values]) -> None:
    """Writes ``draw(count)`` after ``draw(count)`` to an array, in PyTorch's order."""
    size = out.size
    if size == 0:
        return
    target = lay(out)
    if size <= CHUNK:
        store(target, draw(size))
    elif target.ndim == 1:
        for start in range(0, size, CHUNK):
            part = target[start : start + CHUNK]
            store(part, draw(part.size))
    else:
        values = [draw(min(CHUNK, size - start)) for start in range(0, size, CHUNK)]
        store(target, np.concatenate(values))


def reals(words: np.ndarray[Any, np.dtype[np.uint32]]) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Single-precision numbers of [0, 1), one word each."""
    # As a signed word the 24 bits convert in one instruction.
    values = (words & np.uint32(0xFFFFFF)).view(np.int32).astype(np.float32)
    values *= np.float32(2.0**-24)
    return values


def affine32(
    values: np.ndarray[Any, np.dtype[np.float32]], scale: float, shift: float
) -> np.ndarray[Any, np.dtype[np.float32]]:
    """``values * scale + shift``, single-precision numbers all, rounded once."""
    if shift == 0.0:
        return values * np.float32(scale)
    product = values.astype(np.float64)
    product *= scale
    total = product + shift
    result = total.astype(np.float32)
    # Halfway between two singles, the rounding to a double has decided: its error says for which.
    ties = np.flatnonzero((total.view(np.int64) & 0x1FFFFFFF) == 0x10000000)
    if ties.size:
        product, total = product[ties], total[ties]
        added = total - product
        error = (product - (total - added)) + (shift - added)
        for index, middle, side in zip(ties, total, error, strict=True):
            if side:
                result[index] = _beside(float(middle), side > 0)
    return result


def _beside(middle: float, above: bool) -> np.float32:
    """The single-precision number above or below one halfway between two."""
    near = np.float32(middle)
    if (near > middle) == above:
        return near
    return np.nextafter(near, np.float32(np.inf if above else -np.inf))


def affine64(
    values: np.ndarray[Any, np.dtype[np.float64]], scale: float, shift: float
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """``values * scale + shift`` rounded once, as PyTorch's build does it."""
    if shift == 0.0:
        return values * scale
    if scale == 1.0:
        return values + shift
    high = values * scale
    if not (1e-100 < abs(scale) < 1e100 and abs(shift) < 1e100):
        # Halves of such numbers overflow or vanish, and the exact remainder below with them.
        return high + shift
    # The product's rounding error by Dekker, the sum's by Knuth.
    split = 134217729.0
    stretched = split * scale
    scale_high = stretched - (stretched - scale)
    scale_low = scale - scale_high
    t = values * split
    value_high = t - (t - values)
    value_low = values - value_high
    error = value_high * scale_high - high
    error += value_high * scale_low
    error += value_low * scale_high
    error += value_low * scale_low
    total = high + shift
    back = total - high
    error += (high - (total - back)) + (shift - back)
    return total + error
