"""Memory of a GPU: none is in use, none can be asked about. Source: ``torch.cuda.memory``."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NoReturn

__all__ = [
    "caching_allocator_alloc", "caching_allocator_enable", "get_per_process_memory_fraction",
    "host_memory_stats", "host_memory_stats_as_nested_dict", "max_memory_cached", "mem_get_info",
    "memory_cached", "memory_snapshot", "memory_stats_as_nested_dict", "memory_summary",
    "reset_accumulated_memory_stats", "reset_max_memory_allocated", "reset_max_memory_cached",
    "reset_peak_memory_stats", "set_per_process_memory_fraction",
]  # fmt: skip


def refuse(*_: Any, **__: Any) -> NoReturn:
    """What every use of a GPU meets."""
    raise AssertionError("Torch not compiled with CUDA enabled")


def _refusing(name: str, about: str) -> Any:
    def f(*args: Any, **kwargs: Any) -> NoReturn:
        refuse()

    f.__name__ = f.__qualname__ = name
    f.__doc__ = f"{about}; there is none: raises AssertionError. Source: ``torch.cuda.{name}``."
    return f


caching_allocator_alloc = _refusing("caching_allocator_alloc", "Take memory of a GPU")
get_per_process_memory_fraction = _refusing(
    "get_per_process_memory_fraction", "How much of a GPU's memory this process may use"
)
set_per_process_memory_fraction = _refusing(
    "set_per_process_memory_fraction", "Limit the memory of a GPU that this process uses"
)
mem_get_info = _refusing("mem_get_info", "Free and total bytes of a GPU")
memory_summary = _refusing("memory_summary", "A table of a GPU's memory")
memory_snapshot = _refusing("memory_snapshot", "All blocks of a GPU's memory")
reset_peak_memory_stats = _refusing("reset_peak_memory_stats", "Start a GPU's peaks anew")
reset_accumulated_memory_stats = _refusing(
    "reset_accumulated_memory_stats", "Start a GPU's sums anew"
)
reset_max_memory_allocated = _refusing("reset_max_memory_allocated", "Start a GPU's peak anew")
reset_max_memory_cached = _refusing("reset_max_memory_cached", "Start a GPU's peak anew")


def caching_allocator_enable(value: bool = True) -> None:
    """Whether memory of GPUs is cached; there is none."""


def memory_stats_as_nested_dict(device: Any = None) -> dict[str, Any]:
    """Statistics of a GPU's memory; none."""
    return {}


def host_memory_stats() -> OrderedDict[str, Any]:
    """Statistics of pinned memory; none."""
    return OrderedDict()


def host_memory_stats_as_nested_dict() -> dict[str, Any]:
    """Statistics of pinned memory; none."""
    return {}


def _renamed(name: str, now: str) -> Callable[..., int]:
    def f(device: Any = None) -> int:
        warnings.warn(
            f"`torch.cuda.{name}` has been renamed to `torch.cuda.{now}`",
            FutureWarning,
            stacklevel=2,
        )
        return 0

    f.__name__ = f.__qualname__ = name
    f.__doc__ = f"An older name of ``{now}``. Source: ``torch.cuda.{name}``."
    return f


memory_cached = _renamed("memory_cached", "memory_reserved")
max_memory_cached = _renamed("max_memory_cached", "max_memory_reserved")
