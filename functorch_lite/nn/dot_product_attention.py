"""Attention as ``jax.nn`` lays it out: places before heads, with masks by lengths and windows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

import functorch_lite as fl
from functorch_lite import lax
from functorch_lite import numpy as fnp
from functorch_lite.errors import DtypeError, ShapeError
from functorch_lite.nn.checks import as_array, as_float, wide, widest

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = ["dot_product_attention"]

_NAME = "dot_product_attention"
# Stays finite in float32, so that a row without any place to look at is uniform and not NaN.
_MASKED = -0.7 * float(np.finfo(np.float32).max)


def dot_product_attention(
    query: Any, key: Any, value: Any, bias: Any = None, mask: Any = None, *,
    scale: float | None = None, is_causal: bool = False, query_seq_lengths: Any = None,
    key_value_seq_lengths: Any = None, local_window_size: int | tuple[int, int] | None = None,
    implementation: str | None = None, return_residual: bool = False,
) -> Any:  # fmt: skip
    """softmax(query keyᵀ scale + bias) value, for each head.

    Args:
        query: f[batch, length, heads, size], or without the batch.
        key: f[batch, other, shared, size], where ``shared`` divides ``heads``: that many heads of
            keys and values, each for as many consecutive heads of the query.
        value: f[batch, other, shared, size].
        bias: added to the products, f[batch, heads, length, other], or what broadcasts to it.
        mask: bool, of the same shapes; True where a query may look.
        scale: factor of the products, 1 / sqrt(size) by default.
        is_causal: whether each query sees only the keys up to its own place.
        query_seq_lengths: i[batch], how many queries of each example are real; results of the
            others are zero.
        key_value_seq_lengths: i[batch], how many keys of each example are real.
        local_window_size: how many places to the left and to the right of its own a query sees, a
            pair or one number for both.
        implementation: None or ``"xla"``, which are the same here.
        return_residual: whether to return also the logarithm of the sum of exponentials.

    Returns:
        f[batch, length, heads, size], the shape of ``query``; with ``return_residual`` a pair with
        f[batch, length, heads], through which no derivative flows. A query that may look at
        nothing gets the mean of all values. Half precision is computed in float32.

    Raises:
        ShapeError: the sizes do not go together.
        DtypeError: an operand holds no floats, the mask no bools, or lengths no integers.
        ValueError: another implementation, or a negative window.

    >>> q = fnp.ones((2, 1, 4))  # two places, one head
    >>> v = fnp.arange(8.0).reshape(2, 1, 4)
    >>> dot_product_attention(q, q, v, is_causal=True)[:, 0, 0].tolist()
    [0.0, 2.0]

    Source: ``jax.nn.dot_product_attention``; Ainslie et al., "GQA", EMNLP 2023, for shared heads.
    """
    if implementation not in (None, "xla"):
        raise ValueError(
            f"nn.{_NAME}: expected implementation to be None or 'xla'; got {implementation!r}. "
            "Remedy: leave it out, there is one implementation here."
        )
    q, k, v = (
        as_float(_NAME, x, what) for x, what in ((query, "query"), (key, "key"), (value, "value"))
    )
    shape, dtype = q.shape, widest(q, k, v)
    q, k, v = (_with_batch(x, what) for x, what in ((q, "query"), (k, "key"), (v, "value")))
    _check_sizes(q, k, v)
    (batch, length, heads, size), (other, shared) = q.shape, k.shape[1:3]
    scores = (batch, heads, length, other)
    if bias is not None:
        bias = _grouped("bias", as_float(_NAME, bias, "bias"), scores, shared)
    allowed = _places(length, other, bool(is_causal), _window(local_window_size))
    if mask is not None:
        allowed.append(_grouped("mask", _as_bool(mask), scores, shared))
    real = _real("query_seq_lengths", query_seq_lengths, batch, length)
    if real is not None:
        allowed.append(real[:, None, None, :, None])
    kept = _real("key_value_seq_lengths", key_value_seq_lengths, batch, other)
    if kept is not None:
        allowed.append(kept[:, None, None, None, :])
    factor = 1.0 / math.sqrt(max(size, 1)) if scale is None else scale
    q, k, v = (wide(x.astype(dtype)) for x in (q, k, v))
    out, residual = _attend(q, k, v, bias, allowed, fnp.asarray(factor, q.dtype))
    if real is not None:
        out = fnp.where(real[:, :, None, None], out, 0)
    out = out.reshape(shape).astype(dtype)
    if return_residual:
        return out, fl.stop_gradient(residual.reshape(shape[:-1]).astype(dtype))
    return out


def _attend_of(
    q: Array, k: Array, v: Array, bias: Array | None, allowed: list[Array], scale: Array
) -> tuple[Array, Array]:
    """What every query sums up, f[batch, length, heads, size], and its logarithm of the sum."""
    batch, length, heads, size = q.shape
    shared = k.shape[2]
    q = fnp.moveaxis(q.reshape(batch, length, shared, heads // shared, size), 1, 3)
    k, v = (fnp.moveaxis(x, 1, 2)[:, :, None] for x in (k, v))
    s = fnp.matmul(q, fnp.swapaxes(k, -1, -2)) * scale
    if bias is not None:
        s = s + bias.astype(s.dtype)
    for places in allowed:
        s = fnp.where(places, s, _MASKED)
    # A shift changes neither the value nor the derivative; inf - inf would be NaN.
    top = fl.stop_gradient(fnp.max(s, axis=-1, keepdims=True, initial=-np.inf))
    top = fnp.where(fnp.isneginf(top), 0, top)
    e = fnp.exp(s - top)
    total = fnp.sum(e, axis=-1, keepdims=True)
    out = fnp.matmul(e / fnp.where(total == 0, 1, total), v)
    residual = (top + fnp.log(total))[..., 0]
    return (
        fnp.moveaxis(out, 3, 1).reshape(batch, length, heads, size),
        fnp.moveaxis(residual, 3, 1).reshape(batch, length, heads),
    )


_attend = lax.composite(_attend_of, f"nn.{_NAME}")


def _with_batch(x: Array, what: str) -> Array:
    if x.ndim not in (3, 4):
        raise ShapeError(
            f"nn.{_NAME}: expected {what} [batch, length, heads, size] or [length, heads, size]; "
            f"got shape {tuple(x.shape)}. Remedy: fnp.reshape to one of these."
        )
    return x if x.ndim == 4 else x[None]


def _check_sizes(q: Array, k: Array, v: Array) -> None:
    shapes = [tuple(x.shape) for x in (q, k, v)]
    (batch, _, heads, size), (k_batch, _, shared, k_size) = shapes[:2]
    if shapes[1] != shapes[2] or (batch, size) != (k_batch, k_size):
        raise ShapeError(
            f"nn.{_NAME}: expected query [batch, length, heads, size], key and value both [batch, "
            f"other, shared, size]; got {', '.join(map(str, shapes))}. Remedy: the same batch and "
            "size for all three."
        )
    if not shared or heads % shared:
        raise ShapeError(
            f"nn.{_NAME}: expected heads of key and value that divide the query's; got {shared} "
            f"and {heads}. Remedy: axis -2 holds the heads, so fnp.swapaxes(x, -2, -3) where they "
            "come before the places."
        )


def _as_bool(mask: Any) -> Array:
    mask = as_array(_NAME, mask, "mask")
    if mask.dtype != bool:
        raise DtypeError(
            f"nn.{_NAME}: expected a mask of bools; got {mask.dtype.name}. Remedy: bias=mask for "
            "one that is added, mask.astype(bool) for one of zeros and ones."
        )
    return mask


def _grouped(what: str, x: Array, scores: tuple[int, ...], shared: int) -> Array:
    """A bias or mask as [batch, shared, heads per shared one, length, other]."""
    x = x.reshape((1,) * (4 - x.ndim) + tuple(x.shape))
    if x.ndim != 4 or any(n not in (1, m) for n, m in zip(x.shape, scores, strict=True)):
        raise ShapeError(
            f"nn.{_NAME}: expected a {what} that broadcasts to [batch, heads, length, other], here "
            f"{scores}; got shape {tuple(x.shape)}. Remedy: fnp.expand_dims puts axes of size 1 "
            "where it is the same for all."
        )
    batch, heads, length, other = x.shape
    groups = (1, 1) if heads == 1 else (shared, heads // shared)
    return x.reshape(batch, *groups, length, other)


def _window(size: Any) -> tuple[int, int] | None:
    if size is None:
        return None
    try:
        left, right = (size, size) if hasattr(size, "__index__") else size
        left, right = left.__index__(), right.__index__()
    except (TypeError, ValueError, AttributeError):
        left = right = -1
    if left < 0 or right < 0:
        raise ValueError(
            f"nn.{_NAME}: expected local_window_size to be a number of places or a pair of them; "
            f"got {size!r:.60}. Remedy: local_window_size=(3, 0) for three to the left."
        )
    return left, right


def _places(length: int, other: int, causal: bool, window: tuple[int, int] | None) -> list[Array]:
    """Where queries may look by their places alone."""
    behind = fnp.arange(length)[:, None] - fnp.arange(other)
    found = [behind >= 0] if causal else []
    if window is not None:
        found += [behind <= window[0], behind >= -window[1]]
    return found


def _real(what: str, lengths: Any, batch: int, length: int) -> Array | None:
    """Which of the places are real, bool[batch, length]."""
    if lengths is None:
        return None
    lengths = as_array(_NAME, lengths, what)
    if not fnp.issubdtype(lengths.dtype, fnp.integer):
        raise DtypeError(
            f"nn.{_NAME}: expected {what} of integers; got {lengths.dtype.name}. Remedy: "
            f'{what}.astype("int32").'
        )
    if tuple(lengths.shape) != (batch,):
        raise ShapeError(
            f"nn.{_NAME}: expected {what} of shape ({batch},), one number per example; got "
            f"{tuple(lengths.shape)}."
        )
    return fnp.arange(length) < lengths[:, None]
