"""Distances and angles between vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.nn.vectors import pdist_pull, pdist_value
from functorch_lite.torch._core.tensor import Tensor, make
from functorch_lite.torch._ops.binary import common
from functorch_lite.torch._ops.norms import vector_norm
from functorch_lite.torch.nn._functional.pulled import Pulled

__all__ = ["cosine_similarity", "pairwise_distance", "pdist"]


def cosine_similarity(x1: Any, x2: Any, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The cosine of the angle between vectors along a dimension.

    Args:
        x1, x2: f[...], of shapes that broadcast.
        eps: the least length to divide by.

    Source: ``torch.nn.functional.cosine_similarity``.
    """
    dtype = common(x1, x2)
    if not dtype.is_floating_point and dtype.kind != 3:
        raise RuntimeError(
            f"expected common dtype to be floating point, yet common dtype is {dtype.scalar_name}"
        )
    a, b = x1.to(dtype), x2.to(dtype)
    if a._np.shape != b._np.shape:
        try:
            shape = np.broadcast_shapes(a._np.shape, b._np.shape)
        except ValueError:
            raise _no_broadcast(a._np.shape, b._np.shape) from None
        a, b = a.expand(shape), b.expand(shape)
    return (_unit(a, dim, eps) * _unit(b, dim, eps)).sum(dim)


def _no_broadcast(x: tuple[int, ...], y: tuple[int, ...]) -> RuntimeError:
    for i in range(1, min(len(x), len(y)) + 1):
        if x[-i] != y[-i] and 1 not in (x[-i], y[-i]):
            return RuntimeError(
                f"The size of tensor a ({x[-i]}) must match the size of tensor b ({y[-i]}) at "
                f"non-singleton dimension {max(len(x), len(y)) - i}"
            )
    return RuntimeError("the shapes do not fit")


def _unit(t: Any, dim: int, eps: float) -> Any:
    """Vectors over their lengths; the lower bound of those has no gradient."""
    norm = t.norm(2, dim, keepdim=True)
    low = norm._np < eps
    if low.any():
        raised = make(np.where(low, eps - norm._np, 0).astype(norm._np.dtype))
        norm = norm + raised
    return t / norm


def pairwise_distance(
    x1: Any, x2: Any, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """The p-norm of each difference of vectors along the last dimension, plus ``eps``.

    Args:
        x1, x2: f[..., size], of shapes that broadcast.

    Source: ``torch.nn.functional.pairwise_distance``.
    """
    dims = max(x1._np.ndim, x2._np.ndim)
    return vector_norm(x1 - x2 + eps, p, dims - 1, keepdim, None, "NormBackward1")


PDIST = Pulled("PdistBackward0", pdist_value, pdist_pull, fuse=False)


def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """The p-norm distances of every two rows of a matrix.

    Args:
        input: f[n, size].

    Returns:
        f[n (n - 1) / 2], those of the first row first.

    Source: ``torch.nn.functional.pdist``.
    """
    x = input._np
    if x.ndim != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {x.ndim}D")
    if x.dtype.kind not in "fV":
        raise RuntimeError("pdist only supports floating-point dtypes")
    if p < 0:
        raise RuntimeError("pdist only supports non-negative p values")
    return PDIST((input,), p=float(p))
