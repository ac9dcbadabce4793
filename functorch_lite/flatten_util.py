"""A tree of arrays as one vector, and back: what solvers and line searches work with."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from functorch_lite import numpy as fnp
from functorch_lite import tree
from functorch_lite.core.array import Array
from functorch_lite.core.aval import describe
from functorch_lite.errors import DtypeError, ShapeError

__all__ = ["ravel_pytree"]


def ravel_pytree(pytree: Any) -> tuple[Array, Callable[[Any], Any]]:
    """The leaves of a tree one after the other in a vector.

    Args:
        pytree: tree of arrays and numbers.

    Returns:
        ``(flat, unravel)``: the vector, of the dtype that all leaves have together (float32 for no
        leaves), and the function from such a vector to a tree. It gives every leaf its own dtype
        back; where all have one, a vector of another dtype gives leaves of that dtype.

    Raises:
        TypeError: a leaf is no array.

    >>> flat, unravel = ravel_pytree({"b": [1.0, 2.0], "a": fnp.ones((1, 2))})
    >>> flat
    Array([1., 1., 1., 2.], dtype=float32)
    >>> unravel(2 * flat)["b"]
    [Array(2., dtype=float32), Array(4., dtype=float32)]

    Source: ``jax.flatten_util.ravel_pytree``.
    """
    found, treedef = tree.flatten(pytree)
    leaves = [fnp.asarray(leaf) for leaf in found]
    shapes = [tuple(x.shape) for x in leaves]
    dtypes = [x.dtype for x in leaves]
    wanted = fnp.result_type(*dtypes) if leaves else fnp.dtype("float32")
    parts = [x.astype(wanted).ravel() for x in leaves]
    flat = fnp.concatenate(parts) if parts else fnp.zeros(0, wanted)
    total, same = sum(map(math.prod, shapes)), all(dtype == wanted for dtype in dtypes)

    def unravel(flat: Any) -> Any:
        vector = fnp.asarray(flat)
        if tuple(vector.shape) != (total,):
            raise ShapeError(
                f"ravel_pytree: unravel expected a vector of shape ({total},); got "
                f"{describe(vector)}. Remedy: the vector that ravel_pytree gave, changed in values."
            )
        if not same and vector.dtype != wanted:
            raise DtypeError(
                f"ravel_pytree: unravel expected {wanted.name}, since the leaves have several "
                f"dtypes; got {vector.dtype.name}. Remedy: flat.astype({wanted.name!r})."
            )
        out, start = [], 0
        for shape, dtype in zip(shapes, dtypes, strict=True):
            stop = start + math.prod(shape)
            part = vector[start:stop].reshape(shape)
            out.append(part if same else part.astype(dtype))
            start = stop
        return tree.unflatten(treedef, out)

    return flat, unravel
