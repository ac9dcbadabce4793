"""The incomplete gamma and beta functions, and their derivatives by every argument."""

from __future__ import annotations

from typing import Any

from functorch_lite.core.dtypes import int32
from functorch_lite.core.op import Op
from functorch_lite.ops.arithmetic import add, mul, neg, scale, sub
from functorch_lite.ops.compare import eq, select
from functorch_lite.ops.families import const, zeros_like
from functorch_lite.ops.special_eager import in_float64, on_host, special
from functorch_lite.ops.special_gamma import digamma, lgamma, polygamma
from functorch_lite.ops.special_tails import beta_slopes, beta_tail, complete_bell, gamma_tail
from functorch_lite.ops.transcendental import exp, log, log1p

__all__ = ["betainc", "betainc_grad", "igamma", "igamma_grad_a", "igammac"]


def _times(x: Any, log_y: Any) -> Any:
    """The product, and 0 where x is 0: what a density needs at the end of its interval."""
    found = mul(x, log_y)
    return select(eq(x, zeros_like(x)), zeros_like(found), found)


def _less_one(x: Any) -> Any:
    return sub(x, const(1.0, x.dtype))


def _psi(k: int, x: Any) -> Any:
    return digamma(x) if k == 0 else polygamma(const(k, int32), x)


def _bell(orders: tuple[int, ...], slope: Any) -> Any:
    return complete_bell(orders, slope, add, mul, scale)


# -------------------------------------------------------------------------------------- gamma
@in_float64
def _gamma_density(a: Any, x: Any) -> Any:
    return exp(sub(sub(_times(_less_one(a), log(x)), x), lgamma(a)))


@in_float64
def _gamma_density_da(a: Any, x: Any, *, order: int) -> Any:
    def slope(orders: tuple[int, ...]) -> Any:
        k = orders[0] - 1
        return sub(log(x), digamma(a)) if k == 0 else neg(_psi(k, a))

    return mul(_gamma_density(a, x), _bell((order,), slope))


igamma: Op = special(
    "igamma",
    "gammainc",
    (
        lambda t, a, x: mul(t, igamma_grad_a(a, x, order=1)),
        lambda t, a, x: mul(t, _gamma_density(a, x)),
    ),
    operands=("a", "x"),
    domain=((0.5, 3.0), (0.3, 4.0)),
    code="igamma({0}, {1})",
)
igammac: Op = special(
    "igammac",
    "gammaincc",
    (
        lambda t, a, x: neg(mul(t, igamma_grad_a(a, x, order=1))),
        lambda t, a, x: neg(mul(t, _gamma_density(a, x))),
    ),
    operands=("a", "x"),
    domain=((0.5, 3.0), (0.3, 4.0)),
    code="igammac({0}, {1})",
)
igamma_grad_a: Op = special(
    "igamma_grad_a",
    on_host(gamma_tail),
    (
        lambda t, a, x, order: mul(t, igamma_grad_a(a, x, order=order + 1)),
        lambda t, a, x, order: mul(t, _gamma_density_da(a, x, order=order)),
    ),
    operands=("a", "x"),
    domain=((0.5, 3.0), (0.3, 4.0)),
    code="igamma_grad_a({0}, {1}, {order})",
)


# --------------------------------------------------------------------------------------- beta
@in_float64
def _beta_density(a: Any, b: Any, x: Any) -> Any:
    log_beta = sub(add(lgamma(a), lgamma(b)), lgamma(add(a, b)))
    sides = add(_times(_less_one(a), log(x)), _times(_less_one(b), log1p(neg(x))))
    return exp(sub(sides, log_beta))


@in_float64
def _beta_density_dab(a: Any, b: Any, x: Any, *, orders: tuple[int, int]) -> Any:
    shapes = (a, b, add(a, b))
    slope = beta_slopes((log(x), log1p(neg(x))), lambda i, k: _psi(k, shapes[i]), add, sub)
    return mul(_beta_density(a, b, x), _bell(orders, slope))


betainc: Op = special(
    "betainc",
    "betainc",
    (
        lambda t, a, b, x: mul(t, betainc_grad(a, b, x, orders=(1, 0))),
        lambda t, a, b, x: mul(t, betainc_grad(a, b, x, orders=(0, 1))),
        lambda t, a, b, x: mul(t, _beta_density(a, b, x)),
    ),
    operands=("a", "b", "x"),
    domain=((0.5, 3.0), (0.5, 3.0), (0.1, 0.9)),
    code="betainc({0}, {1}, {2})",
)
betainc_grad: Op = special(
    "betainc_grad",
    on_host(beta_tail),
    (
        lambda t, a, b, x, orders: mul(t, betainc_grad(a, b, x, orders=(orders[0] + 1, orders[1]))),
        lambda t, a, b, x, orders: mul(t, betainc_grad(a, b, x, orders=(orders[0], orders[1] + 1))),
        lambda t, a, b, x, orders: mul(t, _beta_density_dab(a, b, x, orders=orders)),
    ),
    operands=("a", "b", "x"),
    domain=((0.5, 3.0), (0.5, 3.0), (0.1, 0.9)),
    code="betainc_grad({0}, {1}, {2}, {orders})",
)
