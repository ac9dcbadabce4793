"""Normalisation of each element by its neighbours among the channels."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

from functorch_lite import lax
from functorch_lite import numpy as fnp
from functorch_lite.errors import ShapeError
from functorch_lite.nn.checks import as_float, wide
from functorch_lite.nn.layer import Layer, without_params

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = ["LocalResponseNorm", "local_response_norm"]


def local_response_norm(
    x: Array, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Array:
    """x / (k + alpha * mean of x² over the neighbouring channels)^beta.

    Args:
        x: f[batch, channels, *sizes], with at least one size.
        size: how many channels count, the element's own in the middle; those beyond the ends
            count as zeros.
        alpha: factor of the mean.
        beta: the exponent.
        k: added to the mean.

    Returns:
        Array like ``x``. Half precision is computed in float32.

    Raises:
        ShapeError: ``x`` has fewer than three dimensions.
        ValueError: ``size`` is below 1.
        DtypeError: ``x`` holds no floats.

    >>> local_response_norm(fnp.ones((1, 1, 1)), 1, alpha=3.0, beta=0.5)
    Array([[[0.5]]], dtype=float32)

    Source: Krizhevsky et al., NeurIPS 2012; ``torch.nn.functional.local_response_norm``.
    """
    _check_size("local_response_norm", size)
    return _normalise("local_response_norm", x, size, alpha, beta, k)


def _check_size(name: str, size: int) -> None:
    if operator.index(size) < 1:
        raise ValueError(f"nn.{name}: expected a size of at least 1; got {size}.")


def _normalise(name: str, x: Any, size: int, alpha: float, beta: float, k: float) -> Array:
    x = as_float(name, x)
    if x.ndim < 3:
        raise ShapeError(
            f"nn.{name}: expected x of shape [batch, channels, *sizes] with at least one size; "
            f"got {tuple(x.shape)}. Remedy: x[None] for a single example."
        )
    out = _by_neighbours(wide(x), size=size, alpha=float(alpha), beta=float(beta), k=float(k))
    return out.astype(x.dtype)


def _by_neighbours_of(x: Array, *, size: int, alpha: float, beta: float, k: float) -> Array:
    ends = [(0, 0)] * x.ndim
    ends[1] = (size // 2, (size - 1) // 2)
    # Windows of the running sum would subtract large numbers from each other.
    squares = fnp.pad(x * x, ends)
    total = squares[:, : x.shape[1]]
    for i in range(1, size):
        total = total + squares[:, i : i + x.shape[1]]
    return x / (total * (alpha / size) + k) ** beta


_by_neighbours = lax.composite(_by_neighbours_of, "nn.local_response_norm")


def LocalResponseNorm(size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Layer:
    """Local response normalisation; stateless.

    Parameters: none.

    Args:
        size, alpha, beta, k: as in :func:`local_response_norm`.

    Returns:
        Layer with ``apply(params, x: f[batch, channels, *sizes]) -> f[batch, channels, *sizes]``.

    Raises:
        ValueError: ``size`` is below 1.
        ShapeError: ``apply`` got fewer than three dimensions.
        DtypeError: ``apply`` got no floats.

    >>> LocalResponseNorm(5).apply((), fnp.ones((1, 3, 2))).shape
    (1, 3, 2)

    Source: ``torch.nn.LocalResponseNorm``.
    """
    name = f"LocalResponseNorm({size})"
    _check_size(name, size)
    return Layer(without_params, lambda params, x: _normalise(name, x, size, alpha, beta, k), name)
