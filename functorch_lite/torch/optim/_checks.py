"""Checks of settings, with PyTorch's messages."""

from __future__ import annotations

from typing import Any

from functorch_lite.torch._core.tensor import Tensor

__all__ = ["at_least_zero", "check_betas", "check_lr", "number"]


def number(x: Any) -> float:
    """A setting, which may be a tensor of one element, as a number."""
    return float(x.item() if isinstance(x, Tensor) else x)


def check_lr(lr: Any, text: str = "Invalid learning rate: {}") -> None:
    """Refuse a learning rate that is negative, or a tensor of several elements.

    Args:
        lr: number or tensor.
        text: the message, with a place for the number.

    Raises:
        ValueError: it is one of these.

    >>> check_lr(-1.0)
    Traceback (most recent call last):
        ...
    ValueError: Invalid learning rate: -1.0
    """
    if isinstance(lr, Tensor) and lr.numel() != 1:
        raise ValueError("Tensor lr must be 1-element")
    if not lr >= 0.0:
        raise ValueError(text.format(lr))


def at_least_zero(what: str, value: Any) -> None:
    """Refuse a negative setting.

    Args:
        what: its words in the message.
        value: number or tensor.

    Raises:
        ValueError: it is negative, or no number.
    """
    if not value >= 0.0:
        raise ValueError(f"Invalid {what}: {value}")


def check_betas(betas: Any) -> None:
    """Refuse decay rates that are not in [0, 1).

    Raises:
        ValueError: one is not.
    """
    for i in (0, 1):
        if not 0.0 <= betas[i] < 1.0:
            raise ValueError(f"Invalid beta parameter at index {i}: {betas[i]}")
