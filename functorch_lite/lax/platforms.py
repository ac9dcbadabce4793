"""Functions chosen by the kind of device that they run on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from functorch_lite.core import tree
from functorch_lite.core.op import devices_enabled, gpu_among
from functorch_lite.core.trace import state

__all__ = ["platform_dependent"]


def platform_dependent(
    *args: Any, default: Callable[..., Any] | None = None, **per_platform: Callable[..., Any]
) -> Any:
    """One of several functions, by where the arguments are.

    The platform is ``cuda`` where an argument, or the default device, is a GPU, else ``cpu``. Only
    the chosen function is called.

    Args:
        *args: trees of arrays.
        default: the function for platforms that are not named.
        **per_platform: functions by the names of platforms.

    Returns:
        what the function returns for ``args``.

    Raises:
        NotImplementedError: no function for this platform, and no default.

    >>> platform_dependent(2.0, cpu=lambda x: x + 1, cuda=lambda x: x - 1)
    3.0

    Source: ``jax.lax.platform_dependent``.
    """
    name = _platform(args)
    chosen = per_platform.get(name, default)
    if chosen is None:
        known = ", ".join(per_platform) or "none"
        raise NotImplementedError(
            f"lax.platform_dependent: expected a function for the platform {name!r}; got {known}. "
            f"Remedy: {name}=function, or default=function."
        )
    return chosen(*args)


def _platform(args: Any) -> str:
    """The kind of device that the arguments are on, or new arrays would be."""
    if not devices_enabled():
        return "cpu"
    return "cpu" if (gpu_among(tree.leaves(args)) or state.device) is None else "cuda"
