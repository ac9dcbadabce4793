"""Where elements are: nonzero, argwhere, indices of triangles, of a flat position."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from functorch_lite.torch._core import dtypes
from functorch_lite.torch._core.public import public
from functorch_lite.torch._core.tensor import Tensor, make, share
from functorch_lite.torch._ops.copying import placed

__all__ = ["nonzero"]


@public("nonzero")
def nonzero(input: Tensor, *, as_tuple: bool = False, out: Any = None) -> Any:
    """The positions of all elements that are not zero.

    Args:
        as_tuple: one vector per dimension instead of a matrix with a row per element.

    >>> import functorch_lite.torch as torch
    >>> torch.nonzero(torch.tensor([0, 5, 0, 6])).tolist()
    [[1], [3]]

    Source: ``torch.nonzero``.
    """
    array = input._np
    if out is not None and out.dtype is not dtypes.int64:
        raise RuntimeError(
            "nonzero: Expected out tensor to have scalar type Long but got scalar type"
            f"{out.dtype.scalar_name}"
        )
    if as_tuple:
        found = _places(array if array.ndim else array.reshape(1))
        whole = make(found)
        return tuple([share(whole, row, i * row.size) for i, row in enumerate(found)])
    # Each dimension lies in one piece, as in PyTorch.
    made = make(_places(array).T)
    if out is None:
        return made
    return out.resize_(made._np.shape).copy_(made)


def _places(array: Any) -> Any:
    """Positions, a row per dimension."""
    if not array.ndim:
        return np.zeros((0, int(bool(array))), np.int64)
    return np.stack(array.nonzero())


@public("nonzero_static", out=True)
def nonzero_static(input: Tensor, *, size: int, fill_value: int = -1) -> Tensor:
    """The first positions of elements that are not zero, as so many rows.

    Args:
        size: the number of rows.
        fill_value: stands in the rows for which there is no element.

    Raises:
        RuntimeError: the size is negative.

    Source: ``torch.nonzero_static``.
    """
    if size < 0:
        raise RuntimeError("nonzero_static: 'size' must be an non-negative integer")
    found = _places(input._np).T[:size]
    rows = np.full((size, found.shape[1]), fill_value, np.int64)
    rows[: found.shape[0]] = found
    return make(rows)


@public("argwhere")
def argwhere(input: Tensor) -> Tensor:
    """The positions of all elements that are not zero, as rows. Source: ``torch.argwhere``."""
    return nonzero(input)


def _triangle(name: str, lower: bool) -> None:
    def indices(
        row: int, col: int, offset: int = 0, *, dtype: Any = dtypes.int64, device: Any = None,
        layout: Any = None,
    ) -> Tensor:  # fmt: skip
        for what, n in (("row", row), ("col", col)):
            if n < 0:
                raise RuntimeError(f"{what} must be non-negative, got{n}")
        i = np.arange(row)[:, None]
        j = np.arange(col)
        chosen = j - i <= offset if lower else j - i >= offset
        return make(placed(np.stack(chosen.nonzero()).astype(dtype.np), device))

    indices.__name__ = name
    indices.__doc__ = f"Rows and columns of a triangle of a matrix. Source: ``torch.{name}``."
    public(name, methods=False)(indices)


_triangle("tril_indices", True)
_triangle("triu_indices", False)


@public("unravel_index", methods=False)
def unravel_index(indices: Tensor, shape: Any) -> tuple[Tensor, ...]:
    """Positions in a shape from flat positions. Source: ``torch.unravel_index``."""
    size = (shape,) if isinstance(shape, int) else tuple(shape)
    if indices._np.dtype.kind not in "iu":
        raise ValueError(f"expected 'indices' to be integer dtype, but got {indices.dtype}")
    if any(n < 0 for n in size):
        raise ValueError(f"'shape' cannot have negative values, but got {size}")
    array = indices._np
    if array.size and not math.prod(size):
        raise RuntimeError(f"a shape without elements has no positions: {size}")
    array = array.astype(np.int64, copy=False)
    steps = [math.prod(size[d + 1 :]) for d in range(len(size))]
    if not size:
        return ()
    # One dimension more, cut off again: so the results lie in memory as PyTorch's do.
    whole = np.stack([array // s % n for s, n in zip(steps, size, strict=True)], -1)
    return make(whole).unbind(-1)
