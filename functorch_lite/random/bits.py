"""Random bits, from which every other sampler is made."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.core.array import Array
from functorch_lite.core.dtypes import canonical
from functorch_lite.errors import DtypeError
from functorch_lite.random.keys import as_shape, draw_words, take_key

__all__ = ["bits"]


def bits(key: Array, shape: Any = (), dtype: Any = "uint32") -> Array:
    """Uniformly distributed unsigned integers.

    Args:
        key: u32[2].
        shape: shape of the sample.
        dtype: uint8, uint16, uint32 or uint64.

    Returns:
        Array of the given shape and dtype.

    Raises:
        DtypeError: ``dtype`` is not an unsigned integer type, or ``key`` is not a key.

    >>> from functorch_lite import random
    >>> random.bits(random.key(0), (2,), "uint8").dtype
    dtype('uint8')

    Source: ``jax.random.bits``; the two output words of a counter are xor-ed for 32 bits and fewer.
    """
    take_key("random.bits", key)
    dtype = canonical(dtype)
    if dtype.kind != "u":
        raise DtypeError(f"random.bits: expected an unsigned integer dtype; got {dtype.name}.")
    return draw_bits("random.bits", key, as_shape("random.bits", shape), dtype)


def draw_bits(name: str, key: Array, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Random bits of an unsigned dtype; ``name`` is the calling sampler, for messages."""
    return bits_of(draw_words(name, key, shape), dtype)


def bits_of(words: Array, dtype: np.dtype[Any]) -> Array:
    """Random bits of an unsigned dtype from 64 random bits each."""
    if dtype.itemsize == 8:
        return words
    return ((words >> 32) ^ words).astype(dtype)
