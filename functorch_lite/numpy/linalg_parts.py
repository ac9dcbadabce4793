"""What the linear-algebra functions share: how matrices are taken, and simple ones made."""

from __future__ import annotations

from typing import Any

from functorch_lite import ops
from functorch_lite.core.array import Array
from functorch_lite.core.dtypes import int64
from functorch_lite.errors import ShapeError
from functorch_lite.numpy.convert import cast, const, iota, promote_inexact, to_inexact
from functorch_lite.numpy.shapes import broadcast_to


def matrices(a: Any, fun: str, arg: str = "a", square: bool = False) -> Array:
    """A stack of matrices of floats or complex numbers; integers become float32.

    Raises:
        ShapeError: fewer than two dimensions, or not square where that is asked for.
    """
    x = to_inexact(a, fun, arg)
    if x.ndim < 2:
        raise ShapeError(
            f"{fun}: {arg} must be a matrix or a stack of matrices, got shape {x.shape}. Remedy: "
            f"{arg}[:, None] makes a column of a vector."
        )
    if square and x.shape[-1] != x.shape[-2]:
        raise ShapeError(
            f"{fun}: {arg} must be square in its last two axes, got shape {x.shape}. Remedy: "
            "lstsq, pinv, svd and qr take matrices of any shape."
        )
    return x


def matrix_pair(a: Any, b: Any, fun: str) -> tuple[Array, Array]:
    """Two arrays of one inexact dtype, the leading axes of the matrices broadcast."""
    x, y = promote_inexact(a, b, fun=fun, names="ab")
    x, y = matrices(x, fun, "a", square=True), matrices(y, fun, "b")
    if x.shape[:-2] == y.shape[:-2]:
        return x, y
    lead = broadcast_leading(x.shape[:-2], y.shape[:-2], fun)
    return broadcast_to(x, (*lead, *x.shape[-2:])), broadcast_to(y, (*lead, *y.shape[-2:]))


def broadcast_leading(a: tuple[int, ...], b: tuple[int, ...], fun: str) -> tuple[int, ...]:
    """The common leading axes of two stacks."""
    ndim = max(len(a), len(b))
    a, b = (1,) * (ndim - len(a)) + a, (1,) * (ndim - len(b)) + b
    if any(p != q and 1 not in (p, q) for p, q in zip(a, b, strict=True)):
        raise ShapeError(
            f"{fun}: the leading axes {a} of a and {b} of b do not broadcast. Remedy: make them "
            "equal, or one of them 1."
        )
    return tuple(q if p == 1 else p for p, q in zip(a, b, strict=True))


def conj(x: Array) -> Array:
    """Conjugates; real arrays unchanged."""
    return ops.conj(x) if x.dtype.kind == "c" else x


def real(x: Array) -> Array:
    """Real parts; real arrays unchanged."""
    return ops.real(x) if x.dtype.kind == "c" else x


def adjoint(x: Array) -> Array:
    """Conjugate-transposed matrices."""
    n = x.ndim
    return conj(ops.transpose(x, perm=(*range(n - 2), n - 1, n - 2)))


def hermitian_part(x: Array) -> Array:
    """(x + xᴴ) / 2."""
    return ops.mul(ops.add(x, adjoint(x)), const(0.5, x.dtype))


def hermitian_of(x: Array, lower: bool) -> Array:
    """x with the lower triangle where the records read it: that of xᴴ where x holds the upper."""
    return x if lower else adjoint(x)


def identity_like(x: Array, n: int) -> Array:
    """Identity matrices beside x, with its leading axes and dtype."""
    rows = iota(x, shape=(n, n), dtype=int64, axis=0)
    columns = iota(x, shape=(n, n), dtype=int64, axis=1)
    return broadcast_to(cast(ops.eq(rows, columns), x.dtype), (*x.shape[:-2], n, n))


def part(x: Array, stop: int, axis: int, start: int = 0) -> Array:
    """Elements ``start`` to ``stop`` along an axis counted from the end."""
    at = x.ndim + axis
    first = tuple(start if i == at else 0 for i in range(x.ndim))
    last = tuple(stop if i == at else n for i, n in enumerate(x.shape))
    return ops.slice(x, start=first, stop=last, step=(1,) * x.ndim)
