"""Copies and pickles of tensors; tensors that share memory share it in the copies, too."""

from __future__ import annotations

import copy
from typing import Any

from functorch_lite.torch._core.dtypes import dtype as DType
from functorch_lite.torch._core.tensor import Tensor, strides_of
from functorch_lite.torch.storage import UntypedStorage, over, untyped

__all__ = ["INTERNAL", "attributes", "rebuild", "rebuild_subclass"]

INTERNAL = frozenset(
    ("_np", "_rg", "_fn", "_nr", "_grad", "_version_of", "_memory", "_offset", "_view", "_hooks",
     "_retains", "_accumulator", "_inference", "_after_grad")
)  # fmt: skip
"""Entries of a tensor's ``__dict__`` that are no attributes of a user."""


def attributes(t: Tensor) -> dict[str, Any]:
    """What users have put on a tensor."""
    return {name: value for name, value in t.__dict__.items() if name not in INTERNAL}


def rebuild(
    storage: UntypedStorage, dtype: DType, offset: int, size: tuple[int, ...],
    stride: tuple[int, ...], requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """The tensor that a pickle describes.

    Args:
        storage: its memory.
        offset: where it begins there, in elements.
        size, stride: as of the tensor, in elements.
    """
    t = over(storage, dtype, offset, size, stride)
    if requires_grad:
        t._rg = True
    return t


def rebuild_subclass(
    cls: type | None, function: Any, arguments: tuple[Any, ...], state: dict[str, Any] | None
) -> Tensor:
    """The same for a subclass of Tensor, or with attributes of a user."""
    t: Tensor = function(*arguments)
    if cls is not None:
        t.__class__ = cls
    if state:
        t.__dict__.update(state)
    return t


def _reduce(self: Tensor, protocol: Any = None) -> tuple[Any, ...]:
    array = self._np
    arguments = (
        untyped(self), self.dtype, self._offset, array.shape, strides_of(array),
        self.requires_grad,
    )  # fmt: skip
    cls = type(self)
    state = attributes(self)
    if cls is Tensor and not state:
        return rebuild, arguments
    return rebuild_subclass, (None if cls is Tensor else cls, rebuild, arguments, state)


def _setstate(self: Tensor, state: Any) -> None:
    """Take over the state of tensors that were pickled by ``Tensor.__setstate__``."""
    if not self.is_leaf:
        raise RuntimeError("__setstate__ can be only called on leaf Tensors")
    if isinstance(state, dict):
        self.__dict__.update(state)
        return
    if len(state) == 4:  # a storage, an offset, sizes, strides
        self.set_(*state)
        return
    self._rg, _, self._hooks = state


def _deepcopy(self: Tensor, memo: dict[int, Any]) -> Tensor:
    """A copy of the memory, once for all tensors that share it."""
    if id(self) in memo:
        return memo[id(self)]
    if self.grad_fn is not None:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy "
            "protocol at the moment.  If you were attempting to deepcopy a module, this may be "
            "because of a torch.nn.utils.weight_norm usage, see "
            "https://github.com/pytorch/pytorch/pull/103001"
        )
    array = self._np
    own = copy.deepcopy(untyped(self), memo)
    out = over(own, self.dtype, self._offset, array.shape, strides_of(array))
    if type(self) is not Tensor:
        out.__class__ = type(self)
    out._rg = self._rg
    memo[id(self)] = out
    if self._grad is not None:
        out._grad = copy.deepcopy(self._grad, memo)
    extra = attributes(self)
    if extra:
        out.__dict__.update(copy.deepcopy(extra, memo))
    return out


def _copy(self: Tensor) -> Tensor:
    array = self._np
    out = over(untyped(self), self.dtype, self._offset, array.shape, strides_of(array))
    out._rg = self.requires_grad
    if type(self) is not Tensor:
        out.__class__ = type(self)
    out.__dict__.update(attributes(self))
    return out


Tensor.__reduce_ex__ = _reduce  # type: ignore[method-assign, assignment]
Tensor.__setstate__ = _setstate  # type: ignore[attr-defined]
Tensor.__deepcopy__ = _deepcopy  # type: ignore[attr-defined]
Tensor.__copy__ = _copy  # type: ignore[attr-defined]
