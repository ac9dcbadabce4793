"""Quantiles: values at a fraction of the order."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.torch._core.grad_mode import mode
from functorch_lite.torch._core.keeping import keep
from functorch_lite.torch._core.node import attach, needs_grad
from functorch_lite.torch._core.public import public
from functorch_lite.torch._core.tensor import Tensor, make
from functorch_lite.torch._ops.axes import add_all, one_axis, rows
from functorch_lite.torch._ops.places import added, gathered
from functorch_lite.torch._ops.sorting import order_of

__all__ = ["nanquantile", "quantile"]

_INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


def _fractions(name: str, input: Tensor, q: Any, interpolation: str) -> Any:
    """The raw fractions, after all checks of the arguments."""
    array = input._np
    if not isinstance(q, (Tensor, int, float)):
        raise TypeError(
            f"{name}() received an invalid combination of arguments - got ({type(q).__name__}), "
            "but expected one of:"
        )
    # Both functions speak of quantile() in what follows.
    if not isinstance(q, Tensor) and not 0 <= q <= 1:
        raise RuntimeError(f"quantile() q must be in the range [0, 1] but got {q:g}")
    if interpolation not in _INTERPOLATIONS:
        raise RuntimeError(
            "quantile() interpolation must be one of linear, lower, higher, midpoint or nearest, "
            f"but got {interpolation}"
        )
    if not array.size:
        raise RuntimeError("quantile() input tensor must be non-empty")
    if isinstance(q, Tensor) and q._np.ndim > 1:
        raise RuntimeError("quantile() q must be a scalar or 1D tensor")
    if array.dtype.name not in ("float32", "float64"):
        raise RuntimeError("quantile() input tensor must be either float or double dtype")
    if not isinstance(q, Tensor):
        return np.array(q, array.dtype)
    found = q._np
    if found.dtype != array.dtype:
        raise RuntimeError("quantile() q tensor must be same dtype as the input tensor")
    if not ((found >= 0) & (found <= 1)).all():
        raise RuntimeError("quantile() q values must be in the range [0, 1]")
    return found


def _quantile(
    name: str, input: Tensor, q: Any, dim: Any, keepdim: bool, interpolation: str, skip_nan: bool
) -> Tensor:
    fractions = _fractions(name, input, q, interpolation)
    full = input._np
    axis = 0 if dim is None else one_axis(dim, full.ndim, name)
    t: Any = input
    if dim is None or not full.ndim:
        t = t.reshape(-1)
    array = t._np
    order = order_of(array, axis)
    length = array.shape[axis]
    nan = np.isnan(array)
    count = add_all(nan, axis, np.int64, None, True)
    ranks = fractions.reshape(-1)
    size = [1] * array.ndim
    size[axis] = ranks.size
    ranks = ranks.reshape(size)
    if skip_nan:
        steps = np.maximum(length - count - 1, 0)
        ranks = (ranks * steps).astype(array.dtype)
    else:
        # NaN is last in the order, and is the answer wherever there is one.
        steps = np.where(count > 0, 0, length - 1)
        ranks = np.where(count > 0, length - 1, ranks * steps).astype(array.dtype)
    if interpolation == "lower":
        ranks = np.floor(ranks)
    elif interpolation == "higher":
        ranks = np.ceil(ranks)
    elif interpolation == "nearest":
        ranks = np.round(ranks)
    low = ranks.astype(np.int64)
    high = np.ceil(ranks).astype(np.int64)
    weight = np.full_like(ranks, 0.5) if interpolation == "midpoint" else ranks - np.floor(ranks)
    below, above = (np.take_along_axis(order, r, axis) for r in (low, high))
    a, b = np.take_along_axis(array, below, axis), np.take_along_axis(array, above, axis)
    with np.errstate(all="ignore"):
        data = np.where(weight < 0.5, a + weight * (b - a), b - (b - a) * (1 - weight))
    data = np.where(low == high, a, data)
    left = [1] * full.ndim if dim is None or not full.ndim else list(array.shape)
    if dim is not None and full.ndim:
        left[axis] = 1
    shape = tuple(left) if keepdim else tuple(
        [] if dim is None or not full.ndim else [n for i, n in enumerate(left) if i != axis]
    )  # fmt: skip
    # The fractions are the last dimension in memory and the first of the result.
    data = rows(np.moveaxis(data, axis, -1)).reshape(*shape, -1)
    data = np.moveaxis(data, -1, 0)
    if not fractions.ndim:
        data = data[0]
    out = make(data.copy(order="K") if data.base is None else data)
    # Only between two elements does the value follow the fraction.
    follows = interpolation == "linear" and isinstance(q, Tensor) and needs_grad(q)
    if mode.enabled and (follows or needs_grad(t)):
        rule = _gradients(array.shape, axis, below, above, weight)
        if follows:
            rule = _with_fractions(rule, array.shape, axis, below, above, low, steps)
        operands = (t, q) if follows else (t,)
        attach(out, keep("SqueezeBackward4", operands, operands if follows else (), rule))
    return out


def _by_line(g: Any, shape: tuple[int, ...], axis: int) -> Any:
    """The gradient of quantiles with the fractions along the dimension that was reduced."""
    return g.reshape(-1, *shape[:axis], *shape[axis + 1 :]).movedim(0, axis)


def _gradients(shape: tuple[int, ...], axis: int, below: Any, above: Any, weight: Any) -> Any:
    """The gradient of the values, from raw positions and weights."""
    up, down = make(weight), make(1 - weight)

    def backward(g: Any, up: Any = up, down: Any = down) -> Tensor:
        h = _by_line(g, shape, axis)
        lower: Any = added(h * down, below, axis, shape)
        return lower + added(h * up, above, axis, shape)

    return backward


def _with_fractions(
    values: Any, shape: tuple[int, ...], axis: int, below: Any, above: Any, low: Any, steps: Any
) -> Any:
    """The gradients of the values and of the fractions, both of which depend on both.

    Args:
        low, steps: raw; a rank is a fraction times ``steps``, its whole part ``low``.
    """
    size = [1] * len(shape)
    size[axis] = -1
    rest = [d for d in range(len(shape)) if d != axis]
    fixed = steps == 0

    def backward(g: Any, x: Any, q: Any) -> tuple[Tensor | None, Tensor]:
        factor = make(np.asarray(steps, g._np.dtype))
        floor = make(np.where(fixed, 0, low).astype(g._np.dtype))
        up = q.reshape(size) * factor - floor
        apart: Any = gathered(x, above, axis)
        apart = (apart - gathered(x, below, axis)).masked_fill(make(fixed), 0)
        found = apart * _by_line(g, shape, axis) * factor
        return values(g, up, 1 - up), (found.sum(rest) if rest else found).reshape(q._np.shape)

    return backward


@public(out=True)
def quantile(
    input: Tensor, q: Any, dim: Any = None, keepdim: bool = False, *,
    interpolation: str = "linear",
) -> Tensor:  # fmt: skip
    """The values below which fractions of all elements lie, or of those along a dimension.

    Args:
        input: float32 or float64; a line with NaN has the quantile NaN.
        q: a fraction, or a tensor of them, which becomes the first dimension of the result.
        dim: a dimension, or None for all elements.
        keepdim: whether the dimension stays, with size 1.
        interpolation: what to take between two elements: ``linear``, ``lower``, ``higher``,
            ``midpoint`` or ``nearest``.

    Raises:
        RuntimeError: no elements, another dtype, or a fraction outside of 0 to 1.

    >>> import functorch_lite.torch as torch
    >>> torch.quantile(torch.tensor([1.0, 2.0, 4.0]), 0.75)
    tensor(3.)

    Source: ``torch.quantile``.
    """
    return _quantile("quantile", input, q, dim, keepdim, interpolation, False)


@public(out=True)
def nanquantile(
    input: Tensor, q: Any, dim: Any = None, keepdim: bool = False, *,
    interpolation: str = "linear",
) -> Tensor:  # fmt: skip
    """Like ``quantile``, of the elements that are not NaN. Source: ``torch.nanquantile``."""
    return _quantile("nanquantile", input, q, dim, keepdim, interpolation, True)
