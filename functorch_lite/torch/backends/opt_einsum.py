"""The package of that name, without which ``einsum`` does here. Source: ``torch.backends``."""

from __future__ import annotations

from typing import Any

enabled = False
strategy: str | None = None


def is_available() -> bool:
    """Whether ``einsum`` asks it for the order of products."""
    return False


def get_opt_einsum() -> Any:
    """The package, or None where it is not used."""
    return None
