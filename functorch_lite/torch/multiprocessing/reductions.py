"""How tensors in shared memory go to other processes: by the descriptor of their memory."""

from __future__ import annotations

from multiprocessing.reduction import DupFd, ForkingPickler
from typing import Any

from functorch_lite.torch._object import shared_memory
from functorch_lite.torch._object.sharing import share
from functorch_lite.torch._object.untyped_storage import UntypedStorage, of_bytes

__all__ = ["ForkingPickler", "init_reductions", "share"]


def _attached(duplicate: Any, size: int) -> UntypedStorage:
    """The storage over a segment that another process has sent."""
    return of_bytes(shared_memory.attached(duplicate.detach(), size))


def _reduce_storage(storage: UntypedStorage) -> Any:
    fd = shared_memory.descriptor(storage._bytes)
    if fd is None:
        return storage.__reduce__()
    return _attached, (DupFd(fd), storage.nbytes())


def init_reductions() -> None:
    """Let ``multiprocessing`` send shared memory by its descriptor.

    Source: ``torch.multiprocessing.reductions.init_reductions``.
    """
    ForkingPickler.register(UntypedStorage, _reduce_storage)


init_reductions()
