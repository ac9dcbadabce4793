"""Softmax and its logarithm, safe from overflow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import functorch_lite as fl
from functorch_lite import lax
from functorch_lite import numpy as fnp

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = ["log_softmax", "logsumexp", "softmax"]

Axes = int | tuple[int, ...] | None


def softmax(x: Array, axis: Axes = -1) -> Array:
    """exp(x) / sum(exp(x)).

    Args:
        x: f[...].
        axis: the axis or axes to sum over; None for all.

    Returns:
        Array like ``x``; sums to 1 along ``axis``.

    Raises:
        AxisError: ``axis`` is outside the dimensions.

    >>> softmax(fnp.asarray([1000.0, 1000.0]))
    Array([0.5, 0.5], dtype=float32)

    Source: ``jax.nn.softmax``.
    """
    return _softmax(x, axis=axis)


def _softmax_of(x: Array, *, axis: Axes) -> Array:
    # A shift changes neither the value nor the derivative.
    exponential = fnp.exp(x - fl.stop_gradient(fnp.max(x, axis=axis, keepdims=True)))
    return exponential / fnp.sum(exponential, axis=axis, keepdims=True)


_softmax = lax.composite(_softmax_of, "nn.softmax")


def log_softmax(x: Array, axis: Axes = -1) -> Array:
    """log(softmax(x)), exact where the softmax underflows.

    Args:
        x: f[...].
        axis: the axis or axes to sum over; None for all.

    Returns:
        Array like ``x``.

    Raises:
        AxisError: ``axis`` is outside the dimensions.

    >>> log_softmax(fnp.asarray([0.0, -1000.0]))
    Array([    0., -1000.], dtype=float32)

    Source: ``jax.nn.log_softmax``.
    """
    return _log_softmax(x, axis=axis)


def _log_softmax_of(x: Array, *, axis: Axes) -> Array:
    shifted = x - fl.stop_gradient(fnp.max(x, axis=axis, keepdims=True))
    return shifted - fnp.log(fnp.sum(fnp.exp(shifted), axis=axis, keepdims=True))


_log_softmax = lax.composite(_log_softmax_of, "nn.log_softmax")


def logsumexp(x: Array, axis: Axes = None, keepdims: bool = False) -> Array:
    """log(sum(exp(x))), without overflow.

    Args:
        x: f[...].
        axis: the axis or axes to sum over; None for all.
        keepdims: whether to keep the summed axes, with size 1.

    Returns:
        f[...] without ``axis``; minus infinity where every element is.

    Raises:
        AxisError: ``axis`` is outside the dimensions.

    >>> float(logsumexp(fnp.asarray([1000.0, 1000.0]))) > 1000
    True

    Source: ``jax.nn.logsumexp``.
    """
    out = _logsumexp(x, axis=axis)
    if keepdims:
        return out
    return fnp.squeeze(out, axis=tuple(range(x.ndim)) if axis is None else axis)


def _logsumexp_of(x: Array, *, axis: Axes) -> Array:
    peak = fl.stop_gradient(fnp.max(x, axis=axis, keepdims=True))
    # inf - inf would be NaN.
    peak = fnp.where(fnp.isfinite(peak), peak, 0)
    return fnp.log(fnp.sum(fnp.exp(x - peak), axis=axis, keepdims=True)) + peak


_logsumexp = lax.composite(_logsumexp_of, "nn.logsumexp")
