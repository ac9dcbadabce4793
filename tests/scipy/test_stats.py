"""Distributions against SciPy's: every function, at all ends, with derivatives and in halves."""

import math

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import errors
from functorch_lite.scipy import stats
from functorch_lite.testing import check_grads, check_vmap

scipy_stats = pytest.importorskip("scipy.stats")

POSITIVE = st.floats(0.3, 6.0)
UNIT = st.floats(0.05, 0.95)
CONTINUOUS = {
    "norm": [], "uniform": [], "expon": [], "laplace": [], "logistic": [], "cauchy": [],
    "gumbel_r": [], "gumbel_l": [],
    "gamma": [POSITIVE], "chi2": [POSITIVE], "beta": [POSITIVE, POSITIVE], "pareto": [POSITIVE],
    "t": [POSITIVE], "gennorm": [POSITIVE], "vonmises": [POSITIVE], "wrapcauchy": [UNIT],
    "truncnorm": [st.sampled_from([-3.0, -0.5, 1.5, -9.0]), st.sampled_from([2.0, 3.5, math.inf])],
}  # fmt: skip
DISCRETE = {
    "bernoulli": [UNIT], "binom": [st.integers(1, 9), UNIT], "geom": [UNIT],
    "betabinom": [st.integers(1, 9), POSITIVE, POSITIVE], "nbinom": [st.integers(1, 6), UNIT],
    "poisson": [POSITIVE],
}  # fmt: skip
METHODS = ("pdf", "logpdf", "cdf", "logcdf", "sf", "logsf", "ppf", "isf")
ODD = [np.nan, np.inf, -np.inf]
POINTS = np.array([-40.0, -3.0, -1.0, -0.2, 0.0, 0.3, 1.0, 1.7, 2.0, 5.0, 9.0, 60.0, *ODD])
QUANTILES = np.array([-0.5, 0.0, 1e-9, 0.2, 0.5, 0.8, 1.0, 1.5, np.nan])
FEW = settings(max_examples=12, deadline=None)


def agree(got, want, rtol=3e-12):
    np.testing.assert_allclose(np.asarray(got), want, rtol=rtol, atol=1e-300)


@pytest.mark.parametrize("name", CONTINUOUS)
@FEW
@given(st.data())
def test_continuous_ones_are_scipys(name, data):
    mine, theirs = getattr(stats, name), getattr(scipy_stats, name)
    shapes = [data.draw(s) for s in CONTINUOUS[name]]
    loc, scale = data.draw(st.sampled_from([(0.0, 1.0), (0.5, 2.0), (-3.0, 0.25)]))
    points = POINTS if name != "vonmises" else np.linspace(-3, 3, 9) * scale + loc
    for method in METHODS:
        if not hasattr(mine, method):
            continue
        at = QUANTILES if method in ("ppf", "isf") else points
        with np.errstate(all="ignore"):
            want = getattr(theirs, method)(at, *shapes, loc=loc, scale=scale)
        as_arrays = [np.array(v) for v in (*shapes, loc, scale)]
        got = getattr(mine, method)(at, *as_arrays)
        assert got.dtype == "float64"
        exact = 1e-9 if name == "truncnorm" or method in ("ppf", "isf") else 1e-11
        np.testing.assert_allclose(got, want, rtol=exact, atol=1e-13, err_msg=f"{method} {shapes}")


@pytest.mark.parametrize("name", DISCRETE)
@FEW
@given(st.data())
def test_discrete_ones_are_scipys(name, data):
    mine, theirs = getattr(stats, name), getattr(scipy_stats, name)
    shapes = [data.draw(s) for s in DISCRETE[name]]
    loc = data.draw(st.sampled_from([0, 2, -3]))
    at = np.array([-5.0, -1.0, 0.0, 0.5, 1.0, 2.0, 3.0, 7.0, 40.0, *ODD]) + loc
    for method in ("pmf", "logpmf", "cdf", "ppf"):
        if hasattr(mine, method):
            at = np.array([0.1, 0.5, 0.97, 1.0]) if method == "ppf" else at
            with np.errstate(all="ignore"):
                want = getattr(theirs, method)(at, *shapes, loc)
            got = getattr(mine, method)(at, *[np.array(float(s)) for s in shapes], loc)
            np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-14, err_msg=method)
    whole = getattr(mine, "pmf")(np.arange(loc, 400 + loc), *map(float, shapes), loc)  # noqa: B009
    assert float(whole.sum()) == pytest.approx(1, rel=1e-4)


@pytest.mark.parametrize("name", [*CONTINUOUS, *DISCRETE])
def test_derivatives_and_batches(name):
    mine = getattr(stats, name)
    shapes = {
        "beta": [1.5, 2.5], "truncnorm": [-1.0, 2.5], "binom": [4.0, 0.3], "wrapcauchy": [0.4],
        "betabinom": [5.0, 1.5, 2.0], "nbinom": [3.0, 0.4], "bernoulli": [0.3], "geom": [0.3],
    }.get(name, [2.2] * len(mine.shapes))  # fmt: skip
    shapes = [np.array(s) for s in shapes]
    if name in DISCRETE:
        at = np.array([1.0, 1.0])
        check_grads(lambda *s: mine.logpmf(at, *s), shapes)
        check_vmap(lambda k, *s: mine.logpmf(k, *s), [at, *shapes])
        return
    at = np.array([0.3, 0.8]) + 2 * (name == "pareto")
    for method in METHODS[: 6 if hasattr(mine, "cdf") else 2]:
        function = getattr(mine, method)
        np.testing.assert_allclose(fl.jit(function)(at, *shapes), function(at, *shapes), rtol=1e-9)
    check_grads(mine.logpdf, [at, *shapes, np.array(0.05), np.array(1.3)])
    check_vmap(mine.logpdf, [at, *shapes])
    if hasattr(mine, "logcdf"):
        check_grads(mine.logcdf, [at, *shapes, np.array(0.05), np.array(1.3)])


@pytest.mark.parametrize("name", ["expon", "beta", "gamma", "uniform", "truncnorm", "pareto"])
def test_no_nan_comes_from_outside_of_the_support(name):
    mine = getattr(stats, name)
    shapes = [np.array(s) for s in {"beta": [1.5, 2.5], "truncnorm": [-1.0, 1.0]}.get(
        name, [1.5] * len(mine.shapes))]  # fmt: skip
    for point in (-7.0, 7e5 if name in ("expon", "gamma") else -9.0):
        value, slopes = fl.value_and_grad(
            lambda x, *s: mine.pdf(x, *s) + mine.cdf(x, *s), tuple(range(1 + len(shapes)))
        )(np.array(point), *shapes)
        assert np.isfinite(value) and all(np.isfinite(s).all() for s in slopes)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_lower_precision(dtype):
    x = fnp.asarray(np.linspace(-3, 3, 13), dtype)
    exact = scipy_stats.norm.logpdf(np.asarray(x, "float64"), 0.5, 2.0)
    got = stats.norm.logpdf(x, 0.5, 2.0)
    assert got.dtype == x.dtype
    eps = float(fnp.finfo(dtype).eps)
    np.testing.assert_allclose(np.asarray(got, "float64"), exact, rtol=2 * eps)
    assert stats.poisson.pmf(fnp.arange(3), fnp.asarray(2.0, dtype)).dtype == dtype
    assert stats.norm.pdf(3).dtype == "float32" and stats.norm.pdf(fnp.zeros((0, 2))).shape == (
        0,
        2,
    )


def test_far_tails_have_digits():
    x = np.array([1e8, 1e100])
    agree(stats.cauchy.sf(x), 1 / (np.pi * x))
    agree(stats.t.logpdf(x, np.array(2.0)), scipy_stats.t.logpdf(x, 2.0), 1e-10)
    agree(stats.expon.logcdf(np.array([1e-20, 50.0])), [np.log(1e-20), -np.exp(-50.0)])
    agree(stats.norm.logsf(np.array([40.0])), scipy_stats.norm.logsf([40.0]))


QUICK = {"norm": ("logcdf",), "t": ("logpdf",), "laplace": ("ppf",)}


@pytest.mark.peers
@pytest.mark.parametrize(
    "chosen",
    [
        pytest.param(QUICK, id="quick"),
        pytest.param(dict.fromkeys(CONTINUOUS, METHODS), id="all", marks=pytest.mark.long),
    ],
)
def test_densities_are_jaxs(chosen):
    jax = pytest.importorskip("jax", exc_type=ImportError)
    jstats = pytest.importorskip("jax.scipy.stats", exc_type=ImportError)
    x = np.linspace(0.1, 0.9, 5, dtype="float32")
    for name, methods in chosen.items():
        mine, theirs = getattr(stats, name), getattr(jstats, name)
        shapes = {"beta": [1.5, 2.5], "truncnorm": [-1.0, 2.0], "wrapcauchy": [0.4]}.get(
            name, [2.0] * len(mine.shapes)
        )
        at = x + (name == "pareto")
        for method in methods:
            if not hasattr(theirs, method):
                continue
            want = jax.jit(getattr(theirs, method))(at, *shapes)
            got = getattr(mine, method)(at, *shapes)
            assert got.dtype == want.dtype
            np.testing.assert_allclose(got, want, rtol=2e-4, atol=1e-5, err_msg=f"{name}.{method}")


def test_arguments_are_named():
    with pytest.raises(TypeError, match=r"stats.beta.pdf\(x, a, b, loc=0, scale=1\): missing"):
        stats.beta.pdf(0.5, 1.0)
    with pytest.raises(TypeError, match="got an unexpected keyword argument 'sigma'"):
        stats.norm.pdf(0.5, sigma=1.0)
    with pytest.raises(TypeError, match="stats.norm.pdf: argument x must be an array"):
        stats.norm.pdf("text")
    with pytest.raises(errors.DtypeError, match="stats.norm.pdf: .* must be real"):
        stats.norm.pdf(1j)
    assert stats.norm.pdf(x=0.0, scale=2.0) == stats.norm.pdf(0.0, 0.0, 2.0)
    assert repr(stats.norm) == "<distribution norm>" and "normal" in stats.norm.__doc__
    assert "Source" in stats.norm.cdf.__doc__ and not hasattr(stats.t, "cdf")
