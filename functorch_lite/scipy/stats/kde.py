"""A density estimated from a sample: a sum of normal ones around its points."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from functorch_lite import numpy as fnp
from functorch_lite import random
from functorch_lite.core.array import Array
from functorch_lite.core.tree import register_pytree_node_class
from functorch_lite.errors import ShapeError
from functorch_lite.lax import linalg
from functorch_lite.numpy.reductions import logsumexp
from functorch_lite.scipy.special_combined import ndtr
from functorch_lite.scipy.special_functions import real_inexact

__all__ = ["gaussian_kde"]

_LOG_2PI = math.log(2 * math.pi)


@register_pytree_node_class
class gaussian_kde:
    """The estimate of a density from a sample; a container of arrays.

    Args:
        dataset: f[n], or f[d, n] for n points of d dimensions.
        bw_method: how wide: "scott" (the default), "silverman", a factor of the sample's standard
            deviation, or a function of the estimate that gives one.
        weights: f[n], how much each point counts; they are divided by their sum.

    Attributes:
        dataset, weights: the sample, f[d, n], and its weights, f[n].
        neff: how many points of equal weight would say as much.
        covariance, inv_cov: of each of the normal densities, f[d, d].

    Raises:
        ShapeError: fewer than two numbers, or weights of another length.
        ValueError: another ``bw_method``.

    >>> kde = gaussian_kde(fnp.asarray([0.0, 1.0, 2.0]))
    >>> kde(fnp.asarray([1.0])).round(3), kde.integrate_box_1d(-9.0, 1.0).round(3)
    (Array([0.318], dtype=float32), Array(0.5, dtype=float32))

    Source: ``jax.scipy.stats.gaussian_kde``.
    """

    def __init__(
        self,
        dataset: Any,
        bw_method: str | float | Callable[[gaussian_kde], Any] | None = None,
        weights: Any = None,
    ) -> None:
        name = "stats.gaussian_kde"
        x = fnp.atleast_2d(real_inexact(dataset, name, "dataset"))
        if x.ndim != 2 or x.size < 2:
            raise ShapeError(
                f"{name}: expected a dataset [n] or [d, n] of at least two numbers; got shape "
                f"{tuple(x.shape)}."
            )
        d, n = x.shape
        if weights is None:
            w = fnp.full(n, 1.0 / n, x.dtype)
        else:
            w = real_inexact(weights, name, "weights")
            if tuple(w.shape) != (n,):
                raise ShapeError(
                    f"{name}: expected weights of shape ({n},), one per point; got "
                    f"{tuple(w.shape)}."
                )
            dtype = fnp.result_type(x, w)
            x, w = x.astype(dtype), (w / fnp.sum(w)).astype(dtype)
        self.dataset, self.weights = x, w
        self.neff = 1 / fnp.sum(w * w)
        factor = self._factor(bw_method)
        spread = fnp.atleast_2d(fnp.cov(x, bias=False, aweights=w))
        self.covariance = spread * factor**2
        self.inv_cov = fnp.linalg.inv(spread) / factor**2

    def _factor(self, method: Any) -> Any:
        power = -1 / (self.d + 4)
        if method is None or method == "scott":
            return self.neff**power
        if method == "silverman":
            return (self.neff * (self.d + 2) / 4) ** power
        if callable(method):
            return method(self)
        if isinstance(method, str) or fnp.ndim(method):
            raise ValueError(
                "stats.gaussian_kde: expected bw_method to be 'scott', 'silverman', a number or a "
                f"function; got {method!r:.60}."
            )
        return method

    def tree_flatten(self) -> tuple[tuple[Any, ...], None]:
        """The arrays that it is made of."""
        return (self.neff, self.dataset, self.weights, self.covariance, self.inv_cov), None

    @classmethod
    def tree_unflatten(cls, aux: None, children: Any) -> gaussian_kde:
        """An estimate from its arrays."""
        out = object.__new__(cls)
        out.neff, out.dataset, out.weights, out.covariance, out.inv_cov = children
        return out

    @property
    def d(self) -> int:
        """Dimensions of a point."""
        return int(self.dataset.shape[0])

    @property
    def n(self) -> int:
        """Number of points."""
        return int(self.dataset.shape[1])

    def evaluate(self, points: Any) -> Array:
        """The density at points, f[m] or f[d, m]: f[m].

        Source: ``jax.scipy.stats.gaussian_kde.evaluate``.
        """
        return fnp.exp(self.logpdf(points))

    __call__ = pdf = evaluate

    def logpdf(self, x: Any) -> Array:
        """The logarithm of the density at points, f[m] or f[d, m]: f[m].

        Source: ``jax.scipy.stats.gaussian_kde.logpdf``.
        """
        points = fnp.atleast_2d(real_inexact(x, "stats.gaussian_kde.logpdf", "points"))
        if points.shape[0] != self.d and tuple(points.shape) == (1, self.d):
            points = points.T
        if points.ndim != 2 or points.shape[0] != self.d:
            raise ShapeError(
                f"stats.gaussian_kde: expected points [{self.d}, m], as the dataset has {self.d} "
                f"dimensions; got shape {tuple(points.shape)}."
            )
        return self._log_sums(self.covariance, points, self.dataset, self.weights)

    def _log_sums(self, cov: Array, points: Array, centres: Array, weights: Array) -> Array:
        """log of the sums over weighted normal densities around centres, f[points]."""
        lower = linalg.cholesky(cov)
        both = fnp.concatenate([points, centres], axis=1).astype(lower.dtype)
        scaled = linalg.triangular_solve(lower, both, left_side=True, lower=True)
        at, around = scaled[:, : points.shape[1]], scaled[:, points.shape[1] :]
        distance = fnp.sum((at[:, :, None] - around[:, None, :]) ** 2, axis=0)
        size = 0.5 * self.d * _LOG_2PI + fnp.sum(fnp.log(fnp.diagonal(lower)))
        return logsumexp(fnp.log(weights) - 0.5 * distance, axis=1) - size

    def integrate_gaussian(self, mean: Any, cov: Any) -> Array:
        """The integral of the density times a normal one: f[].

        Args:
            mean: f[d].
            cov: f[d, d].

        Source: ``jax.scipy.stats.gaussian_kde.integrate_gaussian``.
        """
        mean, cov = fnp.atleast_1d(fnp.squeeze(mean)), fnp.atleast_2d(cov)
        if tuple(mean.shape) != (self.d,) or tuple(cov.shape) != (self.d, self.d):
            raise ShapeError(
                f"stats.gaussian_kde.integrate_gaussian: expected mean [{self.d}] and cov "
                f"[{self.d}, {self.d}]; got {tuple(mean.shape)} and {tuple(cov.shape)}."
            )
        total = self.covariance + cov
        return fnp.exp(self._log_sums(total, mean[:, None], self.dataset, self.weights))[0]

    def integrate_box_1d(self, low: Any, high: Any) -> Array:
        """The probability between two numbers, for points of one dimension: f[].

        Source: ``jax.scipy.stats.gaussian_kde.integrate_box_1d``.
        """
        if self.d != 1 or fnp.ndim(low) or fnp.ndim(high):
            raise ShapeError(
                "stats.gaussian_kde.integrate_box_1d: expected a dataset of one dimension and two "
                f"numbers; got {self.d} dimensions and limits of shapes {fnp.shape(low)} and "
                f"{fnp.shape(high)}."
            )
        sigma = fnp.sqrt(self.covariance[0, 0])
        low, high = ((x - self.dataset[0]) / sigma for x in (low, high))
        return fnp.sum(self.weights * (ndtr(high) - ndtr(low)))

    def integrate_kde(self, other: gaussian_kde) -> Array:
        """The integral of the product of two estimates: f[].

        Source: ``jax.scipy.stats.gaussian_kde.integrate_kde``.
        """
        if other.d != self.d:
            raise ShapeError(
                "stats.gaussian_kde.integrate_kde: expected estimates of equal dimensions; got "
                f"{self.d} and {other.d}."
            )
        total = self.covariance + other.covariance
        parts = self._log_sums(total, other.dataset, self.dataset, self.weights)
        return fnp.sum(fnp.exp(parts) * other.weights)

    def resample(self, key: Array, shape: tuple[int, ...] = ()) -> Array:
        """Points drawn from the estimate: f[d, *shape].

        Args:
            key: u32[2].
            shape: how many points.

        Source: ``jax.scipy.stats.gaussian_kde.resample``.
        """
        for_points, for_noise = random.split(key)
        chosen = random.choice(for_points, self.n, shape=shape, p=self.weights)
        noise = random.multivariate_normal(
            for_noise,
            fnp.zeros(self.d, self.covariance.dtype),
            self.covariance,
            shape=shape,
            dtype=self.dataset.dtype,
        )
        return self.dataset[:, chosen] + fnp.moveaxis(noise, -1, 0)
