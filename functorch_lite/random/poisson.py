"""Counts: the Poisson and the geometric distribution."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite import lax, ops
from functorch_lite import numpy as fnp
from functorch_lite.core.array import Array
from functorch_lite.core.dtypes import float32, is_float
from functorch_lite.random.keys import split, take_key
from functorch_lite.random.parameters import int_dtype, parameters
from functorch_lite.random.special import log_gamma
from functorch_lite.random.uniform import uniform

__all__ = ["geometric", "poisson"]

_BY_PRODUCTS = 10.0
"""Rates below this multiply uniform numbers until they are small; others are drawn by rejection."""


def poisson(key: Array, lam: Any, shape: Any = None, dtype: Any = None) -> Array:
    """Counts of the Poisson distribution.

    Args:
        key: u32[2].
        lam: expected counts, which are read as float32; broadcasts to ``shape``.
        shape: shape of the sample; the shape of ``lam`` by default.
        dtype: an integer dtype, int64 by default.

    Returns:
        Array of the given shape and dtype; -1 where ``lam`` is negative or NaN, and the greatest
        number of the dtype where it is infinite.

    Raises:
        DtypeError: ``dtype`` is not an integer type, ``lam`` is complex, or ``key`` is not a key.
        ShapeError: ``lam`` does not broadcast to ``shape``.

    >>> from functorch_lite import random
    >>> random.poisson(random.key(0), fnp.asarray([0.0, 3.0])).shape
    (2,)

    Source: ``jax.random.poisson``; Knuth's products below 10, from there on Hörmann, "The
    transformed rejection method for generating Poisson random variables", 1993.
    """
    name = "random.poisson"
    take_key(name, key)
    dtype = int_dtype(name, dtype)
    shape, (lam,) = parameters(name, shape, float32, lam=lam)
    lam = ops.stop_gradient(lam)
    greatest = int(np.iinfo(dtype).max)
    small, infinite = ~(lam >= _BY_PRODUCTS), lam == fnp.inf
    # Each method sees rates of its own only, at which it ends soon.
    by_products = _products(key, fnp.where(small, lam, 0.0))
    by_rejection = _rejection(key, fnp.where(small | infinite, 1e5, lam))
    too_large = infinite | (~small & (by_rejection >= float(greatest)))
    count = fnp.where(small, by_products, fnp.where(too_large, 0.0, by_rejection))
    count = fnp.where(lam == 0, 0.0, count).astype(dtype)
    return fnp.where(too_large, fnp.asarray(greatest, dtype), count)


def geometric(key: Array, p: Any, shape: Any = None, dtype: Any = None) -> Array:
    """How many trials of probability ``p`` it takes until the first success.

    Args:
        key: u32[2].
        p: probability of success, in (0, 1]; the numbers are drawn in its dtype, float32 for
            Python numbers and integers; broadcasts to ``shape``.
        shape: shape of the sample; the shape of ``p`` by default.
        dtype: an integer dtype, int64 by default.

    Returns:
        Array of the given shape and dtype, 1 and more.

    Raises:
        DtypeError: ``dtype`` is not an integer type, ``p`` is complex, or ``key`` is not a key.
        ShapeError: ``p`` does not broadcast to ``shape``.

    >>> from functorch_lite import random
    >>> random.geometric(random.key(0), 1.0, (3,))
    Array([1, 1, 1], dtype=int64)

    Source: ``jax.random.geometric``: floor(log(u) / log(1 - p)) + 1.
    """
    name = "random.geometric"
    take_key(name, key)
    dtype = int_dtype(name, dtype)
    p = fnp.asarray(p)
    shape, (p,) = parameters(name, shape, p.dtype if is_float(p.dtype) else float32, p=p)
    u = uniform(key, shape, p.dtype)
    log_u = fnp.log(fnp.where(u == 0, 1.0, u))
    return (fnp.floor(log_u / fnp.log1p(-ops.stop_gradient(p))) + 1).astype(dtype)


def _products(key: Array, lam: Array) -> Array:
    """How many uniform numbers can be multiplied before the product falls below exp(-lam)."""

    def step(state: Any) -> Any:
        key, count, log_product = state
        keys = split(key)
        count = fnp.where(log_product > -lam, count + 1.0, count)
        u = uniform(keys[1], tuple(lam.shape), float32)
        return keys[0], count, log_product + fnp.log(u)

    start = key, fnp.zeros_like(lam), fnp.zeros_like(lam)
    return lax.while_loop(lambda s: (s[2] > -lam).any(), step, start)[1] - 1.0


def _rejection(key: Array, lam: Array) -> Array:
    """Transformed rejection: a proposal made of one number, accepted by another."""
    shape = tuple(lam.shape)
    log_lam = fnp.log(lam)
    b = 0.931 + 2.53 * fnp.sqrt(lam)
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    v_surely = 0.9277 - 3.6224 / (b - 2.0)

    def step(state: Any) -> Any:
        key, count, done = state
        keys = split(key, 3)
        u = uniform(keys[1], shape, float32) - 0.5
        v = uniform(keys[2], shape, float32)
        edge = 0.5 - abs(u)
        k = fnp.floor((2.0 * a / edge + b) * u + lam + 0.43)
        height = fnp.log(v * inverse_alpha / (a / (edge * edge) + b))
        # log_gamma is right from 1/2 on; smaller k are refused below.
        log_density = -lam + k * log_lam - log_gamma(fnp.maximum(k, 0.0) + 1.0)
        surely = (edge >= 0.07) & (v <= v_surely)
        never = (k < 0) | ((edge < 0.013) & (v > edge))
        accepted = surely | (~never & (height <= log_density))
        return keys[0], fnp.where(accepted, k, count), done | accepted

    start = key, fnp.full_like(lam, -1.0), fnp.zeros_like(lam, dtype=bool)
    return lax.while_loop(lambda s: (~s[2]).any(), step, start)[1]
