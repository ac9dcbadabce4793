"""Devices: the CPU, and CUDA GPUs through CuPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.core.array import Array, Tracer, lift, wrap
from functorch_lite.core.op import enable_devices
from functorch_lite.errors import DeviceError

__all__ = ["Device", "cuda_count", "devices", "of", "parse", "put"]


class Device:
    """A place where arrays live; compares equal to its name.

    Args:
        kind: ``"cpu"`` or ``"cuda"``.
        index: number of the GPU.

    >>> Device("cpu")
    Device('cpu')
    """

    __slots__ = ("index", "kind")

    def __init__(self, kind: str, index: int = 0) -> None:
        self.kind = kind
        self.index = index

    @property
    def name(self) -> str:
        """``cpu`` or ``cuda:N``."""
        return self.kind if self.kind == "cpu" else f"{self.kind}:{self.index}"

    @property
    def platform(self) -> str:
        """``cpu`` or ``gpu``."""
        return "cpu" if self.kind == "cpu" else "gpu"

    @property
    def id(self) -> int:
        """Number among the devices of its kind."""
        return self.index

    @property
    def process_index(self) -> int:
        """Number of the process that it belongs to: there is one."""
        return 0

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"Device({self.name!r})"

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str):
            return other == self.name or (other == "cuda" and self.name == "cuda:0")
        return isinstance(other, Device) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)


CPU = Device("cpu")


def parse(device: Any) -> Device:
    """A Device from a name, a Device or None (the CPU).

    Raises:
        DeviceError: for an unknown name, or a GPU that is not there.
    """
    if device is None:
        return CPU
    if isinstance(device, Device):
        found = device
    else:
        kind, _, index = str(device).partition(":")
        if kind not in ("cpu", "cuda", "gpu") or (index and not index.isdigit()):
            raise DeviceError(f"unknown device {device!r}; use 'cpu', 'cuda' or 'cuda:N'")
        found = CPU if kind == "cpu" else Device("cuda", int(index or 0))
    if found.kind == "cuda" and found.index >= cuda_count():
        raise DeviceError(no_gpu_message(found))
    return found


def no_gpu_message(device: Device) -> str:
    """Why a GPU cannot be used."""
    if cuda_count():
        return f"there is no device {device.name}; this machine has {cuda_count()} CUDA device(s)"
    return (
        f"device {device.name} needs an NVIDIA GPU, its driver and CuPy, and none was found. Use "
        "device 'cpu', or install the extra: pip install 'functorch_lite[cuda12]'"
    )


def cuda_count() -> int:
    """Number of usable CUDA devices; 0 where CuPy or the driver is missing."""
    try:
        import cupy

        return int(cupy.cuda.runtime.getDeviceCount())
    except Exception:  # CuPy raises its own types for a missing driver, library or device
        return 0


def devices() -> list[Device]:
    """All devices, the default first."""
    return [CPU, *[Device("cuda", i) for i in range(cuda_count())]]


def of(x: Array) -> Device:
    """Where a concrete array lives; a tracer on the CPU unless it wraps a concrete one."""
    while isinstance(x, Tracer):
        inner = getattr(x, "primal", None)
        if inner is None:
            inner = getattr(x, "value", None)
        if inner is None:
            return CPU
        x = inner
    data = x._data
    return CPU if isinstance(data, np.ndarray) else Device("cuda", int(data.device.id))


def put(x: Any, device: Any = None) -> Array:
    """An array on a device; unchanged if it is there already or is being traced."""
    target = parse(device)
    array = lift(x)
    if isinstance(array, Tracer) or of(array) == target:
        return array
    if target.kind == "cpu":
        return wrap(array._data.get())
    import cupy

    enable_devices()
    with cupy.cuda.Device(target.index):
        return wrap(cupy.asarray(array._data))
