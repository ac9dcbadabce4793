"""Distinct values, how often they occur, and histograms."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from functorch_lite.torch import return_types
from functorch_lite.torch._core.grad_mode import mode
from functorch_lite.torch._core.node import attach, needs_grad
from functorch_lite.torch._core.op import formula
from functorch_lite.torch._core.public import public
from functorch_lite.torch._core.tensor import Tensor, make
from functorch_lite.torch._ops.axes import one_axis
from functorch_lite.torch._ops.creation import linspace
from functorch_lite.torch._ops.sorting import comparable
from functorch_lite.torch.return_types import results_in

__all__ = [
    "bincount", "check_weight_dtype", "checked_edges", "histc", "histogram", "range_of",
    "refuse_bins", "unique", "unique_consecutive",
]  # fmt: skip


# ---------------------------------------------------------------------------------- distinct values
def _underivable(t: Tensor, out: Tensor, node: str, name: str) -> Tensor:
    """Record an operation that has no derivative."""
    if mode.enabled and needs_grad(t):

        def backward(g: Any) -> NoReturn:
            raise NotImplementedError(f"the derivative for '{name}' is not implemented.")

        attach(out, formula(node, (t,), backward))
    return out


def _packed(values: Tensor, inverse: Any, counts: Any) -> Any:
    """The results that were asked for."""
    more = [make(each) for each in (inverse, counts) if each is not None]
    return (values, *more) if more else values


def _slice_axis(array: Any, dim: int, name: str) -> int:
    """The dimension whose slices are compared."""
    axis = one_axis(dim, array.ndim, name)
    if not array.ndim:
        raise IndexError("Dimension specified as 0 but tensor has no dimensions")
    if not array.size and array.shape[axis]:
        raise RuntimeError(
            "There are 0 sized dimensions, and they aren't selected, so unique cannot be applied"
        )
    return axis


def _lines(array: Any, axis: int) -> Any:
    """Slices along an axis as rows of a matrix."""
    moved = np.moveaxis(array, axis, 0)
    return moved.reshape(len(moved), -1) if moved.size else moved.reshape(len(moved), 0)


def _starts(lines: Any) -> Any:
    """Where a row differs from the one before."""
    first = np.ones(len(lines), bool)
    if len(lines) > 1:
        change = lines[1:] != lines[:-1]
        first[1:] = change if change.ndim == 1 else change.any(1)
    return first


def _groups(first: Any, order: Any, inverse: bool, counts: bool) -> tuple[Any, Any]:
    """To which group each element belongs, and how large groups are."""
    found = sizes = None
    if inverse:
        found = np.empty(len(first), np.int64)
        number = np.cumsum(first) - 1
        found[slice(None) if order is None else order] = number
    if counts:
        begin = np.flatnonzero(first)
        sizes = np.diff(np.append(begin, len(first)))
    return found, sizes


@public()
def unique(
    input: Tensor, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False,
    dim: int | None = None,
) -> Any:  # fmt: skip
    """The distinct elements in their order, or the distinct slices along a dimension.

    Args:
        sorted: the result is sorted whatever this says.
        return_inverse: whether to return, per element, the position of its value in the result.
        return_counts: whether to return how often each value occurs.
        dim: a dimension whose slices are compared, or None for all elements.

    Raises:
        NotImplementedError: the tensor is complex.

    >>> import functorch_lite.torch as torch
    >>> torch.unique(torch.tensor([3, 1, 3]))
    tensor([1, 3])

    Source: ``torch.unique``.
    """
    array = input._np
    if array.dtype.kind == "c":
        raise NotImplementedError(f"\"unique\" not implemented for '{input.dtype.scalar_name}'")
    if dim is not None:
        return _unique_slices(input, dim, return_inverse, return_counts)
    flat = array.reshape(-1)
    if return_inverse:
        order = np.argsort(comparable(flat), kind="stable")
        line = flat[order]
    else:
        order, line = None, flat[np.argsort(comparable(flat))] if flat.itemsize == 2 else (
            np.sort(flat)
        )  # fmt: skip
    first = _starts(line)
    found, counts = _groups(first, order, return_inverse, return_counts)
    values = _underivable(input, make(line[first]), "Unique2Backward0", "_unique2")
    return _packed(values, None if found is None else found.reshape(array.shape), counts)


def _unique_slices(input: Tensor, dim: int, inverse: bool, counts: bool) -> Any:
    array = input._np
    axis = _slice_axis(array, dim, "unique")
    lines = _lines(array, axis)
    if not lines.shape[1]:
        order = np.arange(len(lines))
    else:
        order = np.lexsort(comparable(lines).T[::-1])
    first = _starts(lines[order])
    if not lines.shape[1] and len(lines):
        first = np.arange(len(lines)) == 0
    found, sizes = _groups(first, order, inverse, counts)
    moved = np.moveaxis(array, axis, 0)
    data = np.moveaxis(np.ascontiguousarray(moved[order[first]]), 0, axis)
    values = _underivable(input, make(data), "UniqueDimBackward0", "unique_dim")
    return _packed(values, found, sizes)


@public()
def unique_consecutive(
    input: Tensor, return_inverse: bool = False, return_counts: bool = False,
    dim: int | None = None,
) -> Any:  # fmt: skip
    """The elements, or slices along a dimension, without those that equal the one before.

    Args:
        return_inverse: whether to return, per element, the position of its value in the result.
        return_counts: whether to return the lengths of the runs.
        dim: a dimension whose slices are compared, or None for all elements.

    Source: ``torch.unique_consecutive``.
    """
    array = input._np
    if dim is None:
        lines = flat = array.reshape(-1)
        first = _starts(lines)
        data = flat[first]
        shape = array.shape
    else:
        axis = _slice_axis(array, dim, "unique_consecutive")
        lines = _lines(array, axis)
        first = _starts(lines)
        moved = np.moveaxis(array, axis, 0)
        data = np.moveaxis(np.ascontiguousarray(moved[first]), 0, axis)
        shape = (len(lines),)
    found, counts = _groups(first, None, return_inverse, return_counts)
    values = _underivable(input, make(data), "UniqueConsecutiveBackward0", "unique_consecutive")
    return _packed(values, None if found is None else found.reshape(shape), counts)


# -------------------------------------------------------------------------------------- occurrences
@public()
def bincount(input: Tensor, weights: Any = None, minlength: int = 0) -> Tensor:
    """How often each of the numbers 0, 1, ... occurs, or the sum of weights where it does.

    Args:
        input: a line of integers that are not negative.
        weights: one per element.
        minlength: the least length of the result.

    Raises:
        RuntimeError: other dimensions, negative numbers, or weights that do not fit.

    >>> import functorch_lite.torch as torch
    >>> torch.bincount(torch.tensor([0, 2, 2]))
    tensor([1, 0, 2])

    Source: ``torch.bincount``.
    """
    array = input._np
    if array.dtype.kind not in "iu":
        raise NotImplementedError(
            f"\"bincount_cpu\" not implemented for '{input.dtype.scalar_name}'"
        )
    if minlength < 0:
        raise RuntimeError("minlength should be >= 0")
    if array.ndim != 1 or (array.size and array.min() < 0):
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    if weights is None:
        return make(np.bincount(array.astype(np.int64), minlength=minlength).astype(np.int64))
    w = weights._np
    if not array.size:
        return make(np.zeros(minlength, np.int64))
    if w.shape != array.shape:
        raise RuntimeError("weights should be 1-d and have the same length as input")
    found = np.bincount(array.astype(np.int64), w.astype(np.float64), minlength)
    return make(found.astype(w.dtype if w.dtype == np.float32 else np.float64))


def _counted(place: Any, inside: Any, weights: Any, count: int) -> Any:
    """Sums of weights by bin; the last edge belongs to the last bin."""
    place = np.minimum(place[inside], count - 1)
    return np.bincount(place, None if weights is None else weights[inside], count)


def _by_edges(values: Any, weights: Any, edges: Any) -> Any:
    """Sums of weights between edges."""
    inside = (values >= edges[0]) & (values <= edges[-1])
    return _counted(np.searchsorted(edges, values, "right") - 1, inside, weights, len(edges) - 1)


def range_of(array: Any, low: float, high: float) -> tuple[float, float]:
    """The least and the largest value; the given numbers if there is none."""
    return (float(array.min()), float(array.max())) if array.size else (low, high)


def _checked_range(name: str, low: float, high: float, widen: float) -> tuple[float, float]:
    """The range of a histogram, widened if it is empty."""
    if low == high:
        low, high = low - widen, high + widen
    if not (np.isfinite(low) and np.isfinite(high)):
        raise RuntimeError(f"{name}: range of [{_c(low)}, {_c(high)}] is not finite")
    if low > high:
        raise RuntimeError(f"{name}: max must be larger than min")
    return low, high


def _c(value: float) -> str:
    return "nan" if value != value else f"{value:g}"


def refuse_bins(bins: int, d: int = 0) -> None:
    """Refuse a histogram without bins."""
    if bins <= 0:
        raise RuntimeError(f"torch.histogram(): bins must be > 0, but got {bins} for dimension {d}")


@public(out=True)
def histc(input: Tensor, bins: int = 100, min: float = 0, max: float = 0) -> Tensor:
    """How many elements lie in each of some equal ranges.

    Args:
        bins: the number of ranges.
        min, max: where the first one begins and the last one ends; both 0 for those of the values.

    Raises:
        NotImplementedError: the tensor is not floating.
        RuntimeError: there are no ranges, or ``min`` is larger than ``max``.

    Source: ``torch.histc``.
    """
    array = input._np
    if not input.dtype.is_floating_point:
        raise NotImplementedError(
            f"\"histogram_cpu\" not implemented for '{input.dtype.scalar_name}'"
        )
    refuse_bins(bins)
    flat = array.reshape(-1).astype(np.float64)
    low, high = float(min), float(max)
    if low == high:
        low, high = range_of(flat, low, high)
    low, high = _checked_range("torch.histc", low, high, 1)
    values, one = array.reshape(-1), array.dtype.type
    inside = (values >= one(low)) & (values <= one(high))
    # In the tensor's own dtype and in this order, as a value on an edge goes by the rounding.
    with np.errstate(invalid="ignore"):
        place = ((values - one(low)) * one(bins) / (one(high) - one(low))).astype(np.int64)
    return make(_counted(place, inside, None, bins).astype(array.dtype))


def _weights_of(input: Tensor, weight: Tensor) -> Any:
    """One raw weight per element."""
    if weight._np.size != input._np.size:
        raise RuntimeError(
            "torch.histogramdd: if weight tensor is provided it should have the same shape as the "
            "input tensor excluding its innermost dimension, but got input with shape "
            f"{[input._np.size, 1]} and weight with shape {list(weight._np.shape)}"
        )
    check_weight_dtype(input, weight)
    return weight._np.reshape(-1).astype(np.float64)


def check_weight_dtype(input: Tensor, weight: Tensor) -> None:
    """Refuse weights of another dtype than the values."""
    if weight._np.dtype != input._np.dtype:
        raise RuntimeError(
            "torch.histogramdd: if weight tensor is provided, input tensor and weight tensor "
            f"should have the same dtype, but got input({input.dtype.c_name}), and "
            f"weight({weight.dtype.c_name})"
        )


def checked_edges(input: Tensor, bins: Tensor, d: int = 0) -> Any:
    """Raw edges that were given for a dimension."""
    edges = bins._np
    what = "torch.histogramdd: bins tensor should have"
    if edges.dtype != input._np.dtype:
        raise RuntimeError(
            "torch.histogramdd: input tensor and bins tensors should have the same dtype, but got "
            f"input with dtype {input.dtype.c_name} and bins for dimension {d} with dtype "
            f"{bins.dtype.c_name}"
        )
    if edges.ndim != 1:
        raise RuntimeError(
            f"{what} one dimension, but got {edges.ndim} dimensions in the bins tensor for "
            f"dimension {d}"
        )
    if not edges.size:
        raise RuntimeError(
            f"{what} at least 1 element, but got 0 elements in the bins tensor for dimension {d}"
        )
    refuse_bins(edges.size - 1, d)
    return edges


@public()
def histogram(
    input: Tensor, bins: Any, *, range: Any = None, weight: Any = None, density: bool = False,
    out: Any = None,
) -> Any:  # fmt: skip
    """How many elements lie between edges.

    Args:
        bins: the number of equal ranges, or a tensor of edges.
        range: where the first one begins and the last one ends; those of the values by default.
        weight: what each element counts.
        density: whether the result is divided so that its integral is 1.

    Returns:
        a tuple of ``hist`` and ``bin_edges``.

    Raises:
        NotImplementedError: the tensor is not floating.
        RuntimeError: edges or weights do not fit.

    Source: ``torch.histogram``.
    """
    array = input._np
    if array.dtype.name not in ("float32", "float64"):
        raise NotImplementedError(
            f"\"histogramdd\" not implemented for '{input.dtype.scalar_name}'"
        )
    flat = array.reshape(-1)
    weights = None if weight is None else _weights_of(input, weight)
    if isinstance(bins, Tensor):
        edges = checked_edges(input, bins)
    else:
        refuse_bins(bins)
        low, high = range_of(flat, 0.0, 1.0) if range is None else range
        low, high = _checked_range("torch.histogram()", low, high, 0.5)
        edges = linspace(low, high, bins + 1, dtype=input.dtype)._np
    found = _by_edges(flat, weights, edges).astype(np.float64)
    if density:
        with np.errstate(all="ignore"):
            found = found / (found.sum() * np.diff(edges))
    made = return_types.histogram(
        (make(found.astype(array.dtype)), make(edges.astype(array.dtype)))
    )
    return made if out is None else results_in(made, out)
