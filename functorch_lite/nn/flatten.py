"""Several axes made one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from functorch_lite import numpy as fnp
from functorch_lite.errors import AxisError
from functorch_lite.nn.layer import Layer, without_params

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = ["Flatten", "flatten"]


def flatten(x: Array, start_dim: int = 0, end_dim: int = -1) -> Array:
    """The elements of a run of axes along one axis, in row-major order.

    Args:
        x: any array; a scalar becomes an array of one element.
        start_dim: the first axis of the run; negative ones count from the end.
        end_dim: the last axis of the run, itself included.

    Returns:
        Array with the run's axes as one.

    Raises:
        AxisError: an axis does not exist, or the run ends before it begins.

    >>> flatten(fnp.ones((5, 8, 2, 2)), start_dim=1).shape
    (5, 32)
    >>> flatten(fnp.ones((5, 8, 2, 2)), 1, 2).shape
    (5, 16, 2)

    Source: ``torch.flatten``.
    """
    shape = fnp.shape(x) or (1,)
    n = len(shape)
    for name, axis in (("start_dim", start_dim), ("end_dim", end_dim)):
        if not -n <= axis < n:
            raise AxisError(
                f"nn.flatten: {name} {axis} is out of range for shape {tuple(fnp.shape(x))}; use "
                f"{-n} to {n - 1}"
            )
    first, last = start_dim % n, end_dim % n
    if last < first:
        raise AxisError(
            f"nn.flatten: start_dim {start_dim} comes after end_dim {end_dim} in shape {shape}. "
            "Exchange them."
        )
    return fnp.reshape(x, (*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :]))


def Flatten(start_dim: int = 1, end_dim: int = -1) -> Layer:
    """A layer that makes one axis of several, by default of all but the first.

    Parameters: none.

    Args:
        start_dim: the first axis of the run; a negative one serves inputs with and without a batch.
        end_dim: the last axis of the run, itself included.

    Returns:
        Layer with ``apply(params, x) -> out``.

    Raises:
        AxisError: ``apply`` got an input without those axes.

    >>> Flatten(-3).apply((), fnp.ones((5, 8, 2, 2))).shape
    (5, 32)
    >>> Flatten(-3).apply((), fnp.ones((8, 2, 2))).shape
    (32,)

    Source: ``torch.nn.Flatten``.
    """

    def apply(params: Any, x: Any) -> Any:
        return flatten(x, start_dim, end_dim)

    return Layer(without_params, apply, f"Flatten({start_dim}, {end_dim})")
