"""Automatic differentiation: gradients, functions with derivatives of their own, checks of both."""

from __future__ import annotations

from functorch_lite.torch._core.grad_mode import (
    enable_grad,
    inference_mode,
    no_grad,
    set_grad_enabled,
)
from functorch_lite.torch._core.gradients import backward, grad
from functorch_lite.torch.autograd import (
    anomaly_mode,
    forward_ad,
    function,
    functional,
    grad_mode,
    graph,
    variable,
)
from functorch_lite.torch.autograd.anomaly_mode import detect_anomaly, set_detect_anomaly
from functorch_lite.torch.autograd.function import Function
from functorch_lite.torch.autograd.grad_mode import set_multithreading_enabled
from functorch_lite.torch.autograd.gradcheck import GradcheckError, gradcheck, gradgradcheck
from functorch_lite.torch.autograd.variable import Variable

__all__ = [
    "Function", "GradcheckError", "Variable", "anomaly_mode", "backward", "detect_anomaly",
    "enable_grad", "forward_ad", "function", "functional", "grad", "grad_mode", "gradcheck",
    "gradgradcheck", "graph", "inference_mode", "no_grad", "set_detect_anomaly",
    "set_grad_enabled", "set_multithreading_enabled", "variable",
]  # fmt: skip
