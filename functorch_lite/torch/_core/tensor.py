"""The Tensor: a view of memory that others may share, and its place in the recorded graph.

A tensor is a strided NumPy array (``_np``) over memory that views share, and, when it takes part in
differentiation, the node that made it.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

from functorch_lite.torch._core.dtypes import dtype as DType
from functorch_lite.torch._core.dtypes import from_np
from functorch_lite.torch._core.grad_mode import mode
from functorch_lite.torch._core.size import Size, from_shape

if TYPE_CHECKING:
    from functorch_lite.torch._core.node import Node

__all__ = [
    "Tensor",
    "Version",
    "View",
    "is_symbol",
    "make",
    "memory",
    "share",
    "strided",
    "strides_of",
    "version",
    "zeros_for",
]

_new = object.__new__


class Version:
    """How often the memory of some tensors has been written to; shared by all views of it."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0


class View:
    """How a tensor is a differentiable view of another.

    Attributes:
        base: the tensor that is viewed; itself no view.
        seen: the version at which the tensor's node was made.
        creation: "" where it may be written to in place; else why not: ``no_grad``, ``multi``
            (one of several outputs), ``custom`` (of a user's function).
    """

    __slots__ = ("base", "creation", "seen")

    def __init__(self, base: Tensor, seen: int, creation: str) -> None:
        self.base = base
        self.seen = seen
        self.creation = creation


class Tensor:
    """A multi-dimensional array whose memory others may share, with gradients.

    Source: ``torch.Tensor``.
    """

    if TYPE_CHECKING:
        requires_grad: Any
        grad: Any
        data: Any

        # Methods and operators are installed by the modules of operations.
        def __getattr__(self, name: str) -> Any: ...

    _np: np.ndarray[Any, Any]
    _rg = False  # of a leaf: whether its gradient is wanted
    _fn: Node | None = None
    _nr = 0  # which output of its node
    _grad: Tensor | None = None
    _version_of: Version | None = None
    _memory: np.ndarray[Any, Any] | None = None  # all bytes of the storage, once asked for
    _offset = 0  # in elements, where it begins in its storage
    _view: View | None = None
    _hooks: Any = None
    _retains = False
    _accumulator: weakref.ref[Any] | None = None
    _inference = False
    __array_priority__ = 1000

    # ----------------------------------------------------------------------------------- what it is
    @property
    def dtype(self) -> DType:
        """The dtype of the elements."""
        return from_np(self._np.dtype)

    @property
    def shape(self) -> Size:
        """The sizes of the dimensions."""
        return from_shape(self._np.shape)

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return self._np.ndim

    @property
    def _version(self) -> int:
        """How often its memory has been written to."""
        found = self._version_of
        return 0 if found is None else found.count


def is_symbol(data: Any) -> bool:
    """Whether raw data is what ``torch.compile`` records with in place of an array."""
    return getattr(data, "is_symbol", False)


def zeros_for(like: Any, shape: Any) -> Any:
    """Raw zeros to write values of the kind of ``like`` to."""
    if like.__class__ is not np.ndarray and is_symbol(like):
        return like.zeros(shape)
    return np.zeros(shape, like.dtype)


def make(data: Any) -> Tensor:
    """A tensor that owns ``data``, an array or a NumPy scalar."""
    t = _new(Tensor)
    if data.__class__ is np.ndarray:
        t._np = data
    elif is_symbol(data):
        # Unlike an array, it may begin anywhere in the memory that views of the tensor are of.
        t._np, t._offset = data, data.offset
    else:
        t._np = np.asarray(data)
    if mode.inference:
        t._inference = True
    return t


def version(t: Tensor) -> Version:
    """The counter of writes to a tensor's memory."""
    found = t._version_of
    if found is None:
        found = t._version_of = Version()
    return found


def memory(t: Tensor) -> np.ndarray[Any, Any]:
    """All bytes of a tensor's storage, flat."""
    found = t._memory
    if found is None:
        found = t._memory = _bytes_of(t._np)
    return found


def _bytes_of(array: Any) -> np.ndarray[Any, Any]:
    """The memory that an array covers, from its first byte on."""
    if is_symbol(array):
        return array.storage
    if not array.flags.c_contiguous:
        size = 1 + sum((n - 1) * s for n, s in zip(array.shape, array.strides, strict=True))
        low = min(array.strides, default=0)
        if array.size and low >= 0:
            reach = size - 1 + array.itemsize
            flat = np.lib.stride_tricks.as_strided(array, (reach // array.itemsize,),
                                                   (array.itemsize,))  # fmt: skip
            return flat.view(np.uint8)
    return array.reshape(-1).view(np.uint8)


def share(t: Tensor, data: np.ndarray[Any, Any], offset: int) -> Tensor:
    """A tensor over memory of another one, with its version and storage; outside of the graph.

    Args:
        data: an array over that memory.
        offset: where it begins in the storage, in elements.
    """
    out = make(data)
    out._version_of = version(t)
    out._memory = memory(t)
    out._offset = offset
    return out


def strided(
    t: Tensor, size: tuple[int, ...], stride: tuple[int, ...], offset: int
) -> np.ndarray[Any, Any]:
    """The array of a size, stride and offset (in elements) over a tensor's storage."""
    array: Any = t._np
    if array.__class__ is not np.ndarray:
        return array.strided(size, stride, offset)
    item = array.itemsize
    steps = [n * item for n in stride]
    if 0 in size:
        return np.lib.stride_tricks.as_strided(array.reshape(-1)[:0], size, steps)
    return np.ndarray(size, array.dtype, memory(t), offset * item, steps)


def strides_of(array: np.ndarray[Any, Any]) -> tuple[int, ...]:
    """Strides in elements."""
    item = array.itemsize
    return tuple([n // item for n in array.strides])
