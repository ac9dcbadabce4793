"""Losses of sequences without alignment, and of a linear layer with very many classes."""

from __future__ import annotations

import math
from typing import Any

from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch.nn import functional as F
from functorch_lite.torch.nn.modules.linear import Linear
from functorch_lite.torch.nn.modules.loss_base import _Loss, _WeightedLoss

__all__ = ["CTCLoss", "LinearCrossEntropyLoss"]


class CTCLoss(_Loss):
    """Minus the log-probability that sequences of distributions spell their targets.

    Args:
        blank: the class that stands for no label.
        reduction: as of all losses; the mean is of losses divided by the lengths of the targets.
        zero_infinity: whether a loss is 0 where the input is too short for its target.

    Source: Graves et al. 2006; ``torch.nn.CTCLoss``.
    """

    __module__ = "torch.nn.modules.loss"

    def __init__(
        self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False
    ) -> None:
        super().__init__(reduction=reduction)
        self.blank = blank
        self.zero_infinity = zero_infinity

    def forward(
        self, log_probs: Tensor, targets: Tensor, input_lengths: Any, target_lengths: Any
    ) -> Tensor:
        return F.ctc_loss(
            log_probs, targets, input_lengths, target_lengths, self.blank, self.reduction,
            self.zero_infinity,
        )  # fmt: skip


class LinearCrossEntropyLoss(_WeightedLoss):
    """A linear layer and the cross-entropy of its scores.

    Args:
        in_features: the size of the input.
        num_classes: how many classes.
        out_features: further dimensions of the loss.
        bias: whether the layer has a bias.
        device, dtype: of the layer's parameters.
        reduction, weight, label_smoothing: as of ``CrossEntropyLoss``.
        ignore_index: a class that counts for nothing; -100 by default.
        options: a ``LinearCrossEntropyOptions``: how many rows of the batch to take at a time.

    Source: ``torch.nn.LinearCrossEntropyLoss``.
    """

    __module__ = "torch.nn.modules.loss"
    __constants__ = ["ignore_index", "reduction", "label_smoothing"]

    def __init__(
        self, in_features: int, num_classes: int, *, out_features: tuple[int, ...] = (),
        bias: bool = False, device: Any = None, dtype: Any = None, reduction: str = "mean",
        weight: Tensor | None = None, ignore_index: int | None = None,
        label_smoothing: float = 0.0, options: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(weight, reduction=reduction)
        self.num_classes = num_classes
        self.out_features = out_features
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing
        self.options = options
        self.linear = Linear(
            in_features, num_classes * math.prod(out_features), bias, device=device, dtype=dtype
        )

    def extra_repr(self) -> str:
        return (
            f"in_features={self.linear.in_features}, num_classes={self.num_classes}, "
            f"out_features={self.out_features}, bias={self.linear.bias is not None}, "
            f"reduction={self.reduction}, ignore_index={self.ignore_index}, "
            f"label_smoothing={self.label_smoothing}, options={self.options}"
        )

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        weight, bias = self.linear.weight, self.linear.bias
        if self.out_features:
            sizes = (self.num_classes, *self.out_features)
            weight = weight.reshape(*sizes, -1)
            bias = None if bias is None else bias.reshape(sizes)
        return F.linear_cross_entropy(
            input, weight, target, linear_bias=bias, weight=self.weight,
            reduction=self.reduction, ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing, options=self.options,
        )  # fmt: skip
