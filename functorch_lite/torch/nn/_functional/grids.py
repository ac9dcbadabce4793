"""Images read at places between their elements."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from functorch_lite import numpy as fnp
from functorch_lite.core.array import Array
from functorch_lite.torch._core.op import Composite
from functorch_lite.torch._core.tensor import Tensor, make
from functorch_lite.torch._ops.matrix_products import unsafe_view

__all__ = ["affine_grid", "grid_sample"]

_WARNING = (
    "Default {0} behavior has changed to align_corners=False since 1.3.0. Please specify "
    "align_corners=True if the old behavior is desired. See the documentation of {0} for details."
)


def affine_grid(theta: Any, size: Any, align_corners: bool | None = None) -> Tensor:
    """The places of an affine map, for ``grid_sample``.

    Args:
        theta: f[batch, 2, 3], the maps.
        size: (batch, channels, height, width) of the image wanted.
        align_corners: whether -1 and 1 are the centres of the corner elements, not their edges.

    Returns:
        f[batch, height, width, 2].

    Raises:
        ValueError: ``theta`` is not floating or of another shape.
        NotImplementedError: a size of volumes.

    Source: ``torch.nn.functional.affine_grid``.
    """
    if align_corners is None:
        warnings.warn(_WARNING.format("affine_grid and grid_sample"), stacklevel=2)
        align_corners = False
    if theta._np.dtype.kind not in "fV":
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    if len(size) != 4:
        raise NotImplementedError("affine_grid: only images are supported.")
    batch, _, height, width = size
    if theta._np.ndim != 3 or theta._np.shape[-2:] != (2, 3):
        raise ValueError(
            f"Expected a batch of 2D affine matrices of shape Nx2x3 for size {tuple(size)}. Got "
            f"{theta.size()}."
        )
    x, y = (_line(n, align_corners, theta._np.dtype) for n in (width, height))
    base = np.ones((height, width, 3), theta._np.dtype)
    base[..., 0], base[..., 1] = x, y[:, None]
    flat: Any = make(np.broadcast_to(base.reshape(1, -1, 3), (batch, height * width, 3)))
    out = flat.bmm(theta.transpose(1, 2))
    return unsafe_view(out, (batch, height, width, 2), "AffineGridGeneratorBackward0")


def _line(n: int, corners: bool, dtype: Any) -> Any:
    ends = np.linspace(-1, 1, n) if n > 1 else np.zeros(1)
    return (ends if corners else ends * (n - 1) / n).astype(dtype)


def _place(at: Array, n: int, padding: str, corners: bool) -> Array:
    """From -1 to 1 to numbers of elements, brought inside unless zeros lie outside."""
    at = (at + 1) * ((n - 1) / 2) if corners else ((at + 1) * n - 1) / 2
    if padding == "reflection":
        low, high = (0, n - 1) if corners else (-0.5, n - 0.5)
        span = high - low
        if span == 0:
            at = at * 0
        else:
            off = fnp.abs(at - low)
            turns = fnp.floor(off / span)
            rest = off - turns * span
            at = fnp.where(turns % 2 == 0, rest + low, span - rest + low)
    if padding == "zeros":
        return at
    return fnp.where(at <= 0, 0, fnp.where(at >= n - 1, n - 1, at))  # no gradient at the edge


def _read(x: Array, column: Array, row: Array) -> Array:
    """[batch, channels, height, width] at whole places, 0 outside."""
    batch, channels, high, wide = x.shape
    inside = (column >= 0) & (column < wide) & (row >= 0) & (row < high)
    c = fnp.clip(column, 0, wide - 1).astype(np.int64)
    r = fnp.clip(row, 0, high - 1).astype(np.int64)
    flat = x.reshape(batch, channels, high * wide)
    at = (r * wide + c).reshape(batch, 1, -1)
    at = fnp.broadcast_to(at, (batch, channels, at.shape[-1]))
    found = fnp.take_along_axis(flat, at, axis=2).reshape(batch, channels, *column.shape[1:])
    return fnp.where(inside[:, None], found, 0)


def _sampled(x: Array, grid: Array, *, mode: str, padding: str, corners: bool) -> Array:
    column = _place(grid[..., 0], x.shape[3], padding, corners)
    row = _place(grid[..., 1], x.shape[2], padding, corners)
    if mode == "nearest":
        return _read(x, fnp.round(column), fnp.round(row))
    left, top = fnp.floor(column), fnp.floor(row)
    right, low = (column - left)[:, None], (row - top)[:, None]
    return (
        _read(x, left, top) * (1 - right) * (1 - low)
        + _read(x, left + 1, top) * right * (1 - low)
        + _read(x, left, top + 1) * (1 - right) * low
        + _read(x, left + 1, top + 1) * right * low
    )


GRID = Composite("GridSampler2DBackward0", _sampled)


def grid_sample(
    input: Any, grid: Any, mode: str = "bilinear", padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:  # fmt: skip
    """An image read at the places of a grid.

    Args:
        input: f[batch, channels, height, width].
        grid: f[batch, rows, columns, 2], places (x, y) between -1 and 1.
        mode: "bilinear" or "nearest".
        padding_mode: what lies outside: "zeros", "border" or "reflection".
        align_corners: whether -1 and 1 are the centres of the corner elements, not their edges.

    Returns:
        f[batch, channels, rows, columns].

    Raises:
        ValueError: another mode.
        NotImplementedError: "bicubic", or an input with three sizes.

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
    if mode == "bicubic" or input._np.ndim != 4:
        raise NotImplementedError(
            "grid_sample: only images, read by the nearest or bilinearly, are supported."
        )
    x, g = input._np.shape, grid._np.shape
    if x[0] != g[0]:
        raise RuntimeError(
            "grid_sampler(): expected grid and input to have same batch size, but got input with "
            f"sizes {list(x)} and grid with sizes {list(g)}"
        )
    if len(g) != 4 or g[-1] != 2:
        raise RuntimeError(
            f"grid_sampler(): expected grid to have size 2 in last dimension, but got grid with "
            f"sizes {list(g)}"
        )
    found: Tensor = GRID([input, grid], mode=mode, padding=padding_mode, corners=align_corners)
    return found
