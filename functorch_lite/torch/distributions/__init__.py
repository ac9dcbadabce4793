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
from functorch_lite.torch.distributions._divergences import mixed as _mixed  # noqa: F401
from functorch_lite.torch.distributions._divergences import same as _same  # noqa: F401
from functorch_lite.torch.distributions.bernoulli import Bernoulli
from functorch_lite.torch.distributions.beta import Beta
from functorch_lite.torch.distributions.binomial import Binomial
from functorch_lite.torch.distributions.categorical import Categorical
from functorch_lite.torch.distributions.cauchy import Cauchy
from functorch_lite.torch.distributions.chi2 import Chi2
from functorch_lite.torch.distributions.constraint_registry import biject_to, transform_to
from functorch_lite.torch.distributions.dirichlet import Dirichlet
from functorch_lite.torch.distributions.distribution import Distribution
from functorch_lite.torch.distributions.exp_family import ExponentialFamily
from functorch_lite.torch.distributions.exponential import Exponential
from functorch_lite.torch.distributions.gamma import Gamma
from functorch_lite.torch.distributions.geometric import Geometric
from functorch_lite.torch.distributions.gumbel import Gumbel
from functorch_lite.torch.distributions.half_cauchy import HalfCauchy
from functorch_lite.torch.distributions.half_normal import HalfNormal
from functorch_lite.torch.distributions.independent import Independent
from functorch_lite.torch.distributions.kl import kl_divergence, register_kl
from functorch_lite.torch.distributions.laplace import Laplace
from functorch_lite.torch.distributions.log_normal import LogNormal
from functorch_lite.torch.distributions.logistic_normal import LogisticNormal
from functorch_lite.torch.distributions.mixture_same_family import MixtureSameFamily
from functorch_lite.torch.distributions.multinomial import Multinomial
from functorch_lite.torch.distributions.multivariate_normal import MultivariateNormal
from functorch_lite.torch.distributions.normal import Normal
from functorch_lite.torch.distributions.one_hot_categorical import (
    OneHotCategorical,
    OneHotCategoricalStraightThrough,
)
from functorch_lite.torch.distributions.poisson import Poisson
from functorch_lite.torch.distributions.relaxed_bernoulli import RelaxedBernoulli
from functorch_lite.torch.distributions.relaxed_categorical import RelaxedOneHotCategorical
from functorch_lite.torch.distributions.studentT import StudentT
from functorch_lite.torch.distributions.transformed_distribution import TransformedDistribution
from functorch_lite.torch.distributions.transforms import *  # noqa: F403
from functorch_lite.torch.distributions.uniform import Uniform

__all__ = [
    "Bernoulli", "Beta", "Binomial", "Categorical", "Cauchy", "Chi2", "Dirichlet", "Distribution",
    "Exponential", "ExponentialFamily", "Gamma", "Geometric", "Gumbel", "HalfCauchy", "HalfNormal",
    "Independent", "Laplace", "LogNormal", "LogisticNormal", "MixtureSameFamily", "Multinomial",
    "MultivariateNormal", "Normal", "OneHotCategorical", "OneHotCategoricalStraightThrough",
    "Poisson", "RelaxedBernoulli", "RelaxedOneHotCategorical", "StudentT",
    "TransformedDistribution", "Uniform", "biject_to", "constraints", "kl_divergence",
    "register_kl", "transform_to",
]  # fmt: skip
__all__ += transforms.__all__
__getattr__ = _module_getattr(globals())
