"""Smooth activation functions: of exponentials, and of the normal distribution."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite import ops
from functorch_lite.core.array import Array, wrap
from functorch_lite.core.trace import state
from functorch_lite.ops.arithmetic import scale
from functorch_lite.ops.families import const, zeros_like
from functorch_lite.torch._core.large import compiled, is_big
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch._ops.elementwise import raw
from functorch_lite.torch._ops.piecewise import Activation, floats, functional, zero

__all__: list[str] = []


# ------------------------------------------------------------------------------------- exponentials
def _elu(x: Any, *, alpha: float, outer: float, inner: float) -> Any:
    kind = x.dtype.type
    below = np.expm1(np.minimum(x, 0) * kind(inner)) * kind(alpha * outer)
    return np.where(x < 0, below, x * kind(outer))


def _elu_rule(t: Any, x: Any, alpha: Any, outer: Any, inner: Any) -> Any:
    negative = ops.le(x, zeros_like(x))
    safe = ops.select(negative, x, zeros_like(x))
    below = scale(ops.mul(t, ops.exp(scale(safe, inner))), alpha * outer * inner)
    return ops.select(negative, below, scale(t, outer))


_ELU = Activation("EluBackward0", _elu, _elu_rule, floats("elu_cpu"), "EluBackward1")
_CELU = Activation("CeluBackward0", _elu, _elu_rule, floats("elu_cpu"), "CeluBackward1")
_SELU = {"alpha": 1.6732632423543772848170429916717, "outer": 1.0507009873554804934193349852946}


@functional
def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x, or alpha * (exp(x) - 1) where it is negative. Source: ``torch.nn.functional.elu``."""
    return _ELU(input, inplace, alpha=alpha, outer=1.0, inner=1.0)


@functional
def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """``elu`` with the constants that keep moments. Source: ``torch.nn.functional.selu``."""
    return _ELU(input, inplace, inner=1.0, **_SELU)


@functional
def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """``elu`` of x / alpha, smooth at 0. Source: ``torch.nn.functional.celu``."""
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    return _CELU(input, inplace, alpha=alpha, outer=1.0, inner=1.0 / alpha)


def _silu(x: Any) -> Any:
    if x.dtype.kind == "c":
        return x / (1 + np.exp(-x))
    return x * raw(ops.logistic, x)


def _silu_rule(t: Any, x: Any) -> Any:
    s = ops.logistic(x)
    one = const(1.0, x.dtype)
    return ops.mul(t, ops.mul(s, ops.add(one, ops.mul(x, ops.sub(one, s)))))


_SILU = Activation("SiluBackward0", _silu, _silu_rule, floats("silu_cpu", "fc"))


@functional
def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """x * sigmoid(x). Source: ``torch.nn.functional.silu``."""
    return _SILU(input, inplace)


def _log1pexp(x: Any) -> Any:
    return np.maximum(x, 0) + raw(ops.log1p, raw(ops.exp, -np.abs(x)))


def _soft(x: Any) -> Any:
    """log(1 + exp(x)) of a core array."""
    return ops.add(ops.maximum(x, zero(x)), ops.log1p(ops.exp(ops.neg(ops.abs(x)))))


def _mish_rule(t: Any, x: Any) -> Any:
    s, th = ops.logistic(x), ops.tanh(_soft(x))
    one = const(1.0, x.dtype)
    slope = ops.mul(ops.mul(x, s), ops.sub(one, ops.square(th)))
    return ops.mul(t, ops.add(th, slope))


_MISH = Activation(
    "MishBackward0",
    lambda x: x * raw(ops.tanh, _log1pexp(x)),
    _mish_rule,
    floats("mish_cpu"),
)


@functional
def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """x * tanh(softplus(x)). Source: ``torch.nn.functional.mish``."""
    return _MISH(input, inplace)


def _softplus(x: Any, *, beta: float, threshold: float) -> Any:
    scaled = x * x.dtype.type(beta)
    soft = raw(ops.log1p, raw(ops.exp, np.minimum(scaled, threshold)))
    return np.where(scaled > threshold, x, soft / x.dtype.type(beta))


def _softplus_rule(t: Any, x: Any, beta: Any, threshold: Any) -> Any:
    scaled = scale(x, beta)
    return ops.select(
        ops.gt(scaled, const(threshold, x.dtype)), t, ops.mul(t, ops.logistic(scaled))
    )


_SOFTPLUS = Activation("SoftplusBackward0", _softplus, _softplus_rule, floats("softplus_cpu"))


@functional
def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + exp(beta * x)) / beta, x itself beyond the threshold.

    Source: ``torch.nn.functional.softplus``.
    """
    return _SOFTPLUS(input, False, beta=beta, threshold=threshold)


def _log_sigmoid(x: Any) -> Any:
    return np.minimum(x, 0) - raw(ops.log1p, raw(ops.exp, -np.abs(x)))


_LOG_SIGMOID = Activation(
    "LogSigmoidBackward0",
    _log_sigmoid,
    lambda t, x: ops.mul(t, ops.logistic(ops.neg(x))),
    floats("log_sigmoid_cpu"),
)


@functional
def logsigmoid(input: Tensor) -> Tensor:
    """log(sigmoid(x)). Source: ``torch.nn.functional.logsigmoid``."""
    return _LOG_SIGMOID(input, False)


# --------------------------------------------------------------------------------------------- gelu
_ROOT_HALF = math.sqrt(0.5)
_CUBIC = 0.044715


def _fused(rule: Callable[..., Any]) -> Callable[..., Any]:
    """A rule of a gradient and an operand as one program, if there are many of them."""
    large = compiled(rule)

    def run(t: Any, x: Any) -> Any:
        if state.trace is None and t.__class__ is Array and x.__class__ is Array:
            if is_big(t._data) and t._data.dtype == x._data.dtype:
                return wrap(large(t._data, x._data))
        return rule(t, x)

    return run


@compiled
def _large_gelu(x: Any) -> Any:
    below = ops.add(ops.erf(scale(x, _ROOT_HALF)), const(1.0, x.dtype))
    return ops.mul(scale(x, 0.5), below)


def _gelu(x: Any) -> Any:
    if is_big(x):
        return _large_gelu(x)
    return x * x.dtype.type(0.5) * (1 + raw(ops.erf, x * x.dtype.type(_ROOT_HALF)))


def _gelu_rule(t: Any, x: Any) -> Any:
    below = scale(ops.add(ops.erf(scale(x, _ROOT_HALF)), const(1.0, x.dtype)), 0.5)
    density = scale(ops.exp(scale(ops.square(x), -0.5)), 1 / math.sqrt(2 * math.pi))
    return ops.mul(t, ops.add(below, ops.mul(x, density)))


def _gelu_tanh(x: Any) -> Any:
    kind = x.dtype.type
    inner = kind(math.sqrt(2 / math.pi)) * (x + kind(_CUBIC) * x * x * x)
    return kind(0.5) * x * (1 + raw(ops.tanh, inner))


def _gelu_tanh_rule(t: Any, x: Any) -> Any:
    one, root = const(1.0, x.dtype), math.sqrt(2 / math.pi)
    square = ops.square(x)
    inner = scale(ops.mul(x, ops.add(one, scale(square, _CUBIC))), root)
    th = ops.tanh(inner)
    slope = scale(ops.add(one, scale(square, 3 * _CUBIC)), root)
    bent = ops.mul(ops.mul(x, ops.sub(one, ops.square(th))), slope)
    return ops.mul(t, scale(ops.add(ops.add(one, th), bent), 0.5))


_GELUS = {
    "none": Activation("GeluBackward0", _gelu, _fused(_gelu_rule), floats("GeluKernelImpl")),
    "tanh": Activation(
        "GeluBackward0", _gelu_tanh, _fused(_gelu_tanh_rule), floats("GeluKernelImpl")
    ),
}


@functional
def gelu(input: Tensor, *, approximate: str = "none") -> Tensor:
    """x times the normal distribution function at x. Source: ``torch.nn.functional.gelu``."""
    found = _GELUS.get(approximate)
    if found is None:
        raise RuntimeError("approximate argument must be either none or tanh.")
    return found(input, False)
