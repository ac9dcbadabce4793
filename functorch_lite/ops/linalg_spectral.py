"""Eigenvalues and singular values, with and without their vectors.

Derivatives of the vectors hold the inverse distances of the values: where two are equal they are
infinite or NaN, as in JAX, even if what is made of the vectors is smooth. Values alone, whose
derivative is that of each one along its own vector, and sums of them, do no such division.

A function that depends on the phase (the sign) of a vector is not differentiable either; the
phases are LAPACK's.

Source: M. B. Giles, "An extended collection of matrix derivative results for forward and reverse
mode algorithmic differentiation", 2008.
"""

from __future__ import annotations

from typing import Any

from functorch_lite.core.aval import Aval, make_aval
from functorch_lite.core.op import Op, Whole
from functorch_lite.errors import GradientError
from functorch_lite.ops import convert, lapack_spectra
from functorch_lite.ops.arithmetic import add, mul, sub
from functorch_lite.ops.lapack import COMPLEX
from functorch_lite.ops.linalg_solve import solve
from functorch_lite.ops.matrix import (
    adjoint,
    check_matrices,
    column,
    conj,
    diagonal,
    diagonal_matrix,
    h,
    hermitian_from_lower,
    is_complex,
    like,
    lower_from_hermitian,
    mm,
    on_matrices,
    over_gaps,
    plus,
    quotient,
    real,
    real_dtype,
    row,
    times_i,
)
from functorch_lite.ops.shape import broadcast_to

__all__ = ["eig", "eigh", "svd"]


# --------------------------------------------------------------------------------- Hermitian ones
def _eigh_aval(x: Aval, *, vectors: bool) -> tuple[Aval, ...]:
    check_matrices("eigh", x, square=True)
    values = make_aval(x.shape[:-1], real_dtype(x.dtype))
    return (values, make_aval(x.shape, x.dtype)) if vectors else (values,)


def _eigh_jvp(primals: Any, tangents: Any, params: dict[str, Any]) -> Any:
    (x,), (tangent,) = primals, tangents
    w, v = eigh(x, vectors=True)
    inside = mm(h(v), hermitian_from_lower(tangent), v)
    tw = real(diagonal(inside))
    if not params["vectors"]:  # another algorithm, whose last digits are the value's
        return eigh(x, **params), (tw,)
    return (w, v), (tw, mm(v, over_gaps(inside, w)))


def _eigh_vjp(g: Any, ans: Any, args: Any, params: dict[str, Any], wants: Any) -> list[Any]:
    gw, gv = (*g, None)[:2]
    if gw is None and gv is None:
        return [None]
    w, v = ans if params["vectors"] else eigh(args[0], vectors=True)
    inside = None if gw is None else diagonal_matrix(like(gw, v))
    if gv is not None:
        inside = plus(inside, over_gaps(mm(h(v), gv), w))
    return [lower_from_hermitian(mm(v, inside, h(v)))]


eigh: Op = on_matrices(
    "eigh",
    eager=lapack_spectra.eigh,
    aval=_eigh_aval,
    jvp=Whole(_eigh_jvp),
    vjp=adjoint(_eigh_vjp, saves=("args", "ans")),
    multi=True,
)


# ---------------------------------------------------------------------------------- singular values
def _svd_aval(x: Aval, *, full_matrices: bool, vectors: bool) -> tuple[Aval, ...]:
    check_matrices("svd", x)
    *lead, m, n = x.shape
    k = min(m, n)
    s = make_aval((*lead, k), real_dtype(x.dtype))
    if not vectors:
        return (s,)
    left, right = (m, n) if full_matrices else (k, k)
    return make_aval((*lead, m, left), x.dtype), s, make_aval((*lead, right, n), x.dtype)


def _refuse_full(x: Any, params: dict[str, Any]) -> None:
    m, n = x.shape[-2:]
    if params["vectors"] and params["full_matrices"] and m != n:
        raise GradientError(
            f"svd: the vectors beyond the first {min(m, n)} are no function of x, shape "
            f"{x.shape}, so that the full decomposition has no derivative. Remedy: "
            "full_matrices=False."
        )


def _over_squares(x: Any, s: Any) -> Any:
    """x[i, j] / (s[j]² - s[i]²), 0 on the diagonal; by two divisions, which lose no digits."""
    return quotient(over_gaps(x, s), like(add(row(s), column(s)), x))


def _over_columns(x: Any, s: Any) -> Any:
    return quotient(x, broadcast_to(row(s), shape=x.shape))


def _svd_jvp(primals: Any, tangents: Any, params: dict[str, Any]) -> Any:
    (x,), (tangent,) = primals, tangents
    _refuse_full(x, params)
    u, s, vh = svd(x, full_matrices=False, vectors=True)
    v = h(vh)
    inside = mm(h(u), tangent, v)
    ts = real(diagonal(inside))
    if not params["vectors"]:
        return svd(x, **params), (ts,)
    m, n = x.shape[-2:]
    factor = like(s, x)
    right, left = mul(inside, row(factor)), mul(column(factor), inside)
    du, dv = _over_squares(add(right, h(right)), s), _over_squares(add(left, h(left)), s)
    if is_complex(x):
        turned = times_i(convert.imag(diagonal(inside)))
        du = add(du, diagonal_matrix(quotient(turned, factor)))
    tu, tv = mm(u, du), mm(v, dv)
    if m > n:
        moved = mm(tangent, v)
        tu = add(tu, _over_columns(sub(moved, mm(u, inside)), factor))
    if n > m:
        moved = mm(h(tangent), u)
        tv = add(tv, _over_columns(sub(moved, mm(v, h(inside))), factor))
    return (u, s, vh), (tu, ts, h(tv))


def _svd_vjp(g: Any, ans: Any, args: Any, params: dict[str, Any], wants: Any) -> list[Any]:
    (x,) = args
    gu, gs, gvh = g if params["vectors"] else (None, g[0], None)
    if gu is None and gs is None and gvh is None:
        return [None]
    _refuse_full(x, params)
    m, n = x.shape[-2:]
    u, s, vh = ans if params["vectors"] else svd(x, full_matrices=False, vectors=True)
    v, factor = h(vh), like(s, x)
    inside = None if gs is None else diagonal_matrix(like(gs, x))
    beyond = None  # what leads out of the spaces of u and v
    if gu is not None:
        turned = mm(h(u), gu)
        inside = plus(inside, mul(_over_squares(sub(turned, h(turned)), s), row(factor)))
        if is_complex(x):
            phase = quotient(times_i(convert.imag(diagonal(turned))), factor)
            inside = plus(inside, diagonal_matrix(phase))
        if m > n:
            beyond = mm(_over_columns(sub(gu, mm(u, turned)), factor), vh)
    if gvh is not None:
        gv = h(gvh)
        turned = mm(vh, gv)
        inside = plus(inside, mul(column(factor), _over_squares(sub(turned, h(turned)), s)))
        if n > m:
            beyond = mm(u, h(_over_columns(sub(gv, mm(v, turned)), factor)))
    return [plus(mm(u, inside, vh), beyond)]


svd: Op = on_matrices(
    "svd",
    eager=lapack_spectra.svd,
    aval=_svd_aval,
    jvp=Whole(_svd_jvp),
    vjp=adjoint(_svd_vjp, saves=("args", "ans")),
    multi=True,
)


# ----------------------------------------------------------------------------------- general ones
def _eig_aval(x: Aval, *, left: bool, right: bool) -> tuple[Aval, ...]:
    check_matrices("eig", x, square=True)
    wide = COMPLEX[x.dtype.char]
    values, vectors = make_aval(x.shape[:-1], wide), make_aval(x.shape, wide)
    return (values, *[vectors] * (left + right))


def _refuse_left(params: dict[str, Any]) -> None:
    if params["left"]:
        raise GradientError(
            "eig: left eigenvectors have no derivative rule. Remedy: the right eigenvectors of "
            "the conjugate transpose are the left ones of x."
        )


def _eig_jvp(primals: Any, tangents: Any, params: dict[str, Any]) -> Any:
    (x,), (tangent,) = primals, tangents
    _refuse_left(params)
    w, v = eig(x, left=False, right=True)
    inside = mm(solve(v, like(tangent, v)), v)
    tw = diagonal(inside)
    if not params["right"]:
        return eig(x, **params), (tw,)
    turned = mm(v, over_gaps(inside, w))
    # Vectors keep length one: what they grow by along themselves is taken off.
    growth = real(diagonal(mm(h(v), turned)))
    return (w, v), (tw, sub(turned, mul(v, row(like(growth, v)))))


def _eig_vjp(g: Any, ans: Any, args: Any, params: dict[str, Any], wants: Any) -> list[Any]:
    _refuse_left(params)
    (x,) = args
    gw, gv = (*g, None)[:2]
    if gw is None and gv is None:
        return [None]
    w, v = ans if params["right"] else eig(x, left=False, right=True)
    inside = None if gw is None else diagonal_matrix(gw)
    if gv is not None:
        turned = mm(h(v), gv)
        growth = like(real(diagonal(turned)), v)
        turned = sub(turned, mul(mm(h(v), v), row(growth)))
        inside = plus(inside, over_gaps(turned, conj(w)))
    found = mm(solve(h(v), inside), h(v))
    return [like(found, x)]


eig: Op = on_matrices(
    "eig",
    eager=lapack_spectra.eig,
    aval=_eig_aval,
    jvp=Whole(_eig_jvp),
    vjp=adjoint(_eig_vjp, saves=("args", "ans")),
    multi=True,
)
