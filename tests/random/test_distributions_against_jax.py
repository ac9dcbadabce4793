"""Every distribution gives JAX's numbers: equal integers, floats to rounding."""

import numpy as np
import pytest

import functorch_lite as fl
from functorch_lite import random

jax = pytest.importorskip("jax", exc_type=ImportError)
pytestmark = pytest.mark.peers

SINGLE, DOUBLE, HALF, BRAIN = "float32", "float64", "float16", "bfloat16"


def a(values, dtype):
    return np.asarray(values).astype(jax.numpy.dtype(dtype))


PLAIN = {
    "exponential": lambda r, k, d: r.exponential(k, (500,), d),
    "laplace": lambda r, k, d: r.laplace(k, (500,), d),
    "logistic": lambda r, k, d: r.logistic(k, (500,), d),
    "cauchy": lambda r, k, d: r.cauchy(k, (500,), d),
    "maxwell": lambda r, k, d: r.maxwell(k, (500,), d),
    "pareto": lambda r, k, d: r.pareto(k, a([0.5, 2.0], d), (200, 2), d),
    "rayleigh": lambda r, k, d: r.rayleigh(k, a([0.5, 2.0], d), (200, 2), d),
    "weibull_min": lambda r, k, d: r.weibull_min(k, a(0.5, d), a(3.0, d), (200,), d),
    "triangular": lambda r, k, d: r.triangular(k, a(-1, d), a([0, 0.5], d), a(2, d), (200, 2), d),
    "lognormal": lambda r, k, d: r.lognormal(k, a([0.5, 2.0], d), (200, 2), d),
    "wald": lambda r, k, d: r.wald(k, a([0.5, 2.0], d), (200, 2), d),
    "gumbel high": lambda r, k, d: r.gumbel(k, (500,), d, "high"),
    "gumbel highest": lambda r, k, d: r.gumbel(k, (500,), d, "highest"),
}
BY_GAMMA = {
    "gamma": lambda r, k, d: r.gamma(k, a([0.05, 0.7, 1.0, 2.5, 200], d), (100, 5), d),
    "loggamma": lambda r, k, d: r.loggamma(k, a([0.05, 0.7, 1.0, 2.5, 200], d), (100, 5), d),
    "beta": lambda r, k, d: r.beta(k, a([0.05, 0.5, 30], d), a([0.1, 5.0, 20], d), (100, 3), d),
    "chisquare": lambda r, k, d: r.chisquare(k, a([0.5, 3.0], d), (100, 2), d),
    "f": lambda r, k, d: r.f(k, a([3.0, 5.0], d), a([8.0, 2.0], d), dtype=d),
    "t": lambda r, k, d: r.t(k, a([3.0, 5.0], d), (100, 2), d),
    "dirichlet": lambda r, k, d: r.dirichlet(k, a([0.2, 1.0, 5.0], d), (100,), d),
}
WITH_SIGNS = {
    "rademacher": lambda r, k, d: r.rademacher(k, (500,), d),
    "generalized_normal": lambda r, k, d: r.generalized_normal(k, 3.0, (500,), d),
    "ball": lambda r, k, d: r.ball(k, 3, 2.0, (100,), d),
    "double_sided_maxwell": lambda r, k, d: r.double_sided_maxwell(
        k, a(0.5, d), a([1, 2], d), (50,), d
    ),
    "double_sided_maxwell ()": lambda r, k, d: r.double_sided_maxwell(
        k, a(0, d), a([1, 2], d), (), d
    ),
}
MATRICES = {
    "orthogonal": lambda r, k, d: r.orthogonal(k, 4, (5,), d),
    "orthogonal, tall": lambda r, k, d: r.orthogonal(k, 5, (2,), d, m=3),
    "orthogonal, wide": lambda r, k, d: r.orthogonal(k, 3, (), d, 5),
    "multivariate_normal": lambda r, k, d: r.multivariate_normal(
        k, a([1, 2, 3], d), a(np.eye(3) * 2 + 0.5, d), (100,), d
    ),
}
COUNTS = {
    "binomial": lambda r, k, d: r.binomial(
        k, a([3, 10, 40, 900, 0], d), a([0.3, 0.9, 0.4, 0.7, 0.5], d), (300, 5), d
    ),
    "binomial of what is no number": lambda r, k, d: r.binomial(
        k,
        a([np.nan, -1, 5, 5, np.inf, 5, 0], d),
        a([0.5, 0.5, np.nan, -0.1, 0.5, 1.5, 0.5], d),
        dtype=d,
    ),
    "multinomial": lambda r, k, d: r.multinomial(
        k, a([20, 300], d), a([[0.2, 0.3, 0.5], [0.1, 0.0, 0.9]], d), dtype=d
    ),
    "geometric": lambda r, k, d: r.geometric(k, a([0.1, 0.5, 1.0], d), (300, 3)),
    "bernoulli high": lambda r, k, d: r.bernoulli(k, a([1e-3, 0.5], d), (500, 2), "high"),
    "choice high": lambda r, k, d: r.choice(
        k, 4, (3,), False, a([0.1, 0.4, 0.3, 0.2], d), 0, "high"
    ),
}
# Relative to the dtype's step: XLA's logarithms in float64 are some hundred steps off, and what is
# left of a difference of two numbers has the rounding of those.
STEPS = {SINGLE: 2000, DOUBLE: 4000, HALF: 8, BRAIN: 2}


def quick(cases, names):
    """Cases of which JAX takes seconds to compile each: a few always, the others with the long."""
    return [c if c in names else pytest.param(c, marks=pytest.mark.long) for c in cases]


def compare(draw, dtype, seed=7):
    theirs = np.asarray(draw(jax.random, jax.random.PRNGKey(seed), jax.numpy.dtype(dtype)))
    ours = np.asarray(draw(random, random.key(seed), jax.numpy.dtype(dtype)))
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype
    if ours.dtype.kind in "iub":
        np.testing.assert_array_equal(ours, theirs)
        return
    step = float(fl.numpy.finfo(dtype).eps) * STEPS[dtype]
    ours, theirs = ours.astype("float64"), theirs.astype("float64")
    np.testing.assert_allclose(ours, theirs, rtol=step, atol=step)


@pytest.mark.parametrize("dtype", quick([SINGLE, DOUBLE, HALF, BRAIN], [SINGLE]))
@pytest.mark.parametrize("name", PLAIN)
def test_made_of_uniform_and_normal_numbers(name, dtype):
    with jax.enable_x64(True):
        compare(PLAIN[name], dtype)


@pytest.mark.parametrize("dtype", quick([SINGLE, DOUBLE, BRAIN], [SINGLE]))
@pytest.mark.parametrize("name", quick(BY_GAMMA, ["gamma"]))
def test_made_of_gamma_variables(name, dtype):
    with jax.enable_x64(True):
        compare(BY_GAMMA[name], dtype)


@pytest.mark.parametrize("dtype", quick([SINGLE, DOUBLE], [SINGLE]))
@pytest.mark.parametrize("name", quick(WITH_SIGNS, ["rademacher", "double_sided_maxwell"]))
def test_made_with_signs(name, dtype):
    # JAX draws signs in its default precision, here in that of the dtype.
    with jax.enable_x64(dtype == DOUBLE):
        compare(WITH_SIGNS[name], dtype)


def test_signs_by_default():
    with jax.enable_x64(True):
        compare(lambda r, k, d: r.rademacher(k, (100,)), DOUBLE)
    with jax.enable_x64(False):
        compare(lambda r, k, d: r.rademacher(k, (100,), "int32"), SINGLE)


@pytest.mark.parametrize("dtype", quick([SINGLE, DOUBLE], [SINGLE]))
@pytest.mark.parametrize("name", quick(MATRICES, ["orthogonal, wide", "multivariate_normal"]))
def test_matrices(name, dtype):
    with jax.enable_x64(True):
        compare(MATRICES[name], dtype)


@pytest.mark.parametrize("dtype", quick([SINGLE, DOUBLE], [SINGLE]))
@pytest.mark.parametrize("name", quick(COUNTS, ["binomial", "geometric", "bernoulli high"]))
def test_counts(name, dtype):
    with jax.enable_x64(True):
        compare(COUNTS[name], dtype)


@pytest.mark.parametrize("dtype", quick(["int8", "int32", "int64"], ["int32"]))
def test_poisson(dtype):
    rates = np.float32([0, 0.5, 3, 9.9, 10, 30, 60, np.nan, -1])
    if dtype != "int8":
        rates = np.append(rates, np.float32([300, 2000, 1e30]))
    with jax.enable_x64(True):
        theirs = jax.random.poisson(jax.random.PRNGKey(3), rates, (300, rates.size), dtype)
    ours = random.poisson(random.key(3), rates, (300, rates.size), dtype)
    np.testing.assert_array_equal(ours, theirs)
    assert ours.dtype == dtype


@pytest.mark.parametrize("axis", quick([0, 1, -1], [0]))
def test_categories_without_replacement(axis):
    logits = np.random.default_rng(0).standard_normal((4, 6, 5)).astype("float32")
    shape = (3, *np.delete(logits.shape, axis))
    theirs = jax.random.categorical(jax.random.PRNGKey(5), logits, axis, shape, replace=False)
    ours = random.categorical(random.key(5), logits, axis, shape, replace=False)
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("mode", ["high", "highest"])
def test_categories_by_better_noise(mode):
    logits = np.random.default_rng(0).standard_normal((4, 6)).astype("float32")
    theirs = jax.random.categorical(jax.random.PRNGKey(5), logits, shape=(50, 4), mode=mode)
    ours = random.categorical(random.key(5), logits, shape=(50, 4), mode=mode)
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("log_space", quick([False, True], [False]))
@pytest.mark.parametrize("dtype", quick([SINGLE, DOUBLE], [DOUBLE]))
def test_the_derivative_of_a_gamma_variable(dtype, log_space):
    shapes = np.repeat(np.asarray([0.05, 0.7, 1.0, 2.5, 40.0, 3000.0], dtype), 20)
    name = "loggamma" if log_space else "gamma"

    def total(r, key):
        return lambda s: getattr(r, name)(key, s, None, dtype).sum()

    with jax.enable_x64(True):
        theirs = np.asarray(jax.grad(total(jax.random, jax.random.PRNGKey(1)))(shapes))
    key = random.key(1)
    ours = np.asarray(fl.grad(total(random, key))(fl.numpy.asarray(shapes)))
    # JAX adds its sums up in the dtype of the sample, and reads smaller samples as the smallest
    # normal number.
    tolerance = 3e-3 if dtype == SINGLE else 1e-7
    large = np.asarray(random.loggamma(key, shapes, None, dtype)) > np.log(np.finfo(dtype).tiny)
    assert large.mean() > 0.9
    np.testing.assert_allclose(ours[large], theirs[large], rtol=tolerance, atol=tolerance)


DIFFERENTIABLE = ["beta", "t", "dirichlet", "chisquare", "wald", "pareto"]


@pytest.mark.parametrize("name", quick(DIFFERENTIABLE, ["wald", "pareto"]))
def test_derivatives_by_parameters(name):
    parameters = {"beta": (0.7, 3.0), "dirichlet": ([0.5, 2.0, 3.0],)}.get(name, (2.5,))
    parameters = [np.asarray(p, DOUBLE) for p in parameters]
    weights = np.random.default_rng(1).standard_normal((20, 3))

    def total(r, key, *p):
        sample = getattr(r, name)(key, *p, (20,), DOUBLE)
        return (sample.reshape(20, -1) * weights[:, : sample.size // 20]).sum()

    argnums = tuple(range(len(parameters)))
    with jax.enable_x64(True):
        key = jax.random.PRNGKey(2)
        theirs = jax.grad(lambda *p: total(jax.random, key, *p), argnums)(*parameters)
    ours = fl.grad(lambda *p: total(random, random.key(2), *p), argnums)(
        *map(fl.numpy.asarray, parameters)
    )
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-6, atol=1e-8)


def test_keys_as_words():
    with jax.enable_x64(True):
        theirs = jax.random.key_data(jax.random.key(2**40 + 3))
    np.testing.assert_array_equal(random.key_data(random.key(2**40 + 3)), theirs)
    keys = random.split(random.key(0), 3)
    np.testing.assert_array_equal(random.wrap_key_data(random.key_data(keys)), keys)
    np.testing.assert_array_equal(random.clone(keys), keys)
