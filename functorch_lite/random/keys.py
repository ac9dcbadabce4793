"""Keys: made from a seed, split into independent ones, or derived from a key and a number."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from functorch_lite import numpy as fnp
from functorch_lite import ops
from functorch_lite.core.array import Array
from functorch_lite.core.aval import describe
from functorch_lite.core.dtypes import is_integer, uint32
from functorch_lite.errors import DtypeError, IndexRangeError, ShapeError, TransformError
from functorch_lite.random.reuse import forget, watch

__all__ = [
    "PRNGKey",
    "clone",
    "fold_in",
    "key",
    "key_data",
    "key_dtype",
    "key_impl",
    "split",
    "wrap_key_data",
]

_WORD = 2**32


def key(seed: Any, *, impl: str | None = None) -> Array:
    """A key from an integer seed.

    Args:
        seed: Python int of at most 64 bits, or an integer array of shape [], which may be traced.
        impl: the name of the generator: "threefry2x32", the only one.

    Returns:
        The key, u32[2]: the high and the low word of the seed.

    Raises:
        DtypeError: the seed is not an integer.
        ShapeError: the seed has dimensions (use ``vmap`` for many seeds).
        IndexRangeError: a Python int that does not fit in 64 bits.
        TransformError: another generator.

    >>> key(7)
    Array([0, 7], dtype=uint32)

    Source: ``jax.random.PRNGKey``.
    """
    _check_impl("random.key", impl)
    if isinstance(seed, int) and not isinstance(seed, bool):
        if not -(2**63) <= seed < 2**64:
            raise IndexRangeError(
                f"random.key: expected a seed of at most 64 bits; got {seed}. "
                "Remedy: take it modulo 2**64."
            )
        seed %= 2**64
        return fnp.asarray([seed // _WORD, seed % _WORD], dtype="uint32")
    word = _integer_scalar("random.key", "seed", seed)
    if word.dtype.itemsize < 8:
        high, low = fnp.zeros((), "uint32"), word.astype("uint32")
    else:
        word = word.astype("uint64")
        high, low = (word >> 32).astype("uint32"), word.astype("uint32")
    return fnp.stack([high, low])


def PRNGKey(seed: Any, *, impl: str | None = None) -> Array:
    """Another name of :func:`key`.

    >>> PRNGKey(7)
    Array([0, 7], dtype=uint32)
    """
    return key(seed, impl=impl)


def split(key: Array, num: int | tuple[int, ...] = 2) -> Array:
    """Independent keys from one key.

    The i-th of them does not depend on ``num``, and equals ``fold_in(key, i)``.

    Args:
        key: u32[2].
        num: how many keys, or the shape of an array of keys.

    Returns:
        The keys, u32[num, 2] (u32[*num, 2] for a tuple).

    Raises:
        DtypeError, ShapeError: ``key`` is not a key.

    >>> split(PRNGKey(0), 3).shape
    (3, 2)

    Source: ``jax.random.split``.
    """
    take_key("random.split", key)
    words = draw_words("random.split", key, as_shape("random.split", num))
    return _pair(words)


def fold_in(key: Array, data: Any) -> Array:
    """A key derived from a key and a number, e.g. the index of a step or of a device.

    Args:
        key: u32[2].
        data: Python int in ``[0, 2**32)``, or an integer array of shape [], which may be traced.

    Returns:
        The new key, u32[2].

    Raises:
        DtypeError, ShapeError: ``key`` is not a key, or ``data`` is not an integer scalar.
        IndexRangeError: a Python int outside ``[0, 2**32)``.

    >>> bool((fold_in(PRNGKey(0), 1) == split(PRNGKey(0), 2)[1]).all())
    True

    Source: ``jax.random.fold_in``.
    """
    k0, k1 = key_words("random.fold_in", key)
    if isinstance(data, int) and not 0 <= data < _WORD:
        raise IndexRangeError(
            f"random.fold_in: expected data in [0, 2**32); got {data}. "
            "Remedy: take it modulo 2**32."
        )
    count = _integer_scalar("random.fold_in", "data", data).astype("uint32")
    return _pair(ops.threefry2x32(k0, k1, fnp.zeros((), "uint32"), count))


def key_data(keys: Array) -> Array:
    """The words of keys, which are the keys themselves here.

    Args:
        keys: u32[..., 2].

    Returns:
        u32[..., 2].

    Raises:
        DtypeError, ShapeError: ``keys`` are not keys.

    >>> key_data(key(7))
    Array([0, 7], dtype=uint32)

    Source: ``jax.random.key_data``.
    """
    return _as_keys("random.key_data", keys)


def wrap_key_data(key_bits_array: Any, *, impl: str | None = None) -> Array:
    """Keys from their words; the inverse of :func:`key_data`.

    Args:
        key_bits_array: u32[..., 2].
        impl: the name of the generator: "threefry2x32", the only one.

    Returns:
        The keys, u32[..., 2].

    Raises:
        DtypeError, ShapeError: an array of another kind.
        TransformError: another generator.

    >>> wrap_key_data(fnp.asarray([0, 7], "uint32"))
    Array([0, 7], dtype=uint32)

    Source: ``jax.random.wrap_key_data``.
    """
    _check_impl("random.wrap_key_data", impl)
    return _as_keys("random.wrap_key_data", key_bits_array)


def key_impl(keys: Any) -> str:
    """The name of the generator that keys belong to: there is one.

    Args:
        keys: u32[..., 2].

    Raises:
        DtypeError, ShapeError: ``keys`` are not keys.

    >>> key_impl(key(7))
    'threefry2x32'

    Source: ``jax.random.key_impl``.
    """
    _as_keys("random.key_impl", keys)
    return "threefry2x32"


def key_dtype(impl_spec: str | None = None) -> np.dtype[Any]:
    """The dtype of arrays of keys; a key is two numbers of it.

    Args:
        impl_spec: the name of the generator: "threefry2x32", the only one.

    Raises:
        TransformError: another generator.

    >>> key(7).dtype == key_dtype()
    True

    Source: ``jax.random.key_dtype``.
    """
    _check_impl("random.key_dtype", impl_spec)
    return uint32


def clone(key: Array) -> Array:
    """The same key, counted as fresh by :func:`debug_key_reuse`: where a repeat is wanted.

    Args:
        key: u32[..., 2].

    Returns:
        The key.

    Raises:
        DtypeError, ShapeError: ``key`` is not a key.

    >>> from functorch_lite import random
    >>> k = random.key(0)
    >>> with random.debug_key_reuse():
    ...     same = random.uniform(k) == random.uniform(random.clone(k))

    Source: ``jax.random.clone``.
    """
    key = _as_keys("random.clone", key)
    forget(key)
    return key


def draw_words(name: str, key: Array, shape: tuple[int, ...]) -> Array:
    """64 random bits per element: Threefry of the key and the element's flat index.

    Args:
        name: the calling function, for messages.
        key: u32[2].
        shape: shape of the sample.

    Returns:
        u64[*shape]: the first output word in the high half.
    """
    k0, k1 = key_words(name, key)
    size = math.prod(shape)
    if size <= _WORD:
        high = fnp.zeros((), "uint32")
        low = fnp.arange(size, dtype="uint32").reshape(shape)
    else:
        index = fnp.arange(size, dtype="uint64").reshape(shape)
        high, low = (index >> 32).astype("uint32"), index.astype("uint32")
    return ops.threefry2x32(k0, k1, high, low)


def words_of_split(words: Array, num: int) -> list[Array]:
    """For each of many keys, given as u64[...], the ``num`` keys that it splits into.

    A key's words, and the random bits of a scalar that the key gives, are those of its first part.
    """
    high, low = (words >> 32).astype("uint32"), words.astype("uint32")
    zero, *counts = (fnp.asarray(i, dtype="uint32") for i in (0, *range(num)))
    return [ops.threefry2x32(high, low, zero, count) for count in counts]


def words_of_first(words: Array) -> Array:
    """The 64 random bits of a scalar, for each of many keys given as u64[...]."""
    return words_of_split(words, 1)[0]


def key_words(name: str, key: Any) -> tuple[Array, Array]:
    """The two words of a key, u32[] each; says what came if it is not a key."""
    check_key(name, key)
    if not isinstance(key, Array):
        key = fnp.asarray(key)
    return key[0], key[1]


def take_key(name: str, key: Any) -> None:
    """Check the key of a sampler, first thing in it, and count it as consumed."""
    check_key(name, key)
    if watch.ledger is not None:
        watch.ledger.consume(name, key)


def check_key(name: str, key: Any) -> None:
    """Raise unless ``key`` is a key; ``name`` is the function that the user called."""
    remedy = "make a key with random.key(seed), fresh ones with random.split(key)"
    if isinstance(key, int) and not isinstance(key, bool):
        remedy = (
            f"make a key with random.key(seed), here random.key({key}), fresh ones with "
            "random.split(key)"
        )
    elif isinstance(key, (tuple, list)):
        remedy = f"the key comes first, {name}(key, ...); random.key(0) makes one"
    if not hasattr(key, "shape") or not hasattr(key, "dtype") or key.dtype != "uint32":
        raise DtypeError(f"{name}: expected a key (u32[2]); got {describe(key)}. Remedy: {remedy}.")
    if tuple(key.shape) != (2,):
        if tuple(key.shape)[-1:] == (2,):
            remedy = "map over an array of keys with vmap, or choose one by indexing"
        raise ShapeError(f"{name}: expected a key (u32[2]); got {describe(key)}. Remedy: {remedy}.")


def as_shape(name: str, shape: Any) -> tuple[int, ...]:
    """A shape as a tuple of non-negative Python ints; one int stands for one dimension."""
    try:
        sizes = (shape,) if hasattr(shape, "__index__") else tuple(shape)
        sizes = tuple(int(n.__index__()) for n in sizes)
    except (TypeError, AttributeError):
        raise TypeError(
            f"{name}: expected a shape of integers; got {describe(shape)}. "
            "Remedy: shape=(2, 3), for example; () for a scalar."
        ) from None
    if any(n < 0 for n in sizes):
        raise ShapeError(f"{name}: expected a shape of non-negative sizes; got {sizes}.")
    return sizes


def _as_keys(name: str, keys: Any) -> Array:
    keys = fnp.asarray(keys)
    if keys.dtype != "uint32" or tuple(keys.shape)[-1:] != (2,):
        wrong = DtypeError if keys.dtype != "uint32" else ShapeError
        raise wrong(
            f"{name}: expected keys (u32[..., 2]); got {describe(keys)}. Remedy: make a key with "
            "random.key(seed), many with random.split(key, n)."
        )
    return keys


def _check_impl(name: str, impl: str | None) -> None:
    if impl not in (None, "threefry2x32"):
        raise TransformError(
            f"{name}: expected impl to be 'threefry2x32', the only generator here; got "
            f"{impl!r:.60}. Remedy: leave it out."
        )


def _pair(words: Array) -> Array:
    return fnp.stack([(words >> 32).astype("uint32"), words.astype("uint32")], axis=-1)


def _integer_scalar(name: str, what: str, value: Any) -> Array:
    try:
        array = fnp.asarray(value)
    except TypeError:
        raise TypeError(
            f"{name}: expected an integer {what}; got {describe(value)}. Remedy: {what}=0, say."
        ) from None
    if not is_integer(array.dtype):
        raise DtypeError(
            f"{name}: expected an integer {what}; got {describe(value)}. Remedy: {what}=0, say."
        )
    if array.shape:
        raise ShapeError(
            f"{name}: expected a {what} of shape []; got {describe(array)}. "
            f"Remedy: map over many of them with vmap."
        )
    return array
