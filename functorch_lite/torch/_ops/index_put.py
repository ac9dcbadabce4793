"""Reading and writing by index tensors, each the gradient of the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from functorch_lite.torch._core.grad_mode import mode
from functorch_lite.torch._core.node import needs_grad
from functorch_lite.torch._core.op import wants_grad
from functorch_lite.torch._core.order import memory_order
from functorch_lite.torch._core.public import method, public
from functorch_lite.torch._core.tensor import Tensor, is_symbol, make, strides_of, zeros_for
from functorch_lite.torch._core.view import contiguous_strides
from functorch_lite.torch._ops.copying import tidy
from functorch_lite.torch._ops.index_key import (
    Key,
    explain,
    key_of,
    layout_of,
    positions,
    without_masks,
)
from functorch_lite.torch._ops.index_write import (
    apart,
    as_value,
    keeping,
    write_at,
    write_copy,
)
from functorch_lite.torch._ops.shape import view_strides

__all__ = ["add_at", "indexed", "put_into"]

Entries = Sequence["Tensor | None"]


# --------------------------------------------------------------------------------------- reading
def indexed(t: Tensor, entries: Entries) -> Tensor:
    """The elements at index tensors, None for whole dimensions.

    Raises:
        IndexError: an index is outside its dimension.
    """
    array = t._np
    data = _read_quickly(array, entries[0]) if len(entries) == 1 else None
    if data is None:
        data = _read(array, key_of(entries, array.shape))
    if not (mode.enabled and needs_grad(t)):
        return make(data)
    saved = [e for e in entries if e is not None]
    shape = array.shape
    given = [e is not None for e in entries]

    def backward(g: Tensor, *kept: Tensor) -> Tensor:
        return _scattered(g, _restored(given, kept), shape)

    return keeping(data, "IndexBackward0", (t,), saved, backward)


def _read_quickly(array: Any, index: Any) -> Any:
    """The raw elements at one index tensor, in the plain cases; else None."""
    places = index._np
    if places.flags.c_contiguous and array.ndim and plain(array):
        if places.dtype == np.int64:
            try:
                data = array.take(places, 0)
            except IndexError:
                return None
        elif places.dtype.kind == "b" and places.shape == array.shape[: places.ndim]:
            data = array[places]
        else:
            return None
        return tidy(data)
    return None


def _restored(given: Sequence[bool], kept: Sequence[Tensor]) -> list[Tensor | None]:
    rest = iter(kept)
    return [next(rest) if there else None for there in given]


def _read(array: Any, key: Key) -> Any:
    """The raw elements, laid out in memory as PyTorch does."""
    raw = key.raw
    try:
        data = array[raw]
    except IndexError as error:
        raise explain(key, array.shape, error) from None
    if plain(array) and all(k.__class__ is slice or k.flags.c_contiguous for k in raw):
        return tidy(data)
    return _ordered(data, array, raw)


def plain(array: Any) -> bool:
    """Whether raw values have the strides of a new tensor, for sizes of 1, too."""
    if not array.flags.c_contiguous:
        return False
    return 1 not in array.shape or strides_of(array) == contiguous_strides(array.shape)


def _ordered(data: Any, array: Any, raw: tuple[Any, ...]) -> Any:
    """Values with dimensions in that order of memory which the operands have."""
    expanded = without_masks(raw)
    before, block, after, taken = layout_of(expanded, array.shape)
    strides = strides_of(array)
    size = len(block)
    operands: list[Sequence[int]] = [
        [*[strides[d] for d in before], *([0] * size), *[strides[d] for d in after]]
    ]
    wide = (1,) * len(before) + block + (1,) * len(after)
    for d in taken:
        index = np.broadcast_to(expanded[d], block)
        steps = view_strides(block, strides_of(index), wide) or contiguous_strides(wide)
        operands.append(
            [0 if w != n else s for s, w, n in zip(steps, wide, data.shape, strict=True)]
        )
    order = memory_order(data.shape, operands)[::-1]
    moved = tidy(data.transpose(order))
    return moved.transpose(np.argsort(order)) if order else data


# --------------------------------------------------------------------------------------- writing
def add_at(array: Any, key: Key, values: Any, ufunc: np.ufunc = np.add) -> None:
    """Combine raw values with those at an index; elements that are met twice add up."""
    raw = key.raw
    if is_symbol(array) and not key.masks:
        array.combine(raw, values, ufunc)
    elif key.masks:
        array[raw] = ufunc(array[raw], values)
    elif np.size(values) <= 256:
        ufunc.at(array, raw, values)
    elif array.flags.c_contiguous:
        # One flat array of places is the quick case of NumPy.
        places = positions(raw, array.shape)
        values = np.broadcast_to(values, places.shape)
        ufunc.at(array.reshape(-1), places.reshape(-1), values.reshape(-1))
    else:
        ufunc.at(array, raw, values)


def _scattered(g: Tensor, entries: Entries, shape: tuple[int, ...]) -> Tensor:
    """Zeros of a shape with a tensor's elements added at an index."""
    key = key_of(entries, shape)
    array = g._np
    data = zeros_for(array, shape)
    if key.masks:
        data[key.raw] = array
    else:
        add_at(data, key, array)
    return keeping(data, "IndexPutBackward0", (g,), (), lambda h: indexed(h, entries))


def put_into(
    t: Tensor, entries: Entries, value: Tensor, accumulate: bool, inplace: bool = True
) -> Tensor:
    """Write values at index tensors.

    Raises:
        IndexError: an index is outside its dimension.
        RuntimeError: the values have another dtype, or do not fit.
    """
    array = t._np
    key = key_of(entries, array.shape)
    data = value._np
    if data.dtype != array.dtype and key.masks and data.size == 1 and not accumulate:
        # PyTorch fills with the number then.
        data = np.asarray(as_value(value.item(), t.dtype)).reshape(data.shape)
    elif data.dtype != array.dtype:
        raise RuntimeError(
            "Index put requires the source and destination dtypes match, got "
            f"{t.dtype.scalar_name} for the destination and {value.dtype.scalar_name} for the "
            "source."
        )
    saved = [e for e in entries if e is not None]
    given = [e is not None for e in entries]
    size = value._np.shape
    wanted = wants_grad((value,))
    if inplace:
        apart(t, (value,))
        if np.may_share_memory(data, array):
            data = data.copy()

    def change(target: Any) -> None:
        try:
            if accumulate:
                _fits(target, key, data)
                add_at(target, key, data)
            else:
                target[key.raw] = data
        except IndexError as error:
            raise explain(key, target.shape, error) from None
        except (ValueError, TypeError):
            shape = target[key.raw].shape
            raise RuntimeError(
                f"shape mismatch: value tensor of shape {list(size)} cannot be broadcast to "
                f"indexing result of shape {list(shape)}"
            ) from None

    def backward(g: Tensor, *kept: Tensor) -> tuple[Tensor, Tensor | None]:
        back = _restored(given, kept)
        own = g if accumulate else zeroed(g, back)
        return own, indexed(g, back).sum_to_size(size) if wanted else None

    if size and len(size) > 1 and size[0] == 1:
        _not_wider(array, key, size)
    if inplace:
        return write_at(t, (value,), "IndexPutBackward0", backward, change, saved)
    return write_copy(t, (value,), "IndexPutBackward0", backward, change, saved, keep=True)


def _not_wider(array: Any, key: Key, size: tuple[int, ...]) -> None:
    # NumPy would leave out leading dimensions of size 1, which PyTorch does not.
    try:
        shape = array[key.raw].shape
    except IndexError as error:
        raise explain(key, array.shape, error) from None
    if len(size) > len(shape):
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(size)} cannot be broadcast to indexing "
            f"result of shape {list(shape)}"
        )


def _fits(target: Any, key: Key, data: Any) -> None:
    """Complain as a plain assignment would."""
    found = target[key.raw]
    np.broadcast_to(data, found.shape)


def zeroed(g: Tensor, entries: Entries) -> Tensor:
    """A tensor with zeros at index tensors."""
    key = key_of(entries, g._np.shape)

    def change(target: Any) -> None:
        target[key.raw] = 0

    return write_copy(g, (), "IndexPutBackward0", lambda h: zeroed(h, entries), change)


def _tensors(indices: Any, name: str) -> list[Tensor | None]:
    if not isinstance(indices, (tuple, list)):
        raise TypeError(
            f"{name}(): argument 'indices' (position 1) must be tuple of Tensors, not "
            f"{type(indices).__name__}"
        )
    for i, each in enumerate(indices):
        if not isinstance(each, Tensor):
            raise TypeError(
                f"expected Tensor as element {i} in argument 0, but got {type(each).__name__}"
            )
    return list(indices)


@public("index_put")
def index_put(input: Tensor, indices: Any, values: Tensor, accumulate: bool = False) -> Tensor:
    """A copy with values written at index tensors.

    Args:
        indices: a tuple of index tensors, for the first dimensions.
        values: of the input's dtype; broadcast to the shape of the indexed part.
        accumulate: add to what is there.

    >>> import functorch_lite.torch as torch
    >>> x, i = torch.zeros(3), torch.tensor([0, 0])
    >>> torch.index_put(x, (i,), torch.tensor(1.0), accumulate=True).tolist()
    [2.0, 0.0, 0.0]

    Source: ``torch.index_put``.
    """
    return put_into(input, _tensors(indices, "index_put"), values, accumulate, False)


@public("index_put_")
def index_put_(input: Tensor, indices: Any, values: Tensor, accumulate: bool = False) -> Tensor:
    """Write values at index tensors. Source: ``torch.index_put_``."""
    return put_into(input, _tensors(indices, "index_put_"), values, accumulate)


@method("_index_put_impl_")
def _index_put_impl_(
    self: Tensor, indices: Any, values: Tensor, accumulate: bool = False, unsafe: bool = False
) -> Tensor:
    """Write values at index tensors. Source: ``torch.Tensor.index_put_``."""
    return put_into(self, list(indices), values, accumulate)
