"""Activation functions made of pieces of lines, and how activations are declared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite import ops
from functorch_lite.ops.arithmetic import scale
from functorch_lite.ops.families import const, zeros_like
from functorch_lite.torch._core.dtypes import FROM_NP, finfo
from functorch_lite.torch._core.dtypes import dtype as DType
from functorch_lite.torch._core.inplace import apply_inplace
from functorch_lite.torch._core.op import RecordOp
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch._ops.clipping import RELU, RELU_TYPES
from functorch_lite.torch._ops.elementwise import Local, Unary, argument, halved
from functorch_lite.torch._ops.index_write import as_value

__all__ = ["FUNCTIONAL", "Activation", "floats", "functional", "zero"]

FUNCTIONAL: dict[str, Callable[..., Any]] = {}
"""Activations by their names in ``torch.nn.functional``."""


class Activation:
    """An activation: its operation, the one in place, and the dtypes.

    Args:
        node: name of the node; ``node_inplace`` of that in place.
        eager: of a raw array and params.
        rule: of the gradient.
        types: of the operand.
    """

    __slots__ = ("inplace", "types", "what")

    def __init__(
        self, node: str, eager: Any, rule: Any, types: Unary, node_inplace: str = ""
    ) -> None:
        record = Local(("x",), halved(eager), rule)
        self.what = RecordOp(node, record)
        self.inplace = RecordOp(node_inplace, record) if node_inplace else self.what
        self.types = types

    def __call__(self, input: Tensor, inplace: bool, /, **params: Any) -> Tensor:
        try:
            array = input._np
        except AttributeError:
            raise argument(input, self.types.kernel.removesuffix("_cpu")) from None
        if array.dtype.char not in "fd":
            self.types.dtype(FROM_NP[array.dtype])
        if inplace:
            return apply_inplace(self.inplace, (input,), params)
        return self.what((input,), params)


def floats(kernel: str, kinds: str = "f", **errors: Exception) -> Unary:
    return Unary(kinds, kernel, promote=False, errors=errors)


def functional(f: Callable[..., Any]) -> Callable[..., Any]:
    """Put a function among the activations."""
    FUNCTIONAL[f.__name__] = f
    return f


def _value(number: Any, x: Any) -> Any:
    """A number in the dtype of a raw array."""
    return as_value(number, FROM_NP[x.dtype])


def zero(t: Any) -> Any:
    return const(0.0, t.dtype)


# ---------------------------------------------------------------------------------- pieces of lines
@functional
def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(x, 0). Source: ``torch.nn.functional.relu``."""
    if input._np.dtype.char not in "fd":
        RELU_TYPES.dtype(FROM_NP[input._np.dtype])
    return apply_inplace(RELU, (input,), {}) if inplace else RELU((input,))


def _hardtanh_rule(t: Any, x: Any, lo: Any, hi: Any) -> Any:
    outside = ops.bitwise_or(ops.le(x, const(lo, x.dtype)), ops.ge(x, const(hi, x.dtype)))
    return ops.select(outside, zeros_like(t), t)


_HARDTANH = Activation(
    "HardtanhBackward0",
    lambda x, *, lo, hi: np.minimum(np.maximum(x, _value(lo, x)), _value(hi, x)),
    _hardtanh_rule,
    floats(
        "hardtanh", "if",
        b=RuntimeError("Bool inputs not supported for hardtanh"),
        c=NotImplementedError("clamp is not supported for complex types"),
    ),
)  # fmt: skip


@functional
def hardtanh(
    input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Tensor:
    """x between two bounds. Source: ``torch.nn.functional.hardtanh``."""
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    if input._np.dtype.kind in "iu":
        min_val, max_val = int(min_val), int(max_val)
        if min_val < 0 and input._np.dtype.kind == "u":
            raise RuntimeError("cannot do hardtanh on an unsigned type with negative limits")
    return _HARDTANH(input, inplace, lo=min_val, hi=max_val)


@functional
def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """x between 0 and 6. Source: ``torch.nn.functional.relu6``."""
    return _HARDTANH(input, inplace, lo=0.0, hi=6.0)


_LEAKY = Activation(
    "LeakyReluBackward0",
    lambda x, *, slope: np.where(x > 0, x, x * x.dtype.type(slope)),
    lambda t, x, slope: ops.select(ops.gt(x, zeros_like(x)), t, scale(t, slope)),
    floats("leaky_relu_cpu"),
    "LeakyReluBackward1",
)


@functional
def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """x, or x times a slope where it is negative. Source: ``torch.nn.functional.leaky_relu``."""
    return _LEAKY(input, inplace, slope=negative_slope)


_THRESHOLD = Activation(
    "ThresholdBackward0",
    lambda x, *, at, value: np.where(x <= _value(at, x), _value(value, x), x),
    lambda t, x, at: ops.select(ops.le(x, const(at, x.dtype)), zeros_like(t), t),
    floats("threshold_cpu", "if"),
    "ThresholdBackward1",
)


@functional
def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """x above a threshold, else a value. Source: ``torch.nn.functional.threshold``."""
    return _THRESHOLD(input, inplace, at=threshold, value=value)


_SIXTH = float(np.float32(1 / 6))  # PyTorch has this constant in single precision


def _hardsigmoid_rule(t: Any, x: Any) -> Any:
    inside = ops.bitwise_and(ops.gt(x, const(-3.0, x.dtype)), ops.lt(x, const(3.0, x.dtype)))
    return ops.select(inside, scale(t, _SIXTH), zeros_like(t))


_HARDSIGMOID = Activation(
    "HardsigmoidBackward0",
    lambda x: np.minimum(np.maximum(x + 3, 0), 6) / 6,
    _hardsigmoid_rule,
    floats("hardsigmoid_cpu"),
)


@functional
def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """x / 6 + 1 / 2 between 0 and 1. Source: ``torch.nn.functional.hardsigmoid``."""
    return _HARDSIGMOID(input, inplace)


def _hardswish_rule(t: Any, x: Any) -> Any:
    slope = ops.add(scale(x, 1 / 3), const(0.5, x.dtype))
    middle = ops.select(ops.lt(x, const(3.0, x.dtype)), ops.mul(t, slope), t)
    return ops.select(ops.le(x, const(-3.0, x.dtype)), zeros_like(t), middle)


_HARDSWISH = Activation(
    "HardswishBackward0",
    lambda x: x * np.minimum(np.maximum(x + 3, 0), 6) / 6,
    _hardswish_rule,
    floats("hardswish_cpu"),
)


@functional
def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """x times hardsigmoid(x). Source: ``torch.nn.functional.hardswish``."""
    return _HARDSWISH(input, inplace)


def _shrink_rule(t: Any, x: Any, at: Any) -> Any:
    inside = ops.bitwise_and(ops.ge(x, const(-at, x.dtype)), ops.le(x, const(at, x.dtype)))
    return ops.select(inside, zeros_like(t), t)


_HARDSHRINK = Activation(
    "HardshrinkBackward0",
    lambda x, *, at: np.where((x >= -at) & (x <= at), x.dtype.type(0), x),
    _shrink_rule,
    floats("hardshrink_cpu"),
)
_SOFTSHRINK = Activation(
    "SoftshrinkBackward0",
    lambda x, *, at: np.where(x > at, x - x.dtype.type(at),
                              np.where(x < -at, x + x.dtype.type(at), x * 0)),
    _shrink_rule,
    floats("softshrink_check"),
)  # fmt: skip


@functional
def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x, but 0 between -lambd and lambd. Source: ``torch.nn.functional.hardshrink``."""
    return _HARDSHRINK(input, False, at=lambd)


def _bad_lambda(dtype: DType, lambd: float) -> str:
    top = finfo(dtype).max
    return (
        f"lambda must be in range [0, {top:g}] for input dtype {dtype.scalar_name}, but found "
        f"{lambd:g}"
    )


@functional
def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x moved to 0 by lambd. Source: ``torch.nn.functional.softshrink``."""
    own = _SOFTSHRINK.types.dtype(FROM_NP[input._np.dtype])
    if not 0 <= lambd <= finfo(own).max:
        raise RuntimeError(_bad_lambda(own, lambd))
    return _SOFTSHRINK(input, False, at=lambd)
