"""Vectors, samples and estimated densities against SciPy's and JAX's."""

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import errors, random
from functorch_lite.scipy import stats
from functorch_lite.testing import check_grads

scipy_stats = pytest.importorskip("scipy.stats")


def agree(got, want, rtol=1e-10):
    np.testing.assert_allclose(np.asarray(got), want, rtol=rtol, atol=1e-13)


# ------------------------------------------------------------------------------------- vectors
def test_multivariate_normal(rng):
    x, mean = rng.standard_normal((5, 3)), rng.standard_normal(3)
    half = rng.standard_normal((3, 3))
    cov = half @ half.T + np.eye(3)
    mine, theirs = stats.multivariate_normal, scipy_stats.multivariate_normal
    agree(mine.logpdf(x, mean, cov), theirs.logpdf(x, mean, cov))
    agree(mine.pdf(x, mean, cov), theirs.pdf(x, mean, cov))
    agree(mine.logpdf(x, mean, np.array(2.0)), theirs.logpdf(x, mean, 2.0))
    agree(mine.logpdf(np.array(0.3), np.array(0.1), np.array(2.0)), theirs.logpdf(0.3, 0.1, 2.0))
    rows = mine.logpdf(x[:, None], x[None, :2], np.stack([cov, 2 * cov])[None])
    agree(rows[3, 1], theirs.logpdf(x[3], x[1], 2 * cov))
    check_grads(lambda x, m, c: mine.logpdf(x, m, c @ c.T + np.eye(3)), (x[0], mean, half))
    agree(fl.vmap(mine.logpdf, (0, None, None))(x, mean, cov), theirs.logpdf(x, mean, cov))
    assert np.isnan(mine.logpdf(x[0], mean, -cov))
    with pytest.raises(errors.ShapeError, match=r"as mean has 3 components"):
        mine.logpdf(x[:, :2], mean, cov)
    with pytest.raises(errors.ShapeError, match=r"a variance for a mean that is a number"):
        mine.logpdf(x, 0.0, cov)
    with pytest.raises(NotImplementedError, match="allow_singular must be None"):
        mine.logpdf(x, mean, cov, allow_singular=True)


def test_dirichlet(rng):
    alpha = np.array([0.5, 1.0, 2.5])
    x = rng.dirichlet(alpha, 6).T
    want = [scipy_stats.dirichlet.logpdf(column, alpha) for column in x.T]
    agree(stats.dirichlet.logpdf(x, alpha), want)
    agree(stats.dirichlet.pdf(x[:2], alpha), np.exp(want), 1e-8)
    outside = np.array([[0.5, 1.2, 0.2], [0.6, -0.1, 0.3], [0.2, -0.1, 0.5]])
    assert np.isneginf(stats.dirichlet.logpdf(outside, alpha)).tolist() == [True, True, False]
    check_grads(lambda a: stats.dirichlet.logpdf(x, a), (alpha,))
    with pytest.raises(errors.ShapeError, match="x.T for rows"):
        stats.dirichlet.logpdf(x.T, alpha)


def test_multinomial(rng):
    p = np.array([0.2, 0.3, 0.5])
    x = rng.multinomial(6, p, 5)
    agree(stats.multinomial.logpmf(x, 6, p), scipy_stats.multinomial.logpmf(x, 6, p))
    wrong = np.array([[1.0, 2.0, 2.0], [7.0, -1.0, 0.0], [1.5, 2.5, 2.0]])
    assert np.isneginf(stats.multinomial.logpmf(wrong, 6.0, p)).all()
    check_grads(lambda p: stats.multinomial.logpmf(x, 6, p), (p,))
    agree(stats.multinomial.pmf(x, 6, p), scipy_stats.multinomial.pmf(x, 6, p))
    for dtype, n in (("float16", 3001), ("float32", 2**24 + 2)):  # the sum is not rounded
        found = stats.multinomial.logpmf([n - 1, 1], n, np.array([0.5, 0.5], dtype))
        assert found.dtype == dtype and np.isfinite(found)


# ------------------------------------------------------------------------------------- samples
@pytest.mark.parametrize("axis", [0, 1, -1, None])
@pytest.mark.parametrize("keepdims", [False, True])
def test_mode_and_sem(rng, axis, keepdims):
    x = rng.integers(0, 4, (5, 6))
    for found in (stats.mode(x, axis, keepdims=keepdims),
                  fl.jit(lambda x: stats.mode(x, axis, keepdims=keepdims))(x)):  # fmt: skip
        want = scipy_stats.mode(x, axis, keepdims=keepdims)
        np.testing.assert_array_equal(found.mode, want.mode)
        np.testing.assert_array_equal(found.count, want.count)
    y = rng.standard_normal((5, 6))
    agree(stats.sem(y, axis, keepdims=keepdims), scipy_stats.sem(y, axis, keepdims=keepdims))
    y[0, 0] = y[2, 3] = np.nan
    omitted = scipy_stats.sem(y, axis, nan_policy="omit")
    agree(stats.sem(y, axis, 1, "omit"), np.asarray(omitted))


def test_mode_of_nans_and_of_nothing():
    found = stats.mode(fnp.asarray([1.0, np.nan, 2.0, 2.0, np.nan, np.nan]))
    assert np.isnan(found.mode) and int(found.count) == 3
    empty = stats.mode(fnp.zeros((0, 2)))
    assert np.isnan(empty.mode).all() and empty.count.tolist() == [0, 0]
    with pytest.raises(ValueError, match="expected nan_policy to be 'propagate'; got 'omit'"):
        stats.mode(fnp.ones(2), nan_policy="omit")


@pytest.mark.parametrize("method", ["average", "min", "max", "dense", "ordinal"])
def test_rankdata(rng, method):
    x = rng.integers(0, 4, (4, 5))
    np.testing.assert_array_equal(
        stats.rankdata(x, method), scipy_stats.rankdata(x, method).ravel()
    )
    for axis in (0, 1):
        want = scipy_stats.rankdata(x, method, axis=axis)
        np.testing.assert_array_equal(stats.rankdata(x, method, axis=axis), want)
    ranks = fl.jit(lambda x: stats.rankdata(x, method))
    np.testing.assert_array_equal(ranks(x), stats.rankdata(x, method))
    assert np.isnan(stats.rankdata(fnp.asarray([1.0, np.nan]), method)).all()
    assert stats.rankdata(fnp.zeros(0), method).shape == (0,)
    with pytest.raises(ValueError, match="expected method to be one of"):
        stats.rankdata(x, "mean")


@pytest.mark.peers
def test_samples_are_jaxs(rng):
    jstats = pytest.importorskip("jax.scipy.stats", exc_type=ImportError)
    x = rng.integers(0, 3, (4, 5)).astype("float32")
    for a, b in zip(stats.mode(x, 1), jstats.mode(x, 1), strict=True):
        np.testing.assert_array_equal(a, b)
    assert stats.rankdata(x).dtype == jstats.rankdata(x).dtype
    np.testing.assert_array_equal(stats.rankdata(x), jstats.rankdata(x))


# --------------------------------------------------------------------------- estimated densities
@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("bw", [None, "silverman", 0.4, lambda kde: kde.neff**-0.3])
def test_gaussian_kde(rng, d, bw):
    data, weights = rng.standard_normal((d, 20)), rng.random(20)
    points = rng.standard_normal((d, 7))
    mine = stats.gaussian_kde(data, bw, weights)
    theirs = scipy_stats.gaussian_kde(data, bw, weights)
    agree(mine(points), theirs(points))
    agree(mine.logpdf(points), theirs.logpdf(points))
    agree(mine.covariance, theirs.covariance)
    agree(mine.inv_cov, theirs.inv_cov)
    agree(
        mine.integrate_gaussian(np.zeros(d), np.eye(d)),
        theirs.integrate_gaussian([0] * d, np.eye(d)),
    )
    other, same = stats.gaussian_kde(data[:, :9] + 1), scipy_stats.gaussian_kde(data[:, :9] + 1)
    agree(mine.integrate_kde(other), theirs.integrate_kde(same))
    if d == 1:
        agree(mine.integrate_box_1d(-1.0, 0.5), theirs.integrate_box_1d(-1.0, 0.5))
    assert (mine.d, mine.n) == (theirs.d, theirs.n)


def test_gaussian_kde_is_a_container(rng):
    data = rng.standard_normal((2, 300))
    kde = fl.jit(stats.gaussian_kde)(data)
    slopes = fl.jit(fl.vmap(fl.grad(lambda p: kde.logpdf(p[:, None])[0])))(data.T[:3])
    assert slopes.shape == (3, 2) and np.isfinite(slopes).all()
    drawn = fl.jit(lambda kde, key: kde.resample(key, (5000,)))(kde, random.key(0))
    assert drawn.shape == (2, 5000)
    np.testing.assert_allclose(np.cov(drawn), np.cov(data) + kde.covariance, atol=0.12)
    assert kde.resample(random.key(1)).shape == (2,)
    sums = fl.grad(lambda d: fnp.sum(stats.gaussian_kde(d).logpdf(np.zeros((2, 1)))))(data)
    assert np.isfinite(sums).all()


@pytest.mark.peers
def test_gaussian_kde_is_jaxs(rng):
    jax = pytest.importorskip("jax", exc_type=ImportError)
    data, points = rng.random((2, 12)).astype("float32"), rng.random((2, 4)).astype("float32")
    mine, theirs = stats.gaussian_kde(data), jax.scipy.stats.gaussian_kde(data)
    np.testing.assert_allclose(mine(points), theirs(points), rtol=2e-4)


def test_gaussian_kde_messages(rng):
    data = rng.standard_normal((2, 5))
    with pytest.raises(errors.ShapeError, match=r"of at least two numbers; got shape \(1, 1\)"):
        stats.gaussian_kde(fnp.ones(1))
    with pytest.raises(errors.ShapeError, match=r"weights of shape \(5,\)"):
        stats.gaussian_kde(data, weights=np.ones(4))
    with pytest.raises(
        ValueError, match="'scott', 'silverman', a number or a function; got 'wide'"
    ):
        stats.gaussian_kde(data, "wide")
    with pytest.raises(errors.ShapeError, match=r"expected points \[2, m\]"):
        stats.gaussian_kde(data)(np.ones((3, 2)))
    with pytest.raises(errors.ShapeError, match="a dataset of one dimension and two numbers"):
        stats.gaussian_kde(data).integrate_box_1d(0.0, 1.0)
