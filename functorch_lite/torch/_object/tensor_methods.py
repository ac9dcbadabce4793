"""What Python and NumPy ask of a tensor: its text, its truth, numbers, iteration, arrays."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from functorch_lite.torch import storage
from functorch_lite.torch._core import dtypes
from functorch_lite.torch._core.layout import preserve_format, strided
from functorch_lite.torch._core.public import FUNCTIONS, method, overrides, public
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch._meta.symbol import is_meta
from functorch_lite.torch._object import legacy, mapping, pickling, subclass
from functorch_lite.torch._object.printing import tensor_text, value_suffixes
from functorch_lite.torch._ops.copying import CPU, META, from_numpy, numpy

__all__ = ["text"]

_siblings = (legacy, mapping, pickling, storage, subclass)


# -------------------------------------------------------------------------------------------- text
def text(t: Tensor) -> str:
    """A tensor as PyTorch prints it.

    Args:
        t: any tensor; one of a subclass shows the name of its class.

    Returns:
        its numbers, and of dtype, size and graph what is not plain.

    >>> print(text(from_numpy(np.ones(2, np.float64))))
    tensor([1., 1.], dtype=torch.float64)

    Source: ``torch.Tensor.__repr__``.
    """
    if overrides.known:
        shown = overrides.values_asked(t, "text")
        if shown is not None:
            return shown
    cls = type(t)
    prefix = "tensor(" if cls in PLAIN else f"{cls.__name__}("
    name = t.dtype._name
    suffixes = value_suffixes(t._np.shape, name, dtypes.default.dtype._name)
    fn = t.grad_fn
    if fn is not None:
        suffixes.append(f"grad_fn=<{fn.name()}>")
    elif t._rg:
        suffixes.append("requires_grad=True")
    return tensor_text(t._np, name, prefix=prefix, suffixes=suffixes)


PLAIN: set[type] = {Tensor}
"""Classes whose instances print as ``tensor(...)``."""


def _repr(self: Tensor, *, tensor_contents: Any = None) -> str:
    return text(self)


def _format(self: Tensor, spec: str) -> str:
    if not self._np.shape and type(self) is Tensor and not is_meta(self):
        return format(self.item(), spec)
    return object.__format__(self, spec)


# -------------------------------------------------------------------------- truth, numbers, length
def _bool(self: Tensor) -> bool:
    if overrides.known:
        known = overrides.values_asked(self, "bool")
        if known is not None:
            return known
    array = self._np
    if array.size != 1:
        kind = "more than one value" if array.size else "no values"
        raise RuntimeError(f"Boolean value of Tensor with {kind} is ambiguous")
    return bool(array.item())


def _number(self: Tensor) -> Any:
    if self._np.size != 1:
        raise ValueError("only one element tensors can be converted to Python scalars")
    return self.item()


def _real_number(self: Tensor, name: str) -> Any:
    value = _number(self)
    if value.__class__ is complex:
        if value.imag:
            raise RuntimeError(f"value cannot be converted to type {name} without overflow")
        return value.real
    return value


def _int(self: Tensor) -> int:
    return int(_real_number(self, "int64_t"))


def _float(self: Tensor) -> float:
    if overrides.known:
        overrides.values_asked(self)
    array = self._np
    if array.size == 1 and array.dtype.kind == "f":
        return float(array.item())
    return float(_real_number(self, "double"))


def _complex(self: Tensor) -> complex:
    return complex(_number(self))


def _index(self: Tensor) -> int:
    if overrides.known:
        overrides.values_asked(self)
    array = self._np
    if array.size != 1 or array.dtype.kind not in "iub":
        raise TypeError("only integer tensors of a single element can be converted to an index")
    return operator.index(array.item())


def _len(self: Tensor) -> int:
    shape = self._np.shape
    if not shape:
        raise TypeError("len() of a 0-d tensor")
    return shape[0]


def _iter(self: Tensor) -> Iterator[Tensor]:
    if not self._np.shape:
        raise TypeError("iteration over a 0-d tensor")
    return iter(self.unbind(0))


def _reversed(self: Tensor) -> Tensor:
    if not self._np.shape:
        return self
    return self.flip(0)


def _contains(self: Tensor, element: Any) -> bool:
    if isinstance(element, (Tensor, bool, int, float, complex)):
        return bool((element == self).any())  # type: ignore[attr-defined]
    raise RuntimeError(
        f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(element)}."
    )


@public(methods=False)
def is_nonzero(input: Tensor) -> bool:
    """Whether the only element is not zero. Source: ``torch.is_nonzero``."""
    return _bool(input)


method("is_nonzero")(_bool)


# ------------------------------------------------------------------------------------------- NumPy
def _array(self: Tensor, dtype: Any = None, copy: bool | None = None) -> Any:
    found = numpy(self)
    if dtype is not None and found.dtype != dtype:
        if copy is False:
            raise ValueError("Unable to avoid copy while creating an array as requested.")
        return found.astype(dtype)
    return found.copy() if copy else found


def _array_wrap(self: Tensor, array: Any, context: Any = None, scalar: bool = False) -> Tensor:
    # PyTorch keeps what comparisons of NumPy say as bytes.
    array = np.asarray(array)
    return from_numpy(array.astype(np.uint8) if array.dtype == np.bool_ else array)


# ----------------------------------------------------------------------------------- what it is
def is_tensor(obj: Any) -> bool:
    """Whether an object is a tensor.

    >>> is_tensor(3)
    False

    Source: ``torch.is_tensor``.
    """
    return isinstance(obj, Tensor)


# Not by ``public``: no class has a say in this.
FUNCTIONS["is_tensor"] = is_tensor


def _of_tensor(name: str, answer: Callable[[Tensor], bool], doc: str) -> None:
    def ask(input: Tensor) -> bool:
        if not isinstance(input, Tensor):
            raise TypeError(
                f"{name}(): argument 'input' (position 1) must be Tensor, not "
                f"{type(input).__name__}"
            )
        return answer(input)

    ask.__name__ = name
    ask.__doc__ = f"Whether {doc}. Source: ``torch.{name}``."
    public(name)(ask)


_of_tensor("is_floating_point", lambda t: t.dtype.is_floating_point, "elements are real floats")
_of_tensor("is_complex", lambda t: t.dtype.is_complex, "elements are complex")
_of_tensor("is_signed", lambda t: t.dtype.is_signed, "elements can be negative")
_of_tensor("is_inference", lambda t: t._inference, "it was made in inference mode")
_of_tensor("is_conj", lambda t: False, "conjugation is still to be done; it never is")
_of_tensor("is_neg", lambda t: False, "negation is still to be done; it never is")


@public()
def resolve_conj(input: Tensor) -> Tensor:
    """The tensor itself: its conjugation is never put off. Source: ``torch.resolve_conj``."""
    return input


@public()
def resolve_neg(input: Tensor) -> Tensor:
    """The tensor itself: its negation is never put off. Source: ``torch.resolve_neg``."""
    return input


@method()
def data_ptr(self: Tensor) -> int:
    """The address of the first element. Source: ``torch.Tensor.data_ptr``."""
    array = self._np
    return 0 if is_meta(self) or not array.size else array.__array_interface__["data"][0]


@method()
def element_size(self: Tensor) -> int:
    """Bytes of an element. Source: ``torch.Tensor.element_size``."""
    return self._np.itemsize


@method()
def get_device(self: Tensor) -> int:
    """The index of the device; -1 for the CPU. Source: ``torch.Tensor.get_device``."""
    return -1


@method()
def dim_order(self: Tensor) -> tuple[int, ...]:
    """The dimensions from the largest stride down. Source: ``torch.Tensor.dim_order``."""
    strides = self._np.strides
    return tuple(sorted(range(len(strides)), key=lambda i: -strides[i]))


@method()
def is_set_to(self: Tensor, tensor: Tensor) -> bool:
    """Whether another tensor is the same memory, seen alike. Source: ``torch.Tensor.is_set_to``."""
    a, b = self._np, tensor._np
    return (
        a.shape == b.shape and a.strides == b.strides and self._offset == tensor._offset
        and storage.untyped(self) is storage.untyped(tensor)
    )  # fmt: skip


@method()
def is_same_size(self: Tensor, other: Tensor) -> bool:
    """Whether the sizes are another tensor's. Source: ``torch.Tensor.is_same_size``."""
    if not isinstance(other, Tensor):
        raise TypeError(
            "is_same_size(): argument 'other' (position 1) must be Tensor, not "
            f"{type(other).__name__}"
        )
    return self._np.shape == other._np.shape


# ----------------------------------------------------------------------------------------- devices
@method()
def cpu(self: Tensor, memory_format: Any = preserve_format) -> Tensor:
    """The tensor itself: it is on the CPU. Source: ``torch.Tensor.cpu``."""
    return self.to("cpu", memory_format=memory_format)


def _accelerator(name: str) -> None:
    def move(self: Tensor, device: Any = None, non_blocking: bool = False, **_: Any) -> Tensor:
        raise AssertionError(f"Torch not compiled with {name.upper()} enabled")

    move.__name__ = name
    move.__doc__ = f"Fails: there is no such device here. Source: ``torch.Tensor.{name}``."
    method(name)(move)


_accelerator("cuda")
_accelerator("xpu")


@method()
def pin_memory(self: Tensor, device: Any = None) -> Tensor:
    """Fails: only accelerators profit from pinned memory. Source: ``torch.Tensor.pin_memory``."""
    raise RuntimeError("Cannot access accelerator device when none is available.")


@method()
def is_pinned(self: Tensor, device: Any = None) -> bool:
    """False: there is no accelerator. Source: ``torch.Tensor.is_pinned``."""
    return False


def _dir(self: Tensor) -> list[str]:
    found = set(object.__dir__(self)) - pickling.INTERNAL
    return sorted(found)


def _grad_dtype(self: Tensor) -> Any:
    if not self.is_leaf:
        raise RuntimeError("grad_dtype can only be accessed on leaf tensors.")
    return self.dtype


def _install() -> None:
    for name, f in (
        ("repr", _repr), ("format", _format), ("bool", _bool), ("int", _int), ("float", _float),
        ("complex", _complex), ("index", _index), ("len", _len), ("iter", _iter),
        ("reversed", _reversed), ("contains", _contains), ("array", _array),
        ("array_wrap", _array_wrap), ("dir", _dir),
    ):  # fmt: skip
        setattr(Tensor, f"__{name}__", f)
    for name, read in (
        ("nbytes", lambda t: t._np.size * t._np.itemsize), ("itemsize", lambda t: t._np.itemsize),
        ("device", lambda t: META if is_meta(t) else CPU), ("layout", lambda t: strided),
        ("is_cpu", lambda t: not is_meta(t)), ("is_meta", is_meta), ("grad_dtype", _grad_dtype),
    ):  # fmt: skip
        setattr(Tensor, name, property(read))
    for name in (
        "cuda sparse sparse_csr quantized mps mkldnn xpu vulkan ipu xla mtia maia nested"
    ).split():
        setattr(Tensor, f"is_{name}", property(lambda t: False))
    Tensor.__module__ = "torch"


_install()
