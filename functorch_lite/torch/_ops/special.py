"""The gamma function and its relatives, and Bessel functions: rules that name one another."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite.torch._core.dtypes import FROM_NP
from functorch_lite.torch._core.inplace import write_by_formula
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


# ---------------------------------------------------------------------------- values, on raw arrays
def _log_gamma(x: Any) -> Any:
    return np.where(np.isinf(x), x.dtype.type(math.inf), special.gammaln(x))


def _digamma(x: Any) -> Any:
    found = special.digamma(x)
    return np.where(x == 0, np.copysign(math.inf, -x), found).astype(x.dtype)


def _trigamma(x: Any) -> Any:
    left = x < 0.5
    right = special.zeta(2.0, np.where(left, 1 - x, x))
    found = np.where(left, (math.pi / np.sin(math.pi * x)) ** 2 - right, right)
    return found.astype(x.dtype)


def _polygamma(n: int, x: Any) -> Any:
    if n == 0:
        return _digamma(x)
    if n == 1:
        return _trigamma(x)
    factor = (-1.0) ** (n + 1) * special.gamma(n + 1.0)
    return (factor * _zeta(n + 1.0, x)).astype(x.dtype)


def _zeta(s: float, x: Any) -> Any:
    """Hurwitz's zeta function, by its terms up to the first positive argument."""
    x = np.asarray(x, np.float64)
    if not (x <= 0).any():
        return special.zeta(s, x)
    finite = np.where(np.isfinite(x), x, 1.0)
    steps = np.maximum(np.ceil(-finite), 0)
    total = special.zeta(s, np.where(finite + steps == 0, 1.0, finite + steps))
    for k in range(int(min(steps.max(initial=0), 1e4))):
        total = total + np.where(k < steps, (finite + k) ** -s, 0)
    pole = (x <= 0) & (x == np.floor(x))
    total = np.where(pole, math.inf, total)
    return np.where(x == -math.inf, math.inf if s % 2 else math.nan, np.where(x != x, x, total))


_lgamma_raw, _digamma_raw = halved(_log_gamma), halved(_digamma)
_polygamma_raw = halved(lambda x, *, n: _polygamma(n, x))
_i0_raw, _i1_raw = halved(lambda x: special.i0(x)), halved(lambda x: special.i1(x))


# --------------------------------------------------------------------------------------- on tensors
def _lgamma(t: Tensor) -> Tensor:
    return ruled("LgammaBackward0", _quiet(_lgamma_raw, t._np), (t,), lambda g, x: g * _psi(x))


def _psi(t: Tensor) -> Tensor:
    return ruled(
        "DigammaBackward0", _quiet(_digamma_raw, t._np), (t,), lambda g, x: g * _psi_n(1, x)
    )


def _psi_n(n: int, t: Tensor, node: str = "PolygammaBackward0") -> Tensor:
    data = _quiet(lambda x: _polygamma_raw(x, n=n), t._np)
    return ruled(node, data, (t,), lambda g, x: g * _psi_n(n + 1, x))


def _i0(t: Tensor) -> Tensor:
    return ruled("I0Backward0", _quiet(_i0_raw, t._np), (t,), lambda g, x: g * bessel_i1(x))


def bessel_i1(t: Tensor) -> Tensor:
    """The modified Bessel function of order one."""
    data = _quiet(_i1_raw, t._np)
    return ruled("SpecialI1Backward0", data, (t,), _i1_rule)


def _i1_rule(g: Any, x: Any) -> Any:
    zero = x == 0
    slope = _i0(x) - bessel_i1(x) / x.masked_fill(zero, 1.0)
    return g * slope.masked_fill(zero, 0.5)


def _publish(name: str, f: Callable[[Tensor], Tensor], kernel: str, function: bool) -> None:
    rule = Unary("bif", kernel)

    def compute(input: Tensor) -> Tensor:
        return f(_input(input, name, rule))

    def in_place(self: Tensor) -> Tensor:
        own = FROM_NP[self._np.dtype]
        dtype = rule.dtype(own)
        if dtype is not own:
            raise cannot_hold(dtype, own)
        out = f(self.clone())
        return _taken(self, out)

    compute.__name__, in_place.__name__ = name, f"{name}_"
    compute.__doc__ = f"{name} of each element. Source: ``torch.{name}``."
    in_place.__doc__ = f"``{name}`` in place. Source: ``torch.Tensor.{name}_``."
    public(name, out=True)(compute)
    (public if function else method)(f"{name}_")(in_place)


def _taken(t: Tensor, value: Tensor) -> Tensor:
    """Write a value computed from a copy; its node becomes that of the tensor."""
    made = write_by_formula(t, value._np, (), "CopyBackwards", lambda g: g)
    if value._fn is not None and made._fn is not None and t._view is None:
        made._fn, made._nr = value._fn, value._nr
    return made


_publish("lgamma", _lgamma, "lgamma_vml_cpu", False)
_publish("digamma", _psi, "digamma", False)
_publish("i0", _i0, "i0_vml_cpu", True)


@public("polygamma", methods=False, out=True)
def polygamma(n: int, input: Tensor) -> Tensor:
    """The derivative of order n of the digamma function.

    Args:
        n: not negative.

    Source: ``torch.polygamma``.
    """
    if n < 0:
        raise RuntimeError("polygamma(n, x) does not support negative n.")
    return _psi_n(
        n, _input(input, "polygamma", Unary("bif", "polygamma" if n != 1 else "trigamma"))
    )


@method("polygamma")
def _polygamma_method(self: Tensor, n: int) -> Tensor:
    """``torch.polygamma`` of the tensor. Source: ``torch.Tensor.polygamma``."""
    return polygamma(n, self)


@method("polygamma_")
def _polygamma_inplace(self: Tensor, n: int) -> Tensor:
    """``torch.polygamma`` in place. Source: ``torch.Tensor.polygamma_``."""
    return _taken(self, _psi_n(n, self.clone(), "PolygammaBackward1"))


@public("mvlgamma", out=True)
def mvlgamma(input: Tensor, p: int) -> Tensor:
    """The logarithm of the gamma function of p dimensions. Source: ``torch.mvlgamma``."""
    t = _input(input, "mvlgamma", Unary("bif", "mvlgamma"))
    constant = p * (p - 1) / 4 * math.log(math.pi)
    with np.errstate(all="ignore"):
        data = sum(_lgamma_raw(t._np - k / 2) for k in range(p)) + constant

    def rule(g: Any, x: Any) -> Any:
        total: Any = _psi(x)
        for k in range(1, p):
            total = total + _psi(x - k / 2)
        return g * total

    return ruled("MvlgammaBackward0", data.astype(t._np.dtype), (t,), rule)


@method("mvlgamma_")
def _mvlgamma_inplace(self: Tensor, p: int) -> Tensor:
    """``torch.mvlgamma`` in place. Source: ``torch.Tensor.mvlgamma_``."""
    return _taken(self, mvlgamma(self.clone(), p))
