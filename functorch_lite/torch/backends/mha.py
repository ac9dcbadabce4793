"""The fast path of attention layers, which have none here. Source: ``torch.backends.mha``."""

from __future__ import annotations


class _Switch:
    fastpath = True


def get_fastpath_enabled() -> bool:
    """Whether it may be taken."""
    return _Switch.fastpath


def set_fastpath_enabled(value: bool) -> None:
    """Allow it or not; results are the same."""
    _Switch.fastpath = value
