"""Distributions made of uniform numbers by the inverse of the distribution function."""

from __future__ import annotations

import math
from typing import Any

from functorch_lite import numpy as fnp
from functorch_lite.core.array import Array
from functorch_lite.random.keys import as_shape, take_key
from functorch_lite.random.parameters import float_dtype, parameters, smallest_normal
from functorch_lite.random.uniform import uniform

__all__ = [
    "cauchy",
    "exponential",
    "laplace",
    "logistic",
    "pareto",
    "rayleigh",
    "triangular",
    "weibull_min",
]


def exponential(key: Array, shape: Any = (), dtype: Any = None) -> Array:
    """Numbers of the exponential distribution, whose density is exp(-x) for x >= 0.

    Args:
        key: u32[2].
        shape: shape of the sample.
        dtype: a floating-point dtype, float32 by default.

    Returns:
        Array of the given shape and dtype.

    Raises:
        DtypeError: ``dtype`` is not floating-point, or ``key`` is not a key.

    >>> from functorch_lite import random
    >>> random.exponential(random.key(0), (2, 3)).shape
    (2, 3)

    Source: ``jax.random.exponential``: -log(1 - u).
    """
    take_key("random.exponential", key)
    dtype = float_dtype("random.exponential", dtype)
    return -fnp.log1p(-uniform(key, as_shape("random.exponential", shape), dtype))


def laplace(key: Array, shape: Any = (), dtype: Any = None) -> Array:
    """Numbers of the Laplace distribution, whose density is exp(-abs(x)) / 2.

    Args:
        key: u32[2].
        shape: shape of the sample.
        dtype: a floating-point dtype, float32 by default.

    Returns:
        Array of the given shape and dtype.

    Raises:
        DtypeError: ``dtype`` is not floating-point, or ``key`` is not a key.

    >>> from functorch_lite import random
    >>> random.laplace(random.key(0), (2, 3)).shape
    (2, 3)

    Source: ``jax.random.laplace``: sign(u) log(1 - abs(u)) for u over (-1, 1).
    """
    take_key("random.laplace", key)
    dtype = float_dtype("random.laplace", dtype)
    shape = as_shape("random.laplace", shape)
    u = uniform(key, shape, dtype, float(fnp.finfo(dtype).eps) / 2 - 1.0, 1.0)
    return fnp.sign(u) * fnp.log1p(-abs(u))


def logistic(key: Array, shape: Any = (), dtype: Any = None) -> Array:
    """Numbers of the logistic distribution, whose distribution function is 1 / (1 + exp(-x)).

    Args:
        key: u32[2].
        shape: shape of the sample.
        dtype: a floating-point dtype, float32 by default.

    Returns:
        Array of the given shape and dtype.

    Raises:
        DtypeError: ``dtype`` is not floating-point, or ``key`` is not a key.

    >>> from functorch_lite import random
    >>> random.logistic(random.key(0), (2, 3)).shape
    (2, 3)

    Source: ``jax.random.logistic``: log(u) - log(1 - u).
    """
    take_key("random.logistic", key)
    dtype = float_dtype("random.logistic", dtype)
    shape = as_shape("random.logistic", shape)
    u = uniform(key, shape, dtype, smallest_normal(dtype), 1.0)
    return fnp.log(u) - fnp.log1p(-u)


def cauchy(key: Array, shape: Any = (), dtype: Any = None) -> Array:
    """Numbers of the Cauchy distribution, whose density is 1 / (pi (1 + x**2)).

    Args:
        key: u32[2].
        shape: shape of the sample.
        dtype: a floating-point dtype, float32 by default.

    Returns:
        Array of the given shape and dtype.

    Raises:
        DtypeError: ``dtype`` is not floating-point, or ``key`` is not a key.

    >>> from functorch_lite import random
    >>> random.cauchy(random.key(0), (2, 3)).shape
    (2, 3)

    Source: ``jax.random.cauchy``: tan(pi (u - 1/2)).
    """
    take_key("random.cauchy", key)
    dtype = float_dtype("random.cauchy", dtype)
    shape = as_shape("random.cauchy", shape)
    u = uniform(key, shape, dtype, float(fnp.finfo(dtype).eps), 1.0)
    return fnp.tan(math.pi * (u - 0.5))


def pareto(key: Array, b: Any, shape: Any = None, dtype: Any = None) -> Array:
    """Numbers of the Pareto distribution, whose density is b / x**(b + 1) for x >= 1.

    Args:
        key: u32[2].
        b: shape parameter, positive; broadcasts to ``shape``.
        shape: shape of the sample; the shape that the parameters broadcast to by default.
        dtype: a floating-point dtype, float32 by default.

    Returns:
        Array of the given shape and dtype.

    Raises:
        DtypeError: ``dtype`` is not floating-point, a parameter is complex, or ``key`` is no key.
        ShapeError: the parameters do not broadcast to ``shape``.

    >>> from functorch_lite import random
    >>> bool((random.pareto(random.key(0), 2.0, (5,)) >= 1).all())
    True

    Source: ``jax.random.pareto``: exp(e / b) for an exponential e.
    """
    take_key("random.pareto", key)
    dtype = float_dtype("random.pareto", dtype)
    shape, (b,) = parameters("random.pareto", shape, dtype, b=b)
    return fnp.exp(exponential(key, shape, dtype) / b)


def rayleigh(key: Array, scale: Any, shape: Any = None, dtype: Any = None) -> Array:
    """Numbers of the Rayleigh distribution: lengths of vectors of two normal numbers.

    Args:
        key: u32[2].
        scale: standard deviation of those normal numbers; broadcasts to ``shape``.
        shape: shape of the sample; the shape that the parameters broadcast to by default.
        dtype: a floating-point dtype, float32 by default.

    Returns:
        Array of the given shape and dtype.

    Raises:
        DtypeError: ``dtype`` is not floating-point, a parameter is complex, or ``key`` is no key.
        ShapeError: the parameters do not broadcast to ``shape``.

    >>> from functorch_lite import random
    >>> random.rayleigh(random.key(0), 2.0, (3,)).shape
    (3,)

    Source: ``jax.random.rayleigh``: scale sqrt(-2 log(u)).
    """
    take_key("random.rayleigh", key)
    dtype = float_dtype("random.rayleigh", dtype)
    shape, (scale,) = parameters("random.rayleigh", shape, dtype, scale=scale)
    return scale * fnp.sqrt(fnp.log(uniform(key, shape, dtype)) * -2.0)


def weibull_min(
    key: Array, scale: Any, concentration: Any, shape: Any = None, dtype: Any = None
) -> Array:
    """Numbers of the Weibull distribution, scale times a power of an exponential number.

    Args:
        key: u32[2].
        scale: factor of the numbers; broadcasts to ``shape``.
        concentration: shape parameter, positive; broadcasts to ``shape``.
        shape: shape of the sample; the shape that the parameters broadcast to by default.
        dtype: a floating-point dtype, float32 by default.

    Returns:
        Array of the given shape and dtype.

    Raises:
        DtypeError: ``dtype`` is not floating-point, a parameter is complex, or ``key`` is no key.
        ShapeError: the parameters do not broadcast to ``shape``.

    >>> from functorch_lite import random
    >>> random.weibull_min(random.key(0), 1.0, fnp.asarray([1.0, 2.0])).shape
    (2,)

    Source: ``jax.random.weibull_min``, except that there all elements of parameters share a
    number unless ``shape`` says otherwise; here each has its own.
    """
    take_key("random.weibull_min", key)
    dtype = float_dtype("random.weibull_min", dtype)
    shape, (scale, concentration) = parameters(
        "random.weibull_min", shape, dtype, scale=scale, concentration=concentration
    )
    return fnp.power(exponential(key, shape, dtype), 1.0 / concentration) * scale


def triangular(
    key: Array, left: Any, mode: Any, right: Any, shape: Any = None, dtype: Any = None
) -> Array:
    """Numbers of the triangular distribution, whose density rises to a mode and falls again.

    Args:
        key: u32[2].
        left: smallest number; broadcasts to ``shape``.
        mode: most likely number; broadcasts to ``shape``.
        right: largest number; broadcasts to ``shape``.
        shape: shape of the sample; the shape that the parameters broadcast to by default.
        dtype: a floating-point dtype, float32 by default.

    Returns:
        Array of the given shape and dtype.

    Raises:
        DtypeError: ``dtype`` is not floating-point, a parameter is complex, or ``key`` is no key.
        ShapeError: the parameters do not broadcast to ``shape``.

    >>> from functorch_lite import random
    >>> random.triangular(random.key(0), 0.0, 0.5, 1.0, (4,)).shape
    (4,)

    Source: ``jax.random.triangular``.
    """
    take_key("random.triangular", key)
    dtype = float_dtype("random.triangular", dtype)
    shape, (left, mode, right) = parameters(
        "random.triangular", shape, dtype, left=left, mode=mode, right=right
    )
    u = uniform(key, shape, dtype)
    rising = left + fnp.sqrt(u * (right - left) * (mode - left))
    falling = right - fnp.sqrt((1 - u) * (right - left) * (right - mode))
    return fnp.where(u < (mode - left) / (right - left), rising, falling)
