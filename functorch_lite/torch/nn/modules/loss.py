"""Losses as modules; all of them are calls of ``torch.nn.functional``."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch.nn import functional as F
from functorch_lite.torch.nn.modules.distance import PairwiseDistance
from functorch_lite.torch.nn.modules.loss_base import _Loss, _WeightedLoss
from functorch_lite.torch.nn.modules.loss_more import CTCLoss, LinearCrossEntropyLoss

__all__ = [
    "BCELoss", "BCEWithLogitsLoss", "CTCLoss", "CosineEmbeddingLoss", "CrossEntropyLoss",
    "GaussianNLLLoss", "HingeEmbeddingLoss", "HuberLoss", "KLDivLoss", "L1Loss",
    "LinearCrossEntropyLoss", "MSELoss", "MarginRankingLoss", "MultiLabelMarginLoss",
    "MultiLabelSoftMarginLoss", "MultiMarginLoss", "NLLLoss", "NLLLoss2d", "PoissonNLLLoss",
    "SmoothL1Loss", "SoftMarginLoss", "TripletMarginLoss", "TripletMarginWithDistanceLoss",
]  # fmt: skip


# -------------------------------------------------------------------------------- of two tensors
class L1Loss(_Loss):
    """|x - y|. Source: ``torch.nn.L1Loss``."""

    __module__ = "torch.nn.modules.loss"

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.l1_loss(input, target, reduction=self.reduction)


class MSELoss(_Loss):
    """(x - y)^2. Source: ``torch.nn.MSELoss``."""

    __module__ = "torch.nn.modules.loss"

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.mse_loss(input, target, reduction=self.reduction)


class SmoothL1Loss(_Loss):
    """|x - y|, with a parabola near 0.

    Args:
        size_average, reduce, reduction: as of all losses.
        beta: how far the parabola reaches.

    Source: ``torch.nn.SmoothL1Loss``.
    """

    __module__ = "torch.nn.modules.loss"

    def __init__(
        self, size_average: bool | None = None, reduce: bool | None = None,
        reduction: str = "mean", beta: float = 1.0,
    ) -> None:  # fmt: skip
        super().__init__(size_average, reduce, reduction)
        self.beta = beta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class HuberLoss(_Loss):
    """(x - y)^2 / 2, which goes on as a line.

    Args:
        reduction: as of all losses.
        delta: from where on.

    Source: ``torch.nn.HuberLoss``.
    """

    __module__ = "torch.nn.modules.loss"

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction=reduction)
        self.delta = delta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.huber_loss(input, target, reduction=self.reduction, delta=self.delta)


class PoissonNLLLoss(_Loss):
    """How unlikely counts are under Poisson distributions.

    Args:
        log_input: whether inputs are logarithms of the means.
        full: whether terms of the counts alone are part of it.
        eps: added to means before their logarithm.
        size_average, reduce, reduction: as of all losses.

    Source: ``torch.nn.PoissonNLLLoss``.
    """

    __module__ = "torch.nn.modules.loss"

    def __init__(
        self, log_input: bool = True, full: bool = False, size_average: bool | None = None,
        eps: float = 1e-8, reduce: bool | None = None, reduction: str = "mean",
    ) -> None:  # fmt: skip
        super().__init__(size_average, reduce, reduction)
        self.log_input = log_input
        self.full = full
        self.eps = eps

    def forward(self, log_input: Tensor, target: Tensor) -> Tensor:
        return F.poisson_nll_loss(
            log_input, target, log_input=self.log_input, full=self.full, eps=self.eps,
            reduction=self.reduction,
        )  # fmt: skip


class GaussianNLLLoss(_Loss):
    """How unlikely values are under normal distributions.

    Args:
        full: whether the constant term is part of it.
        eps: the least variance.
        reduction: as of all losses.

    Source: ``torch.nn.GaussianNLLLoss``.
    """

    __module__ = "torch.nn.modules.loss"

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(None, None, reduction)
        self.full = full
        self.eps = eps

    def forward(self, input: Tensor, target: Tensor, var: Tensor | float) -> Tensor:
        return F.gaussian_nll_loss(
            input, target, var, full=self.full, eps=self.eps, reduction=self.reduction
        )


class KLDivLoss(_Loss):
    """The divergence of distributions, the first given as logarithms.

    Args:
        size_average, reduce, reduction: as of all losses.
        log_target: whether the second is given as logarithms, too.

    Source: ``torch.nn.KLDivLoss``.
    """

    __module__ = "torch.nn.modules.loss"

    def __init__(
        self, size_average: bool | None = None, reduce: bool | None = None,
        reduction: str = "mean", log_target: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(size_average, reduce, reduction)
        self.log_target = log_target

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.kl_div(input, target, reduction=self.reduction, log_target=self.log_target)


class BCELoss(_WeightedLoss):
    """The cross-entropy of yes and no, given probabilities. Source: ``torch.nn.BCELoss``."""

    __module__ = "torch.nn.modules.loss"

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy(input, target, weight=self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(_Loss):
    """The same, given what a sigmoid makes probabilities of.

    Args:
        weight: of elements.
        size_average, reduce, reduction: as of all losses.
        pos_weight: of the answer yes, per class.

    Source: ``torch.nn.BCEWithLogitsLoss``.
    """

    __module__ = "torch.nn.modules.loss"
    weight: Tensor | None
    pos_weight: Tensor | None

    def __init__(
        self, weight: Tensor | None = None, size_average: bool | None = None,
        reduce: bool | None = None, reduction: str = "mean", pos_weight: Tensor | None = None,
    ) -> None:  # fmt: skip
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(
            input, target, self.weight, pos_weight=self.pos_weight, reduction=self.reduction
        )


class SoftMarginLoss(_Loss):
    """log(1 + exp(-y x)). Source: ``torch.nn.SoftMarginLoss``."""

    __module__ = "torch.nn.modules.loss"

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.soft_margin_loss(input, target, reduction=self.reduction)


# ------------------------------------------------------------------------------------- of classes
class NLLLoss(_WeightedLoss):
    """Minus the input at the class that is right.

    Args:
        weight: of classes.
        size_average, reduce, reduction: as of all losses.
        ignore_index: a class that counts for nothing.

    Source: ``torch.nn.NLLLoss``.
    """

    __module__ = "torch.nn.modules.loss"

    def __init__(
        self, weight: Tensor | None = None, size_average: bool | None = None,
        ignore_index: int = -100, reduce: bool | None = None, reduction: str = "mean",
    ) -> None:  # fmt: skip
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.nll_loss(
            input, target, weight=self.weight, ignore_index=self.ignore_index,
            reduction=self.reduction,
        )  # fmt: skip


class NLLLoss2d(NLLLoss):
    """The old name of NLLLoss for images. Source: ``torch.nn.NLLLoss2d``."""

    __module__ = "torch.nn.modules.loss"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        warnings.warn(
            "`NLLLoss2d` has been deprecated. Please use `NLLLoss` instead as a drop-in "
            "replacement and see https://pytorch.org/docs/main/nn.html#torch.nn.NLLLoss for more "
            "details.",
            FutureWarning,
            stacklevel=2,
        )
        super().__init__(*args, **kwargs)


class CrossEntropyLoss(_WeightedLoss):
    """Minus the logarithm of the softmax at the class that is right.

    Args:
        weight: of classes.
        size_average, reduce, reduction: as of all losses.
        ignore_index: a class that counts for nothing.
        label_smoothing: the share of all classes in what is right.

    Source: ``torch.nn.CrossEntropyLoss``.
    """

    __module__ = "torch.nn.modules.loss"

    def __init__(
        self, weight: Tensor | None = None, size_average: bool | None = None,
        ignore_index: int = -100, reduce: bool | None = None, reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:  # fmt: skip
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(
            input, target, weight=self.weight, ignore_index=self.ignore_index,
            reduction=self.reduction, label_smoothing=self.label_smoothing,
        )  # fmt: skip


class MultiLabelMarginLoss(_Loss):
    """Hinges between classes that are right and all others.

    Source: ``torch.nn.MultiLabelMarginLoss``.
    """

    __module__ = "torch.nn.modules.loss"

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.multilabel_margin_loss(input, target, reduction=self.reduction)


class MultiLabelSoftMarginLoss(_WeightedLoss):
    """The mean cross-entropy of yes and no over classes.

    Source: ``torch.nn.MultiLabelSoftMarginLoss``.
    """

    __module__ = "torch.nn.modules.loss"

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.multilabel_soft_margin_loss(
            input, target, weight=self.weight, reduction=self.reduction
        )


class MultiMarginLoss(_WeightedLoss):
    """Hinges between the class that is right and all others.

    Args:
        p: the power of a hinge, 1 or 2.
        margin: by how much the right class should be ahead.
        weight: of classes.
        size_average, reduce, reduction: as of all losses.

    Raises:
        ValueError: another power, or weights that are no vector.

    Source: ``torch.nn.MultiMarginLoss``.
    """

    __module__ = "torch.nn.modules.loss"

    def __init__(
        self, p: int = 1, margin: float = 1.0, weight: Tensor | None = None,
        size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean",
    ) -> None:  # fmt: skip
        super().__init__(weight, size_average, reduce, reduction)
        if p not in (1, 2):
            raise ValueError("only p == 1 and p == 2 supported")
        if weight is not None and weight.ndim != 1:
            raise ValueError(
                "MultiMarginLoss: expected weight to be None or 1D tensor, got "
                f"{weight.ndim}D instead"
            )
        self.p = p
        self.margin = margin

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.multi_margin_loss(
            input, target, p=self.p, margin=self.margin, weight=self.weight,
            reduction=self.reduction,
        )  # fmt: skip


# ----------------------------------------------------------------------------------- of distances
class _MarginLoss(_Loss):
    """Losses with a margin.

    Args:
        margin: which distance is far enough.
        size_average, reduce, reduction: as of all losses.
    """

    def __init__(
        self, margin: float = 0.0, size_average: bool | None = None, reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:  # fmt: skip
        super().__init__(size_average, reduce, reduction)
        self.margin = margin


class HingeEmbeddingLoss(_MarginLoss):
    """x where y is 1, and a hinge where it is -1. Source: ``torch.nn.HingeEmbeddingLoss``."""

    __module__ = "torch.nn.modules.loss"

    def __init__(
        self, margin: float = 1.0, size_average: bool | None = None, reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:  # fmt: skip
        super().__init__(margin, size_average, reduce, reduction)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.hinge_embedding_loss(input, target, margin=self.margin, reduction=self.reduction)


class CosineEmbeddingLoss(_MarginLoss):
    """How far from parallel vectors are, or how near to it.

    Source: ``torch.nn.CosineEmbeddingLoss``.
    """

    __module__ = "torch.nn.modules.loss"

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        return F.cosine_embedding_loss(
            input1, input2, target, margin=self.margin, reduction=self.reduction
        )


class MarginRankingLoss(_MarginLoss):
    """A hinge of the difference of two inputs. Source: ``torch.nn.MarginRankingLoss``."""

    __module__ = "torch.nn.modules.loss"

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        return F.margin_ranking_loss(
            input1, input2, target, margin=self.margin, reduction=self.reduction
        )


def _check_margin(name: str, margin: float) -> None:
    if margin <= 0:
        raise ValueError(f"{name}: expected margin to be greater than 0, got {margin} instead")


class TripletMarginLoss(_Loss):
    """A hinge of how much nearer an anchor is to one vector than to another.

    Args:
        margin: by how much it should be.
        p, eps: of the distance, as of ``PairwiseDistance``.
        swap: whether the distance between both vectors counts, too.
        size_average, reduce, reduction: as of all losses.

    Raises:
        ValueError: the margin is not positive.

    Source: ``torch.nn.TripletMarginLoss``.
    """

    __module__ = "torch.nn.modules.loss"

    def __init__(
        self, margin: float = 1.0, p: float = 2.0, eps: float = 1e-6, swap: bool = False,
        size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean",
    ) -> None:  # fmt: skip
        super().__init__(size_average, reduce, reduction)
        _check_margin("TripletMarginLoss", margin)
        self.margin = margin
        self.p = p
        self.eps = eps
        self.swap = swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        return F.triplet_margin_loss(
            anchor, positive, negative, margin=self.margin, p=self.p, eps=self.eps,
            swap=self.swap, reduction=self.reduction,
        )  # fmt: skip


class TripletMarginWithDistanceLoss(_Loss):
    """The same with any distance.

    Args:
        distance_function: of two tensors; ``PairwiseDistance`` by default.
        margin, swap, reduction: as of ``TripletMarginLoss``.

    Raises:
        ValueError: the margin is not positive.

    Source: ``torch.nn.TripletMarginWithDistanceLoss``.
    """

    __module__ = "torch.nn.modules.loss"

    def __init__(
        self, *, distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
        margin: float = 1.0, swap: bool = False, reduction: str = "mean",
    ) -> None:  # fmt: skip
        super().__init__(reduction=reduction)
        _check_margin("TripletMarginWithDistanceLoss", margin)
        self.distance_function: Any = distance_function or PairwiseDistance()
        self.margin = margin
        self.swap = swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        return F.triplet_margin_with_distance_loss(
            anchor, positive, negative, distance_function=self.distance_function,
            margin=self.margin, swap=self.swap, reduction=self.reduction,
        )  # fmt: skip
