"""The functions that pickles of PyTorch name, with every argument checked.

They carry PyTorch's names, so that what is written with them reads as PyTorch's.
"""

from __future__ import annotations

import pickle
from typing import Any

from functorch_lite.torch._core.dtypes import dtype as DType
from functorch_lite.torch._core.layout import LAYOUTS, layout
from functorch_lite.torch._core.tensor import Tensor, make
from functorch_lite.torch._meta.symbol import bare
from functorch_lite.torch._object.parameter import Parameter
from functorch_lite.torch._object.pickling import INTERNAL
from functorch_lite.torch._serialization.pickle_machine import shown
from functorch_lite.torch.storage import TypedStorage, over

__all__ = [
    "FUNCTIONS", "UNSUPPORTED", "get_layout", "rebuild_from_type",
    "rebuild_meta_tensor_no_storage", "rebuild_parameter", "rebuild_parameter_with_state",
    "rebuild_tensor", "rebuild_tensor_v2", "rebuild_tensor_v3", "set_attributes", "view_of",
]  # fmt: skip

_LIMIT = 2**63


def _sizes(given: Any, what: str) -> tuple[int, ...]:
    if not isinstance(given, tuple) or not all(
        type(n) is int and 0 <= n < _LIMIT for n in given
    ):
        raise pickle.UnpicklingError(
            f"the {what} of a tensor in the file must be a tuple of integers from 0 on, not "
            f"{shown(given)}"
        )
    return given


def _flag(given: Any) -> bool:
    if type(given) is not bool:
        raise pickle.UnpicklingError(
            f"requires_grad of a tensor in the file must be a bool, not a {type(given).__name__}"
        )
    return given


def view_of(storage: Any, dtype: DType | None, offset: Any, size: Any, stride: Any) -> Tensor:
    """The tensor of a size and stride over a storage, every element of which lies in the storage.

    Args:
        storage: a typed one.
        dtype: the storage's by default.
        offset: in elements.

    Raises:
        pickle.UnpicklingError: the arguments are no such things.
        RuntimeError: elements lie outside.
    """
    if not isinstance(storage, TypedStorage):
        raise pickle.UnpicklingError(
            f"a tensor in the file lies in a {type(storage).__name__}, not in a storage"
        )
    size, stride = _sizes(size, "size"), _sizes(stride, "stride")
    (offset,) = _sizes((offset,), "storage offset")
    if len(size) != len(stride):
        raise RuntimeError(
            f"mismatch in length of strides and shape: {len(stride)} strides for {len(size)} sizes"
        )
    try:
        return over(storage.untyped(), dtype or storage.dtype, offset, size, stride)
    except (ValueError, OverflowError) as error:
        raise RuntimeError(
            f"sizes {list(size)} and strides {list(stride)} of a tensor in the file are more than "
            f"NumPy's arrays take: {error}"
        ) from None


def _finished(t: Tensor, requires_grad: Any, metadata: Any) -> Tensor:
    if metadata is not None:
        if type(metadata) is not dict or not metadata.keys() <= {"conj", "neg"}:
            raise pickle.UnpicklingError("metadata of a tensor in the file must be of conj and neg")
        # Both are done here at once: tensors of this package never put them off.
        if metadata.get("conj") is True:
            t = t.conj_physical()
        if metadata.get("neg") is True:
            t = t.neg()
    if _flag(requires_grad):
        t.requires_grad_()
    return t


def rebuild_tensor(storage: Any, storage_offset: Any, size: Any, stride: Any) -> Tensor:
    """A tensor of old files."""
    return view_of(storage, None, storage_offset, size, stride)


def rebuild_tensor_v2(
    storage: Any, storage_offset: Any, size: Any, stride: Any, requires_grad: Any,
    backward_hooks: Any, metadata: Any = None,
) -> Tensor:  # fmt: skip
    """A tensor with the dtype of its storage."""
    return _finished(view_of(storage, None, storage_offset, size, stride), requires_grad, metadata)


def rebuild_tensor_v3(
    storage: Any, storage_offset: Any, size: Any, stride: Any, requires_grad: Any,
    backward_hooks: Any, dtype: Any, metadata: Any = None,
) -> Tensor:  # fmt: skip
    """A tensor over bytes."""
    if not isinstance(dtype, DType):
        raise pickle.UnpicklingError(
            f"the dtype of a tensor in the file is a {type(dtype).__name__}"
        )
    return _finished(view_of(storage, dtype, storage_offset, size, stride), requires_grad, metadata)


def rebuild_meta_tensor_no_storage(
    dtype: Any, size: Any, stride: Any, requires_grad: Any
) -> Tensor:
    """A tensor without memory."""
    if not isinstance(dtype, DType):
        raise pickle.UnpicklingError(
            f"the dtype of a tensor in the file is a {type(dtype).__name__}"
        )
    size, stride = _sizes(size, "size"), _sizes(stride, "stride")
    if len(size) != len(stride):
        raise RuntimeError(
            f"mismatch in length of strides and shape: {len(stride)} strides for {len(size)} sizes"
        )
    return _finished(make(bare(size, dtype.np, stride)), requires_grad, None)


def rebuild_parameter(data: Any, requires_grad: Any, backward_hooks: Any) -> Any:
    """A parameter over a tensor."""
    if not isinstance(data, Tensor):
        raise pickle.UnpicklingError(
            f"the data of a parameter in the file is a {type(data).__name__}, not a tensor"
        )
    return Parameter(data, _flag(requires_grad))


def rebuild_parameter_with_state(
    data: Any, requires_grad: Any, backward_hooks: Any, state: Any
) -> Any:
    """A parameter that a user has put attributes on."""
    return set_attributes(rebuild_parameter(data, requires_grad, backward_hooks), state)


def rebuild_from_type(func: Any, new_type: Any, args: Any, state: Any) -> Any:
    """A tensor of a subclass, or with attributes.

    Args:
        func: another of these functions.
        new_type: a class of tensors.
    """
    if not any(func is each for each in _TENSORS):
        raise pickle.UnpicklingError(
            f"Trying to call reduce for unrecognized function {shown(func)}: only the functions "
            "that rebuild tensors make one of a subclass"
        )
    if not isinstance(new_type, type) or not issubclass(new_type, Tensor):
        raise pickle.UnpicklingError(f"{shown(new_type)} in the file is no class of tensors")
    t = func(*args)
    if type(t) is not new_type:
        t.__class__ = new_type
    own = getattr(new_type, "__setstate__", None)
    if own is not getattr(Tensor, "__setstate__", None):
        t.__setstate__(state)
        return t
    return set_attributes(t, state)


def set_attributes(t: Any, state: Any) -> Any:
    """Put the attributes of a pickle on a tensor.

    Args:
        state: a dict, or a pair of dicts for ``__dict__`` and ``__slots__``.

    Raises:
        pickle.UnpicklingError: it would replace what the tensor itself is made of.
    """
    parts = state if isinstance(state, tuple) and len(state) == 2 else (state,)
    for part in parts:
        if part is None:
            continue
        if not isinstance(part, dict):
            raise pickle.UnpicklingError(
                f"the attributes of a tensor in the file are a {type(part).__name__}, not a dict"
            )
        for name, value in part.items():
            if type(name) is not str or name in INTERNAL:
                raise pickle.UnpicklingError(f"a tensor in the file has an attribute {shown(name)}")
            t.__dict__[name] = value
    return t


def get_layout(name: Any) -> layout:
    """The layout of a name such as ``torch.strided``."""
    found = LAYOUTS.get(name.removeprefix("torch.")) if isinstance(name, str) else None
    if found is None:
        raise pickle.UnpicklingError(f"the file names an unknown layout, {shown(name)}")
    return found


_TENSORS = frozenset(
    (rebuild_tensor, rebuild_tensor_v2, rebuild_tensor_v3, rebuild_meta_tensor_no_storage,
     rebuild_parameter, rebuild_parameter_with_state)
)  # fmt: skip

FUNCTIONS: dict[str, Any] = {}
"""These functions by the full names that files have for them."""

UNSUPPORTED: dict[str, str] = {
    f"torch._utils.{name}": f"functorch_lite.torch has no {what} tensors"
    for name, what in (
        ("_rebuild_sparse_tensor", "sparse"), ("_rebuild_qtensor", "quantized"),
        ("_rebuild_nested_tensor", "nested"),
        ("_rebuild_wrapper_subclass", "wrapper"), ("_rebuild_device_tensor_from_numpy", "XLA"),
        ("_rebuild_device_tensor_from_cpu_tensor", "XLA"),
    )
}  # fmt: skip
"""What PyTorch has beside them, with the reason why it is not here."""


def _name(function: Any, module: str, name: str) -> None:
    function.__module__, function.__name__, function.__qualname__ = module, name, name
    FUNCTIONS[f"{module}.{name}"] = function


for _function in _TENSORS:
    _name(_function, "torch._utils", f"_{_function.__name__}")
_name(rebuild_from_type, "torch._tensor", "_rebuild_from_type_v2")
_name(get_layout, "torch.serialization", "_get_layout")
