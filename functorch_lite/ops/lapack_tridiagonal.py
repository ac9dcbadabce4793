"""Tridiagonal matrices by LAPACK, on raw arrays: systems, and the reduction of Hermitian matrices.

As in ``ops.lapack``, no value is an error, and a routine goes over the whole stack in one call.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from functorch_lite.ops.lapack import (
    INDEX,
    REAL,
    Results,
    by_columns,
    by_rows,
    failed,
    info_of,
    need,
    squares,
    work_size,
)
from functorch_lite.ops.routines import SPARE, Work, routine

__all__ = ["reduced", "solve"]


def solve(
    dl: np.ndarray, d: np.ndarray, du: np.ndarray, b: np.ndarray, *, perturb_singular: bool
) -> np.ndarray:
    """x of systems with three diagonals, of which the ends of the outer ones are not read."""
    need(b.ndim >= 2 and dl.shape == d.shape == du.shape == b.shape[:-1])
    need(dl.dtype.char == d.dtype.char == du.dtype.char == b.dtype.char)
    if b.size == 0:
        return b.copy()
    (n, k), char = b.shape[-2:], b.dtype.char
    x = by_columns(b)
    count = len(x)
    # A routine reads one number less of the outer diagonals than there is room for, or two.
    lower, upper, second = np.zeros((3, count, n), char)
    lower[:, :-1], upper[:, :-1] = dl.reshape(count, n)[:, 1:], du.reshape(count, n)[:, :-1]
    pivots = np.array(d, char, order="C").reshape(count, n)
    order, info = np.empty((count, n), INDEX), info_of(count)
    factors = lower, pivots, upper, second, order
    routine("gttrf", char)(count, n, *factors, info)
    if perturb_singular:
        _enlarge(pivots, upper, second)
        info[:] = 0
    routine("gttrs", char)(count, b"N", n, k, *factors, x, n, info_of(count))
    failed(info, x)
    return by_rows(x, b.shape[:-2])


def _enlarge(pivots: np.ndarray, *others: np.ndarray) -> None:
    """Replace pivots whose inverse overflows by what rounding makes of the largest entry."""
    limits = np.finfo(pivots.real.dtype)
    largest = np.max([np.abs(part).max(1) for part in (pivots, *others)], axis=0)
    least = np.maximum(limits.eps * largest, limits.tiny)[:, None]
    np.copyto(pivots, np.copysign(least, pivots.real), where=np.abs(pivots) < limits.tiny)


@lru_cache(maxsize=4096)
def _reduced_work(name: str, char: str, part: bytes, n: int) -> int:
    work = np.zeros(1, char)
    routine(name, char)(1, part, n, SPARE, n, SPARE, SPARE, SPARE, work, -1, info_of(1))
    return work_size(work)


def reduced(x: np.ndarray, *, lower: bool) -> Results:
    """The reflections that make a Hermitian matrix tridiagonal, its diagonals, their scales."""
    squares(x)
    lead, n, char = x.shape[:-2], x.shape[-1], x.dtype.char
    beside, real = (*lead, max(n - 1, 0)), REAL[char]
    if x.size == 0:
        sizes = ((*lead, n), real), (beside, real), (beside, char)
        return x.copy(), *(np.zeros(shape, dtype) for shape, dtype in sizes)
    y = by_columns(x)
    count, part = len(y), b"L" if lower else b"U"
    d = np.empty((count, n), real)
    # One matrix of one row has nothing beside the diagonal, and no memory for it.
    e, scales = (np.zeros((count, max(n - 1, 1)), dtype) for dtype in (real, char))
    name = "hetrd" if char in "FD" else "sytrd"
    size = _reduced_work(name, char, part, n)
    routine(name, char)(
        count, part, n, y, n, d, e, scales, Work(size, char), size, info_of(count)
    )  # fmt: skip
    e, scales = (v[:, : n - 1].reshape(beside) for v in (e, scales))
    return by_rows(y, lead), d.reshape(*lead, n), e, scales
