"""What the parameters of samplers have in common: dtypes, shapes, broadcasting, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite import numpy as fnp
from functorch_lite.core.array import Array
from functorch_lite.core.aval import describe
from functorch_lite.core.dtypes import (
    canonical,
    default_float,
    default_int,
    is_complex,
    is_float,
    is_integer,
)
from functorch_lite.errors import DtypeError, ShapeError, TransformError
from functorch_lite.random.keys import as_shape

__all__ = [
    "bound",
    "common_shape",
    "float_dtype",
    "int_dtype",
    "one_of",
    "parameters",
    "smallest_normal",
]


def float_dtype(name: str, dtype: Any) -> np.dtype[Any]:
    """The floating-point dtype asked for, float32 for None."""
    if dtype is None:
        return default_float()
    dtype = canonical(dtype)
    if not is_float(dtype):
        raise DtypeError(f"{name}: expected a floating-point dtype; got {dtype.name}.")
    return dtype


def int_dtype(name: str, dtype: Any) -> np.dtype[Any]:
    """The integer dtype asked for, int64 for None."""
    if dtype is None:
        return default_int()
    dtype = canonical(dtype)
    if not is_integer(dtype):
        raise DtypeError(f"{name}: expected an integer dtype; got {dtype.name}.")
    return dtype


def bound(name: str, what: str, value: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """A distribution's parameter in the sample's dtype, checked to broadcast to its shape."""
    value = _real(name, what, value, dtype)
    have = tuple(value.shape)
    fits = len(have) <= len(shape) and all(
        n in (1, m) for n, m in zip(have[::-1], shape[::-1], strict=False)
    )
    if not fits:
        raise ShapeError(
            f"{name}: expected {what} to broadcast to the shape {shape}; got {describe(value)}. "
            f"Remedy: a shape that ends with the parameters' own."
        )
    return value


def common_shape(name: str, shape: Any, **values: Any) -> tuple[int, ...]:
    """The shape asked for; for None the one that the parameters broadcast to."""
    if shape is not None:
        return as_shape(name, shape)
    shapes = {what: tuple(_array(name, what, value).shape) for what, value in values.items()}
    try:
        return np.broadcast_shapes(*shapes.values())
    except ValueError:
        got = " and ".join(f"{what} {shape}" for what, shape in shapes.items())
        raise ShapeError(
            f"{name}: expected parameters that broadcast together; got {got}. Remedy: give them "
            "axes of one size, or of size 1."
        ) from None


def parameters(
    name: str, shape: Any, dtype: np.dtype[Any], **values: Any
) -> tuple[tuple[int, ...], list[Array]]:
    """The sample's shape, and the parameters in its dtype, each broadcast to that shape."""
    shape = common_shape(name, shape, **values)
    checked = [bound(name, what, value, shape, dtype) for what, value in values.items()]
    return shape, [fnp.broadcast_to(value, shape) for value in checked]


def smallest_normal(dtype: np.dtype[Any]) -> float:
    """The smallest positive number with all its digits."""
    return float(fnp.finfo(dtype).tiny)


def one_of(name: str, what: str, value: Any, allowed: tuple[str, ...]) -> str:
    """An argument that is one of a few words."""
    if value not in allowed:
        listed = ", ".join(map(repr, allowed[:-1]))
        raise TransformError(
            f"{name}: expected {what} to be {listed} or {allowed[-1]!r}; got {value!r:.60}."
        )
    return str(value)


def _array(name: str, what: str, value: Any) -> Array:
    try:
        return fnp.asarray(value)
    except TypeError:
        raise TypeError(
            f"{name}: expected {what} to be a number or an array; got {describe(value)}. "
            f"Remedy: {what} = fnp.asarray(...) of its numbers."
        ) from None


def _real(name: str, what: str, value: Any, dtype: np.dtype[Any]) -> Array:
    value = value if isinstance(value, (bool, int, float)) else _array(name, what, value)
    if isinstance(value, Array) and is_complex(value.dtype):
        raise DtypeError(
            f"{name}: expected a real {what}; got {describe(value)}. Remedy: take its real part."
        )
    return fnp.asarray(value, dtype=dtype)
