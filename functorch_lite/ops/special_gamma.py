"""The gamma function, its logarithm and derivatives, and Hurwitz's zeta function."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from functorch_lite.core.dtypes import float64, int32
from functorch_lite.core.op import Op
from functorch_lite.ops.arithmetic import add, div, minimum, mul, neg, reciprocal, scale, sub
from functorch_lite.ops.compare import gt, select
from functorch_lite.ops.convert import cast
from functorch_lite.ops.families import const, full_like
from functorch_lite.ops.special_eager import in_float64, scipy_special, special
from functorch_lite.ops.transcendental import log, pow

__all__ = ["digamma", "gamma", "lgamma", "polygamma", "zeta"]

_gamma = scipy_special("gamma")
_gammaln = scipy_special("gammaln")
_zeta = scipy_special("zeta")
_psi = scipy_special("digamma")


# -------------------------------------------------------------------------------------- zeta
def _whole_zeta(xp: Any, s: Any, q: Any) -> Any:
    """Hurwitz's zeta function; for q < 0 and a whole s by three values at positive q.

    The sum over all integers depends on r = q - floor(q) only, and is that of r and that of 1 - r;
    what it has beside the wanted terms is the sum of 1 - q.
    """
    positive = q > 0
    found = _zeta(xp, s, xp.where(positive, q, 1.0))
    found = xp.where((s == np.inf) & positive, xp.where(q > 1, 0.0, q**-s), found)
    if bool(positive.all()):
        return found
    r = q - xp.floor(q)
    inner = xp.where(r > 0, r, 0.5)
    beside = _zeta(xp, s, 1 - inner) - _zeta(xp, s, xp.where(q < 0, 1 - q, 1.0))
    left = _zeta(xp, s, inner) + xp.where(s % 2 == 0, beside, -beside)
    left = xp.where(r == 0, np.inf, left)
    sound = (s > 1) & (s == xp.floor(s)) & xp.isfinite(s) & xp.isfinite(q)
    left = xp.where(sound, left, xp.where((s == 1) & ~xp.isnan(q), np.inf, np.nan))
    return xp.where(positive, found, left)


# The even Bernoulli numbers, from the second, as fractions.
_BERNOULLI = (
    (1, 6), (-1, 30), (1, 42), (-1, 30), (5, 66), (-691, 2730), (7, 6), (-3617, 510),
    (43867, 798), (-174611, 330), (854513, 138), (-236364091, 2730), (8553103, 6),
    (-23749461029, 870), (8615841276005, 14322), (-7709321041217, 510),
)  # fmt: skip
_TAIL = [n / d / math.factorial(2 * k) for k, (n, d) in enumerate(_BERNOULLI, 1)]
_HEAD = 16


@in_float64
def _zeta_ds(s: Any, q: Any) -> Any:
    """d/ds of zeta(s, q) for s > 1 and q > 0, from Euler and Maclaurin's formula."""

    def number(value: float) -> Any:
        return const(value, float64)

    total = number(0.0)
    for k in range(_HEAD):
        term = add(q, number(k))
        total = sub(total, mul(log(term), pow(term, neg(s))))
    end = add(q, number(_HEAD))
    log_end, power, gap = log(end), pow(end, neg(s)), sub(s, number(1.0))
    integral = div(mul(end, power), gap)
    total = sub(total, mul(integral, add(log_end, reciprocal(gap))))
    # The correction is power times (1/2 + a sum of products of ratios (s + m) / end); a ratio's
    # derivative is itself over s + m. Where products overflow the power beside them is zero.
    product, harmonic = number(1.0), number(0.0)
    tail, slope = number(0.5), number(0.0)
    for m in range(2 * len(_TAIL) - 1):
        rising = add(s, number(m))
        product = minimum(mul(product, div(rising, end)), number(1e290))
        harmonic = add(harmonic, reciprocal(rising))
        if m % 2 == 0:
            term = scale(product, _TAIL[m // 2])
            tail, slope = add(tail, term), add(slope, mul(term, harmonic))
    total = add(total, mul(power, sub(slope, mul(log_end, tail))))
    return select(gt(s, number(1.0)), total, full_like(total, math.nan))


zeta: Op = special(
    "zeta",
    _whole_zeta,
    (
        lambda t, s, q: mul(t, _zeta_ds(s, q)),
        lambda t, s, q: neg(mul(t, mul(s, zeta(add(s, const(1.0, s.dtype)), q)))),
    ),
    operands=("s", "q"),
    domain=((1.5, 4.0), (0.5, 3.0)),
    code="zeta({0}, {1})",
)


# ------------------------------------------------------------------------------------- gamma
def _lgamma(xp: Any, x: Any) -> Any:
    return xp.where(xp.isinf(x), np.inf, _gammaln(xp, x))  # SciPy gives -inf at -inf


lgamma = special(
    "lgamma",
    _lgamma,
    (lambda t, x: mul(t, digamma(x)),),
    domain=(0.3, 3.0),
    code="lgamma({0})",
)
gamma = special(
    "gamma",
    "gamma",
    (lambda t, x, ans: mul(t, mul(ans, digamma(x))),),
    domain=(0.3, 3.0),
    code="tgamma({0})",
)
digamma: Op = special(
    "digamma",
    "digamma",
    (lambda t, x: mul(t, polygamma(const(1, int32), x)),),
    domain=(1.6, 4.0),
    code="digamma({0})",
)


def _polygamma(xp: Any, n: Any, x: Any) -> Any:
    whole = (n >= 0) & (n == xp.floor(n))
    order = xp.where(whole, n, 1.0) + 1
    sum_of_powers = _whole_zeta(xp, order, x)
    # The factorial alone overflows long before the product does.
    size = xp.where(
        order < 160,
        _gamma(xp, xp.minimum(order, 160.0)) * sum_of_powers,
        xp.copysign(xp.exp(_gammaln(xp, order) + xp.log(xp.abs(sum_of_powers))), sum_of_powers),
    )
    found = xp.where(order % 2 == 0, size, -size)
    return xp.where(whole, xp.where(n == 0, _psi(xp, x), found), np.nan)


def raised(n: Any) -> Any:
    """n + 1 for an integer order n, in a dtype that holds it."""
    return add(cast(n, dtype=int32), const(1, int32))


polygamma: Op = special(
    "polygamma",
    _polygamma,
    (None, lambda t, n, x: mul(t, polygamma(raised(n), x))),
    operands=("n", "x"),
    domain=((0.0, 4.0), (0.5, 3.0)),
    code="polygamma({0}, {1})",
    order=True,
)
