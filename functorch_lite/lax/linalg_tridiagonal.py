"""jax.lax.linalg's names for tridiagonal matrices, and its enums of ways to decompose."""

from __future__ import annotations

import enum
from typing import Any

from functorch_lite import ops
from functorch_lite.core.array import Array
from functorch_lite.numpy.convert import as_array

__all__ = [
    "EigImplementation",
    "EighImplementation",
    "SvdAlgorithm",
    "tridiagonal",
    "tridiagonal_solve",
]


class EigImplementation(enum.Enum):
    """Libraries for :func:`eig`; LAPACK computes it here, whichever is asked for.

    >>> EigImplementation("lapack")
    <EigImplementation.LAPACK: 'lapack'>
    """

    CUSOLVER = "cusolver"
    MAGMA = "magma"
    LAPACK = "lapack"


class EighImplementation(enum.Enum):
    """Algorithms for :func:`eigh`; LAPACK's divide and conquer serves here for all of them.

    >>> EighImplementation("qr")
    <EighImplementation.QR: 'qr'>
    """

    QR = "qr"
    JACOBI = "jacobi"
    QDWH = "qdwh"


class SvdAlgorithm(enum.Enum):
    """Algorithms for :func:`svd`; LAPACK's divide and conquer serves here for all of them.

    >>> SvdAlgorithm("default")
    <SvdAlgorithm.DEFAULT: 'default'>
    """

    DEFAULT = "default"
    QR = "QR"
    JACOBI = "Jacobi"
    POLAR = "polar"
    DIVIDE_AND_CONQUER = "divide_and_conquer"


def tridiagonal_solve(dl: Any, d: Any, du: Any, b: Any, *, perturb_singular: bool = False) -> Array:
    """The x with ``a x = b``, for a matrix that is zero but for three diagonals.

    Args:
        dl: array [..., n], the diagonal below: ``dl[i] = a[i, i - 1]``; its first entry counts for
            nothing.
        d: array [..., n], the diagonal.
        du: array [..., n], the diagonal above: ``du[i] = a[i, i + 1]``; its last entry counts for
            nothing.
        b: array [..., n, k] of the same dtype.
        perturb_singular: replace pivots that are zero, or nearly so, by small numbers.

    Returns:
        array [..., n, k]; NaN where a pivot is zero. Rows are exchanged where it helps.

    Raises:
        ShapeError: shapes that do not fit.
        DtypeError: other dtypes than float32, float64, complex64 and complex128, or several.

    >>> import numpy as np
    >>> side, b = np.array([0.0, 1.0]), np.ones((2, 1))
    >>> tridiagonal_solve(side, np.array([2.0, 1.0]), side[::-1], b)
    Array([[0.],
           [1.]], dtype=float64)

    Source: ``jax.lax.linalg.tridiagonal_solve``; LAPACK's gttrf and gttrs.
    """
    given = {"dl": dl, "d": d, "du": du, "b": b}
    arrays = [as_array(x, "linalg.tridiagonal_solve", name) for name, x in given.items()]
    return ops.tridiagonal_solve(*arrays, perturb_singular=bool(perturb_singular))


def tridiagonal(a: Any, *, lower: bool = True) -> tuple[Array, Array, Array, Array]:
    """The reduction of Hermitian matrices to tridiagonal ones, in LAPACK's packed form.

    Args:
        a: array [..., n, n].
        lower: the half that is read.

    Returns:
        array [..., n, n] with the three diagonals and, beyond them in the half that was read, the
        reflections; the diagonal [..., n] and the one beside it [..., n - 1], both real; the
        scales of the reflections [..., n - 1]. Without derivative.

    Raises:
        ShapeError: no square matrices.
        DtypeError: other dtypes than float32, float64, complex64 and complex128.

    >>> import numpy as np
    >>> tridiagonal(np.eye(2))[1]
    Array([1., 1.], dtype=float64)

    Source: ``jax.lax.linalg.tridiagonal``; LAPACK's sytrd and hetrd.
    """
    found = ops.tridiagonal(as_array(a, "linalg.tridiagonal", "a"), lower=bool(lower))
    return found[0], found[1], found[2], found[3]
