"""Tensors whose memory other processes see."""

from __future__ import annotations

import gc
import sys
from typing import Any

import numpy as np

from functorch_lite.torch._core.public import method
from functorch_lite.torch._core.tensor import Tensor, memory
from functorch_lite.torch._object.shared_memory import is_shared, shared
from functorch_lite.torch._object.untyped_storage import UntypedStorage, rebind, untyped

__all__ = ["share"]


def _own_references() -> int:
    data = object()
    return sys.getrefcount(data)


# What ``sys.getrefcount`` counts of a name and of the call itself differs between Pythons.
_OWN = _own_references()


def _holders(data: np.ndarray[Any, Any]) -> list[Tensor]:
    """The tensors over a piece of memory."""
    referrers = gc.get_referrers(data)
    found = [t for t in referrers if isinstance(t, Tensor) and t._memory is data]
    # Attributes may lie in a dict of their own; the tensor is what refers to that.
    attributes = [d for d in referrers if isinstance(d, dict) and d.get("_memory") is data]
    if attributes:
        owners = gc.get_referrers(*attributes)
        found += [t for t in owners if isinstance(t, Tensor) and t._memory is data]
    return list({id(t): t for t in found}.values())


def share(storage: UntypedStorage, tensor: Tensor | None = None) -> None:
    """Move a storage to shared memory, with all tensors over it.

    Args:
        storage: the memory.
        tensor: one of them, if it is at hand.
    """
    data = storage._bytes
    if is_shared(data):
        return
    made = shared(data)
    # The storage; the tensor, and its array where that is a view of it.
    alone = _OWN + (3 if tensor is not None and tensor._np.base is data else 2)
    if tensor is not None and sys.getrefcount(data) <= alone:
        holders = [tensor]
    else:
        holders = _holders(data)
    for t in holders:
        array = t._np
        place = t._offset * array.itemsize
        # An empty tensor may begin where its memory ends.
        source = made if array.size else made[:0]
        t._np = np.ndarray(array.shape, array.dtype, source, place if array.size else 0,
                           array.strides)  # fmt: skip
        t._memory = made
    rebind(storage, made)


@method()
def share_memory_(self: Tensor) -> Tensor:
    """Move its memory to where other processes see it; tensors that share the memory come along.

    Processes that are forked, and those that it is sent to, write to the same memory.

    Source: ``torch.Tensor.share_memory_``.
    """
    memory(self)
    share(untyped(self), self)
    return self


def _share_memory_(self: UntypedStorage) -> UntypedStorage:
    """Move it to where other processes see it.

    Source: ``torch.UntypedStorage.share_memory_``.
    """
    share(self)
    return self


UntypedStorage.share_memory_ = _share_memory_  # type: ignore[attr-defined]
