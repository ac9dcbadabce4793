"""dot_general: the contraction of two arrays over some dimensions, batched over others.

The answer has the batch dimensions first, then the free dimensions of x, then those of y, each in
their order, as in XLA. Eagerly it is one ``np.matmul`` over views of the operands wherever strides
allow it.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from functorch_lite.core.aval import Aval, make_aval
from functorch_lite.core.dtypes import float32, is_bool
from functorch_lite.core.op import Op
from functorch_lite.errors import AxisError, DtypeError, ShapeError
from functorch_lite.ops.families import define
from functorch_lite.ops.shape import move_axis_to_front, transpose

__all__ = ["dot_general"]

Dims = tuple[tuple[int, ...], tuple[int, ...]]

_PLAIN: Dims = ((1,), (0,))


def free_dims(ndim: int, contract: tuple[int, ...], batch: tuple[int, ...]) -> tuple[int, ...]:
    """The dimensions that are neither contracted nor batched."""
    return tuple(i for i in range(ndim) if i not in contract and i not in batch)


# --------------------------------------------------------------------------------- shape and dtype
def _aval(x: Aval, y: Aval, *, contract: Dims, batch: Dims) -> Aval:
    for operand, name, cdims, bdims in (
        (x, "x", contract[0], batch[0]),
        (y, "y", contract[1], batch[1]),
    ):
        dims = (*cdims, *bdims)
        if len(set(dims)) != len(dims) or not all(0 <= d < operand.ndim for d in dims):
            raise AxisError(
                f"dot_general: contracting dimensions {cdims} and batch dimensions {bdims} of "
                f"{name} do not fit its shape {operand.shape}: each must exist and be named once."
            )
    for what, (xs, ys) in (("contracting", contract), ("batch", batch)):
        if len(xs) != len(ys):
            raise ShapeError(
                f"dot_general: x has {len(xs)} {what} dimensions {xs}, y has {len(ys)}: {ys}."
            )
        for i, j in zip(xs, ys, strict=True):
            if x.shape[i] != y.shape[j]:
                raise ShapeError(
                    f"dot_general: the {what} dimensions differ: axis {i} of x with shape "
                    f"{x.shape} has size {x.shape[i]}, axis {j} of y with shape {y.shape} has size "
                    f"{y.shape[j]}. Remedy: transpose one operand so that equal sizes meet."
                )
    if x.dtype != y.dtype:
        raise DtypeError(
            f"dot_general: x is {x.dtype.name}, y is {y.dtype.name}. Remedy: cast them to one "
            "dtype."
        )
    if is_bool(x.dtype):
        raise DtypeError(
            "dot_general: bool arrays have no product sum. Remedy: count with .astype(int), or "
            "combine with & and any()."
        )
    shape = (
        *(x.shape[i] for i in batch[0]),
        *(x.shape[i] for i in free_dims(x.ndim, contract[0], batch[0])),
        *(y.shape[j] for j in free_dims(y.ndim, contract[1], batch[1])),
    )
    return make_aval(shape, x.dtype)


# ------------------------------------------------------------------------------------------- eager
@lru_cache(maxsize=4096)
def _plan(x_shape: Any, y_shape: Any, contract: Dims, batch: Dims) -> tuple[Any, ...]:
    """How to see the operands as stacks of matrices, and the shape of the answer.

    For each operand: a permutation, a shape (``None`` where nothing is to be done), and whether its
    last two axes are swapped then.
    """
    cx, cy = contract
    if (
        len(cx) > 1
    ):  # the larger operand decides in which order the pairs are joined into one dimension
        lead = cx if math.prod(x_shape) >= math.prod(y_shape) else cy
        cx, cy = zip(
            *sorted(zip(cx, cy, strict=True), key=lambda p: p[0] if lead is cx else p[1]),
            strict=True,
        )
    fx, fy = free_dims(len(x_shape), cx, batch[0]), free_dims(len(y_shape), cy, batch[1])
    out = (
        *(x_shape[i] for i in (*batch[0], *fx)),
        *(y_shape[j] for j in fy),
    )
    return (*_arrange(x_shape, batch[0], fx, cx), *_arrange(y_shape, batch[1], cy, fy), out)


def _arrange(shape: Any, batch: Any, rows: Any, columns: Any) -> tuple[Any, Any, bool]:
    """Bring dimensions to batch + one of rows + one of columns, by a view where possible."""
    natural = tuple(range(len(shape)))
    perm, swap = (*batch, *rows, *columns), False
    if perm != natural and (*batch, *columns, *rows) == natural:
        perm, swap, rows, columns = natural, True, columns, rows
    stack = tuple(shape[i] for i in batch)
    joined = (*stack, math.prod(shape[i] for i in rows), math.prod(shape[i] for i in columns))
    moved = tuple(shape[i] for i in perm)
    return (None if perm == natural else perm), (None if joined == moved else joined), swap


def _contiguous_matmul(x: Any, y: Any) -> Any:
    """np.matmul after copying operands whose strides BLAS cannot take, as broadcasting makes."""
    operands = []
    for a in (x, y):
        if a.ndim > 1 and a.itemsize not in a.strides[-2:] or 0 in a.strides:
            a = np.ascontiguousarray(a)
        operands.append(a)
    return np.matmul(*operands)


# NumPy before 2.3 leaves such operands to a scalar loop
_new_matmul = np.lib.NumpyVersion(np.__version__) >= "2.3.0"
_matmul = np.matmul if _new_matmul else _contiguous_matmul


def _eager(xp: Any, x: Any, y: Any, *, contract: Dims, batch: Dims) -> Any:
    dtype = x.dtype
    if y.dtype is not dtype and y.dtype != dtype:
        raise TypeError("operands of two dtypes")  # the shape rule words the refusal
    if dtype.char in "eE?":
        return _eager_special(xp, x, y, contract, batch)
    matmul = _matmul if xp is np else xp.matmul
    if contract == _PLAIN and not batch[0] and x.ndim == 2 == y.ndim:
        return matmul(x, y)
    x_perm, x_shape, x_swap, y_perm, y_shape, y_swap, shape = _plan(
        x.shape, y.shape, contract, batch
    )
    if x_perm is not None:
        x = x.transpose(x_perm)
    if x_shape is not None:
        x = x.reshape(x_shape)
    if x_swap:
        x = x.swapaxes(-1, -2)
    if y_perm is not None:
        y = y.transpose(y_perm)
    if y_shape is not None:
        y = y.reshape(y_shape)
    if y_swap:
        y = y.swapaxes(-1, -2)
    return matmul(x, y).reshape(shape)


def _eager_special(xp: Any, x: Any, y: Any, contract: Dims, batch: Dims) -> Any:
    if is_bool(x.dtype):
        raise TypeError("dot_general of bool")
    wide = _eager(xp, x.astype(float32), y.astype(float32), contract=contract, batch=batch)
    return wide.astype(x.dtype)


# ---------------------------------------------------------------------------------- derivatives
def _pull(ct: Any, other: Any, shape: Any, own: Any, others: Any, leading: bool) -> Any:
    """Cotangent of one operand.

    Args:
        ct: cotangent of the answer.
        other: the other operand.
        shape: the operand's shape.
        own: its (contract, batch) dimensions.
        others: those of the other operand.
        leading: whether its free dimensions come first in the answer.
    """
    ndim, other_ndim = len(shape), len(other.shape)
    free, other_free = free_dims(ndim, *own), free_dims(other_ndim, *others)
    stack = tuple(range(len(own[1])))
    second = len(stack) + len(free) if leading else len(stack)
    other_in_ct = tuple(range(second, second + len(other_free)))
    # the other operand's contracted dimensions come out in its own order
    paired = [mine for _, mine in sorted(zip(others[0], own[0], strict=True))]
    ct_first = (*own[1], *free, *paired)
    other_first = (*own[1], *paired, *free)
    if other_first == tuple(sorted(other_first)) and ct_first != other_first:
        return dot_general(other, ct, contract=(other_free, other_in_ct), batch=(others[1], stack))
    out = dot_general(ct, other, contract=(other_in_ct, other_free), batch=(stack, others[1]))
    perm = tuple(ct_first.index(i) for i in range(ndim))
    return out if perm == tuple(range(ndim)) else transpose(out, perm=perm)


def _vjp_x(ct: Any, y: Any, x_shape: Any, contract: Dims, batch: Dims) -> Any:
    return _pull(ct, y, x_shape, (contract[0], batch[0]), (contract[1], batch[1]), True)


def _vjp_y(ct: Any, x: Any, y_shape: Any, contract: Dims, batch: Dims) -> Any:
    return _pull(ct, x, y_shape, (contract[1], batch[1]), (contract[0], batch[0]), False)


def _batch(size: int, args: Any, batched: Any, params: dict[str, Any]) -> Any:
    x, y = args
    on_x, on_y = batched
    contract = (_shifted(params["contract"][0], on_x), _shifted(params["contract"][1], on_y))
    batch = (_shifted(params["batch"][0], on_x), _shifted(params["batch"][1], on_y))
    if on_x and on_y:
        return dot_general(x, y, contract=contract, batch=((0, *batch[0]), (0, *batch[1])))
    out = dot_general(x, y, contract=contract, batch=batch)
    # the mapped axis is now the first free dimension of the operand that has it
    at = len(batch[0])
    if on_y:
        at += len(free_dims(len(x.shape), contract[0], batch[0]))
    return move_axis_to_front(out, at)


def _shifted(dims: tuple[int, ...], batched: bool) -> tuple[int, ...]:
    return tuple(d + 1 for d in dims) if batched else dims


dot_general: Op = define(
    "dot_general",
    operands=("x", "y"),
    eager=_eager,
    aval=_aval,
    jvp=(
        lambda t, y, contract, batch: dot_general(t, y, contract=contract, batch=batch),
        lambda t, x, contract, batch: dot_general(x, t, contract=contract, batch=batch),
    ),
    vjp=(_vjp_x, _vjp_y),
    batch=_batch,
    kinds="ifc",
)
