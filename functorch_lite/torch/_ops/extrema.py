"""The larger and the smaller of two, and what lies between bounds."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from functorch_lite import numpy as fnp
from functorch_lite import ops
from functorch_lite.ops.arithmetic import scale
from functorch_lite.ops.families import const, zeros_like
from functorch_lite.torch._core.dtypes import FROM_NP
from functorch_lite.torch._core.dtypes import dtype as DType
from functorch_lite.torch._core.inplace import apply_inplace
from functorch_lite.torch._core.large import compiled, is_big
from functorch_lite.torch._core.op import RecordOp, wants_grad
from functorch_lite.torch._core.promotion import result_type
from functorch_lite.torch._core.public import public
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch._ops.binary import (
    broadcast_error,
    cannot_hold,
    cast,
    local2,
    pair,
    written_from,
)
from functorch_lite.torch._ops.elementwise import Local, Unary, argument, beside, refusal
from functorch_lite.torch._ops.index_write import as_value

__all__ = ["clamp"]


# --------------------------------------------------------------------------------- of two tensors
def _winner(loses: Any) -> Any:
    """The gradient of the first operand: halved at ties, zero where it loses."""

    def rule(t: Any, x: Any, y: Any) -> Any:
        shared = ops.select(ops.eq(x, y), scale(t, 0.5), t)
        return ops.select(loses(x, y), zeros_like(t), shared)

    return rule


def _fuzzy(wins: Any) -> tuple[Any, Any]:
    """Gradients where ties and NaN of the other operand go to the first."""

    def chosen(x: Any, y: Any) -> Any:
        return ops.bitwise_or(wins(x, y), ops.isnan(y))

    return (
        lambda t, x, y: ops.select(chosen(x, y), t, zeros_like(t)),
        lambda t, x, y: ops.select(chosen(x, y), zeros_like(t), t),
    )


def _extremum(name: str, ufunc: np.ufunc, *rules: Any, big: Any = None) -> None:
    error = RuntimeError(f"{name} not implemented for complex tensors.")
    # NumPy takes the second of two equal zeros, PyTorch the first.
    what = local2(f"{name.capitalize()}Backward0", lambda x, y: ufunc(y, x), *rules, big=big)
    pair((name,), what, Unary("bif", promote=False, errors={"c": error}), inplace=False)


def _swapped(rule: Any) -> Any:
    return lambda t, x, y: rule(t, y, x)


_less, _greater = _winner(ops.lt), _winner(ops.gt)
_extremum(
    "maximum", np.maximum, _less, _swapped(_less),
    big=lambda x, y: fnp.where((y > x) | (y != y), y, x),
)  # fmt: skip
_extremum(
    "minimum", np.minimum, _greater, _swapped(_greater),
    big=lambda x, y: fnp.where((y < x) | (y != y), y, x),
)  # fmt: skip
_extremum("fmax", np.fmax, *_fuzzy(ops.ge))
_extremum("fmin", np.fmin, *_fuzzy(ops.le))


# ----------------------------------------------------------------------------------- between bounds
# With the bound first, zeros keep their sign.
def _clamp(x: Any, *, lo: Any, hi: Any) -> Any:
    if is_big(x):
        low, high = (np.asarray(end if b is None else b, x.dtype)
                     for b, end in ((lo, -math.inf), (hi, math.inf)))  # fmt: skip
        if low == low and high == high:
            return _large_clamp(x, low, high)
    if lo is not None:
        x = beside(lo, np.maximum, x)
        if hi is None or not x.ndim:
            return x if hi is None else np.minimum(hi, x)
        return beside(hi, np.minimum, x, x)
    return beside(hi, np.minimum, x)


@compiled
def _large_clamp(x: Any, lo: Any, hi: Any) -> Any:
    x = fnp.where(x < lo, lo, x)
    return fnp.where(x > hi, hi, x)


def _clamp_rule(t: Any, x: Any, lo: Any, hi: Any) -> Any:
    inside = None
    if lo is not None:
        inside = ops.ge(x, const(lo, x.dtype))
    if hi is not None:
        below = ops.le(x, const(hi, x.dtype))
        inside = below if inside is None else ops.bitwise_and(inside, below)
    return ops.select(inside, t, zeros_like(t))


def _bounded(name: str) -> RecordOp:
    return RecordOp(name, Local(("x",), _clamp, _clamp_rule))


_CLAMP, _MIN, _MAX = map(_bounded, ("ClampBackward1", "ClampMinBackward0", "ClampMaxBackward0"))


def _within(t: Any, x: Any, lo: Any, hi: Any) -> Any:
    inside = ops.bitwise_and(ops.ge(x, lo), ops.le(x, hi))
    return ops.select(inside, t, zeros_like(t))


def _at_low(t: Any, x: Any, lo: Any, hi: Any) -> Any:
    return ops.select(ops.bitwise_and(ops.lt(lo, hi), ops.lt(x, lo)), t, zeros_like(t))


def _at_high(t: Any, x: Any, lo: Any, hi: Any) -> Any:
    return ops.select(ops.bitwise_or(ops.gt(x, hi), ops.lt(hi, lo)), t, zeros_like(t))


def _kept_if(test: Any) -> Any:
    return lambda t, x, y: ops.select(test(x, y), t, zeros_like(t))


def _one_bound(name: str, ufunc: np.ufunc, keeps: Any, gives: Any) -> RecordOp:
    return local2(name, lambda x, y: ufunc(y, x), _kept_if(keeps), _kept_if(gives))


_CLAMP_TENSORS = RecordOp(
    "ClampBackward0",
    Local(
        ("x", "lo", "hi"), lambda x, lo, hi: np.minimum(hi, np.maximum(lo, x)), _within, _at_low,
        _at_high,
    ),
)  # fmt: skip
_LOW = _one_bound("ClampBackward0", np.maximum, ops.ge, ops.lt)
_HIGH = _one_bound("ClampBackward0", np.minimum, ops.le, ops.gt)
_MIN_TENSOR = _one_bound("ClampMinBackward1", np.maximum, ops.ge, ops.lt)
_MAX_TENSOR = _one_bound("ClampMaxBackward1", np.minimum, ops.le, ops.gt)
def _bound(value: Any, dtype: DType) -> Any:
    """A bound in the dtype of the result."""
    return None if value is None else as_value(value, dtype)


def _prepared(
    t: Tensor, lo: Any, hi: Any, numbers: RecordOp, low: RecordOp, high: RecordOp
) -> tuple[RecordOp, list[Any], dict[str, Any], DType]:
    """The operation, its operands, params and dtype."""
    if not isinstance(t, Tensor):
        raise argument(t, "clamp")
    if lo is None and hi is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    given = [v for v in (lo, hi) if v is not None]
    tensors = [isinstance(v, Tensor) for v in given]
    if any(tensors) and not all(tensors):
        raise TypeError(
            "clamp() received an invalid combination of arguments - got (Tensor, "
            f"{', '.join(f'{n}={type(v).__name__}' for n, v in (('min', lo), ('max', hi)))}), but "
            "expected one of:\n * (Tensor input, Tensor min = None, Tensor max = None, *, Tensor "
            "out = None)\n * (Tensor input, Number min = None, Number max = None, *, Tensor out = "
            "None)\n"
        )
    array = t._np
    if not any(tensors) and array.dtype.char in "fd" and not any(v.__class__ is complex
                                                                 for v in given):  # fmt: skip
        kept = FROM_NP[array.dtype]
        return numbers, [t], {"lo": _bound(lo, kept), "hi": _bound(hi, kept)}, kept
    dtype = result_type([t, *given])
    if dtype.kind == 3 and any(tensors) and low is high:
        raise refusal("maximum_cpu" if hi is None else "minimum_cpu", dtype)
    if any(isinstance(v, complex) for v in given) and array.dtype.kind == "f":
        own = "double" if array.dtype == np.float64 else "float"
        raise RuntimeError(f"value cannot be converted to type {own} without overflow")
    if dtype.kind == 3:
        raise NotImplementedError("clamp is not supported for complex types")
    if not any(tensors):
        if dtype.kind == 0:
            which = "_max" if lo is None else "_min" if hi is None else ""
            raise refusal(f"clamp{which}_scalar_cpu", dtype)
        return numbers, [t], {"lo": _bound(lo, dtype), "hi": _bound(hi, dtype)}, dtype
    if dtype.kind == 0 and len(given) == 2:
        raise refusal("clamp_cpu", dtype)
    what = _CLAMP_TENSORS if len(given) == 2 else low if hi is None else high
    return what, [t, *given], {}, dtype


def _clamped(t: Tensor, lo: Any, hi: Any, *forms: RecordOp) -> Tensor:
    what, operands, params, dtype = _prepared(t, lo, hi, *forms)
    own = t._np.dtype
    try:
        return what(operands, params, None if dtype.np is own and len(operands) == 1 else dtype.np)
    except ValueError:
        raise broadcast_error(t, operands[-1]) from None


def _clamped_inplace(t: Tensor, lo: Any, hi: Any, *forms: RecordOp) -> Tensor:
    what, operands, params, dtype = _prepared(t, lo, hi, *forms)
    own = FROM_NP[t._np.dtype]
    if dtype.kind > own.kind:
        raise cannot_hold(dtype, own)
    if dtype is not own:
        return written_from(
            t, wants_grad(operands), lambda x: what([x, *operands[1:]], params, dtype.np)
        )
    try:
        return apply_inplace(what, [cast(v, own) for v in operands], params)
    except ValueError:
        raise broadcast_error(t, operands[-1]) from None


@public("clamp", "clip", out=True)
def clamp(input: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """Each element moved to the nearest number between two bounds, or above or below one.

    Args:
        min, max: two numbers or tensors; None for no bound.

    Raises:
        RuntimeError: no bound is given.

    Source: ``torch.clamp``.
    """
    return _clamped(input, min, max, _CLAMP, _LOW, _HIGH)


@public("clamp_", "clip_")
def clamp_(self: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """``clamp`` in place. Source: ``torch.Tensor.clamp_``."""
    return _clamped_inplace(self, min, max, _CLAMP, _LOW, _HIGH)


@public("clamp_min", out=True)
def clamp_min(input: Tensor, min: Any) -> Tensor:
    """``clamp`` with a lower bound. Source: ``torch.clamp_min``."""
    return _clamped(input, min, None, _MIN, _MIN_TENSOR, _MIN_TENSOR)


@public("clamp_min_")
def clamp_min_(self: Tensor, min: Any) -> Tensor:
    """``clamp_min`` in place. Source: ``torch.Tensor.clamp_min_``."""
    return _clamped_inplace(self, min, None, _MIN, _MIN_TENSOR, _MIN_TENSOR)


@public("clamp_max", out=True)
def clamp_max(input: Tensor, max: Any) -> Tensor:
    """``clamp`` with an upper bound. Source: ``torch.clamp_max``."""
    return _clamped(input, None, max, _MAX, _MAX_TENSOR, _MAX_TENSOR)


@public("clamp_max_")
def clamp_max_(self: Tensor, max: Any) -> Tensor:
    """``clamp_max`` in place. Source: ``torch.Tensor.clamp_max_``."""
    return _clamped_inplace(self, None, max, _MAX, _MAX_TENSOR, _MAX_TENSOR)
