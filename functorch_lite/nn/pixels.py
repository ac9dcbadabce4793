"""Channels laid out as pixels, and back; channels of groups in turn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from functorch_lite import numpy as fnp
from functorch_lite.errors import ShapeError
from functorch_lite.nn.layer import Layer, without_params

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = [
    "ChannelShuffle",
    "PixelShuffle",
    "PixelUnshuffle",
    "channel_shuffle",
    "pixel_shuffle",
    "pixel_unshuffle",
]


def _check(name: str, x: Any, argument: str, factor: int) -> Array:
    x = fnp.asarray(x)
    if not hasattr(factor, "__index__") or factor < 1:
        raise ValueError(f"nn.{name}: expected {argument} of at least 1; got {factor!r}.")
    if x.ndim < 3:
        raise ShapeError(
            f"nn.{name}: expected x [..., channels, height, width]; got {tuple(x.shape)}. "
            "Remedy: x[None] adds an axis in front."
        )
    return x


def pixel_shuffle(x: Array, upscale_factor: int) -> Array:
    """Channels laid out as pixels: [..., c r r, h, w] becomes [..., c, h r, w r].

    Args:
        x: [..., channels, height, width].
        upscale_factor: r.

    Returns:
        [..., channels / r², height r, width r].

    Raises:
        ShapeError: fewer axes, or channels that r² does not divide.
        ValueError: r is not positive.

    >>> pixel_shuffle(fnp.arange(4).reshape(4, 1, 1), 2).tolist()
    [[[0, 1], [2, 3]]]

    Source: Shi et al., CVPR 2016; ``torch.nn.functional.pixel_shuffle``.
    """
    x = _check("pixel_shuffle", x, "upscale_factor", upscale_factor)
    r = int(upscale_factor)
    *lead, c, h, w = x.shape
    if c % (r * r):
        raise ShapeError(
            f"nn.pixel_shuffle: expected channels that {r}² divides; got {c} in {tuple(x.shape)}."
        )
    parts = x.reshape(*lead, c // (r * r), r, r, h, w)
    k = len(lead)
    parts = fnp.transpose(parts, (*range(k), k, k + 3, k + 1, k + 4, k + 2))
    return parts.reshape(*lead, c // (r * r), h * r, w * r)


def pixel_unshuffle(x: Array, downscale_factor: int) -> Array:
    """Pixels laid out as channels: [..., c, h r, w r] becomes [..., c r r, h, w].

    Args:
        x: [..., channels, height, width].
        downscale_factor: r.

    Returns:
        [..., channels r², height / r, width / r].

    Raises:
        ShapeError: fewer axes, or a height or width that r does not divide.
        ValueError: r is not positive.

    >>> pixel_unshuffle(fnp.arange(4).reshape(1, 2, 2), 2).tolist()
    [[[0]], [[1]], [[2]], [[3]]]

    Source: ``torch.nn.functional.pixel_unshuffle``.
    """
    x = _check("pixel_unshuffle", x, "downscale_factor", downscale_factor)
    r = int(downscale_factor)
    *lead, c, h, w = x.shape
    if h % r or w % r:
        raise ShapeError(
            f"nn.pixel_unshuffle: expected height and width that {r} divides; got {tuple(x.shape)}."
        )
    parts = x.reshape(*lead, c, h // r, r, w // r, r)
    k = len(lead)
    parts = fnp.transpose(parts, (*range(k), k, k + 2, k + 4, k + 1, k + 3))
    return parts.reshape(*lead, c * r * r, h // r, w // r)


def channel_shuffle(x: Array, groups: int) -> Array:
    """Channels of several groups in turn: the first of each group, then the second, ...

    Args:
        x: [batch, channels, ...], of at least three axes.
        groups: how many.

    Returns:
        Array like ``x``.

    Raises:
        ShapeError: fewer axes, or channels that ``groups`` does not divide.
        ValueError: ``groups`` is not positive.

    >>> channel_shuffle(fnp.arange(4).reshape(1, 4, 1), 2).reshape(-1).tolist()
    [0, 2, 1, 3]

    Source: Zhang et al., CVPR 2018; ``torch.nn.functional.channel_shuffle``.
    """
    x = _check("channel_shuffle", x, "groups", groups)
    batch, c, *sizes = x.shape
    if c % groups:
        raise ShapeError(
            f"nn.channel_shuffle: expected channels that {groups} divides; got {c} in "
            f"{tuple(x.shape)}."
        )
    parts = x.reshape(batch, groups, c // groups, *sizes)
    return fnp.swapaxes(parts, 1, 2).reshape(x.shape)


# ------------------------------------------------------------------------------------------- layers
def PixelShuffle(upscale_factor: int) -> Layer:
    """A layer of :func:`pixel_shuffle`; no parameters.

    >>> PixelShuffle(2).apply((), fnp.ones((1, 8, 3, 3))).shape
    (1, 2, 6, 6)

    Source: ``torch.nn.PixelShuffle``.
    """

    def apply(params: Any, x: Array) -> Array:
        return pixel_shuffle(x, upscale_factor)

    return Layer(without_params, apply, f"PixelShuffle({upscale_factor})")


def PixelUnshuffle(downscale_factor: int) -> Layer:
    """A layer of :func:`pixel_unshuffle`; no parameters.

    >>> PixelUnshuffle(2).apply((), fnp.ones((1, 2, 6, 6))).shape
    (1, 8, 3, 3)

    Source: ``torch.nn.PixelUnshuffle``.
    """

    def apply(params: Any, x: Array) -> Array:
        return pixel_unshuffle(x, downscale_factor)

    return Layer(without_params, apply, f"PixelUnshuffle({downscale_factor})")


def ChannelShuffle(groups: int) -> Layer:
    """A layer of :func:`channel_shuffle`; no parameters.

    >>> ChannelShuffle(2).apply((), fnp.ones((1, 8, 3, 3))).shape
    (1, 8, 3, 3)

    Source: ``torch.nn.ChannelShuffle``.
    """

    def apply(params: Any, x: Array) -> Array:
        return channel_shuffle(x, groups)

    return Layer(without_params, apply, f"ChannelShuffle({groups})")
