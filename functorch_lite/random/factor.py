"""Factors of small matrices, written in ops: they work under every transform and in batches."""

from __future__ import annotations

from typing import Any

from functorch_lite import lax
from functorch_lite import numpy as fnp
from functorch_lite.core.array import Array
from functorch_lite.core.dtypes import float32
from functorch_lite.transforms.custom_jvp import custom_jvp

__all__ = ["cholesky", "orthonormal_columns", "symmetric_root"]

_SWEEPS = 12


def cholesky(a: Array) -> Array:
    """The lower triangular L with L L^T = (a + a^T) / 2; NaN where there is none.

    Args:
        a: f[..., n, n].
    """
    n, dtype = a.shape[-1], a.dtype
    if not a.size:
        return a
    a = _symmetric(a)
    rows = fnp.arange(n)

    def column(j: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
        rest, found = state
        pivot = rest[..., j, j]
        pivot = fnp.where(pivot > 0, pivot, fnp.nan)
        new = fnp.where(rows >= j, rest[..., :, j], 0.0) / fnp.sqrt(pivot)[..., None]
        rest = rest - new[..., :, None] * new[..., None, :]
        return rest, fnp.where(rows == j, new[..., None], found)

    _, found = lax.fori_loop(0, n, column, (a, fnp.zeros_like(a)))
    broken = fnp.isnan(found).any(axis=(-2, -1), keepdims=True)
    return fnp.where(broken, fnp.nan, found).astype(dtype)


def orthonormal_columns(a: Array) -> Array:
    """The Q of a = Q R for the R with a positive diagonal, by Gram and Schmidt, twice.

    Args:
        a: f[..., m, n] of full rank n <= m.
    """
    n, dtype = a.shape[-1], a.dtype
    if not a.size:
        return a
    a = _wide(a)
    columns = fnp.arange(n)

    def column(j: Array, q: Array) -> Array:
        v = a[..., :, j][..., None]
        # Once leaves what rounding makes of nearly dependent columns; twice is enough.
        for _ in range(2):
            v = v - fnp.matmul(q, fnp.matmul(fnp.conj(fnp.matrix_transpose(q)), v))
        v = v / fnp.sqrt(fnp.sum(fnp.real(v * fnp.conj(v)), axis=-2, keepdims=True))
        return fnp.where(columns == j, v, q)

    return lax.fori_loop(0, n, column, fnp.zeros_like(a)).astype(dtype)


@custom_jvp
def symmetric_root(a: Array) -> Array:
    """The symmetric S with S S = (a + a^T) / 2, negative eigenvalues read as zero.

    Args:
        a: f[..., n, n].
    """
    values, vectors = _eigen(_symmetric(a))
    root = vectors * _root(values)[..., None, :]
    return fnp.matmul(root, fnp.matrix_transpose(vectors)).astype(a.dtype)


@custom_jvp
def _eigen(a: Array) -> tuple[Array, Array]:
    """Eigenvalues and eigenvectors of a symmetric matrix, in no particular order.

    Jacobi's method: rotations make one element after the other zero, over and over; a matrix of
    finite size is diagonal to rounding after fewer sweeps than are made here.
    """
    n = a.shape[-1]
    pairs = [(i, j) for i in range(n) for j in range(i + 1, n)]
    first = fnp.asarray([i for i, _ in pairs], dtype="int64")
    second = fnp.asarray([j for _, j in pairs], dtype="int64")
    places = fnp.arange(n)

    def turn(m: Array, i: Array, j: Array, cosine: Array, sine: Array) -> Array:
        left, right = m[..., :, i], m[..., :, j]
        c, s = cosine[..., None], sine[..., None]
        new_left, new_right = c * left - s * right, s * left + c * right
        m = fnp.where(places == i, new_left[..., None], m)
        return fnp.where(places == j, new_right[..., None], m)

    def rotate(k: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
        a, vectors = state
        i, j = first[k % len(pairs)], second[k % len(pairs)]
        cosine, sine = _rotation(a[..., i, i], a[..., j, j], a[..., i, j])
        a = turn(a, i, j, cosine, sine)
        a = fnp.matrix_transpose(turn(fnp.matrix_transpose(a), i, j, cosine, sine))
        return a, turn(vectors, i, j, cosine, sine)

    state = a, fnp.broadcast_to(fnp.eye(n, dtype=a.dtype), a.shape)
    if pairs:
        state = lax.fori_loop(0, _SWEEPS * len(pairs), rotate, state)
    return fnp.diagonal(state[0], axis1=-2, axis2=-1), state[1]


# Rotations that have converged no longer depend on the matrix, so both have rules of their own.
@symmetric_root.defjvp
def _root_rule(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (a,), (t,) = primals, tangents
    values, vectors = _eigen(_symmetric(a))
    root = _root(values)
    # S dS + dS S = dA, in the basis in which S is diagonal; equal eigenvalues do no harm.
    inside = _in_basis(_symmetric(t), vectors) / (root[..., :, None] + root[..., None, :])
    slope = fnp.matmul(fnp.matmul(vectors, inside), fnp.matrix_transpose(vectors))
    return symmetric_root(a), slope.astype(a.dtype)


@_eigen.defjvp
def _eigen_rule(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Any, Any]:
    (a,), (t,) = primals, tangents
    values, vectors = _eigen(a)
    inside = _in_basis(t, vectors)
    gaps = values[..., None, :] - values[..., :, None]
    apart = ~fnp.eye(a.shape[-1], dtype=bool)
    turns = fnp.where(apart, inside / fnp.where(apart, gaps, 1.0), 0.0)
    slopes = fnp.diagonal(inside, axis1=-2, axis2=-1), fnp.matmul(vectors, turns)
    return (values, vectors), slopes


def _in_basis(a: Array, vectors: Array) -> Array:
    return fnp.matmul(fnp.matmul(fnp.matrix_transpose(vectors), a), vectors)


def _symmetric(a: Array) -> Array:
    return _wide((a + fnp.matrix_transpose(a)) / 2)


def _root(values: Array) -> Array:
    return fnp.sqrt(fnp.maximum(values, 0.0))


def _rotation(first: Array, second: Array, beside: Array) -> tuple[Array, Array]:
    """Cosine and sine of the rotation that makes the element beside the diagonal zero."""
    is_zero = beside == 0
    half = (second - first) / (2.0 * fnp.where(is_zero, 1.0, beside))
    tangent = fnp.where(half >= 0, 1.0, -1.0) / (abs(half) + fnp.sqrt(half * half + 1.0))
    tangent = fnp.where(is_zero, 0.0, tangent)
    cosine = 1.0 / fnp.sqrt(tangent * tangent + 1.0)
    return cosine, tangent * cosine


def _wide(a: Array) -> Array:
    """In at least float32: the factors of halves would have no digit left."""
    return a.astype(float32) if a.dtype.itemsize == 2 else a
