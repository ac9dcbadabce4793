"""Images and volumes in other sizes, one dimension after another."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from functorch_lite.nn.resize import picked, picked_pull, resized, resized_pull
from functorch_lite.torch._core.tensor import Tensor, make
from functorch_lite.torch.nn._functional import adaptive_pooling
from functorch_lite.torch.nn._functional.pulled import Linear
from functorch_lite.torch.nn._functional.resizing_bytes import resized_bytes

__all__ = ["interpolate", "upsample", "upsample_bilinear", "upsample_nearest"]

_KINDS = {
    ("nearest", 1): "UpsampleNearest1D", ("nearest", 2): "UpsampleNearest2D",
    ("nearest", 3): "UpsampleNearest3D", ("nearest-exact", 1): "UpsampleNearestExact1D",
    ("nearest-exact", 2): "UpsampleNearestExact2D", ("nearest-exact", 3): "UpsampleNearestExact3D",
    ("linear", 1): "UpsampleLinear1D", ("bilinear", 2): "UpsampleBilinear2D",
    ("trilinear", 3): "UpsampleTrilinear3D", ("bicubic", 2): "UpsampleBicubic2D",
}  # fmt: skip
_SMOOTH = ("linear", "bilinear", "bicubic", "trilinear")
_RANKS = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}


# ------------------------------------------------------------------------------------ the operation
_OPS: dict[tuple[str, int, bool], Linear] = {}


def _operation(mode: str, count: int, smooth: bool) -> Linear:
    key = (mode, count, smooth)
    found = _OPS.get(key)
    if found is None:
        name = _KINDS[mode, count] + ("Aa" if smooth else "")
        if mode.startswith("nearest"):
            found = Linear(f"{name}Backward0", picked, picked_pull)
        else:
            found = Linear(f"{name}Backward0", resized, resized_pull)
        _OPS[key] = found
    return found


# --------------------------------------------------------------------------------- public functions
def _targets(
    input: Any, size: Any, scale_factor: Any, recompute: bool | None, count: int
) -> tuple[tuple[int, ...], tuple[float | None, ...]]:
    """The sizes wanted, and the factors given for them."""
    sizes = input._np.shape[2:]
    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if size is not None:
        if isinstance(size, (tuple, list)):
            if len(size) != count:
                raise ValueError(
                    "Input and output must have the same number of spatial dimensions, but got "
                    f"input with spatial dimensions of {list(sizes)} and output size of {size}. "
                    "Please provide input tensor in (N, C, d1, d2, ...,dK) format and output size "
                    "in (o1, o2, ...,oK) format."
                )
            return tuple([int(n) for n in size]), (None,) * count
        return (int(size),) * count, (None,) * count
    if scale_factor is None:
        raise ValueError("either size or scale_factor should be defined")
    if isinstance(scale_factor, (tuple, list)):
        if len(scale_factor) != count:
            raise ValueError(
                "Input and scale_factor must have the same number of spatial dimensions, but got "
                f"input with spatial dimensions of {list(sizes)} and scale_factor of shape "
                f"{scale_factor}. Please provide input tensor in (N, C, d1, d2, ...,dK) format and "
                "scale_factor in (s1, s2, ...,sK) format."
            )
        factors = tuple([float(f) for f in scale_factor])
    else:
        factors = (float(scale_factor),) * count
    outs = tuple([math.floor(n * f) for n, f in zip(sizes, factors, strict=True)])
    return outs, (None,) * count if recompute else factors


def interpolate(
    input: Any, size: Any = None, scale_factor: Any = None, mode: str = "nearest",
    align_corners: bool | None = None, recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:  # fmt: skip
    """An input in another size.

    Args:
        input: [batch, channels, *sizes] of one to three sizes.
        size: the sizes wanted, one number or one for each dimension; or
        scale_factor: the factors by which they change.
        mode: "nearest", "nearest-exact", "linear", "bilinear", "bicubic", "trilinear" or "area".
        align_corners: whether the corner elements of both have the same places.
        recompute_scale_factor: whether places follow from the sizes, not from the factors given.
        antialias: whether "bilinear" and "bicubic" take all elements into account on shrinking.

    Raises:
        ValueError, NotImplementedError: the arguments do not go together.

    Source: ``torch.nn.functional.interpolate``.
    """
    if mode in ("nearest", "area", "nearest-exact"):
        if align_corners is not None:
            raise ValueError(
                "align_corners option can only be set with the interpolating modes: linear | "
                "bilinear | bicubic | trilinear"
            )
        align_corners = False
    corners = bool(align_corners)
    ndim = input._np.ndim
    count = ndim - 2
    outs, factors = _targets(input, size, scale_factor, recompute_scale_factor, count)
    if antialias and not (mode in ("bilinear", "bicubic") and ndim == 4):
        raise ValueError(
            "Anti-alias option is restricted to bilinear, bicubic, and lanczos modes and requires "
            "a 4-D tensor as input"
        )
    if mode == "area" and 1 <= count <= 3:
        pool = getattr(adaptive_pooling, f"adaptive_avg_pool{count}d")
        return pool(input, outs)
    if (mode, count) not in _KINDS:
        if mode in _RANKS and 1 <= count <= 3:
            raise NotImplementedError(
                f"Got {ndim}D input, but {mode} mode needs {_RANKS[mode] + 2}D input"
            )
        raise NotImplementedError(
            "Input Error: Only 3D, 4D and 5D input Tensors supported "
            f"(got {ndim}D) for the modes: nearest | linear | bilinear | bicubic | trilinear | "
            f"lanczos | area | nearest-exact (got {mode})"
        )
    sizes = input._np.shape[2:]
    if min(sizes) < 1 or min(outs) < 1:
        names = ("D", "H", "W")[-count:]
        given = ", ".join(f"{a}: {n}" for a, n in zip(names, sizes, strict=True))
        made = ", ".join(f"{a}: {n}" for a, n in zip(names, outs, strict=True))
        raise RuntimeError(
            f"Input and output sizes should be greater than 0, but got input ({given}) output "
            f"({made})"
        )
    kind = input._np.dtype.kind
    if input._np.dtype == np.uint8 and mode in ("bilinear", "bicubic"):
        cubic = mode == "bicubic"
        return make(resized_bytes(input._np, outs, factors, corners, antialias, cubic))
    if kind in "ib" or (kind == "u" and not mode.startswith("nearest")):
        kernel = f"compute_indices_weights_{mode.replace('bi', '').replace('tri', '')}"
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{input.dtype.scalar_name}'")
    params = (outs, factors, corners, antialias)
    return _operation(mode, count, antialias)(input, mode=mode, params=params)


def upsample(
    input: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:  # fmt: skip
    """The old name of ``interpolate``. Source: ``torch.nn.functional.upsample``."""
    warnings.warn(
        "`nn.functional.upsample` is deprecated. Use `nn.functional.interpolate` instead.",
        stacklevel=2,
    )
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """``interpolate`` by the nearest. Source: ``torch.nn.functional.upsample_nearest``."""
    warnings.warn(
        "`nn.functional.upsample_nearest` is deprecated. Use `nn.functional.interpolate` instead.",
        stacklevel=2,
    )
    return interpolate(input, size, scale_factor, mode="nearest")


def upsample_bilinear(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """``interpolate`` with corners aligned. Source: ``torch.nn.functional.upsample_bilinear``."""
    warnings.warn(
        "`nn.functional.upsample_bilinear` is deprecated. Use `nn.functional.interpolate` instead.",
        stacklevel=2,
    )
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)
