"""Functions that cut a tensor into several views."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functorch_lite.torch._core.grad_mode import mode
from functorch_lite.torch._core.node import attach, needs_grad
from functorch_lite.torch._core.op import formula
from functorch_lite.torch._core.public import FUNCTIONS, method, public
from functorch_lite.torch._core.tensor import Tensor, View, make, share, version
from functorch_lite.torch._ops.axes import wrong_arguments
from functorch_lite.torch._ops.select_basic import ALL, sliced
from functorch_lite.torch._ops.shape import dimension

__all__ = ["several"]


def several(
    t: Tensor, keys: Sequence[Any], steps: Sequence[int], name: str, backward: Callable[..., Any]
) -> tuple[Tensor, ...]:
    """Views that one node makes together, and that may therefore not be written to.

    Args:
        keys: of each view, in the raw values.
        steps: how far each begins from the first element, in elements.
        backward: the gradient of ``t`` from those of the views, some of which may be None.
    """
    array = t._np
    above = t._view
    base = t if above is None else above.base
    creation = "multi" if mode.enabled else "no_grad"
    seen = version(t).count
    node = formula(name, (t,), backward) if mode.enabled and needs_grad(t) else None
    found = []
    for nr, (key, step) in enumerate(zip(keys, steps, strict=True)):
        out = share(t, array[key], t._offset + step)
        out._view = View(base, seen, creation)
        if node is not None:
            attach(out, node, nr)
        found.append(out)
    return tuple(found)


@public("unbind")
def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """The parts at all positions of a dimension, without it.

    Raises:
        IndexError: there is no such dimension.

    Source: ``torch.unbind``.
    """
    array = input._np
    shape = array.shape
    if not shape:
        raise IndexError("Dimension specified as 0 but tensor has no dimensions")
    at = dimension(dim, len(shape))
    step = array.strides[at] // array.itemsize
    size = shape[:at] + shape[at + 1 :]
    dtype = array.dtype

    def backward(*grads: Tensor | None) -> Tensor:
        return FUNCTIONS["stack"](_filled(grads, [size] * len(grads), dtype), at)

    places = range(shape[at])
    return several(
        input, [(*(ALL,) * at, i, ...) for i in places], [i * step for i in places],
        "UnbindBackward0", backward,
    )  # fmt: skip


def _filled(grads: Sequence[Tensor | None], sizes: Sequence[Any], dtype: Any) -> list[Tensor]:
    """Gradients, with zeros for those that did not arrive."""
    return [
        make(np.zeros(size, dtype)) if g is None else g
        for g, size in zip(grads, sizes, strict=True)
    ]


def _cut(t: Tensor, lengths: Sequence[int], at: int, name: str) -> tuple[Tensor, ...]:
    """Consecutive parts of a dimension."""
    array = t._np
    shape, dtype = array.shape, array.dtype
    step = array.strides[at] // array.itemsize
    keys, steps, sizes = [], [], []
    start = 0
    for n in lengths:
        keys.append((*(ALL,) * at, slice(start, start + n)))
        steps.append(start * step)
        sizes.append((*shape[:at], n, *shape[at + 1 :]))
        start += n

    def backward(*grads: Tensor | None) -> Tensor:
        return FUNCTIONS["cat"](_filled(grads, sizes, dtype), at)

    return several(t, keys, steps, name, backward)


def _split(t: Tensor, size: Any, dim: int) -> tuple[Tensor, ...]:
    if isinstance(size, (list, tuple)):
        return split_with_sizes(t, size, dim)
    shape = t._np.shape
    if not shape:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    at = dimension(dim, len(shape))
    n = shape[at]
    each = size.__index__()
    if each < 0:
        raise RuntimeError(f"split expects split_size be non-negative, but got split_size={each}")
    if not each and n:
        raise RuntimeError(
            f"split_size can only be 0 if dimension size is 0, but got dimension size of {n}"
        )
    lengths = [min(each, n - i) for i in range(0, n, each)] if n else [0]
    return _cut(t, lengths, at, "SplitBackward0")


@public("split", methods=False)
def _split_function(
    tensor: Tensor, split_size_or_sections: Any, dim: int = 0
) -> tuple[Tensor, ...]:
    """Parts of a length, or of given lengths, of a dimension. Source: ``torch.split``."""
    return _split(tensor, split_size_or_sections, dim)


@method("split")
def _split_method(self: Tensor, split_size: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Parts of a length, or of given lengths, of a dimension. Source: ``torch.Tensor.split``."""
    return _split(self, split_size, dim)


@public("split_with_sizes")
def split_with_sizes(input: Tensor, split_sizes: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Parts of given lengths of a dimension.

    Raises:
        RuntimeError: the lengths do not add up to its size.

    Source: ``torch.split_with_sizes``.
    """
    shape = input._np.shape
    if not shape:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    at = dimension(dim, len(shape))
    lengths = [n.__index__() for n in split_sizes]
    for n in lengths:
        if n < 0:
            raise RuntimeError(
                "split_with_sizes expects split_sizes have only non-negative entries, but got "
                f"split_sizes={lengths}"
            )
    if sum(lengths) != shape[at]:
        raise RuntimeError(
            f"split_with_sizes expects split_sizes to sum exactly to {shape[at]} (input tensor's "
            f"size at dimension {at}), but got split_sizes={lengths}"
        )
    return _cut(input, lengths, at, "SplitWithSizesBackward0")


@public("chunk")
def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most so many parts of equal length, the last one shorter. Source: ``torch.chunk``."""
    shape = input._np.shape
    if not shape:
        raise RuntimeError("chunk expects at least a 1-dimensional tensor")
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    at = dimension(dim, len(shape))
    each = -(-shape[at] // chunks)
    if not each:
        return split_with_sizes(input, [0] * chunks, at)
    return _split(input, each, at)


# ---------------------------------------------------------------------------------- independent
@public("tensor_split")
def tensor_split(
    input: Tensor, indices_or_sections: Any = None, dim: int = 0, *, sections: Any = None,
    indices: Any = None, tensor_indices_or_sections: Any = None,
) -> tuple[Tensor, ...]:  # fmt: skip
    """Parts of nearly equal length, or between given positions of a dimension.

    >>> import functorch_lite.torch as torch
    >>> [part.tolist() for part in torch.tensor_split(torch.tensor([1, 2, 3]), 2)]
    [[1, 2], [3]]

    Source: ``torch.tensor_split``.
    """
    what = indices_or_sections
    for other in (sections, indices, tensor_indices_or_sections):
        if what is None:
            what = other
    shape = input._np.shape
    if not shape:
        raise RuntimeError(
            "tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims"
        )
    at = dimension(dim, len(shape))
    if isinstance(what, Tensor):
        if what._np.dtype != np.int64:
            raise RuntimeError(
                "tensor_split expected tensor_indices_or_sections to have dtype of long, but got "
                f"{what.dtype.scalar_name}"
            )
        if what._np.ndim > 1:
            raise RuntimeError(
                "tensor_split expected tensor_indices_or_sections to be a zero-dimensional or "
                f"one-dimensional tensor, but got a tensor with {what._np.ndim} dims"
            )
        what = what._np.tolist()
    n = shape[at]
    if isinstance(what, (list, tuple)):
        ends = [i.__index__() for i in what]
    else:
        count = what.__index__()
        if count <= 0:
            raise RuntimeError(f"number of sections must be larger than 0, got {count}")
        each, longer = divmod(n, count)
        ends = [each * i + min(i, longer) for i in range(1, count)]
    found = []
    start: int | None = 0
    for end in (*ends, None):
        first, last, _ = slice(start, end).indices(n)
        found.append(sliced(input, at, first, last, 1))
        start = end
    return tuple(found)


def _axis_split(name: str, least: int, axis: Callable[[int], int]) -> None:
    def cut(input: Tensor, *args: Any, sections: Any = None, indices: Any = None) -> Any:
        what = args[0] if len(args) == 1 else (args or sections or indices)
        if isinstance(what, (str, float)):
            raise wrong_arguments(name, input, what)
        ndim = input._np.ndim
        if ndim < least:
            raise RuntimeError(
                f"torch.{name} requires a tensor with at least {least} dimension, but got a "
                f"tensor with {ndim} dimensions!"
            )
        at = axis(ndim)
        n = input._np.shape[at]
        if isinstance(what, int) and (what == 0 or n % what):
            raise RuntimeError(
                f"torch.{name} attempted to split along dimension {at}, but the size of the "
                f"dimension {n} is not divisible by the split_size {what}!"
            )
        return tensor_split(input, what, at)

    cut.__name__ = name
    cut.__doc__ = f"Parts of one dimension, as ``tensor_split``. Source: ``torch.{name}``."
    public(name)(cut)


_axis_split("hsplit", 1, lambda ndim: 1 if ndim > 1 else 0)
_axis_split("vsplit", 2, lambda ndim: 0)
_axis_split("dsplit", 3, lambda ndim: 2)
