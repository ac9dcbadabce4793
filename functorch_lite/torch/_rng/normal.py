"""PyTorch's normal distribution on the CPU: blocks of sixteen numbers, or pairs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from functorch_lite.torch._rng.box_muller import radius_and_turn
from functorch_lite.torch._rng.engine import CHUNK, Engine
from functorch_lite.torch._rng.fill import (
    FLOATS,
    HALVES,
    Values,
    affine32,
    affine64,
    fill,
    real_view,
    reals,
    shown,
    store,
    unsupported,
)

__all__ = ["FEW", "next_normal", "normal", "normal_like", "pairs"]

Doubles = np.ndarray[Any, np.dtype[np.float64]]

# Below this the C library's functions, which PyTorch calls too, beat NumPy's in time and in bits.
FEW = 16
_TWO_PI = 2.0 * math.pi


def normal(engine: Engine, out: Values, mean: float = 0.0, std: float = 1.0) -> Values:
    """Fills an array with normally distributed numbers.

    Args:
        engine: The generator to draw from.
        out: A floating-point or complex array, any shape and strides; from sixteen elements on,
            one without gaps draws other numbers than one with.
        mean: The distribution's mean.
        std: Its standard deviation; of a complex number's both parts together.

    Returns:
        ``out``.

    Raises:
        RuntimeError: The deviation is negative.
        NotImplementedError: The dtype is no floating-point one.

    Source: ``torch.Tensor.normal_``.

    >>> normal(Engine(0), np.empty(2, np.float32))
    array([ 1.5409961, -0.2934289], dtype=float32)
    """
    if not std >= 0.0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {shown(std)}")
    size = out.size
    if size == 0:
        return out
    dtype = out.dtype
    if dtype.kind == "c":
        normal(engine, real_view(out), mean, std / math.sqrt(2.0))
        return out
    if dtype not in FLOATS:
        unsupported("normal_kernel_cpu", dtype)
    if size >= 16 and out.flags.c_contiguous:
        _fill_blocks(engine, out.reshape(-1), mean, std)
    else:
        fill(out, lambda count: affine64(pairs(engine, count), std, mean))
    return out


def _fill_blocks(engine: Engine, flat: Values, mean: float, std: float) -> None:
    """Box-Muller over blocks of sixteen: cosines first, then sines."""
    double = flat.dtype == np.float64
    block = _blocks64 if double else _blocks32
    size = flat.size
    whole = size & ~15
    for start in range(0, whole, CHUNK):
        part = flat[start : min(start + CHUNK, whole)]
        store(part, block(engine, part.size, mean, std))
    if whole != size:
        # The last sixteen are drawn anew; only the two-byte dtypes skip what they would have drawn.
        if flat.dtype not in HALVES:
            engine.draw32((size - whole) * (2 if double else 1))
        store(flat[size - 16 :], block(engine, 16, mean, std))


def _blocks32(engine: Engine, count: int, mean: float, std: float) -> Values:
    """Blocks of sixteen in single precision."""
    shape = (count // 16, 2, 8)
    words = np.empty((2, shape[0], 8), np.uint32)
    # Two contiguous halves: NumPy's functions are slow on rows of eight.
    words[...] = engine.draw32(count).reshape(shape).transpose(1, 0, 2)
    first, second = reals(words.reshape(2, -1))
    radius, cosine, sine = radius_and_turn(first, second)
    values = np.empty(shape, np.float32)
    np.multiply(cosine.reshape(-1, 8), radius.reshape(-1, 8), out=values[:, 0])
    np.multiply(sine.reshape(-1, 8), radius.reshape(-1, 8), out=values[:, 1])
    flat = values.reshape(-1)
    if mean == 0.0 and std == 1.0:
        return flat
    return affine32(flat, float(np.float32(std)), float(np.float32(mean)))


def _blocks64(engine: Engine, count: int, mean: float, std: float) -> Doubles:
    """Blocks of sixteen in double precision."""
    shape = (count // 16, 2, 8)
    first, theta = np.ascontiguousarray(engine.doubles(count).reshape(shape).transpose(1, 0, 2))
    radius = np.subtract(1.0, first, out=first)
    values = np.empty(shape)
    if count == 16:
        values[0] = _few_pairs(radius[0].tolist(), theta[0].tolist())
    else:
        np.log(radius, out=radius)
        radius *= -2.0
        np.sqrt(radius, out=radius)
        theta *= _TWO_PI
        np.multiply(np.cos(theta), radius, out=values[:, 0])
        np.multiply(np.sin(theta, out=theta), radius, out=values[:, 1])
    flat = values.reshape(-1)
    return flat if mean == 0.0 and std == 1.0 else affine64(flat, std, mean)


def _few_pairs(firsts: list[float], seconds: list[float]) -> tuple[list[float], list[float]]:
    """The cosines' and the sines' side of some pairs, as the C library computes them."""
    cosines, sines = [], []
    for first, second in zip(firsts, seconds, strict=True):
        radius = math.sqrt(-2.0 * math.log(first))
        theta = _TWO_PI * second
        cosines.append(radius * math.cos(theta))
        sines.append(radius * math.sin(theta))
    return cosines, sines


def next_normal(engine: Engine) -> float:
    """One standard normal number, the second of the last pair where that is left."""
    with engine.lock:
        value = engine.double_normal
        if value is not None:
            engine.double_normal = None
            return value
        first, second = engine.next_double(), engine.next_double()
        radius = math.sqrt(-2.0 * math.log1p(-second))
        theta = _TWO_PI * first
        engine.double_normal = radius * math.sin(theta)
    return radius * math.cos(theta)


def pairs(engine: Engine, count: int) -> Doubles:
    """Standard normal numbers in pairs; an odd one stays in the engine for the next call."""
    with engine.lock:
        return _pairs(engine, count)


def _pairs(engine: Engine, count: int) -> Doubles:
    values = np.empty(count)
    if count < FEW:
        for index in range(count):
            values[index] = next_normal(engine)
        return values
    have = 0
    if engine.double_normal is not None:
        values[0] = engine.double_normal
        engine.double_normal = None
        have = 1
    turns = (count - have + 1) // 2
    theta, radius = engine.doubles(2 * turns).reshape(turns, 2).T.copy()
    np.log1p(np.negative(radius, out=radius), out=radius)
    radius *= -2.0
    np.sqrt(radius, out=radius)
    theta *= _TWO_PI
    values[have::2] = np.cos(theta) * radius
    sines = np.sin(theta, out=theta)
    sines *= radius
    kept = (count - have) // 2
    values[have + 1 :: 2] = sines[:kept]
    if kept != turns:
        engine.double_normal = float(sines[-1])
    return values


def normal_like(engine: Engine, mean: Values | float, std: Values | float) -> Values:
    """Normally distributed numbers, each with a mean and a deviation of its own.

    Args:
        engine: The generator to draw from.
        mean: An array or a number.
        std: An array or a number, of a shape that broadcasts with ``mean``'s.

    Returns:
        A new array of the mean's dtype, or of the deviation's where the mean is a number.

    Raises:
        RuntimeError: A deviation is negative.
        NotImplementedError: The dtype is no floating-point one.

    Source: ``torch.normal``.
    """
    if not isinstance(std, np.ndarray):
        values = np.empty(np.shape(mean), np.asarray(mean).dtype)
        normal(engine, values, 0.0, float(std))
    else:
        if std.dtype.kind == "c":
            raise RuntimeError("normal expects standard deviation to be non-complex")
        if not (std >= 0).all():
            raise RuntimeError("normal expects all elements of std >= 0.0")
        dtype = mean.dtype if isinstance(mean, np.ndarray) else std.dtype
        values = np.empty(np.broadcast_shapes(np.shape(mean), std.shape), dtype)
        normal(engine, values)
        np.multiply(values, std, out=values, casting="same_kind")
    np.add(values, mean, out=values, casting="same_kind")
    return values
