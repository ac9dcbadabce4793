"""Values and derivatives of every function equal JAX's, for real and complex matrices."""

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import lax
from functorch_lite.scipy import linalg as sla

jax = pytest.importorskip("jax", exc_type=ImportError)
jnp = jax.numpy
jsla = pytest.importorskip("jax.scipy.linalg", exc_type=ImportError)
pytestmark = pytest.mark.peers

OURS = (fnp, fnp.linalg, lax.linalg, sla)
THEIRS = (jnp, jnp.linalg, jax.lax.linalg, jsla)


@pytest.fixture(autouse=True)
def sixty_four_bits():
    with jax.enable_x64(True):
        yield


def spd(xp, x):
    """A positive definite matrix from any square one."""
    return x @ xp.conj(xp.swapaxes(x, -1, -2)) + 2.0 * xp.eye(x.shape[-1])


def fixed(xp, v):
    """Vectors in columns without their arbitrary phases."""
    return xp.abs(v) ** 2


def eigh_parts(xp, la, x):
    w, v = la.eigh(spd(xp, x))
    return w, fixed(xp, v), (v * w[..., None, :]) @ xp.conj(xp.swapaxes(v, -1, -2))


def svd_parts(xp, la, x):
    u, s, vh = la.svd(x, full_matrices=False)
    return s, fixed(xp, u), fixed(xp, vh), (u * s[..., None, :] ** 2) @ vh


def eigvals_parts(xp, la, x):
    w = la.eigvals(x)
    return w, w**2


def eig_parts(xp, lx, x):
    w, v = lx.eig(x, compute_left_eigenvectors=False, enable_eigvec_derivs=True)
    return w, fixed(xp, v), (v * w**2) @ xp.linalg.inv(v)


# name -> (function of (numpy, numpy.linalg, lax.linalg, scipy.linalg) and operands, shapes)
CASES = {
    "cholesky": (lambda xp, la, lx, sl, x: la.cholesky(spd(xp, x)), [(3, 3)]),
    "cholesky upper": (lambda xp, la, lx, sl, x: la.cholesky(spd(xp, x), upper=True), [(2, 2, 2)]),
    "qr": (lambda xp, la, lx, sl, x: la.qr(x), [(4, 3)]),
    "qr of a stack": (lambda xp, la, lx, sl, x: la.qr(x), [(2, 3, 3)]),
    "eigh": (lambda xp, la, lx, sl, x: eigh_parts(xp, la, x), [(3, 3)]),
    "eigvalsh": (lambda xp, la, lx, sl, x: la.eigvalsh(x), [(2, 3, 3)]),
    "eigvals": (lambda xp, la, lx, sl, x: eigvals_parts(xp, la, x), [(3, 3)]),
    "eig": (lambda xp, la, lx, sl, x: eig_parts(xp, lx, x), [(3, 3)]),
    "svd": (lambda xp, la, lx, sl, x: svd_parts(xp, la, x), [(3, 3)]),
    "svd tall": (lambda xp, la, lx, sl, x: svd_parts(xp, la, x), [(4, 2)]),
    "svd wide": (lambda xp, la, lx, sl, x: svd_parts(xp, la, x), [(2, 3)]),
    "svdvals": (lambda xp, la, lx, sl, x: la.svdvals(x), [(2, 4, 3)]),
    "det": (lambda xp, la, lx, sl, x: la.det(x), [(2, 3, 3)]),
    "slogdet": (lambda xp, la, lx, sl, x: la.slogdet(x), [(3, 3)]),
    "inv": (lambda xp, la, lx, sl, x: la.inv(x), [(3, 3)]),
    "solve": (lambda xp, la, lx, sl, a, b: la.solve(a, b), [(2, 3, 3), (2, 3, 2)]),
    "solve a vector": (lambda xp, la, lx, sl, a, b: la.solve(a, b), [(3, 3), (3,)]),
    "pinv": (lambda xp, la, lx, sl, x: la.pinv(x), [(4, 2)]),
    "lstsq": (lambda xp, la, lx, sl, a, b: la.lstsq(a, b)[0], [(4, 2), (4, 3)]),
    "norm fro": (lambda xp, la, lx, sl, x: la.norm(x), [(3, 2)]),
    "norm nuc": (lambda xp, la, lx, sl, x: la.norm(x, "nuc"), [(3, 2)]),
    "norm 2": (lambda xp, la, lx, sl, x: la.norm(x, 2), [(3, 2)]),
    "norm inf": (lambda xp, la, lx, sl, x: la.norm(x, xp.inf), [(3, 2)]),
    "norm 3": (lambda xp, la, lx, sl, x: la.vector_norm(x, ord=3, axis=0), [(3, 2)]),
    "cond": (lambda xp, la, lx, sl, x: la.cond(x), [(3, 3)]),
    "matrix_power": (lambda xp, la, lx, sl, x: la.matrix_power(x, -3), [(3, 3)]),
    "multi_dot": (lambda xp, la, lx, sl, *xs: la.multi_dot(xs), [(2, 3), (3, 4), (4, 2)]),
    "tensorsolve": (lambda xp, la, lx, sl, a, b: la.tensorsolve(a, b), [(2, 3, 6), (2, 3)]),
    "tensorinv": (lambda xp, la, lx, sl, x: la.tensorinv(x), [(2, 3, 6)]),
    "lu": (lambda xp, la, lx, sl, x: lx.lu(x)[0], [(4, 3)]),
    "lu wide": (lambda xp, la, lx, sl, x: lx.lu(x)[0], [(2, 4)]),
    "triangular_solve": (
        lambda xp, la, lx, sl, a, b: lx.triangular_solve(
            a, b, left_side=True, lower=True, transpose_a=True, conjugate_a=True
        ),
        [(3, 3), (3, 2)],
    ),
    "triangular_solve on the right": (
        lambda xp, la, lx, sl, a, b: lx.triangular_solve(a, b, unit_diagonal=True),
        [(3, 3), (2, 3)],
    ),
    "scipy cholesky": (lambda xp, la, lx, sl, x: sl.cholesky(spd(xp, x)), [(3, 3)]),
    "cho_solve": (
        lambda xp, la, lx, sl, x, b: sl.cho_solve(sl.cho_factor(spd(xp, x), lower=True), b),
        [(3, 3), (3, 2)],
    ),
    "lu_solve": (lambda xp, la, lx, sl, a, b: sl.lu_solve(sl.lu_factor(a), b, 1), [(3, 3), (3,)]),
    "scipy lu": (lambda xp, la, lx, sl, x: sl.lu(x), [(4, 3)]),
    "solve_triangular": (
        lambda xp, la, lx, sl, a, b: sl.solve_triangular(a, b, trans=2, lower=True),
        [(3, 3), (3,)],
    ),
    "expm": (lambda xp, la, lx, sl, x: sl.expm(x), [(3, 3)]),
    "expm_frechet": (lambda xp, la, lx, sl, x, e: sl.expm_frechet(x, e), [(3, 3), (3, 3)]),
    "toeplitz": (lambda xp, la, lx, sl, c, r: sl.toeplitz(c, r), [(3,), (2,)]),
    "block_diag": (lambda xp, la, lx, sl, a, b: sl.block_diag(a, b), [(3, 2), (1, 2)]),
}  # fmt: skip
# Without derivative here or there.
VALUES_ONLY = {
    "sqrtm": (lambda xp, la, lx, sl, x: sl.sqrtm(spd(xp, x)), [(3, 3)]),
    "polar": (lambda xp, la, lx, sl, x: sl.polar(x), [(4, 3)]),
    "funm": (lambda xp, la, lx, sl, x: sl.funm(x, xp.exp), [(3, 3)]),
    "schur": (lambda xp, la, lx, sl, x: sl.schur(spd(xp, x))[0], [(1, 1)]),
    "hessenberg": (lambda xp, la, lx, sl, x: sl.hessenberg(x, calc_q=True), [(4, 4)]),
    "householder_product": (
        lambda xp, la, lx, sl, x, t: lx.householder_product(x, t), [(4, 3), (2,)],
    ),
    "pivoted qr": (lambda xp, la, lx, sl, x: sl.qr(x, pivoting=True, mode="economic"), [(4, 3)]),
    "matrix_rank": (lambda xp, la, lx, sl, x: la.matrix_rank(x), [(2, 3, 2)]),
    "lstsq all": (lambda xp, la, lx, sl, a, b: la.lstsq(a, b), [(4, 2), (4, 3)]),
    "solve_sylvester": (
        lambda xp, la, lx, sl, a, b, c: sl.solve_sylvester(spd(xp, a), spd(xp, b), c),
        [(3, 3), (2, 2), (3, 2)],
    ),
    "lu_pivots": (lambda xp, la, lx, sl, x: lx.lu_pivots_to_permutation(lx.lu(x)[1], 5), [(4, 4)]),
}  # fmt: skip
REAL_ONLY = {
    "eigh_tridiagonal": (
        lambda xp, la, lx, sl, x: sl.eigh_tridiagonal(x[0], x[1][:-1], eigvals_only=True), [(2, 4)],
    ),
    "cholesky_update": (
        lambda xp, la, lx, sl, x, w: lx.cholesky_update(sl.cholesky(spd(xp, x)), w), [(3, 3), (3,)],
    ),
    "ormqr": (
        lambda xp, la, lx, sl, x, t, c: lx.ormqr(x, t, c, transpose=True), [(4, 3), (3,), (4, 2)],
    ),
}  # fmt: skip


def leaves(found):
    return list(found) if isinstance(found, (tuple, list)) else [found]


def operands(name, dtype):
    shapes = {**CASES, **VALUES_ONLY, **REAL_ONLY}[name][1]
    rng = np.random.default_rng(len(name))
    made = []
    for shape in shapes:
        x = rng.normal(size=shape) + (1j * rng.normal(size=shape) if dtype == "complex128" else 0)
        made.append(np.asarray(x, dtype))
    return made


def close(ours, theirs, tolerance=1e-10):
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype
    scale = 1 + np.abs(theirs).max(initial=0)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance * scale)


def run(function, modules, args):
    return leaves(function(*modules, *args))


def loss_of(function, modules, weights):
    """A real number from all results, each element with a weight of its own."""
    xp = modules[0]

    def loss(*args):
        outs = leaves(function(*modules, *args))
        return sum(xp.sum(xp.real(w * y)) for w, y in zip(weights, outs, strict=True))

    return loss


def check_values(name, dtype):
    function, args = {**CASES, **VALUES_ONLY, **REAL_ONLY}[name][0], operands(name, dtype)
    theirs = run(function, THEIRS, map(jnp.asarray, args))
    for mine, want in zip(run(function, OURS, map(fnp.asarray, args)), theirs, strict=True):
        close(mine, want)


@pytest.mark.parametrize("name", ["qr", "svd", "det", "slogdet", "pinv", "lu wide", "scipy lu"])
def test_values_of_complex_matrices(name):
    check_values(name, "complex128")


@pytest.mark.parametrize("name", ["eigvalsh", "lstsq all", "cond", "multi_dot", *REAL_ONLY])
def test_values_of_real_matrices(name):
    check_values(name, "float64")


@pytest.mark.long
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("name", [*CASES, *VALUES_ONLY])
def test_all_values(name, dtype):
    check_values(name, dtype)


def check_gradients(name, dtype, second):
    function, args = CASES[name][0], operands(name, dtype)
    rng = np.random.default_rng(1)
    outs = run(function, OURS, map(fnp.asarray, args))
    weights = [
        rng.normal(size=y.shape) + (1j * rng.normal(size=y.shape) if y.dtype.kind == "c" else 0)
        for y in outs
    ]
    ours, theirs = loss_of(function, OURS, weights), loss_of(function, THEIRS, weights)
    argnums = tuple(range(len(args)))
    directions = [rng.normal(size=a.shape).astype(a.dtype) for a in args]
    mine = fl.grad(ours, argnums)(*map(fnp.asarray, args))
    slope = fl.jvp(ours, tuple(map(fnp.asarray, args)), tuple(map(fnp.asarray, directions)))[1]

    @jax.jit
    def both(args, directions):
        forward = jax.jvp(theirs, tuple(args), tuple(directions))[1]
        if not second:
            return jax.grad(theirs, argnums)(*args), forward, None
        gradient, curvature = jax.jvp(jax.grad(theirs, argnums), tuple(args), tuple(directions))
        return gradient, forward, curvature

    want, want_slope, want_second = both(args, directions)
    for m, w in zip(mine, want, strict=True):
        close(m, w)
    close(slope, want_slope)
    if second:
        pairs = tuple(map(fnp.asarray, args)), tuple(map(fnp.asarray, directions))
        for m, w in zip(fl.jvp(fl.grad(ours, argnums), *pairs)[1], want_second, strict=True):
            close(m, w, 1e-9)


SHORT = ("cholesky", "qr", "eigh", "eigvals", "svd tall", "slogdet", "solve", "pinv", "lu")


@pytest.mark.parametrize("name", SHORT)
def test_gradients_of_complex_functions(name):
    check_gradients(name, "complex128", second=False)


@pytest.mark.long
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("name", CASES)
def test_gradients_to_second_order(name, dtype):
    check_gradients(name, dtype, second=name != "eigvals")  # which JAX refuses
