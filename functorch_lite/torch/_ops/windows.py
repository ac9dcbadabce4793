"""Windows for spectra: ``torch.hann_window`` and its kin."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from functorch_lite.torch._core import dtypes
from functorch_lite.torch._core.layout import strided
from functorch_lite.torch._core.public import FUNCTIONS, public
from functorch_lite.torch._core.scipy_late import special
from functorch_lite.torch._core.tensor import Tensor

__all__ = ["bartlett_window", "blackman_window", "hamming_window", "hann_window", "kaiser_window"]


def _start(
    name: str, window_length: Any, periodic: bool, dtype: Any, layout: Any
) -> tuple[Tensor | None, int, Any]:
    """0, 1, 2, ..., how many of them are wanted, and the dtype; None for windows of one or none.

    Raises:
        RuntimeError: a negative length, or a dtype or layout that windows do not have.
    """
    try:
        length = operator.index(window_length)
    except TypeError:
        raise TypeError(
            f"{name}(): argument 'window_length' (position 1) must be int, not "
            f"{type(window_length).__name__}"
        ) from None
    wanted = dtypes.default.dtype if dtype is None else dtype
    if layout is not None and layout is not strided:
        raise RuntimeError(f"{name} is not implemented for sparse types, got: {layout}")
    if wanted.kind < 2:
        raise RuntimeError(
            f"{name} expects floating point dtypes, got: TensorOptions(dtype={wanted.c_name}, "
            "device=cpu, layout=Strided (default), requires_grad=false (default), "
            "pinned_memory=false, memory_format=(nullopt))"
        )
    if length < 0:
        raise RuntimeError(
            f"{name} requires non-negative window_length, got window_length={length}"
        )
    if wanted.kind == 3 and length > 1:
        raise NotImplementedError(f"\"arange_cpu\" not implemented for '{wanted.scalar_name}'")
    if length < 2:
        return None, length, wanted
    return FUNCTIONS["arange"](length + bool(periodic), dtype=wanted), length, wanted


def _finished(t: Any, length: int, dtype: Any, requires_grad: bool) -> Tensor:
    found: Tensor = FUNCTIONS["ones"](length, dtype=dtype) if t is None else t[:length]
    return found.requires_grad_() if requires_grad else found


@public("hamming_window", methods=False)
def hamming_window(
    window_length: int,
    periodic: bool = True,
    alpha: float = 0.54,
    beta: float = 0.46,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """A raised cosine, ``alpha - beta cos(2 pi k / n)``.

    Args:
        window_length: how many numbers.
        periodic: whether n is that length, else it is one less, so that the window is symmetric.
        alpha, beta: the coefficients.

    Raises:
        RuntimeError: a negative length, or a dtype or layout that windows do not have.

    Source: ``torch.hamming_window``.
    """
    return _cosine(
        "hamming_window", window_length, periodic, alpha, beta, dtype, layout, requires_grad
    )


def _cosine(
    name: str, window_length: Any, periodic: bool, alpha: float, beta: float, dtype: Any,
    layout: Any, requires_grad: bool,
) -> Tensor:  # fmt: skip
    t, length, dtype = _start(name, window_length, periodic, dtype, layout)
    if t is not None:
        t = t.mul_(2 * math.pi / (t._np.size - 1)).cos_().mul_(-beta).add_(alpha)
    return _finished(t, length, dtype, requires_grad)


@public("hann_window", methods=False)
def hann_window(
    window_length: int,
    periodic: bool = True,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """A raised cosine that begins at 0; arguments as of ``hamming_window``.

    Source: ``torch.hann_window``.
    """
    return _cosine("hann_window", window_length, periodic, 0.5, 0.5, dtype, layout, requires_grad)


@public("blackman_window", methods=False)
def blackman_window(
    window_length: int,
    periodic: bool = True,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """A sum of two cosines and a constant; arguments as of ``hamming_window``.

    Source: ``torch.blackman_window``.
    """
    t, length, dtype = _start("blackman_window", window_length, periodic, dtype, layout)
    if t is not None:
        t = t.mul_(math.pi / (t._np.size - 1))
        t = t.mul(4).cos_().mul_(0.08) - t.mul(2).cos_().mul_(0.5) + 0.42
    return _finished(t, length, dtype, requires_grad)


@public("bartlett_window", methods=False)
def bartlett_window(
    window_length: int,
    periodic: bool = True,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """A triangle; arguments as of ``hamming_window``. Source: ``torch.bartlett_window``."""
    t, length, dtype = _start("bartlett_window", window_length, periodic, dtype, layout)
    if t is not None:
        n = t._np.size
        t = t.mul_(2.0 / (n - 1))
        t[(n - 1) // 2 + 1 :].mul_(-1).add_(2)
    return _finished(t, length, dtype, requires_grad)


@public("kaiser_window", methods=False)
def kaiser_window(
    window_length: int,
    periodic: bool = True,
    beta: float = 12.0,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """Bessel functions of a half circle.

    Args:
        beta: how narrow it is; the other arguments as of ``hamming_window``.

    Source: ``torch.kaiser_window``.
    """
    t, length, dtype = _start("kaiser_window", window_length, periodic, dtype, layout)
    if t is not None:
        x = 2.0 * np.arange(t._np.size) / (t._np.size - 1) - 1
        values = special.i0(beta * np.sqrt(np.maximum(0.0, 1 - x * x))) / special.i0(beta)
        t = FUNCTIONS["from_numpy"](values.astype(dtype.np))
    return _finished(t, length, dtype, requires_grad)
