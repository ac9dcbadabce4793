"""Batches in pinned memory, of which there is none without an accelerator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from functorch_lite.torch.utils.data._utils.collate import like_mapping, like_sequence

__all__ = ["pin_memory"]


def pin_memory(data: Any, device: Any = None) -> Any:
    """A batch whose tensors, and what else has ``pin_memory()``, are in pinned memory.

    Args:
        data: tensors and containers of them.
        device: what the memory is pinned for.

    Returns:
        The same containers.

    Source: ``torch.utils.data._utils.pin_memory.pin_memory``.
    """
    if hasattr(data, "pin_memory"):
        return data.pin_memory()
    if isinstance(data, (str, bytes)):
        return data
    if isinstance(data, Mapping):
        return like_mapping(data, {key: pin_memory(each, device) for key, each in data.items()})
    if isinstance(data, tuple):
        pinned = (pin_memory(each, device) for each in data)
        return type(data)(*pinned) if hasattr(data, "_fields") else type(data)(pinned)
    if isinstance(data, Sequence):
        return like_sequence(data, [pin_memory(each, device) for each in data])
    return data
