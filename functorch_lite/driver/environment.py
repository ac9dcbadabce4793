"""What there is to compute with: devices, the process, arrays that live, versions."""

from __future__ import annotations

import gc
import platform
import sys
from typing import Any

import ml_dtypes
import numpy as np
import optree

from functorch_lite.core import device as _device
from functorch_lite.core.array import Array, StackArray, Tracer, is_arraylike, is_weak, lift
from functorch_lite.core.aval import Aval, describe
from functorch_lite.core.device import Device
from functorch_lite.core.op import enable_devices
from functorch_lite.core.trace import state
from functorch_lite.errors import DeviceError

__all__ = [
    "default_backend",
    "default_device",
    "device_count",
    "devices",
    "effects_barrier",
    "live_arrays",
    "local_device_count",
    "local_devices",
    "print_environment_info",
    "process_count",
    "process_index",
    "process_indices",
    "typeof",
]

_KINDS = {"cpu": "cpu", "gpu": "cuda", "cuda": "cuda"}


def devices(backend: str | None = None) -> list[Device]:
    """The devices of this machine: the CPU, then its GPUs.

    Args:
        backend: ``"cpu"`` or ``"gpu"`` for those alone.

    Raises:
        DeviceError: there is none of that kind.

    >>> devices("cpu")
    [Device('cpu')]

    Source: ``jax.devices``.
    """
    found = _device.devices()
    if backend is None:
        return found
    kind = _KINDS.get(backend)
    chosen = [d for d in found if d.kind == kind]
    if not chosen:
        there = ", ".join(sorted({d.kind for d in found}))
        raise DeviceError(
            f"devices: expected a backend with devices here, which are {there}; got {backend!r}. "
            "Remedy: devices() lists all of them."
        )
    return chosen


def device_count(backend: str | None = None) -> int:
    """The number of devices.

    >>> device_count("cpu")
    1

    Source: ``jax.device_count``.
    """
    return len(devices(backend))


def local_devices(process_index: int | None = None, backend: str | None = None) -> list[Device]:
    """The devices of a process, which are all: there is one process.

    Raises:
        ValueError: another process than 0.

    >>> local_devices(backend="cpu")
    [Device('cpu')]

    Source: ``jax.local_devices``.
    """
    if process_index not in (None, 0):
        raise ValueError(
            f"local_devices: expected process_index to be 0, the only process; got "
            f"{process_index!r}. Remedy: leave it out."
        )
    return devices(backend)


def local_device_count(backend: str | None = None) -> int:
    """The number of devices of this process, which are all.

    >>> local_device_count("cpu")
    1

    Source: ``jax.local_device_count``.
    """
    return device_count(backend)


def process_index(backend: str | None = None) -> int:
    """The number of this process: 0, the only one.

    >>> process_index()
    0

    Source: ``jax.process_index``.
    """
    del backend
    return 0


def process_count(backend: str | None = None) -> int:
    """How many processes compute together: 1.

    >>> process_count()
    1

    Source: ``jax.process_count``.
    """
    del backend
    return 1


def process_indices(backend: str | None = None) -> list[int]:
    """The numbers of all processes that compute together.

    >>> process_indices()
    [0]

    Source: ``jax.process_indices``.
    """
    return list(range(process_count(backend)))


def default_backend() -> str:
    """The kind of device on which arrays are made: ``"cpu"``, or ``"gpu"`` in a ``default_device``.

    >>> default_backend()
    'cpu'

    Source: ``jax.default_backend``.
    """
    return _device.parse(state.device).platform


class default_device:
    """Context in which new arrays are made on a device.

    Args:
        device: ``"cpu"``, ``"cuda"``, ``"cuda:N"`` or a Device; None changes nothing.

    Raises:
        DeviceError: there is no such device.

    >>> import functorch_lite.numpy as fnp
    >>> with default_device("cpu"):
    ...     x = fnp.ones(3)
    >>> x.device
    Device('cpu')

    Source: ``jax.default_device``.
    """

    def __init__(self, device: str | Device | None = None) -> None:
        self._device = state.device if device is None else as_default(device)
        self._was: list[Any] = []

    def __enter__(self) -> None:
        self._was.append(state.device)
        state.device = self._device

    def __exit__(self, *exc: object) -> None:
        state.device = self._was.pop()


def as_default(device: Any) -> Device | None:
    """A device as the state of a thread holds it: None for the CPU."""
    found = _device.parse(device)
    if found.kind == "cpu":
        return None
    enable_devices()
    return found


def effects_barrier() -> None:
    """Wait until everything that has been called is done, callbacks included.

    On the CPU a call returns when it is done; GPUs are waited for.

    >>> effects_barrier()

    Source: ``jax.effects_barrier``.
    """
    if _device.cuda_count():
        import cupy

        for index in range(_device.cuda_count()):
            with cupy.cuda.Device(index):
                cupy.cuda.get_current_stream().synchronize()


def live_arrays(platform: str | None = None) -> list[Array]:
    """The arrays that exist in this process, those that the library holds included.

    Args:
        platform: ``"cpu"`` or ``"gpu"`` for those alone.

    >>> import functorch_lite.numpy as fnp
    >>> x = fnp.ones(3)
    >>> any(y is x for y in live_arrays())
    True

    Source: ``jax.live_arrays``.
    """
    # By type: isinstance would ask every object of the process for its __class__.
    kinds = {type(x) for x in gc.get_objects()}
    shown = {k for k in kinds if issubclass(k, Array) and not issubclass(k, (Tracer, StackArray))}
    found = [x for x in gc.get_objects() if type(x) in shown]
    if platform is None:
        return found
    kind = _KINDS.get(platform)
    return [x for x in found if _device.of(x).kind == kind]


def typeof(x: Any) -> Aval:
    """Shape and dtype of an array or number; inside transforms, too.

    Raises:
        TypeError: for anything else.

    >>> import functorch_lite.numpy as fnp
    >>> typeof(fnp.ones((2, 3)))
    ShapeDtypeStruct(shape=(2, 3), dtype=float32)

    Source: ``jax.typeof``.
    """
    if not is_arraylike(x):
        raise TypeError(
            f"typeof: expected an array or a number; got {describe(x)}. Remedy: "
            "fl.tree.map(fl.typeof, x) for a container of arrays."
        )
    aval = lift(x).aval
    return Aval(aval.shape, aval.dtype, True) if is_weak(x) else aval


def print_environment_info(return_string: bool = False) -> str | None:
    """Versions and devices, for a question or a report of a bug.

    Args:
        return_string: return the text instead of printing it.

    >>> "numpy:" in print_environment_info(return_string=True)
    True

    Source: ``jax.print_environment_info``.
    """
    lines = {
        "numpy": np.__version__,
        "ml_dtypes": ml_dtypes.__version__,
        "optree": optree.__version__,
        "python": sys.version.replace("\n", " "),
        "devices": ", ".join(d.name for d in _device.devices()),
        "platform": platform.platform(),
    }
    text = "\n".join(f"{name + ':':<11}{value}" for name, value in lines.items())
    if return_string:
        return text
    print(text)
    return None
