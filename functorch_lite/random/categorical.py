"""Categories drawn from unnormalised log-probabilities."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from functorch_lite import numpy as fnp
from functorch_lite import ops
from functorch_lite.core.array import Array
from functorch_lite.core.aval import describe
from functorch_lite.core.dtypes import float32, float64, is_float, uint32
from functorch_lite.errors import AxisError, DtypeError, ShapeError
from functorch_lite.random.bits import draw_bits
from functorch_lite.random.keys import as_shape, take_key
from functorch_lite.random.parameters import float_dtype, one_of, smallest_normal
from functorch_lite.random.uniform import step, uniform, unit_interval

__all__ = ["categorical", "gumbel"]

_MODES = ("low", "high", "highest")


def gumbel(key: Array, shape: Any = (), dtype: Any = None, mode: str | None = None) -> Array:
    """Numbers of the standard Gumbel distribution, whose density is exp(-(x + exp(-x))).

    Args:
        key: u32[2].
        shape: shape of the sample.
        dtype: a floating-point dtype, float32 by default.
        mode: "low" (the default) makes a number of one uniform number, so that float32 ends at
            about 16; "high" of two, which doubles that; "highest" of 64 bits in float32, right to
            the last place on both sides, and "high" in the other dtypes.

    Returns:
        Array of the given shape and dtype.

    Raises:
        DtypeError: ``dtype`` is not floating-point, or ``key`` is not a key.
        TransformError: an unknown ``mode``.

    >>> from functorch_lite import random
    >>> random.gumbel(random.key(0), (2,)).dtype
    dtype('float32')

    Source: ``jax.random.gumbel``: -log(-log(u)) for u uniform over (0, 1).
    """
    take_key("random.gumbel", key)
    dtype = float_dtype("random.gumbel", dtype)
    shape = as_shape("random.gumbel", shape)
    mode = one_of("random.gumbel", "mode", "low" if mode is None else mode, _MODES)
    if mode == "low":
        u = uniform(key, shape, dtype, minval=smallest_normal(dtype), maxval=1.0)
        return -fnp.log(-fnp.log(u))
    if mode == "highest" and dtype == float32:
        return _gumbel_of_64_bits(draw_bits("random.gumbel", key, (2, *shape), uint32))
    unit = unit_interval("random.gumbel", key, (2, *shape), dtype)
    # The second number refines the first where that is coarse. One minus it is what is uniform.
    fine = unit[0] + step(dtype) * unit[1] + smallest_normal(dtype)
    return -fnp.log(-fnp.log1p(-fnp.where(unit[0] >= 0.5, unit[0], fine)))


def _gumbel_of_64_bits(words: Array) -> Array:
    """Gumbel numbers of u = n / 2**64, n given by its high and low word, u32[2, ...]."""
    upper = words[0] >= 2**31
    n = (words[0].astype("uint64") << 32) | words[1].astype("uint64")
    # Above one half, 1 - u = (2**64 - n) / 2**64 is the small number that keeps its digits.
    small = fnp.where(upper, ~n + 1, n)
    x = fnp.maximum(_digits_of_float32(small), 0.5) * 2.0**-64
    x = x.astype(float32)
    return fnp.where(upper, -fnp.log(-fnp.log(x)), -fnp.log(-fnp.log1p(-x)))


def _digits_of_float32(n: Array) -> Array:
    """The leading 24 bits of integers, f64[...]: rounding could carry a number to the next step."""
    exact = fnp.where(n >= 2**53, n & (2**64 - 2**11), n).astype(float64)
    bits = ops.bitcast(exact, dtype=n.dtype) & (2**64 - 2**29)
    return ops.bitcast(bits, dtype=exact.dtype)


def categorical(
    key: Array,
    logits: Any,
    axis: int = -1,
    shape: Any = None,
    replace: bool = True,
    mode: str | None = None,
) -> Array:
    """Categories drawn with probabilities ``softmax(logits, axis)``.

    Args:
        key: u32[2].
        logits: f[..., categories, ...], unnormalised log-probabilities.
        axis: the axis of the categories.
        shape: shape of the sample: the shape of ``logits`` without ``axis`` (the default), with any
            number of dimensions in front.
        replace: whether a category may be drawn more than once among the dimensions in front.
        mode: how the noise is made; see :func:`gumbel`.

    Returns:
        i64[*shape], indices along ``axis``.

    Raises:
        AxisError: ``axis`` is outside the dimensions.
        DtypeError: ``logits`` is not floating-point, or ``key`` is not a key.
        ShapeError: ``shape`` does not end with the shape of ``logits`` without ``axis``, or asks
            for more draws without replacement than there are categories.

    >>> from functorch_lite import random
    >>> random.categorical(random.key(0), fnp.zeros((4, 10))).shape
    (4,)

    Source: ``jax.random.categorical``: the Gumbel-max trick; without replacement, the top k.
    """
    name = "random.categorical"
    take_key(name, key)
    logits = fnp.asarray(logits)
    if not is_float(logits.dtype):
        raise DtypeError(f"{name}: expected floating-point logits; got {describe(logits)}.")
    if not -logits.ndim <= axis < logits.ndim:
        raise AxisError(f"{name}: expected an axis of logits {describe(logits)}; got {axis}.")
    axis %= logits.ndim
    batch = tuple(np.delete(logits.shape, axis).tolist())
    shape = batch if shape is None else as_shape(name, shape)
    lead = shape[: len(shape) - len(batch)]
    if shape != lead + batch:
        raise ShapeError(f"{name}: expected a shape that ends with {batch}; got {shape}.")
    if replace:
        noise = gumbel(key, lead + tuple(logits.shape), logits.dtype, mode)
        return fnp.argmax(noise + logits, axis=axis + len(lead))
    draws, n = math.prod(lead), logits.shape[axis]
    if draws > n:
        raise ShapeError(
            f"{name}: expected at most {n} draws from {n} categories without replacement; got "
            f"{draws}. Remedy: replace=True, or a shape with fewer dimensions in front."
        )
    score = fnp.moveaxis(gumbel(key, logits.shape, logits.dtype, mode) + logits, axis, -1)
    order = fnp.argsort(-score, axis=-1)[..., :draws]
    return fnp.moveaxis(order, -1, 0).reshape(shape)
