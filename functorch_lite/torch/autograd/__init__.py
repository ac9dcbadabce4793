"""Automatic differentiation: gradients, functions with derivatives of their own, checks of both."""

from __future__ import annotations

import warnings
from typing import Any

from functorch_lite.torch._core.grad_mode import (
    enable_grad,
    inference_mode,
    no_grad,
    set_grad_enabled,
)
from functorch_lite.torch._core.gradients import backward, grad
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch.autograd import anomaly, forward_ad, function, functional, graph
from functorch_lite.torch.autograd.anomaly import detect_anomaly, set_detect_anomaly
from functorch_lite.torch.autograd.function import Function
from functorch_lite.torch.autograd.gradcheck import GradcheckError, gradcheck, gradgradcheck

__all__ = [
    "Function", "GradcheckError", "Variable", "anomaly", "backward", "detect_anomaly",
    "enable_grad", "forward_ad", "function", "functional", "grad", "gradcheck", "gradgradcheck",
    "graph", "inference_mode", "no_grad", "set_detect_anomaly", "set_grad_enabled",
]  # fmt: skip


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
