"""Histograms over several dimensions."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from functorch_lite.core.array import Array
from functorch_lite.errors import ShapeError
from functorch_lite.numpy.convert import asarray, to_inexact
from functorch_lite.numpy.elementwise import logical_and, multiply
from functorch_lite.numpy.joining import concatenate
from functorch_lite.numpy.selection import where
from functorch_lite.numpy.shapes import reshape
from functorch_lite.numpy.sorting import searchsorted
from functorch_lite.numpy.statistics import bincount, histogram_bin_edges

__all__ = ["histogram2d", "histogramdd"]


def _is_list(bins: Any) -> bool:
    """Whether something is a list of bins, or edges, and not the number of them."""
    return not isinstance(bins, (int, np.integer)) and getattr(bins, "ndim", 1) > 0


def histogramdd(
    sample: Any,
    bins: Any = 10,
    range: Sequence[Any] | None = None,
    weights: Any = None,
    density: bool | None = None,
) -> tuple[Array, list[Array]]:
    """Counts per box of a grid, and the edges of its bins along every dimension.

    Args:
        sample: points [n, d].
        bins: number of bins, or one number or vector of edges for each dimension.
        range: for each dimension None or the limits of equally wide bins.
        weights: how much each point counts [n].
        density: divide so that the integral is one.

    Returns:
        counts, one axis for each dimension, as floats of the sample's dtype; and the edges.

    Raises:
        ShapeError: ``sample`` is no matrix, or a list does not have one entry per dimension.

    >>> histogramdd(np.array([[0.0, 0.0], [1.0, 1.0]]), 2)[0]
    Array([[1., 0.],
           [0., 1.]], dtype=float64)
    """
    points = to_inexact(asarray(sample), "histogramdd", "sample")
    if points.ndim != 2:
        raise ShapeError(f"histogramdd: sample must be [n, d], got shape {points.shape}.")
    n, d = points.shape
    listed = list(bins) if _is_list(bins) else [bins] * d
    limits = [None] * d if range is None else list(range)
    for what, given in (("bins", listed), ("range", limits)):
        if len(given) != d:
            raise ShapeError(
                f"histogramdd: {what} must have one entry for each of {d} dimensions, got "
                f"{len(given)}."
            )
    edges, place, inside, total = [], asarray(0), asarray(True), 1
    for k, (bin_, limit) in enumerate(zip(listed, limits, strict=True)):
        x = points[:, k]
        edge = histogram_bin_edges(x, bin_, limit)
        count = edge.shape[0] - 1
        at = searchsorted(edge, x, side="right") - 1
        at = where(x == edge[-1], count - 1, at)
        inside = logical_and(inside, logical_and(at >= 0, at < count))
        place = place * count + at
        total *= count
        edges.append(edge)
    each = to_inexact(asarray(1.0 if weights is None else weights), "histogramdd", "weights")
    each = each.astype(points.dtype) if weights is None else each
    update = where(inside, each, 0.0)
    counts = bincount(where(inside, place, 0), weights=update, length=operator.index(total))
    counts = reshape(counts, tuple(e.shape[0] - 1 for e in edges)).astype(update.dtype)
    if density:
        counts = counts / counts.sum()
        for k, edge in enumerate(edges):
            shape = [1] * d
            shape[k] = edge.shape[0] - 1
            counts = multiply(counts, 1.0 / reshape(edge[1:] - edge[:-1], tuple(shape)))
    return counts, edges


def histogram2d(
    x: Any,
    y: Any,
    bins: Any = 10,
    range: Sequence[Any] | None = None,
    weights: Any = None,
    density: bool | None = None,
) -> tuple[Array, Array, Array]:
    """Counts per rectangle of a grid over the plane, and both edges.

    Args:
        x, y: coordinates of the points [n].
        bins: number of bins, edges for both axes, or a pair of either.
        range, weights, density: as of :func:`histogramdd`.

    Returns:
        counts [nx, ny], edges [nx + 1] and [ny + 1].

    >>> histogram2d(np.array([0.0, 1.0]), np.array([0.0, 1.0]), 2)[0]
    Array([[1., 0.],
           [0., 1.]], dtype=float64)
    """
    x, y = asarray(x), asarray(y)
    if x.ndim != 1 or x.shape != y.shape:
        raise ShapeError(
            f"histogram2d: x and y must be vectors of one length, got {x.shape} and {y.shape}."
        )
    if _is_list(bins) and len(bins) != 2:
        bins = [bins, bins] if len(bins) > 1 else [bins[0]] * 2
    x, y = to_inexact(x, "histogram2d"), to_inexact(y, "histogram2d", "y")
    points = reshape(x, (-1, 1)), reshape(y, (-1, 1))
    counts, edges = histogramdd(concatenate(points, axis=1), bins, range, weights, density)
    return counts, edges[0], edges[1]
