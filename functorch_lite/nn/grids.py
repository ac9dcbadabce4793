"""Images and volumes read at places between their elements."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from functorch_lite import lax
from functorch_lite import numpy as fnp
from functorch_lite.errors import ShapeError
from functorch_lite.nn.checks import as_float, wide, widest
from functorch_lite.nn.resize import cubic

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = ["affine_grid", "grid_sample", "sampled"]

MODES = ("bilinear", "nearest", "bicubic")
PADDINGS = ("zeros", "border", "reflection")


def affine_grid(theta: Array, size: Sequence[int], align_corners: bool = False) -> Array:
    """The places of an affine map, for :func:`grid_sample`.

    Args:
        theta: f[batch, 2, 3], or f[batch, 3, 4] for volumes: matrices that map places (x, y, 1).
        size: (batch, channels, *sizes) of the image or volume wanted.
        align_corners: whether -1 and 1 are the centres of the corner elements, not their edges.

    Returns:
        f[batch, *sizes, 2] or f[batch, *sizes, 3].

    Raises:
        ShapeError: ``theta`` does not fit ``size``.
        DtypeError: ``theta`` is not floating.

    >>> identity = fnp.asarray([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    >>> affine_grid(identity, (1, 1, 1, 2), align_corners=True).tolist()
    [[[[-1.0, 0.0], [1.0, 0.0]]]]

    Source: ``torch.nn.functional.affine_grid``.
    """
    theta = as_float("affine_grid", theta, "theta")
    sizes = tuple(size)[2:]
    count = len(sizes)
    if count not in (2, 3) or min(sizes) < 1:
        raise ShapeError(
            "nn.affine_grid: expected size (batch, channels, height, width) or (batch, channels, "
            f"depth, height, width); got {tuple(size)}."
        )
    if tuple(theta.shape) != (size[0], count, count + 1):
        raise ShapeError(
            f"nn.affine_grid: expected theta {(size[0], count, count + 1)} for size {tuple(size)}; "
            f"got {tuple(theta.shape)}."
        )
    lines = [_line(n, align_corners) for n in sizes]
    base = np.ones((*sizes, count + 1))
    for i, along in enumerate(np.meshgrid(*lines, indexing="ij")):
        base[..., count - 1 - i] = along
    flat = fnp.asarray(base.reshape(-1, count + 1), wide(theta).dtype)
    out = fnp.matmul(flat, fnp.swapaxes(wide(theta), 1, 2))
    return out.reshape(size[0], *sizes, count).astype(theta.dtype)


def _line(n: int, corners: bool) -> np.ndarray:
    ends = np.linspace(-1, 1, n) if n > 1 else np.zeros(1)
    return ends if corners else ends * (n - 1) / n


def grid_sample(
    x: Array,
    grid: Array,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool = False,
) -> Array:
    """An image or a volume read at the places of a grid.

    Args:
        x: f[batch, channels, height, width], or with a depth before the height.
        grid: f[batch, *outs, 2] or f[batch, *outs, 3]: places (x, y) or (x, y, z) between -1 and 1.
        mode: "bilinear" (trilinear for volumes), "nearest", or "bicubic" for images.
        padding_mode: what lies outside: "zeros", "border" or "reflection".
        align_corners: whether -1 and 1 are the centres of the corner elements, not their edges.

    Returns:
        f[batch, channels, *outs].

    Raises:
        ShapeError: the shapes do not fit.
        DtypeError: an operand is not floating.
        ValueError: another mode.

    >>> x = fnp.asarray([[[[0.0, 2.0]]]])
    >>> grid_sample(x, fnp.zeros((1, 1, 1, 2)))
    Array([[[[1.]]]], dtype=float32)

    Source: Jaderberg et al., NeurIPS 2015; ``torch.nn.functional.grid_sample``.
    """
    name = "grid_sample"
    x, grid = as_float(name, x), as_float(name, grid, "grid")
    if mode not in MODES:
        raise ValueError(f"nn.{name}: expected mode in {MODES}; got {mode!r}.")
    if padding_mode not in PADDINGS:
        raise ValueError(f"nn.{name}: expected padding_mode in {PADDINGS}; got {padding_mode!r}.")
    count = x.ndim - 2
    if count not in (2, 3) or 0 in x.shape[2:]:
        raise ShapeError(
            f"nn.{name}: expected x [batch, channels, height, width], or with a depth, and "
            f"elements along those axes; got {tuple(x.shape)}."
        )
    if grid.ndim != count + 2 or grid.shape[0] != x.shape[0] or grid.shape[-1] != count:
        raise ShapeError(
            f"nn.{name}: expected grid [{x.shape[0]}, {'*outs'}, {count}] of {count + 2} axes for "
            f"x {tuple(x.shape)}; got {tuple(grid.shape)}."
        )
    if mode == "bicubic" and count == 3:
        raise ValueError(f"nn.{name}: mode 'bicubic' reads images; got a volume {tuple(x.shape)}.")
    out = _sampled(
        wide(x), wide(grid), mode=mode, padding=padding_mode, corners=bool(align_corners)
    )
    return out.astype(widest(x, grid))


# ----------------------------------------------------------------------------------- the arithmetic
def _numbered(at: Array, n: int, corners: bool) -> Array:
    """From -1 to 1 to numbers of elements."""
    return (at + 1) * ((n - 1) / 2) if corners else ((at + 1) * n - 1) / 2


def _inside(at: Array, n: int, padding: str, corners: bool) -> Array:
    """Places brought inside, unless zeros lie outside."""
    if padding == "zeros":
        return at
    if padding == "reflection":
        low, high = (0.0, n - 1.0) if corners else (-0.5, n - 0.5)
        span = high - low
        if span == 0:
            at = at * 0
        else:
            off = fnp.abs(at - low)
            turns = fnp.floor(off / span)
            rest = off - turns * span
            at = fnp.where(turns % 2 == 0, rest + low, span - rest + low)
    return fnp.where(at <= 0, 0, fnp.where(at >= n - 1, n - 1, at))  # no derivative at the edge


def _read(x: Array, at: Sequence[Array]) -> Array:
    """f[batch, channels, *outs] at whole places, 0 outside."""
    batch, channels, *sizes = x.shape
    flat: Any = 0
    inside: Any = True
    for n, a in zip(sizes, at, strict=True):
        inside = inside & (a >= 0) & (a < n)
        flat = flat * n + fnp.clip(a, 0, n - 1).astype("int64")
    outs = tuple(flat.shape[1:])
    size = math.prod(outs)
    places = fnp.broadcast_to(flat.reshape(batch, 1, size), (batch, channels, size))
    found = fnp.take_along_axis(x.reshape(batch, channels, math.prod(sizes)), places, axis=2)
    return fnp.where(inside[:, None], found.reshape(batch, channels, *outs), 0)


def sampled(x: Array, grid: Array, *, mode: str, padding: str, corners: bool) -> Array:
    """The arithmetic of :func:`grid_sample`, in single precision or wider.

    >>> settings = {"mode": "bilinear", "padding": "zeros", "corners": False}
    >>> sampled(fnp.asarray([[[[0.0, 2.0]]]]), fnp.zeros((1, 1, 1, 2)), **settings)
    Array([[[[1.]]]], dtype=float32)
    """
    sizes = x.shape[2:]
    count = len(sizes)
    at = [_numbered(grid[..., count - 1 - i], n, corners) for i, n in enumerate(sizes)]
    if mode == "bicubic":
        return _cubic(x, at, lambda a, n: _inside(a, n, padding, corners))
    at = [_inside(a, n, padding, corners) for a, n in zip(at, sizes, strict=True)]
    if mode == "nearest":
        return _read(x, [fnp.round(a) for a in at])
    low = [fnp.floor(a) for a in at]
    share = [(a - b)[:, None] for a, b in zip(at, low, strict=True)]
    out: Any = 0
    for corner in itertools.product((0, 1), repeat=count):
        part = _read(x, [b + c for b, c in zip(low, corner, strict=True)])
        for s, c in zip(share, corner, strict=True):
            part = part * (s if c else 1 - s)
        out = out + part
    return out


def _cubic(x: Array, at: Sequence[Array], inside: Callable[[Array, int], Array]) -> Array:
    high, wide_ = x.shape[2:]
    low = [fnp.floor(a) for a in at]
    down, right = ([w[:, None] for w in cubic(a - b, -0.75)] for a, b in zip(at, low, strict=True))
    out: Any = 0
    for i, of_row in enumerate(down, -1):
        row = inside(low[0] + i, high)
        parts = [_read(x, (row, inside(low[1] + j, wide_))) * w for j, w in enumerate(right, -1)]
        out = out + of_row * sum(parts[1:], parts[0])
    return out


_sampled = lax.composite(sampled, "nn.grid_sample")
