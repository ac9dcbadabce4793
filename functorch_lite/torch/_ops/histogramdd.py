"""Histograms of points with several coordinates."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.torch import return_types
from functorch_lite.torch._core.dtypes import FROM_NP
from functorch_lite.torch._core.public import public
from functorch_lite.torch._core.tensor import Tensor, make
from functorch_lite.torch._ops.counting import (
    check_weight_dtype,
    checked_edges,
    range_of,
    refuse_bins,
)
from functorch_lite.torch._ops.creation import linspace
from functorch_lite.torch._ops.elementwise import refusal

__all__ = ["histogramdd"]


def _edges(input: Tensor, points: Any, bins: Any, range: Any) -> list[Any]:
    """The raw edges of the bins per coordinate.

    Args:
        points: [points, coordinates].
    """
    count = points.shape[1]
    sequence = isinstance(bins, (tuple, list))
    if sequence and len(bins) != count:
        raise RuntimeError(
            "histogramdd: The size of bins must be equal to the innermost dimension of the input."
        )
    if sequence and isinstance(bins[0], Tensor):
        return [checked_edges(input, edges, d) for d, edges in enumerate(bins)]
    if range is not None and len(range) != 2 * count:
        raise RuntimeError(
            f"torch.histogramdd: for a {count}-dimensional histogram range should have "
            f"{2 * count} elements, but got {len(range)}"
        )
    counts = list(bins) if sequence else [bins] * count
    found = []
    for d, n in enumerate(counts):
        refuse_bins(n, d)
        line = points[:, d]
        low, high = range_of(line, 0.0, 1.0) if range is None else range[2 * d : 2 * d + 2]
        if low == high:
            low, high = low - 0.5, high + 0.5
        if not (np.isfinite(low) and np.isfinite(high)):
            raise RuntimeError(
                f"torch.histogramdd: dimension {d}'s range [{low:g}, {high:g}] is not finite"
            )
        if low > high:
            raise RuntimeError(
                f"torch.histogramdd: min should not exceed max, but got min {low:g} max "
                f"{high:g} for dimension {d}"
            )
        found.append(linspace(low, high, n + 1, dtype=input.dtype)._np)
    return found


@public("histogramdd", methods=False)
def histogramdd(
    input: Tensor, bins: Any, range: Any = None, weight: Tensor | None = None,
    density: bool = False,
) -> Any:  # fmt: skip
    """How many points lie in each cell of a grid.

    Args:
        input: f[..., coordinates].
        bins: how many per coordinate, one number or a list; or a list of tensors of edges.
        range: the first and the last edge of each coordinate, flat; those of the points by default.
        weight: f[...], what each point counts.
        density: whether the result is divided so that its integral is 1.

    Returns:
        a tuple of ``hist``, with a dimension per coordinate, and ``bin_edges``, a list of tensors.

    Raises:
        RuntimeError: the arguments do not fit.

    Source: ``torch.histogramdd``.
    """
    array = input._np
    if array.ndim < 2:
        raise RuntimeError("torch.histogramdd: input tensor should have at least 2 dimensions")
    if array.dtype.name not in ("float32", "float64"):
        raise refusal("histogramdd", FROM_NP[array.dtype])
    if weight is not None and weight._np.shape != array.shape[:-1]:
        raise RuntimeError(
            "torch.histogramdd: if weight tensor is provided it should have the same shape as the "
            "input tensor excluding its innermost dimension, but got input with shape "
            f"{list(array.shape)} and weight with shape {list(weight._np.shape)}"
        )
    if weight is not None:
        check_weight_dtype(input, weight)
    points = array.reshape(-1, array.shape[-1])
    edges = _edges(input, points, bins, range)
    sizes = tuple(len(e) - 1 for e in edges)
    place: Any = np.zeros(len(points), np.int64)
    inside = np.ones(len(points), np.bool_)
    for line, e, n in zip(points.T, edges, sizes, strict=True):
        inside &= (line >= e[0]) & (line <= e[-1])
        # The last edge belongs to the last cell.
        at = np.minimum(np.searchsorted(e, line, "right") - 1, n - 1)
        place = place * n + at
    weights = None if weight is None else weight._np.reshape(-1)[inside]
    total = np.bincount(place[inside], weights, int(np.prod(sizes))).reshape(sizes)
    if density:
        cells: Any = np.ones((), np.float64)
        for e in edges:
            cells = cells[..., None] * np.diff(e)
        with np.errstate(all="ignore"):
            total = total / (total.sum() * cells)
    hist = make(total.astype(array.dtype))
    return return_types.histogramdd((hist, tuple(make(np.array(e)) for e in edges)))
