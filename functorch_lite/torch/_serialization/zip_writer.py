"""Zip archives as PyTorch 2 writes them: records stored, each aligned to 64 bytes.

Source: the ZIP application note (APPNOTE), and ``caffe2/serialize`` for the order and the padding.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from typing import Any

import numpy as np

from functorch_lite.torch.utils.serialization.config import save as config

__all__ = ["ZipWriter"]

_WIDE = 0xFFFFFFFF
_UTF8 = 0x0800
_DESCRIPTOR = 0x0008  # sizes and checksum follow the data


class ZipWriter:
    """Writes records one after the other.

    Args:
        file: anything with ``write``.
        root: the folder that all records lie in.
    """

    def __init__(self, file: Any, root: str) -> None:
        self._file = file
        self._root = root
        self._at = 0
        self._directory: list[bytes] = []
        self._names = hashlib.blake2b(digest_size=8)
        self._checksum = 0

    def _write(self, data: Any) -> None:
        self._at += len(data)
        rest = memoryview(data)
        while len(rest):
            written = self._file.write(rest)
            # Files without a buffer may take a part; most others say nothing or all of it.
            rest = rest[written if isinstance(written, int) else len(rest) :]

    def record(self, name: str, data: bytes | np.ndarray[Any, Any]) -> None:
        """Write one record.

        Args:
            name: within the root folder.
            data: its bytes; an array is one of ``uint8``.
        """
        self._names.update(name.encode())
        full = f"{self._root}/{name}".encode()
        view = memoryview(data) if isinstance(data, bytes) else data.data
        size, header = len(view), self._at
        checksum = zlib.crc32(view) if config.compute_crc32 else 0
        self._checksum = zlib.crc32(struct.pack("<L", checksum), self._checksum)
        flags = _UTF8 | (_DESCRIPTOR if size else 0)
        wide = struct.pack("<2H2Q", 1, 16, size, size) if size >= _WIDE else b""
        # The data begin at a multiple of the alignment, so that they can be mapped into memory.
        free = header + 30 + len(full) + len(wide) + 4
        padding = -free % config.storage_alignment
        extra = wide + b"FB" + struct.pack("<H", padding) + b"Z" * padding
        early = _WIDE if wide else 0
        self._write(
            struct.pack("<4s5H3L2H", b"PK\x03\x04", 0, flags, 0, 0, 0, 0, early, early,
                        len(full), len(extra))
            + full + extra
        )  # fmt: skip
        self._write(view)
        if size:
            layout = "<4sL2Q" if wide or header >= _WIDE else "<4s3L"
            self._write(struct.pack(layout, b"PK\x07\x08", checksum, size, size))
        self._enter(full, flags, checksum, size, header)

    def _enter(self, name: bytes, flags: int, checksum: int, size: int, header: int) -> None:
        """Note a record for the central directory."""
        late = ([size, size] if size >= _WIDE else []) + ([header] if header >= _WIDE else [])
        extra = struct.pack(f"<2H{len(late)}Q", 1, 8 * len(late), *late) if late else b""
        short = min(size, _WIDE)
        self._directory.append(
            struct.pack("<4s6H3L5H2L", b"PK\x01\x02", 0, 0, flags, 0, 0, 0, checksum, short, short,
                        len(name), len(extra), 0, 0, 0, 0, min(header, _WIDE))
            + name + extra
        )  # fmt: skip

    def finish(self) -> None:
        """Write the last records and the directory."""
        self.record("version", b"3\n")
        names = int.from_bytes(self._names.digest(), "little")
        self.record(".data/serialization_id", f"{names:020d}{self._checksum:020d}".encode())
        start, count = self._at, len(self._directory)
        self._write(b"".join(self._directory))
        end, size = self._at, self._at - start
        self._write(struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 0x031E, 45, 0, 0, count, count,
                                size, start))  # fmt: skip
        self._write(struct.pack("<4sLQL", b"PK\x06\x07", 0, end, 1))
        few = min(count, 0xFFFF)
        self._write(struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, few, few, min(size, _WIDE),
                                min(start, _WIDE), 0))  # fmt: skip
