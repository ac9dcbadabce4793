"""Views in place: other sizes, strides or memory for the tensor itself."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functorch_lite.torch._core.inplace import bump, check_inplace
from functorch_lite.torch._core.layout import contiguous_format, preserve_format
from functorch_lite.torch._core.op import formula, wants_grad
from functorch_lite.torch._core.public import method, public
from functorch_lite.torch._core.tensor import Tensor, memory, strided, version
from functorch_lite.torch._core.view import as_strided_backward, contiguous_strides, geometry
from functorch_lite.torch._meta.symbol import is_meta
from functorch_lite.torch._ops.index_write import refusal, saving
from functorch_lite.torch._ops.shape import (
    as_strided,
    dimension,
    sizes,
    squeezed,
    t,
    transpose,
    unsqueeze,
)

__all__ = ["become"]


def become(
    self: Tensor, view: Callable[[Tensor], Tensor], name: str, backward: Callable[[Tensor], Any]
) -> Tensor:
    """Turn a tensor into a view of itself.

    Args:
        view: makes it.
        name: of the node.
        backward: the gradient of the tensor as it was.
    """
    recorded = wants_grad((self,))
    check_inplace(self, recorded)
    node = formula(name, (self,), backward) if recorded else None
    found = view(self.detach())
    self._np, self._memory, self._offset = found._np, found._memory, found._offset
    bump(self)
    if node is not None:
        node.metas.append((self._np.shape, self._np.dtype))
        self._fn, self._nr, self._rg = node, 0, False
    if self._view is not None:
        # What the node says of it holds for the new sizes, so it is not to be made anew.
        self._view.seen = version(self).count
    return self


@method("transpose_", "swapaxes_", "swapdims_")
def transpose_(self: Tensor, dim0: int, dim1: int) -> Tensor:
    """Exchange two dimensions. Source: ``torch.Tensor.transpose_``."""
    return become(
        self, lambda x: transpose(x, dim0, dim1), "TransposeBackward1",
        lambda g: g.transpose(dim0, dim1),
    )  # fmt: skip


@method("t_")
def t_(self: Tensor) -> Tensor:
    """Transpose a matrix. Source: ``torch.Tensor.t_``."""
    return become(self, _matrix, "TBackward1", lambda g: g.t())


def _matrix(x: Tensor) -> Tensor:
    if x._np.ndim > 2:
        raise RuntimeError(f"t_() expects a tensor with <= 2 dimensions, but self is {x._np.ndim}D")
    return t(x)


@method("squeeze_")
def squeeze_(self: Tensor, dim: Any = None) -> Tensor:
    """Leave out dimensions of size 1. Source: ``torch.Tensor.squeeze_``."""
    before = self._np.shape
    name = "SqueezeBackward3"
    if dim is not None:
        name = "SqueezeBackward5" if isinstance(dim, (tuple, list)) else "SqueezeBackward4"
    return become(self, lambda x: squeezed(x, dim), name, lambda g: g.reshape(before))


@method("unsqueeze_")
def unsqueeze_(self: Tensor, dim: int) -> Tensor:
    """Insert a dimension of size 1. Source: ``torch.Tensor.unsqueeze_``."""
    at = dimension(dim, self._np.ndim + 1)
    return become(self, lambda x: unsqueeze(x, at), "UnsqueezeBackward1", lambda g: g.squeeze(at))


@public("as_strided_")
def as_strided_(input: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    """Take any sizes and strides over the storage. Source: ``torch.Tensor.as_strided_``."""
    whole = geometry(input)
    offset = whole[2] if storage_offset is None else storage_offset
    part = (tuple(size), tuple(stride), offset)
    return become(
        input, lambda x: as_strided(x, *part), "AsStridedBackward1",
        lambda g: as_strided_backward(g, whole, part),
    )  # fmt: skip


# ---------------------------------------------------------------------------------------- memory
@method("resize_")
def resize_(self: Tensor, *size: Any, memory_format: Any = None) -> Tensor:
    """Take other sizes, row by row over the same storage, which grows if it is too small.

    Raises:
        RuntimeError: the tensor requires a gradient.

    Source: ``torch.Tensor.resize_``.
    """
    return _resized(self, sizes(size, "size"), memory_format)


@public("resize_as_")
def resize_as_(input: Tensor, the_template: Tensor, *, memory_format: Any = None) -> Tensor:
    """Take the sizes of another tensor. Source: ``torch.Tensor.resize_as_``."""
    return _resized(input, the_template._np.shape, memory_format)


def _resized(self: Tensor, size: tuple[int, ...], memory_format: Any) -> Tensor:
    if self.requires_grad:
        raise RuntimeError("cannot resize variables that require grad")
    if any(n < 0 for n in size):
        raise RuntimeError("numel: integer multiplication overflow")
    if size == self._np.shape and memory_format in (None, contiguous_format):
        return self
    bump(self)
    place(self, size, contiguous_strides(size), self._offset)
    if memory_format not in (None, contiguous_format, preserve_format):
        order = (0, *range(2, len(size)), 1)
        stride = [0] * len(size)
        for i, step in zip(order, contiguous_strides([size[i] for i in order]), strict=True):
            stride[i] = step
        place(self, size, stride, self._offset)
    return self


def place(self: Tensor, size: Sequence[int], stride: Sequence[int], offset: int) -> None:
    """Give a tensor sizes and strides over its storage, made larger if they reach beyond it."""
    item = self._np.itemsize
    have: Any = memory(self)
    reach = 0
    if math.prod(size):
        reach = offset + 1 + sum((n - 1) * s for n, s in zip(size, stride, strict=True))
    if is_meta(self):
        have.size = max(have.size, reach * item)
    elif reach * item > have.size:
        grown = np.zeros(reach * item, np.uint8)
        grown[: have.size] = have
        self._memory = grown
    self._np = strided(self, tuple(size), tuple(stride), offset)
    self._offset = offset


@method("set_")
def set_(
    self: Tensor, source: Any = None, storage_offset: int = 0, size: Any = None, stride: Any = None
) -> Tensor:
    """Take over the memory of another tensor or of a storage.

    Args:
        source: a tensor or a storage; None leaves the tensor empty.
        storage_offset, size, stride: where the elements lie in it, in elements.

    >>> import functorch_lite.torch as torch
    >>> torch.zeros(2).set_(torch.ones(3)).tolist()
    [1.0, 1.0, 1.0]

    Source: ``torch.Tensor.set_``.
    """
    recorded = wants_grad((self,))
    check_inplace(self, recorded)
    node = saving("NotImplemented", (self,), (), refusal("set_")) if recorded else None
    bump(self)
    _take(self, source, storage_offset, size, stride)
    if node is not None:
        node.metas.append((self._np.shape, self._np.dtype))
        self._fn, self._nr, self._rg = node, 0, False
    return self


def _take(self: Tensor, source: Any, offset: int, size: Any, stride: Any) -> None:
    if source is None:
        self._np, self._memory, self._offset = np.zeros(0, self._np.dtype), None, 0
        return
    if isinstance(source, Tensor):
        if source._np.dtype != self._np.dtype:
            raise RuntimeError(
                "Could not set tensor of type "
                f"{source.dtype.c_name} to a tensor of type {self.dtype.c_name}"
            )
        self._memory = memory(source)
        if size is None:
            self._np, self._offset = source._np, source._offset
            return
    else:
        self._memory = getattr(source, "_untyped_storage", source)._bytes
        if size is None:
            size = (self._memory.size // self._np.itemsize,)
    size = tuple(size)
    place(self, size, contiguous_strides(size) if not stride else tuple(stride), offset)
