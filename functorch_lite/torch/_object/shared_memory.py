"""Memory that several processes see: nameless, so that nothing is left when they end.

A segment is a file that has no name (``memfd_create``), mapped by those who were given its
descriptor. The kernel frees it with the last of them, however that ends.
"""

from __future__ import annotations

import mmap
import os
import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = [
    "AVAILABLE",
    "attached",
    "descriptor",
    "is_shared",
    "mapped",
    "new_segment",
    "shared",
    "written",
]

AVAILABLE = hasattr(os, "memfd_create")
"""Whether this system has nameless memory: Linux."""

# A mapping keeps a descriptor; a program that keeps many batches must not run out of them.
_MOST_MAPPED = 256

_mapped: weakref.WeakSet[_Mapping] = weakref.WeakSet()


class _Mapping(mmap.mmap):
    """A mapped segment that knows how to be given to others."""

    descriptor: int | None = None


def new_segment() -> int:
    """The descriptor of an empty segment. The caller closes it."""
    return os.memfd_create("torch")


def written(fd: int, pieces: Sequence[Any], align: int = 64) -> list[int]:
    """Write bytes into a segment, piece after piece.

    Args:
        fd: of the segment.
        pieces: of bytes.
        align: what places are multiples of.

    Returns:
        Where each piece begins.
    """
    end, places = 0, []
    for piece in pieces:
        end = -(-end // align) * align
        places.append(end)
        rest = memoryview(piece)
        while rest.nbytes:
            count = os.pwrite(fd, rest, end)
            rest = rest[count:]
            end += count
    return places


def mapped(fd: int, size: int) -> memoryview:
    """The bytes of a segment, which can be written to.

    Args:
        fd: of the segment; it may be closed afterwards.
        size: in bytes, not 0.

    Returns:
        A view of the segment; where very many are in use, of a copy.
    """
    if len(_mapped) < _MOST_MAPPED:
        flags = mmap.MAP_SHARED | getattr(mmap, "MAP_POPULATE", 0)
        made = _Mapping(fd, size, flags=flags)
        _mapped.add(made)
        return memoryview(made)
    copy = memoryview(bytearray(size))
    done = 0
    while done < size:
        count = os.preadv(fd, [copy[done:]], done)
        if not count:
            raise EOFError(f"a segment of shared memory ends after {done} of {size} bytes")
        done += count
    return copy


def shared(data: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """A copy of bytes in a segment whose descriptor is kept.

    Where there are no nameless segments only processes that are forked from this one see it.

    Args:
        data: uint8, contiguous.
    """
    size = max(data.size, 1)
    if AVAILABLE:
        fd = new_segment()
        try:
            os.ftruncate(fd, size)
        except BaseException:
            os.close(fd)
            raise
        found = attached(fd, data.size)
    else:
        found = np.frombuffer(_Mapping(-1, size), np.uint8)[: data.size]
    found[...] = data
    return found


def _mapping(data: np.ndarray[Any, Any]) -> mmap.mmap | None:
    """The mapping that an array lies in, if any."""
    base: Any = data
    while isinstance(base, np.ndarray):
        base = base.base
    owner = base.obj if isinstance(base, memoryview) else base
    return owner if isinstance(owner, mmap.mmap) else None


def is_shared(data: np.ndarray[Any, Any]) -> bool:
    """Whether an array lies in memory that other processes may see."""
    return isinstance(_mapping(data), _Mapping)


def descriptor(data: np.ndarray[Any, Any]) -> int | None:
    """The descriptor of the segment that an array fills, if one was kept."""
    found = _mapping(data)
    return found.descriptor if isinstance(found, _Mapping) else None


def attached(fd: int, size: int) -> np.ndarray[Any, Any]:
    """The bytes of a segment made by ``shared``, whose descriptor is kept.

    Args:
        fd: of the segment; it is ours from now on.
        size: in bytes.
    """
    try:
        made = _Mapping(fd, max(size, 1))
    except BaseException:
        os.close(fd)
        raise
    made.descriptor = fd
    weakref.finalize(made, os.close, fd).atexit = False
    return np.frombuffer(made, np.uint8)[:size]
