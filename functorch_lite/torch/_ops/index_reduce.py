"""Elements combined along a dimension by an index: scatter_reduce and index_reduce."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite.torch._core.inplace import no_overlap
from functorch_lite.torch._core.public import FUNCTIONS, method, public
from functorch_lite.torch._core.tensor import Tensor, make
from functorch_lite.torch._ops.index_along import (
    UFUNCS,
    check_inside,
    gather,
    publish_both,
    scatter,
    scatter_add,
    target,
    written,
)
from functorch_lite.torch._ops.index_write import apart, write_at, write_copy
from functorch_lite.torch._ops.shape import dimension

__all__ = ["reduced"]


def _checked_reduction(reduce: Any) -> str:
    if reduce not in ("sum", "prod", "mean", "amax", "amin"):
        raise RuntimeError(
            f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}"
        )
    return str(reduce)


def reduced(
    target: Any, at: int, places: Any, values: Any, reduce: str, include_self: bool
) -> None:
    """Combine raw values with those along a dimension, or among themselves."""
    if not places.size:
        return
    if not include_self:
        start = {"sum": 0, "mean": 0, "prod": 1}.get(reduce)
        if start is None:
            start = _extreme(target.dtype, reduce == "amin")
        written(target, at, places, np.asarray(start, target.dtype), None)
    written(target, at, places, values, UFUNCS[reduce])
    if reduce == "mean":
        counts = np.full_like(target, int(include_self), np.int64)
        written(counts, at, places, np.ones(places.shape, np.int64), np.add)
        counts[counts == 0] = 1
        if target.dtype.kind in "iu":
            target[...] = np.floor_divide(target, counts.astype(target.dtype))
        else:
            target[...] = target / counts.astype(target.dtype)


def _extreme(dtype: Any, largest: bool) -> Any:
    if dtype.kind == "b":
        return largest
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return limits.max if largest else limits.min
    return math.inf if largest else -math.inf


def _scatter_reduce(
    t: Tensor, dim: int, index: Tensor, source: Any, reduce: Any = None,
    include_self: bool = True,
) -> Any:  # fmt: skip
    kind = _checked_reduction(reduce)
    at, places, values = target(t, dim, index, source, "scatter")

    def change(target: Any) -> None:
        reduced(target, at, places, values, kind, include_self)

    backward = reduction_gradient(at, kind, include_self)
    return (source,), "ScatterReduceBackward0", backward, change, (index, t, source)


def reduction_gradient(at: int, kind: str, include_self: bool) -> Callable[..., Any]:
    """The gradients of a reduction along a dimension, from the index, operands and result."""

    def backward(g: Any, index: Any, own: Any, source: Any, result: Any) -> Any:
        if kind == "sum":
            mine, theirs = g, gather(g, at, index)
        elif kind == "mean":
            counts = scatter_add(
                make(np.full(own._np.shape, int(include_self), g._np.dtype)), at, index,
                make(np.ones(source._np.shape, g._np.dtype)),
            )  # fmt: skip
            counts = masked_one(counts)
            mine = g / counts
            theirs = gather(mine, at, index)
        elif kind == "prod":
            mine, theirs = _product_gradient(g, index, own, source, result, at, include_self)
        else:
            mine, theirs = _extremum_gradient(g, index, own, source, result, at)
        if not include_self:
            mine = scatter(mine, at, index, 0)
        return mine, theirs

    return backward


def masked_one(counts: Tensor) -> Tensor:
    """Counts with 1 instead of 0."""
    return make(np.where(counts._np == 0, np.ones((), counts._np.dtype), counts._np))


def _extremum_gradient(g: Any, index: Any, own: Any, source: Any, result: Any, at: int) -> Any:
    best = gather(result.detach(), at, index)
    dtype = g._np.dtype
    mine = make((own._np == result._np).astype(dtype))
    theirs = make((source._np == best._np).astype(dtype))
    ways = scatter_add(mine, at, index, theirs)
    share = g / ways
    return mine * share, theirs * gather(share, at, index)


def _product_gradient(
    g: Any, index: Any, own: Any, source: Any, result: Any, at: int, include_self: bool
) -> Any:
    where = FUNCTIONS["where"]
    dtype = own._np.dtype
    filled = own.masked_fill(make(own._np == 0), 1)
    others = FUNCTIONS["scatter_reduce"](
        filled, at, index, source, "prod", include_self=include_self
    )
    mine = g * others / filled
    zero = make(source._np == 0)
    zeros = scatter_add(make(np.zeros(own._np.shape, dtype)), at, index,
                        make(zero._np.astype(dtype)))  # fmt: skip
    single = make(zero._np & (gather(zeros, at, index)._np == 1))
    without = FUNCTIONS["scatter_reduce"](
        own, at, index, source.masked_fill(single, 1), "prod", include_self=include_self
    )
    theirs = where(
        single,
        gather(g * without, at, index),
        gather(g * result, at, index) / source.masked_fill(zero, 1),
    )
    return mine, theirs


publish_both(
    "scatter_reduce", _scatter_reduce,
    "The elements of a tensor combined with those along a dimension.", True,
)  # fmt: skip


# ------------------------------------------------------------------------------------- by slices
def _index_reduce(
    t: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, include_self: bool
) -> Any:
    if reduce not in ("prod", "mean", "amax", "amin"):
        raise RuntimeError(
            "index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got "
            f"{reduce}."
        )
    array = t._np
    at = dimension(dim, array.ndim)
    rows = index._np
    if rows.ndim > 1:
        raise IndexError(
            f"index_reduce_(): Index is supposed to be a vector, but got dim: {rows.ndim} with "
            f"type: {index.dtype.scalar_name} and size: {list(rows.shape)}"
        )
    if rows.dtype.name not in ("int64", "int32"):
        raise RuntimeError("index_reduce_(): Expected dtype int32/int64 for index")
    values = source._np
    if values.dtype != array.dtype:
        raise RuntimeError(
            f"index_reduce_(): self ({t.dtype.scalar_name}) and source "
            f"({source.dtype.scalar_name}) must have the same scalar type"
        )
    n = values.shape[at] if values.ndim else 1
    if rows.size != n:
        raise RuntimeError(
            f"index_reduce_(): Number of indices ({rows.size}) should be equal to "
            f"source.size(dim): ({n}), for dim: {at}"
        )
    check_inside(rows.reshape(-1), at, array.shape)
    line = rows.reshape(-1, *(1,) * (values.ndim - 1 - at)) if values.ndim else rows
    wide = np.broadcast_to(line, values.shape or (1,)).reshape(values.shape)
    wide = np.array(wide, order="C")

    def change(target: Any) -> None:
        reduced(target, at, wide, values, reduce, include_self)

    inner = reduction_gradient(at, reduce, include_self)
    places = make(wide)

    def backward(g: Any, index: Any, own: Any, source: Any, result: Any) -> Any:
        return inner(g, places, own, source, result)

    return (source,), "IndexReduceBackward0", backward, change, (index, t, source)


@public("index_reduce", out=True)
def index_reduce(
    input: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, *,
    include_self: bool = True,
) -> Tensor:  # fmt: skip
    """Slices combined with those at positions of a dimension. Source: ``torch.index_reduce``."""
    others, name, backward, change, saved = _index_reduce(
        input, dim, index, source, reduce, include_self
    )
    return write_copy(input, others, name, backward, change, saved, True)


@method("index_reduce_")
def index_reduce_(
    self: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, *,
    include_self: bool = True,
) -> Tensor:  # fmt: skip
    """Combine slices with those at positions. Source: ``torch.Tensor.index_reduce_``."""
    others, name, backward, change, saved = _index_reduce(
        self, dim, index, source, reduce, include_self
    )
    no_overlap(self._np)
    apart(self, others)
    return write_at(self, others, name, backward, change, saved, True)
