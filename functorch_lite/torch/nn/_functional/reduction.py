"""The ways in which losses are put together, and the checks that they share."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch._ops.binary import broadcast_error, common
from functorch_lite.torch._ops.copying import cast

__all__ = ["check_reduction", "legacy", "pair", "put_together"]

REDUCTIONS = ("none", "mean", "sum")


def legacy(size_average: bool | None, reduce: bool | None, reduction: str) -> str:
    """The reduction that two old arguments and the new one mean together."""
    if size_average is None and reduce is None:
        return reduction
    average = size_average is None or size_average
    found = "none" if not (reduce is None or reduce) else "mean" if average else "sum"
    warnings.warn(
        f"size_average and reduce args will be deprecated, please use reduction='{found}' instead.",
        stacklevel=3,
    )
    return found


def check_reduction(reduction: str) -> None:
    """Refuse unknown words."""
    if reduction not in REDUCTIONS:
        raise ValueError(f"{reduction} is not a valid value for reduction")


def put_together(t: Any, reduction: str) -> Tensor:
    """A loss per element, put together in operations on tensors."""
    check_reduction(reduction)
    if reduction == "none":
        return t
    return t.mean() if reduction == "mean" else t.sum()


def pair(input: Any, target: Any, name: str) -> tuple[Any, Any]:
    """Two operands of one shape and dtype; other shapes are broadcast with a warning."""
    a, b = input._np, target._np
    if a.shape != b.shape:
        warnings.warn(
            f"Using a target size ({target.size()}) that is different to the input size "
            f"({input.size()}). This will likely lead to incorrect results due to broadcasting. "
            "Please ensure they have the same size.",
            stacklevel=3,
        )
        try:
            shape = np.broadcast_shapes(a.shape, b.shape)
        except ValueError:
            raise broadcast_error(input, target) from None
        input, target = input.expand(shape), target.expand(shape)
    dtype = common(input, target)
    input, target = cast(input, dtype), cast(target, dtype)
    if dtype.kind < 2:
        raise NotImplementedError(f"\"{name}\" not implemented for '{dtype.scalar_name}'")
    return input, target
