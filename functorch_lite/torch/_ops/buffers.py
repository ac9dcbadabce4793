"""Tensors over memory that others made: buffers of Python, and files."""

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np

from functorch_lite.torch._core.dtypes import dtype as DType
from functorch_lite.torch._core.dtypes import dtype_argument
from functorch_lite.torch._core.public import public
from functorch_lite.torch._core.tensor import Tensor, make
from functorch_lite.torch._object.untyped_storage import UntypedStorage, of_bytes
from functorch_lite.torch._ops.creation import empty_strided

__all__ = ["empty_permuted", "from_file", "frombuffer"]

_warned = False


def _warn_of_reading() -> None:
    global _warned
    if not _warned:
        _warned = True
        warnings.warn(
            "The given buffer is not writable, and tensors are: writing to this one will fail. You "
            "may want to copy the buffer before converting it to a tensor. This type of warning "
            "will be suppressed for the rest of this program.",
            UserWarning,
            stacklevel=4,
        )


@public(methods=False)
def frombuffer(
    buffer: Any, *, dtype: DType, count: int = -1, offset: int = 0, requires_grad: bool = False
) -> Tensor:
    """A tensor over the memory of an object with Python's buffer protocol.

    Args:
        buffer: the object, e.g. a bytearray or an ``array.array``.
        count: how many elements; by default all there are.
        offset: where they begin, in bytes.

    Raises:
        ValueError: the buffer does not hold such elements.

    >>> from functorch_lite.torch._core.dtypes import int16
    >>> frombuffer(bytearray(b"abcd"), dtype=int16, offset=2)
    tensor([25699], dtype=torch.int16)

    Source: ``torch.frombuffer``.
    """
    dtype = dtype_argument(dtype, "frombuffer(): argument 'dtype'")
    try:
        view = memoryview(buffer).cast("B")
    except TypeError:
        raise ValueError("object does not implement Python buffer protocol.") from None
    length, item = len(view), dtype.itemsize
    if not length or not count:
        raise ValueError(f"both buffer length ({length}) and count ({count}) must not be 0")
    if not 0 <= offset < length:
        raise ValueError(
            f"offset ({offset} bytes) must be non-negative and no greater than buffer length "
            f"({length} bytes) minus 1"
        )
    if count > 0 and offset + count * item > length:
        raise ValueError(
            f"requested buffer length ({count} * {item} bytes) after offset ({offset} bytes) must "
            f"not be greater than actual buffer length ({length} bytes)"
        )
    if count < 0 and (length - offset) % item:
        raise ValueError(
            f"buffer length ({length - offset} bytes) after offset ({offset} bytes) must be a "
            f"multiple of element size ({item})"
        )
    if view.readonly:
        _warn_of_reading()
    size = count if count > 0 else (length - offset) // item
    found = make(np.frombuffer(view, np.uint8)[offset : offset + size * item].view(dtype.np))
    return found.requires_grad_() if requires_grad else found


def from_file(filename: Any, shared: bool = False, nbytes: int = 0) -> UntypedStorage:
    """A storage that lies in a file.

    Args:
        shared: whether writes change the file, which is made as long as asked for.
        nbytes: how many bytes, from the beginning on.

    Raises:
        RuntimeError: the file is shorter.

    Source: ``torch.UntypedStorage.from_file``.
    """
    path = os.fspath(filename)
    if not shared and nbytes > os.path.getsize(path):
        raise RuntimeError(
            f"cannot map {nbytes} bytes of the file {path!r}, which has {os.path.getsize(path)}"
        )
    if not nbytes:
        return UntypedStorage(0)
    mode: Any = "c"
    if shared:
        mode = "r+" if os.path.exists(path) else "w+"
    return of_bytes(np.memmap(path, np.uint8, mode, shape=(nbytes,)).view(np.ndarray))


UntypedStorage.from_file = staticmethod(from_file)  # type: ignore[attr-defined]


@public("empty_permuted", methods=False)
def empty_permuted(
    size: Any, physical_layout: Any, *, dtype: DType | None = None, layout: Any = None,
    device: Any = None, requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """A new dense tensor whose dimensions lie in memory in a given order.

    Args:
        size: its sizes.
        physical_layout: the dimensions, from the outermost in memory to the innermost.

    Raises:
        RuntimeError: these are not the dimensions, each once.

    Source: ``torch.empty_permuted``.
    """
    size, order = tuple(size), tuple(physical_layout)
    if len(size) != len(order):
        raise RuntimeError(
            "Number of dimensions in size does not match the length of the physical_layout; i.e. "
            f"len(size) = {len(size)} is not equal to len(physical_layout) = {len(order)}"
        )
    for d in order:
        if not 0 <= d < len(size):
            raise RuntimeError(
                f"Dimension out of range (expected to be between 0 and {len(size) - 1}, but got "
                f"{d} at index {order.index(d)}).  NB: negative dims not currently supported; file "
                "an issue if you want it."
            )
        if order.count(d) > 1:
            raise RuntimeError("Duplicate dim not allowed")
    stride, step = [0] * len(size), 1
    for d in reversed(order):
        stride[d] = step
        step *= max(size[d], 1)
    return empty_strided(size, stride, dtype=dtype, device=device, requires_grad=requires_grad)
