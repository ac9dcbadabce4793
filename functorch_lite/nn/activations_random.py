"""Activation functions that draw random numbers; each takes a key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import functorch_lite as fl
from functorch_lite import numpy as fnp
from functorch_lite import random
from functorch_lite.errors import ShapeError
from functorch_lite.nn.activations_piecewise import leaky_relu
from functorch_lite.nn.checks import as_float, training_key
from functorch_lite.nn.layer import Layer, without_params
from functorch_lite.nn.one_hot import one_hot
from functorch_lite.nn.softmax import softmax

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = ["RReLU", "gumbel_softmax", "rrelu"]


def rrelu(
    x: Array,
    key: Array | None = None,
    lower: float = 1 / 8,
    upper: float = 1 / 3,
    train: bool = False,
) -> Array:
    """x where it is positive, a * x elsewhere, with a slope drawn anew for every element.

    Args:
        x: f[...].
        key: u32[2]; needed for ``train``.
        lower, upper: between which slopes are uniform.
        train: whether to draw; otherwise the slope is their mean.

    Returns:
        Array like ``x``.

    Raises:
        ValueError: ``lower`` is above ``upper``.
        TypeError: ``train`` without a key.
        DtypeError: ``x`` is not floating.

    >>> rrelu(fnp.asarray([-1.0, 2.0]), lower=0.25, upper=0.75)
    Array([-0.5,  2. ], dtype=float32)

    Source: Xu et al., arXiv:1505.00853; ``torch.nn.functional.rrelu``.
    """
    if lower > upper:
        raise ValueError(f"nn.rrelu: expected lower of at most upper; got {lower} and {upper}.")
    x = as_float("rrelu", x)
    if not train:
        return leaky_relu(x, (lower + upper) / 2)
    key = training_key("rrelu", key)
    slope = random.uniform(key, x.shape, x.dtype, minval=lower, maxval=upper)
    return fnp.where(x > 0, x, slope * x)


def RReLU(lower: float = 1 / 8, upper: float = 1 / 3) -> Layer:
    """A layer of :func:`rrelu`: takes a key in training, the mean slope in evaluation.

    Parameters: none.

    Args:
        lower, upper: between which slopes are uniform.

    Returns:
        Layer with ``apply(params, x, *, key=None, train=False) -> out``.

    Raises:
        ValueError: ``lower`` is above ``upper``.
        TypeError: ``apply`` was asked to train without a key.

    >>> RReLU(0.25, 0.75).apply((), fnp.asarray([-1.0, 2.0]))
    Array([-0.5,  2. ], dtype=float32)

    Source: ``torch.nn.RReLU``.
    """
    if lower > upper:
        raise ValueError(f"nn.RReLU: expected lower of at most upper; got {lower} and {upper}.")

    def apply(params: Any, x: Array, *, key: Array | None = None, train: bool = False) -> Array:
        return rrelu(x, key, lower, upper, train)

    return Layer(without_params, apply, f"RReLU({lower}, {upper})")


def gumbel_softmax(
    logits: Array, key: Array, tau: float = 1.0, hard: bool = False, axis: int = -1
) -> Array:
    """Samples of a categorical distribution that have derivatives.

    Args:
        logits: f[...], unnormalised log-probabilities.
        key: u32[2].
        tau: the temperature; the lower, the nearer to one-hot vectors.
        hard: whether to return one-hot vectors, with the derivative of the soft samples.
        axis: the axis of the classes.

    Returns:
        Array like ``logits``; sums to 1 along ``axis``.

    Raises:
        ValueError: ``tau`` is not positive.
        ShapeError: ``logits`` have no axis.
        DtypeError: ``logits`` are not floating.

    >>> sample = gumbel_softmax(fnp.zeros(4), random.key(0), hard=True)
    >>> sorted(sample.tolist())
    [0.0, 0.0, 0.0, 1.0]

    Source: Jang et al., ICLR 2017; ``torch.nn.functional.gumbel_softmax``.
    """
    if tau <= 0:
        raise ValueError(f"nn.gumbel_softmax: expected a positive tau; got {tau}.")
    logits = as_float("gumbel_softmax", logits, "logits")
    if not logits.ndim:
        raise ShapeError("nn.gumbel_softmax: expected logits with an axis of classes; got ().")
    noise = random.gumbel(training_key("gumbel_softmax", key), logits.shape, logits.dtype)
    soft = softmax((logits + noise) / tau, axis=axis)
    if not hard:
        return soft
    drawn = one_hot(fnp.argmax(soft, axis=axis), soft.shape[axis], soft.dtype, axis)
    return drawn + (soft - fl.stop_gradient(soft))
