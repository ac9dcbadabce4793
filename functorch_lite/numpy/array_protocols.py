"""How arrays speak the protocols of Python and other libraries: conversion, printing, DLPack."""

from __future__ import annotations

import ast
import linecache
import operator
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import numpy as np

from functorch_lite.core import device
from functorch_lite.core.array import Array, Tracer
from functorch_lite.core.dtypes import bfloat16, float32
from functorch_lite.core.trace import PACKAGE_DIR
from functorch_lite.errors import ImmutableError
from functorch_lite.numpy.convert import asarray


def value_of(x: Array, wanted: str) -> Any:
    """The raw NumPy or CuPy array that a Python protocol asks for.

    Args:
        x: any array. Tracers say themselves whether they have a value.
        wanted: what Python does with it, for the message.
    """
    if not isinstance(x, Tracer):
        return x._data
    found = x.concrete(wanted)
    return found._data if isinstance(found, Array) else found


def host_value(x: Array, wanted: str) -> np.ndarray:
    """Like :func:`value_of`, in host memory."""
    data = value_of(x, wanted)
    return data if isinstance(data, np.ndarray) else data.get()


# ----------------------------------------------------------------------------------- Python scalars
def _single(x: Array, wanted: str) -> np.ndarray:
    if x.size != 1 or (x.ndim and wanted != "bool()"):
        raise TypeError(
            f"{wanted} needs a single number, got an array of shape {x.shape}. Remedy: pick an "
            "element, e.g. x[0], or reduce it, e.g. x.sum()."
        )
    return host_value(x, wanted)


def _bool(self: Array) -> bool:
    if self.size != 1:
        raise ValueError(
            f"the truth value of an array of shape {self.shape} is ambiguous. Remedy: x.any() or "
            "x.all(); elementwise choice is where(condition, a, b)."
        )
    return bool(_single(self, "bool()"))


def _int(self: Array) -> int:
    return int(_single(self, "int()"))


def _float(self: Array) -> float:
    return float(_single(self, "float()"))


def _complex(self: Array) -> complex:
    return complex(_single(self, "complex()"))


def _index(self: Array) -> int:
    if self.dtype.kind not in "iu" or self.ndim:
        raise TypeError(
            f"only integer arrays of shape () can be an index, got {self.dtype.name} of shape "
            f"{self.shape}. Remedy: x.astype('int64')."
        )
    return operator.index(_single(self, "operator.index()")[()])


def _item(self: Array, *args: Any) -> Any:
    """One element as a Python scalar: the only one, or the one at a flat or full index."""
    return host_value(self, "item()").item(*args)


def _tolist(self: Array) -> Any:
    """Nested lists of Python scalars."""
    return host_value(self, "tolist()").tolist()


# -------------------------------------------------------------------------------------- containers
def _len(self: Array) -> int:
    if self.ndim == 0:
        raise TypeError("len() of a 0-d array: it has no axes. Remedy: x.size is 1.")
    return self.shape[0]


def _iter(self: Array) -> Iterator[Array]:
    if self.ndim == 0:
        raise TypeError("a 0-d array has nothing to iterate over. Remedy: x.item().")
    return iter([self[i] for i in range(self.shape[0])])


def _contains(self: Array, item: Any) -> bool:
    return bool((self == item).any())


def _setitem(self: Array, index: Any, value: Any) -> None:
    line = _rewritten(sys._getframe(1))
    if line is None:
        line = f"x = x.at[{_index_text(index)}].set({_value_text(value)})"
        if isinstance(value, Tracer):  # perhaps what x[index] += value computed
            line += ", or .add(...) for +="
    raise ImmutableError(f"arrays never change, so x[...] = value is not possible. Write: {line}")


def _delitem(self: Array, index: Any) -> None:
    raise ImmutableError("arrays never change, so del x[...] is not possible. Write: delete(x, i)")


def refuses_in_place(name: str, remedy: str) -> Callable[..., None]:
    """A method that would change an array, and what to write instead."""

    def method(self: Array, *_: Any, **__: Any) -> None:
        raise ImmutableError(f"arrays never change, so x.{name}() is not possible. Write: {remedy}")

    method.__doc__ = f"Refused, because arrays never change. Write: {remedy}"
    return method


_UPDATES = {ast.Add: "add", ast.Mult: "multiply", ast.Div: "divide", ast.Pow: "power"}


def _rewritten(frame: FrameType | None) -> str | None:
    """The user's assignment, rewritten with ``.at``; None where its source is out of reach."""
    if frame is None or frame.f_code.co_filename.startswith(PACKAGE_DIR):
        return None
    text = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
    try:
        (node,) = ast.parse(text).body
    except (SyntaxError, ValueError):
        return None
    if isinstance(node, ast.Assign) and len(node.targets) == 1:
        target, verb = node.targets[0], "set"
    elif isinstance(node, ast.AugAssign) and type(node.op) in _UPDATES:
        target, verb = node.target, _UPDATES[type(node.op)]
    else:
        return None
    if not isinstance(target, ast.Subscript):
        return None
    name, index = ast.unparse(target.value), ast.unparse(target.slice)
    if index.startswith("(") and isinstance(target.slice, ast.Tuple):
        index = index[1:-1]
    return f"{name} = {name}.at[{index}].{verb}({ast.unparse(node.value)})"


def _index_text(index: Any) -> str:
    """An index as it is written; arrays by their names, or as i, j, k."""
    letters = iter("ijklmn")
    if not isinstance(index, tuple):
        return _text(index, letters)
    return ", ".join(_text(part, letters) for part in index)


def _value_text(value: Any) -> str:
    return _text(value, iter(()))


def _text(x: Any, letters: Iterator[str]) -> str:
    if isinstance(x, slice):
        parts = ["" if p is None else _text(p, letters) for p in (x.start, x.stop, x.step)]
        return ":".join(parts if x.step is not None else parts[:2])
    if x is Ellipsis:
        return "..."
    if isinstance(x, Array):
        name = getattr(getattr(x, "_var", None), "name", None)
        if name and name.isidentifier() and name != "x":
            return str(name)
        if x.ndim or isinstance(x, Tracer):
            return next(letters, "value")
        x = x.item()
    text = repr(x)
    return text if len(text) <= 40 and "\n" not in text else next(letters, "value")


# ---------------------------------------------------------------------------------------- printing
def _repr(self: Array) -> str:
    if isinstance(self, Tracer):
        return f"Tracer({self.aval.short()})"
    return f"Array({_numbers(self, 'Array(')}, dtype={self.dtype.name})"


def _str(self: Array) -> str:
    return repr(self) if isinstance(self, Tracer) else _numbers(self, "", " ")


def _numbers(x: Array, prefix: str, separator: str = ", ") -> str:
    data = host_value(x, "repr()")
    if data.dtype == bfloat16:
        data = data.astype(float32)
    if data.size == 0 and data.ndim != 1:
        return f"[], shape={data.shape}"
    return np.array2string(data, separator=separator, prefix=prefix, suffix=",")


def _format(self: Array, spec: str) -> str:
    if not spec:
        return str(self)
    if self.ndim:
        raise TypeError(
            f"format {spec!r} needs a single number, got an array of shape {self.shape}. Remedy: "
            "format an element, or str(x)."
        )
    return format(host_value(self, "format()").item(), spec)


# ------------------------------------------------------------------------------- copies and memory
def _array(self: Array, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
    data = host_value(self, "numpy.asarray()")
    if dtype is not None and data.dtype != dtype:
        if copy is False:
            raise ValueError(f"a copy is needed to make {dtype} of {data.dtype}, but copy=False")
        return data.astype(dtype)
    if copy:
        return data.copy()
    view = data.view()
    view.flags.writeable = False
    return view


def _reduce(self: Array) -> tuple[Any, ...]:
    return asarray, (np.array(host_value(self, "pickle")),)


def _same(self: Array, memo: Any = None) -> Array:
    return self


def _dlpack(
    self: Array,
    *,
    stream: Any = None,
    max_version: tuple[int, int] | None = None,
    dl_device: Any = None,
    copy: bool | None = None,
) -> Any:
    data = value_of(self, "DLPack export")
    if data.dtype == bfloat16:
        raise BufferError("DLPack: NumPy exports no bfloat16. Remedy: x.astype('float32') first.")
    if not isinstance(data, np.ndarray):
        return data.__dlpack__(stream=stream)
    if max_version is None or max_version[0] < 1:
        # A consumer of the old protocol could not see the read-only flag, so it gets its own copy.
        return data.copy().__dlpack__(stream=stream, dl_device=dl_device)
    view = data if copy else data.view()
    view.flags.writeable = False
    return view.__dlpack__(stream=stream, max_version=max_version, dl_device=dl_device, copy=copy)


def _dlpack_device(self: Array) -> tuple[int, int]:
    return value_of(self, "DLPack export").__dlpack_device__()


def _array_namespace(self: Array, *, api_version: str | None = None) -> Any:
    if api_version not in (None, "2021.12", "2022.12", "2023.12"):
        raise ValueError(f"array API version {api_version} is not supported; 2023.12 is.")
    return sys.modules["functorch_lite.numpy"]


# ----------------------------------------------------------------------------------------- devices
def _device(self: Array) -> device.Device:
    """Where the elements live; compares equal to ``"cpu"`` or ``"cuda:N"``."""
    return device.of(self)


def _to_device(self: Array, place: Any, /, *, stream: Any = None) -> Array:
    """The array on another device: ``"cpu"``, ``"cuda"`` or ``"cuda:N"``.

    Raises:
        DeviceError: no such device.
    """
    del stream
    return device.put(self, place)


def _block_until_ready(self: Array) -> Array:
    """The array, once its elements are computed."""
    if not isinstance(self, Tracer) and not isinstance(self._data, np.ndarray):
        self._data.device.synchronize()
    return self


METHODS: dict[str, Any] = {
    "__array__": _array,
    "__array_namespace__": _array_namespace,
    "__bool__": _bool,
    "__complex__": _complex,
    "__contains__": _contains,
    "__copy__": _same,
    "__deepcopy__": _same,
    "__delitem__": _delitem,
    "__dlpack__": _dlpack,
    "__dlpack_device__": _dlpack_device,
    "__float__": _float,
    "__format__": _format,
    "__hash__": None,
    "__index__": _index,
    "__int__": _int,
    "__iter__": _iter,
    "__len__": _len,
    "__reduce__": _reduce,
    "__repr__": _repr,
    "__setitem__": _setitem,
    "__str__": _str,
    "block_until_ready": _block_until_ready,
    "item": _item,
    "to_device": _to_device,
    "tolist": _tolist,
}
PROPERTIES: dict[str, Any] = {"device": _device}
