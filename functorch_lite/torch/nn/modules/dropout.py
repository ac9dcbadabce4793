"""Layers that leave out elements, or whole channels, at random while training."""

from __future__ import annotations

from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch.nn import functional as F
from functorch_lite.torch.nn.modules.module import Module

__all__ = [
    "AlphaDropout", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "FeatureAlphaDropout",
]  # fmt: skip


class _DropoutNd(Module):
    """What all of them have in common.

    Args:
        p: the probability to leave something out.
        inplace: whether to write into the input.

    Raises:
        ValueError: ``p`` is no probability.
    """

    __module__ = "torch.nn.modules.dropout"

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if p < 0 or p > 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p = p
        self.inplace = inplace

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_DropoutNd):
    """Leaves out elements. Source: ``torch.nn.Dropout``."""

    __module__ = "torch.nn.modules.dropout"

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout(input, self.p, self.training, self.inplace)


class Dropout1d(_DropoutNd):
    """Leaves out channels of f[N, C, L]. Source: ``torch.nn.Dropout1d``."""

    __module__ = "torch.nn.modules.dropout"

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout1d(input, self.p, self.training, self.inplace)


class Dropout2d(_DropoutNd):
    """Leaves out channels of f[N, C, H, W]. Source: ``torch.nn.Dropout2d``."""

    __module__ = "torch.nn.modules.dropout"

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout2d(input, self.p, self.training, self.inplace)


class Dropout3d(_DropoutNd):
    """Leaves out channels of f[N, C, D, H, W]. Source: ``torch.nn.Dropout3d``."""

    __module__ = "torch.nn.modules.dropout"

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout3d(input, self.p, self.training, self.inplace)


class AlphaDropout(_DropoutNd):
    """Leaves out elements so that mean and variance stay. Source: ``torch.nn.AlphaDropout``."""

    __module__ = "torch.nn.modules.dropout"

    def forward(self, input: Tensor) -> Tensor:
        # In place or not, PyTorch leaves the input alone here.
        return F.alpha_dropout(input, self.p, self.training)


class FeatureAlphaDropout(_DropoutNd):
    """The same with whole channels. Source: ``torch.nn.FeatureAlphaDropout``."""

    __module__ = "torch.nn.modules.dropout"

    def forward(self, input: Tensor) -> Tensor:
        return F.feature_alpha_dropout(input, self.p, self.training)
