"""Storages of files: the persistent ids that stand for them, and the order of their bytes."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np

from functorch_lite.torch._core import dtypes
from functorch_lite.torch._core.dtypes import dtype as DType
from functorch_lite.torch._serialization.allowed import StorageType
from functorch_lite.torch._serialization.pickle_machine import shown
from functorch_lite.torch.storage import TypedStorage, UntypedStorage

__all__ = ["StorageId", "storage_id", "swapped"]


class StorageId:
    """What a persistent id says of a storage.

    Args:
        fields: the id without its first word.
    """

    def __init__(self, fields: tuple[Any, ...]) -> None:
        kind, key, location, length = fields[:4]
        if isinstance(kind, StorageType):
            self.dtype: DType = kind.dtype
        elif kind is UntypedStorage:
            self.dtype = dtypes.uint8
        else:
            raise _wrong(f"the class of a storage is {shown(kind)}")
        self.key = _text(key)
        self.location = _text(location)
        if type(length) is not int or not 0 <= length < 2**60:
            raise _wrong(f"the length of a storage is {shown(length)}")
        self.length = length
        self.nbytes = length * self.dtype.itemsize

    def typed(self, storage: UntypedStorage) -> TypedStorage:
        """A storage as its numbers."""
        return TypedStorage(wrap_storage=storage, dtype=self.dtype)


def _wrong(what: str) -> pickle.UnpicklingError:
    return pickle.UnpicklingError(f"a persistent id in the file is broken: {what}")


def _text(value: Any) -> str:
    """A string; in files of Python 2 it may be bytes."""
    if type(value) is bytes:
        value = value.decode("ascii", "replace")
    if type(value) is not str:
        raise _wrong(f"a {type(value).__name__} stands for a name")
    return value


def storage_id(pid: Any, count: int) -> StorageId:
    """What a persistent id says.

    Args:
        count: how many fields it has, its first word included.

    Raises:
        pickle.UnpicklingError: it is none of a storage.
    """
    if type(pid) is not tuple or not pid:
        raise pickle.UnpicklingError(
            f"persistent_load id must be tuple or int, but got {type(pid)}"
        )
    if len(pid) != count or _text(pid[0]) != "storage":
        raise pickle.UnpicklingError(
            f"Only persistent_load of storage is allowed, but got {type(pid[0])}"
        )
    return StorageId(pid[1:])


def swapped(data: np.ndarray[Any, Any], dtype: DType) -> np.ndarray[Any, Any]:
    """Bytes of numbers in the machine's order; they come in the other one.

    Args:
        data: the bytes, which are changed.
    """
    # The two parts of a complex number are swapped each for itself.
    width = dtype.to_real().itemsize
    if width > 1:
        whole = data[: data.size // width * width].view(f"u{width}")
        whole.byteswap(inplace=True)
    return data
