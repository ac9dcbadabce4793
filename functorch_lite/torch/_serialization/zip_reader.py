"""Zip archives as PyTorch writes them, read with every size checked against the file's.

Source: the ZIP application note (APPNOTE), and ``caffe2/serialize`` for what the records mean.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any, NamedTuple, NoReturn

import numpy as np

from functorch_lite.torch._serialization.sources import Source

__all__ = ["MAGIC", "ZipReader"]

MAGIC = b"PK\x03\x04"

_MAX_VERSION = 10
_MAX_GROWTH = 100
_FREE_GROWTH = 64 << 20
"""Deflated records may hold this many bytes together, or ``_MAX_GROWTH`` times the file's size."""

_END = struct.Struct("<4s4H2LH")
_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")


class _Entry(NamedTuple):
    """One record."""

    method: int
    packed: int  # bytes in the file
    size: int
    header: int  # where its local header begins
    limit: int  # where the next one's does


def _broken(what: str) -> NoReturn:
    raise RuntimeError(f"PytorchStreamReader failed reading zip archive: {what}")


_NO_END = (
    "failed finding central directory. If you are seeing this error, there is a high likelihood "
    "that your checkpoint file is corrupted. This can happen if the checkpoint was not saved "
    "properly, was transferred incorrectly, or the file was modified after saving."
)


class ZipReader:
    """The records of an archive.

    Args:
        source: the file.

    Raises:
        RuntimeError: it is no such archive, or a broken or a dangerous one.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        start, size, count = self._find_directory()
        self._entries: dict[str, _Entry] = {}
        root = self._read_directory(source.read(start, size), count, start)
        self.root = root
        self._check_version()

    # ------------------------------------------------------------------------------ the directory
    def _find_directory(self) -> tuple[int, int, int]:
        """Where the central directory is: its start, size and number of entries."""
        source = self.source
        tail_start = max(0, source.size - _END.size - 65535)
        tail = source.read(tail_start, source.size - tail_start)
        at = tail.rfind(b"PK\x05\x06")
        if at < 0 or len(tail) - at < _END.size:
            _broken(_NO_END)
        _, _, _, _, count, size, start, _ = _END.unpack_from(tail, at)
        end = tail_start + at
        if end >= _LOCATOR.size:
            magic, _, place, _ = _LOCATOR.unpack(source.read(end - _LOCATOR.size, _LOCATOR.size))
            if magic == b"PK\x06\x07":
                if place + _END64.size > end:
                    _broken(_NO_END)
                magic, *_, count, size, start = _END64.unpack(source.read(place, _END64.size))
                if magic != b"PK\x06\x06":
                    _broken(_NO_END)
                end = place
        if start + size > end or count * _CENTRAL.size > size:
            _broken("the central directory lies outside of the file")
        return start, size, count

    def _read_directory(self, data: bytes, count: int, start: int) -> str:
        """Enter the records of the first one's folder; its name."""
        found: list[tuple[str, int, int, int, int]] = []
        at = 0
        for _ in range(count):
            if at + _CENTRAL.size > len(data):
                _broken("the central directory is cut off")
            fields = _CENTRAL.unpack_from(data, at)
            magic, _, _, flags, method, _, _, _, packed, size, n, extra, comment = fields[:13]
            header = fields[16]
            at += _CENTRAL.size
            after = at + n + extra + comment
            if magic != b"PK\x01\x02" or after > len(data):
                _broken("the central directory is broken")
            name = _name(data[at : at + n])
            size, packed, header = _wide(data[at + n : at + n + extra], size, packed, header)
            if flags & 1:
                _broken(f"record {name!r} is encrypted")
            if method not in (0, 8) or (method == 0 and size != packed):
                _broken(f"record {name!r} is compressed by method {method}; stored and deflated "
                        "records are read")  # fmt: skip
            found.append((name, method, packed, size, header))
            at = after
        if not found:
            _broken("it has no records")
        found.sort(key=lambda record: record[4])
        limits = [record[4] for record in found[1:]] + [start]
        for (name, method, packed, size, header), limit in zip(found, limits, strict=True):
            if header + _LOCAL.size + len(name.encode()) + packed > limit:
                _broken(f"record {name!r} overlaps the next one, or lies outside of the file")
            if name in self._entries:
                _broken(f"there are two records {name!r}")
            self._entries[name] = _Entry(method, packed, size, header, limit)
        self._check_growth()
        return found[0][0].partition("/")[0]

    def _check_growth(self) -> None:
        total = sum(entry.size for entry in self._entries.values() if entry.method)
        if total > max(_FREE_GROWTH, _MAX_GROWTH * self.source.size):
            _broken(f"its records say that they inflate to {total} bytes, more than "
                    f"{_MAX_GROWTH} times the size of the file")  # fmt: skip

    def _check_version(self) -> None:
        record = "version" if "version" in self else ".data/version"
        text = self.read(record)[:20].strip()
        if not text.isdigit() or not 1 <= int(text) <= _MAX_VERSION:
            raise RuntimeError(
                f"Attempted to read a PyTorch file with version {text.decode('ascii', 'replace')}, "
                f"but the maximum supported version for reading is {_MAX_VERSION}."
            )

    # ------------------------------------------------------------------------------- the records
    def __contains__(self, record: str) -> bool:
        return f"{self.root}/{record}" in self._entries

    def _entry(self, record: str) -> _Entry:
        name = f"{self.root}/{record}"
        found = self._entries.get(name)
        if found is None:
            raise RuntimeError(
                f"PytorchStreamReader failed locating file {record}: file not found. The archive "
                "is none that torch.save wrote, or is incomplete."
            )
        return found

    def size(self, record: str) -> int:
        """How many bytes a record holds.

        Raises:
            RuntimeError: there is none of that name.
        """
        return self._entry(record).size

    def place(self, record: str) -> int | None:
        """Where in the file the bytes of a record begin; None where they are compressed."""
        entry = self._entry(record)
        return None if entry.method else self._start(record, entry)

    def _start(self, record: str, entry: _Entry) -> int:
        fields = _LOCAL.unpack(self.source.read(entry.header, _LOCAL.size))
        start = entry.header + _LOCAL.size + fields[9] + fields[10]
        if fields[0] != MAGIC or start + entry.packed > entry.limit:
            _broken(f"record {record!r} is not where the central directory says")
        written = self.source.read(entry.header + _LOCAL.size, fields[9])
        if written != f"{self.root}/{record}".encode():
            _broken(f"record {record!r} has another name in its own header")
        return start

    def array(self, record: str, count: int | None = None) -> np.ndarray[Any, Any]:
        """The bytes of a record, in an array of their own.

        Args:
            count: how many of them; all by default.

        Raises:
            RuntimeError: it holds fewer, or is broken.
        """
        entry = self._entry(record)
        start = self._start(record, entry)
        wanted = entry.size if count is None else count
        if wanted > entry.size:
            raise RuntimeError(
                f"record {record!r} holds {entry.size} bytes, and {wanted} are wanted of it. The "
                "file might be corrupted."
            )
        if entry.method == 0:
            return self.source.array(start, wanted)
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            data = inflater.decompress(self.source.read(start, entry.packed), entry.size + 1)
        except zlib.error as error:
            _broken(f"record {record!r} cannot be inflated: {error}")
        if len(data) != entry.size:
            _broken(f"record {record!r} inflates to another size than {entry.size} bytes")
        return np.frombuffer(bytearray(data), np.uint8)[:wanted]

    def read(self, record: str) -> bytes:
        """The bytes of a record."""
        return self.array(record).tobytes()


def _name(raw: bytes) -> str:
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError:
        _broken("a name of a record is no UTF-8")
    parts = name.split("/")
    if "\0" in name or "\\" in name or ".." in parts or parts[0] in ("", "."):
        _broken(f"a record has the name {name[:80]!r}")
    return name


def _wide(extra: bytes, *values: int) -> tuple[int, ...]:
    """Sizes and offsets that 32 bits do not hold: an extra field has those that are all ones."""
    if 0xFFFFFFFF not in values:
        return values
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == 1:
            field = extra[at + 4 : at + 4 + length]
            wide = iter(struct.unpack(f"<{len(field) // 8}Q", field[: len(field) // 8 * 8]))
            return tuple(next(wide, v) if v == 0xFFFFFFFF else v for v in values)
        at += 4 + length
    return values
