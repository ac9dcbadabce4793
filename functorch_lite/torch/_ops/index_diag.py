"""Triangles and diagonals of matrices, and parts written into a copy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functorch_lite.torch._core.op import wants_grad
from functorch_lite.torch._core.public import method, public
from functorch_lite.torch._core.tensor import (
    Tensor,
    is_symbol,
    make,
    memory,
    strided,
    strides_of,
    zeros_for,
)
from functorch_lite.torch._core.view import geometry
from functorch_lite.torch._ops.copying import dense_copy
from functorch_lite.torch._ops.index_write import keeping, write_at
from functorch_lite.torch._ops.select import diagonal, diagonal_geometry
from functorch_lite.torch._ops.select_basic import strided_data
from functorch_lite.torch._ops.select_copy import copied
from functorch_lite.torch._ops.shape import as_strided, dimension

__all__ = ["diag_embed"]


# ------------------------------------------------------------------------------------- triangles
def _kept(array: Any, k: int, lower: bool, name: str) -> Any:
    """Raw values with zeros outside of a triangle of the last two dimensions."""
    if array.ndim < 2:
        raise RuntimeError(f"{name}: input tensor must have at least 2 dimensions")
    if is_symbol(array):
        return (np.tril if lower else np.triu)(array, k)
    rows, columns = array.shape[-2:]
    if array.size >= 256 * rows:
        out = array.copy("C")
        for i in range(rows):
            # The first column that is not kept, or the first that is.
            edge = min(max(i + k + (1 if lower else 0), 0), columns)
            if lower:
                out[..., i, edge:] = 0
            else:
                out[..., i, :edge] = 0
        return out
    inside = np.tri(array.shape[-2], array.shape[-1], k if lower else k - 1, np.bool_)
    if not lower:
        np.logical_not(inside, inside)
    out = zeros_for(array, array.shape)
    np.copyto(out, array, where=inside)
    return out


def _triangle(name: str, lower: bool) -> None:
    node = f"{name.capitalize()}Backward0"

    def outside(input: Tensor, diagonal: int = 0) -> Tensor:
        data = _kept(input._np, diagonal, lower, name)
        return keeping(data, node, (input,), (), lambda g: outside(g, diagonal))

    def inside(self: Tensor, diagonal: int = 0) -> Tensor:
        data = _kept(self._np, diagonal, lower, name)

        def change(target: Any) -> None:
            target[...] = data

        return write_at(self, (), node, lambda g: outside(g, diagonal), change)

    side = "on and below" if lower else "on and above"
    outside.__name__, inside.__name__ = name, f"{name}_"
    outside.__doc__ = f"Matrices with zeros but {side} a diagonal. Source: ``torch.{name}``."
    inside.__doc__ = f"Zeros but {side} a diagonal, in place. Source: ``torch.Tensor.{name}_``."
    public(name, out=True)(outside)
    method(f"{name}_")(inside)


_triangle("tril", True)
_triangle("triu", False)


# ------------------------------------------------------------------------------------- diagonals
@public("diag_embed")
def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Matrices with the last dimension of the input on a diagonal.

    Args:
        offset: how far above the main diagonal; below it if negative.
        dim1, dim2: the dimensions of the matrices in the result.

    >>> import functorch_lite.torch as torch
    >>> torch.diag_embed(torch.tensor([1, 2])).tolist()
    [[1, 0], [0, 2]]

    Source: ``torch.diag_embed``.
    """
    array = input._np
    ndim = array.ndim + 1
    a, b = dimension(dim1, ndim), dimension(dim2, ndim)
    if a == b:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    side = array.shape[-1] + abs(offset)
    rest = iter(array.shape[:-1])
    shape = [side if d in (a, b) else next(rest) for d in range(ndim)]
    data = zeros_for(array, shape)
    geometry = diagonal_geometry(shape, strides_of(data), offset, a, b)
    strided_data(data, *geometry)[...] = array
    return keeping(data, "DiagEmbedBackward0", (input,), (), lambda g: diagonal(g, offset, a, b))


@public("diag", out=True)
def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """The diagonal of a matrix, copied, or the matrix of a diagonal. Source: ``torch.diag``."""
    ndim = input._np.ndim
    if ndim == 1:
        return diag_embed(input, diagonal)
    if ndim != 2:
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {ndim}D")
    return copied(input, "DiagonalBackward0_copy", lambda t: _diagonal(t, diagonal))


_diagonal = diagonal


@public("diagflat")
def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    """The matrix with all elements on a diagonal. Source: ``torch.diagflat``."""
    return diag_embed(input.reshape(-1), offset)


# ------------------------------------------------------------------------- parts written to a copy
def _scattered(input: Tensor, src: Tensor, name: str, view: Callable[[Tensor], Tensor]) -> Tensor:
    """A copy with a view of it replaced.

    Args:
        view: makes the view; it must not hold tensors.
    """
    whole = make(dense_copy(input._np))
    part = view(whole)
    if part._np.shape != src._np.shape:
        raise _other_size(src, part)
    part._np[...] = src._np
    wanted = wants_grad((src,))

    def backward(g: Tensor) -> tuple[Tensor, Tensor | None]:
        zeros = make(np.zeros(view(make(g._np))._np.shape, g._np.dtype))
        return _scattered(g, zeros, name, view), view(g) if wanted else None

    return keeping(whole._np, name, (input, src), (), backward)


@public("select_scatter")
def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """A copy with one position of a dimension replaced. Source: ``torch.select_scatter``."""
    return _scattered(
        input, src, "SelectScatterBackward0",
        lambda t: t.select(dim, index),
    )  # fmt: skip


@public("slice_scatter")
def slice_scatter(
    input: Tensor, src: Tensor, dim: int = 0, start: int | None = None, end: int | None = None,
    step: int = 1,
) -> Tensor:  # fmt: skip
    """A copy with a slice of a dimension replaced. Source: ``torch.slice_scatter``."""
    at = dimension(dim, input._np.ndim)
    key = (*(slice(None),) * at, slice(start, end, step))
    return _scattered(
        input,
        src,
        "SliceScatterBackward0",
        lambda t: t[key],  # type: ignore[index]
    )


@public("diagonal_scatter")
def diagonal_scatter(
    input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1
) -> Tensor:
    """A copy with a diagonal replaced. Source: ``torch.diagonal_scatter``."""
    return _scattered(
        input, src, "DiagonalScatterBackward0", lambda t: diagonal(t, offset, dim1, dim2)
    )


@public("as_strided_scatter")
def as_strided_scatter(
    input: Tensor,
    src: Tensor,
    size: Sequence[int],
    stride: Sequence[int],
    storage_offset: int | None = None,
) -> Tensor:
    """A copy with any strided part replaced. Source: ``torch.as_strided_scatter``."""
    size, stride, offset = tuple(size), tuple(stride), storage_offset or 0
    # The part is one of the whole storage, which is copied up to the last element of the input.
    memory(input)
    own_size, own_stride, first = geometry(input)
    reach = sum((n - 1) * s for n, s in zip(own_size, own_stride, strict=True))
    whole = make(strided(input, (first + reach + 1 if input._np.size else 0,), (1,), 0).copy())
    part = as_strided(whole, size, stride, first if storage_offset is None else offset)
    if part._np.shape != src._np.shape:
        raise _other_size(src, part)
    part._np[...] = src._np

    def backward(g: Tensor) -> tuple[Tensor, Tensor]:
        # PyTorch gives the input the gradient of the part that it lost, and nothing else.
        lost = as_strided(g.contiguous(), size, stride, offset)
        zeros = make(np.zeros(g._np.shape, g._np.dtype))
        return as_strided_scatter(zeros, lost, size, stride, offset), lost

    data = strided(whole, own_size, own_stride, first)
    return keeping(data, "AsStridedScatterBackward0", (input, src), (), backward)


def _other_size(src: Tensor, part: Tensor) -> RuntimeError:
    return RuntimeError(
        "expected src to have a size equal to the slice of self. src size = "
        f"{list(src._np.shape)}, slice size = {list(part._np.shape)}"
    )
