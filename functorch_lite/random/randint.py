"""Uniform integers."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite import numpy as fnp
from functorch_lite.core.array import Array
from functorch_lite.core.aval import describe
from functorch_lite.core.dtypes import int32, is_integer
from functorch_lite.errors import DtypeError
from functorch_lite.random.bits import draw_bits
from functorch_lite.random.keys import as_shape, split, take_key
from functorch_lite.random.parameters import bound, int_dtype

__all__ = ["randint"]


def randint(key: Array, shape: Any, minval: Any, maxval: Any, dtype: Any = None) -> Array:
    """Integers uniformly distributed over ``[minval, maxval)``.

    Where ``maxval <= minval`` the result is ``minval``.  Twice as many bits are drawn as the dtype
    holds, so that the remainder by ``maxval - minval`` is nearly unbiased; 8- and 16-bit results
    are drawn with 32.

    Args:
        key: u32[2].
        shape: shape of the sample.
        minval: int or integer array, inclusive; broadcasts to ``shape``.
        maxval: int or integer array, exclusive; broadcasts to ``shape``.
        dtype: an integer dtype; int64 by default.

    Returns:
        Array of the given shape and dtype.

    Raises:
        DtypeError: ``dtype`` or a bound is not an integer, or ``key`` is not a key.
        ShapeError: the bounds do not broadcast to ``shape``.

    >>> from functorch_lite import random
    >>> x = random.randint(random.key(0), (100,), 0, 6)
    >>> int(x.min()), int(x.max()), x.dtype
    (0, 5, dtype('int64'))

    Source: ``jax.random.randint``.
    """
    name = "random.randint"
    take_key(name, key)
    dtype = int_dtype(name, dtype)
    shape = as_shape(name, shape)
    low, high = _integer(name, "minval", minval), _integer(name, "maxval", maxval)
    drawn = dtype
    if dtype.itemsize < 4:
        info = np.iinfo(dtype)
        drawn = int32
        low = fnp.clip(low.astype(int32), int(info.min), int(info.max))
        high = fnp.clip(high.astype(int32), int(info.min), int(info.max) + 1)
    return _sample(name, key, shape, low, high, drawn).astype(dtype)


def _sample(
    name: str, key: Array, shape: tuple[int, ...], low: Array, high: Array, dtype: np.dtype[Any]
) -> Array:
    unsigned = np.dtype(f"uint{dtype.itemsize * 8}")
    limit = min(int(np.iinfo(dtype).max), int(np.iinfo(high.dtype).max))
    # Whether the exclusive bound is one past the largest value of the dtype.
    beyond = high > fnp.asarray(limit, high.dtype)
    low = bound(name, "minval", _clip_to(low, dtype), shape, dtype)
    high = bound(name, "maxval", _clip_to(high, dtype), shape, dtype)

    keys = split(key)
    high_bits = draw_bits(name, keys[0], shape, unsigned)
    low_bits = draw_bits(name, keys[1], shape, unsigned)

    one = fnp.ones((), unsigned)
    span = fnp.where(high <= low, one, (high - low).astype(unsigned))
    # The full range of the dtype wraps to a span of zero, for which remainders must change nothing.
    span = fnp.where(beyond & (high > low), span + one, span)
    full = span == 0
    divisor = fnp.where(full, one, span)
    # (high * 2**n + low) % span by parts, since twice the bits do not fit in the dtype.
    half = fnp.asarray(2 ** (dtype.itemsize * 4), unsigned) % divisor
    scale = (half * half) % divisor
    offset = ((high_bits % divisor) * scale + low_bits % divisor) % divisor
    return low + fnp.where(full, low_bits, offset).astype(dtype)


def _integer(name: str, what: str, value: Any) -> Array:
    value = fnp.asarray(value)
    if not is_integer(value.dtype):
        raise DtypeError(f"{name}: expected an integer {what}; got {describe(value)}.")
    return value


def _clip_to(value: Array, dtype: np.dtype[Any]) -> Array:
    have, want = np.iinfo(value.dtype), np.iinfo(dtype)
    least, greatest = max(int(have.min), int(want.min)), min(int(have.max), int(want.max))
    if (least, greatest) == (int(have.min), int(have.max)):
        return value
    return fnp.clip(value, least, greatest)
