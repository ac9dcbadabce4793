"""What PyTorch asks of matrices before it factors them, and says of those without an answer.

The core gives NaN where PyTorch raises, so results are looked at: LAPACK's code is asked for only
where one is not finite.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functorch_lite.ops import lapack
from functorch_lite.torch._core.op import Composite
from functorch_lite.torch._core.out_rules import expect_dtype
from functorch_lite.torch._core.public import overrides, public, put_out
from functorch_lite.torch._core.tensor import Tensor, make
from functorch_lite.torch._ops.elementwise import refusal
from functorch_lite.torch.return_types import NamedResults, results_in

__all__ = [
    "LinAlgError", "Matrices", "batch_place", "by_columns", "check_dtype", "check_matrix",
    "check_same_dtype", "check_square", "cholesky_info", "factor_info", "finished", "integers",
    "linalg", "pivot_info",
]  # fmt: skip

_INT32 = np.dtype(np.int32)


class _LinAlgError(RuntimeError):
    """A matrix has no answer of the kind asked for.

    Source: ``torch.linalg.LinAlgError``.
    """

    __module__ = "torch._C"


LinAlgError = _LinAlgError


def linalg(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function of ``torch.linalg``, which subclasses of tensors may override."""
    return public(f"linalg_{f.__name__}", function=False, methods=False)(f)


# ----------------------------------------------------------------------------------------- operands
def check_matrix(t: Tensor, name: str, arg: str = "A") -> None:
    """Refuse what has fewer than two dimensions."""
    if t._np.ndim < 2:
        raise RuntimeError(f"{name}: The input tensor {arg} must have at least 2 dimensions.")


def check_square(t: Tensor, name: str, arg: str = "A") -> None:
    """Refuse what is no batch of square matrices."""
    check_matrix(t, name, arg)
    m, n = t._np.shape[-2:]
    if m != n:
        raise RuntimeError(
            f"{name}: {arg} must be batches of square matrices, but they are {m} by {n} matrices"
        )


def check_dtype(t: Tensor, name: str, kernel: str = "", whole: bool = False) -> None:
    """Refuse dtypes without a factorization, and tell a recorder that values are asked for.

    Args:
        kernel: PyTorch's name for what does not know half precision; it says otherwise if empty.
        whole: whether the kernel is also what refuses integers.
    """
    if t._np.dtype.char in lapack.COMPLEX:
        if overrides.known:
            overrides.values_asked(t)
        return
    kind = t.dtype.scalar_name
    if not t.dtype.is_floating_point and not whole:
        raise RuntimeError(
            f"{name}: Expected a floating point or complex tensor as input. Got {kind}"
        )
    if kernel:
        raise refusal(kernel, t.dtype)
    raise RuntimeError(f"{name}: Low precision dtypes not supported. Got {kind}")


def check_same_dtype(a: Tensor, b: Tensor, name: str) -> None:
    """Refuse operands of two dtypes."""
    if a._np.dtype != b._np.dtype:
        raise RuntimeError(
            f"{name}: Expected A and B to have the same dtype, but found A of type "
            f"{a.dtype.scalar_name} and B of type {b.dtype.scalar_name} instead"
        )


# -------------------------------------------------------------------------------------------- codes
def _codes(array: Any, suspicious: Any, code: Callable[[Any], int]) -> Any:
    """LAPACK's code for each matrix, asked for where the result gave reason to."""
    found = np.zeros(array.shape[:-2], _INT32)
    if array.size:
        for where in map(tuple, np.argwhere(suspicious)):
            found[where] = code(array[where])
    return found


def _strange(result: Any) -> Any:
    if not result.size:  # which tells nothing, as of systems without right-hand sides
        return np.ones(result.shape[:-2], bool)
    return ~np.isfinite(result).all((-2, -1))


def pivot_info(array: Any, result: Any) -> Any:
    """The number of the first pivot that is zero, and 0 for regular matrices.

    Args:
        array: square matrices.
        result: matrices made of their inverses, not finite where there is a zero pivot.
    """
    return _codes(array, _strange(result), _first_zero)


def _first_zero(matrix: Any) -> int:
    diagonal = np.diagonal(lapack.lu(np.ascontiguousarray(matrix))[0])
    zeros = np.flatnonzero(diagonal == 0)
    return int(zeros[0]) + 1 if zeros.size else 0


def factor_info(factors: Any) -> Any:
    """The same from LU factors themselves."""
    zero = np.diagonal(factors, axis1=-2, axis2=-1) == 0
    found = zero.argmax(-1) + 1 if zero.shape[-1] else np.zeros(zero.shape[:-1], int)
    return np.where(zero.any(-1), found, 0).astype(_INT32)


def cholesky_info(array: Any, result: Any) -> Any:
    """The order of the first leading minor that is not positive, 0 for positive definite ones."""

    def code(matrix: Any) -> int:
        return int(lapack.routine("potrf", matrix.dtype.char)(matrix, lower=1)[1])

    return _codes(array, _strange(result), code)


def batch_place(info: Any) -> tuple[int, str]:
    """The first code that is not zero, and where it is in words; 0 if there is none."""
    flat = info.reshape(-1)
    where = np.flatnonzero(flat)
    if not where.size:
        return 0, ""
    return int(flat[where[0]]), f"(Batch element {where[0]}): " if info.ndim else ""


# ------------------------------------------------------------------------------------------ results
class Matrices:
    """A function of core arrays as an operation with PyTorch's layout of results in memory.

    Args:
        name: of its node, as PyTorch names it.
        f: ``f(*arrays, **params)`` returns an array or a tuple of arrays.
        columns: which results lie column by column, all by default; the others row by row.
    """

    __slots__ = ("columns", "op")

    def __init__(
        self, name: str, f: Callable[..., Any], columns: Sequence[int] | None = None
    ) -> None:
        self.op = Composite(name, f)
        self.columns = columns

    def __call__(self, *operands: Tensor, **params: Any) -> Any:
        """Apply it."""
        made = self.op(operands, **params)
        for i, t in enumerate(made if isinstance(made, tuple) else (made,)):
            if t._np.ndim > 1 and (self.columns is None or i in self.columns):
                t._np = by_columns(t._np)
            else:
                t._np = np.asarray(t._np, order="C")
        return made


def finished(made: Any, out: Any, exact: bool = False) -> Any:
    """The results, written into the tensors given as ``out=`` if there are any.

    Args:
        exact: whether these must have the dtypes of the results.
    """
    if out is None:
        return made
    if exact:
        pairs = zip(out, made, strict=True) if isinstance(made, tuple) else ((out, made),)
        for target, value in pairs:
            expect_dtype(target, value.dtype)
    if isinstance(made, NamedResults):
        return results_in(made, out)
    if not isinstance(made, tuple):
        put_out(out, made)
        return out
    for target, value in zip(out, made, strict=True):
        put_out(target, value)
    return tuple(out)


def by_columns(array: Any) -> Any:
    """Matrices laid out column by column, as LAPACK leaves them."""
    return np.ascontiguousarray(array.swapaxes(-1, -2)).swapaxes(-1, -2)


def integers(array: Any) -> Tensor:
    """A tensor of int32 codes."""
    return make(np.asarray(array, _INT32))
