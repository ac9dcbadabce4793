"""The memory under tensors as an object of its own: bytes that several tensors may share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from functorch_lite.torch._core.dtypes import dtype as DType
from functorch_lite.torch._core.tensor import Tensor, make, memory
from functorch_lite.torch._meta.refusals import no_copy, plain
from functorch_lite.torch._meta.symbol import Memory, memory_of, over_memory
from functorch_lite.torch._object import shared_memory
from functorch_lite.torch._ops.copying import CPU, META, check_device

__all__ = ["UntypedStorage", "of_bytes", "over", "rebind", "untyped"]

# One object for one piece of memory, so that pickles and copies find what is shared.
_known: WeakValueDictionary[int, UntypedStorage] = WeakValueDictionary()


class UntypedStorage:
    """A piece of memory, as bytes.

    Args:
        args: a number of bytes, or a sequence of their values; nothing for no bytes.
        device: where it is.

    >>> UntypedStorage([1, 2]).tolist()
    [1, 2]

    Source: ``torch.UntypedStorage``.
    """

    __slots__ = ("__weakref__", "_bytes")
    __module__ = "torch.storage"
    _bytes: Any  # an array, or what stands for it on the device meta

    is_cuda = False
    is_sparse = False
    is_hpu = False

    def __init__(self, *args: Any, device: Any = None) -> None:
        given = args[0] if args else 0
        if device is not None and check_device(device).type == "meta":
            if not isinstance(given, int):
                raise plain(no_copy())
            self._bytes = memory_of(given)
        elif isinstance(given, int):
            self._bytes = np.zeros(given, np.uint8)
        else:
            for v in given:
                if not isinstance(v, int):
                    raise RuntimeError(
                        "torch.UntypedStorage(): tried to construct a storage from a sequence "
                        f"({type(given).__name__}), but one of the items was of type "
                        f"{type(v).__name__} instead of int"
                    )
            self._bytes = np.array(given, np.uint8)
        _known[id(self._bytes)] = self

    @property
    def device(self) -> Any:
        """Where it is."""
        return META if self._bytes.__class__ is Memory else CPU

    def nbytes(self) -> int:
        """The number of bytes."""
        return self._bytes.size

    size = __len__ = nbytes

    def element_size(self) -> int:
        """1: elements are bytes."""
        return 1

    def data_ptr(self) -> int:
        """The address of the first byte."""
        bytes_ = self._bytes
        if bytes_.__class__ is Memory:
            return 0
        return bytes_.__array_interface__["data"][0] if bytes_.size else 0

    def tolist(self) -> list[int]:
        """The bytes as integers."""
        if self._bytes.__class__ is Memory:
            raise NotImplementedError("Not available for 'meta' device type")
        return self._bytes.tolist()

    def __iter__(self) -> Iterator[int]:
        return iter(self.tolist())

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            if index.step not in (None, 1):
                raise RuntimeError(
                    f"Trying to slice with a step of {index.step}, but only a step of 1 is "
                    "supported"
                )
            return of_bytes(self._bytes[index])
        return int(self._bytes[index])

    def __setitem__(self, index: Any, value: int) -> None:
        self._bytes[index] = value

    def __repr__(self) -> str:
        if self._bytes.__class__ is Memory:
            return f"...\n[torch.storage.UntypedStorage(device=meta) of size {len(self)}]"
        lines = "\n ".join(map(str, self.tolist()))
        return f" {lines}\n[torch.storage.UntypedStorage(device=cpu) of size {len(self)}]"

    def copy_(self, source: UntypedStorage, non_blocking: bool = False) -> UntypedStorage:
        """Take the bytes of another storage."""
        if source._bytes.size != self._bytes.size:
            raise RuntimeError(
                f"size does not match, self was {self.nbytes()} bytes but src was "
                f"{source.nbytes()} bytes"
            )
        self._bytes[...] = source._bytes
        return self

    def fill_(self, value: int) -> UntypedStorage:
        """Set every byte."""
        self._bytes[...] = value
        return self

    def clone(self) -> UntypedStorage:
        """A storage of its own with the same bytes."""
        return of_bytes(self._bytes.copy())

    def cpu(self) -> UntypedStorage:
        """The storage itself."""
        return self

    untyped = cpu

    def resizable(self) -> bool:
        """False: tensors hold on to the memory that they were made over."""
        return False

    def resize_(self, size: int) -> UntypedStorage:
        """Fails for any other size: see ``resizable``."""
        if size != self.nbytes():
            raise RuntimeError("Trying to resize storage that is not resizable")
        return self

    def is_shared(self) -> bool:
        """Whether other processes may see it: see ``share_memory_`` of tensors."""
        return self._bytes.__class__ is not Memory and shared_memory.is_shared(self._bytes)

    def is_pinned(self, device: Any = None) -> bool:
        """False: there is no accelerator."""
        return False

    def type(self, dtype: Any = None, non_blocking: bool = False) -> str:
        """The name of the class."""
        return "torch.storage.UntypedStorage"

    def __reduce__(self) -> tuple[Any, ...]:
        if self._bytes.__class__ is Memory:
            return _revive_meta, (self.nbytes(),)
        return _revive, (self._bytes.tobytes(),)

    def __copy__(self) -> UntypedStorage:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> UntypedStorage:
        made = memo.get(id(self))
        if made is None:
            made = memo[id(self)] = self.clone()
        return made


def of_bytes(data: Any) -> UntypedStorage:
    """The storage of an array of bytes."""
    made = UntypedStorage.__new__(UntypedStorage)
    made._bytes = data
    _known[id(data)] = made
    return made


def rebind(storage: UntypedStorage, data: np.ndarray[Any, Any]) -> None:
    """Put a storage over other memory; its tensors are the caller's to move."""
    del _known[id(storage._bytes)]
    storage._bytes = data
    _known[id(data)] = storage


def _revive(data: bytes) -> UntypedStorage:
    """The storage that a pickle describes."""
    return of_bytes(np.frombuffer(data, np.uint8).copy())


def _revive_meta(size: int) -> UntypedStorage:
    """The same of one without memory."""
    return of_bytes(memory_of(size))


def untyped(t: Tensor) -> UntypedStorage:
    """The memory of a tensor; one object for all that share it."""
    data = memory(t)
    found = _known.get(id(data))
    return of_bytes(data) if found is None else found


def over(storage: UntypedStorage, dtype: DType, offset: int, size: Any, stride: Any) -> Tensor:
    """A tensor over a storage.

    Args:
        storage: its memory.
        offset: where it begins, in elements.
        size, stride: in elements.

    Raises:
        RuntimeError: it reaches beyond the storage.
    """
    np_dtype = dtype.np
    item = np_dtype.itemsize
    steps = [n * item for n in stride]
    data = storage._bytes
    if 0 in size and data.__class__ is not Memory:
        t = make(np.lib.stride_tricks.as_strided(np.empty(0, np_dtype), size, steps))
    else:
        reach = (offset + 1 + sum((n - 1) * s for n, s in zip(size, stride, strict=True))) * item
        if 0 not in size and reach > data.size:
            raise RuntimeError(
                f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {offset}, "
                f"and itemsize {item} requiring a storage size of {reach} are out of bounds for "
                f"storage of size {data.size}"
            )
        if data.__class__ is Memory:
            t = make(over_memory(data, np_dtype, size, stride, offset))
        else:
            t = make(np.ndarray(size, np_dtype, data, offset * item, steps))
    t._memory = data
    t._offset = offset
    return t
