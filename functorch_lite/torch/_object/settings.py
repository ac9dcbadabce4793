"""Switches of the whole package: threads, determinism, precision of products.

Everything here is deterministic, whatever is asked for, but for the last bits of matrix products,
which depend on the number of threads.
"""

from __future__ import annotations

import warnings
from typing import Any

import functorch_lite
from functorch_lite.driver.threads import get_num_threads as _threads

__all__ = [
    "are_deterministic_algorithms_enabled",
    "get_deterministic_debug_mode",
    "get_float32_matmul_precision",
    "get_num_interop_threads",
    "get_num_threads",
    "is_deterministic_algorithms_warn_only_enabled",
    "is_vulkan_available",
    "is_warn_always_enabled",
    "set_deterministic_debug_mode",
    "set_float32_matmul_precision",
    "set_flush_denormal",
    "set_num_interop_threads",
    "set_num_threads",
    "set_warn_always",
    "use_deterministic_algorithms",
]

_MODES = {"default": 0, "warn": 1, "error": 2}


class _Settings:
    """What was asked for."""

    deterministic = False
    warn_only = False
    precision = "highest"
    interop = 0
    warn_always = False


_settings = _Settings()


def get_num_threads() -> int:
    """How many threads an operation may use. Source: ``torch.get_num_threads``."""
    return _threads()


def set_num_threads(n: int, /) -> None:
    """Set how many threads an operation may use.

    Raises:
        RuntimeError: no positive integer.

    Source: ``torch.set_num_threads``.
    """
    if isinstance(n, bool) or not isinstance(n, int):
        raise RuntimeError(f"set_num_threads expects an int, but got {type(n).__name__}")
    if n < 1:
        raise RuntimeError("set_num_threads expects a positive integer")
    functorch_lite.set_num_threads(n)


def get_num_interop_threads() -> int:
    """How many operations may run at once. Source: ``torch.get_num_interop_threads``."""
    return _settings.interop or get_num_threads()


def set_num_interop_threads(n: int, /) -> None:
    """Note how many operations may run at once; they run one by one.

    Source: ``torch.set_num_interop_threads``.
    """
    if isinstance(n, bool) or not isinstance(n, int):
        raise RuntimeError(f"set_num_interop_threads expects an int, but got {type(n).__name__}")
    if n < 1:
        raise RuntimeError("set_num_interop_threads expects a positive integer")
    _settings.interop = n


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Ask for results that are alike from run to run; they are.

    Source: ``torch.use_deterministic_algorithms``.
    """
    if not isinstance(mode, bool):
        raise TypeError(
            "_set_deterministic_algorithms(): argument 'mode' (position 1) must be bool, not "
            f"{type(mode).__name__}"
        )
    _settings.deterministic, _settings.warn_only = mode, mode and warn_only


def are_deterministic_algorithms_enabled() -> bool:
    """Whether that was asked for. Source: ``torch.are_deterministic_algorithms_enabled``."""
    return _settings.deterministic


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Whether only warnings were asked for.

    Source: ``torch.is_deterministic_algorithms_warn_only_enabled``.
    """
    return _settings.warn_only


def set_deterministic_debug_mode(debug_mode: int | str) -> None:
    """Ask for determinism by a word or number. Source: ``torch.set_deterministic_debug_mode``."""
    if not isinstance(debug_mode, (int, str)):
        raise TypeError(f"debug_mode must be str or int, but got {type(debug_mode)}")
    if isinstance(debug_mode, str):
        if debug_mode not in _MODES:
            raise RuntimeError(
                "invalid value of debug_mode, expected one of `default`, `warn`, `error`, but got "
                f"{debug_mode}"
            )
        debug_mode = _MODES[debug_mode]
    if debug_mode not in (0, 1, 2):
        raise RuntimeError(
            f"invalid value of debug_mode, expected 0, 1, or 2, but got {debug_mode}"
        )
    use_deterministic_algorithms(debug_mode > 0, warn_only=debug_mode == 1)


def get_deterministic_debug_mode() -> int:
    """What was asked for, as a number. Source: ``torch.get_deterministic_debug_mode``."""
    return (1 if _settings.warn_only else 2) if _settings.deterministic else 0


def set_float32_matmul_precision(precision: str) -> None:
    """Note a precision for products of float32; they are computed in float32.

    Source: ``torch.set_float32_matmul_precision``.
    """
    if precision not in ("highest", "high", "medium"):
        warnings.warn(
            f"{precision} is not one of 'highest', 'high', or 'medium'; the current"
            "setFloat32MatmulPrecision call has no effect.",
            UserWarning,
            stacklevel=2,
        )
        return
    _settings.precision = precision


def get_float32_matmul_precision() -> str:
    """The precision that was noted. Source: ``torch.get_float32_matmul_precision``."""
    return _settings.precision


def set_flush_denormal(mode: bool, /) -> bool:
    """Whether denormal numbers could be made zero: no, they are computed with.

    Source: ``torch.set_flush_denormal``.
    """
    return False


def set_warn_always(b: bool, /) -> None:
    """Note whether warnings should repeat. Source: ``torch.set_warn_always``."""
    _settings.warn_always = bool(b)


def is_warn_always_enabled() -> bool:
    """Whether that was asked for. Source: ``torch.is_warn_always_enabled``."""
    return _settings.warn_always


def is_vulkan_available(*_: Any) -> bool:
    """Whether Vulkan is there: no. Source: ``torch.is_vulkan_available``."""
    return False
