"""Probability distributions: samples, densities, and gradients through both.

>>> from functorch_lite.torch._ops.creation import tensor
>>> Normal(0.0, 1.0).log_prob(tensor(1.0))
tensor(-1.4189)
>>> Categorical(logits=tensor([[0.0, 0.0, 1.0]])).mode
tensor([2])

Source: ``torch.distributions``.
"""

from functorch_lite.torch._scripts.names import module_getattr as _module_getattr
from functorch_lite.torch.distributions import constraints, transforms
from functorch_lite.torch.distributions._divergences import low_rank as _low_rank  # noqa: F401
from functorch_lite.torch.distributions._divergences import mixed as _mixed  # noqa: F401
from functorch_lite.torch.distributions._divergences import same as _same  # noqa: F401
from functorch_lite.torch.distributions._divergences import tails as _tails  # noqa: F401
from functorch_lite.torch.distributions.bernoulli import Bernoulli
from functorch_lite.torch.distributions.beta import Beta
from functorch_lite.torch.distributions.binomial import Binomial
from functorch_lite.torch.distributions.categorical import Categorical
from functorch_lite.torch.distributions.cauchy import Cauchy
from functorch_lite.torch.distributions.chi2 import Chi2
from functorch_lite.torch.distributions.constraint_registry import biject_to, transform_to
from functorch_lite.torch.distributions.continuous_bernoulli import ContinuousBernoulli
from functorch_lite.torch.distributions.dirichlet import Dirichlet
from functorch_lite.torch.distributions.distribution import Distribution
from functorch_lite.torch.distributions.exp_family import ExponentialFamily
from functorch_lite.torch.distributions.exponential import Exponential
from functorch_lite.torch.distributions.fishersnedecor import FisherSnedecor
from functorch_lite.torch.distributions.gamma import Gamma
from functorch_lite.torch.distributions.generalized_pareto import GeneralizedPareto
from functorch_lite.torch.distributions.geometric import Geometric
from functorch_lite.torch.distributions.gumbel import Gumbel
from functorch_lite.torch.distributions.half_cauchy import HalfCauchy
from functorch_lite.torch.distributions.half_normal import HalfNormal
from functorch_lite.torch.distributions.independent import Independent
from functorch_lite.torch.distributions.inverse_gamma import InverseGamma
from functorch_lite.torch.distributions.kl import kl_divergence, register_kl
from functorch_lite.torch.distributions.kumaraswamy import Kumaraswamy
from functorch_lite.torch.distributions.laplace import Laplace
from functorch_lite.torch.distributions.lkj_cholesky import LKJCholesky
from functorch_lite.torch.distributions.log_normal import LogNormal
from functorch_lite.torch.distributions.logistic_normal import LogisticNormal
from functorch_lite.torch.distributions.lowrank_multivariate_normal import LowRankMultivariateNormal
from functorch_lite.torch.distributions.mixture_same_family import MixtureSameFamily
from functorch_lite.torch.distributions.multinomial import Multinomial
from functorch_lite.torch.distributions.multivariate_normal import MultivariateNormal
from functorch_lite.torch.distributions.negative_binomial import NegativeBinomial
from functorch_lite.torch.distributions.normal import Normal
from functorch_lite.torch.distributions.one_hot_categorical import (
    OneHotCategorical,
    OneHotCategoricalStraightThrough,
)
from functorch_lite.torch.distributions.pareto import Pareto
from functorch_lite.torch.distributions.poisson import Poisson
from functorch_lite.torch.distributions.relaxed_bernoulli import RelaxedBernoulli
from functorch_lite.torch.distributions.relaxed_categorical import RelaxedOneHotCategorical
from functorch_lite.torch.distributions.studentT import StudentT
from functorch_lite.torch.distributions.transformed_distribution import TransformedDistribution
from functorch_lite.torch.distributions.transforms import *  # noqa: F403
from functorch_lite.torch.distributions.uniform import Uniform
from functorch_lite.torch.distributions.von_mises import VonMises
from functorch_lite.torch.distributions.weibull import Weibull
from functorch_lite.torch.distributions.wishart import Wishart

__all__ = [
    "Bernoulli", "Beta", "Binomial", "Categorical", "Cauchy", "Chi2", "ContinuousBernoulli",
    "Dirichlet", "Distribution", "Exponential", "ExponentialFamily", "FisherSnedecor", "Gamma",
    "GeneralizedPareto", "Geometric", "Gumbel", "HalfCauchy", "HalfNormal", "Independent",
    "InverseGamma", "Kumaraswamy", "LKJCholesky", "Laplace", "LogNormal", "LogisticNormal",
    "LowRankMultivariateNormal", "MixtureSameFamily", "Multinomial", "MultivariateNormal",
    "NegativeBinomial", "Normal", "OneHotCategorical", "OneHotCategoricalStraightThrough",
    "Pareto", "Poisson", "RelaxedBernoulli", "RelaxedOneHotCategorical", "StudentT",
    "TransformedDistribution", "Uniform", "VonMises", "Weibull", "Wishart", "biject_to",
    "constraints", "kl_divergence", "register_kl", "transform_to",
]  # fmt: skip
__all__ += transforms.__all__
__getattr__ = _module_getattr(globals())
