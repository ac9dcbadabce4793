"""Streams, events and graphs of a GPU: making one fails as in PyTorch's CPU build.

Source: ``torch.cuda.streams``.
"""

from __future__ import annotations

from typing import Any, NoReturn

__all__ = ["CUDAGraph", "DeferredCudaCallError", "Event", "ExternalStream", "MemPool", "Stream"]


class DeferredCudaCallError(Exception):
    """A call put off until the GPU is in use failed. Source: ``torch.cuda``."""

    __module__ = "torch.cuda"


def _absent(name: str, module: str, about: str, message: str) -> Any:
    def new(cls: type, *args: Any, **kwargs: Any) -> NoReturn:
        raise RuntimeError(message)

    doc = f"{about}; without a GPU making one fails. Source: ``torch.cuda.{name}``."
    return type(name, (), {"__new__": new, "__module__": module, "__doc__": doc})


Stream = _absent(
    "Stream", "torch.cuda.streams", "An order of operations",
    "torch.cuda.Stream requires CUDA support",
)  # fmt: skip
ExternalStream = type("ExternalStream", (Stream,), {"__module__": "torch.cuda.streams"})
Event = _absent(
    "Event", "torch.cuda.streams", "A place in a stream",
    "Tried to instantiate dummy base class Event",
)  # fmt: skip
CUDAGraph = _absent(
    "CUDAGraph", "torch.cuda.graphs", "Operations to be run again",
    "Tried to instantiate dummy base class CUDAGraph",
)  # fmt: skip
MemPool = _absent(
    "MemPool", "torch.cuda.memory", "Memory of its own",
    "Tried to instantiate dummy base class MemPool",
)  # fmt: skip
