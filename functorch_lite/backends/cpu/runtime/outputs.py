"""Memory for results, used again once nobody can see the old ones.

Fresh pages of a large array cost more than many kernels that fill it. So the memory of large
results is remembered, and handed out again when its reference count says that no array, view,
memoryview or DLPack consumer is left.
"""

from __future__ import annotations

import functools
import math
import os
import sys
import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["Outputs", "allocate", "pool"]

_VARIABLE = "FUNCTORCH_LITE_OUTPUT_CACHE_BYTES"
_DEFAULT_BYTES = 256 << 20
_SMALLEST = 64 << 10
_LINE = 64
_STEP = 4096
_MOST_PER_SIZE = 32


class Outputs:
    """A pool of memory for results.

    Args:
        limit: most bytes that the pool holds on to, in use or not.

    Example:
        >>> pool = Outputs(1 << 20)
        >>> first = pool.allocate((256, 256), np.float32)
        >>> address = first.ctypes.data
        >>> view = first[1:]
        >>> del first
        >>> pool.allocate((256, 256), np.float32).ctypes.data == address
        False
        >>> del view
        >>> pool.allocate((256, 256), np.float32).ctypes.data == address
        True
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._lock = threading.Lock()
        self._bytes = 0
        # By rounded size, the least recently asked for first: memory, and where a line starts.
        self._bases: OrderedDict[int, list[tuple[np.ndarray[Any, Any], int]]] = OrderedDict()

    def allocate(self, shape: Sequence[int], dtype: Any) -> np.ndarray[Any, Any]:
        """Return a C-contiguous array with any content.

        Args:
            shape: of the array.
            dtype: of the array.

        Returns:
            An array that shares memory with no other; from 64 KiB on aligned to 64 bytes.
        """
        dtype = np.dtype(dtype)
        nbytes = math.prod(shape) * dtype.itemsize
        if nbytes < _SMALLEST or nbytes > self.limit or _FREE_THREADED:
            return np.empty(shape, dtype)
        size = -(-nbytes // _STEP) * _STEP
        base, start = self._base(size)
        return np.ndarray(shape, dtype, base, start)

    def _base(self, size: int) -> tuple[np.ndarray[Any, Any], int]:
        found = self._bases.get(size)
        if found is not None:
            # Whoever looks at a base holds it, so two threads cannot both find it unused. The
            # oldest are tried first, being the likeliest to be free.
            for i in range(len(found)):
                try:
                    base, start = found[i]
                except IndexError:  # another thread has dropped some
                    break
                if sys.getrefcount(base) == _UNUSED:
                    return base, start
        base = np.empty(size + _LINE, np.uint8)
        start = -base.ctypes.data % _LINE
        with self._lock:
            same = self._bases.setdefault(size, [])
            self._bases.move_to_end(size)
            same.append((base, start))
            self._bytes += size
            if len(same) > _MOST_PER_SIZE:
                del same[0]
                self._bytes -= size
            while self._bytes > self.limit:
                oldest = next(iter(self._bases))
                del self._bases[oldest][0]
                self._bytes -= oldest
                if not self._bases[oldest]:
                    del self._bases[oldest]
        return base, start

    def holds(self, base: np.ndarray[Any, Any]) -> bool:
        """Whether some memory belongs to the pool."""
        return any(b is base for b, _ in self._bases.get(base.nbytes - _LINE, ()))

    def held_bytes(self) -> int:
        """Bytes that the pool holds on to."""
        return self._bytes

    def clear(self) -> None:
        """Hold on to nothing; arrays that are in use stay as they are."""
        with self._lock:
            self._bases.clear()
            self._bytes = 0


def allocate(shape: Sequence[int], dtype: Any) -> np.ndarray[Any, Any]:
    """Return a C-contiguous array with any content from the pool of the process.

    The pool holds on to at most `FUNCTORCH_LITE_OUTPUT_CACHE_BYTES` bytes, 256 MiB unless set; 0
    switches it off.

    Args:
        shape: of the array.
        dtype: of the array.

    Raises:
        ValueError: the environment variable is no number.

    Example:
        >>> allocate((2, 3), np.float32).shape
        (2, 3)
    """
    return pool().allocate(shape, dtype)


@functools.cache
def pool() -> Outputs:
    """Return the pool of the process."""
    return Outputs(_limit())


def _limit() -> int:
    text = os.environ.get(_VARIABLE, "").strip()
    if not text:
        return _DEFAULT_BYTES
    if not text.isdecimal():
        raise ValueError(f"{_VARIABLE} must be a number of bytes, got {text!r}")
    return int(text)


def _measured() -> int:
    """What the reference count of an unused base is, where `_base` looks at it."""
    found = [(np.empty(1, np.uint8), 0)]
    for i in range(len(found)):
        base, _ = found[i]
        count = sys.getrefcount(base)
    return count


_FREE_THREADED = not getattr(sys, "_is_gil_enabled", lambda: True)()
_UNUSED = _measured()
