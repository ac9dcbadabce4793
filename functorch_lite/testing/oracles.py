"""Tools for writing reference functions that share no code with the ops they check.

Floats are computed in NumPy's long double, integers as Python's unbounded integers that are wrapped
once at the end, reductions by a plain loop over rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite.core.dtypes import is_complex, is_float, is_integer


def widen(x: np.ndarray) -> np.ndarray:
    """Floats and complex numbers in the widest NumPy type; anything else unchanged."""
    if is_float(x.dtype):
        return x.astype(np.float64).astype(np.longdouble)
    return x.astype(np.clongdouble) if is_complex(x.dtype) else x


def narrow(x: Any, dtype: np.dtype[Any]) -> np.ndarray:
    """A long-double value in a result dtype, by way of float64 since ml_dtypes knows no wider."""
    x = np.asarray(x)
    if is_complex(dtype):
        return x.astype(np.complex128).astype(dtype)
    return x.astype(np.float64).astype(dtype)


def wide(fn: Callable[..., Any], dtype: Any = None) -> Callable[..., np.ndarray]:
    """Reference for inexact dtypes: ``fn`` in long double, rounded to ``dtype``."""

    def reference(*arrays: np.ndarray, **params: Any) -> np.ndarray:
        with np.errstate(all="ignore"):
            return narrow(fn(*map(widen, arrays), **params), dtype or arrays[0].dtype)

    return reference


def wrap_integers(x: Any, dtype: np.dtype[Any]) -> np.ndarray:
    """Python integers (an object array) modulo the width of ``dtype``."""
    x = np.asarray(x, dtype=object)
    if dtype.kind not in "iu":
        return x.astype(dtype)
    bits = 8 * dtype.itemsize
    offset = 1 << (bits - 1) if dtype.kind == "i" else 0
    wrapped = np.empty(x.shape, dtype)
    for where in np.ndindex(x.shape):
        wrapped[where] = (int(x[where]) + offset) % (1 << bits) - offset
    return wrapped


def exact(fn: Callable[..., Any], dtype: Any = None) -> Callable[..., np.ndarray]:
    """Reference over Python objects, one element at a time; integers wrap to ``dtype``."""

    def reference(*arrays: np.ndarray, **params: Any) -> np.ndarray:
        shape = np.broadcast_shapes(*[a.shape for a in arrays])
        aligned = [np.broadcast_to(widen(a), shape).astype(object) for a in arrays]
        answer = np.empty(shape, object)
        for where in np.ndindex(shape):
            answer[where] = fn(*[a[where] for a in aligned], **params)
        return wrap_integers(answer, np.dtype(dtype or arrays[0].dtype))

    return reference


def either(inexact: Callable[..., Any], discrete: Callable[..., Any]) -> Callable[..., Any]:
    """``inexact`` for float and complex operands, ``discrete`` for integers and bool."""

    def reference(*arrays: np.ndarray, **params: Any) -> np.ndarray:
        dtype = arrays[-1].dtype
        chosen = inexact if is_float(dtype) or is_complex(dtype) else discrete
        found: np.ndarray = chosen(*arrays, **params)
        return found

    return reference


def rows(fn: Callable[[list[Any]], Any], dtype: Any = None) -> Callable[..., np.ndarray]:
    """Reference of a reduction: ``fn`` maps a list of Python scalars to one."""

    def reference(
        x: np.ndarray, *, axes: tuple[int, ...] | None = None, axis: int | None = None
    ) -> np.ndarray:
        reduced = axes if axes is not None else (axis,)
        kept = [i for i in range(x.ndim) if i not in reduced]
        moved = widen(x).astype(object).transpose([*kept, *reduced])
        shape = moved.shape[: len(kept)]
        answer = np.empty(shape, object)
        for where in np.ndindex(shape):
            answer[where] = fn(list(np.asarray(moved[where], object).reshape(-1)))
        return settle(answer, np.dtype(dtype or x.dtype))

    return reference


def scans(fn: Callable[[list[Any]], list[Any]]) -> Callable[..., np.ndarray]:
    """Reference of a cumulative op: ``fn`` maps a list of Python scalars to the running list."""

    def reference(x: np.ndarray, *, axis: int, reverse: bool) -> np.ndarray:
        moved = np.moveaxis(widen(x).astype(object), axis, -1)
        answer = np.empty(moved.shape, object)
        for where in np.ndindex(moved.shape[:-1]):
            line = list(moved[where])
            found = fn(line[::-1] if reverse else line)
            for i, value in enumerate(found[::-1] if reverse else found):
                answer[(*where, i)] = value
        return settle(np.moveaxis(answer, -1, axis), x.dtype)

    return reference


def settle(answer: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    """An object array of scalars in a result dtype."""
    if is_integer(dtype):
        return wrap_integers(answer, dtype)
    if dtype.kind == "b":
        return answer.astype(dtype)
    return narrow(answer.astype(np.clongdouble if is_complex(dtype) else np.longdouble), dtype)
