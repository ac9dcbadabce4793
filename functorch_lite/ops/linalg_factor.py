"""Factorizations into triangles: Cholesky's, LU with row exchanges, QR.

Derivatives: S. F. Walter, L. Lehmann, "Algorithmic differentiation of linear algebra functions with
application in optimum experimental design", 2010; F. R. de Hoog, R. S. Anderssen, M. A. Lukas,
"Differentiation of matrix functionals using triangular factorization", 2011. Where the matrix is
singular they hold infinities or NaN.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.core.aval import Aval, make_aval
from functorch_lite.core.dtypes import int64
from functorch_lite.core.op import Op, Whole, whole_vjp
from functorch_lite.errors import DtypeError, GradientError, ShapeError
from functorch_lite.ops import lapack
from functorch_lite.ops.arithmetic import add, neg, scale, sub
from functorch_lite.ops.convert import cast
from functorch_lite.ops.creation import iota
from functorch_lite.ops.families import NOT_DIFFERENTIABLE, const, define, zeros_like
from functorch_lite.ops.index import gather
from functorch_lite.ops.linalg_solve import triangular_solve
from functorch_lite.ops.matrix import (
    adjoint,
    batch_of,
    beside,
    check_matrices,
    columns,
    h,
    hermitian_from_lower,
    identity_like,
    is_complex,
    like,
    lower,
    lower_from_hermitian,
    mm,
    on_diagonal,
    on_matrices,
    plus,
    real,
    rows,
    strictly_lower,
    strictly_upper,
    t,
    upper,
)
from functorch_lite.ops.shape import broadcast_to, pad, reshape
from functorch_lite.ops.sort import sort

__all__ = ["cholesky", "lu", "lu_order", "qr"]


def divide(
    a: Any, b: Any, *, left: bool = True, low: bool = True, transpose: bool = False,
    conjugate: bool = False, unit: bool = False,
) -> Any:  # fmt: skip
    """The inverse of (op of) a triangle, times b or to the right of b."""
    return triangular_solve(
        a,
        b,
        left_side=left,
        lower=low,
        transpose_a=transpose,
        conjugate_a=conjugate and is_complex(a),
        unit_diagonal=unit,
    )


# ----------------------------------------------------------------------------------------- Cholesky
def _cholesky_aval(x: Aval) -> Aval:
    check_matrices("cholesky", x, square=True)
    return make_aval(x.shape, x.dtype)


def _half_lower(x: Any) -> Any:
    return add(strictly_lower(x), scale(on_diagonal(x), 0.5))


def _cholesky_jvp(primals: Any, tangents: Any, params: dict[str, Any]) -> Any:
    (x,), (tangent,) = primals, tangents
    factor = cholesky(x)
    inside = divide(factor, h(divide(factor, hermitian_from_lower(tangent))))
    return factor, mm(factor, _half_lower(inside))


def _cholesky_vjp(g: Any, factor: Any, args: Any, params: dict[str, Any], wants: Any) -> list[Any]:
    inside = _half_lower(mm(h(factor), lower(g)))
    # L⁻ᴴ inside L⁻¹, by two divisions from the left
    half = divide(factor, inside, transpose=True, conjugate=True)
    whole = divide(factor, h(half), transpose=True, conjugate=True)
    return [lower_from_hermitian(whole)]


cholesky: Op = on_matrices(
    "cholesky",
    eager=lapack.cholesky,
    aval=_cholesky_aval,
    jvp=Whole(_cholesky_jvp),
    vjp=adjoint(_cholesky_vjp, saves=("ans",)),
)


# ----------------------------------------------------------------------------------------------- LU
def _lu_aval(x: Aval) -> tuple[Aval, Aval, Aval]:
    check_matrices("lu", x)
    *lead, m, n = x.shape
    return (
        make_aval(x.shape, x.dtype),
        make_aval((*lead, min(m, n)), lapack.INDEX),
        make_aval((*lead, m), lapack.INDEX),
    )


def _grown(x: Any, more_rows: int, more_columns: int) -> Any:
    """x with zeros below and to the right."""
    if not more_rows and not more_columns:
        return x
    config = ((0, 0, 0),) * (len(x.shape) - 2) + ((0, more_rows, 0), (0, more_columns, 0))
    return pad(x, const(0, x.dtype), config=config)


def _squares(factors: Any) -> tuple[Any, Any]:
    """Both factors as square matrices, the rest of them that of the identity."""
    m, n = factors.shape[-2:]
    k = min(m, n)
    low = _grown(strictly_lower(columns(factors, 0, k)), 0, m - k)
    up = _grown(upper(rows(factors, 0, k)), n - k, 0)
    if n > k:
        rest = identity_like(columns(rows(up, k, n), k, n))
        up = add(up, pad_before(rest, k))
    return add(low, identity_like(low)), up


def pad_before(x: Any, count: int) -> Any:
    """x with ``count`` rows and columns of zeros before it."""
    config = ((0, 0, 0),) * (len(x.shape) - 2) + ((count, 0, 0), (count, 0, 0))
    return pad(x, const(0, x.dtype), config=config)


def permuted(x: Any, order: Any) -> Any:
    """The rows of matrices in another order."""
    grid = [iota(shape=x.shape, dtype=int64, axis=i) for i in range(len(x.shape))]
    along = reshape(cast(order, dtype=int64), shape=(*order.shape, 1))
    grid[-2] = broadcast_to(along, shape=x.shape)
    return gather(x, *grid, axes=tuple(range(len(x.shape))), mode="clip")


def _undone(order: Any) -> Any:
    """The inverse permutation."""
    axis = len(order.shape) - 1
    ids = iota(shape=order.shape, dtype=int64, axis=axis)
    return sort(order, ids, axis=axis, num_keys=1)[1]


def _lu_jvp(primals: Any, tangents: Any, params: dict[str, Any]) -> Any:
    (x,), (tangent,) = primals, tangents
    ans = lu(x)
    low, up = _squares(ans[0])
    inside = divide(low, permuted(tangent, ans[2]), unit=True)
    inside = divide(up, inside, left=False, low=False)
    change = add(mm(low, strictly_lower(inside)), mm(upper(inside), up))
    return ans, (change, None, None)


def _lu_vjp(ct: Any, ans: Any, args: Any, params: dict[str, Any], wants: Any) -> list[Any]:
    if ct[0] is None:
        return [None]
    low, up = _squares(ans[0])
    inside = add(strictly_lower(mm(t(low), ct[0])), upper(mm(ct[0], t(up))))
    inside = divide(low, inside, transpose=True, unit=True)
    inside = divide(up, inside, left=False, low=False, transpose=True)
    return [permuted(inside, _undone(ans[2]))]


lu: Op = on_matrices(
    "lu",
    eager=lapack.lu,
    aval=_lu_aval,
    jvp=Whole(_lu_jvp),
    vjp=whole_vjp(_lu_vjp, saves=("ans",)),
    multi=True,
)


def _order(exchanges: np.ndarray, *, rows: int) -> np.ndarray:
    return lapack.permutation_of(exchanges, rows).astype(exchanges.dtype)


def _order_aval(exchanges: Aval, *, rows: int) -> Aval:
    if exchanges.dtype.char not in _INTEGERS:
        raise DtypeError(
            f"lu_order: exchanges must be integers, got {exchanges.dtype.name}. Remedy: the second "
            "result of lu."
        )
    if exchanges.ndim < 1 or exchanges.shape[-1] > rows:
        raise ShapeError(
            f"lu_order: exchanges of {rows} rows must have shape [..., k], k <= {rows}; got "
            f"{exchanges.shape}. Remedy: more rows."
        )
    return make_aval((*exchanges.shape[:-1], rows), exchanges.dtype)


_INTEGERS = np.typecodes["AllInteger"]
lu_order: Op = define(
    "lu_order",
    operands=("exchanges",),
    eager=lapack.on_host(_order, _INTEGERS, 1),
    aval=_order_aval,
    jvp=NOT_DIFFERENTIABLE,
    vjp=NOT_DIFFERENTIABLE,
    batch=batch_of(lambda: lu_order),
    kinds="i",
)


# ----------------------------------------------------------------------------------------------- QR
def _qr_aval(x: Aval, *, full_matrices: bool) -> tuple[Aval, Aval]:
    check_matrices("qr", x)
    *lead, m, n = x.shape
    k = m if full_matrices else min(m, n)
    return make_aval((*lead, m, k), x.dtype), make_aval((*lead, k, n), x.dtype)


def _refuse_complete(x: Any, full_matrices: bool) -> None:
    m, n = x.shape[-2:]
    if full_matrices and m > n:
        raise GradientError(
            f"qr: the last {m - n} columns of q are no function of x, shape {x.shape}, so that "
            "the complete factorization has no derivative. Remedy: mode='reduced' "
            "(full_matrices=False)."
        )


def _real_diagonal(x: Any) -> Any:
    return on_diagonal(like(real(x), x)) if is_complex(x) else on_diagonal(x)


def _qr_jvp(primals: Any, tangents: Any, params: dict[str, Any]) -> Any:
    (x,), (tangent,) = primals, tangents
    _refuse_complete(x, **params)
    m, n = x.shape[-2:]
    q, r = qr(x, **params)
    # Only the first m columns decide about q; the others of r follow.
    square = columns(r, 0, min(m, n))
    moved = divide(square, columns(tangent, 0, min(m, n)), left=False, low=False)
    inside = mm(h(q), moved)
    above = add(strictly_upper(add(inside, h(inside))), _real_diagonal(inside))
    tq = sub(moved, mm(q, above))
    tr = mm(above, square)
    if n > m:
        rest = add(mm(h(tq), columns(x, m, n)), mm(h(q), columns(tangent, m, n)))
        tr = beside(tr, rest)
    return (q, r), (tq, tr)


def _qr_vjp(g: Any, ans: Any, args: Any, params: dict[str, Any], wants: Any) -> list[Any]:
    (x,), (q, r), (gq, gr) = args, ans, g
    if gq is None and gr is None:
        return [None]
    _refuse_complete(x, **params)
    m, n = x.shape[-2:]
    square, rest = columns(r, 0, min(m, n)), None
    if gr is not None and n > m:
        beyond = columns(gr, m, n)
        gr, rest = columns(gr, 0, m), mm(q, beyond)
        more = mm(columns(x, m, n), h(beyond))
        gq = plus(gq, more)
    inside = None if gr is None else mm(gr, h(square))
    if gq is not None:
        turned = mm(h(q), gq)
        inside = neg(turned) if inside is None else sub(inside, turned)
    above = strictly_upper(inside)
    total = mm(q, add(add(above, h(above)), _real_diagonal(inside)))
    gx = divide(square, plus(gq, total), left=False, low=False, transpose=True, conjugate=True)
    if n > m:
        gx = beside(gx, columns(zeros_like(x), m, n) if rest is None else rest)
    return [gx]


qr: Op = on_matrices(
    "qr",
    eager=lapack.qr,
    aval=_qr_aval,
    jvp=Whole(_qr_jvp),
    vjp=adjoint(_qr_vjp, saves=("args", "ans")),
    multi=True,
)
