"""Modules without first values."""

from __future__ import annotations

import inspect
from typing import Any

from functorch_lite.torch._core.device import device as _device
from functorch_lite.torch.nn.modules.module import Module

__all__ = ["skip_init"]


def skip_init(module_cls: Any, *args: Any, **kwargs: Any) -> Any:
    """A module whose parameters are not filled.

    Args:
        module_cls: its class, whose constructor takes ``device``.
        args, kwargs: the constructor's arguments.

    Raises:
        RuntimeError: it is no class of modules, or its constructor takes no device.

    Source: ``torch.nn.utils.skip_init``.
    """
    if not issubclass(module_cls, Module):
        raise RuntimeError(f"Expected a Module; got {module_cls}")
    if "device" not in inspect.signature(module_cls).parameters:
        raise RuntimeError("Module must support a 'device' arg to skip initialization")
    final = kwargs.pop("device", "cpu")
    kwargs["device"] = _device("meta")
    return module_cls(*args, **kwargs).to_empty(device=final)
