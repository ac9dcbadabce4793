"""Systems of equations, inverses, determinants, Cholesky's and LU factors, as PyTorch has them."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite import numpy as fnp
from functorch_lite import ops
from functorch_lite.numpy.linalg_parts import adjoint, hermitian_part, part
from functorch_lite.ops import lapack
from functorch_lite.ops.families import zeros_like
from functorch_lite.torch import return_types
from functorch_lite.torch._core.public import public
from functorch_lite.torch._core.tensor import Tensor, make
from functorch_lite.torch._ops.linalg_checks import (
    LinAlgError,
    Matrices,
    batch_place,
    check_dtype,
    check_matrix,
    check_same_dtype,
    check_square,
    cholesky_info,
    factor_info,
    finished,
    integers,
    linalg,
    pivot_info,
)

__all__ = [
    "cholesky", "cholesky_ex", "det", "inv", "inv_ex", "is_vector", "logdet", "lu", "lu_factor",
    "lu_factor_ex", "lu_solve", "slogdet", "slope_alone", "solve", "solve_ex", "solve_triangular",
]  # fmt: skip


# ------------------------------------------------------------------------------------------ inverse
_INV = Matrices("LinalgInvExBackward0", lambda a: fnp.linalg.inv(a))


def _inverse(A: Tensor, name: str, check: bool) -> tuple[Tensor, Any]:
    check_square(A, "linalg.inv")
    check_dtype(A, "linalg.inv")
    found = _INV(A)
    info = pivot_info(A._np, found._np)
    code, place = batch_place(info)
    if check and code:
        raise LinAlgError(
            f"{name}: {place}The diagonal element {code} is zero, the inversion could not be "
            "completed because the input matrix is singular."
        )
    return found, info


@linalg
def inv(A: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The inverse of square matrices.

    Raises:
        LinAlgError: one is singular.

    >>> import functorch_lite.torch as torch
    >>> torch.linalg.inv(torch.tensor([[2.0]]))
    tensor([[0.5000]])

    Source: ``torch.linalg.inv``.
    """
    return finished(_inverse(A, "linalg.inv", True)[0], out, exact=True)


public("inverse")(inv)


@linalg
def inv_ex(A: Tensor, *, check_errors: bool = False, out: Any = None) -> Any:
    """The inverse, and for each matrix the number of its first zero pivot.

    Source: ``torch.linalg.inv_ex``.
    """
    found, info = _inverse(A, "linalg.inv_ex", check_errors)
    return finished(return_types.linalg_inv_ex((found, integers(info))), out)


# ------------------------------------------------------------------------------------------ systems
def is_vector(A: Tensor, B: Tensor) -> bool:
    """Whether right-hand sides are vectors, one per matrix."""
    a, b = A._np.shape, B._np.shape
    return len(b) == 1 or (len(a) - 1 == len(b) and b == a[:-1])


def _solution(a: Any, b: Any, left: bool, vector: bool) -> Any:
    if vector:
        return fnp.linalg.solve(a, b[..., None])[..., 0]
    if left:
        return fnp.linalg.solve(a, b)
    return fnp.matrix_transpose(fnp.linalg.solve(fnp.matrix_transpose(a), fnp.matrix_transpose(b)))


_SOLVE = Matrices("LinalgSolveExBackward0", _solution)
_SOLVE_RIGHT = Matrices("LinalgSolveExBackward0", _solution, ())


def _check_systems(A: Tensor, B: Tensor, name: str, left: bool) -> None:
    n = A._np.shape[-1]
    rows, columns = B._np.shape[-2:]
    if (rows if left else columns) != n:
        equation = "AX = B" if left else "XA = B"
        raise RuntimeError(
            f"{name}: Incompatible shapes of A and B for the equation {equation} "
            f"({n}x{n} and {rows}x{columns})"
        )


def _solved(A: Tensor, B: Tensor, left: bool, check: bool) -> tuple[Tensor, Any]:
    name = "linalg.solve"
    check_square(A, name)
    check_dtype(A, name)
    check_same_dtype(A, B, name)
    vector = is_vector(A, B)
    if vector and not left:
        raise RuntimeError(
            f"{name}: Vector broadcasting of the left hand side is not supported for left=False. "
            "In this case linalg.solve is equivalent to B / A.squeeze(-1)"
        )
    _check_systems(A, B.unsqueeze(-1) if vector else B, name, left)
    found = (_SOLVE if left else _SOLVE_RIGHT)(A, B, left=left, vector=vector)
    result = found._np[..., None] if vector else found._np
    info = pivot_info(np.broadcast_to(A._np, (*result.shape[:-2], *A._np.shape[-2:])), result)
    code, place = batch_place(info)
    if check and code:
        raise LinAlgError(
            f"torch.linalg.solve: {place}The solver failed because the input matrix is singular."
        )
    return found, info


@linalg
def solve(A: Tensor, B: Tensor, *, left: bool = True, out: Tensor | None = None) -> Tensor:
    """The X with ``A X = B``, or ``X A = B``.

    Args:
        A: [*, n, n].
        B: [n], [*, n] or [*, n, k]; batches broadcast.
        left: whether A stands on the left.

    Raises:
        LinAlgError: a matrix is singular.

    Source: ``torch.linalg.solve``.
    """
    return finished(_solved(A, B, left, True)[0], out, exact=True)


@linalg
def solve_ex(
    A: Tensor, B: Tensor, *, left: bool = True, check_errors: bool = False, out: Any = None
) -> Any:
    """The solution, and for each matrix the number of its first zero pivot.

    Source: ``torch.linalg.solve_ex``.
    """
    found, info = _solved(A, B, left, check_errors)
    return finished(return_types.linalg_solve_ex((found, integers(info))), out)


def _triangular(a: Any, b: Any, upper: bool, left: bool, unit: bool) -> Any:
    lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    a = fnp.broadcast_to(a, (*lead, *a.shape[-2:]))
    b = fnp.broadcast_to(b, (*lead, *b.shape[-2:]))
    return ops.triangular_solve(
        a, b, left_side=left, lower=not upper, transpose_a=False, conjugate_a=False,
        unit_diagonal=unit,
    )  # fmt: skip


_TRIANGULAR = Matrices("LinalgSolveTriangularBackward0", _triangular)


@linalg
def solve_triangular(
    A: Tensor, B: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False,
    out: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """The X with ``A X = B``, or ``X A = B``, for triangular A; B is taken in A's dtype.

    Source: ``torch.linalg.solve_triangular``.
    """
    name = "linalg.solve_triangular"
    check_square(A, name)
    check_matrix(B, name, "B")
    check_dtype(A, name)
    _check_systems(A, B, name, left)
    return finished(_TRIANGULAR(A, B.to(A.dtype), upper=upper, left=left, unit=unitriangular), out)


def _old_triangular(b: Any, a: Any, upper: bool, transpose: bool, unit: bool) -> Any:
    if transpose:
        a, upper = fnp.matrix_transpose(a), not upper
    return _triangular(a, b, upper, True, unit)


_OLD_TRIANGULAR = Matrices("TriangularSolveBackward0", _old_triangular)


@public()
def triangular_solve(
    b: Tensor, A: Tensor, upper: bool = True, transpose: bool = False, unitriangular: bool = False,
    *, out: Any = None,
) -> Any:  # fmt: skip
    """The X with ``A X = b`` for triangular A, and a copy of A.

    Source: ``torch.triangular_solve``.
    """
    check_square(A, "triangular_solve")
    check_matrix(b, "triangular_solve", "b")
    check_dtype(A, "triangular_solve", "triangular_solve_out_cpu", whole=True)
    found = _OLD_TRIANGULAR(b, A, upper=upper, transpose=transpose, unit=unitriangular)
    copied = A.expand(*found._np.shape[:-2], *A._np.shape[-2:]).clone()
    return finished(return_types.triangular_solve((found, copied)), out, exact=True)


# -------------------------------------------------------------------------------------- determinant
_DET = Matrices("LinalgDetBackward0", lambda a: ops.det(a))
_SLOGDET = Matrices("LinalgSlogdetBackward0", lambda a: tuple(ops.slogdet(a)))


@linalg
def det(A: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The determinants of square matrices. Source: ``torch.linalg.det``."""
    check_square(A, "linalg.det")
    check_dtype(A, "linalg.det", "lu_cpu")
    return finished(_DET(A), out, exact=True)


public("det")(det)


@linalg
def slogdet(A: Tensor, *, out: Any = None) -> Any:
    """Sign and logarithm of the magnitude of determinants. Source: ``torch.linalg.slogdet``."""
    check_square(A, "linalg.slogdet")
    check_dtype(A, "linalg.slogdet")
    return finished(return_types.linalg_slogdet(_SLOGDET(A)), out, exact=True)


@public("slogdet", out=False)
def old_slogdet(input: Tensor, *, out: Any = None) -> Any:
    """Sign and logarithm of the magnitude of determinants. Source: ``torch.slogdet``."""
    return finished(return_types.slogdet(tuple(slogdet(input))), out)


@public()
def logdet(input: Tensor) -> Tensor:
    """The logarithm of determinants: NaN for negative ones, -inf for zero.

    Source: ``torch.logdet``.
    """
    check_square(input, "logdet")
    sign, logarithm = slogdet(input)
    if sign._np.dtype.kind == "c":
        return logarithm + sign.log()
    return logarithm.where(make(~(sign._np == -1)), make(np.array(np.nan, sign._np.dtype)))


# ----------------------------------------------------------------------------------------- Cholesky
def slope_alone(a: Any) -> Any:
    """Zeros with the gradient of a; none where it is not finite, as in a half that is not read."""
    still = ops.stop_gradient(a)
    return ops.select(ops.isfinite(still), a - still, zeros_like(still))


def _cholesky(a: Any, upper: bool) -> Any:
    # The lower triangle decides about values; the gradient is symmetric.
    still = ops.stop_gradient(a)
    given = adjoint(still) if upper else still
    factor = ops.cholesky(given + hermitian_part(slope_alone(a)))
    return adjoint(factor) if upper else factor


_CHOLESKY = Matrices("LinalgCholeskyExBackward0", _cholesky)
_OLD_CHOLESKY = Matrices("CholeskyBackward0", _cholesky)


def _factored(A: Tensor, upper: bool, name: str, check: bool, op: Matrices) -> tuple[Tensor, Any]:
    own = name if name == "cholesky" else "linalg.cholesky"
    check_square(A, own)
    check_dtype(A, own, "cholesky_cpu")
    found = op(A, upper=upper)
    given = A._np.swapaxes(-1, -2).conj() if upper else A._np
    info = cholesky_info(given, found._np)
    code, place = batch_place(info)
    if check and code:
        raise LinAlgError(
            f"{name}: {place}The factorization could not be completed because the input is not "
            f"positive-definite (the leading minor of order {code} is not positive-definite)."
        )
    return found, info


@linalg
def cholesky(A: Tensor, *, upper: bool = False, out: Tensor | None = None) -> Tensor:
    """The lower (or upper) factor of positive definite matrices, of which one half is read.

    Raises:
        LinAlgError: one is not positive definite.

    Source: ``torch.linalg.cholesky``.
    """
    return finished(_factored(A, upper, "linalg.cholesky", True, _CHOLESKY)[0], out, exact=True)


@linalg
def cholesky_ex(
    A: Tensor, *, upper: bool = False, check_errors: bool = False, out: Any = None
) -> Any:
    """The factor, and for each matrix the order of its first minor that is not positive.

    Where there is one, the factor is NaN. Source: ``torch.linalg.cholesky_ex``.
    """
    found, info = _factored(A, upper, "linalg.cholesky_ex", check_errors, _CHOLESKY)
    return finished(return_types.linalg_cholesky_ex((found, integers(info))), out)


@public("cholesky")
def old_cholesky(input: Tensor, upper: bool = False, *, out: Tensor | None = None) -> Tensor:
    """The factor of positive definite matrices. Source: ``torch.cholesky``."""
    return finished(_factored(input, upper, "cholesky", True, _OLD_CHOLESKY)[0], out)


def _product(factor: Any, upper: bool) -> Any:
    """L Lᴴ (or Uᴴ U) of a triangle; as in PyTorch the gradient has the other one, too."""
    still = ops.stop_gradient(factor)
    low = (fnp.triu(still) if upper else fnp.tril(still)) + slope_alone(factor)
    return fnp.matmul(adjoint(low), low) if upper else fnp.matmul(low, adjoint(low))


_CHOLESKY_SOLVE = Matrices(
    "CholeskySolveBackward0",
    lambda b, factor, upper: fnp.linalg.solve(_product(factor, upper), b),
)
_CHOLESKY_INVERSE = Matrices(
    "CholeskyInverseBackward0", lambda factor, upper: fnp.linalg.inv(_product(factor, upper))
)


@public(out=True)
def cholesky_solve(input: Tensor, L: Tensor, upper: bool = False) -> Tensor:
    """The X with ``L Lᴴ X = input``. Source: ``torch.cholesky_solve``."""
    for t, what in ((input, "b"), (L, "u")):
        if t._np.ndim < 2:
            raise RuntimeError(
                f"{what} should have at least 2 dimensions, but has {t._np.ndim} dimensions instead"
            )
    n, (m, k) = L._np.shape[-1], input._np.shape[-2:]
    check_square(L, "cholesky_solve")
    if n != m:
        raise RuntimeError(
            f"Incompatible matrix sizes for cholesky_solve: each A matrix is {n} by {n} but each b "
            f"matrix is {m} by {k}"
        )
    check_dtype(L, "cholesky_solve", "cholesky_solve_cpu", whole=True)
    return _CHOLESKY_SOLVE(input, L, upper=upper)


@public(out=True)
def cholesky_inverse(input: Tensor, upper: bool = False) -> Tensor:
    """The inverse of ``L Lᴴ``. Source: ``torch.cholesky_inverse``."""
    check_square(input, "cholesky_inverse")
    check_dtype(input, "cholesky_inverse", "cholesky_inverse_out_cpu", whole=True)
    return _CHOLESKY_INVERSE(input, upper=upper)


# ----------------------------------------------------------------------------------------------- LU
_LU_FACTOR = Matrices(
    "LinalgLuFactorExBackward0",
    lambda a: (lambda f: (f[0], fnp.add(f[1], 1).astype("int32")))(ops.lu(a)),
    columns=(0,),
)


def _lu_parts(a: Any) -> tuple[Any, ...]:
    factors, _, order = ops.lu(a)
    return (*_unpacked(factors), order)


def _unpacked(factors: Any) -> tuple[Any, Any]:
    m, n = factors.shape[-2:]
    k = min(m, n)
    eye = fnp.eye(m, k, dtype=factors.dtype)
    return fnp.tril(part(factors, k, -1), -1) + eye, fnp.triu(part(factors, k, -2))


_LU = Matrices("LinalgLuBackward0", _lu_parts, columns=())
_UNPACK = Matrices("LuUnpackBackward0", _unpacked, columns=())


def _check_lu(A: Tensor, name: str, pivot: bool) -> None:
    if A._np.ndim < 2:
        raise RuntimeError(
            f"{name}: Expected tensor with 2 or more dimensions. Got size: "
            f"{list(A._np.shape)} instead"
        )
    check_dtype(A, name, "lu_cpu", whole=True)
    if not pivot:
        raise RuntimeError("linalg.lu_factor: LU without pivoting is not implemented on the CPU")


def _permutation(order: Any, dtype: Any) -> Tensor:
    """The matrices P with ``(P x)[order[i]] = x[i]``."""
    n = order.shape[-1]
    return make((order[..., None, :] == np.arange(n)[:, None]).astype(dtype))


@linalg
def lu_factor_ex(
    A: Tensor, *, pivot: bool = True, check_errors: bool = False, out: Any = None
) -> Any:
    """LU factors in one matrix, row exchanges counted from 1, numbers of first zero pivots.

    Source: ``torch.linalg.lu_factor_ex``.
    """
    _check_lu(A, "torch.lu_factor", pivot)
    factors, exchanges = _LU_FACTOR(A)
    info = factor_info(factors._np)
    if check_errors:
        _refuse_zero_pivots(info, "torch.linalg.lu_factor_ex")
    made = return_types.linalg_lu_factor_ex((factors, exchanges, integers(info)))
    return finished(made, out)


def _refuse_zero_pivots(info: Any, name: str) -> None:
    code, place = batch_place(info)
    if code:
        raise RuntimeError(
            f"{name}: {place}U[{code},{code}] is zero and using it on lu_solve would result in a "
            "division by zero. If you still want to perform the factorization, consider calling "
            "linalg.lu(A, pivot) or linalg.lu_factor_ex(A, pivot)"
        )


@linalg
def lu_factor(A: Tensor, *, pivot: bool = True, out: Any = None) -> Any:
    """LU factors in one matrix, and row exchanges counted from 1.

    Raises:
        RuntimeError: a pivot is zero.

    Source: ``torch.linalg.lu_factor``.
    """
    factors, exchanges, info = lu_factor_ex(A, pivot=pivot)
    _refuse_zero_pivots(info._np, "torch.linalg.lu_factor")
    return finished(return_types.linalg_lu_factor((factors, exchanges)), out)


@linalg
def lu(A: Tensor, *, pivot: bool = True, out: Any = None) -> Any:
    """The factors P, L and U with ``A = P L U``. Source: ``torch.linalg.lu``."""
    _check_lu(A, "linalg.lu", pivot)
    low, up, order = _LU(A)
    return finished(return_types.linalg_lu((_permutation(order._np, A._np.dtype), low, up)), out)


def _order_of(pivots: Tensor, n: int) -> Any:
    return lapack.permutation_of(pivots._np - 1, n)


@public(methods=False)
def lu_unpack(
    LU_data: Tensor, LU_pivots: Tensor, unpack_data: bool = True, unpack_pivots: bool = True, *,
    out: Any = None,
) -> Any:  # fmt: skip
    """The factors P, L and U of what ``lu_factor`` returned. Source: ``torch.lu_unpack``."""
    if LU_pivots._np.dtype != np.int32:
        raise RuntimeError(
            "torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 "
            "dtype.\nNote: this function is intended to be used with the output produced by "
            "torch.linalg.lu_factor"
        )
    empty = make(np.empty((0,), LU_data._np.dtype))
    low, up = _UNPACK(LU_data) if unpack_data else (empty, empty)
    p = empty
    if unpack_pivots:
        p = _permutation(_order_of(LU_pivots, LU_data._np.shape[-2]), LU_data._np.dtype)
    return finished(return_types.lu_unpack((p, low, up)), out)


def _lu_solution(factors: Any, b: Any, order: Any, left: bool, adjoint_: bool) -> Any:
    """x with op(A) x = b; on the right, the same of the conjugate transposes."""
    if not left:
        return adjoint(_lu_solution(factors, adjoint(b), order, True, not adjoint_))
    lead = np.broadcast_shapes(factors.shape[:-2], b.shape[:-2])
    b = fnp.broadcast_to(b, (*lead, *b.shape[-2:]))
    order = np.broadcast_to(order, (*lead, order.shape[-1]))
    if not adjoint_:
        b = fnp.take_along_axis(b, order[..., None], -2)
        return _triangular(factors, _triangular(factors, b, False, True, True), True, True, False)
    low = adjoint(factors)
    b = _triangular(low, _triangular(low, b, False, True, False), True, True, True)
    return fnp.take_along_axis(b, np.argsort(order, -1)[..., None], -2)


_LU_SOLVE = Matrices("LinalgLuSolveBackward0", _lu_solution)
_LU_SOLVE_RIGHT = Matrices("LinalgLuSolveBackward0", _lu_solution, ())


@linalg
def lu_solve(
    LU: Tensor, pivots: Tensor, B: Tensor, *, left: bool = True, adjoint: bool = False,
    out: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """The X with ``A X = B`` (``X A = B``), from A's LU factors.

    Args:
        adjoint: take the conjugate transpose of A.

    Source: ``torch.linalg.lu_solve``.
    """
    name = "torch.linalg.lu_solve"
    check_dtype(LU, name)
    check_square(LU, name, "LU")
    check_matrix(B, name, "B")
    check_same_dtype(LU, B, "linalg.lu_solve")
    _check_systems(LU, B, "linalg.lu_solve", left)
    order = _order_of(pivots, LU._np.shape[-1])
    op = _LU_SOLVE if left else _LU_SOLVE_RIGHT
    return finished(op(LU, B, order=order, left=left, adjoint_=adjoint), out, exact=True)


@public("lu_solve")
def old_lu_solve(b: Tensor, LU_data: Tensor, LU_pivots: Tensor, *, out: Any = None) -> Tensor:
    """The X with ``A X = b``, from A's LU factors. Source: ``torch.lu_solve``."""
    return lu_solve(LU_data, LU_pivots, b, out=out)


@public("lu")
def old_lu(A: Tensor, pivot: bool = True, get_infos: bool = False, out: Any = None) -> Any:
    """LU factors in one matrix, row exchanges, and codes on request. Source: ``torch.lu``."""
    made = lu_factor_ex(A, pivot=pivot)
    return finished(tuple(made) if get_infos else tuple(made)[:2], out)
