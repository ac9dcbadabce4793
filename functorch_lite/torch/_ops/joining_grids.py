"""Grids of coordinates, products and choices of vectors."""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import numpy as np

from functorch_lite.torch._core.public import public
from functorch_lite.torch._core.tensor import Tensor, make
from functorch_lite.torch._ops.joining import stack
from functorch_lite.torch._ops.shape import expanded

__all__ = ["cartesian_prod", "combinations", "meshgrid"]


@public("meshgrid", methods=False)
def meshgrid(*tensors: Any, indexing: str | None = None) -> tuple[Tensor, ...]:
    """The coordinates of a grid, one tensor per dimension.

    Args:
        tensors: vectors of one dtype.
        indexing: ``"ij"``, or ``"xy"`` with the first two dimensions exchanged.

    >>> import functorch_lite.torch as torch
    >>> a, b = torch.meshgrid(torch.tensor([1, 2]), torch.tensor([3, 4]), indexing="ij")
    >>> a.tolist(), b.tolist()
    ([[1, 1], [2, 2]], [[3, 4], [3, 4]])

    Source: ``torch.meshgrid``.
    """
    given = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)) else tensors
    given = list(given)
    if not given:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    for t in given:
        if t._np.ndim > 1:
            raise RuntimeError(
                f"torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: {t}"
            )
        if t._np.dtype != given[0]._np.dtype:
            raise RuntimeError("meshgrid expects all tensors to have the same dtype")
    if indexing is None:
        warnings.warn(
            "torch.meshgrid: in an upcoming release, it will be required to pass the indexing "
            "argument.",
            UserWarning,
            stacklevel=3,
        )
    elif indexing not in ("ij", "xy"):
        raise RuntimeError(
            f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}'
        )
    swap = indexing == "xy" and len(given) >= 2
    if swap:
        given[0], given[1] = given[1], given[0]
    size = [t._np.size for t in given]
    count = len(given)
    grids = [
        expanded(t.view([-1 if i == d else 1 for i in range(count)]), size)
        for d, t in enumerate(given)
    ]
    if swap:
        grids[0], grids[1] = grids[1], grids[0]
    return tuple(grids)


@public("cartesian_prod", methods=False)
def cartesian_prod(*tensors: Any) -> Tensor:
    """All tuples with one element of each vector, as rows. Source: ``torch.cartesian_prod``."""
    given = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)) else tensors
    for t in given:
        _check_vector(t)
    if len(given) == 1:
        return given[0]
    if not given:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    grids = meshgrid(*given, indexing="ij")
    return stack([g.flatten() for g in grids], 1)


def _check_vector(t: Tensor) -> None:
    if t._np.ndim != 1:
        raise RuntimeError(f"Expect a 1D vector, but got shape {list(t._np.shape)}")


@public("combinations", methods=False)
def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """All choices of ``r`` elements of a vector, as rows. Source: ``torch.combinations``."""
    _check_vector(input)
    if r < 0:
        raise RuntimeError(f"Expect a non-negative number, but got {r}")
    if not r:
        return make(np.empty(0, input._np.dtype))
    n = input._np.size
    grids = meshgrid(*[input] * r, indexing="ij")
    places = meshgrid(*[make(np.arange(n))] * r, indexing="ij")
    mask = np.ones((n,) * r, np.bool_)
    for a, b in itertools.pairwise(places):
        mask &= a._np <= b._np if with_replacement else a._np < b._np
    chosen = make(mask)
    return stack([g.masked_select(chosen) for g in grids], 1)
