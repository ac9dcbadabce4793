"""Symbols of one lane: a function of NumPy on them is that function on the arrays of all lanes.

These arrays have the lanes in front, or, within another ``vmap``, are symbols of its lanes, on
which NumPy's functions work as well. What has no short cut here goes through the core's batching
rules, as operations of ``torch.compile`` go into its graph.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from functorch_lite.core.array import Array
from functorch_lite.core.trace import state
from functorch_lite.torch._compile.storage import Storage
from functorch_lite.torch._compile.symbol import Symbol, laid, row_strides
from functorch_lite.torch._functorch.lane_products import product_of_lanes
from functorch_lite.torch._functorch.lane_trace import LaneTrace, LaneTracer

if TYPE_CHECKING:
    from functorch_lite.torch._functorch.lanes import Lanes

__all__ = ["LaneSymbol", "aligned", "behind", "beside", "gathered", "symbol_of_lanes"]

_new = object.__new__
_ndarray = np.ndarray
_PLAIN = frozenset(("dtype", "casting"))
_AS_FUNCTIONS = frozenset(("conj", "var", "std", "argpartition", "round"))
_READ = frozenset(("nonzero", "flat", "tobytes"))


class LaneSymbol(Symbol):
    """An array of one lane."""

    __slots__ = ()

    # --------------------------------------------------------------------------------- values
    @property
    def value(self) -> Any:
        """Its elements as a core array."""
        found = self._read
        storage = self.storage
        if found is None or found[0] != storage.writes:
            made = self._view(storage.value)
            if made is None:
                return super().value
            found = self._read = (storage.writes, made)
        return found[1]

    def _view(self, whole: Any) -> Any:
        """The same of memory; None if it has to be asked for by core operations."""
        varies = whole.__class__ is LaneTracer
        data = whole.value._data if varies else whole._data
        if data.__class__ is not _ndarray and data.__class__ is not LaneSymbol:
            return None
        shape, steps = self.shape, self.steps
        if varies:
            lanes = data.shape[0]
            shape, steps = (lanes, *shape), (self.storage.count, *steps)
            if not lanes or not self.storage.count:
                return None
        seen = _strided(data, shape, steps, self.offset)
        return _tracer(whole._trace, seen) if varies else _array(seen)

    @property
    def plain(self) -> Any:
        """The raw array of a symbol that is the same in all lanes; None of one that varies."""
        value = self.value
        data = value._data if value.__class__ is Array else None
        return data if data.__class__ is _ndarray else None

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.array(self._known(), dtype, copy=copy)

    def __getattr__(self, name: str) -> Any:
        if name in _AS_FUNCTIONS:
            return functools.partial(getattr(np, name), self)
        data = self.plain if name in _READ else None
        return super().__getattr__(name) if data is None else getattr(data, name)

    def _known(self) -> Any:
        data = self.plain
        return self._no_values() if data is None else data

    def item(self, *place: int) -> Any:
        return self._known().item(*place)

    def tolist(self) -> Any:
        return self._known().tolist()

    def __iter__(self) -> Any:
        return iter([self[i] for i in range(len(self))])

    def __int__(self) -> int:
        return int(self._known())

    def __index__(self) -> int:
        return operator.index(self._known())

    def __float__(self) -> float:
        return float(self._known())

    def _index(self, key: Any) -> tuple[Any, ...]:
        found: list[Any] = []
        for k in key if isinstance(key, tuple) else (key,):
            data = k.plain if k.__class__ is LaneSymbol else k
            if data.__class__ is _ndarray and data.dtype.kind == "b":
                found.extend(data.nonzero())
            else:
                found.append(k if data is None else data)
        return super()._index(tuple(found))

    def sort(self, axis: int = -1, kind: Any = None) -> None:
        self[...] = np.sort(self, axis, kind)

    # --------------------------------------------------------------------------------- copies
    def _lanes(self) -> tuple[Lanes | None, Any]:
        """The innermost ``vmap`` that it varies in, and its array of all lanes."""
        value = self.value
        if value.__class__ is not LaneTracer:
            return None, None
        return value._trace.lanes, value.value._data

    def reshape(self, *shape: Any, order: str = "C", copy: Any = None) -> Symbol:
        if order != "C" or self.flags.c_contiguous or not self.size:
            return super().reshape(*shape, order=order, copy=copy)
        lanes, whole = self._lanes()
        if lanes is None or not lanes.size:
            return super().reshape(*shape)
        size = shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape
        return symbol_of_lanes(lanes, whole.reshape(whole.shape[0], *size))

    def copy(self, order: str = "C") -> Symbol:
        lanes, whole = self._lanes()
        if lanes is None:
            return super().copy(order)
        return self._apart(lanes, whole.copy(), order)

    def astype(self, dtype: Any, order: str = "K", copy: bool = True, **options: Any) -> Symbol:
        lanes, whole = self._lanes()
        if lanes is None:
            return super().astype(dtype, order, copy, **options)
        return self._apart(lanes, whole.astype(dtype, copy=copy), order)

    def _apart(self, lanes: Lanes, whole: Any, order: str) -> Symbol:
        return beside(lanes, whole, (self,)) if order == "K" else symbol_of_lanes(lanes, whole)

    def __setitem__(self, key: Any, new: Any) -> None:
        found = gathered((new,)) if key is Ellipsis else None
        if found is None or not self._written(found[0], found[1][0], copy=True):
            super().__setitem__(key, new)

    def _written(self, lanes: Lanes, whole: Any, copy: bool) -> bool:
        """Whether it could be written to as the whole of its memory."""
        storage, shape = self.storage, self.shape
        if whole.shape[1:] != shape or self.size != storage.count or not whole.size:
            return False
        if self.steps != row_strides(shape):
            return False
        data = whole.astype(self.dtype, copy=copy)
        storage.value = _tracer(lanes.trace, data.reshape(-1, *storage.value.shape))
        storage.writes += 1
        return True

    # ------------------------------------------------------------------------------- reductions
    def _reduce(self, name: str, axis: Any, keepdims: bool, dtype: Any = None) -> Symbol:
        lanes, whole = self._lanes()
        if lanes is None:
            return super()._reduce(name, axis, keepdims, dtype)
        reduce = getattr(np, name).reduce
        axes = behind(axis, self.ndim)
        if name.startswith("logical"):
            made = reduce(whole, axis=axes, keepdims=keepdims)
        else:
            made = reduce(whole, axis=axes, dtype=dtype, keepdims=keepdims)
        out = symbol_of_lanes(lanes, made)
        if name == "logical_and":
            out.guess = True
        return out

    def within(self, n: int, least: int = 0) -> None:
        """Check that all elements are positions among ``n``."""
        lanes, whole = self._lanes()
        if lanes is None:
            super().within(n, least)
        elif whole.__class__ is LaneSymbol:
            whole.within(n, least)
        elif whole.size and not (least <= whole.min() and whole.max() < n):
            raise lanes.unsupported("an operand out of range")

    # ---------------------------------------------------------------------------------- NumPy
    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method == "__call__" and (ufunc.signature is None or ufunc is np.matmul):
            into = kwargs.pop("out", None) if kwargs else None
            found = gathered(inputs) if kwargs.keys() <= _PLAIN else None
            if found is not None and (into is None or [type(t) for t in into] == [LaneSymbol]):
                lanes, arrays, varies = found
                if ufunc is np.matmul:
                    made: Any = symbol_of_lanes(lanes, product_of_lanes(*arrays, *varies))
                elif ufunc.nout == 1:
                    made = beside(lanes, ufunc(*aligned(arrays, varies), **kwargs), inputs)
                else:
                    parts = ufunc(*aligned(arrays, varies), **kwargs)
                    made = tuple([beside(lanes, part, inputs) for part in parts])
                if into is None:
                    return made
                target = into[0]
                if not target._written(lanes, made._lanes()[1], copy=False):
                    target[...] = made
                return target
            if into is not None:
                kwargs["out"] = into
        elif method == "at" and inputs[0].__class__ is LaneSymbol:
            target, key, new = inputs
            target.combine(key, new, ufunc)
            return None
        elif method == "accumulate" and not kwargs.get("out"):
            found = gathered(inputs)
            if found is not None:
                lanes, (whole,), _ = found
                axis = behind(kwargs.pop("axis", 0), self.ndim)
                return symbol_of_lanes(lanes, ufunc.accumulate(whole, axis=axis, **kwargs))
        return super().__array_ufunc__(ufunc, method, *inputs, **kwargs)


# -------------------------------------------------------------------------------------- making them
def _array(data: Any) -> Array:
    """A core array around a raw one; of a surrounding ``vmap`` that is its value."""
    if data.__class__ is LaneSymbol:
        found: Array = data.value
        return found
    out: Array = _new(Array)
    out._data = data
    return out


def _tracer(trace: LaneTrace, whole: Any) -> LaneTracer:
    """A value that varies, from the raw array of all lanes."""
    out: LaneTracer = _new(LaneTracer)
    out._trace, out.value, out.weak = trace, _array(whole), False
    out.shape = whole.shape[1:]
    return out


def symbol_of_lanes(lanes: Lanes, whole: Any) -> LaneSymbol:
    """A symbol in memory of its own, from the raw array of all lanes."""
    # _tracer(), written out: this runs for every operation.
    value: LaneTracer = _new(LaneTracer)
    if whole.__class__ is _ndarray:
        array = value.value = _new(Array)
        array._data = whole
    else:
        value.value = whole.value
    shape = whole.shape[1:]
    value._trace, value.weak, value.shape = lanes.trace, False, shape
    out: LaneSymbol = _new(LaneSymbol)
    storage = out.storage = _new(Storage)
    storage.count = count = whole.size // lanes.size if lanes.size else math.prod(shape)
    storage.value, storage.size, storage.writes = value, count * whole.itemsize, 0
    storage.source = None
    out.recording = lanes  # type: ignore[assignment]
    out.shape, out.steps, out.offset, out.dtype = shape, row_strides(shape), 0, whole.dtype
    out._read, out.guess = (0, value), False
    return out


def _strided(data: Any, shape: Sequence[int], steps: Sequence[int], offset: int) -> Any:
    """A view of an array whose elements, row by row, are memory; steps in elements."""
    if data.shape == shape and steps == row_strides(shape):
        return data
    if data.__class__ is LaneSymbol:
        data = data.laid_out()
        return data.strided(shape, steps, data.offset + offset)
    if not data.flags.c_contiguous:
        if steps == row_strides(shape) and data.size == math.prod(shape):
            return data.reshape(shape)
        data = np.ascontiguousarray(data)
    item = data.itemsize
    # Those of ml_dtypes are none of Python's buffers; their bytes are.
    memory = data.reshape(-1).view(np.uint8) if data.dtype.kind == "V" else data
    return _ndarray(shape, data.dtype, memory, offset * item, [s * item for s in steps])


# ---------------------------------------------------------------------------------------- operands
def gathered(operands: Sequence[Any]) -> tuple[Lanes, list[Any], list[bool]] | None:
    """The raw arrays of operands, with all lanes in front of those that vary.

    Returns:
        the innermost ``vmap`` in which one varies, the arrays, and which of them vary there; None
        if a transform of the core is at work, or none varies.
    """
    trace: Any = state.trace
    while trace.__class__ is LaneTrace:
        arrays: list[Any] = []
        varies: list[bool] = []
        found = False
        for x in operands:
            own = False
            if x.__class__ is LaneSymbol:
                read = x._read
                value = read[1] if read and read[0] == x.storage.writes else x.value
                if value.__class__ is not LaneTracer:
                    x = value._data
                elif value._trace is trace:
                    x = value.value._data
                    own = found = True
            arrays.append(x)
            varies.append(own)
        if found:
            lanes: Any = trace._lanes()
            return lanes, arrays, varies
        trace = trace.parent
    return None


def aligned(arrays: Sequence[Any], varies: Sequence[bool]) -> list[Any]:
    """Arrays that broadcast with one another as those of one lane do."""
    ranks = [getattr(a, "ndim", 0) - v for a, v in zip(arrays, varies, strict=True)]
    rank = max(ranks)
    made = list(arrays)
    for i, v in enumerate(varies):
        if v and ranks[i] < rank:
            size, *shape = arrays[i].shape
            made[i] = arrays[i].reshape(size, *(1,) * (rank - ranks[i]), *shape)
    return made


def behind(axis: Any, rank: int) -> Any:
    """Axes of one lane as axes of the array of all.

    Args:
        rank: of one lane, for None, which means all.
    """
    if axis is None:
        return tuple(range(1, rank + 1))
    if isinstance(axis, (tuple, list)):
        return tuple([behind(a, rank) for a in axis])
    return axis + 1 if axis >= 0 else axis


def beside(lanes: Lanes, whole: Any, operands: Sequence[Any]) -> Symbol:
    """An elementwise result with its dimensions in memory as those of its operands."""
    made = symbol_of_lanes(lanes, whole)
    if len(made.shape) > 1:
        for x in operands:
            if x.__class__ is LaneSymbol:
                if x.steps != row_strides(x.shape):
                    return laid(made, operands)
            elif x.__class__ is _ndarray and not x.flags.c_contiguous:
                return laid(made, operands)
    return made
