"""Activation functions made of pieces, element by element, and what holds where pieces meet.

The derivatives at those points are PyTorch's, and JAX's for the functions that only JAX has.
NaN stays NaN.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from functorch_lite import numpy as fnp
from functorch_lite.errors import ShapeError
from functorch_lite.nn import initializers
from functorch_lite.nn.checks import as_float
from functorch_lite.nn.layer import Layer

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = [
    "PReLU",
    "celu",
    "elu",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "leaky_relu",
    "prelu",
    "relu",
    "relu6",
    "selu",
    "softshrink",
    "sparse_plus",
    "sparse_sigmoid",
    "threshold",
]


# ----------------------------------------------------------------------------------- rectified ones
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


def relu6(x: Array) -> Array:
    """min(max(x, 0), 6); the derivative at 0 and at 6 is 0.

    Args:
        x: f[...].

    Returns:
        Array like ``x``.

    >>> relu6(fnp.asarray([-1.0, 2.0, 8.0]))
    Array([0., 2., 6.], dtype=float32)

    Source: ``jax.nn.relu6``; ``torch.nn.functional.relu6``.
    """
    return hardtanh(x, 0.0, 6.0)


def leaky_relu(x: Array, negative_slope: float = 0.01) -> Array:
    """x where it is positive, negative_slope * x elsewhere.

    Args:
        x: f[...].
        negative_slope: slope for negative inputs, and at 0.

    Returns:
        Array like ``x``.

    >>> leaky_relu(fnp.asarray([-1.0, 2.0]), 0.5)
    Array([-0.5,  2. ], dtype=float32)

    Source: ``torch.nn.functional.leaky_relu``.
    """
    return fnp.where(x > 0, x, negative_slope * x)


def prelu(x: Array, weight: Array) -> Array:
    """x where it is positive, weight * x elsewhere.

    Args:
        x: f[batch, channels, ...], or f[...] with a single weight.
        weight: f[channels], f[1] or f[]: the slopes.

    Returns:
        Array like ``x``.

    Raises:
        ShapeError: ``weight`` is neither one number nor one for each channel.
        DtypeError: ``x`` holds no floats.

    >>> prelu(fnp.asarray([[-1.0, -1.0]]), fnp.asarray([0.5, 0.25]))
    Array([[-0.5 , -0.25]], dtype=float32)

    Source: He et al., ICCV 2015; ``torch.nn.functional.prelu``.
    """
    x, weight = as_float("prelu", x), fnp.asarray(weight)
    if weight.size == 1 and weight.ndim <= 1:
        slopes = weight.reshape(())
    elif weight.ndim == 1 and x.ndim > 1 and x.shape[1] == weight.shape[0]:
        slopes = weight.reshape(-1, *(1,) * (x.ndim - 2))
    else:
        channels = f", ({x.shape[1]},) by the channels of x," if x.ndim > 1 else ""
        raise ShapeError(
            f"nn.prelu: expected weight of shape (1,){channels} for x of shape {tuple(x.shape)}; "
            f"got {tuple(weight.shape)}. Remedy: put the channels on axis 1 with fnp.moveaxis."
        )
    return fnp.where(x > 0, x, slopes * x)


def PReLU(num_parameters: int = 1, init: float = 0.25) -> Layer:
    """A leaky ReLU with slopes that are learned; stateless.

    Parameters: ``weight`` f32[num_parameters], filled with ``init``.

    Args:
        num_parameters: 1, or the number of channels.
        init: the first value of the slopes.

    Returns:
        Layer with ``apply(params, x: f[batch, channels, ...]) -> out``.

    Raises:
        ValueError: ``num_parameters`` is not positive.
        ShapeError: ``apply`` got an input of other channels.

    >>> import functorch_lite as fl
    >>> layer = PReLU()
    >>> layer.apply(layer.init(fl.random.key(0)), fnp.asarray([-1.0, 2.0]))
    Array([-0.25,  2.  ], dtype=float32)

    Source: ``torch.nn.PReLU``.
    """
    if num_parameters < 1:
        raise ValueError(f"nn.PReLU: expected at least one parameter; got {num_parameters}.")
    fill = initializers.constant(init)

    def apply(params: Any, x: Array) -> Array:
        return prelu(x, params["weight"])

    return Layer(
        lambda key: {"weight": fill(key, (num_parameters,))}, apply, f"PReLU({num_parameters})"
    )


def threshold(x: Array, threshold: float, value: float) -> Array:
    """x where it is above ``threshold``, ``value`` elsewhere.

    Args:
        x: f[...].
        threshold: from where on; the derivative there is 0.
        value: what stands for the others.

    Returns:
        Array like ``x``.

    >>> threshold(fnp.asarray([0.5, 2.0]), 1.0, -1.0)
    Array([-1.,  2.], dtype=float32)

    Source: ``torch.nn.functional.threshold``.
    """
    return fnp.where(x <= threshold, value, x)


# ------------------------------------------------------------------------------ exponential below 0
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


def selu(x: Array) -> Array:
    """1.0507 elu(x, 1.6733): keeps mean 0 and variance 1 from layer to layer.

    Args:
        x: f[...].

    Returns:
        Array like ``x``.

    >>> selu(fnp.asarray([0.0, 1.0]))
    Array([0.      , 1.050701], dtype=float32)

    Source: Klambauer et al., NeurIPS 2017; ``jax.nn.selu``.
    """
    return 1.0507009873554804934193349852946 * elu(x, 1.6732632423543772848170429916717)


def celu(x: Array, alpha: float = 1.0) -> Array:
    """x where it is positive, alpha * (exp(x / alpha) - 1) elsewhere; the slope at 0 is 1.

    Args:
        x: f[...].
        alpha: minus the limit at minus infinity; not 0.

    Returns:
        Array like ``x``.

    >>> celu(fnp.asarray([0.0, 2.0]), 0.5)
    Array([0., 2.], dtype=float32)

    Source: Barron, arXiv:1704.07483; ``jax.nn.celu``.
    """
    positive = x > 0
    return fnp.where(positive, x, alpha * fnp.expm1(fnp.where(positive, 0, x) / alpha))


# ----------------------------------------------------------------------------------- straight lines
def hardtanh(x: Array, min_val: float = -1.0, max_val: float = 1.0) -> Array:
    """x brought between two bounds; the derivative at a bound is 0.

    Args:
        x: f[...].
        min_val, max_val: the bounds.

    Returns:
        Array like ``x``.

    Raises:
        ValueError: the lower bound is above the upper one.

    >>> hardtanh(fnp.asarray([-2.0, 0.5]))
    Array([-1. ,  0.5], dtype=float32)

    Source: ``torch.nn.functional.hardtanh``.
    """
    if min_val > max_val:
        raise ValueError(
            f"nn.hardtanh: expected min_val of at most max_val; got {min_val} and {max_val}."
        )
    return fnp.where(x <= min_val, min_val, fnp.where(x >= max_val, max_val, x))


def hard_tanh(x: Array) -> Array:
    """x brought between -1 and 1; the derivative at these bounds is 1.

    Args:
        x: f[...].

    Returns:
        Array like ``x``.

    >>> hard_tanh(fnp.asarray([-2.0, 0.5]))
    Array([-1. ,  0.5], dtype=float32)

    Source: ``jax.nn.hard_tanh``; :func:`hardtanh` is PyTorch's.
    """
    return fnp.where(x > 1, 1, fnp.where(x < -1, -1, x))


def hardsigmoid(x: Array) -> Array:
    """relu6(x + 3) / 6; also called hard_sigmoid.

    Args:
        x: f[...].

    Returns:
        Array like ``x``.

    >>> hardsigmoid(fnp.asarray([-4.0, 0.0, 4.0]))
    Array([0. , 0.5, 1. ], dtype=float32)

    Source: ``torch.nn.functional.hardsigmoid``; ``jax.nn.hard_sigmoid``.
    """
    return relu6(x + 3.0) / 6.0


def hardswish(x: Array) -> Array:
    """x hardsigmoid(x); also called hard_swish and hard_silu.

    Args:
        x: f[...].

    Returns:
        Array like ``x``.

    >>> hardswish(fnp.asarray([-4.0, 3.0]))
    Array([-0.,  3.], dtype=float32)

    Source: Howard et al., ICCV 2019; ``torch.nn.functional.hardswish``; ``jax.nn.hard_swish``.
    """
    return x * hardsigmoid(x)


hard_sigmoid = hardsigmoid
hard_swish = hard_silu = hardswish


def hardshrink(x: Array, lambd: float = 0.5) -> Array:
    """0 for absolute values up to ``lambd``, x beyond.

    Args:
        x: f[...].
        lambd: the bound.

    Returns:
        Array like ``x``.

    >>> hardshrink(fnp.asarray([0.5, 2.0]))
    Array([0., 2.], dtype=float32)

    Source: ``torch.nn.functional.hardshrink``.
    """
    return fnp.where(fnp.abs(x) <= lambd, 0, x)


def softshrink(x: Array, lambd: float = 0.5) -> Array:
    """0 for absolute values up to ``lambd``, x brought nearer to 0 by ``lambd`` beyond.

    Args:
        x: f[...].
        lambd: the bound, at least 0.

    Returns:
        Array like ``x``.

    Raises:
        ValueError: ``lambd`` is negative.

    >>> softshrink(fnp.asarray([0.5, 2.0]))
    Array([0. , 1.5], dtype=float32)

    Source: ``torch.nn.functional.softshrink``.
    """
    if lambd < 0:
        raise ValueError(f"nn.softshrink: expected lambd of at least 0; got {lambd}.")
    return fnp.where(fnp.abs(x) <= lambd, 0, x - fnp.where(x > 0, lambd, -lambd).astype(x.dtype))


def sparse_plus(x: Array) -> Array:
    """0 up to -1, x from 1 on, and (x + 1)² / 4 between: the integral of :func:`sparse_sigmoid`.

    Args:
        x: f[...].

    Returns:
        Array like ``x``.

    >>> sparse_plus(fnp.asarray([-2.0, 0.0, 2.0]))
    Array([0.  , 0.25, 2.  ], dtype=float32)

    Source: ``jax.nn.sparse_plus``.
    """
    return fnp.where(x <= -1, 0, fnp.where(x >= 1, x, fnp.square(x + 1) / 4))


def sparse_sigmoid(x: Array) -> Array:
    """(x + 1) / 2 brought between 0 and 1; the derivative where it meets them is the mean, 1/4.

    Args:
        x: f[...].

    Returns:
        Array like ``x``.

    >>> sparse_sigmoid(fnp.asarray([-2.0, 0.0, 2.0]))
    Array([0. , 0.5, 1. ], dtype=float32)

    Source: Martins and Astudillo, ICML 2016; ``jax.nn.sparse_sigmoid``.
    """
    return 0.5 * fnp.minimum(fnp.maximum(x + 1.0, 0.0), 2.0)
