"""The format of ``torch.save``: a pickle and one record a storage, in a zip archive."""

from __future__ import annotations

import io
import sys
from typing import Any

import numpy as np

from functorch_lite.torch._object.untyped_storage import of_bytes
from functorch_lite.torch._serialization.allowed import Allowed
from functorch_lite.torch._serialization.locations import Restore
from functorch_lite.torch._serialization.pickle_machine import Machine
from functorch_lite.torch._serialization.pickle_writer import Storages, Writer
from functorch_lite.torch._serialization.sources import Stream
from functorch_lite.torch._serialization.storages import storage_id, swapped
from functorch_lite.torch._serialization.zip_reader import ZipReader
from functorch_lite.torch._serialization.zip_writer import ZipWriter
from functorch_lite.torch.storage import TypedStorage, UntypedStorage
from functorch_lite.torch.utils.serialization import config

__all__ = ["load", "save"]


def save(obj: Any, file: Any, root: str, protocol: int, byteorder: bool = True) -> None:
    """Write an object.

    Args:
        file: anything with ``write``.
        root: the folder of the records in the archive.
        byteorder: whether the file names the order of its bytes.
    """
    storages = Storages(lambda number, memory: str(number))

    def persistent(value: Any) -> Any:
        if isinstance(value, (TypedStorage, UntypedStorage)):
            return ("storage", *storages.enter(value))
        return None

    pickled = io.BytesIO()
    Writer(pickled, protocol, persistent).dump(obj)
    archive = ZipWriter(file, root)
    archive.record("data.pkl", pickled.getvalue())
    archive.record(".format_version", b"1")
    archive.record(".storage_alignment", str(config.save.storage_alignment).encode())
    if byteorder:
        archive.record("byteorder", sys.byteorder.encode())
    for key, (memory, _) in storages.found.items():
        archive.record(f"data/{key}", memory._bytes)
    archive.finish()


def _is_swapped(archive: ZipReader) -> bool:
    """Whether numbers in the file are in the other order than the machine's."""
    if "byteorder" in archive:
        order = archive.read("byteorder")[:20].decode("ascii", "replace")
        if order not in ("little", "big"):
            raise ValueError(f"Unknown endianness type: {order}")
    else:
        chosen = config.load.endianness
        order = "little" if chosen is None else chosen.name.lower()
    return order not in (sys.byteorder, "native")


def load(
    archive: ZipReader, restore: Restore, weights_only: bool, encoding: str,
    mapped: np.ndarray[Any, Any] | None = None,
) -> Any:  # fmt: skip
    """Read an object.

    Args:
        restore: where each storage goes.
        mapped: the whole file in memory; storages then are parts of it.
    """
    swap = _is_swapped(archive)
    known: dict[str, TypedStorage] = {}

    def data(record: str, count: int, item: int) -> np.ndarray[Any, Any]:
        place = None if mapped is None else archive.place(record)
        if mapped is None or place is None or count > archive.size(record):
            return archive.array(record, count)
        part = mapped[place : place + count]
        # Numbers that do not begin at a multiple of their size are slow at best.
        return part if place % item == 0 else part.copy()

    def persistent(pid: Any) -> TypedStorage:
        wanted = storage_id(pid, 5)
        found = known.get(wanted.key)
        if found is None:
            array = data(f"data/{wanted.key}", wanted.nbytes, wanted.dtype.itemsize)
            if swap:
                array = swapped(array, wanted.dtype)
            found = wanted.typed(restore(of_bytes(array), wanted.location))
            known[wanted.key] = found
        return found

    stream = Stream.of_bytes(archive.read("data.pkl"))
    return Machine(stream, Allowed(weights_only, stream), persistent, encoding).load()
