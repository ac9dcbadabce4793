"""Windows with keyword arguments only, symmetric by default, of single or double precision."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from functorch_lite.torch._core import dtypes
from functorch_lite.torch._core.layout import strided
from functorch_lite.torch._core.public import FUNCTIONS
from functorch_lite.torch._core.scipy_late import special
from functorch_lite.torch._core.tensor import Tensor

__all__ = [
    "bartlett", "blackman", "cosine", "exponential", "gaussian", "general_cosine",
    "general_hamming", "hamming", "hann", "kaiser", "nuttall",
]  # fmt: skip


class _Options:
    """What a window is made of beside its numbers.

    Raises:
        ValueError: a negative length, or a dtype or layout that these windows do not have.
    """

    def __init__(
        self, name: str, M: int, dtype: Any, layout: Any, device: Any, requires_grad: bool
    ) -> None:
        if M < 0:
            raise ValueError(f"{name} requires non-negative window length, got M={M}")
        if layout is not strided:
            raise ValueError(f"{name} is implemented for strided tensors only, got: {layout}")
        self.dtype = dtypes.default.dtype if dtype is None else dtype
        if self.dtype not in (dtypes.float32, dtypes.float64):
            raise ValueError(f"{name} expects float32 or float64 dtypes, got: {self.dtype}")
        self.device = device
        self.count = M
        self.requires_grad = requires_grad

    def line(self, start: float, end: float) -> Any:
        """Numbers from one to another."""
        return FUNCTIONS["linspace"](start, end, self.count, dtype=self.dtype)

    def finish(self, made: Tensor) -> Tensor:
        """The window itself."""
        if self.device is not None:
            made = made.to(self.device)
        return made.requires_grad_() if self.requires_grad else made

    def short(self) -> Tensor:
        """The window of no number, or of one."""
        return self.finish(FUNCTIONS["ones"](self.count, dtype=self.dtype))


def _steps(M: int, sym: bool) -> int:
    return M - 1 if sym else M


def exponential(
    M: int, *, center: float | None = None, tau: float = 1.0, sym: bool = True, dtype: Any = None,
    layout: Any = strided, device: Any = None, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """``exp(-|k - center| / tau)``.

    Args:
        M: how many numbers.
        center: the middle by default; only a window that is not symmetric has another one.
        tau: the decay.
        sym: whether it is symmetric, else periodic.

    Raises:
        ValueError: an argument does not fit.

    Source: ``torch.signal.windows.exponential``.
    """
    options = _Options("exponential", M, dtype, layout, device, requires_grad)
    if tau <= 0:
        raise ValueError(f"Tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise ValueError("Center must be None for symmetric windows")
    if M == 0:
        return options.short()
    if center is None:
        center = (M if not sym and M > 1 else M - 1) / 2.0
    k = options.line(-center / tau, (-center + (M - 1)) / tau)
    return options.finish((-k.abs()).exp())


def cosine(
    M: int, *, sym: bool = True, dtype: Any = None, layout: Any = strided, device: Any = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """Half a wave of the sine; arguments as of ``exponential``.

    Source: ``torch.signal.windows.cosine``.
    """
    options = _Options("cosine", M, dtype, layout, device, requires_grad)
    if M == 0:
        return options.short()
    unit = math.pi / (M + 1 if not sym and M > 1 else M)
    return options.finish(options.line(0.5 * unit, (0.5 + (M - 1)) * unit).sin())


def gaussian(
    M: int, *, std: float = 1.0, sym: bool = True, dtype: Any = None, layout: Any = strided,
    device: Any = None, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """``exp(-(k / std)**2 / 2)`` around the middle; arguments as of ``exponential``.

    Source: ``torch.signal.windows.gaussian``.
    """
    options = _Options("gaussian", M, dtype, layout, device, requires_grad)
    if std <= 0:
        raise ValueError(f"Standard deviation must be positive, got: {std} instead.")
    if M == 0:
        return options.short()
    first = -(M if not sym and M > 1 else M - 1) / 2.0
    unit = 1 / (std * math.sqrt(2))
    k = options.line(first * unit, (first + (M - 1)) * unit)
    return options.finish((-(k**2)).exp())


def kaiser(
    M: int, *, beta: float = 12.0, sym: bool = True, dtype: Any = None, layout: Any = strided,
    device: Any = None, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """Bessel functions of a half circle; arguments as of ``exponential``.

    Source: ``torch.signal.windows.kaiser``.
    """
    options = _Options("kaiser", M, dtype, layout, device, requires_grad)
    if beta < 0:
        raise ValueError(f"beta must be non-negative, got: {beta} instead.")
    if M < 2:
        return options.short()
    unit = 2.0 * beta / _steps(M, sym)
    k = np.linspace(-beta, min(beta, -beta + (M - 1) * unit), M)
    values = special.i0(np.sqrt(np.maximum(0.0, beta * beta - k * k))) / special.i0(beta)
    return options.finish(FUNCTIONS["from_numpy"](values.astype(options.dtype.np)))


def bartlett(
    M: int, *, sym: bool = True, dtype: Any = None, layout: Any = strided, device: Any = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """A triangle; arguments as of ``exponential``. Source: ``torch.signal.windows.bartlett``."""
    options = _Options("bartlett", M, dtype, layout, device, requires_grad)
    if M < 2:
        return options.short()
    unit = 2 / _steps(M, sym)
    return options.finish(1 - options.line(-1.0, -1.0 + (M - 1) * unit).abs())


def general_cosine(
    M: int, *, a: Iterable[float], sym: bool = True, dtype: Any = None, layout: Any = strided,
    device: Any = None, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """``sum_i (-1)**i a[i] cos(2 pi i k / n)``.

    Args:
        a: the coefficients; the other arguments as of ``exponential``.

    Raises:
        TypeError, ValueError: there are no coefficients, or an argument does not fit.

    Source: ``torch.signal.windows.general_cosine``.
    """
    options = _Options("general_cosine", M, dtype, layout, device, requires_grad)
    if M < 2:
        return options.short()
    if not isinstance(a, Iterable):
        raise TypeError("Coefficients must be a list/tuple")
    weights = list(a)
    if not weights:
        raise ValueError("Coefficients cannot be empty")
    k = options.line(0, (M - 1) * 2 * math.pi / _steps(M, sym))
    signed = [(-1) ** i * w for i, w in enumerate(weights)]
    column = FUNCTIONS["tensor"](signed, dtype=options.dtype).unsqueeze(-1)
    rows = FUNCTIONS["arange"](len(weights), dtype=options.dtype).unsqueeze(-1)
    return options.finish((column * (rows * k).cos()).sum(0))


def _fixed(name: str, a: list[float], doc: str) -> Any:
    def f(
        M: int, *, sym: bool = True, dtype: Any = None, layout: Any = strided, device: Any = None,
        requires_grad: bool = False,
    ) -> Tensor:  # fmt: skip
        return general_cosine(
            M, a=a, sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad
        )

    f.__name__ = f.__qualname__ = name
    f.__doc__ = f"{doc}; arguments as of ``exponential``. Source: ``torch.signal.windows.{name}``."
    return f


def general_hamming(
    M: int, *, alpha: float = 0.54, sym: bool = True, dtype: Any = None, layout: Any = strided,
    device: Any = None, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """``alpha - (1 - alpha) cos(2 pi k / n)``; arguments as of ``exponential``.

    Source: ``torch.signal.windows.general_hamming``.
    """
    return general_cosine(
        M, a=[alpha, 1.0 - alpha], sym=sym, dtype=dtype, layout=layout, device=device,
        requires_grad=requires_grad,
    )  # fmt: skip


hamming = _fixed("hamming", [0.54, 1.0 - 0.54], "A raised cosine")
hann = _fixed("hann", [0.5, 0.5], "A raised cosine that begins at 0")
blackman = _fixed("blackman", [0.42, 0.5, 0.08], "Two cosines and a constant")
nuttall = _fixed("nuttall", [0.3635819, 0.4891775, 0.1365995, 0.0106411], "Three cosines")
