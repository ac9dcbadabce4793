"""The dimensions that a reduction goes over, shapes before and after it, NumPy's reductions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from functorch_lite.torch._core.tensor import is_symbol
from functorch_lite.torch._ops.shape import dimension

__all__ = [
    "add_all", "axes_of", "kept_size", "max_all", "min_all", "one_axis", "repeated", "rows",
    "wrong_arguments",
]  # fmt: skip

# Called as (array, axes, dtype, None, keepdims): keywords would cost more than the arithmetic on
# small arrays, and NumPy's annotations know only them.
add_all: Any = np.add.reduce
max_all: Any = np.maximum.reduce
min_all: Any = np.minimum.reduce


def axes_of(dim: Any, ndim: int, name: str = "sum") -> tuple[int, ...]:
    """The dimensions that a reduction goes over, each once; all for None and an empty sequence.

    Raises:
        IndexError: there is no such dimension.
        RuntimeError: one is named twice.
        TypeError: ``dim`` is neither an integer nor a sequence of them.
    """
    if dim is None:
        return tuple(range(ndim))
    if dim.__class__ is int:
        at = dimension(dim, ndim)
        return (at,) if ndim else ()
    if isinstance(dim, (tuple, list)):
        if not dim:
            return tuple(range(ndim))
    elif dim.__class__ is bool or not hasattr(dim, "__index__"):
        raise wrong_arguments(name, dim)
    else:
        dim = (dim.__index__(),)
    found = [dimension(d, ndim) for d in dim]
    if len(set(found)) != len(found):
        twice = next(d for d in found if found.count(d) > 1)
        raise RuntimeError(f"dim {twice} appears multiple times in the list of dims")
    return tuple(found) if ndim else ()


def one_axis(dim: Any, ndim: int, name: str) -> int:
    """One dimension, counted from the front; 0 for tensors without dimensions."""
    if dim.__class__ is bool or (dim.__class__ is not int and not hasattr(dim, "__index__")):
        raise wrong_arguments(name, dim)
    return dimension(dim, ndim)


def wrong_arguments(name: str, *given: Any) -> TypeError:
    """What PyTorch raises where no signature of a function takes the arguments."""
    kinds = ", ".join(type(g).__name__ for g in given)
    return TypeError(
        f"{name}() received an invalid combination of arguments - got ({kinds}), but expected one "
        "of:"
    )


def kept_size(shape: Sequence[int], axes: Sequence[int]) -> tuple[int, ...]:
    """Sizes with the reduced dimensions of size 1."""
    return tuple([1 if i in axes else n for i, n in enumerate(shape)])


def repeated(g: Any, shape: tuple[int, ...], axes: Sequence[int], keepdim: bool) -> Any:
    """The gradient of a reduction, repeated along the dimensions that it went over."""
    if not keepdim and len(axes) < len(shape):
        g = g.reshape(kept_size(shape, axes))
    return g.expand(shape)


def rows(array: Any) -> Any:
    """An array laid out row by row, as reductions return it."""
    if array.__class__ is not np.ndarray:
        return array.laid_out() if is_symbol(array) else array
    shape = array.shape
    if not array.flags.c_contiguous:
        return np.ascontiguousarray(array)
    # NumPy leaves any strides to dimensions of size 1.
    return array.reshape(-1).reshape(shape) if 1 in shape and len(shape) > 1 else array
