"""The parts of floating-point numbers, and a sum of their bits."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.ops.families import HALF_CHARS
from functorch_lite.torch import return_types
from functorch_lite.torch._core import dtypes
from functorch_lite.torch._core.public import public
from functorch_lite.torch._core.tensor import Tensor, make
from functorch_lite.torch._ops.axes import axes_of
from functorch_lite.torch._ops.elementwise import refusal, ruled

__all__ = ["frexp", "hash_tensor"]


@public("frexp")
def frexp(input: Tensor, *, out: Any = None) -> Any:
    """Mantissas in [0.5, 1) and int32 exponents: x = mantissa * 2**exponent.

    Args:
        input: floating.

    Returns:
        a tuple of ``mantissa`` and ``exponent``.

    Raises:
        RuntimeError: the tensor is not floating.

    >>> import functorch_lite.torch as torch
    >>> torch.frexp(torch.tensor([6.0])).exponent
    tensor([3], dtype=torch.int32)

    Source: ``torch.frexp``.
    """
    array = input._np
    if not input.dtype.is_floating_point:
        raise RuntimeError("torch.frexp() only supports floating-point dtypes")
    if out is not None and out[1].dtype is not dtypes.int32:
        raise RuntimeError(
            f"torch.frexp() expects exponent to have int dtype but got {out[1].dtype.c_name}"
        )
    wide = array.astype(np.float32) if array.dtype.char in HALF_CHARS else array
    with np.errstate(all="ignore"):
        mantissa, exponent = np.frexp(wide)
    powers = make(np.asarray(exponent, np.int32))
    fractions = ruled(
        "FrexpBackward0", np.asarray(mantissa).astype(array.dtype, copy=False), (input,),
        lambda g, x: g / make(_power_of_two(x._np)),
    )  # fmt: skip
    made = return_types.frexp((fractions, powers))
    return made if out is None else return_types.results_in(made, out)


def _power_of_two(x: Any) -> Any:
    """2**exponent of raw values."""
    wide = x.astype(np.float32) if x.dtype.char in HALF_CHARS else x
    return np.ldexp(wide.dtype.type(1), np.frexp(wide)[1]).astype(x.dtype)


@public("hash_tensor", out=True)
def hash_tensor(input: Tensor, dim: Any = (), *, keepdim: bool = False, mode: int = 0) -> Tensor:
    """The bits of all elements, as 64-bit numbers, combined by exclusive or.

    Args:
        dim: one dimension or several; all by default.
        keepdim: whether the dimensions stay, with size 1.
        mode: 0.

    Returns:
        uint64.

    Raises:
        RuntimeError: another mode.
        NotImplementedError: complex numbers.

    Source: ``torch.hash_tensor``.
    """
    if mode != 0:
        raise RuntimeError(f"Unknown hash_tensor mode: {mode}")
    array = input._np
    if array.dtype.kind == "c":
        raise refusal("xor_sum_cpu", input.dtype)
    wide: Any = np.int64 if array.dtype.kind in "bi" else np.uint64
    if input.dtype.is_floating_point:
        wide = np.float64
    axes = axes_of(None if dim == () else dim, array.ndim, "hash_tensor")
    bits = np.ascontiguousarray(array.astype(wide)).view(np.uint64).reshape(array.shape)
    over: Any = np.bitwise_xor.reduce
    return make(np.asarray(over(bits, axes, None, None, keepdim)))
