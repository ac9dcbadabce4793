"""Norms of vectors and matrices, and condition numbers."""

from __future__ import annotations

import math
from typing import Any

from functorch_lite import ops
from functorch_lite.core.array import Array
from functorch_lite.errors import ShapeError
from functorch_lite.numpy.convert import as_axes, axes_in_order, cast, const, to_inexact
from functorch_lite.numpy.elementwise import absolute, power, sqrt
from functorch_lite.numpy.linalg_parts import matrices, real
from functorch_lite.numpy.linalg_solve import inv
from functorch_lite.numpy.reductions import kept
from functorch_lite.numpy.reductions import max as _max
from functorch_lite.numpy.reductions import min as _min
from functorch_lite.numpy.reductions import sum as _sum
from functorch_lite.numpy.selection import where
from functorch_lite.numpy.shapes import moveaxis

_MATRIX_ORDERS = "'fro', 'nuc', inf, -inf, 1, -1, 2 and -2"


def _root_of_squares(x: Array, axes: tuple[int, ...], keepdims: bool) -> Array:
    """sqrt(sum |x|²), whose derivative at zero is zero."""
    squares = real(ops.mul(x, ops.conj(x))) if x.dtype.kind == "c" else ops.square(x)
    total = _sum(squares, axes, keepdims=keepdims)
    zero = ops.eq(total, const(0, total.dtype))
    safe = where(zero, const(1, total.dtype), total)
    return where(zero, const(0, total.dtype), sqrt(safe))


def _vector_norm(x: Array, ord: Any, axes: tuple[int, ...], keepdims: bool, fun: str) -> Array:
    if isinstance(ord, str):
        raise ValueError(f"{fun}: a norm of vectors takes a number for ord, got {ord!r}.")
    if ord is None or ord == 2:
        return _root_of_squares(x, axes, keepdims)
    size = absolute(x)
    if ord == math.inf:
        return _max(size, axes, keepdims=keepdims, initial=0)
    if ord == -math.inf:
        return _min(size, axes, keepdims=keepdims)
    if ord == 0:
        different = ops.ne(x, const(0, x.dtype))
        return _sum(cast(different, size.dtype), axes, keepdims=keepdims)
    if ord == 1:
        return _sum(size, axes, keepdims=keepdims)
    total = _sum(power(size, ord), axes, keepdims=keepdims)
    return power(total, 1.0 / ord)


def _matrix_norm(x: Array, ord: Any, axes: tuple[int, int], keepdims: bool, fun: str) -> Array:
    rows, columns = axes
    if rows == columns:
        raise ShapeError(f"{fun}: the two axes of a matrix norm must differ, got axis={axes}.")
    if ord in (None, "fro"):
        return _root_of_squares(x, axes, keepdims)
    if not isinstance(ord, str) and ord in (1, -1, math.inf, -math.inf):
        along, over = (rows, columns) if abs(ord) == 1 else (columns, rows)
        sums = _sum(absolute(x), along, keepdims=True)
        found = _max(sums, over, keepdims=True) if ord > 0 else _min(sums, over, keepdims=True)
    elif ord == "nuc" or (not isinstance(ord, str) and ord in (2, -2)):
        moved = moveaxis(matrices(x, fun, "x"), axes, (-2, -1))
        (s,) = ops.svd(moved, full_matrices=False, vectors=False)
        if ord == "nuc":
            out = _sum(s, -1)
        else:
            out = _max(s, -1, initial=0) if ord == 2 else _min(s, -1)
        return kept(out, x.shape, axes) if keepdims else out
    else:
        raise ValueError(
            f"{fun}: the norms of matrices are {_MATRIX_ORDERS}, got ord={ord!r}. Remedy: "
            "vector_norm takes any number."
        )
    if keepdims:
        return found
    shape = tuple(n for i, n in enumerate(x.shape) if i not in axes)
    return ops.reshape(found, shape=shape)


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Array:
    """Norm of vectors or matrices.

    Args:
        x: array.
        ord: for vectors any number, inf and -inf included; for matrices ``"fro"``, ``"nuc"``, inf,
            -inf, 1, -1, 2 or -2. None is the root of the sum of squares, for any shape.
        axis: an int for the norm of vectors along it, two for matrices in them, None for all of x.
        keepdims: keep the axes with size 1.

    Returns:
        array without the axes. At zero the derivative of a root of squares is zero.

    Raises:
        ValueError: an order that there is not.
        ShapeError: an order for an array of more than two dimensions, without an axis.

    >>> import numpy as np

    >>> norm(np.array([[3.0, 4.0]]), axis=1)
    Array([5.], dtype=float64)

    Source: numpy.linalg.norm.
    """
    x = to_inexact(x, "norm")
    if axis is None:
        everything = tuple(range(x.ndim))
        if ord is None:
            return _root_of_squares(x, everything, keepdims)
        if x.ndim == 1:
            return _vector_norm(x, ord, everything, keepdims, "norm")
        if x.ndim == 2:
            return _matrix_norm(x, ord, (0, 1), keepdims, "norm")
        raise ShapeError(
            f"norm: ord={ord!r} of an array of {x.ndim} dimensions needs an axis (a vector norm) "
            "or two (a matrix norm)."
        )
    axes = axes_in_order(
        tuple(axis) if isinstance(axis, (tuple, list)) else (axis,), x.ndim, "norm"
    )
    if len(axes) == 1:
        return _vector_norm(x, ord, axes, keepdims, "norm")
    if len(axes) == 2:
        return _matrix_norm(x, ord, (axes[0], axes[1]), keepdims, "norm")
    raise ShapeError(f"norm: axis must name one or two axes, got {axis!r}. Remedy: vector_norm.")


def vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Array:
    """Norm of vectors, which may lie in several axes.

    Args:
        x: array.
        axis: int, ints or None for all.
        keepdims: keep the axes with size 1.
        ord: a number, inf and -inf included.

    >>> import numpy as np

    >>> vector_norm(np.array([3.0, -4.0]), ord=1)
    Array(7., dtype=float64)

    Source: numpy.linalg.vector_norm.
    """
    x = to_inexact(x, "vector_norm")
    return _vector_norm(x, ord, as_axes(axis, x.ndim, "vector_norm"), keepdims, "vector_norm")


def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Array:
    """Norm of the matrices in the last two axes; orders as of :func:`norm`.

    >>> import numpy as np

    >>> matrix_norm(np.array([[3.0, 0.0], [0.0, 4.0]]), ord="nuc")
    Array(7., dtype=float64)

    Source: numpy.linalg.matrix_norm.
    """
    x = matrices(x, "matrix_norm", "x")
    return _matrix_norm(x, ord, (x.ndim - 2, x.ndim - 1), keepdims, "matrix_norm")


def cond(x: Any, p: Any = None) -> Array:
    """Condition number: the norm of a matrix times that of its inverse.

    Args:
        x: array [..., m, n]; square where p is not None, 2 or -2.
        p: the order of the norm; None and 2 give the quotient of the extreme singular values.

    Returns:
        array [...]; infinity for singular matrices.

    >>> import numpy as np

    >>> cond(np.array([[4.0, 0.0], [0.0, 2.0]]))
    Array(2., dtype=float64)

    Source: numpy.linalg.cond.
    """
    spectral = p is None or (not isinstance(p, str) and p in (2, -2))
    a = matrices(x, "cond", "x", square=not spectral)
    if spectral:
        if 0 in a.shape[-2:]:
            raise ShapeError(f"cond: matrices without elements have no condition, shape {a.shape}.")
        (s,) = ops.svd(a, full_matrices=False, vectors=False)
        largest, smallest = s[..., 0], s[..., -1]
        found = ops.div(smallest, largest) if p == -2 else ops.div(largest, smallest)
    else:
        found = matrix_norm(a, ord=p) * matrix_norm(inv(a), ord=p)
    # 0 / 0, and products of infinity and zero: a singular matrix, unless it holds NaN itself.
    own = _sum(cast(ops.ne(a, a), found.dtype), (a.ndim - 2, a.ndim - 1))
    lost = ops.bitwise_and(ops.ne(found, found), ops.eq(own, const(0, own.dtype)))
    return where(lost, const(math.inf, found.dtype), found)
