"""jax.lax.linalg's functions: factorizations under their names and in their order of results.

Operands have one dtype, float32, float64, complex64 or complex128; leading axes are stacks. Values
raise no errors: what has no answer is NaN.

>>> from functorch_lite import lax, numpy as fnp
>>> lax.linalg.cholesky(fnp.array([[4.0]]))
Array([[2.]], dtype=float32)
"""

from __future__ import annotations

from typing import Any

from functorch_lite import ops
from functorch_lite.core.array import Array
from functorch_lite.errors import DtypeError, ShapeError
from functorch_lite.lax.linalg_tridiagonal import (
    EighImplementation,
    EigImplementation,
    SvdAlgorithm,
    tridiagonal,
    tridiagonal_solve,
)
from functorch_lite.numpy.convert import as_array, cast, const, iota
from functorch_lite.numpy.diagonals import diagonal, triu
from functorch_lite.numpy.linalg_basic import matmul
from functorch_lite.numpy.linalg_factor import svd as _svd
from functorch_lite.numpy.linalg_parts import (
    adjoint,
    hermitian_of,
    hermitian_part,
    identity_like,
    part,
)
from functorch_lite.numpy.selection import take_along_axis
from functorch_lite.numpy.shapes import expand_dims, matrix_transpose

__all__ = [
    "EigImplementation", "EighImplementation", "SvdAlgorithm", "cholesky", "cholesky_update", "eig",
    "eigh", "hessenberg", "householder_product", "lu", "lu_pivots_to_permutation", "ormqr", "qdwh",
    "qr", "schur", "svd", "symmetric_product", "triangular_solve", "tridiagonal",
    "tridiagonal_solve",
]  # fmt: skip


def _alike(fun: str, *args: Any) -> list[Array]:
    """Arrays of one dtype; shapes are left to the ops."""
    arrays = [as_array(x, f"linalg.{fun}") for x in args]
    if len({x.dtype for x in arrays}) > 1:
        names = ", ".join(x.dtype.name for x in arrays)
        raise DtypeError(
            f"linalg.{fun}: operands must have one dtype, got {names}. Remedy: "
            "lax.convert_element_type."
        )
    return arrays


# ---------------------------------------------------------------------------------------- triangles
def cholesky(x: Any, *, symmetrize_input: bool = True) -> Array:
    """Lower factor of a positive definite matrix; NaN where it is not.

    Args:
        x: array [..., n, n].
        symmetrize_input: factor (x + xᴴ) / 2; otherwise the lower triangle is read.

    >>> import numpy as np

    >>> cholesky(np.array([[4.0]]))
    Array([[2.]], dtype=float64)

    Source: jax.lax.linalg.cholesky.
    """
    x = as_array(x, "linalg.cholesky")
    return ops.cholesky(hermitian_part(x) if symmetrize_input and x.ndim > 1 else x)


def cholesky_update(r_matrix: Any, w_vector: Any) -> Array:
    """The upper factor of ``rᵀ r + w wᵀ`` from r, with a positive diagonal.

    Args:
        r_matrix: upper triangular array [n, n] of real numbers.
        w_vector: array [n].

    >>> import numpy as np

    >>> cholesky_update(np.eye(1), np.sqrt(3.0) * np.ones(1))
    Array([[2.]], dtype=float64)

    Source: jax.lax.linalg.cholesky_update.
    """
    r, w = _alike("cholesky_update", r_matrix, w_vector)
    if r.ndim != 2 or w.shape != r.shape[:1]:
        raise ShapeError(
            f"linalg.cholesky_update: r_matrix must have shape [n, n] and w_vector [n]; got "
            f"{r.shape} and {w.shape}."
        )
    rows = ops.concatenate(r, expand_dims(w, 0), axis=0)
    factor = ops.qr(rows, full_matrices=False)[1]
    line = diagonal(factor)
    minus, plus = const(-1, line.dtype), const(1, line.dtype)
    signs = ops.select(ops.lt(line, const(0, line.dtype)), minus, plus)
    return ops.mul(factor, expand_dims(signs, -1))


def triangular_solve(
    a: Any,
    b: Any,
    *,
    left_side: bool = False,
    lower: bool = False,
    transpose_a: bool = False,
    conjugate_a: bool = False,
    unit_diagonal: bool = False,
) -> Array:
    """The x with ``op(a) x = b`` (``left_side``) or ``x op(a) = b``, for triangular a.

    Args:
        a: array [..., n, n], of which one triangle is read.
        b: array [..., n, k] or [..., k, n]; or one vector for each matrix, [..., n].
        left_side: whether a stands on the left.
        lower: which triangle.
        transpose_a, conjugate_a: what op does.
        unit_diagonal: take ones for the diagonal.

    >>> import numpy as np

    >>> triangular_solve(2.0 * np.eye(1), np.ones((1, 1)), left_side=True)
    Array([[0.5]], dtype=float64)

    Source: jax.lax.linalg.triangular_solve.
    """
    a, b = _alike("triangular_solve", a, b)
    params = {
        "left_side": left_side, "lower": lower, "transpose_a": transpose_a,
        "conjugate_a": conjugate_a and a.dtype.kind == "c", "unit_diagonal": unit_diagonal,
    }  # fmt: skip
    if b.ndim == a.ndim - 1:
        axis = -1 if left_side else -2
        out = ops.triangular_solve(a, expand_dims(b, axis), **params)
        return ops.reshape(out, shape=b.shape)
    return ops.triangular_solve(a, b, **params)


def lu(x: Any) -> tuple[Array, Array, Array]:
    """LU factorization with row exchanges: ``x[permutation] = L U``.

    Args:
        x: array [..., m, n].

    Returns:
        both factors in one array [..., m, n], L without its diagonal of ones; the exchanges, int32
        [..., min(m, n)]; the permutation, int32 [..., m].

    >>> import numpy as np

    >>> lu(np.array([[0.0, 1.0], [2.0, 0.0]]))[2]
    Array([1, 0], dtype=int32)

    Source: jax.lax.linalg.lu.
    """
    found = ops.lu(as_array(x, "linalg.lu"))
    return found[0], found[1], found[2]


def lu_pivots_to_permutation(pivots: Any, permutation_size: int) -> Array:
    """The permutation that a sequence of row exchanges leads to.

    Args:
        pivots: int32 [..., k]: row i is exchanged with row pivots[i], one after the other.
        permutation_size: the number of rows, at least k.

    Returns:
        array [..., permutation_size] of the dtype of pivots.

    >>> import numpy as np

    >>> lu_pivots_to_permutation(np.array([1, 1], "int32"), 2)
    Array([1, 0], dtype=int32)

    Source: jax.lax.linalg.lu_pivots_to_permutation.
    """
    p = as_array(pivots, "lu_pivots_to_permutation", "pivots")
    count, n = p.shape[-1] if p.ndim else 0, permutation_size
    if count > n:
        raise ShapeError(
            f"lu_pivots_to_permutation: {count} exchanges need a permutation_size of at least "
            f"{count}, got {n}."
        )
    return ops.lu_order(p, rows=n)


# -------------------------------------------------------------------------------------- reflections
def qr(
    x: Any, *, pivoting: bool = False, full_matrices: bool = True, use_magma: bool | None = None
) -> Any:
    """QR factorization: ``x = Q R``, or ``x[:, p] = Q R``.

    Args:
        x: array [..., m, n].
        pivoting: take the columns with the largest remainder first, and return their order p.
        full_matrices: Q has m columns, not min(m, n); without a derivative where m > n.
        use_magma: accepted for JAX's sake.

    Returns:
        (Q, R), or (Q, R, p) with int32 p [..., n].

    >>> import numpy as np

    >>> [y.shape for y in qr(np.ones((3, 2)), full_matrices=False)]
    [(3, 2), (2, 2)]

    Source: jax.lax.linalg.qr.
    """
    del use_magma
    x = as_array(x, "linalg.qr")
    if not pivoting:
        return tuple(ops.qr(x, full_matrices=full_matrices))
    order = ops.column_order(x)
    moved = take_along_axis(x, expand_dims(order, -2), -1)
    return (*ops.qr(moved, full_matrices=full_matrices), order)


def _reflections(a: Any, taus: Any, fun: str) -> tuple[Array, Array]:
    """V and T of the product ``1 - V T Vᴴ`` of reflections that LAPACK keeps in a and taus."""
    a, taus = _alike(fun, a, taus)
    if a.ndim < 2 or taus.ndim < 1:
        raise ShapeError(
            f"linalg.{fun}: a must be a matrix or a stack of matrices, and taus a vector for each; "
            f"got shapes {a.shape} and {taus.shape}. Remedy: a[:, None], taus[None]."
        )
    m, n, k = a.shape[-2], a.shape[-1], taus.shape[-1]
    if taus.shape[:-1] != a.shape[:-2] or k > min(m, n):
        raise ShapeError(
            f"linalg.{fun}: for a of shape {a.shape}, taus must have shape "
            f"{(*a.shape[:-2], f'k <= {min(m, n)}')}; got {taus.shape}."
        )
    v = part(a, k, -1)
    rows = iota(v, shape=(m, k), dtype=const(0, "int64").dtype, axis=0)
    columns = iota(v, shape=(m, k), dtype=rows.dtype, axis=1)
    v = ops.select(ops.gt(rows, columns), v, cast(ops.eq(rows, columns), v.dtype))
    # T = (1 + D S)⁻¹ D with D = diag(taus), S the strict upper triangle of Vᴴ V.
    weights = expand_dims(taus, -1)
    inner = ops.mul(weights, triu(matmul(adjoint(v), v), 1))
    eye = identity_like(inner, k)
    t = ops.triangular_solve(
        ops.add(inner, eye), ops.mul(eye, weights), left_side=True, lower=False,
        transpose_a=False, conjugate_a=False, unit_diagonal=True,
    )  # fmt: skip
    return v, t


def householder_product(a: Any, taus: Any) -> Array:
    """The first n columns of a product of reflections.

    Args:
        a: array [..., m, n], m >= n; the reflections below the diagonal, as LAPACK keeps them.
        taus: array [..., k], their scales, k <= n.

    Returns:
        array [..., m, n] with orthonormal columns.

    >>> import numpy as np

    >>> householder_product(np.zeros((2, 1)), np.array([2.0]))
    Array([[-1.],
           [ 0.]], dtype=float64)

    Source: jax.lax.linalg.householder_product; the form: R. Schreiber, C. Van Loan, "A storage-
    efficient WY representation for products of Householder transformations", 1989.
    """
    v, t = _reflections(a, taus, "householder_product")
    m, n = v.shape[-2], as_array(a, "householder_product", "a").shape[-1]
    left = matmul(t, adjoint(part(v, min(n, m), -2)))
    return ops.sub(part(identity_like(v, m), n, -1), matmul(v, left))


def ormqr(a: Any, taus: Any, c: Any, *, left: bool = True, transpose: bool = False) -> Array:
    """A matrix times the whole product Q of reflections, without forming Q.

    Args:
        a: array [..., m, n]; the reflections, as in :func:`householder_product`.
        taus: array [..., k].
        c: array [..., m, p], or [..., p, m].
        left: Q stands on the left.
        transpose: take Qᴴ.

    >>> import numpy as np

    >>> ormqr(np.zeros((2, 1)), np.array([2.0]), np.ones((2, 1)))
    Array([[-1.],
           [ 1.]], dtype=float64)

    Source: jax.lax.linalg.ormqr.
    """
    v, t = _reflections(a, taus, "ormqr")
    c = as_array(c, "ormqr", "c")
    t = adjoint(t) if transpose else t
    if c.ndim != v.ndim or c.shape[-2 if left else -1] != v.shape[-2]:
        raise ShapeError(
            f"linalg.ormqr: c must have {v.shape[-2]} {'rows' if left else 'columns'} and the "
            f"leading axes of a; got shape {c.shape}."
        )
    if left:
        return ops.sub(c, matmul(v, matmul(t, matmul(adjoint(v), c))))
    return ops.sub(c, matmul(matmul(matmul(c, v), t), adjoint(v)))


def hessenberg(a: Any) -> tuple[Array, Array]:
    """Reduction to Hessenberg form, in LAPACK's packed form: the matrix and the scales.

    Args:
        a: array [..., n, n].

    Returns:
        array [..., n, n]: the upper Hessenberg matrix and, below it, the reflections; and their
        scales [..., n - 1]. Without derivative.

    >>> import numpy as np

    >>> hessenberg(np.eye(3))[1]
    Array([0., 0.], dtype=float64)

    Source: jax.lax.linalg.hessenberg.
    """
    found = ops.hessenberg(as_array(a, "linalg.hessenberg", "a"))
    return found[0], found[1]


# ------------------------------------------------------------------------------------------ spectra
def eigh(
    x: Any,
    *,
    lower: bool = True,
    symmetrize_input: bool = True,
    sort_eigenvalues: bool = True,
    subset_by_index: tuple[int, int] | None = None,
    implementation: Any = None,
) -> tuple[Array, Array]:
    """Eigenvectors and eigenvalues, in this order, of Hermitian matrices.

    Args:
        x: array [..., n, n].
        lower: the triangle that is read, if not symmetrized.
        symmetrize_input: decompose (x + xᴴ) / 2.
        sort_eigenvalues: they are ascending in any case.
        subset_by_index: first and last + 1 of those to return.
        implementation: accepted for JAX's sake.

    Returns:
        (v [..., n, k], w [..., k]).

    >>> import numpy as np

    >>> eigh(np.array([[2.0, 0.0], [0.0, 1.0]]))[1]
    Array([1., 2.], dtype=float64)

    Source: jax.lax.linalg.eigh.
    """
    del sort_eigenvalues, implementation
    x = as_array(x, "linalg.eigh")
    if x.ndim > 1:
        x = hermitian_part(x) if symmetrize_input else hermitian_of(x, lower)
    w, v = ops.eigh(x, vectors=True)
    if subset_by_index is None:
        return v, w
    first, last = subset_by_index
    if not 0 <= first < last <= x.shape[-1]:
        raise ShapeError(
            f"linalg.eigh: subset_by_index={subset_by_index} must satisfy 0 <= first < last <= "
            f"{x.shape[-1]}."
        )
    return part(v, last, -1, first), part(w, last, -1, first)


def eig(
    x: Any,
    *,
    compute_left_eigenvectors: bool = True,
    compute_right_eigenvectors: bool = True,
    enable_eigvec_derivs: bool = False,
    implementation: Any = None,
    use_magma: bool | None = None,
) -> list[Array]:
    """Eigenvalues, and left and right eigenvectors, of square matrices; all complex.

    Args:
        x: array [..., n, n].
        compute_left_eigenvectors: return v with ``vᴴ x = w vᴴ``; without derivative.
        compute_right_eigenvectors: return v with ``x v = v w``.
        enable_eigvec_derivs, implementation, use_magma: accepted for JAX's sake; right eigenvectors
            always have a derivative.

    Returns:
        list of w [..., n] and the vectors asked for, [..., n, n], columns of length one.

    >>> import numpy as np

    >>> len(eig(np.eye(2)))
    3

    Source: jax.lax.linalg.eig.
    """
    del enable_eigvec_derivs, implementation, use_magma
    found = ops.eig(
        as_array(x, "linalg.eig"),
        left=bool(compute_left_eigenvectors),
        right=bool(compute_right_eigenvectors),
    )
    return list(found)


def svd(
    x: Any,
    *,
    full_matrices: bool = True,
    compute_uv: bool = True,
    subset_by_index: tuple[int, int] | None = None,
    algorithm: Any = None,
) -> Any:
    """Singular values and vectors: (u, s, vh), or s; as of ``numpy.linalg.svd``.

    >>> import numpy as np

    >>> svd(np.array([[2.0]]), compute_uv=False)
    Array([2.], dtype=float64)

    Source: jax.lax.linalg.svd.
    """
    del algorithm
    x = as_array(x, "linalg.svd")
    return _svd(x, full_matrices, compute_uv, subset_by_index=subset_by_index)


def schur(
    x: Any,
    *,
    compute_schur_vectors: bool = True,
    sort_eig_vals: bool = False,
    select_callable: Any = None,
) -> Any:
    """Schur's decomposition ``x = Z T Zᴴ``.

    Args:
        x: array [..., n, n].
        compute_schur_vectors: return Z, too.
        sort_eig_vals, select_callable: must be False and None: eigenvalues stay in LAPACK's order,
            as in JAX, which sorts none either.

    Returns:
        (T, Z), or (T,): T is upper triangular, for real x with 2 x 2 blocks for complex pairs. The
        decomposition has no derivative.

    >>> import numpy as np

    >>> schur(np.array([[1.0, 2.0], [0.0, 3.0]]))[0]
    Array([[1., 2.],
           [0., 3.]], dtype=float64)

    Source: jax.lax.linalg.schur.
    """
    if sort_eig_vals or select_callable is not None:
        raise NotImplementedError(
            "linalg.schur: eigenvalues stay in LAPACK's order, as in JAX; expected sort_eig_vals="
            "False and select_callable=None. Remedy: scipy.linalg.schur(x, sort=...) of a NumPy "
            "array."
        )
    return tuple(ops.schur(as_array(x, "linalg.schur"), vectors=bool(compute_schur_vectors)))


def qdwh(
    x: Any,
    *,
    is_hermitian: bool = False,
    max_iterations: int | None = None,
    eps: float | None = None,
    dynamic_shape: tuple[int, int] | None = None,
) -> tuple[Array, Array, Array, Array]:
    """Polar decomposition ``x = u h``: u has orthonormal columns, h is positive semidefinite.

    Args:
        x: array [m, n], m >= n.
        is_hermitian, max_iterations, eps, dynamic_shape: accepted for JAX's sake: the
            decomposition is made of singular vectors, not by iteration.

    Returns:
        u [m, n], h [n, n], the number of iterations (1) and whether they converged (True).

    >>> import numpy as np

    >>> qdwh(-2.0 * np.eye(1))[1]
    Array([[2.]], dtype=float64)

    Source: jax.lax.linalg.qdwh.
    """
    del is_hermitian, max_iterations, eps, dynamic_shape
    a = as_array(x, "linalg.qdwh")
    u, h = ops.polar(a)
    return u, h, const(1, "int32"), const(True, "bool")


def symmetric_product(
    a_matrix: Any,
    c_matrix: Any,
    *,
    alpha: float = 1.0,
    beta: float = 0.0,
    symmetrize_output: bool = False,
) -> Array:
    """``alpha a aᵀ + beta c``.

    Args:
        a_matrix: array [..., n, k].
        c_matrix: symmetric array [..., n, n].
        alpha, beta: numbers.
        symmetrize_output: both triangles are right in any case.

    >>> import numpy as np

    >>> symmetric_product(np.ones((1, 2)), np.ones((1, 1)), beta=1.0)
    Array([[3.]], dtype=float64)

    Source: jax.lax.linalg.symmetric_product.
    """
    del symmetrize_output
    a, c = _alike("symmetric_product", a_matrix, c_matrix)
    product = ops.mul(matmul(a, matrix_transpose(a)), const(alpha, a.dtype))
    return ops.add(product, ops.mul(c, const(beta, c.dtype)))
