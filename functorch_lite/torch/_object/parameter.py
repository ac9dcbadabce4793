"""Parameters and buffers: the tensors that modules hold."""

from __future__ import annotations

import copyreg
from typing import Any

import numpy as np

from functorch_lite.torch._core.dtypes import default
from functorch_lite.torch._core.layout import preserve_format
from functorch_lite.torch._core.public import disabled
from functorch_lite.torch._core.tensor import Tensor, make
from functorch_lite.torch._object import pickling, tensor_methods
from functorch_lite.torch._object.subclass import make_subclass

__all__ = ["Buffer", "Parameter"]


def _nothing() -> Tensor:
    """An empty tensor of the default dtype."""
    return make(np.empty(0, default.dtype.np))


class _ParameterMeta(type):
    """Tensors of other classes count as parameters once they are marked."""

    def __instancecheck__(cls, instance: Any) -> bool:
        if type.__instancecheck__(cls, instance):
            return True
        return cls is Parameter and isinstance(instance, Tensor) and bool(
            instance.__dict__.get("_is_param")
        )  # fmt: skip


class Parameter(Tensor, metaclass=_ParameterMeta):
    """A tensor that modules register as a parameter.

    Args:
        data: its values; memory is shared.
        requires_grad: whether its gradient is wanted.

    Raises:
        RuntimeError: it holds integers, and its gradient is wanted.

    >>> Parameter(make(np.zeros(2, np.float32)))
    Parameter containing:
    tensor([0., 0.], requires_grad=True)

    Source: ``torch.nn.Parameter``.
    """

    __module__ = "torch.nn.parameter"
    __torch_function__ = disabled

    def __new__(cls, data: Any = None, requires_grad: bool = True) -> Any:
        if data is None:
            data = _nothing()
        if type(data) is Tensor or type(data) is Parameter:
            return make_subclass(cls, data, requires_grad)
        if not isinstance(data, Tensor):
            return make_subclass(cls, data)
        made = data.detach().requires_grad_(requires_grad)
        made._is_param = True
        return made

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        return "Parameter containing:\n" + tensor_methods.text(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if id(self) in memo:
            return memo[id(self)]
        values = self.data.clone(memory_format=preserve_format)
        made = memo[id(self)] = type(self)(values, self.requires_grad)
        return made

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        state = pickling.attributes(self)
        return _rebuild, (type(self), self.data, self.requires_grad, state)


def _rebuild(cls: Any, data: Tensor, requires_grad: bool, state: dict[str, Any]) -> Any:
    """The parameter that a pickle describes."""
    made = make_subclass(cls, data, requires_grad)
    made.__dict__.update(state)
    return made


tensor_methods.PLAIN.add(Parameter)


class _BufferMeta(type):
    """Buffers are tensors that are marked."""

    def __instancecheck__(cls, instance: Any) -> bool:
        if type.__instancecheck__(cls, instance):
            return True
        return isinstance(instance, Tensor) and bool(instance.__dict__.get("_is_buffer"))


class Buffer(Tensor, metaclass=_BufferMeta):
    """A tensor that modules register as a buffer.

    Args:
        data: its values; memory is shared.
        persistent: whether it is part of the state of its module.

    Source: ``torch.nn.Buffer``.
    """

    __module__ = "torch.nn.parameter"
    __torch_function__ = disabled

    def __new__(cls, data: Any = None, *, persistent: bool = True) -> Any:
        if data is None:
            data = _nothing()
        made = data.detach().requires_grad_(data.requires_grad)
        made.persistent = persistent
        made._is_buffer = True
        return made


def _named(name: str) -> type:
    """The class that a pickle names."""
    return Parameter if name == "Parameter" else Buffer


def _reduced(cls: type) -> Any:
    # Not by the name torch.nn.Parameter: `torch` may be another package when this is read.
    own = cls is Parameter or cls is Buffer
    return (_named, (cls.__name__,)) if own else cls.__qualname__


copyreg.pickle(_ParameterMeta, _reduced)
copyreg.pickle(_BufferMeta, _reduced)
