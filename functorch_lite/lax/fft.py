"""``lax.fft``: Fourier transforms over the last axes, strict about dtypes and lengths."""

from __future__ import annotations

import enum
import operator
from collections.abc import Sequence
from typing import Any

from functorch_lite import ops
from functorch_lite.core.array import Array
from functorch_lite.core.dtypes import complex64, complex128, float32, float64, is_complex
from functorch_lite.errors import DtypeError, ShapeError
from functorch_lite.numpy.convert import as_array, cast

__all__ = ["FftType", "fft"]


class FftType(enum.IntEnum):
    """Which transform: of complex numbers there and back, of real numbers there and back."""

    FFT = 0
    IFFT = 1
    RFFT = 2
    IRFFT = 3


def fft(x: Any, fft_type: FftType | str, fft_lengths: Sequence[int]) -> Array:
    """Fourier transform over as many last axes as there are lengths.

    Args:
        x: array; integers are taken as float32, and real numbers as complex but for RFFT.
        fft_type: an :class:`FftType` or its name.
        fft_lengths: lengths of the signals. They must be those of the axes; only the last axis of
            an IRFFT has ``n // 2 + 1`` elements.

    Returns:
        complex array, real for IRFFT; the inverse types divide by the product of the lengths.

    Raises:
        ShapeError: the lengths are not the axes'.
        DtypeError: RFFT of complex numbers.

    >>> from functorch_lite import numpy as fnp
    >>> fft(fnp.ones(4), "RFFT", (4,))
    Array([4.+0.j, 0.+0.j, 0.+0.j], dtype=complex64)

    Source: ``jax.lax.fft``.
    """
    kind = _kind(fft_type)
    x = as_array(x, "lax.fft")
    wide = x.dtype in (float64, complex128)
    if kind != "rfft":
        x = cast(x, complex128 if wide else complex64)
    elif is_complex(x.dtype):
        raise DtypeError(
            f"lax.fft: expected real numbers for RFFT; got {x.dtype.name}. Remedy: real(x), or FFT."
        )
    else:
        x = cast(x, float64 if wide else float32)
    lengths = tuple(operator.index(n) for n in fft_lengths)
    if not lengths:
        return x
    first = x.ndim - len(lengths)
    wanted = lengths if kind != "irfft" else (*lengths[:-1], lengths[-1] // 2 + 1)
    if first < 0 or x.shape[first:] != wanted:
        raise ShapeError(
            f"lax.fft: expected an array whose last axes are {wanted} for a {kind} of lengths "
            f"{lengths}; got shape {x.shape}. Remedy: numpy.fft, which pads and cuts."
        )
    return ops.fft(x, kind=kind, axes=tuple(range(first, x.ndim)), n=lengths[-1])


def _kind(fft_type: Any) -> str:
    if isinstance(fft_type, FftType):
        return fft_type.name.lower()
    names = [t.name for t in FftType]
    if not isinstance(fft_type, str):
        raise TypeError(
            f"lax.fft: expected fft_type to be a FftType or one of {names}; got {fft_type!r}."
        )
    if fft_type.upper() not in names:
        raise ValueError(f"lax.fft: expected fft_type among {names}; got {fft_type!r}.")
    return fft_type.lower()
