"""jax.lax's reductions by a function of the caller's, and by the bits of integers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from functorch_lite import ops
from functorch_lite.core import tree
from functorch_lite.core.array import Array
from functorch_lite.core.dtypes import is_bool, is_integer
from functorch_lite.errors import DtypeError, ShapeError
from functorch_lite.lax.monoids import elementwise_by, fold_one, init_for, is_identity, monoid_of
from functorch_lite.numpy.convert import as_array, as_axes, fill
from functorch_lite.numpy.shapes import broadcast_to

__all__ = ["reduce", "reduce_and", "reduce_or", "reduce_xor"]


def reduce(
    operands: Any,
    init_values: Any,
    computation: Callable[[Any, Any], Any],
    dimensions: Sequence[int],
) -> Any:
    """All elements along some axes reduced to one by any associative function of two scalars.

    Sums, products, extrema and, of bools, ``and`` and ``or`` are recognised, as in
    :func:`reduce_window`. Any other function is mapped over pairs of neighbours, then over pairs of
    what comes out, in about log2(n) steps: it must be associative, but need not commute.

    Args:
        operands: array, or a pytree of arrays of one shape.
        init_values: scalar, or a pytree of scalars, from which the reduction starts.
        computation: ``computation(left, right)`` of scalars (or pytrees of them).
        dimensions: the axes to reduce.

    Returns:
        array, or pytree of arrays, without those axes.

    Raises:
        AxisError: an axis does not exist or is named twice.
        ShapeError: operands of different shapes.
        DtypeError: ``computation`` returns another dtype.
        TreeError: the structures of operands, init_values and result differ.

    >>> import functorch_lite.numpy as fnp
    >>> reduce(fnp.asarray([1.0, 2.0, 4.0]), 0.0, fnp.hypot, (0,))
    Array(4.582576, dtype=float32)

    Source: ``jax.lax.reduce``.
    """
    leaves, structure = tree.flatten(operands)
    xs = [as_array(x, "reduce", "operands") for x in leaves]
    if not xs:
        raise ShapeError("lax.reduce: operands must hold at least one array; got none.")
    shape = xs[0].shape
    for x in xs:
        if x.shape != shape:
            raise ShapeError(
                f"lax.reduce: the operands must have one shape; got {shape} and {x.shape}. Remedy: "
                "broadcast them first."
            )
    axes = as_axes(tuple(dimensions), len(shape), "reduce")
    inits = init_for("reduce", operands, init_values, xs)
    kept = tuple(n for i, n in enumerate(shape) if i not in axes)
    kind = monoid_of(computation, xs[0].dtype) if len(xs) == 1 and 0 not in shape else None
    if kind is not None:
        out = _REDUCTIONS[kind](xs[0], axes=axes)
        if not is_identity(kind, inits[0]):
            out = fold_one(kind, broadcast_to(inits[0], kept), out)
        return tree.unflatten(structure, [out])
    starts = [broadcast_to(init, kept) for init in inits]
    if 0 in shape:
        return tree.unflatten(structure, starts)
    step = elementwise_by("reduce", computation, structure, [x.dtype for x in xs])
    return tree.unflatten(structure, step(starts, _halved([_rows(x, axes) for x in xs], step)))


_REDUCTIONS = {
    "add": ops.reduce_sum, "mul": ops.reduce_prod, "max": ops.reduce_max, "min": ops.reduce_min,
    "and": ops.reduce_and, "or": ops.reduce_or,
}  # fmt: skip


def _rows(x: Array, axes: tuple[int, ...]) -> Array:
    """The reduced axes joined into one in front of the others."""
    kept = [i for i in range(x.ndim) if i not in axes]
    x = ops.transpose(x, perm=(*axes, *kept))
    count = math.prod(x.shape[: len(axes)])
    return ops.reshape(x, shape=(count, *x.shape[len(axes) :]))


def _halved(
    rows: list[Array], step: Callable[[list[Array], list[Array]], list[Array]]
) -> list[Array]:
    """The rows combined, neighbour with neighbour, until one is left."""
    while (count := rows[0].shape[0]) > 1:
        even = count - count % 2
        pairs = step(
            [_every_other(x, 0, even) for x in rows], [_every_other(x, 1, even) for x in rows]
        )
        if count > even:
            last = [_every_other(x, even, count) for x in rows]
            pairs = [ops.concatenate(p, x, axis=0) for p, x in zip(pairs, last, strict=True)]
        rows = pairs
    return [ops.reshape(x, shape=x.shape[1:]) for x in rows]


def _every_other(x: Array, start: int, stop: int) -> Array:
    tail = x.ndim - 1
    out: Array = ops.slice(
        x, start=(start, *(0,) * tail), stop=(stop, *x.shape[1:]), step=(2, *(1,) * tail)
    )
    return out


# ----------------------------------------------------------------------------------------- by bits
def _bitwise(name: str, op: Any, of_bools: Any, neutral: int, line: str, example: str) -> Any:
    def fn(operand: Any, axes: Sequence[int]) -> Array:
        x = as_array(operand, name, "operand")
        over = as_axes(tuple(axes), x.ndim, name)
        if is_bool(x.dtype) and of_bools is not None:
            return of_bools(x, axes=over)
        if not (is_bool(x.dtype) or is_integer(x.dtype)):
            raise DtypeError(
                f"lax.{name}: operand must hold integers or bools; got {x.dtype.name}. Remedy: "
                "compare it with a number first."
            )
        kept = tuple(n for i, n in enumerate(x.shape) if i not in over)
        if 0 in x.shape:
            # all bits set, in unsigned types too
            whole = fill(x, shape=kept, dtype=x.dtype, value=0)
            return ops.bitwise_not(whole) if neutral else whole
        (out,) = _halved([_rows(x, over)], lambda a, b: [op(a[0], b[0])])
        return out

    fn.__name__ = fn.__qualname__ = name
    fn.__doc__ = (
        f"{line} of bools, or bit by bit of integers, over the named axes.\n\n"
        f">>> import functorch_lite.numpy as fnp\n>>> {name}(fnp.asarray([3, 5, 9]), (0,))\n"
        f"{example}\n"
    )
    return fn


reduce_and = _bitwise(
    "reduce_and", ops.bitwise_and, ops.reduce_and, 1, "Conjunction", "Array(1, dtype=int64)"
)
reduce_or = _bitwise(
    "reduce_or", ops.bitwise_or, ops.reduce_or, 0, "Disjunction", "Array(15, dtype=int64)"
)
reduce_xor = _bitwise("reduce_xor", ops.bitwise_xor, None, 0, "Parity", "Array(15, dtype=int64)")
