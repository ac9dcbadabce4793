"""Images and volumes in other sizes: which elements, and how much of each.

Every mode works on one axis after another. "nearest" takes elements; the others are products with a
matrix [out, size] of shares.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from functorch_lite import numpy as fnp

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = ["picked", "picked_pull", "resized", "resized_pull"]

Params = tuple[tuple[int, ...], tuple[float | None, ...], bool, bool]
"""Sizes wanted, factors given for them (or None), whether corners are aligned, whether smooth."""


# --------------------------------------------------------------------------------- one axis: shares
def _scale(size: int, out: int, factor: float | None, corners: bool, real: Any) -> Any:
    """Steps in the input for a step in the output."""
    if corners:
        return real(size - 1) / real(out - 1) if out > 1 else real(0)
    return real(1.0 / factor) if factor else real(size) / real(out)


def cubic(t: Any, a: float) -> tuple[Any, Any, Any, Any]:
    """The four weights of cubic interpolation at a distance t from the second point.

    >>> cubic(0.0, -0.75)
    (0.0, 1.0, 0.0, 0.0)
    """

    def near(x: Any) -> Any:
        return ((a + 2) * x - (a + 3)) * x * x + 1

    def far(x: Any) -> Any:
        return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a

    return far(t + 1), near(t), near(1 - t), far(2 - t)


def _source(size: int, out: int, factor: float | None, corners: bool, real: Any) -> Any:
    step = _scale(size, out, factor, corners, real)
    at = np.arange(out).astype(real)
    return at * step if corners else (at + real(0.5)) * step - real(0.5)


@functools.lru_cache(maxsize=256)
def _weights(
    mode: str, size: int, out: int, factor: float | None, corners: bool, dtype: str
) -> np.ndarray:
    """[out, size]: the share of each element of the input in each of the output."""
    real = np.dtype(dtype).type
    found = np.zeros((out, size), dtype)
    rows = np.arange(out)
    at = _source(size, out, factor, corners, real)
    if mode == "bicubic":
        first = np.floor(at)
        t = at - first
        for k, w in enumerate(cubic(t, -0.75)):
            places = np.clip(first.astype(int) - 1 + k, 0, size - 1)
            np.add.at(found, (rows, places), w)
        return found
    if out == size:  # PyTorch copies then, whatever the factor was
        return np.eye(size, dtype=dtype)
    if not corners:
        at = np.maximum(at, 0)
    first = np.minimum(at.astype(int), size - 1)
    second = np.minimum(first + 1, size - 1)
    t = np.clip(at - first.astype(real), 0, 1)
    np.add.at(found, (rows, first), 1 - t)
    np.add.at(found, (rows, second), t)
    return found


@functools.lru_cache(maxsize=256)
def _smooth_weights(
    mode: str, size: int, out: int, factor: float | None, corners: bool, dtype: str
) -> np.ndarray:
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
            parts = cubic(x, -0.5), cubic(x - 1, -0.5)
            w = np.where(x < 1, parts[0][1], np.where(x < 2, parts[1][0], 0))
        else:
            w = np.maximum(1 - x, 0)
        found[i, low:high] = w / w.sum()
    return found.astype(dtype)


def _nearest(size: int, out: int, factor: float | None, exact: bool) -> np.ndarray:
    step = _scale(size, out, factor, False, np.float32)
    at = np.arange(out).astype(np.float32)
    places = np.floor((at + np.float32(0.5)) * step if exact else at * step)
    return np.minimum(places.astype(int), size - 1)


def sizes_of(sizes: tuple[int, ...], factors: tuple[float, ...]) -> tuple[int, ...]:
    """Sizes times factors, rounded down.

    >>> sizes_of((3, 4), (2.0, 0.6))
    (6, 2)
    """
    return tuple(math.floor(n * f) for n, f in zip(sizes, factors, strict=True))


# ----------------------------------------------------------------------------------------- all axes
def _matrices(mode: str, shape: Any, dtype: Any, params: Params) -> list[np.ndarray]:
    outs, factors, corners, smooth = params
    real = "float64" if dtype == np.float64 else "float32"
    make = _smooth_weights if smooth else _weights
    return [
        make(mode, n, out, f, corners, real)
        for n, out, f in zip(shape[-len(outs) :], outs, factors, strict=True)
    ]


def _along(x: Array, matrix: np.ndarray, axis: int) -> Array:
    """A matrix applied to one axis."""
    m = fnp.asarray(matrix)
    if axis == x.ndim - 1:
        return fnp.matmul(x, m.T)
    if axis == x.ndim - 2:
        return fnp.matmul(m, x)
    return fnp.moveaxis(fnp.matmul(fnp.moveaxis(x, axis, -1), m.T), -1, axis)


def resized(x: Array, *, mode: str, params: Params) -> Array:
    """The last axes interpolated: "linear", "bilinear", "bicubic" or "trilinear".

    Args:
        x: f[..., *sizes], float32 or float64.

    >>> resized(fnp.asarray([[0.0, 1.0]]), mode="linear", params=((3,), (None,), True, False))
    Array([[0. , 0.5, 1. ]], dtype=float32)
    """
    lead = x.ndim - len(params[0])
    for i, m in enumerate(_matrices(mode, x.shape, x.dtype, params)):
        x = _along(x, m, lead + i)
    return x


def resized_pull(g: Array, shape: Any, *, mode: str, params: Params) -> Array:
    """The cotangent of x of that shape, for an engine that has a tape.

    >>> settings = ((3,), (None,), True, False)
    >>> resized_pull(fnp.ones((1, 3)), (1, 2), mode="linear", params=settings)
    Array([[1.5, 1.5]], dtype=float32)
    """
    lead = g.ndim - len(params[0])
    for i, m in enumerate(_matrices(mode, shape, g.dtype, params)):
        g = _along(g, m.T, lead + i)
    return g


def picked(x: Array, *, mode: str, params: Params) -> Array:
    """The last axes by their nearest elements: "nearest" or "nearest-exact".

    >>> picked(fnp.asarray([[1, 2]]), mode="nearest", params=((4,), (None,), False, False)).tolist()
    [[1, 1, 2, 2]]
    """
    outs, factors = params[:2]
    lead = x.ndim - len(outs)
    for i, (out, f) in enumerate(zip(outs, factors, strict=True)):
        places = _nearest(x.shape[lead + i], out, f, mode != "nearest")
        x = fnp.take(x, places, axis=lead + i)
    return x


def picked_pull(g: Array, shape: Any, *, mode: str, params: Params) -> Array:
    """The cotangent of x of that shape, for an engine that has a tape.

    >>> settings = ((4,), (None,), False, False)
    >>> picked_pull(fnp.ones((1, 4)), (1, 2), mode="nearest", params=settings)
    Array([[2., 2.]], dtype=float32)
    """
    outs, factors = params[:2]
    lead = g.ndim - len(outs)
    for i, (out, f) in enumerate(zip(outs, factors, strict=True)):
        n = shape[lead + i]
        matrix = np.zeros((n, out), g.dtype)
        matrix[_nearest(n, out, f, mode != "nearest"), np.arange(out)] = 1
        g = _along(g, matrix, lead + i)
    return g
