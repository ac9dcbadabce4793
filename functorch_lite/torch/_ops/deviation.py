"""Variances, standard deviations, covariances and correlations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite import numpy as fnp
from functorch_lite.core.array import Array
from functorch_lite.core.trace import state
from functorch_lite.ops.families import HALF_CHARS
from functorch_lite.torch._core.grad_mode import mode
from functorch_lite.torch._core.keeping import KeepingNode, keep, keep_result
from functorch_lite.torch._core.large import when_large
from functorch_lite.torch._core.node import attach, needs_grad
from functorch_lite.torch._core.public import FUNCTIONS, public
from functorch_lite.torch._core.tensor import Tensor, is_symbol, make
from functorch_lite.torch._ops.axes import add_all, axes_of, repeated, rows, wrong_arguments
from functorch_lite.torch._ops.reduce import count_of, mean_data

__all__ = ["corrcoef", "cov", "std", "std_mean", "var", "var_mean"]

_FLOAT32 = np.dtype(np.float32)
_UNSET: Any = object()


# --------------------------------------------------------------------------------------- raw values
def _plain_squares(x: Any, *, axes: tuple[int, ...]) -> Any:
    away = x - np.true_divide(add_all(x, axes, None, None, True), count_of(x.shape, axes))
    if away.dtype.kind == "c":
        away = np.abs(away)
    return add_all(away * away, axes, None, None, True)


def _squares_of(x: Array, *, axes: tuple[int, ...]) -> Array:
    away = x - fnp.mean(x, axis=axes, keepdims=True)
    return fnp.sum(away * away, axis=axes, keepdims=True)


_squares = when_large(_plain_squares, _squares_of)


def _spread(array: Any, axes: tuple[int, ...], keepdim: bool, correction: float, root: bool) -> Any:
    """The raw variance, or its root."""
    if array.dtype.char in HALF_CHARS:
        wide = _spread(array.astype(_FLOAT32), axes, keepdim, correction, root)
        return wide.astype(array.dtype)
    found = _squares(array, axes=axes)
    divisor = found.dtype.type(max(0.0, count_of(array.shape, axes) - correction))
    found = state.run(np.true_divide, found, divisor)
    if root:
        found = np.sqrt(found)
    return rows(found if keepdim else found.reshape(_left(array.shape, axes)))


def _left(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple([n for i, n in enumerate(shape) if i not in axes])


# ---------------------------------------------------------------------------------------- gradients
def _var_gradient(
    g: Any, x: Any, axes: tuple[int, ...], keepdim: bool, correction: float, whole: bool
) -> Tensor:
    shape = x._np.shape
    freedom = count_of(shape, axes) - correction
    if freedom <= 0 and whole:  # where no dimension was given
        there = np.where(x._np == mean_data(x._np, axes, True, x._np.dtype), np.nan, np.inf).astype(
            x._np.dtype
        )
        return repeated(g, shape, axes, keepdim) * make(there)
    factor = 2 / freedom if freedom else np.inf
    away = x - x.mean(axes, True) if axes else x - x
    return repeated(g * factor, shape, axes, keepdim) * away


def _root_gradient(g: Any, deviation: Any) -> Tensor:
    """The gradient of a variance from that of its root; none where the root is zero."""
    twice: Any = deviation * 2
    zero = deviation._np == 0
    if not is_symbol(zero) and not zero.any():
        return g / twice
    # The divisor is filled, too: a tangent would be 0 / 0.
    there = make(zero)
    return (g / twice.masked_fill(there, 1)).masked_fill(there, 0)


# ---------------------------------------------------------------------------------------- arguments
def _arguments(
    name: str, dim: Any, unbiased: Any, keepdim: bool, correction: Any
) -> tuple[Any, bool, float]:
    """Dimension, keepdim and correction of any of PyTorch's signatures."""
    if dim.__class__ is bool:  # std(input, unbiased)
        if unbiased is not None:
            raise wrong_arguments(name, dim, unbiased)
        dim, unbiased = None, dim
    if unbiased is not None and unbiased.__class__ is not bool:
        raise wrong_arguments(name, dim, unbiased)
    if unbiased is not None:
        if correction is not _UNSET:
            raise wrong_arguments(name, dim, unbiased)
        return dim, keepdim, float(unbiased)
    return dim, keepdim, 1.0 if correction in (_UNSET, None) else float(correction)


def _refuse(t: Tensor, name: str) -> None:
    if t._np.dtype.kind in "biu":
        both = "std and var" if name in ("std", "var") else name
        raise RuntimeError(f"{both} only support floating point and complex dtypes")


_DOCUMENTATION = """The {what} over all or some dimensions.

    Args:
        dim: one dimension, several, or None for all.
        unbiased: whether to divide by one less than the number of elements.
        keepdim: whether the dimensions stay, with size 1.
        correction: what is subtracted from the number of elements to divide by.

    Raises:
        RuntimeError: the tensor is neither floating nor complex.

    Source: ``torch.{name}``.
    """


def _one(name: str, root: bool, what: str) -> Callable[..., Tensor]:
    node = f"{name.capitalize()}Backward0"

    def spread(
        input: Tensor, dim: Any = None, unbiased: Any = None, keepdim: bool = False, *,
        correction: Any = _UNSET,
    ) -> Tensor:  # fmt: skip
        dim, keepdim, less = _arguments(name, dim, unbiased, keepdim, correction)
        _refuse(input, name)
        axes = axes_of(dim, input._np.ndim, name)
        whole = dim is None or not input._np.ndim
        out = make(_spread(input._np, axes, keepdim, less, root))
        if mode.enabled and needs_grad(input):
            if root:

                def rule(g: Any, x: Any, y: Any) -> Tensor:
                    return _var_gradient(_root_gradient(g, y), x, axes, keepdim, less, whole)

                keep_result(out, keep(node, (input,), (input,), rule))
            else:

                def plain(g: Any, x: Any) -> Tensor:
                    return _var_gradient(g, x, axes, keepdim, less, whole)

                attach(out, keep(node, (input,), (input,), plain))
        return out

    spread.__name__ = name
    spread.__doc__ = _DOCUMENTATION.format(what=what, name=name)
    return public(name, out=True)(spread)


def _with_mean(name: str, root: bool, what: str) -> Callable[..., Any]:
    node_name = f"{'Std' if root else 'Var'}MeanBackward0"

    def spread(
        input: Tensor, dim: Any = None, unbiased: Any = None, keepdim: bool = False, *,
        correction: Any = _UNSET,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        dim, keepdim, less = _arguments(name, dim, unbiased, keepdim, correction)
        _refuse(input, name)
        array = input._np
        axes = axes_of(dim, array.ndim, name)
        whole = dim is None or not array.ndim
        out = make(_spread(array, axes, keepdim, less, root))
        middle = make(mean_data(array, axes, keepdim, array.dtype))
        if mode.enabled and needs_grad(input):
            count = count_of(array.shape, axes)

            def rule(g: Any, h: Any, x: Any, y: Any = None) -> Any:
                found = None if h is None else repeated(h / count, x._np.shape, axes, keepdim)
                if g is None:
                    return found
                if root:
                    g = _root_gradient(g, y)
                g = _var_gradient(g, x, axes, keepdim, less, whole)
                return g if found is None else g + found

            node: KeepingNode = keep(node_name, (input,), (input,), rule)
            if root:
                keep_result(out, node)
            else:
                attach(out, node)
            attach(middle, node, 1)
        return out, middle

    spread.__name__ = name
    spread.__doc__ = _DOCUMENTATION.format(what=what, name=name)
    return public(name, methods=False)(spread)


std = _one("std", True, "standard deviation")
var = _one("var", False, "variance")
std_mean = _with_mean("std_mean", True, "standard deviation and the mean")
var_mean = _with_mean("var_mean", False, "variance and the mean")


# ---------------------------------------------------------------------------- several variables
@public()
def cov(
    input: Tensor, *, correction: int = 1, fweights: Any = None, aweights: Any = None
) -> Tensor:
    """The covariances of variables, given as rows of observations.

    Args:
        input: one variable, or a matrix of one per row.
        correction: what is subtracted from the number of observations.
        fweights: how often each observation counts, integers.
        aweights: how much each observation weighs, floating.

    Raises:
        RuntimeError: more dimensions, a bool tensor, or weights that do not fit.

    >>> import functorch_lite.torch as torch
    >>> torch.cov(torch.tensor([1.0, 2.0, 3.0]))
    tensor(1.)

    Source: ``torch.cov``.
    """
    array = input._np
    if array.ndim > 2:
        raise RuntimeError(
            "cov(): expected input to have two or fewer dimensions but got an input with "
            f"{array.ndim} dimensions"
        )
    if array.dtype.kind == "b":
        raise RuntimeError("cov(): bool dtype is not supported for input")
    x: Any = input
    if array.ndim < 2:
        x = x.reshape(1, -1)
    count = x._np.shape[1]
    weights: Any = _weights(count, fweights, aweights)
    if weights is not None:
        scale = weights.sum()
        middle = (x * weights).sum(1, True) / scale
    else:
        middle = x.sum(1, True) / count
    if weights is None:
        divisor: Any = max(count - correction, 0)
    elif not correction:
        divisor = scale
    elif aweights is None:
        divisor = scale - correction
    else:
        divisor = scale - correction * (weights * aweights).sum() / scale
    if isinstance(divisor, Tensor):
        divisor = make(np.maximum(divisor._np, 0)) if not divisor.requires_grad else divisor
    away = x - middle
    other = away if weights is None else away * weights
    found = away @ other.t().conj() if array.dtype.kind == "c" else away @ other.t()
    return (found / divisor).squeeze()


def _weights(count: int, fweights: Any, aweights: Any) -> Any:
    """The product of both kinds of weights; None without any."""
    for name, w in (("fweights", fweights), ("aweights", aweights)):
        if w is None:
            continue
        if w._np.ndim > 1:
            raise RuntimeError(
                f"cov(): expected {name} to have one or fewer dimensions but got {name} with "
                f"{w._np.ndim} dimensions"
            )
        kind, wanted = w._np.dtype.kind, ("integral" if name == "fweights" else "floating point")
        if (kind in "iu") != (name == "fweights"):
            raise RuntimeError(
                f"cov(): expected {name} to have {wanted} dtype but got {name} with "
                f"{w.dtype.scalar_name} dtype"
            )
        if w._np.size != count:
            raise RuntimeError(
                f"cov(): expected {name} to have the same numel as there are observations in the "
                f"input but got {w._np.size} != {count}"
            )
        if w._np.size and w._np.min() < 0:
            raise RuntimeError(f"cov(): {name} cannot be negative")
    if fweights is None or aweights is None:
        return aweights if fweights is None else fweights
    return fweights * aweights


@public()
def corrcoef(input: Tensor) -> Tensor:
    """The correlations of variables, given as rows of observations.

    Args:
        input: one variable, or a matrix of one per row.

    Raises:
        RuntimeError: more dimensions.

    Source: ``torch.corrcoef``.
    """
    if input._np.ndim > 2:
        raise RuntimeError(
            "corrcoef(): expected input to have two or fewer dimensions but got an input with "
            f"{input._np.ndim} dimensions"
        )
    c = cov(input)
    if not c._np.ndim:
        return c / c
    deviation = c.diagonal().sqrt()
    c = c / deviation.reshape(-1, 1)
    c = c / deviation.reshape(1, -1)
    if c._np.dtype.kind == "c":
        parts = FUNCTIONS["view_as_real"](c).clamp(-1, 1)
        found: Tensor = FUNCTIONS["view_as_complex"](parts)
        return found
    return c.clamp(-1, 1)
