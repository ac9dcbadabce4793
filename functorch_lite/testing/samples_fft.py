"""Samples, references and error cases for fft."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.core.aval import Aval
from functorch_lite.core.dtypes import complex64, complex128, float32, float64, is_complex
from functorch_lite.errors import AxisError, DtypeError, ShapeError
from functorch_lite.testing.oracles import narrow, widen
from functorch_lite.testing.samples_shape import Sample, draw

__all__ = ["DTYPES_OF", "ERRORS", "REFERENCES", "SAMPLES"]

DTYPES_OF = {"fft": (float32, float64, complex64, complex128)}

# shape of the signal, axes
_SIGNALS: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
    ((1,), (0,)),
    ((2,), (0,)),
    ((5,), (0,)),
    ((8,), (0,)),
    ((3, 4), (0,)),
    ((3, 4), (1,)),
    ((3, 4), (1, 0)),
    ((2, 3, 5), (2, 0)),
    ((0, 4), (1,)),
]


def _samples(dtype: Any, rng: Any) -> list[Sample]:
    out: list[Sample] = []
    for kind in ("fft", "ifft", "irfft") if is_complex(dtype) else ("rfft",):
        for shape, axes in _SIGNALS:
            n = shape[axes[-1]]
            kept = list(shape)
            if kind == "irfft":
                kept[axes[-1]] = n // 2 + 1
            params = {"kind": kind, "axes": axes, "n": n}
            out.append(((draw(dtype, rng, tuple(kept)),), params))
    return out


SAMPLES = {"fft": _samples}


def _reference(x: np.ndarray, *, kind: str, axes: tuple[int, ...], n: int) -> np.ndarray:
    """Products with matrices of exponentials, in long double."""
    single = x.dtype in (float32, complex64)
    out = widen(x).astype(np.clongdouble)
    inverse = kind in ("ifft", "irfft")
    if kind == "irfft":
        out = _whole(out, axes[-1], n)
    for axis in axes:
        size = out.shape[axis]
        grid = np.outer(np.arange(size), np.arange(size)) % size
        angle = 2 * np.longdouble(np.pi) * grid / size
        matrix = np.exp((1j if inverse else -1j) * angle) / (size if inverse else 1)
        out = np.moveaxis(np.tensordot(out, matrix, (axis, 0)), -1, axis)
    if kind == "rfft":
        out = np.take(out, np.arange(n // 2 + 1), axes[-1])
    if kind == "irfft":
        return narrow(out.real, float32 if single else float64)
    return narrow(out, complex64 if single else complex128)


def _whole(x: np.ndarray, axis: int, n: int) -> np.ndarray:
    """A spectrum whose transform has, as its real part, that of the given half.

    Doubling all but the ends stands for the other half, which is its conjugate after the other
    axes have been transformed.
    """
    half = np.moveaxis(x, axis, -1)
    out = np.zeros((*half.shape[:-1], n), x.dtype)
    out[..., : n // 2 + 1] = half * 2
    out[..., 0] = half[..., 0]
    if n % 2 == 0:
        out[..., n // 2] = half[..., n // 2]
    return np.moveaxis(out, -1, axis)


REFERENCES = {"fft": _reference}


# ------------------------------------------------------------------------------------------- errors
def _c(*shape: int, dtype: str = "complex64") -> Aval:
    return Aval(shape, dtype)


def _params(kind: str, axes: tuple[int, ...], n: int) -> dict[str, Any]:
    return {"kind": kind, "axes": axes, "n": n}


ERRORS: dict[str, list[tuple[Any, ...]]] = {
    "fft": [
        ((_c(4),), _params("dct", (0,), 4), ValueError, "expected a kind among"),
        ((_c(4),), _params("fft", (1,), 4), AxisError, "axis 1"),
        ((_c(4),), _params("fft", (), 4), AxisError, "one axis or more"),
        ((_c(4, 4),), _params("fft", (1, 1), 4), AxisError, "each once"),
        ((_c(4),), _params("rfft", (0,), 4), DtypeError, "expected a real operand"),
        ((_c(4, dtype="float32"),), _params("fft", (0,), 4), DtypeError, "a complex operand"),
        ((_c(4, dtype="float16"),), _params("rfft", (0,), 4), DtypeError, "got float16"),
        ((_c(4),), _params("irfft", (0,), 4), ShapeError, "3 elements along axis 0"),
        ((_c(0),), _params("fft", (0,), 0), ShapeError, "n = 0 of at least 1"),
        ((_c(0, 4),), _params("fft", (0, 1), 4), ShapeError, "some along all of (0, 1)"),
    ],
}
