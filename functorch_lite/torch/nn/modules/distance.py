"""How far vectors are from each other."""

from __future__ import annotations

from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch.nn import functional as F
from functorch_lite.torch.nn.modules.module import Module

__all__ = ["CosineSimilarity", "PairwiseDistance"]


class PairwiseDistance(Module):
    """The p-norm of differences along the last dimension.

    Args:
        p: of the norm.
        eps: added to the differences.
        keepdim: whether that dimension stays, with size 1.

    Source: ``torch.nn.PairwiseDistance``.
    """

    __module__ = "torch.nn.modules.distance"

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        self.norm = p
        self.eps = eps
        self.keepdim = keepdim

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return F.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)


class CosineSimilarity(Module):
    """The cosine of the angle between vectors.

    Args:
        dim: along which the vectors lie.
        eps: the least length that is divided by.

    Source: ``torch.nn.CosineSimilarity``.
    """

    __module__ = "torch.nn.modules.distance"

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self.dim = dim
        self.eps = eps

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return F.cosine_similarity(x1, x2, self.dim, self.eps)
