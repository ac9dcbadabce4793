"""Which frequencies a transform's results belong to, and their order."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.torch._core import dtypes
from functorch_lite.torch._core.public import FUNCTIONS, put_out
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch._ops.creation import finished
from functorch_lite.torch._ops.elementwise import refusal
from functorch_lite.torch.fft._arguments import dim_for, integer

__all__ = ["fftfreq", "fftshift", "ifftshift", "rfftfreq"]


def fftfreq(
    n: int,
    d: float = 1.0,
    *,
    out: Tensor | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """The frequencies of the results of ``fft``: 0, 1, ..., then negative ones, over n d.

    Args:
        n: size of the transform.
        d: distance of the samples.

    Raises:
        RuntimeError: the dtype is neither floating nor complex.

    Source: ``torch.fft.fftfreq``.
    """
    count = _count(n, "fftfreq")
    line = np.arange(count)
    line = np.where(line < (count + 1) // 2, line, line - count)
    return _made(line, count, d, "fftfreq", out, dtype, device, requires_grad)


def rfftfreq(
    n: int,
    d: float = 1.0,
    *,
    out: Tensor | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """The frequencies of the results of ``rfft``: 0 to n // 2, over n d.

    Source: ``torch.fft.rfftfreq``.
    """
    count = _count(n, "rfftfreq")
    line = np.arange(count // 2 + 1)
    return _made(line, count, d, "rfftfreq", out, dtype, device, requires_grad)


def _count(n: Any, name: str) -> int:
    count = integer(n, name, "n", " (position 1)")
    if count < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension {count}: [{count}]")
    return count


def _made(
    line: Any, n: int, d: float, name: str, out: Any, dtype: Any, device: Any, requires_grad: bool
) -> Tensor:
    wanted = dtypes.default.dtype if dtype is None else dtype
    if out is not None and dtype is None:
        wanted = out.dtype
    if wanted.kind < 2:
        raise RuntimeError(f"{name} requires a floating point or complex dtype")
    if wanted.kind == 3:
        raise refusal("arange_cpu", wanted)
    # PyTorch multiplies in the result's dtype.
    values = line.astype(wanted.np) * wanted.np.type(1.0 / (n * d) if n * d else np.inf)
    made = finished(np.asarray(values, wanted.np), device, requires_grad and out is None)
    if out is None:
        return made
    put_out(out, made)
    return out


def fftshift(input: Tensor, dim: Any = None) -> Tensor:
    """Frequency 0 in the middle of some dimensions, all by default.

    Source: ``torch.fft.fftshift``.
    """
    return _shifted(input, dim, lambda n: n // 2)


def ifftshift(input: Tensor, dim: Any = None) -> Tensor:
    """The inverse of ``fftshift``. Source: ``torch.fft.ifftshift``."""
    return _shifted(input, dim, lambda n: (n + 1) // 2)


def _shifted(input: Tensor, dim: Any, by: Any) -> Tensor:
    shape = input._np.shape
    if dim is None:
        dims = tuple(range(len(shape)))
    else:
        dims = tuple(dim_for(d, len(shape)) for d in ((dim,) if isinstance(dim, int) else dim))
    if not dims:
        if dim is None:
            return input.clone()
        raise RuntimeError("`shifts` required")
    moved: Tensor = FUNCTIONS["roll"](input, tuple(by(shape[d]) for d in dims), dims)
    return moved
