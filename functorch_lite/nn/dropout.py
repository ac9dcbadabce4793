"""Dropout: elements or channels set to zero at random, or to the limit of SELU."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from functorch_lite import numpy as fnp
from functorch_lite import random
from functorch_lite.errors import ShapeError
from functorch_lite.nn.checks import as_float, check_probability, training_key
from functorch_lite.nn.layer import Layer, without_params
from functorch_lite.random.keys import check_key

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = [
    "AlphaDropout",
    "Dropout",
    "Dropout1d",
    "Dropout2d",
    "Dropout3d",
    "FeatureAlphaDropout",
    "alpha_dropout",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "feature_alpha_dropout",
]

_ALPHA = 1.6732632423543772 * 1.0507009873554805
"""Minus the limit of SELU at minus infinity."""


# ------------------------------------------------------------------------------------- functions
def dropout(x: Array, p: float, key: Array) -> Array:
    """Sets elements to zero with probability ``p`` and scales the others by 1/(1-p).

    Args:
        x: f[...].
        p: probability of zeroing an element, a Python float in [0, 1].
        key: u32[2].

    Returns:
        Array like ``x``.

    Raises:
        ValueError: ``p`` is outside [0, 1].
        DtypeError, ShapeError: ``key`` is no key.
        DtypeError: ``x`` holds integers or bools.

    >>> dropout(fnp.ones(3), 0.0, random.key(0))
    Array([1., 1., 1.], dtype=float32)

    Source: Srivastava et al., JMLR 15 (2014); ``torch.nn.functional.dropout``.
    """
    check_probability("dropout", p)
    check_key("nn.dropout", key)
    x = as_float("dropout", x, or_complex=True)
    return _dropped(x, p, key, x.shape)


def dropout1d(x: Array, p: float, key: Array) -> Array:
    """Sets whole channels to zero with probability ``p`` and scales the others by 1/(1-p).

    Args:
        x: f[batch, channels, length], or f[channels, length].
        p: probability of zeroing a channel.
        key: u32[2].

    Returns:
        Array like ``x``.

    Raises:
        ShapeError: another number of dimensions.
        ValueError: ``p`` is outside [0, 1].

    >>> sorted(set(dropout1d(fnp.ones((9, 9, 2)), 0.5, random.key(0)).sum(-1).ravel().tolist()))
    [0.0, 4.0]

    Source: Tompson et al., CVPR 2015; ``torch.nn.functional.dropout1d``.
    """
    return _channels("dropout1d", 1, x, p, key)


def dropout2d(x: Array, p: float, key: Array) -> Array:
    """:func:`dropout1d` of images, f[batch, channels, height, width] or without the batch.

    A batch of plain feature maps, f[batch, channels, length], is :func:`dropout1d`'s.

    >>> dropout2d(fnp.ones((1, 2, 1, 1)), 1.0, random.key(0)).ravel().tolist()
    [0.0, 0.0]

    Source: ``torch.nn.functional.dropout2d``.
    """
    return _channels("dropout2d", 2, x, p, key)


def dropout3d(x: Array, p: float, key: Array) -> Array:
    """:func:`dropout1d` of volumes, f[batch, channels, depth, height, width] or without the batch.

    >>> dropout3d(fnp.ones((2, 1, 1, 1)), 0.0, random.key(0)).ravel().tolist()
    [1.0, 1.0]

    Source: ``torch.nn.functional.dropout3d``.
    """
    return _channels("dropout3d", 3, x, p, key)


def alpha_dropout(x: Array, p: float, key: Array) -> Array:
    """Dropout that keeps the mean 0 and the variance 1 that SELU makes.

    Dropped elements become SELU's limit at minus infinity; then all are scaled and shifted.

    Args:
        x: f[...].
        p: probability of dropping an element.
        key: u32[2].

    Returns:
        Array like ``x``; zeros for ``p`` = 1.

    Raises:
        ValueError: ``p`` is outside [0, 1].

    >>> alpha_dropout(fnp.ones(2), 0.0, random.key(0)).tolist()
    [1.0, 1.0]

    Source: Klambauer et al., NeurIPS 2017; ``torch.nn.functional.alpha_dropout``.
    """
    x = as_float("alpha_dropout", x)
    return _alpha("alpha_dropout", x, p, key, x.shape)


def feature_alpha_dropout(x: Array, p: float, key: Array) -> Array:
    """:func:`alpha_dropout` of whole channels.

    Args:
        x: f[batch, channels, ...].
        p: probability of dropping a channel.
        key: u32[2].

    Returns:
        Array like ``x``.

    Raises:
        ShapeError: ``x`` has fewer than two dimensions.
        ValueError: ``p`` is outside [0, 1].

    >>> feature_alpha_dropout(fnp.ones((1, 2, 2)), 1.0, random.key(0)).ravel().tolist()
    [0.0, 0.0, 0.0, 0.0]

    Source: ``torch.nn.functional.feature_alpha_dropout``.
    """
    x = as_float("feature_alpha_dropout", x)
    shape = tuple(x.shape)
    if len(shape) < 2:
        raise ShapeError(
            f"nn.feature_alpha_dropout: expected x of shape [batch, channels, ...]; got {shape}. "
            "Remedy: alpha_dropout, which drops elements."
        )
    return _alpha("feature_alpha_dropout", x, p, key, (*shape[:2], *(1,) * (len(shape) - 2)))


def _dropped(x: Array, p: float, key: Array, shape: tuple[int, ...]) -> Array:
    if p == 0:
        return x
    if p == 1:
        return fnp.zeros_like(x)
    return fnp.where(random.bernoulli(key, 1.0 - p, shape), x / (1.0 - p), 0.0)


def _channels(name: str, count: int, x: Any, p: float, key: Array) -> Array:
    check_probability(name, p)
    check_key(f"nn.{name}", key)
    x = as_float(name, x)
    if x.ndim not in (count + 1, count + 2):
        raise ShapeError(
            f"nn.{name}: expected x of shape [batch, channels, *sizes] or [channels, *sizes] with "
            f"{count} sizes; got {tuple(x.shape)}. Remedy: dropout, which drops elements, or "
            f"dropout{max(1, min(3, x.ndim - 2))}d."
        )
    return _dropped(x, p, key, (*x.shape[: x.ndim - count], *(1,) * count))


def _alpha(name: str, x: Any, p: float, key: Array, shape: tuple[int, ...]) -> Array:
    check_probability(name, p)
    check_key(f"nn.{name}", key)
    if p == 0:
        return x
    if p == 1:
        return fnp.zeros_like(x)
    scale = 1.0 / math.sqrt((_ALPHA * _ALPHA * p + 1) * (1 - p))
    kept = fnp.where(random.bernoulli(key, 1.0 - p, shape), x, -_ALPHA)
    return kept * scale + _ALPHA * scale * p


# ---------------------------------------------------------------------------------------- layers
def Dropout(p: float = 0.5) -> Layer:
    """A dropout layer: takes a key in training, changes nothing in evaluation.

    Parameters: none.

    Args:
        p: probability of zeroing an element.

    Returns:
        Layer with ``apply(params, x, *, key=None, train=False) -> out``.

    Raises:
        ValueError: ``p`` is outside [0, 1].
        TypeError: ``apply`` was asked to train without a key.

    >>> layer = Dropout(0.5)
    >>> out = layer.apply((), fnp.ones(1000), key=random.key(0), train=True)
    >>> sorted(set(out.tolist()))
    [0.0, 2.0]

    Source: ``torch.nn.Dropout``.
    """
    return _layer("Dropout", dropout, p)


def Dropout1d(p: float = 0.5) -> Layer:
    """A layer of :func:`dropout1d`; arguments and result as :func:`Dropout`.

    >>> Dropout1d(0.2)
    Dropout1d(0.2)

    Source: ``torch.nn.Dropout1d``.
    """
    return _layer("Dropout1d", dropout1d, p)


def Dropout2d(p: float = 0.5) -> Layer:
    """A layer of :func:`dropout2d`; arguments and result as :func:`Dropout`.

    >>> Dropout2d(0.2)
    Dropout2d(0.2)

    Source: ``torch.nn.Dropout2d``.
    """
    return _layer("Dropout2d", dropout2d, p)


def Dropout3d(p: float = 0.5) -> Layer:
    """A layer of :func:`dropout3d`; arguments and result as :func:`Dropout`.

    >>> Dropout3d(0.2)
    Dropout3d(0.2)

    Source: ``torch.nn.Dropout3d``.
    """
    return _layer("Dropout3d", dropout3d, p)


def AlphaDropout(p: float = 0.5) -> Layer:
    """A layer of :func:`alpha_dropout`; arguments and result as :func:`Dropout`.

    >>> AlphaDropout(0.2)
    AlphaDropout(0.2)

    Source: ``torch.nn.AlphaDropout``.
    """
    return _layer("AlphaDropout", alpha_dropout, p)


def FeatureAlphaDropout(p: float = 0.5) -> Layer:
    """A layer of :func:`feature_alpha_dropout`; arguments and result as :func:`Dropout`.

    >>> FeatureAlphaDropout(0.2)
    FeatureAlphaDropout(0.2)

    Source: ``torch.nn.FeatureAlphaDropout``.
    """
    return _layer("FeatureAlphaDropout", feature_alpha_dropout, p)


def _layer(kind: str, function: Callable[..., Array], p: float) -> Layer:
    check_probability(kind, p)
    name = f"{kind}({p})"

    def apply(params: Any, x: Array, *, key: Array | None = None, train: bool = False) -> Array:
        return function(x, p, training_key(name, key)) if train else x

    return Layer(without_params, apply, name)
