"""What factorizations must satisfy, what has no answer, empty matrices, dtypes and refusals."""

import numpy as np
import pytest
import scipy.linalg

import functorch_lite.numpy as fnp
from functorch_lite import jit, lax, random
from functorch_lite.errors import DtypeError, ShapeError
from functorch_lite.scipy import linalg as sla

DTYPES = ["float32", "float64", "complex64", "complex128"]
SHAPES = [
    (3, 3), (4, 2), (2, 5), (2, 3, 4), (1, 1), (0, 0), (3, 0), (0, 2, 2), (20, 20), (5, 3, 3),
    (2, 3, 3, 2),
]  # fmt: skip
SQUARE = [s for s in SHAPES if len(s) > 1 and s[-1] == s[-2]]
la = fnp.linalg


def matrices(shape, dtype, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=shape)
    return fnp.asarray(np.asarray(x + 1j * rng.normal(size=shape) if "c" in dtype else x, dtype))


def h(x):
    return fnp.conj(fnp.matrix_transpose(x))


def positive(x):
    return x @ h(x) + 2.0 * fnp.eye(x.shape[-1], dtype=x.dtype)


def close(found, want):
    found, want = np.asarray(found), np.asarray(want)
    assert found.shape == want.shape and found.dtype == want.dtype
    tolerance = 2e-4 if want.dtype.char in "fF" else 1e-11
    scale = 1 + np.abs(want).max(initial=0)
    np.testing.assert_allclose(found, want, rtol=0, atol=tolerance * scale)


def is_unitary(q):
    close(
        h(q) @ q,
        fnp.broadcast_to(fnp.eye(q.shape[-1], dtype=q.dtype), h(q).shape[:-1] + q.shape[-1:]),
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_factorizations_multiply_to_the_matrix(shape, dtype):
    x = matrices(shape, dtype)
    for mode in ("reduced", "complete"):
        q, r = la.qr(x, mode)
        is_unitary(q)
        close(q @ r, x)
        assert not np.tril(np.asarray(r), -1).any()
    for full in (False, True):
        u, s, vh = la.svd(x, full_matrices=full)
        is_unitary(u)
        is_unitary(h(vh))
        k = min(shape[-2:])
        close((u[..., :k] * s[..., None, :].astype(dtype)) @ vh[..., :k, :], x)
        assert np.all(np.diff(np.asarray(s)) <= 0) and s.dtype == np.zeros(0, dtype).real.dtype
    close(la.svdvals(x), s)
    p, low, up = sla.lu(x)
    close(p.astype(dtype) @ low @ up, x)
    factors, exchanges, order = lax.linalg.lu(x)
    assert (exchanges.dtype, order.dtype) == (np.int32, np.int32)
    close(lax.linalg.lu_pivots_to_permutation(exchanges, shape[-2]), order)
    p = la.pinv(x)
    close(x @ p @ x, x)
    close(h(p @ x), p @ x)
    q, r, columns = lax.linalg.qr(x, pivoting=True, full_matrices=False)
    close(q @ r, fnp.take_along_axis(x, columns[..., None, :], -1))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SQUARE)
def test_square_matrices(shape, dtype):
    x = matrices(shape, dtype)
    a, eye = positive(x), fnp.broadcast_to(fnp.eye(shape[-1], dtype=dtype), shape)
    low = la.cholesky(a)
    close(low @ h(low), a)
    close(la.cholesky(a, upper=True), h(low))
    w, v = la.eigh(a)
    is_unitary(v)
    close(a @ v, v * w[..., None, :].astype(dtype))
    close(la.eigvalsh(a), w)
    w, v = la.eig(x)
    close(x.astype(v.dtype) @ v, v * w[..., None, :])
    close(fnp.sum(la.eigvals(x), -1), fnp.sum(w, -1))
    w, left, _ = lax.linalg.eig(x)
    close(h(left) @ x.astype(v.dtype), w[..., None] * h(left))
    close(x @ la.inv(x), eye)
    close(x @ la.solve(x, a), a)
    sign, logarithm = la.slogdet(x)
    close(sign * fnp.exp(logarithm).astype(dtype), la.det(x))
    close(la.det(x), np.asarray(np.linalg.det(np.asarray(x)), dtype))
    t, z = sla.schur(x)
    is_unitary(z)
    close(z @ t @ h(z), x)
    hess, q = sla.hessenberg(x, calc_q=True)
    is_unitary(q)
    close(q @ hess @ h(q), x)
    root = sla.sqrtm(a)
    close(root @ root, a.astype(root.dtype))
    u, p = sla.polar(x)
    is_unitary(u)
    close(u @ p, x)
    close(sla.expm(x) @ sla.expm(-x), eye) if shape[-1] < 9 else None


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_functions_equal_scipys(dtype):
    x, y, c = (np.asarray(matrices((3, 3), dtype, i)) for i in range(3))
    a = np.asarray(positive(fnp.asarray(x)))
    b = np.asarray(positive(fnp.asarray(y)))
    close(sla.expm(x), scipy.linalg.expm(x))
    for found, want in zip(sla.expm_frechet(x, y), scipy.linalg.expm_frechet(x, y), strict=True):
        close(found, want)
    close(sla.solve_sylvester(a, b, c), scipy.linalg.solve_sylvester(a, b, c))
    found = np.asarray(sla.funm(x, fnp.cos))
    want = np.asarray(scipy.linalg.funm(x, np.cos), np.complex128)
    np.testing.assert_allclose(found, want, atol=1e-11)
    for kind in (1, 2, 3):
        w, v = sla.eigh(a, b, type=kind)
        want, vectors = scipy.linalg.eigh(a, b, type=kind)
        close(w, want)
        close(fnp.abs(v), np.abs(vectors))
        w, v = sla.eigh(a, b, type=kind, eigvals=(1, 2))
        close(w, want[1:])
        close(fnp.abs(v), np.abs(vectors)[:, 1:])
    close(sla.eigh(a, eigvals_only=True, eigvals=(0, 1)), np.linalg.eigvalsh(a)[:2])
    d, e = np.arange(3.0), np.ones(2)
    want = scipy.linalg.eigh_tridiagonal(d, e, select="i", select_range=(1, 2))
    found = sla.eigh_tridiagonal(d, e, select="i", select_range=(1, 2))
    close(found[0], want[0])
    close(fnp.abs(found[1]), np.abs(want[1]))
    close(sla.solve(a, c, assume_a="pos"), np.linalg.solve(a, c))
    for trans, op in enumerate((a, a.T, a.conj().T)):
        close(sla.lu_solve(sla.lu_factor(a), c, trans), np.linalg.solve(op, c))
    t, z = sla.rsf2csf(*sla.schur(x))
    close(z @ t @ h(z), x.astype(complex))


def test_structured_matrices_equal_scipys():
    c, r = np.array([1.0, 2.0, 3.0]), np.array([1.0, 5.0, 6.0, 7.0])
    polynomial = np.array([2.0, -3.0, 4.0, 1.0, 5.0, 2.5])
    for name, args in {
        "toeplitz": (c, r), "hankel": (c, np.array([3.0, 9.0])), "circulant": (c,),
        "companion": (polynomial,), "fiedler": (c,), "leslie": (c, c[:2] / 4),
        "block_diag": (np.eye(2), np.ones((1, 3)), np.zeros((0, 2))),
        "dft": (3, "sqrtn"), "hadamard": (4,), "helmert": (4, True), "hilbert": (3,),
        "invhilbert": (3,), "fiedler_companion": (polynomial,),
        "convolution_matrix": (c, 4, "same"),
    }.items():  # fmt: skip
        close(getattr(sla, name)(*args), getattr(scipy.linalg, name)(*args))
    close(sla.fiedler_companion(polynomial[:-1]), scipy.linalg.fiedler_companion(polynomial[:-1]))
    for mode in ("full", "valid"):
        close(sla.convolution_matrix(c, 5, mode), scipy.linalg.convolution_matrix(c, 5, mode))
    for kind in ("symmetric", "lower", "upper"):
        close(sla.pascal(4, kind), scipy.linalg.pascal(4, kind).astype("float32"))
        close(sla.invpascal(4, kind), scipy.linalg.invpascal(4, kind).astype("float32"))


@pytest.mark.parametrize("ord", [None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf])
@pytest.mark.parametrize("keepdims", [False, True])
def test_matrix_norms_equal_numpys(ord, keepdims):
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    for axis in ((0, 2), (-1, 1), (1, 2)):
        close(la.norm(x, ord, axis, keepdims), np.linalg.norm(x, ord, axis, keepdims))
    close(la.norm(x[0], ord), np.linalg.norm(x[0], ord))
    if ord is not None:
        close(la.matrix_norm(x, ord=ord), np.linalg.matrix_norm(x, ord=ord))
    square = x[:, :, :3]
    close(la.cond(square, ord), np.linalg.cond(square, ord))


@pytest.mark.parametrize("ord", [None, 0, 1, 2, 3, -1, -2.5, 0.5, np.inf, -np.inf])
def test_vector_norms_equal_numpys(ord):
    x = np.random.default_rng(0).normal(size=(2, 3, 4)) + 1j
    for axis in (0, -1):
        close(la.norm(x, ord, axis), np.linalg.norm(x, ord, axis))
    if ord is not None:
        for axis in (None, (0, 2), 1):
            want = np.linalg.vector_norm(x, axis=axis, ord=ord, keepdims=True)
            close(la.vector_norm(x, axis=axis, ord=ord, keepdims=True), want)


def test_ranks_and_least_squares_equal_numpys():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 4, 2)) @ rng.normal(size=(2, 2, 3))
    assert la.matrix_rank(x).tolist() == [2, 2]
    assert la.matrix_rank(x @ np.swapaxes(x, 1, 2), hermitian=True).tolist() == [2, 2]
    assert la.matrix_rank(x, tol=1e9).tolist() == [0, 0]
    assert la.matrix_rank(np.zeros(3)).item() == 0 and la.matrix_rank(np.ones(3)).item() == 1
    for a, b in ((rng.normal(size=(5, 3)), rng.normal(size=(5, 2))), (x[0], rng.normal(size=4))):
        found = la.lstsq(a, b, numpy_resid=True)
        for mine, want in zip(found, np.linalg.lstsq(a, b), strict=True):
            np.testing.assert_allclose(np.asarray(mine), want, atol=1e-10)


# ------------------------------------------------------------------------------ without an answer
@pytest.mark.parametrize("count", [1, 5])
@pytest.mark.parametrize("transform", [lambda f: f, jit])
@pytest.mark.parametrize("dtype", DTYPES)
def test_singular_matrices_give_infinities_and_nan(transform, dtype, count):
    x = fnp.asarray(np.array([[[1, 2], [2, 4]], *[[[1, 2], [3, 4]]] * count], dtype))
    for function in (la.inv, lambda x: la.solve(x, fnp.ones((2, 1), dtype))):
        found = np.asarray(transform(function)(x))
        assert not np.isfinite(found[0]).any() and np.isfinite(found[1:]).all()
    sign, logarithm = transform(la.slogdet)(x)
    assert sign[0] == 0 and logarithm[0] == -np.inf and np.isfinite(np.asarray(logarithm)[1])
    assert la.cond(x)[0] > 1e6 and la.cond(x, 1)[0] > 1e6


@pytest.mark.parametrize("transform", [lambda f: f, jit])
def test_matrices_without_a_factor_give_nan(transform):
    x = np.array([[[1.0, 0.0], [0.0, -1.0]], *[[[4.0, 0.0], [0.0, 1.0]]] * 5])
    for some in (x, x[:2]):
        found = np.asarray(transform(la.cholesky)(some))
        assert np.isnan(found[0][np.tril_indices(2)]).all() and found[0, 0, 1] == 0
        for good in found[1:]:
            np.testing.assert_array_equal(good, [[2.0, 0.0], [0.0, 1.0]])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(
    "function",
    [
        la.svdvals, la.svd, la.eigh, la.eigvalsh, la.eig, la.eigvals, la.cholesky, la.inv, la.det,
        la.slogdet, la.qr, la.pinv, sla.expm, sla.sqrtm, sla.schur, sla.polar, lax.linalg.lu,
        sla.hessenberg,
    ],
)  # fmt: skip
def test_nan_and_infinities_end_in_nan_and_leave_the_others_alone(function, bad):
    good = np.array([[3.0, 1.0, 0.0], [1.0, 2.0, 0.5], [0.0, 0.5, 1.0]])
    broken = good.copy()
    broken[1, 1] = bad
    found, want = function(np.stack([broken, *[good] * 5])), function(np.stack([good] * 5))
    pairs = zip(found, want, strict=True) if isinstance(found, tuple) else [(found, want)]
    seen = 0
    for mine, alone in pairs:
        np.testing.assert_allclose(np.asarray(mine)[1:], np.asarray(alone), atol=1e-13)
        seen += int(np.sum(~np.isfinite(np.asarray(mine)[0])))
    # Some are finite: the inverse of an infinity is zero.
    assert seen or (function in (la.cholesky, la.inv) and np.isinf(bad))


def test_every_function_takes_matrices_without_elements():
    zero = fnp.zeros((0, 0), "float32")
    assert la.det(zero).item() == 1 and tuple(map(float, la.slogdet(zero))) == (1, 0)
    assert la.inv(zero).shape == (0, 0) and la.eig(zero).eigenvectors.dtype == np.complex64
    assert la.pinv(fnp.zeros((0, 3))).shape == (3, 0)
    assert la.solve(fnp.eye(2), fnp.zeros((2, 0))).shape == (2, 0)
    assert la.matrix_rank(fnp.zeros((0, 3))).item() == 0
    assert la.norm(zero).item() == 0 and la.norm(zero, "nuc").item() == 0
    assert sla.expm(zero).shape == (0, 0) and sla.sqrtm(zero).dtype == np.complex64
    u, s, vh = la.svd(fnp.zeros((2, 0)))
    np.testing.assert_array_equal(np.asarray(u), np.eye(2))
    assert s.shape == (0,) and vh.shape == (0, 0)


# ------------------------------------------------------------------------------- dtypes, refusals
def test_integers_become_float32_and_halves_are_refused():
    assert la.inv(fnp.eye(2, dtype="int32")).dtype == np.float32
    assert la.solve(fnp.eye(2, dtype="int64"), fnp.ones(2, "float64")).dtype == np.float64
    for dtype in ("float16", "bfloat16"):
        x = fnp.eye(2, dtype=dtype)
        for function in (la.inv, la.cholesky, la.qr, la.svd, la.eigh, la.eig, la.det, la.pinv,
                         sla.expm, sla.lu, lax.linalg.schur):  # fmt: skip
            for run in (function, jit(function)):
                with pytest.raises(DtypeError, match=f"{dtype}.*Remedy.*float32"):
                    run(x)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda x: la.inv(x[0]), ShapeError, "inv: a must be a matrix"),
        (lambda x: la.cholesky(x), ShapeError, "must be square"),
        (lambda x: la.solve(x[:, :2], x[:1]), ShapeError, "b needs 2 rows"),
        (lambda x: la.qr(x, "raw"), ValueError, "mode must be"),
        (lambda x: la.norm(x, "bad"), ValueError, "norms of matrices are"),
        (lambda x: la.norm(x[0], "fro"), ValueError, "takes a number for ord"),
        (lambda x: la.norm(x[None], 2), ShapeError, "needs an axis"),
        (lambda x: la.norm(x, axis=(0, 1, 2)), Exception, "axis"),
        (lambda x: la.svd(x, subset_by_index=(0, 9)), ShapeError, "subset_by_index"),
        (lambda x: la.multi_dot([x]), ShapeError, "at least two"),
        (lambda x: la.tensorinv(x, 1), ShapeError, "one product"),
        (lambda x: la.tensorsolve(x, x[0]), ShapeError, "must begin with"),
        (lambda x: la.lstsq(x, x.T), ShapeError, "must have shape"),
        (lambda x: la.eigh(x[:, :2], UPLO="X"), ValueError, "UPLO"),
        (lambda x: la.cross(x[:, :2], x[:, :2]), ShapeError, "must have size 3"),
        (lambda x: la.outer(x, x), ShapeError, "two vectors"),
        (lambda x: la.pinv(x, 1.0, rcond=1.0), TypeError, "two names of one argument"),
        (lambda x: sla.polar(x), ShapeError, "at least as many rows"),
        (lambda x: sla.solve_triangular(x[:, :2], x[:, 0], trans=7), ValueError, "trans"),
        (lambda x: sla.eigh(x[:, :2], eigvals=(1, 2)), ValueError, r"eigvals\[1\] < 2"),
        (lambda x: sla.eigh_tridiagonal(x[0], x[0, 1:], select="i"), ValueError, "a select_range"),
        (lambda x: sla.eigh_tridiagonal(x[0], x[0, 1:], select="x"), ValueError, "'a' or 'i'"),
        (lambda x: sla.eigh_tridiagonal(x[0], x[0, 1:], select="i", select_range=(-2, -1)),
         ValueError, "expected 0 <= select_range"),
        (lambda x: sla.eigh_tridiagonal(x[0], x[0, 1:], select="v"), NotImplementedError,
         "depend on values.*Remedy"),
        (lambda x: lax.linalg.schur(x[:, :2], sort_eig_vals=True), NotImplementedError,
         "LAPACK's order"),
        (lambda x: sla.toeplitz(x[0]).shape and sla.companion(x), ShapeError, "must be a vector"),
        (lambda x: lax.linalg.householder_product(x, x[0]), ShapeError, "taus must have shape"),
        (lambda x: lax.linalg.triangular_solve(x[:, :2], x.astype("float32")[:, :2]), DtypeError,
         "one dtype"),
    ],
)  # fmt: skip
def test_wrong_calls_are_explained(call, error, words):
    with pytest.raises(error, match=words):
        call(fnp.asarray(np.arange(6.0).reshape(2, 3)))


def test_singular_values_by_way_of_eigenvalues_and_in_part():
    x = np.diag([-3.0, 1.0, 2.0])
    u, s, vh = la.svd(x, hermitian=True)
    assert s.tolist() == [3, 2, 1]
    close((u * s) @ vh, x)
    close(la.svd(x, compute_uv=False, hermitian=True), s)
    u, s, vh = la.svd(x, full_matrices=False, subset_by_index=(1, 3))
    assert s.tolist() == [2, 1] and u.shape == (3, 2) and vh.shape == (2, 3)
    v, w = lax.linalg.eigh(x, subset_by_index=(0, 1))
    assert w.tolist() == [-3] and v.shape == (3, 1)


def test_large_matrices_keep_their_precision():
    x = random.normal(random.key(0), (300, 200), "float32")
    u, s, vh = la.svd(x, full_matrices=False)
    close((u * s) @ vh, x)
    close(la.qr(x).Q @ la.qr(x).R, x)
    a = x[:200] @ x[:200].T + fnp.eye(200)
    close(la.cholesky(a) @ la.cholesky(a).T, a)
