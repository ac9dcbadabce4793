"""Systems of equations, inverses, determinants, powers and chains of products."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any, NamedTuple

from functorch_lite import ops
from functorch_lite.core.array import Array
from functorch_lite.errors import ShapeError
from functorch_lite.numpy.convert import as_array, as_axis, cast, const, promote, promote_inexact
from functorch_lite.numpy.dtypes import finfo
from functorch_lite.numpy.linalg_basic import matmul
from functorch_lite.numpy.linalg_parts import (
    hermitian_part,
    identity_like,
    matrices,
    matrix_pair,
    real,
)
from functorch_lite.numpy.reductions import count_nonzero
from functorch_lite.numpy.reductions import max as _max
from functorch_lite.numpy.reductions import sum as _sum
from functorch_lite.numpy.shapes import broadcast_to, expand_dims, reshape
from functorch_lite.numpy.shapes import transpose as _transpose


class SlogdetResult(NamedTuple):
    """Sign (or phase) of a determinant, and the logarithm of its magnitude."""

    sign: Array
    logabsdet: Array


def solve(a: Any, b: Any) -> Array:
    """The x with ``a x = b``.

    Args:
        a: array [..., n, n].
        b: vector [n], or array [..., n, k]; the leading axes broadcast.

    Returns:
        array in the shape of b. Infinities and NaN where a is singular; no value is an error.

    >>> import numpy as np

    >>> solve(np.array([[2.0, 0.0], [0.0, 4.0]]), np.array([2.0, 2.0]))
    Array([1. , 0.5], dtype=float64)

    Source: numpy.linalg.solve.
    """
    x, y = promote_inexact(a, b, fun="solve", names="ab")
    if y.ndim == 1:
        x, y = matrix_pair(x, ops.reshape(y, shape=(*y.shape, 1)), "solve")
        out = ops.solve(x, y)
        return ops.reshape(out, shape=out.shape[:-1])
    return ops.solve(*matrix_pair(x, y, "solve"))


def inv(a: Any) -> Array:
    """The inverse of a square matrix; infinities and NaN where it is singular.

    >>> import numpy as np

    >>> inv(np.array([[2.0, 0.0], [0.0, 4.0]]))
    Array([[0.5 , 0.  ],
           [0.  , 0.25]], dtype=float64)

    Source: numpy.linalg.inv.
    """
    return ops.inv(matrices(a, "inv", square=True))


def det(a: Any) -> Array:
    """Determinants [...] of square matrices [..., n, n]; the gradient is finite for singular ones.

    >>> import numpy as np

    >>> det(np.array([[2.0, 0.0], [0.0, 4.0]]))
    Array(8., dtype=float64)

    Source: numpy.linalg.det.
    """
    return ops.det(matrices(a, "det", square=True))


def slogdet(a: Any, *, method: str | None = None) -> SlogdetResult:
    """Sign of the determinant, and logarithm of its magnitude, which does not overflow.

    Args:
        a: array [..., n, n].
        method: None, ``"lu"`` or ``"qr"``; LU is used in any case.

    Returns:
        ``SlogdetResult`` of arrays [...]; sign 0 and -inf for singular matrices.

    >>> import numpy as np

    >>> slogdet(-np.eye(3))
    SlogdetResult(sign=Array(-1., dtype=float64), logabsdet=Array(0., dtype=float64))

    Source: numpy.linalg.slogdet, jax.numpy.linalg.slogdet.
    """
    if method not in (None, "lu", "qr"):
        raise ValueError(f"slogdet: method must be None, 'lu' or 'qr', got {method!r}.")
    return SlogdetResult(*ops.slogdet(matrices(a, "slogdet", square=True)))


# ---------------------------------------------------------------------------- matrices of any shape
def default_rtol(x: Array, factor: float = 1.0) -> float:
    """Below which part of the largest one a singular value counts as zero."""
    return factor * max(x.shape[-2:]) * float(finfo(x.dtype).eps)


def _tolerances(x: Array, rtol: Any, factor: float, fun: str) -> Array:
    """One relative tolerance for each matrix of x, shape [..., 1, 1]."""
    wanted = default_rtol(x, factor) if rtol is None else rtol
    dtype = x.real.dtype if x.dtype.kind == "c" else x.dtype
    if isinstance(wanted, float):
        return ops.broadcast_to(const(wanted, dtype), shape=(*x.shape[:-2], 1, 1))
    given = cast(as_array(wanted, fun, "rtol"), dtype)
    return expand_dims(broadcast_to(given, x.shape[:-2]), (-2, -1))


def pinv(a: Any, rtol: Any = None, hermitian: bool = False, *, rcond: Any = None) -> Array:
    """The Moore-Penrose inverse.

    Args:
        a: array [..., m, n].
        rtol: singular values up to rtol times the largest one count as zero, one number or one for
            each matrix; 10 max(m, n) eps by default.
        hermitian: take (a + aᴴ) / 2.
        rcond: another name of rtol.

    Returns:
        array [..., n, m]. The derivative is that at constant rank.

    >>> import numpy as np

    >>> pinv(np.array([[2.0, 0.0], [0.0, 0.0]]))
    Array([[0.5, 0. ],
           [0. , 0. ]], dtype=float64)

    Source: numpy.linalg.pinv, jax.numpy.linalg.pinv.
    """
    if rtol is not None and rcond is not None:
        raise TypeError("pinv: rtol and rcond are two names of one argument; give one of them.")
    x = matrices(a, "pinv", square=hermitian)
    x = hermitian_part(x) if hermitian else x
    return ops.pinv(x, _tolerances(x, rcond if rtol is None else rtol, 10.0, "pinv"))


def matrix_rank(M: Any, rtol: Any = None, *, hermitian: bool = False, tol: Any = None) -> Array:
    """How many singular values are not negligible.

    Args:
        M: array [..., m, n]; of a vector, whether it has an element that is not zero.
        rtol: relative tolerance, max(m, n) eps by default.
        hermitian: take the eigenvalues of (M + Mᴴ) / 2.
        tol: absolute tolerance instead.

    Returns:
        int64 array [...].

    >>> import numpy as np

    >>> matrix_rank(np.array([[1.0, 2.0], [2.0, 4.0]]))
    Array(1, dtype=int64)

    Source: numpy.linalg.matrix_rank.
    """
    if as_array(M, "matrix_rank", "M").ndim < 2:
        return cast(ops.gt(count_nonzero(M), const(0, "int64")), const(0, "int64").dtype)
    x = matrices(M, "matrix_rank", "M", square=hermitian)
    if hermitian:
        s = ops.abs(ops.eigh(hermitian_part(x), vectors=False)[0])
    else:
        s = ops.svd(x, full_matrices=False, vectors=False)[0]
    if tol is not None:
        given = cast(as_array(tol, "matrix_rank", "tol"), s.dtype)
        limit = expand_dims(broadcast_to(given, s.shape[:-1]), -1)
    else:
        relative = _tolerances(x, rtol, 1.0, "matrix_rank")
        limit = _max(s, -1, keepdims=True, initial=0) * ops.reshape(
            relative, shape=(*x.shape[:-2], 1)
        )
    return count_nonzero(ops.gt(s, limit), axis=-1)


def lstsq(
    a: Any, b: Any, rcond: float | None = None, *, numpy_resid: bool = False
) -> tuple[Array, Array, Array, Array]:
    """The x of least norm that minimises ``|a x - b|``.

    Args:
        a: array [m, n].
        b: vector [m] or array [m, k].
        rcond: singular values up to rcond times the largest one count as zero; max(m, n) eps by
            default.
        numpy_resid: give no residuals, as NumPy does, where the rank is less than n or m <= n;
            not under jit, because the shape depends on values then.

    Returns:
        x ([n] or [n, k]), the squared residuals ([k], [1] for a vector), the rank (int64) and the
        singular values of a.

    >>> import numpy as np

    >>> lstsq(np.array([[1.0], [1.0]]), np.array([1.0, 3.0]))[0]
    Array([2.], dtype=float64)

    Source: numpy.linalg.lstsq, jax.numpy.linalg.lstsq.
    """
    x, y = promote_inexact(a, b, fun="lstsq", names="ab")
    if x.ndim != 2 or y.ndim not in (1, 2) or y.shape[0] != x.shape[0]:
        raise ShapeError(
            f"lstsq: a must have shape [m, n] and b [m] or [m, k]; got {x.shape} and {y.shape}. "
            "Remedy: vmap over further axes."
        )
    vector = y.ndim == 1
    columns = expand_dims(y, -1) if vector else y
    m, n = x.shape
    rtol = _tolerances(x, rcond if rcond is None or rcond >= 0 else None, 1.0, "lstsq")
    inverse, s = ops.pinv_svdvals(x, rtol)
    found = matmul(inverse, columns)
    largest = _max(s, initial=0)
    rank = count_nonzero(ops.gt(s, largest * ops.reshape(rtol, shape=())))
    miss = ops.sub(matmul(x, found), columns)
    squares = _sum(ops.square(miss) if miss.dtype.kind != "c" else real(miss * ops.conj(miss)), 0)
    if numpy_resid and (m <= n or int(rank) < n):
        squares = squares[:0]
    return (found[:, 0] if vector else found), squares, rank, s


def tensorsolve(a: Any, b: Any, axes: Sequence[int] | None = None) -> Array:
    """The x with ``tensordot(a, x, x.ndim) == b``.

    Args:
        a: array of shape b.shape + Q, the product of Q that of b.shape.
        b: array of any shape.
        axes: axes of a to move to its end first.

    Returns:
        array of shape Q.

    >>> import numpy as np

    >>> tensorsolve(np.eye(6).reshape(2, 3, 6), np.ones((2, 3))).shape
    (6,)

    Source: numpy.linalg.tensorsolve.
    """
    x, y = promote_inexact(a, b, fun="tensorsolve", names="ab")
    if axes is not None:
        moved = tuple(as_axis(i, x.ndim, "tensorsolve") for i in axes)
        x = _transpose(x, [i for i in range(x.ndim) if i not in moved] + list(moved))
    shape = x.shape[y.ndim :]
    if x.shape[: y.ndim] != y.shape or math.prod(shape) != y.size:
        raise ShapeError(
            f"tensorsolve: a, shape {x.shape}, must begin with b's shape {y.shape}, and its other "
            f"axes have a product of {y.size}. Remedy: move axes of a to its end with axes=."
        )
    flat = ops.solve(reshape(x, (y.size, y.size)), reshape(y, (y.size, 1)))
    return reshape(flat, shape)


def tensorinv(a: Any, ind: int = 2) -> Array:
    """The inverse for ``tensordot``: ``tensordot(tensorinv(a, ind), a, ind)`` is an identity.

    Args:
        a: array; the product of its first ``ind`` sizes is that of the others.
        ind: how many axes belong to the first group.

    >>> import numpy as np

    >>> tensorinv(np.eye(6).reshape(2, 3, 6)).shape
    (6, 2, 3)

    Source: numpy.linalg.tensorinv.
    """
    x = as_array(a, "tensorinv", "a")
    count = operator.index(ind)
    left, right = x.shape[:count], x.shape[count:]
    if count <= 0 or math.prod(left) != math.prod(right):
        raise ShapeError(
            f"tensorinv: the first ind={count} sizes of {x.shape} and the others must have one "
            "product, and ind be positive."
        )
    n = math.prod(left)
    return reshape(inv(reshape(x, (n, n))), (*right, *left))


# ----------------------------------------------------------------------------------------- products
def matrix_power(a: Any, n: int) -> Array:
    """A square matrix to an integer power, which may be negative.

    >>> import numpy as np

    >>> matrix_power(np.array([[1, 1], [0, 1]]), 5)
    Array([[1, 5],
           [0, 1]], dtype=int64)

    Source: numpy.linalg.matrix_power.
    """
    x = as_array(a, "matrix_power", "a")
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        raise ShapeError(f"matrix_power: a must be square in its last two axes, got {x.shape}.")
    count = operator.index(n)
    if count < 0:
        x, count = inv(x), -count
    if count == 0:
        return identity_like(x, x.shape[-1])
    answer = None
    while count:
        if count & 1:
            answer = x if answer is None else matmul(answer, x)
        count >>= 1
        if count:
            x = matmul(x, x)
    assert answer is not None
    return answer


def multi_dot(arrays: Sequence[Any], *, precision: Any = None) -> Array:
    """The product of several matrices, multiplied in the cheapest order.

    Args:
        arrays: two or more matrices; the first and the last may be vectors.
        precision: accepted for JAX's sake.

    >>> import numpy as np

    >>> multi_dot([np.ones((2, 3)), np.ones((3, 4)), np.ones(4)])
    Array([12., 12.], dtype=float64)

    Source: numpy.linalg.multi_dot; the order: Cormen et al., Introduction to Algorithms, 15.2.
    """
    del precision
    names = [f"arrays[{i}]" for i in range(len(arrays))]
    if len(arrays) < 2:
        raise ShapeError(f"multi_dot: needs at least two arrays, got {len(arrays)}.")
    items = promote(*arrays, fun="multi_dot", names=names)
    first_vector, last_vector = items[0].ndim == 1, items[-1].ndim == 1
    items[0] = expand_dims(items[0], 0) if first_vector else items[0]
    items[-1] = expand_dims(items[-1], 1) if last_vector else items[-1]
    for name, x in zip(names, items, strict=True):
        if x.ndim != 2:
            raise ShapeError(
                f"multi_dot: {name} must be a matrix (the first and last may be vectors), got "
                f"shape {x.shape}."
            )
    sizes = [x.shape[0] for x in items] + [items[-1].shape[1]]
    out = _chain(items, _cheapest(sizes), 0, len(items) - 1)
    shape = out.shape[first_vector : 2 - last_vector]
    return ops.reshape(out, shape=shape)


def _cheapest(sizes: Sequence[int]) -> dict[tuple[int, int], int]:
    """For each run of matrices, after which of them to cut it."""
    n = len(sizes) - 1
    cost = {(i, i): 0 for i in range(n)}
    cut: dict[tuple[int, int], int] = {}
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            choices = [
                (cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k)
                for k in range(i, j)
            ]
            cost[i, j], cut[i, j] = min(choices)
    return cut


def _chain(items: Sequence[Array], cut: dict[tuple[int, int], int], i: int, j: int) -> Array:
    if i == j:
        return items[i]
    k = cut[i, j]
    return matmul(_chain(items, cut, i, k), _chain(items, cut, k + 1, j))
