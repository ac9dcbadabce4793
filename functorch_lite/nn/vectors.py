"""Lengths, distances and angles of vectors, with derivative 0 where a length is 0."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

import functorch_lite as fl
from functorch_lite import numpy as fnp
from functorch_lite.errors import ShapeError
from functorch_lite.nn.activations_piecewise import relu
from functorch_lite.nn.checks import as_float, wide, widest

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = [
    "cosine_similarity",
    "normalize",
    "pairwise_distance",
    "pdist",
    "pdist_pull",
    "pdist_value",
    "vector_norm",
]


def _root(total: Array, p: float) -> Array:
    """The p-th root, with derivative 0 at 0 instead of infinity."""
    safe = fnp.where(total == 0, 1, total)
    return fnp.where(total == 0, 0, fnp.sqrt(safe) if p == 2 else safe ** (1 / p))


def vector_norm(x: Array, p: float = 2.0, axis: int = -1, keepdims: bool = False) -> Array:
    """The p-norm along an axis; its derivative is 0 for elements that are 0.

    Args:
        x: f[...].
        p: 0 counts the elements that are not 0; infinity and minus infinity take the largest and
            the smallest absolute value.
        axis: the axis of the vectors.
        keepdims: whether to keep it, with size 1.

    Returns:
        f[...] without ``axis``.

    >>> float(vector_norm(fnp.asarray([3.0, 4.0])))
    5.0
    """
    size = fnp.abs(x)
    if p == 0:
        return fnp.sum((x != 0).astype(x.dtype), axis=axis, keepdims=keepdims)
    if p == math.inf:
        return fnp.max(size, axis=axis, keepdims=keepdims, initial=0)
    if p == -math.inf:
        return fnp.min(size, axis=axis, keepdims=keepdims)
    if p == 1:
        return fnp.sum(size, axis=axis, keepdims=keepdims)
    if p == 2:
        return _root(fnp.sum(x * x, axis=axis, keepdims=keepdims), p)
    powers = fnp.where(x == 0, 0, fnp.where(x == 0, 1, size) ** p)
    return _root(fnp.sum(powers, axis=axis, keepdims=keepdims), p)


def normalize(x: Array, p: float = 2.0, axis: int = 1, eps: float = 1e-12) -> Array:
    """Vectors divided by their p-norm, or by ``eps`` where that is larger.

    Args:
        x: f[...].
        p: of the norm.
        axis: the axis of the vectors.
        eps: the least length to divide by.

    Returns:
        Array like ``x``.

    Raises:
        DtypeError: ``x`` is not floating.
        AxisError: ``axis`` does not exist.

    >>> normalize(fnp.asarray([[3.0, 4.0], [0.0, 0.0]]))
    Array([[0.6, 0.8],
           [0. , 0. ]], dtype=float32)

    Source: ``torch.nn.functional.normalize``.
    """
    x = as_float("normalize", x)
    v = wide(x)
    norm = vector_norm(v, p, axis, keepdims=True)
    return (v / fnp.where(norm < eps, eps, norm)).astype(x.dtype)


def _pair(name: str, x1: Any, x2: Any) -> tuple[Array, Array, Any]:
    """Two floating operands of one shape, in single precision at least, and the result's dtype."""
    a, b = as_float(name, x1, "x1"), as_float(name, x2, "x2")
    try:
        shape = fnp.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        raise ShapeError(
            f"nn.{name}: expected shapes that broadcast; got x1 {tuple(a.shape)} and x2 "
            f"{tuple(b.shape)}. Remedy: x1[:, None] and x2[None] compare all rows, for example."
        ) from None
    return fnp.broadcast_to(wide(a), shape), fnp.broadcast_to(wide(b), shape), widest(a, b)


def cosine_similarity(x1: Array, x2: Array, axis: int = 1, eps: float = 1e-8) -> Array:
    """The cosine of the angle between vectors along an axis.

    Args:
        x1, x2: f[...], of shapes that broadcast.
        axis: the axis of the vectors, in the shape they have together.
        eps: the least length to divide by; the derivative is that without this bound.

    Returns:
        f[...] without ``axis``.

    Raises:
        ShapeError: the shapes do not broadcast.
        DtypeError: an operand is not floating.
        AxisError: ``axis`` does not exist.

    >>> cosine_similarity(fnp.asarray([[1.0, 0.0]]), fnp.asarray([[2.0, 0.0], [0.0, 3.0]]))
    Array([1., 0.], dtype=float32)

    Source: ``torch.nn.functional.cosine_similarity``.
    """
    a, b, dtype = _pair("cosine_similarity", x1, x2)
    return fnp.sum(_unit(a, axis, eps) * _unit(b, axis, eps), axis=axis).astype(dtype)


def _unit(x: Array, axis: int, eps: float) -> Array:
    norm = vector_norm(x, 2.0, axis, keepdims=True)
    return x / (norm + fl.stop_gradient(relu(eps - norm)))


def pairwise_distance(
    x1: Array, x2: Array, p: float = 2.0, eps: float = 1e-6, keepdims: bool = False
) -> Array:
    """The p-norm of x1 - x2 + eps along the last axis.

    Args:
        x1, x2: f[..., size], of shapes that broadcast.
        p: of the norm.
        eps: added to every difference.
        keepdims: whether to keep the last axis, with size 1.

    Returns:
        f[...] without the last axis.

    Raises:
        ShapeError: the shapes do not broadcast.
        DtypeError: an operand is not floating.

    >>> pairwise_distance(fnp.asarray([[3.0, 4.0]]), fnp.zeros((1, 2)), eps=0.0)
    Array([5.], dtype=float32)

    Source: ``torch.nn.functional.pairwise_distance``.
    """
    a, b, dtype = _pair("pairwise_distance", x1, x2)
    return vector_norm(a - b + eps, p, -1, keepdims).astype(dtype)


# ---------------------------------------------------------------------------- every two of the rows
def pdist(x: Array, p: float = 2.0) -> Array:
    """The p-norm distances of every two rows, those of the first row first.

    Args:
        x: f[n, size].
        p: of the norm, at least 0.

    Returns:
        f[n (n - 1) / 2].

    Raises:
        ShapeError: ``x`` is no matrix.
        DtypeError: ``x`` is not floating.
        ValueError: ``p`` is negative.

    >>> pdist(fnp.asarray([[0.0], [1.0], [3.0]]))
    Array([1., 3., 2.], dtype=float32)

    Source: ``torch.nn.functional.pdist``; ``scipy.spatial.distance.pdist``.
    """
    x = as_float("pdist", x)
    if x.ndim != 2:
        raise ShapeError(
            f"nn.pdist: expected a matrix; got shape {tuple(x.shape)}. "
            "Remedy: fl.vmap(nn.pdist) for a batch of them."
        )
    if p < 0:
        raise ValueError(f"nn.pdist: expected p of at least 0; got {p}.")
    return pdist_value(wide(x), p=float(p)).astype(x.dtype)


def pdist_value(x: Array, *, p: float) -> Array:
    """The arithmetic of :func:`pdist`.

    >>> pdist_value(fnp.asarray([[0.0], [1.0]]), p=1.0)
    Array([1.], dtype=float32)
    """
    rows, columns = np.triu_indices(x.shape[0], 1)
    return vector_norm(x[rows] - x[columns], p)


def pdist_pull(g: Array, x: Array, *, wanted: Any, p: float) -> Any:
    """The cotangent of the operand of :func:`pdist`, for an engine that has a tape.

    Where several elements are the largest, each counts whole, as in PyTorch's.

    >>> a = fnp.asarray([[0.0], [2.0]])
    >>> pdist_pull(fnp.ones(1), a, wanted=(True,), p=2.0)[0].tolist()
    [[-1.0], [1.0]]
    """
    rows, columns = np.triu_indices(x.shape[0], 1)
    d = x[rows] - x[columns]
    size = fnp.abs(d)
    dist = pdist_value(x, p=p)[:, None]
    if p == 0:
        slope = d * 0
    elif p == 1:
        slope = fnp.sign(d)
    elif p == np.inf:
        slope = fnp.sign(d) * (size == dist)
    else:
        whole = fnp.where(dist == 0, 1, dist)
        ratio = fnp.where(size == 0, 1, size / whole)
        slope = fnp.where((dist == 0) | (size == 0), 0, fnp.sign(d) * ratio ** (p - 1))
    share = slope * g[:, None]
    out = fnp.zeros(x.shape, x.dtype).at[rows].add(share)
    return (out.at[columns].add(-share),)
