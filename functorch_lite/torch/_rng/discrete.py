"""PyTorch's draws of truth values, integers, orders and categories, number for number."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from functorch_lite.torch._core.dtypes import FROM_NP
from functorch_lite.torch._rng.engine import Engine
from functorch_lite.torch._rng.fill import (
    BFLOAT16,
    FLOATS,
    Values,
    as_written,
    fill,
    lay,
    reals,
    shown,
    store,
    unsupported,
)

__all__ = [
    "bernoulli_like",
    "bernoulli_p",
    "dropout_mask",
    "geometric",
    "randint",
    "random",
]

_BOOL = np.dtype(np.bool_)
_INT64 = np.dtype(np.int64)
_UINT64 = np.dtype(np.uint64)
_WIDE = frozenset((np.dtype(np.uint16), np.dtype(np.uint32), _UINT64))
_INT64_MIN, _INT64_MAX = -(1 << 63), (1 << 63) - 1
_LOW21 = np.uint32((1 << 21) - 1)
# From here on the remainder of a 32-bit word would be visibly skewed.
_FIRST_64_BIT_RANGE = 1 << 28
_DIGITS = {
    np.dtype(np.float16): 11,
    BFLOAT16: 8,
    np.dtype(np.float32): 24,
    np.dtype(np.float64): 53,
}
_BAD_PROBABILITY = (
    "Expected p_in >= 0 && p_in <= 1 to be true, but got false.  (Could this error message be "
    "improved?  If so, please report an enhancement request to PyTorch.)"
)


def bernoulli_p(engine: Engine, out: Values, p: float = 0.5) -> Values:
    """Fills an array with ones of one probability and zeros.

    Args:
        engine: The generator to draw from: two words an element.
        out: A real array, any shape and strides.
        p: The probability of a one.

    Returns:
        ``out``.

    Raises:
        RuntimeError: The probability is none.
        NotImplementedError: The dtype is none that PyTorch fills.

    Source: ``torch.Tensor.bernoulli_``.

    >>> bernoulli_p(Engine(0), np.empty(4, bool))
    array([False, False,  True, False])
    """
    if not 0.0 <= p <= 1.0:
        raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={shown(p)}")
    if out.size == 0:
        return out
    dtype = out.dtype
    if dtype in _WIDE or dtype.kind == "c":
        unsupported("bernoulli_scalar_cpu_", dtype)
    fill(out, lambda count: _below(engine, count, p))
    return out


def _below(engine: Engine, count: int, p: float) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which of the next doubles are less than ``p``."""
    words = engine.draw32(2 * count)
    # A double is 21 bits of its first word over 32 of its second: the second one rarely matters.
    high, low = divmod(math.ceil(math.ldexp(p, 53)), 1 << 32)
    first = words[0::2] & _LOW21
    below = first < high
    ties = first == high
    if ties.any():
        below[ties] = words[1::2][ties] < low
    return below


def dropout_mask(engine: Engine, out: Values, p: float) -> Values:
    """Fills an array with what dropout multiplies by: zeros, and one over the kept share.

    Args:
        engine: The generator to draw from: nothing where ``p`` is 0 or 1.
        out: A floating-point array with the strides of dropout's input.
        p: The probability of a zero.

    Returns:
        ``out``.

    Raises:
        RuntimeError: The probability is none.

    Source: ``torch.nn.functional.dropout``.
    """
    if not 0.0 <= p <= 1.0:
        raise RuntimeError(f"dropout probability has to be between 0 and 1, but got {shown(p)}")
    if p == 0.0 or p == 1.0:
        out[...] = 1.0 - p
        return out
    keep = 1.0 - p
    wide = np.float64 if out.dtype == np.float64 else np.float32
    scale = wide(1.0) / wide(keep)
    fill(out, lambda count: _below(engine, count, keep) * scale)
    return out


def bernoulli_like(engine: Engine, probabilities: Values, out: Values) -> Values:
    """Fills an array with ones, each with a probability of its own, and zeros.

    Args:
        engine: The generator to draw from: one word an element, two for double probabilities.
        probabilities: A floating-point array that broadcasts to ``out``'s shape.
        out: A real array, any shape and strides.

    Returns:
        ``out``.

    Raises:
        RuntimeError: A probability is none; nothing is drawn then.
        NotImplementedError: A dtype is none that PyTorch takes.

    Source: ``torch.bernoulli``.
    """
    if out.size == 0:
        return out
    if out.dtype in _WIDE or out.dtype.kind == "c":
        unsupported("bernoulli_tensor_cpu_self_", out.dtype)
    if probabilities.dtype not in FLOATS:
        unsupported("bernoulli_tensor_cpu_p_", probabilities.dtype)
    if not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise RuntimeError(_BAD_PROBABILITY)
    spread = as_written(np.broadcast_to(probabilities, out.shape), out)
    size = out.size
    if probabilities.dtype == np.float64:
        store(lay(out), engine.doubles(size) < spread.reshape(-1))
    else:
        wide = spread.astype(np.float32, order="C", copy=False).reshape(-1)
        store(lay(out), reals(engine.draw32(size)) < wide)
    return out


def geometric(engine: Engine, out: Values, p: float) -> Values:
    """Fills an array with the numbers of trials to a first success.

    Args:
        engine: The generator to draw from: two words an element.
        out: An integer or floating-point array, any shape and strides.
        p: The probability of success.

    Returns:
        ``out``.

    Raises:
        RuntimeError: The probability is none, or certain.
        NotImplementedError: The dtype is none that PyTorch fills.

    Source: ``torch.Tensor.geometric_``.
    """
    if not 0.0 < p < 1.0:
        raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={shown(p)}")
    if out.size == 0:
        return out
    dtype = out.dtype
    if dtype in _WIDE or dtype == _BOOL or dtype.kind == "c":
        unsupported("geometric_cpu", dtype)
    scale = math.log1p(-p)

    def draw(count: int) -> Values:
        values = engine.doubles(count)
        with np.errstate(divide="ignore"):
            np.log(values, out=values)
        values /= scale
        np.ceil(values, out=values)
        # A float too large for an eight-bit integer wraps in C, by way of a wider one.
        return values if dtype in FLOATS else values.astype(np.int64)

    fill(out, draw)
    return out


def random(engine: Engine, out: Values) -> Values:
    """Fills an array with integers, from zero to the greatest that its dtype counts to.

    Args:
        engine: The generator to draw from.
        out: A real array, any shape and strides.

    Returns:
        ``out``.

    Raises:
        NotImplementedError: The dtype is none that PyTorch fills.

    Source: ``torch.Tensor.random_``.
    """
    if out.size == 0:
        return out
    dtype = out.dtype
    if dtype in _WIDE or dtype.kind == "c":
        unsupported("random_kernel_cpu", dtype)
    if dtype in FLOATS:
        span = (1 << _DIGITS[dtype]) + 1
    else:
        span = 2 if dtype == _BOOL else int(np.iinfo(dtype).max) + 1
    if dtype.itemsize == 8:
        fill(out, lambda count: engine.draw64(count) % np.uint64(span))
    else:
        fill(out, lambda count: engine.draw32(count) % np.uint32(span))
    return out


def randint(engine: Engine, out: Values, low: int, high: int | None) -> Values:
    """Fills an array with integers from ``low`` (in) to ``high`` (out).

    Args:
        engine: The generator to draw from: one word an element, two from a range of 2^28 on.
        out: A real array, any shape and strides.
        low: The least integer.
        high: What every integer is less than; None for all that the dtype counts to.

    Returns:
        ``out``.

    Raises:
        RuntimeError: The bounds are out of order or out of the dtype's range.
        NotImplementedError: The dtype is none that PyTorch fills.

    Source: ``torch.Tensor.random_``.

    >>> randint(Engine(0), np.empty(3, np.int64), 0, 10)
    array([4, 9, 3])
    """
    dtype = out.dtype
    if high is None and low == _INT64_MIN:
        return _full_range(engine, out)
    last = _last(dtype, low) if high is None else high - 1
    if high is not None and low >= high:
        raise RuntimeError(
            f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}"
        )
    if dtype in FLOATS:
        low, last = _representable(dtype, low, last, high is None)
    _check_range(dtype, low, last)
    if out.size == 0:
        return out
    span = last - low + 1
    if span >= _FIRST_64_BIT_RANGE:
        step, base = np.uint64(span & 0xFFFFFFFFFFFFFFFF), np.int64(low)
        fill(out, lambda count: _wrapped(engine.draw64(count) % step, base))
    elif low == 0:
        width = np.uint32(span)
        fill(out, lambda count: engine.draw32(count) % width)
    else:
        width, base = np.uint32(span), np.int64(low)
        fill(out, lambda count: (engine.draw32(count) % width).astype(np.int64) + base)
    return out


def _wrapped(values: np.ndarray[Any, np.dtype[np.uint64]], base: np.int64) -> Values:
    """Unsigned offsets on a signed base, around the end of 64 bits."""
    result = values.view(np.int64)
    result += base
    return result


def _full_range(engine: Engine, out: Values) -> Values:
    """Fills an array with all 64-bit integers."""
    if out.size == 0:
        return out
    dtype = out.dtype
    if dtype in _WIDE or dtype in (_BOOL, np.dtype(np.float16)) or dtype.kind == "c":
        unsupported("random_full_64_bits_range_kernel_cpu", dtype)
    if dtype not in FLOATS and dtype != _INT64:
        raise RuntimeError(
            "random_full_64_bits_range_kernel_cpu handles only int64, double, float and bfloat16"
        )
    fill(out, lambda count: engine.draw64(count).view(np.int64))
    return out


def _last(dtype: np.dtype[Any], low: int) -> int:
    """The greatest integer of a range without an end."""
    if dtype in FLOATS:
        return 1 << _DIGITS[dtype]
    if dtype == _BOOL:
        return 1
    if dtype.kind == "c":
        raise RuntimeError(
            "random_from_to_impl handles only integral, floating-point and boolean types"
        )
    # PyTorch keeps the bound in a signed integer, where the greatest unsigned one is -1.
    return -1 if dtype == _UINT64 else int(np.iinfo(dtype).max)


def _as_integer(dtype: np.dtype[Any], value: int) -> int:
    """An integer as a floating-point dtype holds it, converted back by the processor."""
    if dtype == np.float64:
        held = float(value)
    else:
        with np.errstate(over="ignore"):
            held = float(np.float32(value).astype(dtype))
    # What does not fit, an infinity of either sign too, becomes the least integer.
    return int(held) if -(2.0**63) <= held < 2.0**63 else _INT64_MIN


def _representable(dtype: np.dtype[Any], low: int, last: int, open_ended: bool) -> tuple[int, int]:
    """A range that stays within itself when its integers are rounded to a floating-point dtype."""
    above = _as_integer(dtype, low + 1)
    if above < low:
        low = above + (1 << (abs(low + 1).bit_length() - _DIGITS[dtype]))
    if open_ended:
        if low >= last:
            raise RuntimeError(
                "random_ expects 'from' casted to dtype to be less than or equal to 'to_inc' "
                f"casted to dtype, but got from={low} > to_inc={last}"
            )
        return low, last
    high = last + 1
    below = _as_integer(dtype, last)
    if below >= high:
        high = below - (1 << (abs(last).bit_length() - _DIGITS[dtype]))
    if low >= high:
        raise RuntimeError(
            "random_ expects 'from' casted to dtype to be less than 'to' casted to dtype, but "
            f"got from={low} >= to={high}"
        )
    return low, high - 1


def _check_range(dtype: np.dtype[Any], low: int, last: int) -> None:
    """Raises or warns as PyTorch does where a dtype does not hold a range."""
    if dtype.kind == "c":
        raise RuntimeError(
            "check_random_bounds handles only integral, floating-point and boolean types"
        )
    kind = FROM_NP[dtype].c_name
    least: float
    most: float
    if dtype in FLOATS:
        most = 65504.0 if dtype == np.float16 else math.inf
        least = -most
    elif dtype == _BOOL:
        least, most = 0, 1
    elif dtype == _UINT64:
        least, most = 0, _INT64_MAX
    else:
        info = np.iinfo(dtype)
        least, most = int(info.min), int(info.max)
    for label, bound in (("from", low), ("to - 1", last)):
        if not least <= bound <= most:
            raise RuntimeError(f"{label} is out of bounds for {kind}")
    if dtype in FLOATS:
        digits = _DIGITS[dtype]
        for label, bound in (("from", low), ("to - 1", last)):
            if abs(bound) > 1 << digits:
                warnings.warn(
                    f"{label} is out of bounds [-(2^{digits}), 2^{digits}]. Due to precision "
                    f"limitations {kind} can support discrete uniform distribution only within "
                    "this range. This warning will become an error in version 1.7 release, "
                    "please fix the code in advance",
                    UserWarning,
                    stacklevel=3,
                )
