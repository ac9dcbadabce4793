"""The three Fourier transforms under all of ``torch.fft``: complex, real to complex, and back.

Each is linear, so its gradient is another of the three, and needs nothing of its operand.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from functorch_lite import ops
from functorch_lite.core.trace import state
from functorch_lite.torch._core.node import attach
from functorch_lite.torch._core.op import formula, wants_grad
from functorch_lite.torch._core.public import FUNCTIONS
from functorch_lite.torch._core.tensor import Tensor, is_symbol, make, strides_of

__all__ = ["c2c", "c2r", "r2c"]

Dims = tuple[int, ...]


def c2c(t: Tensor, dims: Dims, forward: bool, factor: float) -> Tensor:
    """The transform of complex numbers over some dimensions, times a factor.

    Args:
        dims: distinct and not negative.
        forward: whether the exponent is negative.
        factor: of the sum, which is not divided by anything.
    """
    if not dims:
        return t.clone()
    data = _complex(t._np, dims, forward, factor)
    return _linear("FftC2CBackward0", t, data, lambda g: c2c(g, dims, not forward, factor))


def r2c(t: Tensor, dims: Dims, factor: float, half: bool = True) -> Tensor:
    """The forward transform of real numbers.

    Args:
        half: whether the last of the dimensions has the frequencies up to the middle only.
    """
    n = t._np.shape[dims[-1]]
    if not half:
        data = _complex(t._np.astype(t.dtype.to_complex().np), dims, True, factor)
        return _linear("FftR2CBackward0", t, data, lambda g: c2c(g, dims, False, factor).real)
    data = _times(_run(t._np, "rfft", dims, n), factor)
    last = dims[-1]

    def back(g: Any) -> Tensor:
        return c2r(g / _multiplicity(g, last, n), dims, n, factor)

    return _linear("FftR2CBackward0", t, data, back)


def c2r(t: Tensor, dims: Dims, n: int, factor: float) -> Tensor:
    """The inverse transform of half a spectrum, whose result is real.

    Args:
        n: size of the last of the dimensions in the result.
    """
    x = t._np
    if len(dims) > 1:
        x = _complex(x, dims[:-1], False, 1.0)
    last = dims[-1]
    data = _times(_run(x, "irfft", (last,), n), factor * n)

    def back(g: Tensor) -> Any:
        found: Any = r2c(g, dims, factor)
        return found * _multiplicity(found, last, n)

    return _linear("FftC2RBackward0", t, data, back)


def _linear(name: str, t: Tensor, data: Any, back: Any) -> Tensor:
    out = make(data)
    if wants_grad((t,)):
        attach(out, formula(name, (t,), back))
    return out


def _multiplicity(like: Tensor, dim: int, n: int) -> Tensor:
    """How many of n frequencies each of the kept ones stands for: 2, or 1 at both ends."""
    count = like._np.shape[dim]
    line = np.full(count, 2, like.dtype.to_real().np)
    line[0] = 1
    if n % 2 == 0:
        line[-1] = 1
    weights: Tensor = FUNCTIONS["from_numpy"](line)
    return weights.reshape(count, *(1,) * (like._np.ndim - 1 - dim))


# ------------------------------------------------------------------------------------- raw arrays
def _complex(x: Any, dims: Dims, forward: bool, factor: float) -> Any:
    count = math.prod(x.shape[d] for d in dims)
    order = tuple(_by_stride(x, dims))
    if forward:
        return _times(_run(x, "fft", order, x.shape[order[-1]]), factor)
    return _times(_run(x, "ifft", order, x.shape[order[-1]]), factor * count)


def _times(x: Any, factor: float) -> Any:
    return x if math.isclose(factor, 1.0, rel_tol=1e-15) else x * factor


def _by_stride(x: Any, dims: Sequence[int]) -> list[int]:
    steps = strides_of(x)
    return sorted(dims, key=lambda d: -steps[d])


def _run(x: Any, kind: str, dims: Dims, n: int) -> Any:
    """The record over an array; the transformed dimensions come out innermost in memory."""
    if kind == "rfft":
        dims = (*_by_stride(x, dims[:-1]), dims[-1])
    others = _by_stride(x, [d for d in range(x.ndim) if d not in dims])
    order = (*others, *dims)
    params = {"kind": kind, "axes": tuple(range(len(others), x.ndim)), "n": n}
    moved = x.transpose(order)
    if is_symbol(x):
        made = x.recording.applied(ops.fft, (moved,), params)
    else:
        made = state.run(ops.fft.eager, moved, **params)
    return made.transpose(tuple(np.argsort(order).tolist()))
