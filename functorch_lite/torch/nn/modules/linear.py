"""Layers that are linear in their inputs."""

from __future__ import annotations

import math
from typing import Any

from functorch_lite.torch._core.grad_mode import no_grad
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch.nn import functional as F
from functorch_lite.torch.nn import init
from functorch_lite.torch.nn.modules.lazy import LazyModuleMixin
from functorch_lite.torch.nn.modules.module import Module
from functorch_lite.torch.nn.parameter import UninitializedParameter, blank

__all__ = ["Bilinear", "Identity", "LazyLinear", "Linear"]


class Identity(Module):
    """Returns its input; takes, and forgets, any arguments.

    Source: ``torch.nn.Identity``.
    """

    __module__ = "torch.nn.modules.linear"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        return input


class Linear(Module):
    """x W^T + b.

    Args:
        in_features, out_features: last sizes of input and output.
        bias: whether there is a ``b``.
        device, dtype: of the parameters.

    >>> Linear(2, 3)
    Linear(in_features=2, out_features=3, bias=True)

    Source: ``torch.nn.Linear``.
    """

    __module__ = "torch.nn.modules.linear"
    in_features: int
    out_features: int
    weight: Tensor

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, device: Any = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.weight = blank(out_features, in_features, device=device, dtype=dtype)
        if bias:
            self.bias = blank(out_features, device=device, dtype=dtype)
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew, uniform within one over the root of ``in_features``."""
        # With a slope of sqrt(5), the bound of the weights is that of the bias.
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan = self.weight.shape[1]
            bound = 1 / math.sqrt(fan) if fan > 0 else 0
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:
        """Source: ``torch.nn.functional.linear``."""
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )


class NonDynamicallyQuantizableLinear(Linear):
    """A Linear that is part of attention, under a name of its own in pickles."""

    __module__ = "torch.nn.modules.linear"


class Bilinear(Module):
    """x1^T A x2 + b.

    Args:
        in1_features, in2_features, out_features: last sizes of both inputs and of the output.
        bias: whether there is a ``b``.
        device, dtype: of the parameters.

    Raises:
        ValueError: ``in1_features`` is not positive.

    Source: ``torch.nn.Bilinear``.
    """

    __module__ = "torch.nn.modules.linear"

    def __init__(
        self, in1_features: int, in2_features: int, out_features: int, bias: bool = True,
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        if in1_features <= 0:
            raise ValueError(f"in1_features must be > 0, but got ({in1_features=})")
        self.in1_features = in1_features
        self.in2_features = in2_features
        self.out_features = out_features
        self.weight = blank(out_features, in1_features, in2_features, device=device, dtype=dtype)
        if bias:
            self.bias = blank(out_features, device=device, dtype=dtype)
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew, uniform within one over the root of ``in1_features``."""
        bound = 1 / math.sqrt(self.weight.shape[1])
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        """Source: ``torch.nn.functional.bilinear``."""
        return F.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, "
            f"out_features={self.out_features}, bias={self.bias is not None}"
        )


class LazyLinear(LazyModuleMixin, Linear):
    """A Linear that takes ``in_features`` from its first input.

    Args:
        out_features: last size of the output.
        bias: whether there is a bias.
        device, dtype: of the parameters.

    Source: ``torch.nn.LazyLinear``.
    """

    __module__ = "torch.nn.modules.linear"
    cls_to_become = Linear

    def __init__(
        self, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(0, 0, False)
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        self.out_features = out_features
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self) -> None:
        if not self.has_uninitialized_params() and self.in_features != 0:
            super().reset_parameters()

    def initialize_parameters(self, input: Any) -> None:
        """Give the parameters their sizes and first values."""
        if self.has_uninitialized_params():
            with no_grad():
                self.in_features = input.shape[-1]
                self.weight.materialize((self.out_features, self.in_features))
                if self.bias is not None:
                    self.bias.materialize((self.out_features,))
                self.reset_parameters()
        if self.in_features == 0:
            self.in_features = self.weight.shape[-1]
