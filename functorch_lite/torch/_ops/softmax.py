"""Softmax, its logarithm, and the logarithm of a sum of exponentials."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite import nn
from functorch_lite import numpy as fnp
from functorch_lite.core.array import Array
from functorch_lite.core.trace import state
from functorch_lite.ops.families import HALF_CHARS
from functorch_lite.torch._core.dtypes import default
from functorch_lite.torch._core.dtypes import dtype as DType
from functorch_lite.torch._core.grad_mode import mode
from functorch_lite.torch._core.keeping import keep, keep_result
from functorch_lite.torch._core.large import ELEMENTS, FLOATS, when_large
from functorch_lite.torch._core.node import needs_grad
from functorch_lite.torch._core.public import public
from functorch_lite.torch._core.tensor import Tensor, make
from functorch_lite.torch._ops.axes import add_all, axes_of, kept_size, max_all, repeated, rows
from functorch_lite.torch._ops.copying import cast
from functorch_lite.torch._ops.shape import dimension

__all__ = ["log_softmax", "logsumexp", "softmax"]

exp: Any = np.exp
divide: Any = np.true_divide
_FLOAT32 = np.dtype(np.float32)


# --------------------------------------------------------------------------------------- raw values
def _plain_softmax(x: Any, *, axis: int) -> Any:
    e = x - max_all(x, axis, None, None, True)
    if not e.flags.c_contiguous:
        e = np.ascontiguousarray(e)
    exp(e, e)
    divide(e, add_all(e, axis, None, None, True), e)
    return e


def _plain_log_softmax(x: Any, *, axis: int) -> Any:
    e = x - max_all(x, axis, None, None, True)
    if not e.flags.c_contiguous:
        e = np.ascontiguousarray(e)
    e -= np.log(add_all(np.exp(e), axis, None, None, True))
    return e


def _plain_softmax_grad(g: Any, y: Any, *, axis: int) -> Any:
    e = g * y
    return e - y * add_all(e, axis, None, None, True)


def _softmax_grad_of(g: Array, y: Array, *, axis: int) -> Array:
    e = g * y
    return e - y * fnp.sum(e, axis=axis, keepdims=True)


def _plain_log_grad(g: Any, y: Any, *, axis: int) -> Any:
    return g - np.exp(y) * add_all(g, axis, None, None, True)


def _log_grad_of(g: Array, y: Array, *, axis: int) -> Array:
    return g - fnp.exp(y) * fnp.sum(g, axis=axis, keepdims=True)


_softmax_rows = when_large(_plain_softmax, nn.softmax)
_log_softmax_rows = when_large(_plain_log_softmax, nn.log_softmax)
_exp_minus = when_large(lambda x, m: exp(x - m), lambda x, m: fnp.exp(x - m))
_quotient = when_large(divide, lambda e, s: e / s)
_difference = when_large(np.subtract, lambda x, s: x - s)


# Across rows NumPy reduces faster than a compiled program; the rest is elementwise.
def _softmax_data(x: Any, *, axis: int) -> Any:
    if x.size < ELEMENTS or axis == x.ndim - 1 or not x.flags.c_contiguous:
        return _softmax_rows(x, axis=axis)
    e = _exp_minus(x, state.run(max_all, x, axis, None, None, True))
    return _quotient(e, add_all(e, axis, None, None, True))


def _log_softmax_data(x: Any, *, axis: int) -> Any:
    if x.size < ELEMENTS or axis == x.ndim - 1 or not x.flags.c_contiguous:
        return _log_softmax_rows(x, axis=axis)
    peak = state.run(max_all, x, axis, None, None, True)
    shifted = _difference(x, peak)
    sums = add_all(_exp_minus(x, peak), axis, None, None, True)
    return _difference(shifted, state.run(np.log, sums))


_softmax_grad = when_large(_plain_softmax_grad, _softmax_grad_of)
_log_softmax_grad = when_large(_plain_log_grad, _log_grad_of)


def _wide(f: Any, *arrays: Any, axis: int) -> Any:
    """A raw function, half precision computed in single precision."""
    dtype = arrays[0].dtype
    if dtype.char in HALF_CHARS:
        return f(*[a.astype(_FLOAT32) for a in arrays], axis=axis).astype(dtype)
    return f(*arrays, axis=axis)


# ------------------------------------------------------------------------------------------ softmax
def _softmax_rule(axis: int) -> Any:
    def rule(g: Any, y: Any) -> Tensor:
        if not mode.enabled and y._np.ndim:
            return make(_wide(_softmax_grad, g._np, y._np, axis=axis))
        e = g * y
        return e - y * e.sum(axis, True)

    return rule


def _log_softmax_rule(axis: int) -> Any:
    def rule(g: Any, y: Any) -> Tensor:
        if not mode.enabled and y._np.ndim:
            return make(_wide(_log_softmax_grad, g._np, y._np, axis=axis))
        return g - y.exp() * g.sum(axis, True)

    return rule


def _normalised(t: Tensor, dim: Any, dtype: DType | None, what: Any) -> Tensor:
    """What both functions have in common; ``what`` is name, node, values, rule and a lone value."""
    name, node, f, rule, lone = what
    if dtype is not None:
        t = cast(t, dtype)
    array = t._np
    if dim.__class__ is not int and not hasattr(dim, "__index__"):
        raise TypeError(
            f"{name}(): argument 'dim' (position 1) must be int, not {type(dim).__name__}"
        )
    axis = dimension(dim, array.ndim)
    kind = array.dtype.kind
    if kind in "biuc":
        last = "lastdim_" if axis == max(array.ndim, 1) - 1 else ""
        kernel = f"{name}_{last}kernel_impl"
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{t.dtype.scalar_name}'")
    if not array.size:
        out = make(np.empty(array.shape, array.dtype))
    elif not array.ndim:
        with np.errstate(all="ignore"):
            out = make(array - array + array.dtype.type(lone))
    else:
        out = make(f(array, axis=axis) if array.dtype in FLOATS else _wide(f, array, axis=axis))
    if mode.enabled and needs_grad(t):
        keep_result(out, keep(node, (t,), (), rule(axis)))
    return out


_SOFTMAX = ("softmax", "SoftmaxBackward0", _softmax_data, _softmax_rule, 1)
_LOG_SOFTMAX = ("log_softmax", "LogSoftmaxBackward0", _log_softmax_data, _log_softmax_rule, 0)


@public("softmax", out=True)
def softmax(input: Tensor, dim: int, dtype: DType | None = None) -> Tensor:
    """exp(x) / sum(exp(x)) along a dimension, safe from overflow.

    Args:
        input: floating.
        dim: the dimension along which the result sums to 1.
        dtype: into which the input is converted first.

    Raises:
        NotImplementedError: the tensor is not floating.

    >>> import functorch_lite.torch as torch
    >>> torch.softmax(torch.tensor([1000.0, 1000.0]), 0)
    tensor([0.5000, 0.5000])

    Source: ``torch.softmax``.
    """
    return _normalised(input, dim, dtype, _SOFTMAX)


@public("log_softmax", out=True)
def log_softmax(input: Tensor, dim: int, dtype: DType | None = None) -> Tensor:
    """The logarithm of the softmax, exact where that underflows.

    Args:
        input: floating.
        dim: the dimension along which the exponentials of the result sum to 1.
        dtype: into which the input is converted first.

    Raises:
        NotImplementedError: the tensor is not floating.

    Source: ``torch.log_softmax``.
    """
    return _normalised(input, dim, dtype, _LOG_SOFTMAX)


# ---------------------------------------------------------------------------------------- logsumexp
def _plain_logsumexp(x: Any, *, axes: tuple[int, ...], keepdim: bool) -> Any:
    peak = max_all(x.real, axes, None, None, True)
    peak = np.where(np.isfinite(peak), peak, peak.dtype.type(0))
    out = np.log(add_all(np.exp(x - peak), axes, None, None, keepdim))
    return out + peak.reshape(np.shape(out))


def _logsumexp_of(x: Array, *, axes: tuple[int, ...], keepdim: bool) -> Array:
    return nn.logsumexp(x, axis=axes, keepdims=keepdim)


def _logsumexp_grad_of(x: Array, y: Array, g: Array) -> Array:
    return g * fnp.exp(x - y)


_logsumexp_grad = when_large(lambda x, y, g: g * np.exp(x - y), _logsumexp_grad_of)
_logsumexp_data = when_large(_plain_logsumexp, _logsumexp_of)


@public("logsumexp", out=True)
def logsumexp(input: Tensor, dim: Any, keepdim: bool = False) -> Tensor:
    """The logarithm of the sum of exponentials over some dimensions, safe from overflow.

    Args:
        input: integers are converted to the default dtype.
        dim: one dimension or several.
        keepdim: whether the dimensions stay, with size 1.

    Source: ``torch.logsumexp``.
    """
    t = input if input._np.dtype.kind not in "biu" else cast(input, default.dtype)
    array = t._np
    axes = axes_of(dim, array.ndim, "logsumexp")
    if not array.size:
        data = np.full_like(add_all(array, axes, None, None, keepdim), -np.inf)
    elif array.dtype.char in HALF_CHARS:
        data = _logsumexp_data(array.astype(_FLOAT32), axes=axes, keepdim=keepdim)
        data = data.astype(array.dtype)
    else:
        data = rows(_logsumexp_data(array, axes=axes, keepdim=keepdim))
    out = make(data)
    if mode.enabled and needs_grad(t):

        def rule(g: Any, x: Any, y: Any) -> Tensor:
            shape = x._np.shape
            if not mode.enabled and x._np.dtype in FLOATS:
                size = kept_size(shape, axes)
                kept = (y._np.reshape(size), g._np.reshape(size))
                return make(_logsumexp_grad(x._np, *kept))
            share = (x - repeated(y, shape, axes, keepdim)).exp().conj()
            return repeated(g, shape, axes, keepdim) * share

        keep_result(out, keep("LogsumexpBackward0", (t,), (t,), rule))
    return out
