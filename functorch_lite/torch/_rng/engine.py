"""The Mersenne Twister behind PyTorch's CPU generators, with its state bytes."""

from __future__ import annotations

import os
import threading
from typing import Any

import numpy as np

__all__ = ["DEFAULT_SEED", "Engine"]

DEFAULT_SEED = 67280421310721
_WORDS = 624
# A multiple of a block and of sixteen: draws of this size stay in a core's second-level cache.
CHUNK = 26 * _WORDS
_LOW21 = np.uint32((1 << 21) - 1)
_TWO32 = np.uint64(32)

# PyTorch writes its generator as one C structure; the gaps are that structure's padding.
_STATE = np.dtype(
    {
        "names": [
            "seed",
            "left",
            "seeded",
            "next",
            "key",
            "double_normal",
            "has_double",
            "float_normal",
            "has_float",
        ],
        "formats": ["<u8", "<i4", "<i4", "<u8", ("<u8", _WORDS), "<f8", "<i4", "<f4", "u1"],
        "offsets": [0, 8, 12, 16, 24, 5024, 5040, 5048, 5052],
        "itemsize": 5056,
    }
)


class Engine:
    """PyTorch's CPU generator: 32-bit draws and the normal left over from a pair.

    Attributes:
        double_normal, float_normal: What is left over of a pair.
        lock: Held while numbers are drawn that belong together; a thread may take it again.

    Args:
        seed: Any integer that 64 bits hold, signed or not.

    Source: ``torch.Generator``.

    >>> Engine(0).draw32(2)
    array([2357136044, 2546248239], dtype=uint32)
    """

    __slots__ = (
        "_at",
        "_bits",
        "_block",
        "_seed",
        "_untouched",
        "double_normal",
        "float_normal",
        "lock",
    )

    double_normal: float | None
    float_normal: float | None

    def __init__(self, seed: int = DEFAULT_SEED) -> None:
        self.lock = threading.RLock()
        self._bits = np.random.MT19937(0)
        self.manual_seed(seed)

    def manual_seed(self, seed: int) -> Engine:
        """Starts the stream of a seed over.

        Args:
            seed: Any integer that 64 bits hold, signed or not.

        Returns:
            This engine.

        Raises:
            RuntimeError: The seed is no integer.
            ValueError: 64 bits do not hold the seed.

        Source: ``torch.Generator.manual_seed``.
        """
        if type(seed) is not int and (isinstance(seed, bool) or not isinstance(seed, int)):
            if isinstance(seed, np.integer):
                raise TypeError("an integer is required")
            raise RuntimeError(f"manual_seed expected a long, but got {type(seed).__name__}")
        if not -(1 << 63) <= seed < 1 << 64:
            raise ValueError("Overflow when unpacking long long")
        with self.lock:
            self._seed = seed & 0xFFFFFFFFFFFFFFFF
            self._bits._legacy_seeding(self._seed & 0xFFFFFFFF)
            self._block = np.empty(0, np.uint32)
            self._at = _WORDS
            self._untouched = True
            self.double_normal = self.float_normal = None
        return self

    def initial_seed(self) -> int:
        """The seed that the stream started from.

        Returns:
            An integer from 0 to 2^64 - 1.

        Source: ``torch.Generator.initial_seed``.
        """
        return self._seed

    def seed(self) -> int:
        """Starts a stream that nobody can predict.

        Returns:
            The seed, of 53 bits.

        Source: ``torch.Generator.seed``.
        """
        seed = int.from_bytes(os.urandom(8), "little") & ((1 << 53) - 1)
        self.manual_seed(seed)
        return seed

    def draw32(self, count: int) -> np.ndarray[Any, np.dtype[np.uint32]]:
        """The stream's next words.

        Args:
            count: How many.

        Returns:
            uint32 ``(count,)``, not to be written to: it may be a part of the engine's block.

        Source: ``at::CPUGeneratorImpl::random``.
        """
        with self.lock:
            at = self._at
            end = at + count
            if end <= _WORDS:
                self._at = end
                return self._block[at:end]
            return self._refill(count)

    def _refill(self, count: int) -> np.ndarray[Any, np.dtype[np.uint32]]:
        """The next ``count`` words, more than the block has left."""
        # The bit generator stands at the end of a block at all times, so its key is PyTorch's.
        have = _WORDS - self._at
        words = np.empty(count, np.uint32)
        words[:have] = self._block[self._at :]
        while True:
            want = min(count - have, CHUNK)
            whole = -(-want // _WORDS) * _WORDS
            fresh = self._bits.random_raw(whole)
            words[have : have + want] = fresh[:want]
            have += want
            if have == count:
                break
        self._block = fresh[whole - _WORDS :].astype(np.uint32)
        self._at = want - whole + _WORDS
        self._untouched = False
        return words

    def draw64(self, count: int) -> np.ndarray[Any, np.dtype[np.uint64]]:
        """The next pairs of words, the first of a pair in the high half.

        Args:
            count: How many pairs.

        Returns:
            uint64 ``(count,)``.

        Source: ``at::CPUGeneratorImpl::random64``.
        """
        words = self.draw32(2 * count)
        pairs = words[0::2].astype(np.uint64)
        pairs <<= _TWO32
        pairs |= words[1::2]
        return pairs

    def doubles(self, count: int) -> np.ndarray[Any, np.dtype[np.float64]]:
        """The next numbers of [0, 1), two words each.

        Args:
            count: How many.

        Returns:
            float64 ``(count,)``: multiples of 2^-53.

        Source: ``at::uniform_real_distribution<double>``.
        """
        words = self.draw32(2 * count)
        # Both terms and their sum are exact, and 32-bit words convert faster than 64-bit ones.
        values = (words[0::2] & _LOW21).astype(np.float64)
        values *= 2.0**32
        values += words[1::2]
        values *= 2.0**-53
        return values

    def next_double(self) -> float:
        """The next number of [0, 1), two words.

        Returns:
            A multiple of 2^-53.

        Source: ``at::uniform_real_distribution<double>``.
        """
        first, second = self.draw32(2).tolist()
        return float(((first & 0x1FFFFF) << 32 | second) * 2.0**-53)

    def state(self) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """The generator as PyTorch's bytes.

        Returns:
            uint8 ``(5056,)``.

        Source: ``torch.get_rng_state``.
        """
        record = np.zeros((), _STATE)
        with self.lock:
            record["seed"] = self._seed
            record["seeded"] = 1
            record["key"] = self._bits.state["state"]["key"]
            record["left"] = 1 if self._untouched else _WORDS + 1 - self._at
            record["next"] = 0 if self._untouched else self._at
            if self.double_normal is not None:
                record["double_normal"] = self.double_normal
                record["has_double"] = 1
            if self.float_normal is not None:
                record["float_normal"] = self.float_normal
                record["has_float"] = 1
        return np.frombuffer(bytearray(record.tobytes()), np.uint8)

    def set_state(self, state: np.ndarray[Any, np.dtype[np.uint8]]) -> Engine:
        """Takes up where PyTorch's bytes stand.

        Args:
            state: uint8 ``(5056,)``.

        Returns:
            This engine.

        Raises:
            TypeError: The state is not of bytes.
            RuntimeError: The state has gaps or another size, or no generator has such a state.

        Source: ``torch.set_rng_state``.
        """
        if state.dtype != np.uint8:
            raise TypeError("RNG state must be a torch.ByteTensor")
        if not state.flags.c_contiguous:
            raise RuntimeError("RNG state must be contiguous")
        if state.size != _STATE.itemsize:
            raise RuntimeError(
                f"Expected a CPUGeneratorImplState of size {_STATE.itemsize} but found the "
                f"input RNG state size to be {state.size}"
            )
        record = np.frombuffer(state.tobytes(), _STATE)[0]
        left, position = int(record["left"]), int(record["next"]) & 0xFFFFFFFF
        if not (record["seeded"] and 0 < left <= _WORDS and position <= _WORDS):
            raise RuntimeError("Invalid mt19937 state")
        with self.lock:
            self._seed = int(record["seed"])
            at_end = left == 1
            self._untouched = at_end and position == 0
            self._at = _WORDS if at_end else position
            self._bits.state = {
                "bit_generator": "MT19937",
                "state": {
                    "key": record["key"].astype(np.uint32),
                    "pos": _WORDS if at_end else 0,
                },
            }
            if not at_end:
                self._block = self._bits.random_raw(_WORDS).astype(np.uint32)
            self.double_normal = float(record["double_normal"]) if record["has_double"] else None
            self.float_normal = float(record["float_normal"]) if record["has_float"] else None
        return self

    def clone(self) -> Engine:
        """A generator of its own that draws the same numbers from here on.

        Returns:
            The copy.

        Source: ``torch.Generator.clone_state``.
        """
        return Engine().set_state(self.state())

    def __reduce__(self) -> tuple[Any, ...]:
        return _revive, (type(self), self.state().tobytes())


def _revive(kind: type[Engine], state: bytes) -> Engine:
    """The generator that a pickle holds."""
    return kind().set_state(np.frombuffer(state, np.uint8))
