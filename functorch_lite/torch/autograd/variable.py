"""The class of tensors before PyTorch 0.4. Source: ``torch.autograd.variable``."""

from __future__ import annotations

import warnings
from typing import Any

from functorch_lite.torch._core.tensor import Tensor

__all__ = ["Variable"]


class _VariableMeta(type):
    """Tensors are variables."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor)


class Variable(metaclass=_VariableMeta):
    """The tensor of older programs: ``Variable(t)`` is ``t`` outside of the graph.

    Source: ``torch.autograd.Variable``.
    """

    __module__ = "torch.autograd.variable"

    def __new__(
        cls, data: Tensor, requires_grad: bool = False, volatile: bool | None = None
    ) -> Any:
        if volatile is not None:
            warnings.warn(
                "volatile was removed and now has no effect. Use `with torch.no_grad():` instead.",
                UserWarning,
                stacklevel=2,
            )
        made = data.detach()
        made.requires_grad = requires_grad
        return made
