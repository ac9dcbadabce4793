"""The transforms of ``torch.fft``, of one dimension, two or several."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from functorch_lite.torch._core.public import FUNCTIONS, public
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch._ops.fourier import c2c, c2r, r2c
from functorch_lite.torch.fft._arguments import (
    as_complex,
    as_real,
    axes_for,
    check_size,
    dim_for,
    factor,
    integer,
    put,
    resized,
)

__all__ = [
    "fft", "fft2", "fftn", "hfft", "hfft2", "hfftn", "ifft", "ifft2", "ifftn", "ihfft", "ihfft2",
    "ihfftn", "irfft", "irfft2", "irfftn", "rfft", "rfft2", "rfftn",
]  # fmt: skip

Function = Callable[..., Tensor]

_ONE = """

    Args:
        input: [..., n, ...]; integers become floats.
        n: size of the transform: the dimension is cut, or continued with zeros.
        dim: the dimension.
        norm: "backward", "ortho" or "forward": in which direction to divide by n.

    Raises:
        RuntimeError, IndexError: an argument does not fit.

    Source: ``torch.fft.{0}``.
    """
_SEVERAL = """

    Args:
        input: integers become floats.
        s: sizes of the transform: dimensions are cut, or continued with zeros; -1 leaves one.
        dim: the dimensions{1}.
        norm: "backward", "ortho" or "forward": in which direction to divide by their sizes.

    Raises:
        RuntimeError, IndexError: an argument does not fit.

    Source: ``torch.fft.{0}``.
    """


def _conj(t: Tensor) -> Tensor:
    found: Tensor = FUNCTIONS["conj"](t)
    return found


# ----------------------------------------------------------------------------------- one dimension
def _one(name: str, line: str, run: Callable[..., Tensor], kind: str = "complex") -> Function:
    def f(
        input: Tensor,
        n: int | None = None,
        dim: int = -1,
        norm: str | None = None,
        *,
        out: Tensor | None = None,
    ) -> Tensor:
        size = None if n is None else integer(n, name, "n")
        return put(run(input, size, integer(dim, name, "dim"), norm, name), out, name, kind)

    return _published(f, name, line + _ONE.format(name))


def _published(f: Function, name: str, doc: str) -> Function:
    f.__name__ = f"fft_{name}"
    f.__qualname__ = f.__name__
    f.__doc__ = doc
    return public(f.__name__, function=False, methods=False)(f)


def _line(t: Tensor, n: int | None, dim: int) -> tuple[Tensor, int]:
    d = dim_for(dim, t._np.ndim)
    size = t._np.shape[d] if n is None else n
    check_size(size)
    return resized(t, (d,), (size,)), d


def _complex(forward: bool) -> Callable[..., Tensor]:
    def run(input: Any, n: Any, dim: int, norm: Any, name: str) -> Tensor:
        real = isinstance(input, Tensor) and input.dtype.kind < 3
        t, d = _line(as_real(input, name) if real else as_complex(input, name), n, dim)
        scale = factor(norm, forward, t._np.shape[d])
        if not real:
            return c2c(t, (d,), forward, scale)
        found = r2c(t, (d,), scale, half=False)
        return found if forward else _conj(found)

    return run


def _to_half(forward: bool) -> Callable[..., Tensor]:
    def run(input: Any, n: Any, dim: int, norm: Any, name: str) -> Tensor:
        t, d = _line(as_real(input, name), n, dim)
        found = r2c(t, (d,), factor(norm, forward, t._np.shape[d]))
        return found if forward else _conj(found)

    return run


def _from_half(forward: bool) -> Callable[..., Tensor]:
    def run(input: Any, n: Any, dim: int, norm: Any, name: str) -> Tensor:
        t = as_complex(input, name)
        d = dim_for(dim, t._np.ndim)
        size = 2 * (t._np.shape[d] - 1) if n is None else n
        check_size(size)
        if n is not None:
            t = resized(t, (d,), (size // 2 + 1,))
        return c2r(_conj(t) if forward else t, (d,), size, factor(norm, forward, size))

    return run


fft = _one("fft", "The transform ``sum_j x[j] exp(-2 pi i j k / n)``.", _complex(True))
ifft = _one("ifft", "The inverse of ``fft``.", _complex(False))
rfft = _one("rfft", "The transform of real numbers: frequencies 0 to n // 2.", _to_half(True))
irfft = _one("irfft", "The inverse of ``rfft``; real.", _from_half(False), "real")
hfft = _one("hfft", "The transform of half a Hermitian signal; real.", _from_half(True), "real")
ihfft = _one("ihfft", "The inverse of ``hfft``.", _to_half(False))


# ------------------------------------------------------------------------------- several dimensions
def _several(
    name: str, line: str, run: Callable[..., Tensor], kind: str = "complex", last: Any = None
) -> Function:
    def f(
        input: Tensor,
        s: Any = None,
        dim: Any = last,
        norm: str | None = None,
        *,
        out: Tensor | None = None,
    ) -> Tensor:
        return put(run(input, s, dim, norm, name), out, name, kind)

    which = ", the last two by default" if last else ", the last ones by default, or all"
    return _published(f, name, line + _SEVERAL.format(name, which))


def _count(t: Tensor, dims: tuple[int, ...]) -> int:
    return math.prod(t._np.shape[d] for d in dims)


def _whole(forward: bool) -> Callable[..., Tensor]:
    def run(input: Any, s: Any, dim: Any, norm: Any, name: str) -> Tensor:
        t = as_complex(input, name)
        sizes, dims = axes_for(t, s, dim)
        t = resized(t, dims, sizes)
        return c2c(t, dims, forward, factor(norm, forward, _count(t, dims)))

    return run


def _at_least_one(dims: tuple[int, ...], name: str) -> None:
    if not dims:
        raise RuntimeError(f"{name} must transform at least one axis")


def _rfftn(input: Any, s: Any, dim: Any, norm: Any, name: str) -> Tensor:
    t = as_real(input, name, "real-valued")
    sizes, dims = axes_for(t, s, dim)
    _at_least_one(dims, name)
    t = resized(t, dims, sizes)
    return r2c(t, dims, factor(norm, True, _count(t, dims)))


def _ihfftn(input: Any, s: Any, dim: Any, norm: Any, name: str) -> Tensor:
    if isinstance(input, Tensor) and input.dtype.kind == 3:
        raise RuntimeError(
            f"Only supports floating-point dtypes, but found: {input.dtype.scalar_name}"
        )
    t = as_real(input, name)
    sizes, dims = axes_for(t, s, dim)
    _at_least_one(dims, name)
    t = resized(t, dims, sizes)
    half = r2c(t, dims[-1:], factor(norm, False, t._np.shape[dims[-1]]))
    found = FUNCTIONS["conj_physical"](half)
    if len(dims) == 1:
        return found
    return c2c(found, dims[:-1], False, factor(norm, False, _count(t, dims[:-1])))


def _half_spectrum(t: Tensor, s: Any, dim: Any, name: str) -> tuple[Tensor, tuple[int, ...], int]:
    """A half spectrum of the wanted sizes, its dimensions, and the last size of the result."""
    sizes, dims = axes_for(t, s, dim)
    _at_least_one(dims, name)
    last = 2 * (t._np.shape[dims[-1]] - 1) if s is None or sizes[-1] == -1 else sizes[-1]
    check_size(last)
    return resized(t, dims, [*sizes[:-1], last // 2 + 1]), dims, last


def _irfftn(input: Any, s: Any, dim: Any, norm: Any, name: str) -> Tensor:
    t, dims, last = _half_spectrum(as_complex(input, name), s, dim, name)
    return c2r(t, dims, last, factor(norm, False, _count(t, dims[:-1]) * last))


def _hfftn(input: Any, s: Any, dim: Any, norm: Any, name: str) -> Tensor:
    t, dims, last = _half_spectrum(as_complex(input, name), s, dim, name)
    if len(dims) > 1:
        t = c2c(t, dims[:-1], True, factor(norm, True, _count(t, dims[:-1])))
    return c2r(_conj(t), dims[-1:], last, factor(norm, True, last))


_LAST = (-2, -1)
_OVER = "over several dimensions."
fftn = _several("fftn", f"``fft`` {_OVER}", _whole(True))
ifftn = _several("ifftn", f"``ifft`` {_OVER}", _whole(False))
rfftn = _several("rfftn", f"``rfft`` {_OVER}", _rfftn)
irfftn = _several("irfftn", f"``irfft`` {_OVER}", _irfftn, "real")
hfftn = _several("hfftn", f"``hfft`` {_OVER}", _hfftn, "real")
ihfftn = _several("ihfftn", f"``ihfft`` {_OVER}", _ihfftn)
fft2 = _several("fft2", "``fft`` over two dimensions.", _whole(True), last=_LAST)
ifft2 = _several("ifft2", "``ifft`` over two dimensions.", _whole(False), last=_LAST)
rfft2 = _several("rfft2", "``rfft`` over two dimensions.", _rfftn, last=_LAST)
irfft2 = _several("irfft2", "``irfft`` over two dimensions.", _irfftn, "real", _LAST)
hfft2 = _several("hfft2", "``hfft`` over two dimensions.", _hfftn, "real", _LAST)
ihfft2 = _several("ihfft2", "``ihfft`` over two dimensions.", _ihfftn, last=_LAST)
