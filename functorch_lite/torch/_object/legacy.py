"""``torch.Tensor(...)``, ``torch.FloatTensor`` and its like, and ``Tensor.new``."""

from __future__ import annotations

import copyreg
import warnings
from typing import Any

import numpy as np

from functorch_lite.torch._core import dtypes
from functorch_lite.torch._core.dtypes import default
from functorch_lite.torch._core.dtypes import dtype as DType
from functorch_lite.torch._core.layout import strided
from functorch_lite.torch._core.public import FUNCTIONS, method, public
from functorch_lite.torch._core.size import Size
from functorch_lite.torch._core.tensor import Tensor, make
from functorch_lite.torch._core.view import alias
from functorch_lite.torch._ops.copying import check_device
from functorch_lite.torch._ops.creation import as_array
from functorch_lite.torch.storage import TypedStorage, UntypedStorage, over

__all__ = ["construct", "tensortype"]


def construct(
    dtype: DType, args: tuple[Any, ...], device: Any = None, typed: bool = True
) -> Tensor:
    """A tensor of sizes, of data, or over another's memory.

    Args:
        dtype: of the result.
        args: sizes; or data, a tensor or a storage.
        typed: whether a tensor of another dtype is refused.

    Raises:
        TypeError: the arguments are none of these.

    Source: ``torch.Tensor``.
    """
    if device is not None and check_device(device).type == "meta":
        raise RuntimeError(
            "legacy constructor expects device type: cpu but device type: meta was passed"
        )
    if not args:
        return make(np.empty(0, dtype.np))
    given = args[0]
    if len(args) == 1:
        if isinstance(given, Tensor):
            if typed and given.dtype is not dtype:
                raise TypeError(f"expected {_options(dtype)} (got {_options(given.dtype)})")
            return alias(given)
        if isinstance(given, (UntypedStorage, TypedStorage)):
            memory = given if isinstance(given, UntypedStorage) else given.untyped()
            if isinstance(given, TypedStorage) and given.dtype is not dtype:
                raise RuntimeError(f"expected {_options(dtype)} (got {_options(given.dtype)})")
            return over(memory, dtype, 0, (memory.nbytes() // dtype.itemsize,), (1,))
        if isinstance(given, Size):
            args = given
        elif not _is_size(given):
            return _of_data(given, dtype)
    if not all(map(_is_size, args)):
        raise TypeError(
            "new() received an invalid combination of arguments - got "
            f"({', '.join(type(a).__name__ for a in args)}), but expected one of:\n"
            " * (*, torch.device device = None)\n"
            " * (torch.Storage storage)\n"
            " * (Tensor other)\n"
            " * (tuple of ints size, *, torch.device device = None)\n"
            " * (object data, *, torch.device device = None)\n"
        )
    shape = tuple([int(n) for n in args])
    for n in shape:
        if n < 0:
            raise RuntimeError(
                f"Trying to create tensor with negative dimension {n}: {list(shape)}"
            )
    return make(np.zeros(shape, dtype.np))


def _is_size(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _of_data(data: Any, dtype: DType) -> Tensor:
    if isinstance(data, str):
        raise TypeError("new(): invalid data type 'str'")
    if isinstance(data, np.generic) or not hasattr(data, "__len__"):
        cls = type(data)
        place = "" if cls.__module__ == "builtins" else f"{cls.__module__}."
        raise TypeError(f"new(): data must be a sequence (got {place}{cls.__name__})")
    return make(as_array(data, dtype))


def _options(dtype: DType) -> str:
    return (
        f"TensorOptions(dtype={dtype.c_name}, device=cpu, layout=Strided, "
        "requires_grad=false (default), pinned_memory=false (default), memory_format=(nullopt))"
    )


def _new(cls: Any, *args: Any, device: Any = None) -> Tensor:
    out = construct(default.dtype, args, device, typed=False)
    if cls is not Tensor:
        out.__class__ = cls
    return out


Tensor.__new__ = _new  # type: ignore[method-assign, assignment]
FUNCTIONS["Tensor"] = Tensor


@method()
def new(self: Tensor, *args: Any, device: Any = None) -> Tensor:
    """A tensor of this one's dtype, made as by ``torch.Tensor``. Source: ``torch.Tensor.new``."""
    return construct(self.dtype, args, device)


# -------------------------------------------------------------------------- classes by dtype
class tensortype(type):
    """The class of ``torch.FloatTensor`` and its like: these know tensors by their dtype."""

    __module__ = "torch"
    dtype: DType

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor) and instance.dtype is cls.dtype


def _legacy(name: str, dtype: DType) -> None:
    def new(cls: Any, *args: Any, device: Any = None) -> Tensor:
        return construct(dtype, args, device)

    LEGACY[name] = FUNCTIONS[name] = tensortype(
        name, (), {"__new__": new, "__module__": "torch", "dtype": dtype, "is_cuda": False,
                   "is_sparse": False, "layout": strided},
    )  # fmt: skip


LEGACY: dict[str, type] = {}
"""Legacy tensor classes by name."""

for _name, _dtype in dtypes.TYPED_NAMES.items():
    _legacy(_name, _dtype)


def _named(name: str) -> Any:
    """The class that a pickle names."""
    return LEGACY[name]


copyreg.pickle(tensortype, lambda cls: (_named, (cls.__name__,)))


@public(methods=False)
def set_default_tensor_type(t: Any) -> None:
    """Choose the default dtype by a legacy class or its name.

    Raises:
        TypeError: its numbers are no floats.

    Source: ``torch.set_default_tensor_type``.
    """
    warnings.warn(
        "torch.set_default_tensor_type() is deprecated as of PyTorch 2.1, please use "
        "torch.set_default_dtype() and torch.set_default_device() as alternatives.",
        UserWarning,
        stacklevel=2,
    )
    if isinstance(t, str):
        name = t.removeprefix("torch.")
        if name not in LEGACY:
            raise TypeError(f"invalid type object: {t}")
        t = LEGACY[name]
    dtypes.set_default_dtype(t.dtype)
