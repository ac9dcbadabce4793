"""Special functions that are a few records put together: entropies, counts, log-odds, softmax."""

from __future__ import annotations

import math
import operator
from typing import Any

from functorch_lite import numpy as fnp
from functorch_lite import ops
from functorch_lite.core.array import Array
from functorch_lite.core.dtypes import complex64, complex128, float64
from functorch_lite.numpy.convert import cast, const, to_inexact
from functorch_lite.ops.special_eager import power_series
from functorch_lite.scipy.special_functions import real_inexact, real_pair

__all__ = [
    "beta", "boxcox", "boxcox1p", "comb", "factorial", "fresnel", "gammasgn", "kl_div",
    "log_softmax", "loggamma", "logit", "multigammaln", "ndtr", "rel_entr", "sici",
    "softmax", "wofz",
]  # fmt: skip

Axes = int | tuple[int, ...] | None


def _number(like: Array, value: float) -> Array:
    return const(value, like.dtype)


# ------------------------------------------------------------------------------------- gamma
def gammasgn(x: Any) -> Array:
    """The sign of the gamma function; NaN at negative whole numbers and at -inf.

    Args:
        x: real array or number.

    >>> gammasgn(-0.5)
    Array(-1., dtype=float32)

    Source: ``jax.scipy.special.gammasgn``.
    """
    x = real_inexact(x, "gammasgn")
    below = ops.floor(x)
    negative = ops.lt(x, _number(x, 0.0))
    pole = (negative & ops.eq(x, below)) | ops.isnan(x)
    odd = ops.ne(ops.remainder(below, _number(x, 2.0)), _number(x, 0.0))
    flipped = (negative & odd) | (ops.eq(x, _number(x, 0.0)) & ops.signbit(x))
    sign = ops.select(flipped, _number(x, -1.0), _number(x, 1.0))
    found: Array = ops.select(pole, _number(x, math.nan), sign)
    return found


def loggamma(x: Any) -> Array:
    """The principal branch of the logarithm of the gamma function: NaN where x is not positive.

    Args:
        x: real array or number.

    >>> loggamma(1.0)
    Array(0., dtype=float32)

    Source: ``jax.scipy.special.loggamma``, of real numbers.
    """
    x = real_inexact(x, "loggamma")
    found: Array = ops.select(ops.gt(x, _number(x, 0.0)), ops.lgamma(x), ops.full_like(x, math.nan))
    return found


def factorial(n: Any, exact: bool = False) -> Array:
    """Gamma(n + 1), and 0 for negative n.

    Args:
        n: real array or number.
        exact: must be False, because integers beyond 20! fit into no dtype.

    Raises:
        NotImplementedError: ``exact`` is true.

    >>> factorial(4)
    Array(24., dtype=float32)

    Source: ``jax.scipy.special.factorial``.
    """
    if exact:
        raise NotImplementedError(
            "factorial: exact=True gives integers of any size, which arrays do not hold. Remedy: "
            "math.factorial(n)."
        )
    n = real_inexact(n, "factorial", "n")
    negative = ops.lt(n, _number(n, 0.0))
    inside = ops.select(negative, ops.zeros_like(n), n)
    found = ops.gamma(ops.add(inside, _number(n, 1.0)))
    answer: Array = ops.select(negative, ops.zeros_like(n), found)
    return answer


def comb(N: Any, k: Any, *, repetition: bool = False) -> Array:
    """How many ways there are to take k of N things; 0 where there is none.

    Args:
        N, k: real arrays or numbers of shapes that broadcast.
        repetition: things may be taken more than once.

    >>> comb(5, 2), comb(5, 2, repetition=True)
    (Array(10., dtype=float32), Array(15., dtype=float32))

    Source: ``jax.scipy.special.comb``.
    """
    N, k = real_pair(N, k, fun="comb", names="Nk")
    zero, one = _number(N, 0.0), _number(N, 1.0)
    if repetition:
        nothing = ops.eq(k, zero) & ops.ge(N, zero)
        found: Array = ops.select(nothing, one, comb(ops.sub(ops.add(N, k), one), k))
        return found
    possible = ops.le(k, N) & ops.ge(N, zero) & ops.ge(k, zero)
    ways = ops.binom(ops.select(possible, N, zero), ops.select(possible, k, zero))
    found = ops.select(possible, ways, zero)
    return found


def beta(a: Any, b: Any) -> Array:
    """Gamma(a) Gamma(b) / Gamma(a + b).

    Args:
        a, b: real arrays or numbers of shapes that broadcast.

    >>> beta(2.0, 1.0)
    Array(0.5, dtype=float32)

    Source: ``jax.scipy.special.beta``.
    """
    found: Array = ops.beta(*real_pair(a, b, fun="beta", names="ab"))
    return found


def multigammaln(a: Any, d: int) -> Array:
    """The logarithm of the gamma function of d dimensions.

    Args:
        a: real array or number.
        d: static int.

    >>> multigammaln(2.0, 1)
    Array(0., dtype=float32)

    Source: ``jax.scipy.special.multigammaln``.
    """
    d = operator.index(d)
    a = real_inexact(a, "multigammaln", "a")
    total = ops.full_like(a, 0.25 * d * (d - 1) * math.log(math.pi))
    for i in range(d):
        total = ops.add(total, ops.lgamma(ops.sub(a, _number(a, i / 2))))
    return total


# ------------------------------------------------------------------------------ normal, log-odds
def ndtr(x: Any) -> Array:
    """The normal law's distribution function.

    Args:
        x: real array or number.

    >>> ndtr(0.0)
    Array(0.5, dtype=float32)

    Source: ``jax.scipy.special.ndtr``.
    """
    x = real_inexact(x, "ndtr")
    tail = ops.erfc(ops.mul(x, _number(x, -math.sqrt(0.5))))
    found: Array = ops.mul(tail, _number(x, 0.5))
    return found


def logit(x: Any) -> Array:
    """log(x / (1 - x)), the inverse of expit.

    Args:
        x: real array or number.

    >>> logit(0.5)
    Array(0., dtype=float32)

    Source: ``jax.scipy.special.logit``.
    """
    x = real_inexact(x, "logit")
    one = _number(x, 1.0)
    # Beside 1/2 the quotient is beside 1, where its logarithm keeps few digits.
    shifted = ops.sub(ops.mul(x, _number(x, 2.0)), one)
    middle = ops.lt(ops.abs(shifted), _number(x, 0.5))
    inner = ops.atanh(ops.select(middle, shifted, ops.zeros_like(x)))
    outer = ops.select(middle, _number(x, 0.25), x)
    found: Array = ops.select(
        middle, ops.mul(inner, _number(x, 2.0)), ops.log(ops.div(outer, ops.sub(one, outer)))
    )
    return found


def rel_entr(p: Any, q: Any) -> Array:
    """p log(p / q); 0 where p is 0, infinite where either is negative or only q is 0.

    Args:
        p, q: real arrays or numbers of shapes that broadcast.

    >>> rel_entr(1.0, 1.0), rel_entr(0.0, 2.0)
    (Array(0., dtype=float32), Array(0., dtype=float32))

    Source: ``jax.scipy.special.rel_entr``.
    """
    p, q = real_pair(p, q, fun="rel_entr", names="pq")
    zero, one = _number(p, 0.0), _number(p, 1.0)
    inside = ops.gt(p, zero) & ops.gt(q, zero)
    nothing = ops.eq(p, zero) & ops.ge(q, zero)
    safe_p, safe_q = ops.select(inside, p, one), ops.select(inside, q, one)
    ratio = ops.div(safe_p, safe_q)
    # A quotient that leaves the range of floats is taken apart.
    small = _number(p, float(fnp.finfo(p.dtype).tiny))
    sound = ops.isfinite(ratio) & ops.ge(ratio, small)
    apart = ops.sub(ops.log(safe_p), ops.log(safe_q))
    logarithm = ops.select(sound, ops.log(ops.select(sound, ratio, one)), apart)
    found = ops.mul(safe_p, logarithm)
    missing = ops.isnan(p) | ops.isnan(q)
    outside = ops.select(missing, _number(p, math.nan), _number(p, math.inf))
    answer: Array = ops.select(inside, found, ops.select(nothing, zero, outside))
    return answer


def kl_div(p: Any, q: Any) -> Array:
    """p log(p / q) - p + q, the terms of Kullback and Leibler's divergence.

    Args:
        p, q: real arrays or numbers of shapes that broadcast.

    >>> kl_div(1.0, 1.0)
    Array(0., dtype=float32)

    Source: ``jax.scipy.special.kl_div``.
    """
    p, q = real_pair(p, q, fun="kl_div", names="pq")
    entropy = rel_entr(p, q)
    found = ops.add(ops.sub(entropy, p), q)
    answer: Array = ops.select(ops.isinf(entropy), entropy, found)
    return answer


_EXPM1_OVER_X = [1 / math.factorial(k + 1) for k in range(18)]


def _boxcox(log_x: Array, lmbda: Array) -> Array:
    exponent = ops.mul(lmbda, log_x)
    zero, one = _number(lmbda, 0.0), _number(lmbda, 1.0)
    small = ops.lt(ops.abs(exponent), _number(lmbda, 0.5))
    near = small | ops.eq(lmbda, zero)  # 0 times an infinite logarithm is no number
    # A series around 0, so that derivatives by lmbda exist there and keep their digits beside it.
    series = power_series(ops.select(small, exponent, zero), _EXPM1_OVER_X)
    safe = ops.select(near, one, lmbda)
    power = ops.div(ops.expm1(ops.mul(safe, log_x)), safe)
    found: Array = ops.select(near, ops.mul(log_x, series), power)
    return found


def boxcox(x: Any, lmbda: Any) -> Array:
    """(x**lmbda - 1) / lmbda, and log(x) where lmbda is 0.

    Args:
        x, lmbda: real arrays or numbers of shapes that broadcast.

    >>> boxcox(3.0, 1.0)
    Array(2., dtype=float32)

    Source: ``jax.scipy.special.boxcox``.
    """
    x, lmbda = real_pair(x, lmbda, fun="boxcox", names=("x", "lmbda"))
    return _boxcox(ops.log(x), lmbda)


def boxcox1p(x: Any, lmbda: Any) -> Array:
    """((1 + x)**lmbda - 1) / lmbda, and log(1 + x) where lmbda is 0.

    Args:
        x, lmbda: real arrays or numbers of shapes that broadcast.

    >>> boxcox1p(2.0, 1.0)
    Array(2., dtype=float32)

    Source: ``jax.scipy.special.boxcox1p``.
    """
    x, lmbda = real_pair(x, lmbda, fun="boxcox1p", names=("x", "lmbda"))
    return _boxcox(ops.log1p(x), lmbda)


# ------------------------------------------------------------------------------------- pairs
def sici(x: Any) -> tuple[Array, Array]:
    """The sine and the cosine integral.

    Args:
        x: real array or number.

    >>> sici(0.0)
    (Array(0., dtype=float32), Array(-inf, dtype=float32))

    Source: ``jax.scipy.special.sici``.
    """
    x = real_inexact(x, "sici")
    return ops.sine_integral(x), ops.cosine_integral(x)


def fresnel(x: Any) -> tuple[Array, Array]:
    """Fresnel's integrals of sin(pi t**2 / 2) and cos(pi t**2 / 2) from 0 to x.

    Args:
        x: real array or number.

    >>> fresnel(0.0)
    (Array(0., dtype=float32), Array(0., dtype=float32))

    Source: ``jax.scipy.special.fresnel``, of real numbers.
    """
    x = real_inexact(x, "fresnel")
    return ops.fresnel_s(x), ops.fresnel_c(x)


def wofz(z: Any) -> Array:
    """Faddeeva's function exp(-z**2) erfc(-iz).

    Args:
        z: array or number, real or complex.

    Returns:
        complex array.

    >>> wofz(0.0)
    Array(1.+0.j, dtype=complex64)

    Source: ``jax.scipy.special.wofz``.
    """
    z = to_inexact(z, "wofz", "z")
    if z.dtype.kind != "c":
        z = cast(z, complex128 if z.dtype == float64 else complex64)
    found: Array = ops.wofz(z)
    return found


# ----------------------------------------------------------------------------------- softmax
def softmax(x: Any, /, *, axis: Axes = None) -> Array:
    """exp(x) over the sum of it along axes, all of them by default.

    Args:
        x: real array.
        axis: one axis, several, or None for all.

    >>> softmax(fnp.zeros(2))
    Array([0.5, 0.5], dtype=float32)

    Source: ``jax.scipy.special.softmax``.
    """
    x = real_inexact(x, "softmax")
    top = ops.stop_gradient(fnp.max(x, axis=axis, keepdims=True, initial=-math.inf))
    powers = fnp.exp(x - top)
    return powers / fnp.sum(powers, axis=axis, keepdims=True)


def log_softmax(x: Any, /, *, axis: Axes = None) -> Array:
    """The logarithm of softmax, without overflow.

    Args:
        x: real array.
        axis: one axis, several, or None for all.

    >>> log_softmax(fnp.zeros(1))
    Array([0.], dtype=float32)

    Source: ``jax.scipy.special.log_softmax``.
    """
    x = real_inexact(x, "log_softmax")
    top = ops.stop_gradient(fnp.max(x, axis=axis, keepdims=True, initial=-math.inf))
    shifted = x - top
    return shifted - fnp.log(fnp.sum(fnp.exp(shifted), axis=axis, keepdims=True))
