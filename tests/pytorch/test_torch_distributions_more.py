"""Rarer families of ``torch.distributions``: divergences, arguments, edges.

What every family answers is compared in ``test_torch_distributions.py``.
"""

import subprocess
import sys
import warnings

import numpy as np
import pytest
from distribution_cases import CASES
from oracle import compare, ours, real
from scipy import stats
from test_torch_distributions_arguments import answer
from test_torch_distributions_transforms import FAMILIES, PARAMETERS
from test_torch_regressions import agree


# ------------------------------------------------------------------------------------- divergences
def _low_rank(D, a, b):
    return D.LowRankMultivariateNormal(a, b.unsqueeze(-1) * a.new_tensor([[1.0, -0.3]]), b)


FURTHER = {
    "ContinuousBernoulli": (lambda D, a, b: D.ContinuousBernoulli(a.sigmoid()), 1),
    "GeneralizedPareto": (lambda D, a, b: D.GeneralizedPareto(a, b, 0.1), 2),
    "InverseGamma": (lambda D, a, b: D.InverseGamma(a.exp(), b), 2),
    "Kumaraswamy": (lambda D, a, b: D.Kumaraswamy(a.exp(), b), 2),
    "LowRankMultivariateNormal": (_low_rank, 2),
    "NegativeBinomial": (lambda D, a, b: D.NegativeBinomial(b, logits=a), 2),
    "Pareto": (lambda D, a, b: D.Pareto(a.exp(), b), 2),
    "VonMises": (lambda D, a, b: D.VonMises(a, b), 2),
    "Weibull": (lambda D, a, b: D.Weibull(a.exp(), b), 2),
    "Wishart": (lambda D, a, b: D.Wishart(b.sum(-1) + 3, scale_tril=b.diag_embed()), 1),
    # Inside of the unit interval, and around it.
    "NarrowUniform": (lambda D, a, b: D.Uniform(0.2 + a * 0.01, 0.7 + 0.01 * b), 2),
    "WiderUniform": (lambda D, a, b: D.Uniform(a - 3, a + b + 3), 2),
    "PositiveUniform": (lambda D, a, b: D.Uniform(a.exp() + 2, a.exp() + b + 3), 2),
}  # fmt: skip
ALL = FAMILIES | FURTHER


def divergence(p, q):
    """Compare the divergence of two families, with derivatives by the parameters."""
    make_p, make_q = ALL[p][0], ALL[q][0]

    def question(T, a, b, c, d):
        D = T.distributions
        return D.kl_divergence(make_p(D, a, b), make_q(D, c, d))

    compare(
        question, *PARAMETERS, names=False, strides=False, text=True, double=False, rtol=1e-6
    )  # fmt: skip


@pytest.mark.parametrize("p", sorted(FURTHER))
def test_divergences(p):
    for q in sorted(ALL):
        divergence(p, q)


@pytest.mark.parametrize("q", sorted(FURTHER))
def test_divergences_of_common_families(q):
    for p in sorted(FAMILIES):
        divergence(p, q)


@pytest.mark.parametrize("q", ["Exponential", "Gamma", "Normal", "Pareto"])
def test_divergences_of_tails_without_moments(q):
    def question(T, scale, alpha, x):
        D = T.distributions
        other = {
            "Exponential": lambda: D.Exponential(x), "Gamma": lambda: D.Gamma(2.0 * x, x),
            "Normal": lambda: D.Normal(-x, x), "Pareto": lambda: D.Pareto(x * 0.5, x),
        }[q]()  # fmt: skip
        return D.kl_divergence(D.Pareto(scale, alpha), other)

    alpha = np.array([0.5, 0.9, 1.5, 1.9, 2.5, 4.0])
    compare(question, np.array([[0.4], [0.9]]), alpha, np.array(1.3), names=False, strides=False)


@pytest.mark.parametrize("batches", [((), (2,)), ((2,), ()), ((3, 1), (2,))])
@pytest.mark.parametrize("kinds", ["LL", "LM", "ML"])
def test_divergences_of_vectors_broadcast(kinds, batches):
    rng = np.random.default_rng(0)
    args = []
    for kind, batch in zip(kinds, batches, strict=True):
        columns = 2 if kind == "L" else 4
        args += [rng.normal(size=(*batch, 4)), rng.normal(size=(*batch, 4, columns))]
        args.append(rng.uniform(0.5, 2.0, size=(*batch, 4)))

    def question(T, *args):
        D = T.distributions
        p, q = (
            D.LowRankMultivariateNormal(*each) if kind == "L" else D.MultivariateNormal(
                each[0], scale_tril=each[1].tril(-1) + each[2].diag_embed()
            )
            for kind, each in zip(kinds, (args[:3], args[3:]), strict=True)
        )  # fmt: skip
        return D.kl_divergence(p, q)

    compare(question, *args, names=False, strides=False)


# --------------------------------------------------------------------------------------- arguments
CALLS = """
D.ContinuousBernoulli()
D.ContinuousBernoulli(.3, .2)
D.ContinuousBernoulli(1.5)
D.ContinuousBernoulli(1.5, validate_args=True)
D.ContinuousBernoulli(1.5, validate_args=False)
D.ContinuousBernoulli(t([0., 1.])).probs
D.ContinuousBernoulli(.5).mean, D.ContinuousBernoulli(.5).variance, D.ContinuousBernoulli(.3).stddev
D.ContinuousBernoulli(.3).cdf(t(2.))
D.ContinuousBernoulli(.3, validate_args=False).cdf(t([-1., 0., .5, 1., 2.]))
D.ContinuousBernoulli(.3).icdf(t([0., .5, 1.]))
D.ContinuousBernoulli(.3).param_shape
D.ContinuousBernoulli(.3).mode
D.ExponentialFamily.entropy(D.ContinuousBernoulli(t([.2, .5, .9])))
D.FisherSnedecor(0., 1.)
D.FisherSnedecor(1., 1.).log_prob(t(0.))
D.FisherSnedecor(t([1., 2., 3.]), t([2., 4., 5.])).mean
D.FisherSnedecor(t([1., 2., 3.]), t([2., 4., 5.])).mode
D.FisherSnedecor(t([1., 2., 3.]), t([2., 4., 5.])).variance
D.FisherSnedecor(1., 1.).entropy()
D.GeneralizedPareto(0., -1., 1.)
D.GeneralizedPareto(0., 1., t([.1, .7, 1., 2.])).mean
D.GeneralizedPareto(0., 1., t([.1, .5, 1., 2.])).variance
D.GeneralizedPareto(0., 1., -.5).support
D.GeneralizedPareto(0., 1., t([-.5, .2])).log_prob(t(2.5))
D.GeneralizedPareto(0., 1., -1.).log_prob(t([0., .5, 1.]))
D.GeneralizedPareto(0., 1., t([-1., 0., .2])).log_survival_function(t(.5))
D.GeneralizedPareto(0., 1., t([-1., 0., .2])).log_cdf(t(.5))
D.GeneralizedPareto(0., 1., t(0., dtype=T.float64)).log_prob(t(.5))
D.GeneralizedPareto(0., 1., t(0., dtype=T.float64)).icdf(t(.5))
D.GeneralizedPareto(0., 1., .1).entropy()
D.InverseGamma(1., 0.)
D.InverseGamma(t([.5, 1., 1.5, 2., 3.]), 2.).mean
D.InverseGamma(t([.5, 1., 1.5, 2., 3.]), 2.).variance
D.InverseGamma(1., 1.).log_prob(t(-1.))
D.InverseGamma(1., 2.).transforms
D.Kumaraswamy(-1., 1.)
D.Kumaraswamy(t([.5, 2., 1., 3.]), t([2., .5, 1., 2.])).mode
D.Kumaraswamy(2., 2.).transforms
D.Kumaraswamy(2., 3.).has_rsample, D.Kumaraswamy(2., 3.).entropy()
D.LKJCholesky(1)
D.LKJCholesky(3, -1.)
D.LKJCholesky(3), D.LKJCholesky(3, t([1., 2.]))
D.LKJCholesky(2).log_prob(T.ones(2, 2))
D.LKJCholesky(3).log_prob(T.eye(2))
D.LKJCholesky(3).log_prob(T.eye(3))
D.LKJCholesky(3).mean
D.LKJCholesky(3).rsample()
D.LKJCholesky(2.5)
D.LowRankMultivariateNormal(t(0.), T.ones(1, 1), T.ones(1))
D.LowRankMultivariateNormal(T.zeros(2), T.ones(2), T.ones(2))
D.LowRankMultivariateNormal(T.zeros(2), T.ones(3, 1), T.ones(2))
D.LowRankMultivariateNormal(T.zeros(2), T.ones(2, 1), T.ones(3))
D.LowRankMultivariateNormal(T.zeros(3, 2), T.ones(2, 2, 1), T.ones(2))
D.LowRankMultivariateNormal(T.zeros(2), T.ones(2, 1), -T.ones(2))
D.LowRankMultivariateNormal(T.zeros(2), T.ones(2, 1), -T.ones(2) / 4)
D.LowRankMultivariateNormal(T.zeros(2), t([[1.], [.5]]), t([1., 2.])).covariance_matrix
D.LowRankMultivariateNormal(T.zeros(2), t([[1.], [.5]]), t([1., 2.])).precision_matrix
D.LowRankMultivariateNormal(T.zeros(2), t([[1.], [.5]]), t([1., 2.])).scale_tril
D.LowRankMultivariateNormal(T.zeros(2), t([[1.], [.5]]), t([1., 2.])).entropy()
D.MultivariateNormal(T.zeros(2), 2 * T.eye(2).double()).log_prob(T.ones(2))
D.MultivariateNormal(T.zeros(2), 2 * T.eye(2)).log_prob(T.ones(2).double())
D.kl_divergence(*[D.MultivariateNormal(x, x.diag()) for x in (T.ones(2), T.ones(2).double())])
D.kl_divergence(*[D.MultivariateNormal(x, x.diag()) for x in (T.ones(2).double(), T.ones(2))])
D.LowRankMultivariateNormal(T.ones(2), T.ones(2, 1), T.ones(2)).log_prob(T.ones(2).double())
D.NegativeBinomial(3)
D.NegativeBinomial(-1, t(.5))
D.NegativeBinomial(3, t(1.))
D.NegativeBinomial(3, .5).log_prob(t(.5))
D.NegativeBinomial(t([0., 0., 1.]), .5).log_prob(t([0., 1., 0.]))
D.NegativeBinomial(0, t(.5)).sample((3,))
D.NegativeBinomial(t([1, 2]), .5).total_count
D.NegativeBinomial(t([.5, 1., 3.]), .5).mode
D.NegativeBinomial(3, .5).param_shape, D.NegativeBinomial(3, .5).logits
D.NegativeBinomial(3, .5).entropy()
D.NegativeBinomial(t([1, 2]), t(.5)).total_count, D.Binomial(t([1, 2]), t(.5)).total_count
D.constraints.positive_semidefinite.check(T.stack([T.eye(2), 1 - T.eye(2)]))
D.constraints.positive_definite.check(T.stack([T.eye(2), 1 - T.eye(2)]))
D.Pareto(0., 1.)
D.Pareto(1., t([.5, 1., 2., 3.])).mean
D.Pareto(1., t([.5, 1., 2., 3.])).variance
D.Pareto(1., 2.).support
D.Pareto(1., 2.).log_prob(t(.5))
D.Pareto(1., 2.).cdf(t([1., 2.])), D.Pareto(1., 2.).icdf(t([.0, .5]))
D.VonMises(0., 0.)
D.VonMises(0., 1.), D.VonMises(t([0., 1.]), 1.).expand((3, 2))
D.VonMises(0., 1., validate_args=False).expand((2,))._validate_args
D.VonMises(0., t([1e-6, .1, 3.74, 3.76, 50.])).variance
D.VonMises(0., 1.).log_prob(t(float('nan')))
D.VonMises(0., 1.).rsample()
D.VonMises(0., 1.).sample((0, 2))
D.VonMises(0., 1.).entropy()
D.Weibull(1., 0.)
D.Weibull(1., t([.5, 1., 2.])).mode
D.Weibull(1., 2.).log_prob(t(0.))
D.Weibull(1., 2.).expand((2,)).transforms
D.Weibull(1., 2.).has_rsample
D.Wishart(3.)
D.Wishart(3., T.eye(2), T.eye(2))
D.Wishart(3., T.ones(2))
D.Wishart(1., T.eye(2))
D.Wishart(t([3., 1.]), T.eye(2))
D.Wishart(1.5, T.eye(2))
D.Wishart(3., -T.eye(2))
D.Wishart(3., scale_tril=T.ones(2, 2))
D.Wishart(3., T.eye(2)), D.Wishart(t([3., 4.]), T.eye(2)), D.Wishart(3, scale_tril=T.eye(2))
D.Wishart(3., T.eye(2)).arg_constraints
D.Wishart(t([2.5, 3., 4.]), T.eye(2)).mode
D.Wishart(3., T.eye(2).expand(2, 2, 2)).mean
D.Wishart(3., T.eye(2)).log_prob(-T.eye(2))
D.Wishart(3., T.eye(2), validate_args=False).log_prob(t([[0., 1.], [1., 0.]]))
D.ExponentialFamily.entropy(D.Wishart(3., T.eye(2)))
D.Wishart(3., T.eye(2)).sample().shape
D.Wishart(t([3., 4.]), T.eye(2)).sample((3,)).shape
D.kl_divergence(D.ContinuousBernoulli(.3), D.Uniform(0., 1.))
D.kl_divergence(D.ContinuousBernoulli(.3), D.Uniform(-1., 2.))
D.kl_divergence(D.Uniform(0., 1.), D.ContinuousBernoulli(.3))
D.kl_divergence(D.Uniform(.1, .9), D.ContinuousBernoulli(.3))
D.kl_divergence(D.Weibull(1., 2.), D.Weibull(1., 2.))
D.kl_divergence(*[D.LowRankMultivariateNormal(T.zeros(n), T.ones(n, 1), T.ones(n)) for n in (2, 3)])
D.kl_divergence(D.MultivariateNormal(T.zeros(2), T.eye(2)), D.LKJCholesky(2))
""".strip().split("\n")


@pytest.mark.parametrize("text", CALLS)
def test_answers(text):
    assert answer(ours, text) == answer(real, text)


def test_scripts_pickle_them():
    text = """
import pickle, torch
import torch.distributions as D
from torch.distributions.lowrank_multivariate_normal import LowRankMultivariateNormal
from torch.distributions.von_mises import VonMises
ds = [
    VonMises(0.0, 1.0), LowRankMultivariateNormal(torch.zeros(2), torch.ones(2, 1), torch.ones(2)),
    D.Weibull(1.0, 2.0), D.Wishart(3.0, torch.eye(2)), D.LKJCholesky(3), D.NegativeBinomial(2, 0.5),
]
again = pickle.loads(pickle.dumps(ds))
"""
    start = "import functorch_lite.torch as T; T.install()"
    code = f"{start}\n{text}\nprint(again)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    names = {}
    exec(text, names)  # here with PyTorch
    assert done.stdout == f"{names['again']}\n", done.stderr


@pytest.mark.parametrize("name", ["Weibull", "VonMises", "GeneralizedPareto", "LKJCholesky"])
def test_subclasses_are_expanded(name):
    make, params, _ = CASES[name]

    def program(T):
        class Own(getattr(T.distributions, name)):
            def mine(self):
                return 3

        args = [T.from_numpy(p) for p in params]
        d = Own(3, *args) if name == "LKJCholesky" else Own(*args)
        larger = d.expand((2, *d.batch_shape))
        return [larger.mine(), type(larger).__name__, tuple(larger.batch_shape)]

    agree(program)


# ----------------------------------------------------------------------------------------- samples
@pytest.mark.parametrize("concentration", [1e-9, 1e-6, 0.02, 1.0, 40.0, 1e4])
def test_angles_of_any_concentration(concentration):
    def program(T):
        T.manual_seed(5)
        d = T.distributions.VonMises(T.linspace(-4.0, 9.0, 40), concentration)
        return [d.sample((20,)), T.rand(1)]

    agree(program)


@pytest.mark.parametrize("dim", [2, 3, 9])
def test_correlations_of_any_size(dim):
    def question(T, concentration):
        T.manual_seed(6)
        d = T.distributions.LKJCholesky(dim, concentration)
        sample = d.sample((4,))
        return sample, d.log_prob(sample), T.rand(1)

    # Elements of the diagonal near zero lose digits.
    compare(question, np.array([[0.3], [2.0], [50.0]]), names=False, strides=False, rtol=1e-6)


def test_counts_of_large_rates():
    def program(T):
        T.manual_seed(7)
        d = T.distributions.NegativeBinomial(T.tensor([0.1, 5.0, 900.0]), logits=T.tensor(2.5))
        return [d.sample((30,)), T.rand(1)]

    agree(program)


@pytest.mark.parametrize("name", ["Wishart", "Wishart-precision", "Wishart-tril"])
def test_gradients_of_matrices_that_are_drawn_again(name):
    make, params, _ = CASES[name]

    def question(T, *params):
        T.manual_seed(8)
        d = make(T, *params)
        kept = d.rsample((3,), max_try_correction=0)
        # PyTorch draws all twice, and has a gradient of a plain draw only.
        if T is ours:
            return kept, d.rsample((3,)), T.rand(1)
        d._bartlett_sampling((3,))
        return kept, d._bartlett_sampling((3,)), T.rand(1)

    compare(question, *params, names=False, strides=False, double=False, rtol=2e-4)


@pytest.mark.parametrize("df", [4.0, [3.0, 9.0]])
@pytest.mark.parametrize("tries", [None, 2])
def test_matrices_outside_of_the_support_are_drawn_again(df, tries):
    def program(T):
        D = T.distributions

        class Large(D.constraints.Constraint):
            event_dim = 2

            def check(self, value):
                return value[..., 0, 0] > 8

        class Own(D.Wishart):
            support = Large()

        T.manual_seed(9)
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            found = Own(T.tensor(df), T.eye(3)).rsample((30,), max_try_correction=tries)
        return [found, T.rand(1), *[str(w.message) for w in heard]]

    agree(program)


def test_draws_follow_their_distribution():
    ours.manual_seed(10)
    D = ours.distributions
    for d, of in (
        (D.FisherSnedecor(5.0, 8.0), stats.f(5, 8)),
        (D.InverseGamma(3.0, 2.0), stats.invgamma(3, scale=2)),
        (D.GeneralizedPareto(1.0, 2.0, -0.4), stats.genpareto(-0.4, 1, 2)),
        (D.Weibull(2.0, 1.5), stats.weibull_min(1.5, scale=2)),
        (D.VonMises(0.5, 3.0), stats.vonmises(3.0, loc=0.5)),
    ):
        assert stats.kstest(d.sample((2000,)).numpy(), of.cdf).pvalue > 1e-3, d


def test_correlations_near_one_are_valid():
    ours.manual_seed(11)
    d = ours.distributions.LKJCholesky(4, 1e-4)
    sample = d.sample((300,))
    assert d.support.check(sample).all()
    assert d.log_prob(sample).isfinite().all()


# -------------------------------------------------------------------------------------- densities
def test_series_and_approximations_are_the_same():
    # In double precision, and far from where they are taken.
    def question(T, p, k, x):
        d = T.distributions.ContinuousBernoulli(p, lims=(0.1, 0.9))
        angles = T.distributions.VonMises(0.2, k)
        found = [d.log_prob(x), d.mean, d.variance, d._log_normalizer(p - 0.5)]
        return [*found, angles.log_prob(x), angles.variance]

    values = np.array([0.05, 0.2, 0.45, 0.7, 0.95])
    concentrations = np.array([0.1, 1.0, 3.7, 3.8, 30.0])
    compare(question, values, concentrations, values, names=False, strides=False)


def test_densities_sum_to_one():
    D = ours.distributions
    x = ours.linspace(0, 1, 20001, dtype=ours.float64)[1:-1]
    angle = ours.linspace(-3.14159265358979, 3.14159265358979, 2001, dtype=ours.float64)
    for d, points in (
        (D.ContinuousBernoulli(ours.tensor(0.499995)), x), (D.Kumaraswamy(2.0, 3.0), x),
        (D.VonMises(0.3, 2.0), angle),
    ):  # fmt: skip
        total = np.trapezoid(d.log_prob(points).exp().numpy(), points.numpy())
        assert total == pytest.approx(1, abs=1e-4)


def test_determinants_have_derivatives_of_any_order():
    def question(T, a, b):
        d = T.distributions.Wishart(b, a @ a.mT + T.eye(3), validate_args=False)
        return d.log_prob(a), d.log_prob(T.stack([a + 1, a @ a])), d.entropy()

    a = np.random.default_rng(2).normal(size=(3, 3))
    compare(question, a, np.array(4.3), names=False, strides=False, rtol=1e-9)
