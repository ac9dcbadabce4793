"""Singular values and principal components of large matrices, by random projections."""

from __future__ import annotations

from typing import Any

from functorch_lite.torch._core.public import FUNCTIONS, public
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch._ops import linalg_decompositions, random_fill

__all__ = ["linalg_decompositions", "pca_lowrank", "random_fill", "svd_lowrank"]

_Factors = tuple[Tensor, Tensor, Tensor]


def _basis(a: Any, q: int, rounds: int) -> Any:
    """Orthonormal columns that nearly span those of a matrix.

    Each round sharpens them by a product with the matrix and its adjoint.
    """
    qr = FUNCTIONS["qr"]
    found = qr(a @ FUNCTIONS["randn"](a._np.shape[-1], q, dtype=a.dtype))[0]
    for _ in range(rounds):
        found = qr(a.mH @ found)[0]
        found = qr(a @ found)[0]
    return found


@public("svd_lowrank", methods=False)
def svd_lowrank(
    A: Tensor, q: int | None = 6, niter: int | None = 2, M: Tensor | None = None
) -> _Factors:
    """The largest singular values and their vectors: A is nearly U @ diag(S) @ V.mH.

    Args:
        A: [..., m, n].
        q: how many, at least as many as the rank for good results.
        niter: rounds of refinement.
        M: subtracted from ``A`` first, broadcast to it.

    Returns:
        U [..., m, q], S [..., q], V [..., n, q].

    Source: ``torch.svd_lowrank``; Halko, Martinsson and Tropp, 2009.
    """
    a: Any = A if M is None else A - FUNCTIONS["broadcast_to"](M, A._np.shape)
    m, n = A._np.shape[-2:]
    if m < n:
        a = a.mH
    basis = _basis(a, 6 if q is None else q, 2 if niter is None else niter)
    u, s, v = FUNCTIONS["svd"](basis.mH @ a)
    u = basis @ u
    return (v, s, u) if m < n else (u, s, v)


@public("pca_lowrank", methods=False)
def pca_lowrank(
    A: Tensor, q: int | None = None, center: bool = True, niter: int = 2
) -> _Factors:
    """Principal components: ``svd_lowrank`` of the matrix whose columns have mean 0.

    Args:
        A: [..., m, n], a row per observation.
        q: how many; at most 6 by default.
        center: whether the columns' means are subtracted first.
        niter: rounds of refinement.

    Raises:
        ValueError: more components than rows or columns, or a negative number of rounds.

    Source: ``torch.pca_lowrank``.
    """
    m, n = A._np.shape[-2:]
    if q is None:
        q = min(6, m, n)
    elif not 0 <= q <= min(m, n):
        raise ValueError(
            f"q(={q}) must be non-negative integer and not greater than min(m, n)={min(m, n)}"
        )
    if niter < 0:
        raise ValueError(f"niter(={niter}) must be non-negative integer")
    if not center:
        return svd_lowrank(A, q, niter)
    a: Any = A
    return svd_lowrank(a - a.mean(-2, keepdim=True), q, niter)
