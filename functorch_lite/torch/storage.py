"""Storages: the memory under tensors as an object of its own, of bytes or of numbers."""

from __future__ import annotations

import copyreg
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from functorch_lite.torch._core import dtypes
from functorch_lite.torch._core.dtypes import dtype as DType
from functorch_lite.torch._core.public import FUNCTIONS, method, public
from functorch_lite.torch._core.tensor import Tensor, make
from functorch_lite.torch._object.untyped_storage import UntypedStorage, of_bytes, over, untyped

__all__ = ["TypedStorage", "UntypedStorage", "over", "untyped"]

_warned = False


def _warn() -> None:
    global _warned
    if not _warned:
        _warned = True
        warnings.warn(
            "TypedStorage is deprecated. It will be removed in the future and UntypedStorage will "
            "be the only storage class. This should only matter to you if you are using storages "
            "directly.  To access UntypedStorage directly, use tensor.untyped_storage() instead of "
            "tensor.storage()",
            UserWarning,
            stacklevel=3,
        )


class TypedStorage:
    """A piece of memory, as numbers of one dtype.

    Args:
        args: how many numbers, or a sequence of them; nothing for none.
        wrap_storage: the memory, instead.
        dtype: by default the default dtype.

    >>> TypedStorage([1, 2], dtype=dtypes.int32).tolist()
    [1, 2]

    Source: ``torch.TypedStorage``.
    """

    __module__ = "torch.storage"
    is_sparse = False
    is_cuda = False

    def __init__(
        self, *args: Any, wrap_storage: Any = None, dtype: Any = None, device: Any = None,
        _internal: bool = False,
    ) -> None:  # fmt: skip
        self.dtype: DType = dtype or dtypes.default.dtype
        given = args[0] if args else 0
        if wrap_storage is not None:
            self._untyped_storage: UntypedStorage = wrap_storage
            return
        values = None if isinstance(given, int) else np.asarray(list(given)).astype(self.dtype.np)
        size = (given if values is None else len(values)) * self.dtype.itemsize
        self._untyped_storage = UntypedStorage(size, device=device)
        if values is not None and self.device.type != "meta":
            self._untyped_storage._bytes[:] = values.view(np.uint8)

    @property
    def device(self) -> Any:
        """Where it is."""
        return self._untyped_storage.device

    def _values(self) -> np.ndarray[Any, Any]:
        data = self._untyped_storage._bytes
        item = self.dtype.itemsize
        return data[: data.size // item * item].view(self.dtype.np)

    def untyped(self) -> UntypedStorage:
        """The memory as bytes."""
        return self._untyped_storage

    def _untyped(self) -> UntypedStorage:
        return self._untyped_storage

    def size(self) -> int:
        """How many numbers."""
        return self._untyped_storage.nbytes() // self.dtype.itemsize

    __len__ = _size = size

    def nbytes(self) -> int:
        """The number of bytes."""
        return self._untyped_storage.nbytes()

    def element_size(self) -> int:
        """Bytes of a number."""
        return self.dtype.itemsize

    def data_ptr(self) -> int:
        """The address of the first number."""
        return self._untyped_storage.data_ptr()

    def tolist(self) -> list[Any]:
        """The numbers."""
        return make(self._values()).tolist()

    def __iter__(self) -> Iterator[Any]:
        return iter(self.tolist())

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            raise RuntimeError("slices are only supported in UntypedStorage.__getitem__")
        return make(self._values()[index]).item()

    def __setitem__(self, index: Any, value: Any) -> None:
        self._values()[index] = value

    def __repr__(self) -> str:
        place = self.device.type
        values = "..." if place == "meta" else " " + "\n ".join(map(str, self.tolist()))
        return (
            f"{values}\n[torch.storage.TypedStorage(dtype={self.dtype}, device={place}) of size "
            f"{len(self)}]"
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TypedStorage) and (
            self.data_ptr() == other.data_ptr() and self.dtype is other.dtype
        )

    __hash__ = object.__hash__

    def copy_(self, source: TypedStorage, non_blocking: bool = False) -> TypedStorage:
        """Take the numbers of another storage."""
        self._values()[...] = source._values().astype(self.dtype.np)
        return self

    def fill_(self, value: Any) -> TypedStorage:
        """Set every number."""
        self._values()[...] = value
        return self

    def clone(self) -> TypedStorage:
        """A storage of its own with the same numbers."""
        return TypedStorage(wrap_storage=self._untyped_storage.clone(), dtype=self.dtype)

    def cpu(self) -> TypedStorage:
        """The storage itself."""
        return self

    def is_shared(self) -> bool:
        """Whether other processes may see it."""
        return self._untyped_storage.is_shared()

    def type(self, dtype: Any = None, non_blocking: bool = False) -> str:
        """The name of its legacy class."""
        return f"torch.{self.pickle_storage_type()}"

    def pickle_storage_type(self) -> str:
        """The legacy class that files name."""
        return f"{self.dtype.scalar_name}Storage"

    def __reduce__(self) -> tuple[Any, ...]:
        return _retyped, (self._untyped_storage, self.dtype)

    def to_dtype(self, dtype: DType) -> TypedStorage:
        """The numbers in another dtype."""
        values = self._values().astype(dtype.np)
        return TypedStorage(wrap_storage=of_bytes(values.view(np.uint8)), dtype=dtype)


def _retyped(storage: UntypedStorage, dtype: DType) -> TypedStorage:
    """The typed storage that a pickle describes."""
    return TypedStorage(wrap_storage=storage, dtype=dtype)


class _LegacyMeta(type):
    """The class of ``torch.FloatStorage`` and its like: it knows storages by their dtype."""

    dtype: DType

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, TypedStorage) and instance.dtype is cls.dtype


def _legacy(name: str, dtype: DType) -> type:
    def new(cls: Any, *args: Any, **options: Any) -> TypedStorage:
        return TypedStorage(*args, dtype=dtype, **options)

    found = _LegacyMeta(
        name, (), {"__new__": new, "dtype": dtype, "__module__": "torch", "is_cuda": False}
    )
    FUNCTIONS[name] = LEGACY[name] = found
    return found


LEGACY: dict[str, type] = {}
"""Legacy storage classes by name."""

for _dtype in (
    *dtypes.TYPED_NAMES.values(), dtypes.complex64, dtypes.complex128,
):  # fmt: skip
    _legacy(f"{_dtype.scalar_name}Storage", _dtype)
for _name, _dtype in (
    ("double", dtypes.float64), ("float", dtypes.float32), ("half", dtypes.float16),
    ("bfloat16", dtypes.bfloat16), ("long", dtypes.int64), ("int", dtypes.int32),
    ("short", dtypes.int16), ("char", dtypes.int8), ("byte", dtypes.uint8), ("bool", dtypes.bool),
):  # fmt: skip
    setattr(TypedStorage, _name, lambda self, dtype=_dtype: self.to_dtype(dtype))


def _named(name: str) -> Any:
    """The class that a pickle names."""
    return LEGACY[name]


copyreg.pickle(_LegacyMeta, lambda cls: (_named, (cls.__name__,)))
FUNCTIONS["UntypedStorage"] = UntypedStorage
FUNCTIONS["TypedStorage"] = TypedStorage


# -------------------------------------------------------------------------------------- of tensors
@method()
def untyped_storage(self: Tensor) -> UntypedStorage:
    """The memory under it, as bytes. Source: ``torch.Tensor.untyped_storage``."""
    return untyped(self)


@method()
def storage(self: Tensor) -> TypedStorage:
    """The memory under it, as numbers. Source: ``torch.Tensor.storage``."""
    _warn()
    return TypedStorage(wrap_storage=untyped(self), dtype=self.dtype)


@method("_typed_storage")
def _typed_storage(self: Tensor) -> TypedStorage:
    """The same without a warning."""
    return TypedStorage(wrap_storage=untyped(self), dtype=self.dtype)


@method()
def storage_type(self: Tensor) -> type:
    """The legacy class of its storage. Source: ``torch.Tensor.storage_type``."""
    return LEGACY[f"{self.dtype.scalar_name}Storage"]


@method()
def is_shared(self: Tensor) -> bool:
    """Whether other processes may see its memory. Source: ``torch.Tensor.is_shared``."""
    return untyped(self).is_shared()


@public(methods=False)
def is_storage(obj: Any) -> bool:
    """Whether an object is a storage. Source: ``torch.is_storage``."""
    return isinstance(obj, (UntypedStorage, TypedStorage))
