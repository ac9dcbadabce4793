"""Cholesky factors and triangular systems; to be replaced by ``torch.linalg``.

The numbers are LAPACK's, by NumPy; the derivatives are tensor operations, so they exist to any
order.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.torch._core.keeping import keep, keep_result
from functorch_lite.torch._core.op import wants_grad
from functorch_lite.torch._core.public import overrides
from functorch_lite.torch._core.tensor import make
from functorch_lite.torch._ops.creation import eye
from functorch_lite.torch._ops.linalg_checks import LinAlgError
from functorch_lite.torch.distributions._tensor import Tensor

__all__ = [
    "LinAlgError", "cholesky", "inverse_of_product", "is_positive_definite", "log_abs_det",
    "solve_triangular",
]  # fmt: skip


def cholesky(a: Tensor) -> Tensor:
    """The lower triangular matrix L with L L^T = a.

    Args:
        a: ``[..., n, n]``, symmetric; only what is on and below the diagonal is read.

    Raises:
        LinAlgError: a matrix is not positive definite.
    """
    if overrides.known:
        overrides.values_asked(a)
    try:
        data = np.linalg.cholesky(a._np)
    except np.linalg.LinAlgError:
        raise _not_positive(a._np) from None
    out = make(data)
    if wants_grad((a,)):
        keep_result(out, keep("LinalgCholeskyExBackward0", (a,), (), _cholesky_rule))
    return out


def _cholesky_rule(g: Tensor, factor: Tensor) -> Tensor:
    """L^-T Phi(L^T g) L^-1, its symmetric part; Phi takes the lower half."""
    product = (factor.mT @ g).tril()
    half = product - 0.5 * product.diagonal(dim1=-2, dim2=-1).diag_embed()
    upper = factor.mT
    left = solve_triangular(upper, half, upper=True)
    found = solve_triangular(upper, left.mT, upper=True).mT
    return 0.5 * (found + found.mT)


def _is_positive(matrix: Any) -> bool:
    try:
        np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        return False
    return True


def _not_positive(data: Any) -> LinAlgError:
    """The error for the first matrix of a batch that has no Cholesky factor."""
    n = data.shape[-1]
    matrices = data.reshape(-1, n, n)
    index = next(i for i, matrix in enumerate(matrices) if not _is_positive(matrix))
    order = next(k for k in range(1, n + 1) if not _is_positive(matrices[index, :k, :k]))
    place = f"(Batch element {index}): " if data.ndim > 2 else ""
    return LinAlgError(
        f"linalg.cholesky: {place}The factorization could not be completed because the input is "
        f"not positive-definite (the leading minor of order {order} is not positive-definite)."
    )


def is_positive_definite(a: Tensor) -> Tensor:
    """Which matrices of a batch have a Cholesky factor: bool ``[...]``."""
    if overrides.known:
        overrides.values_asked(a)
    n = a.shape[-1]
    if _is_positive(a._np):
        return make(np.ones(a._np.shape[:-2], bool))
    found = [_is_positive(matrix) for matrix in a._np.reshape(-1, n, n)]
    return make(np.array(found, bool).reshape(a._np.shape[:-2]))


def solve_triangular(a: Tensor, b: Tensor, upper: bool) -> Tensor:
    """The X with a X = b.

    Args:
        a: ``[..., n, n]``, triangular; the other half is not read.
        b: ``[..., n, m]``; batches broadcast.
        upper: whether ``a`` is upper triangular.
    """
    if overrides.known:
        overrides.values_asked(a)
    batch = np.broadcast_shapes(a._np.shape[:-2], b._np.shape[:-2])
    a, b = a.expand(*batch, -1, -1), b.expand(*batch, -1, -1)
    half = np.triu(a._np) if upper else np.tril(a._np)
    out = make(np.linalg.solve(half, b._np))
    if wants_grad((a, b)):

        def rule(g: Tensor, a: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
            for_b = solve_triangular(a.mT, g, not upper)
            for_a = -(for_b @ x.mT)
            return for_a.triu() if upper else for_a.tril(), for_b

        keep_result(out, keep("LinalgSolveTriangularBackward0", (a, b), (a,), rule))
    return out


def inverse_of_product(factor: Tensor) -> Tensor:
    """The inverse of L L^T for a lower triangular L ``[..., n, n]``."""
    inverse = solve_triangular(factor, eye(factor.shape[-1], dtype=factor.dtype), upper=False)
    return inverse.mT @ inverse


def log_abs_det(a: Tensor) -> Tensor:
    """The logarithm of the determinant's absolute value.

    Args:
        a: ``[..., n, n]``.
    """
    if overrides.known:
        overrides.values_asked(a)
    out = make(np.asarray(np.linalg.slogdet(a._np)[1]))
    if wants_grad((a,)):
        keep_result(out, keep("LinalgSlogdetBackward0", (a,), (a,), _log_abs_det_rule))
    return out


def _log_abs_det_rule(g: Tensor, a: Tensor, _: Tensor) -> Tensor:
    return g[..., None, None] * _inverse(a).mT


def _inverse(a: Tensor) -> Tensor:
    """The inverse of a matrix ``[..., n, n]``."""
    out = make(np.linalg.inv(a._np))
    if wants_grad((a,)):

        def rule(g: Tensor, x: Tensor) -> Tensor:
            return -(x.mT @ g @ x.mT)

        keep_result(out, keep("LinalgInvExBackward0", (a,), (), rule))
    return out
