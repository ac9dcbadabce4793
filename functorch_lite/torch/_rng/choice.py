"""PyTorch's permutations and draws from categories on the CPU, number for number."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.torch._core.dtypes import FROM_NP
from functorch_lite.torch._rng.continuous import exponential
from functorch_lite.torch._rng.engine import Engine
from functorch_lite.torch._rng.fill import BFLOAT16, FLOATS, Values, unsupported

__all__ = ["multinomial", "randperm"]

Indices = np.ndarray[Any, np.dtype[np.int64]]

# Lists swap faster than NumPy sorts below this.
_FEW = 400
# Above this a turn and its target do not fit in one 64-bit key.
_MANY = 1 << 31
_FIRST_64_BIT_LENGTH = 0xFFFFFFFF // 20
_MOST = {
    np.dtype(np.float16): ((1 << 11) + 1, "2049"),
    np.dtype(np.float32): ((1 << 24) + 1, "2^24+1"),
    np.dtype(np.float64): ((1 << 53) + 1, "2^53+1"),
}


def randperm(engine: Engine, n: int, dtype: np.dtype[Any] | type = np.int64) -> Values:
    """The numbers from zero on in a random order.

    Args:
        engine: The generator to draw from: a word for each number but the last, two words for
            each from 214748364 numbers on.
        n: How many.
        dtype: An integer or floating-point dtype that holds them.

    Returns:
        ``(n,)`` of the dtype.

    Raises:
        RuntimeError: The count is negative, or the dtype does not hold it.
        NotImplementedError: The dtype is none that PyTorch permutes.

    Source: ``torch.randperm``.

    >>> randperm(Engine(0), 5)
    array([4, 0, 1, 3, 2])
    """
    dtype = np.dtype(dtype)
    if n < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension {n}: [{n}]")
    if dtype in FLOATS:
        most, shown = _MOST.get(dtype, (n, ""))
        if n > most:
            name = FROM_NP[dtype].scalar_name
            raise RuntimeError(f"n cannot be greater than {shown} for {name} type.")
    elif dtype.kind not in "iu":
        unsupported("randperm", dtype)
    elif n - 1 > np.iinfo(dtype).max:
        name = FROM_NP[dtype].fixed_name
        raise RuntimeError(f"value cannot be converted to type {name} without overflow")
    if dtype.kind == "u" and dtype.itemsize > 1:
        unsupported("randperm", dtype)
    if n < 2:
        return np.zeros(n, dtype)
    if n < _FIRST_64_BIT_LENGTH:
        left = np.arange(n, 1, -1, dtype=np.uint32)
        order = _shuffle((engine.draw32(n - 1) % left).astype(np.int64), n)
    else:
        order = _shuffle_long(engine.draw64(n), n)
    if dtype == BFLOAT16:
        order = order.astype(np.float32)
    return order.astype(dtype, copy=False)


def _shuffle(steps: Indices, n: int) -> Indices:
    """The order after swapping each place with the one so many steps on."""
    if n < _FEW or n > _MANY:
        return np.array(_shuffle_few(steps.tolist(), n))
    return _shuffle_many(steps, n)


def _shuffle_long(draws: np.ndarray[Any, np.dtype[np.uint64]], n: int) -> Indices:
    """The order after swapping each place, from the first on, with a drawn one not after it."""
    # Seen from the end, and from the numbers to their places, these are swaps with later places.
    targets = (draws % np.arange(1, n + 1, dtype=np.uint64)).view(np.int64)
    steps = np.arange(n - 1, 0, -1)
    steps -= targets[:0:-1]
    mirrored = _shuffle(steps, n)
    order = np.empty(n, np.int64)
    order[n - 1 - mirrored[::-1]] = np.arange(n)
    return order


def _shuffle_few(steps: list[int], n: int) -> list[int]:
    """The order by swapping."""
    order = list(range(n))
    for place, step in enumerate(steps):
        step += place
        order[place], order[step] = order[step], order[place]
    return order


def _shuffle_many(steps: Indices, n: int) -> Indices:
    """The same order by sorting."""
    # What a place holds when its own turn comes arrived in the last swap that reached it, from the
    # place whose turn that was: following these back to where none reached gives its content. The
    # place that a turn takes from was filled likewise, by the last earlier turn to take from it.
    places = np.arange(n - 1)
    targets = steps
    targets += places
    moved = np.flatnonzero(targets != places)
    source = np.arange(n)
    source[targets[moved]] = moved
    while True:
        further = source[source]
        if np.array_equal(further, source):
            break
        source = further
    bits = n.bit_length()
    keys = targets << bits
    keys |= places
    keys.sort()
    turns = keys & ((1 << bits) - 1)
    taken = keys >> bits
    again = taken[1:] == taken[:-1]
    # A turn that leaves its number where it is takes it after all earlier turns, as the others do.
    order = np.empty(n, np.int64)
    order[turns] = taken
    order[turns[1:][again]] = source[turns[:-1][again]]
    order[n - 1] = source[n - 1]
    return order


def multinomial(
    engine: Engine, probabilities: Values, samples: int, replacement: bool = False
) -> Indices:
    """Categories drawn by their weights.

    Args:
        engine: The generator to draw from: two words a category, or two words a sample where
            several are drawn with replacement.
        probabilities: A floating-point array of weights, ``(categories,)`` or ``(rows,
            categories)``.
        samples: How many to draw from each row.
        replacement: Whether a category can be drawn again.

    Returns:
        int64 ``(samples,)`` or ``(rows, samples)``.

    Raises:
        RuntimeError: The weights are none, or too few to draw from.

    Source: ``torch.multinomial``.

    >>> multinomial(Engine(0), np.array([0.0, 0.0, 1.0]), 2, replacement=True)
    array([2, 2])
    """
    dtype = probabilities.dtype
    if not 0 < probabilities.ndim <= 2:
        raise RuntimeError("prob_dist must be 1 or 2 dim")
    if dtype not in FLOATS:
        raise RuntimeError(
            "multinomial only supports floating-point dtypes for input, got: "
            f"{FROM_NP[dtype].scalar_name}"
        )
    if samples <= 0:
        raise RuntimeError("cannot sample n_sample <= 0 samples")
    categories = probabilities.shape[-1]
    if not replacement and samples > categories:
        raise RuntimeError(
            "cannot sample n_sample > prob_dist.size(-1) samples without replacement"
        )
    if categories > 1 << 24:
        raise RuntimeError("number of categories cannot exceed 2^24")
    shape = (*probabilities.shape[:-1], samples)
    if 0 in shape:
        return np.empty(shape, np.int64)
    if replacement and samples > 1:
        return _with_replacement(engine, probabilities, shape)
    wide = probabilities if dtype.itemsize > 2 else probabilities.astype(np.float32)
    if categories == 0:
        raise RuntimeError(
            "aminmax(): cannot compute aminmax over an empty dimension as the operation has no "
            "identity."
        )
    if not (wide.max() < np.inf and wide.min() >= 0):
        raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
    if not wide.any(-1).all():
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
    waits = exponential(engine, np.empty_like(probabilities))
    # The category that comes first when each waits for an exponential time over its weight.
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if dtype.itemsize > 2:
            scores = probabilities / waits
        else:
            scores = (wide / waits.astype(np.float32)).astype(dtype).astype(np.float32)
    if samples == 1:
        return np.asarray(scores.argmax(-1))[..., None]
    return np.argsort(-scores, axis=-1, kind="stable")[..., :samples].copy()


def _with_replacement(engine: Engine, probabilities: Values, shape: tuple[int, ...]) -> Indices:
    """Samples of each row, each by a search of the weights' running sum."""
    wide = probabilities if probabilities.dtype.itemsize > 2 else probabilities.astype(np.float32)
    rows = wide if wide.ndim == 2 else wide[None]
    if rows.shape[1] == 0:
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
    if not (rows >= 0).all():
        raise RuntimeError("invalid multinomial distribution (encountering probability entry < 0)")
    if not np.isfinite(rows).all():
        raise RuntimeError(
            "invalid multinomial distribution (encountering probability entry = infinity or NaN)"
        )
    sums = np.add.accumulate(rows, axis=1)
    if not (sums[:, -1] > 0).all():
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
    sums /= sums[:, -1:].copy()
    sums[:, -1] = 1
    points = engine.doubles(rows.shape[0] * shape[-1]).reshape(rows.shape[0], -1)
    result = np.empty(points.shape, np.int64)
    for row in range(rows.shape[0]):
        result[row] = sums[row].astype(np.float64).searchsorted(points[row])
    return result.reshape(shape)
