"""A library for convolutions on phones: not used. Source: ``torch.backends.nnpack``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

enabled = False


def is_available() -> bool:
    """Whether it is used."""
    return False


def set_flags(_enabled: bool) -> tuple[bool]:
    """Allow it or not, which changes nothing.

    Returns:
        whether it was allowed, in a tuple.
    """
    global enabled
    before, enabled = enabled, _enabled
    return (before,)


@contextmanager
def flags(enabled: bool = False) -> Iterator[None]:
    """The switch within a context."""
    (before,) = set_flags(enabled)
    try:
        yield
    finally:
        set_flags(before)
