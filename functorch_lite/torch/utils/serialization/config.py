"""Settings of ``torch.save`` and ``torch.load``, read at each call.

Source: ``torch.utils.serialization.config``.
"""

from __future__ import annotations

import mmap as _mmap
from typing import Any

__all__ = ["load", "save"]


class load:
    """Of ``torch.load``.

    Attributes:
        mmap: whether files are mapped into memory where a call does not say.
        endianness: the byte order of files that do not name theirs; None for little.
        mmap_flags: ``MAP_PRIVATE`` or ``MAP_SHARED``; None where a system knows neither.
    """

    mmap: bool = False
    endianness: Any = None
    mmap_flags: int | None = getattr(_mmap, "MAP_PRIVATE", None)


class save:
    """Of ``torch.save``.

    Attributes:
        compute_crc32: whether records carry checksums.
        storage_alignment: of storages in the file, in bytes.
    """

    compute_crc32: bool = True
    storage_alignment: int = 64
