"""Operations that PyTorch composes of products of matrices, as autocast has them.

Here each is one operation otherwise, or composed in another way.
"""

from __future__ import annotations

from typing import Any

from functorch_lite.torch._core.autocast import casting, paused
from functorch_lite.torch._core.autocast_calls import replace
from functorch_lite.torch._core.dtypes import float32
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch._ops import linalg_decompositions
from functorch_lite.torch.nn._functional import linear

__all__: list[str] = []


@replace("cpu", "bilinear")
def _bilinear(input1: Any, input2: Any, weight: Any, bias: Any = None) -> Tensor:
    """Products in the lower precision, written to a result of the first operand's dtype."""
    found: Tensor = linear.bilinear(input1, input2, weight).to(input1.dtype)
    return found if bias is None else found + bias


@replace("cpu", "pinv")
def _pinv(A: Tensor, **options: Any) -> Tensor:
    """A decomposition in float32, and in the end a product in the lower precision."""
    with paused():
        found: Any = linalg_decompositions.pinv(A, **options)
    if found.dtype is not float32 or options.get("out") is not None:
        return found
    return found.to(casting.dtypes["cpu"])
