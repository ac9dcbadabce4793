"""Hypergeometric functions, with derivatives by their parameters, and the Faddeeva function."""

from __future__ import annotations

import math
from functools import reduce
from typing import Any

import numpy as np

from functorch_lite.core.dtypes import float64
from functorch_lite.core.op import Op
from functorch_lite.ops.arithmetic import abs, add, div, mul, neg, scale, sub
from functorch_lite.ops.compare import eq, le, lt, select
from functorch_lite.ops.convert import cast
from functorch_lite.ops.creation import iota
from functorch_lite.ops.cumulative import affine_recurrence, cumprod, preceding
from functorch_lite.ops.families import const, full_like, zeros_like
from functorch_lite.ops.reduce import reduce_sum
from functorch_lite.ops.shape import broadcast_to, reshape
from functorch_lite.ops.shape import slice as take
from functorch_lite.ops.special_eager import in_float64, scipy_special, special
from functorch_lite.ops.transcendental import exp, log1p

__all__ = ["hyp1f1", "hyp2f1", "wofz"]

_TERMS = 384


def _series_slopes(above: tuple[Any, ...], below: Any, x: Any) -> list[Any]:
    """The derivatives of a hypergeometric series by its parameters.

    Each term is the one before it times a ratio, so the derivative of a term obeys a recurrence,
    which a term that vanishes does no harm. NaN where the terms that are added do not suffice.

    Args:
        above: the parameters of the numerator, one or two.
        below: that of the denominator.
        x: the argument, all float64 and of one shape.
    """
    axis = len(x.shape)
    *tops, bottom, factor = (reshape(v, shape=(*x.shape, 1)) for v in (*above, below, x))
    k = iota(shape=(_TERMS,), dtype=float64, axis=0)
    tops, bottom = [add(v, k) for v in tops], add(bottom, k)
    step = div(factor, mul(bottom, add(k, const(1.0, float64))))
    ratio = _product(step, *tops)
    terms = preceding(cumprod(ratio, axis=axis, reverse=False), axis, False, 1.0)
    later = take(ratio, start=(0,) * axis + (1,), stop=tuple(ratio.shape), step=(1,) * (axis + 1))
    last = cast(eq(k, const(_TERMS - 1, float64)), dtype=float64)

    def slope(of_ratio: Any) -> Any:
        found = affine_recurrence(later, mul(terms, of_ratio), axis, False)
        size = reduce_sum(abs(found), axes=(axis,))
        rest = reduce_sum(mul(abs(found), last), axes=(axis,))
        total = reduce_sum(found, axes=(axis,))
        return select(le(rest, scale(size, 1e-15)), total, full_like(total, math.nan))

    by_top = [slope(_product(step, *tops[:i], *tops[i + 1 :])) for i in range(len(tops))]
    return [*by_top, slope(neg(div(ratio, bottom)))]


def _product(*factors: Any) -> Any:
    return reduce(mul, factors)


def _same_shape(*arrays: Any) -> list[Any]:
    shape = np.broadcast_shapes(*[a.shape for a in arrays])
    return [broadcast_to(a, shape=shape) for a in arrays]


# ------------------------------------------------------------------------------------- 1F1
@in_float64
def _hyp1f1_slope(a: Any, b: Any, x: Any, *, which: int) -> Any:
    """d/da or d/db; for x < 0 through Kummer's exp(x) 1F1(b - a, b, -x), which cancels less."""
    a, b, x = _same_shape(a, b, x)
    negative = lt(x, zeros_like(x))
    top = select(negative, sub(b, a), a)
    by_top, by_bottom = _series_slopes((top,), b, abs(x))
    outside = exp(select(negative, x, zeros_like(x)))
    if which == 0:
        return mul(outside, select(negative, neg(by_top), by_top))
    return mul(outside, select(negative, add(by_top, by_bottom), by_bottom))


def _one_more(x: Any) -> Any:
    return add(x, const(1.0, x.dtype))


def _hyp1f1_dx(t: Any, a: Any, b: Any, x: Any) -> Any:
    return mul(t, mul(div(a, b), hyp1f1(_one_more(a), _one_more(b), x)))


_LARGEST = 1e5


def _hyp1f1(xp: Any, a: Any, b: Any, x: Any) -> Any:
    """SciPy's, which may run for ever on arguments beyond this size: NaN there."""
    inside = (xp.abs(a) <= _LARGEST) & (xp.abs(b) <= _LARGEST) & (xp.abs(x) <= _LARGEST)
    safe = [xp.where(inside, v, 1.0) for v in (a, b, x)]
    return xp.where(inside, scipy_special("hyp1f1")(xp, *safe), xp.nan)


hyp1f1: Op = special(
    "hyp1f1",
    _hyp1f1,
    (
        lambda t, a, b, x: mul(t, _hyp1f1_slope(a, b, x, which=0)),
        lambda t, a, b, x: mul(t, _hyp1f1_slope(a, b, x, which=1)),
        _hyp1f1_dx,
    ),
    operands=("a", "b", "x"),
    domain=((0.5, 3.0), (1.5, 3.0), (-2.0, 2.0)),
    code="hyp1f1({0}, {1}, {2})",
)


# ------------------------------------------------------------------------------------- 2F1
@in_float64
def _hyp2f1_slope(a: Any, b: Any, c: Any, x: Any, *, which: int) -> Any:
    """d/da, d/db or d/dc; for x < 0 through Pfaff's (1 - x)**-a 2F1(a, c - b, c, x / (x - 1))."""
    a, b, c, x = _same_shape(a, b, c, x)
    zero, one = zeros_like(x), const(1.0, float64)
    negative = lt(x, zero)
    second = select(negative, sub(c, b), b)
    inner = select(negative, div(x, sub(select(negative, x, zero), one)), x)
    by_a, by_b, by_c = _series_slopes((a, second), c, inner)
    left = log1p(neg(select(negative, x, zero)))  # 0 where Pfaff's form is not used
    outside = exp(neg(mul(a, left)))
    if which == 0:
        return sub(mul(outside, by_a), mul(left, hyp2f1(a, b, c, x)))
    if which == 1:
        return mul(outside, select(negative, neg(by_b), by_b))
    return mul(outside, select(negative, add(by_b, by_c), by_c))


def _hyp2f1_dx(t: Any, a: Any, b: Any, c: Any, x: Any) -> Any:
    above = hyp2f1(_one_more(a), _one_more(b), _one_more(c), x)
    return mul(t, mul(div(mul(a, b), c), above))


hyp2f1: Op = special(
    "hyp2f1",
    "hyp2f1",
    (
        lambda t, a, b, c, x: mul(t, _hyp2f1_slope(a, b, c, x, which=0)),
        lambda t, a, b, c, x: mul(t, _hyp2f1_slope(a, b, c, x, which=1)),
        lambda t, a, b, c, x: mul(t, _hyp2f1_slope(a, b, c, x, which=2)),
        _hyp2f1_dx,
    ),
    operands=("a", "b", "c", "x"),
    domain=((0.5, 2.0), (0.5, 2.0), (1.5, 3.0), (-0.8, 0.6)),
    code="hyp2f1({0}, {1}, {2}, {3})",
)


# --------------------------------------------------------------------------------- Faddeeva
def _wofz_dz(t: Any, z: Any, ans: Any) -> Any:
    root = const(2j / math.sqrt(math.pi), ans.dtype)
    return mul(t, sub(root, scale(mul(z, ans), 2.0)))


wofz: Op = special("wofz", "wofz", (_wofz_dz,), operands=("z",), kinds="c", code="wofz({0})")
