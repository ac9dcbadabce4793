"""Results written into the tensor given as ``out=``."""

from __future__ import annotations

import warnings

from functorch_lite.torch._core.grad_mode import mode
from functorch_lite.torch._core.inplace import check_inplace, no_overlap
from functorch_lite.torch._core.order import is_dense
from functorch_lite.torch._core.public import _put_out
from functorch_lite.torch._core.tensor import Tensor, make, version
from functorch_lite.torch._ops.copying import converted_data

__all__ = ["put"]


def put(target: Tensor, value: Tensor, name: str) -> None:
    """Write a result into a tensor, which gets the result's sizes.

    Raises:
        RuntimeError: a gradient would be lost, or the dtype is of a lower category.
    """
    own, dtype = target.dtype, value.dtype
    if mode.enabled and (target.requires_grad or value.requires_grad):
        fn = value._fn
        name = name if fn is None else fn.name().split("Backward")[0].lower()
        raise RuntimeError(
            f"{name}(): functions with out=... arguments don't support automatic differentiation, "
            "but one of the arguments requires grad."
        )
    if dtype.kind > own.kind:
        raise RuntimeError(
            f"result type {dtype.scalar_name} can't be cast to the desired output type "
            f"{own.scalar_name}"
        )
    data = value._np
    no_overlap(target._np)
    if target._np.shape != data.shape:
        if target._np.size:
            warnings.warn(
                f"An output with one or more elements was resized since it had shape "
                f"{list(target._np.shape)}, which does not match the required output shape "
                f"{list(data.shape)}. This behavior is deprecated, and in a future PyTorch release "
                "outputs will not be resized unless they have zero elements. You can explicitly "
                "reuse an out tensor t by resizing it, inplace, to zero elements with "
                "t.resize_(0).",
                UserWarning,
                stacklevel=5,
            )
        target.resize_(data.shape)
        if not data.flags.c_contiguous and is_dense(data):
            target.as_strided_(data.shape, make(data).stride())
    check_inplace(target, False)
    target._np[...] = converted_data(data, own) if dtype is not own else data
    version(target).count += 1


if not _put_out:
    _put_out.append(put)
