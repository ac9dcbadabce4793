"""Families over whole orders: Bessel functions, spherical harmonics, Bernoulli's numbers."""

from __future__ import annotations

import math
import operator
from fractions import Fraction
from typing import Any

import numpy as np

from functorch_lite import numpy as fnp
from functorch_lite import ops
from functorch_lite.core.array import Array, Tracer
from functorch_lite.core.dtypes import int32
from functorch_lite.numpy.convert import as_array, cast
from functorch_lite.scipy.special_functions import real_inexact

__all__ = ["bernoulli", "bessel_jn", "sph_harm_y"]


def bernoulli(n: int) -> Array:
    """Bernoulli's numbers B(0) to B(n), with B(1) = -1/2.

    Args:
        n: static int, not negative.

    Returns:
        f32[n + 1].

    Raises:
        ValueError: ``n`` is negative.

    >>> bernoulli(2)
    Array([ 1.        , -0.5       ,  0.16666667], dtype=float32)

    Source: ``jax.scipy.special.bernoulli``.
    """
    n = operator.index(n)
    if n < 0:
        raise ValueError(f"bernoulli: n must be a non-negative integer, got {n}.")
    found = [Fraction(1)]
    for m in range(1, n + 1):
        # Odd ones vanish but the first.
        if m > 1 and m % 2:
            found.append(Fraction(0))
            continue
        total = sum((math.comb(m + 1, k) * b for k, b in enumerate(found) if b), Fraction(0))
        found.append(-total / (m + 1))
    return fnp.asarray([_as_float(b) for b in found], dtype="float32")


def _as_float(b: Fraction) -> float:
    try:
        return float(b)
    except OverflowError:
        return math.copysign(math.inf, b)


def bessel_jn(z: Any, *, v: int, n_iter: int = 50) -> Array:
    """Bessel functions of the first kind of orders 0 to v.

    Orders below ``|z|`` follow by the recurrence upwards, the others by the continued fraction of
    their quotients, which is where each is stable.

    Args:
        z: real array or number.
        v: static int, not negative: the largest order.
        n_iter: terms of the continued fraction beyond that order.

    Returns:
        f[v + 1, ...].

    Raises:
        ValueError: ``v`` is negative.

    >>> bessel_jn(0.0, v=1)
    Array([1., 0.], dtype=float32)

    Source: ``jax.scipy.special.bessel_jn``.
    """
    v, n_iter = operator.index(v), operator.index(n_iter)
    if v < 0:
        raise ValueError(f"bessel_jn: v must be a non-negative integer, got {v}.")
    z = real_inexact(z, "bessel_jn", "z")
    found = [ops.bessel_j0(z), ops.bessel_j1(z)]
    ratios: list[Array] = []
    ratio = fnp.zeros_like(z)
    for k in range(v + n_iter, 1, -1):
        inside = fnp.abs(z) <= k
        ratio = fnp.where(inside, z / (2.0 * k - fnp.where(inside, z * ratio, 0.0)), 0.0)
        if k <= v:
            ratios.append(ratio)
    for k, ratio in zip(range(2, v + 1), reversed(ratios), strict=True):
        above = fnp.abs(z) > k
        step = 2.0 * (k - 1) / fnp.where(above, z, 1.0)
        found.append(fnp.where(above, step * found[k - 1] - found[k - 2], ratio * found[k - 1]))
    return fnp.stack(found[: v + 1])


def sph_harm_y(
    n: Any, m: Any, theta: Any, phi: Any, diff_n: int | None = None, n_max: int | None = None
) -> Array:
    """Spherical harmonics Y of degree n and order m, orthonormal on the sphere.

    Args:
        n: integers, the degrees; clipped to ``n_max``.
        m: integers with ``|m| <= n``.
        theta: the angle from the pole, in [0, pi].
        phi: the angle around it; all shapes broadcast.
        diff_n: None; derivatives come from ``grad`` and ``jvp``.
        n_max: static int, the largest degree; by default that of ``n``, which must then be known.

    Returns:
        complex array, with one axis at least.

    Raises:
        NotImplementedError: ``diff_n`` is given.
        ValueError: ``n_max`` is not given and ``n`` is traced.

    >>> sph_harm_y(fnp.array([0]), fnp.array([0]), fnp.array([0.5]), fnp.array([0.0])).real
    Array([0.2820948], dtype=float32)

    Source: ``jax.scipy.special.sph_harm_y``.
    """
    if diff_n is not None:
        raise NotImplementedError(
            "sph_harm_y: diff_n is SciPy's way to derivatives, which transforms give here. Remedy: "
            "jvp(lambda t: sph_harm_y(n, m, t, phi), (theta,), (dtheta,))."
        )
    degree, order = (as_array(k, "sph_harm_y", name) for k, name in ((n, "n"), (m, "m")))
    if n_max is None:
        if isinstance(degree, Tracer):
            raise ValueError(
                "sph_harm_y: under a transform of n the largest degree is not known. Remedy: pass "
                "it, as n_max=10."
            )
        n_max = int(np.max(np.asarray(degree)))
    theta, phi = real_inexact(theta, "sph_harm_y", "theta"), real_inexact(phi, "sph_harm_y", "phi")
    theta = theta if theta.ndim else theta[None]
    table = fnp.stack(_legendre(n_max, theta))
    row = fnp.clip(cast(degree, int32), 0, n_max)
    size = fnp.abs(cast(order, int32))
    column = fnp.clip(size, 0, n_max)
    place = row * (row + 1) // 2 + fnp.minimum(column, row)
    place, phi, flips = fnp.broadcast_arrays(place, phi, fnp.where(order < 0, size % 2, 0))
    shape = fnp.broadcast_shapes(place.shape, theta.shape)
    place, wide = fnp.broadcast_to(place, shape), fnp.broadcast_to(table, (len(table), *shape))
    value = fnp.take_along_axis(wide, place[None], axis=0)[0]
    value = fnp.where(fnp.broadcast_to(flips, shape) == 1, -value, value)
    angle = fnp.broadcast_to(cast(order, phi.dtype) * phi, shape)
    return ops.complex(value * fnp.cos(angle), value * fnp.sin(angle))


def _legendre(n_max: int, theta: Array) -> list[Array]:
    """Normalised associated Legendre functions of cos(theta): by degree, then by order."""
    x, y = fnp.cos(theta), fnp.sin(theta)
    rows: list[list[Array]] = []
    for n in range(n_max + 1):
        row = []
        for m in range(n + 1):
            if n == m == 0:
                value = fnp.full_like(theta, math.sqrt(0.25 / math.pi))
            elif m == n:
                value = rows[n - 1][n - 1] * y * -math.sqrt((2 * n + 1) / (2 * n))
            elif m == n - 1:
                value = rows[n - 1][m] * x * math.sqrt(2 * n + 1)
            else:
                front = math.sqrt((4 * n * n - 1) / (n * n - m * m))
                back = math.sqrt(((n - 1) ** 2 - m * m) / (4 * (n - 1) ** 2 - 1))
                value = (rows[n - 1][m] * x - rows[n - 2][m] * back) * front
            row.append(value)
        rows.append(row)
    return [value for row in rows for value in row]
