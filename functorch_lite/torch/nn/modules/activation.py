"""Activations as layers."""

from __future__ import annotations

import warnings
from typing import Any

from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch.nn import functional
from functorch_lite.torch.nn import init as _init
from functorch_lite.torch.nn.modules.module import Module
from functorch_lite.torch.nn.modules.multihead import MultiheadAttention
from functorch_lite.torch.nn.parameter import blank

__all__ = [
    "CELU", "ELU", "GELU", "GLU", "Hardshrink", "Hardsigmoid", "Hardswish", "Hardtanh", "LeakyReLU",
    "LogSigmoid", "LogSoftmax", "Mish", "MultiheadAttention", "PReLU", "RReLU", "ReLU", "ReLU6",
    "SELU", "SiLU", "Sigmoid", "Softmax", "Softmax2d", "Softmin", "Softplus", "Softshrink",
    "Softsign", "Tanh", "Tanhshrink", "Threshold",
]  # fmt: skip

# Any, since most of its functions come from a table.
F: Any = functional


class _Activation(Module):
    """What activations have in common.

    Attributes:
        _shown: attributes that the text of the module names.
    """

    _shown: tuple[str, ...] = ()

    def extra_repr(self) -> str:
        found = [f"{name}={getattr(self, name)}" for name in self._shown]
        # `inplace` is worth a word only where it is on.
        return ", ".join(text for text in found if text != "inplace=False")


class _Inplace(_Activation):
    """Activations whose only choice is to write into their input."""

    _shown: tuple[str, ...] = ("inplace",)

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace


# ------------------------------------------------------------------------------- piecewise linear
class Threshold(_Activation):
    """x where it is above a threshold, else a value.

    Args:
        threshold: where x begins.
        value: what stands for all below.
        inplace: whether to write into the input.

    Source: ``torch.nn.Threshold``.
    """

    __module__ = "torch.nn.modules.activation"
    _shown = ("threshold", "value", "inplace")

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__()
        self.threshold = threshold
        self.value = value
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.threshold(input, self.threshold, self.value, self.inplace)


class ReLU(_Inplace):
    """max(x, 0). Source: ``torch.nn.ReLU``."""

    __module__ = "torch.nn.modules.activation"

    def forward(self, input: Tensor) -> Tensor:
        return F.relu(input, inplace=self.inplace)


class RReLU(_Activation):
    """x, or a random share of it where it is negative; the mean share outside of training.

    Args:
        lower, upper: between which the shares lie.
        inplace: whether to write into the input.

    Source: ``torch.nn.RReLU``.
    """

    __module__ = "torch.nn.modules.activation"
    _shown = ("lower", "upper", "inplace")

    def __init__(
        self, lower: float = 1.0 / 8, upper: float = 1.0 / 3, inplace: bool = False
    ) -> None:
        super().__init__()
        self.lower = lower
        self.upper = upper
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.rrelu(input, self.lower, self.upper, self.training, self.inplace)


class Hardtanh(_Activation):
    """x between two bounds.

    Args:
        min_val, max_val: the bounds; ``min_value`` and ``max_value`` are their old names.
        inplace: whether to write into the input.

    Raises:
        AssertionError: the bounds are in the wrong order.

    Source: ``torch.nn.Hardtanh``.
    """

    __module__ = "torch.nn.modules.activation"
    _shown: tuple[str, ...] = ("min_val", "max_val", "inplace")

    def __init__(
        self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False,
        min_value: float | None = None, max_value: float | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        if min_value is not None:
            min_val = _renamed("min_value", min_value)
        if max_value is not None:
            max_val = _renamed("max_value", max_value)
        self.min_val = min_val
        self.max_val = max_val
        self.inplace = inplace
        if not max_val > min_val:
            raise AssertionError(f"max_val ({max_val}) must be greater than min_val ({min_val})")

    def forward(self, input: Tensor) -> Tensor:
        return F.hardtanh(input, self.min_val, self.max_val, self.inplace)


def _renamed(name: str, value: float) -> float:
    warnings.warn(
        f"keyword argument `{name}` is deprecated and renamed to `{name[:-2]}`",
        FutureWarning,
        stacklevel=3,
    )
    return value


class ReLU6(Hardtanh):
    """x between 0 and 6. Source: ``torch.nn.ReLU6``."""

    __module__ = "torch.nn.modules.activation"
    _shown = ("inplace",)

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(0.0, 6.0, inplace)

    def forward(self, input: Tensor) -> Tensor:
        return F.relu6(input, self.inplace)


class LeakyReLU(_Activation):
    """x, or a share of it where it is negative.

    Args:
        negative_slope: that share.
        inplace: whether to write into the input.

    Source: ``torch.nn.LeakyReLU``.
    """

    __module__ = "torch.nn.modules.activation"
    _shown = ("negative_slope", "inplace")

    def __init__(self, negative_slope: float = 1e-2, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope = negative_slope
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.leaky_relu(input, self.negative_slope, self.inplace)


class PReLU(_Activation):
    """x, or a learnt share of it where it is negative.

    Args:
        num_parameters: one share for all, or one per channel.
        init: their first value.
        device, dtype: of the parameter.

    Source: ``torch.nn.PReLU``.
    """

    __module__ = "torch.nn.modules.activation"
    _shown = ("num_parameters",)

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.num_parameters = num_parameters
        self.init = init
        self.weight = blank(num_parameters, device=device, dtype=dtype)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the shares to their first value."""
        _init.constant_(self.weight, self.init)

    def forward(self, input: Tensor) -> Tensor:
        return F.prelu(input, self.weight)


class Hardshrink(_Activation):
    """x, or 0 where it is near 0.

    Args:
        lambd: up to where.

    Source: ``torch.nn.Hardshrink``.
    """

    __module__ = "torch.nn.modules.activation"

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def forward(self, input: Tensor) -> Tensor:
        return F.hardshrink(input, self.lambd)

    def extra_repr(self) -> str:
        return f"{self.lambd}"


class Softshrink(_Activation):
    """x moved towards 0, and 0 where it is near.

    Args:
        lambd: by how much.

    Source: ``torch.nn.Softshrink``.
    """

    __module__ = "torch.nn.modules.activation"

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def forward(self, input: Tensor) -> Tensor:
        return F.softshrink(input, self.lambd)

    def extra_repr(self) -> str:
        return str(self.lambd)


# --------------------------------------------------------------------------------------- sigmoids
class Sigmoid(Module):
    """1 / (1 + exp(-x)). Source: ``torch.nn.Sigmoid``."""

    __module__ = "torch.nn.modules.activation"

    def forward(self, input: Tensor) -> Tensor:
        return input.sigmoid()


class Tanh(Module):
    """The hyperbolic tangent. Source: ``torch.nn.Tanh``."""

    __module__ = "torch.nn.modules.activation"

    def forward(self, input: Tensor) -> Tensor:
        return input.tanh()


class LogSigmoid(Module):
    """The logarithm of the sigmoid. Source: ``torch.nn.LogSigmoid``."""

    __module__ = "torch.nn.modules.activation"

    def forward(self, input: Tensor) -> Tensor:
        return F.logsigmoid(input)


class Softsign(Module):
    """x / (1 + |x|). Source: ``torch.nn.Softsign``."""

    __module__ = "torch.nn.modules.activation"

    def forward(self, input: Tensor) -> Tensor:
        return F.softsign(input)


class Tanhshrink(Module):
    """x - tanh(x). Source: ``torch.nn.Tanhshrink``."""

    __module__ = "torch.nn.modules.activation"

    def forward(self, input: Tensor) -> Tensor:
        return F.tanhshrink(input)


class Hardsigmoid(_Inplace):
    """x / 6 + 1 / 2 between 0 and 1. Source: ``torch.nn.Hardsigmoid``."""

    __module__ = "torch.nn.modules.activation"
    _shown = ()

    def forward(self, input: Tensor) -> Tensor:
        return F.hardsigmoid(input, self.inplace)


class Softplus(_Activation):
    """log(1 + exp(beta x)) / beta.

    Args:
        beta: how sharp the corner is.
        threshold: from which beta x on it is x.

    Source: ``torch.nn.Softplus``.
    """

    __module__ = "torch.nn.modules.activation"
    _shown = ("beta", "threshold")

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta = beta
        self.threshold = threshold

    def forward(self, input: Tensor) -> Tensor:
        return F.softplus(input, self.beta, self.threshold)


# ----------------------------------------------------------------------- smooth relatives of ReLU
class SiLU(_Inplace):
    """x sigmoid(x). Source: ``torch.nn.SiLU``."""

    __module__ = "torch.nn.modules.activation"

    def forward(self, input: Tensor) -> Tensor:
        return F.silu(input, inplace=self.inplace)


class Mish(_Inplace):
    """x tanh(softplus(x)). Source: ``torch.nn.Mish``."""

    __module__ = "torch.nn.modules.activation"

    def forward(self, input: Tensor) -> Tensor:
        return F.mish(input, inplace=self.inplace)


class Hardswish(_Inplace):
    """x hardsigmoid(x). Source: ``torch.nn.Hardswish``."""

    __module__ = "torch.nn.modules.activation"
    _shown = ()

    def forward(self, input: Tensor) -> Tensor:
        return F.hardswish(input, self.inplace)


class SELU(_Inplace):
    """A scaled ELU that keeps mean and variance. Source: ``torch.nn.SELU``."""

    __module__ = "torch.nn.modules.activation"

    def forward(self, input: Tensor) -> Tensor:
        return F.selu(input, self.inplace)


class _Alpha(_Activation):
    """ELU and CELU.

    Args:
        alpha: where they go to at minus infinity, negated.
        inplace: whether to write into the input.
    """

    _shown = ("alpha", "inplace")

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace


class ELU(_Alpha):
    """x, or alpha (exp(x) - 1) where it is negative. Source: ``torch.nn.ELU``."""

    __module__ = "torch.nn.modules.activation"

    def forward(self, input: Tensor) -> Tensor:
        return F.elu(input, self.alpha, self.inplace)


class CELU(_Alpha):
    """x, or alpha (exp(x / alpha) - 1) where it is negative. Source: ``torch.nn.CELU``."""

    __module__ = "torch.nn.modules.activation"

    def forward(self, input: Tensor) -> Tensor:
        return F.celu(input, self.alpha, self.inplace)


class GELU(_Activation):
    """x times the share of a normal distribution below x.

    Args:
        approximate: ``none``, or ``tanh`` for a formula with tanh.

    Source: ``torch.nn.GELU``.
    """

    __module__ = "torch.nn.modules.activation"

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        return F.gelu(input, approximate=self.approximate)

    def extra_repr(self) -> str:
        return f"approximate={self.approximate!r}"


# ------------------------------------------------------------------------------ along a dimension
class _Along(_Activation):
    """Activations along a dimension.

    Args:
        dim: which; None, with a warning, for the one that PyTorch guesses.
    """

    _shown = ("dim",)

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim


class GLU(_Activation):
    """The first half of a dimension times the sigmoid of the second.

    Args:
        dim: which dimension.

    Source: ``torch.nn.GLU``.
    """

    __module__ = "torch.nn.modules.activation"
    _shown = ("dim",)

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        return F.glu(input, self.dim)


class Softmin(_Along):
    """The softmax of -x. Source: ``torch.nn.Softmin``."""

    __module__ = "torch.nn.modules.activation"

    def forward(self, input: Tensor) -> Tensor:
        return F.softmin(input, self.dim, _stacklevel=6)


class Softmax(_Along):
    """exp(x), divided by the sum along a dimension. Source: ``torch.nn.Softmax``."""

    __module__ = "torch.nn.modules.activation"

    def forward(self, input: Tensor) -> Tensor:
        return F.softmax(input, self.dim, _stacklevel=6)


class LogSoftmax(_Along):
    """The logarithm of the softmax. Source: ``torch.nn.LogSoftmax``."""

    __module__ = "torch.nn.modules.activation"

    def forward(self, input: Tensor) -> Tensor:
        return F.log_softmax(input, self.dim, _stacklevel=6)


class Softmax2d(Module):
    """The softmax over the channels of f[N, C, H, W]. Source: ``torch.nn.Softmax2d``."""

    __module__ = "torch.nn.modules.activation"

    def forward(self, input: Tensor) -> Tensor:
        if input.ndim not in (3, 4):
            raise ValueError(f"Softmax2d: expected input to be 3D or 4D, got {input.ndim}D instead")
        return F.softmax(input, -3)
