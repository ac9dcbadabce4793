"""Interpolation to other sizes, with PyTorch's arguments."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from functorch_lite import numpy as fnp
from functorch_lite.errors import ShapeError
from functorch_lite.nn.adaptive_pool import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
)
from functorch_lite.nn.checks import as_float, wide
from functorch_lite.nn.layer import Layer, without_params
from functorch_lite.nn.resize import picked, resized, sizes_of

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = ["Upsample", "UpsamplingBilinear2d", "UpsamplingNearest2d", "interpolate"]

Sizes = int | Sequence[int]
Factors = float | Sequence[float]

_RANKS: dict[str, tuple[int, ...]] = {
    "nearest": (1, 2, 3),
    "nearest-exact": (1, 2, 3),
    "area": (1, 2, 3),
    "linear": (1,),
    "bilinear": (2,),
    "bicubic": (2,),
    "trilinear": (3,),
}
_MEANS = {1: adaptive_avg_pool1d, 2: adaptive_avg_pool2d, 3: adaptive_avg_pool3d}


def interpolate(
    x: Array,
    size: Sizes | None = None,
    scale_factor: Factors | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Array:
    """An image, a volume or a sequence in another size.

    Args:
        x: [batch, channels, *sizes] with one to three sizes.
        size: the sizes wanted, one integer or one for each axis; or
        scale_factor: the factors by which they change, rounded down.
        mode: "nearest" (PyTorch's, which rounds places down), "nearest-exact", "area" (means);
            "linear", "bilinear", "trilinear" for one, two, three sizes; "bicubic" for two.
        align_corners: whether the corner elements of both lie at the same places (True) or the
            edges of their cells do (False, the default); for the interpolating modes only.
        recompute_scale_factor: whether places follow from the sizes rather than from the factors.
        antialias: whether "bilinear" and "bicubic" take all elements into account on shrinking.

    Returns:
        [batch, channels, *new sizes] in the dtype of ``x``.

    Raises:
        ShapeError: ``x`` has another rank than the mode takes, or a size is 0.
        DtypeError: ``x`` is not floating, and the mode interpolates.
        ValueError: arguments that do not go together.

    >>> x = fnp.asarray([[[[0.0, 2.0]]]])
    >>> interpolate(x, (1, 3), mode="bilinear", align_corners=True)
    Array([[[[0., 1., 2.]]]], dtype=float32)
    >>> interpolate(x, scale_factor=2).shape
    (1, 1, 2, 4)

    Source: Keys, IEEE TASSP 29 (1981) for "bicubic", with a = -0.75, and -0.5 where smooth;
    ``torch.nn.functional.interpolate``.
    """
    name = "interpolate"
    _check_mode(name, mode, align_corners)
    x = fnp.asarray(x) if mode.startswith("nearest") else as_float(name, x)
    count = x.ndim - 2
    if count not in _RANKS[mode]:
        wanted = " or ".join(str(n + 2) for n in _RANKS[mode])
        raise ShapeError(
            f"nn.{name}: mode {mode!r} takes x [batch, channels, *sizes] of {wanted} axes; got "
            f"shape {tuple(x.shape)}. Remedy: x[None] adds an axis, or choose another mode."
        )
    if antialias and mode not in ("bilinear", "bicubic"):
        raise ValueError(
            f"nn.{name}: antialias goes with mode 'bilinear' and 'bicubic'; got {mode!r}."
        )
    sizes = tuple(x.shape[2:])
    outs, factors = _targets(name, sizes, size, scale_factor, bool(recompute_scale_factor))
    if min(sizes) < 1 or min(outs) < 1:
        raise ShapeError(
            f"nn.{name}: expected sizes of at least 1; got {sizes}, which would become {outs}."
        )
    if mode == "area":
        return _MEANS[count](x, outs)
    params = (outs, factors, bool(align_corners), bool(antialias))
    if mode.startswith("nearest"):
        return picked(x, mode=mode, params=params)
    return resized(wide(x), mode=mode, params=params).astype(x.dtype)


def _check_mode(name: str, mode: str, align_corners: bool | None) -> None:
    if mode not in _RANKS:
        raise ValueError(f"nn.{name}: expected mode in {tuple(_RANKS)}; got {mode!r}.")
    if align_corners is not None and mode in ("nearest", "nearest-exact", "area"):
        raise ValueError(
            f"nn.{name}: align_corners goes with the interpolating modes; got {align_corners} with "
            f"{mode!r}. Remedy: leave it out."
        )


def _check_one(name: str, size: Any, factor: Any) -> None:
    if (size is None) == (factor is None):
        raise ValueError(
            f"nn.{name}: expected either size or scale_factor; got size={size!r} and "
            f"scale_factor={factor!r}."
        )


def _targets(
    name: str, sizes: tuple[int, ...], size: Any, factor: Any, recompute: bool
) -> tuple[tuple[int, ...], tuple[float | None, ...]]:
    """The sizes wanted, and the factors given for them."""
    count = len(sizes)
    _check_one(name, size, factor)
    what, given = ("size", size) if factor is None else ("scale_factor", factor)
    several = tuple(given) if isinstance(given, (tuple, list)) else (given,) * count
    if len(several) != count:
        raise ValueError(
            f"nn.{name}: expected {what} to be one number or {count}, one for each of {sizes}; got "
            f"{given!r}."
        )
    if factor is None:
        return tuple(operator.index(n) for n in several), (None,) * count
    factors = tuple(float(f) for f in several)
    return sizes_of(sizes, factors), (None,) * count if recompute else factors


# ------------------------------------------------------------------------------------------- layers
def Upsample(
    size: Sizes | None = None,
    scale_factor: Factors | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
) -> Layer:
    """A layer of :func:`interpolate`, with its arguments; no parameters.

    Returns:
        Layer with ``apply(params, x) -> out``.

    Raises:
        ValueError: arguments that do not go together.

    >>> Upsample(scale_factor=2).apply((), fnp.ones((1, 3, 4, 4))).shape
    (1, 3, 8, 8)

    Source: ``torch.nn.Upsample``.
    """
    _check_mode("Upsample", mode, align_corners)
    _check_one("Upsample", size, scale_factor)

    def apply(params: Any, x: Array) -> Array:
        return interpolate(x, size, scale_factor, mode, align_corners, recompute_scale_factor)

    shown = f"size={size}" if scale_factor is None else f"scale_factor={scale_factor}"
    return Layer(without_params, apply, f"Upsample({shown}, mode={mode!r})")


def UpsamplingNearest2d(size: Sizes | None = None, scale_factor: Factors | None = None) -> Layer:
    """:func:`Upsample` of images by the nearest elements.

    >>> UpsamplingNearest2d(4).apply((), fnp.ones((1, 3, 2, 2))).shape
    (1, 3, 4, 4)

    Source: ``torch.nn.UpsamplingNearest2d``.
    """
    return Upsample(size, scale_factor, "nearest")


def UpsamplingBilinear2d(size: Sizes | None = None, scale_factor: Factors | None = None) -> Layer:
    """:func:`Upsample` of images, bilinear with corners aligned.

    >>> UpsamplingBilinear2d(4).apply((), fnp.ones((1, 3, 2, 2))).shape
    (1, 3, 4, 4)

    Source: ``torch.nn.UpsamplingBilinear2d``.
    """
    return Upsample(size, scale_factor, "bilinear", align_corners=True)
