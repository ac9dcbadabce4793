"""Derivatives of the incomplete gamma and beta functions by their parameters, as integrals.

Both are integrals of a density over a tail. A derivative by a parameter is the integral of the
density times a polynomial in the derivatives of its logarithm, which Gauss and Legendre's rule
takes over panels that grow threefold from the end of the tail: near it they resolve the density's
own width, further out they reach as far as it does.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np

__all__ = ["beta_tail", "complete_bell", "gamma_tail"]

_PANELS = 26
_AT_ONCE = 4096
"""Elements that are computed together, so that the nodes of all of them fit into a cache."""


@cache
def _rule() -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights on [0, 3**(panels - 1)], the first panel being [0, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(16)
    ends = 3.0 ** np.arange(_PANELS)
    starts = np.concatenate([[0.0], ends[:-1]])
    half = (ends - starts)[:, None] / 2
    return (starts[:, None] + half * (1 + nodes)).ravel(), (half * weights).ravel()


def complete_bell(
    orders: tuple[int, ...],
    slope: Callable[[tuple[int, ...]], Any],
    add: Callable[[Any, Any], Any],
    mul: Callable[[Any, Any], Any],
    scale: Callable[[Any, float], Any],
) -> Any:
    """exp(-g) times a mixed derivative of exp(g), from the derivatives of g.

    Args:
        orders: how often to differentiate by each variable, at least once in all.
        slope: the derivative of g of given orders.
        add, mul, scale: arithmetic of what ``slope`` returns.
    """
    known: dict[tuple[int, ...], Any] = {}

    def value(orders: tuple[int, ...]) -> Any:
        if orders in known:
            return known[orders]
        # One derivative is taken of exp(g) itself, the others of the product g' exp(g).
        first = next(i for i, n in enumerate(orders) if n)
        rest = tuple(n - (i == first) for i, n in enumerate(orders))
        total = None
        for taken in np.ndindex(*[n + 1 for n in rest]):
            g = slope(tuple(k + (i == first) for i, k in enumerate(taken)))
            left = tuple(n - k for n, k in zip(rest, taken, strict=True))
            count = math.prod(math.comb(n, k) for n, k in zip(rest, taken, strict=True))
            term = scale(g, float(count)) if count > 1 else g
            term = mul(term, value(left)) if any(left) else term
            total = term if total is None else add(total, term)
        known[orders] = total
        return total

    return value(orders)


def _bell(orders: tuple[int, ...], slope: Callable[[tuple[int, ...]], Any]) -> Any:
    return complete_bell(orders, slope, operator.add, operator.mul, operator.mul)


def _in_blocks(fn: Callable[..., np.ndarray], *arrays: np.ndarray) -> np.ndarray:
    """``fn`` of columns of a limited length, put together in the operands' shape."""
    aligned = np.broadcast_arrays(*arrays)
    flat = [np.ascontiguousarray(a).reshape(-1, 1) for a in aligned]
    found = np.empty(flat[0].shape[0])
    for at in range(0, len(found), _AT_ONCE):
        found[at : at + _AT_ONCE] = fn(*[a[at : at + _AT_ONCE] for a in flat])
    return found.reshape(aligned[0].shape)


# ------------------------------------------------------------------------------------- gamma
def _stirling(a: np.ndarray) -> np.ndarray:
    """log(Gamma(a)) - (a log(a) - a)."""
    from scipy import special

    near = np.minimum(a, 32.0)
    small = special.gammaln(near) - near * np.log(near) + near
    b = 1 / np.maximum(a, 32.0) ** 2
    series = (1 / 12 - b * (1 / 360 - b * (1 / 1260 - b / 1680))) / np.maximum(a, 32.0)
    large = 0.5 * np.log(2 * math.pi / np.maximum(a, 32.0)) + series
    return np.asarray(np.where(a < 32.0, small, large))


def _log_minus_digamma(a: np.ndarray) -> np.ndarray:
    """log(a) - digamma(a)."""
    from scipy import special

    near, far = np.minimum(a, 32.0), np.maximum(a, 32.0)
    b = 1 / far**2
    series = b * (1 / 12 - b * (1 / 120 - b * (1 / 252 - b / 240)))
    return np.asarray(np.where(a < 32.0, np.log(near) - special.digamma(near), 0.5 / far + series))


def _gamma_column(a: np.ndarray, x: np.ndarray, order: int) -> np.ndarray:
    from scipy import special

    at, over = _rule()
    lower = x <= a
    ratio = x / a
    relative = np.where(np.abs(ratio - 1) < 0.5, np.log1p((x - a) / a), np.log(ratio))
    # Below the mean in steps of log(t), where the density decays at a rate of a - t ...
    width = 0.5 / np.maximum(np.abs(a - x) + np.sqrt(a), 1.0)
    v_low = relative - width * at
    # ... and above it in steps of t.
    step = 0.5 * np.minimum(x, 1 / (np.abs(x - a + 1) / x + 1 / np.sqrt(x)))
    v_high = np.log1p((x - a + step * at) / a)
    v = np.where(lower, v_low, v_high)
    exponent = a * (v - np.expm1(v)) - _stirling(a)
    density = np.exp(np.where(lower, exponent, exponent - v - np.log(a)))
    first = v + _log_minus_digamma(a)

    def slope(orders: tuple[int, ...]) -> Any:
        return first if orders == (1,) else -special.polygamma(orders[0] - 1, a)

    total = (density * _bell((order,), slope) * over).sum(axis=-1)
    return np.asarray(np.where(lower[:, 0], width[:, 0] * total, -step[:, 0] * total))


def gamma_tail(a: np.ndarray, x: np.ndarray, *, order: int) -> np.ndarray:
    """The derivative of some order, at least 1, of the lower incomplete gamma function by a.

    Args:
        a, x: float64 arrays that broadcast.
        order: how often to differentiate.
    """
    inside = (a > 0) & (x > 0) & np.isfinite(a) & np.isfinite(x)
    found = _in_blocks(
        lambda a, x: _gamma_column(a, x, order), np.where(inside, a, 1.0), np.where(inside, x, 1.0)
    )
    flat = (a > 0) & (np.isfinite(a)) & ((x == 0) | (x == np.inf))
    return np.asarray(np.where(inside, found, np.where(flat, 0.0, np.nan)))


# -------------------------------------------------------------------------------------- beta
def _psi(k: int, x: np.ndarray) -> np.ndarray:
    from scipy import special

    return np.asarray(special.polygamma(k, x))


def beta_slopes(
    logs: tuple[Any, Any],
    psi: Callable[[int, int], Any],
    add: Callable[[Any, Any], Any] = operator.add,
    sub: Callable[[Any, Any], Any] = operator.sub,
) -> Callable[[tuple[int, ...]], Any]:
    """The derivatives by a and b of a log(t) + b log(1 - t) - log(Beta(a, b)).

    Args:
        logs: log(t) and log(1 - t).
        psi: ``psi(which, k)``, the k-th derivative of digamma at a, b or a + b (which = 0, 1, 2).
        add, sub: arithmetic of what these are.
    """

    def slope(orders: tuple[int, ...]) -> Any:
        k = sum(orders) - 1
        common = psi(2, k)
        for i in (0, 1):
            if orders[1 - i] == 0:
                own = sub(common, psi(i, k))
                return add(logs[i], own) if k == 0 else own
        return common

    return slope


def _beta_column(
    a: np.ndarray, b: np.ndarray, log_x: np.ndarray, log_y: np.ndarray, orders: tuple[int, int]
) -> np.ndarray:
    """The tail below x of the density of shapes a and b, of which x is not beyond the mean."""
    from scipy import special

    at, over = _rule()
    x = np.exp(log_x)
    rate = np.abs(a - (a + b) * x)
    width = 0.5 / np.maximum(rate + np.sqrt((a + b) * x * -np.expm1(log_x)), 1.0)
    w = log_x - log_y - width * at
    log_t, log_rest = -np.logaddexp(0.0, -w), -np.logaddexp(0.0, w)
    density = np.exp(a * log_t + b * log_rest - special.betaln(a, b))
    slope = beta_slopes((log_t, log_rest), lambda i, k: _psi(k, (a, b, a + b)[i]))
    return np.asarray(width[:, 0] * (density * _bell(orders, slope) * over).sum(axis=-1))


def beta_tail(
    a: np.ndarray, b: np.ndarray, x: np.ndarray, *, orders: tuple[int, int]
) -> np.ndarray:
    """A derivative by a and b of the regularised incomplete beta function.

    Args:
        a, b, x: float64 arrays that broadcast.
        orders: how often to differentiate by a and by b, at least once in all.
    """
    a, b, x = np.broadcast_arrays(a, b, x)
    shapes = (a > 0) & (b > 0) & np.isfinite(a) & np.isfinite(b)
    inside = shapes & (x > 0) & (x < 1)
    safe_a, safe_b, safe_x = (np.where(inside, v, s) for v, s in ((a, 1.0), (b, 1.0), (x, 0.5)))
    log_x, log_y = np.log(safe_x), np.log1p(-safe_x)
    upper = safe_x > safe_a / (safe_a + safe_b)
    found = np.empty(x.shape)
    for side, swapped in ((~upper, False), (upper, True)):
        given = [v[side] for v in (safe_a, safe_b, log_x, log_y)]
        order = orders
        if swapped:
            given = [given[1], given[0], given[3], given[2]]
            order = (orders[1], orders[0])
        part = _in_blocks(partial(_beta_column, orders=order), *given)
        found[side] = -part if swapped else part
    flat = shapes & ((x == 0) | (x == 1))
    return np.asarray(np.where(inside, found, np.where(flat, 0.0, np.nan)))
