"""Attention: sums of values, weighted by how well keys match queries."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from functorch_lite.nn.attention import attend, attend_pull
from functorch_lite.torch._core.tensor import Tensor, make
from functorch_lite.torch.nn._functional.dropping import dropout
from functorch_lite.torch.nn._functional.pulled import Pulled

__all__ = ["scaled_dot_product_attention"]


FUSED = Pulled("ScaledDotProductFlashAttentionForCpuBackward0", attend, attend_pull)


def scaled_dot_product_attention(
    query: Any, key: Any, value: Any, attn_mask: Any = None, dropout_p: float = 0.0,
    is_causal: bool = False, scale: float | None = None, enable_gqa: bool = False,
) -> Tensor:  # fmt: skip
    """softmax(query @ key.T * scale + mask) @ value.

    Args:
        query: f[..., length, size].
        key: f[..., other, size].
        value: f[..., other, values].
        attn_mask: [..., length, other], added to the scores; of bool, where to look.
        dropout_p: the probability that a weight is dropped.
        is_causal: whether each query sees only the keys up to its own place.
        scale: 1 / sqrt(size) by default.
        enable_gqa: whether several heads of the query may share one of the others.

    Raises:
        RuntimeError: the sizes do not go together.

    Source: ``torch.nn.functional.scaled_dot_product_attention``.
    """
    tensors = (query, key, value)
    dims = [t._np.ndim for t in tensors]
    if min(dims) < 2:
        raise RuntimeError(
            "Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: "
            f"{dims[0]} key.dim: {dims[1]} and value.dim: {dims[2]} instead."
        )
    kinds = [t._np.dtype for t in tensors]
    if len(set(kinds)) > 1:
        names = [str(t.dtype).removeprefix("torch.") for t in tensors]
        names = [{"float32": "float", "float64": "double"}.get(n, n) for n in names]
        raise RuntimeError(
            "Expected query, key, and value to have the same dtype, but got query.dtype: "
            f"{names[0]} key.dtype: {names[1]} and value.dtype: {names[2]} instead."
        )
    factor = 1.0 / math.sqrt(max(query._np.shape[-1], 1)) if scale is None else float(scale)
    if enable_gqa:
        shared = query._np.shape[-3] // key._np.shape[-3]
        key, value = key.repeat_interleave(shared, -3), value.repeat_interleave(shared, -3)
    plain_mask = attn_mask is None or not attn_mask.requires_grad
    same = query._np.shape[:2] == key._np.shape[:2] == value._np.shape[:2]
    sizes = query._np.shape[-1] == key._np.shape[-1] == value._np.shape[-1]
    if dims == [4, 4, 4] and dropout_p == 0 and plain_mask and same and sizes and query._np.size:
        mask = _added(attn_mask, query)
        return FUSED((query, key, value, mask), causal=bool(is_causal), scale=factor)
    return _by_steps(query, key, value, attn_mask, dropout_p, is_causal, factor)


def _added(mask: Any, query: Any) -> Any:
    """A mask as numbers to add."""
    if mask is None or mask._np.dtype.kind != "b":
        return mask
    return make(np.where(mask._np, 0, -np.inf).astype(query._np.dtype))


def _by_steps(
    query: Any, key: Any, value: Any, mask: Any, p: float, causal: bool, scale: float
) -> Tensor:
    if causal:
        if mask is not None:
            raise RuntimeError(
                "_scaled_dot_product_attention: Explicit attn_mask should not be set when "
                "is_causal=True"
            )
        length, other = query._np.shape[-2], key._np.shape[-2]
        mask = make(np.tri(length, other, dtype=bool))
    dtype = query.dtype
    if dtype.itemsize == 2:
        query, key, value = query.float(), key.float(), value.float()
    root = math.sqrt(abs(scale))
    first = query * (root if scale >= 0 else -root)
    scores = first @ (key.transpose(-2, -1) * root)
    mask = _added(mask, query)
    if mask is not None:
        scores = scores + mask
    weights = scores.softmax(-1)
    if mask is not None:
        # A row that may look at nothing would be NaN.
        blind = np.isneginf(scores._np).all(-1, keepdims=True)
        if blind.any():
            weights = weights.masked_fill(make(np.broadcast_to(blind, weights._np.shape)), 0)
    if p > 0:
        weights = dropout(weights, p)
    return (weights @ value).to(dtype)
