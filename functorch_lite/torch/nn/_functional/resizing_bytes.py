"""Images of bytes in another size: integer arithmetic, one dimension after the other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["resized_bytes"]

_MOST_BITS = 22
_LARGEST = 1 << 15


def _linear(x: Any, _: float) -> Any:
    return np.maximum(1 - np.abs(x), 0)


def _cubic(x: Any, a: float) -> Any:
    """Keys' kernel."""
    x = np.abs(x)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return np.where(x < 1, near, np.where(x < 2, far, 0))


def _weights(n: int, out: int, step: float, corners: bool, cubic: bool) -> Any:
    """[out, n]: what each element counts for each result."""
    at = np.arange(out)
    places = at * step if corners else (at + 0.5) * step - 0.5
    if not cubic and not corners:
        places = np.maximum(places, 0)
    low = np.floor(places)
    found = np.zeros((out, n))
    for offset in (-1, 0, 1, 2) if cubic else (0, 1):
        share = (_cubic if cubic else _linear)(low + offset - places, -0.75)
        np.add.at(found, (at, np.clip(low + offset, 0, n - 1).astype(np.int64)), share)
    return found


def _wide_weights(n: int, out: int, step: float, cubic: bool) -> Any:
    """The same for windows that grow as the image shrinks."""
    found = np.zeros((out, n))
    width = max(step, 1.0)
    for i in range(out):
        centre = step * (i + 0.5)
        reach = (2 if cubic else 1) * width
        first = max(int(centre - reach + 0.5), 0)
        places = np.arange(first, min(int(centre + reach + 0.5), n))
        share = (_cubic if cubic else _linear)((places - centre + 0.5) / width, -0.5)
        found[i, first : first + len(places)] = share / share.sum()
    return found


def _fixed(weights: Any) -> tuple[Any, int]:
    """Weights as integers, and by how many bits they are shifted, for 16 bits to hold them."""
    largest = weights.max()
    bits = 0
    while bits < _MOST_BITS and int(0.5 + largest * (1 << (bits + 1))) < _LARGEST:
        bits += 1
    rounding = np.where(weights < 0, -0.5, 0.5)
    return np.trunc(weights * (1 << bits) + rounding).astype(np.int32), bits


def resized_bytes(
    x: Any, outs: Sequence[int], factors: Sequence[Any], corners: bool, wide: bool, cubic: bool
) -> Any:
    """A raw image of uint8 in another size, as PyTorch rounds it.

    Args:
        x: u8[batch, channels, height, width].
        outs: the height and width wanted.
        factors: by which they change, None where that follows from the sizes.
        corners: whether the corner elements of both have the same places.
        wide: whether all elements count on shrinking.
        cubic: whether four neighbours count, not two.
    """
    for d in (3, 2):
        n, out, factor = x.shape[d], outs[d - 2], factors[d - 2]
        if corners:
            step = (n - 1) / (out - 1) if out > 1 else 0.0
        else:
            step = n / out if factor is None else 1 / factor
        if n == out and math.isclose(step, 1):
            continue
        weights, bits = _fixed(
            _wide_weights(n, out, step, cubic) if wide else _weights(n, out, step, corners, cubic)
        )
        sums = np.moveaxis(x, d, -1).astype(np.int32) @ weights.T
        rounded = (sums + (1 << (bits - 1))) >> bits
        x = np.moveaxis(np.clip(rounded, 0, 255).astype(np.uint8), -1, d)
    return x.copy("C")
