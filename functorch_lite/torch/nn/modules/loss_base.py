"""What all losses have in common."""

from __future__ import annotations

from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch.nn._functional.reduction import legacy
from functorch_lite.torch.nn.modules.module import Module

__all__ = ["_Loss", "_WeightedLoss"]


class _Loss(Module):
    """What losses have in common.

    Args:
        size_average, reduce: the two arguments that were there before ``reduction``.
        reduction: ``mean``, ``sum``, or ``none`` for one loss per element.
    """

    __module__ = "torch.nn.modules.loss"
    reduction: str

    def __init__(
        self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean"
    ) -> None:
        super().__init__()
        self.reduction = legacy(size_average, reduce, reduction)


class _WeightedLoss(_Loss):
    """Losses with weights, which are part of the state.

    Args:
        weight: of classes or elements.
        size_average, reduce, reduction: as of all losses.
    """

    __module__ = "torch.nn.modules.loss"
    weight: Tensor | None

    def __init__(
        self, weight: Tensor | None = None, size_average: bool | None = None,
        reduce: bool | None = None, reduction: str = "mean",
    ) -> None:  # fmt: skip
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
