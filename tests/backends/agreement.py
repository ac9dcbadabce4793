"""Compiled results against interpreted ones: what must be equal, how far apart the rest may be."""

from __future__ import annotations

import ml_dtypes
import numpy as np

import functorch_lite as fl
from functorch_lite.core.array import wrap
from functorch_lite.core.dtypes import is_complex, is_float

LENGTHS = (1, 3, 7, 15, 16, 17, 33, 64, 65, 130)
"""Less than, equal to and more than one or two vectors, of any dtype and any width."""


def raw(tree):
    """The arrays of a result, as NumPy's."""
    return [np.asarray(x) for x in fl.tree.leaves(tree)]


def both_ways(f, *operands):
    """What the interpreter and the compiler make of a function of raw arrays."""
    arrays = [wrap(np.asarray(x)) for x in operands]
    want = raw(fl.jit(f, backend="interpret")(*arrays))
    got = raw(fl.jit(f, backend="cpu")(*arrays))
    assert [(x.shape, x.dtype) for x in got] == [(x.shape, x.dtype) for x in want]
    return want, got


def batch(calls):
    """Many calls as one function of their operands, so that one compilation serves them all.

    Args:
        calls: pairs of a function and its operands.

    Returns:
        the function and all the operands.
    """
    operands, spans = [], []
    for _, args in calls:
        spans.append(slice(len(operands), len(operands) + len(args)))
        operands += args

    def f(*xs):
        return [call(*xs[at]) for (call, _), at in zip(calls, spans, strict=True)]

    return f, operands


def epsilon(dtype):
    """The distance from 1 to the next number."""
    return float(ml_dtypes.finfo(dtype).eps)


def ulps(x, y):
    """How many numbers of their dtype lie between two arrays; NaN is one number, so is zero."""
    bits = {2: np.int16, 4: np.int32, 8: np.int64}[x.dtype.itemsize]

    lowest = bits(np.iinfo(bits).min)

    def place(a):
        k = a.view(bits)
        return np.where(k < 0, lowest - k, k).astype(
            np.longdouble if bits == np.int64 else np.int64
        )

    with np.errstate(all="ignore"):
        found = np.abs(place(x) - place(y)).astype(np.float64)
    found = np.where(np.isnan(x) & np.isnan(y), 0, found)
    return np.where(np.isnan(x) != np.isnan(y), np.inf, found)


def same(x, y, zero_sign=True):
    """Where two arrays hold the same: any NaN equals any other.

    Args:
        x: an array.
        y: another of its shape and dtype.
        zero_sign: whether zeros of different sign differ.
    """
    found = x == y
    if not (is_float(x.dtype) or is_complex(x.dtype)):
        return found
    if is_complex(x.dtype):
        return same(x.real, y.real, zero_sign) & same(x.imag, y.imag, zero_sign)
    found |= np.isnan(x) & np.isnan(y)
    if zero_sign:
        found &= (np.signbit(x) == np.signbit(y)) | np.isnan(x)
    return found


def tolerance(dtype, single):
    """How far apart, of the largest number in an array; float32 may be part of a float64."""
    return 2e-4 if single or dtype.itemsize < 8 else 1e-9


def differ(want, got, exact, single=True):
    """Positions of the results that differ."""
    found = []
    for k, (w, g, e) in enumerate(zip(want, got, exact, strict=True)):
        if e or w.dtype.kind != "f":
            ok = w.shape == g.shape and w.dtype == g.dtype and same(w, g, zero_sign=False).all()
        else:
            scale = max(1.0, float(np.abs(w[np.isfinite(w)]).max(initial=0.0)))
            rough = tolerance(w.dtype, single)
            ok = w.shape == g.shape and w.dtype == g.dtype
            ok = ok and np.allclose(w, g, rtol=rough, atol=rough * scale, equal_nan=True)
        if not ok:
            found.append(k)
    return found


def specials(dtype):
    """Values at which scalar code goes wrong."""
    if dtype.kind == "b":
        return np.array([True, False])
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        low, high = int(info.min), int(info.max)
        near = [low, low + 1, high, high - 1, high // 2 + 1, *range(-9, 10), 15, 16, 31, 32, 33, 63]
        return np.array(sorted({x for x in (*near, 64) if low <= x <= high}), dtype)
    if is_complex(dtype):
        parts = np.array([0.0, -0.0, np.inf, np.nan, 1.5, -2.0])
        pairs = np.stack(np.meshgrid(parts, parts), -1).astype(np.zeros(1, dtype).real.dtype)
        return pairs.view(dtype).reshape(-1)
    info = ml_dtypes.finfo(dtype)
    limits = [float(v) for v in (info.max, info.tiny, info.smallest_subnormal, info.eps)]
    plain = [0.0, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 2.5, 3.0, 7.0, 10.25, 88.0, 100.0, 700.0, 1e-5, 1e4]
    values = [*limits, limits[1] * 0.75, np.inf, *plain]
    return np.array([*values, *(-v for v in values), np.nan]).astype(dtype)
