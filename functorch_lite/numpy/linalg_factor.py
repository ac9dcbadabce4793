"""Factorizations: Cholesky's, QR, eigenvalues, singular values."""

from __future__ import annotations

from typing import Any, NamedTuple

from functorch_lite import ops
from functorch_lite.core.array import Array
from functorch_lite.errors import ShapeError
from functorch_lite.numpy.convert import cast
from functorch_lite.numpy.elementwise import absolute
from functorch_lite.numpy.linalg_parts import adjoint, hermitian_of, hermitian_part, matrices, part
from functorch_lite.numpy.selection import take_along_axis
from functorch_lite.numpy.shapes import expand_dims, flip
from functorch_lite.numpy.sorting import argsort


class QRResult(NamedTuple):
    """The factors of a matrix, ``Q`` unitary and ``R`` upper triangular."""

    Q: Array
    R: Array


class SVDResult(NamedTuple):
    """Singular vectors ``U`` (columns) and ``Vh`` (conjugated rows), singular values ``S``."""

    U: Array
    S: Array
    Vh: Array


class EigResult(NamedTuple):
    """Eigenvalues, and eigenvectors as columns."""

    eigenvalues: Array
    eigenvectors: Array


class EighResult(NamedTuple):
    """Ascending eigenvalues, and orthonormal eigenvectors as columns."""

    eigenvalues: Array
    eigenvectors: Array


def cholesky(a: Any, *, upper: bool = False, symmetrize_input: bool = True) -> Array:
    """Triangular factor of a positive definite matrix: ``a = L Lᴴ``, or ``a = Uᴴ U``.

    Args:
        a: array [..., n, n], float32, float64, complex64 or complex128.
        upper: return U instead of L.
        symmetrize_input: factor (a + aᴴ) / 2; otherwise only the triangle that is returned is read.

    Returns:
        array [..., n, n], zero on the other side of the diagonal. A matrix that is not positive
        definite gives NaN; no value is an error.

    Raises:
        ShapeError, DtypeError: a is not square, or of another dtype.

    >>> import numpy as np

    >>> cholesky(np.array([[4.0, 2.0], [2.0, 5.0]]))
    Array([[2., 0.],
           [1., 2.]], dtype=float64)

    Source: numpy.linalg.cholesky, jax.numpy.linalg.cholesky.
    """
    x = matrices(a, "cholesky", square=True)
    x = hermitian_part(x) if symmetrize_input else hermitian_of(x, lower=not upper)
    factor = ops.cholesky(x)
    return adjoint(factor) if upper else factor


def qr(a: Any, mode: str = "reduced") -> Any:
    """Orthonormal columns times an upper triangle: ``a = Q R``.

    Args:
        a: array [..., m, n].
        mode: ``"reduced"``, k = min(m, n); ``"complete"``, k = m, which has a derivative only for
            m <= n; ``"r"``, R of the reduced form alone.

    Returns:
        ``QRResult`` of arrays [..., m, k] and [..., k, n]; or R.

    Raises:
        ValueError: another mode; NumPy's ``"raw"``, LAPACK's packed form, is not among them.

    >>> import numpy as np

    >>> np.abs(np.asarray(qr(np.array([[3.0], [4.0]])).R))
    array([[5.]])

    Source: numpy.linalg.qr.
    """
    if mode not in ("reduced", "complete", "r"):
        raise ValueError(f"qr: mode must be 'reduced', 'complete' or 'r', got {mode!r}.")
    q, r = ops.qr(matrices(a, "qr"), full_matrices=mode == "complete")
    return r if mode == "r" else QRResult(q, r)


# ------------------------------------------------------------------------------------- eigenvalues
def _triangle(a: Any, UPLO: str | None, symmetrize_input: bool, fun: str) -> Array:
    if UPLO not in (None, "L", "U"):
        raise ValueError(f"{fun}: UPLO must be 'L', 'U' or None, got {UPLO!r}.")
    x = matrices(a, fun, square=True)
    return hermitian_part(x) if symmetrize_input else hermitian_of(x, lower=UPLO != "U")


def eigh(a: Any, UPLO: str | None = None, symmetrize_input: bool = True) -> EighResult:
    """Eigenvalues and eigenvectors of a Hermitian (real symmetric) matrix.

    Args:
        a: array [..., n, n].
        UPLO: the triangle that is read, ``"L"`` (by default) or ``"U"``, if not symmetrized.
        symmetrize_input: decompose (a + aᴴ) / 2.

    Returns:
        ``EighResult``: ascending real eigenvalues [..., n], eigenvectors [..., n, n] as columns.
        NaN where a holds NaN or infinities. Between eigenvalues that are equal the derivative of
        the eigenvectors is infinite or NaN; that of eigenvalues and of their sums is finite.

    >>> import numpy as np

    >>> eigh(np.array([[2.0, 0.0], [0.0, 1.0]])).eigenvalues
    Array([1., 2.], dtype=float64)

    Source: numpy.linalg.eigh, jax.numpy.linalg.eigh.
    """
    return EighResult(*ops.eigh(_triangle(a, UPLO, symmetrize_input, "eigh"), vectors=True))


def eigvalsh(a: Any, UPLO: str | None = "L", *, symmetrize_input: bool = True) -> Array:
    """Ascending eigenvalues of a Hermitian matrix; arguments as of :func:`eigh`.

    >>> import numpy as np

    >>> eigvalsh(np.eye(2))
    Array([1., 1.], dtype=float64)
    """
    (w,) = ops.eigh(_triangle(a, UPLO, symmetrize_input, "eigvalsh"), vectors=False)
    return w


def eig(a: Any) -> EigResult:
    """Eigenvalues and right eigenvectors of a square matrix, always complex.

    Args:
        a: array [..., n, n].

    Returns:
        ``EigResult``: eigenvalues [..., n] in no particular order, eigenvectors [..., n, n] of
        length one as columns.

    >>> import numpy as np

    >>> eig(np.array([[0.0, 1.0], [-1.0, 0.0]])).eigenvalues
    Array([0.+1.j, 0.-1.j], dtype=complex128)

    Source: jax.numpy.linalg.eig.
    """
    return EigResult(*ops.eig(matrices(a, "eig", square=True), left=False, right=True))


def eigvals(a: Any) -> Array:
    """Eigenvalues of a square matrix, always complex, in no particular order.

    >>> import numpy as np

    >>> eigvals(np.array([[1.0, 2.0], [0.0, 3.0]]))
    Array([1.+0.j, 3.+0.j], dtype=complex128)
    """
    (w,) = ops.eig(matrices(a, "eigvals", square=True), left=False, right=False)
    return w


# ---------------------------------------------------------------------------------- singular values
def svd(
    a: Any,
    full_matrices: bool = True,
    compute_uv: bool = True,
    hermitian: bool = False,
    subset_by_index: tuple[int, int] | None = None,
) -> Any:
    """Singular values and vectors: ``a = U diag(S) Vh``.

    Args:
        a: array [..., m, n].
        full_matrices: return all m and n vectors, not only the first k = min(m, n). Without
            derivative where m != n.
        compute_uv: return the vectors, too.
        hermitian: a is Hermitian, and decomposed by :func:`eigh`.
        subset_by_index: first and last + 1 of the singular values to return.

    Returns:
        ``SVDResult`` of U [..., m, k], S [..., k] (descending) and Vh [..., k, n]; or S.

    Raises:
        ShapeError: hermitian for a matrix that is not square, or a subset outside the range.
        ValueError: a subset of full matrices.

    >>> import numpy as np

    >>> svd(np.array([[3.0, 0.0], [0.0, 4.0]]), compute_uv=False)
    Array([4., 3.], dtype=float64)

    Source: numpy.linalg.svd, jax.numpy.linalg.svd.
    """
    x = matrices(a, "svd", square=hermitian)
    k = min(x.shape[-2:])
    first, last = subset_by_index or (0, k)
    if not 0 <= first < last <= k and subset_by_index is not None:
        raise ShapeError(
            f"svd: subset_by_index={subset_by_index} must satisfy 0 <= first < last <= {k}, the "
            "number of singular values."
        )
    if subset_by_index is not None and full_matrices and compute_uv:
        raise ValueError("svd: subset_by_index needs full_matrices=False.")
    if hermitian:
        found = _hermitian_svd(x, compute_uv)
    else:
        found = ops.svd(x, full_matrices=full_matrices, vectors=compute_uv)
    if not compute_uv:
        return found[0] if subset_by_index is None else part(found[0], last, -1, first)
    u, s, vh = found
    if subset_by_index is not None:
        u, s, vh = part(u, last, -1, first), part(s, last, -1, first), part(vh, last, -2, first)
    return SVDResult(u, s, vh)


def _hermitian_svd(x: Array, vectors: bool) -> tuple[Array, ...]:
    found = ops.eigh(hermitian_part(x), vectors=vectors)
    w = found[0]
    order = flip(argsort(absolute(w), axis=-1), -1)
    w = take_along_axis(w, order, -1)
    if not vectors:
        return (absolute(w),)
    v = take_along_axis(found[1], expand_dims(order, -2), -1)
    signs = cast(ops.select(ops.lt(w, ops.zeros_like(w)), ops.neg(ops.ones_like(w)),
                            ops.ones_like(w)), v.dtype)  # fmt: skip
    return v, absolute(w), adjoint(ops.mul(v, expand_dims(signs, -2)))


def svdvals(x: Any, /) -> Array:
    """Descending singular values [..., k] of matrices [..., m, n].

    >>> import numpy as np

    >>> svdvals(np.array([[3.0, 0.0], [0.0, 4.0]]))
    Array([4., 3.], dtype=float64)
    """
    return ops.svd(matrices(x, "svdvals", "x"), full_matrices=False, vectors=False)[0]
