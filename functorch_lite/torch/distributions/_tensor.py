"""Tensors as mypy is to see them, and functions that make them.

Operators and methods are installed on the class by the modules of operations, and some functions
are made from tables: a type checker sees neither.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from functorch_lite.torch._core.public import FUNCTIONS
from functorch_lite.torch._ops import creation as _creation  # noqa: F401  (makes ``empty``)
from functorch_lite.torch.nn import functional as F

if TYPE_CHECKING:
    Tensor = Any
else:
    from functorch_lite.torch._core.tensor import Tensor

__all__ = [
    "Tensor", "binary_cross_entropy_with_logits", "empty", "ones_like", "pad", "softplus", "zeros",
    "zeros_like",
]  # fmt: skip

empty, zeros = FUNCTIONS["empty"], FUNCTIONS["zeros"]
ones_like, zeros_like = FUNCTIONS["ones_like"], FUNCTIONS["zeros_like"]
binary_cross_entropy_with_logits: Any = F.binary_cross_entropy_with_logits
pad: Any = F.pad
softplus: Any = F.softplus  # type: ignore[attr-defined]
