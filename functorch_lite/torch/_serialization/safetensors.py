"""Files of the safetensors format: a header in JSON, and the bytes of tensors behind it.

Source: https://github.com/huggingface/safetensors (its README describes the format).
"""

from __future__ import annotations

import json
import struct
import sys
from typing import Any

from functorch_lite.torch._core import dtypes
from functorch_lite.torch._core.dtypes import dtype as DType
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch._core.view import contiguous_strides
from functorch_lite.torch._object.untyped_storage import of_bytes, over
from functorch_lite.torch._serialization.locations import Restore
from functorch_lite.torch._serialization.sources import Source
from functorch_lite.torch._serialization.storages import swapped

__all__ = ["load"]

_MAX_HEADER = 100_000_000

_DTYPES: dict[str, DType] = {
    "BOOL": dtypes.bool, "U8": dtypes.uint8, "I8": dtypes.int8, "U16": dtypes.uint16,
    "I16": dtypes.int16, "U32": dtypes.uint32, "I32": dtypes.int32, "U64": dtypes.uint64,
    "I64": dtypes.int64, "F16": dtypes.float16, "BF16": dtypes.bfloat16, "F32": dtypes.float32,
    "F64": dtypes.float64, "C64": dtypes.complex64, "F8_E4M3": dtypes.float8_e4m3fn,
    "F8_E5M2": dtypes.float8_e5m2,
}  # fmt: skip


def _broken(what: str) -> RuntimeError:
    return RuntimeError(f"Error while deserializing header: {what}")


def _header(source: Source) -> tuple[dict[str, Any], int]:
    """The description of the tensors, and where their bytes begin."""
    if source.size < 8:
        raise _broken(f"a safetensors file has 8 bytes or more, and this one {source.size}")
    (length,) = struct.unpack("<Q", source.read(0, 8))
    if length > min(_MAX_HEADER, source.size - 8):
        raise _broken(f"it says that it has {length} bytes, in a file of {source.size}")
    try:
        found = json.loads(source.read(8, length))
    except (ValueError, RecursionError) as error:
        raise _broken(f"it is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise _broken("it is no JSON object")
    return found, 8 + length


def _check(name: str, entry: Any, room: int) -> tuple[DType, tuple[int, ...], int, int]:
    """The dtype, shape, and first and last byte of a tensor."""
    if not isinstance(entry, dict):
        raise _broken(f"tensor {name!r} is not described")
    kind = entry.get("dtype")
    if not isinstance(kind, str) or kind not in _DTYPES:
        raise _broken(f"tensor {name!r} is of an unknown type, {str(kind)[:40]}")
    dtype = _DTYPES[kind]
    shape: Any = entry.get("shape")
    place: Any = entry.get("data_offsets")
    for numbers in (shape, place):
        if not isinstance(numbers, list) or not all(
            type(n) is int and 0 <= n < 2**63 for n in numbers
        ):
            raise _broken(f"tensor {name!r} has no shape and no place in the file")
    size = dtype.itemsize
    for n in shape:
        size *= n
    if len(place) != 2 or place[1] > room or place[1] - place[0] != size:
        raise _broken(f"tensor {name!r} of {size} bytes lies at {place} of {room} bytes")
    return dtype, tuple(shape), place[0], place[1]


def load(file: Any, restore: Restore) -> dict[str, Tensor]:
    """The tensors of a file, by name.

    Args:
        restore: where each storage goes.

    Raises:
        RuntimeError: the file is no such file, or a broken one.
    """
    source = Source(file)
    header, start = _header(source)
    entries = {
        name: _check(name, entry, source.size - start)
        for name, entry in header.items() if name != "__metadata__"
    }  # fmt: skip
    # Tensors may not share bytes, so a small file cannot ask for much memory.
    end = 0
    for name, (_, _, first, last) in sorted(entries.items(), key=lambda item: item[1][2:]):
        if first < end:
            raise _broken(f"tensor {name!r} overlaps another one")
        end = last
    found: dict[str, Tensor] = {}
    for name, (dtype, shape, first, last) in entries.items():
        data = source.array(start + first, last - first)
        if sys.byteorder == "big":
            data = swapped(data, dtype)
        storage = restore(of_bytes(data), "cpu")
        try:
            found[name] = over(storage, dtype, 0, shape, contiguous_strides(shape))
        except (ValueError, OverflowError) as error:
            raise _broken(f"tensor {name!r}: {error}") from None
    return found
