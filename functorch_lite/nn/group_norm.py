"""Normalisation of groups of channels, example by example."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from functorch_lite import lax
from functorch_lite import numpy as fnp
from functorch_lite.errors import ShapeError
from functorch_lite.nn.checks import as_float, check_vector, wide, widest
from functorch_lite.nn.layer import Layer
from functorch_lite.nn.normalization import group_value

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = ["GroupNorm", "group_norm"]

by_groups = lax.composite(group_value, "nn.group_norm")


def group_norm(
    x: Array,
    num_groups: int,
    weight: Array | None = None,
    bias: Array | None = None,
    eps: float = 1e-5,
) -> Array:
    """Normalises groups of channels of every example by their mean and variance.

    Args:
        x: f[batch, channels, ...].
        num_groups: divides the channels; 1 for all of them at once.
        weight: f[channels], 1 by default.
        bias: f[channels], 0 by default.
        eps: added to the variance.

    Returns:
        Array of the shape of ``x``. Half precision is computed in float32.

    Raises:
        ShapeError: the sizes do not go together.
        ValueError: ``num_groups`` does not divide the channels.
        DtypeError: ``x`` holds no floats.

    >>> group_norm(fnp.asarray([[1.0, 3.0, 5.0, 5.0]]), 2, eps=1e-6).round(3)
    Array([[-1.,  1.,  0.,  0.]], dtype=float32)

    Source: Wu and He, ECCV 2018; ``torch.nn.functional.group_norm``.
    """
    return _group_norm("group_norm", x, num_groups, weight, bias, eps)


def _group_norm(
    name: str, x: Any, groups: int, weight: Array | None, bias: Array | None, eps: float
) -> Array:
    x = as_float(name, x)
    if x.ndim < 2:
        raise ShapeError(
            f"nn.{name}: expected x of shape [batch, channels, ...]; got {tuple(x.shape)}. "
            "Remedy: x[None] for a single example."
        )
    channels = x.shape[1]
    _check_groups(name, groups, channels)
    check_vector(name, "weight", weight, (channels,))
    check_vector(name, "bias", bias, (channels,))
    count = channels // groups * math.prod(x.shape[2:])
    if count == 1 and x.shape[0] == 1:
        raise ShapeError(
            f"nn.{name}: expected more than one value per group to normalise by; "
            f"got x of shape {tuple(x.shape)}."
        )
    operands = [None if a is None else wide(a) for a in (x, weight, bias)]
    return by_groups(*operands, groups=groups, eps=float(eps)).astype(widest(x, weight, bias))


def _check_groups(name: str, groups: int, channels: int) -> None:
    if groups < 1 or channels % groups:
        raise ValueError(
            f"nn.{name}: num_groups must be positive and divide the channels; got "
            f"num_groups={groups} for {channels} channels."
        )


def GroupNorm(num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True) -> Layer:
    """Group normalisation; stateless.

    Parameters: ``weight`` and ``bias`` f32[channels], ones and zeros.

    Args:
        num_groups: divides the channels.
        num_channels: the second size of the input.
        eps: added to the variance.
        affine: whether to scale and shift.

    Returns:
        Layer with ``apply(params, x: f[batch, channels, ...]) -> f[batch, channels, ...]``.

    Raises:
        ValueError: ``num_groups`` does not divide the channels.
        ShapeError: ``apply`` got another number of channels.
        DtypeError: ``apply`` got no floats.

    >>> import functorch_lite as fl
    >>> layer = GroupNorm(2, 4)
    >>> layer.apply(layer.init(fl.random.key(0)), fnp.ones((1, 4, 3))).shape
    (1, 4, 3)

    Source: ``torch.nn.GroupNorm``.
    """
    name = f"GroupNorm({num_groups}, {num_channels})"
    _check_groups(name, num_groups, num_channels)

    def init(key: Any) -> dict[str, Array]:
        if not affine:
            return {}
        return {"weight": fnp.ones(num_channels), "bias": fnp.zeros(num_channels)}

    def apply(params: dict[str, Array], x: Array) -> Array:
        x = as_float(name, x)
        if x.ndim < 2 or x.shape[1] != num_channels:
            raise ShapeError(
                f"nn.{name}: expected x of shape [batch, {num_channels}, ...]; "
                f"got {tuple(x.shape)}. Remedy: fnp.moveaxis(x, axis, 1) puts the channels there."
            )
        weight, bias = (params["weight"], params["bias"]) if affine else (None, None)
        return _group_norm(name, x, num_groups, weight, bias, eps)

    return Layer(init, apply, name)
