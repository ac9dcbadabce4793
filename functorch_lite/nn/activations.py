"""Activation functions, element by element."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from functorch_lite import lax
from functorch_lite import numpy as fnp

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = ["elu", "gelu", "leaky_relu", "relu", "sigmoid", "silu", "softplus", "tanh"]


def relu(x: Array) -> Array:
    """max(x, 0); the derivative at 0 is 0.

    Args:
        x: f[...].

    Returns:
        Array like ``x``; NaN stays NaN.

    >>> relu(fnp.asarray([-1.0, 2.0]))
    Array([0., 2.], dtype=float32)

    Source: ``jax.nn.relu``.
    """
    # maximum would share the derivative between its operands where they are equal.
    return fnp.where(x <= 0, 0, x)


def leaky_relu(x: Array, negative_slope: float = 0.01) -> Array:
    """x where it is positive, negative_slope * x elsewhere.

    Args:
        x: f[...].
        negative_slope: slope for negative inputs.

    Returns:
        Array like ``x``.

    >>> leaky_relu(fnp.asarray([-1.0, 2.0]), 0.5)
    Array([-0.5,  2. ], dtype=float32)

    Source: ``torch.nn.functional.leaky_relu``.
    """
    return fnp.where(x > 0, x, negative_slope * x)


def elu(x: Array, alpha: float = 1.0) -> Array:
    """x where it is positive, alpha * (exp(x) - 1) elsewhere.

    Args:
        x: f[...].
        alpha: minus the limit at minus infinity.

    Returns:
        Array like ``x``.

    >>> elu(fnp.asarray([0.0, 2.0]))
    Array([0., 2.], dtype=float32)

    Source: Clevert et al., ICLR 2016; ``jax.nn.elu``.
    """
    positive = x > 0
    # The unchosen branch must stay finite, or its zero cotangent turns into NaN.
    return fnp.where(positive, x, alpha * fnp.expm1(fnp.where(positive, 0, x)))


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


def softplus(x: Array) -> Array:
    """log(1 + exp(x)), without overflow.

    Args:
        x: f[...].

    Returns:
        Array like ``x``.

    >>> softplus(fnp.asarray([1000.0]))
    Array([1000.], dtype=float32)

    Source: ``jax.nn.softplus``.
    """
    return fnp.logaddexp(x, 0.0)


def silu(x: Array) -> Array:
    """x * sigmoid(x), also known as swish.

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
