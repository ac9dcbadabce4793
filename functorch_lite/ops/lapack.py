"""Systems and triangular factorizations of stacks of matrices by LAPACK, on raw arrays.

No value is an error: a matrix that has no answer (one that is not positive definite, an iteration
that does not converge, NaN and infinities) gives NaN, and its neighbours in the stack theirs. A
routine goes over the whole stack in one call (`functorch_lite.ops.routines`), in the precision of
the operand. What it is given is looked at here: LAPACK trusts sizes.

LAPACK's matrices lie column by column. `by_columns` and `by_rows` go there and back.

GPU arrays make the journey to the host and back.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

import numpy as np

from functorch_lite.ops import routines
from functorch_lite.ops.routines import SPARE, Work, countable

_PREFIX = {"f": "s", "d": "d", "F": "c", "D": "z"}
COMPLEX: dict[str, np.dtype[Any]] = {c: np.dtype(c.upper()) for c in _PREFIX}
REAL: dict[str, np.dtype[Any]] = {c: np.dtype(c.lower()) for c in _PREFIX}
INDEX = np.dtype(np.int32)
SMALL = 64
"""Masks of matrices up to this size are kept."""

Results = tuple[np.ndarray, ...]


@cache
def routine(name: str, char: str) -> Any:
    """SciPy's wrapper of a routine for one matrix, by its name without the letter of the type."""
    from scipy.linalg import lapack

    return getattr(lapack, _PREFIX[char] + name)


def on_host(fn: Callable[..., Any], kinds: str = "fdFD", axes: int = 2) -> Callable[..., Any]:
    """An eager implementation for every array module from one over NumPy arrays.

    Args:
        fn: takes arrays and params.
        kinds: NumPy's letters for the dtypes that it takes.
        axes: the least number of axes.
    """

    def run(xp: Any, *arrays: Any, **params: Any) -> Any:
        for a in arrays:
            need(a.dtype.char in kinds and a.ndim >= axes)
        if xp is np:
            return fn(*arrays, **params)
        found = fn(*[a.get() for a in arrays], **params)
        return tuple(map(xp.asarray, found)) if isinstance(found, tuple) else xp.asarray(found)

    return run


# ------------------------------------------------------------------------------------------ stacks
def need(condition: bool) -> None:
    """Stop before memory is read that is not there; the shape rule words the refusal."""
    if not condition:
        raise ValueError("no operands for this routine")


def squares(*arrays: np.ndarray) -> None:
    """Stop unless all are square matrices."""
    for x in arrays:
        need(x.shape[-1] == x.shape[-2])


def by_columns(x: np.ndarray) -> np.ndarray:
    """A new stack ``[count, n, m]`` of the columns of matrices ``[..., m, n]``."""
    m, n = x.shape[-2:]
    # By the letter, which stands for the machine's order of bytes.
    return x.reshape(-1, m, n).swapaxes(1, 2).astype(x.dtype.char, order="C")


def by_rows(y: np.ndarray, lead: tuple[int, ...]) -> np.ndarray:
    """The matrices ``[*lead, m, n]`` of a stack of columns ``[count, n, m]``."""
    _, n, m = y.shape
    return y.swapaxes(1, 2).copy().reshape(*lead, m, n)


def info_of(count: int) -> np.ndarray:
    """Where a routine leaves a code for each matrix."""
    return np.zeros(count, INDEX)


def failed(info: np.ndarray, *results: np.ndarray) -> None:
    """Write NaN into the results of the matrices whose code is not zero."""
    if np.count_nonzero(info):
        for y in results:
            y[info != 0] = np.nan


def identity(shape: tuple[int, ...], n: int, dtype: Any) -> np.ndarray:
    """A stack of identity matrices."""
    out = np.zeros((*shape, n * n), dtype)
    out[..., :: n + 1] = 1
    return out.reshape(*shape, n, n)


def _mask(m: int, n: int, below: bool) -> np.ndarray:
    rows, columns = np.ogrid[:m, :n]
    found: np.ndarray = rows > columns if below else rows < columns
    return found


_kept_mask = lru_cache(maxsize=256)(_mask)


def beside_diagonal(m: int, n: int, *, below: bool) -> np.ndarray:
    """Where a matrix [m, n] is below (above) its diagonal. To be read only."""
    return (_kept_mask if max(m, n) <= SMALL else _mask)(m, n, below)


def clear(x: np.ndarray, *, below: bool) -> np.ndarray:
    """x with zeros written below (above) the diagonal."""
    np.copyto(x, _zero(x.dtype.char), where=beside_diagonal(*x.shape[-2:], below=below))
    return x


def work_size(found: np.ndarray) -> int:
    """The workspace that a query asked for; in float32 the number was rounded, perhaps down."""
    size = math.ceil(found[0].real * (1 + 1e-6))
    return max(countable(size if size >= 0 else size + 2**32), 1)  # negative: one too large


@lru_cache(maxsize=4096)
def _reflection_work(name: str, char: str, *sizes: int) -> int:
    """The workspace of ``geqrf(m, n)`` or ``orgqr(m, n, k)``."""
    work, info = np.zeros(1, char), info_of(1)
    routines.routine(name, char)(1, *sizes, SPARE, max(sizes[0], 1), SPARE, work, -1, info)
    return work_size(work)


@cache
def _one(char: str) -> np.ndarray:
    return np.ones((), char)


@cache
def _zero(char: str) -> np.ndarray:
    return np.zeros((), char)


# -------------------------------------------------------------------------- triangles and systems
def cholesky(x: np.ndarray) -> np.ndarray:
    """Lower factor of Hermitian matrices, of which the lower triangle is read."""
    squares(x)
    if x.size == 0:
        return x.copy()
    char, n = x.dtype.char, x.shape[-1]
    # Read column by column, x is its transpose, whose upper factor is the transposed lower one.
    y = np.array(x, char, order="C").reshape(-1, n, n)
    info = info_of(len(y))
    routines.routine("potrf", char)(len(y), b"U", n, y, n, info)
    failed(info, y)
    return clear(y, below=False).reshape(x.shape)


def triangular_solve(
    a: np.ndarray,
    b: np.ndarray,
    *,
    left_side: bool,
    lower: bool,
    transpose_a: bool,
    conjugate_a: bool,
    unit_diagonal: bool,
) -> np.ndarray:
    """x with ``op(a) x = b`` or ``x op(a) = b``."""
    squares(a)
    n = a.shape[-1]
    need(a.dtype.char == b.dtype.char and a.shape[:-2] == b.shape[:-2])
    need(b.shape[-2 if left_side else -1] == n)
    if b.size == 0:
        return b.copy()
    char = a.dtype.char
    conjugate_a = conjugate_a and char in "FD"
    if conjugate_a and not transpose_a:
        a = a.conj()
    a, x = np.ascontiguousarray(a, char), np.array(b, char, order="C")
    # Read column by column both are transposed: the sides change places, and so do the triangles.
    rows, columns = x.shape[-2:]
    count = x.size // (rows * columns)
    routines.routine("trsm", char)(
        count, b"R" if left_side else b"L", b"U" if lower else b"L",
        (b"C" if conjugate_a else b"T") if transpose_a else b"N", b"U" if unit_diagonal else b"N",
        columns, rows, _one(char), a, n, x, columns,
    )  # fmt: skip
    return x


def solve(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """x with ``a x = b``; infinities and NaN where a is singular."""
    squares(a)
    n, k = b.shape[-2:]
    need(a.dtype.char == b.dtype.char and a.shape[:-1] == b.shape[:-1])
    if b.size == 0:
        return b.copy()
    factors, x = by_columns(a), by_columns(b)
    count, char = len(x), a.dtype.char
    exchanges, info = np.empty((count, n), INDEX), info_of(count)
    routines.routine("gesv", char)(count, n, k, factors, n, exchanges, x, n, info)
    if np.count_nonzero(info):  # zero pivots, by which LAPACK will not divide
        at = np.flatnonzero(info)
        factors, moved, exchanges = factors[at], x[at], exchanges[at]
        trsm, one = routines.routine("trsm", char), _one(char)
        routines.routine("laswp", char)(len(at), k, moved, n, 1, n, exchanges, 1)
        trsm(len(at), b"L", b"L", b"N", b"U", n, k, one, factors, n, moved, n)
        trsm(len(at), b"L", b"U", b"N", b"N", n, k, one, factors, n, moved, n)
        x[at] = moved
    return by_rows(x, b.shape[:-2])


def _factored(y: np.ndarray) -> np.ndarray:
    """Overwrite a stack of columns with both factors; the row exchanges, counted from 1."""
    count, n, m = y.shape
    exchanges = np.empty((count, min(m, n)), INDEX)
    routines.routine("getrf", y.dtype.char)(count, m, n, y, m, exchanges, info_of(count))
    return exchanges


def inverse(x: np.ndarray) -> np.ndarray:
    """The inverse; infinities and NaN where x is singular."""
    squares(x)
    return solve(x, identity(x.shape[:-2], x.shape[-1], x.dtype))


def permutation_of(exchanges: np.ndarray, rows: int) -> np.ndarray:
    """The order of rows ``[..., rows]`` that sequences of row exchanges ``[..., k]`` lead to.

    Rows that are not there count as the last one, negative ones from the end.
    """
    *lead, k = exchanges.shape
    need(k <= rows)
    wanted = exchanges.astype(np.int64)
    wanted[wanted < 0] += rows
    swaps = np.array(np.clip(wanted, 0, max(rows - 1, 0)) + 1, INDEX, order="C")
    count = math.prod(lead)
    return _exchanged(swaps.reshape(count, k), rows).reshape(*lead, rows)


def _exchanged(swaps: np.ndarray, rows: int) -> np.ndarray:
    """The order that exchanges lead to, which are counted from 1, and of which one is a row."""
    count, k = swaps.shape
    order = np.empty((count, rows), np.float64)  # exact for every row that fits into memory
    order[...] = np.arange(rows)
    if order.size and k:
        routines.routine("laswp", "d")(count, 1, order, rows, 1, k, swaps, 1)
    return order.astype(INDEX)


def lu(x: np.ndarray) -> Results:
    """Both factors in one matrix, the row exchanges, and the order that they lead to."""
    *lead, m, n = x.shape
    if x.size == 0:
        exchanges = np.empty((*lead, min(m, n)), INDEX)
        exchanges[...] = np.arange(min(m, n))
        return x.copy(), exchanges, permutation_of(exchanges, m)
    y = by_columns(x)
    swaps = _factored(y)
    order = _exchanged(swaps, m).reshape(*lead, m)
    return by_rows(y, x.shape[:-2]), (swaps - 1).reshape(*lead, min(m, n)), order


# ------------------------------------------------------------------------------------- reflections
def _reflected(y: np.ndarray) -> np.ndarray:
    """Overwrite a stack of columns with the upper factor over reflections; their scales."""
    count, n, m = y.shape
    char = y.dtype.char
    scales = np.empty((count, min(m, n)), char)
    size = _reflection_work("geqrf", char, m, n)
    info = info_of(count)
    routines.routine("geqrf", char)(count, m, n, y, m, scales, Work(size, char), size, info)
    return scales


def reflections(x: np.ndarray) -> Results:
    """The upper factor over the reflections that lead to it, and their scales."""
    *lead, m, n = x.shape
    if x.size == 0:
        return x.copy(), np.zeros((*lead, min(m, n)), x.dtype)
    y = by_columns(x)
    scales = _reflected(y)
    return by_rows(y, x.shape[:-2]), scales.reshape(*lead, min(m, n))


def qr(x: np.ndarray, *, full_matrices: bool) -> Results:
    """Unitary and upper triangular factor."""
    lead, (m, n) = x.shape[:-2], x.shape[-2:]
    least = min(m, n)
    k = m if full_matrices else least
    if x.size == 0:
        return identity(lead, m, x.dtype)[..., :k], np.zeros((*lead, k, n), x.dtype)
    y, char = by_columns(x), x.dtype.char
    count, scales = len(y), _reflected(y)
    r = clear(by_rows(y[:, :, :k], lead), below=True)
    q = y[:, :k].copy() if k <= n else np.concatenate([y, np.zeros((count, k - n, m), char)], 1)
    size = _reflection_work("orgqr", char, m, k, least)
    routines.routine("orgqr", char)(
        count, m, k, least, q, m, scales, Work(size, char), size, info_of(count)
    )
    return by_rows(q, lead), r


def column_order(x: np.ndarray) -> np.ndarray:
    """The order of columns in which those with the largest remainder come first."""
    *lead, m, n = x.shape
    if x.size == 0:
        order = np.empty((*lead, n), INDEX)
        order[...] = np.arange(n)
        return order
    y, char = by_columns(x), x.dtype.char
    count, real = len(y), REAL[char]
    geqp3, order = routines.routine("geqp3", char), np.zeros((count, n), INDEX)
    scales, info = np.empty((count, min(m, n)), char), info_of(count)
    size = 2 * n + (n + 1) * 32  # blocks of the size that LAPACK likes
    rest = (Work(2 * n, real), info) if char in "FD" else (info,)
    geqp3(count, m, n, y, m, order, scales, Work(size, char), size, *rest)
    return (order - 1).reshape(*lead, n)
