"""Remainders, angles and lengths, logarithms: two operands with rules of their own."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from functorch_lite import ops
from functorch_lite.ops.arithmetic import scale
from functorch_lite.ops.families import const, zeros_like
from functorch_lite.torch._core.public import method, public
from functorch_lite.torch._core.scipy_late import special
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch._ops.arithmetic import divided_dtype, undefined
from functorch_lite.torch._ops.axes import wrong_arguments
from functorch_lite.torch._ops.binary import (
    common,
    local2,
    never,
    operate,
    operate_inplace,
    operators,
    pair,
    tolerant,
)
from functorch_lite.torch._ops.elementwise import (
    Unary,
    argument,
    halved,
    raw,
)
from functorch_lite.torch._ops.pointwise import nothing

__all__: list[str] = []


# --------------------------------------------------------------------------------------- remainders
def _remainder(x: Any, y: Any) -> Any:
    if x.dtype.kind in "iu":
        return np.remainder(x, y)
    found = np.fmod(x, y)
    # Unlike NumPy's, zeros keep the sign of x.
    return np.where((found != 0) & ((y < 0) != (found < 0)), found + y, found)


_REMAINDER = local2(
    "RemainderBackward1", halved(_remainder), lambda t: t,
    lambda t, x, y: ops.neg(ops.mul(t, ops.floor_divide(x, y))),
)  # fmt: skip
_REMAINDER0 = local2("RemainderBackward0", halved(_remainder), lambda t: t, None)
_REMAINDER_OF = local2("NotImplemented", halved(_remainder), None, undefined("remainder"))
_FMOD = local2("FmodBackward1", halved(np.fmod), lambda t: t,
               lambda t, x, y: ops.neg(ops.mul(t, ops.trunc(ops.div(x, y)))))  # fmt: skip
_FMOD0 = local2("FmodBackward0", halved(np.fmod), lambda t: t, None)


def _rest(a: Any, b: Any) -> Tensor:
    dtype = divided_dtype("remainder_cpu", a, b)
    if not isinstance(b, Tensor):
        return operate(_REMAINDER0, a, b, dtype)
    return operate(_REMAINDER if isinstance(a, Tensor) else _REMAINDER_OF, a, b, dtype)


@public("remainder", out=True)
def remainder(input: Any, other: Any) -> Tensor:
    """The rest of a division that rounds down; it has the sign of other.

    Raises:
        TypeError: neither is a tensor.

    Source: ``torch.remainder``.
    """
    if not isinstance(input, Tensor) and not isinstance(other, Tensor):
        raise wrong_arguments("remainder", input, other)
    return _rest(input, other)


@method("remainder_")
def remainder_(self: Tensor, other: Any) -> Tensor:
    """``remainder`` in place. Source: ``torch.Tensor.remainder_``."""
    dtype = divided_dtype("remainder_cpu", self, other, self)
    what = _REMAINDER if isinstance(other, Tensor) else _REMAINDER0
    return operate_inplace(what, self, other, dtype)


@public("fmod", out=True)
def fmod(input: Tensor, other: Any) -> Tensor:
    """The rest of a division that rounds to zero; it has the sign of input.

    Source: ``torch.fmod``.
    """
    if not isinstance(input, Tensor):
        raise argument(input, "fmod")
    dtype = divided_dtype("fmod_cpu", input, other)
    return operate(_FMOD if isinstance(other, Tensor) else _FMOD0, input, other, dtype)


@method("fmod_")
def fmod_(self: Tensor, other: Any) -> Tensor:
    """``fmod`` in place. Source: ``torch.Tensor.fmod_``."""
    dtype = divided_dtype("fmod_cpu", self, other, self)
    what = _FMOD if isinstance(other, Tensor) else _FMOD0
    return operate_inplace(what, self, other, dtype)


operators("mod", never, _rest, remainder, lambda a, b: _rest(b, a))
Tensor.__imod__ = tolerant(remainder_)  # type: ignore[attr-defined]


# ---------------------------------------------------------------------- angles, lengths, logarithms
def _atan2_scale(t: Any, x: Any, y: Any) -> Any:
    return ops.div(t, ops.add(ops.square(x), ops.square(y)))


def _side(t: Any, side: Any, x: Any, y: Any) -> Any:
    zero = ops.bitwise_and(ops.eq(x, zeros_like(x)), ops.eq(y, zeros_like(y)))
    grad = ops.mul(side, _atan2_scale(t, x, y))
    return ops.select(zero, zeros_like(grad), grad)


_ATAN2 = local2(
    "Atan2Backward0", ops.atan2.eager, lambda t, x, y: _side(t, y, x, y),
    lambda t, x, y: _side(t, ops.neg(x), x, y),
)  # fmt: skip
pair(("atan2", "arctan2"), _ATAN2, Unary("bif", "atan2_cpu"))
pair(
    ("hypot",),
    local2("HypotBackward0", ops.hypot.eager, lambda t, x, ans: ops.mul(t, ops.div(x, ans)),
           lambda t, y, ans: ops.mul(t, ops.div(y, ans))),
    Unary("f", "hypot_cpu", promote=False),
)  # fmt: skip


def _logaddexp(x: Any, y: Any) -> Any:
    if x.dtype.kind != "c":
        return raw(ops.logaddexp, x, y)
    first = x.real >= y.real
    large, small = np.where(first, x, y), np.where(first, y, x)
    return large + np.log1p(np.exp(small - large))


def _share(t: Any, mine: Any, other: Any) -> Any:
    return ops.div(t, shifted_exp(ops.sub(other, mine), ops.exp))


def shifted_exp(x: Any, exp: Any) -> Any:
    """1 + exp(x)."""
    return ops.add(exp(x), const(1.0, x.dtype))


def _share2(t: Any, mine: Any, other: Any) -> Any:
    return ops.div(t, shifted_exp(ops.sub(other, mine), ops.exp2))


pair(
    ("logaddexp",),
    local2("LogaddexpBackward0", _logaddexp, lambda t, x, y: _share(t, x, y),
           lambda t, x, y: _share(t, y, x)),
    Unary("fc", "logaddexp_cpu", promote=False), inplace=False,
)  # fmt: skip
pair(
    ("logaddexp2",),
    local2("Logaddexp2Backward0", halved(np.logaddexp2), lambda t, x, y: _share2(t, x, y),
           lambda t, x, y: _share2(t, y, x)),
    Unary("f", "logaddexp2_cpu", promote=False), inplace=False,
)  # fmt: skip
pair(
    ("nextafter",),
    local2("NextafterBackward0", np.nextafter,
           lambda t, x, y: ops.select(ops.eq(x, y), zeros_like(t), t), nothing),
    Unary("f", "nextafter_cpu", promote=False),
)  # fmt: skip
pair(
    ("ldexp",),
    local2("LdexpBackward0", halved(lambda x, y: x * raw(ops.exp2, y)),
           lambda t, y: ops.mul(t, ops.exp2(y)),
           lambda t, ans: ops.mul(t, scale(ans, math.log(2.0)))),
    Unary("bifc"), function_inplace=True,
)  # fmt: skip


def _copysign_rule(t: Any, x: Any, ans: Any) -> Any:
    zero = ops.eq(x, zeros_like(x))
    return ops.mul(t, ops.select(zero, zeros_like(x), ops.div(ans, x)))


_COPYSIGN = local2("CopysignBackward0", np.copysign, _copysign_rule, lambda t, ans: zeros_like(t))
_COPYSIGN0 = local2("CopysignBackward1", np.copysign, _copysign_rule, None)
_COPYSIGN_TYPES = Unary("bif", "copysign_cpu")


@public("copysign", out=True)
def copysign(input: Tensor, other: Any) -> Tensor:
    """input with the signs of other. Source: ``torch.copysign``."""
    if not isinstance(input, Tensor):
        raise argument(input, "copysign")
    dtype = _COPYSIGN_TYPES.dtype(common(input, other))
    return operate(_COPYSIGN if isinstance(other, Tensor) else _COPYSIGN0, input, other, dtype)


@method("copysign_")
def copysign_(self: Tensor, other: Any) -> Tensor:
    """``copysign`` in place. Source: ``torch.Tensor.copysign_``."""
    dtype = _COPYSIGN_TYPES.dtype(common(self, other))
    what = _COPYSIGN if isinstance(other, Tensor) else _COPYSIGN0
    return operate_inplace(what, self, other, dtype)


# -------------------------------------------------------------------------------------------- xlogy
def _xlogy_dx(t: Any, x: Any, y: Any) -> Any:
    # Where nothing arrives nothing is passed on, though the logarithm of 0 is infinite.
    none = ops.bitwise_and(ops.eq(t, zeros_like(t)), ops.eq(y, y))
    zero = ops.bitwise_and(ops.eq(x, zeros_like(x)), ops.le(y, zeros_like(y)))
    slope = ops.mul(t, ops.log(y))
    return ops.select(ops.bitwise_or(zero, none), zeros_like(slope), slope)


def _xlogy_dy(t: Any, x: Any, y: Any) -> Any:
    return ops.div(ops.mul(t, x), y)


_XLOGY = {
    (True, True): "XlogyBackward0", (False, True): "XlogyBackward1", (True, False): "XlogyBackward2"
}  # fmt: skip
_XLOGY_OPS = {
    key: local2(node, halved(lambda x, y: special.xlogy(x, y)), _xlogy_dx, _xlogy_dy)
    for key, node in _XLOGY.items()
    for key, node in _XLOGY.items()
}
_XLOGY_TYPES = Unary("bif", "xlogy_cpu")


@public("xlogy", out=True)
def xlogy(input: Any, other: Any) -> Tensor:
    """input * log(other), 0 where input is 0. Source: ``torch.xlogy``."""
    what = _XLOGY_OPS.get((isinstance(input, Tensor), isinstance(other, Tensor)))
    if what is None:
        raise argument(input, "xlogy")
    return operate(what, input, other, _XLOGY_TYPES.dtype(common(input, other)))


@public("xlogy_")
def xlogy_(self: Tensor, other: Any) -> Tensor:
    """``xlogy`` in place. Source: ``torch.Tensor.xlogy_``."""
    what = _XLOGY_OPS[True, isinstance(other, Tensor)]
    return operate_inplace(what, self, other, _XLOGY_TYPES.dtype(common(self, other)))


_HEAVISIDE = local2(
    "NotImplemented", lambda x, y: np.where(x == 0, y, (x > 0).astype(y.dtype)),
    undefined("heaviside"), undefined("heaviside"),
)  # fmt: skip


def _same_dtype(input: Tensor, values: Tensor) -> None:
    if input._np.dtype.kind == "c" or values._np.dtype.kind == "c":
        raise RuntimeError("heaviside is not yet implemented for complex tensors.")
    if input._np.dtype != values._np.dtype:
        raise RuntimeError("heaviside is not yet implemented for tensors with different dtypes.")


@public("heaviside", out=True)
def heaviside(input: Tensor, values: Tensor) -> Tensor:
    """0 for negative elements, 1 for positive ones, values at 0. Source: ``torch.heaviside``."""
    if not isinstance(values, Tensor):
        raise argument(values, "heaviside", "values", 2)
    if not isinstance(input, Tensor):
        raise argument(input, "heaviside")
    _same_dtype(input, values)
    return operate(_HEAVISIDE, input, values)


@method("heaviside_")
def heaviside_(self: Tensor, values: Tensor) -> Tensor:
    """``heaviside`` in place. Source: ``torch.Tensor.heaviside_``."""
    _same_dtype(self, values)
    return operate_inplace(_HEAVISIDE, self, values)
