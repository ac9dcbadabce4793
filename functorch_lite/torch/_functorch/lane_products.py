"""Matrix products of all lanes in as few as possible."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.ops.contract import _matmul

__all__ = ["product_of_lanes"]


def product_of_lanes(a: Any, b: Any, on_a: bool, on_b: bool) -> Any:
    """``matmul`` of raw arrays of which one or both have the lanes in front.

    A matrix that all lanes share meets the rows of all of them in one product, and what is added up
    over one element only is no product of matrices at all.
    """
    rank_a, rank_b = a.ndim - on_a, b.ndim - on_b
    if a.shape[-1] != b.shape[0 if rank_b == 1 and not on_b else -1 if rank_b == 1 else -2]:
        raise ValueError(f"matmul: operands of one lane do not fit, {a.shape[on_a:]} and "
                         f"{b.shape[on_b:]}")  # fmt: skip
    if on_a and not on_b and (rank_b == 1 or (rank_a == 1 and rank_b == 2)):
        return np.matmul(a, b)
    if on_b and not on_a and rank_b == 1 and rank_a < 3:
        return np.matmul(b, a.T)
    if rank_a == 1:
        a = a[..., None, :]
    if rank_b == 1:
        b = b[..., None]
    out = _of_matrices(a, b, on_a, on_b)
    if rank_b == 1:
        return out[..., 0, 0] if rank_a == 1 else out[..., 0]
    return out[..., 0, :] if rank_a == 1 else out


def _of_matrices(a: Any, b: Any, on_a: bool, on_b: bool) -> Any:
    if a.shape[-1] == 1:
        return np.multiply(*_stacked(a, b, on_a, on_b))
    if on_a and not on_b and b.ndim == 2 and a.size:
        rows = np.matmul(a.reshape(-1, a.shape[-1]), b)
        return rows.reshape(*a.shape[:-1], b.shape[-1])
    if on_b and not on_a and a.ndim == 2 and b.shape[-1] == 1 and b.size:
        rows = np.matmul(b.reshape(-1, b.shape[-2]), a.T)
        return rows.reshape(*b.shape[:-2], a.shape[0], 1)
    return _matmul(*_stacked(a, b, on_a, on_b))


def _stacked(a: Any, b: Any, on_a: bool, on_b: bool) -> tuple[Any, Any]:
    """Both with as many dimensions in front as the other, beside the lanes."""
    missing = (a.ndim - on_a) - (b.ndim - on_b)
    if missing > 0 and on_b:
        b = b.reshape(b.shape[0], *(1,) * missing, *b.shape[1:])
    elif missing < 0 and on_a:
        a = a.reshape(a.shape[0], *(1,) * -missing, *a.shape[1:])
    return a, b
