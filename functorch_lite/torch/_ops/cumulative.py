"""Running sums, products and extremes, and differences of neighbours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite import ops
from functorch_lite.core.array import Array
from functorch_lite.ops.families import HALF_CHARS
from functorch_lite.torch import return_types
from functorch_lite.torch._core import dtypes
from functorch_lite.torch._core.dtypes import dtype as DType
from functorch_lite.torch._core.grad_mode import mode
from functorch_lite.torch._core.inplace import apply_inplace, write_by_formula
from functorch_lite.torch._core.keeping import keep, keep_result
from functorch_lite.torch._core.large import when_large
from functorch_lite.torch._core.node import attach, needs_grad
from functorch_lite.torch._core.op import Composite, RecordOp, formula
from functorch_lite.torch._core.out_rules import expect_dtype
from functorch_lite.torch._core.public import FUNCTIONS, method, public, put_out
from functorch_lite.torch._core.tensor import Tensor, make
from functorch_lite.torch._ops.axes import one_axis, rows
from functorch_lite.torch._ops.copying import cast
from functorch_lite.torch._ops.places import added, results_at
from functorch_lite.torch.return_types import results_in

__all__ = ["cumprod", "cumsum", "diff", "logcumsumexp"]

_FLOAT32 = np.dtype(np.float32)


def _raw(op: Any) -> Callable[..., Any]:
    """A running op over raw values, laid out row by row."""

    def of(x: Array, *, axis: int, reverse: bool) -> Array:
        return op(x, axis=axis, reverse=reverse)

    return when_large(op.eager, of)


_sums, _products, _logs = _raw(ops.cumsum), _raw(ops.cumprod), _raw(ops.cumlogsumexp)
_CUMPROD = RecordOp("CumprodBackward0", ops.cumprod)
_LOGCUMSUMEXP = RecordOp("LogcumsumexpBackward0", ops.cumlogsumexp)
# The gradient's exponentials multiply the rounding of the result.
_WIDE_LOGS = Composite(
    "LogcumsumexpBackward0",
    lambda x, axis: ops.cumlogsumexp(x.astype("float64"), axis=axis, reverse=False).astype(x.dtype),
)


def _axis(input: Tensor, dim: Any, name: str) -> int:
    """The dimension to run along."""
    if dim.__class__ is not int and not hasattr(dim, "__index__"):
        raise TypeError(
            f"{name}(): argument 'dim' (position 1) must be int, not {type(dim).__name__}"
        )
    return one_axis(dim, input._np.ndim, name)


def _dtype_of(array: Any, dtype: DType | None, out: Tensor | None) -> DType:
    """The dtype of a running sum or product."""
    if dtype is not None:
        return dtype
    if out is not None:
        return out.dtype
    return dtypes.int64 if array.dtype.kind in "biu" else dtypes.from_np(array.dtype)


def _into(out: Tensor | None, made: Tensor) -> Tensor:
    """The result, or the tensor given as ``out=`` with it."""
    if out is None:
        return made
    expect_dtype(out, made.dtype)
    put_out(out, made)
    return out


def _inplace_dtype(t: Tensor, dtype: DType | None, name: str) -> None:
    """Refuse what a running op in place cannot do."""
    own = t.dtype
    if dtype is not None and dtype is not own:
        raise RuntimeError(
            f"Bad in-place call: input tensor dtype {own.c_name} and output tensor dtype "
            f"{dtype.c_name} should match"
        )
    if own is dtypes.bool:
        raise NotImplementedError(f"\"{name}_out_cpu\" not implemented for 'Bool'")


# ----------------------------------------------------------------------------------------- sums
def _running_sum(t: Tensor, axis: int, reverse: bool) -> Tensor:
    """The sum of all elements up to each one, or from each one on; recorded."""
    array = t._np
    data = array.copy() if not array.ndim else rows(_sums(array, axis=axis, reverse=reverse))
    out = make(data)
    if mode.enabled and needs_grad(t):
        attach(out, formula("CumsumBackward0", (t,), _sum_backward(axis, reverse)))
    return out


def _sum_backward(axis: int, reverse: bool) -> Callable[[Tensor], Tensor]:
    return lambda g: _running_sum(g, axis, not reverse)


@public("cumsum")
def cumsum(
    input: Tensor, dim: int, *, dtype: DType | None = None, out: Tensor | None = None
) -> Tensor:
    """The sum of all elements up to each one along a dimension.

    Args:
        dtype: in which to compute; bools and integers are added up in int64 by default.

    >>> import functorch_lite.torch as torch
    >>> torch.cumsum(torch.tensor([1, 2, 3]), 0)
    tensor([1, 3, 6])

    Source: ``torch.cumsum``.
    """
    axis = _axis(input, dim, "cumsum")
    made = _running_sum(cast(input, _dtype_of(input._np, dtype, out)), axis, False)
    return _into(out, made)


@method("cumsum_")
def cumsum_(self: Tensor, dim: int, *, dtype: DType | None = None) -> Tensor:
    """``cumsum`` in place. Source: ``torch.Tensor.cumsum_``."""
    axis = _axis(self, dim, "cumsum_")
    _inplace_dtype(self, dtype, "cumsum")
    if not self._np.ndim:
        return self
    data = _sums(self._np, axis=axis, reverse=False)
    return write_by_formula(self, data, (), "CumsumBackward0", _sum_backward(axis, False))


# ---------------------------------------------------------------------------------------- products
@public("cumprod")
def cumprod(
    input: Tensor, dim: int, *, dtype: DType | None = None, out: Tensor | None = None
) -> Tensor:
    """The product of all elements up to each one along a dimension.

    Args:
        dtype: in which to compute; bools and integers are multiplied in int64 by default.

    Source: ``torch.cumprod``.
    """
    axis = _axis(input, dim, "cumprod")
    made = _scanned(cast(input, _dtype_of(input._np, dtype, out)), axis, _CUMPROD, _products)
    return _into(out, made)


def _scanned(t: Tensor, axis: int, record: RecordOp, raw: Callable[..., Any]) -> Tensor:
    array = t._np
    recorded = mode.enabled and needs_grad(t)
    if not array.ndim:
        out = make(array.copy())
        if recorded:
            attach(out, formula(record.node.__name__, (t,), lambda g: g))
        return out
    if recorded:
        out = record((t,), {"axis": axis, "reverse": False})
        out._np = rows(out._np)  # elementwise operations keep the order of the dimensions in memory
        return out
    return make(rows(raw(array, axis=axis, reverse=False)))


@method("cumprod_")
def cumprod_(self: Tensor, dim: int, *, dtype: DType | None = None) -> Tensor:
    """``cumprod`` in place. Source: ``torch.Tensor.cumprod_``."""
    axis = _axis(self, dim, "cumprod_")
    _inplace_dtype(self, dtype, "cumprod")
    if not self._np.ndim:
        return self
    return apply_inplace(_CUMPROD, (self,), {"axis": axis, "reverse": False})


@public("logcumsumexp", out=True)
def logcumsumexp(input: Tensor, dim: int) -> Tensor:
    """The logarithm of the running sum of exponentials along a dimension.

    Raises:
        NotImplementedError: bools and integers have none.

    Source: ``torch.logcumsumexp``.
    """
    axis = _axis(input, dim, "logcumsumexp")
    if input._np.dtype.kind in "biu":
        raise NotImplementedError(
            f"\"logcumsumexp_out_cpu\" not implemented for '{input.dtype.scalar_name}'"
        )
    if input._np.dtype.kind == "c":
        return _complex_logs(input, axis)
    if input._np.dtype.char == "f" and input._np.ndim and mode.enabled and needs_grad(input):
        out = _WIDE_LOGS((input,), axis=axis)
        out._np = rows(out._np)
        return out
    return _scanned(input, axis, _LOGCUMSUMEXP, _logs)


def _complex_logs(input: Tensor, axis: int) -> Tensor:
    """``logcumsumexp`` of complex numbers.

    The phase is that of the summand of larger real part, plus what the other one turns it by.
    """
    if not input._np.size or not input._np.ndim:
        return input.clone()
    found = input._np.copy("C")
    lines = np.moveaxis(found, axis, 0)
    with np.errstate(all="ignore"):
        for i in range(1, len(lines)):
            before, here = lines[i - 1], lines[i]
            large = np.where(before.real < here.real, here, before)
            small = np.where(before.real < here.real, before, here)
            nothing = (large.real == small.real) & np.isneginf(large.real)
            lines[i] = np.where(nothing, large, large + np.log(1 + np.exp(small - large)))

    def rule(g: Any, x: Any, y: Any) -> Any:
        # Of a result, the share exp(x - y) is the element's own, the rest the result's before.
        parts, results = g.unbind(axis), y.unbind(axis)
        found = [parts[-1]]
        for i in range(len(parts) - 2, -1, -1):
            found.append(parts[i] + (results[i] - results[i + 1]).exp().conj() * found[-1])
        return FUNCTIONS["stack"](found[::-1], axis) * (x - y).exp().conj()

    out = make(found)
    if mode.enabled and needs_grad(input):
        keep_result(out, keep("LogcumsumexpBackward0", (input,), (input,), rule))
    return out


# ----------------------------------------------------------------------------------------- extremes
def _running_extreme(name: str, ufunc: np.ufunc, what: str) -> None:
    kind = getattr(return_types, name)
    node = f"{name.capitalize()}Backward0"

    def run(input: Tensor, dim: int, *, out: Any = None) -> Any:
        axis = _axis(input, dim, name)
        array = input._np
        if array.dtype.kind == "c":
            raise NotImplementedError(
                f"\"{name}_cpu\" not implemented for '{input.dtype.scalar_name}'"
            )
        at = np.zeros((), np.int64) if not array.ndim else _latest(array, ufunc, axis)
        made = results_at(kind, node, input, at, axis, back=added)
        return made if out is None else results_in(made, out)

    run.__name__ = name
    run.__doc__ = (
        f"The {what} element up to each one along a dimension, and where it is.\n\n"
        "    Of equal elements the last one counts.\n\n"
        "    Returns:\n        a tuple of ``values`` and int64 ``indices``.\n\n"
        f"    Source: ``torch.{name}``.\n    "
    )
    public(name)(run)


def _latest(array: Any, ufunc: np.ufunc, axis: int) -> Any:
    """Where the running extreme was attained last."""
    if array.dtype.char in HALF_CHARS:
        array = array.astype(_FLOAT32)
    best = ufunc.accumulate(array, axis=axis)
    here = array == best
    if array.dtype.kind == "f":
        here |= np.isnan(array)
    size = [1] * array.ndim
    size[axis] = array.shape[axis]
    along = np.arange(array.shape[axis]).reshape(size)
    return rows(np.maximum.accumulate(np.where(here, along, 0), axis=axis))


_running_extreme("cummax", np.maximum, "largest")
_running_extreme("cummin", np.minimum, "smallest")


# -------------------------------------------------------------------------------------- differences
@public("diff", out=True)
def diff(
    input: Tensor, n: int = 1, dim: int = -1, prepend: Any = None, append: Any = None
) -> Tensor:
    """The differences of neighbours along a dimension.

    Args:
        n: how often differences are taken.
        prepend, append: tensors to put before and behind the input first.

    Raises:
        RuntimeError: the tensor has no dimensions, or ``n`` is negative.

    >>> import functorch_lite.torch as torch
    >>> torch.diff(torch.tensor([1, 4, 9]))
    tensor([3, 5])

    Source: ``torch.diff``.
    """
    if not input._np.ndim:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    axis = one_axis(dim, input._np.ndim, "diff")
    if not n:
        return FUNCTIONS["zeros_like"](input).copy_(input)
    if prepend is not None or append is not None:
        parts = [t for t in (prepend, input, append) if t is not None]
        input = FUNCTIONS["cat"](parts, axis)
    t: Any = input
    for _ in range(min(n, input._np.shape[axis])):
        length = t._np.shape[axis] - 1
        after, before = t.narrow(axis, 1, length), t.narrow(axis, 0, length)
        t = after.logical_xor(before) if t._np.dtype.kind == "b" else after - before
    return t
