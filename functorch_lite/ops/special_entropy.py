"""Products with a logarithm, in which a factor 0 wins, and quotients of gamma functions."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.core.op import Op
from functorch_lite.ops.arithmetic import add, div, mul, neg, sub
from functorch_lite.ops.families import const
from functorch_lite.ops.special_eager import special
from functorch_lite.ops.special_gamma import digamma
from functorch_lite.ops.transcendental import log, log1p

__all__ = ["beta", "betaln", "binom", "entr", "poch", "xlog1py", "xlogy"]

_POSITIVE = ((0.3, 3.0), (0.3, 3.0))


def _product(log_name: str) -> Any:
    def run(xp: Any, x: Any, y: Any) -> Any:
        zero = (x == 0) & ~xp.isnan(y)
        return xp.where(zero, 0.0, x * getattr(xp, log_name)(xp.where(zero, 1.0, y)))

    return run


def _entr(xp: Any, x: Any) -> Any:
    negative = x < 0
    found = -x * xp.log(xp.where(negative | (x == 0), 1.0, x))
    return xp.where(negative, -np.inf, xp.where(x == 0, 0.0, found))


def _one_more(x: Any) -> Any:
    return add(x, const(1.0, x.dtype))


xlogy = special(
    "xlogy",
    _product("log"),
    (lambda t, y: mul(t, log(y)), lambda t, x, y: mul(t, div(x, y))),
    operands=("x", "y"),
    domain=_POSITIVE,
    code="xlogy({0}, {1})",
)
xlog1py = special(
    "xlog1py",
    _product("log1p"),
    (lambda t, y: mul(t, log1p(y)), lambda t, x, y: mul(t, div(x, _one_more(y)))),
    operands=("x", "y"),
    domain=_POSITIVE,
    code="xlog1py({0}, {1})",
)
entr = special(
    "entr",
    _entr,
    (lambda t, x: neg(mul(t, _one_more(log(x)))),),
    domain=(0.5, 3.0),
    code="entr({0})",
)


# --------------------------------------------------------------------------- quotients of gammas
def _psi_gap(x: Any, y: Any) -> Any:
    return sub(digamma(x), digamma(y))


beta: Op = special(
    "beta",
    "beta",
    (
        lambda t, x, y, ans: mul(t, mul(ans, _psi_gap(x, add(x, y)))),
        lambda t, x, y, ans: mul(t, mul(ans, _psi_gap(y, add(x, y)))),
    ),
    operands=("x", "y"),
    domain=_POSITIVE,
    code="beta({0}, {1})",
)
betaln = special(
    "betaln",
    "betaln",
    (
        lambda t, x, y: mul(t, _psi_gap(x, add(x, y))),
        lambda t, x, y: mul(t, _psi_gap(y, add(x, y))),
    ),
    operands=("x", "y"),
    domain=_POSITIVE,
    code="betaln({0}, {1})",
)
poch: Op = special(
    "poch",
    "poch",
    (
        lambda t, x, y, ans: mul(t, mul(ans, _psi_gap(add(x, y), x))),
        lambda t, x, y, ans: mul(t, mul(ans, digamma(add(x, y)))),
    ),
    operands=("x", "y"),
    domain=_POSITIVE,
    code="poch({0}, {1})",
)


def _rest(x: Any, y: Any) -> Any:
    return _one_more(sub(x, y))


binom: Op = special(
    "binom",
    "binom",
    (
        lambda t, x, y, ans: mul(t, mul(ans, _psi_gap(_one_more(x), _rest(x, y)))),
        lambda t, x, y, ans: mul(t, mul(ans, _psi_gap(_rest(x, y), _one_more(y)))),
    ),
    operands=("x", "y"),
    domain=((2.0, 4.0), (0.3, 2.4)),
    code="binom({0}, {1})",
)
