"""Smooth activation functions, element by element; NaN stays NaN."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from functorch_lite import lax
from functorch_lite import numpy as fnp
from functorch_lite.errors import ShapeError

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = [
    "gelu",
    "glu",
    "identity",
    "log1mexp",
    "log_sigmoid",
    "logsigmoid",
    "mish",
    "sigmoid",
    "silu",
    "soft_sign",
    "softplus",
    "softsign",
    "squareplus",
    "swish",
    "tanh",
    "tanhshrink",
]


def identity(x: Array) -> Array:
    """x itself.

    >>> identity(fnp.asarray([1.0]))
    Array([1.], dtype=float32)

    Source: ``jax.nn.identity``.
    """
    return x


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), without overflow.

    Args:
        x: f[...].

    Returns:
        Array like ``x``.

    >>> sigmoid(fnp.asarray([0.0, 1000.0]))
    Array([0.5, 1. ], dtype=float32)

    Source: ``jax.nn.sigmoid``.
    """
    return lax.logistic(x)


def tanh(x: Array) -> Array:
    """Hyperbolic tangent.

    Args:
        x: f[...].

    Returns:
        Array like ``x``.

    >>> tanh(fnp.asarray([0.0]))
    Array([0.], dtype=float32)
    """
    return fnp.tanh(x)


def softplus(x: Array, beta: float = 1.0) -> Array:
    """log(1 + exp(beta x)) / beta, without overflow.

    Args:
        x: f[...].
        beta: the larger, the nearer to a ReLU; positive.

    Returns:
        Array like ``x``.

    >>> softplus(fnp.asarray([1000.0]))
    Array([1000.], dtype=float32)

    Source: ``jax.nn.softplus``; ``torch.nn.functional.softplus``, which is x itself from
    beta x = 20 on.
    """
    return fnp.logaddexp(x, 0.0) if beta == 1 else fnp.logaddexp(beta * x, 0.0) / beta


def silu(x: Array) -> Array:
    """x * sigmoid(x), also called swish.

    Args:
        x: f[...].

    Returns:
        Array like ``x``.

    >>> silu(fnp.asarray([0.0]))
    Array([0.], dtype=float32)

    Source: Elfwing et al., Neural Networks 107 (2018); ``jax.nn.silu``.
    """
    return x * sigmoid(x)


def gelu(x: Array, approximate: bool = True) -> Array:
    """x * Phi(x), Phi the distribution function of the standard normal distribution.

    Args:
        x: f[...].
        approximate: True for the approximation 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x³)));
            False for the error function (PyTorch's default).

    Returns:
        Array like ``x``.

    >>> gelu(fnp.asarray([0.0, 10.0]))
    Array([ 0., 10.], dtype=float32)

    Source: Hendrycks and Gimpel, arXiv:1606.08415; ``jax.nn.gelu``.
    """
    if approximate:
        inner = math.sqrt(2 / math.pi) * (x + 0.044715 * (x * x * x))
        return 0.5 * x * (1.0 + fnp.tanh(inner))
    return 0.5 * x * lax.erfc(-x * math.sqrt(0.5))


swish = silu


def glu(x: Array, axis: int = -1) -> Array:
    """a * sigmoid(b), a and b the halves of x along an axis.

    Args:
        x: f[...], with an even number of elements along ``axis``.
        axis: what is halved.

    Returns:
        f[...], half as long along ``axis``.

    Raises:
        ShapeError: the number is odd.
        AxisError: ``axis`` does not exist.

    >>> glu(fnp.asarray([2.0, 0.0]))
    Array([1.], dtype=float32)

    Source: Dauphin et al., ICML 2017; ``torch.nn.functional.glu``; ``jax.nn.glu``.
    """
    x = fnp.asarray(x)
    if x.ndim and -x.ndim <= axis < x.ndim and x.shape[axis] % 2:
        raise ShapeError(
            f"nn.glu: expected an even number of elements along axis {axis}; got shape "
            f"{tuple(x.shape)}. Remedy: let the layer before make twice the features."
        )
    a, b = fnp.split(x, 2, axis=axis)
    return a * sigmoid(b)


def mish(x: Array) -> Array:
    """x * tanh(softplus(x)).

    Args:
        x: f[...].

    Returns:
        Array like ``x``.

    >>> mish(fnp.asarray([0.0]))
    Array([0.], dtype=float32)

    Source: Misra, BMVC 2020; ``torch.nn.functional.mish``; ``jax.nn.mish``.
    """
    return x * fnp.tanh(softplus(x))


def log_sigmoid(x: Array) -> Array:
    """log(sigmoid(x)), without overflow; also called logsigmoid.

    Args:
        x: f[...].

    Returns:
        Array like ``x``.

    >>> log_sigmoid(fnp.asarray([-1000.0]))
    Array([-1000.], dtype=float32)

    Source: ``jax.nn.log_sigmoid``; ``torch.nn.functional.logsigmoid``.
    """
    return -softplus(-x)


logsigmoid = log_sigmoid


def softsign(x: Array) -> Array:
    """x / (1 + |x|); also called soft_sign.

    Args:
        x: f[...].

    Returns:
        Array like ``x``.

    >>> softsign(fnp.asarray([1.0, -3.0]))
    Array([ 0.5 , -0.75], dtype=float32)

    Source: ``torch.nn.functional.softsign``; ``jax.nn.soft_sign``.
    """
    return x / (fnp.abs(x) + 1.0)


soft_sign = softsign


def tanhshrink(x: Array) -> Array:
    """x - tanh(x).

    Args:
        x: f[...].

    Returns:
        Array like ``x``.

    >>> tanhshrink(fnp.asarray([0.0]))
    Array([0.], dtype=float32)

    Source: ``torch.nn.functional.tanhshrink``.
    """
    return x - fnp.tanh(x)


def squareplus(x: Array, b: float = 4.0) -> Array:
    """(x + sqrt(x² + b)) / 2: like :func:`softplus`, of algebraic operations only.

    Args:
        x: f[...].
        b: the width of the bend at 0; 0 makes it a ReLU.

    Returns:
        Array like ``x``.

    >>> squareplus(fnp.asarray([0.0]))
    Array([1.], dtype=float32)

    Source: Barron, arXiv:2112.11687; ``jax.nn.squareplus``.
    """
    return (x + fnp.sqrt(fnp.square(x) + b)) / 2


def log1mexp(x: Array) -> Array:
    """log(1 - exp(-x)) for positive x, exact near 0 and far from it.

    Args:
        x: f[...], positive; minus infinity at 0, NaN below.

    Returns:
        Array like ``x``.

    >>> log1mexp(fnp.asarray([1e-20, 100.0]))
    Array([-4.60517e+01, -3.78351e-44], dtype=float32)

    Source: Mächler, "Accurately computing log(1 - exp(-|a|))", 2012; ``jax.nn.log1mexp``.
    """
    near = x < math.log(2.0)
    # Each branch gets arguments of its own domain, so that neither derivative is infinite.
    small, large = fnp.where(near, x, 0.5), fnp.where(near, 1.0, x)
    return fnp.where(near, fnp.log(-fnp.expm1(-small)), fnp.log1p(-fnp.exp(-large)))
