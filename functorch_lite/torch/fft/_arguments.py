"""What all transforms ask of their arguments: dtypes, sizes, dimensions, and where to divide."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

from functorch_lite.torch._core.dtypes import default
from functorch_lite.torch._core.public import put_out
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch._ops.copying import cast
from functorch_lite.torch._ops.elementwise import argument
from functorch_lite.torch._ops.shape import dimension
from functorch_lite.torch.nn._functional.padding import pad

__all__ = ["as_complex", "as_real", "axes_for", "dim_for", "factor", "integer", "put", "resized"]

_WHERE = {None: (False, True), "backward": (False, True), "forward": (True, False)}


def factor(norm: str | None, forward: bool, count: int) -> float:
    """By what the sum is multiplied.

    Raises:
        RuntimeError: an unknown norm.
    """
    if norm == "ortho":
        return 1.0 / math.sqrt(count)
    if norm not in _WHERE:
        raise RuntimeError(f'Invalid normalization mode: "{norm}"')
    return 1.0 / count if _WHERE[norm][not forward] else 1.0


def _tensor(value: Any, name: str) -> Tensor:
    if not isinstance(value, Tensor):
        raise argument(value, f"fft_{name}")
    return value


def _inexact(t: Tensor) -> Tensor:
    own = t.dtype
    if own.kind < 2:
        return cast(t, default.dtype)
    if own.itemsize == 2:
        raise RuntimeError(f"Unsupported dtype {own.scalar_name}")
    return t


def as_complex(value: Any, name: str) -> Tensor:
    """An operand as complex numbers."""
    t = _inexact(_tensor(value, name))
    return t if t.dtype.kind == 3 else cast(t, t.dtype.to_complex())


def as_real(value: Any, name: str, kind: str = "real") -> Tensor:
    """An operand as real numbers.

    Raises:
        RuntimeError: it is complex.
    """
    t = _tensor(value, name)
    if t.dtype.kind == 3:
        raise RuntimeError(f"{name} expects a {kind} input tensor, but got {t.dtype.scalar_name}")
    return _inexact(t)


def integer(value: Any, name: str, what: str, position: str = "") -> int:
    """An integer argument."""
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(
            f"fft_{name}(): argument '{what}'{position} must be int, not {type(value).__name__}"
        ) from None


def dim_for(dim: Any, ndim: int) -> int:
    """A dimension that is not negative.

    Raises:
        IndexError: there is no such dimension.
    """
    if not ndim:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    return dimension(dim, ndim)


def axes_for(t: Tensor, s: Any, dim: Any) -> tuple[list[int], tuple[int, ...]]:
    """Sizes, -1 where there is none, and dimensions of a transform over several.

    Raises:
        RuntimeError: they do not go together.
    """
    ndim = t._np.ndim
    sizes = None if s is None else [s] if isinstance(s, int) else [operator.index(n) for n in s]
    if dim is not None:
        given: Sequence[Any] = (dim,) if isinstance(dim, int) else tuple(dim)
        dims = tuple(dim_for(d, ndim) for d in given)
        if len(set(dims)) < len(dims):
            raise RuntimeError("FFT dims must be unique")
        if sizes is not None and len(sizes) != len(dims):
            raise RuntimeError("When given, dim and shape arguments must have the same length")
    elif sizes is not None:
        if len(sizes) > ndim:
            raise RuntimeError(
                f"Got shape with {len(sizes)} values but input tensor only has {ndim} dimensions."
            )
        dims = tuple(range(ndim - len(sizes), ndim))
    else:
        dims = tuple(range(ndim))
    return [-1] * len(dims) if sizes is None else sizes, dims


def resized(t: Any, dims: Sequence[int], sizes: Sequence[int]) -> Tensor:
    """A tensor cut, or continued with zeros, to some sizes; -1 leaves one as it is.

    Raises:
        RuntimeError: a size below 1.
    """
    shape = t._np.shape
    wider = [0] * (2 * len(shape))
    for d, n in zip(dims, sizes, strict=True):
        n = shape[d] if n == -1 else n
        check_size(n)
        if n < shape[d]:
            t = t[(*(slice(None),) * d, slice(n))]
        wider[2 * (len(shape) - 1 - d) + 1] = max(0, n - shape[d])
    return pad(t, wider) if any(wider) else t


def check_size(n: int) -> None:
    """Refuse a transform of no numbers."""
    if n < 1:
        raise RuntimeError(f"Invalid number of data points ({n}) specified")


def put(value: Tensor, out: Tensor | None, name: str, kind: str = "complex") -> Tensor:
    """A result, in the tensor given as ``out=`` if there is one.

    Raises:
        RuntimeError: that tensor is not of the right kind.
    """
    if out is None:
        return value
    if (out.dtype.kind == 3) != (kind == "complex"):
        wanted = "complex" if kind == "complex" else "floating point"
        raise RuntimeError(
            f"{name} expects a {wanted} output tensor, but got {out.dtype.scalar_name}"
        )
    put_out(out, value.contiguous())  # a resized output is laid out row by row
    return out
