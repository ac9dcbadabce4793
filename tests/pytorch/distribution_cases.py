"""Distributions of every family, with values at which to ask them, for both packages."""

from __future__ import annotations

import numpy as np

F32 = np.float32


def array(*values):
    """The values in single precision."""
    return np.array(values, F32)


_LOC = array([0.3], [-1.2])
_SCALE = array(0.7, 1.5, 2.0)
_WEIGHTS = array([0.2, 0.5, 1.3], [2.0, 0.1, 0.4])
_LOGITS = array([0.2, -0.5, 1.3], [2.0, -0.1, 0.4])
_CHANCES = array(0.2, 0.5, 0.9)
_REALS = array([0.1, -0.4, 2.5], [1.1, 0.3, -2.0])
_POSITIVE = array([0.1, 0.4, 2.5], [1.1, 0.3, 2.0])
_UNIT = array([0.1, 0.4, 0.95], [0.5, 0.3, 0.7])
_COUNTS = array([0, 1, 4], [2, 0, 3])
_BITS = array([0, 1, 1], [1, 0, 1])
_SHARES = array([0.2, 0.3, 0.5], [0.6, 0.1, 0.3])
_ONE_HOT = array([0, 1, 0], [1, 0, 0])
_COVARIANCE = array([2.0, 0.3], [0.3, 0.7])
_FACTOR = array([[1.2, 0.0], [0.4, 0.8]], [[0.5, 0.0], [-0.6, 1.1]])
_CONCENTRATION = array([0.5, 2.0, 3.5], [1.0, 4.0, 0.8])


def _two(name):
    return lambda T, a, b: getattr(T.distributions, name)(a, b)


def _mixture(T, w, loc, scale):
    D = T.distributions
    return D.MixtureSameFamily(D.Categorical(w), D.Normal(loc, scale))


def _mixture_of_vectors(T, w, loc, scale):
    D = T.distributions
    return D.MixtureSameFamily(D.Categorical(w), D.Independent(D.Normal(loc, scale), 1))


def _chain(T, loc, scale):
    D = T.distributions
    return D.TransformedDistribution(
        D.Normal(loc, scale), [D.TanhTransform(), D.AffineTransform(0.5, -0.5)]
    )


def _independent(T, loc, scale):
    return T.distributions.Independent(T.distributions.Normal(loc, scale), 1)


# name: (constructor, parameters, value)
CASES = {
    "Bernoulli": (lambda T, p: T.distributions.Bernoulli(p), (_CHANCES,), _BITS),
    "Bernoulli-logits": (lambda T, x: T.distributions.Bernoulli(logits=x), (_LOGITS,), _BITS),
    "Beta": (_two("Beta"), (_POSITIVE, _SCALE), _UNIT),
    "Binomial": (
        lambda T, p: T.distributions.Binomial(4, p), (array(0.2, 0.45, 0.9),), _COUNTS
    ),
    "Binomial-logits": (
        lambda T, n, x: T.distributions.Binomial(n.detach(), logits=x),
        (array(5.0, 4.0, 6.0), _LOGITS), _COUNTS,
    ),
    "Categorical": (lambda T, w: T.distributions.Categorical(w), (_WEIGHTS,), np.array([2, 0])),
    "Categorical-logits": (
        lambda T, x: T.distributions.Categorical(logits=x), (_LOGITS,), np.array([[1], [2]])
    ),
    "Cauchy": (_two("Cauchy"), (_LOC, _SCALE), _REALS),
    "Chi2": (lambda T, d: T.distributions.Chi2(d), (_SCALE,), _POSITIVE),
    "Dirichlet": (lambda T, c: T.distributions.Dirichlet(c), (_CONCENTRATION,), _SHARES),
    "Exponential": (lambda T, r: T.distributions.Exponential(r), (_SCALE,), _POSITIVE),
    "Gamma": (_two("Gamma"), (_POSITIVE, _SCALE), _POSITIVE),
    "Geometric": (lambda T, p: T.distributions.Geometric(p), (_CHANCES,), _COUNTS),
    "Geometric-logits": (lambda T, x: T.distributions.Geometric(logits=x), (_LOGITS,), _COUNTS),
    "Gumbel": (_two("Gumbel"), (_LOC, _SCALE), _REALS),
    "HalfCauchy": (lambda T, s: T.distributions.HalfCauchy(s), (_SCALE,), _POSITIVE),
    "HalfNormal": (lambda T, s: T.distributions.HalfNormal(s), (_SCALE,), _POSITIVE),
    "Independent": (_independent, (_LOC, _SCALE), _REALS),
    "Laplace": (_two("Laplace"), (_LOC, _SCALE), _REALS),
    "LogNormal": (_two("LogNormal"), (_LOC, _SCALE), _POSITIVE),
    "LogisticNormal": (
        _two("LogisticNormal"), (array([0.3, 0.2], [-1.2, 0.1]), array(0.7, 1.5)), _SHARES
    ),
    "MixtureSameFamily": (_mixture, (_WEIGHTS, _LOC, _SCALE), array(0.3, -1.0)),
    "MixtureSameFamily-vectors": (
        _mixture_of_vectors, (array(1.0, 2.0), _LOC, _SCALE), array([0.3, -1.0, 2.0], [1, 1, 1])
    ),
    "Multinomial": (lambda T, w: T.distributions.Multinomial(5, w), (_WEIGHTS,), _COUNTS),
    "MultivariateNormal": (
        lambda T, m, c: T.distributions.MultivariateNormal(m, (c + c.mT) / 2),
        (array(0.3, 1.0), _COVARIANCE), array([0.4, -0.5], [1.0, 2.0], [0.0, 0.0]),
    ),
    "MultivariateNormal-tril": (
        lambda T, m, f: T.distributions.MultivariateNormal(m, scale_tril=f.tril()),
        (array(0.3, 1.0), _FACTOR), array([[0.4, -0.5]], [[1.0, 2.0]], [[0.0, 0.0]]),
    ),
    "MultivariateNormal-precision": (
        lambda T, m, c: T.distributions.MultivariateNormal(m, precision_matrix=(c + c.mT) / 2),
        (array([0.3, 1.0], [0.1, 0.0]), _COVARIANCE), array([0.4, -0.5], [1.0, 2.0]),
    ),
    "Normal": (_two("Normal"), (_LOC, _SCALE), _REALS),
    "OneHotCategorical": (
        lambda T, w: T.distributions.OneHotCategorical(w), (_WEIGHTS,), _ONE_HOT
    ),
    "OneHotCategoricalStraightThrough": (
        lambda T, x: T.distributions.OneHotCategoricalStraightThrough(logits=x),
        (_LOGITS,), _ONE_HOT,
    ),
    "Poisson": (lambda T, r: T.distributions.Poisson(r), (_SCALE,), _COUNTS),
    "RelaxedBernoulli": (
        lambda T, t, p: T.distributions.RelaxedBernoulli(t, p),
        (np.array(0.6, F32), _CHANCES), _UNIT,
    ),
    "RelaxedOneHotCategorical": (
        lambda T, t, x: T.distributions.RelaxedOneHotCategorical(t, logits=x),
        (np.array(0.6, F32), _LOGITS), _SHARES,
    ),
    "StudentT": (
        lambda T, d, m, s: T.distributions.StudentT(d, m, s),
        (array(2.5, 1.0, 4.0), _LOC, _SCALE), _REALS,
    ),
    "TransformedDistribution": (_chain, (_LOC, _SCALE), _UNIT),
    "Uniform": (_two("Uniform"), (array([-1.0], [-2.5]), array(3.0, 4.0, 6.0)), _REALS),
}  # fmt: skip

# Families whose samples move with a parameter by implicit differentiation: PyTorch's derivative is
# an approximation good to three digits.
IMPLICIT = {"Beta", "Chi2", "Dirichlet", "Gamma", "StudentT"}

_DEGREES = array(2.5, 1.0, 5.0)
_TRIL = array([1.2, 0.0, 0.0], [0.4, 0.8, 0.0], [-0.3, 0.2, 0.9])
_MATRIX = array([2.0, 0.3, 0.1], [0.3, 0.9, -0.2], [0.1, -0.2, 1.4])
_CORRELATED = array([1.0, 0.0, 0.0], [0.6, 0.8, 0.0], [0.0, -0.6, 0.8])


def _symmetric(a):
    return (a + a.mT) / 2


CASES |= {
    "ContinuousBernoulli": (
        lambda T, p: T.distributions.ContinuousBernoulli(p), (array(0.2, 0.4995, 0.9),), _UNIT
    ),
    "ContinuousBernoulli-logits": (
        lambda T, x: T.distributions.ContinuousBernoulli(logits=x, lims=(0.4, 0.6)),
        (_LOGITS,), _UNIT,
    ),
    "FisherSnedecor": (_two("FisherSnedecor"), (_DEGREES, array([6.0], [3.0])), _POSITIVE),
    "GeneralizedPareto": (
        lambda T, m, s, c: T.distributions.GeneralizedPareto(m, s, c),
        (_LOC, _SCALE, array(0.4, 0.0, -0.3)), array([0.5, 0.4, 2.5], [1.1, 0.3, 2.0]),
    ),
    "InverseGamma": (
        _two("InverseGamma"), (array([0.5, 1.5, 2.5], [3.0, 0.8, 2.2]), _SCALE), _POSITIVE
    ),
    "Kumaraswamy": (_two("Kumaraswamy"), (_POSITIVE, _SCALE), _UNIT),
    "LKJCholesky": (
        lambda T, c: T.distributions.LKJCholesky(3, c), (array(0.5, 1.0, 3.0),), _CORRELATED
    ),
    "LowRankMultivariateNormal": (
        lambda T, m, w, d: T.distributions.LowRankMultivariateNormal(m, w, d),
        (array([0.3, 1.0, -0.5], [0.0, 0.2, 0.1]), array([0.5, 1.0], [-0.2, 0.3], [0.7, 0.0]),
         _SCALE), _REALS,
    ),
    "LowRankMultivariateNormal-batch": (
        lambda T, m, w, d: T.distributions.LowRankMultivariateNormal(m, w, d),
        (array(0.3, 1.0, -0.5), array([[0.5], [-0.2], [0.7]], [[0.1], [1.2], [0.4]]), _SCALE),
        _REALS,
    ),
    "NegativeBinomial": (_two("NegativeBinomial"), (array([2.5], [4.0]), _CHANCES), _COUNTS),
    "NegativeBinomial-logits": (
        lambda T, n, x: T.distributions.NegativeBinomial(n, logits=x),
        (array(1.0, 3.0, 0.4), _LOGITS), _COUNTS,
    ),
    "Pareto": (_two("Pareto"), (array([0.3], [0.2]), _DEGREES), array([0.5, 0.4, 2.5], [1, 2, 3])),
    "VonMises": (_two("VonMises"), (_LOC, array(0.3, 2.0, 9.0)), _REALS),
    "Weibull": (_two("Weibull"), (_SCALE, array([2.0], [1.5])), _POSITIVE),
    "Wishart": (
        lambda T, n, a: T.distributions.Wishart(n, _symmetric(a)),
        (np.array(4.5, F32), _MATRIX), _MATRIX,
    ),
    "Wishart-tril": (
        lambda T, n, f: T.distributions.Wishart(n, scale_tril=f.tril()),
        (array(3.5, 6.0), _TRIL), _MATRIX,
    ),
    "Wishart-precision": (
        lambda T, n, a: T.distributions.Wishart(n, precision_matrix=_symmetric(a)),
        (array(5.5), _MATRIX), np.stack([_MATRIX]),
    ),
}  # fmt: skip
IMPLICIT |= {"FisherSnedecor", "InverseGamma", "Wishart", "Wishart-precision", "Wishart-tril"}
