"""Random numbers in the place of every array of a tree."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from functorch_lite import numpy as fnp
from functorch_lite import tree
from functorch_lite.core.array import Array
from functorch_lite.random.keys import split
from functorch_lite.random.normal import normal

__all__ = ["like"]


def like(key: Array, values: Any, sampler: Callable[..., Array] = normal) -> Any:
    """A tree of samples with the structure, the shapes and the dtypes of another one.

    Each leaf is drawn with a key of its own: the i-th of ``split(key, number of leaves)``, in the
    order of ``tree.leaves``.

    Args:
        key: u32[2].
        values: tree of arrays, or of what has a shape and a dtype, as from ``eval_shape``.
        sampler: ``sampler(key, shape, dtype) -> Array``, such as ``random.uniform``.

    Returns:
        The tree of samples.

    Raises:
        DtypeError, ShapeError: ``key`` is not a key, or the sampler does not draw that dtype.

    >>> from functorch_lite import random
    >>> params = {"w": fnp.zeros((2, 3)), "b": fnp.zeros(3, "float16")}
    >>> noise = like(random.key(0), params)
    >>> noise["w"].shape, noise["b"].dtype.name
    ((2, 3), 'float16')
    """
    leaves, structure = tree.flatten(values)
    keys = split(key, max(len(leaves), 1))
    drawn = []
    for i, leaf in enumerate(leaves):
        if not hasattr(leaf, "dtype"):
            leaf = fnp.asarray(leaf)
        drawn.append(sampler(keys[i], tuple(leaf.shape), leaf.dtype))
    return tree.unflatten(structure, drawn)
