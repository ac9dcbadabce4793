"""Distributions made of gamma variables."""

from __future__ import annotations

import operator
from typing import Any

from functorch_lite import numpy as fnp
from functorch_lite.core.array import Array
from functorch_lite.core.aval import describe
from functorch_lite.errors import ShapeError
from functorch_lite.random.gamma import gamma, loggamma
from functorch_lite.random.inverse import exponential
from functorch_lite.random.keys import as_shape, split, take_key
from functorch_lite.random.normal import normal
from functorch_lite.random.parameters import bound, float_dtype, parameters
from functorch_lite.random.uniform import rademacher

__all__ = ["ball", "beta", "chisquare", "dirichlet", "f", "generalized_normal", "t"]


def beta(key: Array, a: Any, b: Any, shape: Any = None, dtype: Any = None) -> Array:
    """Numbers of the beta distribution, whose density is x**(a - 1) (1 - x)**(b - 1) / B(a, b).

    Args:
        key: u32[2].
        a: first shape parameter, positive; broadcasts to ``shape``.
        b: second shape parameter, positive; broadcasts to ``shape``.
        shape: shape of the sample; the shape that the parameters broadcast to by default.
        dtype: a floating-point dtype, float32 by default.

    Returns:
        Array of the given shape and dtype.

    Raises:
        DtypeError: ``dtype`` is not floating-point, a parameter is complex, or ``key`` is no key.
        ShapeError: the parameters do not broadcast to ``shape``.

    >>> from functorch_lite import random
    >>> bool((random.beta(random.key(0), 2.0, 3.0, (5,)) < 1).all())
    True

    Source: ``jax.random.beta``: the share of one gamma variable in the sum of two.
    """
    take_key("random.beta", key)
    dtype = float_dtype("random.beta", dtype)
    shape, (a, b) = parameters("random.beta", shape, dtype, a=a, b=b)
    keys = split(key)
    log_a, log_b = loggamma(keys[0], a, shape, dtype), loggamma(keys[1], b, shape, dtype)
    # Both may be far below the smallest float; their ratio is not.
    greater = fnp.maximum(log_a, log_b)
    part_a, part_b = fnp.exp(log_a - greater), fnp.exp(log_b - greater)
    return part_a / (part_a + part_b)


def chisquare(key: Array, df: Any, shape: Any = None, dtype: Any = None) -> Array:
    """Numbers of the chi-square distribution: sums of squares of normal numbers.

    Args:
        key: u32[2].
        df: degrees of freedom, positive; broadcasts to ``shape``.
        shape: shape of the sample; the shape that the parameters broadcast to by default.
        dtype: a floating-point dtype, float32 by default.

    Returns:
        Array of the given shape and dtype.

    Raises:
        DtypeError: ``dtype`` is not floating-point, a parameter is complex, or ``key`` is no key.
        ShapeError: the parameters do not broadcast to ``shape``.

    >>> from functorch_lite import random
    >>> random.chisquare(random.key(0), 3.0, (2,)).shape
    (2,)

    Source: ``jax.random.chisquare``: twice a gamma variable of shape df / 2.
    """
    take_key("random.chisquare", key)
    dtype = float_dtype("random.chisquare", dtype)
    shape, (df,) = parameters("random.chisquare", shape, dtype, df=df)
    return fnp.exp(loggamma(key, df / 2, shape, dtype)) * 2


def f(key: Array, dfnum: Any, dfden: Any, shape: Any = None, dtype: Any = None) -> Array:
    """Numbers of the F distribution: ratios of two chi-square variables by degree of freedom.

    Args:
        key: u32[2].
        dfnum: degrees of freedom of the numerator, positive; broadcasts to ``shape``.
        dfden: degrees of freedom of the denominator, positive; broadcasts to ``shape``.
        shape: shape of the sample; the shape that the parameters broadcast to by default.
        dtype: a floating-point dtype, float32 by default.

    Returns:
        Array of the given shape and dtype.

    Raises:
        DtypeError: ``dtype`` is not floating-point, a parameter is complex, or ``key`` is no key.
        ShapeError: the parameters do not broadcast to ``shape``.

    >>> from functorch_lite import random
    >>> random.f(random.key(0), 3.0, 5.0, (2,)).shape
    (2,)

    Source: ``jax.random.f``.
    """
    take_key("random.f", key)
    dtype = float_dtype("random.f", dtype)
    shape, (dfnum, dfden) = parameters("random.f", shape, dtype, dfnum=dfnum, dfden=dfden)
    keys = split(key)
    below = chisquare(keys[0], dfden, shape, dtype) / dfden
    return chisquare(keys[1], dfnum, shape, dtype) / dfnum / below


def t(key: Array, df: Any, shape: Any = None, dtype: Any = None) -> Array:
    """Numbers of Student's t distribution.

    Args:
        key: u32[2].
        df: degrees of freedom, positive; broadcasts to ``shape``.
        shape: shape of the sample; the shape that the parameters broadcast to by default.
        dtype: a floating-point dtype, float32 by default.

    Returns:
        Array of the given shape and dtype.

    Raises:
        DtypeError: ``dtype`` is not floating-point, a parameter is complex, or ``key`` is no key.
        ShapeError: the parameters do not broadcast to ``shape``.

    >>> from functorch_lite import random
    >>> random.t(random.key(0), 3.0, (2,)).shape
    (2,)

    Source: ``jax.random.t``: a normal number over the root of a chi-square variable by its degrees.
    """
    take_key("random.t", key)
    dtype = float_dtype("random.t", dtype)
    shape, (df,) = parameters("random.t", shape, dtype, df=df)
    keys = split(key)
    half = df / 2
    return normal(keys[0], shape, dtype) * fnp.sqrt(half / gamma(keys[1], half, shape, dtype))


def dirichlet(key: Array, alpha: Any, shape: Any = None, dtype: Any = None) -> Array:
    """Vectors of the Dirichlet distribution: positive numbers whose sum is one.

    Args:
        key: u32[2].
        alpha: f[..., n], concentrations, positive.
        shape: shape of the sample without its last axis; ``alpha.shape[:-1]`` by default, which
            has to broadcast to it.
        dtype: a floating-point dtype, float32 by default.

    Returns:
        Array of shape ``[*shape, n]`` and the given dtype.

    Raises:
        DtypeError: ``dtype`` is not floating-point, ``alpha`` is complex, or ``key`` is no key.
        ShapeError: ``alpha`` has no dimensions, or does not broadcast to ``shape``.

    >>> from functorch_lite import random
    >>> random.dirichlet(random.key(0), fnp.ones(3), (2,)).shape
    (2, 3)

    Source: ``jax.random.dirichlet``: gamma variables, divided by their sum.
    """
    name = "random.dirichlet"
    take_key(name, key)
    dtype = float_dtype(name, dtype)
    alpha = fnp.asarray(alpha)
    if not alpha.ndim:
        raise ShapeError(
            f"{name}: expected alpha of at least one dimension; got {describe(alpha)}. Remedy: a "
            "vector with one concentration for each part."
        )
    whole = alpha.shape[:-1] if shape is None else as_shape(name, shape)
    whole = (*whole, alpha.shape[-1])
    log_parts = loggamma(key, bound(name, "alpha", alpha, whole, dtype), whole, dtype)
    if not log_parts.size:
        return log_parts
    parts = fnp.exp(log_parts - fnp.max(log_parts, axis=-1, keepdims=True))
    return parts / fnp.sum(parts, axis=-1, keepdims=True)


def generalized_normal(key: Array, p: Any, shape: Any = (), dtype: Any = None) -> Array:
    """Numbers whose density is proportional to exp(-abs(x)**p).

    Args:
        key: u32[2].
        p: shape parameter, positive; broadcasts to ``shape``.
        shape: shape of the sample.
        dtype: a floating-point dtype, float32 by default.

    Returns:
        Array of the given shape and dtype.

    Raises:
        DtypeError: ``dtype`` is not floating-point, a parameter is complex, or ``key`` is no key.
        ShapeError: the parameters do not broadcast to ``shape``.

    >>> from functorch_lite import random
    >>> random.generalized_normal(random.key(0), 3.0, (4,)).shape
    (4,)

    Source: ``jax.random.generalized_normal``: a power of a gamma variable, with a random sign.
    """
    name = "random.generalized_normal"
    take_key(name, key)
    dtype = float_dtype(name, dtype)
    shape = as_shape(name, shape)
    power = 1 / bound(name, "p", p, shape, dtype)
    keys = split(key)
    return rademacher(keys[1], shape, dtype) * gamma(keys[0], power, shape, dtype) ** power


def ball(key: Array, d: int, p: Any = 2, shape: Any = (), dtype: Any = None) -> Array:
    """Points uniformly distributed in the unit ball of the p-norm.

    Args:
        key: u32[2].
        d: number of dimensions.
        p: the norm's power, positive, of shape [].
        shape: shape of the sample without its last axis.
        dtype: a floating-point dtype, float32 by default.

    Returns:
        Array of shape ``[*shape, d]`` and the given dtype.

    Raises:
        DtypeError: ``dtype`` is not floating-point, ``p`` is complex, or ``key`` is no key.
        ShapeError: the norm's power does not broadcast to ``shape``.

    >>> from functorch_lite import random
    >>> random.ball(random.key(0), 3, shape=(2,)).shape
    (2, 3)

    Source: ``jax.random.ball``; Barthe et al., "A probabilistic approach to the geometry of the
    l_p^n-ball", Annals of Probability 33 (2005).
    """
    name = "random.ball"
    take_key(name, key)
    dtype = float_dtype(name, dtype)
    shape = as_shape(name, shape)
    p = bound(name, "p", p, (), dtype)
    keys = split(key)
    x = generalized_normal(keys[0], p, (*shape, operator.index(d)), dtype)
    radius = fnp.sum(abs(x) ** p, axis=-1) + exponential(keys[1], shape, dtype)
    return x / (radius ** (1 / p))[..., None]
