"""QR, eigenvalues, singular values, pseudo-inverses and functions of matrices, as in PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite import numpy as fnp
from functorch_lite import ops
from functorch_lite.lax import linalg as lax_linalg
from functorch_lite.numpy.linalg_parts import adjoint, hermitian_part, part
from functorch_lite.ops import lapack
from functorch_lite.torch import return_types
from functorch_lite.torch._core.keeping import keep, keep_result
from functorch_lite.torch._core.node import attach
from functorch_lite.torch._core.op import formula, wants_grad
from functorch_lite.torch._core.public import FUNCTIONS, public
from functorch_lite.torch._core.tensor import Tensor, make
from functorch_lite.torch._ops.linalg_checks import (
    LinAlgError,
    Matrices,
    batch_place,
    by_columns,
    check_dtype,
    check_matrix,
    check_same_dtype,
    check_square,
    finished,
    linalg,
)
from functorch_lite.torch._ops.linalg_systems import inv, is_vector, slope_alone

__all__ = [
    "eig", "eigh", "eigvals", "eigvalsh", "householder_product", "lstsq", "matrix_exp",
    "matrix_power", "matrix_rank", "pinv", "qr", "svd", "svdvals",
]  # fmt: skip


_WIDE = {"f": np.dtype(np.float64), "V": np.dtype(np.float64), "c": np.dtype(np.complex128)}


# ----------------------------------------------------------------------------------------------- QR
_QR = Matrices("LinalgQrBackward0", lambda a, complete: tuple(ops.qr(a, full_matrices=complete)))


@linalg
def qr(A: Tensor, mode: str = "reduced", *, out: Any = None) -> Any:
    """The factors Q and R of ``A = Q R``; for mode ``"r"``, Q has no elements.

    Args:
        mode: ``"reduced"``, ``"complete"`` or ``"r"``.

    Source: ``torch.linalg.qr``.
    """
    check_matrix(A, "linalg.qr")
    check_dtype(A, "linalg.qr", "geqrf_cpu")
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', "
            "or 'complete'"
        )
    q, r = _QR(A, complete=mode == "complete")
    if mode == "r":
        q = make(np.empty((0,), A._np.dtype))
    return finished(return_types.linalg_qr((q, r)), out, exact=True)


@public("qr")
def old_qr(input: Tensor, some: bool = True, *, out: Any = None) -> Any:
    """The factors of ``input = Q R``. Source: ``torch.qr``."""
    made = return_types.qr(tuple(qr(input, "reduced" if some else "complete")))
    return finished(made, out)


@public()
def geqrf(input: Tensor, *, out: Any = None) -> Any:
    """The factors of a QR decomposition as LAPACK keeps them: R over reflections, and their scales.

    Source: ``torch.geqrf``.
    """
    if input._np.ndim < 2:
        raise RuntimeError("torch.geqrf: input must have at least 2 dimensions.")
    check_dtype(input, "torch.geqrf", "geqrf_cpu", whole=True)
    packed, scales = lapack.reflections(input._np)
    a, tau = make(by_columns(packed)), make(scales)
    if wants_grad((input,)):
        node = formula("GeqrfBackward0", (input,), _no_geqrf)
        attach(a, node, 0)
        attach(tau, node, 1)
    return finished(return_types.geqrf((a, tau)), out)


def _no_geqrf(*grads: Any) -> Any:
    raise RuntimeError("the derivative for 'geqrf' is not implemented.")


_HOUSEHOLDER = Matrices(
    "LinalgHouseholderProductBackward0", lambda a, tau: lax_linalg.householder_product(a, tau)
)


@linalg
def householder_product(input: Tensor, tau: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The first columns of a product of reflections.

    Source: ``torch.linalg.householder_product``.
    """
    name = "torch.linalg.householder_product"
    check_matrix(input, name, "input")
    m, n = input._np.shape[-2:]
    if m < n:
        raise RuntimeError(
            f"{name}: input.shape[-2] must be greater than or equal to input.shape[-1]"
        )
    if n < tau._np.shape[-1]:
        raise RuntimeError(
            f"{name}: input.shape[-1] must be greater than or equal to tau.shape[-1]"
        )
    check_dtype(input, name, "orgqr_cpu", whole=True)
    return finished(_HOUSEHOLDER(input, tau), out)


public("orgqr")(householder_product)
_ORMQR = Matrices(
    "OrmqrBackward0",
    lambda a, tau, c, left, transpose: lax_linalg.ormqr(a, tau, c, left=left, transpose=transpose),
)


@public(out=True)
def ormqr(
    input: Tensor, tau: Tensor, other: Tensor, left: bool = True, transpose: bool = False
) -> Tensor:
    """A matrix times a whole product of reflections. Source: ``torch.ormqr``."""
    for word, t in (("input", input), ("other", other)):
        if t._np.ndim < 2:
            raise RuntimeError(f"torch.ormqr: {word} must have at least 2 dimensions.")
    check_dtype(input, "torch.ormqr", "ormqr_cpu", whole=True)
    return _ORMQR(input, tau, other, left=left, transpose=transpose)


# ---------------------------------------------------------------------------------- eigenvalues
def _one_half(a: Any, lower: bool) -> Any:
    """The Hermitian matrix in one half of a, with the gradient of (a + aᴴ) / 2."""
    return _filled(a, lower) + hermitian_part(slope_alone(a))


def _filled(a: Any, lower: bool) -> Any:
    """The same without a gradient."""
    still = ops.stop_gradient(a)
    half = fnp.tril(still, -1) if lower else fnp.triu(still, 1)
    middle = fnp.where(np.eye(a.shape[-1], dtype=bool), fnp.real(still), 0).astype(a.dtype)
    return half + adjoint(half) + middle


_EIGH = Matrices(
    "LinalgEighBackward0", lambda a, lower: tuple(ops.eigh(_one_half(a, lower), vectors=True)), (1,)
)
_EIGVALSH = Matrices(
    "LinalgEighBackward0", lambda a, lower: ops.eigh(_one_half(a, lower), vectors=False)[0], ()
)


def _checked_half(A: Tensor, UPLO: str) -> bool:
    check_square(A, "linalg.eigh")
    if UPLO.upper() not in ("L", "U"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {UPLO}")
    check_dtype(A, "linalg.eigh", "linalg_eigh_cpu", whole=True)
    return UPLO.upper() == "L"


@linalg
def eigh(A: Tensor, UPLO: str = "L", *, out: Any = None) -> Any:
    """Ascending eigenvalues, and eigenvectors, of the Hermitian matrices in one half of A.

    Source: ``torch.linalg.eigh``.
    """
    made = return_types.linalg_eigh(_EIGH(A, lower=_checked_half(A, UPLO)))
    return finished(made, out, exact=True)


@linalg
def eigvalsh(A: Tensor, UPLO: str = "L", *, out: Tensor | None = None) -> Tensor:
    """Ascending eigenvalues of Hermitian matrices. Source: ``torch.linalg.eigvalsh``."""
    return finished(_EIGVALSH(A, lower=_checked_half(A, UPLO)), out, exact=True)


def _eigen(a: Any) -> Any:
    """In double precision, since the gradient divides by differences of eigenvalues."""
    own = np.dtype(a.dtype.char.upper())
    found = ops.eig(a.astype(_WIDE[a.dtype.kind]), left=False, right=True)
    return tuple(x.astype(own) for x in found)


_EIG = Matrices("LinalgEigBackward0", _eigen, (1,))
_EIGVALS = Matrices("LinalgEigBackward0", lambda a: ops.eig(a, left=False, right=False)[0], ())


def _check_eig(A: Tensor) -> None:
    check_square(A, "linalg.eig")
    if not A.dtype.is_floating_point and not A.dtype.is_complex:
        raise RuntimeError(f"Unknown Complex ScalarType for {A.dtype.scalar_name}")
    check_dtype(A, "linalg.eig", "linalg_eig_out_cpu", whole=True)
    if not np.isfinite(A._np).all():
        raise RuntimeError("torch.linalg.eig: input tensor should not contain infs or NaNs.")


@linalg
def eig(A: Tensor, *, out: Any = None) -> Any:
    """Eigenvalues and eigenvectors of square matrices, complex. Source: ``torch.linalg.eig``."""
    _check_eig(A)
    return finished(return_types.linalg_eig(_EIG(A)), out)


@linalg
def eigvals(A: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Eigenvalues of square matrices, complex. Source: ``torch.linalg.eigvals``."""
    _check_eig(A)
    return finished(_EIGVALS(A), out)


# ---------------------------------------------------------------------------------- singular values
def _vectors(a: Any, full: bool) -> tuple[Any, ...]:
    u, s, vh = ops.svd(a, full_matrices=False, vectors=True)
    m, n = a.shape[-2:]
    if full and m != n:
        # The other vectors complete a basis; PyTorch lets no gradient through them.
        all_u, _, all_vh = ops.svd(ops.stop_gradient(a), full_matrices=True, vectors=True)
        u = fnp.concatenate([u, part(all_u, m, -1, min(m, n))], -1)
        vh = fnp.concatenate([vh, part(all_vh, n, -2, min(m, n))], -2)
    return u, s, vh


_SVD = Matrices("LinalgSvdBackward0", _vectors, (0, 2))
_SVDVALS = Matrices(
    "LinalgSvdBackward0", lambda a: ops.svd(a, full_matrices=False, vectors=False)[0], ()
)


def _check_svd(A: Tensor, driver: str | None) -> None:
    check_matrix(A, "linalg.svd")
    check_dtype(A, "linalg.svd", "linalg_svd_cpu")
    if driver is not None:
        raise RuntimeError(
            "torch.linalg.svd: keyword argument `driver=` is only supported on CUDA inputs with "
            "cuSOLVER backend."
        )
    strange = ~np.isfinite(A._np).all((-2, -1))
    code, place = batch_place(np.asarray(strange, np.int32))
    if code:
        raise LinAlgError(
            f"linalg.svd: {place}The algorithm failed to converge because the input matrix "
            "contained non-finite values."
        )


@linalg
def svd(
    A: Tensor, full_matrices: bool = True, *, driver: str | None = None, out: Any = None
) -> Any:
    """Singular vectors U and Vh, and descending singular values S.

    Raises:
        LinAlgError: a matrix holds NaN or infinities.

    Source: ``torch.linalg.svd``.
    """
    _check_svd(A, driver)
    made = return_types.linalg_svd(_SVD(A, full=full_matrices))
    return finished(made, out, exact=True)


@linalg
def svdvals(A: Tensor, *, driver: str | None = None, out: Tensor | None = None) -> Tensor:
    """Descending singular values. Source: ``torch.linalg.svdvals``."""
    _check_svd(A, driver)
    return finished(_SVDVALS(A), out, exact=True)


@public("svd")
def old_svd(input: Tensor, some: bool = True, compute_uv: bool = True, *, out: Any = None) -> Any:
    """Singular vectors U and V, and singular values; vectors of zeros if not asked for.

    Source: ``torch.svd``.
    """
    m, n = input._np.shape[-2:] if input._np.ndim > 1 else (0, 0)
    if compute_uv:
        u, s, vh = svd(input, not some)
        v = vh.mH
    else:
        s = svdvals(input)
        lead, dtype = input._np.shape[:-2], input._np.dtype
        u, v = make(np.zeros((*lead, m, m), dtype)), make(np.zeros((*lead, n, n), dtype))
    return finished(return_types.svd((u, s, v)), out, exact=True)


# ----------------------------------------------------------------------------------- pseudo-inverse
def _tolerances(A: Tensor, atol: Any, rtol: Any, name: str) -> tuple[Any, Any]:
    """Absolute and relative tolerance: numbers, or arrays over the batch."""
    real = np.dtype(A._np.dtype.char.lower())
    if rtol is None:
        none = atol is None or (not isinstance(atol, Tensor) and atol == 0)
        rtol = max(A._np.shape[-2:]) * np.finfo(real).eps if none else 0.0
    values = [t._np if isinstance(t, Tensor) else t for t in (0.0 if atol is None else atol, rtol)]
    if any(np.iscomplexobj(v) for v in values):
        raise RuntimeError(f"{name}: tolerances must not be complex")
    first, second = (np.broadcast_to(np.asarray(v, real), A._np.shape[:-2]) for v in values)
    return first, second


_PINV = Matrices("LinalgPinvBackward0", lambda a, rtol: ops.pinv(a, rtol), ())
_HALF_PINV = Matrices("LinalgPinvBackward0", lambda a, rtol: ops.pinv(_filled(a, True), rtol), ())


def _half_pinv_gradient(g: Any, a: Any, found: Any) -> Any:
    """The gradient that the pseudo-inverse of all of A would have.

    PyTorch puts the whole matrix into its formula, although the result comes from one half.
    """
    other = found.mH
    k = g.mH @ found
    moved = k @ other
    return -(found @ k).mH + moved - (a @ found) @ moved + (other @ found) @ (g.mH - k @ a)


@linalg
def pinv(
    A: Tensor, *, atol: Any = None, rtol: Any = None, hermitian: bool = False,
    out: Tensor | None = None, rcond: Any = None,
) -> Tensor:  # fmt: skip
    """The Moore-Penrose inverse.

    Args:
        atol, rtol: singular values up to ``max(atol, rtol * largest)`` count as zero.
        hermitian: take the Hermitian part of A.

    Source: ``torch.linalg.pinv``.
    """
    if A._np.ndim < 2 or A._np.dtype.char not in "fdFD":
        raise RuntimeError(
            f"linalg.pinv({A.dtype.scalar_name}{{{list(A._np.shape)}}}): expected a tensor "
            "with 2 or more dimensions of float, double, cfloat or cdouble types"
        )
    if hermitian:
        check_square(A, "linalg.eigh")
    check_dtype(A, "linalg.pinv")
    if not hermitian:
        _check_svd(make(A._np), None)
    absolute, relative = _tolerances(A, atol, rtol if rcond is None else rcond, "linalg.pinv")
    plain = make(A._np)
    s = np.abs(eigvalsh(plain)._np) if hermitian else svdvals(plain)._np
    largest = s.max(-1, initial=0)
    with np.errstate(all="ignore"):
        limit = np.maximum(relative, np.where(largest > 0, absolute / largest, 0))
    shaped = fnp.asarray(np.asarray(limit, s.dtype)[..., None, None])
    if not hermitian:
        return finished(_PINV(A, rtol=shaped), out)
    made = _HALF_PINV(A.detach(), rtol=shaped)
    if wants_grad((A,)):
        keep_result(made, keep("LinalgPinvBackward0", (A,), (A,), _half_pinv_gradient))
    return finished(made, out)


@public("pinverse")
def pinverse(input: Tensor, rcond: float = 1e-15) -> Tensor:
    """The Moore-Penrose inverse. Source: ``torch.pinverse``."""
    return pinv(input, rtol=rcond)


@linalg
def matrix_rank(
    A: Tensor, tol: Any = None, *, atol: Any = None, rtol: Any = None, hermitian: bool = False,
    out: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """How many singular values are larger than ``max(atol, rtol * largest)``.

    Source: ``torch.linalg.matrix_rank``.
    """
    check_matrix(A, "torch.linalg.matrix_rank", "input")
    plain = make(A._np)
    if hermitian:
        check_square(A, "torch.linalg.matrix_rank")
        s = np.abs(eigvalsh(plain)._np)
    else:
        s = svdvals(plain)._np
    if tol is not None:
        atol, rtol = tol, 0.0
    absolute, relative = _tolerances(A, atol, rtol, "torch.linalg.matrix_rank")
    limit = np.maximum(absolute, relative * s.max(-1, initial=0))
    return finished(make(np.asarray((s > limit[..., None]).sum(-1), np.int64)), out)


# ------------------------------------------------------------------------------------ least squares
def _least(a: Any, b: Any, rtol: Any, vector: bool, residuals: bool) -> Any:
    """The solution, and sums of squares of what it misses by, or nothing.

    A pseudo-inverse squares the condition in its gradient, so it is computed in double precision.
    """
    own = a.dtype
    a, b = a.astype(_WIDE[own.kind]), b.astype(_WIDE[own.kind])
    columns = b[..., None] if vector else b
    lead = np.broadcast_shapes(a.shape[:-2], columns.shape[:-2])
    a = fnp.broadcast_to(a, (*lead, *a.shape[-2:]))
    found = fnp.matmul(ops.pinv(a, fnp.broadcast_to(rtol, (*lead, 1, 1))), columns)
    missed = fnp.zeros((0,), rtol.dtype)
    if residuals:
        missed = fnp.sum(fnp.abs(fnp.matmul(a, found) - columns) ** 2, -2).astype(rtol.dtype)
    return (found[..., 0] if vector else found).astype(own), missed


_LSTSQ = Matrices("LinalgLstsqBackward0", _least, (0,))


@linalg
def lstsq(A: Tensor, B: Tensor, rcond: Any = None, *, driver: str | None = None) -> Any:
    """The X of least norm that minimises ``|A X - B|``.

    Args:
        A: [*, m, n].
        B: [*, m] or [*, m, k].
        rcond: singular values up to rcond times the largest one count as zero.
        driver: ``"gels"``, ``"gelsy"`` (by default), ``"gelsd"`` or ``"gelss"``: decides which of
            ``rank`` and ``singular_values`` are returned; the computation is the same.

    Source: ``torch.linalg.lstsq``.
    """
    name = "torch.linalg.lstsq"
    if A._np.ndim < 2:
        raise RuntimeError(f"{name}: input must have at least 2 dimensions.")
    if not B._np.ndim:
        raise RuntimeError(f"{name}: other must have at least 1 dimension.")
    driver = "gelsy" if driver is None else driver
    if driver not in ("gels", "gelsy", "gelsd", "gelss"):
        raise RuntimeError(
            f"{name}: parameter `driver` should be one of (gels, gelsy, gelsd, gelss)"
        )
    check_dtype(A, name)
    check_same_dtype(A, B, "linalg.lstsq")
    vector = is_vector(A, B)
    if A._np.shape[-2] != B._np.shape[-1 if vector else -2]:
        raise RuntimeError(
            f"{name}: input.size(-2) should match other.size({-1 if vector else -2})"
        )
    m, n = A._np.shape[-2:]
    real = np.dtype(A._np.dtype.char.lower())
    tolerance = max(m, n) * np.finfo(real).eps if rcond is None or rcond < 0 else rcond
    shaped = fnp.asarray(np.full((*A._np.shape[:-2], 1, 1), tolerance, real))
    s = svdvals(make(A._np))._np
    ranks = (s > tolerance * s.max(-1, initial=0)[..., None]).sum(-1)
    full = m > n and driver != "gelsy" and bool((ranks == n).all())
    found, residuals = _LSTSQ(A, B, rtol=shaped, vector=vector, residuals=full)
    rank = make(np.empty((0,), np.int64) if driver == "gels" else np.asarray(ranks, np.int64))
    values = make(np.asarray(s) if driver in ("gelsd", "gelss") else np.empty((0,), real))
    return return_types.linalg_lstsq((found, residuals, rank, values))


# ---------------------------------------------------------------------------- functions of matrices
def _exponential(a: Any) -> Any:
    return ops.expm(a.astype(_WIDE[a.dtype.kind])).astype(a.dtype)


_EXP = Matrices("LinalgMatrixExpBackward0", _exponential, columns=())


@linalg
def matrix_exp(A: Tensor) -> Tensor:
    """The exponential of square matrices. Source: ``torch.linalg.matrix_exp``."""
    check_square(A, "linalg.matrix_exp")
    if not A.dtype.is_floating_point and not A.dtype.is_complex:
        check_dtype(A, "linalg.matrix_exp")
    return _EXP(A)


public("matrix_exp")(matrix_exp)


@linalg
def matrix_power(A: Tensor, n: int, *, out: Tensor | None = None) -> Tensor:
    """A square matrix to an integer power. Source: ``torch.linalg.matrix_power``."""
    check_square(A, "linalg.matrix_power")
    if n == 0:
        eye = A.clone().zero_()  # recorded, as in PyTorch
        eye.diagonal(dim1=-2, dim2=-1).fill_(1)
        return finished(eye, out)
    x, count = (inv(A), -n) if n < 0 else (A, n)
    if count == 1:
        return finished(x if n < 0 else A.clone(), out)
    matmul = FUNCTIONS["matmul"]
    answer = None
    while count:
        if count & 1:
            answer = x if answer is None else matmul(answer, x)
        count >>= 1
        if count:
            x = matmul(x, x)
    return finished(answer, out, exact=True)


public("matrix_power")(matrix_power)
