"""Parts and products of stacks of matrices, in ops: the words that derivative rules are written in.

A stack has any leading axes; rows and columns are the last two.

Cotangents follow the convention of ``mul``: the reverse rule of ``t -> a t`` is ``ct -> a ct``, for
complex a too. Most formulas of linear algebra are stated for the scalar product Re(xᴴ y) instead,
whose gradients are the conjugates; ``adjoint`` translates.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite.core.aval import Aval
from functorch_lite.core.dtypes import complex64, float32, float64, int64
from functorch_lite.core.op import Op, whole_vjp
from functorch_lite.errors import DtypeError, ShapeError
from functorch_lite.ops import convert, lapack
from functorch_lite.ops.arithmetic import add, div, mul, scale, sub
from functorch_lite.ops.compare import eq, ge, gt, le, lt, ne, select
from functorch_lite.ops.contract import dot_general
from functorch_lite.ops.creation import iota
from functorch_lite.ops.families import define, full_like, ones_like, zeros_like
from functorch_lite.ops.reduce import reduce_sum
from functorch_lite.ops.shape import (
    broadcast_to,
    concatenate,
    reshape,
    slice,
    transpose,
    with_batch,
)

KINDS = ("f", "d", "F", "D")
DTYPES = "float32, float64, complex64 or complex128"


# ------------------------------------------------------------------------------------ shape rules
def check_matrices(name: str, x: Aval, square: bool = False, operand: str = "x") -> None:
    """Raise unless x is a stack of (square) matrices of a dtype that LAPACK knows."""
    if x.dtype.char not in KINDS:
        raise DtypeError(
            f"{name}: takes {DTYPES}, got {operand} of {x.dtype.name}. Remedy: convert first, e.g. "
            f"{operand}.astype('float32')."
        )
    if x.ndim < 2:
        raise ShapeError(
            f"{name}: {operand} must be a matrix or a stack of matrices, got shape {x.shape}. "
            f"Remedy: {operand}[:, None] makes a column of a vector."
        )
    if square and x.shape[-1] != x.shape[-2]:
        raise ShapeError(
            f"{name}: {operand} must be square in its last two axes, got shape {x.shape}. Remedy: "
            "lstsq, pinv, svd and qr take matrices of any shape."
        )


def check_alike(name: str, a: Aval, b: Aval) -> None:
    """Raise unless two stacks have the same leading axes and dtype."""
    if a.dtype != b.dtype:
        raise DtypeError(
            f"{name}: a is {a.dtype.name}, b is {b.dtype.name}. Remedy: cast them to one dtype."
        )
    if a.shape[:-2] != b.shape[:-2]:
        raise ShapeError(
            f"{name}: the leading axes of a, shape {a.shape}, and b, shape {b.shape}, must be "
            "equal. Remedy: broadcast one of them first."
        )


def real_dtype(dtype: Any) -> Any:
    """The dtype of a real part."""
    return dtype if dtype.kind != "c" else float32 if dtype == complex64 else float64


# ----------------------------------------------------------------------------- elements and parts
def is_complex(x: Any) -> bool:
    """Whether x holds complex numbers."""
    return bool(x.dtype.kind == "c")


def conj(x: Any) -> Any:
    """Complex conjugates; real arrays unchanged."""
    return convert.conj(x) if is_complex(x) else x


def real(x: Any) -> Any:
    """Real parts; real arrays unchanged."""
    return convert.real(x) if is_complex(x) else x


def like(x: Any, other: Any) -> Any:
    """x in the dtype of another array, which may be complex where x is real, or the reverse."""
    return x if x.dtype == other.dtype else convert.cast(x, dtype=other.dtype)


def times_i(x: Any) -> Any:
    """Real numbers times the imaginary unit."""
    return convert.complex(zeros_like(x), x)


def t(x: Any) -> Any:
    """Transposed matrices."""
    n = len(x.shape)
    return transpose(x, perm=(*range(n - 2), n - 1, n - 2))


def h(x: Any) -> Any:
    """Conjugate-transposed matrices."""
    return conj(t(x))


def mm(x: Any, *others: Any) -> Any:
    """Product of matrices, from left to right."""
    lead = len(x.shape) - 2
    axes = tuple(range(lead))
    for y in others:
        x = dot_general(x, y, contract=((lead + 1,), (lead,)), batch=(axes, axes))
    return x


def _grid(shape: tuple[int, ...]) -> tuple[Any, Any]:
    """The row and the column of every element of a matrix."""
    size = shape[-2:]
    return iota(shape=size, dtype=int64, axis=0), iota(shape=size, dtype=int64, axis=1)


def _part(x: Any, holds: Op) -> Any:
    """Elements for whose row and column a comparison holds; zeros elsewhere."""
    return select(holds(*_grid(x.shape)), x, zeros_like(x))


def lower(x: Any) -> Any:
    """The lower triangle, diagonal included."""
    return _part(x, ge)


def strictly_lower(x: Any) -> Any:
    """The lower triangle without the diagonal."""
    return _part(x, gt)


def upper(x: Any) -> Any:
    """The upper triangle, diagonal included."""
    return _part(x, le)


def strictly_upper(x: Any) -> Any:
    """The upper triangle without the diagonal."""
    return _part(x, lt)


def on_diagonal(x: Any) -> Any:
    """The diagonal, zeros beside it."""
    return _part(x, eq)


def off_diagonal(x: Any) -> Any:
    """Everything but the diagonal."""
    return _part(x, ne)


def diagonal(x: Any) -> Any:
    """The diagonal of square matrices, as vectors."""
    return reduce_sum(on_diagonal(x), axes=(len(x.shape) - 1,))


def identity_like(x: Any) -> Any:
    """Identity matrices, rectangular ones too, in the shape and dtype of x."""
    one = convert.cast(eq(*_grid(x.shape)), dtype=x.dtype)
    return broadcast_to(one, shape=x.shape)


def column(v: Any) -> Any:
    """Vectors as columns, to scale the rows of matrices with."""
    return reshape(v, shape=(*v.shape, 1))


def row(v: Any) -> Any:
    """Vectors as rows, to scale the columns of matrices with."""
    return reshape(v, shape=(*v.shape[:-1], 1, v.shape[-1]))


def diagonal_matrix(v: Any) -> Any:
    """Diagonal matrices from vectors."""
    n = v.shape[-1]
    return on_diagonal(broadcast_to(row(v), shape=(*v.shape[:-1], n, n)))


def columns(x: Any, start: int, stop: int) -> Any:
    """The columns from ``start`` to ``stop``."""
    lead = len(x.shape) - 1
    first, last = (*(0,) * lead, start), (*x.shape[:-1], stop)
    return slice(x, start=first, stop=last, step=(1,) * len(x.shape))


def rows(x: Any, start: int, stop: int) -> Any:
    """The rows from ``start`` to ``stop``."""
    return t(columns(t(x), start, stop))


def beside(x: Any, y: Any) -> Any:
    """The columns of y to the right of those of x."""
    return concatenate(x, y, axis=len(x.shape) - 1)


def below(x: Any, y: Any) -> Any:
    """The rows of y under those of x."""
    return concatenate(x, y, axis=len(x.shape) - 2)


def inner(x: Any, y: Any) -> Any:
    """Sums of the products of all elements, without conjugation, as 1 x 1 matrices."""
    n = len(x.shape)
    total = reduce_sum(mul(x, y), axes=(n - 2, n - 1))
    return reshape(total, shape=(*total.shape, 1, 1))


def quotient(x: Any, y: Any) -> Any:
    """x / y, but 0 where both are: nothing flows that was never asked for.

    Written so that it is linear in x: where y is 0, x is multiplied with all that is finite, twice,
    which makes infinities of x's sign, in complex numbers NaN too, of all that is not subnormal.
    """
    zero, one = eq(y, zeros_like(y)), ones_like(y)
    factor = select(zero, full_like(y, float(np.finfo(y.dtype).max)), one)
    return div(mul(mul(x, factor), factor), select(zero, one, y))


def plus(x: Any, y: Any) -> Any:
    """A sum of terms, of which None is a zero."""
    return y if x is None else x if y is None else add(x, y)


def over_gaps(x: Any, w: Any) -> Any:
    """x[i, j] / (w[j] - w[i]) for matrices, 0 on the diagonal."""
    return quotient(off_diagonal(x), like(sub(row(w), column(w)), x))


# ----------------------------------------------------------------------------------- Hermitian ones
def hermitian_from_lower(x: Any) -> Any:
    """The Hermitian matrix of which x holds the lower triangle."""
    below = strictly_lower(x)
    middle = on_diagonal(like(real(x), x) if is_complex(x) else x)
    return add(add(below, h(below)), middle)


def lower_from_hermitian(g: Any) -> Any:
    """The adjoint of ``hermitian_from_lower``."""
    both = add(g, h(g))
    return add(strictly_lower(both), scale(on_diagonal(both), 0.5))


# -------------------------------------------------------------------------------------------- rules
def adjoint(rule: Callable[..., Any], saves: tuple[str, ...], linear: tuple[int, ...] = ()) -> Any:
    """A reverse rule from one that is stated for the scalar product Re(xᴴ y).

    ``rule(g, ans, args, params, wants)`` takes and returns the conjugates of cotangents.
    """

    def vjp(ct: Any, ans: Any, args: Any, params: dict[str, Any], wants: Any) -> list[Any]:
        several = isinstance(ct, (list, tuple))
        g = [c if c is None else conj(c) for c in ct] if several else conj(ct)
        found = rule(g, ans, args, params, wants)
        return [None if x is None else conj(x) for x in found]

    return whole_vjp(vjp, saves=saves, linear=linear)


def batch_of(op: Callable[[], Op]) -> Callable[..., Any]:
    """The batching rule of an op for which a mapped axis is one more leading axis."""

    def batch(size: int, args: Any, batched: Any, params: dict[str, Any]) -> Any:
        return op()(*[with_batch(x, b, size) for x, b in zip(args, batched, strict=True)], **params)

    return batch


def on_matrices(
    name: str,
    *,
    eager: Callable[..., Any],
    aval: Callable[..., Any],
    jvp: Any,
    vjp: Any,
    operands: tuple[str, ...] = ("x",),
    multi: bool = False,
) -> Op:
    """Declare an op that ``eager`` computes on the host, for stacks with any leading axes."""
    op: Op = define(
        name,
        operands=operands,
        eager=lapack.on_host(eager),
        aval=aval,
        jvp=jvp,
        vjp=vjp,
        batch=batch_of(lambda: op),
        multi=multi,
        kinds="fc",
    )
    return op
