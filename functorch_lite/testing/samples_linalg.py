"""Samples, references and error cases for systems of equations and factorizations.

Matrices are made from their factors, with singular values and eigenvalues that lie apart, so that
no factorization is near a place where it jumps.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import linalg

from functorch_lite.core.aval import Aval
from functorch_lite.errors import DtypeError, ShapeError
from functorch_lite.testing.samples_shape import Sample

__all__ = ["DTYPES_OF", "ERRORS", "REFERENCES", "SAMPLES"]

Shape = tuple[int, ...]


# ----------------------------------------------------------------------------------------- matrices
def normal(dtype: Any, rng: Any, shape: Shape) -> np.ndarray:
    """Independent normal numbers, complex ones for complex dtypes."""
    x = rng.normal(size=shape)
    return x + 1j * rng.normal(size=shape) if dtype.kind == "c" else np.asarray(x)


def unitary(dtype: Any, rng: Any, lead: Shape, n: int) -> np.ndarray:
    """Random unitary matrices in double precision."""
    return np.linalg.qr(normal(dtype, rng, (*lead, n, n)))[0]


def apart(rng: Any, lead: Shape, n: int) -> np.ndarray:
    """Ascending positive numbers with gaps of at least 0.5."""
    return np.asarray(0.5 + np.arange(n) * 0.8 + rng.uniform(0, 0.3, (*lead, n)))


def general(dtype: Any, rng: Any, shape: Shape) -> np.ndarray:
    """Matrices of any shape with singular values that lie apart."""
    *lead, m, n = shape
    k = min(m, n)
    u, v = unitary(dtype, rng, tuple(lead), m), unitary(dtype, rng, tuple(lead), n)
    s = apart(rng, tuple(lead), k)[..., None, :]
    return np.asarray((u[..., :k] * s) @ v[..., :k, :], dtype)


def hermitian(dtype: Any, rng: Any, shape: Shape) -> np.ndarray:
    """Positive definite matrices in the lower triangle, anything above it."""
    *lead, n, _ = shape
    u = unitary(dtype, rng, tuple(lead), n)
    x = (u * apart(rng, tuple(lead), n)[..., None, :]) @ u.conj().swapaxes(-1, -2)
    return np.asarray(np.tril(x) + np.triu(normal(dtype, rng, shape), 1), dtype)


def diagonalizable(dtype: Any, rng: Any, shape: Shape) -> np.ndarray:
    """Square matrices with eigenvalues that lie apart, pairs of complex ones among them."""
    *lead, n, _ = shape
    core = np.zeros((*lead, n, n), np.complex128 if dtype.kind == "c" else np.float64)
    core[..., np.arange(n), np.arange(n)] = apart(rng, tuple(lead), n)
    if n > 2:  # a rotation in the last two dimensions
        core[..., n - 2, n - 1], core[..., n - 1, n - 2] = 1.5, -1.5
    u = unitary(dtype, rng, tuple(lead), n)
    core = core + 0.3 * np.triu(normal(dtype, rng, core.shape), 1) * (core == 0)
    return np.asarray(u @ core @ u.conj().swapaxes(-1, -2), dtype)


def triangle(dtype: Any, rng: Any, shape: Shape) -> np.ndarray:
    """A triangle of either kind: a diagonal away from zero, anything on both sides of it."""
    x, n = normal(dtype, rng, shape), shape[-1]
    x[..., np.arange(n), np.arange(n)] = apart(rng, shape[:-2], n)
    return np.asarray(0.5 * x, dtype)


_SQUARE: tuple[Shape, ...] = ((3, 3), (2, 2, 2), (1, 1), (0, 0), (0, 2, 2))
_ANY: tuple[Shape, ...] = ((3, 3), (4, 2), (2, 3), (2, 3, 2), (1, 1), (0, 3), (3, 0))


def _of(make: Callable[..., np.ndarray], shapes: Any, *choices: dict[str, Any]) -> Any:
    def samples(dtype: Any, rng: Any) -> list[Sample]:
        pairs = itertools.product(shapes, choices or ({},))
        return [((make(dtype, rng, shape),), params) for shape, params in pairs]

    return samples


_SYSTEMS: tuple[tuple[Shape, Shape], ...] = (
    ((3, 3), (3, 2)), ((2, 2, 2), (2, 2, 1)), ((1, 1), (1, 3)), ((0, 0), (0, 2)), ((2, 2), (2, 0)),
)  # fmt: skip


def _solve(dtype: Any, rng: Any) -> list[Sample]:
    return [
        ((general(dtype, rng, a), np.asarray(normal(dtype, rng, b), dtype)), {})
        for a, b in _SYSTEMS
    ]


def _triangular(dtype: Any, rng: Any) -> list[Sample]:
    found: list[Sample] = []
    for k, flags in enumerate(itertools.product((True, False), repeat=5)):
        left_side, lower, transpose_a, conjugate_a, unit_diagonal = flags
        a, b = _SYSTEMS[k % len(_SYSTEMS)]
        b = b if left_side else (*b[:-2], b[-1], b[-2])
        params = {
            "left_side": left_side, "lower": lower, "transpose_a": transpose_a,
            "conjugate_a": conjugate_a, "unit_diagonal": unit_diagonal,
        }  # fmt: skip
        operands = triangle(dtype, rng, a), np.asarray(normal(dtype, rng, b), dtype)
        found.append((operands, params))
    return found


_COMPLETE, _REDUCED = {"full_matrices": True}, {"full_matrices": False}


def _svd(dtype: Any, rng: Any) -> list[Sample]:
    reduced = {"full_matrices": False, "vectors": True}
    found: list[Sample] = _of(general, _ANY, reduced, {"full_matrices": False, "vectors": False})(
        dtype, rng
    )
    return found + _of(general, ((3, 3), (0, 0)), {"full_matrices": True, "vectors": True})(
        dtype, rng
    )


def _pinv(dtype: Any, rng: Any) -> list[Sample]:
    found: list[Sample] = []
    single = dtype.char in "fF"
    for shape in _ANY:
        rtol = np.full((*shape[:-2], 1, 1), 1e-3, np.float32 if single else np.float64)
        found.append(((general(dtype, rng, shape), rtol), {}))
    return found


def _sylvester(dtype: Any, rng: Any) -> list[Sample]:
    """Both spectra in the right half of the plane."""
    shapes: tuple[tuple[Shape, Shape], ...] = (
        ((3, 3), (2, 2)), ((2, 2, 2), (2, 1, 1)), ((1, 1), (1, 1)), ((0, 0), (2, 2)),
    )  # fmt: skip
    found: list[Sample] = []
    for a, b in shapes:
        operands = [diagonalizable(dtype, rng, a), diagonalizable(dtype, rng, b)]
        c = normal(dtype, rng, (*a[:-1], b[-1]))
        found.append(((*operands, np.asarray(c, dtype)), {}))
    return found


def _along(dtype: Any, rng: Any) -> list[Sample]:
    return [((general(dtype, rng, shape), general(dtype, rng, shape)), {}) for shape in _SQUARE]


def _exchanges(dtype: Any, rng: Any) -> list[Sample]:
    """A row and one below it, one after the other; among them rows that are not there."""
    found: list[Sample] = []
    for shape, rows in (((3,), 3), ((2, 4), 6), ((2, 2, 1), 1), ((0,), 2), ((0, 2), 2)):
        x = np.minimum(np.arange(shape[-1]) + rng.integers(0, 3, shape), rows - 1)
        found.append(((np.asarray(x, dtype),), {"rows": rows}))
    beyond = np.array([5, 1, 0]) if dtype.kind == "u" else np.array([5, -1, -2])
    found.append(((np.asarray(beyond, dtype),), {"rows": 4}))
    return found


SAMPLES = {
    "cholesky": _of(hermitian, _SQUARE),
    "triangular_solve": _triangular,
    "solve": _solve,
    "lu": _of(general, _ANY),
    "qr": lambda dtype, rng: (
        _of(general, _ANY, _REDUCED)(dtype, rng)
        + _of(general, ((3, 3), (2, 4), (0, 2)), _COMPLETE)(dtype, rng)
    ),
    "det": _of(general, (*_SQUARE, (2, 1, 2, 2))),
    "cofactor": _of(general, _SQUARE),
    "slogdet": _of(general, (*_SQUARE, (2, 1, 2, 2))),
    "pinv": _pinv,
    "pinv_svdvals": _pinv,
    "inv": _of(general, _SQUARE),
    "expm": _of(general, _SQUARE),
    "expm_along": _along,
    "sqrtm": _of(diagonalizable, _SQUARE),
    "polar": _of(general, ((3, 3), (4, 2), (2, 3, 2), (1, 1), (0, 0), (3, 0))),
    "sylvester": _sylvester,
    "schur": _of(diagonalizable, _SQUARE, {"vectors": True}, {"vectors": False}),
    "hessenberg": _of(general, _SQUARE),
    "column_order": _of(general, (*_ANY, (2, 2, 3))),
    "eigh": _of(hermitian, _SQUARE, {"vectors": True}, {"vectors": False}),
    "svd": _svd,
    "eig": _of(
        diagonalizable, _SQUARE, {"left": False, "right": True}, {"left": False, "right": False},
    ),
}  # fmt: skip
DTYPES_OF = {
    name: tuple(map(np.dtype, ("float32", "float64", "complex64", "complex128")))
    for name in SAMPLES
}
SAMPLES["lu_order"] = _exchanges


# --------------------------------------------------------------------------------------- references
def _wide(x: np.ndarray) -> np.ndarray:
    return x.astype(np.complex128 if x.dtype.kind == "c" else np.float64)


def _narrow(found: Any, dtype: Any) -> np.ndarray:
    found = np.asarray(found)
    single = dtype.char in "fF"
    if found.dtype.kind == "c":
        return found.astype(np.complex64 if single else np.complex128)
    return found.astype(np.float32 if single else np.float64)


def _by_numpy(fn: Callable[..., Any]) -> Callable[..., Any]:
    """NumPy's function in double precision, the results in the precision of the operand."""

    def reference(x: np.ndarray, **params: Any) -> Any:
        found = fn(_wide(x), **params)
        if isinstance(found, tuple):
            return tuple(_narrow(y, x.dtype) for y in found)
        return _narrow(found, x.dtype)

    return reference


def _lower(x: np.ndarray) -> np.ndarray:
    """The Hermitian matrices of which x holds the lower triangle."""
    below = np.tril(x, -1)
    n = np.arange(x.shape[-1])
    middle = np.zeros_like(x)
    middle[..., n, n] = x[..., n, n].real
    return np.asarray(below + below.conj().swapaxes(-1, -2) + middle)


def _eliminate(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gauss's elimination with the largest pivot of each column."""
    a, (m, n) = x.copy(), x.shape
    exchanges, order = [], np.arange(m)
    for j in range(min(m, n)):
        # LAPACK's measure of a complex number is the sum of its parts.
        p = j + int(np.argmax(np.abs(a[j:, j].real) + np.abs(a[j:, j].imag)))
        exchanges.append(p)
        a[[j, p]], order[[j, p]] = a[[p, j]], order[[p, j]]
        a[j + 1 :, j] /= a[j, j]
        a[j + 1 :, j + 1 :] -= np.outer(a[j + 1 :, j], a[j, j + 1 :])
    return a, np.array(exchanges, np.int32), order.astype(np.int32)


def _lu(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    *lead, m, n = x.shape
    outs = (
        np.empty(x.shape, x.dtype), np.empty((*lead, min(m, n)), np.int32),
        np.empty((*lead, m), np.int32),
    )  # fmt: skip
    for where in np.ndindex(*lead):
        for out, found in zip(outs, _eliminate(_wide(x[where])), strict=True):
            out[where] = found
    return outs


def _minors(x: np.ndarray) -> np.ndarray:
    out = np.empty_like(x)
    n = x.shape[-1]
    for i, j in itertools.product(range(n), repeat=2):
        rest = np.delete(np.delete(x, i, -2), j, -1)
        out[..., i, j] = (-1) ** (i + j) * np.linalg.det(rest)
    return out


def _solve_reference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return _narrow(np.linalg.inv(_wide(a)) @ _wide(b), a.dtype)


def _triangular_reference(
    a: np.ndarray,
    b: np.ndarray,
    *,
    left_side: bool,
    lower: bool,
    transpose_a: bool,
    conjugate_a: bool,
    unit_diagonal: bool,
) -> np.ndarray:
    a = np.tril(_wide(a)) if lower else np.triu(_wide(a))
    n = np.arange(a.shape[-1])
    if unit_diagonal:
        a[..., n, n] = 1
    a = a.swapaxes(-1, -2) if transpose_a else a
    inverse = np.linalg.inv(a.conj() if conjugate_a else a)
    return _narrow(inverse @ _wide(b) if left_side else _wide(b) @ inverse, b.dtype)


def _by_scipy(fn: Callable[..., Any], shape_of: Callable[..., Any]) -> Callable[..., Any]:
    """SciPy's function in the operand's own precision, on which the signs of vectors depend.

    Args:
        fn: from a matrix and params to a tuple.
        shape_of: the same for matrices without elements, which SciPy does not take.
    """

    def reference(x: np.ndarray, **params: Any) -> Any:
        if x.size == 0:
            return tuple(_narrow(y, x.dtype) for y in shape_of(x, **params))
        rows = [fn(x[where], **params) for where in np.ndindex(*x.shape[:-2])]
        columns = [np.stack(c) for c in zip(*rows, strict=True)]
        return tuple(c.reshape(x.shape[:-2] + c.shape[1:]) for c in columns)

    return reference


def _eigh(x: np.ndarray, vectors: bool) -> Any:
    return linalg.eigh(x, driver="evd")[: 1 + vectors]


def _svd_values(found: Any) -> Any:
    return tuple(found) if isinstance(found, tuple) else (found,)


def _eig(x: np.ndarray, left: bool, right: bool) -> Any:
    w, v = linalg.eig(x)
    wide = np.dtype(np.complex64 if x.dtype.char in "fF" else np.complex128)
    return (w.astype(wide), v.astype(wide))[: 1 + right]


def _expm(x: np.ndarray) -> np.ndarray:
    """The series, of x / 16, and four squarings."""
    term = total = np.broadcast_to(np.eye(x.shape[-1]), x.shape)
    for k in range(1, 20):
        term = term @ x / (16 * k)
        total = total + term
    for _ in range(4):
        total = total @ total
    return np.asarray(total)


def _sqrtm(x: np.ndarray) -> np.ndarray:
    """By eigenvectors."""
    w, v = np.linalg.eig(x.astype(np.complex128))
    return np.asarray((v * np.sqrt(w)[..., None, :]) @ np.linalg.inv(v))


def _polar(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Newton's iteration for the root of xᴴ x, and x divided by it."""
    square = x.conj().swapaxes(-1, -2) @ x
    root = np.broadcast_to(np.eye(x.shape[-1]), square.shape) * (1 + np.linalg.norm(square))
    for _ in range(60):
        root = (root + np.linalg.solve(root, square)) / 2
        root = (root + root.conj().swapaxes(-1, -2)) / 2
    return x @ np.linalg.inv(root), root


def _sylvester_reference(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """As one system for all elements of x."""
    out = np.empty_like(c)
    m, n = c.shape[-2:]
    for where in np.ndindex(*c.shape[:-2]):
        left = np.kron(_wide(a[where]), np.eye(n)) + np.kron(np.eye(m), _wide(b[where]).T)
        out[where] = np.linalg.solve(left, _wide(c[where]).reshape(-1)).reshape(m, n)
    return out


def _schur(x: np.ndarray, vectors: bool) -> Any:
    return linalg.schur(x)[: 1 + vectors]


def _hessenberg(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Reflections of the columns below the diagonal, one after the other."""
    a, n = x.copy(), x.shape[-1]
    scales = np.zeros(max(n - 1, 0), x.dtype)
    for k in range(n - 1):
        head, tail = a[k + 1, k], a[k + 2 :, k].copy()
        size = np.sqrt(np.vdot(tail, tail).real + abs(head) ** 2)
        if not tail.any() and head.imag == 0:
            continue
        new = -np.copysign(size, head.real)
        v = np.concatenate([[1], tail / (head - new)])
        scales[k] = (new - head) / new
        a[k + 1 :, k:] -= np.conj(scales[k]) * np.outer(v, v.conj() @ a[k + 1 :, k:])
        a[:, k + 1 :] -= scales[k] * np.outer(a[:, k + 1 :] @ v, v.conj())
        a[k + 1, k], a[k + 2 :, k] = new, v[1:]
    return a, scales


def _each(fn: Callable[..., Any]) -> Callable[..., Any]:
    """A function of one matrix, in double precision, on a stack; a tuple of results."""

    def reference(x: np.ndarray, **params: Any) -> Any:
        flat = [fn(_wide(x[where]), **params) for where in np.ndindex(*x.shape[:-2])]
        if not flat:
            flat = [fn(np.zeros(x.shape[-2:], x.dtype), **params)]
            return tuple(_narrow(y, x.dtype)[None][:0] for y in flat[0])
        columns = [np.stack(c) for c in zip(*flat, strict=True)]
        return tuple(_narrow(c.reshape(x.shape[:-2] + c.shape[1:]), x.dtype) for c in columns)

    return reference


def _column_order(x: np.ndarray) -> np.ndarray:
    """The column with the largest remainder, again and again."""
    out = np.empty((*x.shape[:-2], x.shape[-1]), np.int32)
    for where in np.ndindex(*x.shape[:-2]):
        rest, order = _wide(x[where]).copy(), np.arange(x.shape[-1])
        for j in range(min(rest.shape)):
            p = j + int(np.argmax(np.linalg.norm(rest[:, j:], axis=0)))
            rest[:, [j, p]], order[[j, p]] = rest[:, [p, j]], order[[p, j]]
            q = rest[:, j] / np.linalg.norm(rest[:, j])
            rest[:, j + 1 :] -= np.outer(q, q.conj() @ rest[:, j + 1 :])
        out[where] = order
    return out


def _expm_along(x: np.ndarray, direction: np.ndarray) -> np.ndarray:
    n = x.shape[-1]
    zero = np.zeros_like(x)
    return np.asarray(_expm(np.block([[x, direction], [zero, x]]))[..., :n, n:])


def _exchanged(exchanges: np.ndarray, rows: int) -> np.ndarray:
    out = np.empty((*exchanges.shape[:-1], rows), exchanges.dtype)
    for where in np.ndindex(*exchanges.shape[:-1]):
        order = list(range(rows))
        for i, wanted in enumerate(exchanges[where].tolist()):
            j = min(max(wanted + rows if wanted < 0 else wanted, 0), rows - 1)
            order[i], order[j] = order[j], order[i]
        out[where] = order
    return out


REFERENCES = {
    "cholesky": _by_numpy(lambda x: np.linalg.cholesky(_lower(x))),
    "triangular_solve": _triangular_reference,
    "solve": _solve_reference,
    "lu": _lu,
    "qr": _by_numpy(
        lambda x, full_matrices: tuple(np.linalg.qr(x, "complete" if full_matrices else "reduced"))
    ),
    "det": _by_numpy(np.linalg.det),
    "cofactor": _by_numpy(_minors),
    "slogdet": _by_numpy(lambda x: tuple(np.linalg.slogdet(x))),
    "pinv": lambda x, rtol: _narrow(np.linalg.pinv(_wide(x), 1e-3), x.dtype),
    "pinv_svdvals": lambda x, rtol: (
        _narrow(np.linalg.pinv(_wide(x), 1e-3), x.dtype),
        np.asarray(np.linalg.svd(_wide(x), compute_uv=False), rtol.dtype),
    ),
    "inv": _by_numpy(np.linalg.inv),
    "expm": _by_numpy(_expm),
    "expm_along": lambda x, direction: _narrow(_expm_along(_wide(x), _wide(direction)), x.dtype),
    "lu_order": _exchanged,
    "sqrtm": _by_numpy(_sqrtm),
    "polar": _by_numpy(_polar),
    "sylvester": _sylvester_reference,
    "schur": _by_scipy(_schur, lambda x, vectors: (x,) * (1 + vectors)),
    "hessenberg": _each(_hessenberg),
    "column_order": _column_order,
    "eigh": _by_scipy(_eigh, lambda x, vectors: tuple(np.linalg.eigh(x))[: 1 + vectors]),
    "svd": _by_scipy(
        lambda x, full_matrices, vectors: _svd_values(
            linalg.svd(x, full_matrices, compute_uv=vectors)
        ),
        lambda x, full_matrices, vectors: _svd_values(
            np.linalg.svd(x, full_matrices, compute_uv=vectors)
        ),
    ),
    "eig": _by_scipy(
        _eig, lambda x, left, right: tuple(np.linalg.eig(x.astype(np.complex128)))[: 1 + right]
    ),
}


# ------------------------------------------------------------------------------------------- errors
def _f(*shape: int, dtype: str = "float32") -> Aval:
    return Aval(shape, dtype)


_PARAMS: dict[str, dict[str, Any]] = {
    "qr": _REDUCED,
    "svd": {"full_matrices": False, "vectors": True},
    "eigh": {"vectors": True},
    "eig": {"left": False, "right": True},
    "schur": {"vectors": True},
}
_TRIANGLE = {
    "left_side": True, "lower": True, "transpose_a": False, "conjugate_a": False,
    "unit_diagonal": False,
}  # fmt: skip


def _errors(name: str) -> list[tuple[Any, ...]]:
    """Wrong operands that every factorization refuses."""
    params = _PARAMS.get(name, {})
    found: list[tuple[Any, ...]] = [
        ((_f(2, 2, dtype="int64"),), params, DtypeError, "got x of int64"),
        ((_f(2, 2, dtype="bfloat16"),), params, DtypeError, "got x of bfloat16"),
        ((_f(3),), params, ShapeError, "must be a matrix or a stack of matrices"),
    ]
    if name not in ("lu", "qr", "svd", "column_order", "polar"):
        found.append(((_f(2, 3),), params, ShapeError, "must be square in its last two axes"))
    return found


def _system_errors(params: dict[str, Any]) -> list[tuple[Any, ...]]:
    return [
        ((_f(2, 2), _f(3, 1)), params, ShapeError, "b needs 2 rows"),
        ((_f(2, 3), _f(2, 1)), params, ShapeError, "a must be square"),
        ((_f(2, 2), _f(2)), params, ShapeError, "b must be a matrix"),
        ((_f(1, 2, 2), _f(2, 1)), params, ShapeError, "the leading axes of a"),
        ((_f(2, 2), _f(2, 1, dtype="float64")), params, DtypeError, "b is float64"),
        ((_f(2, 2, dtype="int32"), _f(2, 1)), params, DtypeError, "got a of int32"),
    ]


_PINV_ERRORS: list[tuple[Any, ...]] = [
    ((_f(2, 3), _f(1)), {}, ShapeError, "one number for each matrix"),
    ((_f(2, 3), _f(1, 1, dtype="float64")), {}, DtypeError, "rtol must be float32"),
    ((_f(3), _f(1, 1)), {}, ShapeError, "x must be a matrix"),
    ((_f(2, 2, dtype="int32"), _f(1, 1)), {}, DtypeError, "got x of int32"),
]
ERRORS: dict[str, list[tuple[Any, ...]]] = {
    **{name: _errors(name) for name in DTYPES_OF},
    "solve": _system_errors({}),
    "polar": [*_errors("polar"), ((_f(2, 3),), {}, ShapeError, "at least as many rows")],
    "sylvester": [
        ((_f(2, 2), _f(3, 3), _f(3, 2)), {}, ShapeError, "c must have shape (2, 3)"),
        ((_f(2, 3), _f(2, 2), _f(2, 2)), {}, ShapeError, "a must be square"),
        ((_f(2, 2), _f(2, 3), _f(2, 2)), {}, ShapeError, "b must be square"),
        ((_f(2, 2), _f(2, 2), _f(2)), {}, ShapeError, "c must be a matrix"),
        ((_f(2, 2), _f(2, 2), _f(2, 2, dtype="float64")), {}, DtypeError, "one dtype"),
    ],
    "pinv": _PINV_ERRORS,
    "pinv_svdvals": _PINV_ERRORS,
    "expm_along": [
        ((_f(2, 2), _f(2, 3)), {}, ShapeError, "direction (2, 3)"),
        ((_f(2, 3), _f(2, 3)), {}, ShapeError, "x must be square"),
        ((_f(2, 2), _f(2)), {}, ShapeError, "direction must be a matrix"),
        ((_f(2, 2), _f(2, 2, dtype="float64")), {}, DtypeError, "direction float64"),
    ],
    "lu_order": [
        ((_f(2),), {"rows": 2}, DtypeError, "must be integers"),
        ((_f(3, dtype="int32"),), {"rows": 2}, ShapeError, "k <= 2"),
        ((_f(dtype="int32"),), {"rows": 2}, ShapeError, "must have shape [..., k]"),
    ],
    "triangular_solve": [
        *_system_errors(_TRIANGLE),
        ((_f(2, 2), _f(2, 1)), {**_TRIANGLE, "left_side": False}, ShapeError, "needs 2 columns"),
    ],
}
