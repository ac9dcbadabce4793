"""Exceptions that programs catch; accelerators raise them, so none is raised here."""

from __future__ import annotations

__all__ = ["AcceleratorError", "FatalError", "OutOfMemoryError"]


class OutOfMemoryError(RuntimeError):
    """An accelerator has no memory left. Source: ``torch.OutOfMemoryError``."""

    __module__ = "torch"


class AcceleratorError(RuntimeError):
    """An accelerator reports an error. Source: ``torch.AcceleratorError``."""

    __module__ = "torch"


class FatalError(Exception):
    """What no program recovers from. Source: ``torch.FatalError``."""

    __module__ = "torch"
