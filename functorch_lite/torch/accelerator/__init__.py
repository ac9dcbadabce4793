"""Questions about whatever accelerator there is, answered as where there is none.

Source: ``torch.accelerator``.
"""

from __future__ import annotations

import warnings
from typing import Any, NoReturn

from functorch_lite.torch._core.device import device as Device

__all__ = [
    "current_accelerator", "current_device_idx", "current_device_index", "current_stream",
    "device_count", "device_index", "empty_cache", "empty_host_cache", "get_device_capability",
    "get_memory_info", "is_available", "max_memory_allocated", "max_memory_reserved",
    "memory_allocated", "memory_reserved", "memory_stats", "reset_accumulated_memory_stats",
    "reset_peak_memory_stats", "set_device_idx", "set_device_index", "set_stream", "synchronize",
]  # fmt: skip


def is_available() -> bool:
    """Whether there is an accelerator. Source: ``torch.accelerator.is_available``."""
    return False


def device_count() -> int:
    """How many there are. Source: ``torch.accelerator.device_count``."""
    return 0


def current_accelerator(check_available: bool = False) -> Device | None:
    """The kind of accelerator, or None. Source: ``torch.accelerator.current_accelerator``."""
    return None


def refuse(*_: Any, **__: Any) -> NoReturn:
    """What every use of an accelerator meets."""
    raise RuntimeError("Cannot access accelerator device when none is available.")


def _refusing(name: str, about: str) -> Any:
    def f(*args: Any, **kwargs: Any) -> NoReturn:
        refuse()

    f.__name__ = f.__qualname__ = name
    f.__doc__ = f"{about}; there is none: raises. Source: ``torch.accelerator.{name}``."
    return f


def _renamed(name: str, now: str) -> Any:
    def f(*args: Any, **kwargs: Any) -> NoReturn:
        warnings.warn(f"Use `{now}` instead.", FutureWarning, stacklevel=2)
        refuse()

    f.__name__ = f.__qualname__ = name
    f.__doc__ = f"An older name of ``{now}``. Source: ``torch.accelerator.{name}``."
    return f


current_device_index = _refusing("current_device_index", "The number of the current accelerator")
current_device_idx = _renamed("current_device_idx", "current_device_index")
set_device_index = _refusing("set_device_index", "Make an accelerator the current one")
set_device_idx = _renamed("set_device_idx", "set_device_index")
current_stream = _refusing("current_stream", "The current stream of an accelerator")
set_stream = _refusing("set_stream", "Make a stream the current one")
synchronize = _refusing("synchronize", "Wait for an accelerator")
get_device_capability = _refusing("get_device_capability", "What an accelerator can do")
empty_cache = _refusing("empty_cache", "Give cached memory back")
empty_host_cache = _refusing("empty_host_cache", "Give cached pinned memory back")
memory_stats = _refusing("memory_stats", "Statistics of memory")
memory_allocated = _refusing("memory_allocated", "Bytes in use")
max_memory_allocated = _refusing("max_memory_allocated", "Most bytes in use")
memory_reserved = _refusing("memory_reserved", "Bytes cached")
max_memory_reserved = _refusing("max_memory_reserved", "Most bytes cached")
get_memory_info = _refusing("get_memory_info", "Free and total bytes")
reset_peak_memory_stats = _refusing("reset_peak_memory_stats", "Start peaks anew")
reset_accumulated_memory_stats = _refusing("reset_accumulated_memory_stats", "Start sums anew")


class device_index:
    """A context in which an accelerator is the current one; None changes nothing.

    Args:
        device: its number, or None.

    Source: ``torch.accelerator.device_index``.
    """

    def __init__(self, device: int | None, /) -> None:
        self.idx = device

    def __enter__(self) -> None:
        if self.idx is not None:
            refuse()

    def __exit__(self, *exception: object) -> None:
        return None
