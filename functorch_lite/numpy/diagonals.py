"""Diagonals and triangles of matrices."""

from __future__ import annotations

import builtins
import operator
from typing import Any

import numpy as np

from functorch_lite import ops
from functorch_lite.core.array import Array
from functorch_lite.core.dtypes import canonical, float32, int64
from functorch_lite.errors import ShapeError
from functorch_lite.numpy.convert import (
    as_array,
    axes_in_order,
    cast,
    const,
    fill,
    iota,
)
from functorch_lite.numpy.shapes import broadcast_to, moveaxis, ravel


def diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Array:
    """The diagonals of the matrices in two axes, along a new last axis.

    Args:
        a: array of at least two dimensions.
        offset: static int; positive above the main diagonal.
        axis1, axis2: the axes of rows and columns.

    Returns:
        array with the two axes replaced by a last one, as long as the diagonal.

    >>> diagonal(np.arange(4).reshape(2, 2))
    Array([0, 3], dtype=int64)
    """
    a = as_array(a, "diagonal", "a")
    if a.ndim < 2:
        raise ShapeError(f"diagonal: needs at least 2 dimensions, got shape {a.shape}.")
    i, j = axes_in_order((axis1, axis2), a.ndim, "diagonal")
    k = operator.index(offset)
    rows, cols = a.shape[i], a.shape[j]
    length = builtins.max(0, min(rows + min(k, 0), cols - builtins.max(k, 0)))
    line = iota(a, shape=(length,), dtype=int64, axis=0)
    row = ops.add(line, const(builtins.max(-k, 0), int64))
    col = ops.add(line, const(builtins.max(k, 0), int64))
    if length == 0:
        rest = tuple(n for axis, n in enumerate(a.shape) if axis not in (i, j))
        return fill(a, shape=(*rest, 0), dtype=a.dtype, value=0)
    # Gathering joint axes puts the index axis in front.
    return moveaxis(ops.gather(a, row, col, axes=(i, j), mode="clip"), 0, -1)


def diag(v: Any, k: int = 0) -> Array:
    """A matrix with a diagonal (from a vector), or the diagonal of a matrix.

    >>> diag(np.arange(2))
    Array([[0, 0],
           [0, 1]], dtype=int64)
    """
    v = as_array(v, "diag", "v")
    if v.ndim == 2:
        return diagonal(v, k)
    if v.ndim != 1:
        raise ShapeError(f"diag: needs 1 or 2 dimensions, got shape {v.shape}. Remedy: diagonal().")
    n, shift = v.shape[0], operator.index(k)
    side = n + abs(shift)
    # Row r holds v[r - max(-k, 0)] in column r + k.
    config = ((builtins.max(-shift, 0), builtins.max(shift, 0), 0),)
    column = ops.reshape(ops.pad(v, const(0, v.dtype), config=config), shape=(side, 1))
    on = _on_diagonal(v, side, side, shift)
    return ops.select(on, broadcast_to(column, (side, side)), const(0, v.dtype))


def diagflat(v: Any, k: int = 0) -> Array:
    """A matrix with the flattened input on a diagonal.

    >>> diagflat(np.ones((1, 2))).shape
    (2, 2)
    """
    return diag(ravel(v), k)


def _row_and_column(like: Any, rows: int, cols: int) -> tuple[Array, Array]:
    row = iota(like, shape=(rows, 1), dtype=int64, axis=0)
    return row, iota(like, shape=(1, cols), dtype=int64, axis=1)


def _on_diagonal(like: Any, rows: int, cols: int, k: int) -> Array:
    row, col = _row_and_column(like, rows, cols)
    return ops.eq(ops.add(row, const(k, int64)), col)


def _lower(like: Any, rows: int, cols: int, k: int) -> Array:
    row, col = _row_and_column(like, rows, cols)
    return ops.ge(ops.add(row, const(k, int64)), col)


def eye(
    N: int, M: int | None = None, k: int = 0, dtype: Any = None, *, device: Any = None
) -> Array:
    """Ones on a diagonal, zeros elsewhere: shape [N, M], float32 by default.

    >>> eye(2)
    Array([[1., 0.],
           [0., 1.]], dtype=float32)
    """
    rows = operator.index(N)
    cols = rows if M is None else operator.index(M)
    wanted = float32 if dtype is None else canonical(dtype)
    # A diagonal outside the matrix is empty however far away, even beyond int64.
    offset = max(-rows, min(operator.index(k), cols))
    out = cast(_on_diagonal(None, rows, cols, offset), wanted)
    return out if device is None else out.to_device(device)


def identity(n: int, dtype: Any = None) -> Array:
    """The identity matrix of shape [n, n].

    >>> identity(1)
    Array([[1.]], dtype=float32)
    """
    return eye(n, dtype=dtype)


def tri(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Array:
    """Ones at and below a diagonal: shape [N, M], float32 by default.

    >>> tri(2)
    Array([[1., 0.],
           [1., 1.]], dtype=float32)
    """
    cols = N if M is None else M
    wanted = float32 if dtype is None else canonical(dtype)
    return cast(_lower(None, operator.index(N), operator.index(cols), operator.index(k)), wanted)


def tril(m: Any, k: int = 0) -> Array:
    """The lower triangle of the last two axes; zeros above diagonal k.

    >>> tril(np.ones((2, 2)))
    Array([[1., 0.],
           [1., 1.]], dtype=float64)
    """
    m = _matrices(m, "tril")
    keep = broadcast_to(_lower(m, m.shape[-2], m.shape[-1], operator.index(k)), m.shape)
    return ops.select(keep, m, const(0, m.dtype))


def triu(m: Any, k: int = 0) -> Array:
    """The upper triangle of the last two axes; zeros below diagonal k.

    >>> triu(np.ones((2, 2)))
    Array([[1., 1.],
           [0., 1.]], dtype=float64)
    """
    m = _matrices(m, "triu")
    drop = broadcast_to(_lower(m, m.shape[-2], m.shape[-1], operator.index(k) - 1), m.shape)
    return ops.select(drop, const(0, m.dtype), m)


def _matrices(m: Any, fun: str) -> Array:
    m = as_array(m, fun, "m")
    if m.ndim < 2:
        raise ShapeError(f"{fun}: needs at least 2 dimensions, got shape {m.shape}.")
    return m


def fill_diagonal(a: Any, val: Any, wrap: bool = False, *, inplace: bool = False) -> Array:
    """A copy of ``a`` with ``val`` on its main diagonal.

    Args:
        a: array of at least two dimensions; of more only if they are equal.
        val: number or array that broadcasts to the diagonal.
        wrap: in a matrix with more rows than columns go on, after an empty row, from the left.
        inplace: must be false, because arrays never change.

    Returns:
        array of a's shape and dtype.

    Raises:
        NotImplementedError: ``inplace`` is true.

    >>> fill_diagonal(np.zeros((2, 2)), 1)
    Array([[1., 0.],
           [0., 1.]], dtype=float64)
    """
    if inplace:
        raise NotImplementedError(
            "fill_diagonal: arrays do not change in place. Remedy: x = fill_diagonal(x, val)."
        )
    a = _matrices(a, "fill_diagonal")
    if a.ndim > 2 and len(set(a.shape)) > 1:
        raise ShapeError(f"fill_diagonal: all sizes must be equal, got shape {a.shape}.")
    n = a.shape[1]
    wrapped = wrap and a.ndim == 2 and a.shape[0] > n > 0
    line = iota(a, shape=(-(-a.size // (n + 1)) if wrapped else min(a.shape),), dtype=int64, axis=0)
    places = [line] * a.ndim
    if wrapped:
        flat, width = ops.mul(line, const(n + 1, int64)), const(n, int64)
        places = [ops.floor_divide(flat, width), ops.remainder(flat, width)]
    update = broadcast_to(cast(as_array(val, "fill_diagonal", "val"), a.dtype), line.shape)
    return ops.scatter(a, update, *places, axes=tuple(range(a.ndim)), mode="clip")


def _indices(arrays: Any) -> tuple[Array, ...]:
    return tuple(as_array(np.asarray(a, np.int64), "indices") for a in arrays)


def tril_indices(n: int, k: int = 0, m: int | None = None) -> tuple[Array, Array]:
    """Row and column indices of the lower triangle of an [n, m] matrix.

    >>> tril_indices(2)
    (Array([0, 1, 1], dtype=int64), Array([0, 0, 1], dtype=int64))
    """
    return _indices(np.tril_indices(n, k, m))  # type: ignore[return-value]


def triu_indices(n: int, k: int = 0, m: int | None = None) -> tuple[Array, Array]:
    """Row and column indices of the upper triangle of an [n, m] matrix.

    >>> triu_indices(2)
    (Array([0, 0, 1], dtype=int64), Array([0, 1, 1], dtype=int64))
    """
    return _indices(np.triu_indices(n, k, m))  # type: ignore[return-value]


def tril_indices_from(arr: Any, k: int = 0) -> tuple[Array, Array]:
    """:func:`tril_indices` for the shape of a matrix.

    >>> tril_indices_from(np.ones((1, 2)))
    (Array([0], dtype=int64), Array([0], dtype=int64))
    """
    arr = _matrices(arr, "tril_indices_from")
    return tril_indices(arr.shape[-2], k, arr.shape[-1])


def triu_indices_from(arr: Any, k: int = 0) -> tuple[Array, Array]:
    """:func:`triu_indices` for the shape of a matrix.

    >>> triu_indices_from(np.ones((2, 1)))
    (Array([0], dtype=int64), Array([0], dtype=int64))
    """
    arr = _matrices(arr, "triu_indices_from")
    return triu_indices(arr.shape[-2], k, arr.shape[-1])


def diag_indices(n: int, ndim: int = 2) -> tuple[Array, ...]:
    """Indices of the main diagonal of an array with ``ndim`` axes of size n.

    >>> diag_indices(2)
    (Array([0, 1], dtype=int64), Array([0, 1], dtype=int64))
    """
    return _indices([np.arange(n)] * ndim)


def diag_indices_from(arr: Any) -> tuple[Array, ...]:
    """:func:`diag_indices` for the shape of an array.

    >>> len(diag_indices_from(np.ones((2, 2))))
    2
    """
    arr = _matrices(arr, "diag_indices_from")
    return diag_indices(arr.shape[0], arr.ndim)
