"""Arguments of distributions, constraints and transforms: what is taken, and what is said of it."""

import subprocess
import sys
import warnings

import pytest
from oracle import compare, ours, real, same
from test_torch_regressions import agree

CALLS = """
D.Normal(0., -1.)
D.Normal(t([0., 1.]), t([1., -1.]))
D.Normal(t([0.]), t([1.], dtype=T.float64))
D.Normal(T.zeros(2), T.ones(3))
D.Normal('a', 1)
D.Normal(0, 1)
D.Normal(t([0, 1]), 1).loc
D.Normal(0., 1.).log_prob(1.)
D.Normal(0., 1.).cdf(1.)
D.Normal(0., 1.).log_prob(t(float('nan')))
D.Normal(T.zeros(3), 1.).log_prob(T.zeros(2))
D.Normal(0., 1.).sample(2)
D.Normal(0., 1.).expand(2)
D.Normal(0., 1.).enumerate_support()
D.Normal(0., 1.).foo
D.Normal(0., 1.).perplexity()
D.Normal(0., 1.).sample_n(2).shape
D.Uniform(1., 0.)
D.Uniform(1., 0., validate_args=False)
D.Uniform(0., 1.).log_prob(t(2.))
D.Uniform(0., 1., validate_args=False).log_prob(t([2., 1., 0.]))
D.Uniform(0., 1., validate_args=False).cdf(t([2., -1., .5]))
D.Categorical()
D.Categorical(T.ones(3), T.ones(3))
D.Categorical(t(1.))
D.Categorical(logits=t(1.))
D.Categorical(t([-1., 2.]))
D.Categorical(t([0., 0.]))
D.Categorical(t([1, 1])).probs
D.Categorical(T.ones(3)).log_prob(t(3))
D.Categorical(T.ones(3)).log_prob(t(1.5))
D.Categorical(T.ones(2, 3)).log_prob(t([1, 2, 1]))
D.Categorical(T.ones(2, 3)).cdf(1)
D.Categorical(T.ones(2, 3)).rsample()
D.Categorical(t([1., 0.])).entropy()
D.Bernoulli()
D.Bernoulli(0.3)
D.Bernoulli(1.3)
D.Bernoulli(0.3).log_prob(t(0.5))
D.Bernoulli(t([0.5, 0.7, 0.1])).mode
D.Bernoulli(1)
D.Bernoulli(t([1., 0.])).entropy()
D.Geometric()
D.Geometric(0.)
D.Geometric(1.5)
D.Geometric(t([.3, 1.])).log_prob(t([2., 0.]))
D.OneHotCategorical(T.ones(3)).log_prob(t([1., 1., 0.]))
D.OneHotCategorical(T.ones(3)).log_prob(t([1., 0.]))
D.Independent(D.Normal(T.zeros(2, 3), 1.), 1)
D.Independent(D.Normal(T.zeros(2, 3), 1.), 3)
D.Independent(D.Bernoulli(T.ones(2, 3)), 1).enumerate_support()
D.Independent(D.Bernoulli(T.ones(2)), 0).enumerate_support()
D.MultivariateNormal(T.zeros(2))
D.MultivariateNormal(T.zeros(2), T.eye(2), T.eye(2))
D.MultivariateNormal(t(0.), T.eye(2))
D.MultivariateNormal(T.zeros(2), T.ones(2))
D.MultivariateNormal(T.zeros(2), scale_tril=T.ones(2))
D.MultivariateNormal(T.zeros(2), precision_matrix=T.ones(2))
D.MultivariateNormal(T.zeros(2), -T.eye(2))
D.MultivariateNormal(T.zeros(2), t([[1., 2.], [3., 4.]]))
D.MultivariateNormal(T.zeros(2), scale_tril=T.ones(2, 2))
D.MultivariateNormal(T.zeros(2), t([[2., .5], [.5, 1.]])).precision_matrix
D.MultivariateNormal(T.zeros(2), precision_matrix=2 * T.eye(2)).covariance_matrix
D.Poisson(3.).log_prob(t(0.5))
D.Poisson(-1.)
D.Poisson(2.).entropy()
D.Poisson(t([1, 2])).sample()
D.Binomial(3)
D.Binomial(3, 0.5)
D.Binomial(-1, t(.5))
D.Binomial(3, t(0.5)).log_prob(t(4.))
D.Binomial(3, t([0., 1.])).log_prob(t([0., 3.]))
D.Binomial(t([3., 2.]), t([.5, .5])).enumerate_support()
D.Binomial(t([3., 2.]), t([.5, .5])).entropy()
D.Multinomial(t(3), T.ones(2))
D.Multinomial(3, T.ones(2)).log_prob(t([2., 2.]))
D.Multinomial(3, t([1., 0.])).log_prob(t([3., 0.]))
D.Multinomial(3, T.ones(2)).mode
D.Gamma(-1., 2.)
D.Gamma(2., 1.).cdf(t(1.))
D.Dirichlet(t(1.))
D.Dirichlet(T.ones(3)).log_prob(T.ones(3))
D.Dirichlet(t([[.5, .2, .3], [.2, .5, .1]])).mode
D.Beta(t([.5, 2., 1., 3.]), t([.5, .5, 1., 2.])).mode
D.Beta(1., 2.).mean
D.StudentT(t([.5, 1., 1.5, 2., 3.])).mean
D.StudentT(t([.5, 1., 1.5, 2., 3.])).variance
D.HalfNormal(2., validate_args=False).log_prob(t([-1., 1.]))
D.HalfCauchy(2., validate_args=False).log_prob(t([-1., 1.]))
D.RelaxedBernoulli(t(0.5), 0.3).base_dist
D.RelaxedOneHotCategorical(t(0.5), t([1., 2.])).base_dist
D.MixtureSameFamily(D.Categorical(T.ones(2)), D.Normal(T.zeros(2), 1.))
D.MixtureSameFamily(D.Normal(T.zeros(2), 1.), D.Normal(T.zeros(2), 1.))
D.MixtureSameFamily(D.Categorical(T.ones(2)), 3)
D.MixtureSameFamily(D.Categorical(T.ones(3)), D.Normal(T.zeros(2), 1.))
D.MixtureSameFamily(D.Categorical(T.ones(3, 2)), D.Normal(T.zeros(2, 2), 1.))
D.MixtureSameFamily(D.Categorical(T.ones(2)), D.Uniform(T.zeros(2), 1.)).log_prob(t(2.))
D.TransformedDistribution(D.Normal(0., 1.), 3)
D.TransformedDistribution(D.Normal(0., 1.), [3])
D.TransformedDistribution(D.Normal(0., 1.), D.StickBreakingTransform())
D.TransformedDistribution(D.Normal(0., 1.), D.ExpTransform()).mean
D.TransformedDistribution(D.Normal(0., 1.), D.ExpTransform()).mode
D.TransformedDistribution(D.Normal(0., 1.), D.AbsTransform()).log_prob(t(1.))
D.TransformedDistribution(D.Normal(T.zeros(2), 1.), [D.StickBreakingTransform()]).base_dist
D.TransformedDistribution(D.Normal(T.zeros(2), 1.), [D.StickBreakingTransform()]).support
D.TransformedDistribution(D.Normal(T.zeros(2), 1.), D.AffineTransform(T.ones(3, 2), 1.)).base_dist
D.TransformedDistribution(D.Normal(T.zeros(2), 1.), []).support
D.TransformedDistribution(D.MultivariateNormal(T.zeros(2), T.eye(2)), D.ExpTransform()).support
D.Distribution(validate_args=False).mean
D.Distribution(T.Size([2]), validate_args=False).mode
D.Distribution.set_default_validate_args(3)
D.kl_divergence(D.Normal(0., 1.), D.Bernoulli(.5))
D.kl_divergence(D.Normal(0., 1.), 3)
D.kl_divergence(D.Binomial(3, t(.5)), D.Binomial(4, t(.5)))
D.kl_divergence(D.Binomial(5, t(.5)), D.Binomial(4, t(.5)))
D.kl_divergence(D.Bernoulli(t([1., 0., .5])), D.Bernoulli(t([1., 1., .5])))
D.kl_divergence(D.Categorical(t([1., 1.])), D.Categorical(t([1., 0.])))
D.kl_divergence(D.Categorical(t([1., 0.])), D.Categorical(t([1., 1.])))
D.kl_divergence(D.LogNormal(0., 2.), D.LogNormal(0., 1.))
D.kl_divergence(D.LogNormal(0., 2.), D.Gumbel(0., 1.))
D.kl_divergence(D.Independent(D.Normal(T.zeros(2), 1.), 1), D.Independent(D.Normal(0., 1.), 0))
D.kl_divergence(D.Poisson(2.), D.Binomial(3, t(.5)))
C.interval(0, 1)
C.interval(t([0., 1.]), t([1., 2.]))
C.independent(3, 1)
C.independent(C.real, -1)
C.independent(C.real, 2).check(T.ones(3))
C.real_vector
C.dependent.check(1)
C.dependent.event_dim
C.Constraint()
C.Constraint().check(1)
C.MixtureSameFamilyConstraint(C.real)
C.cat([C.real, C.positive]), C.stack([C.real, C.positive]), C.multinomial(3)
D.SigmoidTransform(cache_size=2)
D.ExpTransform().inv
D.ExpTransform().inv.inv
D.ComposeTransform([D.ExpTransform(), D.TanhTransform().inv]).inv
D.ComposeTransform([D.ExpTransform(), D.StickBreakingTransform()]).domain
D.AffineTransform(1., 2.) == D.AffineTransform(1., 2.)
D.AffineTransform(1., 2.) == D.AffineTransform(1., t([2., 3.]))
D.AffineTransform(1., -2.).sign, D.AffineTransform(t([1.]), t([2.])).sign
D.AbsTransform().sign
D.ReshapeTransform((2, 3), (5,))
D.ReshapeTransform((2, 3), (6,)).forward_shape((4, 3))
D.ReshapeTransform((2, 3), (6,)).forward_shape((1, 2, 3))
D.StickBreakingTransform().forward_shape((4, 3))
D.SoftmaxTransform().forward_shape(())
D.CorrCholeskyTransform().forward_shape((3,)), D.CorrCholeskyTransform().inverse_shape((3, 3))
D.CorrCholeskyTransform().forward_shape((4,))
D.transform_to(C.boolean)
D.transform_to(3)
D.transform_to(C.independent(C.positive, 1))
D.biject_to(C.interval(t(0.), t(2.)))
D.biject_to(C.unit_interval), D.biject_to(C.real), D.transform_to(C.lower_cholesky)
D.transform_to(C.cat([C.real, C.positive])), D.transform_to(C.stack([C.real, C.simplex]))
[R(C.independent(C.simplex, 1)).base_transform for R in (D.biject_to, D.transform_to)]
[R(C.cat([C.simplex])).transforms for R in (D.biject_to, D.transform_to)]
[R(C.stack([C.simplex])).transforms for R in (D.biject_to, D.transform_to)]
U.broadcast_all(1, 2.), U.broadcast_all(t([1]), 2.), U.broadcast_all()
U.clamp_probs(t([0., 1.])), U.probs_to_logits(t([0., 1.])), U.logits_to_probs(t([0., 1.]))
U.probs_to_logits(t([0., 1.]), is_binary=True), U.logits_to_probs(t([0., 1.]), is_binary=True)
U.tril_matrix_to_vec(T.arange(9).reshape(3, 3), -1), U.tril_matrix_to_vec(T.ones(2, 2), 1)
U.tril_matrix_to_vec(T.ones(2, 2), 2)
U.vec_to_tril_matrix(T.arange(6.)), U.vec_to_tril_matrix(T.arange(6.), -1)
U.vec_to_tril_matrix(T.arange(8.), 1), U.vec_to_tril_matrix(T.arange(5.))
""".strip().split("\n")


def answer(T, text):
    """What a call gives in words, or what it raises, and what is warned of."""
    D = T.distributions
    names = {"T": T, "D": D, "C": D.constraints, "U": D.utils, "t": T.tensor}
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        try:
            found = repr(eval(text, names))  # the texts are those above
        except Exception as error:
            found = f"{type(error).__name__}: {error}".replace("_LinAlgError", "LinAlgError")
    return found, [f"{w.category.__name__}: {w.message}" for w in heard]


@pytest.mark.parametrize("text", CALLS)
def test_answers(text):
    assert answer(ours, text) == answer(real, text)


def test_a_matrix_that_is_not_positive():
    def program(T):
        a = T.stack([T.eye(2), T.tensor([[1.0, 2.0], [2.0, 1.0]])])
        T.distributions.MultivariateNormal(T.zeros(2), a, validate_args=False)

    found = []
    for T in (ours, real):
        with pytest.raises(RuntimeError) as caught:
            program(T)
        found.append(str(caught.value))
    assert found[0] == found[1]


def test_a_class_without_constraints_and_support():
    def program(T):
        class Plain(T.distributions.Distribution):
            def log_prob(self, value):
                if self._validate_args:
                    self._validate_sample(value)
                return value

        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            found = Plain().log_prob(T.ones(2))
        return [found, *[str(w.message).split(" does")[1] for w in heard]]

    agree(program)


def test_a_subclass_must_say_how_it_is_expanded():
    def program(T):
        class Unit(T.distributions.Normal):
            def __init__(self):
                super().__init__(0.0, 1.0)

        try:
            Unit().expand((2,))
        except NotImplementedError as error:
            return str(error)

    agree(program)


def test_the_default_of_the_checks():
    def program(T):
        D = T.distributions
        D.Distribution.set_default_validate_args(False)
        try:
            return D.Normal(0.0, 1.0).log_prob(T.tensor(float("nan"))).isnan()
        finally:
            D.Distribution.set_default_validate_args(True)

    agree(program)


def test_lazy_attributes():
    def program(T):
        class Thing:
            calls = 0

            @T.distributions.utils.lazy_property
            def value(self):
                """Doc."""
                self.calls += 1
                return T.ones(1, requires_grad=True) * 2

        thing = Thing()
        with T.no_grad():
            first = thing.value
        is_property = isinstance(Thing.value, property)
        return [first, first is thing.value, thing.calls, is_property, Thing.value.__doc__]

    mine, theirs = program(ours), program(real)
    same(mine, theirs)


def test_own_divergences():
    def program(T):
        D = T.distributions

        class Base(D.Normal):
            pass

        class Further(Base):
            pass

        D.register_kl(Base, D.Normal)(lambda p, q: T.tensor(1.0))
        D.register_kl(D.Normal, Base)(lambda p, q: T.tensor(2.0))
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            found = [
                D.kl_divergence(Further(0.0, 1.0), D.Normal(0.0, 1.0)),
                D.kl_divergence(D.Normal(0.0, 1.0), Further(0.0, 1.0)),
                D.kl_divergence(Further(0.0, 1.0), Further(0.0, 1.0)),
            ]
        return [*found, *[str(w.message) for w in heard]]

    agree(program)


def test_scripts_pickle_them():
    text = """
import pickle, torch
from torch.distributions import Categorical, LogNormal, constraints
from torch.distributions.transforms import ExpTransform
from torch.distributions.utils import broadcast_all
d = pickle.loads(pickle.dumps([LogNormal(torch.zeros(2), 1.0), Categorical(torch.ones(3))]))
print(d, *[pickle.loads(pickle.dumps(x)) for x in (ExpTransform().inv, constraints.simplex)])
torch.distributions.Wishard
"""
    code = f"import functorch_lite.torch as T; T.install()\n{text}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    shown = "[LogNormal(), Categorical(probs: torch.Size([3]))]"
    assert done.stdout == f"{shown} _InverseTransform(ExpTransform()) Simplex()\n"
    assert "has no attribute 'Wishard'" in done.stderr


def test_samples_take_any_dtype_of_a_tensor():
    compare(lambda T: T.distributions.Normal(T.zeros(2), 1.0).log_prob(T.ones(2).double()))
