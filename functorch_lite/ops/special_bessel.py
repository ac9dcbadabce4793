"""Bessel functions of orders 0 and 1, of both kinds and modified ones, and Airy's function."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite.core.op import Op
from functorch_lite.ops.arithmetic import abs, add, div, mul, neg, sign, square, sub
from functorch_lite.ops.special_eager import (
    member,
    power_series,
    quotient,
    scipy_special,
    special,
)
from functorch_lite.ops.transcendental import exp

__all__ = [
    "airy_ai", "airy_ai_prime", "bessel_i0e", "bessel_i1e", "bessel_j0", "bessel_j1", "bessel_y0",
    "bessel_y1", "i0", "i1", "k0", "k0e", "k1", "k1e",
]  # fmt: skip

_RIGHT = (0.4, 3.0)
_I1_OVER_X = [0.5 / (4**k * math.factorial(k) * math.factorial(k + 1)) for k in range(12)]
_J1_OVER_X = [(-1) ** k * c for k, c in enumerate(_I1_OVER_X)]


def _i1_over(x: Any) -> Any:
    return power_series(square(x), _I1_OVER_X)


def _i1e_over(x: Any) -> Any:
    return mul(exp(neg(abs(x))), _i1_over(x))


def _j1_over(x: Any) -> Any:
    return power_series(square(x), _J1_OVER_X)


def _odd(name: str) -> Callable[..., Any]:
    """An odd function of SciPy's, which loses the sign of zero and is NaN at infinity."""
    function = scipy_special(name)

    def call(xp: Any, x: Any) -> Any:
        limit = np.inf if name == "i1" else 0.0
        return xp.copysign(xp.where(xp.isinf(x), limit, function(xp, x)), x)

    return call


def _oscillating(name: str, odd: bool = False) -> Callable[..., Any]:
    """A function that falls to zero at infinity, where SciPy's is NaN."""
    function = scipy_special(name)

    def call(xp: Any, x: Any) -> Any:
        found = xp.where(xp.abs(x) == np.inf, 0.0 * xp.sign(x), function(xp, x))
        return xp.where(x == 0, x, found) if odd else found

    return call


# ------------------------------------------------------------------------------------ modified
def _i0(xp: Any, x: Any) -> Any:
    return xp.where(xp.isinf(x), np.inf, scipy_special("i0")(xp, x))


i0 = special("i0", _i0, (lambda t, x: mul(t, i1(x)),), code="i0({0})")


def _i1_dx(t: Any, x: Any, ans: Any) -> Any:
    return mul(t, sub(i0(x), quotient(ans, x, _i1_over)))


i1: Op = special("i1", _odd("i1"), (_i1_dx,), code="i1({0})")


def _i0e_dx(t: Any, x: Any, ans: Any) -> Any:
    return mul(t, sub(bessel_i1e(x), mul(sign(x), ans)))


def _i1e_dx(t: Any, x: Any, ans: Any) -> Any:
    return mul(t, sub(bessel_i0e(x), add(mul(sign(x), ans), quotient(ans, x, _i1e_over))))


bessel_i0e: Op = special("bessel_i0e", "i0e", (_i0e_dx,), domain=(0.3, 3.0), code="i0e({0})")
bessel_i1e: Op = special("bessel_i1e", _odd("i1e"), (_i1e_dx,), domain=(0.3, 3.0), code="i1e({0})")

k0 = special("k0", "k0", (lambda t, x: neg(mul(t, k1(x))),), domain=_RIGHT, code="k0({0})")
k1: Op = special(
    "k1",
    "k1",
    (lambda t, x, ans: neg(mul(t, add(k0(x), div(ans, x)))),),
    domain=_RIGHT,
    code="k1({0})",
)
k0e: Op = special(
    "k0e", "k0e", (lambda t, x, ans: mul(t, sub(ans, k1e(x))),), domain=_RIGHT, code="k0e({0})"
)
k1e: Op = special(
    "k1e",
    "k1e",
    (lambda t, x, ans: mul(t, sub(sub(ans, k0e(x)), div(ans, x))),),
    domain=_RIGHT,
    code="k1e({0})",
)

# ---------------------------------------------------------------------------------- oscillating
bessel_j0 = special(
    "bessel_j0", _oscillating("j0"), (lambda t, x: neg(mul(t, bessel_j1(x))),), code="j0({0})"
)
bessel_j1: Op = special(
    "bessel_j1",
    _oscillating("j1", odd=True),
    (lambda t, x, ans: mul(t, sub(bessel_j0(x), quotient(ans, x, _j1_over))),),
    code="j1({0})",
)
bessel_y0 = special(
    "bessel_y0",
    "y0",
    (lambda t, x: neg(mul(t, bessel_y1(x))),),
    domain=_RIGHT,
    code="y0({0})",
)
bessel_y1: Op = special(
    "bessel_y1",
    "y1",
    (lambda t, x, ans: mul(t, sub(bessel_y0(x), div(ans, x))),),
    domain=_RIGHT,
    code="y1({0})",
)


# ----------------------------------------------------------------------------------------- Airy
airy_ai = special(
    "airy_ai", member("airy", 0), (lambda t, x: mul(t, airy_ai_prime(x)),), code="airy_ai({0})"
)
airy_ai_prime: Op = special(
    "airy_ai_prime",
    member("airy", 1),
    (lambda t, x: mul(t, mul(x, airy_ai(x))),),
    code="airy_ai_prime({0})",
)
