"""Distributions against SciPy's, under every transform, and what they refuse."""

import numpy as np
import pytest
from scipy import stats

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import errors, random

KEY = random.key(2024)
N = 3000

CONTINUOUS = {
    "exponential": (lambda k, s, d: random.exponential(k, s, d), stats.expon()),
    "laplace": (lambda k, s, d: random.laplace(k, s, d), stats.laplace()),
    "logistic": (lambda k, s, d: random.logistic(k, s, d), stats.logistic()),
    "cauchy": (lambda k, s, d: random.cauchy(k, s, d), stats.cauchy()),
    "maxwell": (lambda k, s, d: random.maxwell(k, s, d), stats.maxwell()),
    "gumbel high": (lambda k, s, d: random.gumbel(k, s, d, "high"), stats.gumbel_r()),
    "gumbel highest": (lambda k, s, d: random.gumbel(k, s, d, "highest"), stats.gumbel_r()),
    "pareto": (lambda k, s, d: random.pareto(k, 2.5, s, d), stats.pareto(2.5)),
    "rayleigh": (lambda k, s, d: random.rayleigh(k, 2.0, s, d), stats.rayleigh(scale=2)),
    "weibull_min": (
        lambda k, s, d: random.weibull_min(k, 2.0, 1.5, s, d),
        stats.weibull_min(1.5, scale=2),
    ),
    "triangular": (
        lambda k, s, d: random.triangular(k, -1.0, 0.5, 2.0, s, d),
        stats.triang(0.5, -1, 3),
    ),
    "lognormal": (lambda k, s, d: random.lognormal(k, 0.7, s, d), stats.lognorm(0.7)),
    "wald": (lambda k, s, d: random.wald(k, 2.0, s, d), stats.invgauss(2.0)),
    "gamma, small shape": (lambda k, s, d: random.gamma(k, 0.3, s, d), stats.gamma(0.3)),
    "gamma": (lambda k, s, d: random.gamma(k, 4.5, s, d), stats.gamma(4.5)),
    "loggamma": (lambda k, s, d: random.loggamma(k, 0.3, s, d), stats.loggamma(0.3)),
    "beta": (lambda k, s, d: random.beta(k, 0.7, 3.0, s, d), stats.beta(0.7, 3)),
    "chisquare": (lambda k, s, d: random.chisquare(k, 3.0, s, d), stats.chi2(3)),
    "f": (lambda k, s, d: random.f(k, 3.0, 8.0, s, d), stats.f(3, 8)),
    "t": (lambda k, s, d: random.t(k, 4.0, s, d), stats.t(4)),
    "generalized_normal": (
        lambda k, s, d: random.generalized_normal(k, 3.0, s, d),
        stats.gennorm(3),
    ),
}
COUNTS = {
    "poisson, few": (lambda k, s: random.poisson(k, 3.0, s), stats.poisson(3)),
    "poisson, many": (lambda k, s: random.poisson(k, 40.0, s), stats.poisson(40)),
    "poisson, very many": (lambda k, s: random.poisson(k, 2e4, s), stats.poisson(2e4)),
    "binomial, few": (lambda k, s: random.binomial(k, 12, 0.3, s), stats.binom(12, 0.3)),
    "binomial, many": (lambda k, s: random.binomial(k, 100, 0.4, s), stats.binom(100, 0.4)),
    "binomial, likely": (lambda k, s: random.binomial(k, 100, 0.8, s), stats.binom(100, 0.8)),
    "geometric": (lambda k, s: random.geometric(k, 0.3, s), stats.geom(0.3)),
}
OTHERS = {
    "rademacher": lambda k: random.rademacher(k, (6,)),
    "bernoulli high": lambda k: random.bernoulli(k, 0.3, (6,), "high"),
    "dirichlet": lambda k: random.dirichlet(k, fnp.asarray([0.5, 2.0, 1.0]), (4,)),
    "double_sided_maxwell": lambda k: random.double_sided_maxwell(k, 0.0, 2.0, (5,)),
    "ball": lambda k: random.ball(k, 3, 2.0, (4,)),
    "orthogonal": lambda k: random.orthogonal(k, 3, (2,)),
    "unitary": lambda k: random.orthogonal(k, 3, (), "complex64"),
    "multivariate_normal": lambda k: random.multivariate_normal(k, fnp.zeros(3), fnp.eye(3) + 1),
    "multivariate_normal eigh": lambda k: random.multivariate_normal(
        k, fnp.zeros(3), fnp.eye(3) + 1, method="eigh"
    ),
    "multinomial": lambda k: random.multinomial(k, 9, fnp.asarray([0.2, 0.3, 0.5])),
    "categorical": lambda k: random.categorical(k, fnp.zeros((4, 2)), 0, (3, 2), replace=False),
}


@pytest.mark.parametrize("name", CONTINUOUS)
def test_continuous_distributions(name):
    draw, distribution = CONTINUOUS[name]
    for dtype in ("float32", "float64"):
        sample = np.asarray(draw(KEY, (N,), dtype))
        assert sample.dtype == dtype
        assert stats.kstest(sample.astype("float64"), distribution.cdf).pvalue > 1e-3


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", ["exponential", "gamma", "beta", "t", "lognormal", "laplace"])
def test_halves_have_the_distribution_up_to_their_steps(name, dtype):
    draw, distribution = CONTINUOUS[name]
    sample = draw(KEY, (N,), dtype)
    assert sample.dtype == dtype
    sample = np.asarray(sample.astype("float64"))
    assert np.isfinite(sample).all()
    # Few distinct values make the test of Kolmogorov and Smirnov strict by their spacing.
    assert stats.kstest(sample, distribution.cdf).statistic < 0.05


def counts_fit(sample, distribution):
    low, high = distribution.ppf(0.02), distribution.ppf(0.98)
    edges = np.unique(np.floor(np.linspace(low, high, 16)))
    bins = np.searchsorted(edges, np.asarray(sample))
    found = np.bincount(bins.ravel(), minlength=edges.size + 1)
    inner = np.diff(distribution.cdf(edges))
    wanted = np.concatenate([distribution.cdf(edges[:1]), inner, distribution.sf(edges[-1:])])
    return stats.chisquare(found, wanted * found.sum()).pvalue > 1e-3


@pytest.mark.parametrize("name", COUNTS)
def test_counts(name):
    draw, distribution = COUNTS[name]
    assert counts_fit(draw(KEY, (N,)), distribution)


@pytest.mark.long
@pytest.mark.parametrize("name", [*CONTINUOUS, *COUNTS])
def test_many_numbers_of_a_distribution(name):
    if name in COUNTS:
        draw, distribution = COUNTS[name]
        assert counts_fit(draw(KEY, (400_000,)), distribution)
    else:
        draw, distribution = CONTINUOUS[name]
        sample = np.asarray(draw(KEY, (400_000,), "float64"))
        assert stats.kstest(sample, distribution.cdf).pvalue > 1e-3


def test_small_probabilities():
    # The steps of one uniform number in float16 are 2**-10.
    p, n = fnp.asarray(2.0**-13, "float16"), 400_000
    assert (
        stats.binomtest(int(random.bernoulli(KEY, p, (n,), "high").sum()), n, 2**-13).pvalue > 1e-3
    )
    assert stats.binomtest(int(random.bernoulli(KEY, p, (n,)).sum()), n, 2**-10).pvalue > 1e-3


def test_multinomial_counts_are_binomial_and_sum_up():
    p = fnp.asarray([0.2, 0.5, 0.3])
    counts = random.multinomial(KEY, 20, p, shape=(N, 3))
    np.testing.assert_array_equal(counts.sum(axis=-1), np.full(N, 20.0))
    for i in range(3):
        assert counts_fit(counts[:, i], stats.binom(20, float(p[i])))
    covariance = np.cov(np.asarray(counts).T)
    assert abs(covariance[0, 1] + 20 * 0.2 * 0.5) < 0.2


def test_shares_of_a_dirichlet_vector_are_beta_variables():
    alpha = np.asarray([0.5, 2.0, 3.0])
    x = np.asarray(random.dirichlet(KEY, alpha, (N,), "float64"))
    np.testing.assert_allclose(x.sum(-1), 1.0)
    for i in range(3):
        share = stats.beta(alpha[i], alpha.sum() - alpha[i])
        assert stats.kstest(x[:, i], share.cdf).pvalue > 1e-3


@pytest.mark.parametrize("p", [1, 2.0, 3.5])
def test_points_fill_the_ball_evenly(p):
    x = np.asarray(random.ball(KEY, 3, p, (N,), "float64"))
    radius = (np.abs(x) ** p).sum(-1) ** (1 / p)
    # The share of the volume within r is r**3.
    assert stats.kstest(radius**3, stats.uniform().cdf).pvalue > 1e-3
    assert abs(x.mean(0)).max() < 0.05


def test_signs_and_maxwell():
    signs = np.asarray(random.rademacher(KEY, (N,)))
    assert set(signs.tolist()) == {-1, 1}
    assert stats.binomtest(int((signs == 1).sum()), N).pvalue > 1e-3
    x = np.asarray(random.double_sided_maxwell(KEY, 1.0, 2.0, (N,), "float64"))
    assert stats.kstest(abs(x - 1) / 2, stats.maxwell().cdf).pvalue > 1e-3
    assert abs((x > 1).mean() - 0.5) < 0.05


@pytest.mark.parametrize("method", ["cholesky", "eigh", "svd"])
def test_multivariate_normal_has_its_mean_and_covariance(method):
    mean, cov = (
        np.asarray([1.0, -2.0, 0.5]),
        np.asarray([[2, 0.6, 0], [0.6, 1, -0.3], [0, -0.3, 3]]),
    )
    x = np.asarray(random.multivariate_normal(KEY, mean, cov, (8000,), "float64", method))
    np.testing.assert_allclose(x.mean(0), mean, atol=0.1)
    np.testing.assert_allclose(np.cov(x.T), cov, atol=0.15)
    whitened = np.linalg.solve(np.linalg.cholesky(cov), (x - mean).T).ravel()
    assert stats.kstest(whitened, stats.norm().cdf).pvalue > 1e-3


def test_singular_and_indefinite_covariances():
    singular = np.asarray([[1.0, 1.0], [1.0, 1.0]])
    x = np.asarray(random.multivariate_normal(KEY, np.zeros(2), singular, (50,), method="eigh"))
    np.testing.assert_allclose(x[:, 0], x[:, 1], atol=1e-6)
    assert np.isfinite(x).all()
    assert x[:, 0].std() > 0.5
    assert np.isnan(np.asarray(random.multivariate_normal(KEY, np.zeros(2), -singular))).all()


def test_batches_of_means_and_covariances():
    means, covs = fnp.zeros((4, 1, 2)), fnp.eye(2) * fnp.asarray([1.0, 2, 3])[:, None, None]
    assert random.multivariate_normal(KEY, means, covs).shape == (4, 3, 2)
    assert random.multivariate_normal(KEY, means, covs, (5, 4, 3)).shape == (5, 4, 3, 2)


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize(("n", "m"), [(5, 5), (6, 2), (2, 6), (1, 1)])
def test_orthogonal_matrices_are(n, m, dtype):
    q = np.asarray(random.orthogonal(KEY, n, (3,), dtype, m))
    assert q.shape == (3, n, m)
    assert q.dtype == dtype
    small = q if n >= m else q.swapaxes(-1, -2)
    product = small.conj().swapaxes(-1, -2) @ small
    tolerance = 1e-5 if q.real.dtype == np.float32 else 1e-13
    np.testing.assert_allclose(
        product, np.broadcast_to(np.eye(min(n, m)), product.shape), atol=tolerance
    )


def samplers():
    for name, (draw, _) in CONTINUOUS.items():
        yield name, lambda k, draw=draw: draw(k, (5,), "float32")
    for name, (draw, _) in COUNTS.items():
        yield name, lambda k, draw=draw: draw(k, (5,))
    yield from OTHERS.items()


SAMPLERS = dict(samplers())
QUICK = ["gamma", "beta", "poisson, few", "binomial, many", "wald", *OTHERS]


def check_transforms(draw):
    keys = random.split(KEY, 3)
    plain = np.stack([np.asarray(draw(key)) for key in keys])
    for name, mapped in {
        "vmap": fl.vmap(draw)(keys),
        "jit": fl.jit(fl.vmap(draw))(keys),
        "jit of one": fnp.stack([fl.jit(draw)(key) for key in keys]),
    }.items():
        assert mapped.dtype == plain.dtype, name
        np.testing.assert_allclose(np.asarray(mapped), plain, rtol=2e-4, atol=2e-5, err_msg=name)


@pytest.mark.parametrize("name", QUICK)
def test_jit_and_vmap_change_nothing(name):
    check_transforms(SAMPLERS[name])


@pytest.mark.long
@pytest.mark.parametrize("name", [n for n in SAMPLERS if n not in QUICK])
def test_jit_and_vmap_change_nothing_in_the_others(name):
    check_transforms(SAMPLERS[name])


MAPPED = {
    "gamma": (random.gamma, ([0.3, 2.0, 50.0],)),
    "poisson": (random.poisson, ([0.5, 8.0, 40.0],)),
    "binomial": (random.binomial, ([5.0, 50.0, 500.0], [0.3, 0.5, 0.9])),
    "beta": (random.beta, ([0.3, 2.0, 50.0], [1.0, 2.0, 3.0])),
    "pareto": (random.pareto, ([0.5, 2.0, 3.0],)),
    "wald": (random.wald, ([0.5, 2.0, 3.0],)),
}


@pytest.mark.parametrize("name", MAPPED)
def test_vmap_over_parameters(name):
    draw, parameters = MAPPED[name]
    parameters = [fnp.asarray(p) for p in parameters]
    keys = random.split(KEY, 3)
    both = fl.vmap(lambda k, *p: draw(k, *p, (4,)))(keys, *parameters)
    wanted = [draw(k, *[p[i] for p in parameters], (4,)) for i, k in enumerate(keys)]
    np.testing.assert_allclose(np.asarray(both), np.stack(wanted), rtol=1e-5)
    shared = fl.vmap(lambda *p: draw(KEY, *p))(*parameters)
    wanted = [draw(KEY, *[p[i] for p in parameters]) for i in range(3)]
    np.testing.assert_allclose(np.asarray(shared), np.stack(wanted), rtol=1e-5)


@pytest.mark.parametrize(
    "name", ["pareto", "rayleigh", "lognormal", "wald", "gamma", "chisquare", "t"]
)
def test_gradients_by_finite_differences(name):
    def mean(p):
        return getattr(random, name)(KEY, p, (50,), "float64").mean()

    p, h = fnp.asarray(3.0, "float64"), 1e-6
    numeric = float((mean(p + h) - mean(p - h)) / (2 * h))
    # Samples of gamma variables move by the implicit derivative, not by their algorithm's, so only
    # the derivative of the mean over the distribution agrees, to its error.
    tolerance = 0.5 if name in ("gamma", "chisquare", "t") else 1e-6
    assert float(fl.grad(mean)(p)) == pytest.approx(numeric, rel=tolerance, abs=tolerance / 2)
    _, forward = fl.jvp(mean, (p,), (fnp.ones((), "float64"),))
    np.testing.assert_allclose(forward, fl.grad(mean)(p), rtol=1e-9)
    np.testing.assert_allclose(fl.jit(fl.grad(mean))(p), fl.grad(mean)(p), rtol=1e-7)


def test_gradients_by_covariance():
    def total(scale):
        cov = scale * fnp.asarray([[2.0, 0.5], [0.5, 1.0]], "float64")
        return random.multivariate_normal(KEY, fnp.zeros(2, "float64"), cov, (10,)).sum()

    scale = fnp.asarray(4.0, "float64")
    # A sample is the root of the scale times one that does not depend on it.
    np.testing.assert_allclose(fl.grad(total)(scale), total(scale) / 8, rtol=1e-9)


def test_counts_have_the_derivative_zero():
    assert float(fl.grad(lambda p: random.binomial(KEY, 20.0, p))(0.3)) == 0
    assert float(fl.grad(lambda n: random.binomial(KEY, n, 0.3))(20.0)) == 0


def test_empty_samples_and_scalars():
    for draw in (random.gamma, random.poisson, random.geometric, random.pareto, random.wald):
        assert draw(KEY, 0.5, (0, 3)).shape == (0, 3)
        assert draw(KEY, 0.5).shape == ()
    assert random.dirichlet(KEY, fnp.ones((2, 0))).shape == (2, 0)
    assert random.binomial(KEY, 3, 0.5, (0,)).shape == (0,)
    assert random.orthogonal(KEY, 0).shape == (0, 0)
    assert random.multivariate_normal(KEY, fnp.zeros(0), fnp.zeros((0, 0))).shape == (0,)
    assert random.ball(KEY, 2, shape=(0,)).shape == (0, 2)


def test_extreme_parameters():
    assert np.isnan(np.asarray(random.gamma(KEY, np.nan)))
    assert float(random.gamma(KEY, 1e-30)) == 0
    assert np.isfinite(float(random.loggamma(KEY, 1e-30)))
    x = random.beta(KEY, 1e-3, 1e-3, (50,))
    assert bool((fnp.isfinite(x) & (x >= 0) & (x <= 1)).all())
    assert random.poisson(KEY, fnp.asarray([-1.0, np.nan, 0.0, np.inf])).tolist() == [
        -1, -1, 0, np.iinfo("int64").max,
    ]  # fmt: skip
    assert random.poisson(KEY, 1e9, (), "int8") == 127
    assert random.geometric(KEY, 1.0) == 1


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: random.gamma(0, 1.0), errors.DtypeError, r"random.gamma.*random.key\(0\)"),
        (lambda: random.gamma(KEY, 1.0, (), "int32"), errors.DtypeError, "got int32"),
        (lambda: random.gamma(KEY, fnp.ones(3), (2,)), errors.ShapeError, "a to broadcast"),
        (lambda: random.gamma(KEY, 1j), errors.DtypeError, r"real a; got c64\[\]"),
        (lambda: random.gamma(KEY, fnp.ones(1, "complex64")), errors.DtypeError, "real a"),
        (lambda: random.beta(KEY, fnp.ones(3), fnp.ones(2)), errors.ShapeError, "together.*b "),
        (lambda: random.poisson(KEY, 1.0, (), "float32"), errors.DtypeError, "integer dtype"),
        (lambda: random.binomial(KEY, 3, 0.5, (), "int32"), errors.DtypeError, "floating"),
        (lambda: random.dirichlet(KEY, 1.0), errors.ShapeError, "at least one dimension"),
        (lambda: random.multinomial(KEY, 3, 1.0), errors.ShapeError, "categories"),
        (
            lambda: random.multivariate_normal(KEY, fnp.zeros(2), fnp.eye(3)),
            errors.ShapeError,
            "n, n",
        ),
        (
            lambda: random.multivariate_normal(KEY, fnp.zeros(1), fnp.eye(1), method="qr"),
            errors.TransformError,
            "'cholesky', 'eigh' or 'svd'; got 'qr'",
        ),
        (lambda: random.laplace(KEY, -1), errors.ShapeError, "random.laplace"),
        (lambda: random.logistic(KEY, -1), errors.ShapeError, "random.logistic"),
        (lambda: random.cauchy(KEY, -1), errors.ShapeError, "random.cauchy"),
        (lambda: random.gumbel(KEY, mode="best"), errors.TransformError, "got 'best'"),
        (lambda: random.bernoulli(KEY, mode="highest"), errors.TransformError, "'low' or 'high'"),
        (lambda: random.rademacher(KEY, (), "uint8"), errors.DtypeError, "holds -1"),
        (lambda: random.key(0, impl="rbg"), errors.TransformError, "threefry2x32.*'rbg'"),
        (lambda: random.wrap_key_data(fnp.ones(2)), errors.DtypeError, r"u32\[..., 2\]"),
        (lambda: random.key_data(fnp.ones(3, "uint32")), errors.ShapeError, r"u32\[..., 2\]"),
        (
            lambda: random.categorical(KEY, fnp.zeros(2), shape=(3,), replace=False),
            errors.ShapeError,
            "at most 2",
        ),
    ],
)  # fmt: skip
def test_messages(call, error, message):
    with pytest.raises(error, match=message):
        call()
