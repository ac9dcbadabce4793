"""Functions of each element of one tensor: exponentials, circle, hyperbola, rounding, signs."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite import ops
from functorch_lite.ops.arithmetic import scale
from functorch_lite.ops.families import const, ones_like, zeros_like
from functorch_lite.torch._core import out as _out  # noqa: F401  (writes what ``out=`` asks for)
from functorch_lite.torch._core.dtypes import FROM_NP
from functorch_lite.torch._core.inplace import apply_inplace
from functorch_lite.torch._core.large import compiled, is_big
from functorch_lite.torch._core.op import RecordOp
from functorch_lite.torch._core.public import public
from functorch_lite.torch._core.scipy_late import special
from functorch_lite.torch._core.tensor import Tensor, make
from functorch_lite.torch._ops.elementwise import (
    FLOAT,
    LARGE,
    Local,
    Unary,
    argument,
    halved,
    ordered,
    publish,
    put_strictly,
    refusal,
)

__all__ = ["SIGMOID", "direction", "flat_of", "local", "nothing", "shifted"]

_X = ("x",)


def local(name: str, eager: Callable[..., Any], *partials: Any) -> RecordOp:
    """An operation on one tensor."""
    return RecordOp(name, Local(_X, eager, *partials))


def shifted(x: Any, by: float) -> Any:
    """x plus a Python number."""
    return ops.add(x, const(by, x.dtype))


def nothing(t: Any) -> Any:
    """The gradient through what is flat."""
    return zeros_like(t)


def flat(t: Any, x: Any, ans: Any) -> Any:
    """The same, where PyTorch saves operand and answer all the same."""
    return zeros_like(t)


def flat_of(t: Any, x: Any) -> Any:
    """The same, where PyTorch saves the operand."""
    return zeros_like(t)


# ------------------------------------------------------------------------ exponentials and the like
def _times_answer(t: Any, ans: Any) -> Any:
    return ops.mul(t, ans)


_logistic = ordered(ops.logistic)


def _quick_sigmoid(x: Any) -> Any:
    return special.expit(x) if x.size < LARGE else _logistic(x)


def _sigmoid(x: Any) -> Any:
    return np.reciprocal(1 + np.exp(-x)) if x.dtype.kind == "c" else _logistic(x)


def _sigmoid_rule(t: Any, ans: Any) -> Any:
    return ops.mul(t, ops.mul(ans, ops.sub(const(1.0, ans.dtype), ans)))


SIGMOID = local("SigmoidBackward0", _sigmoid, _sigmoid_rule)
_LN2 = math.log(2.0)


def _erfinv_rule(t: Any, x: Any) -> Any:
    return ops.mul(t, scale(ops.exp(ops.square(ops.erfinv(x))), math.sqrt(math.pi) / 2))


def _acosh_rule(t: Any, x: Any) -> Any:
    if x.dtype.kind == "c":  # one root would leave the sheet
        return ops.mul(t, ops.mul(ops.rsqrt(shifted(x, -1.0)), ops.rsqrt(shifted(x, 1.0))))
    return ops.mul(t, ops.rsqrt(shifted(ops.square(x), -1.0)))


def _sinc_rule(t: Any, x: Any) -> Any:
    at = scale(x, math.pi)
    slope = ops.sub(ops.mul(ops.cos(at), at), ops.sin(at))
    zero = ops.eq(x, zeros_like(x))
    below = ops.select(zero, const(1.0, x.dtype), scale(ops.square(x), math.pi))
    return ops.select(zero, zeros_like(t), ops.mul(t, ops.div(slope, below)))


def _sinc(x: Any) -> Any:
    at = np.asarray(x * x.dtype.type(math.pi))
    return np.where(x == 0, 1, np.sin(at) / np.where(at == 0, 1, at))


def _core(name: str, *names: str, node: str = "", rule: Unary = FLOAT, inside: bool = True) -> None:
    """A function whose op and rule are the core's."""
    record = Local.of(getattr(ops, name))
    what = RecordOp(node or f"{name.capitalize()}Backward0", record)
    other = name.capitalize() + "Backward1" if name in ("asinh", "atanh") else ""
    publish((name, *names), what, rule, function_inplace=inside, node_inplace=other)


for _name in ("exp", "exp2", "log", "log2", "log10", "sin", "cos", "tan", "sinh", "cosh", "tanh"):
    _core(_name)
for _name in ("asin", "acos", "atan", "asinh", "atanh"):
    _core(_name, f"arc{_name[1:]}")
_core("log1p", node="Log1PBackward0")
for _name in ("erf", "erfc"):
    _core(_name, rule=Unary("bif", f"{_name}_vml_cpu"))

publish(("reciprocal",), RecordOp("ReciprocalBackward0", Local.of(ops.reciprocal)))
publish(
    ("expm1",),
    local("Expm1Backward0", ordered(ops.expm1), lambda t, ans: ops.mul(t, shifted(ans, 1.0))),
)
publish(
    ("sqrt",),
    local("SqrtBackward0", ordered(ops.sqrt), lambda t, ans: ops.div(t, scale(ans, 2.0))),
)
publish(
    ("rsqrt",),
    local(
        "RsqrtBackward0",
        ordered(ops.rsqrt),
        lambda t, ans: ops.mul(scale(t, -0.5), ops.mul(ans, ops.square(ans))),
    ),
)
publish(
    ("acosh", "arccosh"),
    local(
        "AcoshBackward0",
        ordered(ops.acosh),
        _acosh_rule,
    ),
    node_inplace="AcoshBackward1",
)
publish(("sigmoid",), SIGMOID, quick=_quick_sigmoid)
publish(
    ("erfinv",),
    local("ErfinvBackward0", ordered(ops.erfinv), _erfinv_rule),
    Unary("bif", "erfinv_vml_cpu"),
    function_inplace=False,
)
publish(("sinc",), local("SincBackward0", halved(_sinc), _sinc_rule))


# ---------------------------------------------------------------------------------- signs, rounding
def _sign(x: Any) -> Any:
    if x.dtype.kind == "b":
        return x.copy(order="K")
    if is_big(x) and x.flags.c_contiguous:
        return _large_sign(x)
    found = np.sign(x)
    return np.where(x == x, found, 0).astype(x.dtype) if x.dtype.kind in "fV" else found


def _sign_of(x: Any) -> Any:
    """The sign of a core array, 0 where it is no number."""
    return ops.sign(ops.select(ops.isnan(x), zeros_like(x), x))


_large_sign = compiled(_sign_of)


_MASK = "If you are trying to invert a mask, use the `~` or `logical_not()` operator instead."
_NEG = Unary(
    "ifc",
    promote=False,
    errors={
        "b": RuntimeError(f"Negation, the `-` operator, on a bool tensor is not supported. {_MASK}")
    },
)
publish(("neg", "negative"), RecordOp("NegBackward0", Local.of(ops.neg)), _NEG)


def direction(x: Any) -> tuple[Any, Any]:
    """conj(x) / abs(x), 0 at 0, and abs(x), 1 at 0, both complex, of complex numbers."""
    radius = ops.abs(x)
    safe = ops.select(ops.eq(radius, zeros_like(radius)), ones_like(radius), radius)
    wide = ops.cast(safe, dtype=x.dtype)
    return ops.div(ops.conj(x), wide), wide


def _abs_rule(t: Any, x: Any) -> Any:
    if x.dtype.kind == "c":
        return ops.mul(ops.cast(t, dtype=x.dtype), direction(x)[0])
    return ops.mul(t, _sign_of(x))


def _sgn_rule(t: Any, x: Any, ans: Any) -> Any:
    if x.dtype.kind != "c":
        return zeros_like(t)
    side, radius = direction(x)  # only what is at right angles to x turns it
    turned = ops.imag(ops.mul(t, ops.conj(side)))
    return ops.div(ops.mul(ops.complex(zeros_like(turned), turned), side), radius)


_ABS = local("AbsBackward0", ordered(ops.abs), _abs_rule)
publish(("abs",), _ABS, Unary("ifc", "abs_cpu", promote=False), inplace=False)
publish(("absolute",), _ABS, Unary("ifc", "abs_cpu", promote=False), inplace=False)


@public("abs_")
def abs_(self: Tensor) -> Tensor:
    """The absolute value of each element, in place. Source: ``torch.Tensor.abs_``."""
    own = FROM_NP[self._np.dtype]
    if own.kind == 3:
        raise RuntimeError("In-place abs is not supported for complex tensors.")
    if own.kind == 0:
        raise refusal("abs_cpu", own)
    return apply_inplace(_ABS, (self,), {})


Tensor.absolute_ = Tensor.abs_  # type: ignore[attr-defined]

_NO_SIGN = NotImplementedError(
    "Unlike NumPy, torch.sign is not intended to support complex numbers. Please use torch.sgn "
    "instead."
)
publish(
    ("sign",),
    local("SignBackward0", _sign, nothing),
    Unary("bif", promote=False, errors={"c": _NO_SIGN}),
    function_inplace=False,
)
publish(
    ("sgn",), local("SgnBackward0", _sign, _sgn_rule), Unary("bifc", promote=False),
    function_inplace=False,
)  # fmt: skip


def _rounding(names: tuple[str, ...], record: Any, node: str, spoken: bool = True) -> None:
    name = names[0]
    error = NotImplementedError(f"{name} is not supported for complex inputs")
    publish(
        names,
        local(node, ordered(record), nothing),
        Unary("if", f"{name}_vml_cpu", promote=False, keeps_integers=True,
              errors={"c": error} if spoken else {}),
    )  # fmt: skip


_rounding(("floor",), ops.floor, "FloorBackward0")
_rounding(("ceil",), ops.ceil, "CeilBackward0")
_rounding(("trunc", "fix"), ops.trunc, "TruncBackward0")
publish(
    ("frac",),
    local("FracBackward0", halved(lambda x: x - np.trunc(x)), lambda t: t),
    Unary("f", "frac_cpu", promote=False),
)

_ROUND = local("RoundBackward0", np.rint, nothing)


def _round(x: Any, *, decimals: int) -> Any:
    if not decimals:
        return np.rint(x)
    factor = x.dtype.type(10.0 ** abs(decimals))
    return np.rint(x * factor) / factor if decimals > 0 else np.rint(x / factor) * factor


_ROUND_TO = local("RoundBackward1", halved(_round), nothing)


def _rounded(t: Tensor, decimals: int | None) -> tuple[RecordOp | None, dict[str, Any]]:
    """The operation and its params; None where nothing changes."""
    own = FROM_NP[t._np.dtype]
    if decimals:
        if own.kind != 2:
            raise refusal("round_cpu", own)
        return _ROUND_TO, {"decimals": decimals}
    if decimals == 0:
        if own.kind != 2:
            raise refusal("round_vml_cpu", own)
        return _ROUND_TO, {"decimals": 0}
    if own.kind in (0, 3):
        raise refusal("round_vml_cpu", own)
    return (None if own.kind == 1 else _ROUND), {}


@public("round")
def round_(input: Tensor, *, decimals: int | None = None, out: Tensor | None = None) -> Tensor:
    """Each element rounded to some decimals, halves to even. Source: ``torch.round``."""
    if not isinstance(input, Tensor):
        raise argument(input, "round")
    what, params = _rounded(input, decimals)
    made = make(input._np.copy(order="K")) if what is None else what((input,), params)
    return made if out is None else put_strictly(made, out)


@public("round_")
def _round_inplace(self: Tensor, *, decimals: int | None = None) -> Tensor:
    """Each element rounded, in place. Source: ``torch.Tensor.round_``."""
    what, params = _rounded(self, decimals)
    return self if what is None else apply_inplace(what, (self,), params)


@public("positive")
def positive(input: Tensor) -> Tensor:
    """The tensor itself. Source: ``torch.positive``."""
    if input._np.dtype.kind == "b":
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return input
