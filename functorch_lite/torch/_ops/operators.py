"""Arithmetic in place, and the operators of tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite.torch._core.dtypes import default
from functorch_lite.torch._core.public import method
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch._ops.arithmetic import (
    _ADD_ALPHA,
    _AND,
    _OR,
    _SUB_ALPHA,
    DIV,
    FLOOR,
    _add,
    _div,
    _floor_divide,
    _mul,
    _quick_add,
    _quick_div,
    _quick_mul,
    _quick_sub,
    _rounded_by,
    _rsub,
    _sub,
    _weighted_inplace,
    add,
    check_subtraction,
    div,
    divided_dtype,
    floor_divide,
    mul,
    sub,
)
from functorch_lite.torch._ops.binary import (
    ADD,
    MUL,
    PLAIN,
    SUB,
    common,
    is_operand,
    never,
    operate_inplace,
    operators,
    quick_inplace,
    tolerant,
)

__all__: list[str] = []


# ----------------------------------------------------------------------------------------- in place
_quick_iadd = quick_inplace(np.add, PLAIN)
_quick_isub = quick_inplace(np.subtract, PLAIN)
_quick_imul = quick_inplace(np.multiply, PLAIN)
_quick_idiv = quick_inplace(np.true_divide)


@method("add_")
def add_(self: Tensor, other: Any, *rest: Any, alpha: Any = 1) -> Tensor:
    """self + alpha * other, in place. Source: ``torch.Tensor.add_``."""
    if rest:
        alpha, other = other, rest[0]
    if alpha.__class__ is not int or alpha != 1:
        return _weighted_inplace(_ADD_ALPHA, self, other, alpha)
    found = _quick_iadd(self, other)
    if found is not None:
        return found
    dtype = common(self, other)
    return operate_inplace(ADD if dtype.kind else _OR, self, other, dtype)


@method("sub_", "subtract_")
def sub_(self: Tensor, other: Any, *rest: Any, alpha: Any = 1) -> Tensor:
    """self - alpha * other, in place. Source: ``torch.Tensor.sub_``."""
    if rest:
        alpha, other = other, rest[0]
    if alpha.__class__ is not int or alpha != 1:
        check_subtraction(self, other)
        return _weighted_inplace(_SUB_ALPHA, self, other, alpha)
    found = _quick_isub(self, other)
    if found is not None:
        return found
    check_subtraction(self, other)
    return operate_inplace(SUB, self, other)


@method("mul_", "multiply_")
def mul_(self: Tensor, other: Any) -> Tensor:
    """self * other, in place. Source: ``torch.Tensor.mul_``."""
    found = _quick_imul(self, other)
    if found is not None:
        return found
    dtype = common(self, other)
    return operate_inplace(MUL if dtype.kind else _AND, self, other, dtype)


@method("div_", "divide_")
def div_(self: Tensor, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    """self / other, in place. Source: ``torch.Tensor.div_``."""
    if rounding_mode is not None:
        what, kernel = _rounded_by(rounding_mode)
        return operate_inplace(what, self, other, divided_dtype(kernel, self, other, self))
    found = _quick_idiv(self, other)
    if found is not None:
        return found
    dtype = common(self, other)
    return operate_inplace(DIV, self, other, default.dtype if dtype.kind < 2 else dtype)


@method("true_divide_")
def true_divide_(self: Tensor, other: Any) -> Tensor:
    """self / other, in place. Source: ``torch.Tensor.true_divide_``."""
    return div_(self, other)


@method("floor_divide_")
def floor_divide_(self: Tensor, other: Any) -> Tensor:
    """self / other rounded down, in place. Source: ``torch.Tensor.floor_divide_``."""
    return operate_inplace(FLOOR, self, other, divided_dtype("div_floor_cpu", self, other, self))


# ---------------------------------------------------------------------------------------- operators
def _rdiv(self: Tensor, other: Any) -> Any:
    if not is_operand(other):
        return NotImplemented
    return mul(self.reciprocal(), other)


def _commuting(f: Callable[[Any, Any], Tensor]) -> Callable[[Any, Any], Any]:
    """A reflected operator that needs no other order."""
    return lambda a, b: f(a, b) if is_operand(b) else NotImplemented


operators("add", _quick_add, _add, add, _commuting(add))
operators("sub", _quick_sub, _sub, sub, _rsub)
operators("mul", _quick_mul, _mul, mul, _commuting(mul))
operators("truediv", _quick_div, _div, div, _rdiv)
operators("floordiv", never, _floor_divide, floor_divide, lambda a, b: _floor_divide(b, a))
for _name, _f in (("add", add_), ("sub", sub_), ("mul", mul_), ("truediv", div_),
                  ("div", div_), ("floordiv", floor_divide_)):  # fmt: skip
    setattr(Tensor, f"__i{_name}__", tolerant(_f))
for _new, _old in (
    ("__div__", "__truediv__"), ("__rdiv__", "__rtruediv__"), ("__neg__", "neg"),
    ("__pos__", "positive"), ("__abs__", "abs"),
):  # fmt: skip
    setattr(Tensor, _new, getattr(Tensor, _old))
