"""Spectra and similar matrices of stacks by LAPACK, on raw arrays.

Iterations are not given numbers that are not finite: these matrices have no answer, as those have
none for which an iteration does not converge.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from functorch_lite.ops.lapack import (
    COMPLEX,
    INDEX,
    REAL,
    Results,
    by_columns,
    by_rows,
    failed,
    identity,
    info_of,
    need,
    squares,
    work_size,
)
from functorch_lite.ops.routines import SPARE, Work, countable, routine

__all__ = ["eig", "eigh", "hessenberg", "schur", "svd", "triangular_sylvester"]


def _finite(x: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """A new stack of the columns of matrices, zero where they are not finite; and where."""
    y = by_columns(x)
    fine = np.isfinite(y)
    if np.count_nonzero(fine) == fine.size:
        return y, None
    bad = ~fine.all((1, 2))
    y[bad] = 0
    return y, bad


def _without_answer(info: np.ndarray, bad: np.ndarray | None, *results: np.ndarray) -> None:
    if bad is not None:
        info[bad] = 1
    failed(info, *results)


# ---------------------------------------------------------------------------------------- spectra
@lru_cache(maxsize=4096)
def _eigh_work(char: str, job: bytes, n: int) -> tuple[tuple[int, Any], ...]:
    """Size and dtype of each workspace."""
    if job == b"V":
        countable(2 * n * n + 6 * n + 1)
    work, integers, info = np.zeros(1, char), np.zeros(1, INDEX), info_of(1)
    reals = np.zeros(1, REAL[char])
    more = (reals, -1) if char in "FD" else ()
    routine("syevd", char)(
        1, job, b"L", n, SPARE, n, SPARE, work, -1, *more, integers, -1, info
    )  # fmt: skip
    real = ((work_size(reals), REAL[char]),) if more else ()
    return ((work_size(work), np.dtype(char)), *real, (max(int(integers[0]), 1), INDEX))


def eigh(x: np.ndarray, *, vectors: bool) -> Results:
    """Ascending eigenvalues and eigenvectors (columns) of the Hermitian lower triangle."""
    squares(x)
    lead, n, char = x.shape[:-2], x.shape[-1], x.dtype.char
    if x.size == 0:
        return (np.zeros((*lead, n), REAL[char]), x.copy())[: 1 + vectors]
    y, bad = _finite(x)
    count, job = len(y), b"V" if vectors else b"N"
    w, info = np.empty((count, n), REAL[char]), info_of(count)
    spaces = [
        part for size, dtype in _eigh_work(char, job, n) for part in (Work(size, dtype), size)
    ]
    routine("syevd", char)(count, job, b"L", n, y, n, w, *spaces, info)
    _without_answer(info, bad, w, y)
    w = w.reshape(*lead, n)
    return (w, by_rows(y, lead)) if vectors else (w,)


@lru_cache(maxsize=4096)
def _svd_work(char: str, job: bytes, m: int, n: int) -> tuple[int, int]:
    """Sizes of the workspaces: in the dtype, and in its real one for complex numbers."""
    work, k, most = np.zeros(1, char), min(m, n), max(m, n)
    reals = 7 * k if job == b"N" else k * max(5 * k + 7, 2 * most + 2 * k + 1)
    if job != b"N":
        countable(reals if char in "FD" else 4 * k * k + 7 * k + most)
    more = (SPARE,) if char in "FD" else ()
    routine("gesdd", char)(
        1, job, m, n, SPARE, m, SPARE, SPARE, m, SPARE, n, work, -1, *more, SPARE, info_of(1)
    )
    return work_size(work), reals


def svd(x: np.ndarray, *, full_matrices: bool, vectors: bool) -> Results:
    """Left vectors as columns, descending singular values, right vectors as conjugated rows."""
    lead, (m, n), char = x.shape[:-2], x.shape[-2:], x.dtype.char
    k = min(m, n)
    rows, columns = (m, n) if full_matrices else (k, k)
    if x.size == 0:
        s = np.zeros((*lead, k), REAL[char])
        u, vh = identity(lead, m, x.dtype), identity(lead, n, x.dtype)
        return (u[..., :rows], s, vh[..., :columns, :]) if vectors else (s,)
    y, bad = _finite(x)
    count, job = len(y), b"N" if not vectors else b"A" if full_matrices else b"S"
    s, info = np.empty((count, k), REAL[char]), info_of(count)
    left = np.empty((count, rows, m), char) if vectors else None
    right = np.empty((count, n, columns), char) if vectors else None
    size, reals = _svd_work(char, job, m, n)
    more = (Work(reals, REAL[char]),) if char in "FD" else ()
    routine("gesdd", char)(
        count, job, m, n, y, m, s, left, m, right, columns,
        Work(size, char), size, *more, Work(8 * k, INDEX), info,
    )  # fmt: skip
    if left is None or right is None:
        _without_answer(info, bad, s)
        return (s.reshape(*lead, k),)
    _without_answer(info, bad, s, left, right)
    return by_rows(left, lead), s.reshape(*lead, k), by_rows(right, lead)


@lru_cache(maxsize=4096)
def _eig_work(char: str, left: bytes, right: bytes, n: int) -> int:
    work = np.zeros(1, char)
    values, more = ((SPARE,), (SPARE,)) if char in "FD" else ((SPARE, SPARE), ())
    routine("geev", char)(
        1, left, right, n, SPARE, n, *values, SPARE, n, SPARE, n, work, -1, *more, info_of(1)
    )
    return work_size(work)


def eig(x: np.ndarray, *, left: bool, right: bool) -> Results:
    """Eigenvalues, and left and right eigenvectors of length one as columns; all complex."""
    squares(x)
    lead, n, char = x.shape[:-2], x.shape[-1], x.dtype.char
    wide = COMPLEX[char]
    if x.size == 0:
        return (np.zeros((*lead, n), wide), *[x.astype(wide)] * (left + right))
    y, bad = _finite(x)
    count, jobs = len(y), [b"V" if wanted else b"N" for wanted in (left, right)]
    info = info_of(count)
    found = [np.empty((count, n, n), char) if wanted else None for wanted in (left, right)]
    values = [np.empty((count, n), char) for _ in range(1 if char in "FD" else 2)]
    size = _eig_work(char, *jobs, n)
    more = (Work(2 * n, REAL[char]),) if char in "FD" else ()
    routine("geev", char)(
        count, *jobs, n, y, n, *values, found[0], n, found[1], n,
        Work(size, char), size, *more, info,
    )  # fmt: skip
    kept = [v for v in found if v is not None]
    # Now, as what an iteration has left of pairs may make no sense.
    _without_answer(info, bad, *values, *kept)
    w = values[0]
    if len(values) == 2:
        w = values[0].astype(wide)
        w.imag = values[1]
        kept = [_paired(values[1], v, wide) for v in kept]
    return (w.reshape(*lead, n), *[by_rows(v, lead) for v in kept])


def _paired(imaginary: np.ndarray, v: np.ndarray, wide: Any) -> np.ndarray:
    """Complex eigenvectors from LAPACK's: a pair of conjugates is stored as real and imaginary."""
    out = v.astype(wide)
    if np.count_nonzero(imaginary):
        at, j = np.nonzero(imaginary > 0)
        pair = v[at, j] + np.asarray(1j, wide) * v[at, j + 1]
        out[at, j], out[at, j + 1] = pair, pair.conj()
    return out


# ------------------------------------------------------------------------------ similar matrices
@lru_cache(maxsize=4096)
def _schur_work(char: str, job: bytes, n: int) -> int:
    work = np.zeros(1, char)
    values, more = ((SPARE,), (SPARE,)) if char in "FD" else ((SPARE, SPARE), ())
    routine("gees", char)(
        1, job, b"N", SPARE, n, SPARE, n, SPARE, *values, SPARE, n, work, -1, *more, SPARE,
        info_of(1),
    )  # fmt: skip
    return work_size(work)


def schur(x: np.ndarray, *, vectors: bool) -> Results:
    """A triangle unitarily similar to x, with 2 x 2 blocks where x is real; the vectors."""
    squares(x)
    if x.size == 0:
        return tuple(x.copy() for _ in range(1 + vectors))
    lead, n, char = x.shape[:-2], x.shape[-1], x.dtype.char
    y, bad = _finite(x)
    count, job = len(y), b"V" if vectors else b"N"
    z, info = np.empty((count, n, n) if vectors else (count, 1, 1), char), info_of(count)
    size = _schur_work(char, job, n)
    values = [Work(n, char) for _ in range(1 if char in "FD" else 2)]
    more = (Work(n, REAL[char]),) if char in "FD" else ()
    # No order of eigenvalues is asked for, so that no function of them is called.
    routine("gees", char)(
        count, job, b"N", None, n, y, n, Work(1, INDEX), *values, z, n,
        Work(size, char), size, *more, Work(n, INDEX), info,
    )  # fmt: skip
    _without_answer(info, bad, y, z)
    return (by_rows(y, lead), by_rows(z, lead)) if vectors else (by_rows(y, lead),)


@lru_cache(maxsize=4096)
def _hessenberg_work(char: str, n: int) -> int:
    work = np.zeros(1, char)
    routine("gehrd", char)(1, n, 1, n, SPARE, n, SPARE, work, -1, info_of(1))
    return work_size(work)


def hessenberg(x: np.ndarray) -> Results:
    """LAPACK's form: the result and, below it, the reflections that lead there; their scales."""
    squares(x)
    *lead, n, _ = x.shape
    if x.size == 0:
        return x.copy(), np.zeros((*lead, max(n - 1, 0)), x.dtype)
    y, char = by_columns(x), x.dtype.char
    count, scales = len(y), np.zeros((len(y), n - 1), char)
    size = _hessenberg_work(char, n)
    # One matrix of one row has no scales, and no memory for them.
    place = scales if n > 1 else Work(1, char)
    routine("gehrd", char)(count, n, 1, n, y, n, place, Work(size, char), size, info_of(count))
    return by_rows(y, x.shape[:-2]), scales.reshape(*lead, n - 1)


def triangular_sylvester(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """x with ``a x + x bᴴ = c`` for matrices a and b as `schur` leaves them."""
    squares(a, b)
    m, n = c.shape[-2:]
    need(a.shape[-1] == m and b.shape[-1] == n)
    need(a.dtype.char == b.dtype.char == c.dtype.char)
    need(a.shape[:-2] == b.shape[:-2] == c.shape[:-2])
    if c.size == 0:
        return c.copy()
    char, lead = c.dtype.char, c.shape[:-2]
    a, b, x = by_columns(a), by_columns(b), by_columns(c)
    count, scale = len(x), np.ones(len(x), REAL[char])
    routine("trsyl", char)(
        count, b"N", b"C", 1, m, n, a, m, b, n, x, m, scale, info_of(count)
    )  # fmt: skip
    # LAPACK scales an answer down that might overflow.
    return by_rows(x / scale[:, None, None], lead)
