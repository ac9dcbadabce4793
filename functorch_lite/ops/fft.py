"""fft: discrete Fourier transforms over some axes, of complex, real and half-complex arrays.

``n`` numbers x become ``sum_j x[j] exp(-2 pi i j k / n)``; the inverse kinds have the other sign in
the exponent and divide by n. ``rfft`` takes real numbers and returns the frequencies 0 to n // 2 of
the last of its axes, the others being conjugates of these; ``irfft`` goes back, and takes the
imaginary parts of frequency 0 and, for an even n, of frequency n / 2 as zero.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from functorch_lite.core.aval import Aval, make_aval
from functorch_lite.core.dtypes import complex64, complex128, float32, float64
from functorch_lite.core.op import Op
from functorch_lite.errors import AxisError, DtypeError, ShapeError
from functorch_lite.ops.arithmetic import div, mul, scale
from functorch_lite.ops.compare import bitwise_or, eq, select
from functorch_lite.ops.convert import conj
from functorch_lite.ops.creation import iota
from functorch_lite.ops.families import axis_error, full_like, linear, ones_like

__all__ = ["KINDS", "fft"]

KINDS = ("fft", "ifft", "rfft", "irfft")
"""What the param ``kind`` may be."""

_COMPLEX = {float32: complex64, float64: complex128}
_REAL = {complex64: float32, complex128: float64}


# --------------------------------------------------------------------------------- shape and dtype
def _aval(x: Aval, *, kind: str, axes: tuple[int, ...], n: int) -> Aval:
    if kind not in KINDS:
        raise ValueError(f"fft: expected a kind among {', '.join(KINDS)}; got {kind!r}.")
    _check_axes(x, kind, axes)
    known = _COMPLEX if kind == "rfft" else _REAL
    if x.dtype not in known:
        takes, remedy = ("real", "float32") if kind == "rfft" else ("complex", "complex64")
        raise DtypeError(
            f"{kind}: expected a {takes} operand of 32 bits or 64 a part; got {x.dtype.name}. "
            f"Remedy: x.astype({remedy!r})" + (", or kind='fft'." if takes == "real" else ".")
        )
    last = axes[-1]
    wanted = n // 2 + 1 if kind == "irfft" else n
    if n < 1 or x.shape[last] != wanted or 0 in [x.shape[a] for a in axes]:
        raise ShapeError(
            f"{kind}: expected n = {n} of at least 1, {wanted} elements along axis {last} and some "
            f"along all of {axes}; got shape {x.shape}. Remedy: pad or slice first."
        )
    shape = list(x.shape)
    shape[last] = n // 2 + 1 if kind == "rfft" else n
    return make_aval(tuple(shape), known[x.dtype] if kind in ("rfft", "irfft") else x.dtype)


def _check_axes(x: Aval, kind: str, axes: tuple[int, ...]) -> None:
    for axis in axes:
        if not 0 <= axis < len(x.shape):
            raise axis_error(kind, axis, x.shape)
    if not axes or len(set(axes)) != len(axes):
        raise AxisError(f"{kind}: expected one axis or more, each once; got {axes}.")


# ------------------------------------------------------------------------------------------- eager
def _eager(xp: Any, x: Any, *, kind: str, axes: tuple[int, ...], n: int) -> Any:
    found = _aval(Aval(x.shape, x.dtype), kind=kind, axes=axes, n=n)
    if 0 in x.shape:
        return xp.empty(found.shape, found.dtype)
    if xp is not np:
        return _on_gpu(xp, x, kind, axes, n)
    from scipy import fft as scipy_fft  # NumPy's own take several times as long over two axes

    if kind == "irfft":
        lengths = [x.shape[a] for a in axes[:-1]]
        return scipy_fft.irfftn(x, s=(*lengths, n), axes=axes)
    return getattr(scipy_fft, kind + "n")(x, axes=axes)


def _on_gpu(xp: Any, x: Any, kind: str, axes: tuple[int, ...], n: int) -> Any:
    """The same by CuPy, whose ``irfftn`` expects symmetry along all axes."""
    if kind != "irfft":
        return getattr(xp.fft, kind + "n")(x, axes=axes)
    if len(axes) > 1:
        x = xp.fft.ifftn(x, axes=axes[:-1])
    return xp.fft.irfft(x, n, axis=axes[-1])


# ------------------------------------------------------------------------------------- derivatives
def _multiplicity(like: Any, axis: int, n: int) -> Any:
    """How many of the n frequencies each of the kept ones stands for: 2, or 1 at both ends."""
    k = iota(shape=like.shape, dtype=np.dtype(np.int64), axis=axis)
    ends = eq(k, full_like(k, 0))
    if n % 2 == 0:
        ends = bitwise_or(ends, eq(k, full_like(k, n // 2)))
    return select(ends, ones_like(like), full_like(like, 2))


def _transpose(ct: Any, x_shape: Any, kind: str, axes: tuple[int, ...], n: int) -> Any:
    if kind in ("fft", "ifft"):
        return fft(ct, kind=kind, axes=axes, n=n)  # the matrix is symmetric
    size = math.prod(x_shape[a] for a in axes[:-1]) * n
    if kind == "rfft":
        halved = div(conj(ct), _multiplicity(ct, axes[-1], n))
        return scale(fft(halved, kind="irfft", axes=axes, n=n), float(size))
    found = conj(fft(ct, kind="rfft", axes=axes, n=n))
    return scale(mul(found, _multiplicity(found, axes[-1], n)), 1.0 / size)


def _batch(size: int, args: Any, batched: Any, params: dict[str, Any]) -> Any:
    axes = tuple(a + 1 for a in params["axes"])
    return fft(args[0], kind=params["kind"], axes=axes, n=params["n"])


fft: Op = linear("fft", eager=_eager, aval=_aval, transpose=_transpose, batch=_batch, kinds="fc")
