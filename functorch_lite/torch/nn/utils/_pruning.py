"""Amounts and channels of pruning: checks, and norms of channels."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

from functorch_lite.torch._core.public import FUNCTIONS

__all__ = ["channel_count", "check_amount", "lengths_along", "pruned_count"]


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
    """How many of ``size`` an amount means; more than there are is refused."""
    count: int = amount if isinstance(amount, Integral) else round(amount * size)  # type: ignore[assignment]
    if count > size:
        raise ValueError(
            f"amount={count} should be smaller than the number of parameters to prune={size}"
        )
    return count


def channel_count(t: Any, dim: int) -> int:
    """How many channels there are along a dimension; those of vectors are refused."""
    if t.dim() <= 1:
        raise ValueError(
            "Structured pruning can only be applied to multidimensional tensors. Found tensor of "
            f"shape {t.shape} with {t.dim()} dims"
        )
    if dim >= t.dim():
        raise IndexError(f"Invalid index {dim} for tensor of size {t.shape}")
    size: int = t.shape[dim]
    return size


def lengths_along(t: Any, n: Any, dim: int) -> Any:
    """The norm of each channel along a dimension."""
    dims = [d for d in range(t.dim()) if d != dim % t.dim()]
    return FUNCTIONS["norm"](t, p=n, dim=dims)
