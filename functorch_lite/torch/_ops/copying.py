"""Copies, conversions of dtype and layout, and the ways to NumPy and to Python numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.torch._core import dtypes, layout
from functorch_lite.torch._core.device import device as Device
from functorch_lite.torch._core.dtypes import PYTHON_TYPES
from functorch_lite.torch._core.dtypes import dtype as DType
from functorch_lite.torch._core.inplace import bump, check_inplace, ready, write_by_formula
from functorch_lite.torch._core.node import attach
from functorch_lite.torch._core.op import formula, wants_grad
from functorch_lite.torch._core.order import as_laid, in_order, is_dense, iteration_order
from functorch_lite.torch._core.public import method, overrides, public
from functorch_lite.torch._core.tensor import (
    Tensor,
    is_symbol,
    make,
    memory,
    share,
    strides_of,
)
from functorch_lite.torch._core.view import contiguous_strides
from functorch_lite.torch._meta.refusals import no_copy
from functorch_lite.torch._meta.symbol import MetaSymbol, bare, bare_like, is_meta

__all__ = ["cast", "empty_as"]

CPU, META = Device("cpu"), Device("meta")
_CHANNELS = {4: (0, 2, 3, 1), 5: (0, 2, 3, 4, 1)}


# -------------------------------------------------------------------------------------- dtypes
def cast(t: Tensor, dtype: DType) -> Tensor:
    """The values in another dtype; the tensor itself if it has that."""
    array = t._np
    if array.dtype == dtype.np:
        return t
    return converted(t, converted_data(array, dtype))


def converted_data(array: Any, dtype: DType) -> Any:
    """Raw values in another dtype, as PyTorch converts them."""
    with np.errstate(all="ignore"):
        if array.dtype.kind == "c" and dtype.kind < 3:
            array = array.real
        made = array.astype(dtype.np)
    if not array.flags.c_contiguous:
        return in_order(made, (array,))
    return as_laid(made, array) if 1 in array.shape and array.ndim > 1 else made


def converted(t: Tensor, data: Any) -> Tensor:
    """A copy of a tensor with other raw data, and the gradient of a copy."""
    out = make(data)
    if wants_grad((t,)) and data.dtype.kind in "fcV":
        source = t.dtype
        attach(out, formula("ToCopyBackward0", (t,), lambda g: cast(g, source)))
    return out


@method()
def to(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """Converted to a dtype and a device; the tensor itself if it has both.

    Source: ``torch.Tensor.to``.
    """
    dtype, device, copy, memory_format = target_of(args, kwargs)
    if device is not None and (check_device(device).type == "meta") is not is_meta(self):
        return _moved(self, device, dtype, memory_format)
    have = self.dtype
    if not copy and (dtype is None or dtype is have):
        if memory_format in (None, layout.preserve_format) or is_laid_out(self, memory_format):
            return self
    data = self._np if dtype is None or dtype is have else converted_data(self._np, dtype)
    if data is self._np:
        data = data.copy(order="K")
    if memory_format not in (None, layout.preserve_format):
        data = laid_out(data, memory_format)
    return converted(self, data)


def _moved(t: Tensor, device: Any, dtype: DType | None, memory_format: Any) -> Tensor:
    """The same without memory.

    Raises:
        NotImplementedError: it has none, and would have to get some.
    """
    if is_meta(t):
        raise no_copy()
    strides = dense_strides(t._np) if not is_dense(t._np) else strides_of(t._np)
    data: Any = bare(t._np.shape, (t.dtype if dtype is None else dtype).np, strides)
    if memory_format not in (None, layout.preserve_format):
        data = laid_out(data, memory_format)
    out = make(data)
    if wants_grad((t,)) and data.dtype.kind in "fcV":
        source, place = t.dtype, t.device
        attach(out, formula("ToCopyBackward0", (t,), lambda g: g.to(place, source)))
    return out


_TO = {"dtype", "device", "non_blocking", "copy", "memory_format"}


def target_of(args: Any, kwargs: Any) -> tuple[Any, Any, bool, Any]:
    """What ``to`` is asked for: dtype, device, copy, memory format.

    Raises:
        TypeError: it does not take such arguments.
    """
    if not kwargs.keys() <= _TO:
        raise _wrong_target(args, kwargs)
    dtype = kwargs.get("dtype")
    device = kwargs.get("device")
    rest: list[bool] = []
    for a in args:
        if isinstance(a, DType):
            dtype = a
        elif isinstance(a, Tensor):
            dtype, device = a.dtype, a.device
        elif isinstance(a, (str, Device)) or (a.__class__ is int and device is None and not rest):
            device = a
        elif isinstance(a, bool):
            rest.append(a)
        elif a.__class__ is type and a in PYTHON_TYPES:
            dtype = PYTHON_TYPES[a]
        elif a is not None:
            raise _wrong_target(args, kwargs)
    copy = bool(kwargs.get("copy", rest[1] if len(rest) > 1 else False))
    return dtype, device, copy, kwargs.get("memory_format")


def _wrong_target(args: Any, kwargs: Any) -> TypeError:
    """What ``to`` says of arguments that it does not take."""
    given = [type(x).__name__ for x in args]
    given += [f"{name}={type(x).__name__}" for name, x in kwargs.items()]
    return TypeError(
        f"to() received an invalid combination of arguments - got ({', '.join(given)}), but "
        "expected one of:\n"
        " * (torch.device device = None, torch.dtype dtype = None, bool non_blocking = "
        "False, bool copy = False, *, torch.memory_format memory_format = None)\n"
        " * (torch.dtype dtype, bool non_blocking = False, bool copy = False, *, "
        "torch.memory_format memory_format = None)\n"
        " * (Tensor tensor, bool non_blocking = False, bool copy = False, *, "
        "torch.memory_format memory_format = None)\n"
    )


def check_device(device: Any) -> Any:
    """A device that is there.

    Raises:
        RuntimeError, AssertionError: it is not.
    """
    found = device if isinstance(device, Device) else Device(device)
    if found.type == "cuda":
        raise AssertionError("Torch not compiled with CUDA enabled")
    if found.type not in ("cpu", "meta"):
        raise RuntimeError(
            f"Could not run 'aten::empty.memory_format' with arguments from the "
            f"'{found.type.upper()}' backend; tensors live on the CPU here."
        )
    return found


def placed(data: Any, device: Any) -> Any:
    """New raw values on a device: without memory if it is ``meta``.

    Raises:
        NotImplementedError: they have none, and would have to get some.
    """
    if device is None:
        return data
    if check_device(device).type != "meta":
        if data.__class__ is MetaSymbol:
            raise no_copy()
        return data
    return data if is_symbol(data) else bare_like(data)


def maker_on(device: Any, make_data: Any) -> Any:
    """What makes new raw values of a shape and dtype on a device."""
    if device is None or check_device(device).type != "meta":
        return make_data
    return bare


def _conversion(name: str, dtype: DType) -> None:
    def convert(self: Tensor, memory_format: Any = None) -> Tensor:
        if memory_format is not None:
            return self.to(dtype, memory_format=memory_format)
        return cast(self, dtype)

    convert.__name__ = name
    convert.__doc__ = f"Converted to ``{dtype}``. Source: ``torch.Tensor.{name}``."
    method(name)(convert)


for _name, _dtype in (
    ("float", dtypes.float32), ("double", dtypes.float64), ("half", dtypes.float16),
    ("bfloat16", dtypes.bfloat16), ("long", dtypes.int64), ("int", dtypes.int32),
    ("short", dtypes.int16), ("char", dtypes.int8), ("byte", dtypes.uint8), ("bool", dtypes.bool),
    ("cfloat", dtypes.complex64), ("cdouble", dtypes.complex128),
):  # fmt: skip
    _conversion(_name, _dtype)


@method()
def type_as(self: Tensor, other: Tensor) -> Tensor:
    """Converted to the dtype of another tensor. Source: ``torch.Tensor.type_as``."""
    if is_meta(self) is not is_meta(other):
        return _moved(self, other.device, other.dtype, None)
    return cast(self, other.dtype)


@method("type")
def type_(self: Tensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    """The name of its legacy type, or converted to one. Source: ``torch.Tensor.type``."""
    if dtype is None:
        place = "meta." if is_meta(self) else ""
        return f"torch.{place}{self.dtype.scalar_name}Tensor"
    if isinstance(dtype, str):
        found = dtypes.TYPED_NAMES.get(dtype.removeprefix("torch."))
    else:
        found = getattr(dtype, "dtype", dtype)
    if not isinstance(found, DType):
        raise ValueError(f"invalid type: '{getattr(dtype, '__name__', dtype)}'")
    return cast(self, found)


# --------------------------------------------------------------------------------- memory formats
def is_laid_out(t: Tensor, memory_format: Any = layout.contiguous_format) -> bool:
    """Whether elements lie in memory as a format has them."""
    array = t._np
    if memory_format in (layout.contiguous_format, layout.preserve_format):
        return bool(array.flags.c_contiguous)
    order = _CHANNELS.get(array.ndim)
    wanted = 4 if memory_format is layout.channels_last else 5
    return order is not None and array.ndim == wanted and array.transpose(order).flags.c_contiguous


def laid_out(array: Any, memory_format: Any) -> Any:
    """A copy of raw values in a memory format."""
    if memory_format is layout.contiguous_format:
        return tidy(array)
    order = _CHANNELS[4 if memory_format is layout.channels_last else 5]
    if array.ndim != len(order):
        raise RuntimeError(f"required rank {len(order)} tensor to use {memory_format} format")
    moved = array.transpose(order)
    moved = moved.laid_out() if is_symbol(moved) else np.ascontiguousarray(moved)
    return moved.transpose(np.argsort(order))


def lies_by_channels(array: Any) -> bool:
    """Whether strides are those of channels last, as PyTorch guesses it for results."""
    order = _CHANNELS.get(array.ndim)
    if order is None or not array.size or not array.strides[1]:
        return False
    least = 0
    for d in reversed(order):
        stride = array.strides[d]
        if stride < least or (not d and least == array.strides[1]):
            return False
        least = stride * array.shape[d]
    return True


def tidy(data: Any) -> Any:
    """Raw values laid out row by row, with the strides that PyTorch has for sizes of 1, too."""
    if is_symbol(data):
        return data.laid_out()
    if not data.flags.c_contiguous:
        return np.ascontiguousarray(data)
    return np.ndarray(data.shape, data.dtype, data) if 1 in data.shape else data


@method()
def is_contiguous(self: Tensor, memory_format: Any = layout.contiguous_format) -> bool:
    """Whether elements lie in memory row by row. Source: ``torch.Tensor.is_contiguous``."""
    return is_laid_out(self, memory_format)


@method()
def contiguous(self: Tensor, memory_format: Any = layout.contiguous_format) -> Tensor:
    """The tensor itself if it is contiguous, else a copy. Source: ``torch.Tensor.contiguous``."""
    if is_laid_out(self, memory_format):
        return self
    return self.clone(memory_format=memory_format)


@public("clone")
def clone(input: Tensor, *, memory_format: Any = layout.preserve_format) -> Tensor:
    """A copy in memory of its own. Source: ``torch.clone``."""
    array = input._np
    if memory_format is layout.preserve_format or memory_format is None:
        data = dense_copy(array)
    else:
        data = laid_out(array, memory_format)
        data = data.copy(order="K") if np.may_share_memory(data, array) else data
    out = make(data)
    if wants_grad((input,)):
        attach(out, formula("CloneBackward0", (input,), _same))
    return out


def _same(g: Tensor) -> Tensor:
    return g


def dense_copy(array: Any) -> Any:
    """A copy with the same strides if these cover memory without gaps or overlaps, else with the
    dimensions in the same order.
    """
    if is_symbol(array):
        return array.copy("K")
    if array.flags.c_contiguous:
        made = array.copy()
    elif is_dense(array):
        made = array.copy(order="K")
    else:
        item = array.itemsize
        made = np.lib.stride_tricks.as_strided(
            np.empty(array.size, array.dtype), array.shape,
            [n * item for n in dense_strides(array)],
        )  # fmt: skip
        made[...] = array
        return made
    if made.strides != array.strides and array.size:  # of dimensions of size 1
        made = np.lib.stride_tricks.as_strided(made, array.shape, array.strides)
    return made


def empty_as(t: Tensor) -> tuple[int, ...]:
    """The strides of a new tensor like this one."""
    array = t._np
    return strides_of(array) if is_dense(array) else dense_strides(array)


def dense_strides(array: Any) -> tuple[int, ...]:
    """Strides, in elements, of a dense array whose dimensions lie in the same order."""
    order = iteration_order(array.shape, (array,))
    if order is None:
        return contiguous_strides(array.shape)
    found, step = [0] * array.ndim, 1
    for d in order:
        found[d] = step
        step *= max(array.shape[d], 1)
    return tuple(found)


# --------------------------------------------------------------------------------- in place
@method("copy_")
def copy_(self: Tensor, src: Any, non_blocking: bool = False) -> Tensor:
    """Take the values of another tensor, broadcast. Source: ``torch.Tensor.copy_``."""
    if not isinstance(src, Tensor):
        if not isinstance(src, (bool, int, float, complex)):
            kind = type(src)
            name = kind.__name__ if kind.__module__ == "builtins" else (
                f"{kind.__module__}.{kind.__name__}"
            )  # fmt: skip
            raise TypeError(f"copy_(): argument 'other' (position 1) must be Tensor, not {name}")
        src = make(np.asarray(src))
    array = self._np
    data = src._np
    recorded = wants_grad((self, src)) and array.dtype.kind in "fcV"
    if not recorded and same_elements(self, src):
        check_inplace(self, False)
        bump(self)
        return self
    ready(self, (src,), recorded)
    if data.dtype != array.dtype:
        data = converted_data(data, self.dtype)
    if data.shape != array.shape:
        try:
            data = np.broadcast_to(data, array.shape)
        except ValueError:
            raise _no_broadcast(data, array) from None
    if np.may_share_memory(data, array):
        data = data.copy()
    dtype = src.dtype
    return write_by_formula(
        self, data, (src,), "CopyBackwards", lambda g: (zeros_like_of(g), cast(g, dtype))
    )


def same_elements(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors are the same elements of one memory."""
    x, y = a._np, b._np
    if x is y:
        return True
    shared = a._memory is not None and a._memory is b._memory
    return shared and (x.shape, x.strides, a._offset) == (y.shape, y.strides, b._offset)


def _no_broadcast(data: Any, array: Any) -> RuntimeError:
    """Why values cannot be broadcast into a tensor."""
    x, y = array.shape, data.shape
    for i in range(1, min(len(x), len(y)) + 1):
        if x[-i] != y[-i] and 1 not in (x[-i], y[-i]):
            return RuntimeError(
                f"The size of tensor a ({x[-i]}) must match the size of tensor b ({y[-i]}) at "
                f"non-singleton dimension {max(len(x), len(y)) - i}"
            )
    return RuntimeError(
        f"output with shape {list(x)} doesn't match the broadcast shape "
        f"{list(np.broadcast_shapes(x, y))}"
    )


def zeros_like_of(t: Tensor) -> Tensor:
    """Zeros of its shape and dtype."""
    return make(np.zeros(t._np.shape, t._np.dtype))


# -------------------------------------------------------------------------------------- leaving
@public("detach")
def detach(input: Tensor) -> Tensor:
    """The same memory, outside of the graph. Source: ``torch.Tensor.detach``."""
    return share(input, input._np, input._offset)


@method("detach_")
def detach_(self: Tensor) -> Tensor:
    """Take it out of the graph. Source: ``torch.Tensor.detach_``."""
    if self._view is not None:
        raise RuntimeError(
            "Can't detach views in-place. Use detach() instead. If you are using "
            "DistributedDataParallel (DDP) for training, and gradient_as_bucket_view is set as "
            "True, gradients are views of DDP buckets, and hence detach_() cannot be called on "
            "these gradients. To fix this error, please refer to the Optimizer.zero_grad() "
            "function in torch/optim/optimizer.py as a solution."
        )
    self._fn, self._nr, self._rg = None, 0, False
    return self


def _get_data(self: Tensor) -> Tensor:
    out = make(self._np)
    out._memory = memory(self)
    out._offset = self._offset
    return out


def _set_data(self: Tensor, value: Tensor) -> None:
    if overrides.known:
        overrides.refuse("an assignment to Tensor.data")
    if not isinstance(value, Tensor):
        raise TypeError(f"Variable data has to be a tensor, but got {type(value).__name__}")
    if is_meta(value) is not is_meta(self):
        raise RuntimeError(
            "Attempted to call `variable.set_data(tensor)`, but `variable` and `tensor` have "
            "incompatible tensor type."
        )
    self._np = value._np
    self._memory = memory(value)
    self._offset = value._offset


Tensor.data = property(
    _get_data, _set_data, doc="The same memory, outside of the graph and of the checks of versions."
)


@method()
def numpy(self: Tensor, *, force: bool = False) -> Any:
    """A NumPy array over the same memory.

    Raises:
        RuntimeError: it requires a gradient, and ``force`` is not given.

    Source: ``torch.Tensor.numpy``.
    """
    if self.requires_grad and not force:
        raise RuntimeError(
            "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."
        )
    if self._np.dtype.kind == "V" or self._np.dtype.name == "bfloat16":
        raise TypeError(f"Got unsupported ScalarType {self.dtype.scalar_name}")
    return self._np


@public("from_numpy", methods=False)
def from_numpy(ndarray: Any) -> Tensor:
    """A tensor over the memory of a NumPy array.

    Raises:
        TypeError: no array, or of a dtype that PyTorch has not.
        ValueError: negative strides.

    Source: ``torch.from_numpy``.
    """
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    dtypes.from_np(ndarray.dtype)
    refuse_negative_strides(ndarray)
    return make(ndarray if ndarray.__class__ is np.ndarray else ndarray.view(np.ndarray))


def refuse_negative_strides(array: Any) -> None:
    """Refuse what no tensor can be a view of.

    Raises:
        ValueError: a stride is negative.
    """
    if any(s < 0 for s in array.strides):
        raise ValueError(
            "At least one stride in the given numpy array is negative, and tensors with negative "
            "strides are not currently supported. (You can probably work around this by making a "
            "copy of your array  with array.copy().) "
        )


@method()
def item(self: Tensor) -> Any:
    """The only element as a Python number.

    Raises:
        RuntimeError: there are more elements, or none.

    Source: ``torch.Tensor.item``.
    """
    array = self._np
    if array.size != 1:
        raise RuntimeError(f"a Tensor with {array.size} elements cannot be converted to Scalar")
    value = array.item()
    return value if isinstance(value, (bool, int, float, complex)) else float(value)


@method()
def tolist(self: Tensor) -> Any:
    """Nested lists of Python numbers. Source: ``torch.Tensor.tolist``."""
    array = self._np
    if array.dtype.kind == "V" or array.dtype.itemsize == 2 and array.dtype.kind not in "iub":
        return array.astype(np.float64).tolist()
    return array.tolist()
