"""PyTorch's continuous distributions on the CPU, number for number."""

from __future__ import annotations

import math
from typing import Any

import ml_dtypes
import numpy as np

from functorch_lite.torch._core.dtypes import FROM_NP
from functorch_lite.torch._rng.engine import Engine
from functorch_lite.torch._rng.fill import (
    FLOATS,
    HALVES,
    Values,
    affine32,
    affine64,
    fill,
    real_view,
    reals,
    shown,
    unsupported,
)
from functorch_lite.torch._rng.normal import FEW, pairs

__all__ = [
    "cauchy",
    "exponential",
    "log_normal",
    "uniform",
]

Doubles = np.ndarray[Any, np.dtype[np.float64]]

_LIMITS = {dtype: float(ml_dtypes.finfo(dtype).max) for dtype in FLOATS}


def uniform(engine: Engine, out: Values, low: float = 0.0, high: float = 1.0) -> Values:
    """Fills an array with numbers from ``low`` (in) to ``high`` (out).

    Args:
        engine: The generator to draw from.
        out: A floating-point or complex array, any shape and strides.
        low: The least value.
        high: What every value is less than.

    Returns:
        ``out``.

    Raises:
        RuntimeError: The bounds are out of order or out of the dtype's range.
        NotImplementedError: The dtype is no floating-point one.

    Source: ``torch.Tensor.uniform_``.

    >>> uniform(Engine(0), np.empty(2, np.float32))
    array([0.4962566, 0.7682218], dtype=float32)
    """
    dtype = out.dtype
    if dtype.kind == "c":
        if out.size:
            uniform(engine, real_view(out), low, high)
        return out
    if dtype not in FLOATS:
        unsupported("check_uniform_bounds", dtype)
    if low == 0.0 and high == 1.0:
        if dtype == np.float32:
            fill(out, lambda count: reals(engine.draw32(count)))
        elif dtype == np.float64:
            fill(out, engine.doubles)
        else:
            fill(out, lambda count: _unit_halves(engine, count, dtype))
        return out
    _check_bounds(dtype, low, high)
    if dtype == np.float64:
        fill(out, lambda count: _scaled64(engine, count, low, high))
    else:
        fill(out, lambda count: _scaled32(engine, count, low, high, dtype))
    return out


def _check_bounds(dtype: np.dtype[Any], low: float, high: float) -> None:
    """Raises as PyTorch does where a dtype does not hold a range."""
    limit = _LIMITS[dtype]
    name, kind = FROM_NP[dtype].scalar_name, FROM_NP[dtype].c_name
    for label, bound in (("from", low), ("to", high)):
        if not -limit <= bound <= limit:
            raise RuntimeError(f"{label} is out of bounds for {kind}")
    if low > high:
        raise RuntimeError(
            "uniform_ expects to return a [from, to) range, but found "
            f"from={shown(low)} > to={shown(high)}"
        )
    if high - low > limit:
        raise RuntimeError(
            f"uniform_ expects to-from <= std::numeric_limits<{name}>::max(), but found "
            f"to={shown(high)} and from={shown(low)} which result in to-from to exceed the limit"
        )


def _unit_halves(engine: Engine, count: int, dtype: np.dtype[Any]) -> Values:
    """Two-byte numbers of [0, 1): what rounds up to one becomes zero."""
    values = reals(engine.draw32(count)).astype(dtype)
    values[values == 1] = 0
    return values


def _scaled32(engine: Engine, count: int, low: float, high: float, dtype: np.dtype[Any]) -> Values:
    """Numbers from ``low`` to ``high`` of a dtype of at most four bytes."""
    start, stop = np.float32(low), np.float32(high)
    values: Values = affine32(reals(engine.draw32(count)), float(stop - start), float(start))
    if dtype in HALVES:
        values = values.astype(dtype)
    values[values == stop.astype(dtype)] = start.astype(dtype)
    return values


def _scaled64(engine: Engine, count: int, low: float, high: float) -> Doubles:
    """Double-precision numbers from ``low`` to ``high``."""
    values = affine64(engine.doubles(count), high - low, low)
    values[values == high] = low
    return values


def exponential(engine: Engine, out: Values, rate: float = 1.0) -> Values:
    """Fills an array with exponentially distributed numbers.

    Args:
        engine: The generator to draw from.
        out: A floating-point array, any shape and strides.
        rate: One over the mean.

    Returns:
        ``out``.

    Raises:
        RuntimeError: The rate is not positive, or the dtype no floating-point one.

    Source: ``torch.Tensor.exponential_``.
    """
    if not rate > 0.0:
        raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={shown(rate)}")
    if out.size == 0:
        return out
    if out.dtype not in FLOATS:
        raise RuntimeError(
            "Exponential distribution is a continuous probability distribution. dtype must be a "
            f"floating point but you specified {FROM_NP[out.dtype].scalar_name}"
        )
    scale = -1.0 / rate

    def draw(count: int) -> Values:
        values = engine.doubles(count)
        if count < FEW:
            return np.array([scale * math.log1p(-value) for value in values.tolist()])
        np.log1p(np.negative(values, out=values), out=values)
        values *= scale
        return values

    fill(out, draw)
    return out


def cauchy(engine: Engine, out: Values, median: float = 0.0, sigma: float = 1.0) -> Values:
    """Fills an array with numbers of a Cauchy distribution.

    Args:
        engine: The generator to draw from.
        out: A floating-point array, any shape and strides.
        median: Where the distribution is centred.
        sigma: Half its width at half its height.

    Returns:
        ``out``.

    Raises:
        RuntimeError: The width is not positive, or the dtype no floating-point one.

    Source: ``torch.Tensor.cauchy_``.
    """
    if not sigma > 0.0:
        raise RuntimeError(f"cauchy_ expects sigma > 0.0, but found sigma={shown(sigma)}")
    if out.dtype not in FLOATS:
        raise RuntimeError(
            "Cauchy distribution is a continuous probability distribution. dtype must be a "
            f"floating point but you specified {FROM_NP[out.dtype].c_name}"
        )

    def draw(count: int) -> Values:
        values = engine.doubles(count)
        values -= 0.5
        values *= math.pi
        if count < FEW:
            values = np.array([math.tan(value) for value in values.tolist()])
        else:
            np.tan(values, out=values)
        return affine64(values, sigma, median)

    fill(out, draw)
    return out


def log_normal(engine: Engine, out: Values, mean: float = 1.0, std: float = 2.0) -> Values:
    """Fills an array with numbers whose logarithms are normally distributed.

    Args:
        engine: The generator to draw from.
        out: A floating-point array, any shape and strides.
        mean: The mean of the logarithms.
        std: Their standard deviation.

    Returns:
        ``out``.

    Raises:
        RuntimeError: The deviation is not positive.
        NotImplementedError: The dtype is no floating-point one.

    Source: ``torch.Tensor.log_normal_``.
    """
    if not std > 0.0:
        raise RuntimeError(f"log_normal_ expects std > 0.0, but found std={shown(std)}")
    if out.size == 0:
        return out
    if out.dtype not in FLOATS:
        unsupported("log_normal_cpu", out.dtype)

    def draw(count: int) -> Values:
        values = affine64(pairs(engine, count), std, mean)
        if count < FEW:
            return np.array([_exp(value) for value in values.tolist()])
        with np.errstate(over="ignore"):
            return np.exp(values, out=values)

    fill(out, draw)
    return out


def _exp(value: float) -> float:
    """The C library's exponential, infinite where Python's raises."""
    return math.exp(value) if value < 709.0 else float(np.exp(value))
