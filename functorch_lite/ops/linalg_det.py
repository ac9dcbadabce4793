"""Determinants: as a number, as sign and logarithm, and the cofactors, which are its derivative.

The gradient of a determinant is the matrix of cofactors, finite for singular matrices, too; that of
a logarithm is the transposed inverse, which has infinities and NaN there.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.core.aval import Aval, make_aval
from functorch_lite.core.op import Op, Whole, whole_vjp
from functorch_lite.ops import convert, lapack, lapack_spectra
from functorch_lite.ops.arithmetic import mul, sub
from functorch_lite.ops.linalg_inverse import inv
from functorch_lite.ops.matrix import (
    adjoint,
    check_matrices,
    column,
    h,
    inner,
    is_complex,
    like,
    mm,
    on_matrices,
    plus,
    real,
    real_dtype,
    t,
    times_i,
)
from functorch_lite.ops.shape import reshape

__all__ = ["cofactor", "det", "slogdet"]


def _number(x: Any) -> Any:
    """1 x 1 matrices as numbers."""
    return reshape(x, shape=x.shape[:-2])


def _one_by_one(x: Any) -> Any:
    return column(column(x))


# -------------------------------------------------------------------------------------- determinant
def _det(x: np.ndarray) -> np.ndarray:
    """NumPy's: of all functions here those of determinants alone fail for no value."""
    lapack.squares(x)
    return np.asarray(np.linalg.det(x), x.dtype)


def _det_aval(x: Aval) -> Aval:
    check_matrices("det", x, square=True)
    return make_aval(x.shape[:-2], x.dtype)


def _det_jvp(primals: Any, tangents: Any, params: dict[str, Any]) -> Any:
    (x,), (tangent,) = primals, tangents
    return det(x), _number(inner(cofactor(x), tangent))


def _det_vjp(ct: Any, ans: Any, args: Any, params: dict[str, Any], wants: Any) -> list[Any]:
    return [mul(_one_by_one(ct), cofactor(args[0]))]


det: Op = on_matrices(
    "det",
    eager=_det,
    aval=_det_aval,
    jvp=Whole(_det_jvp),
    vjp=whole_vjp(_det_vjp, saves=("args",)),
)


# ---------------------------------------------------------------------------------------- cofactors
def _cofactor(x: np.ndarray) -> np.ndarray:
    """From x = u s vh: det(u) det(vh) times u, the products of the other values, and vh."""
    n = x.shape[-1]
    if x.size == 0:
        return x.copy()
    u, s, vh = lapack_spectra.svd(x, full_matrices=False, vectors=True)
    others = np.repeat(s[..., None, :], n, axis=-2)
    others[..., np.arange(n), np.arange(n)] = 1
    phase = (_det(u) * _det(vh))[..., None, None]
    return np.asarray(phase * ((u * others.prod(-1)[..., None, :]) @ vh).conj(), x.dtype)


def _cofactor_aval(x: Aval) -> Aval:
    check_matrices("cofactor", x, square=True)
    return make_aval(x.shape, x.dtype)


def _cofactor_jvp(primals: Any, tangents: Any, params: dict[str, Any]) -> Any:
    (x,), (tangent,) = primals, tangents
    ans, inverse = cofactor(x), t(inv(x))
    change = mul(ans, inner(inverse, tangent))
    return ans, sub(change, mm(ans, t(tangent), inverse))


def _cofactor_vjp(ct: Any, ans: Any, args: Any, params: dict[str, Any], wants: Any) -> list[Any]:
    inverse = t(inv(args[0]))
    return [sub(mul(inner(ct, ans), inverse), mm(inverse, t(ct), ans))]


cofactor: Op = on_matrices(
    "cofactor",
    eager=_cofactor,
    aval=_cofactor_aval,
    jvp=Whole(_cofactor_jvp),
    vjp=whole_vjp(_cofactor_vjp, saves=("args", "ans")),
)


# ------------------------------------------------------------------------------- sign and logarithm
def _slogdet(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    lapack.squares(x)
    sign, logarithm = np.linalg.slogdet(x)
    return np.asarray(sign, x.dtype), np.asarray(logarithm, lapack.REAL[x.dtype.char])


def _slogdet_aval(x: Aval) -> tuple[Aval, Aval]:
    check_matrices("slogdet", x, square=True)
    return make_aval(x.shape[:-2], x.dtype), make_aval(x.shape[:-2], real_dtype(x.dtype))


def _slogdet_jvp(primals: Any, tangents: Any, params: dict[str, Any]) -> Any:
    (x,), (tangent,) = primals, tangents
    sign, logarithm = slogdet(x)
    change = _number(inner(t(inv(x)), tangent))
    if not is_complex(x):
        return (sign, logarithm), (None, change)
    return (sign, logarithm), (mul(times_i(convert.imag(change)), sign), real(change))


def _slogdet_vjp(g: Any, ans: Any, args: Any, params: dict[str, Any], wants: Any) -> list[Any]:
    (x,), (g_sign, g_log) = args, g
    total = None if g_log is None else like(g_log, x)
    if is_complex(x) and g_sign is not None:
        # The sign turns by i Im(t) sign, of which the adjoint is i Im(g conj(sign)).
        turned = times_i(convert.imag(mul(g_sign, convert.conj(ans[0]))))
        total = plus(total, turned)
    if total is None:
        return [None]
    return [mul(_one_by_one(total), h(inv(x)))]


slogdet: Op = on_matrices(
    "slogdet",
    eager=_slogdet,
    aval=_slogdet_aval,
    jvp=Whole(_slogdet_jvp),
    vjp=adjoint(_slogdet_vjp, saves=("args", "ans")),
    multi=True,
)
