"""Writing one number, or by a mask: fill, zero, masked_fill, masked_scatter, diagonals."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from functorch_lite.torch._core.inplace import no_overlap
from functorch_lite.torch._core.op import wants_grad
from functorch_lite.torch._core.public import FUNCTIONS, method, public
from functorch_lite.torch._core.tensor import Tensor, is_symbol, make, strides_of
from functorch_lite.torch._ops.binary import broadcast_error
from functorch_lite.torch._ops.copying import zeros_like_of
from functorch_lite.torch._ops.index_write import (
    keeping,
    raw_value,
    write_at,
    write_copy,
)
from functorch_lite.torch._ops.shape import as_strided, expanded

__all__ = ["fill_with", "mask_of"]


# ------------------------------------------------------------------------------------ one number
def fill_with(t: Tensor, value: Any, name: str) -> Tensor:
    """Write a number, or a tensor without dimensions, to all elements."""
    raw = _number(t, value)

    def change(target: Any) -> None:
        target[...] = raw

    others, backward = _filling(value)
    return write_at(t, others, name, backward, change)


def _number(t: Tensor, value: Any) -> Any:
    if isinstance(value, Tensor):
        if value._np.ndim:
            raise RuntimeError(
                "fill_ only supports 0-dimension value tensor but got tensor with "
                f"{value._np.ndim} dimensions."
            )
    elif not isinstance(value, (bool, int, float, complex)):
        raise TypeError(
            f"fill_() received an invalid combination of arguments - got ({type(value).__name__})"
            ", but expected one of:\n * (Tensor value)\n * (Number value)\n"
        )
    return raw_value(t, value, t._np.size == 1)


def _filling(value: Any) -> tuple[tuple[Any, ...], Any]:
    """The operands of a fill besides the tensor, and its gradient."""
    if isinstance(value, Tensor):
        return (value,), lambda g: (zeros_like_of(g), g.sum())
    return (), zeros_like_of


@public("fill_")
def fill_(input: Tensor, value: Any) -> Tensor:
    """Write a number to all elements. Source: ``torch.Tensor.fill_``."""
    if isinstance(value, Tensor):
        no_overlap(input._np)
    name = "FillBackward3" if isinstance(value, Tensor) else "FillBackward2"
    return fill_with(input, value, name)


@public("fill", methods=False)
def fill(input: Tensor, value: Any) -> Tensor:
    """A tensor like another, filled with a number. Source: ``torch.fill``."""
    raw = _number(input, value)

    def change(target: Any) -> None:
        target[...] = raw

    others, backward = _filling(value)
    name = "FillBackward1" if others else "FillBackward0"
    return write_copy(input, others, name, backward, change, keep=True)


@public("zero_")
def zero_(input: Tensor) -> Tensor:
    """Write zero to all elements. Source: ``torch.Tensor.zero_``."""
    return write_at(input, (), "ZeroBackward0", zeros_like_of, _clear)


def _clear(target: Any) -> None:
    target[...] = 0


@method("fill_diagonal_")
def fill_diagonal_(input: Tensor, fill_value: Any, wrap: bool = False) -> Tensor:
    """Write a number to the main diagonal.

    Args:
        input: at least two dimensions; all equal if there are more.
        wrap: whether the diagonal goes on after the last column of a tall matrix.

    Source: ``torch.Tensor.fill_diagonal_``.
    """
    array = input._np
    shape = array.shape
    if len(shape) < 2:
        raise RuntimeError("dimensions must larger than 1")
    if len(shape) > 2 and len(set(shape)) > 1:
        raise RuntimeError("all dimensions of input must be of equal length")
    strides = strides_of(array)
    count = min(shape)
    step = sum(strides)
    main = as_strided(input, (count,), (step,), input._offset)
    fill_with(main, fill_value, "FillBackward2")
    if wrap and len(shape) == 2 and shape[0] > shape[1] + 1:
        first = strides[0] * (shape[1] + 1)
        left = (shape[0] - shape[1] - 1) * shape[1]
        rest = as_strided(input, (-(-left // (shape[1] + 1)),), (step,), input._offset + first)
        fill_with(rest, fill_value, "FillBackward2")
    return input


# ----------------------------------------------------------------------------------------- masks
def mask_of(mask: Tensor, what: str) -> Any:
    """The raw values of a mask.

    Raises:
        RuntimeError: it is of another dtype than bool.
    """
    array = mask._np
    if array.dtype.kind != "b":
        raise RuntimeError(what.format(mask.dtype.scalar_name))
    return array


_FILL = "masked_fill_ only supports boolean masks, but got mask with dtype {}"
_SCATTER = "masked_scatter_ only supports boolean masks, but got mask with dtype {}"
_C_NAMES = {"Byte": "unsigned char", "Char": "signed char", "Short": "short", "Int": "int",
            "Long": "long", "Float": "float", "Double": "double"}  # fmt: skip


def _fill_mask(mask: Tensor) -> Any:
    array = mask._np
    if array.dtype.kind != "b":
        name = mask.dtype.scalar_name
        raise RuntimeError(_FILL.format(_C_NAMES.get(name, name)))
    return array


def _fill_value(t: Tensor, value: Any) -> Any:
    if isinstance(value, Tensor) and value._np.ndim:
        raise RuntimeError(
            "masked_fill_ only supports a 0-dimensional value tensor, but got tensor with "
            f"{value._np.ndim} dimension(s)."
        )
    if isinstance(value, Tensor) and not is_symbol(value._np):
        value = value._np.item()  # which must be representable, as a number must
    return raw_value(t, value)


def _masked_gradient(value: Any) -> tuple[tuple[Any, ...], Any, str]:
    if isinstance(value, Tensor):
        wanted = wants_grad((value,))

        def both(g: Tensor, mask: Tensor) -> tuple[Tensor, Tensor | None]:
            chosen = masked_fill(g, mask.logical_not(), 0).sum() if wanted else None
            return masked_fill(g, mask, 0), chosen

        return (value,), both, "MaskedFillBackward1"
    return (), lambda g, mask: masked_fill(g, mask, 0), "MaskedFillBackward0"


@public("masked_fill")
def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """A copy with a number where a mask is true.

    Args:
        mask: bool, broadcast with the input.
        value: a number, or a tensor without dimensions.

    >>> import functorch_lite.torch as torch
    >>> x = torch.tensor([1, 2, 3])
    >>> torch.masked_fill(x, torch.tensor([True, False, True]), 0).tolist()
    [0, 2, 0]

    Source: ``torch.masked_fill``.
    """
    chosen = _fill_mask(mask)
    raw = _fill_value(input, value)
    try:
        data = np.where(chosen, raw, input._np)
    except ValueError:
        raise broadcast_error(mask, input) from None
    if not data.flags.c_contiguous:
        data = np.ascontiguousarray(data)
    others, backward, name = _masked_gradient(value)
    return keeping(data, name, (input, *others), (mask,), backward)


@method("masked_fill_")
def masked_fill_(self: Tensor, mask: Tensor, value: Any) -> Tensor:
    """Write a number where a mask is true. Source: ``torch.Tensor.masked_fill_``."""
    chosen = _fill_mask(mask)
    raw = _fill_value(self, value)
    _check_broadcast(self, mask)

    def change(target: Any) -> None:
        np.copyto(target, raw, where=chosen)

    others, backward, name = _masked_gradient(value)
    return write_at(self, others, name, backward, change, (mask,))


def _check_broadcast(t: Tensor, mask: Tensor) -> None:
    """Refuse a mask that does not broadcast to the tensor."""
    if mask._np.shape != t._np.shape:
        try:
            shape = np.broadcast_shapes(t._np.shape, mask._np.shape)
        except ValueError:
            raise broadcast_error(t, mask) from None
        if shape != t._np.shape:
            raise RuntimeError(
                f"output with shape {list(t._np.shape)} doesn't match the broadcast shape "
                f"{list(shape)}"
            )


def _source_of(t: Tensor, mask: Tensor, source: Tensor, shape: tuple[int, ...]) -> tuple[Any, Any]:
    chosen = mask_of(mask, _SCATTER)
    if source._np.dtype != t._np.dtype:
        raise RuntimeError(
            "masked_scatter: expected self and source to have same dtypes but got"
            f"{t.dtype.scalar_name} and {source.dtype.scalar_name}"
        )
    wide = np.broadcast_to(chosen, shape)
    count = int(np.count_nonzero(wide))
    if count > source._np.size:
        raise RuntimeError("Number of elements of source < number of ones in mask")
    return wide, source._np.reshape(-1)[:count]


def _source_gradient(source: Tensor) -> Any:
    size, wanted = source._np.shape, wants_grad((source,))

    def backward(g: Tensor, mask: Tensor) -> tuple[Tensor, Tensor | None]:
        own = masked_fill(g, mask, 0)
        if not wanted:
            return own, None
        picked = masked_select(g, mask)
        left = math.prod(size) - picked._np.size
        if left:
            picked = FUNCTIONS["cat"]([picked, picked.new_zeros(left)])
        return own, picked.view(size)

    return backward


@public("masked_scatter")
def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """A copy with the elements of another tensor, in order, where a mask is true.

    Source: ``torch.masked_scatter``.
    """
    try:
        shape = np.broadcast_shapes(input._np.shape, mask._np.shape)
    except ValueError:
        raise broadcast_error(input, mask) from None
    wide, values = _source_of(input, mask, source, shape)
    whole = input if shape == input._np.shape else expanded(input, shape)

    def change(target: Any) -> None:
        target[wide] = values

    return write_copy(
        whole, (source,), "MaskedScatterBackward0", _source_gradient(source), change, (mask,)
    )


@method("masked_scatter_")
def masked_scatter_(self: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """Write the elements of another tensor, in order, where a mask is true.

    Source: ``torch.Tensor.masked_scatter_``.
    """
    if mask._np.shape != self._np.shape:
        expanded(mask, self._np.shape)
    wide, values = _source_of(self, mask, source, self._np.shape)
    no_overlap(self._np)
    if np.may_share_memory(values, self._np):
        values = values.copy()

    def change(target: Any) -> None:
        target[wide] = values

    return write_at(
        self, (source,), "MaskedScatterBackward0", _source_gradient(source), change, (mask,)
    )


@public("masked_select", out=True)
def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """The elements where a mask is true, in order, as a vector.

    Args:
        mask: bool, broadcast with the input.

    Source: ``torch.masked_select``.
    """
    chosen = mask_of(mask, "masked_select: expected BoolTensor for mask")
    array = input._np
    if chosen.shape != array.shape:
        try:
            shape = np.broadcast_shapes(array.shape, chosen.shape)
        except ValueError:
            raise broadcast_error(mask, input) from None
        array, chosen = np.broadcast_to(array, shape), np.broadcast_to(chosen, shape)
    size = input._np.shape

    def backward(g: Tensor, mask: Tensor) -> Tensor:
        shape = np.broadcast_shapes(size, mask._np.shape)
        whole = make(np.zeros(shape, g._np.dtype))
        return masked_scatter(whole, mask, g).sum_to_size(size)

    return keeping(array[chosen], "MaskedSelectBackward0", (input,), (mask,), backward)
