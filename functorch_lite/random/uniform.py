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
    default_float,
    float16,
    float32,
    float64,
    is_float,
)
from functorch_lite.errors import DtypeError, ShapeError
from functorch_lite.random.bits import draw_bits
from functorch_lite.random.keys import as_shape, check_key

__all__ = ["bernoulli", "uniform"]

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
    check_key("random.uniform", key)
    dtype = float_dtype("random.uniform", dtype)
    shape = as_shape("random.uniform", shape)
    unit = unit_interval("random.uniform", key, shape, dtype)
    if type(minval) is float and type(maxval) is float and (minval, maxval) == (0.0, 1.0):
        return unit
    low = bound("random.uniform", "minval", minval, shape, dtype)
    high = bound("random.uniform", "maxval", maxval, shape, dtype)
    return fnp.maximum(low, _fused_multiply_add(unit, high - low, low))


def bernoulli(key: Array, p: Any = 0.5, shape: Any = None) -> Array:
    """Coins that come up True with probability ``p``.

    Args:
        key: u32[2].
        p: probability, a float or an array of floats; broadcasts to ``shape``.
        shape: shape of the sample; the shape of ``p`` by default.

    Returns:
        bool[*shape].

    Raises:
        DtypeError: ``p`` is not floating-point, or ``key`` is not a key.
        ShapeError: ``p`` does not broadcast to ``shape``.

    >>> from functorch_lite import random
    >>> random.bernoulli(random.key(0), 0.5, (4,)).dtype
    dtype('bool')

    Source: ``jax.random.bernoulli``: a uniform number of the dtype of ``p`` compared with ``p``.
    """
    check_key("random.bernoulli", key)
    p = fnp.asarray(p)
    if not is_float(p.dtype):
        raise DtypeError(
            f"random.bernoulli: expected a floating-point p; got {describe(p)}. "
            "Remedy: write probabilities as floats, such as 1.0."
        )
    shape = tuple(p.shape) if shape is None else as_shape("random.bernoulli", shape)
    p = bound("random.bernoulli", "p", p, shape, p.dtype)
    return unit_interval("random.bernoulli", key, shape, p.dtype) < p


def unit_interval(name: str, key: Array, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Uniform floats over [0, 1); ``name`` is the calling sampler, for messages."""
    unsigned, drawn, dropped, one = _LAYOUT[dtype]
    mantissa = draw_bits(name, key, shape, canonical(drawn)).astype(unsigned) >> dropped
    in_one_two = ops.bitcast(mantissa | one, dtype=dtype)
    return in_one_two - 1


def float_dtype(name: str, dtype: Any) -> np.dtype[Any]:
    """The floating-point dtype asked for, float32 for None."""
    if dtype is None:
        return default_float()
    dtype = canonical(dtype)
    if not is_float(dtype):
        raise DtypeError(f"{name}: expected a floating-point dtype; got {dtype.name}.")
    return dtype


def bound(name: str, what: str, value: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """A distribution's parameter in the sample's dtype, checked to broadcast to its shape."""
    value = fnp.asarray(value, dtype=dtype)
    have = tuple(value.shape)
    fits = len(have) <= len(shape) and all(
        n in (1, m) for n, m in zip(have[::-1], shape[::-1], strict=False)
    )
    if not fits:
        raise ShapeError(
            f"{name}: expected {what} to broadcast to the shape {shape}; got {describe(value)}."
        )
    return value


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
