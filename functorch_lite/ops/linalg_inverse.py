"""The Moore-Penrose inverse, of which the derivative needs no singular vectors.

Source: G. H. Golub, V. Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares
problems whose variables separate", 1973. It holds where the rank is constant.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.core.aval import Aval, make_aval
from functorch_lite.core.op import Op, Whole
from functorch_lite.errors import DtypeError, ShapeError
from functorch_lite.ops import lapack
from functorch_lite.ops.arithmetic import add, sub
from functorch_lite.ops.matrix import adjoint, check_matrices, h, mm, on_matrices, real_dtype

__all__ = ["pinv"]


def _pinv(x: np.ndarray, rtol: np.ndarray) -> np.ndarray:
    if rtol.shape != (*x.shape[:-2], 1, 1):
        raise ValueError("one rtol for each matrix")
    u, s, vh = lapack.svd(x, full_matrices=False, vectors=True)
    largest = s.max(-1, initial=0)[..., None]
    small = s <= rtol[..., 0] * largest
    inverse = np.where(small, 0, 1 / np.where(small, 1, s))
    return np.asarray(
        (vh.conj().swapaxes(-1, -2) * inverse[..., None, :]) @ u.conj().swapaxes(-1, -2)
    )


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


def _pinv_jvp(primals: Any, tangents: Any, params: dict[str, Any]) -> Any:
    (x, rtol), t = primals, tangents[0]
    p = pinv(x, rtol)
    if t is None:
        return p, None
    th, ph = h(t), h(p)
    # p pᴴ tᴴ (1 - x p) + (1 - p x) tᴴ pᴴ p - p t p
    left, right = mm(p, ph, th), mm(th, ph, p)
    rows = sub(left, mm(left, x, p))
    columns = sub(right, mm(p, x, right))
    return p, sub(add(rows, columns), mm(p, t, p))


def _pinv_vjp(g: Any, p: Any, args: Any, params: dict[str, Any], wants: Any) -> list[Any]:
    if not wants[0]:
        return [None, None]
    x, gh, ph = args[0], h(g), h(p)
    left, right = mm(gh, p, ph), mm(ph, p, gh)
    rows = sub(left, mm(x, p, left))
    columns = sub(right, mm(right, p, x))
    return [sub(add(rows, columns), mm(ph, g, ph)), None]


pinv: Op = on_matrices(
    "pinv",
    operands=("x", "rtol"),
    eager=_pinv,
    aval=_pinv_aval,
    jvp=Whole(_pinv_jvp),
    vjp=adjoint(_pinv_vjp, saves=("args", "ans")),
)
