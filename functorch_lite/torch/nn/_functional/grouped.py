"""Products of matrices in groups, as layers of experts have them."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from functorch_lite.torch._core.public import FUNCTIONS
from functorch_lite.torch._core.tensor import Tensor

__all__ = ["grouped_mm"]

_DTYPES = ("float32", "bfloat16", "float16")


def _check(a: Tensor, b: Tensor, offs: Any, bias: Any, out_dtype: Any) -> None:
    for name, t in (("mat_a", a), ("mat_b", b)):
        if t._np.ndim not in (2, 3):
            raise RuntimeError(f"{name} has to be 2 or 3d")
    if a.dtype._name not in _DTYPES:
        raise RuntimeError(
            f"Expected mat_a to be Float32, BFloat16 or Float16 matrix, got {a.dtype.scalar_name}"
        )
    if (offs is None) != (a._np.ndim == b._np.ndim == 3):
        raise RuntimeError(
            "Have to provide offsets if there is a 2d matrix, or no offset if both matrices are 3d"
        )
    if offs is not None and offs.dtype._name != "int32":
        raise RuntimeError("Offsets have to be int32")
    if bias is not None:
        raise RuntimeError("Bias not supported yet")
    if out_dtype is not None and out_dtype is not a.dtype:
        raise RuntimeError("Grouped gemm output dtype must match `mat_a` dtype")
    for t in (a, b):
        if offs is not None and t._np.ndim == 3 and t._np.shape[0] != offs._np.shape[0]:
            raise RuntimeError("matrix batch sizes have to match")


def grouped_mm(
    mat_a: Tensor, mat_b: Tensor, *, offs: Tensor | None = None, bias: Tensor | None = None,
    out_dtype: Any = None,
) -> Tensor:  # fmt: skip
    """Products of groups of rows or columns, each with a matrix of its own.

    Args:
        mat_a: f[n, k], or f[groups, n, k].
        mat_b: f[k, m], or f[groups, k, m].
        offs: int32[groups], where each group ends: of the rows of a matrix ``mat_a`` beside
            matrices ``mat_b``, of the columns of a matrix ``mat_b`` beside matrices ``mat_a``, of
            the dimension that is summed over where both are matrices.
        bias, out_dtype: None, as PyTorch has it.

    Returns:
        f[n, m], with zeros after the last group; f[groups, n, m] where both are of one kind.

    Raises:
        RuntimeError: arguments of other shapes or dtypes.

    Source: ``torch.nn.functional.grouped_mm``.
    """
    _check(mat_a, mat_b, offs, bias, out_dtype)
    a: Any = mat_a
    b: Any = mat_b
    if offs is None:
        made: Tensor = a.bmm(b)
        return made
    groups = list(enumerate(pairwise([0, *offs.tolist()])))
    join, stack = FUNCTIONS["cat"], FUNCTIONS["stack"]
    if a.ndim == b.ndim:
        return stack([a[:, i:j].mm(b[i:j]) for _, (i, j) in groups])
    rows, columns = a.shape[-2], b.shape[-1]
    end = groups[-1][1][1] if groups else 0
    if a.ndim == 2:
        parts = [a[i:j].mm(b[g]) for g, (i, j) in groups]
        return join([*parts, a.new_zeros(rows - end, columns)])
    parts = [a[g].mm(b[:, i:j]) for g, (i, j) in groups]
    return join([*parts, a.new_zeros(rows, columns - end)], 1)
