"""Factorizations of stacks of matrices by LAPACK, on raw arrays: what the linear-algebra ops run.

No value is an error: a matrix that has no answer (one that is not positive definite, an iteration
that does not converge, NaN and infinities) gives NaN, and its neighbours in the stack theirs.
SciPy's wrappers are called directly, one matrix at a time and in the precision of the operand,
because the functions above them refuse the whole stack. NumPy's, in double precision, go through a
stack of small matrices many times faster; they are asked first where they give the same.

GPU arrays make the journey to the host and back.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import numpy as np

_PREFIX = {"f": "s", "d": "d", "F": "c", "D": "z"}
_COMPLEX_NAMES = {"orgqr": "ungqr", "syevd": "heevd", "orghr": "unghr"}
COMPLEX: dict[str, np.dtype[Any]] = {c: np.dtype(c.upper()) for c in _PREFIX}
REAL: dict[str, np.dtype[Any]] = {c: np.dtype(c.lower()) for c in _PREFIX}
INDEX = np.dtype(np.int32)
FEW = 4
"""The stacks with fewer matrices are not worth asking NumPy for."""

Results = tuple[np.ndarray, ...]


@cache
def routine(name: str, char: str) -> Any:
    """The LAPACK or BLAS routine for a dtype, by its name without the letter of the type."""
    from scipy.linalg import blas, lapack

    if char in "FD":
        stem, _, rest = name.partition("_")
        name = _COMPLEX_NAMES.get(stem, stem) + (_ and _ + rest)
    return getattr(blas if name == "trsm" else lapack, _PREFIX[char] + name)


def on_host(fn: Callable[..., Any]) -> Callable[..., Any]:
    """An eager implementation for every array module from one over NumPy arrays."""

    def run(xp: Any, *arrays: Any, **params: Any) -> Any:
        if any(a.dtype.char not in _PREFIX or a.ndim < 2 for a in arrays):
            raise TypeError("not matrices for LAPACK")  # the shape rule words the refusal
        if xp is np:
            return fn(*arrays, **params)
        found = fn(*[a.get() for a in arrays], **params)
        return tuple(map(xp.asarray, found)) if isinstance(found, tuple) else xp.asarray(found)

    return run


def over_stack(
    fn: Callable[..., Any], arrays: Sequence[np.ndarray], results: Sequence[tuple[Any, Any]]
) -> Results:
    """Call ``fn`` on the matrices of the operands, one from each at a time.

    Args:
        fn: takes one matrix (the last two axes) of each operand, returns a tuple.
        arrays: operands with the same leading axes.
        results: shape and dtype of each result of ``fn``.
    """
    lead = arrays[0].shape[:-2]
    if not lead:
        return tuple(
            np.ascontiguousarray(found, dtype)
            for found, (_, dtype) in zip(fn(*arrays), results, strict=True)
        )
    outs = tuple(np.empty(lead + shape, dtype) for shape, dtype in results)
    for where in np.ndindex(lead):
        for out, found in zip(outs, fn(*[a[where] for a in arrays]), strict=True):
            out[where] = found
    return outs


def by_numpy(fn: Callable[..., Any], *arrays: np.ndarray, finite: bool = False) -> Any:
    """What a function of numpy.linalg says of a stack; None if there is none, or it refuses.

    Args:
        finite: whether the function takes finite numbers only.
    """
    shape = arrays[0].shape
    if math.prod(shape[:-2]) < FEW or arrays[0].size == 0:
        return None
    if finite and not all(np.isfinite(a).all() for a in arrays):
        return None
    try:
        return fn(*arrays)
    except np.linalg.LinAlgError:
        return None


def _work(found: Any) -> int:
    """The workspace that a query asked for; in float32 the number was rounded, perhaps down."""
    return math.ceil(np.real(found) * (1 + 1e-6))


def all_nan(results: Sequence[tuple[Any, Any]]) -> Results:
    return tuple(np.full(shape, np.nan, dtype) for shape, dtype in results)


def _identity(shape: tuple[int, ...], n: int, dtype: Any) -> np.ndarray:
    return np.broadcast_to(np.eye(n, dtype=dtype), (*shape, n, n)).copy()


# -------------------------------------------------------------------------- triangles and systems
def cholesky(x: np.ndarray) -> np.ndarray:
    """Lower factor of Hermitian matrices, of which the lower triangle is read."""
    found = by_numpy(np.linalg.cholesky, x)
    if found is not None:
        return np.asarray(found)
    potrf = routine("potrf", x.dtype.char)

    def one(a: np.ndarray) -> Results:
        factor, info = potrf(a, lower=1, clean=1)
        return (factor if info == 0 else np.tril(np.full_like(a, np.nan)),)

    return x.copy() if x.size == 0 else over_stack(one, (x,), [(x.shape[-2:], x.dtype)])[0]


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
    if b.size == 0:
        return b.copy()
    trsm = routine("trsm", a.dtype.char)
    conjugate_a = conjugate_a and a.dtype.kind == "c"
    if conjugate_a and not transpose_a:
        a = a.conj()
    trans = 0 if not transpose_a else 2 if conjugate_a else 1
    side = 0 if left_side else 1

    def one(a: np.ndarray, b: np.ndarray) -> Results:
        return (trsm(1.0, a, b, side, int(lower), trans, int(unit_diagonal)),)

    return over_stack(one, (a, b), [(b.shape[-2:], b.dtype)])[0]


def solve(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """x with ``a x = b``; infinities and NaN where a is singular."""
    if b.size == 0:
        return b.copy()
    found = by_numpy(np.linalg.solve, a, b)
    if found is not None:
        return np.asarray(found)
    gesv, trsm = routine("gesv", a.dtype.char), routine("trsm", a.dtype.char)

    def one(a: np.ndarray, b: np.ndarray) -> Results:
        factors, exchanges, x, info = gesv(a, b)
        if info > 0:  # a zero pivot, which LAPACK will not divide by
            x = b[permutation_of(exchanges, len(b))]
            x = trsm(1.0, factors, trsm(1.0, factors, x, 0, 1, 0, 1), 0, 0, 0, 0)
        return (x,)

    return over_stack(one, (a, b), [(b.shape[-2:], b.dtype)])[0]


def permutation_of(exchanges: np.ndarray, rows: int) -> np.ndarray:
    """The order of rows that a sequence of row exchanges leads to."""
    order = np.arange(rows, dtype=INDEX)
    for i, j in enumerate(exchanges):
        order[i], order[j] = order[j], order[i]
    return order


def lu(x: np.ndarray) -> Results:
    """Both factors in one matrix, the row exchanges, and the order that they lead to."""
    m, n = x.shape[-2:]
    k = min(m, n)
    results = [((m, n), x.dtype), ((k,), INDEX), ((m,), INDEX)]
    if x.size == 0:
        order = np.broadcast_to(np.arange(m, dtype=INDEX), (*x.shape[:-2], m)).copy()
        exchanges = np.broadcast_to(np.arange(k, dtype=INDEX), (*x.shape[:-2], k)).copy()
        return x.copy(), exchanges, order
    getrf = routine("getrf", x.dtype.char)

    def one(a: np.ndarray) -> Results:
        factors, exchanges, _ = getrf(a)
        return factors, exchanges, permutation_of(exchanges, m)

    return over_stack(one, (x,), results)


def pivots(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The factors whose product is the determinant, and whether it has the other sign."""
    if x.shape[-1] != x.shape[-2]:
        raise ValueError("not square")
    factors, exchanges, _ = lu(x)
    odd = np.sum(exchanges != np.arange(exchanges.shape[-1]), axis=-1) % 2 == 1
    return np.diagonal(factors, axis1=-2, axis2=-1), odd


def determinant(x: np.ndarray) -> Results:
    """Sign (a complex number of magnitude one) and logarithm of the magnitude."""
    real = REAL[x.dtype.char]
    found = by_numpy(np.linalg.slogdet, x)
    if found is not None:
        return np.asarray(found[0]), np.asarray(found[1])
    diagonal, odd = pivots(x)
    magnitude = np.abs(diagonal)
    signs = np.sign(diagonal) if x.dtype.kind != "c" else np.where(
        magnitude == 0, 0, diagonal / np.where(magnitude == 0, 1, magnitude)
    )  # fmt: skip
    sign = np.prod(signs, axis=-1) * np.where(odd, -1, 1)
    logarithm = np.sum(np.log(magnitude), axis=-1, dtype=real)
    return np.asarray(sign, x.dtype), np.asarray(logarithm, real)


# ------------------------------------------------------------------------------------- reflections
def reflections(x: np.ndarray) -> Results:
    """The upper factor over the reflections that lead to it, and their scales."""
    m, n = x.shape[-2:]
    results = [((m, n), x.dtype), ((min(m, n),), x.dtype)]
    if x.size == 0:
        return x.copy(), np.zeros((*x.shape[:-2], min(m, n)), x.dtype)
    geqrf = routine("geqrf", x.dtype.char)
    work = _work(routine("geqrf_lwork", x.dtype.char)(m, n)[0])
    return over_stack(lambda a: geqrf(a, lwork=work)[:2], (x,), results)


def qr(x: np.ndarray, *, full_matrices: bool) -> Results:
    """Unitary and upper triangular factor."""
    m, n = x.shape[-2:]
    k = m if full_matrices else min(m, n)
    results = [((m, k), x.dtype), ((k, n), x.dtype)]
    if x.size == 0:
        shape = x.shape[:-2]
        q = _identity(shape, m, x.dtype)[..., :k]
        return q, np.zeros((*shape, k, n), x.dtype)
    geqrf, orgqr = routine("geqrf", x.dtype.char), routine("orgqr", x.dtype.char)
    work = _work(routine("geqrf_lwork", x.dtype.char)(m, n)[0])

    def one(a: np.ndarray) -> Results:
        packed, scales, _, _ = geqrf(a, lwork=work)
        r = np.triu(packed)[:k]
        if k > n:
            packed = np.concatenate([packed, np.zeros((m, k - n), a.dtype)], axis=1)
        packed = packed[:, :k]
        size = _work(orgqr(packed, scales, lwork=-1)[1][0])
        return orgqr(packed, scales, lwork=size)[0], r

    return over_stack(one, (x,), results)


# ---------------------------------------------------------------------------------------- spectra
def eigh(x: np.ndarray, *, vectors: bool) -> Results:
    """Ascending eigenvalues and eigenvectors (columns) of the Hermitian lower triangle."""
    n = x.shape[-1]
    results = [((n,), REAL[x.dtype.char]), ((n, n), x.dtype)][: 1 + vectors]
    if x.size == 0:
        return tuple(np.zeros(x.shape[:-2] + shape, dtype) for shape, dtype in results)
    if x.dtype.char in "dD":  # the signs of vectors depend on the precision
        found = by_numpy(np.linalg.eigh if vectors else np.linalg.eigvalsh, x, finite=True)
        if found is not None:
            return tuple(found) if vectors else (found,)
    syevd = routine("syevd", x.dtype.char)

    def one(a: np.ndarray) -> Results:
        if not np.isfinite(a).all():
            return all_nan(results)
        w, v, info = syevd(a, compute_v=int(vectors), lower=1)
        return (w, v)[: 1 + vectors] if info == 0 else all_nan(results)

    return over_stack(one, (x,), results)


def svd(x: np.ndarray, *, full_matrices: bool, vectors: bool) -> Results:
    """Left vectors as columns, descending singular values, right vectors as conjugated rows."""
    m, n = x.shape[-2:]
    k = min(m, n)
    rows, columns = (m, n) if full_matrices else (k, k)
    lead, values = x.shape[:-2], ((k,), REAL[x.dtype.char])
    results = [((m, rows), x.dtype), values, ((columns, n), x.dtype)] if vectors else [values]
    if x.size == 0:
        s = np.zeros((*lead, k), values[1])
        u, vh = _identity(lead, m, x.dtype), _identity(lead, n, x.dtype)
        return (u[..., :rows], s, vh[..., :columns, :]) if vectors else (s,)
    if x.dtype.char in "dD":
        whole = partial(np.linalg.svd, full_matrices=full_matrices, compute_uv=vectors)
        found = by_numpy(whole, x, finite=True)
        if found is not None:
            return tuple(found) if vectors else (found,)
    gesdd = routine("gesdd", x.dtype.char)
    how = {"compute_uv": int(vectors), "full_matrices": int(full_matrices)}
    work = _work(routine("gesdd_lwork", x.dtype.char)(m, n, **how)[0])

    def one(a: np.ndarray) -> Results:
        if not np.isfinite(a).all():
            return all_nan(results)
        u, s, vh, info = gesdd(a, lwork=work, **how)
        if info != 0:
            return all_nan(results)
        return (u, s, vh) if vectors else (s,)

    return over_stack(one, (x,), results)


def eig(x: np.ndarray, *, left: bool, right: bool) -> Results:
    """Eigenvalues, and left and right eigenvectors of length one as columns; all complex."""
    n, wide = x.shape[-1], COMPLEX[x.dtype.char]
    results = [((n,), wide), *[((n, n), wide)] * (left + right)]
    if x.size == 0:
        return tuple(np.zeros(x.shape[:-2] + shape, dtype) for shape, dtype in results)
    if x.dtype.char in "dD" and not left:
        found = by_numpy(np.linalg.eig if right else np.linalg.eigvals, x, finite=True)
        if found is not None:
            found = tuple(found) if right else (found,)
            return tuple(y.astype(wide, copy=False) for y in found)
    geev = routine("geev", x.dtype.char)
    how = {"compute_vl": int(left), "compute_vr": int(right)}
    work = _work(routine("geev_lwork", x.dtype.char)(n, **how)[0])

    def one(a: np.ndarray) -> Results:
        if not np.isfinite(a).all():
            return all_nan(results)
        *w, vl, vr, info = geev(a, lwork=work, **how)
        if info != 0:
            return all_nan(results)
        values, found = w[0], [v for v, wanted in ((vl, left), (vr, right)) if wanted]
        if len(w) == 2:
            values = w[0] + np.asarray(1j, wide) * w[1]
            found = [_paired(w[1], v) for v in found]
        return (values, *found)

    return over_stack(one, (x,), results)


def _paired(imaginary: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Complex eigenvectors from LAPACK's: a pair of conjugates is stored as real and imaginary."""
    out = v.astype(COMPLEX[v.dtype.char])
    for j in np.flatnonzero(imaginary > 0):
        out[:, j].imag = v[:, j + 1]
        out[:, j + 1] = out[:, j].conj()
    return out


# ------------------------------------------------------------------------------ similar matrices
def schur(x: np.ndarray, *, vectors: bool) -> Results:
    """A triangle unitarily similar to x, with 2 x 2 blocks where x is real; the vectors."""
    n = x.shape[-1]
    results = [((n, n), x.dtype)] * (1 + vectors)
    if x.size == 0:
        return tuple(x.copy() for _ in results)
    gees = routine("gees", x.dtype.char)

    def unordered(*_: Any) -> None:
        return None

    def one(a: np.ndarray) -> Results:
        if not np.isfinite(a).all():
            return all_nan(results)
        size = _work(gees(unordered, a, lwork=-1)[-2][0])
        found = gees(unordered, a, lwork=size, compute_v=int(vectors))
        if found[-1] != 0:
            return all_nan(results)
        return (found[0], found[-3])[: 1 + vectors]

    return over_stack(one, (x,), results)


def hessenberg(x: np.ndarray) -> Results:
    """LAPACK's form: the result and, below it, the reflections that lead there; their scales."""
    n = x.shape[-1]
    results = [((n, n), x.dtype), ((max(n - 1, 0),), x.dtype)]
    if x.size == 0:
        return tuple(np.zeros(x.shape[:-2] + shape, dtype) for shape, dtype in results)
    gehrd = routine("gehrd", x.dtype.char)
    work = _work(routine("gehrd_lwork", x.dtype.char)(n)[0])

    def one(a: np.ndarray) -> Results:
        return gehrd(a, lwork=work)[:2]

    return over_stack(one, (x,), results)


def column_order(x: np.ndarray) -> np.ndarray:
    """The order of columns in which those with the largest remainder come first."""
    n = x.shape[-1]
    if x.size == 0:
        return np.broadcast_to(np.arange(n, dtype=INDEX), (*x.shape[:-2], n)).copy()
    geqp3 = routine("geqp3", x.dtype.char)

    def one(a: np.ndarray) -> Results:
        size = _work(geqp3(a, lwork=-1)[3][0])
        return (geqp3(a, lwork=size)[1] - 1,)

    return over_stack(one, (x,), [((n,), INDEX)])[0]
