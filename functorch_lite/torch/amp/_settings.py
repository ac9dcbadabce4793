"""What autocast is set to in the current thread, as functions of ``torch``."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from functorch_lite.torch._core.autocast import DTYPES, casting
from functorch_lite.torch._core.device import device
from functorch_lite.torch._core.dtypes import dtype
from functorch_lite.torch._core.layout import type_name

__all__ = ["FUNCTIONS", "is_available", "kind_of"]

_KINDS = tuple(kind for kind in DTYPES if kind != "hip")


def kind_of(name: str, device_type: Any) -> str:
    """A kind of device by its name.

    Args:
        name: of the function that was called.

    Raises:
        TypeError: it is no string.
        RuntimeError: there is no such kind.
    """
    _check(name, "device_type", 1, device_type, str)
    return device(device_type).type


def is_available(kind: str) -> bool:
    """Whether autocast knows a kind of device."""
    return kind in _KINDS


def _check(name: str, argument: str, place: int, value: Any, wanted: type) -> None:
    if not isinstance(value, wanted):
        kind = "torch.dtype" if wanted is dtype else wanted.__name__
        raise TypeError(
            f"{name}(): argument '{argument}' (position {place}) must be {kind}, not "
            f"{type_name(value)}"
        )


def _known(name: str, device_type: Any) -> str:
    kind = kind_of(name, device_type)
    if not is_available(kind):
        raise RuntimeError(
            "unknown device type for autocast in get_autocast_dispatch_key_from_device_type"
        )
    return kind


# ------------------------------------------------------------------------------------ on and off
def is_autocast_enabled(device_type: str = "cuda") -> bool:
    """Whether autocast is on for a kind of device.

    >>> is_autocast_enabled("cpu")
    False

    Source: ``torch.is_autocast_enabled``.
    """
    return _known("is_autocast_enabled", device_type) in casting.kinds


def set_autocast_enabled(*args: Any, **kwargs: Any) -> None:
    """Switch autocast on or off.

    Args:
        args: a kind of device, the GPU by default, and whether it is to be on.

    Raises:
        TypeError: they are something else.

    Source: ``torch.set_autocast_enabled``.
    """
    names = ("enabled",) if len(args) + len(kwargs) == 1 else ("device_type", "enabled")
    given = dict(zip(names, args, strict=False)) | kwargs
    if len(args) + len(kwargs) != len(names) or given.keys() != set(names):
        raise TypeError(
            "set_autocast_enabled() received an invalid combination of arguments; expected "
            "(str device_type, bool enabled) or (bool enabled)"
        )
    enabled = given["enabled"]
    _check("set_autocast_enabled", "enabled", len(names), enabled, bool)
    kind = _known("set_autocast_enabled", given.get("device_type", "cuda"))
    others = tuple(k for k in casting.kinds if k != kind)
    casting.switch((*others, kind) if enabled else others)


def get_autocast_dtype(device_type: str) -> dtype:
    """The lower precision for a kind of device.

    >>> get_autocast_dtype("cpu")
    torch.bfloat16

    Source: ``torch.get_autocast_dtype``.
    """
    found = casting.dtypes.get(kind_of("get_autocast_dtype", device_type))
    if found is None:
        raise RuntimeError("unsupported scalarType")
    return found


def set_autocast_dtype(device_type: str, dtype: Any) -> None:
    """Set the lower precision for a kind of device. Source: ``torch.set_autocast_dtype``."""
    kind = kind_of("set_autocast_dtype", device_type)
    _check("set_autocast_dtype", "dtype", 2, dtype, _DType)
    casting.dtypes[kind] = dtype


_DType = dtype


# ------------------------------------------------------------------------------ casts that are kept
def is_autocast_cache_enabled() -> bool:
    """Whether casts of parameters are kept. Source: ``torch.is_autocast_cache_enabled``."""
    return casting.keeps


def set_autocast_cache_enabled(enabled: bool) -> None:
    """Say whether casts of parameters are kept. Source: ``torch.set_autocast_cache_enabled``."""
    if not isinstance(enabled, bool):
        raise TypeError(f"enabled must be a bool (got {type(enabled).__name__})")
    casting.keeps = enabled


def clear_autocast_cache() -> None:
    """Forget the casts that are kept. Source: ``torch.clear_autocast_cache``."""
    casting.casts.clear()


def autocast_increment_nesting() -> int:
    """Count one context more; returns how many. Source: ``torch.autocast_increment_nesting``."""
    casting.nesting += 1
    return casting.nesting


def autocast_decrement_nesting() -> int:
    """Count one context less; returns how many. Source: ``torch.autocast_decrement_nesting``."""
    casting.nesting -= 1
    return casting.nesting


# ------------------------------------------------------------------------------ one kind of device
def _deprecated(name: str, shown: str, instead: str, f: Callable[..., Any]) -> Any:
    def call(*args: Any, **kwargs: Any) -> Any:
        warnings.warn(
            f"torch.{name}({shown}) is deprecated. Please use torch.{instead} instead.",
            DeprecationWarning,
            stacklevel=2,
        )
        return f(*args, **kwargs)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"``torch.{instead}``. Source: ``torch.{name}``."
    return call


def _of_kind(short: str, kind: str) -> dict[str, Any]:
    """The deprecated functions for one kind of device."""
    found: dict[str, Any] = {
        f"get_autocast_{short}_dtype": _deprecated(
            f"get_autocast_{short}_dtype", "", f"get_autocast_dtype('{kind}')",
            lambda: get_autocast_dtype(kind),
        ),
        f"set_autocast_{short}_dtype": _deprecated(
            f"set_autocast_{short}_dtype", "dtype", f"set_autocast_dtype('{kind}', dtype)",
            lambda dtype: set_autocast_dtype(kind, dtype),
        ),
    }  # fmt: skip
    if short != "gpu":
        found[f"is_autocast_{short}_enabled"] = _deprecated(
            f"is_autocast_{short}_enabled", "", f"is_autocast_enabled('{kind}')",
            lambda: is_autocast_enabled(kind),
        )  # fmt: skip
        found[f"set_autocast_{short}_enabled"] = _deprecated(
            f"set_autocast_{short}_enabled", "enabled",
            f"set_autocast_enabled('{kind}', enabled)",
            lambda enabled: set_autocast_enabled(kind, enabled),
        )  # fmt: skip
    return found


FUNCTIONS: dict[str, Callable[..., Any]] = {
    f.__name__: f
    for f in (
        autocast_decrement_nesting, autocast_increment_nesting, clear_autocast_cache,
        get_autocast_dtype, is_autocast_cache_enabled, is_autocast_enabled,
        set_autocast_cache_enabled, set_autocast_dtype, set_autocast_enabled,
    )
}  # fmt: skip
"""Functions of ``torch``, by name."""
for _short, _kind in (("cpu", "cpu"), ("gpu", "cuda"), ("ipu", "ipu"), ("xla", "xla")):
    FUNCTIONS.update(_of_kind(_short, _kind))
