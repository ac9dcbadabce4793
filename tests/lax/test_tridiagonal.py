"""lax.linalg's tridiagonal systems and reductions, against dense algebra and JAX."""

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import lax
from functorch_lite.errors import DtypeError, GradientError, ShapeError
from functorch_lite.testing import check_grads

solve = lax.linalg.tridiagonal_solve


@pytest.fixture(scope="module")
def jax():
    found = pytest.importorskip("jax")
    with found.enable_x64(True):
        yield found


def draw(rng, shape, dtype):
    x = rng.normal(size=shape)
    return (x + 1j * rng.normal(size=shape) if dtype.startswith("c") else x).astype(dtype)


def system(rng, lead=(), n=5, k=2, dtype="float64"):
    dl, d, du = (draw(rng, (*lead, n), dtype) for _ in range(3))
    return dl, d, du, draw(rng, (*lead, n, k), dtype)


def dense(dl, d, du):
    """The matrix by its three diagonals."""
    place = fnp.arange(d.shape[-1])
    eye = fnp.eye(d.shape[-1], dtype=d.dtype)
    upper = fnp.where(place < d.shape[-1] - 1, du, 0)
    lower = fnp.where(place > 0, dl, 0)
    return d[..., None] * eye + upper[..., None] * fnp.roll(eye, 1, 1) + lower[..., None] * (
        fnp.roll(eye, -1, 1)
    )  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize(("lead", "n", "k"), [((), 5, 2), ((2, 3), 4, 1), ((), 1, 3), ((2,), 2, 2),
                                              ((), 3, 0), ((0,), 3, 2)])  # fmt: skip
def test_solve_as_jax(dtype, lead, n, k, rng, jax):
    dl, d, du, b = system(rng, lead, n, k, dtype)
    got = solve(*map(fnp.asarray, (dl, d, du, b)))
    assert got.dtype == dtype and got.shape == b.shape
    if b.size:
        want = jax.lax.linalg.tridiagonal_solve(dl, d, du, b)
        tolerance = 1e-3 if dtype in ("float32", "complex64") else 1e-8
        np.testing.assert_allclose(np.asarray(got), want, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("wrap", [lambda f: f, fl.jit])
def test_derivatives_are_those_of_dense_systems(wrap, rng):
    args = tuple(map(fnp.asarray, system(rng)))

    def mine(*xs):
        return fnp.sum(fnp.sin(solve(*xs)))

    def other(dl, d, du, b):
        return fnp.sum(fnp.sin(fnp.linalg.solve(dense(dl, d, du), b)))

    every = (0, 1, 2, 3)
    for order in (fl.grad(mine, every), fl.jacfwd(mine, every)):
        for a, b in zip(wrap(order)(*args), fl.grad(other, every)(*args), strict=True):
            np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-7, atol=1e-8)
    ours, theirs = fl.hessian(mine, 1)(*args), fl.hessian(other, 1)(*args)
    np.testing.assert_allclose(np.asarray(ours), np.asarray(theirs), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("axes", [(0, 0, 0, 0), (None, None, None, 0), (None, 0, None, None)])
def test_under_vmap(axes, rng):
    many = [fnp.asarray(x) for x in system(rng, (3,), 4, 2)]
    args = [x if i == 0 else x[0] for x, i in zip(many, axes, strict=True)]
    want = fnp.stack([
        solve(*[x[n] if i == 0 else x for x, i in zip(args, axes, strict=True)]) for n in range(3)
    ])  # fmt: skip
    np.testing.assert_allclose(np.asarray(fl.vmap(solve, axes)(*args)), want, rtol=1e-9)
    check_grads(fl.vmap(solve, axes), tuple(args), order=1)


def test_singular_systems(jax):
    dl, d, du = np.array([0.0, 1, 1]), np.array([1.0, 1, 2]), np.array([1.0, 0, 0])
    b = np.ones((3, 2))
    args = tuple(map(fnp.asarray, (dl, d, du, b)))
    assert np.isnan(np.asarray(solve(*args))).all()
    theirs = jax.lax.linalg.tridiagonal_solve
    for diagonals in ((dl, d, du), (dl * 0, d * 0, du * 0), (dl, d * 0, du)):
        want = theirs(*diagonals, b, perturb_singular=True)
        got = solve(*map(fnp.asarray, diagonals), args[3], perturb_singular=True)
        assert np.isfinite(np.asarray(got)).all()
        np.testing.assert_allclose(np.asarray(got), want, rtol=1e-6, atol=1e-6)
    # small pivots stay: the systems are regular
    zero = np.zeros(3)
    for pivots, above in (([1.0, 1e-20, 1], zero), ([1.0, -2, 3], np.array([0, 1e20, 0]))):
        want = theirs(zero, np.array(pivots), above, b, perturb_singular=True)
        diagonals = map(fnp.asarray, (zero, np.array(pivots), above))
        got = solve(*diagonals, args[3], perturb_singular=True)
        np.testing.assert_allclose(np.asarray(got), want, rtol=1e-9)
    # a division by zero is no answer, not even where it gives infinity
    alone = fnp.asarray([1.0, 0.0, 1.0], "float64")
    assert np.isnan(np.asarray(solve(alone * 0, alone, alone * 0, args[3]))).all()
    # a regular neighbour in a stack keeps its answer
    both = [fnp.stack([x, y]) for x, y in zip(args, (args[0], args[1] + 3, *args[2:]), strict=True)]
    out = np.asarray(solve(*both))
    assert np.isnan(out[0]).all() and np.isfinite(out[1]).all()


def test_the_ends_of_outer_diagonals_count_for_nothing(rng):
    dl, d, du, b = map(fnp.asarray, system(rng))
    for middle, perturb in ((d, False), (d * 0, True)):  # the second one is singular
        want = solve(dl, middle, du, b, perturb_singular=perturb)
        ends = dl.at[0].set(np.nan), middle, du.at[-1].set(np.inf)
        assert (solve(*ends, b, perturb_singular=perturb) == want).all()


# ---------------------------------------------------------------------------------------- reduction
@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("shape", [(4, 4), (2, 3, 3), (1, 1), (2, 2)])
def test_reduction_as_jax(lower, dtype, shape, rng, jax):
    a = draw(rng, shape, dtype)
    a = a + a.conj().swapaxes(-1, -2)
    got = lax.linalg.tridiagonal(fnp.asarray(a), lower=lower)
    want = jax.lax.linalg.tridiagonal(a, lower=lower)
    for x, y in zip(got, want, strict=True):
        assert x.shape == y.shape and x.dtype == y.dtype
        np.testing.assert_allclose(np.asarray(x), np.asarray(y), rtol=1e-9, atol=1e-9)
    d, e = np.asarray(got[1]), np.asarray(got[2])
    full = d[..., None] * np.eye(shape[-1])
    for i in range(shape[-1] - 1):
        full[..., i, i + 1] = full[..., i + 1, i] = e[..., i]
    np.testing.assert_allclose(np.linalg.eigvalsh(full), np.linalg.eigvalsh(a), rtol=1e-9)
    again = fl.jit(lambda x: lax.linalg.tridiagonal(x, lower=lower))(fnp.asarray(a))
    assert all((x == y).all() for x, y in zip(again, got, strict=True))


def test_refusals():
    three, two = fnp.ones(3), fnp.ones((3, 2))
    with pytest.raises(ShapeError, match="du has \\(2,\\). Remedy: pad the outer diagonals"):
        solve(three, three, three[:2], two)
    with pytest.raises(ShapeError, match="b must be a matrix"):
        solve(three, three, three, three)
    with pytest.raises(DtypeError, match="d is float64, b is float32"):
        solve(three, three.astype("float64"), three, two)
    with pytest.raises(ShapeError, match="x must be square"):
        lax.linalg.tridiagonal(two)
    with pytest.raises(GradientError, match="Remedy: eigh has one"):
        fl.grad(lambda a: fnp.sum(lax.linalg.tridiagonal(a)[1]))(fnp.eye(3))
