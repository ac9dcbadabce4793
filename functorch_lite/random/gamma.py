"""The gamma distribution, by rejection, with the derivative of a sample by its shape."""

from __future__ import annotations

from typing import Any

from functorch_lite import lax
from functorch_lite import numpy as fnp
from functorch_lite.core.array import Array
from functorch_lite.random.gamma_slope import log_slope
from functorch_lite.random.keys import draw_words, take_key, words_of_first, words_of_split
from functorch_lite.random.normal import normal_of
from functorch_lite.random.parameters import float_dtype, parameters
from functorch_lite.random.uniform import unit_of
from functorch_lite.transforms.custom_jvp import custom_jvp

__all__ = ["gamma", "loggamma"]


def gamma(key: Array, a: Any, shape: Any = None, dtype: Any = None) -> Array:
    """Numbers of the gamma distribution, whose density is x**(a - 1) exp(-x) / Gamma(a).

    A sample is differentiable in ``a``: its derivative is that of the quantile which it is.

    Args:
        key: u32[2].
        a: shape parameter, positive; broadcasts to ``shape``.
        shape: shape of the sample; the shape of ``a`` by default.
        dtype: a floating-point dtype, float32 by default.

    Returns:
        Array of the given shape and dtype.

    Raises:
        DtypeError: ``dtype`` is not floating-point, ``a`` is complex, or ``key`` is not a key.
        ShapeError: ``a`` does not broadcast to ``shape``.

    >>> from functorch_lite import random
    >>> bool((random.gamma(random.key(0), 2.0, (5,)) > 0).all())
    True

    Source: ``jax.random.gamma``; Marsaglia and Tsang, "A simple method for generating gamma
    variables", TOMS 2000. Derivative: Figurnov et al., "Implicit reparameterization gradients",
    NeurIPS 2018.
    """
    take_key("random.gamma", key)
    dtype = float_dtype("random.gamma", dtype)
    _, (a,) = parameters("random.gamma", shape, dtype, a=a)
    return _samples(key, a)


def loggamma(key: Array, a: Any, shape: Any = None, dtype: Any = None) -> Array:
    """The logarithm of numbers of the gamma distribution.

    For small ``a`` most of the distribution is below the smallest positive float; its logarithm is
    not.

    Args:
        key: u32[2].
        a: shape parameter, positive; broadcasts to ``shape``.
        shape: shape of the sample; the shape of ``a`` by default.
        dtype: a floating-point dtype, float32 by default.

    Returns:
        Array of the given shape and dtype.

    Raises:
        DtypeError: ``dtype`` is not floating-point, ``a`` is complex, or ``key`` is not a key.
        ShapeError: ``a`` does not broadcast to ``shape``.

    >>> from functorch_lite import random
    >>> bool(random.loggamma(random.key(0), 1e-3) < -100)
    True

    Source: ``jax.random.loggamma``.
    """
    take_key("random.loggamma", key)
    dtype = float_dtype("random.loggamma", dtype)
    _, (a,) = parameters("random.loggamma", shape, dtype, a=a)
    return _log_samples(key, a)


@custom_jvp
def _samples(key: Array, a: Array) -> Array:
    rest, d, v = _accepted(key, a)
    power = fnp.where(a >= 1, 0.0, 1.0 / a)
    return d * v * (1 - unit_of(rest, a.dtype)) ** power


@custom_jvp
def _log_samples(key: Array, a: Array) -> Array:
    rest, d, v = _accepted(key, a)
    log_u = fnp.log1p(-unit_of(rest, a.dtype))
    boost = fnp.where((a >= 1) | (log_u == 0), 0.0, log_u * (1.0 / a))
    return fnp.log(d) + fnp.log(v) + boost


def _sample_tangent(t: Array, sample: Array, key: Array, a: Array) -> Array:
    del key
    # A sample that is zero by underflow has the derivative zero, to the same rounding.
    empty = sample == 0
    log_sample = fnp.log(fnp.where(empty, 1.0, sample))
    return t * fnp.where(empty, 0.0, sample * log_slope(a, log_sample))


def _log_sample_tangent(t: Array, sample: Array, key: Array, a: Array) -> Array:
    del key
    return t * log_slope(a, sample)


_samples.defjvps(None, _sample_tangent)
_log_samples.defjvps(None, _log_sample_tangent)


def _accepted(key: Array, a: Array) -> tuple[Array, Array, Array]:
    """Random words that are left over, and factors d and v of a sample of shape a, or a + 1.

    Every element has a key of its own and takes as many numbers as it needs; v is the cube of
    1 + c x for a normal x, and accepted with a probability that makes d v a gamma variable.
    """
    dtype = a.dtype
    keys = words_of_split(draw_words("random.gamma", key, tuple(a.shape)), 2)
    d = fnp.where(a >= 1, a, a + 1) - 1 / 3
    c = (1 / 3) / fnp.sqrt(d)

    def rejected(x2: Array, v: Array, u: Array) -> Array:
        squeeze = 1 - 0.0331 * (x2 * x2)
        return (u >= squeeze) & (fnp.log(u) >= x2 * 0.5 + d * ((1 - v) + fnp.log(v)))

    def positive_cube_root(words: Array, wanted: Array) -> tuple[Array, Array]:
        def again(state: Any) -> Any:
            words, x, v = state
            after = words_of_split(words, 2)
            drawn = normal_of(unit_of(words_of_first(after[1]), dtype))
            todo = v <= 0
            return (
                fnp.where(todo, after[0], words),
                fnp.where(todo, drawn, x),
                fnp.where(todo, 1 + drawn * c, v),
            )

        start = words, fnp.zeros_like(d), fnp.where(wanted, -1.0, fnp.ones_like(d))
        _, x, v = lax.while_loop(lambda state: (state[2] <= 0).any(), again, start)
        return x, v

    def propose(state: Any) -> Any:
        words, x2, v, u = state
        todo = rejected(x2, v, u)
        after = words_of_split(words, 3)
        x, root = positive_cube_root(after[1], todo)
        drawn = unit_of(words_of_first(after[2]), dtype)
        return (
            fnp.where(todo, after[0], words),
            fnp.where(todo, x * x, x2),
            fnp.where(todo, root * root * root, v),
            fnp.where(todo, drawn, u),
        )

    # u = 2 and x = 0 are rejected: every element makes a first step.
    start = keys[0], fnp.zeros_like(d), fnp.ones_like(d), fnp.full_like(d, 2.0)
    _, _, v, _ = lax.while_loop(lambda s: rejected(*s[1:]).any(), propose, start)
    return words_of_first(keys[1]), d, v
