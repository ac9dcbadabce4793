"""Functions of matrices: root and polar factors, and Sylvester's equation behind their derivatives.

The derivative of a root r in the direction e solves r d + d r = e; the polar factor u turns by an
equation of this kind, too. Neither minds equal eigenvalues.

Source: N. J. Higham, "Functions of matrices", 2008, (6.2).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.core.aval import Aval, make_aval
from functorch_lite.core.op import Op, Whole
from functorch_lite.errors import DtypeError, ShapeError
from functorch_lite.ops import lapack, lapack_spectra
from functorch_lite.ops.arithmetic import add, neg, sub
from functorch_lite.ops.linalg_solve import solve
from functorch_lite.ops.matrix import (
    adjoint,
    check_matrices,
    h,
    like,
    mm,
    on_matrices,
    plus,
)

__all__ = ["polar", "sqrtm", "sylvester"]


# ---------------------------------------------------------------------------- Sylvester's equation
def _sylvester(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """By Schur's form of both (R. H. Bartels, G. W. Stewart, 1972)."""
    r, u = lapack_spectra.schur(a, vectors=True)
    s, v = lapack_spectra.schur(b.conj().swapaxes(-1, -2), vectors=True)
    uh, vh = u.conj().swapaxes(-1, -2), v.conj().swapaxes(-1, -2)
    inside = np.where(np.isfinite(c).all((-2, -1), keepdims=True), uh @ c @ v, np.nan)
    return np.asarray(u @ lapack_spectra.triangular_sylvester(r, s, inside) @ vh)


def _sylvester_aval(a: Aval, b: Aval, c: Aval) -> Aval:
    check_matrices("sylvester", a, square=True, operand="a")
    check_matrices("sylvester", b, square=True, operand="b")
    check_matrices("sylvester", c, operand="c")
    want = (*a.shape[:-1], b.shape[-1])
    if c.shape != want or a.shape[:-2] != b.shape[:-2]:
        raise ShapeError(
            f"sylvester: with a of shape {a.shape} and b of {b.shape}, c must have shape {want}, "
            f"and all leading axes be equal; got {c.shape}. Remedy: broadcast or transpose c."
        )
    if not a.dtype == b.dtype == c.dtype:
        raise DtypeError(
            f"sylvester: a, b and c must have one dtype, got {a.dtype.name}, {b.dtype.name} and "
            f"{c.dtype.name}. Remedy: cast them to one dtype."
        )
    return make_aval(c.shape, c.dtype)


def _sylvester_jvp(primals: Any, tangents: Any, params: dict[str, Any]) -> Any:
    (a, b, c), (ta, tb, change) = primals, tangents
    x = sylvester(a, b, c)
    for moved in (
        None if ta is None else mm(ta, x),
        None if tb is None else mm(x, tb),
    ):
        if moved is not None:
            change = neg(moved) if change is None else sub(change, moved)
    return x, sylvester(a, b, change)


def _sylvester_vjp(g: Any, x: Any, args: Any, params: dict[str, Any], wants: Any) -> list[Any]:
    a, b, _ = args
    gc = sylvester(h(a), h(b), g)
    return [
        neg(mm(gc, h(x))) if wants[0] else None,
        neg(mm(h(x), gc)) if wants[1] else None,
        gc,
    ]


sylvester: Op = on_matrices(
    "sylvester",
    operands=("a", "b", "c"),
    eager=_sylvester,
    aval=_sylvester_aval,
    jvp=Whole(_sylvester_jvp),
    vjp=adjoint(_sylvester_vjp, saves=("args", "ans"), linear=(2,)),
)


# -------------------------------------------------------------------------------------- square root
def _sqrtm(x: np.ndarray) -> np.ndarray:
    """By Schur's form, column by column of the triangle (Å. Björck, S. Hammarling, 1983)."""
    wide = lapack.COMPLEX[x.dtype.char]
    triangle, z = lapack_spectra.schur(x.astype(wide), vectors=True)
    n = np.arange(x.shape[-1])
    root = np.zeros_like(triangle)
    root[..., n, n] = np.sqrt(triangle[..., n, n])
    for j in n:
        for i in range(j - 1, -1, -1):
            inside = (root[..., i, i + 1 : j] * root[..., i + 1 : j, j]).sum(-1)
            rest = triangle[..., i, j] - inside
            both = root[..., i, i] + root[..., j, j]
            # Two zero eigenvalues: there is a root only where nothing is left to divide.
            root[..., i, j] = np.where(rest == 0, 0, rest / both)
    return np.asarray(z @ root @ z.conj().swapaxes(-1, -2))


def _sqrtm_aval(x: Aval) -> Aval:
    check_matrices("sqrtm", x, square=True)
    return make_aval(x.shape, lapack.COMPLEX[x.dtype.char])


def _sqrtm_jvp(primals: Any, tangents: Any, params: dict[str, Any]) -> Any:
    root = sqrtm(primals[0])
    return root, sylvester(root, root, like(tangents[0], root))


def _sqrtm_vjp(g: Any, root: Any, args: Any, params: dict[str, Any], wants: Any) -> list[Any]:
    return [like(sylvester(h(root), h(root), g), args[0])]


sqrtm: Op = on_matrices(
    "sqrtm",
    eager=_sqrtm,
    aval=_sqrtm_aval,
    jvp=Whole(_sqrtm_jvp),
    vjp=adjoint(_sqrtm_vjp, saves=("args", "ans")),
)


# ------------------------------------------------------------------------------------ polar factors
def _polar(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if x.shape[-2] < x.shape[-1]:
        raise ValueError("more columns than rows")
    u, s, vh = lapack_spectra.svd(x, full_matrices=False, vectors=True)
    v = vh.conj().swapaxes(-1, -2)
    return u @ vh, np.asarray((v * s[..., None, :]) @ vh, x.dtype)


def _polar_aval(x: Aval) -> tuple[Aval, Aval]:
    check_matrices("polar", x)
    *lead, m, n = x.shape
    if m < n:
        raise ShapeError(
            f"polar: x must have at least as many rows as columns, got shape {x.shape}. Remedy: "
            "the factors of its conjugate transpose are the left ones of x."
        )
    return make_aval(x.shape, x.dtype), make_aval((*lead, n, n), x.dtype)


def _divided(x: Any, hermitian: Any) -> Any:
    """x times the inverse of a Hermitian matrix."""
    return h(solve(hermitian, h(x)))


def _polar_jvp(primals: Any, tangents: Any, params: dict[str, Any]) -> Any:
    (x,), (tangent,) = primals, tangents
    u, p = polar(x)
    inside = mm(h(u), tangent)
    turn = sylvester(p, p, sub(inside, h(inside)))
    tu = mm(u, turn)
    if x.shape[-2] > x.shape[-1]:
        tu = add(tu, _divided(sub(tangent, mm(u, inside)), p))
    return (u, p), (tu, sub(inside, mm(turn, p)))


def _polar_vjp(g: Any, ans: Any, args: Any, params: dict[str, Any], wants: Any) -> list[Any]:
    (x,), (u, p), (gu, gp) = args, ans, g
    if gu is None and gp is None:
        return [None]
    turn = None if gu is None else mm(h(u), gu)
    beyond = None
    if gu is not None and x.shape[-2] > x.shape[-1]:
        beyond = _divided(sub(gu, mm(u, turn)), p)
    if gp is not None:
        moved = mm(gp, p)
        turn = neg(moved) if turn is None else sub(turn, moved)
    turn = sylvester(p, p, turn)
    inside = sub(turn, h(turn))
    return [plus(mm(u, plus(inside, gp)), beyond)]


polar: Op = on_matrices(
    "polar",
    eager=_polar,
    aval=_polar_aval,
    jvp=Whole(_polar_jvp),
    vjp=adjoint(_polar_vjp, saves=("args", "ans")),
    multi=True,
)
