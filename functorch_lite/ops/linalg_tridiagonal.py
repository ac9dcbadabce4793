"""Tridiagonal matrices: systems with three diagonals, and the reduction of Hermitian matrices."""

from __future__ import annotations

from typing import Any

from functorch_lite.core.aval import Aval, make_aval
from functorch_lite.core.op import Op, Whole, whole_vjp
from functorch_lite.errors import DtypeError, ShapeError
from functorch_lite.ops import lapack, lapack_tridiagonal
from functorch_lite.ops.arithmetic import mul, neg, sub
from functorch_lite.ops.families import const, define
from functorch_lite.ops.linalg_reduce import without_derivative
from functorch_lite.ops.matrix import check_matrices, plus, real_dtype
from functorch_lite.ops.reduce import reduce_sum
from functorch_lite.ops.shape import broadcast_to, pad, reshape, transpose, with_batch

__all__ = ["tridiagonal", "tridiagonal_solve"]

Params = dict[str, Any]


# ------------------------------------------------------------------------------------------ systems
def _solve_aval(dl: Aval, d: Aval, du: Aval, b: Aval, *, perturb_singular: bool) -> Aval:
    name = "tridiagonal_solve"
    check_matrices(name, b, operand="b")
    for what, x in (("dl", dl), ("d", d), ("du", du)):
        if x.dtype != b.dtype:
            raise DtypeError(
                f"{name}: {what} is {x.dtype.name}, b is {b.dtype.name}. Remedy: cast them to one "
                "dtype."
            )
        if x.shape != b.shape[:-1]:
            raise ShapeError(
                f"{name}: each diagonal must have the shape of b but for the columns, "
                f"{b.shape[:-1]}; {what} has {x.shape}. Remedy: pad the outer diagonals to the "
                "length of d, or broadcast the leading axes."
            )
    return make_aval(b.shape, b.dtype)


def _shifted(x: Any, by: int, axis: int) -> Any:
    """x moved along an axis, zeros entering."""
    config = tuple((by, -by, 0) if i == axis else (0, 0, 0) for i in range(len(x.shape)))
    return pad(x, const(0, x.dtype), config=config)


def _columns(diagonal: Any, like: Any) -> Any:
    """A diagonal, repeated over the columns of b."""
    return broadcast_to(reshape(diagonal, shape=(*diagonal.shape, 1)), shape=like.shape)


def _product(diagonals: Any, x: Any) -> Any:
    """The matrix, given by some of its diagonals (None: zero), times x."""
    rows, total = len(x.shape) - 2, None
    for diagonal, by in zip(diagonals, (1, 0, -1), strict=True):
        if diagonal is not None:
            moved = _shifted(x, by, rows) if by else x
            total = plus(total, mul(_columns(diagonal, x), moved))
    return total


def _solve_jvp(primals: Any, tangents: Any, params: Params) -> tuple[Any, Any]:
    x = tridiagonal_solve(*primals, **params)
    moved, change = _product(tangents[:3], x), tangents[3]
    if moved is not None:
        change = neg(moved) if change is None else sub(change, moved)
    return x, tridiagonal_solve(*primals[:3], change, **params)


def _solve_vjp(ct: Any, x: Any, args: Any, params: Params, wants: Any) -> list[Any]:
    dl, d, du, _ = args
    last = len(d.shape) - 1
    turned = _shifted(du, 1, last), d, _shifted(dl, -1, last)
    back = tridiagonal_solve(*turned, ct, **params)
    out: list[Any] = [None, None, None, back]
    for i, by in enumerate((1, 0, -1)):
        if wants[i]:
            moved = _shifted(x, by, last) if by else x
            out[i] = neg(reduce_sum(mul(back, moved), axes=(last + 1,)))
    return out


def _solve_batch(size: int, args: Any, batched: Any, params: Params) -> Any:
    *diagonals, b = args
    if any(batched[:3]):
        whole = [with_batch(x, f, size) for x, f in zip(args, batched, strict=True)]
        return tridiagonal_solve(*whole, **params)
    # One matrix for the whole batch: it is factored once, for all right-hand sides together.
    order = range(1, len(b.shape))
    moved = transpose(b, perm=(*order, 0))
    shape = moved.shape
    merged = reshape(moved, shape=(*shape[:-2], shape[-2] * shape[-1]))
    out = reshape(tridiagonal_solve(*diagonals, merged, **params), shape=shape)
    return transpose(out, perm=(len(shape) - 1, *range(len(shape) - 1)))


tridiagonal_solve: Op = define(
    "tridiagonal_solve",
    operands=("dl", "d", "du", "b"),
    eager=lapack.on_host(lapack_tridiagonal.solve, axes=1),
    aval=_solve_aval,
    jvp=Whole(_solve_jvp),
    vjp=whole_vjp(_solve_vjp, saves=("args", "ans"), linear=(3,)),
    batch=_solve_batch,
    kinds="fc",
)


# ---------------------------------------------------------------------------------------- reduction
def _reduced_aval(x: Aval, *, lower: bool) -> tuple[Aval, ...]:
    check_matrices("tridiagonal", x, square=True)
    *lead, n, _ = x.shape
    real, sizes = real_dtype(x.dtype), (*lead, max(n - 1, 0))
    return (
        make_aval(x.shape, x.dtype), make_aval((*lead, n), real), make_aval(sizes, real),
        make_aval(sizes, x.dtype),
    )  # fmt: skip


tridiagonal: Op = without_derivative(
    "tridiagonal", lapack_tridiagonal.reduced, _reduced_aval, "eigh has one"
)
