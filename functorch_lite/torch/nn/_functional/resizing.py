"""Images and volumes in other sizes, one dimension after another."""

from __future__ import annotations

import math
import warnings
from functools import lru_cache
from typing import Any

import numpy as np

from functorch_lite import numpy as fnp
from functorch_lite.core.array import Array, wrap
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch.nn._functional import adaptive_pooling
from functorch_lite.torch.nn._functional.pulled import Linear

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


# ------------------------------------------------------------- which elements, and how much of each
def _scale(size: int, out: int, factor: float | None, corners: bool, real: Any) -> Any:
    """Steps in the input for a step in the output."""
    if corners:
        return real(size - 1) / real(out - 1) if out > 1 else real(0)
    return real(1.0 / factor) if factor else real(size) / real(out)


def _cubic(t: Any, a: float) -> Any:
    """The four weights of cubic interpolation at a distance t from the second point."""

    def near(x: Any) -> Any:
        return ((a + 2) * x - (a + 3)) * x * x + 1

    def far(x: Any) -> Any:
        return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a

    return far(t + 1), near(t), near(1 - t), far(2 - t)


def _source(size: int, out: int, factor: float | None, corners: bool, real: Any) -> Any:
    step = _scale(size, out, factor, corners, real)
    at = np.arange(out).astype(real)
    return at * step if corners else (at + real(0.5)) * step - real(0.5)


@lru_cache(maxsize=256)
def weights(mode: str, size: int, out: int, factor: float | None, corners: bool, dtype: str) -> Any:
    """[out, size]: the share of each element of the input in each of the output."""
    real = np.dtype(dtype).type
    found = np.zeros((out, size), dtype)
    rows = np.arange(out)
    at = _source(size, out, factor, corners, real)
    if mode == "bicubic":
        first = np.floor(at)
        t = at - first
        for k, w in enumerate(_cubic(t, -0.75)):
            places = np.clip(first.astype(int) - 1 + k, 0, size - 1)
            np.add.at(found, (rows, places), w)
        return found
    if not corners:
        at = np.maximum(at, 0)
    first = np.minimum(at.astype(int), size - 1)
    second = np.minimum(first + 1, size - 1)
    t = np.clip(at - first.astype(real), 0, 1)
    np.add.at(found, (rows, first), 1 - t)
    np.add.at(found, (rows, second), t)
    return found


@lru_cache(maxsize=256)
def smooth_weights(
    mode: str, size: int, out: int, factor: float | None, corners: bool, dtype: str
) -> Any:
    """The same where elements that fall between two of the output count, too."""
    real = np.dtype(dtype).type
    step = float(_scale(size, out, factor, corners, real))
    reach = 2.0 if mode == "bicubic" else 1.0
    support = reach * step if step >= 1 else reach
    shrink = 1 / step if step >= 1 else 1.0
    found = np.zeros((out, size), np.float64)
    for i in range(out):
        centre = step * (i + 0.5)
        low = max(int(centre - support + 0.5), 0)
        high = min(int(centre + support + 0.5), size)
        x = np.abs((np.arange(low, high) - centre + 0.5) * shrink)
        if mode == "bicubic":
            parts = _cubic(x, -0.5), _cubic(x - 1, -0.5)
            w = np.where(x < 1, parts[0][1], np.where(x < 2, parts[1][0], 0))
        else:
            w = np.maximum(1 - x, 0)
        found[i, low:high] = w / w.sum()
    return found.astype(dtype)


def _nearest(size: int, out: int, factor: float | None, exact: bool) -> Any:
    step = _scale(size, out, factor, False, np.float32)
    at = np.arange(out).astype(np.float32)
    places = np.floor((at + np.float32(0.5)) * step if exact else at * step)
    return np.minimum(places.astype(int), size - 1)


# ------------------------------------------------------------------------------------ the operation
def _dtype(x: Array) -> str:
    return "float64" if x.dtype == np.float64 else "float32"


def _matrices(mode: str, shape: Any, dtype: str, params: tuple[Any, ...]) -> list[Any]:
    outs, factors, corners, smooth = params
    sizes = shape[-len(outs) :]
    make = smooth_weights if smooth else weights
    return [
        make(mode, n, out, f, corners, dtype)
        for n, out, f in zip(sizes, outs, factors, strict=True)
    ]


def _along(x: Array, matrix: Any, axis: int) -> Array:
    """A matrix applied to one dimension."""
    m = wrap(matrix)
    if axis == x.ndim - 1:
        return fnp.matmul(x, m.T)
    if axis == x.ndim - 2:
        return fnp.matmul(m, x)
    return fnp.moveaxis(fnp.matmul(fnp.moveaxis(x, axis, -1), m.T), -1, axis)


def _resized(x: Array, *, mode: str, params: tuple[Any, ...]) -> Array:
    lead = x.ndim - len(params[0])
    for i, m in enumerate(_matrices(mode, x.shape, _dtype(x), params)):
        x = _along(x, m, lead + i)
    return x


def _resized_back(g: Array, shape: Any, *, mode: str, params: tuple[Any, ...]) -> Array:
    lead = g.ndim - len(params[0])
    for i, m in enumerate(_matrices(mode, shape, _dtype(g), params)):
        g = _along(g, m.T, lead + i)
    return g


def _picked(x: Array, *, mode: str, params: tuple[Any, ...]) -> Array:
    outs, factors = params[:2]
    lead = x.ndim - len(outs)
    for i, (out, f) in enumerate(zip(outs, factors, strict=True)):
        places = _nearest(x.shape[lead + i], out, f, mode != "nearest")
        x = fnp.take(x, places, axis=lead + i)
    return x


def _picked_back(g: Array, shape: Any, *, mode: str, params: tuple[Any, ...]) -> Array:
    outs, factors = params[:2]
    lead = g.ndim - len(outs)
    for i, (out, f) in enumerate(zip(outs, factors, strict=True)):
        n = shape[lead + i]
        matrix = np.zeros((n, out), g.dtype)
        matrix[_nearest(n, out, f, mode != "nearest"), np.arange(out)] = 1
        g = _along(g, matrix, lead + i)
    return g


_OPS: dict[tuple[str, int, bool], Linear] = {}


def _operation(mode: str, count: int, smooth: bool) -> Linear:
    key = (mode, count, smooth)
    found = _OPS.get(key)
    if found is None:
        name = _KINDS[mode, count] + ("Aa" if smooth else "")
        if mode.startswith("nearest"):
            found = Linear(f"{name}Backward0", _picked, _picked_back)
        else:
            found = Linear(f"{name}Backward0", _resized, _resized_back)
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
    if input._np.dtype.kind in "ib" or (input._np.dtype.kind == "u" and mode != "nearest"):
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
