"""Reductions to simpler matrices: Schur's form, Hessenberg's, an order of columns for QR.

The first two have no derivative, as in JAX: their vectors are no function of the matrix where parts
of its spectrum meet. Functions of matrices that are made of them have rules of their own.
"""

from __future__ import annotations

from typing import Any

from functorch_lite.core.aval import Aval, make_aval
from functorch_lite.core.op import Op, Whole
from functorch_lite.errors import GradientError
from functorch_lite.ops import lapack, lapack_spectra
from functorch_lite.ops.families import NOT_DIFFERENTIABLE
from functorch_lite.ops.matrix import batch_of, check_matrices, on_matrices

__all__ = ["column_order", "hessenberg", "schur"]


def without_derivative(name: str, eager: Any, aval: Any, instead: str) -> Op:
    """An op whose rules, in both modes, say what has a derivative ``instead``."""

    def refuse(*_: Any) -> Any:
        raise GradientError(f"{name}: has no derivative. Remedy: {instead}.")

    # Like a callback it runs on the host, and refuses to be differentiated.
    op = Op(
        name, ("x",), lapack.on_host(eager), aval, Whole(refuse), Whole(refuse),
        batch_of(lambda: op), multi=True, family="host", info={"kinds": "fc"},
    )  # fmt: skip
    return op


def _schur_aval(x: Aval, *, vectors: bool) -> tuple[Aval, ...]:
    check_matrices("schur", x, square=True)
    return (make_aval(x.shape, x.dtype),) * (1 + vectors)


def _hessenberg_aval(x: Aval) -> tuple[Aval, Aval]:
    check_matrices("hessenberg", x, square=True)
    *lead, n, _ = x.shape
    return make_aval(x.shape, x.dtype), make_aval((*lead, max(n - 1, 0)), x.dtype)


schur: Op = without_derivative(
    "schur", lapack_spectra.schur, _schur_aval, "eig, eigh, expm and sqrtm have one"
)
hessenberg: Op = without_derivative(
    "hessenberg", lapack_spectra.hessenberg, _hessenberg_aval, "eig, eigh and qr have one"
)


def _column_order_aval(x: Aval) -> Aval:
    check_matrices("column_order", x)
    return make_aval((*x.shape[:-2], x.shape[-1]), lapack.INDEX)


column_order: Op = on_matrices(
    "column_order",
    eager=lapack.column_order,
    aval=_column_order_aval,
    jvp=NOT_DIFFERENTIABLE,
    vjp=NOT_DIFFERENTIABLE,
)
