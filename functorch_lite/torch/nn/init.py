"""First values of parameters, drawn from the streams of ``torch.manual_seed``.

Source: ``torch.nn.init``.
"""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable
from typing import Any

from functorch_lite.torch._core.grad_mode import no_grad
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch._meta.symbol import is_meta
from functorch_lite.torch._ops.linalg_decompositions import qr
from functorch_lite.torch._ops.random_fill import randperm

__all__ = [
    "calculate_gain", "constant", "constant_", "dirac", "dirac_", "eye", "eye_", "kaiming_normal",
    "kaiming_normal_", "kaiming_uniform", "kaiming_uniform_", "normal", "normal_", "ones_",
    "orthogonal", "orthogonal_", "sparse", "sparse_", "trunc_normal_", "uniform", "uniform_",
    "xavier_normal", "xavier_normal_", "xavier_uniform", "xavier_uniform_", "zeros_",
]  # fmt: skip

_LINEAR = frozenset(("linear", "sigmoid")) | {
    f"conv{kind}{n}d" for kind in ("", "_transpose") for n in (1, 2, 3)
}


# ----------------------------------------------------------------------------- from distributions
def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Any = None) -> Tensor:
    """Fill with numbers uniform between a and b. Source: ``torch.nn.init.uniform_``."""
    with no_grad():
        return tensor.uniform_(a, b, generator=generator)


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Any = None) -> Tensor:
    """Fill with normal numbers. Source: ``torch.nn.init.normal_``."""
    with no_grad():
        return tensor.normal_(mean, std, generator=generator)


def trunc_normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0,
    generator: Any = None,
) -> Tensor:  # fmt: skip
    """Fill with normal numbers that lie between a and b.

    Source: ``torch.nn.init.trunc_normal_``.
    """
    if not a - 2 * std <= mean <= b + 2 * std:
        warnings.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. The distribution of "
            "values may be incorrect.",
            stacklevel=2,
        )

    low, high = ((1.0 + math.erf((x - mean) / std / math.sqrt(2.0))) / 2.0 for x in (a, b))
    with no_grad():
        if high - low > 0.3:
            _keep_normal(tensor, mean, std, a, b, generator)
        else:
            _keep_uniform(tensor, mean, std, a, b, generator)
    return tensor


def _keep_normal(t: Any, mean: float, std: float, a: float, b: float, generator: Any) -> None:
    """Draw normal numbers, and again for the places where they are out of bounds."""
    t.normal_(mean, std, generator=generator)
    if is_meta(t):
        return
    # The bounds as the dtype has them.
    a, b = t.new_tensor(a).item(), t.new_tensor(b).item()
    outside = (t < a) | (t > b)
    while outside.any():
        again = t.detach().clone().normal_(mean, std, generator=generator)
        t.copy_(again.where(outside, t))
        outside = (t < a) | (t > b)


def _keep_uniform(t: Any, mean: float, std: float, a: float, b: float, generator: Any) -> None:
    """Draw uniform numbers, and again for those that a normal density rejects.

    Where little of the density is within the bounds, few normal numbers would be.
    """
    if is_meta(t):
        t.uniform_(a, b)
        return
    peak = -0.5 * ((max(a, min(mean, b)) - mean) / std) ** 2
    drawn, chance = t.detach().clone(), t.detach().clone()
    pending = None
    while pending is None or pending.any():
        drawn.uniform_(a, b, generator=generator)
        t.copy_(drawn if pending is None else drawn.where(pending, t))
        drawn.sub_(mean).div_(std).pow_(2).mul_(-0.5).sub_(peak)
        rejected = chance.uniform_(generator=generator).log_() > drawn
        pending = rejected if pending is None else pending & rejected


# --------------------------------------------------------------------------------- without chance
def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with one number. Source: ``torch.nn.init.constant_``."""
    with no_grad():
        return tensor.fill_(val)


def ones_(tensor: Tensor) -> Tensor:
    """Fill with ones. Source: ``torch.nn.init.ones_``."""
    return constant_(tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """Fill with zeros. Source: ``torch.nn.init.zeros_``."""
    with no_grad():
        return tensor.zero_()


def eye_(tensor: Tensor) -> Tensor:
    """Fill with ones on the diagonal, else zeros.

    Raises:
        ValueError: it is no matrix.

    Source: ``torch.nn.init.eye_``.
    """
    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    with no_grad():
        tensor.zero_()
        tensor.diagonal().fill_(1)
    return tensor


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Fill kernels of convolutions so that they return as many input channels as they can.

    Args:
        tensor: f[out_channels, in_channels / groups, *kernel].
        groups: of the convolution.

    Raises:
        ValueError: its dimensions, or its channels, are not those of such kernels.

    Source: ``torch.nn.init.dirac_``.
    """
    if tensor.ndim not in (3, 4, 5):
        raise ValueError("Only tensors with 3, 4, or 5 dimensions are supported")
    sizes = tuple(tensor.shape)
    if sizes[0] % groups:
        raise ValueError("dim 0 must be divisible by groups")
    per_group = sizes[0] // groups
    middle = tuple(n // 2 for n in sizes[2:])
    with no_grad():
        tensor.zero_()
        for group in range(groups):
            for channel in range(min(per_group, sizes[1])):
                tensor[(group * per_group + channel, channel, *middle)] = 1
    return tensor


# ------------------------------------------------------------------ scaled by the size of a layer
def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """By how much to scale weights before an activation.

    Args:
        nonlinearity: its name; those of linear layers and convolutions count as well.
        param: the negative slope of ``leaky_relu``.

    Raises:
        ValueError: the name is not known, or the slope is no number.

    >>> calculate_gain("tanh")
    1.6666666666666667

    Source: ``torch.nn.init.calculate_gain``.
    """
    if nonlinearity in _LINEAR:
        return 1
    if nonlinearity == "tanh":
        return 5.0 / 3
    if nonlinearity == "relu":
        return math.sqrt(2.0)
    if nonlinearity == "selu":
        return 3.0 / 4
    if nonlinearity != "leaky_relu":
        raise ValueError(f"Unsupported nonlinearity {nonlinearity}")
    if param is None:
        param = 0.01
    elif isinstance(param, bool) or not isinstance(param, (int, float)):
        raise ValueError(f"negative_slope {param} not a valid number")
    return math.sqrt(2.0 / (1 + param * param))


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    """How many inputs an output of a layer has, and how many outputs an input."""
    if tensor.ndim < 2:
        raise ValueError(
            "Fan in and fan out can not be computed for tensor with fewer than 2 dimensions"
        )
    outputs, inputs, *kernel = tensor.shape
    places = math.prod(kernel)
    return inputs * places, outputs * places


def _calculate_correct_fan(tensor: Tensor, mode: str) -> int:
    modes = ["fan_in", "fan_out"]
    if mode.lower() not in modes:
        raise ValueError(f"Mode {mode} not supported, please use one of {modes}")
    return _calculate_fan_in_and_fan_out(tensor)[modes.index(mode.lower())]


def _xavier_std(tensor: Tensor, gain: float) -> float:
    return gain * math.sqrt(2.0 / float(sum(_calculate_fan_in_and_fan_out(tensor))))


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """Fill with uniform numbers whose spread follows from both sizes of a layer.

    Raises:
        ValueError: it has fewer than two dimensions.

    Source: Glorot & Bengio 2010; ``torch.nn.init.xavier_uniform_``.
    """
    bound = math.sqrt(3.0) * _xavier_std(tensor, gain)
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """The same with normal numbers. Source: ``torch.nn.init.xavier_normal_``."""
    return normal_(tensor, 0.0, _xavier_std(tensor, gain), generator)


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float | None:
    """The spread that keeps the variance; None for a tensor without elements."""
    if 0 in tensor.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=3)
        return None
    fan = _calculate_correct_fan(tensor, mode)
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


def kaiming_uniform_(
    tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu",
    generator: Any = None,
) -> Tensor:  # fmt: skip
    """Fill with uniform numbers that keep the variance through a layer and its activation.

    Args:
        a: the negative slope of ``leaky_relu``.
        mode: ``fan_in`` keeps the variance forward, ``fan_out`` backward.
        nonlinearity: the activation, as of ``calculate_gain``.

    Raises:
        ValueError: it has fewer than two dimensions; a mode or an activation is not known.

    Source: He et al. 2015; ``torch.nn.init.kaiming_uniform_``.
    """
    std = _kaiming_std(tensor, a, mode, nonlinearity)
    if std is None:
        return tensor
    bound = math.sqrt(3.0) * std
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu",
    generator: Any = None,
) -> Tensor:  # fmt: skip
    """The same with normal numbers. Source: ``torch.nn.init.kaiming_normal_``."""
    std = _kaiming_std(tensor, a, mode, nonlinearity)
    return tensor if std is None else normal_(tensor, 0, std, generator)


# --------------------------------------------------------------------------------------- matrices
def orthogonal_(tensor: Tensor, gain: float = 1, generator: Any = None) -> Tensor:
    """Fill so that rows, or columns, are orthogonal; dimensions after the first count as one.

    Raises:
        ValueError: it has fewer than two dimensions.

    Source: Saxe et al. 2014; ``torch.nn.init.orthogonal_``.
    """
    if tensor.ndim < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    if tensor.numel() == 0:
        return tensor
    rows = tensor.shape[0]
    drawn = tensor.detach().new_empty((rows, tensor.numel() // rows))
    drawn.normal_(0, 1, generator=generator)
    wide = drawn.shape[0] < drawn.shape[1]
    with no_grad():
        q, r = qr(drawn.mT if wide else drawn)
        # With the signs of the diagonal, all orthogonal matrices are equally likely.
        q = q * r.diagonal().sign()
        tensor.view_as(drawn).copy_(q.mT if wide else q)
        tensor.mul_(gain)
    return tensor


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Any = None) -> Tensor:
    """Fill a matrix with normal numbers, and a share of each column with zeros.

    Args:
        sparsity: the share of zeros.

    Raises:
        ValueError: it is no matrix.

    Source: Martens 2010; ``torch.nn.init.sparse_``.
    """
    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    rows, columns = tensor.shape
    zeros = math.ceil(sparsity * rows)
    with no_grad():
        tensor.normal_(0, std, generator=generator)
        for column in range(columns):
            tensor[randperm(rows)[:zeros], column] = 0
    return tensor


# -------------------------------------------------------------------------------------- old names
def _old(new: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A function under its name without the underscore, which warns."""
    name = new.__name__[:-1]

    @functools.wraps(new)
    def call(*args: Any, **kwargs: Any) -> Tensor:
        warnings.warn(
            f"`nn.init.{name}` is now deprecated in favor of `nn.init.{new.__name__}`.",
            FutureWarning,
            stacklevel=2,
        )
        return new(*args, **kwargs)

    call.__name__ = name
    call.__doc__ = f"The old name of ``{new.__name__}``. Source: ``torch.nn.init.{name}``."
    return call


uniform = _old(uniform_)
normal = _old(normal_)
constant = _old(constant_)
eye = _old(eye_)
dirac = _old(dirac_)
xavier_uniform = _old(xavier_uniform_)
xavier_normal = _old(xavier_normal_)
kaiming_uniform = _old(kaiming_uniform_)
kaiming_normal = _old(kaiming_normal_)
orthogonal = _old(orthogonal_)
sparse = _old(sparse_)
