"""jax.scipy.linalg's functions: ``functorch_lite.scipy.linalg``.

As in ``functorch_lite.numpy.linalg``, values raise no errors. The arguments ``overwrite_*``,
``check_finite``, ``debug`` and ``lapack_driver`` are accepted for SciPy's sake and change nothing.

>>> from functorch_lite import numpy as fnp
>>> from functorch_lite.scipy import linalg
>>> linalg.cholesky(fnp.array([[4.0]]))
Array([[2.]], dtype=float32)
"""

from __future__ import annotations

from typing import Any

from functorch_lite import numpy as fnp
from functorch_lite import ops
from functorch_lite.core.array import Array
from functorch_lite.core.op import allocating_beside
from functorch_lite.errors import ShapeError
from functorch_lite.lax import linalg as lax_linalg
from functorch_lite.numpy.linalg_parts import (
    adjoint,
    conj,
    hermitian_of,
    identity_like,
    matrices,
    matrix_pair,
    part,
)
from functorch_lite.ops.matrix import hermitian_from_lower
from functorch_lite.scipy.linalg_functions import (
    expm,
    expm_frechet,
    funm,
    polar,
    rsf2csf,
    schur,
    solve_sylvester,
    sqrtm,
)
from functorch_lite.scipy.linalg_matrices import (
    block_diag,
    circulant,
    companion,
    convolution_matrix,
    dft,
    fiedler,
    fiedler_companion,
    hadamard,
    hankel,
    helmert,
    hilbert,
    invhilbert,
    invpascal,
    leslie,
    pascal,
    toeplitz,
)

__all__ = [
    "block_diag", "cho_factor", "cho_solve", "cholesky", "circulant", "companion",
    "convolution_matrix", "det", "dft", "eigh", "eigh_tridiagonal", "expm", "expm_frechet",
    "fiedler", "fiedler_companion", "funm", "hadamard", "hankel", "helmert", "hessenberg",
    "hilbert", "inv", "invhilbert", "invpascal", "leslie", "lu", "lu_factor", "lu_solve", "pascal",
    "polar", "qr", "qr_multiply", "rsf2csf", "schur", "solve", "solve_sylvester",
    "solve_triangular", "sqrtm", "svd", "toeplitz",
]  # fmt: skip


def det(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Array:
    """Determinants [...] of matrices [..., n, n].

    >>> import numpy as np

    >>> det(2.0 * np.eye(2))
    Array(4., dtype=float64)
    """
    return fnp.linalg.det(a)


def inv(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Array:
    """Inverses of matrices [..., n, n]; infinities and NaN where they are singular.

    >>> import numpy as np

    >>> inv(2.0 * np.eye(1))
    Array([[0.5]], dtype=float64)
    """
    return fnp.linalg.inv(a)


# ------------------------------------------------------------------------------ positive definite
def cholesky(
    a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True
) -> Array:
    """Triangular factor, upper by default, of the Hermitian matrix in that triangle of a.

    Args:
        a: array [..., n, n].
        lower: which triangle is read and returned.

    Returns:
        U with ``a = Uᴴ U``, or L with ``a = L Lᴴ``; NaN where a is not positive definite.

    >>> import numpy as np

    >>> cholesky(np.array([[4.0, 2.0], [2.0, 5.0]]))
    Array([[2., 1.],
           [0., 2.]], dtype=float64)
    """
    factor = ops.cholesky(hermitian_of(matrices(a, "cholesky", square=True), lower))
    return factor if lower else adjoint(factor)


def cho_factor(
    a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True
) -> tuple[Array, bool]:
    """:func:`cholesky`, as the pair that :func:`cho_solve` takes.

    >>> import numpy as np

    >>> cho_factor(np.array([[4.0]]))
    (Array([[2.]], dtype=float64), False)
    """
    return cholesky(a, lower), lower


def cho_solve(
    c_and_lower: tuple[Any, bool], b: Any, overwrite_b: bool = False, check_finite: bool = True
) -> Array:
    """The x with ``a x = b``, from a's factor.

    Args:
        c_and_lower: what :func:`cho_factor` returned.
        b: array [n] or [..., n, k].

    >>> import numpy as np

    >>> cho_solve(cho_factor(np.array([[4.0]])), np.array([2.0]))
    Array([0.5], dtype=float64)
    """
    c, lower = c_and_lower
    first = solve_triangular(c, b, trans="N" if lower else "C", lower=lower)
    return solve_triangular(c, first, trans="C" if lower else "N", lower=lower)


# ----------------------------------------------------------------------------------------- systems
def solve(
    a: Any,
    b: Any,
    lower: bool = False,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    debug: bool = False,
    check_finite: bool = True,
    assume_a: str = "gen",
) -> Array:
    """The x with ``a x = b``.

    Args:
        a: array [..., n, n].
        b: array [n] or [..., n, k].
        lower: which triangle is read where ``assume_a="pos"``.
        assume_a: ``"pos"`` takes Cholesky's factorization; ``"gen"``, ``"sym"`` and ``"her"`` LU.

    >>> import numpy as np

    >>> solve(2.0 * np.eye(1), np.ones(1))
    Array([0.5], dtype=float64)
    """
    if assume_a not in ("gen", "sym", "her", "pos"):
        raise ValueError(f"solve: assume_a must be 'gen', 'sym', 'her' or 'pos', got {assume_a!r}.")
    if assume_a == "pos":
        return cho_solve(cho_factor(a, lower), b)
    return fnp.linalg.solve(a, b)


def solve_triangular(
    a: Any,
    b: Any,
    trans: int | str = 0,
    lower: bool = False,
    unit_diagonal: bool = False,
    overwrite_b: bool = False,
    debug: Any = None,
    check_finite: bool = True,
) -> Array:
    """The x with ``op(a) x = b`` for triangular a.

    Args:
        a: array [..., n, n], of which one triangle is read.
        b: array [n] or [..., n, k].
        trans: 0 or ``"N"`` for a, 1 or ``"T"`` for its transpose, 2 or ``"C"`` for the conjugate.
        lower: which triangle.
        unit_diagonal: take ones for the diagonal.

    >>> import numpy as np

    >>> solve_triangular(np.array([[2.0, 1.0], [0.0, 4.0]]), np.array([4.0, 8.0]))
    Array([1., 2.], dtype=float64)
    """
    ways = {0: (False, False), "N": (False, False), 1: (True, False), "T": (True, False)}
    ways |= {2: (True, True), "C": (True, True)}
    if trans not in ways:
        raise ValueError(
            f"solve_triangular: trans must be 0, 1, 2, 'N', 'T' or 'C', got {trans!r}."
        )
    transpose_a, conjugate_a = ways[trans]
    vector = fnp.ndim(b) == 1
    x, y = matrix_pair(a, fnp.expand_dims(b, -1) if vector else b, "solve_triangular")
    out = ops.triangular_solve(
        x, y, left_side=True, lower=lower, transpose_a=transpose_a,
        conjugate_a=conjugate_a and x.dtype.kind == "c", unit_diagonal=unit_diagonal,
    )  # fmt: skip
    return out[..., 0] if vector else out


# ----------------------------------------------------------------------------------------------- LU
def lu_factor(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> tuple[Array, Array]:
    """LU factorization as LAPACK keeps it: both factors in one matrix, and the row exchanges.

    >>> import numpy as np

    >>> lu_factor(np.array([[0.0, 1.0], [2.0, 0.0]]))[1]
    Array([1, 1], dtype=int32)
    """
    factors, exchanges, _ = ops.lu(matrices(a, "lu_factor"))
    return factors, exchanges


def lu_solve(
    lu_and_piv: tuple[Any, Any],
    b: Any,
    trans: int = 0,
    overwrite_b: bool = False,
    check_finite: bool = True,
) -> Array:
    """The x with ``op(a) x = b``, from the factors of a.

    Args:
        lu_and_piv: what :func:`lu_factor` returned.
        b: array [n] or [..., n, k].
        trans: 0 for a, 1 for its transpose, 2 for the conjugate transpose.

    >>> import numpy as np

    >>> lu_solve(lu_factor(np.array([[0.0, 1.0], [2.0, 0.0]])), np.array([1.0, 2.0]))
    Array([1., 1.], dtype=float64)
    """
    factors, exchanges = lu_and_piv
    if trans not in (0, 1, 2):
        raise ValueError(f"lu_solve: trans must be 0, 1 or 2, got {trans!r}.")
    vector = fnp.ndim(b) == 1
    x, y = matrix_pair(factors, fnp.expand_dims(b, -1) if vector else b, "lu_solve")
    order = lax_linalg.lu_pivots_to_permutation(exchanges, x.shape[-1])
    if trans == 0:
        y = solve_triangular(x, _rows(y, order), lower=True, unit_diagonal=True)
        y = solve_triangular(x, y)
    else:
        y = solve_triangular(x, y, trans=trans)
        y = solve_triangular(x, y, trans=trans, lower=True, unit_diagonal=True)
        y = _rows(y, fnp.argsort(order, axis=-1))
    return y[..., 0] if vector else y


def _rows(x: Array, order: Array) -> Array:
    """Rows in another order, one order for each matrix."""
    order = fnp.broadcast_to(order, x.shape[:-1])
    return fnp.take_along_axis(x, fnp.expand_dims(order, -1), -2)


def lu(
    a: Any, permute_l: bool = False, overwrite_a: bool = False, check_finite: bool = True
) -> Any:
    """LU factorization ``a = P L U``.

    Args:
        a: array [..., m, n].
        permute_l: return (P L, U).

    Returns:
        (P, L, U): a real permutation [..., m, m], L [..., m, k] with a unit diagonal, and U.

    >>> import numpy as np

    >>> lu(np.array([[0.0, 1.0], [2.0, 0.0]]))[0]
    Array([[0., 1.],
           [1., 0.]], dtype=float64)
    """
    x = matrices(a, "lu")
    factors, _, order = ops.lu(x)
    k = min(x.shape[-2:])
    eye = identity_like(x, x.shape[-2])
    low = fnp.tril(part(factors, k, -1), -1) + part(eye, k, -1)
    up = fnp.triu(part(factors, k, -2))
    p = fnp.matrix_transpose(_rows(eye, order))
    return (p @ low, up) if permute_l else (fnp.real(p), low, up)


# ----------------------------------------------------------------------------------------------- QR
def qr(
    a: Any,
    overwrite_a: bool = False,
    lwork: Any = None,
    mode: str = "full",
    pivoting: bool = False,
    check_finite: bool = True,
) -> Any:
    """QR factorization ``a = Q R``, or ``a[:, p] = Q R``.

    Args:
        a: array [..., m, n].
        mode: ``"full"``, ``"economic"`` or ``"r"`` (R of the full one alone, in a tuple).
        pivoting: return the order p of the columns, too.

    >>> import numpy as np

    >>> [x.shape for x in qr(np.ones((3, 2)), mode="economic")]
    [(3, 2), (2, 2)]
    """
    if mode not in ("full", "economic", "r"):
        raise ValueError(f"qr: mode must be 'full', 'economic' or 'r', got {mode!r}.")
    x = matrices(a, "qr")
    q, *rest = lax_linalg.qr(x, pivoting=pivoting, full_matrices=mode != "economic")
    return tuple(rest) if mode == "r" else (q, *rest)


def qr_multiply(
    a: Any,
    c: Any,
    mode: str = "right",
    pivoting: bool = False,
    conjugate: bool = False,
    overwrite_a: bool = False,
    overwrite_c: bool = False,
) -> Any:
    """The economic Q of a matrix times another one, and R.

    Args:
        a: array [m, n].
        c: array [p, m] for ``"right"``, [k, p] for ``"left"``; or a vector.
        mode: ``"right"`` gives ``c Q``, ``"left"`` gives ``Q c``.
        pivoting: return the order of the columns, too.
        conjugate: take the conjugate of Q.

    >>> import numpy as np

    >>> qr_multiply(np.eye(2), np.ones((1, 2)))[0].shape
    (1, 2)
    """
    if mode not in ("left", "right"):
        raise ValueError(f"qr_multiply: mode must be 'left' or 'right', got {mode!r}.")
    x, y = fnp.asarray(a), fnp.asarray(c)
    q, *rest = qr(x, mode="economic", pivoting=pivoting)
    q = conj(q) if conjugate else q
    product = y @ q if mode == "right" else q @ y
    return (product, *rest)


# ------------------------------------------------------------------------------------------ spectra
def svd(
    a: Any,
    full_matrices: bool = True,
    compute_uv: bool = True,
    overwrite_a: bool = False,
    check_finite: bool = True,
    lapack_driver: str = "gesdd",
) -> Any:
    """Singular values and vectors, (U, s, Vh) or s; as ``numpy.linalg.svd``.

    >>> import numpy as np

    >>> svd(2.0 * np.eye(1), compute_uv=False)
    Array([2.], dtype=float64)
    """
    found = fnp.linalg.svd(a, full_matrices, compute_uv)
    return tuple(found) if compute_uv else found


def eigh(
    a: Any,
    b: Any = None,
    lower: bool = True,
    eigvals_only: bool = False,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    turbo: bool = True,
    eigvals: tuple[int, int] | None = None,
    type: int = 1,
    check_finite: bool = True,
) -> Any:
    """Eigenvalues and eigenvectors of a Hermitian matrix, or of a pair of them.

    Args:
        a: array [..., n, n].
        b: None, or a positive definite array [..., n, n].
        lower: the triangle that is read.
        eigvals_only: return no vectors.
        eigvals: None, or the first and last index of the eigenvalues to return.
        type: 1 for ``a v = w b v``, 2 for ``a b v = w v``, 3 for ``b a v = w v``.

    Returns:
        ascending eigenvalues, and eigenvectors as columns: orthonormal, or with ``vᴴ b v``
        an identity (type 3: ``vᴴ b⁻¹ v``).

    >>> import numpy as np

    >>> eigh(2.0 * np.eye(1), 4.0 * np.eye(1), eigvals_only=True)
    Array([0.5], dtype=float64)
    """
    if type not in (1, 2, 3):
        raise ValueError(f"eigh: type must be 1, 2 or 3, got {type!r}.")
    if b is None:
        x = hermitian_of(matrices(a, "eigh", square=True), lower)
        return _among(ops.eigh(x, vectors=not eigvals_only), eigvals, "eigh", "eigvals")
    x, y = matrix_pair(a, b, "eigh")
    if x.shape != y.shape:
        raise ShapeError(f"eigh: a and b must have one shape, got {x.shape} and {y.shape}.")
    factor = ops.cholesky(hermitian_of(y, lower))
    with allocating_beside((x,)):
        x = hermitian_from_lower(hermitian_of(x, lower))
    if type == 1:
        half = solve_triangular(factor, x, lower=True)
        inside = solve_triangular(factor, adjoint(half), lower=True)
    else:
        inside = adjoint(factor) @ x @ factor
    found = _among(ops.eigh(inside, vectors=not eigvals_only), eigvals, "eigh", "eigvals")
    if eigvals_only:
        return found
    w, v = found
    return w, factor @ v if type == 3 else solve_triangular(factor, v, trans="C", lower=True)


def _among(found: Any, which: Any, fun: str, arg: str) -> Any:
    """Eigenvalues, and vectors if there are any: those in a range of indices, or all."""
    if which is not None:
        (first, last), n = map(int, which), found[0].shape[-1]
        if not 0 <= first <= last < n:
            raise ValueError(f"{fun}: expected 0 <= {arg}[0] <= {arg}[1] < {n}; got {which}.")
        found = [part(y, last + 1, -1, first) for y in found]
    return tuple(found) if len(found) > 1 else found[0]


def eigh_tridiagonal(
    d: Any,
    e: Any,
    *,
    eigvals_only: bool = False,
    select: str = "a",
    select_range: tuple[float, float] | None = None,
    tol: float | None = None,
    key: Any = None,
) -> Any:
    """Eigenvalues and eigenvectors of a Hermitian tridiagonal matrix.

    Args:
        d: real diagonal [n].
        e: diagonal below it [n - 1].
        eigvals_only: return no vectors.
        select: ``"a"`` for all of them, ``"i"`` for those with an index in ``select_range``, both
            ends included; a range of values would make the shape depend on them.
        select_range: first and last index.
        tol, key: accepted for JAX's sake; the dense solver is used.

    >>> import numpy as np

    >>> eigh_tridiagonal(np.array([2.0, 1.0]), np.zeros(1), eigvals_only=True)
    Array([1., 2.], dtype=float64)
    """
    if select == "v":
        raise NotImplementedError(
            "eigh_tridiagonal: select='v' would make the shape of the results depend on values, "
            "which no compiled program can. Remedy: take all, and a mask of those in the range."
        )
    if select not in ("a", "i"):
        raise ValueError(f"eigh_tridiagonal: select must be 'a' or 'i', got {select!r}.")
    if select == "i" and select_range is None:
        raise ValueError("eigh_tridiagonal: select='i' needs a select_range.")
    x, y = fnp.asarray(d), fnp.asarray(e)
    if x.ndim != 1 or y.shape != (max(x.shape[0] - 1, 0),):
        raise ShapeError(
            f"eigh_tridiagonal: d must have shape [n] and e [n - 1]; got {x.shape} and {y.shape}."
        )
    dense = fnp.diag(x).astype(fnp.result_type(x, y)) + fnp.diag(y, -1)
    found = ops.eigh(matrices(dense, "eigh_tridiagonal"), vectors=not eigvals_only)
    which = select_range if select == "i" else None
    return _among(found, which, "eigh_tridiagonal", "select_range")


def hessenberg(
    a: Any, *, calc_q: bool = False, overwrite_a: bool = False, check_finite: bool = True
) -> Any:
    """Hessenberg form ``a = Q H Qᴴ``: H, or (H, Q). Without derivative.

    >>> import numpy as np

    >>> hessenberg(np.ones((2, 2)))
    Array([[1., 1.],
           [1., 1.]], dtype=float64)
    """
    x = matrices(a, "hessenberg", square=True)
    packed, scales = ops.hessenberg(x)
    h = fnp.triu(packed, -1)
    if not calc_q:
        return h
    n = x.shape[-1]
    if n < 2:
        return h, identity_like(x, n)
    inner = lax_linalg.householder_product(packed[..., 1:, :-1], scales)
    rest = [(0, 0)] * (x.ndim - 2)
    q = fnp.pad(inner, [*rest, (1, 0), (1, 0)])
    corner = fnp.pad(identity_like(x, 1), [*rest, (0, n - 1), (0, n - 1)])
    return h, q + corner
