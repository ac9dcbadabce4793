"""Functions of one tensor that cut values off, tests of elements, parts of complex numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite import ops
from functorch_lite.core.trace import state
from functorch_lite.ops.arithmetic import scale
from functorch_lite.ops.families import HALF_CHARS, const, zeros_like
from functorch_lite.torch._core import dtypes
from functorch_lite.torch._core import out as _out  # noqa: F401  (writes what ``out=`` asks for)
from functorch_lite.torch._core.dtypes import FROM_NP
from functorch_lite.torch._core.inplace import apply_inplace
from functorch_lite.torch._core.large import compiled, is_big
from functorch_lite.torch._core.op import RecordOp
from functorch_lite.torch._core.public import public
from functorch_lite.torch._core.tensor import Tensor, make
from functorch_lite.torch._ops.copying import cast
from functorch_lite.torch._ops.elementwise import (
    Local,
    Unary,
    argument,
    beside,
    cannot_hold,
    halved,
    publish,
    put_any,
)
from functorch_lite.torch._ops.pointwise import direction, flat_of, local

__all__ = ["RELU", "RELU_TYPES", "relu_rule"]

_X = ("x",)


# ------------------------------------------------------------------------------- clipping and so on
def _relu(x: Any) -> Any:
    if is_big(x):
        return _large_relu(x)
    return beside(0, np.maximum, x)  # in this order, zeros keep their sign


@compiled
def _large_relu(x: Any) -> Any:
    return ops.select(ops.lt(x, zeros_like(x)), zeros_like(x), x)


def relu_rule(t: Any, ans: Any) -> Any:
    """The gradient where the answer is not below or at zero; so that of NaN goes through."""
    return ops.select(ops.le(ans, zeros_like(ans)), zeros_like(t), t)


RELU = local("ReluBackward0", _relu, relu_rule)
RELU_TYPES = Unary(
    "if",
    promote=False,
    errors={
        "b": RuntimeError("Boolean inputs not supported for relu"),
        "c": NotImplementedError("clamp is not supported for complex types"),
    },
)
publish(("relu",), RELU, RELU_TYPES)


def _no_complex(name: str) -> Unary:
    error = RuntimeError(f"{name} is not supported for complex tensors.")
    return Unary("bif", errors={"c": error})


def _scaling(name: str, node: str, factor: float) -> None:
    def eager(x: Any) -> Any:
        return x * x.dtype.type(factor)

    publish((name,), local(node, halved(eager), lambda t: scale(t, factor)), _no_complex(name))


_scaling("deg2rad", "Deg2RadBackward0", math.pi / 180)
_scaling("rad2deg", "Rad2DegBackward0", 180 / math.pi)


def _logit(x: Any, *, eps: float | None) -> Any:
    if eps is not None:
        x = np.minimum(np.maximum(x, x.dtype.type(eps)), x.dtype.type(1 - eps))
    return np.log(x / (1 - x))


def _logit_rule(t: Any, x: Any, eps: float | None) -> Any:
    # Without its sign, -0 gives what 0 gives.
    both = ops.abs(ops.mul(x, ops.sub(const(1.0, x.dtype), x)))
    grad = ops.div(t, both)
    low, high = (0.0, 1.0) if eps is None else (eps, 1.0 - eps)
    inside = ops.bitwise_and(ops.ge(x, const(low, x.dtype)), ops.le(x, const(high, x.dtype)))
    outside = const(math.nan if eps is None else 0.0, t.dtype)
    return ops.select(inside, grad, outside)


_LOGIT = local("LogitBackward0", halved(_logit), _logit_rule)
_LOGIT_TYPES = Unary("bif", "logit_cpu")


@public("logit", out=True)
def logit(input: Tensor, eps: float | None = None) -> Tensor:
    """log(x / (1 - x)), of x clipped to eps ... 1 - eps if that is given.

    Source: ``torch.logit``.
    """
    dtype = _LOGIT_TYPES.dtype(FROM_NP[input._np.dtype])
    return _LOGIT((input,), {"eps": eps}, dtype.np)


@public("logit_")
def logit_(self: Tensor, eps: float | None = None) -> Tensor:
    """logit in place. Source: ``torch.Tensor.logit_``."""
    own = FROM_NP[self._np.dtype]
    dtype = _LOGIT_TYPES.dtype(own)
    if dtype is not own:
        raise cannot_hold(dtype, own)
    return apply_inplace(_LOGIT, (self,), {"eps": eps})


def _nan_to_num(x: Any, *, nan: float, posinf: float | None, neginf: float | None) -> Any:
    if x.dtype.kind != "V":
        return np.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)
    info = dtypes.finfo(FROM_NP[x.dtype])
    high = info.max if posinf is None else posinf
    low = info.min if neginf is None else neginf
    wide = x.astype(np.float32)
    return np.nan_to_num(wide, nan=nan, posinf=high, neginf=low).astype(x.dtype)


_NAN_TO_NUM = local(
    "NanToNumBackward0",
    _nan_to_num,
    lambda t, x: ops.select(ops.isfinite(x), t, zeros_like(t)),
)


@public("nan_to_num", out=True)
def nan_to_num(
    input: Tensor, nan: float | None = None, posinf: float | None = None,
    neginf: float | None = None,
) -> Tensor:  # fmt: skip
    """Numbers instead of NaN and infinities, by default 0 and the largest ones.

    Source: ``torch.nan_to_num``.
    """
    if input._np.dtype.kind in "biu":
        return make(input._np.copy(order="K"))
    return _NAN_TO_NUM((input,), {"nan": nan or 0.0, "posinf": posinf, "neginf": neginf})


@public("nan_to_num_")
def nan_to_num_(
    self: Tensor, nan: float | None = None, posinf: float | None = None,
    neginf: float | None = None,
) -> Tensor:  # fmt: skip
    """Like ``nan_to_num``, in place. Source: ``torch.Tensor.nan_to_num_``."""
    if self._np.dtype.kind in "biu":
        return self
    params = {"nan": nan or 0.0, "posinf": posinf, "neginf": neginf}
    return apply_inplace(_NAN_TO_NUM, (self,), params)


# -------------------------------------------------------------------------- tests and complex parts
def predicate(name: str, run: Callable[[Any], Any], error: Exception | None = None) -> None:
    """Make a test of each element public.

    Args:
        run: over raw arrays of float or complex numbers; integers never pass ``is...`` tests here.
        error: what complex numbers meet.
    """

    def f(input: Tensor, *, out: Tensor | None = None) -> Tensor:
        try:
            array = input._np
        except AttributeError:
            raise argument(input, name) from None
        if error is not None and array.dtype.kind == "c":
            raise type(error)(*error.args)
        if array.dtype.char in HALF_CHARS:
            array = array.astype(np.float32)
        found = make(state.run(run, array))
        if out is None:
            return found
        if error is None:
            raise TypeError(f"{name}() got an unexpected keyword argument 'out'")
        if out._np.dtype.kind != "b":
            raise RuntimeError(f"{name} does not support non-boolean outputs.")
        return put_any(found, out)

    f.__name__ = name
    f.__doc__ = f"{name} of each element, as bools. Source: ``torch.{name}``."
    public(name)(f)


predicate("isnan", np.isnan)
predicate("isinf", np.isinf)
predicate("isfinite", np.isfinite)
predicate("isposinf", lambda x: x == math.inf if x.dtype.kind == "f" else np.zeros(x.shape, bool),
          RuntimeError("isposinf does not support complex inputs."))  # fmt: skip
predicate("isneginf", lambda x: x == -math.inf if x.dtype.kind == "f" else np.zeros(x.shape, bool),
          RuntimeError("isneginf does not support complex inputs."))  # fmt: skip
predicate("signbit", lambda x: np.signbit(x) if x.dtype.kind == "f" else x < 0,
          NotImplementedError("signbit is not implemented for complex tensors."))  # fmt: skip
predicate("isreal", np.isreal)


def _angle(x: Any) -> Any:
    if x.dtype.kind == "c":
        return np.angle(x)
    return np.where(x != x, x, np.where(x < 0, x.dtype.type(math.pi), x.dtype.type(0)))


def _angle_rule(t: Any, x: Any) -> Any:
    if x.dtype.kind != "c":
        return flat_of(t, x)
    side, radius = direction(x)
    turn = ops.conj(ops.complex(zeros_like(t), t))
    return ops.div(ops.mul(turn, side), radius)


_ANGLE = local("AngleBackward0", halved(_angle), _angle_rule)


@public("angle", out=True)
def angle(input: Tensor) -> Tensor:
    """The angle of each element in the complex plane, in radians. Source: ``torch.angle``."""
    own = FROM_NP[input._np.dtype]
    return _ANGLE((cast(input, dtypes.float32) if own.kind < 2 else input,))


_CONJUGATE = Local(_X, np.conjugate, lambda t: ops.conj(t))
_CONJ = RecordOp("ConjBackward0", _CONJUGATE)
_CONJ_PHYSICAL = RecordOp("ConjPhysicalBackward0", _CONJUGATE)


@public("conj")
def conj(input: Tensor) -> Tensor:
    """The complex conjugate; real tensors give themselves. Source: ``torch.conj``."""
    if not isinstance(input, Tensor):
        raise argument(input, "conj")
    return _CONJ((input,)) if input._np.dtype.kind == "c" else input


@public("conj_physical", out=True)
def conj_physical(input: Tensor) -> Tensor:
    """The complex conjugate, in new memory. Source: ``torch.conj_physical``."""
    return _CONJ_PHYSICAL((input,)) if input._np.dtype.kind == "c" else input


@public("conj_physical_")
def conj_physical_(self: Tensor) -> Tensor:
    """The complex conjugate, in place. Source: ``torch.Tensor.conj_physical_``."""
    return apply_inplace(_CONJ_PHYSICAL, (self,), {}) if self._np.dtype.kind == "c" else self


@public("resolve_conj", "resolve_neg")
def resolve_conj(input: Tensor) -> Tensor:
    """The tensor itself: conjugates are never postponed here. Source: ``torch.resolve_conj``."""
    return input
