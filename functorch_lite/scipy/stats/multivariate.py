"""Distributions of vectors: normal, Dirichlet and multinomial.

>>> multivariate_normal.logpdf([0.0, 0.0], [0.0, 0.0], [[1.0, 0.0], [0.0, 1.0]]).round(4)
Array(-1.8379, dtype=float32)
>>> dirichlet.pdf([0.5, 0.5], [1.0, 1.0]), multinomial.pmf([1, 1], 2, [0.5, 0.5])
(Array(1., dtype=float32), Array(0.5, dtype=float32))
"""

from __future__ import annotations

import math
from typing import Any

from functorch_lite import numpy as fnp
from functorch_lite.core.array import Array
from functorch_lite.errors import ShapeError
from functorch_lite.lax import linalg
from functorch_lite.numpy.convert import asarray
from functorch_lite.scipy.special_functions import gammaln, xlogy
from functorch_lite.scipy.stats.distribution import real_floats

__all__ = ["dirichlet", "multinomial", "multivariate_normal"]

_LOG_2PI = math.log(2 * math.pi)


class _MultivariateNormal:
    """The normal distribution of vectors."""

    def __repr__(self) -> str:
        return "<distribution multivariate_normal>"

    @staticmethod
    def logpdf(x: Any, mean: Any, cov: Any, allow_singular: None = None) -> Array:
        """The logarithm of the density.

        Args:
            x: f[..., n].
            mean: f[..., n]; of shape [] for numbers instead of vectors.
            cov: f[..., n, n], positive definite, or a number, the variance of each component.
            allow_singular: must be None.

        Returns:
            f[...]; NaN where ``cov`` is not positive definite.

        Raises:
            ShapeError: the sizes do not go together.

        Source: ``jax.scipy.stats.multivariate_normal.logpdf``.
        """
        if allow_singular is not None:
            raise NotImplementedError(
                "stats.multivariate_normal: allow_singular must be None. Remedy: add a small "
                "multiple of the identity to cov."
            )
        name = "stats.multivariate_normal.logpdf"
        (x, mean, cov), dtype = real_floats(name, ("x", "mean", "cov"), (x, mean, cov))
        if not mean.ndim:
            if cov.ndim:
                raise ShapeError(
                    f"{name}: expected a variance for a mean that is a number; got cov of shape "
                    f"{tuple(cov.shape)}. Remedy: a mean of shape ({cov.shape[-1]},)."
                )
            return (-0.5 * ((x - mean) ** 2 / cov + _LOG_2PI + fnp.log(cov))).astype(dtype)
        n = mean.shape[-1]
        fits = x.ndim and x.shape[-1] == n
        if not fits or (cov.ndim and (cov.ndim < 2 or tuple(cov.shape[-2:]) != (n, n))):
            raise ShapeError(
                f"{name}: expected x [..., {n}] and cov [..., {n}, {n}] or [], as mean has {n} "
                f"components; got {tuple(x.shape)} and {tuple(cov.shape)}."
            )
        y = x - mean
        if not cov.ndim:
            found = -0.5 * (fnp.sum(y * y, -1) / cov + n * (_LOG_2PI + fnp.log(cov)))
            return found.astype(dtype)
        lower = linalg.cholesky(cov)
        lead = fnp.broadcast_shapes(y.shape[:-1], lower.shape[:-2])
        factor = fnp.broadcast_to(lower, (*lead, n, n))
        column = fnp.broadcast_to(y, (*lead, n))[..., None]
        z = linalg.triangular_solve(factor, column, left_side=True, lower=True)[..., 0]
        size = fnp.sum(fnp.log(fnp.diagonal(lower, axis1=-2, axis2=-1)), -1)
        return (-0.5 * (fnp.sum(z * z, -1) + n * _LOG_2PI) - size).astype(dtype)

    @classmethod
    def pdf(cls, x: Any, mean: Any, cov: Any) -> Array:
        """The density; arguments as of :meth:`logpdf`.

        Source: ``jax.scipy.stats.multivariate_normal.pdf``.
        """
        return fnp.exp(cls.logpdf(x, mean, cov))


class _Dirichlet:
    """Dirichlet's distribution of probabilities, which sum to 1."""

    def __repr__(self) -> str:
        return "<distribution dirichlet>"

    @staticmethod
    def logpdf(x: Any, alpha: Any) -> Array:
        """The logarithm of the density.

        Args:
            x: f[n, ...], or f[n - 1, ...] without the last component.
            alpha: f[n].

        Returns:
            f[...]; -inf for components that are negative or do not sum to 1.

        Raises:
            ShapeError: the sizes do not go together.

        Source: ``jax.scipy.stats.dirichlet.logpdf``.
        """
        name = "stats.dirichlet.logpdf"
        (x, alpha), dtype = real_floats(name, ("x", "alpha"), (x, alpha))
        n = alpha.shape[0] if alpha.ndim == 1 else -1
        if n < 0 or not x.ndim or x.shape[0] not in (n, n - 1):
            raise ShapeError(
                f"{name}: expected alpha [n] and x [n, ...] or [n - 1, ...]; got "
                f"{tuple(alpha.shape)} and {tuple(x.shape)}. Remedy: axis 0 of x holds the "
                "components, so x.T for rows of them."
            )
        if x.shape[0] == n - 1:
            x = fnp.concatenate([x, 1 - fnp.sum(x, 0, keepdims=True)])
        near = fnp.abs(fnp.sum(x, 0) - 1) < 10 * n * fnp.finfo(dtype).eps
        inside = near & fnp.all((x >= 0) & (x <= 1), axis=0)
        powers = (alpha - 1).reshape(n, *[1] * (x.ndim - 1))
        size = fnp.sum(gammaln(alpha)) - gammaln(fnp.sum(alpha))
        found = fnp.sum(xlogy(powers, fnp.where(inside, x, 1 / max(n, 1))), 0) - size
        return fnp.where(inside, found, -fnp.inf).astype(dtype)

    @classmethod
    def pdf(cls, x: Any, alpha: Any) -> Array:
        """The density; arguments as of :meth:`logpdf`.

        Source: ``jax.scipy.stats.dirichlet.pdf``.
        """
        return fnp.exp(cls.logpdf(x, alpha))


class _Multinomial:
    """How often each of several outcomes comes in n tries."""

    def __repr__(self) -> str:
        return "<distribution multinomial>"

    @staticmethod
    def logpmf(x: Any, n: Any, p: Any) -> Array:
        """The logarithm of the probability.

        Args:
            x: i[..., k], how often each outcome came.
            n: i[...], the number of tries.
            p: f[..., k], the probability of each outcome.

        Returns:
            f[...]; -inf for counts that are negative, not whole, or do not sum to n.

        Source: ``jax.scipy.stats.multinomial.logpmf``.
        """
        name = "stats.multinomial.logpmf"
        counts, tries = asarray(x), asarray(n)
        (_, _, p), dtype = real_floats(name, ("x", "n", "p"), (x, n, p))
        # As they came: p's dtype may not hold large counts, and their sum would miss n.
        inside = fnp.all((counts >= 0) & (counts == fnp.floor(counts)), axis=-1)
        inside = inside & (fnp.sum(counts, -1) == tries)
        safe = fnp.where(inside[..., None], counts, 1).astype(p.dtype)
        terms = xlogy(safe, p) - gammaln(safe + 1)
        found = gammaln(tries.astype(p.dtype) + 1) + fnp.sum(terms, -1)
        return fnp.where(inside, found, -fnp.inf).astype(dtype)

    @classmethod
    def pmf(cls, x: Any, n: Any, p: Any) -> Array:
        """The probability; arguments as of :meth:`logpmf`.

        Source: ``jax.scipy.stats.multinomial.pmf``.
        """
        return fnp.exp(cls.logpmf(x, n, p))


multivariate_normal = _MultivariateNormal()
dirichlet = _Dirichlet()
multinomial = _Multinomial()
