"""Softmax and its logarithm, safe from overflow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import functorch_lite as fl
from functorch_lite import lax
from functorch_lite import numpy as fnp

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = ["log_softmax", "logmeanexp", "logsumexp", "softmax", "softmin", "standardize"]

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
    x = fnp.asarray(x)
    return _softmax(x, axis=axis) if x.size else _checked(x, axis)


def _checked(x: Array, axis: Axes) -> Array:
    """An array without elements, which has no largest one, if it has the axes."""
    fnp.sum(x, axis=axis)
    return x


def _softmax_of(x: Array, *, axis: Axes) -> Array:
    # A shift changes neither the value nor the derivative.
    exponential = fnp.exp(x - fl.stop_gradient(fnp.max(x, axis=axis, keepdims=True)))
    return exponential / fnp.sum(exponential, axis=axis, keepdims=True)


_softmax = lax.composite(_softmax_of, "nn.softmax")


def softmin(x: Array, axis: Axes = -1) -> Array:
    """softmax(-x); arguments and result as :func:`softmax`.

    >>> softmin(fnp.asarray([0.0, 1000.0]))
    Array([1., 0.], dtype=float32)

    Source: ``torch.nn.functional.softmin``.
    """
    return softmax(-fnp.asarray(x), axis)


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
    x = fnp.asarray(x)
    return _log_softmax(x, axis=axis) if x.size else _checked(x, axis)


def _log_softmax_of(x: Array, *, axis: Axes) -> Array:
    shifted = x - fl.stop_gradient(fnp.max(x, axis=axis, keepdims=True))
    return shifted - fnp.log(fnp.sum(fnp.exp(shifted), axis=axis, keepdims=True))


_log_softmax = lax.composite(_log_softmax_of, "nn.log_softmax")


def logsumexp(
    x: Array,
    axis: Axes = None,
    keepdims: bool = False,
    *,
    b: Array | None = None,
    where: Array | None = None,
) -> Array:
    """log(sum(b exp(x))), without overflow.

    Args:
        x: f[...].
        axis: the axis or axes to sum over; None for all.
        keepdims: whether to keep the summed axes, with size 1.
        b: factors, which broadcast to ``x``; 1 by default. A negative sum gives NaN.
        where: bool, broadcasts to ``x``: which elements count; all by default.

    Returns:
        f[...] without ``axis``; minus infinity where every element is, or none counts.

    Raises:
        AxisError: ``axis`` is outside the dimensions.

    >>> float(logsumexp(fnp.asarray([1000.0, 1000.0]))) > 1000
    True
    >>> float(logsumexp(fnp.asarray([0.0, 5.0]), where=fnp.asarray([True, False])))
    0.0

    Source: ``jax.nn.logsumexp``.
    """
    if where is not None:
        x = fnp.where(where, x, -fnp.inf)
    if b is not None:
        x = fnp.where(fnp.asarray(b) == 0, -fnp.inf, x)
    out = _logsumexp(x, b, axis=axis)
    if keepdims:
        return out
    return fnp.squeeze(out, axis=tuple(range(x.ndim)) if axis is None else axis)


def _logsumexp_of(x: Array, b: Array | None, *, axis: Axes) -> Array:
    # inf - inf would be NaN, and the log of 0 would have an infinite derivative.
    peak = fl.stop_gradient(fnp.max(x, axis=axis, keepdims=True, initial=-fnp.inf))
    peak = fnp.where(fnp.isfinite(peak), peak, 0)
    exponential = fnp.exp(x - peak)
    if b is not None:
        exponential = exponential * b
    total = fnp.sum(exponential, axis=axis, keepdims=True)
    none = total == 0
    return fnp.where(none, -fnp.inf, fnp.log(fnp.where(none, 1, total)) + peak)


_logsumexp = lax.composite(_logsumexp_of, "nn.logsumexp")


def logmeanexp(
    x: Array, axis: Axes = None, keepdims: bool = False, *, where: Array | None = None
) -> Array:
    """log(mean(exp(x))), without overflow.

    Args:
        x: f[...].
        axis: the axis or axes to average over; None for all.
        keepdims: whether to keep them, with size 1.
        where: bool, broadcasts to ``x``: which elements count; all by default.

    Returns:
        f[...] without ``axis``.

    Raises:
        AxisError: ``axis`` is outside the dimensions.

    >>> float(logmeanexp(fnp.asarray([1000.0, 1000.0])))
    1000.0

    Source: ``jax.nn.logmeanexp``.
    """
    counted = fnp.broadcast_to(True if where is None else where, x.shape)
    count = fnp.sum(counted, axis=axis, keepdims=keepdims)
    total = logsumexp(x, axis, keepdims, where=where)
    return total - fnp.log(count.astype(total.dtype))


def standardize(
    x: Array,
    axis: Axes = -1,
    mean: Array | None = None,
    variance: Array | None = None,
    epsilon: float = 1e-5,
    where: Array | None = None,
) -> Array:
    """(x - mean) / sqrt(variance + epsilon).

    Args:
        x: f[...].
        axis: the axis or axes over which mean and variance are taken; None for all.
        mean, variance: those to use; both with sizes that broadcast to ``x``. By default they are
            those of ``x``, the variance as the mean square of x - mean.
        epsilon: added to the variance.
        where: bool, broadcasts to ``x``: which elements count for mean and variance.

    Returns:
        Array like ``x``.

    Raises:
        AxisError: ``axis`` is outside the dimensions.

    >>> standardize(fnp.asarray([1.0, 3.0]), epsilon=0.0)
    Array([-1.,  1.], dtype=float32)

    Source: ``jax.nn.standardize`` with ``algorithm="stable"``.
    """
    if mean is None:
        mean = fnp.mean(x, axis=axis, keepdims=True, where=where)
    centred = x - mean
    if variance is None:
        variance = fnp.mean(fnp.square(centred), axis=axis, keepdims=True, where=where)
    return centred / fnp.sqrt(variance + epsilon)
