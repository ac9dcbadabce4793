"""Reductions of the segments of a dimension, and segments of several tensors side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from functorch_lite.ops.families import HALF_CHARS
from functorch_lite.torch._core.dtypes import FROM_NP
from functorch_lite.torch._core.public import FUNCTIONS, public
from functorch_lite.torch._core.tensor import Tensor, make
from functorch_lite.torch._ops.elementwise import refusal
from functorch_lite.torch._ops.index_write import keeping
from functorch_lite.torch._ops.index_write import refusal as refusing
from functorch_lite.torch._ops.shape import dimension

__all__ = ["segment_reduce"]

_UFUNCS = {"sum": np.add, "mean": np.add, "max": np.maximum, "min": np.minimum, "prod": np.multiply}
_EMPTY = {"sum": 0.0, "mean": math.nan, "max": -math.inf, "min": math.inf, "prod": 1.0}


def _ends(data: Tensor, lengths: Any, offsets: Any, axis: int, unsafe: bool) -> tuple[Any, Any]:
    """Where segments begin and end: [*sizes before the axis, segments]."""
    n = data._np.shape[axis]
    if offsets is not None:
        steps = offsets._np
        return steps[..., :-1], steps[..., 1:]
    counts = lengths._np
    if not unsafe:
        if (counts < 0).any():
            raise RuntimeError("lengths contains negative value!")
        if (counts.sum(-1) != n).any():
            raise RuntimeError(
                "segment_reduce(): Expected all rows of lengths along axis to sum to "
                "data.size(lengths.dim()-1) when !unsafe."
            )
    ends = np.cumsum(counts, -1)
    return ends - counts, ends


@public("segment_reduce", "_segment_reduce", methods=False)
def segment_reduce(
    data: Tensor, reduce: str, *, lengths: Tensor | None = None, indices: Any = None,
    offsets: Tensor | None = None, axis: int = 0, unsafe: bool = False, initial: Any = None,
) -> Tensor:  # fmt: skip
    """The sum, mean, product or an extreme of every segment of a dimension.

    Args:
        data: floating.
        reduce: "sum", "mean", "prod", "max" or "min".
        lengths: int, of the segments, with the sizes of the data before the dimension; or
        offsets: int, where they begin, and the end of the last one.
        axis: the dimension.
        unsafe: whether lengths go unchecked.
        initial: what every segment begins with.

    Raises:
        RuntimeError: neither lengths nor offsets, or they do not fit.

    >>> import functorch_lite.torch as torch
    >>> torch.segment_reduce(torch.tensor([1.0, 2.0, 3.0]), "sum", lengths=torch.tensor([2, 1]))
    tensor([3., 3.])

    Source: ``torch.segment_reduce``.
    """
    if lengths is None and offsets is None:
        raise RuntimeError("segment_reduce(): Either lengths or offsets must be defined.")
    if indices is not None:
        raise RuntimeError("segment_reduce(): indices based reduction is not supported yet.")
    if reduce not in _UFUNCS:
        raise RuntimeError(f"unsupported reduction given! {reduce}")
    array = data._np
    if not data.dtype.is_floating_point:
        raise refusal("_segment_reduce_cpu", FROM_NP[array.dtype])
    at = dimension(axis, array.ndim)
    starts, ends = _ends(data, lengths, offsets, at, unsafe)
    found = _reduced(array, reduce, starts, ends, at, initial)

    def backward(g: Tensor, x: Tensor, answer: Tensor) -> Tensor:
        return _gradient(g, x, answer, reduce, starts, ends, at, initial)

    kept = make(found)
    return keeping(found, "SegmentReduceBackward0", (data,), (data, kept), backward)


def _reduced(array: Any, reduce: str, starts: Any, ends: Any, axis: int, initial: Any) -> Any:
    """The raw reduction."""
    if array.dtype.char in HALF_CHARS:
        wide = _reduced(array.astype(np.float32), reduce, starts, ends, axis, initial)
        return wide.astype(array.dtype)
    lead = array.shape[:axis]
    count = starts.shape[-1]
    out = np.empty((*lead, count, *array.shape[axis + 1 :]), array.dtype)
    ufunc = _UFUNCS[reduce]
    for place in np.ndindex(*lead):
        for i in range(count):
            part = array[place][int(starts[place][i]) : int(ends[place][i])]
            if not len(part) and initial is None:
                out[place][i] = _EMPTY[reduce]
                continue
            begin = _EMPTY["sum" if reduce == "mean" else reduce] if initial is None else initial
            made = ufunc.reduce(part, 0, initial=array.dtype.type(begin))
            if reduce in ("max", "min") and len(part):
                made = np.where(np.isnan(part).any(0), np.nan, made)
            out[place][i] = made / len(part) if reduce == "mean" and len(part) else made
    return out


def _gradient(
    g: Tensor, x: Tensor, answer: Tensor, reduce: str, starts: Any, ends: Any, axis: int,
    initial: Any,
) -> Tensor:  # fmt: skip
    """The gradient of the data: that of its segment, spread; zero outside of all segments."""
    shape = x._np.shape
    lead = shape[:axis]
    places = np.full((*lead, shape[axis]), -1, np.int64)
    for place in np.ndindex(*lead):
        for i in range(starts.shape[-1]):
            places[place][int(starts[place][i]) : int(ends[place][i])] = i
    wide = places.reshape(*places.shape, *(1,) * (len(shape) - axis - 1))
    index = make(np.ascontiguousarray(np.broadcast_to(np.maximum(wide, 0), shape)))
    outside = make(np.ascontiguousarray(np.broadcast_to(wide < 0, shape)))
    spread = g.gather(axis, index)
    if reduce == "mean":
        counts = make(np.maximum(ends - starts, 1).astype(x._np.dtype))
        counts = counts.view(*counts._np.shape, *(1,) * (len(shape) - axis - 1))
        spread = spread / counts.expand(g._np.shape).gather(axis, index)
    elif reduce == "prod":
        spread = spread * _others(x, answer, index, starts, ends, axis, initial)
    elif reduce != "sum":
        best = (x == answer.gather(axis, index)).to(x.dtype)
        ways = FUNCTIONS["zeros_like"](g).scatter_add(axis, index, best)
        spread = spread * best / ways.clamp_min(1).gather(axis, index)
    found: Tensor = spread.masked_fill(outside, 0)
    return found


def _others(
    x: Tensor, answer: Tensor, index: Tensor, starts: Any, ends: Any, axis: int, initial: Any
) -> Tensor:
    """The product of the other elements of each segment; as in PyTorch without derivatives."""
    if x._np.all():
        return _underivable((answer.gather(axis, index) / x.detach())._np, x)
    others = np.empty_like(x._np)
    for place in np.ndindex(*x._np.shape[:axis]):
        for i in range(starts.shape[-1]):
            first, last = int(starts[place][i]), int(ends[place][i])
            part = x._np[place][first:last]
            for j in range(len(part)):
                rest = np.multiply.reduce(np.delete(part, j, 0), 0)
                others[place][first + j] = rest * (1 if initial is None else initial)
    return _underivable(others, x)


def _underivable(data: Any, x: Tensor) -> Tensor:
    return keeping(data, "NotImplemented", (x,), (), refusing("_segment_reduce_backward"))


@public("_chunk_cat", methods=False, out=True)
def _chunk_cat(tensors: Sequence[Tensor], dim: int, num_chunks: int) -> Tensor:
    """Tensors cut into chunks of a dimension, padded with zeros, the i-th chunks side by side.

    Source: ``torch._chunk_cat``.
    """
    if not tensors:
        raise RuntimeError("_chunk_cat expects a non-empty input tensor list")
    if num_chunks < 1:
        raise RuntimeError("_chunk_cat expects positive num_chunks")
    rows: list[Tensor] = []
    for t in tensors:
        shape = t._np.shape
        if not t._np.size:
            raise RuntimeError("_chunk_cat expects non-empty tensor")
        if rows and dim >= len(shape):
            raise RuntimeError("_chunk_cat expects dim < ndim for all input tensors")
        at = dimension(dim, len(shape))
        each = -(-shape[at] // num_chunks)
        padded = FUNCTIONS["constant_pad_nd"](
            t, [0, 0] * (len(shape) - at - 1) + [0, each * num_chunks - shape[at]]
        )
        rows.append(padded.reshape(*shape[:at], num_chunks, -1))
    found: Tensor = FUNCTIONS["cat"](rows, -1)
    return found
