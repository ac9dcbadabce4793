"""jax.lax's special functions: strict dtypes, no promotion between arrays."""

from __future__ import annotations

import math
from typing import Any

from functorch_lite import ops
from functorch_lite.core.array import Array
from functorch_lite.core.dtypes import float64, int32
from functorch_lite.lax.elementwise import function, operands
from functorch_lite.numpy.convert import cast, const

__all__ = [
    "bessel_i0e", "bessel_i1e", "betainc", "digamma", "igamma", "igamma_grad_a", "igammac",
    "lgamma", "polygamma", "random_gamma_grad", "zeta",
]  # fmt: skip

bessel_i0e = function("bessel_i0e", ops.bessel_i0e, "exp(-|x|) times Bessel's I of order 0.")
bessel_i1e = function("bessel_i1e", ops.bessel_i1e, "exp(-|x|) times Bessel's I of order 1.")
digamma = function("digamma", ops.digamma, "The derivative of lgamma.")
igamma = function("igamma", ops.igamma, "The share of the gamma law of shape x below y.")
igammac = function("igammac", ops.igammac, "The share of the gamma law of shape x above y.")
lgamma = function("lgamma", ops.lgamma, "log(|Gamma(x)|).")
zeta = function("zeta", ops.zeta, "Hurwitz's zeta function, the sum of (y + k)**-x over k >= 0.")


def betainc(a: Any, b: Any, x: Any) -> Array:
    """The share of the beta law of shapes a and b below x.

    Args:
        a, b, x: arrays of one dtype and shape, or numbers.

    >>> betainc(1.0, 1.0, 0.25)
    Array(0.25, dtype=float32)
    """
    found: Array = ops.betainc(*operands("betainc", a, b, x))
    return found


def polygamma(m: Any, x: Any) -> Array:
    """The derivative of order m of digamma; NaN where m is not a whole number of at least 0.

    Args:
        m, x: arrays of one dtype and shape, or numbers.

    >>> polygamma(1.0, 1.0)
    Array(1.644934, dtype=float32)
    """
    m, x = operands("polygamma", m, x)
    whole = ops.eq(m, ops.round(m))
    order = cast(ops.select(whole, m, ops.zeros_like(m)), int32)
    found: Array = ops.select(whole, ops.polygamma(order, x), const(math.nan, x.dtype))
    return found


def igamma_grad_a(a: Any, x: Any) -> Array:
    """The derivative of igamma(a, x) by a.

    Args:
        a, x: arrays of one dtype and shape, or numbers.

    >>> igamma_grad_a(1.0, 0.0)
    Array(0., dtype=float32)
    """
    found: Array = ops.igamma_grad_a(*operands("igamma_grad_a", a, x), order=1)
    return found


def random_gamma_grad(a: Any, x: Any) -> Array:
    """The derivative by a of a sample x of the gamma law of shape a at its quantile.

    Args:
        a, x: arrays of one dtype and shape, or numbers.

    >>> random_gamma_grad(1.0, 1.0)
    Array(1.173563, dtype=float32)
    """
    a, x = operands("random_gamma_grad", a, x)
    dtype, (a, x) = a.dtype, (cast(v, float64) for v in (a, x))
    exponent = ops.sub(ops.mul(ops.sub(a, const(1.0, float64)), ops.log(x)), x)
    density = ops.exp(ops.sub(exponent, ops.lgamma(a)))
    return cast(ops.neg(ops.div(ops.igamma_grad_a(a, x, order=1), density)), dtype)
