"""Messages between the main process and its workers.

A message is pickled with the memory of large arrays left out. That memory, and pickles that are
large themselves, go through a segment of shared memory (``_object/shared_memory.py``) whose
descriptor follows the message, so that what passes through the pipe is always short. Where there
are no such segments everything goes through the pipe.
"""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import pkgutil
import socket
import struct
import sys
from collections.abc import Sequence
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from typing import Any

import numpy as np

from functorch_lite.torch._core.tensor import Tensor, memory, strides_of
from functorch_lite.torch._object import shared_memory
from functorch_lite.torch._object.pickling import attributes
from functorch_lite.torch._object.untyped_storage import UntypedStorage, of_bytes, over

__all__ = ["Carried", "Channel", "Encoded", "encode"]

APART = 16384
"""From so many bytes on, memory does not go through the pipe."""

_SIZE = struct.Struct("<Q")
_PACKAGE = "functorch_lite."


def _buffer(data: Any) -> pickle.PickleBuffer:
    """Bytes that a pickle may leave out."""
    return pickle.PickleBuffer(data)


def _stored(data: Any) -> UntypedStorage:
    """The storage over memory that was sent."""
    return of_bytes(np.frombuffer(data, np.uint8))


def _viewed(data: Any, dtype: Any, size: Any, stride: Any, wants_grad: bool) -> Tensor:
    """The tensor over the part of a storage that was sent."""
    made = over(_stored(data), dtype, 0, size, stride)
    made._rg = wants_grad
    return made


def _named(name: str) -> Any:
    """The class of a name."""
    return pkgutil.resolve_name(name)


class _Pickler(ForkingPickler):
    """Leaves the memory of storages out, and knows our classes where `torch` is no name of ours.

    Attributes:
        shares: whether shared memory goes by its descriptor, as ``multiprocessing`` sends it.
    """

    shares = False

    def reducer_override(self, obj: Any) -> Any:
        """How an object is pickled; ``NotImplemented`` for as always."""
        if obj.__class__ is UntypedStorage:
            if not len(obj) or (self.shares and obj.is_shared()):
                return NotImplemented
            return _stored, (_buffer(obj._bytes),)
        if isinstance(obj, Tensor):
            return self._tensor(obj)
        return self._class(obj) if isinstance(obj, type) else NotImplemented

    def _class(self, cls: type) -> Any:
        module, name = _PACKAGE + cls.__module__, cls.__name__
        own = sys.modules.get(module)
        if own is None or getattr(own, name, None) is not cls:
            return NotImplemented
        return _named, (f"{module}:{name}",)

    def _tensor(self, t: Tensor) -> Any:
        if t._fn is not None:
            raise RuntimeError(
                "Cowardly refusing to serialize non-leaf tensor which requires_grad, since "
                "autograd does not support crossing process boundaries.  If you just want to "
                "transfer the data, call detach() on the tensor before serializing (e.g., putting "
                "it on the queue)."
            )
        array = t._np
        if t.__class__ is not Tensor or not array.size or attributes(t):
            return NotImplemented
        reach = sum((n - 1) * s for n, s in zip(array.shape, array.strides, strict=True))
        reach += array.itemsize
        data = memory(t)
        if reach == data.size or self.shares:
            return NotImplemented
        # A row of a large data set must not take the data set along.
        start = t._offset * array.itemsize
        part = _buffer(data[start : start + reach])
        return _viewed, (part, t.dtype, array.shape, strides_of(array), t.requires_grad)


class Encoded:
    """A message on its way.

    Attributes:
        head: the pickle.
        apart: memory that the pickle leaves out.
    """

    __slots__ = ("apart", "head")

    def __init__(self, head: memoryview, apart: list[memoryview]) -> None:
        self.head = head
        self.apart = apart

    @property
    def piped(self) -> int:
        """How many bytes go through the pipe."""
        if shared_memory.AVAILABLE and (self.apart or self.head.nbytes > APART):
            return _SIZE.size
        return self.head.nbytes


def encode(message: Any) -> Encoded:
    """Pickle a message.

    Args:
        message: anything that can be pickled; memory of tensors and arrays is not copied yet.
    """
    apart: list[memoryview] = []

    def leave_out(buffer: pickle.PickleBuffer) -> bool:
        raw = buffer.raw()
        if raw.nbytes < APART:
            return True
        apart.append(raw)
        return False

    file = io.BytesIO()
    _Pickler(file, 5, True, leave_out if shared_memory.AVAILABLE else None).dump(message)
    return Encoded(file.getbuffer(), apart)


def _load(data: memoryview) -> Any:
    """The message in a segment: numbers that say where its pieces are, and the pieces."""
    (count,) = struct.unpack_from("<Q", data)
    bounds = struct.unpack_from(f"<{2 * count}Q", data, 8)
    pieces = [data[a:b] for a, b in zip(bounds[::2], bounds[1::2], strict=True)]
    return pickle.loads(pieces[0], buffers=pieces[1:])


def _put(fd: int, pieces: Sequence[memoryview]) -> int:
    """Write a message as ``_load`` reads it; how many bytes it takes."""
    count = len(pieces)
    places = shared_memory.written(fd, [bytes(8 + 16 * count), *pieces])[1:]
    bounds = [b for at, p in zip(places, pieces, strict=True) for b in (at, at + p.nbytes)]
    shared_memory.written(fd, [struct.pack(f"<{1 + 2 * count}Q", count, *bounds)])
    return bounds[-1]


@contextlib.contextmanager
def _socket(connection: Connection) -> Any:
    with socket.fromfd(connection.fileno(), socket.AF_UNIX, socket.SOCK_STREAM) as found:
        # The default timeout of a program would make the connection non-blocking, too.
        found.settimeout(None)
        yield found


class Channel:
    """One end of a pipe for messages, in both directions.

    Args:
        connection: the end of a duplex pipe.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def put(self, message: Encoded) -> None:
        """Send a message. Raises OSError where nobody can receive it any more."""
        if message.piped == message.head.nbytes:
            self.connection.send_bytes(b"\0" + message.head)
            return
        fd = shared_memory.new_segment()
        try:
            size = _put(fd, [message.head, *message.apart])
            self.connection.send_bytes(b"\1" + _SIZE.pack(size))
            with _socket(self.connection) as out:
                socket.send_fds(out, [b"\0"], [fd])
        finally:
            os.close(fd)

    def get(self) -> Any:
        """Receive a message.

        Raises:
            EOFError, OSError: the other end is gone.
        """
        message = self.connection.recv_bytes()
        if message[0] == 0:
            return pickle.loads(memoryview(message)[1:])
        (size,) = _SIZE.unpack_from(message, 1)
        with _socket(self.connection) as source:
            _, fds, _, _ = socket.recv_fds(source, 1, 1)
        if not fds:
            raise EOFError("a message came without its memory")
        try:
            data = shared_memory.mapped(fds[0], size)
        finally:
            os.close(fds[0])
        return _load(data)

    def is_ready(self) -> bool:
        """Whether something can be received, or the other end is gone."""
        return self.connection.poll()

    def close(self) -> None:
        """Close this end."""
        self.connection.close()


def _unpacked(data: bytes) -> Carried:
    return Carried(pickle.loads(data))


class Carried:
    """What a process is started with, pickled as messages are.

    Attributes:
        value: any object.
    """

    def __init__(self, value: Any) -> None:
        self.value = value

    def __reduce__(self) -> tuple[Any, ...]:
        # Called while the process starts, when what only children inherit can be pickled.
        file = io.BytesIO()
        pickler = _Pickler(file, 5)
        pickler.shares = True
        pickler.dump(self.value)
        return _unpacked, (file.getvalue(),)
