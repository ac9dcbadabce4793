"""Sums, differences, products and quotients, as functions, methods, operators and in place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite import ops
from functorch_lite.ops.arithmetic import scale
from functorch_lite.torch._core.dtypes import FROM_NP, default
from functorch_lite.torch._core.dtypes import dtype as DType
from functorch_lite.torch._core.grad_mode import mode
from functorch_lite.torch._core.inplace import apply_inplace, ready
from functorch_lite.torch._core.large import compiled, is_big
from functorch_lite.torch._core.node import needs_grad
from functorch_lite.torch._core.op import RecordOp, wants_grad
from functorch_lite.torch._core.public import public
from functorch_lite.torch._core.tensor import Tensor, version
from functorch_lite.torch._ops.binary import (
    ADD,
    MUL,
    PLAIN,
    SUB,
    broadcast_error,
    by_number,
    check_fits,
    check_result,
    checked,
    common,
    in_single,
    local2,
    number,
    operand,
    operate,
    quick_pair,
    written_from,
)
from functorch_lite.torch._ops.copying import cast
from functorch_lite.torch._ops.elementwise import argument, halved, in_parts, raw, refusal
from functorch_lite.torch._ops.index_write import as_value
from functorch_lite.torch._ops.pointwise import local, nothing

__all__ = ["DIV", "check_factor", "check_subtraction", "divided_dtype", "undefined"]

# Not the core's rule, which saves the quotient: that may be written to before the backward pass.
DIV = local2(
    "DivBackward0",
    ops.div.eager,
    lambda t, y: ops.div(t, y),
    lambda t, x, y: ops.neg(ops.mul(t, ops.div(ops.div(x, y), y))),
    big=ops.div,
)
by_number(DIV, ops.div.eager, in_single(ops.div))
_OR = RecordOp("", ops.bitwise_or)
_AND = RecordOp("", ops.bitwise_and)
_XOR = RecordOp("", ops.bitwise_xor)
RSUB = RecordOp("RsubBackward0", SUB.record)  # of the second operand and the first
_RSUB_NUMBER = local(
    "RsubBackward1", lambda x, *, number: np.subtract(number, x), lambda t: ops.neg(t)
)


def _plus(x: Any, y: Any, *, alpha: Any) -> Any:
    if x.dtype.kind == "b":
        return x | y if alpha else x | False
    if is_big(x):
        return _large_plus(x, y, np.asarray(alpha, x.dtype))
    return x + (y if alpha == 1 else y * as_value(alpha, FROM_NP[x.dtype]))


_large_plus = compiled(lambda x, y, alpha: x + y * alpha)


def _minus(x: Any, y: Any, *, alpha: Any) -> Any:
    if is_big(x):
        return _large_plus(x, y, np.asarray(-alpha, x.dtype))
    return x - (y if alpha == 1 else y * as_value(alpha, FROM_NP[x.dtype]))


def _scaled_by(sign: int) -> Callable[..., Any]:
    return lambda t, alpha: scale(t, sign * alpha)


_ADD_ALPHA = local2("AddBackward0", halved(_plus), lambda t: t, _scaled_by(1))
_SUB_ALPHA = local2("SubBackward0", halved(_minus), lambda t: t, _scaled_by(-1))
RSUB_ALPHA = RecordOp("RsubBackward0", _SUB_ALPHA.record)
_RSUB_NUMBER_ALPHA = RecordOp("RsubBackward1", RSUB_ALPHA.record)
_quick_add = quick_pair(ADD, np.add, PLAIN)
_quick_sub = quick_pair(SUB, np.subtract, PLAIN)
_quick_mul = quick_pair(MUL, np.multiply, PLAIN)
_quick_div = quick_pair(DIV, np.true_divide)


# ----------------------------------------------------------------------------- sums and differences
def alpha_dtype(input: Any, other: Any, alpha: Any) -> DType:
    """The dtype of a sum with a factor.

    Raises:
        RuntimeError: the factor is not of its category.
    """
    dtype = common(input, other)
    check_factor("alpha", alpha, dtype)
    as_value(alpha, dtype)
    return dtype


def check_factor(name: str, value: Any, dtype: DType) -> None:
    """Refuse a factor that is not of the category of a dtype."""
    if isinstance(value, float) and dtype.kind < 2:
        raise RuntimeError(
            f"For integral input tensors, argument {name} must not be a floating point number."
        )
    if isinstance(value, bool) and dtype.kind:
        raise RuntimeError(f"Boolean {name} only supported for Boolean results.")
    if isinstance(value, complex) and dtype.kind < 3:
        raise RuntimeError(
            f"For non-complex input tensors, argument {name} must not be a complex number."
        )


def _add(a: Any, b: Any) -> Tensor:
    dtype = common(a, b)
    return operate(ADD if dtype.kind else _OR, a, b, dtype)


def _weighted(what: RecordOp, a: Any, b: Any, alpha: Any) -> Tensor:
    """a + alpha * b, or a - alpha * b."""
    dtype = alpha_dtype(a, b, alpha)
    try:
        return what((operand(a, dtype), operand(b, dtype)), {"alpha": alpha}, dtype.np)
    except ValueError:
        raise broadcast_error(a, b) from None


def _weighted_inplace(what: RecordOp, t: Tensor, b: Any, alpha: Any) -> Tensor:
    if isinstance(b, Tensor) and alpha.__class__ in (int, float):
        x, y = t._np, b._np
        if (
            x.dtype is y.dtype and x.dtype.char in "fd" and x.shape == y.shape
            and not (mode.enabled and (needs_grad(t) or needs_grad(b))) and 0 not in x.strides
        ):  # fmt: skip
            ready(t, (b,), False)
            join = np.add if what is _ADD_ALPHA else np.subtract
            in_parts(lambda x, y: join(x, y * alpha, out=x), x, y)
            version(t).count += 1
            return t
    own, dtype = FROM_NP[t._np.dtype], alpha_dtype(t, b, alpha)
    check_result(dtype, own)
    if isinstance(b, Tensor) and b._np.ndim and b._np.shape != t._np.shape:
        check_fits(t, b)
    if dtype is not own:
        return written_from(t, wants_grad((t, b)), lambda x: _weighted(what, x, b, alpha))
    other = cast(b, own) if isinstance(b, Tensor) else number(b, own.np)
    return apply_inplace(what, (t, other), {"alpha": alpha})


def _sub(a: Any, b: Any) -> Tensor:
    check_subtraction(a, b)
    return operate(SUB, a, b)


def check_subtraction(a: Any, b: Any) -> None:
    """Refuse bool operands."""
    x = a._np.dtype.kind == "b" if isinstance(a, Tensor) else isinstance(a, bool)
    y = b._np.dtype.kind == "b" if isinstance(b, Tensor) else isinstance(b, bool)
    if x and y:
        raise RuntimeError(
            "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` "
            "or `logical_xor()` operator instead."
        )
    if x or y:
        raise RuntimeError(
            "Subtraction, the `-` operator, with a bool tensor is not supported. If you are "
            "trying to invert a mask, use the `~` or `logical_not()` operator instead."
        )


@public(out=True)
def add(input: Any, other: Any, *rest: Any, alpha: Any = 1) -> Tensor:
    """input + alpha * other.

    Args:
        input, other: tensors or numbers, broadcast to each other.
        alpha: a number.

    Source: ``torch.add``.
    """
    if rest:  # the older order of arguments
        alpha, other = other, rest[0]
    if alpha.__class__ is not int or alpha != 1:
        return checked(lambda a, b: _weighted(_ADD_ALPHA, a, b, alpha), "add", input, other)
    found = _quick_add(input, other)
    return checked(_add, "add", input, other) if found is None else found


@public("sub", "subtract", out=True)
def sub(input: Any, other: Any, *rest: Any, alpha: Any = 1) -> Tensor:
    """input - alpha * other. Source: ``torch.sub``."""
    if rest:
        alpha, other = other, rest[0]
    if alpha.__class__ is not int or alpha != 1:
        check_subtraction(input, other)
        return checked(lambda a, b: _weighted(_SUB_ALPHA, a, b, alpha), "sub", input, other)
    found = _quick_sub(input, other)
    return checked(_sub, "sub", input, other) if found is None else found


def _rsub(a: Any, b: Any) -> Tensor:
    check_subtraction(a, b)
    if isinstance(b, Tensor):
        return operate(RSUB, b, a)
    dtype = common(a, b)
    return _RSUB_NUMBER((a,), {"number": number(b, dtype.np)._data}, dtype.np)


@public("rsub", methods=False)
def rsub(input: Tensor, other: Any, *, alpha: Any = 1) -> Tensor:
    """other - alpha * input. Source: ``torch.rsub``."""
    if not isinstance(input, Tensor):
        raise argument(input, "rsub")
    if alpha.__class__ is not int or alpha != 1:
        check_subtraction(input, other)
        what = RSUB_ALPHA if isinstance(other, Tensor) else _RSUB_NUMBER_ALPHA
        return _weighted(what, other, input, alpha)
    return _rsub(input, other)


# --------------------------------------------------------------------------- products and quotients
def _mul(a: Any, b: Any) -> Tensor:
    dtype = common(a, b)
    return operate(MUL if dtype.kind else _AND, a, b, dtype)


@public("mul", "multiply", out=True)
def mul(input: Any, other: Any) -> Tensor:
    """input * other. Source: ``torch.mul``."""
    found = _quick_mul(input, other)
    return checked(_mul, "mul", input, other) if found is None else found


def _div(a: Any, b: Any) -> Tensor:
    dtype = common(a, b)
    return operate(DIV, a, b, default.dtype if dtype.kind < 2 else dtype)


def undefined(name: str) -> Callable[..., Any]:
    """The rule of what PyTorch does not differentiate."""

    def rule(t: Any) -> Any:
        raise RuntimeError(f"derivative for aten::{name} is not implemented")

    return rule


def divided_dtype(kernel: str, a: Any, b: Any, target: Tensor | None = None) -> DType:
    """The dtype of a rounded quotient or a remainder, into a tensor if one is given.

    Raises:
        RuntimeError: an integer is divided by zero, or the tensor cannot hold the result.
        NotImplementedError: it is of bools or complex numbers.
    """
    dtype = common(a, b)
    if target is not None:
        check_result(dtype, FROM_NP[target._np.dtype])
    if dtype.kind in (0, 3):
        raise refusal(kernel, dtype)
    if dtype.kind == 1:
        data = b._np if isinstance(b, Tensor) else number(b, dtype.np)._data
        if not data.all():
            raise RuntimeError("ZeroDivisionError")
    return dtype


def _trunc_divide(x: Any, y: Any) -> Any:
    return raw(ops.div, x, y) if x.dtype.kind in "iu" else np.trunc(x / y)


FLOOR = local2(
    "NotImplemented", halved(np.floor_divide), undefined("floor_divide"), undefined("floor_divide")
)
ROUNDED: dict[str, tuple[RecordOp, str]] = {
    "floor": (
        local2("DivBackward2", halved(np.floor_divide), nothing, nothing), "div_floor_cpu"),
    "trunc": (
        local2("DivBackward2", halved(_trunc_divide), nothing, nothing), "div_trunc_cpu"),
}  # fmt: skip
by_number(FLOOR, np.floor_divide, undefined("floor_divide"))
by_number(ROUNDED["floor"][0], np.floor_divide, nothing)
by_number(ROUNDED["trunc"][0], _trunc_divide, nothing)


def _rounded_by(mode: str) -> tuple[RecordOp, str]:
    found = ROUNDED.get(mode)
    if found is None:
        raise RuntimeError(
            f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{mode}'"
        )
    return found


@public("div", "divide", out=True)
def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    """input / other, rounded down (``floor``) or to zero (``trunc``) if that is asked for.

    Source: ``torch.div``.
    """
    if rounding_mode is not None:
        what, kernel = _rounded_by(rounding_mode)
        return operate(what, input, other, divided_dtype(kernel, input, other))
    found = _quick_div(input, other)
    return checked(_div, "div", input, other) if found is None else found


@public("true_divide", out=True)
def true_divide(input: Any, other: Any) -> Tensor:
    """input / other. Source: ``torch.true_divide``."""
    found = _quick_div(input, other)
    return checked(_div, "true_divide", input, other) if found is None else found


def _floor_divide(a: Any, b: Any) -> Tensor:
    return operate(FLOOR, a, b, divided_dtype("div_floor_cpu", a, b))


@public("floor_divide", out=True)
def floor_divide(input: Any, other: Any) -> Tensor:
    """input / other, rounded down.

    Raises:
        RuntimeError: an integer is divided by zero.

    Source: ``torch.floor_divide``.
    """
    return checked(_floor_divide, "floor_divide", input, other)
