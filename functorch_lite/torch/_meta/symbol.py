"""Arrays of the device ``meta``: the symbols of ``torch.compile`` with nothing behind them.

Their values are tracers that know a shape and a dtype, and no graph is written; memory has a size
that views share, and nothing is kept of what is written to it.
"""

from __future__ import annotations

import functools
import math
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functorch_lite.core.array import Array
from functorch_lite.core.aval import Aval, make_aval
from functorch_lite.core.graph import Var
from functorch_lite.core.op import Op
from functorch_lite.core.trace import Reenter
from functorch_lite.torch._compile.storage import Storage
from functorch_lite.torch._compile.symbol import (
    Symbol,
    fresh_symbol,
    is_basic,
    kind_of,
    laid,
    row_strides,
)
from functorch_lite.torch._core.tensor import Tensor, is_symbol
from functorch_lite.transforms.stage import StageTrace, StageTracer

__all__ = ["ALIVE", "Memory", "MetaSymbol", "MetaTrace", "bare", "bare_like", "is_meta", "set_home"]

_new = object.__new__

ALIVE: set[int] = set()
"""Ids of all memory of the device that some array has."""

_home: list[Any] = []


def set_home(recorder: Any, woken: Callable[[], None]) -> None:
    """Say what the symbols ask, and what is to happen when memory of one is made."""
    _home[:] = [recorder, woken]


class Memory(Storage):
    """Memory that is not there.

    Attributes:
        dtype: of the array that it was made for.
    """

    __slots__ = ("__weakref__", "dtype")

    def __init__(self, value: Any, source: int | None = None) -> None:
        self.dtype = np.dtype(value.dtype)
        self.count = math.prod(value.shape)
        self.size = self.count * self.dtype.itemsize
        self.writes = 0
        self.source = source
        self.value = None
        ALIVE.add(id(self))
        _home[1]()

    def __del__(self, left: Callable[[int], None] = ALIVE.discard) -> None:
        left(id(self))

    def copy(self) -> Memory:
        """As much memory again."""
        return memory_of(self.size)


def memory_of(size: int) -> Memory:
    """Memory of some bytes."""
    return Memory(make_aval((size,), np.dtype(np.uint8)))


class MetaTracer(StageTracer):
    """A value of which shape and dtype are known; its raw data is a symbol."""

    __slots__ = ()

    @property
    def _data(self) -> Any:
        return fresh_symbol(_home[0], self)


class MetaTrace(StageTrace):
    """Says of each op what comes of it, and forgets that it was asked."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__("the device meta")
        self.parent = None

    def tracer(self, var: Var, weak: bool = False) -> MetaTracer:
        out: MetaTracer = _new(MetaTracer)
        out._trace, out._var, out.aval, out.weak = self, var, var.aval, weak
        return out

    def known(self, aval: Aval) -> MetaTracer:
        """A value of a shape and dtype."""
        return self.tracer(Var(aval))

    def _plain(self, x: Any) -> Any:
        """A value without a symbol in it."""
        if x.__class__ is Array and is_symbol(x._data):
            return x._data.value
        return x

    def var_of(self, x: Any) -> Var:
        x = self._plain(x)
        return x._var if x.__class__ is MetaTracer else super().var_of(x)

    def process(self, op: Op, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        if op.stage is not None:
            try:
                return op.stage(self, tuple(map(self._plain, args)), params)
            finally:
                for kept in (self.eqns, self.consts, self.ids, self.inputs):
                    kept.clear()
        out = op.aval(*[self._plain(x).aval for x in args], **params)
        return tuple(map(self.known, out)) if op.multi else self.known(out)


class _Traces(threading.local):
    """The trace of a thread."""

    def __init__(self) -> None:
        self.own = MetaTrace()


_traces = _Traces()


def current_trace() -> MetaTrace:
    """The trace of this thread; its values are as good in any other."""
    return _traces.own


class MetaSymbol(Symbol):
    """An array of the device ``meta``."""

    __slots__ = ()
    memory = Memory

    @property
    def value(self) -> Any:
        """Its elements as a core array."""
        return _traces.own.known(make_aval(self.shape, self.dtype))

    def strided(self, shape: Sequence[int], steps: Sequence[int], offset: int) -> MetaSymbol:
        """Any view of the memory."""
        out = super().strided(shape, steps, offset)
        assert isinstance(out, MetaSymbol)
        return out

    def view(self, dtype: Any = None) -> Symbol:
        wanted = self.dtype if dtype is None else np.dtype(dtype)
        if wanted == self.dtype:
            return super().view()
        shape, steps, offset = self.shape, self.steps, self.offset
        less, more = self.itemsize // wanted.itemsize, wanted.itemsize // self.itemsize
        if less > 1:
            shape, offset = (*shape[:-1], shape[-1] * less), offset * less
            steps = (*[s * less for s in steps[:-1]], 1)
        elif more > 1:
            shape, offset = (*shape[:-1], shape[-1] // more), offset // more
            steps = (*[s // more for s in steps[:-1]], 1)
        return over_memory(self.storage, wanted, shape, steps, offset)

    def zeros(self, shape: Any) -> Symbol:
        """Zeros of its dtype."""
        return bare((shape,) if isinstance(shape, int) else tuple(shape), self.dtype)

    def _positions(self, key: Any, n: int) -> Any:
        array = key if isinstance(key, Symbol) else np.asarray(key)
        if array.dtype.kind != "b":
            return super()._positions(key, n)
        if isinstance(array, Symbol):
            raise self.recording.needs_values("a mask")
        return array

    def __setitem__(self, key: Any, new: Any) -> None:
        if is_basic(key):
            part = self if key is Ellipsis else self[key]
            if np.broadcast_shapes(np.shape(new), part.shape) != part.shape:
                raise ValueError(f"{np.shape(new)} does not broadcast to {part.shape}")
        self.storage.writes += 1

    def sort(self, axis: int = -1, kind: Any = None) -> None:
        """In place: nothing that is seen."""

    def combine(self, key: Any, new: Any, ufunc: Any) -> None:
        self.storage.writes += 1

    def max(self, axis: Any = None, out: Any = None, keepdims: bool = False, **_: Any) -> Symbol:
        return super().max(axis, out, keepdims)

    def min(self, axis: Any = None, out: Any = None, keepdims: bool = False, **_: Any) -> Symbol:
        return super().min(axis, out, keepdims)

    def var(self, axis: Any = None, keepdims: bool = False, **_: Any) -> Symbol:
        """As of the mean: only sizes are wanted."""
        return self.mean(axis, keepdims=keepdims)

    @property
    def real(self) -> Symbol:
        return self if self.dtype.kind != "c" else self._part(0)

    @property
    def imag(self) -> Symbol:
        """A view of the imaginary parts."""
        return self._part(1)

    def _part(self, at: int) -> Symbol:
        steps = [2 * s for s in self.steps]
        real = _REAL[self.dtype]
        return over_memory(self.storage, real, self.shape, steps, 2 * self.offset + at)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if any(isinstance(x, Symbol) and x.__class__ is not MetaSymbol for x in inputs):
            return NotImplemented  # lanes know how to treat what does not vary
        if ufunc.signature is not None or method not in ("__call__", "accumulate", "at"):
            return super().__array_ufunc__(ufunc, method, *inputs, **kwargs)
        if method == "at":
            return None
        into = kwargs.pop("out", None)
        if method == "accumulate" and ufunc in (np.add, np.multiply):
            made = super().__array_ufunc__(ufunc, method, *inputs, **kwargs)
        else:
            made = _elementwise(ufunc, inputs if method == "__call__" else inputs[:1], kwargs)
        if into is None:
            return made
        into[0][...] = made
        return into[0]

    def __array_function__(self, f: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if any(issubclass(t, Symbol) and t is not MetaSymbol for t in types):
            return NotImplemented
        return super().__array_function__(f, types, args, kwargs)

    def within(self, n: int, least: int = 0) -> None:
        """Nobody knows whether all elements are positions among ``n``."""


def _inside(method: Callable[..., Any]) -> Callable[..., Any]:
    """A method whose operations the trace of the thread answers, wherever it is called."""

    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        with Reenter(_traces.own):
            return method(*args, **kwargs)

    return call


for _name in (
    "_reduce", "mean", "argmax", "argmin", "argsort", "take", "astype", "reshape", "__getitem__",
    "__array_function__", "__array_ufunc__",
):  # fmt: skip
    setattr(MetaSymbol, _name, _inside(getattr(MetaSymbol, _name)))


_REAL = {np.dtype(np.complex64): np.dtype(np.float32),
         np.dtype(np.complex128): np.dtype(np.float64)}  # fmt: skip


def _elementwise(ufunc: Any, inputs: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """The results of a ufunc: sizes by broadcasting, dtypes as NumPy finds them."""
    operands = inputs[: ufunc.nin]
    settings: dict[str, Any] = {"casting": kwargs.get("casting", "same_kind")}
    if kwargs.get("dtype") is not None:
        settings["signature"] = (None,) * ufunc.nin + (np.dtype(kwargs["dtype"]),) * ufunc.nout
    kinds = [kind_of(x) for x in operands]
    if len(kinds) < ufunc.nin:
        kinds = kinds[:1] * ufunc.nin
    dtypes = ufunc.resolve_dtypes((*kinds, *(None,) * ufunc.nout), **settings)[ufunc.nin :]
    shape = np.broadcast_shapes(*[np.shape(x) for x in operands if x is not None])
    made = tuple([laid(bare(shape, dtype), operands) for dtype in dtypes])
    return made[0] if ufunc.nout == 1 else made


def is_meta(t: Any) -> bool:
    """Whether a tensor is on the device ``meta``."""
    return isinstance(t, Tensor) and t._np.__class__ is MetaSymbol


# -------------------------------------------------------------------------------------- making them
def bare(shape: Any, dtype: Any, strides: Sequence[int] | None = None) -> MetaSymbol:
    """A new array.

    Args:
        strides: in elements; row by row by default.

    Raises:
        RuntimeError: no memory has so many bytes.
    """
    shape, dtype = tuple(shape), np.dtype(dtype)
    steps = row_strides(shape) if strides is None else tuple(strides)
    count = math.prod(shape)
    if count:
        count = 1 + sum((n - 1) * s for n, s in zip(shape, steps, strict=True))
    if count * dtype.itemsize >= 2**63:
        raise RuntimeError(f"Storage size calculation overflowed with sizes={list(shape)}")
    return over_memory(Memory(make_aval((count,), dtype)), dtype, shape, steps, 0)


def over_memory(memory: Any, dtype: Any, shape: Any, steps: Any, offset: int) -> MetaSymbol:
    """An array over memory; strides and offset in elements."""
    out: MetaSymbol = _new(MetaSymbol)
    out.recording, out.storage, out.shape, out.steps = _home[0], memory, tuple(shape), tuple(steps)
    out.offset, out.dtype, out._read, out.guess = offset, np.dtype(dtype), None, False
    return out


def bare_like(array: Any, dtype: Any = None) -> MetaSymbol:
    """A new array with the sizes and strides of a raw one."""
    item = array.dtype.itemsize
    steps = [s // item for s in array.strides]
    return bare(array.shape, array.dtype if dtype is None else dtype, steps)
