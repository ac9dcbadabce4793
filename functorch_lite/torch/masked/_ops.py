"""Reductions and normalisations of the elements that a mask leaves in."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functorch_lite.torch._core import dtypes
from functorch_lite.torch._core.dtypes import dtype as DType
from functorch_lite.torch._core.public import FUNCTIONS
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch._ops import everything as _everything  # noqa: F401  (in FUNCTIONS)
from functorch_lite.torch._ops.shape import dimension

__all__ = [
    "amax", "amin", "argmax", "argmin", "cumprod", "cumsum", "log_softmax", "logaddexp",
    "logsumexp", "mean", "median", "norm", "normalize", "prod", "softmax", "softmin", "std", "sum",
    "var",
]  # fmt: skip


# ---------------------------------------------------------------------------------- what they share
def _lowest(dtype: DType) -> Any:
    """What no element is below."""
    if dtype.kind > 1:
        return -math.inf
    return False if dtype.kind == 0 else int(np.iinfo(dtype.np).min)


def _highest(dtype: DType) -> Any:
    """What no element is above."""
    if dtype.kind > 1:
        return math.inf
    return True if dtype.kind == 0 else int(np.iinfo(dtype.np).max)


def _mask_of(input: Tensor, mask: Tensor) -> Tensor:
    """The mask as bools of the input's size.

    Raises:
        IndexError: it has more dimensions.
        RuntimeError: its sizes do not broadcast to the input's.
    """
    if mask._np.ndim > input._np.ndim:
        raise IndexError(
            "_input_mask expected broadcastable mask (got mask dimensionality higher than of the "
            "input)"
        )
    if mask._np.shape != input._np.shape:
        mask = FUNCTIONS["broadcast_to"](mask.clone(), input._np.shape)
    return mask if mask._np.dtype.kind == "b" else mask.to(dtypes.bool)


def _filled(input: Tensor, mask: Tensor | None, value: Any) -> Any:
    """The input with a value where the mask is false."""
    if mask is None:
        return input
    return input.masked_fill(_mask_of(input, mask).logical_not(), value)


def _dims(input: Tensor, dim: Any) -> tuple[int, ...]:
    """The dimensions of a reduction; all for None and ()."""
    ndim = input._np.ndim
    if dim is None or dim == ():
        return tuple(range(ndim))
    given = dim if isinstance(dim, (tuple, list)) else (dim,)
    found = tuple(dimension(d, ndim) for d in given)
    if len(set(found)) != len(found):
        twice = next(d for d in found if found.count(d) > 1)
        raise RuntimeError(f"dim={twice} appears multiple times in the list of dims")
    return found if ndim else ()


def _summed(input: Tensor, dtype: DType | None) -> DType:
    """The dtype of sums and products."""
    if dtype is not None:
        return dtype
    return dtypes.int64 if input.dtype.kind < 2 else input.dtype


def _count(input: Tensor, dims: Sequence[int], keepdim: bool, mask: Tensor | None) -> Any:
    """How many elements are left in."""
    if mask is None:
        mask = FUNCTIONS["ones_like"](input, dtype=dtypes.bool)
    return _total(_mask_of(input, mask), dims, keepdim, dtypes.int64)


def _total(t: Tensor, dims: Sequence[int], keepdim: bool, dtype: DType) -> Any:
    return t.sum(tuple(dims), keepdim, dtype=dtype) if dims else t.to(dtype)


# -------------------------------------------------------------------------------------- reductions
def sum(
    input: Tensor, dim: Any = None, *, keepdim: bool = False, dtype: DType | None = None,
    mask: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """The sum over dimensions of what the mask leaves in; 0 where that is nothing.

    Args:
        dim: one dimension or several; all by default.
        keepdim: whether the dimensions stay, with size 1.
        dtype: in which to compute.
        mask: bool, broadcast to the input: which elements count; all by default.

    >>> import functorch_lite.torch as torch
    >>> torch.masked.sum(torch.tensor([1, 2, 3]), mask=torch.tensor([True, False, True]))
    tensor(4)

    Source: ``torch.masked.sum``.
    """
    dims = _dims(input, dim)
    return _total(_filled(input, mask, 0), dims, keepdim, _summed(input, dtype))


def prod(
    input: Tensor, dim: Any = None, *, keepdim: bool = False, dtype: DType | None = None,
    mask: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """The product, 1 of nothing. Source: ``torch.masked.prod``."""
    found = _filled(input, mask, 1)
    dims = _dims(input, dim)
    for d in sorted(dims, reverse=True):
        found = found.prod(d, keepdim, dtype=dtype)
    return found if dims else found.to(_summed(input, dtype))


def _extreme(name: str, worst: Callable[[DType], Any], what: str) -> Callable[..., Tensor]:
    def extreme(
        input: Tensor, dim: Any = None, *, keepdim: bool = False, dtype: DType | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:  # fmt: skip
        filled = _filled(input, mask, worst(input.dtype))
        return FUNCTIONS[name](filled, _dims(input, dim), keepdim).to(dtype or input.dtype)

    return _named(extreme, name, f"The {what} element left in; the opposite bound of nothing.")


def _place(name: str, worst: Callable[[DType], Any], what: str) -> Callable[..., Tensor]:
    def place(
        input: Tensor, dim: int | None = None, *, keepdim: bool = False,
        dtype: DType | None = None, mask: Tensor | None = None,
    ) -> Tensor:  # fmt: skip
        filled = _filled(input, mask, worst(input.dtype))
        return FUNCTIONS[name](filled, dim, bool(keepdim)).to(dtype or input.dtype)

    return _named(place, name, f"Where the {what} element left in is, in the input's dtype.")


def _named(f: Callable[..., Tensor], name: str, text: str) -> Callable[..., Tensor]:
    f.__name__ = f.__qualname__ = name
    f.__doc__ = f"{text} Source: ``torch.masked.{name}``."
    return f


amax = _extreme("amax", _lowest, "largest")
amin = _extreme("amin", _highest, "smallest")
argmax = _place("argmax", _lowest, "largest")
argmin = _place("argmin", _highest, "smallest")


def logsumexp(
    input: Tensor, dim: Any = None, *, keepdim: bool = False, dtype: DType | None = None,
    mask: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """The logarithm of the sum of exponentials. Source: ``torch.masked.logsumexp``."""
    filled = _filled(input, mask, _lowest(input.dtype))
    found: Tensor = FUNCTIONS["logsumexp"](filled, _dims(input, dim), keepdim)
    return found.to(dtype or input.dtype)


def mean(
    input: Tensor, dim: Any = None, *, keepdim: bool = False, dtype: DType | None = None,
    mask: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """The mean, nan of nothing.

    Raises:
        ValueError: the input is not floating, and there is no dtype.

    Source: ``torch.masked.mean``.
    """
    if dtype is None:
        dtype = input.dtype
        if dtype.kind < 2:
            raise ValueError(
                "mean(): Could not infer output dtype. Input dtype must be either a floating point "
                f"or complex dtype. Got: {dtype}"
            )
    dims = _dims(input, dim)
    if mask is None:
        return FUNCTIONS["mean"](input, dims, keepdim, dtype=dtype) if dims else input.to(dtype)
    total: Any = sum(input, dim, keepdim=keepdim, dtype=dtype, mask=mask)
    found: Tensor = total / _count(input, dims, keepdim, mask)
    return found


def median(
    input: Tensor, dim: int = -1, *, keepdim: bool = False, dtype: DType | None = None,
    mask: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """The lower median of a dimension, nan of nothing.

    Raises:
        ValueError: nothing is left in of a row of integers.

    Source: ``torch.masked.median``.
    """
    floating = input.dtype.kind > 1
    wide = input if floating else input.to(dtypes.float32)
    found: Tensor = FUNCTIONS["nanmedian"](_filled(wide, mask, math.nan), dim, keepdim).values
    if not floating and np.isnan(found._np).any():
        raise ValueError(
            "masked median expects no fully masked out rows if dtype is not floating point"
        )
    return found.to(dtype or input.dtype)


def norm(
    input: Tensor, ord: float | None = 2.0, dim: Any = None, *, keepdim: bool = False,
    dtype: DType | None = None, mask: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """The vector norm. Source: ``torch.masked.norm``."""
    order = 2.0 if ord is None else float(ord)
    filled = _filled(input, mask, math.inf if order == -math.inf else 0)
    if input.dtype.kind < 2:
        raise RuntimeError(
            "linalg.vector_norm: Expected a floating point or complex tensor as input. Got "
            f"{input.dtype.scalar_name}"
        )
    return FUNCTIONS["norm"](filled, order, _dims(input, dim), keepdim, dtype=dtype or input.dtype)


def var(
    input: Tensor, dim: Any = None, unbiased: bool | None = None, *,
    correction: float | None = None, keepdim: bool = False, dtype: DType | None = None,
    mask: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """The variance, nan of nothing.

    Args:
        correction: subtracted from the number of elements; 1 by default.
        unbiased: the older way to say it: whether that is 1, not 0.

    Source: ``torch.masked.var``.
    """
    return _spread(input, dim, unbiased, correction, keepdim, dtype, mask, root=False)


def std(
    input: Tensor, dim: Any = None, unbiased: bool | None = None, *,
    correction: float | None = None, keepdim: bool = False, dtype: DType | None = None,
    mask: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """The standard deviation. Source: ``torch.masked.std``."""
    return _spread(input, dim, unbiased, correction, keepdim, dtype, mask, root=True)


def _spread(
    input: Tensor, dim: Any, unbiased: bool | None, correction: float | None, keepdim: bool,
    dtype: DType | None, mask: Tensor | None, *, root: bool,
) -> Tensor:  # fmt: skip
    if unbiased is not None and correction is not None:
        raise ValueError("Only one of unbiased and correction may be given")
    less = float(1 if correction is None else correction)
    if unbiased is not None:
        less = float(unbiased)
    if dtype is None:
        dtype = dtypes.float32 if input.dtype.kind < 2 else input.dtype
    dims = _dims(input, dim)
    compute = dtypes.float32 if dtype.itemsize == 2 else dtype
    wide = input.to(compute)
    count = _count(input, dims, True, mask)
    away = wide - _total(_filled(wide, mask, 0), dims, True, compute) / count
    squares = away * (away.conj() if compute.kind == 3 else away)
    found = _total(_filled(squares, mask, 0), dims, keepdim, compute)
    if not keepdim:
        count = count.view(found._np.shape)
    found = found / FUNCTIONS["clamp"](count - less, 0)
    return (found.sqrt() if root else found).to(dtype)


# ---------------------------------------------------------------------------------- normalisations
def _along(name: str, fill: Callable[[DType], Any], text: str) -> Callable[..., Tensor]:
    def run(
        input: Tensor, dim: int, *, dtype: DType | None = None, mask: Tensor | None = None
    ) -> Tensor:
        dimension(dim, input._np.ndim)
        if dtype is None and name.startswith("cum"):
            dtype = input.dtype
        return _run(name)(_filled(input, mask, fill(input.dtype)), dim, dtype=dtype)

    return _named(run, name, text)


def _run(name: str) -> Callable[..., Tensor]:
    return _softmin if name == "softmin" else FUNCTIONS[name]


def _softmin(input: Any, dim: int, *, dtype: DType | None) -> Tensor:
    found: Tensor = FUNCTIONS["softmax"](-input, dim, dtype)
    return found


cumsum = _along("cumsum", lambda _: 0, "The running sum, to which masked elements add nothing.")
cumprod = _along("cumprod", lambda _: 1, "The running product.")
softmax = _along("softmax", _lowest, "The softmax; 0 where the mask is false.")
log_softmax = _along("log_softmax", _lowest, "The logarithm of the softmax.")
softmin = _along("softmin", _highest, "The softmax of the negative input.")


def normalize(
    input: Tensor, ord: float, dim: int, *, eps: float = 1e-12, dtype: DType | None = None,
    mask: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Divided by the norm, or ``eps`` if that is more. Source: ``torch.masked.normalize``."""
    length = norm(input, ord, dim, keepdim=True, dtype=dtype, mask=mask)
    bound = FUNCTIONS["full_like"](length, eps)
    return _filled(input, mask, 0) / FUNCTIONS["max"](length, bound)


def logaddexp(
    input: Tensor, other: Tensor, *, dtype: DType | None = None,
    input_mask: Tensor | None = None, other_mask: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """log(exp(input) + exp(other)), each where its mask is true.

    Source: ``torch.masked.logaddexp``.
    """
    a = _filled(input, input_mask, _lowest(input.dtype))
    b = _filled(other, other_mask, _lowest(other.dtype))
    return FUNCTIONS["logaddexp"](a, b).to(dtype or input.dtype)
