"""Resident memory of this process, now and at its peak."""

from __future__ import annotations

import ctypes
import gc
import sys
from pathlib import Path
from typing import Any

__all__ = ["peak", "resident", "settle"]

STATUS = Path("/proc/self/status")
PEAK_RESET = Path("/proc/self/clear_refs")


def settle() -> None:
    """Give back what is free and start a new peak, as far as the system knows how.

    On macOS and Windows the peak is that of the whole life of the process, so that growth found
    from it is a lower bound.
    """
    gc.collect()
    if sys.platform == "linux":
        try:
            ctypes.CDLL(None).malloc_trim(0)
        except (AttributeError, OSError):
            pass  # not glibc
        try:
            PEAK_RESET.write_text("5")
        except OSError:
            pass


def resident() -> int:
    """Bytes resident now; the peak where only that is known."""
    if sys.platform == "linux":
        return _linux("VmRSS")
    return _windows().WorkingSetSize if sys.platform == "win32" else peak()


def peak() -> int:
    """The largest number of bytes resident since ``settle``, or since the start.

    >>> peak() >= resident() > 0
    True
    """
    if sys.platform == "linux":
        return max(_linux("VmHWM"), _linux("VmRSS"))
    if sys.platform == "win32":
        return int(_windows().PeakWorkingSetSize)
    resource: Any = __import__("resource")
    bytes_each = 1 if sys.platform == "darwin" else 1024
    return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) * bytes_each


def _linux(field: str) -> int:
    for line in STATUS.read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    return 0


def _windows() -> Any:
    class Counters(ctypes.Structure):
        _fields_ = [
            ("cb", ctypes.c_uint32),
            ("PageFaultCount", ctypes.c_uint32),
            ("PeakWorkingSetSize", ctypes.c_size_t),
            ("WorkingSetSize", ctypes.c_size_t),
            ("rest", ctypes.c_size_t * 6),
        ]

    kernel: Any = ctypes.WinDLL("kernel32")  # type: ignore[attr-defined, unused-ignore]
    kernel.GetCurrentProcess.restype = ctypes.c_void_p
    kernel.K32GetProcessMemoryInfo.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint32]
    counters = Counters(cb=ctypes.sizeof(Counters))
    kernel.K32GetProcessMemoryInfo(kernel.GetCurrentProcess(), ctypes.byref(counters), counters.cb)
    return counters
