"""Transforms, constraints and divergences of distributions beside PyTorch's, with gradients."""

import numpy as np
import pytest
from oracle import compare, ours
from scipy import special
from test_torch_regressions import agree

rng = np.random.default_rng(0)
REALS = rng.normal(size=(2, 3)).astype(np.float32)
SQUARE = rng.normal(size=(2, 3, 3)).astype(np.float32)
PAIRS = rng.normal(size=(2, 2)).astype(np.float32)

TRANSFORMS = {
    "abs": (lambda D, T: D.AbsTransform(), REALS),
    "affine": (lambda D, T: D.AffineTransform(T.tensor([1.0, 2.0, 3.0]), 2.0), REALS),
    "affine-vector": (lambda D, T: D.AffineTransform(1.0, T.tensor([1.0, -2.0, 3.0]), 1), REALS),
    "cat": (
        lambda D, T: D.CatTransform([D.ExpTransform(), D.TanhTransform()], -1, [1, 2]), REALS
    ),
    "cdf": (lambda D, T: D.CumulativeDistributionTransform(D.Normal(0.5, 2.0)), REALS),
    "compose": (
        lambda D, T: D.ComposeTransform([D.ExpTransform(), D.AffineTransform(0.1, 1.0),
                                         D.PowerTransform(T.tensor(0.5))]), REALS,
    ),
    "compose-shapes": (
        lambda D, T: D.ComposeTransform([D.ReshapeTransform((3,), (3, 1)), D.ExpTransform()]), REALS
    ),
    "compose-vector": (
        lambda D, T: D.ComposeTransform([D.TanhTransform(), D.StickBreakingTransform()]), REALS
    ),
    "corr-cholesky": (lambda D, T: D.CorrCholeskyTransform(), REALS),
    "exp": (lambda D, T: D.ExpTransform(), REALS),
    "exp-inverse": (lambda D, T: D.ExpTransform().inv, np.exp(REALS)),
    "identity": (lambda D, T: D.identity_transform, REALS),
    "independent": (lambda D, T: D.IndependentTransform(D.ExpTransform(), 1), REALS),
    "lower-cholesky": (lambda D, T: D.LowerCholeskyTransform(), SQUARE),
    "positive-definite": (lambda D, T: D.PositiveDefiniteTransform(), SQUARE),
    "power": (lambda D, T: D.PowerTransform(1.5), np.exp(REALS)),
    "reshape": (lambda D, T: D.ReshapeTransform((3,), (3, 1)), REALS),
    "sigmoid": (lambda D, T: D.SigmoidTransform(), REALS),
    "softmax": (lambda D, T: D.SoftmaxTransform(), REALS),
    "softplus": (lambda D, T: D.SoftplusTransform(), REALS),
    "stack": (
        lambda D, T: D.StackTransform([D.ExpTransform(), D.SigmoidTransform()], 0), REALS
    ),
    "stick-breaking": (lambda D, T: D.StickBreakingTransform(), REALS),
    "tanh": (lambda D, T: D.TanhTransform(), REALS),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(TRANSFORMS))
@pytest.mark.parametrize("cache_size", [0, 1])
def test_transforms(name, cache_size):
    make, x = TRANSFORMS[name]

    def there(T, x):
        transform = make(T.distributions, T)
        if name != "corr-cholesky":  # it has no equality
            assert transform == make(T.distributions, T) or name in ("cdf", "cat", "stack")
        return transform.with_cache(cache_size)(x)

    def back(T, x):
        transform = make(T.distributions, T).with_cache(cache_size)
        y = transform(x)
        again = transform.inv(y)
        assert (again is x) == (cache_size == 1 and not name.startswith("compose")) or (
            name in ("abs", "identity") or name.startswith("compose")
        )
        return again

    def slope(T, x):
        transform = make(T.distributions, T).with_cache(cache_size)
        return transform.log_abs_det_jacobian(x, transform(x))

    for question in (there, back, slope):
        compare(question, x, names=False, strides=False, rtol=1e-4)


@pytest.mark.parametrize("name", sorted(TRANSFORMS))
def test_what_transforms_say(name):
    make, x = TRANSFORMS[name]

    def program(T):
        transform = make(T.distributions, T)
        shape = T.Size(x.shape)
        there = transform.forward_shape(shape)
        return [
            repr(transform), repr(transform.inv), str(transform.domain), str(transform.codomain),
            bool(transform.bijective), transform.domain.event_dim, transform.codomain.event_dim,
            tuple(there), tuple(transform.inverse_shape(there)), transform.inv.inv is transform,
        ]  # fmt: skip

    agree(program)


CONSTRAINTS = [
    "C.boolean", "C.one_hot", "C.integer_interval(0, 2)", "C.nonnegative_integer", "C.real",
    "C.positive_integer", "C.positive", "C.nonnegative", "C.greater_than_eq(0.5)",
    "C.less_than(1.0)", "C.interval(-0.5, 1.0)", "C.half_open_interval(0.0, 1.0)", "C.simplex",
    "C.multinomial(2)", "C.lower_triangular", "C.lower_cholesky", "C.corr_cholesky", "C.square",
    "C.symmetric", "C.positive_semidefinite", "C.positive_definite", "C.real_vector",
    "C.cat([C.real, C.positive], -1, [1, 1])", "C.stack([C.simplex, C.one_hot], -2)",
    "C.MixtureSameFamilyConstraint(C.positive)", "C.independent(C.positive, 2)",
]  # fmt: skip
MATRICES = [
    [[1.0, 0.0], [0.6, 0.8]], [[1.0, 0.0], [0.0, 1.0]], [[2.0, 0.5], [0.5, 1.0]],
    [[1.0, 2.0], [2.0, 1.0]], [[0.0, 0.0], [0.0, 0.0]], [[0.3, 0.7], [1.0, 0.0]],
    [[float("nan"), 1.0], [-1.0, 3.0]], [[2.0, -1.0], [0.0, 1.0]],
]  # fmt: skip


@pytest.mark.parametrize("text", CONSTRAINTS)
def test_constraints(text):
    def program(T):
        C = T.distributions.constraints
        constraint = eval(text, {"C": C})
        return [
            *[constraint.check(T.tensor(m)) for m in MATRICES], constraint.check(T.ones(2, 3)),
            repr(constraint), constraint.is_discrete, constraint.event_dim,
        ]  # fmt: skip

    agree(program)


@pytest.mark.parametrize("text", CONSTRAINTS)
@pytest.mark.parametrize("registry", ["biject_to", "transform_to"])
def test_numbers_are_brought_into_constraints(text, registry):
    x = SQUARE[:, :2, :2]

    def question(T, x):
        constraint = eval(text, {"C": T.distributions.constraints})
        return getattr(T.distributions, registry)(constraint)(x)

    if text == "C.corr_cholesky":
        x = REALS
    compare(question, x, names=False, strides=False, text=True)


FAMILIES = {
    "Bernoulli": (lambda D, a, b: D.Bernoulli(a.sigmoid()), 1),
    "Beta": (lambda D, a, b: D.Beta(a.exp(), b), 2),
    "Binomial": (lambda D, a, b: D.Binomial(3, a.sigmoid()), 1),
    "Categorical": (lambda D, a, b: D.Categorical(logits=a), 1),
    "Cauchy": (lambda D, a, b: D.Cauchy(a, b), 2),
    "Dirichlet": (lambda D, a, b: D.Dirichlet(a.exp()), 1),
    "Exponential": (lambda D, a, b: D.Exponential(b), 1),
    "Gamma": (lambda D, a, b: D.Gamma(a.exp(), b), 2),
    "Geometric": (lambda D, a, b: D.Geometric(a.sigmoid()), 1),
    "Gumbel": (lambda D, a, b: D.Gumbel(a, b), 2),
    "HalfNormal": (lambda D, a, b: D.HalfNormal(b), 1),
    "Independent": (lambda D, a, b: D.Independent(D.Normal(a, b), 1), 2),
    "Laplace": (lambda D, a, b: D.Laplace(a, b), 2),
    "LogNormal": (lambda D, a, b: D.LogNormal(a, b), 2),
    "MultivariateNormal": (
        lambda D, a, b: D.MultivariateNormal(a, scale_tril=b.diag_embed() + 0.1 * b.diag_embed(-1)[
            ..., :-1, :-1]), 2
    ),
    "Normal": (lambda D, a, b: D.Normal(a, b), 2),
    "OneHotCategorical": (lambda D, a, b: D.OneHotCategorical(logits=a), 1),
    "Poisson": (lambda D, a, b: D.Poisson(b), 1),
    "Uniform": (lambda D, a, b: D.Uniform(a, a + b), 2),
    "UnitUniform": (lambda D, a, b: D.Uniform(a.sigmoid() * 0.5, 0.5 + 0.1 * b), 2),
    "WideUniform": (lambda D, a, b: D.Uniform(a - 5, a + b + 9), 2),
}  # fmt: skip
PARAMETERS = [
    np.array([[0.3, -0.5, 0.8], [1.0, 0.2, -0.4]]), np.array([0.7, 1.5, 2.1]),
    np.array([0.1, 0.4, -1.2]), np.array([[1.3], [0.8]]) * np.ones(3),
]  # fmt: skip


@pytest.mark.parametrize("p", sorted(FAMILIES))
def test_divergences(p):
    make_p = FAMILIES[p][0]
    for q in sorted(FAMILIES):
        make_q = FAMILIES[q][0]

        def question(T, a, b, c, d, make_q=make_q):
            D = T.distributions
            return D.kl_divergence(make_p(D, a, b), make_q(D, c, d))

        a, b, c, d = PARAMETERS
        if p == q == "Bernoulli":
            c = c * np.ones_like(a)  # PyTorch's cannot broadcast
        compare(question, a, b, c, d, names=False, strides=False, text=True, rtol=1e-6)


def test_factors_have_derivatives_of_any_order():
    def question(T, a, b, x):
        D = T.distributions
        d = D.MultivariateNormal(b, a @ a.mT + T.eye(3))
        return d.log_prob(x), d.scale_tril, d.precision_matrix

    compare(question, SQUARE.astype(float), REALS.astype(float), REALS.astype(float)[0],
            names=False, strides=False)  # fmt: skip


def test_derivatives_by_a_covariance_are_symmetric():
    def question(T, covariance, b):
        return T.distributions.MultivariateNormal(b, covariance).log_prob(2 * b)

    covariance = SQUARE[0].astype(float) @ SQUARE[0].astype(float).T + np.eye(3)
    compare(question, covariance, REALS[0].astype(float), names=False, strides=False)


def test_gradients_of_gamma_samples_are_those_of_quantiles():
    a = ours.tensor([0.3, 1.0, 4.0, 30.0], dtype=ours.float64, requires_grad=True)
    ours.manual_seed(0)
    x = ours.distributions.Gamma(a, 1.0).rsample()
    (slope,) = ours.autograd.grad(x.sum(), a, create_graph=True)
    shapes, values = a.detach().numpy(), x.detach().numpy()
    share = special.gammainc(shapes, values)
    step = 1e-5 * shapes
    expected = special.gammaincinv(shapes + step, share) - special.gammaincinv(shapes - step, share)
    np.testing.assert_allclose(slope.detach().numpy(), expected / (2 * step), rtol=1e-6)
    with pytest.raises(NotImplementedError, match="_standard_gamma_grad"):
        slope.sum().backward()
