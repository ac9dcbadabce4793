"""Comparisons, logic and bits of two tensors, and the tests made of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite.core.trace import state
from functorch_lite.ops.families import HALF_CHARS
from functorch_lite.torch._core.dtypes import FROM_NP, default
from functorch_lite.torch._core.dtypes import dtype as DType
from functorch_lite.torch._core.inplace import ready, write, write_by_formula
from functorch_lite.torch._core.op import wants_grad
from functorch_lite.torch._core.order import in_order
from functorch_lite.torch._core.public import method, override, overrides, public
from functorch_lite.torch._core.tensor import Tensor, make
from functorch_lite.torch._ops.binary import (
    NoOperand,
    broadcast_error,
    check_fits,
    check_result,
    common,
    is_operand,
    no_descriptor,
    number,
)
from functorch_lite.torch._ops.copying import converted_data
from functorch_lite.torch._ops.elementwise import argument, refusal

__all__ = ["apply", "written"]

Run = Callable[..., Any]


def laid_out(run: Run) -> Run:
    """A function of two raw arrays whose result has the operands' order of dimensions."""
    return lambda x, y: in_order(run(x, y), (x, y))


_CONDITIONS = "?bhilBfd"


def apply(run: Run, a: Any, b: Any, dtype: DType) -> Any:
    """The raw result of an operation that is not differentiable, on operands in one dtype.

    Raises:
        RuntimeError: the shapes do not go together.
    """
    datas = []
    for t in (a, b):
        if isinstance(t, Tensor):
            x = t._np
            datas.append(x if x.dtype == dtype.np else x.astype(dtype.np))
        else:
            datas.append(number(t, dtype.np)._data)
    try:
        return state.run(run, *datas)
    except ValueError:
        raise broadcast_error(a, b) from None


def written(t: Tensor, data: Any, other: Any, node: str) -> Tensor:
    """Put a result without gradient into a tensor; its node is called ``node``."""
    if isinstance(other, Tensor) and other._np.ndim and other._np.shape != t._np.shape:
        check_fits(t, other)
    if not wants_grad((t,)):
        ready(t, (other,), False)
        write(t, data)
        return t
    return write_by_formula(t, data, (), node, _zero)


def _zero(g: Tensor) -> Tensor:
    return make(np.zeros(g._np.shape, g._np.dtype))


def wrong_arguments(name: str, a: Any, b: Any) -> TypeError:
    """What is said where no form of a function takes the arguments."""
    return TypeError(
        f"{name}() received an invalid combination of arguments - got ({type(a).__name__}, "
        f"{type(b).__name__}), but expected one of:\n"
        " * (Tensor input, Tensor other, *, Tensor out = None)\n"
        " * (Tensor input, Number other, *, Tensor out = None)\n"
    )


# -------------------------------------------------------------------------------------- comparisons
def _comparison(dunder: str, names: tuple[str, ...], run: np.ufunc, ordered: bool) -> None:
    name = names[0]
    laid = laid_out(run)

    def compute(a: Tensor, b: Any) -> Any:
        x = a._np
        char = x.dtype.char
        cls = b.__class__
        if isinstance(b, Tensor):
            if x.dtype is b._np.dtype and char in _CONDITIONS:
                try:
                    return laid(x, b._np)
                except ValueError:
                    raise broadcast_error(a, b) from None
        elif (char in "fd" and (cls is float or cls is int)) or (
            cls is int and char == "l" and -(2**63) <= b < 2**63
        ):
            return in_order(run(x, b), (x,))
        dtype = common(a, b)
        if ordered and dtype.kind == 3:
            raise refusal(f"{name}_cpu", dtype)
        return apply(laid, a, b, dtype)

    def f(input: Tensor, other: Any) -> Tensor:
        if not isinstance(input, Tensor):
            raise wrong_arguments(name, input, other)
        try:
            return make(compute(input, other))
        except NoOperand:
            raise wrong_arguments(name, input, other) from None

    def f_(self: Tensor, other: Any) -> Tensor:
        return written(self, compute(self, other), other, f"{name.capitalize()}Backward1")

    f.__name__, f_.__name__ = name, f"{name}_"
    f.__doc__ = f"Whether input {_SYMBOLS[name]} other, as bools. Source: ``torch.{name}``."
    f_.__doc__ = f"The same in place. Source: ``torch.Tensor.{name}_``."
    call = public(*names, out=True)(f)
    method(*[f"{n}_" for n in names])(f_)

    def operator(self: Any, other: Any) -> Any:
        if overrides.known:
            handled = override(call, (self, other), {})
            if handled is not NotImplemented:
                return handled
        try:
            return make(compute(self, other))
        except NoOperand:
            return NotImplemented

    setattr(Tensor, dunder, operator)


_SYMBOLS = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_comparison("__eq__", ("eq",), np.equal, False)
_comparison("__ne__", ("ne", "not_equal"), np.not_equal, False)
_comparison("__lt__", ("lt", "less"), np.less, True)
_comparison("__le__", ("le", "less_equal"), np.less_equal, True)
_comparison("__gt__", ("gt", "greater"), np.greater, True)
_comparison("__ge__", ("ge", "greater_equal"), np.greater_equal, True)


def _hash(self: Tensor) -> int:
    return id(self)


_DUNDERS: dict[str, Any] = {"__hash__": _hash}


# -------------------------------------------------------------------------------------------- logic
def _truth(t: Tensor) -> Any:
    array = t._np
    return array.astype(bool) if array.dtype.char in HALF_CHARS else array


def _logic(name: str, run: np.ufunc) -> None:
    laid = laid_out(run)

    def compute(a: Tensor, b: Tensor) -> Any:
        for position, t in enumerate((a, b), 1):
            if not isinstance(t, Tensor):
                raise argument(t, name, ("input", "other")[position - 1], position)
        try:
            return laid(_truth(a), _truth(b))
        except ValueError:
            raise broadcast_error(a, b) from None

    def f(input: Tensor, other: Tensor) -> Tensor:
        return make(compute(input, other))

    def f_(self: Tensor, other: Tensor) -> Tensor:
        return written(self, compute(self, other), other, "MulBackward0")

    f.__name__, f_.__name__ = name, f"{name}_"
    f.__doc__ = f"{name} of the truth of elements. Source: ``torch.{name}``."
    f_.__doc__ = f"The same in place. Source: ``torch.Tensor.{name}_``."
    public(name, out=True)(f)
    method(name + "_")(f_)


_logic("logical_and", np.logical_and)
_logic("logical_or", np.logical_or)
_logic("logical_xor", np.logical_xor)


@public("logical_not", out=True)
def logical_not(input: Tensor) -> Tensor:
    """Whether elements are zero, as bools. Source: ``torch.logical_not``."""
    if not isinstance(input, Tensor):
        raise argument(input, "logical_not")
    return make(np.logical_not(_truth(input)))


@method("logical_not_")
def logical_not_(self: Tensor) -> Tensor:
    """The same in place. Source: ``torch.Tensor.logical_not_``."""
    return written(self, np.logical_not(_truth(self)), None, "MulBackward0")


# --------------------------------------------------------------------------------------------- bits
def _bits(
    name: str, dunder: str, run: Run, kernel: str, kinds: tuple[int, ...], numbers: bool = True
) -> None:
    def dtype_of(a: Any, b: Any, target: Tensor | None = None) -> DType:
        dtype = common(a, b)
        if target is not None:
            check_result(dtype, FROM_NP[target._np.dtype])
        if dtype.kind not in kinds:
            raise refusal(kernel, dtype)
        return dtype

    def f(input: Any, other: Any) -> Tensor:
        if not isinstance(input, Tensor) and (not numbers or not isinstance(other, Tensor)):
            raise argument(input, name) if not numbers else wrong_arguments(name, input, other)
        if not numbers and not isinstance(other, Tensor):
            raise argument(other, name, "other", 2)
        try:
            return make(apply(laid_out(run), input, other, dtype_of(input, other)))
        except NoOperand:
            raise wrong_arguments(name, input, other) from None

    def f_(self: Tensor, other: Any) -> Tensor:
        dtype = dtype_of(self, other, self)
        return written(self, apply(run, self, other, dtype), other, "")

    f.__name__, f_.__name__ = name, f"{name}_"
    f.__doc__ = f"{name} of integers and, mostly, bools. Source: ``torch.{name}``."
    f_.__doc__ = f"The same in place. Source: ``torch.Tensor.{name}_``."
    call = public(name, out=True)(f)
    (method if numbers else public)(name + "_")(f_)
    if not dunder:
        return

    def operator(self: Any, other: Any) -> Any:
        if overrides.known:
            handled = override(call, (self, other), {})
            if handled is not NotImplemented:
                return handled
        if not is_operand(other):
            return NotImplemented
        return f(self, other)

    def reflected(self: Any, other: Any) -> Any:
        if not isinstance(self, Tensor):
            raise no_descriptor(f"__r{dunder}__", self)
        if not is_operand(other):
            return NotImplemented
        return call(other, self)

    setattr(Tensor, f"__{dunder}__", operator)
    setattr(Tensor, f"__r{dunder}__", reflected)
    setattr(Tensor, f"__i{dunder}__", f_)


for _name in ("and", "or", "xor"):
    _full = f"bitwise_{_name}"
    _bits(_full, _name, getattr(np, _full), f"{_full}_cpu", (0, 1))
_bits("bitwise_left_shift", "lshift", np.left_shift, "lshift_cpu", (1,))
_bits("bitwise_right_shift", "rshift", np.right_shift, "rshift_cpu", (1,))
_bits("gcd", "", np.gcd, "gcd_cpu", (1,), False)
_bits("lcm", "", np.lcm, "lcm_cpu", (1,), False)


@public("bitwise_not", out=True)
def bitwise_not(input: Tensor) -> Tensor:
    """Every bit inverted, or every bool. Source: ``torch.bitwise_not``."""
    return make(np.invert(_of_bits(input)))


@method("bitwise_not_")
def bitwise_not_(self: Tensor) -> Tensor:
    """The same in place. Source: ``torch.Tensor.bitwise_not_``."""
    return written(self, np.invert(_of_bits(self)), None, "")


def _of_bits(t: Tensor) -> Any:
    if not isinstance(t, Tensor):
        raise argument(t, "bitwise_not")
    own = FROM_NP[t._np.dtype]
    if own.kind > 1:
        raise refusal("bitwise_not_cpu", own)
    return t._np


def _invert(self: Tensor) -> Tensor:
    if self._np.dtype.kind not in "biu":
        raise TypeError(
            "~ (operator.invert) is only implemented on integer and Boolean-type tensors"
        )
    found: Tensor = self.bitwise_not()
    return found


_DUNDERS["__invert__"] = _invert
for _dunder, _f in _DUNDERS.items():
    setattr(Tensor, _dunder, _f)


# ------------------------------------------------------------------------------ whole tensors alike
@public("equal")
def equal(input: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same sizes and elements. Source: ``torch.equal``."""
    if not isinstance(input, Tensor):
        raise argument(input, "equal")
    if not isinstance(other, Tensor):
        raise argument(other, "equal", "other", 2)
    if input._np.shape != other._np.shape:
        return False
    return bool(np.all(apply(np.equal, input, other, common(input, other))))


def _close(a: Tensor, b: Tensor, rtol: float, atol: float, equal_nan: bool, name: str) -> Any:
    for position, t in enumerate((a, b), 1):
        if not isinstance(t, Tensor):
            raise argument(t, name, ("input", "other")[position - 1], position)
    own, other = FROM_NP[a._np.dtype], FROM_NP[b._np.dtype]
    if own is not other:
        raise RuntimeError(f"{own.scalar_name} did not match {other.scalar_name}")
    for word, value in (("rtol", rtol), ("atol", atol)):
        if value < 0:
            raise RuntimeError(f"{word} must be greater than or equal to zero, but got {value:g}")

    def run(x: Any, y: Any) -> Any:
        found = x == y
        if equal_nan and own.kind > 1:
            found = found | ((x != x) & (y != y))
        if rtol == 0 and atol == 0:
            return found
        # Bools have no difference; integers are near each other as floats.
        wide = default.dtype.np if own.kind < 2 else x.dtype
        u, v = (x, y) if own.kind == 3 else (x.astype(wide), y.astype(wide))
        off = abs(u - v)
        near = np.isfinite(off) & (off <= atol + abs(rtol * v))
        return found | near

    return apply(laid_out(run), a, b, own)


@public("isclose")
def isclose(
    input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08,
    equal_nan: bool = False,
) -> Tensor:  # fmt: skip
    """Whether elements differ by atol + rtol * |other| at most.

    Raises:
        RuntimeError: the dtypes differ.

    Source: ``torch.isclose``.
    """
    return make(_close(input, other, rtol, atol, equal_nan, "isclose"))


@public("allclose")
def allclose(
    input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08,
    equal_nan: bool = False,
) -> bool:  # fmt: skip
    """Whether all elements are close to each other. Source: ``torch.allclose``."""
    return bool(np.all(_close(input, other, rtol, atol, equal_nan, "allclose")))


@public("isin", methods=False, out=True)
def isin(
    elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False
) -> Tensor:
    """Whether elements are among others, as bools; one of both may be a number.

    Source: ``torch.isin``.
    """
    for t in (elements, test_elements):
        if isinstance(t, Tensor):
            own = FROM_NP[t._np.dtype]
            if own.kind in (0, 3):
                raise RuntimeError(
                    f"Unsupported input type encountered for isin(): {own.scalar_name}"
                )
    dtype = common(elements, test_elements)
    among, those = (
        converted_data(t._np, dtype) if isinstance(t, Tensor) else number(t, dtype.np)._data
        for t in (elements, test_elements)
    )
    return make(np.isin(among, those, assume_unique=assume_unique, invert=invert))
