"""Polynomials as vectors of coefficients, the highest power first."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from functorch_lite import ops
from functorch_lite.core.array import Array
from functorch_lite.core.dtypes import complex64, complex128, float64
from functorch_lite.errors import ShapeError
from functorch_lite.numpy.array_protocols import host_value
from functorch_lite.numpy.convert import (
    as_array,
    asarray,
    cast,
    promote,
    promote_inexact,
    to_inexact,
)
from functorch_lite.numpy.creation import arange, ones, zeros
from functorch_lite.numpy.diagonals import diag
from functorch_lite.numpy.elementwise import multiply, power, sqrt
from functorch_lite.numpy.joining import concatenate
from functorch_lite.numpy.linalg_factor import eigvals, svd
from functorch_lite.numpy.linalg_solve import pinv
from functorch_lite.numpy.reductions import sum as total
from functorch_lite.numpy.shapes import atleast_1d
from functorch_lite.numpy.statistics import convolve

__all__ = [
    "poly", "polyadd", "polyder", "polydiv", "polyfit", "polyint", "polymul", "polysub", "roots",
    "trim_zeros",
]  # fmt: skip


def _vector(p: Any, fun: str, arg: str = "p") -> Array:
    p = atleast_1d(as_array(asarray(p) if isinstance(p, (list, tuple)) else p, fun, arg))
    if p.ndim != 1:
        raise ShapeError(f"{fun}: {arg} must be a vector of coefficients, got shape {p.shape}.")
    return p


def _two(a: Any, b: Any, fun: str, names: tuple[str, str] = ("a1", "a2")) -> list[Array]:
    return promote(_vector(a, fun, names[0]), _vector(b, fun, names[1]), fun=fun, names=names)


def _lengthened(p: Array, n: int) -> Array:
    return concatenate([zeros(n - p.shape[0], p.dtype), p]) if p.shape[0] < n else p


def polyadd(a1: Any, a2: Any) -> Array:
    """The sum of two polynomials.

    Args:
        a1, a2: coefficients [n] and [m].

    Returns:
        [max(n, m)].

    >>> polyadd(np.array([1, 2]), np.array([3]))
    Array([1, 5], dtype=int64)
    """
    a, b = _two(a1, a2, "polyadd")
    n = max(a.shape[0], b.shape[0])
    return ops.add(_lengthened(a, n), _lengthened(b, n))


def polysub(a1: Any, a2: Any) -> Array:
    """The difference of two polynomials; arguments as of :func:`polyadd`.

    >>> polysub(np.array([1, 2]), np.array([3]))
    Array([ 1, -1], dtype=int64)
    """
    a, b = _two(a1, a2, "polysub")
    n = max(a.shape[0], b.shape[0])
    return ops.sub(_lengthened(a, n), _lengthened(b, n))


def polymul(a1: Any, a2: Any, *, trim_leading_zeros: bool = False) -> Array:
    """The product of two polynomials.

    Args:
        a1, a2: coefficients [n] and [m].
        trim_leading_zeros: drop zeros in front of both first; not under ``jit``.

    Returns:
        [n + m - 1].

    >>> polymul(np.array([1, 2]), np.array([1, -2]))
    Array([ 1,  0, -4], dtype=int64)
    """
    a, b = _two(a1, a2, "polymul")
    if trim_leading_zeros and (a.shape[0] > 1 or b.shape[0] > 1):
        a, b = (_never_empty(trim_zeros(p, "f")) for p in (a, b))
    return convolve(a, b) if a.size and b.size else zeros(1, a.dtype)


def _never_empty(p: Array) -> Array:
    return p if p.shape[0] else zeros(1, p.dtype)


def polydiv(u: Any, v: Any, *, trim_leading_zeros: bool = False) -> tuple[Array, Array]:
    """Quotient and remainder of two polynomials.

    Args:
        u, v: coefficients [n] and [m].
        trim_leading_zeros: drop zeros in front of the remainder; not under ``jit``.

    Returns:
        quotient [max(n - m + 1, 1)] and remainder [n].

    >>> polydiv(np.array([1.0, 0.0, -1.0]), np.array([1.0, 1.0]))
    (Array([ 1., -1.], dtype=float64), Array([0., 0., 0.], dtype=float64))
    """
    top, bottom = promote_inexact(_vector(u, "polydiv", "u"), _vector(v, "polydiv", "v"))
    n, m = top.shape[0], bottom.shape[0]
    if n < m:
        return zeros(1, top.dtype), top
    quotient = []
    for k in range(n - m + 1):
        digit = top[k] / bottom[0]
        quotient.append(digit)
        top = concatenate([top[:k], top[k : k + m] - digit * bottom, top[k + m :]])
    rest = _never_empty(trim_zeros(top, "f")) if trim_leading_zeros else top
    return concatenate([q[None] for q in quotient]), rest


def polyder(p: Any, m: int = 1) -> Array:
    """The m-th derivative of a polynomial.

    Args:
        p: coefficients [n].
        m: static int, not negative.

    Returns:
        [n - m], empty where nothing is left.

    Raises:
        ValueError: ``m`` is negative.

    >>> polyder(np.array([1, 2, 3]))
    Array([2, 2], dtype=int64)
    """
    p, m = _vector(p, "polyder"), operator.index(m)
    if m < 0:
        raise ValueError(f"polyder: the order m must not be negative, got {m}.")
    for _ in range(m):
        n = p.shape[0]
        if n == 0:
            return p
        p = p[:-1] * arange(n - 1, 0, -1).astype(p.dtype)
    return p


def polyint(p: Any, m: int = 1, k: Any = 0) -> Array:
    """The m-th integral of a polynomial.

    Args:
        p: coefficients [n].
        m: static int, not negative.
        k: the constants of integration, one or m of them, that of the first integration first.

    Returns:
        [n + m], inexact.

    Raises:
        ValueError: ``m`` is negative, or the number of constants is wrong.

    >>> polyint(np.array([2.0, 2.0]))
    Array([1., 2., 0.], dtype=float64)
    """
    m = operator.index(m)
    if m < 0:
        raise ValueError(f"polyint: the order m must not be negative, got {m}.")
    p, constants = promote_inexact(_vector(p, "polyint"), _vector(k, "polyint", "k"))
    if constants.shape[0] not in (1, max(m, 1)):
        raise ValueError(
            f"polyint: k must hold one constant, or m = {m} of them; got {constants.shape[0]}."
        )
    for i in range(m):
        at = i if constants.shape[0] > 1 else 0
        grown = p / arange(p.shape[0], 0, -1).astype(p.dtype)
        p = concatenate([grown, constants[at : at + 1]])
    return p


def poly(seq_of_zeros: Any) -> Array:
    """The polynomial with given zeros, or the characteristic polynomial of a matrix.

    Args:
        seq_of_zeros: the zeros [n], or a square matrix [n, n].

    Returns:
        coefficients [n + 1], the first one 1; complex for a matrix.

    >>> poly(np.array([1.0, -1.0]))
    Array([ 1.,  0., -1.], dtype=float64)
    """
    given = to_inexact(atleast_1d(asarray(seq_of_zeros)), "poly", "seq_of_zeros")
    if given.ndim == 2 and given.shape[0] == given.shape[1]:
        return _from_zeros(eigvals(given))
    if given.ndim != 1:
        raise ShapeError(
            f"poly: expected a vector of zeros or a square matrix, got shape {given.shape}."
        )
    return _from_zeros(given)


def _from_zeros(given: Array) -> Array:
    found = ones(1, given.dtype)
    for k in range(given.shape[0]):
        found = concatenate([found, zeros(1, found.dtype)]) - concatenate(
            [zeros(1, found.dtype), found * given[k]]
        )
    return found


def roots(p: Any, *, strip_zeros: bool = True) -> Array:
    """The zeros of a polynomial, as eigenvalues of its companion matrix.

    Args:
        p: coefficients [n].
        strip_zeros: drop zeros in front and behind first, which needs their values: under ``jit``
            pass False, and the first coefficient must not be 0.

    Returns:
        complex [n - 1], or fewer where zeros stand in front.

    Raises:
        NonConcreteError: under ``jit`` with ``strip_zeros=True``.

    >>> roots(np.array([1.0, -1.0]))
    Array([1.+0.j], dtype=complex128)
    """
    p = to_inexact(_vector(p, "roots"), "roots", "p")
    behind = 0
    if strip_zeros:
        there = np.flatnonzero(host_value(p, "roots with strip_zeros=True"))
        if not there.size:
            return zeros(0, _complex_of(p))
        behind = p.shape[0] - 1 - int(there[-1])
        p = p[int(there[0]) : int(there[-1]) + 1]
    n = p.shape[0]
    nothing = zeros(behind, _complex_of(p))
    if n < 2:
        return nothing
    below = diag(ones(n - 2, p.dtype), k=-1)
    companion = concatenate([(-p[1:] / p[0])[None], below[1:]])
    return concatenate([eigvals(companion), nothing])


def _complex_of(x: Array) -> Any:
    return complex128 if x.dtype in (float64, complex128) else complex64


def polyfit(
    x: Any,
    y: Any,
    deg: int,
    rcond: float | None = None,
    full: bool = False,
    w: Any = None,
    cov: Any = False,
) -> Any:
    """The polynomial that fits points best in the sense of least squares.

    Args:
        x: where [m].
        y: what [m] or, for several fits at once, [m, k].
        deg: static int, the degree.
        rcond: singular values up to rcond times the largest count as zero; m eps by default.
        full: also return residuals, rank, singular values and rcond.
        w: weights of the points [m], to multiply their distances.
        cov: also return the covariance of the coefficients; ``"unscaled"`` takes the weights as
            the inverse of known deviations.

    Returns:
        coefficients [deg + 1] or [deg + 1, k]; with ``full`` the tuple with the four others, with
        ``cov`` the pair with the covariance.

    Raises:
        ValueError: the degree is negative, or there are too few points for a covariance.

    >>> polyfit(np.array([0.0, 1.0, 2.0]), np.array([1.0, 3.0, 5.0]), 1).round(6)
    Array([2., 1.], dtype=float64)
    """
    deg = operator.index(deg)
    if deg < 0:
        raise ValueError(f"polyfit: deg must not be negative, got {deg}.")
    x, y = promote_inexact(asarray(x), asarray(y), fun="polyfit", names="xy")
    if x.ndim != 1 or x.shape[0] == 0 or y.ndim not in (1, 2) or y.shape[0] != x.shape[0]:
        raise ShapeError(
            f"polyfit: expected x [m] with m > 0 and y [m] or [m, k]; got {x.shape} and {y.shape}."
        )
    m = x.shape[0]
    rcond = m * float(np.finfo(x.dtype).eps) if rcond is None else rcond
    left, right = power(x[:, None], arange(deg, -1, -1)), y
    if w is not None:
        weights = cast(as_array(asarray(w), "polyfit", "w"), x.dtype)
        if weights.shape != (m,):
            raise ShapeError(f"polyfit: w must have x's shape {x.shape}, got {weights.shape}.")
        left = multiply(left, weights[:, None])
        right = multiply(right, weights[:, None] if y.ndim == 2 else weights)
    scale = sqrt(total(left * left, axis=0))
    scaled = left / scale
    found = pinv(scaled, rtol=rcond) @ right
    found = found / (scale[:, None] if y.ndim == 2 else scale)
    gap = right - left @ found
    residuals = total(gap * gap, axis=0)
    if full:
        values = svd(scaled, compute_uv=False)
        rank = total(values > rcond * values[0])
        return found, atleast_1d(residuals), rank, values, asarray(rcond, x.dtype)
    if not cov:
        return found
    base = pinv(left.T @ left, rtol=0.0)
    if not (isinstance(cov, str) and cov == "unscaled"):
        if m <= deg + 1:
            raise ValueError(
                f"polyfit: a covariance needs more points than coefficients; got {m} points for "
                f"{deg + 1}. Remedy: cov='unscaled'."
            )
        base = base[:, :, None] if y.ndim == 2 else base
        return found, base * (residuals / (m - deg - 1))
    return found, base


def trim_zeros(filt: Any, trim: str = "fb") -> Array:
    """A vector without the zeros at its ends; not under ``jit``.

    Args:
        filt: vector.
        trim: ``f`` for the front, ``b`` for the back.

    Raises:
        NonConcreteError: under ``jit``, where the length of the result is not known.

    >>> trim_zeros(np.array([0, 1, 2, 0]))
    Array([1, 2], dtype=int64)
    """
    p = _vector(filt, "trim_zeros", "filt")
    there = np.flatnonzero(host_value(p, "trim_zeros"))
    if not there.size:
        return p[:0]
    front = int(there[0]) if "f" in trim.lower() else 0
    back = int(there[-1]) + 1 if "b" in trim.lower() else p.shape[0]
    return p[front:back]
