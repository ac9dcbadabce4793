"""Gamma variables and Dirichlet's shares, with the derivatives of samples by their parameters.

A sample moves with a parameter while its quantile stays: with F the distribution function and f the
density, dx / da = -(dF / da) / f. PyTorch computes dF / da by approximations good to about 1e-3;
here it is computed to the dtype's precision, so gradients differ from PyTorch's by that much.

Source: Figurnov et al., "Implicit reparameterization gradients", NeurIPS 2018.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite.core.array import wrap
from functorch_lite.random.gamma_slope import log_slope
from functorch_lite.torch._core.keeping import keep, keep_result
from functorch_lite.torch._core.node import attach
from functorch_lite.torch._core.op import formula, wants_grad
from functorch_lite.torch._core.scipy_late import special
from functorch_lite.torch._core.tensor import make
from functorch_lite.torch._object.generator import default_generator
from functorch_lite.torch._rng import samplers
from functorch_lite.torch.distributions._tensor import Tensor

__all__ = ["dirichlet", "gammainc", "standard_gamma"]

Values = np.ndarray[Any, Any]


def _once(data: Values, operands: tuple[Tensor, ...], name: str) -> Tensor:
    """Values whose own derivative is an error.

    Args:
        operands: what they are a function of.
        name: of that function.
    """
    made = make(data)
    if wants_grad(operands):

        def refuse(*grads: Any) -> Any:
            raise NotImplementedError(f"the derivative for '{name}' is not implemented.")

        attach(made, formula("NotImplemented", operands, refuse))
    return made


def standard_gamma(concentration: Tensor) -> Tensor:
    """Gamma variables of rate one.

    Args:
        concentration: f[...], their shapes, positive.
    """
    out = make(samplers.standard_gamma(default_generator._engine, concentration._np))
    if wants_grad((concentration,)):

        def rule(g: Tensor, a: Tensor, x: Tensor) -> Tensor:
            slope = x._np * log_slope(wrap(a._np), wrap(np.log(x._np)))._data
            return g * _once(slope, (a, x), "_standard_gamma_grad")

        keep_result(out, keep("StandardGammaBackward0", (concentration,), (concentration,), rule))
    return out


def dirichlet(concentration: Tensor) -> Tensor:
    """Shares that sum to one.

    Args:
        concentration: f[..., shares], positive.
    """
    out = make(samplers.dirichlet(default_generator._engine, concentration._np))
    if wants_grad((concentration,)):

        def rule(g: Tensor, a: Tensor, x: Tensor) -> Tensor:
            # A share moves as a beta variable, and the others keep their ratios.
            b = a._np.sum(-1, keepdims=True) - a._np
            slope = _once(_share_slope(a._np, b, x._np), (a, x), "_dirichlet_grad")
            return slope * (g - (x * g).sum(-1, keepdim=True))

        keep_result(out, keep("_DirichletBackward", (concentration,), (concentration,), rule))
    return out


_STEP = 1e-3
"""Of the differences below: their error is its fourth power, or rounding divided by it."""


def _share_slope(a: Values, b: Values, x: Values) -> Values:
    """dx / da / (1 - x) of beta variables x with parameters a and b."""
    dtype = x.dtype
    a, b, x = (np.asarray(v, np.float64) for v in (a, b, x))
    small = x < a / (a + b)

    def smaller_tail(shape: Values) -> Values:
        # The larger tail is near one, and its differences are lost in rounding.
        below = special.betainc(shape, b, x)
        return np.where(small, below, -special.betainc(b, shape, 1 - x))

    step = _STEP * np.minimum(a, 1) / (1 + np.abs(np.log(x)))
    near = smaller_tail(a + step) - smaller_tail(a - step)
    far = smaller_tail(a + 2 * step) - smaller_tail(a - 2 * step)
    slope = (8 * near - far) / (12 * step)
    log_density = (a - 1) * np.log(x) + (b - 1) * np.log1p(-x) - special.betaln(a, b)
    found: Values = -slope * np.exp(-log_density) / (1 - x)
    return found.astype(dtype)


def gammainc(concentration: Tensor, x: Tensor) -> Tensor:
    """The distribution function of gamma variables of rate one.

    Args:
        concentration: f[...], their shapes; its gradient is not known.
        x: f[...].

    Source: ``torch.special.gammainc``, which is to replace it.
    """
    run: Callable[..., Any] = special.gammainc
    data = run(concentration._np, x._np).astype(x._np.dtype)
    out = make(data)
    operands = (concentration, x)
    if wants_grad(operands):

        def rule(g: Tensor, a: Tensor, x: Tensor) -> tuple[Any, Tensor]:
            for_a = None
            if a.requires_grad:
                raise NotImplementedError("the derivative for 'igamma: input' is not implemented.")
            density = ((a - 1) * x.log() - x - a.lgamma()).exp()
            return for_a, (g * density).sum_to_size(x.shape)

        attach(out, keep("IgammaBackward0", operands, operands, rule))
    return out
