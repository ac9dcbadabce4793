"""Attention in several heads, with the projections before and after it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from functorch_lite import numpy as fnp
from functorch_lite import random
from functorch_lite.errors import ShapeError
from functorch_lite.nn import initializers
from functorch_lite.nn.attention import attention_weights, check_mask_dtype
from functorch_lite.nn.checks import as_float, check_probability, training_key, wide
from functorch_lite.nn.dropout import dropout as drop
from functorch_lite.nn.layer import Layer
from functorch_lite.nn.linear import Linear, linear

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = ["MultiHeadAttention"]


def MultiHeadAttention(
    embed_dim: int, num_heads: int, dropout: float = 0.0, bias: bool = True,
    add_bias_kv: bool = False, add_zero_attn: bool = False, kdim: int | None = None,
    vdim: int | None = None, batch_first: bool = False,
) -> Layer:  # fmt: skip
    """Attention in several heads, of a sequence to itself or to another one.

    Parameters, named and laid out as PyTorch's: ``in_proj_weight`` f32[3 embed, embed], or
    ``q_proj_weight``, ``k_proj_weight`` and ``v_proj_weight`` where ``kdim`` or ``vdim`` differ,
    after Xavier; ``in_proj_bias`` f32[3 embed], zeros; ``out_proj``, a linear layer's ``weight``
    and a ``bias`` of zeros; ``bias_k`` and ``bias_v`` f32[1, 1, embed] with ``add_bias_kv``.

    Args:
        embed_dim: number of features of the query and of the result.
        num_heads: divides ``embed_dim``.
        dropout: probability that a weight is dropped in training.
        bias: whether the projections have biases.
        add_bias_kv: whether a learned key and value are added to the sequence.
        add_zero_attn: whether a key and value of zeros are added.
        kdim: number of features of the keys, ``embed_dim`` by default.
        vdim: number of features of the values, likewise.
        batch_first: whether sequences are [batch, time, features], not [time, batch, features].

    Returns:
        Layer with ``apply(params, query, keys=query, values=keys, *, key_padding_mask=None,
        attn_mask=None, need_weights=False, average_attn_weights=True, is_causal=False, key=None,
        train=False)``:

        - query, keys, values: f[time, batch, features], or without batch;
        - key_padding_mask: [batch, other]; bool, True for keys *not* to look at, or floats to add;
        - attn_mask: [time, other] or [batch * heads, time, other], likewise;
        - is_causal: whether each query sees only the keys up to its own place; masks hide more.

        It returns the array alone, or ``(out, weights)`` with ``need_weights``: the weights
        f[batch, time, other], averaged over the heads, or f[batch, heads, time, other].  A query
        that may look at nothing gets weights of zero.

    Raises:
        ShapeError: ``apply`` got operands or masks of other sizes.
        DtypeError: ``apply`` got operands that hold no floats, masks neither floats nor bools.
        ValueError: ``num_heads`` does not divide ``embed_dim``; ``dropout`` outside [0, 1].
        TypeError: dropout in training without a key.

    >>> layer = MultiHeadAttention(8, 2, batch_first=True)
    >>> params = layer.init(random.key(0))
    >>> layer.apply(params, fnp.ones((3, 5, 8)), is_causal=True).shape
    (3, 5, 8)

    Source: Vaswani et al., NeurIPS 2017; ``torch.nn.MultiheadAttention``, which always returns a
    pair, and NaN for a query that may look at nothing where weights are asked for.
    """
    name = f"MultiHeadAttention({embed_dim}, {num_heads})"
    if num_heads < 1 or embed_dim % num_heads:
        raise ValueError(
            f"nn.MultiHeadAttention: num_heads must be positive and divide embed_dim; got "
            f"num_heads={num_heads} for embed_dim={embed_dim}."
        )
    check_probability(name, dropout)
    sizes = (embed_dim, kdim or embed_dim, vdim or embed_dim)
    packed = sizes == (embed_dim,) * 3
    out_proj = Linear(embed_dim, embed_dim, bias=bias)

    def init(key: Any) -> dict[str, Any]:
        keys = random.split(key, 6)
        xavier = initializers.xavier_uniform()
        params: dict[str, Any] = {}
        if packed:
            params["in_proj_weight"] = xavier(keys[0], (3 * embed_dim, embed_dim))
        else:
            for i, part in enumerate("qkv"):
                params[f"{part}_proj_weight"] = xavier(keys[i], (embed_dim, sizes[i]))
        params["out_proj"] = out_proj.init(keys[3])
        if bias:
            params["in_proj_bias"] = fnp.zeros(3 * embed_dim)
            params["out_proj"]["bias"] = fnp.zeros(embed_dim)
        if add_bias_kv:
            for i, part in enumerate("kv"):
                draw = initializers.xavier_normal()
                params[f"bias_{part}"] = draw(keys[4 + i], (1, 1, embed_dim))
        return params

    def apply(
        params: dict[str, Any], query: Array, keys: Array | None = None,
        values: Array | None = None, *, key_padding_mask: Array | None = None,
        attn_mask: Array | None = None, need_weights: bool = False,
        average_attn_weights: bool = True, is_causal: bool = False, key: Array | None = None,
        train: bool = False,
    ) -> Any:  # fmt: skip
        q, k, v = _sequences(name, (query, keys, values), sizes, batch_first)
        alone = q.ndim == 2
        if alone:
            q, k, v = (None if x is None else x[None] for x in (q, k, v))
            if key_padding_mask is not None:
                key_padding_mask = fnp.asarray(key_padding_mask)[None]
        own = params["in_proj_bias"] if bias else None
        q, k, v = (wide(x) for x in _projected(params, own, q, k, v))
        batch, length, other = q.shape[0], q.shape[1], k.shape[1]
        mask = _mask(
            name, (batch, num_heads, length, other), attn_mask, key_padding_mask, is_causal, q.dtype
        )
        if add_bias_kv:
            k, v = (
                fnp.concatenate([x, fnp.broadcast_to(b, (batch, 1, embed_dim)).astype(x.dtype)], 1)
                for x, b in ((k, params["bias_k"]), (v, params["bias_v"]))
            )
        if add_zero_attn:
            k, v = (fnp.pad(x, ((0, 0), (0, 1), (0, 0))) for x in (k, v))
        if mask is not None and k.shape[1] > other:
            mask = fnp.pad(mask, ((0, 0), (0, 0), (0, 0), (0, k.shape[1] - other)))
        size = embed_dim // num_heads
        q, k, v = (
            fnp.swapaxes(x.reshape(batch, x.shape[1], num_heads, size), 1, 2) for x in (q, k, v)
        )
        scale = 1 / math.sqrt(max(size, 1))
        weights = attention_weights(q, k, mask, causal=False, scale=scale)
        if train and dropout > 0:
            weights = drop(weights, dropout, training_key(name, key))
        dtype = fnp.result_type(query.dtype, params["out_proj"]["weight"].dtype)
        mixed = fnp.swapaxes(fnp.matmul(weights, v), 1, 2).reshape(batch, length, embed_dim)
        out = out_proj.apply(params["out_proj"], mixed.astype(dtype))
        out = out[0] if alone else out if batch_first else fnp.swapaxes(out, 0, 1)
        if not need_weights:
            return out
        weights = (weights.mean(axis=1) if average_attn_weights else weights).astype(dtype)
        return out, weights[0] if alone else weights

    return Layer(init, apply, name)


def _sequences(
    name: str, given: tuple[Any, Any, Any], sizes: tuple[int, int, int], batch_first: bool
) -> tuple[Any, Any, Any]:
    """The three operands with the batch first; None for those that are the one before."""
    arrays: list[Any] = []
    for x, what, size in zip(given, ("query", "keys", "values"), sizes, strict=True):
        if x is None:
            arrays.append(None)
            continue
        x = as_float(name, x, what)
        if x.ndim not in (2, 3) or x.shape[-1] != size:
            batched = "[batch, time, " if batch_first else "[time, batch, "
            raise ShapeError(
                f"nn.{name}: expected {what} of shape {batched}{size}] or [time, {size}]; "
                f"got {tuple(x.shape)}."
            )
        arrays.append(x if batch_first or x.ndim == 2 else fnp.swapaxes(x, 0, 1))
    query, keys, values = arrays
    for at, what in enumerate(("keys", "values"), 1):
        # What is left out is the operand before, which must have the features.
        if arrays[at] is None and sizes[at] != sizes[at - 1]:
            raise ShapeError(
                f"nn.{name}: expected {what} of {sizes[at]} features; got None, which stands for "
                f"the operand before, of {sizes[at - 1]}. Remedy: pass {what}."
            )
    first = query if keys is None else keys
    same = first if values is None else values
    if first.ndim != query.ndim or first.shape[:-2] != query.shape[:-2]:
        raise ShapeError(
            f"nn.{name}: expected keys of the query's batch; got shapes {tuple(given[1].shape)} "
            f"and {tuple(given[0].shape)}."
        )
    if same.shape[:-1] != first.shape[:-1]:
        raise ShapeError(
            f"nn.{name}: expected a value for each key; got keys and values of shapes "
            f"{tuple(fnp.shape(given[0] if keys is None else given[1]))} and "
            f"{tuple(fnp.shape(given[2]))}."
        )
    return query, keys, values


def _projected(
    params: dict[str, Any], bias: Array | None, q: Array, k: Array | None, v: Array | None
) -> tuple[Array, ...]:
    """Queries, keys and values, of one product where all three are the same sequence."""
    packed = params.get("in_proj_weight")
    if packed is not None and k is None and v is None:
        return tuple(fnp.split(linear(q, packed, bias), 3, axis=-1))
    weights = (
        [params[f"{part}_proj_weight"] for part in "qkv"]
        if packed is None
        else fnp.split(packed, 3)
    )
    biases = (None, None, None) if bias is None else fnp.split(bias, 3)
    k = q if k is None else k
    operands = (q, k, k if v is None else v)
    return tuple(linear(x, w, b) for x, w, b in zip(operands, weights, biases, strict=True))


def _mask(
    name: str, scores: tuple[int, int, int, int], attn_mask: Any, padding: Any, causal: bool,
    dtype: Any,
) -> Array | None:  # fmt: skip
    """All masks as numbers to add, f[batch or 1, heads or 1, length or 1, other]."""
    batch, heads, length, other = scores
    masks = []
    if attn_mask is not None:
        mask = check_mask_dtype(name, "attn_mask", fnp.asarray(attn_mask))
        wanted = {2: (length, other), 3: (batch * heads, length, other)}
        if wanted.get(mask.ndim) != tuple(mask.shape):
            raise ShapeError(
                f"nn.{name}: expected attn_mask of shape {wanted[2]} or {wanted[3]}; "
                f"got {tuple(mask.shape)}."
            )
        masks.append(mask.reshape((1, 1, *wanted[2]) if mask.ndim == 2 else scores))
    if causal:
        masks.append(~fnp.tri(length, other, dtype=bool)[None, None])
    if padding is not None:
        mask = check_mask_dtype(name, "key_padding_mask", fnp.asarray(padding))
        if tuple(mask.shape) != (batch, other):
            raise ShapeError(
                f"nn.{name}: expected key_padding_mask of shape {(batch, other)}, a row for each "
                f"example; got {tuple(mask.shape)}."
            )
        masks.append(mask[:, None, None])
    if not masks:
        return None
    added = [
        fnp.where(mask, -np.inf, 0.0).astype(dtype) if mask.dtype == bool else mask.astype(dtype)
        for mask in masks
    ]
    return sum(added[1:], added[0])
