"""Inverses, and the Moore-Penrose inverse, of which the derivative needs no singular vectors.

Source: G. H. Golub, V. Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares
problems whose variables separate", 1973. It holds where the rank is constant.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.core.aval import Aval, make_aval
from functorch_lite.core.op import Op, Whole, whole_vjp
from functorch_lite.errors import DtypeError, ShapeError
from functorch_lite.ops import lapack, lapack_spectra
from functorch_lite.ops.arithmetic import add, mul, neg, sub
from functorch_lite.ops.linalg_spectral import svd
from functorch_lite.ops.matrix import (
    adjoint,
    check_matrices,
    diagonal,
    h,
    like,
    mm,
    on_matrices,
    plus,
    real,
    real_dtype,
    row,
    t,
)

__all__ = ["inv", "pinv", "pinv_svdvals"]


# ------------------------------------------------------------------------------------------ inverse
def _inv_aval(x: Aval) -> Aval:
    check_matrices("inv", x, square=True)
    return make_aval(x.shape, x.dtype)


def _inv_jvp(primals: Any, tangents: Any, params: dict[str, Any]) -> Any:
    y = inv(primals[0])
    return y, neg(mm(y, tangents[0], y))


def _inv_vjp(ct: Any, y: Any, args: Any, params: dict[str, Any], wants: Any) -> list[Any]:
    return [neg(mm(t(y), ct, t(y)))]


inv: Op = on_matrices(
    "inv",
    eager=lapack.inverse,
    aval=_inv_aval,
    jvp=Whole(_inv_jvp),
    vjp=whole_vjp(_inv_vjp, saves=("ans",)),
)


# -------------------------------------------------------------------------- the Moore-Penrose one
def _both(x: np.ndarray, rtol: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The inverse, and the singular values that it was made of."""
    lapack.need(rtol.shape == (*x.shape[:-2], 1, 1))
    u, s, vh = lapack_spectra.svd(x, full_matrices=False, vectors=True)
    small = s <= rtol[..., 0] * s[..., :1]
    inverse = np.where(small, 0, 1 / s)
    right = vh.conj().swapaxes(-1, -2) * inverse[..., None, :]
    return np.asarray(right @ u.conj().swapaxes(-1, -2)), s


def _pinv(x: np.ndarray, rtol: np.ndarray) -> np.ndarray:
    return _both(x, rtol)[0]


def _pinv_aval(x: Aval, rtol: Aval) -> Aval:
    check_matrices("pinv", x)
    *lead, m, n = x.shape
    if rtol.shape != (*lead, 1, 1):
        raise ShapeError(
            f"pinv: rtol must have one number for each matrix of x, shape {(*lead, 1, 1)}; got "
            f"{rtol.shape}. Remedy: broadcast it."
        )
    if rtol.dtype != real_dtype(x.dtype):
        raise DtypeError(
            f"pinv: rtol must be {real_dtype(x.dtype).name}, as the singular values of x are; got "
            f"{rtol.dtype.name}. Remedy: cast it."
        )
    return make_aval((*lead, n, m), x.dtype)


def _change(x: Any, p: Any, tangent: Any) -> Any:
    """How the inverse p of x moves: p pᴴ tᴴ (1 - x p) + (1 - p x) tᴴ pᴴ p - p t p."""
    th, ph = h(tangent), h(p)
    left, right = mm(p, ph, th), mm(th, ph, p)
    rows = sub(left, mm(left, x, p))
    columns = sub(right, mm(p, x, right))
    return sub(add(rows, columns), mm(p, tangent, p))


def _change_back(x: Any, p: Any, g: Any) -> Any:
    """The adjoint of ``_change``."""
    gh, ph = h(g), h(p)
    left, right = mm(gh, p, ph), mm(ph, p, gh)
    rows = sub(left, mm(x, p, left))
    columns = sub(right, mm(right, p, x))
    return sub(add(rows, columns), mm(ph, g, ph))


def _pinv_jvp(primals: Any, tangents: Any, params: dict[str, Any]) -> Any:
    (x, rtol), tangent = primals, tangents[0]
    p = pinv(x, rtol)
    return p, None if tangent is None else _change(x, p, tangent)


def _pinv_vjp(g: Any, p: Any, args: Any, params: dict[str, Any], wants: Any) -> list[Any]:
    return [_change_back(args[0], p, g) if wants[0] else None, None]


pinv: Op = on_matrices(
    "pinv",
    operands=("x", "rtol"),
    eager=_pinv,
    aval=_pinv_aval,
    jvp=Whole(_pinv_jvp),
    vjp=adjoint(_pinv_vjp, saves=("args", "ans")),
)


# --------------------------------------------------------------------------- with singular values
def _svdvals_aval(x: Aval, rtol: Aval) -> tuple[Aval, Aval]:
    p = _pinv_aval(x, rtol)
    return p, make_aval((*x.shape[:-2], min(x.shape[-2:])), real_dtype(x.dtype))


def _svdvals_jvp(primals: Any, tangents: Any, params: dict[str, Any]) -> Any:
    (x, rtol), tangent = primals, tangents[0]
    p, s = pinv_svdvals(x, rtol)
    if tangent is None:
        return (p, s), (None, None)
    u, _, vh = svd(x, full_matrices=False, vectors=True)
    ts = real(diagonal(mm(h(u), tangent, h(vh))))
    return (p, s), (_change(x, p, tangent), ts)


def _svdvals_vjp(g: Any, ans: Any, args: Any, params: dict[str, Any], wants: Any) -> list[Any]:
    x, (gp, gs) = args[0], g
    if not wants[0] or (gp is None and gs is None):
        return [None, None]
    found = None if gp is None else _change_back(x, ans[0], gp)
    if gs is not None:
        u, _, vh = svd(x, full_matrices=False, vectors=True)
        found = plus(found, mm(mul(u, row(like(gs, u))), vh))
    return [found, None]


pinv_svdvals: Op = on_matrices(
    "pinv_svdvals",
    operands=("x", "rtol"),
    eager=_both,
    aval=_svdvals_aval,
    jvp=Whole(_svdvals_jvp),
    vjp=adjoint(_svdvals_vjp, saves=("args", "ans")),
    multi=True,
)
