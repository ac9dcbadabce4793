"""Transforms of random numbers, and what they do to densities.

>>> from functorch_lite.torch._ops.creation import tensor
>>> chain = ComposeTransform([ExpTransform(), AffineTransform(1.0, 2.0)])
>>> chain(tensor([0.0]))
tensor([3.])
>>> chain.inv(tensor([3.0]))
tensor([0.])
"""

from functorch_lite.torch.distributions._transforms.base import (
    ComposeTransform,
    Transform,
    _InverseTransform,  # noqa: F401  (pickles name it here)
    identity_transform,
)
from functorch_lite.torch.distributions._transforms.elementwise import (
    AbsTransform,
    AffineTransform,
    CumulativeDistributionTransform,
    ExpTransform,
    PowerTransform,
    SigmoidTransform,
    SoftplusTransform,
    TanhTransform,
)
from functorch_lite.torch.distributions._transforms.shapes import (
    CatTransform,
    IndependentTransform,
    ReshapeTransform,
    StackTransform,
)
from functorch_lite.torch.distributions._transforms.vectors import (
    CorrCholeskyTransform,
    LowerCholeskyTransform,
    PositiveDefiniteTransform,
    SoftmaxTransform,
    StickBreakingTransform,
)

__all__ = [
    "AbsTransform", "AffineTransform", "CatTransform", "ComposeTransform",
    "CorrCholeskyTransform", "CumulativeDistributionTransform", "ExpTransform",
    "IndependentTransform", "LowerCholeskyTransform", "PositiveDefiniteTransform",
    "PowerTransform", "ReshapeTransform", "SigmoidTransform", "SoftmaxTransform",
    "SoftplusTransform", "StackTransform", "StickBreakingTransform", "TanhTransform", "Transform",
    "identity_transform",
]  # fmt: skip
