"""The exponential of matrices, and its derivative in a direction, which is an op of its own.

The derivative in the direction e is the upper right block of the exponential of [[x, e], [0, x]].
It is linear in e, and its adjoint is the derivative at xᴴ; so it is written down as one op, which
knows that, and not as the exponential of a block.

Source: N. J. Higham, "Functions of matrices", 2008, (3.16) and theorem 3.6.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.core.aval import Aval, make_aval
from functorch_lite.core.op import Op, Whole
from functorch_lite.errors import DtypeError, ShapeError
from functorch_lite.ops import lapack
from functorch_lite.ops.arithmetic import add
from functorch_lite.ops.exponential import exponential
from functorch_lite.ops.families import zeros_like
from functorch_lite.ops.matrix import (
    adjoint,
    below,
    beside,
    check_matrices,
    columns,
    h,
    on_matrices,
    plus,
    rows,
)

__all__ = ["expm", "expm_along"]


# -------------------------------------------------------------------------------------- exponential
def _expm_aval(x: Aval) -> Aval:
    check_matrices("expm", x, square=True)
    return make_aval(x.shape, x.dtype)


def _expm_jvp(primals: Any, tangents: Any, params: dict[str, Any]) -> Any:
    return expm(primals[0]), expm_along(primals[0], tangents[0])


def _expm_vjp(g: Any, ans: Any, args: Any, params: dict[str, Any], wants: Any) -> list[Any]:
    return [expm_along(h(args[0]), g)]


expm: Op = on_matrices(
    "expm",
    eager=exponential,
    aval=_expm_aval,
    jvp=Whole(_expm_jvp),
    vjp=adjoint(_expm_vjp, saves=("args",)),
)


# ------------------------------------------------------------------------------------- a direction
def _along(x: np.ndarray, direction: np.ndarray) -> np.ndarray:
    lapack.squares(x)
    lapack.need(x.shape == direction.shape and x.dtype == direction.dtype)
    n = x.shape[-1]
    block = np.zeros((*x.shape[:-2], 2 * n, 2 * n), x.dtype)
    block[..., :n, :n] = block[..., n:, n:] = x
    block[..., :n, n:] = direction
    return exponential(block)[..., :n, n:].copy()


def _along_aval(x: Aval, direction: Aval) -> Aval:
    check_matrices("expm_along", x, square=True)
    check_matrices("expm_along", direction, operand="direction")
    if x.shape != direction.shape:
        raise ShapeError(
            f"expm_along: x has shape {x.shape}, direction {direction.shape}. Remedy: a direction "
            "is a matrix in the shape of x."
        )
    if x.dtype != direction.dtype:
        raise DtypeError(
            f"expm_along: x is {x.dtype.name}, direction {direction.dtype.name}. Remedy: cast them "
            "to one dtype."
        )
    return make_aval(x.shape, x.dtype)


def _corner(x: Any) -> Any:
    """The upper right one of four blocks."""
    n = x.shape[-1] // 2
    return rows(columns(x, n, 2 * n), 0, n)


def _block(x: Any, corner: Any) -> Any:
    """[[x, corner], [0, x]]."""
    return below(beside(x, corner), beside(zeros_like(x), x))


def _along_jvp(primals: Any, tangents: Any, params: dict[str, Any]) -> Any:
    (x, direction), (tx, change) = primals, tangents
    moved = None if change is None else expm_along(x, change)
    if tx is not None:
        twice = expm_along(_block(x, direction), _block(tx, zeros_like(tx)))
        moved = plus(moved, _corner(twice))
    return expm_along(x, direction), moved


def _along_vjp(g: Any, ans: Any, args: Any, params: dict[str, Any], wants: Any) -> list[Any]:
    x, direction = args
    back = expm_along(h(x), g) if wants[1] else None
    if not wants[0]:
        return [None, back]
    n, none = x.shape[-1], zeros_like(x)
    corner = below(beside(none, g), beside(none, none))
    twice = expm_along(h(_block(x, direction)), corner)
    first, last = rows(columns(twice, 0, n), 0, n), rows(columns(twice, n, 2 * n), n, 2 * n)
    return [add(first, last), back]


expm_along: Op = on_matrices(
    "expm_along",
    operands=("x", "direction"),
    eager=_along,
    aval=_along_aval,
    jvp=Whole(_along_jvp),
    vjp=adjoint(_along_vjp, saves=("args",), linear=(1,)),
)
