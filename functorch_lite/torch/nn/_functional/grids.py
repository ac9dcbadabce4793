"""Images read at places between their elements."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from functorch_lite.core.array import Array
from functorch_lite.nn.grids import sampled
from functorch_lite.ops.families import HALF_CHARS
from functorch_lite.torch._core.op import Composite
from functorch_lite.torch._core.tensor import Tensor, make
from functorch_lite.torch._ops.matrix_products import unsafe_view

__all__ = ["affine_grid", "grid_sample"]

_WARNING = (
    "Default {0} behavior has changed to align_corners=False since 1.3.0. Please specify "
    "align_corners=True if the old behavior is desired. See the documentation of {0} for details."
)
_UNIT = (
    "Since version 1.3.0, affine_grid behavior has changed for unit-size grids when "
    "align_corners=True. This is not an intended use case of affine_grid. See the documentation of "
    "affine_grid for details."
)


def affine_grid(theta: Any, size: Any, align_corners: bool | None = None) -> Tensor:
    """The places of an affine map, for ``grid_sample``.

    Args:
        theta: f[batch, 2, 3], the maps, or f[batch, 3, 4] for volumes.
        size: (batch, channels, *sizes) of the image or volume wanted.
        align_corners: whether -1 and 1 are the centres of the corner elements, not their edges.

    Returns:
        f[batch, *sizes, 2], or 3 for volumes.

    Raises:
        ValueError: ``theta`` is not floating or of another shape.
        NotImplementedError: a size of another rank.

    Source: ``torch.nn.functional.affine_grid``.
    """
    if align_corners is None:
        warnings.warn(_WARNING.format("affine_grid and grid_sample"), stacklevel=2)
        align_corners = False
    if theta._np.dtype.kind not in "fV":
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    if len(size) not in (4, 5):
        raise NotImplementedError(
            "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, "
            f"respectively. Got size {tuple(size)}."
        )
    batch, sizes = size[0], tuple(size[2:])
    count = len(sizes)
    if theta._np.ndim != 3 or theta._np.shape[-2:] != (count, count + 1):
        raise ValueError(
            f"Expected a batch of {count}D affine matrices of shape Nx{count}x{count + 1} for size "
            f"{tuple(size)}. Got {theta.size()}."
        )
    if align_corners and min(sizes) == 1:
        warnings.warn(_UNIT, stacklevel=2)
    elif min(size) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {tuple(size)}")
    base = np.ones((*sizes, count + 1), theta._np.dtype)
    lines = [_line(n, align_corners, theta._np.dtype) for n in sizes]
    for i, along in enumerate(np.meshgrid(*lines, indexing="ij")):
        base[..., count - 1 - i] = along
    rows = base.reshape(-1, count + 1)
    flat: Any = make(np.broadcast_to(rows, (batch, *rows.shape)))
    out = flat.bmm(theta.transpose(1, 2))
    return unsafe_view(out, (batch, *sizes, count), "AffineGridGeneratorBackward0")


def _line(n: int, corners: bool, dtype: Any) -> Any:
    ends = np.linspace(-1, 1, n) if n > 1 else np.zeros(1)
    return (ends if corners else ends * (n - 1) / n).astype(dtype)


_WIDE = {(char, mode): "float32" for char in HALF_CHARS for mode in ("bilinear", "nearest")}
_WIDE |= {(char, "bicubic"): "float64" for char in ("f", *HALF_CHARS)}


def _sampled(x: Array, grid: Array, **params: Any) -> Array:
    """Half precision in single precision, rounded once; and so single in double precision, where
    the weights' slopes are differences that cancel."""
    wide = _WIDE.get((x.dtype.char, params["mode"]))
    if wide is None:
        return sampled(x, grid, **params)
    return sampled(x.astype(wide), grid.astype(wide), **params).astype(x.dtype)


GRIDS = {n: Composite(f"GridSampler{n}DBackward0", _sampled) for n in (2, 3)}


def grid_sample(
    input: Any, grid: Any, mode: str = "bilinear", padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:  # fmt: skip
    """An image read at the places of a grid.

    Args:
        input: f[batch, channels, height, width], or with a depth before the height.
        grid: f[batch, *sizes, 2] or 3: places (x, y) or (x, y, z) between -1 and 1.
        mode: "bilinear", "nearest" or, for images, "bicubic".
        padding_mode: what lies outside: "zeros", "border" or "reflection".
        align_corners: whether -1 and 1 are the centres of the corner elements, not their edges.

    Returns:
        f[batch, channels, *sizes].

    Raises:
        ValueError: another mode.
        RuntimeError: the shapes do not fit each other or the mode.

    Source: ``torch.nn.functional.grid_sample``.
    """
    if mode not in ("bilinear", "nearest", "bicubic"):
        raise ValueError(
            "nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', "
            f"but got: '{mode}'"
        )
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ValueError(
            "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or "
            f"'reflection', but got: '{padding_mode}'"
        )
    if align_corners is None:
        warnings.warn(_WARNING.format("grid_sample and affine_grid"), stacklevel=2)
        align_corners = False
    x, g = input._np.shape, grid._np.shape
    if x[0] != g[0]:
        raise RuntimeError(
            "grid_sampler(): expected grid and input to have same batch size, but got input with "
            f"sizes {list(x)} and grid with sizes {list(g)}"
        )
    if len(x) not in (4, 5) or len(x) != len(g):
        raise RuntimeError(
            f"grid_sampler(): expected {len(x)}D input and grid with same number of dimensions, "
            f"but got input with sizes {list(x)} and grid with sizes {list(g)}"
        )
    if g[-1] != len(x) - 2:
        raise RuntimeError(
            f"grid_sampler(): expected grid to have size {len(x) - 2} in last dimension, but got "
            f"grid with sizes {list(g)}"
        )
    if mode == "bicubic" and len(x) != 4:
        raise RuntimeError("grid_sampler(): bicubic interpolation only supports 4D input")
    found: Tensor = GRIDS[len(x) - 2](
        [input, grid], mode=mode, padding=padding_mode, corners=align_corners
    )
    return found
