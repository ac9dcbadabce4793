"""The gamma function and its relatives, and Bessel functions: rules that name one another."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite import ops
from functorch_lite.torch._core.dtypes import FROM_NP
from functorch_lite.torch._core.public import method, public
from functorch_lite.torch._core.scipy_late import special
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch._ops.copying import cast
from functorch_lite.torch._ops.elementwise import (
    Unary,
    argument,
    cannot_hold,
    halved,
    ruled,
    ruled_inplace,
)

__all__ = ["bessel_i1"]

Run = Callable[..., Any]


def _quiet(run: Run, *args: Any) -> Any:
    with np.errstate(all="ignore"):
        return run(*args)


def _input(t: Any, name: str, rule: Unary) -> Tensor:
    """The operand, as floats."""
    if not isinstance(t, Tensor):
        raise argument(t, name)
    return cast(t, rule.dtype(FROM_NP[t._np.dtype]))


# The core computes 16-bit floats and float32 in float64 and rounds once.
_log_gamma, _digamma = ops.lgamma.eager, ops.digamma.eager


def _trigamma(x: Any) -> Any:
    # Through the sine, as PyTorch: at a pole it is large instead of infinite.
    left = x < 0.5
    right = ops.polygamma.eager(np.asarray(1), np.where(left, 1 - x, x))
    found = np.where(left, (math.pi / np.sin(math.pi * x)) ** 2 - right, right)
    return found.astype(x.dtype)


def _polygamma(n: int, x: Any) -> Any:
    return _trigamma(x) if n == 1 else ops.polygamma.eager(np.asarray(n), x)


# --------------------------------------------------------------------------------------- on tensors
def _psi(t: Tensor) -> Tensor:
    return _DIGAMMA(t)


def _psi_n(n: int, t: Tensor) -> Tensor:
    return _polygamma_of(n)(t)


def _i0(t: Tensor) -> Tensor:
    return _I0(t)


def bessel_i1(t: Tensor) -> Tensor:
    """The modified Bessel function of order one."""
    return _I1(t)


class _Special:
    """A function of floats, outside of the graph and in place.

    Args:
        node: the name of its node, ``node_inplace`` of that in place.
        run: of a raw array.
        rule: the gradient from that of the result and the operand, in operations on tensors.
    """

    __slots__ = ("node", "node_inplace", "rule", "run")

    def __init__(
        self, node: str, run: Run, rule: Callable[..., Any], node_inplace: str = ""
    ) -> None:
        self.node, self.node_inplace = node, node_inplace or node
        self.run, self.rule = run, rule

    def __call__(self, t: Tensor) -> Tensor:
        return ruled(self.node, _quiet(self.run, t._np), (t,), self.rule)

    def inplace(self, t: Tensor, types: Unary) -> Tensor:
        """Write the result into the operand."""
        own = FROM_NP[t._np.dtype]
        dtype = types.dtype(own)
        if dtype is not own:
            raise cannot_hold(dtype, own)
        return ruled_inplace(self.node_inplace, t, _quiet(self.run, t._np), self.rule)


def _i1_rule(g: Any, x: Any) -> Any:
    zero = x == 0
    slope = _i0(x) - bessel_i1(x) / x.masked_fill(zero, 1.0)
    return g * slope.masked_fill(zero, 0.5)


_LGAMMA = _Special("LgammaBackward0", _log_gamma, lambda g, x: g * _psi(x))
_DIGAMMA = _Special("DigammaBackward0", _digamma, lambda g, x: g * _psi_n(1, x))
_I0 = _Special("I0Backward0", halved(lambda x: special.i0(x)), lambda g, x: g * bessel_i1(x))
_I1 = _Special("SpecialI1Backward0", halved(lambda x: special.i1(x)), _i1_rule)


def _polygamma_of(n: int) -> _Special:
    """The derivative of order n of the digamma function.

    Raises:
        RuntimeError: the order is negative.
    """
    if n < 0:
        raise RuntimeError("polygamma(n, x) does not support negative n.")
    return _Special(
        "PolygammaBackward0", halved(lambda x: _polygamma(n, x)),
        lambda g, x: g * _psi_n(n + 1, x), "PolygammaBackward1",
    )  # fmt: skip


def _mvlgamma_of(p: int) -> _Special:
    """The logarithm of the gamma function of p dimensions."""
    constant = p * (p - 1) / 4 * math.log(math.pi)

    def run(x: Any) -> Any:
        return (sum(_log_gamma(x - k / 2) for k in range(p)) + constant).astype(x.dtype)

    def rule(g: Any, x: Any) -> Any:
        total: Any = _psi(x)
        for k in range(1, p):
            total = total + _psi(x - k / 2)
        return g * total

    return _Special("MvlgammaBackward0", halved(run), rule)


def _publish(name: str, f: _Special, kernel: str, function: bool) -> None:
    types = Unary("bif", kernel)

    def compute(input: Tensor) -> Tensor:
        return f(_input(input, name, types))

    def in_place(self: Tensor) -> Tensor:
        return f.inplace(self, types)

    compute.__name__, in_place.__name__ = name, f"{name}_"
    compute.__doc__ = f"{name} of each element. Source: ``torch.{name}``."
    in_place.__doc__ = f"``{name}`` in place. Source: ``torch.Tensor.{name}_``."
    public(name, out=True)(compute)
    (public if function else method)(f"{name}_")(in_place)


_publish("lgamma", _LGAMMA, "lgamma_vml_cpu", False)
_publish("digamma", _DIGAMMA, "digamma", False)
_publish("i0", _I0, "i0_vml_cpu", True)


def _polygamma_types(n: int) -> Unary:
    return Unary("bif", "polygamma" if n != 1 else "trigamma")


@public("polygamma", methods=False, out=True)
def polygamma(n: int, input: Tensor) -> Tensor:
    """The derivative of order n of the digamma function.

    Args:
        n: not negative.

    Source: ``torch.polygamma``.
    """
    return _polygamma_of(n)(_input(input, "polygamma", _polygamma_types(n)))


@method("polygamma")
def _polygamma_method(self: Tensor, n: int) -> Tensor:
    """``torch.polygamma`` of the tensor. Source: ``torch.Tensor.polygamma``."""
    return polygamma(n, self)


@method("polygamma_")
def _polygamma_inplace(self: Tensor, n: int) -> Tensor:
    """``torch.polygamma`` in place. Source: ``torch.Tensor.polygamma_``."""
    return _polygamma_of(n).inplace(self, _polygamma_types(n))


_MVLGAMMA_TYPES = Unary("bif", "mvlgamma")


@public("mvlgamma", out=True)
def mvlgamma(input: Tensor, p: int) -> Tensor:
    """The logarithm of the gamma function of p dimensions. Source: ``torch.mvlgamma``."""
    return _mvlgamma_of(p)(_input(input, "mvlgamma", _MVLGAMMA_TYPES))


@method("mvlgamma_")
def _mvlgamma_inplace(self: Tensor, p: int) -> Tensor:
    """``torch.mvlgamma`` in place. Source: ``torch.Tensor.mvlgamma_``."""
    return _mvlgamma_of(p).inplace(self, _MVLGAMMA_TYPES)
