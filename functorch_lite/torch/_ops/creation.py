"""New tensors: from data, filled, counted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from functorch_lite.torch._core import dtypes, layout
from functorch_lite.torch._core.dtypes import default
from functorch_lite.torch._core.dtypes import dtype as DType
from functorch_lite.torch._core.public import method, public
from functorch_lite.torch._core.tensor import Tensor, make
from functorch_lite.torch._ops.copying import check_device, empty_as, laid_out
from functorch_lite.torch._ops.shape import sizes

__all__ = ["as_array", "finished", "tensor"]


def finished(data: Any, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A new tensor around raw data, with what its maker was asked for."""
    if device is not None:
        check_device(device)
    out = make(data)
    if requires_grad:
        out.requires_grad = True
    return out


# --------------------------------------------------------------------------------------- from data
def as_array(data: Any, dtype: DType | None) -> np.ndarray[Any, Any]:
    """Raw values of numbers, nested sequences, arrays or tensors, in a copy.

    Raises:
        ValueError: sequences of different lengths.
        TypeError: what is in them is no number.
    """
    if isinstance(data, Tensor):
        array = data._np
        return array.copy() if dtype is None else array.astype(dtype.np)
    if isinstance(data, np.ndarray):
        dtypes.from_np(data.dtype)
        return np.array(data, None if dtype is None else dtype.np, order="C")
    if isinstance(data, np.generic):
        dtypes.from_np(data.dtype)
        return np.array(data, None if dtype is None else dtype.np)
    shape = _shape_of(data)
    flat: list[Any] = []
    _collect(data, shape, 0, flat)
    if dtype is None:
        dtype = _dtype_of(flat)
    if dtype.kind < 3 and any(isinstance(v, complex) for v in flat):
        raise RuntimeError(f"value cannot be converted to type {dtype} without overflow")
    if dtype.kind == 1:
        return _integers(flat, dtype).reshape(shape)
    if dtype.kind == 0:
        return np.array([bool(v) for v in flat], np.bool_).reshape(shape)
    wide = np.complex128 if dtype.kind == 3 else np.float64
    with np.errstate(all="ignore"):
        return np.array(flat, wide).reshape(shape).astype(dtype.np)


def _integers(flat: list[Any], dtype: DType) -> np.ndarray[Any, Any]:
    whole = [v if v.__class__ is int else int(v) for v in flat]
    if not whole:
        return np.empty(0, dtype.np)
    low, high = min(whole), max(whole)
    if low < -(2**63) or high >= 2**64 or (high >= 2**63 and dtype is not dtypes.uint64):
        raise RuntimeError("Overflow when unpacking long long")
    limits = np.iinfo(dtype.np)
    if low < limits.min or high > limits.max:
        name = dtype.np.name if dtype is not dtypes.int64 else "int64_t"
        raise RuntimeError(f"value cannot be converted to type {name}_t without overflow")
    return np.array(whole, dtype.np)


def _shape_of(data: Any) -> tuple[int, ...]:
    found = []
    while isinstance(data, (list, tuple)) or _is_sequence(data):
        found.append(len(data))
        if not found[-1]:
            break
        data = data[0]
    if isinstance(data, Tensor):
        found.extend(data._np.shape)
    elif isinstance(data, np.ndarray):
        found.extend(data.shape)
    return tuple(found)


def _is_sequence(data: Any) -> bool:
    return (
        hasattr(data, "__len__")
        and hasattr(data, "__getitem__")
        and not isinstance(data, (str, bytes, dict, Tensor, np.ndarray, np.generic))
    )


def _collect(data: Any, shape: Sequence[int], depth: int, flat: list[Any]) -> None:
    if isinstance(data, Tensor) or isinstance(data, np.ndarray):
        array = data._np if isinstance(data, Tensor) else data
        if array.shape != tuple(shape[depth:]):
            raise ValueError(
                f"expected sequence of length {shape[depth] if depth < len(shape) else 0} at dim "
                f"{depth} (got {len(array) if array.ndim else 0})"
            )
        flat.extend(array.reshape(-1).tolist() if array.dtype.kind != "V" else
                    array.astype(np.float64).reshape(-1).tolist())  # fmt: skip
        return
    if depth < len(shape):
        if not (isinstance(data, (list, tuple)) or _is_sequence(data)):
            raise TypeError("not a sequence")
        if len(data) != shape[depth]:
            raise ValueError(
                f"expected sequence of length {shape[depth]} at dim {depth} (got {len(data)})"
            )
        for each in data:
            _collect(each, shape, depth + 1, flat)
        return
    if isinstance(data, (bool, int, float, complex)):
        flat.append(data)
    elif isinstance(data, np.generic):
        flat.append(data.item())
    elif isinstance(data, (list, tuple)):
        raise TypeError(f"must be real number, not {type(data).__name__}")
    elif isinstance(data, str):
        raise TypeError(f"new(): invalid data type '{type(data).__name__}'")
    elif data is None:
        raise RuntimeError("Could not infer dtype of NoneType")
    elif hasattr(data, "__index__"):
        flat.append(data.__index__())
    elif hasattr(data, "__float__"):
        flat.append(float(data))
    else:
        raise RuntimeError(f"Could not infer dtype of {type(data).__name__}")


def _dtype_of(flat: list[Any]) -> DType:
    if not flat:
        return default.dtype
    kinds = {v.__class__ for v in flat}
    if any(issubclass(k, complex) for k in kinds):
        return default.complex
    if any(issubclass(k, float) for k in kinds):
        return default.dtype
    return dtypes.int64 if any(k is not bool for k in kinds) else dtypes.bool


def _tensor_dtype(data: Any) -> DType | None:
    """The dtype that tensors and NumPy scalars inside sequences bring."""
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    if isinstance(data, Tensor):
        return data.dtype
    if isinstance(data, (np.ndarray, np.generic)):
        return dtypes.from_np(data.dtype)
    return None


@public("tensor", methods=False)
def tensor(
    data: Any, *, dtype: DType | None = None, device: Any = None, requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """A tensor with a copy of some data.

    Args:
        data: a number, nested sequences of them, a NumPy array or a tensor.
        dtype: by default that of the data: float numbers get the default dtype, integers int64.

    Source: ``torch.tensor``.
    """
    if dtype is None and isinstance(data, (list, tuple)):
        dtype = _tensor_dtype(data)
    return finished(as_array(data, dtype), device, requires_grad)


@public("as_tensor", methods=False)
def as_tensor(data: Any, dtype: DType | None = None, device: Any = None) -> Tensor:
    """Data as a tensor, without copying tensors and NumPy arrays. Source: ``torch.as_tensor``."""
    if isinstance(data, Tensor):
        return data if dtype is None else data.to(dtype)
    if isinstance(data, np.ndarray) and not any(s < 0 for s in data.strides):
        dtypes.from_np(data.dtype)
        found = make(data)
        return found if dtype is None else found.to(dtype)
    return tensor(data, dtype=dtype, device=device)


@public("asarray", methods=False)
def asarray(
    obj: Any, *, dtype: DType | None = None, device: Any = None, copy: bool | None = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """Data as a tensor, sharing memory if that is possible. Source: ``torch.asarray``."""
    found = tensor(obj, dtype=dtype) if copy else as_tensor(obj, dtype, device)
    if copy is False and isinstance(obj, (list, tuple)):
        raise ValueError("can't alias arbitrary sequence data as a tensor")
    if not requires_grad:
        return found.detach() if found.requires_grad else found
    return found.requires_grad_()


@public("scalar_tensor", methods=False)
def scalar_tensor(s: Any, *, dtype: DType | None = None, device: Any = None,
                  requires_grad: bool = False) -> Tensor:  # fmt: skip
    """A tensor of one number. Source: ``torch.scalar_tensor``."""
    return finished(as_array(s, dtype or default.dtype), device, requires_grad)


# ------------------------------------------------------------------------------------------ filled
def _filler(name: str, make_data: Any) -> None:
    def fill(
        *size: Any, dtype: DType | None = None, device: Any = None, requires_grad: bool = False,
        layout: Any = None, pin_memory: bool = False, names: Any = None, memory_format: Any = None,
        out: Any = None,
    ) -> Tensor:  # fmt: skip
        shape = checked_sizes(size, name)
        if out is not None:
            out.resize_(shape)
            out._np[...] = make_data((), out._np.dtype)
            return out
        np_dtype = (default.dtype if dtype is None else dtype).np
        if device is None:
            data = make_data(shape, np_dtype)
            if memory_format is not None:
                data = in_format(data, memory_format)
            made = make(data)
            if requires_grad:
                made.requires_grad = True
            return made
        return finished(make_data(shape, np_dtype), device, requires_grad)

    fill.__name__ = name
    fill.__doc__ = f"A new tensor of some sizes. Source: ``torch.{name}``."
    public(name, methods=False)(fill)

    def fill_like(
        input: Tensor, *, dtype: DType | None = None, device: Any = None,
        requires_grad: bool = False, layout: Any = None, memory_format: Any = None,
        pin_memory: bool = False,
    ) -> Tensor:  # fmt: skip
        data = filled_like(input, make_data, dtype, memory_format)
        return finished(data, device, requires_grad)

    fill_like.__name__ = f"{name}_like"
    fill_like.__doc__ = f"A new tensor like another. Source: ``torch.{name}_like``."
    public(f"{name}_like", methods=False)(fill_like)

    def new(
        self: Tensor, *size: Any, dtype: DType | None = None, device: Any = None,
        requires_grad: bool = False, layout: Any = None, pin_memory: bool = False,
    ) -> Tensor:  # fmt: skip
        np_dtype = self._np.dtype if dtype is None else dtype.np
        data = make_data(checked_sizes(size, f"new_{name}"), np_dtype)
        return finished(data, device, requires_grad)

    new.__name__ = f"new_{name}"
    new.__doc__ = f"A new tensor of this one's dtype. Source: ``torch.Tensor.new_{name}``."
    method(f"new_{name}")(new)


def checked_sizes(given: Sequence[Any], name: str) -> tuple[int, ...]:
    """Sizes of a new tensor."""
    try:
        found = sizes(given, "size")
    except TypeError:
        shown = given[0] if len(given) == 1 else given
        what = type(shown[0] if isinstance(shown, (tuple, list)) and shown else shown).__name__
        raise TypeError(
            f"{name}(): argument 'size' (position 1) must be tuple of ints, but found element of "
            f"type {what} at pos 0" if isinstance(shown, (tuple, list)) else
            f"{name}(): argument 'size' (position 1) must be tuple of ints, not {what}"
        ) from None  # fmt: skip
    for n in found:
        if n < 0:
            raise RuntimeError(
                f"Trying to create tensor with negative dimension {n}: {list(found)}"
            )
    return found


def in_format(data: Any, memory_format: Any) -> Any:
    """Raw values in a memory format."""
    if memory_format in (layout.preserve_format, layout.contiguous_format):
        return data
    return laid_out(data, memory_format)


def filled_like(t: Tensor, make_data: Any, dtype: DType | None, memory_format: Any) -> Any:
    """New raw values with the sizes, dtype and strides of a tensor."""
    array = t._np
    np_dtype = array.dtype if dtype is None else dtype.np
    data = make_data(array.shape, np_dtype)
    if memory_format not in (None, layout.preserve_format):
        return in_format(data, memory_format)
    if array.flags.c_contiguous:
        return data
    return with_strides(data, empty_as(t))


def with_strides(data: Any, stride: Sequence[int]) -> Any:
    """Values in memory of their own with given strides."""
    item = data.itemsize
    reach = 1 + sum((n - 1) * s for n, s in zip(data.shape, stride, strict=True))
    flat = np.empty(reach if data.size else 0, data.dtype)
    out = np.lib.stride_tricks.as_strided(flat, data.shape, [s * item for s in stride])
    out[...] = data
    return out


_filler("zeros", np.zeros)
_filler("ones", np.ones)
_filler("empty", np.zeros)  # contents are undefined: zeros keep runs alike


@public("full", methods=False)
def full(
    size: Any, fill_value: Any, *, dtype: DType | None = None, device: Any = None,
    requires_grad: bool = False, layout: Any = None, out: Any = None, names: Any = None,
    pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """A new tensor filled with a number. Source: ``torch.full``."""
    shape = checked_sizes((size,), "full")
    value = fill_value._np if isinstance(fill_value, Tensor) else as_array(fill_value, None)
    if out is not None:
        out.resize_(shape)
        out._np[...] = value
        return out
    np_dtype = value.dtype if dtype is None else dtype.np
    return finished(np.full(shape, value.astype(np_dtype), np_dtype), device, requires_grad)


@public("full_like", methods=False)
def full_like(
    input: Tensor, fill_value: Any, *, dtype: DType | None = None, device: Any = None,
    requires_grad: bool = False, layout: Any = None, memory_format: Any = None,
) -> Tensor:  # fmt: skip
    """A new tensor like another, filled with a number. Source: ``torch.full_like``."""
    value = fill_value._np if isinstance(fill_value, Tensor) else fill_value

    def filled(shape: Any, np_dtype: Any) -> Any:
        return np.full(shape, np.asarray(value).astype(np_dtype), np_dtype)

    return finished(filled_like(input, filled, dtype, memory_format), device, requires_grad)


@method()
def new_full(self: Tensor, size: Any, fill_value: Any, *, dtype: DType | None = None,
             device: Any = None, requires_grad: bool = False) -> Tensor:  # fmt: skip
    """A new tensor of this one's dtype. Source: ``torch.Tensor.new_full``."""
    return full(size, fill_value, dtype=dtype or self.dtype, device=device,
                requires_grad=requires_grad)  # fmt: skip


@method()
def new_tensor(self: Tensor, data: Any, *, dtype: DType | None = None, device: Any = None,
               requires_grad: bool = False) -> Tensor:  # fmt: skip
    """A copy of some data in this tensor's dtype. Source: ``torch.Tensor.new_tensor``."""
    return finished(as_array(data, dtype or self.dtype), device, requires_grad)


@public("empty_strided", methods=False)
def empty_strided(size: Any, stride: Any, *, dtype: DType | None = None, device: Any = None,
                  requires_grad: bool = False) -> Tensor:  # fmt: skip
    """A new tensor with given strides. Source: ``torch.empty_strided``."""
    data = np.zeros(tuple(size), (dtype or default.dtype).np)
    return finished(with_strides(data, tuple(stride)), device, requires_grad)


@method()
def new_empty_strided(self: Tensor, size: Any, stride: Any, dtype: DType | None = None,
                      device: Any = None, requires_grad: bool = False) -> Tensor:  # fmt: skip
    """A new tensor of this one's dtype. Source: ``torch.Tensor.new_empty_strided``."""
    data = np.zeros(tuple(size), self._np.dtype if dtype is None else dtype.np)
    return finished(with_strides(data, tuple(stride)), device, requires_grad)


# ----------------------------------------------------------------------------------------- counted
def _number_dtype(*values: Any) -> DType:
    if all(isinstance(v, int) or (isinstance(v, Tensor) and not v.dtype.is_floating_point)
           for v in values):  # fmt: skip
        return dtypes.int64
    return default.dtype


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, Tensor) else value


@public("arange", methods=False)
def arange(
    start: Any, end: Any = None, step: Any = 1, *, dtype: DType | None = None, device: Any = None,
    requires_grad: bool = False, layout: Any = None, out: Any = None, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """Numbers from ``start`` to before ``end``. Source: ``torch.arange``."""
    if end is None:
        start, end = 0, start
    if dtype is None:
        dtype = _number_dtype(start, end, step)
    a, b, s = _plain(start), _plain(end), _plain(step)
    if s == 0:
        raise RuntimeError("step must be nonzero")
    if (b - a) * s < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    if not all(math.isfinite(v) for v in (a, b)):
        raise RuntimeError(f"unsupported range: {a} -> {b}")
    if dtype.kind == 1:
        a, b, s = int(a), int(b), int(s)
        count = -(-(b - a) // s)
        data = (np.arange(count, dtype=np.int64) * s + a).astype(dtype.np)
    else:
        count = math.ceil((b - a) / s)
        data = (a + np.arange(count, dtype=np.float64) * s).astype(dtype.np)
    made = finished(data, device, requires_grad)
    return made if out is None else out.resize_(made._np.shape).copy_(made)


@public("linspace", methods=False)
def linspace(
    start: Any, end: Any, steps: int, *, dtype: DType | None = None, device: Any = None,
    requires_grad: bool = False, layout: Any = None,
) -> Tensor:  # fmt: skip
    """Evenly spaced numbers, ends included. Source: ``torch.linspace``."""
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    dtype = default.dtype if dtype is None else dtype
    a, b = _plain(start), _plain(end)
    if dtype.kind == 1:
        a, b = int(a), int(b)
        step = (b - a) / (steps - 1) if steps > 1 else 0.0
        i = np.arange(steps)
        data = np.where(i < steps // 2, a + step * i, b - step * (steps - 1 - i))
        return finished(np.trunc(data).astype(dtype.np), device, requires_grad)
    # Computed in the dtype itself, from both ends, as PyTorch does.
    wide = np.dtype(np.float32) if dtype.itemsize == 2 else dtype.np
    one = wide.type
    low, high = one(a), one(b)
    step = (high - low) / one(steps - 1) if steps > 1 else one(0)  # type: ignore[assignment]
    i = np.arange(steps).astype(wide)
    data = np.where(
        np.arange(steps) < steps // 2, low + step * i, high - step * (one(steps - 1) - i)
    )
    return finished(data.astype(dtype.np), device, requires_grad)


@public("logspace", methods=False)
def logspace(
    start: Any, end: Any, steps: int, base: float = 10.0, *, dtype: DType | None = None,
    device: Any = None, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """Powers of ``base`` with evenly spaced exponents. Source: ``torch.logspace``."""
    found = linspace(start, end, steps, dtype=dtype)
    data = np.power(np.asarray(base, found._np.dtype), found._np).astype(found._np.dtype)
    return finished(data, device, requires_grad)


@public("eye", methods=False)
def eye(n: int, m: int | None = None, *, dtype: DType | None = None, device: Any = None,
        requires_grad: bool = False) -> Tensor:  # fmt: skip
    """Ones on the diagonal. Source: ``torch.eye``."""
    if n < 0:
        raise RuntimeError(f"n must be greater or equal to 0, got {n}")
    data = np.eye(n, m, dtype=(default.dtype if dtype is None else dtype).np)
    return finished(data, device, requires_grad)
