"""Windows for spectra: ``torch.hann_window`` and its kin."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite.torch._core import dtypes
from functorch_lite.torch._core.layout import strided
from functorch_lite.torch._core.public import FUNCTIONS, public
from functorch_lite.torch._core.scipy_late import special
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch._ops.elementwise import refusal

__all__ = ["bartlett_window", "blackman_window", "hamming_window", "hann_window", "kaiser_window"]


def _window(
    name: str, window_length: Any, periodic: bool, dtype: Any, layout: Any, device: Any,
    requires_grad: bool, values: Callable[[Any], Any],
) -> Tensor:  # fmt: skip
    """A window of ``values(0, 1, 2, ...)``, of ones if it has but one number or none.

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
        raise refusal("arange_cpu", wanted)
    found: Tensor
    if length < 2:
        found = FUNCTIONS["ones"](length, dtype=wanted, device=device)
    else:
        line = FUNCTIONS["arange"](length + bool(periodic), dtype=wanted, device=device)
        found = values(line)[:length]
    return found.requires_grad_() if requires_grad else found


def _raised_cosine(alpha: float, beta: float) -> Callable[[Any], Any]:
    return lambda t: t.mul_(2 * math.pi / (t._np.size - 1)).cos_().mul_(-beta).add_(alpha)


@public("hamming_window", methods=False)
def hamming_window(
    window_length: int, periodic: bool = True, alpha: float = 0.54, beta: float = 0.46, *,
    dtype: Any = None, layout: Any = None, device: Any = None, pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """A raised cosine, ``alpha - beta cos(2 pi k / n)``.

    Args:
        window_length: how many numbers.
        periodic: whether n is that length, else it is one less, so that the window is symmetric.
        alpha, beta: the coefficients.

    Raises:
        RuntimeError: a negative length, or a dtype or layout that windows do not have.

    Source: ``torch.hamming_window``.
    """
    return _window(
        "hamming_window", window_length, periodic, dtype, layout, device, requires_grad,
        _raised_cosine(alpha, beta),
    )  # fmt: skip


def _fixed(name: str, line: str, values: Callable[[Any], Any]) -> Callable[..., Tensor]:
    """A window without coefficients."""

    def f(
        window_length: int, periodic: bool = True, *, dtype: Any = None, layout: Any = None,
        device: Any = None, pin_memory: bool = False, requires_grad: bool = False,
    ) -> Tensor:  # fmt: skip
        return _window(name, window_length, periodic, dtype, layout, device, requires_grad, values)

    f.__name__ = f.__qualname__ = name
    f.__doc__ = f"{line}; arguments as of ``hamming_window``. Source: ``torch.{name}``."
    return public(name, methods=False)(f)


def _blackman(t: Any) -> Any:
    t = t.mul_(math.pi / (t._np.size - 1))
    return t.mul(4).cos_().mul_(0.08) - t.mul(2).cos_().mul_(0.5) + 0.42


def _bartlett(t: Any) -> Any:
    n = t._np.size
    t = t.mul_(2.0 / (n - 1))
    t[(n - 1) // 2 + 1 :].mul_(-1).add_(2)
    return t


hann_window = _fixed("hann_window", "A raised cosine that begins at 0", _raised_cosine(0.5, 0.5))
blackman_window = _fixed("blackman_window", "A sum of two cosines and a constant", _blackman)
bartlett_window = _fixed("bartlett_window", "A triangle", _bartlett)


@public("kaiser_window", methods=False)
def kaiser_window(
    window_length: int, periodic: bool = True, beta: float = 12.0, *, dtype: Any = None,
    layout: Any = None, device: Any = None, pin_memory: bool = False, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """Bessel functions of a half circle.

    Args:
        beta: how narrow it is; the other arguments as of ``hamming_window``.

    Source: ``torch.kaiser_window``.
    """

    def values(t: Any) -> Any:
        x = 2.0 * np.arange(t._np.size) / (t._np.size - 1) - 1
        found = special.i0(beta * np.sqrt(np.maximum(0.0, 1 - x * x))) / special.i0(beta)
        return FUNCTIONS["as_tensor"](found, dtype=t.dtype, device=t.device)

    return _window(
        "kaiser_window", window_length, periodic, dtype, layout, device, requires_grad, values
    )
