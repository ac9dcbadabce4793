"""Products of matrices whose rows are scaled block by block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from functorch_lite import numpy as fnp
from functorch_lite.errors import ShapeError
from functorch_lite.nn.checks import as_array

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = ["scaled_matmul"]


def scaled_matmul(
    lhs: Any, rhs: Any, lhs_scales: Any, rhs_scales: Any, preferred_element_type: Any = "float32"
) -> Array:
    """lhs rhsᵀ, where each block along the rows of both operands has a factor.

    Args:
        lhs: [batch, rows, size].
        rhs: [batch, columns, size].
        lhs_scales: [batch, rows, blocks], where the number of blocks divides ``size``.
        rhs_scales: [batch, columns, blocks].
        preferred_element_type: dtype of the result.

    Returns:
        [batch, rows, columns], computed in float32 (in float64 where an operand is).

    Raises:
        ShapeError: the sizes do not go together.

    >>> a, b = fnp.asarray([[[1, 2, 3, 4]]]), fnp.asarray([[[1, 1, 1, 1]]])
    >>> scaled_matmul(a, b, fnp.asarray([[[1.0, 10.0]]]), fnp.asarray([[[1.0, 1.0]]]))
    Array([[[73.]]], dtype=float32)

    Source: ``jax.nn.scaled_matmul``, without the formats of 8 bits and less that it is made for.
    """
    names = ("lhs", "rhs", "lhs_scales", "rhs_scales")
    given = (lhs, rhs, lhs_scales, rhs_scales)
    a, b, p, q = (as_array("scaled_matmul", x, what) for x, what in zip(given, names, strict=True))
    shapes = [tuple(x.shape) for x in (a, b, p, q)]
    if not _fits(shapes):
        listed = ", ".join(f"{n} {s}" for n, s in zip(names, shapes, strict=True))
        raise ShapeError(
            "nn.scaled_matmul: expected lhs [batch, rows, size], rhs [batch, columns, size], and "
            "scales [batch, rows, blocks] and [batch, columns, blocks] with blocks that divide "
            f"size; got {listed}. Remedy: fnp.swapaxes(rhs, -1, -2) where its columns come last."
        )
    dtype = fnp.promote_types(fnp.result_type(a, b, p, q), "float32")
    left, right = (_scaled(x, s, dtype) for x, s in ((a, p), (b, q)))
    return fnp.matmul(left, fnp.swapaxes(right, -1, -2)).astype(preferred_element_type)


def _fits(shapes: list[tuple[int, ...]]) -> bool:
    if any(len(shape) != 3 for shape in shapes):
        return False
    (batch, rows, size), (b_batch, columns, b_size), p, q = shapes
    blocks = p[2]
    even = size % blocks == 0 if blocks else size == 0
    alike = (batch, size) == (b_batch, b_size)
    return alike and even and p[:2] == (batch, rows) and q == (batch, columns, blocks)


def _scaled(x: Array, scales: Array, dtype: Any) -> Array:
    blocks = scales.shape[-1]
    parts = x.astype(dtype).reshape(*x.shape[:-1], blocks, x.shape[-1] // max(blocks, 1))
    return (parts * scales.astype(dtype)[..., None]).reshape(x.shape)
