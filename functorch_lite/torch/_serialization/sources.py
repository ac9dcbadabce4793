"""Where bytes are read from: files and objects like files, with their sizes known beforehand."""

from __future__ import annotations

import io
import os
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

__all__ = ["Source", "Stream", "is_path", "opened"]

_AT_A_TIME = 1 << 30
"""Bytes asked of a file at once: some systems give no more than two gigabytes."""


def is_path(f: object) -> bool:
    """Whether it names a file."""
    return isinstance(f, (str, os.PathLike))


def _check_seekable(file: Any) -> None:
    """Refuse what cannot go back to where it was."""
    try:
        file.seek(file.tell())
    except (io.UnsupportedOperation, AttributeError) as error:
        if "seek" not in str(error) and "tell" not in str(error):
            raise
        raise type(error)(
            f"{error}. You can only torch.load from a file that is seekable. Please pre-load the "
            "data into a buffer like io.BytesIO and try to load from it instead."
        ) from None


@contextmanager
def opened(f: Any) -> Iterator[Any]:
    """A file to read from: that of a path, or the object given.

    Raises:
        AttributeError, io.UnsupportedOperation: it cannot be read from any place.
    """
    if is_path(f):
        with open(f, "rb") as file:
            yield file
        return
    _check_seekable(f)
    yield f


def _fill(file: Any, view: memoryview) -> int:
    """Read until a piece of memory is full or the file ends; the bytes that were read."""
    into = getattr(file, "readinto", None)
    done = 0
    while done < len(view):
        part = view[done : done + _AT_A_TIME]
        if into is not None:
            count = into(part) or 0
        else:
            data = file.read(len(part))
            count = len(data)
            part[:count] = data
        if not count:
            break
        done += count
    return done


class Source:
    """The bytes of a file from its current position to its end.

    Attributes:
        size: how many there are.
    """

    def __init__(self, file: Any) -> None:
        self.file = file
        self.start = file.tell()
        try:
            end = file.seek(0, 2)
        except ValueError:
            # Compressed files learn where they end only by going there.
            while file.read(1 << 20):
                pass
            end = file.tell()
        self.size = (file.tell() if end is None else end) - self.start
        file.seek(self.start)

    def read(self, offset: int, count: int) -> bytes:
        """Bytes from an offset on.

        Raises:
            RuntimeError: the file ends before.
        """
        return self.array(offset, count).tobytes()

    def array(self, offset: int, count: int) -> np.ndarray[Any, Any]:
        """The same as an array of its own."""
        if offset < 0 or count < 0 or offset + count > self.size:
            raise RuntimeError(
                f"unexpected EOF: bytes {offset} to {offset + count} are wanted of a file of "
                f"{self.size} bytes. The file might be corrupted."
            )
        out = np.empty(count, np.uint8)
        self.file.seek(self.start + offset)
        done = _fill(self.file, out.data)
        if done != count:
            raise RuntimeError(
                f"unexpected EOF, expected {count - done} more bytes. The file might be corrupted."
            )
        return out


class Stream:
    """Bytes in order, each count checked against what is left before anything is allocated.

    Args:
        file: what they are read from.
        size: how many there are at most.

    Attributes:
        position: how many have been read.
    """

    def __init__(self, file: Any, size: int) -> None:
        self._read = file.read
        self._line = file.readline
        self.size = size
        self.position = 0

    @classmethod
    def of_bytes(cls, data: bytes) -> Stream:
        """A stream of bytes in memory."""
        return cls(io.BytesIO(data), len(data))

    def take(self, count: int) -> bytes:
        """The next bytes.

        Raises:
            pickle.UnpicklingError: there are fewer.
        """
        if count > self.size - self.position:
            raise pickle.UnpicklingError(
                f"pickle data was truncated: {count} bytes are wanted at byte {self.position} of "
                f"{self.size}"
            )
        data: bytes = self._read(count)
        while len(data) < count:
            more = self._read(count - len(data))
            if not more:
                raise pickle.UnpicklingError("pickle data was truncated")
            data += more
        self.position += count
        return data

    def code(self) -> int:
        """The next byte.

        Raises:
            EOFError: there is none.
        """
        data = self._read(1)
        if not data or self.position >= self.size:
            raise EOFError(f"Ran out of input: the pickle has no end in {self.size} bytes")
        self.position += 1
        return int(data[0])

    def line(self, limit: int = 4096) -> str:
        """The next line, without its end.

        Args:
            limit: the most bytes it may have.

        Raises:
            pickle.UnpicklingError: it is longer, unfinished, or no UTF-8.
        """
        data = self._line(min(limit, self.size - self.position))
        self.position += len(data)
        if data[-1:] != b"\n":
            raise pickle.UnpicklingError(
                f"pickle data was truncated: a name at byte {self.position - len(data)} has no end"
            )
        try:
            text: str = data[:-1].decode("utf-8")
        except UnicodeDecodeError:
            raise pickle.UnpicklingError(
                f"a name at byte {self.position - len(data)} of the pickle is no UTF-8"
            ) from None
        return text
