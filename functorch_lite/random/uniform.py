"""Uniform floats, and the coins made of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite import numpy as fnp
from functorch_lite import ops
from functorch_lite.core.array import Array
from functorch_lite.core.aval import describe
from functorch_lite.core.dtypes import (
    bfloat16,
    canonical,
    default_int,
    float16,
    float32,
    float64,
    is_float,
)
from functorch_lite.errors import DtypeError
from functorch_lite.random.bits import bits_of
from functorch_lite.random.keys import as_shape, draw_words, take_key
from functorch_lite.random.parameters import bound, float_dtype, one_of

__all__ = ["bernoulli", "rademacher", "uniform"]

# dtype: (unsigned type of its size, unsigned type of the bits drawn, bits dropped, bits of 1.0).
# What is left of the drawn bits fills the mantissa.
_LAYOUT = {
    float16: ("uint16", "uint16", 6, 0x3C00),
    bfloat16: ("uint16", "uint8", 1, 0x3F80),
    float32: ("uint32", "uint32", 9, 0x3F80_0000),
    float64: ("uint64", "uint64", 12, 0x3FF0_0000_0000_0000),
}


def uniform(
    key: Array, shape: Any = (), dtype: Any = None, minval: Any = 0.0, maxval: Any = 1.0
) -> Array:
    """Floats uniformly distributed over ``[minval, maxval)``.

    Args:
        key: u32[2].
        shape: shape of the sample.
        dtype: a floating-point dtype; float32 by default.
        minval: lower bound (inclusive); broadcasts to ``shape``.
        maxval: upper bound (exclusive, up to rounding); broadcasts to ``shape``.

    Returns:
        Array of the given shape and dtype.

    Raises:
        DtypeError: ``dtype`` is not a floating-point type, or ``key`` is not a key.
        ShapeError: the bounds do not broadcast to ``shape``.

    >>> from functorch_lite import random
    >>> x = random.uniform(random.key(0), (100,), minval=-1.0)
    >>> bool((x >= -1).all() & (x < 1).all())
    True

    Source: ``jax.random.uniform``: random mantissa bits under the exponent of 1.0, minus 1.
    """
    take_key("random.uniform", key)
    dtype = float_dtype("random.uniform", dtype)
    shape = as_shape("random.uniform", shape)
    unit = unit_interval("random.uniform", key, shape, dtype)
    if type(minval) is float and type(maxval) is float and (minval, maxval) == (0.0, 1.0):
        return unit
    low = bound("random.uniform", "minval", minval, shape, dtype)
    high = bound("random.uniform", "maxval", maxval, shape, dtype)
    return between(unit, low, high)


def bernoulli(key: Array, p: Any = 0.5, shape: Any = None, mode: str = "low") -> Array:
    """Coins that come up True with probability ``p``.

    Args:
        key: u32[2].
        p: probability, a float or an array of floats; broadcasts to ``shape``.
        shape: shape of the sample; the shape of ``p`` by default.
        mode: "low" compares one uniform number with ``p``, whose steps are 2**-23 in float32;
            "high" draws two, and is right for much smaller ``p``.

    Returns:
        bool[*shape].

    Raises:
        DtypeError: ``p`` is not floating-point, or ``key`` is not a key.
        ShapeError: ``p`` does not broadcast to ``shape``.
        TransformError: an unknown ``mode``.

    >>> from functorch_lite import random
    >>> random.bernoulli(random.key(0), 0.5, (4,)).dtype
    dtype('bool')

    Source: ``jax.random.bernoulli``: a uniform number of the dtype of ``p`` compared with ``p``.
    """
    take_key("random.bernoulli", key)
    p = fnp.asarray(p)
    if not is_float(p.dtype):
        raise DtypeError(
            f"random.bernoulli: expected a floating-point p; got {describe(p)}. "
            "Remedy: write probabilities as floats, such as 1.0."
        )
    shape = tuple(p.shape) if shape is None else as_shape("random.bernoulli", shape)
    p = bound("random.bernoulli", "p", p, shape, p.dtype)
    if one_of("random.bernoulli", "mode", mode, ("low", "high")) == "low":
        return unit_interval("random.bernoulli", key, shape, p.dtype) < p
    unit = unit_interval("random.bernoulli", key, (2, *shape), p.dtype)
    return unit[1] * step(p.dtype) < p - unit[0]


def rademacher(key: Array, shape: Any = (), dtype: Any = None) -> Array:
    """Random signs: -1 and 1 with equal probabilities.

    Args:
        key: u32[2].
        shape: shape of the sample.
        dtype: a dtype of numbers, int64 by default.

    Returns:
        Array of the given shape and dtype.

    Raises:
        DtypeError: ``dtype`` is bool or unsigned, or ``key`` is not a key.

    >>> from functorch_lite import random
    >>> set(random.rademacher(random.key(0), (20,)).tolist()) == {-1, 1}
    True

    Source: ``jax.random.rademacher``, in 64 bits for dtypes of 64, else in 32, as JAX with and
    without 64-bit types does.
    """
    name = "random.rademacher"
    take_key(name, key)
    dtype = default_int() if dtype is None else canonical(dtype)
    if dtype.kind in "bu":
        raise DtypeError(f"{name}: expected a dtype that holds -1; got {dtype.name}.")
    half = fnp.asarray(0.5, float64 if dtype.itemsize == 8 else float32)
    return 2 * bernoulli(key, half, as_shape(name, shape)).astype(dtype) - 1


def unit_interval(name: str, key: Array, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Uniform floats over [0, 1); ``name`` is the calling sampler, for messages."""
    return unit_of(draw_words(name, key, shape), dtype)


def unit_of(words: Array, dtype: np.dtype[Any]) -> Array:
    """Uniform floats over [0, 1) from 64 random bits each."""
    unsigned, drawn, dropped, one = _LAYOUT[dtype]
    mantissa = bits_of(words, canonical(drawn)).astype(unsigned) >> dropped
    in_one_two = ops.bitcast(mantissa | one, dtype=dtype)
    return in_one_two - 1


def step(dtype: np.dtype[Any]) -> float:
    """The distance between neighbours among the numbers of :func:`unit_of`."""
    _, drawn, dropped, _ = _LAYOUT[dtype]
    return float(2.0 ** (dropped - canonical(drawn).itemsize * 8))


def between(unit: Array, low: Array, high: Array) -> Array:
    """Numbers of [0, 1) carried to [low, high)."""
    return fnp.maximum(low, _fused_multiply_add(unit, high - low, low))


def _fused_multiply_add(x: Array, y: Array, z: Array) -> Array:
    """x * y + z with one rounding, as in XLA's kernels; bit equality with JAX hangs on it."""
    if x.dtype == float32:
        x, y, z = (a.astype(float64) for a in (x, y, z))
        return (x * y + z).astype(float32)
    if x.dtype == float64:
        product, product_error = _two_product(x, y)
        total, total_error = _two_sum(product, z)
        return total + (total_error + product_error)
    return x * y + z


def _two_product(x: Array, y: Array) -> tuple[Array, Array]:
    """x * y and its rounding error, exactly (Dekker 1971)."""
    product = x * y
    x_high, x_low = _halves(x)
    y_high, y_low = _halves(y)
    error = ((x_high * y_high - product) + x_high * y_low + x_low * y_high) + x_low * y_low
    return product, error


def _halves(x: Array) -> tuple[Array, Array]:
    scaled = x * 134217729.0  # 2**27 + 1
    high = scaled - (scaled - x)
    return high, x - high


def _two_sum(x: Array, y: Array) -> tuple[Array, Array]:
    """x + y and its rounding error, exactly (Knuth)."""
    total = x + y
    y_part = total - x
    return total, (x - (total - y_part)) + (y - y_part)
