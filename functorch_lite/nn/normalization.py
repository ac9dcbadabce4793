"""The arithmetic of normalisation, and its pullbacks: what every package of this library calls.

Values and pullbacks are functions of arrays. The layers differentiate the values themselves, so
that forward mode and higher orders need nothing more; an engine with a tape of its own, such as
``functorch_lite.torch``, calls the pullbacks. Everything here expects float32 or wider.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from functorch_lite import numpy as fnp

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = [
    "batch_pull",
    "batch_value",
    "group_pull",
    "group_value",
    "layer_pull",
    "layer_value",
    "rms_value",
    "running_pull",
    "running_value",
]


def _along(v: Array, ndim: int) -> Array:
    """One value for each channel, in the place of the channels."""
    return v.reshape(1, -1, *(1,) * (ndim - 2))


def _over(x: Array) -> tuple[int, ...]:
    return (0, *range(2, x.ndim))


# -------------------------------------------------------------------------------- over the examples
def batch_value(
    x: Array, w: Array | None, b: Array | None, *, eps: float
) -> tuple[Array, Array, Array]:
    """Every channel with mean 0 and variance 1 over the batch.

    Args:
        x: f[batch, channels, ...].
        w, b: f[channels].
        eps: added to the variance.

    Returns:
        ``(out, mean, var)``; the statistics f[1, channels, 1, ...].
    """
    mean = fnp.mean(x, axis=_over(x), keepdims=True)
    centred = x - mean
    var = fnp.mean(centred * centred, axis=_over(x), keepdims=True)
    scale = 1 / fnp.sqrt(var + eps)
    out = centred * (scale if w is None else scale * _along(w, x.ndim))
    return (out if b is None else out + _along(b, x.ndim)), mean, var


def batch_pull(
    g: Array, x: Array, w: Array | None, b: Array | None, mean: Array, var: Array, *, wanted: Any,
    eps: float,
) -> Any:  # fmt: skip
    """The gradients of ``x``, ``w`` and ``b`` in :func:`batch_value`."""
    scale = 1 / fnp.sqrt(var + eps)
    normal = (x - mean) * scale
    total = fnp.sum(g, axis=_over(x), keepdims=True)
    moment = fnp.sum(g * normal, axis=_over(x), keepdims=True)
    of_x = None
    if wanted[0]:
        count = x.size // max(x.shape[1], 1)
        factor = scale if w is None else scale * _along(w, x.ndim)
        of_x = (g - (total + normal * moment) / count) * factor
    of_w = moment.reshape(-1) if wanted[1] else None
    return of_x, of_w, total.reshape(-1) if wanted[2] else None


def running_value(
    x: Array, w: Array | None, b: Array | None, mean: Array, var: Array, *, eps: float
) -> Array:
    """Every channel by a mean and a variance that are given, f[channels] each."""
    scale = 1 / fnp.sqrt(var + eps)
    if w is not None:
        scale = scale * w
    out = (x - _along(mean, x.ndim)) * _along(scale, x.ndim)
    return out if b is None else out + _along(b, x.ndim)


def running_pull(
    g: Array, x: Array, w: Array | None, b: Array | None, mean: Array, var: Array, *, wanted: Any,
    eps: float,
) -> Any:  # fmt: skip
    """The gradients of ``x``, ``w`` and ``b`` in :func:`running_value`; none of the statistics."""
    scale = 1 / fnp.sqrt(var + eps)
    of_x = of_w = None
    if wanted[0]:
        of_x = g * _along(scale if w is None else scale * w, x.ndim)
    if wanted[1]:
        of_w = fnp.sum(g * (x - _along(mean, x.ndim)), axis=_over(x)) * scale
    return of_x, of_w, fnp.sum(g, axis=_over(x)) if wanted[2] else None, None, None


# ---------------------------------------------------------------------------- within each example
def _by_rows(x: Array, *, eps: float) -> tuple[Array, Array]:
    """Rows with mean 0, and what makes their variance 1."""
    centred = x - fnp.mean(x, axis=-1, keepdims=True)
    var = fnp.mean(centred * centred, axis=-1, keepdims=True)
    return centred, 1 / fnp.sqrt(var + eps)


def _rows_pull(g: Array, normal: Array, scale: Array) -> Array:
    mean = fnp.mean(g, axis=-1, keepdims=True)
    moment = fnp.mean(g * normal, axis=-1, keepdims=True)
    return (g - mean - normal * moment) * scale


def _lines(x: Array, count: int) -> tuple[int, int]:
    """How many examples there are, and of how many elements; without elements nobody can tell."""
    return x.size // count if count else 0, count


def layer_value(x: Array, w: Array | None, b: Array | None, *, count: int, eps: float) -> Array:
    """The last ``count`` elements of every example with mean 0 and variance 1.

    Args:
        x: f[..., *shape].
        w, b: f[*shape].
        count: number of elements of ``shape``.
        eps: added to the variance.
    """
    centred, scale = _by_rows(x.reshape(_lines(x, count)), eps=eps)
    out = (centred * scale).reshape(x.shape)
    if w is not None:
        out = out * w
    return out if b is None else out + b


def layer_pull(
    g: Array, x: Array, w: Array | None, b: Array | None, *, wanted: Any, count: int, eps: float
) -> Any:
    """The gradients of ``x``, ``w`` and ``b`` in :func:`layer_value`."""
    rows = _lines(x, count)
    centred, scale = _by_rows(x.reshape(rows), eps=eps)
    normal = centred * scale
    flat = g.reshape(rows)
    of_x = of_w = of_b = None
    if wanted[0]:
        inner = flat if w is None else flat * w.reshape(-1)
        of_x = _rows_pull(inner, normal, scale).reshape(x.shape)
    if w is not None and wanted[1]:
        of_w = fnp.sum(flat * normal, axis=0).reshape(w.shape)
    if b is not None and wanted[2]:
        of_b = fnp.sum(flat, axis=0).reshape(b.shape)
    return of_x, of_w, of_b


def rms_value(x: Array, w: Array | None, *, dims: int, eps: float) -> Array:
    """The last ``dims`` dimensions of every example with mean square 1."""
    axes = tuple(range(-dims, 0))
    out = x * (1 / fnp.sqrt(fnp.mean(x * x, axis=axes, keepdims=True) + eps))
    return out if w is None else out * w


def _groups(x: Array, groups: int) -> tuple[int, int]:
    return x.shape[0] * groups, math.prod(x.shape[1:]) // groups


def group_value(x: Array, w: Array | None, b: Array | None, *, groups: int, eps: float) -> Array:
    """Groups of channels of every example with mean 0 and variance 1.

    Args:
        x: f[batch, channels, ...].
        w, b: f[channels].
        groups: how many; divides the channels. As many as channels: instance normalisation.
        eps: added to the variance.
    """
    centred, scale = _by_rows(x.reshape(_groups(x, groups)), eps=eps)
    out = (centred * scale).reshape(x.shape)
    if w is not None:
        out = out * _along(w, x.ndim)
    return out if b is None else out + _along(b, x.ndim)


def group_pull(
    g: Array, x: Array, w: Array | None, b: Array | None, *, wanted: Any, groups: int, eps: float
) -> Any:
    """The gradients of ``x``, ``w`` and ``b`` in :func:`group_value`."""
    shape, rows = x.shape, _groups(x, groups)
    centred, scale = _by_rows(x.reshape(rows), eps=eps)
    normal = centred * scale
    of_x = of_w = None
    if wanted[0]:
        inner = g if w is None else g * _along(w, x.ndim)
        of_x = _rows_pull(inner.reshape(rows), normal, scale).reshape(shape)
    if wanted[1]:
        of_w = fnp.sum(g * normal.reshape(shape), axis=_over(x))
    return of_x, of_w, fnp.sum(g, axis=_over(x)) if wanted[2] else None
