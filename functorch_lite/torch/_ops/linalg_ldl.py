"""Factors of indefinite Hermitian or symmetric matrices, after J. R. Bunch and L. Kaufman, 1977.

They have no derivatives, as in PyTorch.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.core.trace import state
from functorch_lite.ops import lapack
from functorch_lite.torch import return_types
from functorch_lite.torch._core.node import attach
from functorch_lite.torch._core.op import formula, wants_grad
from functorch_lite.torch._core.tensor import Tensor, make
from functorch_lite.torch._ops.index_write import refusal
from functorch_lite.torch._ops.linalg_checks import (
    batch_place,
    by_columns,
    check_dtype,
    check_square,
    finished,
    integers,
    linalg,
)

__all__ = ["ldl_factor", "ldl_factor_ex", "ldl_solve"]


def _without_derivative(out: Tensor, operands: tuple[Tensor, ...], name: str) -> Tensor:
    """Let a backward pass through the result fail."""
    if wants_grad(operands):
        attach(out, formula("NotImplemented", operands, refusal(name)))
    return out


# ------------------------------------------------------------------------------------------ factors
def _factors(x: Any, hermitian: bool) -> tuple[Any, Any, Any]:
    """LAPACK's factor in the lower triangle, its pivots, and its codes."""
    n = x.shape[-1]
    pivots, codes = np.zeros(x.shape[:-1], np.int32), np.zeros(x.shape[:-2], np.int32)
    factors = x.copy()
    if x.size:
        name = "hetrf" if hermitian and x.dtype.kind == "c" else "sytrf"
        routine = lapack.routine(name, x.dtype.char)
        for where in np.ndindex(*x.shape[:-2]):
            factor, found, codes[where] = routine(x[where], lower=1, lwork=max(64 * n, 1))
            # Pivots are counted from 1 in PyTorch; a negative one stands for a block of two.
            factors[where], pivots[where] = np.tril(factor), found
    return factors, pivots, codes


@linalg
def ldl_factor_ex(
    A: Tensor, *, hermitian: bool = False, check_errors: bool = False, out: Any = None
) -> Any:
    """The factor of symmetric (Hermitian) matrices, its pivots, and numbers of zero pivots.

    Args:
        A: [*, n, n], of which the lower half is read.
        hermitian: whether complex matrices are Hermitian.
        check_errors: whether to refuse matrices with a zero pivot.

    Source: ``torch.linalg.ldl_factor_ex``.
    """
    return finished(_factored(A, hermitian, check_errors, "torch.linalg.ldl_factor_ex"), out)


def _factored(A: Tensor, hermitian: bool, check: bool, name: str) -> Any:
    check_square(A, "torch.linalg.ldl_factor_ex")
    check_dtype(A, "torch.linalg.ldl_factor_ex", "ldl_factor_kernel_cpu")
    factors, pivots, codes = _factors(A._np, hermitian)
    code, place = batch_place(codes)
    if check and code:
        raise RuntimeError(f"{name}: {place}the pivot {code} is zero, the factor is singular.")
    made = _without_derivative(make(by_columns(factors)), (A,), "linalg_ldl_factor_ex")
    return return_types.linalg_ldl_factor_ex((made, make(pivots), integers(codes)))


@linalg
def ldl_factor(A: Tensor, *, hermitian: bool = False, out: Any = None) -> Any:
    """The factor of symmetric (Hermitian) matrices, and its pivots.

    Raises:
        RuntimeError: a pivot is zero.

    Source: ``torch.linalg.ldl_factor``.
    """
    factors, pivots, _ = _factored(A, hermitian, True, "torch.linalg.ldl_factor")
    return finished(return_types.linalg_ldl_factor((factors, pivots)), out)


# ---------------------------------------------------------------------------------------- solutions
def _solved(factor: Any, pivots: Any, b: Any, hermitian: bool) -> Any:
    """One system: down through the blocks of the factor, and up again through its transpose."""
    x, n = b.copy(), len(factor)
    starts, k = [], 0
    while k < n:
        starts.append(k)
        k += 1 if pivots[k] > 0 else 2
    turned = np.conj if hermitian else np.asarray
    for k in starts:
        last, after = (k, k + 1) if pivots[k] > 0 else (k + 1, k + 2)
        _exchange(x, last, abs(int(pivots[k])) - 1)
        x[after:] -= factor[after:, k:after] @ x[k:after]
        block = np.tril(factor[k:after, k:after])
        block = block + turned(np.tril(block, -1)).T
        x[k:after] = np.linalg.solve(block, x[k:after]) if after - k > 1 else x[k:after] / block
    for k in reversed(starts):
        last, after = (k, k + 1) if pivots[k] > 0 else (k + 1, k + 2)
        x[k:after] -= turned(factor[after:, k:after]).T @ x[after:]
        _exchange(x, last, abs(int(pivots[k])) - 1)
    return x


def _exchange(x: Any, i: int, j: int) -> None:
    x[[i, j]] = x[[j, i]]


def _all_solved(factors: Any, pivots: Any, b: Any, hermitian: bool) -> Any:
    lead = np.broadcast_shapes(factors.shape[:-2], b.shape[:-2])
    factors, pivots, b = (
        np.broadcast_to(x, (*lead, *x.shape[x.ndim - kept :]))
        for x, kept in ((factors, 2), (pivots, 1), (b, 2))
    )
    out = np.empty(b.shape, b.dtype)
    for where in np.ndindex(*lead):
        out[where] = _solved(factors[where], pivots[where], b[where], hermitian)
    return out


@linalg
def ldl_solve(
    LD: Tensor, pivots: Tensor, B: Tensor, *, hermitian: bool = False, out: Tensor | None = None
) -> Tensor:
    """The X with ``A X = B``, from what ``ldl_factor`` returned for A.

    Source: ``torch.linalg.ldl_solve``.
    """
    name = "torch.linalg.ldl_solve"
    check_square(LD, name)
    n = LD._np.shape[-1]
    if B._np.ndim < 2:
        raise RuntimeError(
            f"{name}: Expected B to have at least 2 dimensions, but it has {B._np.ndim} dimensions "
            "instead"
        )
    if LD._np.shape[:-1] != pivots._np.shape:
        raise RuntimeError(
            f"{name}: Expected LD.shape[:-1] and pivots.shape to be the same, but got pivots with "
            f"shape {list(pivots._np.shape)} instead"
        )
    if pivots._np.dtype.kind not in "iu":
        raise RuntimeError(
            f"{name}: Expected pivots to be integers. Got {pivots.dtype.scalar_name}"
        )
    if B._np.shape[-2] != n:
        raise RuntimeError(
            f"Incompatible matrix sizes for {name}: each A matrix is {n} by {n} but each b matrix "
            f"is {B._np.shape[-2]} by {B._np.shape[-1]}"
        )
    if LD._np.dtype != B._np.dtype:
        raise RuntimeError(
            f"Expected b and A to have the same dtype, but found b of type {B.dtype.scalar_name} "
            f"and A of type {LD.dtype.scalar_name} instead."
        )
    check_dtype(LD, name)
    found = state.run(_all_solved, LD._np, pivots._np, B._np, hermitian)
    made = _without_derivative(make(by_columns(found)), (LD, B), "linalg_ldl_solve")
    return finished(made, out, exact=True)
