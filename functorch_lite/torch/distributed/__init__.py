"""One process: PyTorch built without its distributed package. Source: ``torch.distributed``."""

from __future__ import annotations

from typing import NoReturn

__all__ = ["is_available", "is_initialized"]


def __getattr__(name: str) -> NoReturn:
    raise AttributeError(
        f"module 'torch.distributed' has no attribute {name!r}: functorch_lite.torch works in one "
        "process, torch.distributed.is_available() is False",
        name=name,
    )


def is_available() -> bool:
    """Whether tensors can be exchanged with other processes as PyTorch does it.

    >>> is_available()
    False

    Source: ``torch.distributed.is_available``.
    """
    return False


def is_initialized() -> bool:
    """Whether a group of processes was formed. Source: ``torch.distributed.is_initialized``."""
    return False
