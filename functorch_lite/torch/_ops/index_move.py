"""Elements moved and repeated: flip, roll, rot90, repeat, tile, repeat_interleave."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from functorch_lite.torch._core.layout import contiguous_format
from functorch_lite.torch._core.public import method, public
from functorch_lite.torch._core.tensor import Tensor, make
from functorch_lite.torch._ops.copying import is_dense
from functorch_lite.torch._ops.index_rows import index_select
from functorch_lite.torch._ops.index_write import keeping
from functorch_lite.torch._ops.reduce import axes_of
from functorch_lite.torch._ops.shape import dimension, sizes

__all__ = ["flipped"]


# --------------------------------------------------------------------------------------- reversed
def flipped(t: Tensor, axes: Sequence[int]) -> Tensor:
    """Some dimensions in reverse order; a copy in the same order of memory."""
    array = t._np
    chosen = set(axes)
    key = tuple([slice(None, None, -1 if d in chosen else None) for d in range(array.ndim)])
    data = array[key].copy("K" if is_dense(array) else "C")
    return keeping(data, "FlipBackward0", (t,), (), lambda g: flipped(g, axes))


@public("flip", function=False)
def _flip_method(self: Tensor, *given: Any, dims: Any = None) -> Tensor:
    """Some dimensions in reverse order. Source: ``torch.flip``."""
    wanted = given if dims is None else (dims,)
    return flipped(self, _axes(sizes(wanted, "dims"), self._np.ndim))


@public("flip", methods=False)
def _flip_function(input: Tensor, dims: Any) -> Tensor:
    """Some dimensions in reverse order. Source: ``torch.flip``."""
    if isinstance(dims, int):
        raise TypeError("flip(): argument 'dims' (position 2) must be tuple of ints, not int")
    return flipped(input, _axes(sizes((dims,), "dims"), input._np.ndim))


def _axes(dims: Sequence[int], ndim: int) -> tuple[int, ...]:
    return axes_of(tuple(dims), ndim) if dims else ()


@public("fliplr")
def fliplr(input: Tensor) -> Tensor:
    """The second dimension in reverse order. Source: ``torch.fliplr``."""
    if input._np.ndim < 2:
        raise RuntimeError("Input must be >= 2-d.")
    return flipped(input, (1,))


@public("flipud")
def flipud(input: Tensor) -> Tensor:
    """The first dimension in reverse order. Source: ``torch.flipud``."""
    if input._np.ndim < 1:
        raise RuntimeError("Input must be >= 1-d.")
    return flipped(input, (0,))


@public("rot90")
def rot90(input: Tensor, k: int = 1, dims: Any = (0, 1)) -> Tensor:
    """Turned by 90 degrees in the plane of two dimensions.

    Args:
        k: how often, from the first towards the second dimension.

    Source: ``torch.rot90``.
    """
    array = input._np
    if len(dims) != 2:
        raise RuntimeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if array.ndim < 2:
        raise RuntimeError(f"expected total dims >= 2, but got total dims = {array.ndim}")
    a, b = (dimension(d, array.ndim) for d in dims)
    if a == b:
        raise RuntimeError(
            f"expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}"
        )
    plain = make(array)
    turns = k % 4
    if turns == 1:
        data = flipped(plain, (b,))._np.swapaxes(a, b)
    elif turns == 2:
        data = flipped(plain, (a, b))._np
    elif turns == 3:
        data = flipped(plain, (a,))._np.swapaxes(a, b)
    else:
        data = array.copy("C")
    return keeping(data, "Rot90Backward0", (input,), (), lambda g: rot90(g, -turns, (a, b)))


@public("roll")
def roll(input: Tensor, shifts: Any, dims: Any = ()) -> Tensor:
    """Moved along dimensions; what leaves one end comes in at the other.

    Args:
        shifts: how far, one number per dimension.
        dims: none for the flattened tensor.

    Raises:
        RuntimeError: not one shift per dimension.

    >>> import functorch_lite.torch as torch
    >>> torch.roll(torch.tensor([1, 2, 3]), 1).tolist()
    [3, 1, 2]

    Source: ``torch.roll``.
    """
    by = (shifts,) if isinstance(shifts, (int, np.integer)) else tuple(shifts)
    along = (dims,) if isinstance(dims, (int, np.integer)) else tuple(dims)
    if not by:
        raise RuntimeError("`shifts` required")
    if len(by) != len(along) and (along or len(by) != 1):
        raise RuntimeError(
            f"shifts and dimensions must align. shifts: {len(by)}, dims:{len(along)}"
        )
    array = input._np
    axes = [dimension(d, array.ndim) for d in along]
    if axes and not array.ndim:
        raise IndexError("Dimension specified as 0 but tensor has no dimensions")
    data = array
    if array.size:
        if axes:
            for shift, axis in zip(by, axes, strict=True):
                data = _rolled(data, shift, axis)
        else:
            data = _rolled(data.reshape(-1), by[0], 0).reshape(array.shape)
    if np.may_share_memory(data, array):
        data = array.copy("C")
    back = tuple([-n for n in by])
    return keeping(data, "RollBackward0", (input,), (), lambda g: roll(g, back, tuple(axes)))


def _rolled(array: Any, shift: int, axis: int) -> Any:
    by = shift % array.shape[axis]
    if not by:
        return array
    out = np.empty_like(array, shape=array.shape, order="C")
    head = (slice(None),) * axis
    out[(*head, slice(by, None))] = array[(*head, slice(None, -by))]
    out[(*head, slice(None, by))] = array[(*head, slice(-by, None))]
    return out


# --------------------------------------------------------------------------------------- repeated
@method("repeat")
def repeat(self: Tensor, *given: Any, repeats: Any = None) -> Tensor:
    """Copies side by side along each dimension.

    Args:
        given: how many, per dimension, one by one or as one sequence; more numbers than
            dimensions add dimensions in front.

    Source: ``torch.Tensor.repeat``.
    """
    return repeated(self, sizes(given if repeats is None else (repeats,), "repeats"))


def repeated(t: Tensor, times: Sequence[int]) -> Tensor:
    """What ``repeat`` does."""
    array = t._np
    before = array.shape
    extra = len(times) - len(before)
    if extra < 0:
        raise RuntimeError(
            "Number of dimensions of repeat dims can not be smaller than number of dimensions of "
            "tensor"
        )
    padded = (1,) * extra + before
    size = [n * m for n, m in zip(padded, times, strict=True)]
    for n in times:
        if n < 0:
            bad = next(s for s in size if s < 0) if any(s < 0 for s in size) else n
            raise RuntimeError(f"Trying to create tensor with negative dimension {bad}: {size}")
    pairs = [n for m, s in zip(times, padded, strict=True) for n in (m, s)]
    single = [n for s in padded for n in (1, s)]
    data = np.empty_like(array, shape=pairs, order="C")
    data[...] = array.reshape(single)
    axes = tuple(range(0, 2 * len(times), 2))

    def backward(g: Tensor) -> Tensor:
        parts = g.reshape(pairs)
        return (parts.sum(axes) if axes else parts).reshape(before)

    return keeping(data.reshape(size), "RepeatBackward0", (t,), (), backward)


@public("tile", function=False)
def _tile_method(self: Tensor, *given: Any, dims: Any = None) -> Tensor:
    """Copies side by side along the last dimensions. Source: ``torch.tile``."""
    return _tiled(self, sizes(given if dims is None else (dims,), "dims"))


@public("tile", methods=False)
def _tile_function(input: Tensor, dims: Any) -> Tensor:
    """Copies side by side along the last dimensions. Source: ``torch.tile``."""
    return _tiled(input, sizes((dims,), "dims"))


def _tiled(t: Tensor, dims: Sequence[int]) -> Tensor:
    missing = t._np.ndim - len(dims)
    return repeated(t, (1,) * missing + tuple(dims) if missing > 0 else dims)


@public("repeat_interleave", methods=False)
def _repeat_interleave(
    input: Any, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """Each element, or each slice of a dimension, several times in a row.

    Args:
        input: a tensor; alone, the numbers of times that 0, 1, ... are repeated.
        repeats: a number, or an integer tensor with one number per slice.
        dim: None for the flattened tensor.
        output_size: the sum of ``repeats``, if it is known.

    Source: ``torch.repeat_interleave``.
    """
    if repeats is None:
        return make(_places(input, output_size))
    return interleaved(input, repeats, dim, output_size)


@method("repeat_interleave")
def _repeat_interleave_method(
    self: Tensor, repeats: Any, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """Each slice several times in a row. Source: ``torch.Tensor.repeat_interleave``."""
    return interleaved(self, repeats, dim, output_size)


def _places(repeats: Tensor, output_size: int | None) -> Any:
    """The position of each repeated element."""
    array = repeats._np
    if array.ndim != 1:
        raise RuntimeError("repeat_interleave only accept 1D vector as repeat")
    if array.dtype.name not in ("int64", "int32"):
        raise NotImplementedError(
            f"\"repeat_interleave_cpu\" not implemented for '{repeats.dtype.scalar_name}'"
        )
    if array.size and array.min() < 0:
        raise RuntimeError("repeats can not be negative")
    if output_size is not None and output_size != int(array.sum()):
        raise RuntimeError("allocated size does not match required size")
    return np.repeat(np.arange(array.size, dtype=array.dtype), array)


def interleaved(t: Tensor, repeats: Any, dim: int | None, output_size: int | None) -> Tensor:
    """What ``repeat_interleave`` does."""
    x: Any = t
    if dim is None:
        x = x.flatten()
        dim = 0
    if not x._np.ndim:
        x = x.reshape(1)
    at = dimension(dim, x._np.ndim)
    n = x._np.shape[at]
    if isinstance(repeats, Tensor):
        if repeats._np.ndim == 0 or (repeats._np.ndim == 1 and repeats._np.size == 1):
            repeats = make(np.repeat(repeats._np.reshape(-1), n))
        elif repeats._np.ndim != 1:
            raise RuntimeError("repeats must be 0-dim or 1-dim tensor")
        elif repeats._np.size != n:
            raise RuntimeError(
                "repeats must have the same size as input along dim, but got repeats.size(0) = "
                f"{repeats._np.size} and input.size({at}) = {n}"
            )
        return index_select(x, at, make(_places(repeats, output_size)))
    if repeats < 0:
        raise RuntimeError("Repeats must be non-negative")
    wide = x.unsqueeze(at + 1)
    size = list(wide._np.shape)
    size[at + 1] = repeats
    copy = wide.expand(size).clone(memory_format=contiguous_format)
    return copy.flatten(at, at + 1)
