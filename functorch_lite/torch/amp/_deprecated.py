"""The forms of one kind of device each, which PyTorch keeps for old scripts."""

from __future__ import annotations

import warnings
from typing import Any

from functorch_lite.torch._core.dtypes import dtype
from functorch_lite.torch.amp.autocast_mode import autocast
from functorch_lite.torch.amp.grad_scaler import GradScaler

__all__ = ["autocast_of", "grad_scaler_of", "warn_deprecated"]


def warn_deprecated(old: str, new: str) -> None:
    """Warn of a function that has another name by now, at the line that called it."""
    warnings.warn(
        f"`torch.{old}` is deprecated. Please use `torch.{new}` instead.",
        FutureWarning,
        stacklevel=3,
    )


def autocast_of(kind: str, lower: dtype) -> type[autocast]:
    """The deprecated ``autocast`` of a kind of device.

    Args:
        lower: its lower precision.
    """

    def __init__(
        self: Any, enabled: bool = True, dtype: dtype = lower, cache_enabled: bool = True
    ) -> None:
        warn_deprecated(f"{kind}.amp.autocast(args...)", f"amp.autocast('{kind}', args...)")
        self._set_up(kind, dtype, enabled, cache_enabled, 3)

    return _class(autocast, kind, "autocast_mode", __init__)


def grad_scaler_of(kind: str) -> type[GradScaler]:
    """The deprecated ``GradScaler`` of a kind of device."""

    def __init__(
        self: Any, init_scale: float = 2.0**16, growth_factor: float = 2.0,
        backoff_factor: float = 0.5, growth_interval: int = 2000, enabled: bool = True,
    ) -> None:  # fmt: skip
        warn_deprecated(f"{kind}.amp.GradScaler(args...)", f"amp.GradScaler('{kind}', args...)")
        GradScaler.__init__(
            self, kind, init_scale, growth_factor, backoff_factor, growth_interval, enabled
        )

    return _class(GradScaler, kind, "grad_scaler", __init__)


def _class(base: type, kind: str, module: str, init: Any) -> Any:
    name = base.__name__
    init.__qualname__ = f"{name}.__init__"
    space = {
        "__init__": init,
        "__module__": f"torch.{kind}.amp.{module}",
        "__doc__": f"``torch.amp.{name}`` for one kind of device; deprecated. "
        f"Source: ``torch.{kind}.amp.{name}``.",
    }
    return type(name, (base,), space)
