"""Matrices with a structure: from a few numbers, or from none."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from functorch_lite import numpy as fnp
from functorch_lite.core.array import Array
from functorch_lite.core.dtypes import canonical
from functorch_lite.errors import ShapeError


def _vector(x: Any, fun: str, arg: str, least: int = 0) -> Array:
    found = fnp.asarray(x)
    if found.ndim != 1 or found.shape[0] < least:
        raise ShapeError(
            f"{fun}: {arg} must be a vector of at least {least} elements, got shape {found.shape}."
        )
    return found


def _size(n: Any, fun: str) -> int:
    count = operator.index(n)
    if count < 1:
        raise ValueError(f"{fun}: n must be a positive int, got {n!r}.")
    return count


def block_diag(*arrs: Any) -> Array:
    """Matrices one after the other on the diagonal, zeros elsewhere.

    >>> import numpy as np

    >>> block_diag(np.ones((1, 2)), 3.0).shape
    (2, 3)

    Source: scipy.linalg.block_diag.
    """
    blocks = [fnp.atleast_2d(fnp.asarray(x)) for x in arrs] or [fnp.zeros((1, 0))]
    for x in blocks:
        if x.ndim > 2:
            raise ShapeError(f"block_diag: blocks have at most two dimensions, got {x.shape}.")
    dtype = fnp.result_type(*blocks)
    width, left, rows = sum(x.shape[1] for x in blocks), 0, []
    for x in blocks:
        right = width - left - x.shape[1]
        rows.append(fnp.pad(x.astype(dtype), [(0, 0), (left, right)]))
        left += x.shape[1]
    return fnp.concatenate(rows, axis=0)


def toeplitz(c: Any, r: Any = None) -> Array:
    """Constant diagonals, from the first column and the first row.

    Args:
        c: first column [m].
        r: first row [n], its first element ignored; the conjugate of c by default.

    >>> import numpy as np

    >>> toeplitz(np.array([1, 2]), np.array([1, 3]))
    Array([[1, 3],
           [2, 1]], dtype=int64)

    Source: scipy.linalg.toeplitz.
    """
    column = fnp.ravel(fnp.asarray(c))
    row = fnp.conj(column) if r is None else fnp.ravel(fnp.asarray(r))
    m, n = column.shape[0], row.shape[0]
    if m == 0 or n == 0:
        return fnp.zeros((m, n), fnp.result_type(column, row))
    numbers = fnp.concatenate([fnp.flip(row[1:]), column])
    return numbers[np.arange(m)[:, None] - np.arange(n)[None, :] + n - 1]


def hankel(c: Any, r: Any = None) -> Array:
    """Constant diagonals from the upper right to the lower left.

    Args:
        c: first column [m].
        r: last row [n], its first element ignored; zeros by default.

    >>> import numpy as np

    >>> hankel(np.array([1, 2]))
    Array([[1, 2],
           [2, 0]], dtype=int64)

    Source: scipy.linalg.hankel.
    """
    column = fnp.ravel(fnp.asarray(c))
    row = fnp.zeros_like(column) if r is None else fnp.ravel(fnp.asarray(r))
    m, n = column.shape[0], row.shape[0]
    numbers = fnp.concatenate([column, row[1:]])
    return numbers[np.arange(m)[:, None] + np.arange(n)[None, :]]


def circulant(c: Any) -> Array:
    """Each column the one before it, turned by one.

    >>> import numpy as np

    >>> circulant(np.array([1, 2, 3]))
    Array([[1, 3, 2],
           [2, 1, 3],
           [3, 2, 1]], dtype=int64)

    Source: scipy.linalg.circulant.
    """
    column = fnp.atleast_1d(fnp.asarray(c))
    n = column.shape[-1]
    places = (np.arange(n)[:, None] - np.arange(n)[None, :]) % max(n, 1)
    return fnp.take(column, places, axis=-1)


def companion(a: Any) -> Array:
    """The companion matrix of a polynomial, highest coefficient first.

    >>> import numpy as np

    >>> companion(np.array([1.0, -3.0, 2.0]))
    Array([[ 3., -2.],
           [ 1.,  0.]], dtype=float64)

    Source: scipy.linalg.companion.
    """
    numbers = _vector(a, "companion", "a", 2)
    first = -numbers[1:] / numbers[0]
    n = first.shape[0]
    return fnp.concatenate([first[None], fnp.eye(n - 1, n, dtype=first.dtype)], axis=0)


def fiedler(a: Any) -> Array:
    """The distances of all elements from one another.

    >>> import numpy as np

    >>> fiedler(np.array([1, 4]))
    Array([[0, 3],
           [3, 0]], dtype=int64)

    Source: scipy.linalg.fiedler.
    """
    numbers = fnp.atleast_1d(fnp.asarray(a))
    return fnp.abs(numbers[..., :, None] - numbers[..., None, :])


def fiedler_companion(a: Any) -> Array:
    """A companion matrix with five diagonals; highest coefficient first.

    >>> import numpy as np

    >>> fiedler_companion(np.array([1.0, -3.0, 2.0])).shape
    (2, 2)

    Source: scipy.linalg.fiedler_companion.
    """
    numbers = _vector(a, "fiedler_companion", "a", 2)
    numbers = numbers / numbers[0]
    n = numbers.shape[0] - 1
    if n == 1:
        return -numbers[1:][None]
    out = fnp.zeros((n, n), numbers.dtype)
    at = np.arange
    out = out.at[0, 0].set(-numbers[1]).at[at(2, n, 2), at(1, n - 1, 2)].set(-numbers[3::2])
    out = out.at[at(0, n - 1, 2), at(1, n, 2)].set(-numbers[2::2])
    out = out.at[at(0, n - 2, 2), at(2, n, 2)].set(1).at[at(3, n, 2), at(1, n - 2, 2)].set(1)
    return out.at[1, 0].set(1)


def leslie(f: Any, s: Any) -> Array:
    """The matrix of a growing population, from fecundities [n] and rates of survival [n - 1].

    >>> import numpy as np

    >>> leslie(np.array([0.1, 2.0]), np.array([0.5]))
    Array([[0.1, 2. ],
           [0.5, 0. ]], dtype=float64)

    Source: scipy.linalg.leslie.
    """
    first, rates = _vector(f, "leslie", "f", 2), _vector(s, "leslie", "s", 1)
    if rates.shape[0] != first.shape[0] - 1:
        raise ShapeError(
            f"leslie: s must be one shorter than f, got lengths {rates.shape[0]} and "
            f"{first.shape[0]}."
        )
    dtype = fnp.result_type(first, rates)
    below = fnp.diag(rates.astype(dtype))
    return fnp.concatenate([first.astype(dtype)[None], fnp.pad(below, [(0, 0), (0, 1)])], axis=0)


def convolution_matrix(a: Any, n: int, mode: str = "full") -> Array:
    """The matrix A for which ``A @ v`` is the convolution of a and v.

    Args:
        a: vector [m].
        n: the length of v.
        mode: ``"full"``, ``"same"`` or ``"valid"``, as of ``numpy.convolve``.

    >>> import numpy as np

    >>> convolution_matrix(np.array([1, 2]), 2)
    Array([[1, 0],
           [2, 1],
           [0, 2]], dtype=int64)

    Source: scipy.linalg.convolution_matrix.
    """
    numbers, count = _vector(a, "convolution_matrix", "a", 1), _size(n, "convolution_matrix")
    if mode not in ("full", "same", "valid"):
        raise ValueError(
            f"convolution_matrix: mode must be 'full', 'same' or 'valid', got {mode!r}."
        )
    m = numbers.shape[0]
    whole = toeplitz(fnp.pad(numbers, (0, count - 1)), fnp.pad(numbers[:1], (0, count - 1)))
    if mode == "full":
        return whole
    if mode == "same":
        first = (min(count, m) - 1) // 2
        return whole[first : first + max(count, m)]
    first = min(count, m) - 1
    return whole[first : first + max(count, m) - min(count, m) + 1]


# ------------------------------------------------------------------------------- from a size alone
def _fixed(found: Any, dtype: Any = None) -> Array:
    return fnp.asarray(found, dtype=None if dtype is None else canonical(dtype))


def dft(n: int, scale: str | None = None, *, dtype: Any = None) -> Array:
    """The matrix of the discrete Fourier transform.

    Args:
        n: its size.
        scale: None, ``"sqrtn"`` (unitary) or ``"n"``.
        dtype: complex128 by default.

    >>> dft(2).real
    Array([[ 1.,  1.],
           [ 1., -1.]], dtype=float64)

    Source: scipy.linalg.dft.
    """
    from scipy.linalg import dft as made

    return _fixed(made(_size(n, "dft"), scale), dtype)


def hadamard(n: int, dtype: Any = int) -> Array:
    """Hadamard's matrix of 1 and -1 with orthogonal rows; n is a power of two.

    >>> hadamard(2)
    Array([[ 1,  1],
           [ 1, -1]], dtype=int64)

    Source: scipy.linalg.hadamard.
    """
    from scipy.linalg import hadamard as made

    return _fixed(made(_size(n, "hadamard")), dtype)


def helmert(n: int, full: bool = False) -> Array:
    """Helmert's matrix of orthonormal contrasts, [n - 1, n], or [n, n] if ``full``.

    >>> helmert(3).shape
    (2, 3)

    Source: scipy.linalg.helmert.
    """
    from scipy.linalg import helmert as made

    return _fixed(made(_size(n, "helmert"), full))


def hilbert(n: int) -> Array:
    """Hilbert's matrix, 1 / (i + j + 1).

    >>> hilbert(2)
    Array([[1.        , 0.5       ],
           [0.5       , 0.33333333]], dtype=float64)

    Source: scipy.linalg.hilbert.
    """
    places = np.arange(_size(n, "hilbert"))
    return _fixed(1.0 / (places[:, None] + places[None, :] + 1))


def invhilbert(n: int) -> Array:
    """The inverse of Hilbert's matrix, which is made of integers, as float64.

    >>> invhilbert(2)
    Array([[ 4., -6.],
           [-6., 12.]], dtype=float64)

    Source: scipy.linalg.invhilbert.
    """
    from scipy.linalg import invhilbert as made

    return _fixed(made(_size(n, "invhilbert")))


def pascal(n: int, kind: str | None = None) -> Array:
    """Pascal's triangle in a matrix: ``"symmetric"`` (by default), ``"lower"`` or ``"upper"``.

    >>> pascal(3, "lower")
    Array([[1., 0., 0.],
           [1., 1., 0.],
           [1., 2., 1.]], dtype=float32)

    Source: scipy.linalg.pascal, in float32 as in jax.scipy.linalg.
    """
    from scipy.linalg import pascal as made

    return _fixed(made(_size(n, "pascal"), kind or "symmetric").astype(np.float64), "float32")


def invpascal(n: int, kind: str | None = None) -> Array:
    """The inverse of :func:`pascal`.

    >>> invpascal(2, "lower")
    Array([[ 1.,  0.],
           [-1.,  1.]], dtype=float32)

    Source: scipy.linalg.invpascal, in float32 as in jax.scipy.linalg.
    """
    from scipy.linalg import invpascal as made

    return _fixed(made(_size(n, "invpascal"), kind or "symmetric").astype(np.float64), "float32")
