"""Distributions made of normal numbers."""

from __future__ import annotations

from typing import Any

from functorch_lite import numpy as fnp
from functorch_lite.core.array import Array
from functorch_lite.core.dtypes import canonical, is_complex
from functorch_lite.random.keys import as_shape, split, take_key
from functorch_lite.random.normal import normal
from functorch_lite.random.parameters import bound, common_shape, float_dtype, parameters
from functorch_lite.random.uniform import rademacher, uniform

__all__ = ["double_sided_maxwell", "lognormal", "maxwell", "wald"]


def lognormal(key: Array, sigma: Any = 1.0, shape: Any = None, dtype: Any = None) -> Array:
    """Numbers of the log-normal distribution: exp(sigma x) for a normal x.

    Args:
        key: u32[2].
        sigma: standard deviation of the logarithm; broadcasts to ``shape``.
        shape: shape of the sample; the shape of ``sigma`` by default.
        dtype: a floating-point dtype, float32 by default, or a complex one.

    Returns:
        Array of the given shape and dtype.

    Raises:
        DtypeError: ``dtype`` is an integer type, or ``key`` is not a key.
        ShapeError: ``sigma`` does not broadcast to ``shape``.

    >>> from functorch_lite import random
    >>> bool((random.lognormal(random.key(0), 2.0, (5,)) > 0).all())
    True

    Source: ``jax.random.lognormal``.
    """
    name = "random.lognormal"
    take_key(name, key)
    if dtype is None or not is_complex(canonical(dtype)):
        dtype = float_dtype(name, dtype)
    shape = common_shape(name, shape, sigma=sigma)
    return fnp.exp(normal(key, shape, dtype) * bound(name, "sigma", sigma, shape, dtype))


def maxwell(key: Array, shape: Any = (), dtype: Any = None) -> Array:
    """Numbers of the Maxwell distribution: lengths of vectors of three normal numbers.

    Args:
        key: u32[2].
        shape: shape of the sample.
        dtype: a floating-point dtype, float32 by default.

    Returns:
        Array of the given shape and dtype.

    Raises:
        DtypeError: ``dtype`` is not floating-point, or ``key`` is not a key.

    >>> from functorch_lite import random
    >>> bool((random.maxwell(random.key(0), (5,)) > 0).all())
    True

    Source: ``jax.random.maxwell``.
    """
    take_key("random.maxwell", key)
    dtype = float_dtype("random.maxwell", dtype)
    x = normal(key, (*as_shape("random.maxwell", shape), 3), dtype)
    return fnp.sqrt(fnp.sum(x * x, axis=-1))


def double_sided_maxwell(
    key: Array, loc: Any, scale: Any, shape: Any = (), dtype: Any = None
) -> Array:
    """Numbers of the Maxwell distribution with random signs, scaled and shifted.

    Args:
        key: u32[2].
        loc: what is added to the numbers.
        scale: what they are multiplied by.
        shape: how many to draw for each of the parameters' elements, as a shape; ``()`` stands for
            the shape that the parameters broadcast to.
        dtype: a floating-point dtype, float32 by default.

    Returns:
        Array of the given dtype: ``shape``, then the shape that the parameters broadcast to.

    Raises:
        DtypeError: ``dtype`` is not floating-point, a parameter is complex, or ``key`` is no key.
        ShapeError: the parameters do not broadcast together.

    >>> from functorch_lite import random
    >>> random.double_sided_maxwell(random.key(0), 0.0, fnp.ones(2), (3,)).shape
    (3, 2)

    Source: ``jax.random.double_sided_maxwell``, its shapes included.
    """
    name = "random.double_sided_maxwell"
    take_key(name, key)
    dtype = float_dtype(name, dtype)
    common = common_shape(name, None, loc=loc, scale=scale)
    shape = (as_shape(name, shape) or common) + common
    loc, scale = bound(name, "loc", loc, shape, dtype), bound(name, "scale", scale, shape, dtype)
    keys = split(key)
    return rademacher(keys[1], shape, dtype) * maxwell(keys[0], shape, dtype) * scale + loc


def wald(key: Array, mean: Any, shape: Any = None, dtype: Any = None) -> Array:
    """Numbers of the Wald (inverse Gaussian) distribution with scale 1.

    Args:
        key: u32[2].
        mean: positive; broadcasts to ``shape``.
        shape: shape of the sample; the shape that the parameters broadcast to by default.
        dtype: a floating-point dtype, float32 by default.

    Returns:
        Array of the given shape and dtype.

    Raises:
        DtypeError: ``dtype`` is not floating-point, a parameter is complex, or ``key`` is no key.
        ShapeError: the parameters do not broadcast to ``shape``.

    >>> from functorch_lite import random
    >>> bool((random.wald(random.key(0), 2.0, (5,)) > 0).all())
    True

    Source: ``jax.random.wald``; Michael, Schucany and Haas, The American Statistician 30 (1976).
    """
    take_key("random.wald", key)
    dtype = float_dtype("random.wald", dtype)
    shape, (mean,) = parameters("random.wald", shape, dtype, mean=mean)
    keys = split(key)
    y = fnp.square(normal(keys[0], shape, dtype))
    z = uniform(keys[1], shape, dtype)
    mean_2 = mean * mean
    root = fnp.sqrt(4 * mean * y + mean_2 * (y * y))
    x = mean + mean_2 * y / 2 - mean / 2 * root
    return fnp.where(z <= mean / (mean + x), x, mean_2 / x)
