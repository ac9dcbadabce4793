"""What the package is built with, and which module answers for a device."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from functorch_lite.torch._core.device import device as Device
from functorch_lite.torch._core.layout import contiguous_format

__all__ = [
    "get_device_module", "has_lapack", "has_mkl", "has_openmp", "has_spectral",
    "legacy_contiguous_format",
]  # fmt: skip

has_lapack = True
has_spectral = True
has_mkl = False
has_openmp = False
legacy_contiguous_format = contiguous_format


def get_device_module(device: Any = None) -> ModuleType:
    """The module that answers for a kind of device.

    Args:
        device: a device or its name; the CPU by default.

    Raises:
        RuntimeError: it is no device, or there is no such module.

    Source: ``torch.get_device_module``.
    """
    if device is not None and not isinstance(device, (str, Device)):
        raise RuntimeError(
            f"Invalid value of device '{device}', expect torch.device, str, or None"
        )
    kind = "cpu" if device is None else Device(device).type
    module = getattr(sys.modules["functorch_lite.torch"], kind, None)
    if module is None:
        raise RuntimeError(
            f"Device '{kind}' does not have a corresponding module registered as 'torch.{kind}'."
        )
    return module
