"""Normally distributed floats."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from functorch_lite import numpy as fnp
from functorch_lite import ops
from functorch_lite.core.array import Array
from functorch_lite.core.dtypes import canonical, complex64, float32, float64, is_complex
from functorch_lite.random.keys import as_shape, split, take_key
from functorch_lite.random.parameters import bound, common_shape, float_dtype
from functorch_lite.random.uniform import between, uniform, unit_interval

__all__ = ["normal", "truncated_normal"]

_SQRT_2 = math.sqrt(2.0)


def normal(key: Array, shape: Any = (), dtype: Any = None) -> Array:
    """Numbers of the standard normal distribution.

    Args:
        key: u32[2].
        shape: shape of the sample.
        dtype: a floating-point dtype, float32 by default; a complex one gives independent real and
            imaginary parts of variance 1/2.

    Returns:
        Array of the given shape and dtype.

    Raises:
        DtypeError: ``dtype`` is neither floating-point nor complex, or ``key`` is not a key.

    >>> from functorch_lite import random
    >>> random.normal(random.key(0), (2, 3)).shape
    (2, 3)

    Source: ``jax.random.normal``: sqrt(2) erfinv(u) for u uniform over (-1, 1).
    """
    take_key("random.normal", key)
    if dtype is not None and is_complex(canonical(dtype)):
        return _complex_normal(key, shape, canonical(dtype))
    dtype = float_dtype("random.normal", dtype)
    shape = as_shape("random.normal", shape)
    return normal_of(unit_interval("random.normal", key, shape, dtype))


def normal_of(unit: Array) -> Array:
    """Normal numbers from uniform ones over [0, 1)."""
    dtype = unit.dtype
    # -1 itself would give minus infinity.
    low = fnp.asarray(np.nextafter(dtype.type(-1), dtype.type(0)), dtype)
    return ops.erfinv(between(unit, low, fnp.ones((), dtype))) * _SQRT_2


def _complex_normal(key: Array, shape: Any, dtype: np.dtype[Any]) -> Array:
    keys = split(key)
    real_dtype = float32 if dtype == complex64 else float64
    real = normal(keys[0], shape, real_dtype)
    imag = normal(keys[1], shape, real_dtype)
    return ops.complex(real / _SQRT_2, imag / _SQRT_2)


def truncated_normal(
    key: Array, lower: Any, upper: Any, shape: Any = None, dtype: Any = None
) -> Array:
    """Numbers of the standard normal distribution, given that they lie between two bounds.

    Args:
        key: u32[2].
        lower: lower bound; broadcasts to ``shape``.
        upper: upper bound; broadcasts to ``shape``.
        shape: shape of the sample; the broadcast shape of the bounds by default.
        dtype: a floating-point dtype, float32 by default.

    Returns:
        Array of the given shape and dtype, in the open interval ``(lower, upper)``.

    Raises:
        DtypeError: ``dtype`` is not floating-point, or ``key`` is not a key.
        ShapeError: the bounds do not broadcast to ``shape``.

    >>> from functorch_lite import random
    >>> x = random.truncated_normal(random.key(0), -2.0, 2.0, (100,))
    >>> bool((abs(x) < 2).all())
    True

    Source: ``jax.random.truncated_normal``: the inverse of the distribution function.
    """
    name = "random.truncated_normal"
    take_key(name, key)
    dtype = float_dtype(name, dtype)
    shape = common_shape(name, shape, lower=lower, upper=upper)
    lower = bound(name, "lower", lower, shape, dtype)
    upper = bound(name, "upper", upper, shape, dtype)
    u = uniform(key, shape, dtype, ops.erf(lower / _SQRT_2), ops.erf(upper / _SQRT_2))
    # Rounding may carry a value onto a bound or past it.
    least = fnp.nextafter(ops.stop_gradient(lower), fnp.asarray(math.inf, dtype))
    greatest = fnp.nextafter(ops.stop_gradient(upper), fnp.asarray(-math.inf, dtype))
    return fnp.clip(ops.erfinv(u) * _SQRT_2, least, greatest)
