"""PyTorch's samplers that draw until they accept: Poisson, binomial, gamma and Dirichlet."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite.torch._core.dtypes import FROM_NP
from functorch_lite.torch._rng.engine import Engine
from functorch_lite.torch._rng.fill import FLOATS, HALVES, Values, unsupported
from functorch_lite.torch._rng.normal import next_normal

__all__ = ["binomial", "dirichlet", "poisson", "standard_gamma"]

_STIRLING = (
    0.0810614667953272,
    0.0413406959554092,
    0.0276779256849983,
    0.02079067210376509,
    0.0166446911898211,
    0.0138761288230707,
    0.0118967099458917,
    0.0104112652619720,
    0.00925546218271273,
    0.00833056343336287,
)
# Single-precision constants of the gamma sampler, which it keeps in double precision too.
_THIRD = float(np.float32(1.0) / np.float32(3.0))
_SQUEEZE = float(np.float32(0.0331))


def poisson(engine: Engine, rates: Values) -> Values:
    """Numbers of events, each with a rate of its own.

    Args:
        engine: The generator to draw from.
        rates: A floating-point array of expected numbers.

    Returns:
        A new array of the rates' shape and dtype.

    Raises:
        RuntimeError: A rate is negative.
        NotImplementedError: The dtype is no floating-point one.

    Source: ``torch.poisson``.

    >>> poisson(Engine(0), np.array([4.0, 0.0, 50.0]))
    array([ 7.,  0., 52.])
    """
    dtype = rates.dtype
    if dtype not in FLOATS:
        unsupported("poisson_cpu", dtype)
    draw = engine.next_double
    values = [_poisson(draw, rate) for rate in rates.reshape(-1).astype(np.float64).tolist()]
    wide = np.array(values, np.float64).reshape(rates.shape)
    return wide.astype(np.float32).astype(dtype) if dtype in HALVES else wide.astype(dtype)


def _poisson(draw: Callable[[], float], rate: float) -> int:
    """One number of events."""
    if not rate >= 0:
        raise RuntimeError("invalid Poisson rate, expected rate to be non-negative")
    if rate == 0:
        return 0
    if rate < 10:
        # Knuth: how many uniform factors keep a product above exp(-rate).
        floor = math.exp(-rate)
        product = draw()
        count = 0
        while product > floor:
            count += 1
            product *= draw()
        return count
    # Hoermann's transformed rejection.
    root = math.sqrt(rate)
    log_rate = math.log(rate)
    b = 0.931 + 2.53 * root
    a = -0.059 + 0.02483 * b
    log_alpha = math.log(1.1239 + 1.1328 / (b - 3.4))
    box = 0.9277 - 3.6224 / (b - 2)
    while True:
        u = draw() - 0.5
        v = draw()
        us = 0.5 - abs(u)
        if us == 0.0:
            continue
        k = math.floor((2 * a / us + b) * u + rate + 0.43)
        if us >= 0.07 and v <= box:
            return k
        if k < 0 or (us < 0.013 and v > us):
            continue
        ratio = (math.log(v) if v else -math.inf) + log_alpha - math.log(a / (us * us) + b)
        if ratio <= -rate + k * log_rate - math.lgamma(k + 1.0):
            return k


def binomial(engine: Engine, counts: Values, probabilities: Values) -> Values:
    """Numbers of successes, each of a number of trials with a probability of its own.

    Args:
        engine: The generator to draw from.
        counts: An array of float32 or float64: numbers of trials.
        probabilities: An array of the same dtype that broadcasts with ``counts``.

    Returns:
        A new array of their common shape and dtype.

    Raises:
        RuntimeError: The dtypes differ.
        NotImplementedError: The dtype is neither float32 nor float64.

    Source: ``torch.binomial``.

    >>> binomial(Engine(0), np.array([10.0, 100.0]), np.array([0.5, 0.25]))
    array([ 7., 26.])
    """
    dtype = counts.dtype
    if probabilities.dtype != dtype:
        raise RuntimeError(
            f"Found dtype {FROM_NP[probabilities.dtype].scalar_name} but expected "
            f"{FROM_NP[dtype].scalar_name}"
        )
    if dtype not in FLOATS or dtype in HALVES:
        unsupported("binomial_cpu", dtype)
    spread_counts, spread = np.broadcast_arrays(counts, probabilities)
    draw = engine.next_double
    with np.errstate(all="ignore"):
        values = [
            _binomial(draw, count, probability, dtype.type)
            for count, probability in zip(
                spread_counts.reshape(-1), spread.reshape(-1), strict=True
            )
        ]
    return np.array(values, dtype).reshape(spread.shape)


def _binomial(draw: Callable[[], float], count: Any, probability: Any, real: type[Any]) -> Any:
    """One number of successes; ``count`` and ``probability`` are scalars of ``real``."""
    if count <= 0 or probability <= 0:
        return real(0)
    if probability >= 1:
        return count
    if probability <= 0.5:
        mirrored = False
    elif probability > 0.5:
        mirrored = True
        probability = real(1.0 - float(probability))
    else:
        return real(math.nan)
    if count * probability >= 10:
        successes = _transformed(draw, count, probability, real)
    else:
        successes = _inversion(draw, float(count), float(probability), real)
    return count - successes if mirrored else successes


def _inversion(draw: Callable[[], float], count: float, probability: float, real: type[Any]) -> Any:
    """Successes as geometric waits that fit in the trials."""
    scale = float(real(math.log1p(-probability)))
    waited = 0.0
    successes = 0
    while True:
        u = draw()
        waited += math.ceil(math.log(u) / scale) if u else math.inf
        if waited > count:
            return real(successes)
        successes += 1


def _stirling_tail(k: float) -> float:
    """What Stirling's formula leaves of the logarithm of a factorial."""
    if k < len(_STIRLING):
        return _STIRLING[int(k)]
    square = (k + 1) * (k + 1)
    return (1.0 / 12 - (1.0 / 360 - 1.0 / 1260 / square) / square) / (k + 1)


def _transformed(draw: Callable[[], float], count: Any, probability: Any, real: type[Any]) -> Any:
    """Hoermann's transformed rejection."""
    # What stays in the arrays' dtype and what is double decides about the last bits: both as there.
    one = real(1)
    expected = count * probability
    deviation = float(np.sqrt(expected * (one - probability)))
    share = float(probability)
    b = 1.15 + 2.53 * deviation
    a = -0.0873 + 0.0248 * b + 0.01 * share
    c = float(expected) + 0.5
    box = 0.92 - 4.2 / b
    odds = float(probability / (one - probability))
    alpha = (2.83 + 5.1 / b) * deviation
    mode = float(np.floor((count + one) * probability))
    trials, trials_and_one = float(count), float(count + one)
    while True:
        u = draw() - 0.5
        v = draw()
        us = 0.5 - abs(u)
        if us == 0.0:
            continue
        successes = real(math.floor((2 * a / us + b) * u + c))
        k = float(successes)
        if k < 0 or k > trials:
            continue
        if us >= 0.07 and v <= box:
            return successes
        v = v * alpha / (a / (us * us) + b)
        left = trials - mode + 1
        left_after = float(count - successes + one)
        bound = (
            (mode + 0.5) * math.log((mode + 1) / (odds * left))
            + trials_and_one * math.log(left / left_after)
            + (float(successes + real(0.5)) if real is np.float64 else k + 0.5)
            * math.log(odds * left_after / float(successes + one))
            + _stirling_tail(mode)
            + _stirling_tail(trials - mode)
            - _stirling_tail(k)
            - _stirling_tail(float(count - successes))
        )
        if (math.log(v) if v > 0 else -math.inf) <= bound:
            return successes


def standard_gamma(engine: Engine, alpha: Values) -> Values:
    """Numbers of gamma distributions of scale one.

    Args:
        engine: The generator to draw from.
        alpha: An array of float32 or float64: shapes of the distributions.

    Returns:
        A new array of the same shape and dtype.

    Raises:
        NotImplementedError: The dtype is neither float32 nor float64.

    Source: ``torch._standard_gamma``.
    """
    dtype = alpha.dtype
    if dtype not in FLOATS or dtype in HALVES:
        unsupported("gamma_cpu", dtype)
    single = dtype == np.float32
    least = float(np.finfo(dtype).tiny)
    values = [_gamma(engine, shape, single) for shape in alpha.reshape(-1).tolist()]
    result = np.array(values, np.float64).astype(dtype).reshape(alpha.shape)
    # Not `maximum`: PyTorch's comparison turns a NaN into the least number.
    return np.where(result > least, result, dtype.type(least))


def _gamma(engine: Engine, alpha: float, single: bool) -> float:
    """Marsaglia's and Tsang's rejection from a cubed normal number."""
    draw = engine.next_double
    scale = 1.0
    if alpha < 1.0:
        if alpha == 0.0:
            return 0.0
        # A higher shape is accepted more often; a power of a uniform number brings it back.
        inverse = float(np.float32(1.0) / np.float32(alpha)) if single else 1.0 / alpha
        scale = math.pow(1 - draw(), inverse)
        alpha = float(np.float32(alpha) + np.float32(1.0)) if single else alpha + 1.0
    d = float(np.float32(alpha) - np.float32(_THIRD)) if single else alpha - _THIRD
    c = 1.0 / math.sqrt(9.0 * d)
    while True:
        x = next_normal(engine)
        y = 1.0 + c * x
        if y <= 0:
            continue
        v = y * y * y
        u = 1 - draw()
        square = x * x
        if u < 1.0 - _SQUEEZE * square * square:
            return scale * d * v
        if math.log(u) < 0.5 * square + d * (1.0 - v + math.log(v)):
            return scale * d * v


def dirichlet(engine: Engine, alpha: Values) -> Values:
    """Shares that sum to one over the last axis.

    Args:
        engine: The generator to draw from.
        alpha: An array of float32 or float64, ``(..., shares)``: concentrations.

    Returns:
        A new array of the same shape and dtype.

    Raises:
        NotImplementedError: The dtype is neither float32 nor float64.

    Source: ``torch._sample_dirichlet``.
    """
    dtype = alpha.dtype
    if dtype not in FLOATS or dtype in HALVES:
        unsupported("dirichlet", dtype)
    gamma = standard_gamma(engine, alpha.astype(np.float64))
    shares = (gamma / gamma.sum(-1, keepdims=True)).astype(dtype)
    one = dtype.type(1)
    return np.clip(shares, np.finfo(dtype).tiny, np.nextafter(one, dtype.type(0)))
