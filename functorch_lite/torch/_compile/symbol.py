"""Symbols: what stands for a tensor's NumPy array while a call is recorded.

A symbol has a shape, strides and a dtype, but no elements. Functions of NumPy that it is given to
become core operations on a graph that is being written; whatever would need the elements themselves
ends the recording.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from functorch_lite import lax
from functorch_lite import numpy as fnp
from functorch_lite.core.array import wrap
from functorch_lite.core.op import Op
from functorch_lite.torch._compile.casts import cast
from functorch_lite.torch._compile.storage import Storage, read, write
from functorch_lite.torch._compile.ufuncs import REDUCTIONS, WRITES, core_function
from functorch_lite.torch._core.order import iteration_order
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch._core.view import contiguous_strides
from functorch_lite.torch._ops.elementwise import Local

if TYPE_CHECKING:
    from functorch_lite.torch._compile.recording import Recording

__all__ = [
    "Symbol", "apply_op", "fresh_symbol", "is_basic", "kind_of", "laid", "row_strides", "symbol_of",
    "value_of",
]  # fmt: skip

_new = object.__new__
row_strides = functools.lru_cache(maxsize=4096)(contiguous_strides)


class _Flags:
    """What is asked of ``flags``."""

    __slots__ = ("c_contiguous", "f_contiguous")
    writeable = True
    owndata = True

    def __init__(self, shape: tuple[int, ...], steps: tuple[int, ...]) -> None:
        rows = row_strides(shape)
        self.c_contiguous = _alike(shape, steps, rows)
        columns = row_strides(shape[::-1])[::-1]
        self.f_contiguous = _alike(shape, steps, columns)

    @property
    def contiguous(self) -> bool:
        return self.c_contiguous


def _alike(shape: Sequence[int], a: Sequence[int], b: Sequence[int]) -> bool:
    """Whether strides say the same of a shape."""
    return 0 in shape or all(n == 1 or s == t for n, s, t in zip(shape, a, b, strict=True))


_flags_of = functools.lru_cache(maxsize=4096)(_Flags)


@functools.lru_cache(maxsize=1024)
def _ghost(
    shape: tuple[int, ...], steps: tuple[int, ...], dtype: np.dtype[Any]
) -> tuple[np.ndarray[Any, Any], int]:
    """An array of a geometry without memory to go with it, and where it begins."""
    strides = [s * dtype.itemsize for s in steps]
    ghost = np.lib.stride_tricks.as_strided(np.empty(1, dtype), shape, strides)
    return ghost, ghost.__array_interface__["data"][0]


class Symbol(np.lib.mixins.NDArrayOperatorsMixin):
    """An array without elements.

    Attributes:
        recording: what writes the graph.
        storage: the memory, which other symbols may share.
        steps: strides in elements.
        offset: of the first element, in elements.
        guess: of a truth value, what the library's own checks take it to be; the compiled program
            returns whether it was so.
    """

    __slots__ = ("_read", "dtype", "guess", "offset", "recording", "shape", "steps", "storage")
    is_symbol = True
    memory = Storage
    __array_priority__ = 2000
    __hash__ = object.__hash__

    recording: Recording
    storage: Storage
    shape: tuple[int, ...]
    steps: tuple[int, ...]
    offset: int
    dtype: np.dtype[Any]
    guess: bool
    _read: tuple[int, Any] | None

    # ------------------------------------------------------------------------------ what it is
    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def itemsize(self) -> int:
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        return self.size * self.itemsize

    @property
    def strides(self) -> tuple[int, ...]:
        item = self.dtype.itemsize
        return tuple([s * item for s in self.steps])

    @property
    def flags(self) -> _Flags:
        return _flags_of(self.shape, self.steps)

    @property
    def base(self) -> None:
        return None

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        return f"Symbol({self.dtype.name}{list(self.shape)})"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        raise self.recording.needs_values(f"ndarray.{name}")

    @property
    def bounds(self) -> tuple[int, int]:
        """Where in memory, in bytes, its elements begin and end."""
        ends = [(n - 1) * s for n, s in zip(self.shape, self.steps, strict=True)]
        first = self.offset + sum(min(e, 0) for e in ends)
        last = self.offset + sum(max(e, 0) for e in ends)
        return first * self.itemsize, (last + 1) * self.itemsize

    # --------------------------------------------------------------------------------- values
    @property
    def value(self) -> Any:
        """Its elements as a core array."""
        found = self._read
        if found is None or found[0] != self.storage.writes:
            made = read(self.storage, self.shape, self.steps, self.offset)
            found = self._read = (self.storage.writes, made)
        return found[1]

    def _no_values(self, *args: Any, **kwargs: Any) -> Any:
        raise self.recording.needs_values()

    item = tolist = tobytes = dump = __array__ = __int__ = __index__ = _no_values
    __float__ = __complex__ = __iter__ = __buffer__ = __dlpack__ = _no_values

    def __bool__(self) -> bool:
        if self.size != 1:
            raise self.recording.needs_values()
        return self.recording.assumed(self)

    # -------------------------------------------------------------------------- views of memory
    def strided(self, shape: Sequence[int], steps: Sequence[int], offset: int) -> Symbol:
        """Any view of the memory."""
        return _symbol(self.recording, self.storage, tuple(shape), tuple(steps), offset, self.dtype)

    def _seen(self, view: Callable[[Any], Any]) -> Symbol:
        """A view as NumPy makes it; geometry alone, as the array in its place has no memory."""
        ghost, start = _ghost(self.shape, self.steps, self.dtype)
        made = view(ghost)
        item = self.itemsize
        # An empty view points nowhere in particular.
        at = (made.__array_interface__["data"][0] - start) // item if made.size else 0
        return self.strided(made.shape, [s // item for s in made.strides], self.offset + at)

    @property
    def T(self) -> Symbol:
        return self._seen(lambda a: a.T)

    @property
    def real(self) -> Symbol:
        return self if self.dtype.kind != "c" else self._made(fnp.real(self.value))

    def transpose(self, *axes: Any) -> Symbol:
        return self._seen(lambda a: a.transpose(*axes))

    def swapaxes(self, a: int, b: int) -> Symbol:
        return self._seen(lambda x: x.swapaxes(a, b))

    def squeeze(self, axis: Any = None) -> Symbol:
        return self._seen(lambda a: a.squeeze(axis))

    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Symbol:
        return self._seen(lambda a: a.diagonal(offset, axis1, axis2))

    def reshape(self, *shape: Any, order: str = "C", copy: Any = None) -> Symbol:
        if order != "C":
            raise self.recording.needs_values("ndarray.reshape")
        wanted = shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape
        size = tuple([int(n) for n in wanted])
        if -1 in size:
            known = -math.prod(size)
            size = tuple([self.size // max(known, 1) if n == -1 else n for n in size])
        if self.flags.c_contiguous:
            return self.strided(size, row_strides(size), self.offset)
        return fresh_symbol(self.recording, fnp.reshape(self.value, size))

    def ravel(self, order: str = "C") -> Symbol:
        return self.reshape(-1)

    flatten = ravel

    def view(self, dtype: Any = None) -> Symbol:
        if dtype is None or np.dtype(dtype) == self.dtype:
            return self.strided(self.shape, self.steps, self.offset)
        wanted = np.dtype(dtype)
        if wanted.itemsize != self.itemsize or "b" in (wanted.kind, self.dtype.kind):
            raise self.recording.unsupported("a view as another dtype")
        return self._made(lax.bitcast_convert_type(self.value, wanted))

    def __getitem__(self, key: Any) -> Symbol:
        if is_basic(key):
            keys = key if isinstance(key, tuple) else (key,)
            # With an ellipsis the answer is a view even of one element: there are none to read.
            whole: Any = keys if Ellipsis in keys else (*keys, Ellipsis)
            return self._seen(lambda a: a[whole])
        return self._made(self.value[self._index(key)])

    def _index(self, key: Any) -> tuple[Any, ...]:
        """An index with arrays in it, for core arrays; each call checks its positions."""
        keys = key if isinstance(key, tuple) else (key,)
        used = sum(1 for k in keys if k is not None and k is not Ellipsis)
        found: list[Any] = []
        dim = 0
        for k in keys:
            if k is Ellipsis:
                dim += self.ndim - used
            elif k is not None:
                if not isinstance(k, (slice, int)):
                    k = self._positions(k, self.shape[dim])
                dim += 1
            found.append(k)
        return tuple(found)

    def _positions(self, key: Any, n: int) -> Any:
        array = key if isinstance(key, Symbol) else np.asarray(key)
        if array.dtype.kind == "b":
            raise self.recording.needs_values("indexing by a mask")
        if isinstance(array, Symbol):
            array.within(n, -n)
        elif array.size and not (-n <= array.min() and array.max() < n):
            raise IndexError(f"an index is out of bounds for a dimension of size {n}")
        return value_of(array)

    def __setitem__(self, key: Any, new: Any) -> None:
        if not is_basic(key):
            keys = key if isinstance(key, tuple) else (key,)
            if len(keys) == 1 and getattr(keys[0], "dtype", None) == np.bool_:
                mask, given = keys[0], value_of(new, self.dtype)
                if mask.shape == self.shape and not given.shape:
                    self[...] = fresh_symbol(
                        self.recording, fnp.where(value_of(mask), given, self.value)
                    )
                    return
            made = self.value.at[self._index(key)].set(value_of(new, self.dtype))
            write(self.storage, self.shape, self.steps, self.offset, made)
            return
        part = self if key is Ellipsis else self[key]
        given = fnp.broadcast_to(value_of(new, self.dtype), part.shape)
        write(self.storage, part.shape, part.steps, part.offset, given)

    def combine(self, key: Any, new: Any, ufunc: Any) -> None:
        """Add values at an index, or multiply and so on; places that come twice get both."""
        name = WRITES.get(ufunc.__name__)
        if name is None:
            raise self.recording.unsupported(f"numpy.{ufunc.__name__}.at")
        made = getattr(self.value.at[self._index(key)], name)(value_of(new, self.dtype))
        write(self.storage, self.shape, self.steps, self.offset, made)

    def zeros(self, shape: Any) -> Symbol:
        """Zeros of its dtype."""
        size = (shape,) if isinstance(shape, int) else tuple(shape)
        return self._made(wrap(np.zeros(size, self.dtype)))

    def fill(self, new: Any) -> None:
        self[...] = new

    # ------------------------------------------------------------------------------------ copies
    def _made(self, value: Any) -> Symbol:
        return fresh_symbol(self.recording, value)

    def copy(self, order: str = "C") -> Symbol:
        made = self._made(self.value)
        return laid(made, [self]) if order == "K" else made

    def laid_out(self) -> Symbol:
        """Itself if it lies row by row, else a copy that does."""
        return self if self.flags.c_contiguous else self._made(self.value)

    def astype(self, dtype: Any, order: str = "K", copy: bool = True, **_: Any) -> Symbol:
        made = self._made(cast(self.value, np.dtype(dtype)))
        return laid(made, [self]) if order == "K" else made

    # ------------------------------------------------------------------------------- reductions
    def _reduce(self, name: str, axis: Any, keepdims: bool, dtype: Any = None) -> Symbol:
        value = self.value if dtype is None else cast(self.value, np.dtype(dtype))
        out = self._made(REDUCTIONS[name](value, axis, keepdims))
        if out.dtype.kind == "b" and name == "logical_and":
            out.guess = True
        return out

    def sum(
        self, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False
    ) -> Symbol:
        dtype = np.int64 if dtype is None and self.dtype.kind in "bi" else dtype
        return self._reduce("add", axis, keepdims, dtype)

    def mean(
        self, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False
    ) -> Symbol:
        kind = self.dtype.kind
        wanted = np.dtype(np.float64) if dtype is None and kind in "biu" else dtype or self.dtype
        value = cast(self.value, np.dtype(wanted))
        return self._made(fnp.mean(value, axis=axis, keepdims=keepdims))

    def max(self, axis: Any = None, out: Any = None, keepdims: bool = False) -> Symbol:
        return self._reduce("maximum", axis, keepdims)

    def min(self, axis: Any = None, out: Any = None, keepdims: bool = False) -> Symbol:
        return self._reduce("minimum", axis, keepdims)

    def any(self, axis: Any = None, out: Any = None, keepdims: bool = False) -> Symbol:
        return self._reduce("logical_or", axis, keepdims, np.bool_)

    def all(self, axis: Any = None, out: Any = None, keepdims: bool = False) -> Symbol:
        return self._reduce("logical_and", axis, keepdims, np.bool_)

    def prod(self, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Symbol:
        return self._reduce("multiply", axis, keepdims, dtype)

    def argmax(self, axis: Any = None) -> Symbol:
        return self._made(fnp.argmax(self.value, axis=axis))

    def argmin(self, axis: Any = None) -> Symbol:
        return self._made(fnp.argmin(self.value, axis=axis))

    def argsort(self, axis: int = -1, kind: Any = None) -> Symbol:
        return self._made(fnp.argsort(self.value, axis=axis, stable=True))

    def within(self, n: int, least: int = 0) -> None:
        """Have each call check that all elements are positions among ``n``."""
        value = self.value
        self.recording.demand(fnp.all((value >= least) & (value < n)), True)

    def take(self, places: Any, axis: Any = None, out: Any = None, mode: str = "raise") -> Symbol:
        index = value_of(places)
        if mode == "raise":
            n = self.size if axis is None else self.shape[axis]
            if isinstance(places, Symbol):
                places.within(n, -n)
            index = fnp.where(index < 0, index + n, index)
        return self._made(fnp.take(self.value, index, axis=axis))

    # ---------------------------------------------------------------------------------- NumPy
    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        into = kwargs.pop("out", None) or (None,)
        if method == "__call__":
            made = _call(self.recording, ufunc, inputs, kwargs)
        elif method == "reduce" and ufunc.__name__ in REDUCTIONS:
            made = self._reduced(ufunc, inputs[0], kwargs)
        elif method == "accumulate" and ufunc.__name__ in ("add", "multiply"):
            x = inputs[0]
            f = fnp.cumsum if ufunc is np.add else fnp.cumprod
            dtype = kwargs.get("dtype") or (np.int64 if x.dtype.kind in "bi" else x.dtype)
            made = self._made(f(value_of(x, dtype), axis=kwargs.get("axis", 0)))
        else:
            raise self.recording.unsupported(f"{ufunc.__name__}.{method}")
        target = into[0]
        if target is None:
            return made
        if not isinstance(target, Symbol):
            raise self.recording.needs_values(f"{ufunc.__name__} into an array")
        target[...] = made
        return target

    def _reduced(self, ufunc: Any, x: Any, kwargs: dict[str, Any]) -> Any:
        if kwargs.get("where", True) is not True or not isinstance(x, Symbol):
            raise self.recording.unsupported(f"{ufunc.__name__}.reduce")
        dtype = kwargs.get("dtype")
        if ufunc.__name__.startswith("logical"):
            dtype = np.bool_
        elif dtype is None and ufunc in (np.add, np.multiply) and x.dtype.kind in "biu":
            dtype = np.uint64 if x.dtype.kind == "u" else np.int64
        keep = kwargs.get("keepdims", False)
        return x._reduce(ufunc.__name__, kwargs.get("axis", 0), keep, dtype)

    def __array_function__(self, f: Any, types: Any, args: Any, kwargs: Any) -> Any:
        rule = self.recording.numpy_rules.get(f.__name__)
        if rule is None:
            raise self.recording.unsupported(f"numpy.{f.__name__}")
        return rule(self.recording, *args, **kwargs)


# -------------------------------------------------------------------------------------- making them
def _symbol(
    recording: Recording, storage: Storage, shape: Any, steps: Any, offset: int, dtype: Any
) -> Symbol:
    out: Symbol = _new(recording.symbols)
    out.recording, out.storage, out.shape, out.steps = recording, storage, shape, steps
    out.offset, out.dtype, out._read, out.guess = offset, dtype, None, False
    return out


def symbol_of(t: Tensor) -> Any:
    """The symbol that a tensor has for an array."""
    return t._np


def fresh_symbol(recording: Recording, value: Any, order: Sequence[int] | None = None) -> Symbol:
    """A symbol of a core array in memory of its own.

    Args:
        order: its dimensions from the slowest in memory to the fastest; their own by default.
    """
    shape, dtype = tuple(value.shape), np.dtype(value.dtype)
    if order is None or list(order) == list(range(len(shape))):
        memory = recording.symbols.memory(value)
        out = _symbol(recording, memory, shape, row_strides(shape), 0, dtype)
        out._read = (0, value)
        return out
    storage = recording.symbols.memory(fnp.transpose(value, tuple(order)))
    steps, step = [0] * len(shape), 1
    for d in reversed(order):
        steps[d] = step
        step *= max(shape[d], 1)
    out = _symbol(recording, storage, shape, tuple(steps), 0, dtype)
    out._read = (0, value)
    return out


class _Layout:
    """How an array lies in memory, dimensions that run backwards turned round."""

    __slots__ = ("flags", "ndim", "shape", "strides")

    def __init__(self, array: Any) -> None:
        self.ndim, self.shape, self.flags = array.ndim, array.shape, array.flags
        self.strides = tuple([abs(s) for s in array.strides])


def laid(made: Symbol, operands: Sequence[Any]) -> Symbol:
    """A fresh elementwise result with its dimensions in memory in the order of its operands'."""
    arrays = [_Layout(x) for x in operands if hasattr(x, "strides")]
    if made.ndim < 2 or all(a.flags.c_contiguous for a in arrays):
        return made
    order = iteration_order(made.shape, arrays)
    if order is None or order == list(range(made.ndim - 1, -1, -1)):
        return made
    return fresh_symbol(made.recording, made.value, order[::-1])


def apply_op(
    recording: Recording, record: Op, operands: Sequence[Any], params: dict[str, Any]
) -> Symbol:
    """The result of an op on symbols and arrays of one dtype."""
    values = [value_of(x) for x in operands]
    if isinstance(record, Local):
        symbols = [fresh_symbol(recording, v) for v in values]
        found = value_of(record.eager(*symbols, **params))
    else:
        found = record(*values, **params)
    return laid(fresh_symbol(recording, found), operands)


def is_basic(key: Any) -> bool:
    """Whether an index is a view in NumPy."""
    for k in key if isinstance(key, tuple) else (key,):
        if not (k is None or k is Ellipsis or isinstance(k, (slice, int, np.integer))):
            return False
        if isinstance(k, bool):
            return False
    return True


def value_of(x: Any, dtype: Any = None) -> Any:
    """A symbol, raw array or number as a core array, of a dtype if one is given."""
    if isinstance(x, Symbol):
        made = x.value
    else:
        made = wrap(np.array(x, dtype))
    return made if dtype is None else cast(made, np.dtype(dtype))


def _call(recording: Recording, ufunc: Any, inputs: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """A ufunc on symbols, in the dtypes that NumPy takes."""
    f = core_function(ufunc)
    if f is None or kwargs.keys() - {"dtype", "casting"}:
        raise recording.unsupported(f"numpy.{ufunc.__name__} {', '.join(kwargs)}".rstrip())
    kinds = [kind_of(x) for x in inputs]
    settings: dict[str, Any] = {"casting": kwargs.get("casting", "same_kind")}
    if kwargs.get("dtype") is not None:
        settings["signature"] = (None,) * ufunc.nin + (np.dtype(kwargs["dtype"]),) * ufunc.nout
    dtypes = ufunc.resolve_dtypes((*kinds, *(None,) * ufunc.nout), **settings)
    found = f(*[value_of(x, d) for x, d in zip(inputs, dtypes, strict=False)])
    if ufunc.nout > 1:
        parts = zip(found, dtypes[ufunc.nin :], strict=True)
        return tuple(fresh_symbol(recording, cast(v, d)) for v, d in parts)
    out = fresh_symbol(recording, cast(found, dtypes[-1]))
    return out if ufunc.signature is not None else laid(out, inputs)


def kind_of(x: Any) -> Any:
    """What the dtype of a ufunc depends on: a dtype, or the class of a Python number."""
    if isinstance(x, Symbol):
        return x.dtype
    return x.__class__ if x.__class__ in (int, float, complex) else np.asarray(x).dtype
