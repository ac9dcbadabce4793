"""Quantiles: values at a fraction of the order."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.torch._core.grad_mode import mode
from functorch_lite.torch._core.node import attach, needs_grad
from functorch_lite.torch._core.op import formula
from functorch_lite.torch._core.public import public
from functorch_lite.torch._core.tensor import Tensor, make
from functorch_lite.torch._ops.axes import add_all, one_axis
from functorch_lite.torch._ops.places import added
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
        ranks = (ranks * np.maximum(length - count - 1, 0)).astype(array.dtype)
    else:
        # NaN is last in the order, and is the answer wherever there is one.
        ranks = np.where(count > 0, length - 1, ranks * (length - 1)).astype(array.dtype)
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
    data = np.ascontiguousarray(np.moveaxis(data, axis, -1)).reshape(*shape, -1)
    data = np.moveaxis(data, -1, 0)
    if not fractions.ndim:
        data = data[0]
    out = make(data.copy(order="K") if data.base is None else data)
    if mode.enabled and needs_grad(t):
        inner = array.shape[:axis] + array.shape[axis + 1 :]
        up, down = make(weight), make(1 - weight)
        shape_in = array.shape

        def backward(g: Any) -> Tensor:
            h = g.reshape(-1, *inner).movedim(0, axis)
            lower: Any = added(h * down, below, axis, shape_in)
            return lower + added(h * up, above, axis, shape_in)

        attach(out, formula("SqueezeBackward4", (t,), backward))
    return out


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
