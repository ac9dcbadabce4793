"""Handles that take hooks back."""

from __future__ import annotations

from functorch_lite.torch._core.node import RemovableHandle

__all__ = ["RemovableHandle"]
