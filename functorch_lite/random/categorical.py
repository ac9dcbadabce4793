"""Categories drawn from unnormalised log-probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite import numpy as fnp
from functorch_lite.core.array import Array
from functorch_lite.core.aval import describe
from functorch_lite.core.dtypes import bfloat16, float16, float32, float64, is_float
from functorch_lite.errors import AxisError, DtypeError, ShapeError
from functorch_lite.random.keys import as_shape, check_key
from functorch_lite.random.uniform import float_dtype, uniform

__all__ = ["categorical", "gumbel"]

_TINY = {
    float16: 2.0**-14,
    bfloat16: 2.0**-126,
    float32: 2.0**-126,
    float64: 2.0**-1022,
}


def gumbel(key: Array, shape: Any = (), dtype: Any = None) -> Array:
    """Numbers of the standard Gumbel distribution, whose density is exp(-(x + exp(-x))).

    Args:
        key: u32[2].
        shape: shape of the sample.
        dtype: a floating-point dtype, float32 by default.

    Returns:
        Array of the given shape and dtype.

    Raises:
        DtypeError: ``dtype`` is not floating-point, or ``key`` is not a key.

    >>> from functorch_lite import random
    >>> random.gumbel(random.key(0), (2,)).dtype
    dtype('float32')

    Source: ``jax.random.gumbel`` in its mode "low": -log(-log(u)) for u uniform over (0, 1).
    """
    check_key("random.gumbel", key)
    dtype = float_dtype("random.gumbel", dtype)
    u = uniform(key, shape, dtype, minval=fnp.asarray(_TINY[dtype], dtype), maxval=1.0)
    return -fnp.log(-fnp.log(u))


def categorical(key: Array, logits: Any, axis: int = -1, shape: Any = None) -> Array:
    """Categories drawn with probabilities ``softmax(logits, axis)``.

    Args:
        key: u32[2].
        logits: f[..., categories, ...], unnormalised log-probabilities.
        axis: the axis of the categories.
        shape: shape of the sample: the shape of ``logits`` without ``axis`` (the default), with any
            number of dimensions in front.

    Returns:
        i64[*shape], indices along ``axis``.

    Raises:
        AxisError: ``axis`` is outside the dimensions.
        DtypeError: ``logits`` is not floating-point, or ``key`` is not a key.
        ShapeError: ``shape`` does not end with the shape of ``logits`` without ``axis``.

    >>> from functorch_lite import random
    >>> random.categorical(random.key(0), fnp.zeros((4, 10))).shape
    (4,)

    Source: ``jax.random.categorical``: the Gumbel-max trick.
    """
    name = "random.categorical"
    check_key(name, key)
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
    noise = gumbel(key, lead + tuple(logits.shape), logits.dtype)
    return fnp.argmax(noise + logits, axis=axis + len(lead))
