"""Arrays from nothing: fills, ranges, grids, and data in foreign formats."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functorch_lite import ops
from functorch_lite.core.array import Array, Tracer, wrap
from functorch_lite.core.dtypes import (
    SCALAR_TYPES,
    canonical,
    float32,
    int64,
    is_float,
    is_inexact,
    is_integer,
    result_type,
    scalar_dtype,
)
from functorch_lite.core.op import enable_devices
from functorch_lite.errors import NonConcreteError, ShapeError
from functorch_lite.numpy.convert import (
    as_array,
    asarray,
    cast,
    checked_shape,
    const,
    iota,
    optional_dtype,
    promote_inexact,
)
from functorch_lite.numpy.shapes import broadcast_to, moveaxis


# ------------------------------------------------------------------------------------------- fills
def _placed(x: Array, device: Any) -> Array:
    return x if device is None else x.to_device(device)


def full(shape: Any, fill_value: Any, dtype: Any = None, *, device: Any = None) -> Array:
    """An array of one value.

    Args:
        shape: static sizes.
        fill_value: number, or array that broadcasts to ``shape``.
        dtype: by default the value's: float32 for Python floats, int64 for ints.
        device: where the array shall live.

    Returns:
        array of ``shape``.

    >>> full((2,), 7.0)
    Array([7., 7.], dtype=float32)
    """
    sizes = checked_shape(shape, "full")
    wanted = optional_dtype(dtype)
    if isinstance(fill_value, SCALAR_TYPES):
        wanted = wanted or scalar_dtype(fill_value)
        value = const(fill_value, wanted)._data.item() if wanted.name != "bfloat16" else fill_value
        return _placed(ops.full(shape=sizes, dtype=wanted, value=value), device)
    return _placed(broadcast_to(asarray(fill_value, wanted), sizes), device)


def zeros(shape: Any, dtype: Any = None, *, device: Any = None) -> Array:
    """Zeros, float32 by default.

    >>> zeros((2, 3)).shape
    (2, 3)
    """
    return full(shape, 0, float32 if dtype is None else dtype, device=device)


def ones(shape: Any, dtype: Any = None, *, device: Any = None) -> Array:
    """Ones, float32 by default.

    >>> ones(2)
    Array([1., 1.], dtype=float32)
    """
    return full(shape, 1, float32 if dtype is None else dtype, device=device)


def empty(shape: Any, dtype: Any = None, *, device: Any = None) -> Array:
    """Zeros: programs shall not depend on what memory held before.

    >>> empty(2)
    Array([0., 0.], dtype=float32)
    """
    return zeros(shape, dtype, device=device)


def full_like(
    a: Any, fill_value: Any, dtype: Any = None, shape: Any = None, *, device: Any = None
) -> Array:
    """One value in the shape and dtype of another array (or of what is given instead).

    >>> full_like(np.zeros(2), 3)
    Array([3., 3.], dtype=float64)
    """
    have_shape, have_dtype = _like(a)
    place = device
    if place is None and isinstance(a, Array) and not isinstance(a, Tracer):
        place = None if isinstance(a._data, np.ndarray) else a.device
    return full(
        have_shape if shape is None else shape,
        fill_value,
        have_dtype if dtype is None else dtype,
        device=place,
    )


def _like(a: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
    if isinstance(a, Array) or not hasattr(a, "shape") or not hasattr(a, "dtype"):
        a = asarray(a)
    return tuple(a.shape), canonical(a.dtype)


def zeros_like(a: Any, dtype: Any = None, shape: Any = None, *, device: Any = None) -> Array:
    """Zeros in the shape and dtype of another array (or of what is given instead).

    >>> zeros_like(np.ones(2, "int8"))
    Array([0, 0], dtype=int8)
    """
    return full_like(a, 0, dtype, shape, device=device)


def ones_like(a: Any, dtype: Any = None, shape: Any = None, *, device: Any = None) -> Array:
    """Ones in the shape and dtype of another array (or of what is given instead).

    >>> ones_like(np.zeros(2, "int8"))
    Array([1, 1], dtype=int8)
    """
    return full_like(a, 1, dtype, shape, device=device)


def empty_like(a: Any, dtype: Any = None, shape: Any = None, *, device: Any = None) -> Array:
    """Zeros in the shape and dtype of another array; see :func:`empty`.

    >>> empty_like(np.ones(1))
    Array([0.], dtype=float64)
    """
    return full_like(a, 0, dtype, shape, device=device)


def copy(a: Any, order: str | None = None) -> Array:
    """The array: arrays never change, so a copy could not be told apart.

    >>> copy(np.ones(1))
    Array([1.], dtype=float64)
    """
    del order
    return asarray(a)


# ------------------------------------------------------------------------------------------ ranges
def arange(
    start: Any, stop: Any = None, step: Any = None, dtype: Any = None, *, device: Any = None
) -> Array:
    """Numbers from start (default 0) up to, not including, stop.

    Args:
        start, stop, step: static numbers; with one argument it is ``stop``.
        dtype: by default int64 for ints, float32 if any of them is a float.
        device: where the array shall live.

    Returns:
        vector.

    Raises:
        NonConcreteError: a bound is being traced, so that the length is not known.

    >>> arange(3), arange(1, 2, 0.5)
    (Array([0, 1, 2], dtype=int64), Array([1. , 1.5], dtype=float32))
    """
    given = [x for x in (start, stop, step) if x is not None]
    wanted = canonical(dtype) if dtype is not None else result_type(*given)
    first, last = (0, _static(start)) if stop is None else (_static(start), _static(stop))
    by = 1 if step is None else _static(step)
    if by == 0:
        raise ValueError("arange: step must not be 0.")
    count = max(0, math.ceil((last - first) / by))
    line = ops.iota(shape=(count,), dtype=wanted, axis=0)
    if (first, by) == (0, 1):
        return _placed(line, device)
    if is_integer(wanted) and all(isinstance(v, int) for v in (first, by)):
        line = ops.add(ops.mul(line, const(by, wanted)), const(first, wanted))
        return _placed(line, device)
    # Computed in float64 and rounded once, as NumPy does.
    return asarray(np.arange(count) * by + first, wanted, device=device)


def _static(x: Any) -> Any:
    if isinstance(x, Tracer):
        raise NonConcreteError(
            f"arange: start, stop and step decide the length and must be Python numbers, but "
            f"{x!r} is being traced. Remedy: declare that argument static, e.g. "
            "jit(f, static_argnums=0)."
        )
    return x.item() if hasattr(x, "item") else x


def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
    *,
    device: Any = None,
) -> Any:
    """Evenly spaced numbers between two ends.

    Args:
        start, stop: numbers or arrays that broadcast; may be traced.
        num: static number of points.
        endpoint: whether ``stop`` is the last point.
        retstep: return the pair (points, step).
        dtype: by default inexact.
        axis: where the axis of the points goes.
        device: where the array shall live.

    Returns:
        array with one more axis of size ``num``.

    >>> linspace(0, 1, 3)
    Array([0. , 0.5, 1. ], dtype=float32)
    """
    wanted = optional_dtype(dtype)
    lo, hi = _ends(start, stop, wanted, "linspace")
    count = operator.index(num)
    if count < 0:
        raise ValueError(f"linspace: num must not be negative, got {num}.")
    gaps = count - 1 if endpoint else count
    delta = ops.sub(hi, lo)
    ndim = delta.ndim
    line = iota(delta, shape=(count,) + (1,) * ndim, dtype=lo.dtype, axis=0)
    part = ops.div(line, const(max(gaps, 1), lo.dtype))
    # Mixing both ends keeps the last point exact, which start + part * delta does not.
    rest = ops.sub(const(1, lo.dtype), part)
    points = ops.add(ops.mul(lo, rest), ops.mul(hi, part))
    if wanted is not None:
        points = cast(ops.floor(points) if is_integer(wanted) else points, wanted)
    points = _placed(moveaxis(points, 0, axis) if axis else points, device)
    if not retstep:
        return points
    step = ops.div(delta, const(gaps if gaps > 0 else math.nan, lo.dtype))
    return points, step


def _ends(start: Any, stop: Any, wanted: Any, fun: str) -> list[Array]:
    """Both ends in one dtype, no less precise than the wanted one: 0.1 is not float32(0.1)."""
    if wanted is None or not is_float(wanted):
        return promote_inexact(start, stop, fun=fun, names=("start", "stop"))
    least = const(0, wanted)
    return promote_inexact(start, stop, least, fun=fun, names=("start", "stop", "dtype"))[:2]


def logspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    base: Any = 10.0,
    dtype: Any = None,
    axis: int = 0,
) -> Array:
    """base to the power of evenly spaced numbers.

    >>> logspace(0, 2, 3)
    Array([  1.,  10., 100.], dtype=float32)
    """
    wanted = None if dtype is None else canonical(dtype)
    fine = wanted if wanted is not None and is_float(wanted) else None
    points = linspace(start, stop, num, endpoint, dtype=fine, axis=axis)
    out = ops.pow(*promote_inexact(base, points, fun="logspace", names=("base", "start")))
    return out if wanted is None else cast(out, wanted)


def geomspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0
) -> Array:
    """Numbers in geometric progression between two ends of one sign.

    >>> geomspace(1, 4, 3)
    Array([1., 2., 4.], dtype=float32)
    """
    wanted = None if dtype is None else canonical(dtype)
    lo, hi = _ends(start, stop, wanted, "geomspace")
    sign = ops.sign(lo)
    logs = [ops.log(ops.mul(x, sign)) for x in (lo, hi)]
    points = ops.mul(ops.exp(linspace(logs[0], logs[1], num, endpoint)), sign)
    count = points.shape[0]
    place = iota(points, shape=(count,) + (1,) * (points.ndim - 1), dtype=int64, axis=0)
    points = ops.select(ops.eq(place, const(0, int64)), lo, points)
    if endpoint and count > 1:
        points = ops.select(ops.eq(place, const(count - 1, int64)), hi, points)
    points = moveaxis(points, 0, axis) if axis else points
    return points if wanted is None else cast(points, wanted)


# ------------------------------------------------------------------------------------------- grids
def meshgrid(
    *arrays: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy"
) -> list[Array]:
    """Coordinate arrays of a grid from coordinate vectors.

    Args:
        *arrays: vectors.
        copy: accepted for NumPy's sake.
        sparse: leave the axes of size 1 that would be repeated.
        indexing: ``"xy"`` exchanges the first two axes, ``"ij"`` does not.

    Returns:
        one array per vector.

    >>> [x.shape for x in meshgrid(np.ones(2), np.ones(3))]
    [(3, 2), (3, 2)]
    """
    del copy
    if indexing not in ("xy", "ij"):
        raise ValueError(f"meshgrid: indexing must be 'xy' or 'ij', got {indexing!r}.")
    vectors = [as_array(a, "meshgrid", f"arrays[{i}]") for i, a in enumerate(arrays)]
    for i, v in enumerate(vectors):
        if v.ndim > 1:
            raise ShapeError(f"meshgrid: arrays[{i}] must have one dimension, got shape {v.shape}.")
    n = len(vectors)
    order = list(range(n))
    if indexing == "xy" and n > 1:
        order[:2] = [1, 0]
    sizes = [v.size for v in vectors]
    shape = tuple(sizes[order.index(k)] if n > 1 else sizes[k] for k in range(n))
    out = []
    for v, axis in zip(vectors, order, strict=True):
        row = ops.reshape(v, shape=tuple(v.size if k == axis else 1 for k in range(n)))
        out.append(row if sparse else broadcast_to(row, shape))
    return out


def indices(dimensions: Sequence[int], dtype: Any = None, sparse: bool = False) -> Any:
    """The positions in a grid: array [len(dimensions), *dimensions], or a tuple if sparse.

    >>> indices((2, 2))[1]
    Array([[0, 1],
           [0, 1]], dtype=int64)
    """
    sizes = checked_shape(dimensions, "indices", "dimensions")
    wanted = int64 if dtype is None else canonical(dtype)
    n = len(sizes)
    if sparse:
        shapes = [tuple(m if k == axis else 1 for k, m in enumerate(sizes)) for axis in range(n)]
        return tuple(ops.iota(shape=s, dtype=wanted, axis=i) for i, s in enumerate(shapes))
    if not n:
        return ops.full(shape=(0,), dtype=wanted, value=0)
    grids = [
        ops.reshape(ops.iota(shape=sizes, dtype=wanted, axis=i), shape=(1, *sizes))
        for i in range(n)
    ]
    return ops.concatenate(*grids, axis=0)


def ix_(*args: Any) -> tuple[Array, ...]:
    """Index arrays that select the product of the given positions.

    >>> [i.shape for i in ix_(np.array([0, 1]), np.array([2]))]
    [(2, 1), (1, 1)]
    """
    n = len(args)
    out = []
    for axis, positions in enumerate(args):
        v = asarray(positions)
        if v.dtype.kind == "b":
            v = asarray(np.flatnonzero(np.asarray(v)))
        out.append(ops.reshape(v, shape=tuple(v.size if k == axis else 1 for k in range(n))))
    return tuple(out)


class _Grid:
    """``mgrid`` and ``ogrid``: slices become ranges (``start:stop:5j`` means 5 points)."""

    def __init__(self, sparse: bool) -> None:
        self._grid = np.ogrid if sparse else np.mgrid

    def __getitem__(self, key: Any) -> Any:
        found = self._grid[key]
        if isinstance(found, (tuple, list)):
            return [self._default(x) for x in found]
        return self._default(found)

    @staticmethod
    def _default(x: np.ndarray) -> Array:
        return asarray(x, float32 if is_inexact(x.dtype) else int64)


mgrid = _Grid(False)
ogrid = _Grid(True)


# --------------------------------------------------------------------------------- foreign formats
def from_dlpack(x: Any, /, *, device: Any = None, copy: bool | None = None) -> Array:
    """An array from any object that speaks DLPack; the data is copied, unless x is an Array.

    >>> from_dlpack(np.ones(2))
    Array([1., 1.], dtype=float64)
    """
    if isinstance(x, Array):
        return _placed(x, device)
    if copy is False:
        raise ValueError("from_dlpack: copy=False cannot be met, because the owner may change x.")
    kind = x.__dlpack_device__()[0] if hasattr(x, "__dlpack_device__") else 1
    if kind == 2:
        import cupy

        enable_devices()
        return _placed(wrap(cupy.from_dlpack(x).copy()), device)
    return asarray(np.from_dlpack(x), device=device)


def frombuffer(buffer: Any, dtype: Any = float, count: int = -1, offset: int = 0) -> Array:
    """A vector from the bytes of a buffer.

    >>> frombuffer(b"\\x01\\x02", "uint8")
    Array([1, 2], dtype=uint8)
    """
    return asarray(np.frombuffer(buffer, canonical(dtype), count, offset))


def fromfunction(
    function: Callable[..., Any], shape: Any, *, dtype: Any = float, **kwargs: Any
) -> Any:
    """A function of the positions in a grid.

    >>> fromfunction(lambda i, j: i + j, (2, 2), dtype=int)
    Array([[0, 1],
           [1, 2]], dtype=int64)
    """
    sizes = checked_shape(shape, "fromfunction")
    wanted = canonical(dtype)
    return function(
        *[ops.iota(shape=sizes, dtype=wanted, axis=i) for i in range(len(sizes))], **kwargs
    )


def fromiter(iterable: Any, dtype: Any, count: int = -1) -> Array:
    """A vector from an iterable of numbers.

    >>> fromiter(range(3), int)
    Array([0, 1, 2], dtype=int64)
    """
    return asarray(np.fromiter(iterable, canonical(dtype), count))
