"""Files of named arrays in the safetensors format, with a checksum; nothing in them is executed.

A file is eight bytes, the length of the header (little endian); the header, JSON from names to
``{"dtype", "shape", "data_offsets"}`` and ``__metadata__``, a dict of strings; and the arrays'
bytes without gaps.  Everything that a reader is told is checked before it is used, so a damaged or
hostile file is a :class:`~functorch_lite.errors.CheckpointError`, never a crash or a large
allocation.

Source: https://github.com/huggingface/safetensors, the format's README.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import stat
from collections.abc import Mapping
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import numpy as np

from functorch_lite import numpy as fnp
from functorch_lite.errors import CheckpointError

__all__ = ["CHECKSUM", "Header", "read_header", "read_tensors", "refuse", "write_tensors"]

CHECKSUM = "sha256"
MAX_HEADER_BYTES = 100_000_000  # the limit of the safetensors package
_METADATA = "__metadata__"
_FIELDS = {"dtype", "shape", "data_offsets"}
_MAX_NDIM = 64  # NumPy's
_BFLOAT16 = np.dtype(fnp.bfloat16)

DTYPES: dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype(np.bool_),
    "U8": np.dtype(np.uint8), "U16": np.dtype(np.uint16),
    "U32": np.dtype(np.uint32), "U64": np.dtype(np.uint64),
    "I8": np.dtype(np.int8), "I16": np.dtype(np.int16),
    "I32": np.dtype(np.int32), "I64": np.dtype(np.int64),
    "F16": np.dtype(np.float16), "BF16": _BFLOAT16,
    "F32": np.dtype(np.float32), "F64": np.dtype(np.float64),
    "C64": np.dtype(np.complex64),
}  # fmt: skip
_NAMES = {dtype: name for name, dtype in DTYPES.items()}


class Header:
    """What a file says about itself: its metadata, and where each array lies.

    Attributes:
        metadata: dict of strings, without the checksum.
        entries: ``(name, dtype, shape, start, stop)`` in the order of the bytes.
        checksum: hexadecimal digits, or None in a file of another program.
        size: bytes of the file.
    """

    __slots__ = ("checksum", "data_start", "digest", "entries", "metadata", "size")

    metadata: dict[str, str]
    entries: list[tuple[str, np.dtype[Any], tuple[int, ...], int, int]]
    checksum: str | None
    data_start: int
    digest: Any  # of the header, to which the bytes of the arrays are added
    size: int


def write_tensors(
    file: BinaryIO, tensors: Mapping[str, np.ndarray[Any, Any]], metadata: Mapping[str, str]
) -> None:
    """Write arrays and metadata; the checksum, of everything else, is added to the metadata.

    Args:
        file: open for writing in binary mode.
        tensors: NumPy arrays by name, of the dtypes that the format has.
        metadata: strings by name.

    Raises:
        CheckpointError: the header would be longer than readers accept.
    """
    # Wide elements first, as other writers do, so that every array starts at a multiple of its own.
    order = sorted(tensors, key=lambda name: (-tensors[name].dtype.itemsize, name))
    header: dict[str, Any] = {}
    place = 0
    for name in order:
        x = tensors[name]
        header[name] = {
            "dtype": _NAMES[x.dtype],
            "shape": list(x.shape),
            "data_offsets": [place, place + x.nbytes],
        }
        place += x.nbytes
    digest = hashlib.sha256(_canonical(header, metadata))
    for name in order:
        for piece in _pieces(tensors[name]):
            digest.update(piece)
    header[_METADATA] = {**metadata, CHECKSUM: digest.hexdigest()}
    text = json.dumps(header, separators=(",", ":"), allow_nan=False).encode("ascii")
    text += b" " * (-len(text) % 8)
    if len(text) > MAX_HEADER_BYTES:
        raise CheckpointError(
            f"training.checkpoint.save: expected a header of at most {MAX_HEADER_BYTES} bytes; got "
            f"{len(text)}, for {len(tensors)} arrays. Remedy: stack small arrays into large ones."
        )
    file.write(len(text).to_bytes(8, "little"))
    file.write(text)
    for name in order:
        for piece in _pieces(tensors[name]):
            file.write(piece)


def read_header(file: BufferedReader, path: Path) -> Header:
    """Read and check everything but the arrays' bytes.

    Args:
        file: open for reading in binary mode, at its start.
        path: its name, for messages.

    Raises:
        CheckpointError: saying what is wrong with the file.
    """
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode):
        refuse(path, "it is not a regular file")
    size = status.st_size
    if size < 8:
        refuse(path, f"it has {size} bytes, less than the 8 of the header's length")
    length = int.from_bytes(file.read(8), "little")
    if length > MAX_HEADER_BYTES:
        refuse(path, f"its header claims {length} bytes, more than {MAX_HEADER_BYTES}")
    if length > size - 8:
        refuse(path, f"its header claims {length} bytes, and {size - 8} follow: it is cut off")
    raw = _parse(path, file.read(length))
    header = Header()
    header.size = size
    header.data_start = 8 + length
    header.metadata = _metadata(path, raw.pop(_METADATA, {}))
    header.checksum = header.metadata.pop(CHECKSUM, None)
    header.digest = hashlib.sha256(_canonical(raw, header.metadata))
    header.entries = _entries(path, raw, size - header.data_start)
    return header


def read_tensors(
    file: BufferedReader, path: Path, header: Header
) -> dict[str, np.ndarray[Any, Any]]:
    """Read the arrays, and compare the checksum if there is one.

    Raises:
        CheckpointError: the file ends early, or the checksum differs.
    """
    digest = header.digest.copy()
    file.seek(header.data_start)
    tensors: dict[str, np.ndarray[Any, Any]] = {}
    for name, dtype, shape, start, stop in header.entries:
        data = np.empty(stop - start, np.uint8)
        if file.readinto(data.data) != stop - start:
            refuse(path, f"it ends within the array {name!r}")
        digest.update(data)
        if dtype.kind == "b" and data.size and data.max() > 1:
            refuse(path, f"the booleans of {name!r} hold other bytes than 0 and 1")
        little = data.view(dtype if dtype.itemsize == 1 else _little(dtype))
        try:
            tensors[name] = little.astype(dtype, copy=False).reshape(shape)
        except ValueError as problem:  # an axis of size 0 beside axes that no array can have
            refuse(path, f"{name!r} has the shape {shape}: {problem}")
    if header.checksum is not None and digest.hexdigest() != header.checksum:
        refuse(path, f"its contents do not have the checksum that it names, {header.checksum}")
    return tensors


def _canonical(entries: Mapping[str, Any], metadata: Mapping[str, str]) -> bytes:
    """The header without checksum as bytes that do not depend on how it was written."""
    both = [dict(entries), dict(metadata)]
    return json.dumps(both, sort_keys=True, separators=(",", ":")).encode("ascii")


def _little(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype as the bytes of a file have it; bfloat16 knows no byte order but the machine's."""
    return dtype if dtype == _BFLOAT16 else dtype.newbyteorder("<")


def _pieces(x: np.ndarray[Any, Any]) -> list[memoryview]:
    """The bytes of an array; a list, because an array without elements has none."""
    if not x.size:
        return []
    x = np.ascontiguousarray(x).reshape(-1)
    return [x.astype(_little(x.dtype), copy=False).view(np.uint8).data]


def _parse(path: Path, text: bytes) -> dict[str, Any]:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError("a name occurs twice")
        return found

    def constant(word: str) -> NoReturn:
        raise ValueError(f"{word} is no JSON")

    try:
        if not text.startswith(b"{"):
            raise ValueError("it does not start with '{'")
        raw = json.loads(text.decode("utf-8"), object_pairs_hook=unique, parse_constant=constant)
    except (ValueError, RecursionError) as problem:
        refuse(path, f"its header is not JSON of a checkpoint: {problem}")
    assert isinstance(raw, dict)
    return raw


def _metadata(path: Path, given: Any) -> dict[str, str]:
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        refuse(path, "its metadata are not a dict of strings")
    return given


def _entries(
    path: Path, raw: Mapping[str, Any], data_bytes: int
) -> list[tuple[str, np.dtype[Any], tuple[int, ...], int, int]]:
    entries = []
    for name, entry in raw.items():
        if not isinstance(entry, dict) or set(entry) != _FIELDS:
            refuse(path, f"{name!r} has not exactly the fields {sorted(_FIELDS)}")
        dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
        if not isinstance(dtype, str) or dtype not in DTYPES:
            refuse(path, f"{name!r} has the unknown dtype {str(dtype)[:40]!r}")
        if not _sizes(shape) or len(shape) > _MAX_NDIM:
            refuse(path, f"{name!r} has a shape that is none: {str(shape)[:80]}")
        if not _sizes(offsets) or len(offsets) != 2:
            refuse(path, f"{name!r} has offsets that are none: {str(offsets)[:80]}")
        start, stop = offsets
        if not start <= stop <= data_bytes:
            what = f"{name!r} lies in bytes {start} to {stop} of {data_bytes}"
            refuse(path, f"{what}: it is cut off, or its header is damaged")
        need = math.prod(shape) * DTYPES[dtype].itemsize
        if need != stop - start:
            refuse(path, f"{name!r}, {dtype} {shape}, has {stop - start} bytes instead of {need}")
        entries.append((name, DTYPES[dtype], tuple(shape), start, stop))
    entries.sort(key=lambda entry: entry[3:])
    end = 0
    for name, _, _, start, stop in entries:
        if start != end:
            what = "overlaps the array before it" if start < end else "leaves a gap before it"
            refuse(path, f"{name!r} {what}")
        end = stop
    if end != data_bytes:
        refuse(path, f"{data_bytes - end} bytes follow the last array")
    return entries


def _sizes(given: Any) -> bool:
    return isinstance(given, list) and all(
        isinstance(n, int) and not isinstance(n, bool) and 0 <= n < 2**63 for n in given
    )


def refuse(path: Path, problem: str) -> NoReturn:
    """Raise for a file that is no whole checkpoint."""
    raise CheckpointError(
        f"training.checkpoint.load: expected a whole checkpoint; got {str(path)!r}: {problem}. "
        "Remedy: load an earlier checkpoint, or copy this one again."
    )
