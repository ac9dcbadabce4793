"""New tensors: from data, filled, counted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from functorch_lite.torch._core import dlpack, dtypes, layout
from functorch_lite.torch._core.dtypes import default
from functorch_lite.torch._core.dtypes import dtype as DType
from functorch_lite.torch._core.inplace import bump, check_inplace
from functorch_lite.torch._core.promotion import number_dtype, promote_types
from functorch_lite.torch._core.public import method, public
from functorch_lite.torch._core.tensor import Tensor, make
from functorch_lite.torch._meta.symbol import MetaSymbol, bare, is_meta
from functorch_lite.torch._ops.axes import wrong_arguments
from functorch_lite.torch._ops.copying import (
    converted_data,
    empty_as,
    from_numpy,
    laid_out,
    maker_on,
    placed,
    refuse_negative_strides,
)
from functorch_lite.torch._ops.index_write import as_value
from functorch_lite.torch._ops.nested import collect, integers, shape_of
from functorch_lite.torch._ops.shape import sizes

__all__ = ["as_array", "finished", "tensor"]


def finished(data: Any, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A new tensor around raw data, with what its maker was asked for."""
    out = make(data if device is None else placed(data, device))
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
    if not isinstance(data, (Tensor, np.ndarray)) and hasattr(data, "__dlpack__"):
        data = dlpack.read(data)
    if isinstance(data, (Tensor, np.ndarray, np.generic)):
        array = data._np if isinstance(data, Tensor) else np.asarray(data)
        if isinstance(data, np.ndarray):
            refuse_negative_strides(array)
        own = dtypes.from_np(array.dtype)
        return converted_data(array, own if dtype is None else dtype)
    shape = shape_of(data)
    flat: list[Any] = []
    found: set[Any] = set()
    collect(data, shape, 0, flat, found)
    if dtype is None:
        dtype = _dtype_of(found)
    if dtype.kind < 3 and any(isinstance(v, complex) for v in flat):
        raise TypeError("must be real number, not complex")
    if dtype.kind == 1:
        return integers(flat, dtype).reshape(shape)
    if dtype.kind == 0:
        return np.array([bool(v) for v in flat], np.bool_).reshape(shape)
    wide = np.complex128 if dtype.kind == 3 else np.float64
    with np.errstate(all="ignore"):
        return np.array(flat, wide).reshape(shape).astype(dtype.np)


def _dtype_of(found: set[Any]) -> DType:
    """The dtype that holds numbers of some types and dtypes."""
    result: DType | None = None
    for kind in found:
        own = kind if isinstance(kind, DType) else number_dtype(kind)
        assert own is not None
        result = own if result is None else promote_types(result, own)
    return default.dtype if result is None else result


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
    return finished(as_array(data, dtype), device, requires_grad)


@public("as_tensor", methods=False)
def as_tensor(data: Any, dtype: DType | None = None, device: Any = None) -> Tensor:
    """Data as a tensor, without copying tensors and NumPy arrays. Source: ``torch.as_tensor``."""
    if isinstance(data, np.ndarray):
        data = from_numpy(data)
    elif not isinstance(data, Tensor) and hasattr(data, "__dlpack__"):
        data = make(dlpack.read(data))
    if isinstance(data, Tensor):
        return data if dtype is None and device is None else data.to(device, dtype)
    return tensor(data, dtype=dtype, device=device)


@public("asarray", methods=False)
def asarray(
    obj: Any, *, dtype: DType | None = None, device: Any = None, copy: bool | None = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """Data as a tensor, sharing memory if that is possible. Source: ``torch.asarray``."""
    found = tensor(obj, dtype=dtype, device=device) if copy else as_tensor(obj, dtype, device)
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
        *given: Any, size: Any = None, dtype: DType | None = None, device: Any = None,
        requires_grad: bool = False, layout: Any = None, pin_memory: bool = False,
        names: Any = None, memory_format: Any = None, out: Any = None,
    ) -> Tensor:  # fmt: skip
        shape = checked_sizes(_one_by_one(given, size, name), name)
        if out is not None:
            _fits(out, dtype)
            return _into(out, shape, make_data((), out._np.dtype))
        np_dtype = (default.dtype if dtype is None else dtype).np
        data = (make_data if device is None else maker_on(device, make_data))(shape, np_dtype)
        if memory_format is not None:
            data = in_format(data, memory_format)
        made = make(data)
        if requires_grad:
            made.requires_grad = True
        return made

    fill.__name__ = name
    fill.__doc__ = f"A new tensor of some sizes. Source: ``torch.{name}``."
    public(name, methods=False)(fill)

    def fill_like(
        input: Tensor, *, dtype: DType | None = None, device: Any = None,
        requires_grad: bool = False, layout: Any = None, memory_format: Any = None,
        pin_memory: bool = False,
    ) -> Tensor:  # fmt: skip
        data = filled_like(input, make_data, dtype, memory_format, device)
        return finished(data, device, requires_grad)

    fill_like.__name__ = f"{name}_like"
    fill_like.__doc__ = f"A new tensor like another. Source: ``torch.{name}_like``."
    public(f"{name}_like", methods=False)(fill_like)

    def new(
        self: Tensor, *given: Any, size: Any = None, dtype: DType | None = None,
        device: Any = None, requires_grad: bool = False, layout: Any = None,
        pin_memory: bool = False,
    ) -> Tensor:  # fmt: skip
        np_dtype = self._np.dtype if dtype is None else dtype.np
        size = _one_by_one(given, size, f"new_{name}")
        data = maker_like(self, make_data, device)(checked_sizes(size, f"new_{name}"), np_dtype)
        return finished(data, device, requires_grad)

    new.__name__ = f"new_{name}"
    new.__doc__ = f"A new tensor of this one's dtype. Source: ``torch.Tensor.new_{name}``."
    method(f"new_{name}")(new)


def _one_by_one(given: tuple[Any, ...], size: Any, name: str) -> tuple[Any, ...]:
    """Sizes given by position or by name."""
    if size is not None:
        return (size,)
    if not given:
        raise TypeError(f'{name}() missing 1 required positional arguments: "size"')
    return given


def _fits(out: Tensor, dtype: DType | None) -> None:
    """Refuse a dtype that is not that of ``out``."""
    if dtype is not None and dtype is not out.dtype:
        raise RuntimeError(
            f"dtype {dtype.scalar_name} does not match dtype of out parameter "
            f"({out.dtype.scalar_name})"
        )


def _into(out: Tensor, shape: Sequence[int], data: Any) -> Tensor:
    """Write raw values into the tensor given as ``out=``, which gets these sizes."""
    out.resize_(shape)
    check_inplace(out, False)
    out._np[...] = data
    bump(out)
    return out


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


def maker_like(t: Tensor, make_data: Any, device: Any) -> Any:
    """What makes new raw values of a shape and dtype on a device, by default a tensor's."""
    if device is None and is_meta(t):
        return bare
    return maker_on(device, make_data)


def filled_like(
    t: Tensor, make_data: Any, dtype: DType | None, memory_format: Any, device: Any = None
) -> Any:
    """New raw values with the sizes, dtype and strides of a tensor."""
    array = t._np
    np_dtype = array.dtype if dtype is None else dtype.np
    data = maker_like(t, make_data, device)(array.shape, np_dtype)
    if memory_format not in (None, layout.preserve_format):
        return in_format(data, memory_format)
    if array.flags.c_contiguous:
        return data
    return with_strides(data, empty_as(t))


def with_strides(data: Any, stride: Sequence[int]) -> Any:
    """Values in memory of their own with given strides."""
    if data.__class__ is MetaSymbol:
        return bare(data.shape, data.dtype, stride)
    item = data.itemsize
    reach = 1 + sum((n - 1) * s for n, s in zip(data.shape, stride, strict=True))
    flat = np.empty(reach if data.size else 0, data.dtype)
    out = np.lib.stride_tricks.as_strided(flat, data.shape, [s * item for s in stride])
    out[...] = data
    return out


_filler("zeros", np.zeros)
_filler("ones", np.ones)
_filler("empty", np.zeros)  # contents are undefined: zeros keep runs alike


_NUMBERS = (bool, int, float, complex, np.number, np.bool_)


@public("full", methods=False)
def full(
    size: Any, fill_value: Any, *, dtype: DType | None = None, device: Any = None,
    requires_grad: bool = False, layout: Any = None, out: Any = None, names: Any = None,
    pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """A new tensor filled with a number.

    Raises:
        RuntimeError: the dtype cannot hold the number.

    Source: ``torch.full``.
    """
    if isinstance(size, int):
        raise TypeError("full(): argument 'size' (position 1) must be tuple of ints, not int")
    shape = checked_sizes((size,), "full")
    if not isinstance(fill_value, _NUMBERS) and not (
        isinstance(fill_value, Tensor) and not fill_value._np.ndim
    ):
        raise TypeError(
            "full(): argument 'fill_value' (position 2) must be Number, not "
            f"{type(fill_value).__name__}"
        )
    if out is not None:
        _fits(out, dtype)
        return _into(out, shape, _filling(fill_value, out.dtype))
    if dtype is None:
        given = fill_value.dtype if isinstance(fill_value, Tensor) else type(fill_value)
        dtype = _dtype_of({given})
    value = _filling(fill_value, dtype)
    if maker_on(device, np.full) is bare:
        return finished(bare(shape, dtype.np), device, requires_grad)
    return finished(np.full(shape, value, dtype.np), device, requires_grad)


def _filling(value: Any, dtype: DType) -> Any:
    """A number, or a tensor of one, as raw value of a dtype."""
    return as_value(value.item() if isinstance(value, Tensor) else value, dtype)


@public("full_like", methods=False)
def full_like(
    input: Tensor, fill_value: Any, *, dtype: DType | None = None, device: Any = None,
    requires_grad: bool = False, layout: Any = None, memory_format: Any = None,
) -> Tensor:  # fmt: skip
    """A new tensor like another, filled with a number. Source: ``torch.full_like``."""
    value = _filling(fill_value, input.dtype if dtype is None else dtype)

    def filled(shape: Any, np_dtype: Any) -> Any:
        return np.full(shape, value, np_dtype)

    data = filled_like(input, filled, dtype, memory_format, device)
    return finished(data, device, requires_grad)


@method()
def new_full(self: Tensor, size: Any, fill_value: Any, *, dtype: DType | None = None,
             device: Any = None, requires_grad: bool = False) -> Tensor:  # fmt: skip
    """A new tensor of this one's dtype. Source: ``torch.Tensor.new_full``."""
    place = self.device if device is None else device
    return full(size, fill_value, dtype=dtype or self.dtype, device=place,
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
    return _strided(size, stride, (dtype or default.dtype).np, device, requires_grad)


@method()
def new_empty_strided(self: Tensor, size: Any, stride: Any, dtype: DType | None = None,
                      device: Any = None, requires_grad: bool = False) -> Tensor:  # fmt: skip
    """A new tensor of this one's dtype. Source: ``torch.Tensor.new_empty_strided``."""
    np_dtype = self._np.dtype if dtype is None else dtype.np
    place = self.device if device is None else device
    return _strided(size, stride, np_dtype, place, requires_grad)


def _strided(size: Any, stride: Any, np_dtype: Any, device: Any, requires_grad: bool) -> Tensor:
    size, stride = tuple(size), tuple(stride)
    if len(size) != len(stride):
        raise RuntimeError(
            f"dimensionality of sizes ({len(size)}) must match dimensionality of strides "
            f"({len(stride)})"
        )
    if any(n < 0 for n in (*size, *stride)):
        raise RuntimeError(
            f"Storage size calculation overflowed with sizes={list(size)} and "
            f"strides={list(stride)}"
        )
    data = with_strides(maker_on(device, np.zeros)(size, np_dtype), stride)
    return finished(data, device, requires_grad)


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
        dtype = _number_dtype(start, end, step) if out is None else out.dtype
    if dtype.kind == 0:
        raise NotImplementedError("\"arange_cpu\" not implemented for 'Bool'")
    a, b, s = _plain(start), _plain(end), _plain(step)
    if s == 0:
        raise RuntimeError("step must be nonzero")
    if dtype is dtypes.int64 and not int(s):
        raise ValueError("step must be nonzero")
    if (b - a) * s < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    if not all(math.isfinite(v) for v in (a, b)):
        raise RuntimeError(f"unsupported range: {a} -> {b}")
    if dtype.kind == 1:
        # Only for int64 are the ends cut before the numbers are counted.
        count = math.ceil((b - a) / s)
        a, b, s = int(a), int(b), int(s)
        if dtype is dtypes.int64:
            count = -(-(b - a) // s)
        if maker_on(device, None) is bare:
            return _made(bare((count,), dtype.np), device, requires_grad, out)
        data = (np.arange(count, dtype=np.int64) * s + a).astype(dtype.np)
    else:
        count = math.ceil((b - a) / s)
        if maker_on(device, None) is bare:
            return _made(bare((count,), dtype.np), device, requires_grad, out)
        data = (a + np.arange(count, dtype=np.float64) * s).astype(dtype.np)
    if out is not None:
        _fits(out, dtype)
    return _made(data, device, requires_grad, out)


def _made(data: Any, device: Any, requires_grad: bool, out: Any) -> Tensor:
    """A new tensor around raw data, or ``out`` with them."""
    if out is None:
        return finished(data, device, requires_grad)
    return _into(out, data.shape, data)


@public("linspace", methods=False)
def linspace(
    start: Any, end: Any, steps: int, *, dtype: DType | None = None, device: Any = None,
    requires_grad: bool = False, layout: Any = None, out: Any = None,
) -> Tensor:  # fmt: skip
    """Evenly spaced numbers, ends included. Source: ``torch.linspace``."""
    a, b, dtype = _ends("linspace", start, end, steps, dtype, out)
    if maker_on(device, None) is bare:
        return _made(bare((steps,), dtype.np), device, requires_grad, out)
    if dtype.kind == 1:
        data = np.trunc(_spaced(int(a), int(b), steps, np.dtype(np.float64)))
    else:
        # Computed in the dtype itself, as PyTorch does.
        data = _spaced(a, b, steps, np.dtype(np.float32) if dtype.itemsize == 2 else dtype.np)
    return _spread(data.astype(dtype.np), device, requires_grad, out)


def _ends(
    name: str, start: Any, end: Any, steps: int, dtype: DType | None, out: Any
) -> tuple[Any, Any, DType]:
    """The ends as numbers, and the dtype of what lies between them."""
    if isinstance(steps, (bool, float)):
        raise wrong_arguments(name, start, end, steps)
    ranks = [v._np.ndim if isinstance(v, Tensor) else 0 for v in (start, end)]
    if any(ranks):
        raise RuntimeError(
            f"{name} only supports 0-dimensional start and end tensors, but got start with "
            f"{ranks[0]} dimension(s) and end with {ranks[1]} dimension(s)."
        )
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    a, b = _plain(start), _plain(end)
    if out is not None:
        _fits(out, dtype)
        return a, b, out.dtype
    if dtype is None:
        dtype = default.complex if complex in (a.__class__, b.__class__) else default.dtype
    return a, b, dtype


def _spread(data: Any, device: Any, requires_grad: bool, out: Any) -> Tensor:
    """Raw numbers in a row; an output of as many elements keeps its sizes."""
    if out is not None and out._np.size == data.size:
        data = data.reshape(out._np.shape)
    return _made(data, device, requires_grad, out)


def _spaced(a: Any, b: Any, steps: int, np_dtype: Any) -> Any:
    """Evenly spaced raw numbers, counted from both ends."""
    one = np_dtype.type
    low, high = one(a), one(b)
    if steps == 1:
        return np.array([low])
    step = (high - low) / one(steps - 1)
    i = np.arange(steps).astype(np_dtype)
    return np.where(
        np.arange(steps) < steps // 2, low + step * i, high - step * (one(steps - 1) - i)
    )


@public("logspace", methods=False)
def logspace(
    start: Any, end: Any, steps: int, base: float = 10.0, *, dtype: DType | None = None,
    device: Any = None, requires_grad: bool = False, layout: Any = None, out: Any = None,
) -> Tensor:  # fmt: skip
    """Powers of ``base`` with evenly spaced exponents. Source: ``torch.logspace``."""
    a, b, dtype = _ends("logspace", start, end, steps, dtype, out)
    if steps == 1:
        data = np.power([base + 0.0], a)
    elif dtype.kind == 1:
        exponents = _spaced(int(a), int(b), steps, np.dtype(np.float64))
        data = np.trunc(np.power(float(base), exponents))
    else:
        exponents = linspace(a, b, steps, dtype=dtype)._np
        data = np.power(np.asarray(base, exponents.dtype), exponents)
    return _spread(data.astype(dtype.np), device, requires_grad, out)


@public("eye", methods=False)
def eye(n: int, m: int | None = None, *, dtype: DType | None = None, device: Any = None,
        requires_grad: bool = False, layout: Any = None, out: Any = None) -> Tensor:  # fmt: skip
    """Ones on the diagonal. Source: ``torch.eye``."""
    for name, count in (("n", n), ("m", 0 if m is None else m)):
        if count < 0:
            raise RuntimeError(f"{name} must be greater or equal to 0, got {count}")
    if out is not None:
        _fits(out, dtype)
        dtype = out.dtype
    np_dtype = (default.dtype if dtype is None else dtype).np
    if maker_on(device, None) is bare:
        return _made(bare((n, n if m is None else m), np_dtype), device, requires_grad, out)
    data = np.eye(n, m, dtype=np_dtype)
    return _made(data, device, requires_grad, out)
