"""Sums, means, products, counts and logical reductions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from functorch_lite import numpy as fnp
from functorch_lite.core.array import Array
from functorch_lite.core.trace import state
from functorch_lite.ops.families import HALF_CHARS
from functorch_lite.torch._core.dtypes import FROM_NP
from functorch_lite.torch._core.dtypes import dtype as DType
from functorch_lite.torch._core.grad_mode import mode
from functorch_lite.torch._core.keeping import keep
from functorch_lite.torch._core.large import ELEMENTS, FLOATS, compiled, when_large
from functorch_lite.torch._core.node import attach, needs_grad
from functorch_lite.torch._core.op import Composite, formula
from functorch_lite.torch._core.public import method, public
from functorch_lite.torch._core.tensor import Tensor, make
from functorch_lite.torch._ops.axes import add_all, axes_of, repeated, rows, wrong_arguments
from functorch_lite.torch._ops.copying import cast

__all__ = ["axes_of", "mean_data", "total"]

_FLOAT32 = np.dtype(np.float32)
all_of: Any = np.logical_and.reduce
any_of: Any = np.logical_or.reduce
multiply_all: Any = np.multiply.reduce
_INT64 = np.dtype(np.int64)


# --------------------------------------------------------------------------------------- raw values
def _plain_sum(x: Any, *, axes: tuple[int, ...], keepdim: bool) -> Any:
    return add_all(x, axes, None, None, keepdim)


def _sum_of(x: Array, *, axes: tuple[int, ...], keepdim: bool) -> Array:
    return fnp.sum(x, axis=axes, keepdims=keepdim)


_large_sum = when_large(_plain_sum, _sum_of)


def total(array: Any, axes: tuple[int, ...], keepdim: bool, dtype: Any) -> Any:
    """The sum of raw values in a dtype; half precision is added up in single precision."""
    if dtype.char in HALF_CHARS:
        return total(array.astype(_FLOAT32), axes, keepdim, _FLOAT32).astype(dtype)
    if array.size >= ELEMENTS and array.dtype == dtype:
        return rows(_large_sum(array, axes=axes, keepdim=keepdim))
    if array.dtype != dtype:
        with np.errstate(all="ignore"):
            array = array.astype(dtype)
    if dtype.kind == "b":
        return any_of(array, axes, None, None, keepdim)
    # NumPy adds small integers up in 64 bits.
    inner = dtype if dtype.kind in "iu" else None
    return rows(state.run(add_all, array, axes, inner, None, keepdim))


def mean_data(array: Any, axes: tuple[int, ...], keepdim: bool, dtype: Any) -> Any:
    """The mean of raw values in a dtype; half precision is computed in single precision."""
    if dtype.char in HALF_CHARS:
        return mean_data(array.astype(_FLOAT32), axes, keepdim, _FLOAT32).astype(dtype)
    count = count_of(array.shape, axes)
    return state.run(np.true_divide, total(array, axes, keepdim, dtype), dtype.type(count))


def count_of(shape: tuple[int, ...], axes: tuple[int, ...]) -> int:
    """How many elements a reduction takes together."""
    return math.prod([shape[i] for i in axes])


def _summed_dtype(array: Any, dtype: DType | None) -> Any:
    """The NumPy dtype of a sum or product."""
    if dtype is not None:
        return dtype.np
    own = array.dtype
    return _INT64 if own.kind in "biu" else own


def _differentiable(input: Tensor, dtype: Any) -> bool:
    """Whether a reduction into a dtype is recorded.

    Raises:
        RuntimeError: it would be, but the dtype has no gradients.
    """
    if not (mode.enabled and needs_grad(input)):
        return False
    if dtype.kind in "biu":
        raise RuntimeError(f"Autograd not support dtype: {FROM_NP[dtype].scalar_name}")
    return True


# ----------------------------------------------------------------------------------- sums and means
@public("sum", out=True)
def sum(
    input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: DType | None = None
) -> Tensor:  # noqa: E501
    """The sum over all or some dimensions.

    Args:
        dim: one dimension, several, or None for all.
        keepdim: whether the dimensions stay, with size 1.
        dtype: in which to compute; bools and integers are added up in int64 by default.

    Raises:
        IndexError: there is no such dimension.
        RuntimeError: one is named twice.

    >>> import functorch_lite.torch as torch
    >>> torch.sum(torch.tensor([[1, 2], [3, 4]]), 0)
    tensor([4, 6])

    Source: ``torch.sum``.
    """
    array = input._np
    shape = array.shape
    axes = tuple(range(len(shape))) if dim is None else axes_of(dim, len(shape))
    np_dtype = _summed_dtype(array, dtype)
    out = make(total(array, axes, keepdim, np_dtype))
    if mode.enabled and needs_grad(input) and _differentiable(input, np_dtype):
        name = "SumBackward0" if dim is None and not keepdim else "SumBackward1"
        attach(out, formula(name, (input,), lambda g: repeated(g, shape, axes, keepdim)))
    return out


@public(out=True)
def mean(
    input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: DType | None = None
) -> Tensor:  # noqa: E501
    """The mean over all or some dimensions.

    Args:
        dim: one dimension, several, or None for all.
        keepdim: whether the dimensions stay, with size 1.
        dtype: in which to compute.

    Raises:
        RuntimeError: the dtype is neither floating nor complex.

    >>> import functorch_lite.torch as torch
    >>> torch.mean(torch.tensor([1.0, 2.0]))
    tensor(1.5000)

    Source: ``torch.mean``.
    """
    array = input._np
    shape = array.shape
    np_dtype = array.dtype if dtype is None else dtype.np
    if np_dtype.kind in "biu":
        which = "Input" if dtype is None else "Optional"
        raise RuntimeError(
            f"mean(): could not infer output dtype. {which} dtype must be either a floating point "
            f"or complex dtype. Got: {FROM_NP[np_dtype].scalar_name}"
        )
    axes = tuple(range(len(shape))) if dim is None else axes_of(dim, len(shape), "mean")
    out = make(mean_data(array, axes, keepdim, np_dtype))
    if mode.enabled and needs_grad(input):
        count = count_of(shape, axes)
        name = "MeanBackward0" if dim is None and not keepdim else "MeanBackward1"
        attach(out, formula(name, (input,), lambda g: repeated(g / count, shape, axes, keepdim)))
    return out


def _nansum_of(x: Array, *, axes: tuple[int, ...], keepdim: bool) -> Array:
    return fnp.sum(fnp.where(fnp.isnan(x), 0, x), axis=axes, keepdims=keepdim)


_large_nansum = compiled(_nansum_of)


def _without_nan(array: Any) -> Any:
    with np.errstate(all="ignore"):
        return np.where(np.isnan(array), array.dtype.type(0), array)


@public(out=True)
def nansum(
    input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: DType | None = None
) -> Tensor:  # noqa: E501
    """The sum of all elements that are not NaN, over all or some dimensions.

    Raises:
        RuntimeError: the tensor is complex.

    Source: ``torch.nansum``.
    """
    array = input._np
    if array.dtype.kind == "c":
        raise RuntimeError("nansum on CPU does not support complex inputs")
    np_dtype = _summed_dtype(array, dtype)
    axes = axes_of(dim, array.ndim, "nansum")
    if array.dtype.kind in "biu":
        data = total(array, axes, keepdim, np_dtype)
    elif array.size >= ELEMENTS and array.dtype == np_dtype and np_dtype in FLOATS:
        data = rows(_large_nansum(array, axes=axes, keepdim=keepdim))
    else:
        data = total(_without_nan(array), axes, keepdim, np_dtype)
    out = make(data)
    if _differentiable(input, np_dtype):

        def rule(g: Any, x: Any) -> Tensor:
            here = make(~np.isnan(x._np))
            return repeated(g, x._np.shape, axes, keepdim) * here

        attach(out, keep("NansumBackward0", (input,), (input,), rule))
    return out


@public(out=True)
def nanmean(
    input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: DType | None = None
) -> Tensor:  # noqa: E501
    """The mean of all elements that are not NaN, over all or some dimensions.

    Raises:
        RuntimeError: the dtype is neither floating nor complex.

    Source: ``torch.nanmean``.
    """
    array = input._np
    if array.dtype.kind in "biu":
        raise RuntimeError(
            "nanmean(): expected input to have floating point or complex dtype but got "
            f"{input.dtype.scalar_name}"
        )
    axes = axes_of(dim, array.ndim, "nanmean")
    count = make(total(~np.isnan(array), axes, keepdim, _INT64))
    return nansum(input, dim, keepdim, dtype=dtype) / count


# ----------------------------------------------------------------------------------------- products
def _product(x: Array, *, axes: tuple[int, ...], keepdim: bool) -> Array:
    return fnp.prod(x, axis=axes, keepdims=keepdim)


def _plain_product(x: Any, *, axes: tuple[int, ...], keepdim: bool) -> Any:
    return multiply_all(x, axes, None, None, keepdim)


_products = when_large(_plain_product, _product)
_PROD0 = Composite("ProdBackward0", _product)
_PROD1 = Composite("ProdBackward1", _product)


@public(out=True)
def prod(
    input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: DType | None = None
) -> Tensor:  # noqa: E501
    """The product over all dimensions or one.

    Args:
        dim: one dimension, or None for all.
        keepdim: whether the dimension stays, with size 1.
        dtype: in which to compute; bools and integers are multiplied in int64 by default.

    Source: ``torch.prod``.
    """
    if isinstance(dim, (tuple, list)):
        raise wrong_arguments("prod", dim)
    np_dtype = _summed_dtype(input._np, dtype)
    axes = axes_of(dim, input._np.ndim, "prod")
    if _differentiable(input, np_dtype):
        t = cast(input, FROM_NP[np_dtype])
        return (_PROD0 if dim is None else _PROD1)([t], axes=axes, keepdim=keepdim)
    return make(_product_data(input._np, axes, keepdim, np_dtype))


def _product_data(array: Any, axes: tuple[int, ...], keepdim: bool, dtype: Any) -> Any:
    if dtype.char in HALF_CHARS:
        return _product_data(array.astype(_FLOAT32), axes, keepdim, _FLOAT32).astype(dtype)
    if dtype.kind == "b":
        return all_of(array, axes, None, None, keepdim)
    found = rows(_products(array.astype(dtype, copy=False), axes=axes, keepdim=keepdim))
    # NumPy multiplies small integers in 64 bits.
    return found if found.dtype == dtype else found.astype(dtype)


# -------------------------------------------------------------------------------------------- logic
def _logic(name: str, over: Any) -> None:
    def reduction(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
        array = input._np
        empty = isinstance(dim, (tuple, list)) and not dim
        axes = () if empty else axes_of(dim, array.ndim, name)
        data = rows(over(array.astype(np.bool_, copy=False), axes, None, None, keepdim))
        if array.dtype == np.uint8:
            data = data.astype(np.uint8)
        elif data is array:
            data = data.copy()
        return make(data)

    def with_out(
        input: Tensor, dim: Any = None, keepdim: bool = False, *, out: Any = None
    ) -> Tensor:
        made = reduction(input, dim, keepdim)
        if out is None:
            return made
        if out._np.dtype.name not in ("bool", "uint8"):
            raise RuntimeError(
                f"{name} only supports bool tensor for result, got: {out.dtype.scalar_name}"
            )
        found: Any = out.resize_(made._np.shape).copy_(made)
        return found

    with_out.__name__ = name
    with_out.__doc__ = (
        f"Whether {name} elements are true, over all or some dimensions; uint8 gives uint8.\n\n"
        f"    Source: ``torch.{name}``.\n    "
    )
    public(name)(with_out)


_logic("all", all_of)
_logic("any", any_of)


@public()
def count_nonzero(input: Tensor, dim: Any = None) -> Tensor:
    """How many elements are not zero, over all or some dimensions.

    Source: ``torch.count_nonzero``.
    """
    array = input._np
    here = array if array.dtype.kind == "b" else array != 0
    axes = axes_of(dim, array.ndim, "count_nonzero")
    return make(rows(np.count_nonzero(here, axes if len(axes) < array.ndim else None)))


@public()
def trace(input: Tensor) -> Tensor:
    """The sum of the diagonal of a matrix.

    Raises:
        RuntimeError: the tensor has not two dimensions.

    >>> import functorch_lite.torch as torch
    >>> torch.trace(torch.eye(3))
    tensor(3.)

    Source: ``torch.trace``.
    """
    array = input._np
    if array.ndim != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {array.ndim}")
    if array.dtype.kind == "b":
        raise NotImplementedError("\"trace\" not implemented for 'Bool'")
    out = make(total(array.diagonal(), (0,), False, _summed_dtype(array, None)))
    if mode.enabled and needs_grad(input):
        shape = array.shape

        def backward(g: Any) -> Tensor:
            return make(np.eye(*shape, dtype=g._np.dtype)) * g

        attach(out, formula("TraceBackward0", (input,), backward))
    return out


@method()
def sum_to_size(self: Tensor, *size: Any) -> Tensor:
    """Summed over the dimensions that broadcasting from ``size`` would repeat.

    Raises:
        RuntimeError: ``size`` does not broadcast to the tensor's sizes.

    Source: ``torch.Tensor.sum_to_size``.
    """
    wanted = tuple(size[0]) if len(size) == 1 and not isinstance(size[0], int) else size
    have = self._np.shape
    if not wanted:
        return sum(self)
    if wanted == have:
        return self
    new = len(have) - len(wanted)
    fits = new >= 0 and min([w in (1, h) for w, h in zip(wanted, have[new:], strict=True)],
                            default=True)  # fmt: skip
    if not fits:
        raise RuntimeError(f"size {{{list(wanted)}}} is not expandable to size {{{list(have)}}}.")
    axes = [*range(new), *[i + new for i, w in enumerate(wanted) if w == 1 and have[i + new] != 1]]
    if not axes:
        return self
    found = sum(self, axes, True)
    return found.reshape(wanted) if new else found


# Their names are published when they are imported; they use what is above.
