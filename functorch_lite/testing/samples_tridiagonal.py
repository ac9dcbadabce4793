"""Samples, references and error cases for tridiagonal matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.core.aval import Aval
from functorch_lite.errors import DtypeError, ShapeError
from functorch_lite.testing.samples_linalg import normal
from functorch_lite.testing.samples_shape import Sample

__all__ = ["DTYPES_OF", "ERRORS", "REFERENCES", "SAMPLES"]

_SHAPES: tuple[tuple[int, ...], ...] = (
    (3, 2), (2, 3, 2), (1, 1), (4, 1), (0, 2), (3, 0), (2, 1, 2, 1),
)  # fmt: skip
_SQUARE: tuple[tuple[int, ...], ...] = ((4, 4), (2, 3, 3), (2, 2), (1, 1), (0, 0))


def _systems(dtype: Any, rng: Any) -> list[Sample]:
    """Large numbers on the diagonal of some, small ones, which ask for exchanges, on others."""
    found: list[Sample] = []
    for i, shape in enumerate(_SHAPES):
        dl, d, du = (normal(dtype, rng, shape[:-1]) / 2 for _ in range(3))
        d = d + 3 if i % 2 == 0 or shape[-2] % 2 else d / 10
        outer = (dl, du) if i % 2 == 0 else (dl + 2, du + 2)
        operands = [outer[0], d, outer[1], normal(dtype, rng, shape)]
        if i % 2 and shape[-2] % 2:  # without a zero pivot for an odd number of rows either
            operands[1] = operands[1] + 6
        given = tuple(np.asarray(x, dtype) for x in operands)
        found.append((given, {"perturb_singular": i % 3 == 1}))
    return found


def _reduced(dtype: Any, rng: Any) -> list[Sample]:
    return [
        ((np.asarray(normal(dtype, rng, shape), dtype),), {"lower": lower})
        for shape in _SQUARE
        for lower in (True, False)
    ]


SAMPLES = {"tridiagonal_solve": _systems, "tridiagonal": _reduced}
DTYPES_OF = {
    name: tuple(map(np.dtype, ("float32", "float64", "complex64", "complex128")))
    for name in SAMPLES
}


# --------------------------------------------------------------------------------------- references
def _wide(x: np.ndarray) -> np.ndarray:
    return x.astype(np.complex128 if x.dtype.kind == "c" else np.float64)


def _solved(dl: np.ndarray, d: np.ndarray, du: np.ndarray, b: np.ndarray, **_: Any) -> np.ndarray:
    """By dense matrices in double precision."""
    out = np.zeros(b.shape, _wide(b).dtype)
    for where in np.ndindex(*d.shape[:-1]):
        full = np.diag(_wide(d[where]))
        for i in range(1, d.shape[-1]):
            full[i, i - 1], full[i - 1, i] = dl[where][i], du[where][i - 1]
        out[where] = np.linalg.solve(full, _wide(b[where]))
    return out.astype(b.dtype)


def _one_reduced(x: np.ndarray) -> tuple[np.ndarray, ...]:
    """Reflections of the columns below the diagonal, one after the other; from the lower half."""
    n = len(x)
    a = np.tril(x) + np.tril(x, -1).conj().T
    a[np.arange(n), np.arange(n)] = np.diagonal(x).real
    packed, scales = x.copy(), np.zeros(max(n - 1, 0), x.dtype)
    for k in range(n - 1):
        head, tail = a[k + 1, k], a[k + 2 :, k].copy()
        size = np.sqrt(np.vdot(tail, tail).real + abs(head) ** 2)
        if tail.any() or head.imag != 0:
            new = -np.copysign(size, head.real)
            v = np.concatenate([np.zeros(k + 1), [1], tail / (head - new)])
            scales[k] = (new - head) / new
            turn = np.eye(n) - scales[k] * np.outer(v, v.conj())
            a = turn.conj().T @ a @ turn
            packed[k + 2 :, k] = v[k + 2 :]
    d, e = np.diagonal(a).real.copy(), np.diagonal(a, -1).real.copy()
    packed[np.arange(n), np.arange(n)] = d
    packed[np.arange(1, n), np.arange(n - 1)] = e
    return packed, d, e, scales


def _all_reduced(x: np.ndarray, lower: bool) -> tuple[np.ndarray, ...]:
    real = np.empty(0, x.dtype).real.dtype
    n, lead = x.shape[-1], x.shape[:-2]
    sizes = (max(n - 1, 0),)
    outs = tuple(
        np.zeros((*lead, *shape), dtype)
        for shape, dtype in (((n, n), x.dtype), ((n,), real), (sizes, real), (sizes, x.dtype))
    )
    for where in np.ndindex(*lead):
        a = _wide(x[where])
        # The upper half is the lower one seen from the other end.
        found = _one_reduced(a if lower else a[::-1, ::-1])
        for out, part in zip(outs, found, strict=True):
            out[where] = part if lower else part[(slice(None, None, -1),) * part.ndim]
    return outs


REFERENCES = {"tridiagonal_solve": _solved, "tridiagonal": _all_reduced}


# ------------------------------------------------------------------------------------------- errors
def _f(*shape: int, dtype: str = "float32") -> Aval:
    return Aval(shape, np.dtype(dtype))


_PLAIN = {"perturb_singular": False}
ERRORS: dict[str, list[tuple[Any, ...]]] = {
    "tridiagonal_solve": [
        ((_f(3), _f(3), _f(3), _f(3)), _PLAIN, ShapeError, "b must be a matrix"),
        ((_f(2), _f(3), _f(3), _f(3, 1)), _PLAIN, ShapeError, "dl has (2,)"),
        ((_f(3), _f(3), _f(2, 3), _f(3, 1)), _PLAIN, ShapeError, "du has (2, 3)"),
        ((_f(3), _f(3, dtype="float64"), _f(3), _f(3, 1)), _PLAIN, DtypeError, "d is float64"),
        ((_f(3),) * 3 + (_f(3, 1, dtype="int32"),), _PLAIN, DtypeError, "got b of int32"),
    ],
    "tridiagonal": [
        ((_f(2, 3),), {"lower": True}, ShapeError, "x must be square"),
        ((_f(3),), {"lower": True}, ShapeError, "x must be a matrix"),
        ((_f(2, 2, dtype="int32"),), {"lower": True}, DtypeError, "got x of int32"),
    ],
}
