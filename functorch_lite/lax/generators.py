"""Random bits from generators that count: XLA's Threefry and Philox, with their states."""

from __future__ import annotations

import math
from typing import Any

from functorch_lite import ops
from functorch_lite.core.array import Array
from functorch_lite.core.dtypes import canonical, uint32, uint64
from functorch_lite.errors import DtypeError, ShapeError
from functorch_lite.lax.choices import RandomAlgorithm
from functorch_lite.numpy.convert import as_array, cast, checked_shape, const, iota

__all__ = ["rng_bit_generator"]

_HALF = (1 << 32) - 1


def rng_bit_generator(
    key: Any,
    shape: Any,
    dtype: Any = uint32,
    algorithm: RandomAlgorithm = RandomAlgorithm.RNG_DEFAULT,
) -> tuple[Array, Array]:
    """Random bits, and the state from which the next ones are to be drawn.

    Args:
        key: u32[4] or u64[2]: a key, and a count that grows with every call.
        shape: shape of the bits.
        dtype: uint8, uint16, uint32 or uint64.
        algorithm: a :class:`RandomAlgorithm`.

    Returns:
        the new state, like ``key``, and the bits.

    Raises:
        DtypeError, ShapeError: a key of another kind, or bits of no unsigned dtype.
        ValueError: another algorithm.

    >>> import functorch_lite.numpy as fnp
    >>> state, bits = rng_bit_generator(fnp.asarray([1, 2, 3, 4], "uint32"), (2,))
    >>> state, bits
    (Array([1, 2, 4, 4], dtype=uint32), Array([ 512747620, 1298009047], dtype=uint32))

    Source: ``jax.lax.rng_bit_generator``, whose numbers on CPUs these are; J. Salmon et al.,
    "Parallel random numbers: as easy as 1, 2, 3", 2011.
    """
    state = as_array(key, "rng_bit_generator", "key")
    if state.dtype not in (uint32, uint64):
        raise DtypeError(
            f"lax.rng_bit_generator: key must be u32[4] or u64[2]; got {state.dtype.name}. Remedy: "
            "key.astype('uint32')."
        )
    narrow = state.dtype == uint32
    if state.shape != ((4,) if narrow else (2,)):
        raise ShapeError(
            "lax.rng_bit_generator: key must be u32[4] or u64[2]; got "
            f"{state.dtype.name} of shape {state.shape}. Remedy: "
            + ("concatenate a key of random.key with two words of a count." if narrow else "[:2].")
        )
    kind = canonical(dtype)
    if kind.kind != "u":
        raise DtypeError(
            f"lax.rng_bit_generator: bits come as unsigned integers; got {kind.name}. Remedy: "
            "dtype='uint32', and bitcast_convert_type or random.uniform."
        )
    if algorithm not in tuple(RandomAlgorithm):
        raise ValueError(
            "lax.rng_bit_generator: algorithm must be a RandomAlgorithm; got "
            f"{algorithm!r}. Remedy: RandomAlgorithm.RNG_DEFAULT."
        )
    sizes = checked_shape(shape, "lax.rng_bit_generator")
    words = [_element(state, i) for i in range(state.shape[0])]
    if narrow:
        words = [_joined(words[0], words[1]), _joined(words[2], words[3])]
    draw = _threefry if algorithm == RandomAlgorithm.RNG_THREE_FRY else _philox
    count, bits = draw(words[0], words[1], sizes, kind.itemsize == 8)
    counted = ops.add(words[1], const(count, uint64))
    parts = [*_halves(words[0]), *_halves(counted)] if narrow else [words[0], counted]
    rows = [ops.reshape(cast(p, state.dtype), shape=(1,)) for p in parts]
    return ops.concatenate(*rows, axis=0), cast(bits, kind)


# ---------------------------------------------------------------------------------------- words
def _element(x: Array, i: int) -> Array:
    return ops.reshape(ops.slice(x, start=(i,), stop=(i + 1,), step=(1,)), shape=())


def _joined(low: Array, high: Array) -> Array:
    """u64 from two words of 32 bits."""
    low, high = cast(low, uint64), cast(high, uint64)
    out: Array = ops.bitwise_or(low, ops.shift_left(high, const(32, uint64)))
    return out


def _halves(x: Array) -> list[Array]:
    """The low and the high word of u64, as u64."""
    return [ops.bitwise_and(x, const(_HALF, uint64)), ops.shift_right(x, const(32, uint64))]


def _counters(like: Array, shape: tuple[int, ...]) -> Array:
    """0, 1, 2 … in row-major order."""
    flat = iota(like, shape=(math.prod(shape),), dtype=uint64, axis=0)
    return ops.reshape(flat, shape=shape)


# ----------------------------------------------------------------------------------- generators
def _threefry(key: Array, count: Array, shape: tuple[int, ...], wide: bool) -> tuple[int, Array]:
    """How many counts are used, and bits: two words of a count, side by side along one axis."""
    axis, drawn = _split_axis(shape), list(shape) or [1]
    if not wide:
        drawn[axis] = -(-drawn[axis] // 2)
    used = math.prod(drawn)
    places = ops.add(_counters(key, tuple(drawn)), count)
    given = [cast(w, uint32) for w in (*_halves(key), *_halves(places))]
    second, first = _halves(ops.threefry2x32(*given))
    if wide:
        return used, ops.reshape(_joined(first, second), shape=shape)
    pair = [ops.reshape(w, shape=(*drawn[: axis + 1], 1, *drawn[axis + 1 :])) for w in
            (first, second)]  # fmt: skip
    both = ops.concatenate(*pair, axis=axis + 1)
    drawn[axis] *= 2
    both = ops.reshape(both, shape=tuple(drawn))
    stop = shape or (1,)
    kept = ops.slice(both, start=(0,) * len(stop), stop=stop, step=(1,) * len(stop))
    return used, ops.reshape(kept, shape=shape)


def _split_axis(shape: tuple[int, ...]) -> int:
    """The first axis of even size, or the first of the longest ones."""
    even = [i for i, n in enumerate(shape) if n % 2 == 0]
    return even[0] if even else shape.index(max(shape)) if shape else 0


_FACTORS = (0xD2511F53, 0xCD9E8D57)
_STEPS = (0x9E3779B9, 0xBB67AE85)


def _philox(key: Array, count: Array, shape: tuple[int, ...], wide: bool) -> tuple[int, Array]:
    """How many counts are used, and bits: four words of a count, one after the other."""
    size = math.prod(shape) * (2 if wide else 1)
    used = -(-size // 4)
    low = ops.add(_counters(key, (used,)), count)
    carried = cast(ops.lt(low, count), uint64)
    high = ops.add(carried, key)
    words = [*_halves(low), *_halves(high)]
    keys = _halves(key)
    mask = const(_HALF, uint64)
    for _ in range(10):
        p, q = (ops.mul(words[i], const(f, uint64)) for i, f in zip((0, 2), _FACTORS, strict=True))
        (p0, p1), (q0, q1) = _halves(p), _halves(q)
        words = [
            ops.bitwise_xor(ops.bitwise_xor(q1, words[1]), keys[0]), q0,
            ops.bitwise_xor(ops.bitwise_xor(p1, words[3]), keys[1]), p0,
        ]  # fmt: skip
        keys = [
            ops.bitwise_and(ops.add(k, const(s, uint64)), mask)
            for k, s in zip(keys, _STEPS, strict=True)
        ]
    if wide:
        words = [_joined(words[0], words[1]), _joined(words[2], words[3])]
    rows = [ops.reshape(w, shape=(used, 1)) for w in words]
    flat = ops.reshape(ops.concatenate(*rows, axis=1), shape=(used * len(rows),))
    kept = ops.slice(flat, start=(0,), stop=(math.prod(shape),), step=(1,))
    return used, ops.reshape(kept, shape=shape)
