"""Powers of tensors and numbers."""

from __future__ import annotations

import cmath
import math
from typing import Any

import numpy as np

from functorch_lite import ops
from functorch_lite.ops.arithmetic import scale
from functorch_lite.ops.families import HALF_CHARS, const, ones_like, zeros_like
from functorch_lite.torch._core import dtypes
from functorch_lite.torch._core.dtypes import FROM_NP
from functorch_lite.torch._core.dtypes import dtype as DType
from functorch_lite.torch._core.inplace import apply_inplace
from functorch_lite.torch._core.large import BIG, at_size
from functorch_lite.torch._core.op import RecordOp
from functorch_lite.torch._core.public import method, public
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch._ops.axes import wrong_arguments
from functorch_lite.torch._ops.binary import (
    Local,
    check_result,
    common,
    local2,
    never,
    operate,
    operate_inplace,
    operators,
    tolerant,
)
from functorch_lite.torch._ops.copying import cast
from functorch_lite.torch._ops.elementwise import (
    argument,
    cannot_hold,
    raw,
    refusal,
)
from functorch_lite.torch._ops.index_write import as_value
from functorch_lite.torch._ops.pointwise import local

__all__ = ["POW_NUMBER"]


# ------------------------------------------------------------------------------------------- powers
_squares = at_size(np.multiply, ops.mul, BIG)


def _raised(x: Any, exponent: Any) -> Any:
    """A raw array to the power of a number, by multiplication and roots where that is exact."""
    if exponent == 2:
        return _squares(x, x)
    if x.dtype.kind in "fcV":
        if exponent == 1:
            return x.copy(order="K")
        if exponent == 0.5:
            return np.sqrt(x)
        if exponent == 3:
            return x * x * x
        if exponent == -1:
            return 1 / x
        if exponent == -2:
            return 1 / (x * x)
        if exponent == -0.5:
            return 1 / np.sqrt(x)
        if x.dtype.char in HALF_CHARS:
            exponent = as_value(exponent, FROM_NP[x.dtype])
        return raw(ops.pow, x, np.asarray(exponent, x.dtype))
    return np.power(x, as_value(exponent, FROM_NP[x.dtype])).astype(x.dtype, copy=False)


def _power(x: Any, exponent: float) -> Any:
    """A core array to the power of a number."""
    if exponent == 1:
        return x
    if exponent == 2:
        return ops.square(x)
    if exponent == 0.5:
        return ops.sqrt(x)
    if exponent == -0.5:
        return ops.rsqrt(x)
    return ops.pow(x, const(exponent, x.dtype))


def _pow_number_rule(t: Any, x: Any, exponent: Any) -> Any:
    if exponent == 0:
        return zeros_like(t)
    if exponent == 1:
        return t
    return ops.mul(t, scale(_power(x, exponent - 1), exponent))


def _base_rule(t: Any, x: Any, y: Any, ans: Any) -> Any:
    # The answer is saved as PyTorch saves it, whichever operand is differentiated.
    flat = ops.eq(y, zeros_like(y))
    slope = ops.mul(y, ops.pow(x, ops.sub(y, ones_like(y))))
    return ops.mul(t, ops.select(flat, zeros_like(slope), slope))


def _exponent_rule(t: Any, x: Any, y: Any, ans: Any) -> Any:
    zero = ops.eq(x, zeros_like(x))
    flat = ops.bitwise_and(zero, ops.ge(y, zeros_like(y)))
    slope = ops.mul(ans, ops.log(x))
    return ops.mul(t, ops.select(flat, zeros_like(slope), slope))


def _number_base_rule(t: Any, y: Any, ans: Any, base: Any) -> Any:
    if y.dtype.kind == "c":
        return ops.mul(t, ops.mul(ans, const(cmath.log(base) if base else 0, ans.dtype)))
    if base == 0:
        slope = ops.select(ops.ge(y, zeros_like(y)), zeros_like(ans), scale(ans, -math.inf))
        return ops.mul(t, slope)
    return ops.mul(t, scale(ans, math.log(base) if base > 0 else math.nan))


def _integer_pow(x: Any, y: Any) -> Any:
    """Powers of raw arrays; of integers those to negative exponents are 0, but of 1 and -1."""
    if x.dtype.kind not in "iu":
        return raw(ops.pow, x, y)
    negative = y < 0
    if negative.any():
        x = np.where(negative & (x != 1) & (x != -1), 0, x).astype(x.dtype)
        y = np.where(negative, 2 - (y & 1), y).astype(y.dtype)
    return np.power(x, y)


def _based(y: Any, *, base: Any) -> Any:
    if base == 1:
        return np.ones_like(y)
    if base == 2 and y.dtype.kind == "f":
        return raw(ops.exp2, y)
    return _integer_pow(np.asarray(base).astype(y.dtype), y)


POW_NUMBER = local("PowBackward0", _raised, _pow_number_rule)
_POW = local2("PowBackward1", _integer_pow, _base_rule, _exponent_rule)
_POW_BASE = RecordOp("PowBackward2", Local(("y",), _based, _number_base_rule))


def _pow(input: Any, exponent: Any) -> Tensor:
    cls = exponent.__class__
    if (cls is int or cls is float) and isinstance(input, Tensor):
        char = input._np.dtype.char
        if char in "fd":
            return POW_NUMBER((input,), {"exponent": exponent})
    return _slow_pow(input, exponent)


def _slow_pow(input: Any, exponent: Any) -> Tensor:
    dtype = common(input, exponent)
    if not isinstance(exponent, Tensor):
        if dtype.kind == 1 and exponent < 0:
            raise RuntimeError("Integers to negative integer powers are not allowed.")
        exponent = exponent.item() if isinstance(exponent, np.generic) else exponent
        return POW_NUMBER((input,), {"exponent": exponent}, dtype.np)
    if not isinstance(input, Tensor):
        if dtype.kind == 0:
            raise refusal("pow", dtype)
        return _POW_BASE((exponent,), {"base": input}, dtype.np)
    if dtype.kind == 0:
        raise refusal("pow", dtype)
    return operate(_POW, input, exponent, dtype)


@public("pow", out=True)
def pow(input: Any, exponent: Any) -> Tensor:
    """input to the power of exponent; at least one of them is a tensor.

    Raises:
        RuntimeError: an integer tensor to the power of a negative integer.
        TypeError: neither is a tensor.

    Source: ``torch.pow``.
    """
    if not isinstance(input, Tensor) and not isinstance(exponent, Tensor):
        raise wrong_arguments("pow", input, exponent)
    return _pow(input, exponent)


@method("pow_")
def pow_(self: Tensor, exponent: Any) -> Tensor:
    """self to the power of exponent, in place. Source: ``torch.Tensor.pow_``."""
    if isinstance(exponent, Tensor):
        found = common(self, exponent)
        check_result(found, FROM_NP[self._np.dtype])
        if found.kind == 0:
            raise refusal("pow", found)
        return operate_inplace(_POW, self, exponent, found)
    own, dtype = FROM_NP[self._np.dtype], common(self, exponent)
    if dtype is not own:
        raise cannot_hold(dtype, own)
    if dtype.kind == 1 and exponent < 0:
        raise RuntimeError("Integers to negative integer powers are not allowed.")
    return apply_inplace(POW_NUMBER, (self,), {"exponent": exponent})


@public("square", out=True)
def square(input: Tensor) -> Tensor:
    """The square of each element. Source: ``torch.square``."""
    if not isinstance(input, Tensor):
        raise argument(input, "square")
    return _pow(input, 2)


@public("square_")
def square_(self: Tensor) -> Tensor:
    """The square of each element, in place. Source: ``torch.Tensor.square_``."""
    return pow_(self, 2)


def _wide(value: Any, dtype: DType) -> Any:
    return cast(value, dtype) if isinstance(value, Tensor) else value


def _double(input: Any, exponent: Any) -> DType:
    complex_ = common(input, exponent).kind == 3
    return dtypes.complex128 if complex_ else dtypes.float64


@public("float_power", out=True)
def float_power(input: Any, exponent: Any) -> Tensor:
    """Like ``pow``, in double precision. Source: ``torch.float_power``."""
    if not isinstance(input, Tensor) and not isinstance(exponent, Tensor):
        raise wrong_arguments("float_power", input, exponent)
    dtype = _double(input, exponent)
    return _pow(_wide(input, dtype), _wide(exponent, dtype))


@method("float_power_")
def float_power_(self: Tensor, exponent: Any) -> Tensor:
    """Like ``pow_``, of tensors of double precision. Source: ``torch.Tensor.float_power_``."""
    own, dtype = FROM_NP[self._np.dtype], _double(self, exponent)
    if own is not dtype:
        raise RuntimeError(
            f"the base given to float_power_ has dtype {own.scalar_name} but the operation's "
            f"result requires dtype {dtype.scalar_name}"
        )
    return pow_(self, _wide(exponent, dtype))


operators("pow", never, _pow, pow, lambda a, b: _pow(b, a))
Tensor.__ipow__ = tolerant(pow_)  # type: ignore[attr-defined]
