"""One axis made several."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from functorch_lite import numpy as fnp
from functorch_lite.errors import AxisError, ShapeError
from functorch_lite.nn.layer import Layer, without_params

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = ["Unflatten", "unflatten"]


def unflatten(x: Array, axis: int, sizes: Sequence[int]) -> Array:
    """The elements of one axis along several, in row-major order.

    Args:
        x: any array.
        axis: the axis; a negative one counts from the end.
        sizes: of the new axes; one of them may be -1, and follows from the others.

    Returns:
        Array with ``sizes`` in the place of the axis.

    Raises:
        AxisError: ``axis`` does not exist.
        ShapeError: ``sizes`` do not multiply to its size.

    >>> unflatten(fnp.ones((5, 32)), 1, (8, -1, 2)).shape
    (5, 8, 2, 2)

    Source: ``torch.unflatten``.
    """
    x = fnp.asarray(x)
    n = x.ndim
    if not -n <= axis < n:
        raise AxisError(
            f"nn.unflatten: axis {axis} is out of range for shape {tuple(x.shape)}; use {-n} to "
            f"{n - 1}"
        )
    at = axis % n
    wanted = [operator.index(s) for s in sizes]
    whole = x.shape[at]
    given = math.prod(s for s in wanted if s != -1)
    free = wanted.count(-1)
    fits = free == 1 and given > 0 and whole % given == 0 or not free and given == whole
    if not wanted or min(wanted) < -1 or not fits:
        raise ShapeError(
            f"nn.unflatten: expected sizes that multiply to {whole}, axis {axis} of "
            f"{tuple(x.shape)}; got {tuple(wanted)}. Remedy: one size may be -1."
        )
    return x.reshape(*x.shape[:at], *wanted, *x.shape[at + 1 :])


def Unflatten(axis: int, sizes: Sequence[int]) -> Layer:
    """A layer of :func:`unflatten`; no parameters.

    >>> Unflatten(1, (2, 4)).apply((), fnp.ones((5, 8))).shape
    (5, 2, 4)

    Source: ``torch.nn.Unflatten``.
    """
    shown = tuple(sizes)

    def apply(params: Any, x: Array) -> Array:
        return unflatten(x, axis, shown)

    return Layer(without_params, apply, f"Unflatten({axis}, {shown})")
