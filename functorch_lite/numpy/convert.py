"""From anything array-like to arrays of one dtype: what every public function does first."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

import numpy as np

from functorch_lite import ops
from functorch_lite.core import device as _device
from functorch_lite.core.array import Array, Tracer, lift, make_strong, wrap
from functorch_lite.core.dtypes import (
    SCALAR_TYPES,
    canonical,
    default_dtype,
    float32,
    int64,
    is_inexact,
    result_type,
    scalar_dtype,
)
from functorch_lite.core.op import devices_enabled, gpu_among
from functorch_lite.core.trace import state
from functorch_lite.errors import AxisError, DtypeError, ShapeError

_np_array = np.array


# ------------------------------------------------------------------------------- scalars and casts
def const(value: Any, dtype: Any) -> Array:
    """A 0-d array of exactly ``dtype`` from a Python scalar.

    Raises:
        OverflowError: an int that the dtype cannot hold.
        DtypeError: a complex number for a dtype that is not complex.
    """
    try:
        return wrap(_np_array(value, dtype))
    except OverflowError:
        raise OverflowError(
            f"the Python int {value} does not fit into {dtype.name}. Remedy: convert the array "
            "first, e.g. x.astype('int64')."
        ) from None
    except TypeError:
        raise DtypeError(
            f"the Python {type(value).__name__} {value} cannot become {dtype.name}. Remedy: "
            "convert the array first, e.g. x.astype('complex64')."
        ) from None


def cast(x: Array, dtype: np.dtype[Any]) -> Array:
    """``x`` in the given (canonical) dtype; ``x`` itself if it already has it."""
    return x if x.dtype is dtype or x.dtype == dtype else ops.cast(x, dtype=dtype)


def strong(x: Array) -> Array:
    """A weak tracer in the default dtype of its kind; any other array unchanged."""
    return cast(make_strong(x), default_dtype(x.dtype)) if x.weak else x


def as_array(x: Any, fun: str, arg: str = "x") -> Array:
    """Array for an argument of a public function: arrays and scalars pass, sequences do not.

    Raises:
        TypeError: naming the function, the argument and the remedy.
    """
    if isinstance(x, Array):
        return strong(x) if x.weak else x
    if isinstance(x, SCALAR_TYPES):
        return const(x, scalar_dtype(x))
    if isinstance(x, (np.ndarray, np.generic)):
        return from_numpy(x, fun, arg)
    if isinstance(x, (list, tuple, dict, set, str, bytes, type(None))) or callable(x):
        given = "None" if x is None else f"a {type(x).__name__}"
        remedy = f"{fun}(asarray({arg}))" if isinstance(x, (list, tuple)) else "pass an array"
        raise TypeError(
            f"{fun}: argument {arg} must be an array or a number, got {given}. Remedy: {remedy}."
        )
    return lift(x)


def from_numpy(x: Any, fun: str, arg: str) -> Array:
    """An Array with a copy of a NumPy array or scalar, in native byte order."""
    try:
        dtype = canonical(x.dtype)
    except DtypeError as error:
        raise DtypeError(f"{fun}: argument {arg}: {error}") from None
    # astype copies and sets this very dtype object; np.array would keep that of an unpickled array.
    return wrap(np.asarray(x).astype(dtype))


def as_axis_sequence(x: Any, fun: str, arg: str) -> list[Array]:
    """A non-empty list of arrays from a sequence, or from the rows of one array."""
    if isinstance(x, (Array, np.ndarray)):
        array = as_array(x, fun, arg)
        if array.ndim == 0:
            raise ShapeError(
                f"{fun}: argument {arg} must be a sequence of arrays, got a 0-d array."
            )
        items: Iterable[Any] = array
    elif isinstance(x, Iterable) and not isinstance(x, (str, bytes, dict)):
        items = x
    else:
        raise TypeError(
            f"{fun}: argument {arg} must be a sequence of arrays, got a {type(x).__name__}. "
            f"Remedy: {fun}([x, y])."
        )
    arrays = [as_array(item, fun, f"{arg}[{i}]") for i, item in enumerate(items)]
    if not arrays:
        raise ShapeError(f"{fun}: argument {arg} must hold at least one array, got none.")
    return arrays


# ------------------------------------------------------------------- arrays made beside another one
def iota(like: Array, *, shape: tuple[int, ...], dtype: np.dtype[Any], axis: int) -> Array:
    """The op of this name, where ``like`` lives."""
    return _beside(like, ops.iota, {"shape": shape, "dtype": dtype, "axis": axis})


def fill(like: Array, *, shape: tuple[int, ...], dtype: np.dtype[Any], value: Any) -> Array:
    """The op ``full``, where ``like`` lives."""
    return _beside(like, ops.full, {"shape": shape, "dtype": dtype, "value": value})


def _beside(like: Array, op: Any, params: dict[str, Any]) -> Array:
    if not devices_enabled():
        return op(**params)
    was = state.device
    state.device = gpu_among((like,)) or was
    try:
        return op(**params)
    finally:
        state.device = was


def constant(like: Array, data: Any, fun: str = "asarray", arg: str = "x") -> Array:
    """An array from NumPy's, where ``like`` lives."""
    x = as_array(data, fun, arg)
    place = gpu_among((like,)) if devices_enabled() else None
    return x if place is None else _device.put(x, place)


# --------------------------------------------------------------------------------------- promotion
def promote(*args: Any, fun: str = "promote", names: Sequence[str] = "xyzw") -> list[Array]:
    """Arrays of one common dtype from arrays and Python scalars, which are weak.

    Args:
        *args: arrays (any shapes) and scalars.
        fun: name of the calling function, for messages.
        names: names of its arguments.

    Returns:
        Arrays of dtype ``result_type(*args)``; shapes are unchanged.

    >>> [a.dtype.name for a in promote(np.zeros(2, "int32"), 1.5)]
    ['float32', 'float32']
    """
    return cast_all(args, None, fun, names)


def promote_inexact(*args: Any, fun: str = "promote_inexact", names: Sequence[str] = "xyzw"):
    """Like :func:`promote`; integers and bools become float32.

    >>> [a.dtype.name for a in promote_inexact(1, np.zeros(2, "int8"))]
    ['float32', 'float32']
    """
    return cast_all(args, float32, fun, names)


def promote_numbers(*args: Any, fun: str = "promote_numbers", names: Sequence[str] = "xyzw"):
    """Like :func:`promote`; bools become int64.

    >>> [a.dtype.name for a in promote_numbers(True, False)]
    ['int64', 'int64']
    """
    arrays = cast_all(args, None, fun, names)
    return [cast(a, int64) for a in arrays] if arrays[0].dtype.kind == "b" else arrays


def cast_all(args: Sequence[Any], least: Any, fun: str, names: Sequence[str]) -> list[Array]:
    """``args`` as arrays of their common dtype, or of ``least`` (if given) where that is exact."""
    dtype: Any = getattr(args[0], "dtype", None)
    for x in args:
        if not isinstance(x, Array) or x.weak or x.dtype is not dtype:
            break
    else:
        if least is None or is_inexact(dtype):
            return list(args)
    held: list[Any] = []
    for i, x in enumerate(args):
        if isinstance(x, Array) or isinstance(x, SCALAR_TYPES):
            held.append(x)
        else:
            held.append(as_array(x, fun, names[i] if i < len(names) else f"{i}"))
    dtype = result_type(*held)
    if least is not None and not is_inexact(dtype):
        dtype = least
    return [cast(x, dtype) if isinstance(x, Array) else const(x, dtype) for x in held]


def to_inexact(x: Any, fun: str = "to_inexact", arg: str = "x") -> Array:
    """``x`` as a floating-point or complex array; integers and bools become float32.

    >>> to_inexact(3)
    Array(3., dtype=float32)
    """
    x = as_array(x, fun, arg)
    return x if is_inexact(x.dtype) else ops.cast(x, dtype=float32)


def to_bool(x: Any, fun: str, arg: str = "x") -> Array:
    """``x != 0`` as a bool array; bool arrays pass unchanged."""
    x = as_array(x, fun, arg)
    return x if x.dtype.kind == "b" else ops.ne(x, const(0, x.dtype))


# -------------------------------------------------------------------------------- static arguments
def as_axis(axis: Any, ndim: int, fun: str) -> int:
    """A non-negative axis.

    Raises:
        AxisError: outside ``-ndim .. ndim - 1``.
    """
    try:
        i = operator.index(axis)
    except TypeError as error:
        if isinstance(axis, Tracer):
            raise
        raise TypeError(f"{fun}: axis must be an int, got {axis!r}.") from error
    if -ndim <= i < ndim:
        return i + ndim if i < 0 else i
    remedy = f"use an axis from {-ndim} to {ndim - 1}" if ndim else "a 0-d array has no axes"
    raise AxisError(
        f"{fun}: axis {i} is out of range for an array of {ndim} dimensions. Remedy: {remedy}."
    )


def as_axes(axis: Any, ndim: int, fun: str) -> tuple[int, ...]:
    """Sorted non-negative axes from None (all of them), an int or a sequence of ints."""
    if axis is None:
        return tuple(range(ndim))
    if not isinstance(axis, (tuple, list, range)):
        return (as_axis(axis, ndim, fun),)
    return tuple(sorted(axes_in_order(axis, ndim, fun)))


def axes_in_order(axis: Any, ndim: int, fun: str) -> tuple[int, ...]:
    """Non-negative axes in the order given.

    Raises:
        AxisError: an axis is out of range or named twice.
    """
    given = axis if isinstance(axis, (tuple, list, range)) else (axis,)
    axes = tuple(as_axis(a, ndim, fun) for a in given)
    if len(set(axes)) != len(axes):
        raise AxisError(
            f"{fun}: axis {tuple(given)} names one axis of {ndim} twice. Remedy: name each once."
        )
    return axes


def as_shape(shape: Any, fun: str, arg: str = "shape") -> tuple[int, ...]:
    """A tuple of ints from an int or a sequence of ints; -1 is not resolved here."""
    sizes = shape if isinstance(shape, Iterable) and not isinstance(shape, Array) else (shape,)
    try:
        return tuple(operator.index(n) for n in sizes)
    except TypeError as error:
        if any(isinstance(n, Tracer) for n in sizes):
            raise
        raise TypeError(f"{fun}: {arg} must be ints, got {shape!r}.") from error


def checked_shape(shape: Any, fun: str, arg: str = "shape") -> tuple[int, ...]:
    """Like :func:`as_shape`, refusing negative sizes."""
    sizes = as_shape(shape, fun, arg)
    if any(n < 0 for n in sizes):
        raise ShapeError(f"{fun}: {arg} must not be negative, got {sizes}.")
    return sizes


def optional_dtype(dtype: Any) -> np.dtype[Any] | None:
    """``canonical``, with None passing through."""
    return None if dtype is None else canonical(dtype)


# ----------------------------------------------------------------------------------------- asarray
def asarray(
    x: Any,
    dtype: Any = None,
    order: str | None = None,
    *,
    copy: bool | None = None,
    device: Any = None,
) -> Array:
    """An array from array-like data.

    Args:
        x: array, NumPy array (copied: its owner may change it), number, or nested sequence.
        dtype: dtype of the result. Left out, arrays keep theirs; Python floats become float32,
            ints int64, complexes complex64.
        order: accepted for NumPy's sake; arrays have no order that a program could see.
        copy: accepted for the array API's sake. False raises where a copy is needed.
        device: ``"cpu"``, ``"cuda"`` or ``"cuda:N"``; left out, where the data already is.

    Returns:
        The array; ``x`` itself if it is one of that dtype and device.

    Raises:
        ShapeError: a ragged nested sequence.
        DtypeError: data of a dtype that arrays do not have.

    >>> asarray([1.0, 2.0]), asarray(3), asarray(np.arange(2.0))
    (Array([1., 2.], dtype=float32), Array(3, dtype=int64), Array([0., 1.], dtype=float64))
    """
    del order
    wanted = optional_dtype(dtype)
    if isinstance(x, Array):
        out = strong(x) if wanted is None else cast(x, wanted)
    elif copy is False:
        raise ValueError(
            f"asarray: copy=False cannot be met for a {type(x).__name__}, whose owner may change "
            "it. Remedy: leave copy out."
        )
    elif isinstance(x, (list, tuple)):
        out = _from_nested(x, wanted)
    elif wanted is not None and isinstance(x, SCALAR_TYPES):
        out = const(x, wanted)
    else:
        out = as_array(_unwrap(x), "asarray")
        out = out if wanted is None else cast(out, wanted)
    return out if device is None else out.to_device(device)


def array(
    x: Any,
    dtype: Any = None,
    copy: bool = True,
    order: str | None = "K",
    ndmin: int = 0,
    *,
    device: Any = None,
) -> Array:
    """An array from array-like data; see :func:`asarray`.

    Args:
        x: array-like data.
        dtype: dtype of the result.
        copy: accepted for NumPy's sake; arrays never change, so a copy could not be told apart.
        order: accepted for NumPy's sake.
        ndmin: the result gets leading axes of size 1 up to this number of dimensions.
        device: where the array shall live.

    Returns:
        The array.

    >>> array([[1, 2], [3, 4]], ndmin=3).shape
    (1, 2, 2)
    """
    del copy, order
    out = asarray(x, dtype, device=device)
    if out.ndim < ndmin:
        out = ops.reshape(out, shape=(1,) * (ndmin - out.ndim) + out.shape)
    return out


def _unwrap(x: Any) -> Any:
    """Other libraries' arrays as NumPy's, by whichever protocol they speak."""
    if isinstance(x, (range, memoryview, bytearray)):
        return np.asarray(x)
    if isinstance(x, (Array, np.ndarray, np.generic)) or type(x).__module__ == "builtins":
        return x
    if type(x).__module__.startswith("cupy"):
        return x
    if hasattr(x, "__array__"):
        return np.asarray(x)
    if hasattr(x, "__dlpack__"):
        return np.from_dlpack(x)
    return np.asarray(x) if isinstance(x, Sequence) else x


def _from_nested(x: Sequence[Any], dtype: np.dtype[Any] | None) -> Array:
    shape: list[int] = []
    flat: list[Any] = [x]
    while flat and all(map(_is_sequence, flat)):
        lengths = set(map(len, flat))
        if len(lengths) > 1:
            raise ShapeError(
                f"asarray: the nested sequence is ragged: at depth {len(shape)} its parts have "
                f"lengths {sorted(lengths)}. Remedy: pad them to one length."
            )
        shape.append(lengths.pop())
        flat = list(chain.from_iterable(flat))
    if any(map(_is_sequence, flat)):
        raise ShapeError(
            f"asarray: the nested sequence is ragged: at depth {len(shape)} it holds both "
            "sequences and single values. Remedy: pad it to one shape."
        )
    if not flat:
        return wrap(np.empty(shape, dtype or float32))
    types = set(map(type, flat))
    if all(issubclass(t, SCALAR_TYPES) for t in types):
        wanted = dtype or result_type(*[next(v for v in flat if type(v) is t) for t in types])
        return _from_numbers(flat, wanted, tuple(shape))
    items = [as_array(_unwrap(v), "asarray", "x") for v in flat]
    held = [v if isinstance(v, SCALAR_TYPES) else a for v, a in zip(flat, items, strict=True)]
    wanted = dtype or result_type(*held)
    return _stack_items(items, wanted, tuple(shape))


def _is_sequence(x: Any) -> bool:
    return isinstance(x, (list, tuple))


def _from_numbers(flat: list[Any], dtype: np.dtype[Any], shape: tuple[int, ...]) -> Array:
    try:
        data = _np_array(flat, dtype)
    except OverflowError:
        raise OverflowError(
            f"asarray: an int in the sequence does not fit into {dtype.name}. Remedy: pass a wider "
            "dtype, e.g. dtype='float64'."
        ) from None
    except TypeError:
        raise DtypeError(f"asarray: a complex number cannot become {dtype.name}.") from None
    return wrap(data.reshape(shape))


def _stack_items(items: list[Array], dtype: np.dtype[Any], shape: tuple[int, ...]) -> Array:
    inner = items[0].shape
    for i, item in enumerate(items):
        if item.shape != inner:
            raise ShapeError(
                f"asarray: the arrays inside a sequence must have one shape; item 0 has {inner}, "
                f"item {i} has {item.shape}. Remedy: pad them, or use concatenate."
            )
    on_host = all(type(item) is Array and isinstance(item._data, np.ndarray) for item in items)
    if on_host and len({item.dtype for item in items}) == 1:
        data = np.stack([item._data for item in items])
        return cast(wrap(data.reshape(shape + inner)), dtype)
    rows = [ops.reshape(cast(item, dtype), shape=(1, *inner)) for item in items]
    return ops.reshape(ops.concatenate(*rows, axis=0), shape=shape + inner)


def is_concrete(x: Any) -> bool:
    """Whether a value holds its numbers, i.e. is no tracer."""
    return not isinstance(x, Tracer)
