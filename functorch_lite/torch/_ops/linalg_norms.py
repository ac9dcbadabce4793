"""Norms, condition numbers and small products under ``torch.linalg``'s names."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from functorch_lite.torch._core.public import FUNCTIONS, public
from functorch_lite.torch._core.tensor import Tensor, make
from functorch_lite.torch._ops import norms
from functorch_lite.torch._ops.copying import cast
from functorch_lite.torch._ops.linalg_checks import (
    LinAlgError,
    check_dtype,
    check_matrix,
    check_square,
    finished,
    linalg,
)
from functorch_lite.torch._ops.linalg_decompositions import svdvals
from functorch_lite.torch._ops.linalg_systems import inv, inv_ex, solve
from functorch_lite.torch._ops.products import linalg_cross as _cross
from functorch_lite.torch._ops.products import multi_dot as _multi_dot
from functorch_lite.torch._ops.shape import dimension

__all__ = [
    "cond", "cross", "diagonal", "matmul", "matrix_norm", "multi_dot", "norm", "tensorinv",
    "tensorsolve", "vander", "vecdot", "vector_norm",
]  # fmt: skip


# -------------------------------------------------------------------------------------------- norms
@linalg
def vector_norm(
    x: Tensor, ord: Any = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None,
    out: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """The norm of vectors, which may lie in several dimensions.

    Source: ``torch.linalg.vector_norm``.
    """
    return finished(norms.vector_norm(x, float(ord), dim, keepdim, dtype), out, exact=True)


@linalg
def matrix_norm(
    A: Tensor, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, *, dtype: Any = None,
    out: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """The norm of matrices: ``"fro"``, ``"nuc"``, inf, -inf, 1, -1, 2 or -2.

    Source: ``torch.linalg.matrix_norm``.
    """
    check_matrix(A, "linalg.matrix_norm")
    if not A.dtype.is_floating_point and not A.dtype.is_complex:
        check_dtype(A, "linalg.matrix_norm")
    if not isinstance(dim, (tuple, list)) or len(dim) != 2:
        given = dim if isinstance(dim, (tuple, list)) else (dim,)
        raise RuntimeError(
            "linalg.matrix_norm: dim must be a 2-tuple. Got " + " ".join(map(str, given))
        )
    rows, columns = (dimension(d, A._np.ndim) for d in dim)
    if rows == columns:
        raise RuntimeError(f"linalg.matrix_norm: dims must be different. Got ({rows}, {columns})")
    x = A if dtype is None else cast(A, dtype)
    return finished(_matrix_norm(x, ord, rows, columns, keepdim), out, exact=True)


def _matrix_norm(x: Tensor, ord: Any, rows: int, columns: int, keepdim: bool) -> Tensor:
    if ord == "fro":
        return norms.vector_norm(x, 2.0, (rows, columns), keepdim, None)
    if not isinstance(ord, str) and abs(ord) in (1, math.inf):
        along, over = (rows, columns) if abs(ord) == 1 else (columns, rows)
        sums = norms.vector_norm(x, 1.0, (along,), keepdim, None)
        over = over if keepdim or over < along else over - 1
        if ord > 0 and not sums._np.shape[over]:
            return sums.sum(over, keepdim)
        return sums.amax(over, keepdim) if ord > 0 else sums.amin(over, keepdim)
    if ord == "nuc" or (not isinstance(ord, str) and abs(ord) == 2):
        s = svdvals(x.movedim((rows, columns), (-2, -1)))
        if ord == "nuc" or (ord == 2 and not s._np.shape[-1]):
            out = s.sum(-1)
        else:
            out = s.amax(-1) if ord > 0 else s.amin(-1)
        if keepdim:
            first, second = sorted((rows, columns))
            out = out.unsqueeze(first).unsqueeze(second)
        return out
    raise RuntimeError(f"linalg.matrix_norm: Order {ord} not supported.")


@linalg
def norm(
    A: Tensor, ord: Any = None, dim: Any = None, keepdim: bool = False, *,
    out: Tensor | None = None, dtype: Any = None,
) -> Tensor:  # fmt: skip
    """The norm of vectors or of matrices, by the number of dimensions.

    Source: ``torch.linalg.norm``.
    """
    dims = None if dim is None else tuple(dim) if isinstance(dim, (tuple, list)) else (dim,)
    if dims is not None and len(dims) not in (1, 2):
        raise RuntimeError(
            f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {list(dims)}"
        )
    if dims is None and ord is not None and A._np.ndim not in (1, 2):
        raise RuntimeError(
            "linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got "
            f"{A._np.ndim}D."
        )
    matrix = ord is not None and (len(dims) == 2 if dims is not None else A._np.ndim == 2)
    if matrix:
        found = matrix_norm(A, ord, dims or (-2, -1), keepdim, dtype=dtype)
    else:
        found = vector_norm(A, 2 if ord is None else ord, dims, keepdim, dtype=dtype)
    return finished(found, out, exact=True)


@linalg
def cond(A: Tensor, p: Any = None, *, out: Tensor | None = None) -> Tensor:
    """Condition numbers; infinity for singular matrices. Source: ``torch.linalg.cond``."""
    check_matrix(A, "linalg.cond")
    if isinstance(p, str) and p not in ("fro", "nuc"):
        raise RuntimeError(f"linalg.cond got an invalid norm type: {p}")
    if p is None or (not isinstance(p, str) and abs(p) == 2):
        if not A._np.size:
            return finished(make(np.zeros(A._np.shape[:-2], A._np.dtype.char.lower())), out)
        s = svdvals(A)
        largest, smallest = s[..., 0], s[..., -1]
        return finished(smallest / largest if p == -2 else largest / smallest, out)
    check_square(A, f"linalg.cond(ord={p if isinstance(p, str) else f'{p:g}'})")
    inverse, info = inv_ex(A)
    found = matrix_norm(A, p) * matrix_norm(_regular(inverse, info), p)
    if info._np.any():
        found = found.masked_fill(make(info._np != 0), math.inf)
    return finished(found, out)


def _regular(inverse: Tensor, info: Tensor) -> Tensor:
    """Zeros where there is no inverse, as singular values of infinities do not exist."""
    singular = info._np != 0
    return inverse.masked_fill(make(singular[..., None, None]), 0) if singular.any() else inverse


@public(methods=False, out=True)
def nuclear_norm(input: Tensor, dim: Any = (-2, -1), keepdim: bool = False) -> Tensor:
    """The sum of singular values. Source: ``torch.nuclear_norm``."""
    return matrix_norm(input, "nuc", dim, keepdim)


@public(methods=False, out=True)
def frobenius_norm(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """The root of the sum of squares. Source: ``torch.frobenius_norm``."""
    return vector_norm(input, 2, dim, keepdim)


# ----------------------------------------------------------------------------------------- products
@linalg
def cross(input: Tensor, other: Tensor, *, dim: int = -1, out: Tensor | None = None) -> Tensor:
    """The cross product of vectors of length 3. Source: ``torch.linalg.cross``."""
    return finished(_cross(input, other, dim=dim), out, exact=True)


@linalg
def multi_dot(tensors: Any, *, out: Tensor | None = None) -> Tensor:
    """A product of matrices in the cheapest order. Source: ``torch.linalg.multi_dot``."""
    return _multi_dot(tensors, out=out)


@linalg
def matmul(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The matrix product. Source: ``torch.linalg.matmul``."""
    return finished(FUNCTIONS["matmul"](input, other), out)


@linalg
def vecdot(x: Tensor, y: Tensor, *, dim: int = -1, out: Tensor | None = None) -> Tensor:
    """Scalar products along a dimension, the first one conjugated.

    Source: ``torch.linalg.vecdot``.
    """
    if x._np.dtype != y._np.dtype:
        raise RuntimeError(
            "linalg.vecdot: Expected x and y to have the same dtype, but found x of type "
            f"{x.dtype.scalar_name} and y of type {y.dtype.scalar_name} instead"
        )
    first = x.conj() if x._np.dtype.kind == "c" else x
    return finished(FUNCTIONS["mul"](first, y).sum(dim), out)


@linalg
def diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """The diagonals of matrices, a view. Source: ``torch.linalg.diagonal``."""
    return A.diagonal(offset, dim1, dim2)


@linalg
def vander(x: Tensor, N: int | None = None) -> Tensor:
    """Ascending powers of vectors, as rows. Source: ``torch.linalg.vander``."""
    x = x if x._np.ndim else x.unsqueeze(0)
    count = x._np.shape[-1] if N is None else N
    if count <= 1:
        raise RuntimeError("N must be greater than 1.")
    rows = x.unsqueeze(-1).expand(*x._np.shape, count - 1).cumprod(-1)
    ones = make(np.ones((*x._np.shape, 1), rows._np.dtype))
    return FUNCTIONS["cat"]((ones, rows), -1)


# ------------------------------------------------------------------------------------------ tensors
@linalg
def tensorinv(A: Tensor, ind: int = 2, *, out: Tensor | None = None) -> Tensor:
    """The inverse for ``tensordot``. Source: ``torch.linalg.tensorinv``."""
    if ind <= 0:
        raise RuntimeError(f"Expected a strictly positive integer for 'ind', but got {ind}")
    left, right = A._np.shape[:ind], A._np.shape[ind:]
    if math.prod(left) != math.prod(right):
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[ind:]) == "
            f"prod(self.shape[:ind]), but got {math.prod(right)} != {math.prod(left)}"
        )
    flat = A.reshape(math.prod(left), math.prod(right))
    try:
        inverse = inv(flat)
    except LinAlgError as error:
        raise LinAlgError(str(error).removeprefix("linalg.")) from None
    return finished(inverse.reshape(*right, *left), out)


@linalg
def tensorsolve(A: Tensor, B: Tensor, dims: Any = None, *, out: Tensor | None = None) -> Tensor:
    """The X with ``tensordot(A, X, X.ndim) == B``. Source: ``torch.linalg.tensorsolve``."""
    x = A
    if dims is not None:
        moved = [dimension(d, A._np.ndim) for d in dims]
        x = A.permute(*[i for i in range(A._np.ndim) if i not in moved], *moved)
    shape = x._np.shape[B._np.ndim :]
    if math.prod(shape) != math.prod(x._np.shape[: B._np.ndim]):
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == "
            f"prod(self.shape[:other.ndim]), but got {math.prod(shape)} != "
            f"{math.prod(x._np.shape[: B._np.ndim])}"
        )
    flat = x.reshape(B.numel(), math.prod(shape))
    return finished(solve(flat, B.flatten()).reshape(shape), out)
