"""NumPy's objects that are indexed rather than called to join arrays or to write indices."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.core.array import Array
from functorch_lite.errors import ShapeError
from functorch_lite.numpy.convert import as_array, asarray
from functorch_lite.numpy.creation import mgrid
from functorch_lite.numpy.joining import concatenate
from functorch_lite.numpy.shapes import expand_dims

s_ = np.s_
index_exp = np.index_exp


class _Joiner:
    """``r_`` and ``c_``: join what is between the brackets along the first or the last axis.

    Scalars count as vectors of one element, slices as ranges (``start:stop:5j`` means 5 points),
    and for ``c_`` a vector as a column.  NumPy's directives in strings are not supported.

    >>> r_[1.0, [2.0, 3.0], 4:6]
    Array([1., 2., 3., 4., 5.], dtype=float32)
    >>> c_[np.arange(2), np.arange(2)].shape
    (2, 2)
    """

    def __init__(self, name: str, columns: bool) -> None:
        self._name, self._columns = name, columns

    def __getitem__(self, key: Any) -> Array:
        items = key if isinstance(key, tuple) else (key,)
        parts = [self._part(item) for item in items]
        if not parts:
            raise ShapeError(f"{self._name}: nothing to join. Remedy: put arrays in the brackets.")
        return concatenate(parts, axis=-1 if self._columns else 0)

    def _part(self, item: Any) -> Array:
        if isinstance(item, str):
            raise TypeError(
                f"{self._name}: directives such as {item!r} are not supported. "
                "Remedy: concatenate, stack or column_stack with the axis you mean."
            )
        if isinstance(item, slice):
            part = mgrid[item]
        elif isinstance(item, (list, tuple)):
            part = asarray(item)
        else:
            part = as_array(item, self._name, "item")
        if part.ndim == 0:
            part = expand_dims(part, 0)
        return expand_dims(part, 1) if self._columns and part.ndim == 1 else part


r_ = _Joiner("r_", columns=False)
c_ = _Joiner("c_", columns=True)
