"""How a gamma variable moves with its shape while its quantile stays: implicit reparameterisation.

With F the distribution function and f the density, d x / d a = -(dF / da) / f.  Both sums below are
those of Gauss' continued fraction and of Kummer's series for F, divided by what F and f share.
"""

from __future__ import annotations

from typing import Any

from functorch_lite import lax
from functorch_lite import numpy as fnp
from functorch_lite.core.array import Array
from functorch_lite.core.dtypes import float64
from functorch_lite.random.special import digamma

__all__ = ["log_slope"]

_EPSILON = 2.0**-52
_SETTLED = 2.0**-45
"""A change of the fraction's slope that is rounding: its parts cancel, so some digits are lost."""
_MOST_STEPS = 20_000
_LARGE = 1e6


def log_slope(a: Array, log_x: Array) -> Array:
    """d log(x) / d a of a gamma variable x of shape a, at a fixed quantile.

    Args:
        a: f[...], positive.
        log_x: f[...], of the dtype and shape of ``a``.

    Returns:
        f[...]: NaN where an argument is NaN, ``a`` is not positive, or x is infinite.

    It is computed in float64 whatever the dtype: both sums cancel against their leading term.
    """
    dtype = a.dtype
    a, log_x = a.astype(float64), log_x.astype(float64)
    x = fnp.exp(log_x)
    sound = (a > 0) & fnp.isfinite(x) & fnp.isfinite(a)
    large = a > _LARGE
    upper = sound & ~large & (x > 1) & (x > a)
    lower = sound & ~large & ~upper
    # Where a sum is not wanted it sees arguments at which it ends at once, all finite.
    by_series = _series(fnp.where(lower, a, 1.0), fnp.where(lower, x, 0.0))
    a_up, x_up = fnp.where(upper, a, 1.0), fnp.where(upper, x, 2.0)
    by_fraction = _continued_fraction(a_up, x_up)
    safe_a, safe_log = fnp.where(sound, a, 1.0), fnp.where(sound, log_x, 0.0)
    total, total_slope = by_series
    low = -(total * (safe_log - digamma(safe_a + 1.0)) + total_slope) / safe_a
    ratio, ratio_slope = by_fraction
    high = ratio * (safe_log - digamma(safe_a)) + ratio_slope
    # Cornish and Fisher's expansion of the quantile in 1 / sqrt(a).
    gap = x / safe_a - 1.0
    far = (1.0 + gap / 2.0 - (gap * gap - 1.0 / safe_a) / 6.0) / fnp.where(sound & large, x, 1.0)
    slope = fnp.where(large, far, fnp.where(upper, high, low))
    return fnp.where(sound, slope, fnp.nan).astype(dtype)


def _series(a: Array, x: Array) -> tuple[Array, Array]:
    """The sum of x**n / ((a + 1) ... (a + n)) over n >= 0, and its derivative by a."""

    def more(state: Any) -> Array:
        n, _, dc, total, slope = state
        going = abs(dc) > _EPSILON * abs(slope)
        return (n < _MOST_STEPS) & ((n == 0) | going.any())

    def add_term(state: Any) -> Any:
        n, c, dc, total, slope = state
        n = n + 1.0
        factor = x / (a + n)
        dc = (dc - c / (a + n)) * factor
        c = c * factor
        return n, c, dc, total + c, slope + dc

    one, zero = fnp.ones_like(a), fnp.zeros_like(a)
    start = fnp.zeros((), float64), one, zero, one, zero
    _, _, _, total, slope = lax.while_loop(more, add_term, start)
    return total, slope


def _continued_fraction(a: Array, x: Array) -> tuple[Array, Array]:
    """The integral of (1 + s / x)**(a - 1) exp(-s) over s >= 0, divided by x, and d / da of it.

    Convergents p / q of x + 1 - a - 1 (1 - a) / (x + 3 - a - 2 (2 - a) / ...), brought to q = 1
    after every step, so that nothing overflows.
    """

    def more(state: Any) -> Array:
        n, unsettled = state[0], state[-1]
        return (n < _MOST_STEPS) & unsettled.any()

    def add_term(state: Any) -> Any:
        n, (p, dp, dq), (p_was, q_was, dp_was, dq_was), unsettled = state
        n = n + 1.0
        y, z = n + 1.0 - a, x + 2.0 + 2.0 * n - a
        factor = y * n
        # The derivative of z by a is -1, that of the factor -n.
        p_new, q_new = p * z - p_was * factor, z - q_was * factor
        dp_new = dp * z - p - dp_was * factor + p_was * n
        dq_new = dq * z - 1.0 - dq_was * factor + q_was * n
        before = dp - p * dq
        kept = p / q_new, 1.0 / q_new, dp / q_new, dq / q_new
        p_new, dp_new, dq_new = p_new / q_new, dp_new / q_new, dq_new / q_new
        after = dp_new - p_new * dq_new
        moves = abs(after - before) > _SETTLED * (abs(after) + abs(dp_new))
        return n, (p_new, dp_new, dq_new), kept, unsettled & moves

    q = (x + 2.0 - a) * x
    start = (
        fnp.zeros((), float64),
        ((x + 1.0) / q, fnp.zeros_like(a), -x / q),
        (1.0 / q, x / q, fnp.zeros_like(a), fnp.zeros_like(a)),
        fnp.ones_like(a, dtype=bool),
    )
    return _value_and_slope(lax.while_loop(more, add_term, start)[1])


def _value_and_slope(convergent: tuple[Array, Array, Array]) -> tuple[Array, Array]:
    p, dp, dq = convergent
    return p, dp - p * dq
