"""Discrete Fourier transforms: all of ``numpy.fft``, differentiable, of any lengths and axes.

Single-precision arrays keep their precision; integers and 16-bit floats are taken as float32.

>>> fft(np.ones(3))
Array([3.+0.j, 0.+0.j, 0.+0.j], dtype=complex128)
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from functorch_lite import ops
from functorch_lite.core.array import Array
from functorch_lite.core.dtypes import complex64, complex128, float32, float64, is_complex
from functorch_lite.errors import AxisError, DtypeError
from functorch_lite.numpy.convert import as_array, as_axis, asarray, cast, const, optional_dtype
from functorch_lite.numpy.shapes import roll

__all__ = [
    "fft", "fft2", "fftfreq", "fftn", "fftshift", "hfft", "ifft", "ifft2", "ifftn", "ifftshift",
    "ihfft", "irfft", "irfft2", "irfftn", "rfft", "rfft2", "rfftfreq", "rfftn",
]  # fmt: skip

Axes = int | Sequence[int] | None

_SWAPPED = {None: "forward", "backward": "forward", "forward": "backward", "ortho": "ortho"}


# ----------------------------------------------------------------------------------- one dimension
def fft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None) -> Array:
    """Transform along an axis: ``sum_j a[j] exp(-2 pi i j k / n)`` for k from 0 to n - 1.

    Args:
        a: array.
        n: length of the transform; the axis is cut, or continued with zeros.
        axis: the axis.
        norm: where to divide by n: "backward" (the default), in the inverse; "forward", here;
            "ortho", by sqrt(n) in both.

    Returns:
        complex array of a's shape, with n elements along the axis.

    Raises:
        ValueError: n below 1, or an unknown norm.

    >>> fft(np.array([1.0, 2.0]))
    Array([ 3.+0.j, -1.+0.j], dtype=complex128)
    """
    return _along("fft", "fft", a, n, axis, norm)


def ifft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None) -> Array:
    """Inverse of :func:`fft`, whose arguments it takes.

    >>> ifft(np.array([3.0, -1.0]))
    Array([1.+0.j, 2.+0.j], dtype=complex128)
    """
    return _along("ifft", "ifft", a, n, axis, norm)


def rfft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None) -> Array:
    """Transform of real numbers: the frequencies 0 to n // 2; arguments as of :func:`fft`.

    Raises:
        DtypeError: a is complex.

    >>> rfft(np.array([1.0, 2.0, 3.0])).shape
    (2,)
    """
    return _along("rfft", "rfft", a, n, axis, norm)


def irfft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None) -> Array:
    """Inverse of :func:`rfft`.

    Args:
        a: the frequencies 0 to n // 2 along the axis.
        n: length of the result, by default 2 * (m - 1) for m frequencies.
        axis, norm: as of :func:`fft`.

    Returns:
        real array with n elements along the axis.

    >>> irfft(np.array([3.0, -1.0]))
    Array([1., 2.], dtype=float64)
    """
    return _along("irfft", "irfft", a, n, axis, norm)


def hfft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None) -> Array:
    """Transform of a signal with Hermitian symmetry, given by its first half; it is real.

    Arguments as of :func:`irfft`.

    >>> hfft(np.array([3.0, 1.0]))
    Array([4., 2.], dtype=float64)
    """
    swapped = _swapped("hfft", norm)
    return _along("hfft", "irfft", ops.conj(as_array(a, "hfft", "a")), n, axis, swapped)


def ihfft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None) -> Array:
    """Inverse of :func:`hfft`: the first n // 2 + 1 elements of a signal with a real transform.

    Arguments as of :func:`rfft`.

    >>> ihfft(np.array([4.0, 2.0]))
    Array([3.-0.j, 1.-0.j], dtype=complex128)
    """
    return ops.conj(_along("ihfft", "rfft", a, n, axis, _swapped("ihfft", norm)))


def _along(fun: str, kind: str, a: Any, n: Any, axis: Any, norm: Any) -> Array:
    x = _operand(as_array(a, fun, "a"), kind, fun)
    if x.ndim == 0:
        raise AxisError(f"{fun}: expected an array of one axis or more; got a scalar.")
    i = as_axis(axis, x.ndim, fun)
    return transform(fun, kind, x, None if n is None else (n,), (i,), norm)


# --------------------------------------------------------------------------- several dimensions
def fft2(
    a: Any, s: Sequence[int] | None = None, axes: Axes = (-2, -1), norm: str | None = None
) -> Array:
    """:func:`fftn` over the last two axes.

    >>> fft2(np.ones((2, 2)))[0, 0]
    Array(4.+0.j, dtype=complex128)
    """
    return _over("fft2", "fft", a, s, axes, norm)


def ifft2(
    a: Any, s: Sequence[int] | None = None, axes: Axes = (-2, -1), norm: str | None = None
) -> Array:
    """:func:`ifftn` over the last two axes.

    >>> ifft2(np.ones((2, 2)))[0, 0]
    Array(1.+0.j, dtype=complex128)
    """
    return _over("ifft2", "ifft", a, s, axes, norm)


def rfft2(
    a: Any, s: Sequence[int] | None = None, axes: Axes = (-2, -1), norm: str | None = None
) -> Array:
    """:func:`rfftn` over the last two axes.

    >>> rfft2(np.ones((2, 4))).shape
    (2, 3)
    """
    return _over("rfft2", "rfft", a, s, axes, norm)


def irfft2(
    a: Any, s: Sequence[int] | None = None, axes: Axes = (-2, -1), norm: str | None = None
) -> Array:
    """:func:`irfftn` over the last two axes.

    >>> irfft2(np.ones((2, 3))).shape
    (2, 4)
    """
    return _over("irfft2", "irfft", a, s, axes, norm)


def fftn(
    a: Any, s: Sequence[int] | None = None, axes: Axes = None, norm: str | None = None
) -> Array:
    """Transform over several axes.

    Args:
        a: array.
        s: lengths along the axes, which are cut or continued with zeros; -1 is the array's own.
        axes: the axes, by default the last ones, as many as lengths, or all; one that is named
            twice is transformed twice.
        norm: as of :func:`fft`, with the product of the lengths for n.

    Returns:
        complex array.

    Raises:
        ValueError: a length below 1, not as many lengths as axes, or an unknown norm.

    >>> fftn(np.ones((2, 3)), axes=(1,))[:, 0]
    Array([3.+0.j, 3.+0.j], dtype=complex128)
    """
    return _over("fftn", "fft", a, s, axes, norm)


def ifftn(
    a: Any, s: Sequence[int] | None = None, axes: Axes = None, norm: str | None = None
) -> Array:
    """Inverse of :func:`fftn`.

    >>> ifftn(np.ones((2, 3)))[0, 0]
    Array(1.+0.j, dtype=complex128)
    """
    return _over("ifftn", "ifft", a, s, axes, norm)


def rfftn(
    a: Any, s: Sequence[int] | None = None, axes: Axes = None, norm: str | None = None
) -> Array:
    """Transform of a real array over several axes, the last of them by halves as :func:`rfft`'s.

    >>> rfftn(np.ones((2, 4))).shape
    (2, 3)
    """
    return _over("rfftn", "rfft", a, s, axes, norm)


def irfftn(
    a: Any, s: Sequence[int] | None = None, axes: Axes = None, norm: str | None = None
) -> Array:
    """Inverse of :func:`rfftn`; the last length is 2 * (m - 1) by default, as :func:`irfft`'s.

    >>> irfftn(np.ones((2, 3))).shape
    (2, 4)
    """
    return _over("irfftn", "irfft", a, s, axes, norm)


def _over(fun: str, kind: str, a: Any, s: Any, axes: Any, norm: Any) -> Array:
    x = _operand(as_array(a, fun, "a"), kind, fun)
    lengths = None if s is None else tuple(s)
    if axes is None:
        count = x.ndim if lengths is None else len(lengths)
        axes = tuple(range(-count, 0))
    given = axes if isinstance(axes, (tuple, list, range)) else (axes,)
    found = tuple(as_axis(i, x.ndim, fun) for i in given)
    if lengths is not None and len(lengths) != len(found):
        raise ValueError(
            f"{fun}: Shape and axes have different lengths: s is {lengths}, axes are {found}. "
            "Remedy: one length per axis; -1 leaves an axis as it is."
        )
    return transform(fun, kind, x, lengths, found, norm)


# --------------------------------------------------------------------------------------- transforms
def _operand(x: Array, kind: str, fun: str) -> Array:
    """The array in the dtype that a kind of transform takes."""
    if kind == "rfft":
        if is_complex(x.dtype):
            raise DtypeError(
                f"{fun}: expected a real array; got {x.dtype.name}. Remedy: real(a), or fft."
            )
        return cast(x, float64 if x.dtype == float64 else float32)
    wide = x.dtype in (float64, complex128)
    return cast(x, complex128 if wide else complex64)


def transform(
    fun: str, kind: str, x: Array, lengths: Sequence[Any] | None, axes: tuple[int, ...], norm: Any
) -> Array:
    """One of the four kinds of the record over some axes, with lengths and norm.

    Args:
        fun: names the function in messages.
        kind: of ``functorch_lite.ops.fft``.
        x: array in the dtype that the kind takes.
        lengths: per axis of the result, -1 as it is; None for all as they are.
        axes: non-negative, in order; the last is the halved one.
        norm: "backward", "ortho", "forward" or None.

    Raises:
        ValueError: a length below 1, an unknown norm, or no axis for a halved transform.
    """
    _swapped(fun, norm)
    sizes = [x.shape[i] for i in axes]
    if not axes:
        if kind in ("rfft", "irfft"):
            raise ValueError(f"{fun}: expected at least one axis to transform; got none.")
        return x
    if kind == "irfft":
        sizes[-1] = 2 * (sizes[-1] - 1)
    if lengths is not None:
        sizes = [
            n if length is None else x.shape[i] if length == -1 else operator.index(length)
            for length, n, i in zip(lengths, sizes, axes, strict=True)
        ]
    for n, i in zip(sizes, axes, strict=True):
        if n < 1:
            raise ValueError(
                f"{fun}: Invalid number of FFT data points ({n}) specified along axis {i}; got an "
                f"array of shape {x.shape}. Remedy: a length of 1 or more."
            )
    last = sizes[-1]
    if len(set(axes)) < len(axes):
        return _one_by_one(kind, x, sizes, axes, norm)
    for n, i in zip(sizes, axes, strict=True):
        x = _resized(x, i, n // 2 + 1 if kind == "irfft" and i == axes[-1] else n)
    return _normalised(ops.fft(x, kind=kind, axes=axes, n=last), kind, math.prod(sizes), norm)


def _one_by_one(kind: str, x: Array, sizes: list[int], axes: Sequence[int], norm: Any) -> Array:
    """Over axes that are named more than once, in NumPy's order; only irfftn begins in front."""
    others = {"rfft": "fft", "irfft": "ifft"}.get(kind, kind)
    steps = [(others, n, i) for n, i in zip(sizes[:-1], axes[:-1], strict=True)]
    steps.append((kind, sizes[-1], axes[-1]))
    for step, n, i in steps if kind == "irfft" else steps[::-1]:
        x = _resized(x, i, n // 2 + 1 if step == "irfft" else n)
        x = _normalised(ops.fft(x, kind=step, axes=(i,), n=n), step, n, norm)
    return x


def _resized(x: Array, axis: int, n: int) -> Array:
    """The first n elements along an axis, continued with zeros."""
    have = x.shape[axis]
    if have == n:
        return x
    gap = tuple((0, n - have if i == axis else 0, 0) for i in range(x.ndim))
    return ops.pad(x, const(0, x.dtype), config=gap)  # a negative gap cuts


def _normalised(x: Array, kind: str, n: int, norm: Any) -> Array:
    """The record divides by n in the inverse kinds; correct that for other norms."""
    if norm in (None, "backward"):
        return x
    inverse = kind in ("ifft", "irfft")
    factor = math.sqrt(n) if inverse else 1 / math.sqrt(n)
    if norm == "forward":
        factor = float(n) if inverse else 1 / n
    return ops.mul(x, const(factor, x.dtype))


def _swapped(fun: str, norm: Any) -> str:
    """The norm of the inverse direction."""
    if norm not in _SWAPPED:
        raise ValueError(
            f'{fun}: Invalid norm value {norm}; should be "backward", "ortho" or "forward".'
        )
    return _SWAPPED[norm]


# -------------------------------------------------------------------------------------- frequencies
def fftfreq(n: int, d: Any = 1.0, *, dtype: Any = None, device: Any = None) -> Array:
    """The frequencies of :func:`fft`'s results: 0, 1, ..., then the negative ones, over n d.

    Args:
        n: length of the transform.
        d: distance of the samples.
        dtype: by default float32.
        device: where the array shall live.

    >>> fftfreq(4)
    Array([ 0.  ,  0.25, -0.5 , -0.25], dtype=float32)
    """
    count = _count("fftfreq", n)
    line = np.arange(count)
    return _frequencies(np.where(line < (count + 1) // 2, line, line - count), n, d, dtype, device)


def rfftfreq(n: int, d: Any = 1.0, *, dtype: Any = None, device: Any = None) -> Array:
    """The frequencies of :func:`rfft`'s results: 0 to n // 2, over n d; see :func:`fftfreq`.

    >>> rfftfreq(4)
    Array([0.  , 0.25, 0.5 ], dtype=float32)
    """
    return _frequencies(np.arange(_count("rfftfreq", n) // 2 + 1), n, d, dtype, device)


def _count(fun: str, n: Any) -> int:
    try:
        count = operator.index(n)
    except TypeError:
        raise ValueError(f"{fun}: n should be an integer; got {n!r}.") from None
    if count < 1:
        raise ValueError(f"{fun}: n should be at least 1; got {n}.")
    return count


def _frequencies(line: Any, n: int, d: Any, dtype: Any, device: Any) -> Array:
    if isinstance(d, Array):
        found = asarray(line, optional_dtype(dtype) or d.dtype, device=device)
        return found / (n * d)
    return asarray(line / (n * d), optional_dtype(dtype) or float32, device=device)


def fftshift(x: Any, axes: Axes = None) -> Array:
    """Frequency 0 moved to the middle of the axes, by default of all of them.

    >>> fftshift(np.arange(5))
    Array([3, 4, 0, 1, 2], dtype=int64)
    """
    return _shifted("fftshift", x, axes, 1)


def ifftshift(x: Any, axes: Axes = None) -> Array:
    """Inverse of :func:`fftshift`.

    >>> ifftshift(np.array([3, 4, 0, 1, 2]))
    Array([0, 1, 2, 3, 4], dtype=int64)
    """
    return _shifted("ifftshift", x, axes, -1)


def _shifted(fun: str, x: Any, axes: Axes, sign: int) -> Array:
    x = as_array(x, fun)
    if axes is None:
        axes = tuple(range(x.ndim))
    given = axes if isinstance(axes, (tuple, list, range)) else (axes,)
    found = tuple(as_axis(i, x.ndim, fun) for i in given)
    if not found:
        return x
    return roll(x, tuple(sign * (x.shape[i] // 2) for i in found), found)
