"""Products of operands that come with scales of blocks, as formats with few bits do."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite import ops
from functorch_lite.core.array import Array
from functorch_lite.core.dtypes import bfloat16, canonical, float32, is_float, promote_types
from functorch_lite.errors import DtypeError, ShapeError
from functorch_lite.lax.ragged import DotDimensionNumbers
from functorch_lite.lax.structure import dot_general
from functorch_lite.numpy.convert import as_array, axes_in_order, cast
from functorch_lite.numpy.shapes import broadcast_to

__all__ = ["scaled_dot"]


def scaled_dot(
    lhs: Any,
    rhs: Any,
    *,
    lhs_scale: Any = None,
    rhs_scale: Any = None,
    dimension_numbers: DotDimensionNumbers | None = None,
    preferred_element_type: Any = None,
) -> Array:
    """The product of ``lhs * lhs_scale`` and ``rhs * rhs_scale``, computed in float32 or wider.

    Args:
        lhs, rhs: arrays of real floats.
        lhs_scale, rhs_scale: factors, or None for ones. They have the axes of the operand, of the
            same sizes or, along those that are summed over, of sizes that divide them: a factor
            is for a block of neighbours.
        dimension_numbers: as in :func:`dot_general`; by default those of a product of matrices,
            after one batch axis if there are three axes.
        preferred_element_type: dtype of the result, bfloat16 by default.

    Returns:
        array of the batch axes, then the free axes of lhs, then those of rhs.

    Raises:
        ShapeError: scales or dimension numbers that do not fit the operands.
        DtypeError: operands that hold no real floats.

    >>> from functorch_lite import lax
    >>> x, w = lax.full((1, 4), 1.0), lax.full((4, 1), 1.0)
    >>> scale = lax.reshape(lax.iota("float32", 2), (1, 2))
    >>> scaled_dot(x, w, lhs_scale=scale, preferred_element_type="float32")
    Array([[2.]], dtype=float32)

    Source: ``jax.lax.scaled_dot``.
    """
    x, y = as_array(lhs, "scaled_dot", "lhs"), as_array(rhs, "scaled_dot", "rhs")
    for name, operand in (("lhs", x), ("rhs", y)):
        if not is_float(operand.dtype):
            raise DtypeError(
                f"lax.scaled_dot: {name} must hold real floats; got {operand.dtype.name}. Remedy: "
                f"convert_element_type({name}, 'float32')."
            )
    if dimension_numbers is None:
        if x.ndim != y.ndim or x.ndim not in (2, 3):
            raise ShapeError(
                "lax.scaled_dot: without dimension_numbers both operands have two axes, or three; "
                f"got shapes {x.shape} and {y.shape}. Remedy: dimension_numbers=(((1,), (0,)), "
                "((), ())), for example."
            )
        batch = tuple(range(x.ndim - 2))
        dimension_numbers = (((x.ndim - 1,), (x.ndim - 2,)), (batch, batch))
    (cx, cy), (bx, by) = dimension_numbers
    wide = promote_types(promote_types(x.dtype, y.dtype), float32)
    x = _scaled("lhs", x, lhs_scale, tuple(cx), wide)
    y = _scaled("rhs", y, rhs_scale, tuple(cy), wide)
    out = dot_general(x, y, ((cx, cy), (bx, by)))
    return cast(out, canonical(preferred_element_type or bfloat16))


def _scaled(name: str, x: Array, scale: Any, summed: Any, wide: np.dtype[Any]) -> Array:
    """An operand times its scale, each factor repeated over its block."""
    x = cast(x, wide)
    if scale is None:
        return x
    factors = cast(as_array(scale, "scaled_dot", f"{name}_scale"), wide)
    over = axes_in_order(summed, x.ndim, "lax.scaled_dot")
    fits = factors.ndim == x.ndim and all(
        n == m or (i in over and m > 0 and n % m == 0)
        for i, (n, m) in enumerate(zip(x.shape, factors.shape, strict=False))
    )
    if not fits:
        raise ShapeError(
            f"lax.scaled_dot: {name}_scale must have the sizes of {name}, {x.shape}, or divide "
            f"them along the axes {over} that are summed over; got {factors.shape}. Remedy: a "
            f"scale of shape {tuple(1 if i in over else n for i, n in enumerate(x.shape))}."
        )
    apart, blocks = [], []
    for n, m in zip(x.shape, factors.shape, strict=True):
        apart += [m, 1]
        blocks += [m, n // m if m else 1]
    spread = broadcast_to(ops.reshape(factors, shape=tuple(apart)), tuple(blocks))
    out: Array = ops.mul(x, ops.reshape(spread, shape=x.shape))
    return out
