"""The few names of PyTorch's C module that other packages use. Source: ``torch._C``."""

from __future__ import annotations

from functorch_lite.torch._core.device import device
from functorch_lite.torch._core.dtypes import dtype
from functorch_lite.torch._core.layout import layout, memory_format
from functorch_lite.torch._core.public import disabled as _disabled_torch_function_impl
from functorch_lite.torch._core.size import Size
from functorch_lite.torch._object.generator import Generator
from functorch_lite.torch._object.streams import Event, Stream
from functorch_lite.torch._object.subclass import (
    DisableTorchFunction,
    DisableTorchFunctionSubclass,
)

__all__ = [
    "DisableTorchFunction", "DisableTorchFunctionSubclass", "Event", "Generator", "Size", "Stream",
    "_disabled_torch_function_impl", "_log_api_usage_once", "device", "dtype", "layout",
    "memory_format",
]  # fmt: skip


def _log_api_usage_once(event: str) -> None:
    """Note that something is used: nobody listens."""
