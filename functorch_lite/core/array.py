"""The immutable Array and the base class of tracers.

Operators and methods are installed by ``functorch_lite.numpy.array_methods`` (a higher layer),
because they are ops with promotion in front; this module only knows what an array *is*.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from functorch_lite.core.aval import Aval, StackAval, make_aval
from functorch_lite.core.dtypes import canonical
from functorch_lite.core.stack import Stack
from functorch_lite.core.trace import Trace
from functorch_lite.errors import EscapedTracerError, NonConcreteError

_new = object.__new__
_weak_kinds: dict[type, np.dtype[Any]] = {
    float: np.dtype(np.float64),
    int: np.dtype(np.int64),
    complex: np.dtype(np.complex128),
    np.float64: np.dtype(np.float64),
    np.complex128: np.dtype(np.complex128),
}


class Array:
    """An n-dimensional array that never changes, over NumPy or CuPy memory.

    Arrays are made by the functions of ``functorch_lite.numpy``; ``Array`` itself is for
    ``isinstance`` and annotations. Traced values inside a transform are instances of it, too.

    >>> import functorch_lite.numpy as fnp
    >>> fnp.asarray([1.0, 2.0]) * 2
    Array([2., 4.], dtype=float32)
    """

    __slots__ = ("__weakref__", "_data")
    __array_priority__ = 1000
    weak = False

    _data: Any

    if TYPE_CHECKING:
        # Installed by functorch_lite.numpy.array_methods; declared here for type checkers.
        def __add__(self, other: Any) -> Array: ...
        def __radd__(self, other: Any) -> Array: ...
        def __sub__(self, other: Any) -> Array: ...
        def __rsub__(self, other: Any) -> Array: ...
        def __mul__(self, other: Any) -> Array: ...
        def __rmul__(self, other: Any) -> Array: ...
        def __truediv__(self, other: Any) -> Array: ...
        def __rtruediv__(self, other: Any) -> Array: ...
        def __floordiv__(self, other: Any) -> Array: ...
        def __rfloordiv__(self, other: Any) -> Array: ...
        def __mod__(self, other: Any) -> Array: ...
        def __rmod__(self, other: Any) -> Array: ...
        def __pow__(self, other: Any) -> Array: ...
        def __rpow__(self, other: Any) -> Array: ...
        def __matmul__(self, other: Any) -> Array: ...
        def __rmatmul__(self, other: Any) -> Array: ...
        def __and__(self, other: Any) -> Array: ...
        def __rand__(self, other: Any) -> Array: ...
        def __or__(self, other: Any) -> Array: ...
        def __ror__(self, other: Any) -> Array: ...
        def __xor__(self, other: Any) -> Array: ...
        def __rxor__(self, other: Any) -> Array: ...
        def __lshift__(self, other: Any) -> Array: ...
        def __rlshift__(self, other: Any) -> Array: ...
        def __rshift__(self, other: Any) -> Array: ...
        def __rrshift__(self, other: Any) -> Array: ...
        def __lt__(self, other: Any) -> Array: ...
        def __le__(self, other: Any) -> Array: ...
        def __gt__(self, other: Any) -> Array: ...
        def __ge__(self, other: Any) -> Array: ...
        def __eq__(self, other: Any) -> Array: ...  # type: ignore[override]
        def __ne__(self, other: Any) -> Array: ...  # type: ignore[override]
        def __neg__(self) -> Array: ...
        def __pos__(self) -> Array: ...
        def __abs__(self) -> Array: ...
        def __invert__(self) -> Array: ...
        def __getitem__(self, index: Any) -> Array: ...
        def __iter__(self) -> Iterator[Array]: ...
        def __len__(self) -> int: ...
        def __bool__(self) -> bool: ...
        def __int__(self) -> int: ...
        def __float__(self) -> float: ...
        def __complex__(self) -> complex: ...
        def __index__(self) -> int: ...
        def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray: ...
        def item(self, *index: int) -> Any: ...
        def tolist(self) -> Any: ...
        def astype(self, dtype: Any, copy: bool = True, device: Any = None) -> Array: ...
        def reshape(self, *shape: Any) -> Array: ...
        def transpose(self, *axes: Any) -> Array: ...
        def to_device(self, device: Any) -> Array: ...

        T: Array
        mT: Array
        real: Array
        imag: Array
        at: Any
        device: Any
        nbytes: int
        itemsize: int
        all: Callable[..., Any]
        any: Callable[..., Any]
        argmax: Callable[..., Any]
        argmin: Callable[..., Any]
        argsort: Callable[..., Any]
        choose: Callable[..., Any]
        clip: Callable[..., Any]
        compress: Callable[..., Any]
        conj: Callable[..., Any]
        conjugate: Callable[..., Any]
        copy: Callable[..., Any]
        cumprod: Callable[..., Any]
        cumsum: Callable[..., Any]
        diagonal: Callable[..., Any]
        dot: Callable[..., Any]
        flatten: Callable[..., Any]
        max: Callable[..., Any]
        mean: Callable[..., Any]
        min: Callable[..., Any]
        nonzero: Callable[..., Any]
        prod: Callable[..., Any]
        ptp: Callable[..., Any]
        ravel: Callable[..., Any]
        repeat: Callable[..., Any]
        round: Callable[..., Any]
        searchsorted: Callable[..., Any]
        sort: Callable[..., Any]
        squeeze: Callable[..., Any]
        std: Callable[..., Any]
        sum: Callable[..., Any]
        swapaxes: Callable[..., Any]
        take: Callable[..., Any]
        trace: Callable[..., Any]
        var: Callable[..., Any]
        view: Callable[..., Any]

    shape = property(attrgetter("_data.shape"), doc="Sizes of the dimensions.")
    dtype = property(attrgetter("_data.dtype"), doc="The dtype, a ``numpy.dtype``.")
    ndim = property(attrgetter("_data.ndim"), doc="Number of dimensions.")
    size = property(attrgetter("_data.size"), doc="Number of elements.")

    def __init__(self, *_: Any, **__: Any) -> None:
        raise TypeError(
            "Array cannot be called; make arrays with functorch_lite.numpy, e.g. "
            "numpy.asarray(data)"
        )

    @property
    def aval(self) -> Aval:
        """Shape and dtype as a ``ShapeDtypeStruct``."""
        return make_aval(self.shape, self.dtype, self.weak)


def wrap(data: Any) -> Array:
    """An Array that owns ``data`` (no copy): the caller must not change it afterwards."""
    array = _new(Array)
    array._data = data
    return array


class WeakArray(Array):
    """A number computed from Python scalars alone in a transform, such as ``x // 2`` in ``grad``.

    It adapts its dtype like the Python number that it stands for; transforms return it as an Array
    of the default dtype.
    """

    __slots__ = ()
    weak = True


class StackArray(Array):
    """A concrete stack: what a loop of unknown length kept, one value per step."""

    __slots__ = ()

    @property
    def aval(self) -> Aval:
        """Shape and dtype of the stack and of its elements."""
        return StackAval(self._data.elem)


def wrap_stack(stack: Stack) -> Array:
    """An Array around a stack."""
    array = _new(StackArray)
    array._data = stack
    return array


def is_zero_stack(x: Any) -> bool:
    """Whether a value is a stack of zeros of any length, which stands for no stack at all."""
    return x.__class__ is StackArray and x._data.items is None


class Tracer(Array):
    """A value inside a transform. ``_data`` stays unset, which is how eager ops notice one."""

    __slots__ = ("_trace", "weak")

    _trace: Trace
    weak: bool

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return self.aval.size

    def concrete(self, wanted: str) -> Any:
        """The value that Python asked for (``wanted`` says how), or an error if there is none."""
        raise NonConcreteError(f"{wanted} needs a value, but {self!r} is being traced")


def raise_escaped(tracer: Tracer, op_name: str | None = None) -> NoReturn:
    """Say which transform a leaked tracer came from."""
    trace = tracer._trace
    user = f"{op_name} got" if op_name else "an operation got"
    made = getattr(tracer, "made_at", None)
    made_text = f", computed at {made()}" if made is not None else ""
    if trace.alive:
        why = (
            "That transform is still running, but this operation runs outside it (in another "
            "thread, for instance). Call the transform inside the thread, or return the value "
            "first."
        )
    else:
        why = (
            "That transform has ended, so its values no longer exist. Return the value from the "
            "transformed function (has_aux=True for side results) instead of keeping it in a "
            "variable, list or attribute outside."
        )
    raise EscapedTracerError(
        f"{user} a value of shape {tracer.shape} and dtype {tracer.dtype.name} that belongs to "
        f"{trace.label}, begun at {trace.where}{made_text}. {why}"
    )


def lift(x: Any) -> Array:
    """Array for any array-like argument of a transform; Python scalars keep full precision.

    NumPy arrays are copied, since their owner may change them.
    """
    if isinstance(x, Array):
        return x
    dtype = _weak_kinds.get(type(x)) or _weak_dtype(x)
    if dtype is not None:
        return wrap(_weak_data(x, dtype))
    if isinstance(x, (np.ndarray, np.generic, bool)):
        return wrap(_own(np.asarray(x)))
    if type(x).__module__.startswith("cupy"):
        return wrap(x.copy())
    if hasattr(x, "__array__"):
        return wrap(_own(np.asarray(x)))
    raise TypeError(f"{type(x).__name__} is not an array, number or bool: {x!r:.80}")


def _own(data: Any) -> Any:
    """A copy whose dtype is the canonical object: ``np.array`` keeps that of an unpickled array."""
    return data.astype(canonical(data.dtype))


def _weak_dtype(x: Any) -> np.dtype[Any] | None:
    """The dtype of an instance of a subclass of Python's number types (an ``IntEnum``, say)."""
    if isinstance(x, (bool, np.generic)):
        return None
    return next((_weak_kinds[kind] for kind in (int, float, complex) if isinstance(x, kind)), None)


def _weak_data(x: Any, dtype: np.dtype[Any]) -> Any:
    try:
        return np.array(x, dtype)
    except OverflowError:
        raise OverflowError(
            f"the Python int {x} does not fit into int64. Convert it first, e.g. float({x})."
        ) from None


def is_arraylike(x: Any) -> bool:
    """Whether ``lift`` takes x."""
    return (
        isinstance(x, (Array, np.ndarray, np.generic, bool, int, float, complex))
        or hasattr(x, "__array__")
        or type(x).__module__.startswith("cupy")
    )


def is_weak(x: Any) -> bool:
    """Whether a transform's argument adapts its dtype to the other operand's."""
    if isinstance(x, Array):
        return x.weak
    return type(x) in _weak_kinds or _weak_dtype(x) is not None


def make_weak(x: Any) -> Any:
    """The same value, adapting its dtype to the other operand's; ``x`` must be fresh or weak."""
    if isinstance(x, Tracer):
        x.weak = True
    elif type(x) is Array:
        data, x = x._data, _new(WeakArray)
        x._data = data
    return x


def make_strong(x: Any) -> Any:
    """The same value with its dtype fixed; ``x`` itself if it is not weak."""
    if not x.weak:
        return x
    return _with_weak(x, False) if isinstance(x, Tracer) else wrap(x._data)


def weak_copy(x: Any) -> Any:
    """A weak array of the same value; ``x`` keeps its own weakness."""
    return _with_weak(x, True) if isinstance(x, Tracer) else make_weak(x)


def _with_weak(x: Any, weak: bool) -> Any:
    """A copy of a tracer with another weakness."""
    out = _new(type(x))
    for cls in type(x).__mro__:
        for slot in getattr(cls, "__slots__", ()):
            if slot != "__weakref__" and hasattr(x, slot):
                object.__setattr__(out, slot, getattr(x, slot))
    out.weak = weak
    return out
