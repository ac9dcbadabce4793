"""The derivative of a gamma variable by its shape, against the quantile that it is."""

import numpy as np
import pytest
from scipy import special, stats

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import random
from functorch_lite.random.gamma_slope import log_slope
from functorch_lite.random.special import digamma, log_gamma

KEY = random.key(99)
QUANTILES = np.asarray([1e-3, 0.02, 0.3, 0.5, 0.8, 0.99])


def quantile_slope(a, q):
    h = a * 1e-4
    ppf = stats.gamma.ppf
    near, far = ppf(q, a + h) - ppf(q, a - h), ppf(q, a + 2 * h) - ppf(q, a - 2 * h)
    return (8 * near - far) / (12 * h)


@pytest.mark.parametrize("a", [0.3, 0.9, 1.0, 1.5, 3.0, 20.0, 300.0, 1e4, 5e5, 2e6])
def test_it_is_the_derivative_of_the_quantile(a):
    x = stats.gamma.ppf(QUANTILES, a)
    found = x * np.asarray(log_slope(fnp.full(6, a, "float64"), fnp.asarray(np.log(x))))
    np.testing.assert_allclose(found, quantile_slope(a, QUANTILES), rtol=2e-7)


@pytest.mark.parametrize("a", [1e-3, 0.05, 0.3])
def test_far_below_the_smallest_float(a):
    # There F(x) = x**a / Gamma(a + 1), so that log x = (log q + log Gamma(a + 1)) / a.
    log_x = fnp.asarray([-50.0, -1e3, -1e5], "float64")
    wanted = (special.digamma(a + 1) - np.asarray(log_x)) / a
    np.testing.assert_allclose(log_slope(fnp.full(3, a, "float64"), log_x), wanted, rtol=1e-12)


def test_where_there_is_no_derivative():
    a = fnp.asarray([np.nan, -1.0, 0.0, 2.0, 2.0, np.inf])
    log_x = fnp.asarray([0.0, 0.0, 0.0, np.nan, np.inf, 0.0])
    assert np.isnan(np.asarray(log_slope(a, log_x))).all()
    assert log_slope(a.astype("float16"), log_x.astype("float16")).dtype == fnp.float16


def test_it_differentiates_a_sample():
    shapes = fnp.asarray(np.repeat([0.5, 2.0, 30.0], 40), "float64")
    sample = np.asarray(random.gamma(KEY, shapes, dtype="float64"))
    wanted = quantile_slope(np.asarray(shapes), stats.gamma.cdf(sample, shapes))
    for form in (lambda f: f, fl.jit):
        slopes = form(fl.grad(lambda a: random.gamma(KEY, a, dtype="float64").sum()))(shapes)
        np.testing.assert_allclose(slopes, wanted, rtol=1e-6)
        logs = form(fl.grad(lambda a: random.loggamma(KEY, a, dtype="float64").sum()))(shapes)
        np.testing.assert_allclose(logs, wanted / sample, rtol=1e-6)
    _, forward = fl.jvp(
        lambda a: random.gamma(KEY, a, dtype="float64"), (shapes,), (fnp.ones_like(shapes),)
    )
    np.testing.assert_allclose(forward, wanted, rtol=1e-6)


def test_batches_of_derivatives():
    keys, shapes = random.split(KEY, 3), fnp.asarray([0.5, 2.0, 30.0])
    slope = fl.grad(lambda a, key: random.gamma(key, a, (4,)).sum())
    mapped = fl.vmap(slope)(shapes, keys)
    wanted = [slope(a, key) for a, key in zip(shapes, keys, strict=True)]
    np.testing.assert_allclose(mapped, np.stack(wanted), rtol=1e-5)


def test_expectations_differentiate():
    # E[x] = a and E[log x] = digamma(a), so that the mean slopes are 1 and trigamma(a).
    a, n = fnp.asarray(1.7, "float64"), 20_000
    by_mean = fl.grad(lambda a: random.gamma(KEY, a, (n,), "float64").mean())(a)
    by_log = fl.grad(lambda a: random.loggamma(KEY, a, (n,), "float64").mean())(a)
    assert float(by_mean) == pytest.approx(1, abs=0.02)
    assert float(by_log) == pytest.approx(special.polygamma(1, 1.7), abs=0.02)


def test_second_derivatives():
    a, x, h = fnp.asarray([0.6, 3.0, 3.0]), np.asarray([0.4, 2.0, 5.5]), 1e-4
    a, log_x = a.astype("float64"), fnp.asarray(np.log(x))
    for argnum in (0, 1):

        def moved(by, argnum=argnum):
            return log_slope(*[v + by if i == argnum else v for i, v in enumerate((a, log_x))])

        numeric = (np.asarray(moved(h)) - np.asarray(moved(-h))) / (2 * h)
        exact = fl.grad(lambda *args: log_slope(*args).sum(), argnums=argnum)(a, log_x)
        np.testing.assert_allclose(exact, numeric, rtol=1e-5)


def test_log_gamma_and_digamma():
    x = np.geomspace(0.5, 1e6, 200)
    np.testing.assert_allclose(
        log_gamma(fnp.asarray(x)), special.gammaln(x), rtol=1e-13, atol=1e-14
    )
    x = np.geomspace(1e-6, 1e6, 200)
    np.testing.assert_allclose(digamma(fnp.asarray(x)), special.digamma(x), rtol=1e-12, atol=1e-14)
