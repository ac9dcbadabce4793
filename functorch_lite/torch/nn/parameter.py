"""Parameters and buffers, also those whose size is not known yet.

Source: ``torch.nn.parameter``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from functorch_lite.torch._core.public import FUNCTIONS, disabled, overrides
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch._object.parameter import Buffer, Parameter
from functorch_lite.torch._object.subclass import DisableTorchFunctionSubclass, make_subclass
from functorch_lite.torch._ops import creation as _creation  # noqa: F401  (makes ``empty``)

__all__ = [
    "Buffer", "Parameter", "UninitializedBuffer", "UninitializedParameter",
    "UninitializedTensorMixin", "blank", "is_lazy",
]  # fmt: skip

_empty = FUNCTIONS["empty"]


def blank(*size: int, device: Any = None, dtype: Any = None) -> Parameter:
    """A parameter that is still to be filled.

    Args:
        size: its sizes.
        device, dtype: as of ``torch.empty``.
    """
    return Parameter(_empty(size, device=device, dtype=dtype))


# What modules do to their parameters before the first call.
_ALLOWED = frozenset(
    ("size", "copy_", "is_complex", "is_floating_point", "half", "float", "double", "bfloat16",
     "char", "short", "int", "long", "cuda", "cpu", "xpu", "to", "get_device")
)  # fmt: skip


def is_lazy(param: Any) -> bool:
    """Whether a parameter or buffer has no size yet. Source: ``torch.nn.parameter.is_lazy``."""
    return isinstance(param, UninitializedTensorMixin)


if TYPE_CHECKING:
    _Base = Tensor
else:
    _Base = object


class UninitializedTensorMixin(_Base):
    """A tensor that gets its size later, by ``materialize``.

    Source: ``torch.nn.parameter.UninitializedTensorMixin``.
    """

    __module__ = "torch.nn.parameter"
    _is_uninitialized = True
    cls_to_become: type[Tensor]

    def materialize(self, shape: Any, device: Any = None, dtype: Any = None) -> None:
        """Give it a size, with memory that is not filled, and make it an ordinary one.

        Args:
            shape: its sizes.
            device, dtype: those that it was made with by default.
        """
        self.data = _empty(shape, device=device, dtype=self.dtype if dtype is None else dtype)
        self.__class__ = self.cls_to_become  # type: ignore[assignment]

    @property
    def shape(self) -> NoReturn:
        """Not known yet."""
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer. This error usually "
            "happens in `load_state_dict` when trying to load an uninitialized parameter into an "
            "initialized one. Call `forward` to initialize the parameters before accessing their "
            "attributes."
        )

    def share_memory_(self) -> NoReturn:
        """Fails: there is no memory yet."""
        raise RuntimeError(
            "Can't share memory on an uninitialized parameter or buffer. Call `forward` to "
            "initialize the parameters before calling `module.share_memory()`."
        )

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        return f"<{type(self).__name__}>"

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _rebuilt, (type(self).__name__, self.data, self.requires_grad)


def _asked(cls: type, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
    """Refuse all operations but those of ``Module.to``."""
    if func.__name__ in _ALLOWED:
        with DisableTorchFunctionSubclass():
            found = func(*args, **(kwargs or {}))
        # A cast is another tensor; buffers keep their class, parameters lose it, as in PyTorch.
        if type(found) is Tensor and cls is UninitializedBuffer:
            return make_subclass(cls, found, False)
        return found
    raise ValueError(
        f"Attempted to use an uninitialized parameter in {func.__name__}. This error happens when "
        "you are using a `LazyModule` or explicitly manipulating "
        f"`torch.nn.parameter.{cls.__name__}` objects. When using LazyModules Call `forward` with "
        "a dummy batch to initialize the parameters before calling torch functions"
    )


class UninitializedParameter(UninitializedTensorMixin, Parameter):  # type: ignore[misc]
    """A parameter whose size is not known yet.

    Args:
        requires_grad: whether its gradient is wanted.
        device, dtype: of the tensor that it will be.

    Source: ``torch.nn.parameter.UninitializedParameter``.
    """

    __module__ = "torch.nn.parameter"
    cls_to_become = Parameter

    def __new__(cls, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> Any:
        overrides.known = True
        return make_subclass(cls, _empty(0, device=device, dtype=dtype), requires_grad)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if id(self) in memo:
            return memo[id(self)]
        made = memo[id(self)] = type(self)(self.requires_grad, dtype=self.dtype)
        return made


class UninitializedBuffer(UninitializedTensorMixin, Tensor):
    """A buffer whose size is not known yet.

    Args:
        requires_grad: whether its gradient is wanted.
        device, dtype: of the tensor that it will be.
        persistent: whether it is part of the state of its module.

    Source: ``torch.nn.parameter.UninitializedBuffer``.
    """

    __module__ = "torch.nn.parameter"
    __torch_function__ = disabled
    cls_to_become = Tensor

    def __new__(
        cls, requires_grad: bool = False, device: Any = None, dtype: Any = None,
        persistent: bool = True,
    ) -> Any:  # fmt: skip
        overrides.known = True
        made = make_subclass(cls, _empty(0, device=device, dtype=dtype), requires_grad)
        made.persistent = persistent
        made._is_buffer = True
        return made


def _rebuilt(name: str, data: Tensor, requires_grad: bool) -> Any:
    """The tensor that a pickle describes."""
    cls = UninitializedParameter if name == "UninitializedParameter" else UninitializedBuffer
    return cls(requires_grad, dtype=data.dtype)


# Set afterwards, and switched on by the first such tensor: as long as there is none, operations
# need not ask the classes of their operands.
for _cls in (UninitializedParameter, UninitializedBuffer):
    setattr(_cls, "__torch_function__", classmethod(_asked))  # noqa: B010  (mypy: no such name)
