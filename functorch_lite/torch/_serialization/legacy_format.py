"""The format before PyTorch 1.6: five pickles in a row, and the bytes of storages behind them."""

from __future__ import annotations

import pickle
import struct
import sys
from typing import Any

import numpy as np

from functorch_lite.torch._object.untyped_storage import of_bytes
from functorch_lite.torch._serialization.allowed import Allowed
from functorch_lite.torch._serialization.locations import Restore
from functorch_lite.torch._serialization.pickle_machine import Machine, shown
from functorch_lite.torch._serialization.pickle_writer import Storages, Writer
from functorch_lite.torch._serialization.sources import Source, Stream
from functorch_lite.torch._serialization.storages import storage_id, swapped
from functorch_lite.torch.storage import TypedStorage, UntypedStorage

__all__ = ["load", "save"]

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
PROTOCOL_VERSION = 1001


def save(obj: Any, file: Any, protocol: int) -> None:
    """Write an object.

    Args:
        file: anything with ``write``.
    """
    # As in PyTorch the ids are numbers, which readers do not look into.
    storages = Storages(lambda number, memory: str(id(memory._bytes)))

    def persistent(value: Any) -> Any:
        if isinstance(value, (TypedStorage, UntypedStorage)):
            return ("storage", *storages.enter(value), None)
        return None

    sizes = {name: struct.calcsize(f"={code}") for name, code in
             (("short", "h"), ("int", "i"), ("long", "l"))}  # fmt: skip
    for part in (
        MAGIC_NUMBER, PROTOCOL_VERSION,
        {"protocol_version": PROTOCOL_VERSION, "little_endian": sys.byteorder == "little",
         "type_sizes": sizes},
    ):  # fmt: skip
        pickle.dump(part, file, protocol=protocol)
    Writer(file, protocol, persistent).dump(obj)
    keys = sorted(storages.found)
    pickle.dump(keys, file, protocol=protocol)
    for key in keys:
        memory, dtype = storages.found[key]
        file.write(struct.pack("<q", memory.nbytes() // dtype.itemsize))
        data = memory._bytes
        file.write(swapped(data.copy(), dtype) if sys.byteorder == "big" else data)


class _Loading:
    """The storages of one file: each is made when it is first named, and filled at the end."""

    def __init__(self, restore: Restore, size: int) -> None:
        self._restore = restore
        self._left = size
        self._arrays: dict[str, tuple[np.ndarray[Any, Any], Any]] = {}
        self._known: dict[str, TypedStorage] = {}
        self._views: dict[str, TypedStorage] = {}

    def persistent(self, pid: Any) -> Any:
        """The storage, or the class of a module, that a persistent id stands for."""
        if type(pid) is tuple and len(pid) == 4 and pid[0] == "module":
            # The source of the class stands beside it; it is not compared.
            return pid[1]
        wanted = storage_id(pid, 6)
        found = self._known.get(wanted.key)
        if found is None:
            # The bytes follow in the same file, so it cannot be smaller than they are.
            self._left -= wanted.nbytes
            if self._left < 0:
                raise RuntimeError(
                    f"unexpected EOF: the file names storages of {-self._left} bytes more than it "
                    "has. The file might be corrupted."
                )
            array = np.zeros(wanted.nbytes, np.uint8)
            self._arrays[wanted.key] = array, wanted.dtype
            found = wanted.typed(self._restore(of_bytes(array), wanted.location))
            self._known[wanted.key] = found
        view = pid[5]
        return found if view is None else self._view(found, view)

    def _view(self, storage: TypedStorage, view: Any) -> TypedStorage:
        """A part of a storage, as old files have them."""
        if not (isinstance(view, tuple) and len(view) == 3 and type(view[0]) in (str, bytes)
                and all(type(n) is int and n >= 0 for n in view[1:])):  # fmt: skip
            raise pickle.UnpicklingError("a view of a storage in the file is broken")
        key, offset, length = view
        found = self._views.get(key)
        if found is None:
            item = storage.dtype.itemsize
            if (offset + length) * item > storage.nbytes():
                raise RuntimeError(
                    f"a view of {length} numbers from {offset} on lies outside of a storage of "
                    f"{len(storage)}"
                )
            part = storage.untyped()[offset * item : (offset + length) * item]
            found = TypedStorage(wrap_storage=part, dtype=storage.dtype)
            self._views[key] = found
        return found

    def fill(self, keys: Any, stream: Stream) -> None:
        """Read the bytes of all storages."""
        if (
            not isinstance(keys, list) or not all(type(k) in (str, bytes) for k in keys)
            or {_text(k) for k in keys} != self._arrays.keys() or len(keys) != len(self._arrays)
        ):  # fmt: skip
            raise RuntimeError("the file lists other storages than its tensors use")
        for key in map(_text, keys):
            array, dtype = self._arrays[key]
            (count,) = struct.unpack("<q", _data(stream, 8))
            if count * dtype.itemsize != array.size:
                raise RuntimeError(
                    f"a storage has {count} numbers in the file, where "
                    f"{array.size // dtype.itemsize} were announced"
                )
            for start in range(0, array.size, 1 << 24):
                part = _data(stream, min(1 << 24, array.size - start))
                array[start : start + len(part)] = np.frombuffer(part, np.uint8)
            if sys.byteorder == "big":
                swapped(array, dtype)


def _text(key: str | bytes) -> str:
    return key if isinstance(key, str) else key.decode("ascii", "replace")


def _data(stream: Stream, count: int) -> bytes:
    left = stream.size - stream.position
    if count > left:
        raise RuntimeError(
            f"unexpected EOF, expected {count - left} more bytes. The file might be corrupted."
        )
    return stream.take(count)


def load(file: Any, restore: Restore, weights_only: bool, encoding: str) -> Any:
    """Read an object.

    Args:
        file: stands behind the last storage afterwards.
        restore: where each storage goes.

    Raises:
        RuntimeError: it is no such file, or a broken one.
        pickle.UnpicklingError: a pickle in it is broken, or wants what is not given.
    """
    source = Source(file)
    stream = Stream(file, source.size)
    loading = _Loading(restore, source.size)

    def part(persistent: Any = None) -> Any:
        return Machine(stream, Allowed(weights_only, stream), persistent, encoding).load()

    if source.size > 262 and source.read(257, 5) == b"ustar":
        raise RuntimeError(
            "files in the .tar format, of PyTorch before 0.1.9, are not read: load the file with "
            "PyTorch and save it again"
        )
    file.seek(source.start)
    if part() != MAGIC_NUMBER:
        raise RuntimeError("Invalid magic number; corrupt file?")
    version = part()
    if version != PROTOCOL_VERSION:
        raise RuntimeError(f"Invalid protocol version: {shown(version)}")
    part()
    result = part(loading.persistent)
    loading.fill(part(), stream)
    return result
