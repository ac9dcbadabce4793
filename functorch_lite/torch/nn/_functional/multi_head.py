"""Attention in several heads, with the projections before and after it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from functorch_lite.torch._core.tensor import make
from functorch_lite.torch._ops.added_products import baddbmm
from functorch_lite.torch._ops.joining import cat
from functorch_lite.torch.nn._functional.dropping import dropout
from functorch_lite.torch.nn._functional.padding import pad
from functorch_lite.torch.nn._functional.published import linear, scaled_dot_product_attention

__all__ = ["multi_head_attention_forward"]


def _as_numbers(mask: Any, name: str, dtype: Any) -> Any:
    """A mask as numbers to add: bool ones say where not to look."""
    if mask is None:
        return None
    kind = mask._np.dtype.kind
    if kind == "b":
        return make(np.where(mask._np, -np.inf, 0).astype(dtype))
    if kind not in "fV":
        raise AssertionError(f"only bool and floating types of {name} are supported")
    return mask


def _projected(
    query: Any, key: Any, value: Any, weight: Any, bias: Any, parts: tuple[Any, Any, Any] | None
) -> tuple[Any, Any, Any]:
    """Queries, keys and values, of one weight for all three or one for each."""
    size = query._np.shape[-1]
    biases = (None, None, None) if bias is None else bias.chunk(3)
    if parts is not None:
        return tuple(
            linear(x, w, b) for x, w, b in zip((query, key, value), parts, biases, strict=True)
        )
    if query is key and key is value:
        return tuple(linear(query, weight, bias).chunk(3, dim=-1))
    return tuple(
        linear(x, w, b)
        for x, w, b in zip((query, key, value), weight.split(size), biases, strict=True)
    )


def multi_head_attention_forward(
    query: Any, key: Any, value: Any, embed_dim_to_check: int, num_heads: int,
    in_proj_weight: Any, in_proj_bias: Any, bias_k: Any, bias_v: Any, add_zero_attn: bool,
    dropout_p: float, out_proj_weight: Any, out_proj_bias: Any, training: bool = True,
    key_padding_mask: Any = None, need_weights: bool = True, attn_mask: Any = None,
    use_separate_proj_weight: bool = False, q_proj_weight: Any = None, k_proj_weight: Any = None,
    v_proj_weight: Any = None, static_k: Any = None, static_v: Any = None,
    average_attn_weights: bool = True, is_causal: bool = False,
) -> tuple[Any, Any]:  # fmt: skip
    """What ``nn.MultiheadAttention`` computes.

    Args:
        query: f[length, batch, size] or f[length, size].
        key, value: f[other, batch, ...], or without batch.
        embed_dim_to_check: the size that ``query`` must have.
        num_heads: must divide it.
        in_proj_weight: f[3 size, size], or three weights with ``use_separate_proj_weight``.
        bias_k, bias_v: f[1, 1, size], a further key and value.
        add_zero_attn: whether to add a key and value of zeros.
        key_padding_mask: [batch, other], keys not to look at.
        attn_mask: [length, other] or [batch * heads, length, other].
        need_weights: whether to return the weights as well.
        average_attn_weights: whether those are averaged over the heads.
        is_causal: that ``attn_mask`` is causal.

    Returns:
        the result, like ``query``, and the weights or None.

    Raises:
        AssertionError: the sizes do not go together.

    Source: ``torch.nn.functional.multi_head_attention_forward``.
    """
    alone = query._np.ndim == 2
    if alone:
        same = key is query
        query, value_is_key = query.unsqueeze(1), value is key
        key = query if same else key.unsqueeze(1)
        value = key if value_is_key else value.unsqueeze(1)
        if key_padding_mask is not None:
            key_padding_mask = key_padding_mask.unsqueeze(0)
    length, batch, size = query._np.shape
    other = key._np.shape[0]
    if is_causal and attn_mask is None:
        raise RuntimeError("Need attn_mask if specifying the is_causal hint.")
    if size != embed_dim_to_check:
        raise AssertionError(
            f"was expecting embedding dimension of {embed_dim_to_check}, but got {size}"
        )
    head = size // num_heads
    if head * num_heads != size:
        raise AssertionError(f"embed_dim {size} not divisible by num_heads {num_heads}")
    if key._np.shape[:2] != value._np.shape[:2]:
        raise AssertionError(
            f"key's sequence and batch dims {key._np.shape[:2]} do not match value's "
            f"{value._np.shape[:2]}"
        )
    parts = (q_proj_weight, k_proj_weight, v_proj_weight) if use_separate_proj_weight else None
    q, k, v = _projected(query, key, value, in_proj_weight, in_proj_bias, parts)
    dtype = query._np.dtype
    mask = _as_numbers(attn_mask, "attn_mask", dtype)
    padding = _as_numbers(key_padding_mask, "key_padding_mask", dtype)
    if mask is not None:
        wanted = (length, other) if mask._np.ndim == 2 else (batch * num_heads, length, other)
        if mask._np.shape != wanted:
            what = f"{mask._np.ndim}D attn_mask"
            raise RuntimeError(f"The shape of the {what} is {mask.size()}, but should be {wanted}.")
        if mask._np.ndim == 2:
            mask = mask.unsqueeze(0)
    more = 0
    if bias_k is not None and bias_v is not None:
        k, v, more = cat([k, bias_k.repeat(1, batch, 1)]), cat([v, bias_v.repeat(1, batch, 1)]), 1
    rows = batch * num_heads
    q = q.reshape(length, rows, head).transpose(0, 1)
    k = k.reshape(-1, rows, head).transpose(0, 1) if static_k is None else static_k
    v = v.reshape(-1, rows, head).transpose(0, 1) if static_v is None else static_v
    if add_zero_attn:
        nothing = q.new_zeros((rows, 1, head))
        k, v, more = cat([k, nothing], 1), cat([v, nothing], 1), more + 1
    if more:
        mask = None if mask is None else pad(mask, (0, more))
        padding = None if padding is None else pad(padding, (0, more))
    other = k._np.shape[1]
    if padding is not None:
        padding = padding.view(batch, 1, 1, other).expand(batch, num_heads, 1, other)
        padding = padding.reshape(rows, 1, other)
        mask = padding if mask is None else mask + padding
    p = dropout_p if training else 0.0
    if need_weights:
        q, k = q * math.sqrt(1.0 / head), k.transpose(-2, -1)
        weights = (q @ k if mask is None else baddbmm(mask, q, k)).softmax(-1)
        weights = dropout(weights, p) if p > 0 else weights
        out = (weights @ v).transpose(0, 1).reshape(length * batch, size)
    else:
        weights = None
        q, k, v = (x.view(batch, num_heads, -1, head) for x in (q, k, v))
        if mask is not None:
            mask = (
                mask.unsqueeze(0)
                if mask._np.shape[0] == 1
                else mask.view(batch, num_heads, -1, other)
            )
        made: Any = scaled_dot_product_attention(q, k, v, mask, p)
        out = made.permute(2, 0, 1, 3).reshape(batch * length, size)
    out = linear(out, out_proj_weight, out_proj_bias).view(length, batch, size)
    if weights is not None:
        weights = weights.view(batch, num_heads, length, other)
        if average_attn_weights:
            weights = weights.mean(1)
        if alone:
            weights = weights.squeeze(0)
    return (out.squeeze(1) if alone else out), weights
