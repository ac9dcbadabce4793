"""Arrays as text, and from text and raw files."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.core.array import Array
from functorch_lite.core.dtypes import canonical, float32
from functorch_lite.numpy.array_protocols import host_value
from functorch_lite.numpy.convert import as_array, asarray

__all__ = ["array_repr", "array_str", "fromfile", "fromstring", "iterable"]


def array_repr(
    arr: Any,
    max_line_width: int | None = None,
    precision: int | None = None,
    suppress_small: bool | None = None,
) -> str:
    """What ``repr`` shows of an array, with NumPy's settings.

    Args:
        arr: array.
        max_line_width, precision, suppress_small: as NumPy's ``array_repr`` takes them.

    >>> array_repr(np.array([1.5]))
    'array([1.5])'
    """
    x = host_value(as_array(arr, "array_repr", "arr"), "array_repr")
    return np.array_repr(x, max_line_width, precision, suppress_small)


def array_str(
    a: Any,
    max_line_width: int | None = None,
    precision: int | None = None,
    suppress_small: bool | None = None,
) -> str:
    """What ``str`` shows of an array, with NumPy's settings.

    Args:
        a: array.
        max_line_width, precision, suppress_small: as NumPy's ``array_str`` takes them.

    >>> array_str(np.array([1.5]))
    '[1.5]'
    """
    x = host_value(as_array(a, "array_str", "a"), "array_str")
    return np.array_str(x, max_line_width, precision, suppress_small)


def fromstring(string: str, dtype: Any = float32, count: int = -1, *, sep: str) -> Array:
    """A vector of the numbers in a text.

    Args:
        string: text.
        dtype: of the result.
        count: how many numbers to read; -1 for all.
        sep: what stands between them.

    >>> fromstring("1 2 3", "int32", sep=" ")
    Array([1, 2, 3], dtype=int32)
    """
    return asarray(np.fromstring(string, dtype=canonical(dtype), count=count, sep=sep))


def fromfile(
    file: Any, dtype: Any = float32, count: int = -1, sep: str = "", offset: int = 0
) -> Array:
    """A vector of the numbers in a raw file, or in one of text.

    Args:
        file: path or open file.
        dtype: of the numbers.
        count: how many to read; -1 for all.
        sep: what stands between them in a text; empty for raw bytes.
        offset: bytes to skip.

    Returns:
        vector.
    """
    return asarray(np.fromfile(file, canonical(dtype), count=count, sep=sep, offset=offset))


def iterable(y: Any) -> bool:
    """Whether ``y`` can be run through, which a scalar array cannot.

    >>> iterable(np.zeros(2)), iterable(1.0)
    (True, False)
    """
    return y.ndim > 0 if isinstance(y, Array) else bool(np.iterable(y))
