"""Activation functions, as ``torch.nn.functional`` has them.

``FUNCTIONAL`` holds them all by name; the few that ``torch`` itself has are public there, too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite import ops
from functorch_lite.numpy import split
from functorch_lite.ops.arithmetic import scale
from functorch_lite.ops.families import zeros_like
from functorch_lite.torch._core.dtypes import FROM_NP, bfloat16, float32, float64
from functorch_lite.torch._core.inplace import apply_inplace
from functorch_lite.torch._core.op import Composite, RecordOp
from functorch_lite.torch._core.public import FUNCTIONS, public
from functorch_lite.torch._core.tensor import Tensor, make
from functorch_lite.torch._ops import smooth as _smooth  # noqa: F401  (fills the table)
from functorch_lite.torch._ops.binary import local2
from functorch_lite.torch._ops.elementwise import Local, halved, refusal
from functorch_lite.torch._ops.piecewise import FUNCTIONAL, Activation, floats, functional
from functorch_lite.torch._ops.shape import dimension

__all__ = ["FUNCTIONAL"]


# ---------------------------------------------------------------------------- of several operations
@functional
def softsign(input: Tensor) -> Tensor:
    """x / (1 + |x|). Source: ``torch.nn.functional.softsign``."""
    found: Tensor = input / (input.abs() + 1)
    return found


@functional
def tanhshrink(input: Tensor) -> Tensor:
    """x - tanh(x). Source: ``torch.nn.functional.tanhshrink``."""
    found: Tensor = input - input.tanh()
    return found


def _glu_of(x: Any, *, axis: int) -> Any:
    a, b = split(x, 2, axis)
    return ops.mul(a, ops.logistic(b))


_GLU = Composite("GluBackward0", _glu_of)


@functional
def glu(input: Tensor, dim: int = -1) -> Tensor:
    """The first half along a dimension times the sigmoid of the second.

    Source: ``torch.nn.functional.glu``.
    """
    array = input._np
    if array.ndim == 0:
        raise RuntimeError("glu does not support scalars because halving size must be even")
    axis = dimension(dim, array.ndim)
    floats("glu_cpu").dtype(FROM_NP[array.dtype])
    if array.shape[axis] % 2:
        raise RuntimeError(
            f"Halving dimension must be even, but dimension {axis} is size {array.shape[axis]}"
        )
    found: Tensor = _GLU([input], axis=axis)
    return found


_PRELU = local2(
    "PreluKernelBackward0",
    halved(lambda x, w: np.where(x > 0, x, x * w)),
    lambda t, x, y: ops.select(ops.gt(x, zeros_like(x)), t, ops.mul(t, y)),
    lambda t, x: ops.select(ops.gt(x, zeros_like(x)), zeros_like(t), ops.mul(t, x)),
)
_PRELU_TYPES = floats("prelu_cpu")


@functional
def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """x, or x times a weight per channel where it is negative.

    Args:
        weight: of one element, or of as many as dimension 1 has.

    Source: ``torch.nn.functional.prelu``.
    """
    own = _PRELU_TYPES.dtype(FROM_NP[input._np.dtype])
    other = FROM_NP[weight._np.dtype]
    if own is not other:
        raise RuntimeError(
            f"prelu: Type promoting not supported. Got {own.scalar_name} and {other.scalar_name}"
        )
    if weight._np.ndim > 1:
        raise RuntimeError(
            "prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = "
            f"{weight._np.ndim}"
        )
    count, ndim = weight._np.size, input._np.ndim
    if count != 1:
        channels = input._np.shape[1] if ndim > 1 else 1
        if not ndim:
            raise RuntimeError("Not allow zero-dim input tensor.")
        if channels != count:
            raise RuntimeError(
                "Mismatch of parameter numbers and input channel size. Found parameter numbers = "
                f"{count} and channel size = {channels}."
            )
    if weight._np.ndim != ndim or count != 1:
        shape = (1, count, *(1,) * (ndim - 2)) if ndim > 1 else (count,) * ndim
        weight = weight.reshape(shape)
    return _PRELU((input, weight))


_RRELU = RecordOp(
    "RreluWithNoiseBackward0",
    Local(("x", "noise"), halved(lambda x, noise: x * noise),
          lambda t, noise: ops.mul(t, noise), None),
)  # fmt: skip
_RRELU_IN_PLACE = RecordOp("RreluWithNoiseBackward1", _RRELU.record)


def _rrelu_eval(x: Any, *, slope: float) -> Any:
    return np.where(x > 0, x, x * x.dtype.type(slope))


_RRELU_EVAL = Activation(
    "RreluWithNoiseBackward0",
    _rrelu_eval,
    lambda t, x, slope: ops.select(ops.gt(x, zeros_like(x)), t, scale(t, slope)),
    floats("rrelu_with_noise_out_cpu"),
    "RreluWithNoiseBackward1",
)


@functional
def rrelu(
    input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False,
    inplace: bool = False, generator: Any = None,
) -> Tensor:  # fmt: skip
    """Like ``leaky_relu``, in training with slopes drawn at random.

    Raises:
        RuntimeError: ``lower`` is above ``upper``.

    Source: ``torch.nn.functional.rrelu``.
    """
    if lower > upper:
        raise RuntimeError("Lower bound should be less than or equal to the upper bound")
    if not inplace:
        input = input.contiguous()  # as PyTorch's result is
    if not training:
        return _RRELU_EVAL(input, inplace, slope=(lower + upper) / 2)
    if input.dtype not in (float32, float64, bfloat16):
        raise refusal("rrelu_with_noise_out_cpu", input.dtype)
    negative = input.detach() <= 0
    noise = input.detach().new_ones(input.shape)
    # In double precision whatever the dtype, as PyTorch draws them.
    drawn = make(np.empty(int(negative._np.sum()))).uniform_(lower, upper, generator=generator)
    noise._np[negative._np] = drawn._np
    if inplace:
        return apply_inplace(_RRELU_IN_PLACE, (input, noise), {})
    return _RRELU((input, noise))


@functional
def sigmoid(input: Tensor) -> Tensor:
    """1 / (1 + exp(-x)). Source: ``torch.nn.functional.sigmoid``."""
    found: Tensor = FUNCTIONS["sigmoid"](input)
    return found


@functional
def tanh(input: Tensor) -> Tensor:
    """The hyperbolic tangent. Source: ``torch.nn.functional.tanh``."""
    found: Tensor = FUNCTIONS["tanh"](input)
    return found


# ----------------------------------------------------------------------------- in place, and public
def _in_place(name: str) -> Callable[..., Any]:
    f = FUNCTIONAL[name]

    def g(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        found: Tensor = f(input, *args, inplace=True, **kwargs)
        return found

    g.__name__ = f"{name}_"
    g.__doc__ = f"``{name}`` in place. Source: ``torch.nn.functional.{name}_``."
    return functional(g)


for _name in ("relu", "elu", "selu", "celu", "leaky_relu", "hardtanh", "threshold", "rrelu"):
    _made = _in_place(_name)
    if _name in ("selu", "celu", "threshold", "rrelu"):
        FUNCTIONS[f"{_name}_"] = _made


def _public(name: str, methods: bool) -> None:
    public(name, methods=methods)(FUNCTIONAL[name])


for _name in ("selu", "celu", "threshold", "rrelu"):
    _public(_name, False)
_public("hardshrink", True)
_public("prelu", True)
