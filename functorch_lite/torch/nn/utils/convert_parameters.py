"""Parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch._object.typename import typename
from functorch_lite.torch._ops.joining import cat

__all__ = ["parameters_to_vector", "vector_to_parameters"]


def parameters_to_vector(parameters: Iterable[Any]) -> Tensor:
    """All elements of parameters, one after another; differentiable.

    Source: ``torch.nn.utils.parameters_to_vector``.
    """
    return cat([p.reshape(-1) for p in parameters])


def vector_to_parameters(vec: Any, parameters: Iterable[Any]) -> None:
    """Let parameters be parts of a vector; its memory is shared.

    Raises:
        TypeError: it is no tensor.

    Source: ``torch.nn.utils.vector_to_parameters``.
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected torch.Tensor, but got: {typename(vec)}")
    begin = 0
    for p in parameters:
        count = p.numel()
        p.data = vec[begin : begin + count].view_as(p).data  # type: ignore[index]
        begin += count
