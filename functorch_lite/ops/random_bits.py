"""Random bits: the Threefry-2x32 counter-based generator with 20 rounds.

Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"; the words come in the
order in which JAX's ``threefry_2x32`` has them, so equal keys give equal bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.core.dtypes import uint32, uint64
from functorch_lite.errors import DtypeError
from functorch_lite.ops.families import NOT_DIFFERENTIABLE, elementwise

_PARITY = np.uint32(0x1BD11BDA)
_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_BLOCK = 1 << 14


def _rounds(xp: Any, k0: Any, k1: Any, c0: Any, c1: Any) -> Any:
    keys = (k0, k1, k0 ^ k1 ^ _PARITY)
    a, b = c0 + k0, c1 + k1
    for group in range(5):
        for distance in _ROTATIONS[group % 2]:
            a += b
            high = b << np.uint32(distance)
            b >>= np.uint32(32 - distance)
            b |= high
            b ^= a
        a += keys[(group + 1) % 3]
        b += keys[(group + 2) % 3]
        b += np.uint32(group + 1)
    word = a.astype(uint64)
    word <<= np.uint64(32)
    word |= b
    return word


def _threefry2x32(xp: Any, k0: Any, k1: Any, c0: Any, c1: Any) -> Any:
    shape = np.broadcast_shapes(k0.shape, k1.shape, c0.shape, c1.shape)
    flat = [xp.broadcast_to(w, shape).reshape(-1) for w in (k0, k1, c0, c1)]
    size = flat[0].size
    if size <= _BLOCK or xp is not np:
        return _rounds(xp, *flat).reshape(shape)
    # Blocks that stay in cache: 20 rounds over a large array would stream it from memory 100 times.
    answer = np.empty(size, uint64)
    for start in range(0, size, _BLOCK):
        block = slice(start, start + _BLOCK)
        answer[block] = _rounds(np, *[w[block] for w in flat])
    return answer.reshape(shape)


def _word_dtype(*dtypes: Any) -> Any:
    if dtypes[0] != uint32:
        raise DtypeError(
            f"threefry2x32: expected uint32 words; got {dtypes[0].name}. "
            "Remedy: convert them with astype('uint32')."
        )
    return uint64


threefry2x32 = elementwise(
    "threefry2x32",
    _threefry2x32,
    NOT_DIFFERENTIABLE,
    operands=("k0", "k1", "c0", "c1"),
    result=_word_dtype,
    kinds="i",
    domain=((0.0, 2.0**32),) * 4,
    code="threefry2x32({0}, {1}, {2}, {3})",
)
