"""DLPack: memory handed to other libraries, and taken from them, in capsules of C structures.

NumPy writes the capsules. They are read here, because NumPy has no bfloat16, and takes memory of
the older form of the protocol as read-only.
"""

from __future__ import annotations

import ctypes
import threading
from typing import Any

import ml_dtypes
import numpy as np

__all__ = ["BFLOAT", "array_of", "capsule_of", "read"]


class _Tensor(ctypes.Structure):
    """``DLTensor``."""

    _fields_ = (
        ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int32),
        ("device_id", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    )


class _Managed(ctypes.Structure):
    """``DLManagedTensor``."""

    _fields_ = (("tensor", _Tensor), ("context", ctypes.c_void_p), ("deleter", ctypes.c_void_p))


class _Versioned(ctypes.Structure):
    """``DLManagedTensorVersioned``."""

    _fields_ = (
        ("major", ctypes.c_uint32),
        ("minor", ctypes.c_uint32),
        ("context", ctypes.c_void_p),
        ("deleter", ctypes.c_void_p),
        ("flags", ctypes.c_uint64),
        ("tensor", _Tensor),
    )


_FORMS: tuple[tuple[bytes, bytes, type[Any]], ...] = (
    (b"dltensor_versioned", b"used_dltensor_versioned", _Versioned),
    (b"dltensor", b"used_dltensor", _Managed),
)
_MAJOR = 1
_READ_ONLY = 1
_CPU = 1
BFLOAT = 4
_KINDS = {0: "i", 1: "u", 2: "f", 5: "c", 6: "b"}
_NAMES = {0: "kDLInt", 1: "kDLUInt", 2: "kDLFloat", BFLOAT: "kDLBfloat", 5: "kDLComplex",
          6: "kDLBool"}  # fmt: skip
_BITS = {0: (8, 16, 32, 64), 1: (8, 16, 32, 64), 2: (16, 32, 64), BFLOAT: (16,), 5: (64, 128),
         6: (8,)}  # fmt: skip

_api = ctypes.pythonapi
_is_valid = _api.PyCapsule_IsValid
_is_valid.argtypes, _is_valid.restype = (ctypes.py_object, ctypes.c_char_p), ctypes.c_int
_pointer = _api.PyCapsule_GetPointer
_pointer.argtypes, _pointer.restype = (ctypes.py_object, ctypes.c_char_p), ctypes.c_void_p
_rename = _api.PyCapsule_SetName
_rename.argtypes, _rename.restype = (ctypes.py_object, ctypes.c_char_p), ctypes.c_int
# A capsule keeps the address of its name, and may live until the interpreter has ended.
for _form in _FORMS:
    _api.Py_IncRef(ctypes.py_object(_form[1]))
# Between the look at a capsule and its new name no other thread may take it.
_taking = threading.RLock()
# The interpreter's lock stays held: what releases the memory may be Python's.
_Deleter = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)


def _opened(capsule: Any) -> tuple[Any, bytes]:
    """The structure in a capsule, and the name that the capsule has once it is used.

    Raises:
        RuntimeError: it is none, or was used before.
    """
    for name, used, form in _FORMS:
        if _is_valid(capsule, name):
            return form.from_address(_pointer(capsule, name)), used
    raise RuntimeError(
        "from_dlpack received an invalid capsule. Note that DLTensor capsules can be consumed "
        "only once, so you might have already constructed a tensor from it once."
    )


class _Owner:
    """Memory of another library, given back when no array needs it any more."""

    def __init__(self, managed: Any, interface: dict[str, Any]) -> None:
        self._address = ctypes.addressof(managed)
        self._delete = _Deleter(managed.deleter) if managed.deleter else None
        self.__array_interface__ = interface

    def __del__(self) -> None:
        if self._delete is not None:
            self._delete(self._address)


def array_of(capsule: Any) -> np.ndarray[Any, Any]:
    """An array over the memory that a capsule describes; the capsule is used then.

    Raises:
        BufferError: the memory is not on the CPU, or of a dtype or layout that tensors have not.
        RuntimeError: it is no capsule of DLPack, or was used before.
    """
    with _taking:
        managed, used = _opened(capsule)
        t = managed.tensor
        _check(managed)
        shape = tuple(t.shape[: t.ndim]) if t.ndim else ()
        strides = tuple(t.strides[: t.ndim]) if t.ndim and t.strides else None
        _check_layout(shape, strides, t.data)
        _rename(capsule, used)
    item = t.bits // 8
    kind = "u" if t.code == BFLOAT else _KINDS[t.code]
    read_only = bool(getattr(managed, "flags", 0) & _READ_ONLY)
    dtype = np.dtype(f"{kind}{item}")
    owner = _Owner(managed, {
        "version": 3, "typestr": dtype.str, "shape": shape,
        "strides": strides and tuple(n * item for n in strides),
        "data": ((t.data or 0) + t.byte_offset, read_only),
    })  # fmt: skip
    found = np.empty(shape, dtype) if 0 in shape else np.asarray(owner)
    return found.view(ml_dtypes.bfloat16) if t.code == BFLOAT else found


def _check(managed: Any) -> None:
    """Refuse what no tensor can be a view of."""
    # Only the versions of one major number have the fields in the same places.
    if getattr(managed, "major", _MAJOR) != _MAJOR:
        raise BufferError(
            f"from_dlpack: got a capsule of DLPack {managed.major}.{managed.minor}, "
            f"expected {_MAJOR}.x"
        )
    t = managed.tensor
    if t.device_type != _CPU:
        raise BufferError(
            f"from_dlpack: tensors of functorch_lite.torch live on the CPU, got memory of device "
            f"({t.device_type}, {t.device_id}); from_dlpack(x, device='cpu') copies it where the "
            "other library can"
        )
    if t.lanes != 1:
        raise RuntimeError("ATen does not support lanes != 1")
    if t.code not in _NAMES:
        raise RuntimeError(f"Unsupported code {t.code}")
    if t.bits not in _BITS[t.code]:
        raise RuntimeError(f"Unsupported {_NAMES[t.code]} bits {t.bits}")
    if t.ndim < 0 or (t.ndim and not t.shape):
        raise BufferError(f"from_dlpack: the capsule has no shape for its {t.ndim} dimensions")


def _check_layout(
    shape: tuple[int, ...], strides: tuple[int, ...] | None, data: int | None
) -> None:
    """Refuse sizes and strides that no tensor has, and memory that is not there."""
    if min(shape, default=0) < 0:
        raise BufferError(f"from_dlpack: a size is negative: {list(shape)}")
    if 0 in shape:
        return
    if not data:
        raise BufferError("from_dlpack: the capsule has no memory for its elements")
    if strides is not None and min(strides, default=0) < 0:
        raise BufferError(
            "from_dlpack: a stride is negative, and tensors with negative strides are not "
            "supported; copy the array first"
        )


def capsule_of(array: Any, max_version: Any = None, copy: bool | None = None) -> Any:
    """A capsule with an array's memory.

    Args:
        array: of any dtype that tensors have.
        max_version: the newest form of the protocol that the other side reads.
        copy: True for memory of its own.

    Raises:
        BufferError: the array is read-only, which the form of the protocol cannot tell.
    """
    if array.dtype != ml_dtypes.bfloat16:
        return array.__dlpack__(max_version=max_version, copy=copy)
    capsule = array.view(np.uint16).__dlpack__(max_version=max_version, copy=copy)
    _opened(capsule)[0].tensor.code = BFLOAT
    return capsule


def read(owner: Any, device: tuple[int, int] | None = None, copy: bool | None = None) -> Any:
    """An array over the memory of another library's.

    Args:
        owner: what has ``__dlpack__``.
        device: where its memory is wanted; where it is by default.
        copy: whether it must be, or must not be, a copy.
    """
    options: dict[str, Any] = {"max_version": (1, 0)}
    if copy is not None:
        options["copy"] = copy
    if device is not None:
        options["dl_device"] = device
    # Libraries that speak an older form of the protocol do not know the newer arguments.
    for unknown in ("max_version", "copy", "dl_device"):
        try:
            found = array_of(owner.__dlpack__(**options))
            break
        except TypeError:
            options.pop(unknown, None)
    else:
        found = array_of(owner.__dlpack__())
    return found.copy() if copy and "copy" not in options else found
