"""Amounts and channels of pruning: checks, and norms of channels."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

from functorch_lite.torch._core.public import FUNCTIONS

__all__ = [
    "check_amount", "check_dim", "check_fits", "check_structured", "lengths_along", "pruned_count",
]  # fmt: skip


def check_amount(amount: Any) -> None:
    """Refuse what is neither a number of elements nor a share."""
    value: Any = amount
    if not isinstance(amount, Real):
        raise TypeError(f"Invalid type for amount: {amount}. Must be int or float.")
    if value < 0 or (value > 1 and not isinstance(value, Integral)):
        raise ValueError(
            f"amount={amount} should either be a float in the range [0, 1] or a non-negative "
            "integer"
        )


def pruned_count(amount: Any, size: int) -> int:
    """How many of `size` an amount means."""
    return amount if isinstance(amount, Integral) else round(amount * size)  # type: ignore[return-value]


def check_fits(count: int, size: int) -> None:
    """Refuse to take away more than there is."""
    if count > size:
        raise ValueError(
            f"amount={count} should be smaller than the number of parameters to prune={size}"
        )


def check_structured(t: Any) -> None:
    """Refuse channels of vectors."""
    if t.dim() <= 1:
        raise ValueError(
            "Structured pruning can only be applied to multidimensional tensors. Found tensor of "
            f"shape {t.shape} with {t.dim()} dims"
        )


def check_dim(t: Any, dim: int) -> None:
    """Refuse a dimension that there is not."""
    if dim >= t.dim():
        raise IndexError(f"Invalid index {dim} for tensor of size {t.shape}")


def lengths_along(t: Any, n: Any, dim: int) -> Any:
    """The norm of each channel along a dimension."""
    dims = [d for d in range(t.dim()) if d != dim % t.dim()]
    return FUNCTIONS["norm"](t, p=n, dim=dims)
