"""Learning rates that change while an optimiser works.

Source: ``torch.optim.lr_scheduler``.
"""

from functorch_lite.torch.optim.lr_scheduler._base import EPOCH_DEPRECATION_WARNING, LRScheduler
from functorch_lite.torch.optim.lr_scheduler._combined import ChainedScheduler, SequentialLR
from functorch_lite.torch.optim.lr_scheduler._cosine import (
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
)
from functorch_lite.torch.optim.lr_scheduler._cycles import CyclicLR, OneCycleLR
from functorch_lite.torch.optim.lr_scheduler._factors import (
    ConstantLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiplicativeLR,
    MultiStepLR,
    PolynomialLR,
    StepLR,
)
from functorch_lite.torch.optim.lr_scheduler._plateau import ReduceLROnPlateau

__all__ = [
    "ChainedScheduler", "ConstantLR", "CosineAnnealingLR", "CosineAnnealingWarmRestarts",
    "CyclicLR", "EPOCH_DEPRECATION_WARNING", "ExponentialLR", "LRScheduler", "LambdaLR",
    "LinearLR", "MultiStepLR", "MultiplicativeLR", "OneCycleLR", "PolynomialLR",
    "ReduceLROnPlateau", "SequentialLR", "StepLR",
]  # fmt: skip


class _LRScheduler(LRScheduler):
    """The name that the base class had before; programs still derive from it."""

    __module__ = "torch.optim.lr_scheduler"
