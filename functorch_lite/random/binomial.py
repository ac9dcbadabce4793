"""Counts of successes: the binomial and the multinomial distribution."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite import lax, ops
from functorch_lite import numpy as fnp
from functorch_lite.core.array import Array
from functorch_lite.core.aval import describe
from functorch_lite.core.dtypes import canonical, float32, is_complex, is_float
from functorch_lite.errors import DtypeError, ShapeError
from functorch_lite.random.keys import as_shape, split, take_key
from functorch_lite.random.parameters import bound, float_dtype, parameters
from functorch_lite.random.uniform import uniform

__all__ = ["binomial", "multinomial"]

_FEW = 10.0
"""Expected counts up to this sum geometric numbers; others are drawn by rejection."""

# log(k!) minus Stirling's formula for it, k = 0 ... 9; from 10 on a series is as good.
_STIRLING_ERRORS = (
    0.0810614667953272,
    0.0413406959554092,
    0.0276779256849983,
    0.02079067210376509,
    0.0166446911898211,
    0.0138761288230707,
    0.0118967099458917,
    0.010411265261972,
    0.00925546218271273,
    0.00833056343336287,
)


def binomial(key: Array, n: Any, p: Any, shape: Any = None, dtype: Any = None) -> Array:
    """How many of ``n`` trials of probability ``p`` succeed, as floats.

    Args:
        key: u32[2].
        n: number of trials; broadcasts to ``shape``.
        p: probability of success; the numbers are drawn in its dtype, float32 for Python numbers
            and integers; broadcasts to ``shape``.
        shape: shape of the sample; the shape that the parameters broadcast to by default.
        dtype: a floating-point dtype, float32 by default.

    Returns:
        Array of the given shape and dtype; NaN where a parameter is NaN or ``n`` or ``p`` is
        negative, infinite where ``n`` is.

    Raises:
        DtypeError: ``dtype`` is not floating-point, a parameter is complex, or ``key`` is no key.
        ShapeError: the parameters do not broadcast to ``shape``.

    >>> from functorch_lite import random
    >>> random.binomial(random.key(0), 10, 1.0, (3,))
    Array([10., 10., 10.], dtype=float32)

    Source: ``jax.random.binomial``; Hörmann, "The generation of binomial random variates", 1993,
    and sums of geometric numbers where at most 10 successes are expected.
    """
    name = "random.binomial"
    take_key(name, key)
    dtype = float_dtype(name, dtype)
    p = fnp.asarray(p)
    drawn = p.dtype if is_float(p.dtype) else float32
    shape, (n, p) = parameters(name, shape, np.dtype(drawn), n=n, p=p)
    n, p = ops.stop_gradient(n), ops.stop_gradient(p)
    rare = p < 0.5
    q = fnp.where(rare, p, 1.0 - p)
    wrong_q, wrong_n, endless = ~(q >= 0), ~(n >= 0), n == fnp.inf
    q = fnp.where(wrong_q, 0.01, q)
    few = wrong_n | (n * q <= _FEW)
    n = fnp.floor(n)
    # Each method sees parameters of its own only, at which it ends soon.
    count = fnp.where(
        few,
        _sum_of_geometric(key, fnp.where(few & ~wrong_n, n, 0.0), q),
        _rejection(key, fnp.where(few | endless, 1e4, n), fnp.where(few, 0.5, q)),
    )
    count = fnp.where(endless, fnp.inf, fnp.where(rare, count, n - count))
    return fnp.where(wrong_q | wrong_n, fnp.nan, count).astype(dtype)


def multinomial(
    key: Array, n: Any, p: Any, *, shape: Any = None, dtype: Any = None, unroll: int | bool = 1
) -> Array:
    """How many of ``n`` trials end in each of several categories, as floats.

    Args:
        key: u32[2].
        n: number of trials; broadcasts to ``shape`` without its last axis.
        p: f[..., categories], the probability of each, which broadcasts to ``shape``.
        shape: shape of the sample, categories last; the shape of ``p`` by default.
        dtype: a dtype of numbers; that of ``p`` by default, float32 for integers.
        unroll: as in ``lax.scan``; it changes no value.

    Returns:
        Array of the given shape and dtype, whose sum along the last axis is ``n``.

    Raises:
        DtypeError: a parameter is complex, or ``key`` is not a key.
        ShapeError: the parameters do not broadcast to ``shape``, or there are no categories.

    >>> from functorch_lite import random
    >>> float(random.multinomial(random.key(0), 10, fnp.asarray([0.2, 0.3, 0.5])).sum())
    10.0

    Source: ``jax.random.multinomial``: one category after the other is binomial in what remains.
    """
    name = "random.multinomial"
    take_key(name, key)
    p = fnp.asarray(p)
    drawn = np.dtype(p.dtype if is_float(p.dtype) or is_complex(p.dtype) else float32)
    whole = tuple(p.shape) if shape is None else as_shape(name, shape)
    if not p.ndim or not whole or not whole[-1]:
        raise ShapeError(
            f"{name}: expected p with a last axis of categories; got {describe(p)} and the shape "
            f"{whole}. Remedy: a vector of probabilities."
        )
    if is_complex(drawn):
        raise DtypeError(f"{name}: expected a real p; got {describe(p)}. Remedy: its real part.")
    p = fnp.moveaxis(fnp.broadcast_to(bound(name, "p", p, whole, drawn), whole), -1, 0)
    n = fnp.broadcast_to(bound(name, "n", n, whole[:-1], drawn), whole[:-1])
    rest = fnp.flip(fnp.cumsum(fnp.flip(p, 0), axis=0), 0)
    shares = fnp.clip(p / fnp.where(rest == 0, 1.0, rest), 0.0, 1.0)

    def one_category(left: Array, share_and_key: tuple[Array, Array]) -> tuple[Array, Array]:
        share, category_key = share_and_key
        count = binomial(category_key, left, share, dtype=drawn)
        return left - count, count

    keys = split(key, whole[-1])
    _, counts = lax.scan(one_category, ops.stop_gradient(n), (shares, keys), unroll=unroll)
    counts = fnp.moveaxis(counts, 0, -1)
    return counts if dtype is None else counts.astype(canonical(dtype))


def _sum_of_geometric(key: Array, n: Array, q: Array) -> Array:
    """How many waiting times for a success fit into n trials."""
    log_failure = fnp.log1p(-q)

    def step(state: Any) -> Any:
        key, count, trials = state
        keys = split(key)
        count = fnp.where(trials <= n, count + 1.0, count)
        u = uniform(keys[0], tuple(n.shape), q.dtype)
        return keys[1], count, trials + fnp.ceil(fnp.log(u) / log_failure)

    start = key, fnp.zeros_like(q), fnp.zeros_like(q)
    return lax.while_loop(lambda s: (s[2] <= n).any(), step, start)[1] - 1.0


def _rejection(key: Array, n: Array, q: Array) -> Array:
    """Transformed rejection with squeeze (BTRS): a proposal of one number, tested by another."""
    shape, dtype = tuple(n.shape), q.dtype
    deviation = fnp.sqrt(n * q * (1.0 - q))
    b = 1.15 + 2.53 * deviation
    a = -0.0873 + 0.0248 * b + 0.01 * q
    centre = n * q + 0.5
    v_surely = 0.92 - 4.2 / b
    odds = q / (1.0 - q)
    alpha = (2.83 + 5.1 / b) * deviation
    mode = fnp.floor((n + 1.0) * q)

    def step(state: Any) -> Any:
        key, count, done = state
        keys = split(key, 3)
        u = uniform(keys[1], shape, dtype) - 0.5
        v = uniform(keys[2], shape, dtype)
        edge = 0.5 - abs(u)
        k = fnp.floor((2.0 * a / edge + b) * u + centre)
        surely = (edge >= 0.07) & (v <= v_surely)
        never = (k < 0) | (k > n)
        height = fnp.log(v * alpha / (a / (edge * edge) + b))
        # log of the density at k over that at the mode
        log_ratio = (
            (mode + 0.5) * fnp.log((mode + 1.0) / (odds * (n - mode + 1.0)))
            + (n + 1.0) * fnp.log((n - mode + 1.0) / (n - k + 1.0))
            + (k + 0.5) * fnp.log(odds * (n - k + 1.0) / (k + 1.0))
            + _stirling_error(mode)
            + _stirling_error(n - mode)
            - _stirling_error(k)
            - _stirling_error(n - k)
        )
        accepted = surely | (~never & (height <= log_ratio))
        return keys[0], fnp.where(accepted, k, count), done | accepted

    start = key, fnp.full_like(q, -1.0), fnp.zeros_like(q, dtype=bool)
    return lax.while_loop(lambda s: (~s[2]).any(), step, start)[1]


def _stirling_error(k: Array) -> Array:
    table = fnp.asarray(_STIRLING_ERRORS, k.dtype)
    index = fnp.clip(k, 0.0, 9.0).astype("int32")
    # JAX lets the series, too, see no k above 9, where it is constant; so do equal numbers.
    near = fnp.clip(k, 0.0, 9.0) + 1.0
    square = near * near
    series = (1.0 / 12 - (1.0 / 360 - 1.0 / 1260 / square) / square) / near
    return fnp.where(k <= 9, fnp.take(table, index), series)
