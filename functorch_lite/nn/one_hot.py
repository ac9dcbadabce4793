"""One-hot encoding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from functorch_lite import numpy as fnp

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = ["one_hot"]


def one_hot(x: Array, num_classes: int, dtype: Any = "float32", axis: int = -1) -> Array:
    """Ones at the given classes, zeros elsewhere.

    Args:
        x: i[...], class indices.
        num_classes: number of classes.
        dtype: dtype of the result.
        axis: where in the result the axis of the classes goes.

    Returns:
        Array with one more axis than ``x``, of size ``num_classes``; all zeros for indices outside
        ``[0, num_classes)``.

    >>> one_hot(fnp.asarray([1, 0]), 3)
    Array([[0., 1., 0.],
           [1., 0., 0.]], dtype=float32)

    Source: ``jax.nn.one_hot``.
    """
    x = fnp.asarray(x)
    rank = x.ndim + 1
    position = axis % rank
    classes = fnp.arange(num_classes, dtype=x.dtype)
    classes = classes.reshape((-1,) + (1,) * (rank - 1 - position))
    return (fnp.expand_dims(x, position) == classes).astype(dtype)
