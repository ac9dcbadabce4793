"""Python functions of the elements of tensors, in place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite.torch._core.public import method
from functorch_lite.torch._core.tensor import Tensor, make

__all__: list[str] = []


def _no_grad_needed(self: Tensor, name: str) -> None:
    if self.requires_grad:
        raise RuntimeError(
            f"Can't call {name}() on Variable that requires grad. Use var.detach().{name}() "
            "instead."
        )


def _mapped(self: Tensor, name: str, others: tuple[Tensor, ...], function: Any) -> Tensor:
    for t in (self, *others):
        _no_grad_needed(t, name)
    array = self._np
    for other in others:
        if other._np.dtype != array.dtype:
            kind = self.type()
            raise TypeError(f"{name}: expected {kind} for 'other' (got {other.type()})")
    columns = [np.broadcast_to(t._np, array.shape).reshape(-1).tolist() for t in (self, *others)]
    made = [function(*row) for row in zip(*columns, strict=True)]
    values = np.array(made, dtype=array.dtype).reshape(array.shape)
    return self.copy_(make(values))


@method()
def apply_(self: Tensor, callable: Callable[[Any], Any]) -> Tensor:
    """Replace each element by a function of it. Source: ``torch.Tensor.apply_``."""
    return _mapped(self, "apply_", (), callable)


@method()
def map_(self: Tensor, tensor: Tensor, callable: Callable[[Any, Any], Any]) -> Tensor:
    """Replace each element by a function of it and another's. Source: ``torch.Tensor.map_``."""
    return _mapped(self, "map_", (tensor,), callable)


@method()
def map2_(self: Tensor, x: Tensor, y: Tensor, callable: Callable[..., Any]) -> Tensor:
    """Replace each element by a function of three. Source: ``torch.Tensor.map2_``."""
    return _mapped(self, "map2_", (x, y), callable)
