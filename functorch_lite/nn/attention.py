"""Attention: sums of values, weighted by how well keys match queries."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

import functorch_lite as fl
from functorch_lite import lax
from functorch_lite import numpy as fnp
from functorch_lite.errors import DtypeError, ShapeError
from functorch_lite.nn.checks import as_float, check_probability, training_key, wide, widest
from functorch_lite.nn.dropout import dropout

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = [
    "attend",
    "attend_pull",
    "attention_weights",
    "generate_square_subsequent_mask",
    "scaled_dot_product_attention",
]


# ------------------------------------------------------------------------------------ arithmetic
def attention_weights(
    q: Array, k: Array, mask: Array | None, *, causal: bool, scale: float
) -> Array:
    """softmax(q kᵀ scale + mask); rows that may look at nothing are zero.

    Args:
        q: f[..., length, size], float32 or wider, as everything here.
        k: f[..., other, size].
        mask: f[..., length, other] to add, or bool where to look.
        causal: whether each query sees only the keys up to its own place.
        scale: factor of the products.
    """
    s = fnp.matmul(q, fnp.swapaxes(k, -1, -2)) * scale
    if causal:
        s = fnp.where(fnp.tri(s.shape[-2], s.shape[-1], dtype=bool), s, -np.inf)
    if mask is not None:
        s = fnp.where(mask, s, -np.inf) if mask.dtype == bool else s + mask
    # A shift changes neither the value nor the derivative; inf - inf would be NaN.
    top = fl.stop_gradient(fnp.max(s, axis=-1, keepdims=True, initial=-np.inf))
    e = fnp.exp(s - fnp.where(fnp.isfinite(top), top, 0))
    total = fnp.sum(e, axis=-1, keepdims=True)
    return e / fnp.where(total == 0, 1, total)


def attend(
    q: Array, k: Array, v: Array, mask: Array | None, *, causal: bool, scale: float
) -> Array:
    """The values, f[..., other, values], summed with :func:`attention_weights`."""
    return fnp.matmul(attention_weights(q, k, mask, causal=causal, scale=scale), v)


def attend_pull(
    g: Array, q: Array, k: Array, v: Array, mask: Array | None, *, wanted: Any, causal: bool,
    scale: float,
) -> Any:  # fmt: skip
    """The gradients of ``q``, ``k`` and ``v`` in :func:`attend`, for an engine with a tape."""
    p = attention_weights(q, k, mask, causal=causal, scale=scale)
    of_p = fnp.matmul(g, fnp.swapaxes(v, -1, -2))
    of_s = p * (of_p - fnp.sum(of_p * p, axis=-1, keepdims=True)) * scale
    of_q = fnp.matmul(of_s, k) if wanted[0] else None
    of_k = fnp.matmul(fnp.swapaxes(of_s, -1, -2), q) if wanted[1] else None
    of_v = fnp.matmul(fnp.swapaxes(p, -1, -2), g) if wanted[2] else None
    return of_q, of_k, of_v, None


_attend = lax.composite(attend, "nn.scaled_dot_product_attention")


# ------------------------------------------------------------------------------------- functions
def scaled_dot_product_attention(
    query: Array, key: Array, value: Array, attn_mask: Array | None = None, dropout_p: float = 0.0,
    is_causal: bool = False, scale: float | None = None, enable_gqa: bool = False, *,
    dropout_key: Array | None = None,
) -> Array:  # fmt: skip
    """softmax(query keyᵀ scale + mask) value.

    Args:
        query: f[..., length, size].
        key: f[..., other, size].
        value: f[..., other, values].
        attn_mask: added to the scores, f[..., length, other] or what broadcasts to it; of bool,
            True where a query may look.
        dropout_p: the probability that a weight is dropped.
        is_causal: whether each query sees only the keys up to its own place; instead of a mask.
        scale: 1 / sqrt(size) by default.
        enable_gqa: whether several heads of the query, axis -3, share one of the others.
        dropout_key: u32[2], the random key of the dropout.

    Returns:
        f[..., length, values]; zeros for a query that may look at nothing. Half precision is
        computed in float32.

    Raises:
        ShapeError: the sizes do not go together.
        DtypeError: an operand holds no floats, or the mask neither floats nor bools.
        ValueError: a mask and ``is_causal``; a probability outside [0, 1].
        TypeError: dropout without a key.

    >>> q = fnp.ones((1, 2, 4))
    >>> v = fnp.asarray([[[1.0], [3.0]]])
    >>> scaled_dot_product_attention(q, q, v, is_causal=True).ravel().tolist()
    [1.0, 2.0]

    Source: Vaswani et al., NeurIPS 2017; ``torch.nn.functional.scaled_dot_product_attention``.
    """
    name = "scaled_dot_product_attention"
    check_probability(name, dropout_p)
    q, k, v = (
        as_float(name, x, what) for x, what in ((query, "query"), (key, "key"), (value, "value"))
    )
    if enable_gqa:
        k, v = _shared("key", q, k), _shared("value", q, v)
    scores = _check_sizes(q, k, v)
    dtype = widest(q, k, v)
    q, k, v = (wide(x.astype(dtype)) for x in (q, k, v))
    if attn_mask is not None:
        if is_causal:
            raise ValueError(
                "nn.scaled_dot_product_attention: expected attn_mask or is_causal=True, not both. "
                "Remedy: a mask that is causal, attn_mask & fnp.tri(length, other, dtype=bool)."
            )
        attn_mask = _as_mask(attn_mask, scores, q.dtype)
    factor = 1.0 / math.sqrt(max(q.shape[-1], 1)) if scale is None else float(scale)
    if dropout_p == 0:
        return _attend(q, k, v, attn_mask, causal=bool(is_causal), scale=factor).astype(dtype)
    dropout_key = training_key(f"{name} with dropout_p={dropout_p}", dropout_key)
    weights = attention_weights(q, k, attn_mask, causal=bool(is_causal), scale=factor)
    return fnp.matmul(dropout(weights, dropout_p, dropout_key), v).astype(dtype)


def _shared(what: str, q: Array, x: Array) -> Array:
    """Heads repeated until there are as many as the query has."""
    if min(q.ndim, x.ndim) < 3 or not x.shape[-3] or q.shape[-3] % x.shape[-3]:
        raise ShapeError(
            f"nn.scaled_dot_product_attention: with enable_gqa expected heads of {what}, axis -3, "
            f"that divide the query's; got shapes {tuple(q.shape)} and {tuple(x.shape)}."
        )
    return fnp.repeat(x, q.shape[-3] // x.shape[-3], axis=-3)


def _check_sizes(q: Array, k: Array, v: Array) -> tuple[int, ...]:
    """The shape of the scores."""
    shapes = [tuple(x.shape) for x in (q, k, v)]
    fits = min(map(len, shapes)) >= 2 and q.shape[-1] == k.shape[-1] and k.shape[-2] == v.shape[-2]
    if fits:
        try:
            lead = np.broadcast_shapes(*(shape[:-2] for shape in shapes))
        except ValueError:
            fits = False
    if not fits:
        raise ShapeError(
            "nn.scaled_dot_product_attention: expected query [..., length, size], key [..., other, "
            f"size] and value [..., other, values]; got {shapes[0]}, {shapes[1]} and {shapes[2]}. "
            "Remedy: enable_gqa=True where only the heads differ."
        )
    return (*lead, shapes[0][-2], shapes[1][-2])


def _as_mask(mask: Any, scores: tuple[int, ...], dtype: Any) -> Array:
    mask = fnp.asarray(mask)
    if mask.dtype != bool:
        mask = check_mask_dtype("scaled_dot_product_attention", "attn_mask", mask).astype(dtype)
    try:
        fits = np.broadcast_shapes(tuple(mask.shape), scores) == scores
    except ValueError:
        fits = False
    if not fits:
        raise ShapeError(
            "nn.scaled_dot_product_attention: expected an attn_mask that broadcasts to the scores' "
            f"shape {scores}; got {tuple(mask.shape)}. Remedy: fnp.expand_dims puts axes of size 1 "
            "where the mask is the same for all."
        )
    return mask


def check_mask_dtype(name: str, what: str, mask: Array) -> Array:
    """The mask, or an error unless it holds bools or floats.

    >>> check_mask_dtype("attend", "mask", fnp.asarray([True])).dtype.name
    'bool'
    """
    if mask.dtype != bool and not fnp.issubdtype(mask.dtype, fnp.floating):
        raise DtypeError(
            f"nn.{name}: expected {what} of bools, or of floats to add; got {mask.dtype.name}. "
            f"Remedy: {what}.astype(bool)."
        )
    return mask


def generate_square_subsequent_mask(size: int, dtype: Any = "float32") -> Array:
    """The mask of a sequence that looks at its past only, to be added to scores.

    Args:
        size: length of the sequence.
        dtype: of the mask.

    Returns:
        f[size, size]: zeros up to the diagonal, minus infinity above.

    >>> generate_square_subsequent_mask(2)
    Array([[  0., -inf],
           [  0.,   0.]], dtype=float32)

    Source: ``torch.nn.Transformer.generate_square_subsequent_mask``.
    """
    return fnp.where(fnp.tri(size, dtype=bool), 0.0, -np.inf).astype(dtype)
