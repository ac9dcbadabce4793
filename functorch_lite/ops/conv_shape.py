"""The geometry of convolutions: sizes of results, and which elements meet at a kernel position.

Along one dimension, element i of the operand, element k of the kernel and element j of the result
belong together where ``i * x_dilation + low = j * stride + k * w_dilation``. Everything else about
padding, strides and dilations follows from this equation, the derivatives included.
"""

from __future__ import annotations

import builtins
import math
from typing import Any

from functorch_lite.errors import ShapeError

__all__ = ["meeting", "output_sizes", "reversed_padding", "spread"]

_slice = builtins.slice
Shape = tuple[int, ...]
Pads = tuple[tuple[int, int], ...]


def spread(size: int, dilation: int) -> int:
    """Length of ``size`` elements with ``dilation - 1`` holes between neighbours.

    >>> spread(3, 2), spread(0, 2)
    (5, 0)
    """
    return (size - 1) * dilation + 1 if size else 0


def output_sizes(
    x_shape: Shape, w_shape: Shape, strides: Shape, padding: Pads, x_dilation: Shape,
    w_dilation: Shape,
) -> Shape:  # fmt: skip
    """Spatial sizes of the result of ``conv``, whose operands and params are checked here.

    Raises:
        ShapeError: naming the operand or param that does not fit.
    """
    _check_operands(x_shape, w_shape)
    _check_params(len(x_shape) - 3, strides, padding, x_dilation, w_dilation)
    found = []
    for axis, (n, k, s, (low, high), dx, dw) in enumerate(
        zip(x_shape[3:], w_shape[3:], strides, padding, x_dilation, w_dilation, strict=True)
    ):
        padded = spread(n, dx) + low + high
        if padded < 0:
            raise ShapeError(
                f"conv: padding {(low, high)} crops more than the {spread(n, dx)} elements along "
                f"spatial dimension {axis} of x with shape {x_shape}. Remedy: low + high must be "
                f"at least {-spread(n, dx)}."
            )
        found.append(max(0, (padded - spread(k, dw)) // s + 1))
    return tuple(found)


def _check_operands(x_shape: Shape, w_shape: Shape) -> None:
    if len(x_shape) != len(w_shape) or len(x_shape) < 3:
        raise ShapeError(
            "conv: expected x of shape (groups, batch, channels, *spatial) and w of shape (groups, "
            f"outputs, channels, *kernel) with as many dimensions; got {x_shape} and {w_shape}. "
            "Remedy: give both a leading axis of size 1 where there are no groups."
        )
    for axis, what in ((0, "groups"), (2, "channels")):
        if x_shape[axis] != w_shape[axis]:
            raise ShapeError(
                f"conv: the {what} differ: axis {axis} of x with shape {x_shape} has size "
                f"{x_shape[axis]}, axis {axis} of w with shape {w_shape} has size "
                f"{w_shape[axis]}. Remedy: transpose the operands so that equal sizes meet."
            )
    if 0 in w_shape[3:]:
        raise ShapeError(
            f"conv: the kernel w with shape {w_shape} is empty along a spatial dimension. Remedy: "
            "every spatial size of w must be at least 1."
        )


def _check_params(
    ndim: int, strides: Shape, padding: Pads, x_dilation: Shape, w_dilation: Shape
) -> None:
    for name, value in (
        ("strides", strides), ("padding", padding), ("x_dilation", x_dilation),
        ("w_dilation", w_dilation),
    ):  # fmt: skip
        if len(value) != ndim:
            raise ShapeError(
                f"conv: {name} must have one entry per spatial dimension, {ndim}; got {value}."
            )
        if name != "padding" and min(value, default=1) < 1:  # type: ignore[operator]
            raise ShapeError(
                f"conv: {name} must be positive, got {value}. Remedy: use 1 for no effect."
            )


def meeting(
    count: int, step: int, offset: int, size: int, dilation: int
) -> tuple[slice, slice] | None:
    """Solve ``j * step + offset = i * dilation`` for 0 <= j < count and 0 <= i < size.

    Returns:
        the solutions as two slices of equal length, over j and over i, or None if there is none.

    >>> meeting(4, 1, -1, 4, 1)
    (slice(1, 4, 1), slice(0, 3, 1))
    """
    common = math.gcd(step, dilation)
    if offset % common:
        return None
    period = dilation // common
    first = -(offset // common) * pow(step // common, -1, period) % period
    least = max(0, -(offset // step))  # i is negative before it
    first += -((first - least) // period) * period if first < least else 0
    last = min(count - 1, ((size - 1) * dilation - offset) // step)
    if last < first:
        return None
    times = (last - first) // period
    begin, stride = (first * step + offset) // dilation, step // common
    return (
        _slice(first, first + times * period + 1, period),
        _slice(begin, begin + times * stride + 1, stride),
    )


def reversed_padding(
    sizes: Shape, kernel: Shape, outs: Shape, params: dict[str, Any]
) -> tuple[Pads, Pads]:
    """Padding of the convolutions that are the transposes of one with these sizes and params.

    Args:
        sizes, kernel, outs: spatial sizes of x, w and the result; none is 0.
        params: ``strides``, ``padding``, ``x_dilation`` and ``w_dilation``.

    Returns:
        padding of the result where it is convolved (with the reversed kernel to x, or with x to the
        reversed kernel), and padding of x where it is convolved with the result to the kernel.
    """
    of_result, of_x = [], []
    for n, k, m, s, (low, _), dx, dw in zip(
        sizes, kernel, outs, params["strides"], params["padding"], params["x_dilation"],
        params["w_dilation"], strict=True,
    ):  # fmt: skip
        reach = spread(k, dw) - 1
        excess = spread(n, dx) - spread(m, s)
        of_result.append((reach - low, excess + low))
        of_x.append((low, reach - excess - low))
    return tuple(of_result), tuple(of_x)
