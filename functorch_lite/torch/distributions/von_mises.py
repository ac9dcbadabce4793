"""Von Mises's distribution of angles."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

from functorch_lite.torch._core.dtypes import bool as bool_dtype
from functorch_lite.torch._core.dtypes import float64
from functorch_lite.torch._core.grad_mode import no_grad
from functorch_lite.torch._ops.mixing import where
from functorch_lite.torch.distributions import constraints
from functorch_lite.torch.distributions._tensor import Tensor, empty, zeros
from functorch_lite.torch.distributions.distribution import Distribution
from functorch_lite.torch.distributions.utils import broadcast_all, lazy_property, standard_uniform

__all__ = ["VonMises"]

# Abramowitz and Stegun 9.8.1 to 9.8.4, coefficients by rising powers. PyTorch's values are these
# approximations, good to seven digits, in double precision too.
_NEAR = (
    (1.0, 3.5156229, 3.0899424, 1.2067492, 0.2659732, 0.0360768, 0.0045813),
    (0.5, 0.87890594, 0.51498869, 0.15084934, 0.02658733, 0.00301532, 0.00032411),
)
_FAR = (
    (0.39894228, 0.01328592, 0.00225319, -0.00157565, 0.00916281, -0.02057706, 0.02635537,
     -0.01647633, 0.00392377),
    (0.39894228, -0.03988024, -0.00362018, 0.00163801, -0.01031555, 0.02282967, -0.02895312,
     0.01787654, -0.00420059),
)  # fmt: skip
_BORDER = 3.75


def _polynomial(coefficients: Sequence[float], x: Tensor) -> Tensor:
    return functools.reduce(lambda found, c: c + x * found, reversed(coefficients))


def _log_bessel(x: Tensor, order: int) -> Tensor:
    """The logarithm of the modified Bessel function of order 0 or 1 at positive numbers."""
    near = _polynomial(_NEAR[order], (x / _BORDER) ** 2)
    if order == 1:
        near = x * near
    far = x - 0.5 * x.log() + _polynomial(_FAR[order], _BORDER / x).log()
    return where(x < _BORDER, near.log(), far)


class VonMises(Distribution):
    """Angles around a mean angle: the normal distribution of the circle.

    Args:
        loc: the mean angle, in radians.
        concentration: how near to it they are, one over a variance.

    Source: ``torch.distributions.VonMises``; Best and Fisher, "Efficient simulation of the von
    Mises distribution", Applied Statistics 1979.
    """

    __module__ = "torch.distributions.von_mises"
    arg_constraints = {"loc": constraints.real, "concentration": constraints.positive}
    support = constraints.real
    has_rsample = False

    def __init__(self, loc: Any, concentration: Any, validate_args: Any = None) -> None:
        self.loc, self.concentration = broadcast_all(loc, concentration)
        super().__init__(self.loc.size(), validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        loc, concentration = self.loc.expand(batch_shape), self.concentration.expand(batch_shape)
        return type(self)(loc, concentration, validate_args=self.__dict__.get("_validate_args"))

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @lazy_property
    def variance(self) -> Tensor:
        """The circular variance: one less the length of the mean of points on the circle."""
        length = _log_bessel(self.concentration, 1) - _log_bessel(self.concentration, 0)
        return 1 - length.exp()

    @lazy_property
    def _loc(self) -> Tensor:
        # In single precision few proposals are accepted for small concentrations.
        return self.loc.to(float64)

    @lazy_property
    def _concentration(self) -> Tensor:
        return self.concentration.to(float64)

    @lazy_property
    def _proposal_r(self) -> Tensor:
        """The parameter of the wrapped Cauchy distribution that samples are taken from."""
        k = self._concentration
        tau = 1 + (1 + 4 * k**2).sqrt()
        rho = (tau - (2 * tau).sqrt()) / (2 * k)
        return where(k < 1e-5, 1 / k + k, (1 + rho**2) / (2 * rho))

    def sample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        k, r = self._concentration, self._proposal_r
        with no_grad():
            angle = empty(shape, dtype=float64)
            done = zeros(shape, dtype=bool_dtype)
            # All are drawn until all have been accepted, and the last accepted ones stay.
            while not done.all():
                u1, u2, u3 = standard_uniform((3, *shape), k).unbind()
                z = (math.pi * u1).cos()
                f = (1 + r * z) / (r + z)
                c = k * (r - f)
                accepted = ((c * (2 - c) - u2) > 0) | ((c / u2).log() + 1 - c >= 0)
                angle = where(accepted, (u3 - 0.5).sign() * f.acos(), angle)
                done = done | accepted
            turned = (angle + math.pi + self._loc) % (2 * math.pi) - math.pi
            return turned.to(self.loc.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        height = self.concentration * (value - self.loc).cos()
        return height - math.log(2 * math.pi) - _log_bessel(self.concentration, 0)
