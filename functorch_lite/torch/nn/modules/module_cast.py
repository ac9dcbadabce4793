"""Modules converted as a whole: dtypes, devices, memory formats."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Self

from functorch_lite.torch._core.device import device as Device
from functorch_lite.torch._core.dtypes import bfloat16, double, float, half
from functorch_lite.torch._core.dtypes import dtype as DType
from functorch_lite.torch._core.grad_mode import no_grad
from functorch_lite.torch._core.public import FUNCTIONS
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch._meta.refusals import no_copy
from functorch_lite.torch._meta.symbol import is_meta
from functorch_lite.torch._object.parameter import Parameter
from functorch_lite.torch._ops import creation  # noqa: F401  (makes ``empty_like``)
from functorch_lite.torch._ops.copying import check_device, target_of
from functorch_lite.torch.nn.modules.module_tree import ModuleTree

__all__ = ["ModuleCast"]


_TO_EMPTY = (
    "Please use torch.nn.Module.to_empty() instead of torch.nn.Module.to() when moving module from "
    "meta to a different device."
)


def _replaced(param: Any, made: Tensor, fn: Callable[[Tensor], Tensor]) -> Parameter:
    """A parameter on another device, with its gradient."""
    found = Parameter(made.detach(), param.requires_grad)
    if param.grad is not None:
        with no_grad():
            found.grad = fn(param.grad).requires_grad_(param.grad.requires_grad)
    return found


class ModuleCast(ModuleTree):
    """The part of ``Module`` that converts all it holds.

    Parameters stay the same objects, but for those that get memory, or lose it.
    """

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Replace the values of parameters, their gradients and buffers by a function of them."""
        if recurse:
            for module in self.children():
                module._apply(fn)
        for name, param in self._parameters.items():
            if param is None:
                continue
            with no_grad():
                made = fn(param)
            if is_meta(made) is not is_meta(param):
                self._parameters[name] = _replaced(param, made, fn)
                continue
            param.data = made
            grad = param.grad
            if grad is not None:
                with no_grad():
                    changed = fn(grad)
                grad.data = changed
        for name, buffer in self._buffers.items():
            if buffer is not None:
                self._buffers[name] = fn(buffer)
        return self

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Convert floating-point parameters and buffers to a dtype, all to a device or format.

        Args:
            args, kwargs: a dtype, a device, both, or a tensor that has them; ``non_blocking``;
                ``memory_format`` for those of four or five dimensions.

        Raises:
            TypeError: a dtype of integers.

        Source: ``torch.nn.Module.to``.
        """
        dtype, device, _, memory_format = target_of(args, kwargs)
        if device is not None:
            check_device(device)
        if dtype is not None:
            if not (dtype.is_floating_point or dtype.is_complex):
                raise TypeError(
                    "nn.Module.to only accepts floating point or complex dtypes, but got desired "
                    f"dtype={dtype}"
                )
            if dtype.is_complex:
                warnings.warn(
                    "Complex modules are a new feature under active development whose design may "
                    "change, and some modules might not work as expected when using complex "
                    "tensors as parameters or buffers. Please file an issue at "
                    "https://github.com/pytorch/pytorch/issues/new?template=bug-report.yml if a "
                    "complex module does not work as expected.",
                    stacklevel=2,
                )

        def convert(t: Tensor) -> Tensor:
            if device is not None and is_meta(t) and Device(device).type != "meta":
                raise NotImplementedError(f"{no_copy()} {_TO_EMPTY}")
            wanted = dtype if t.is_floating_point() or t.is_complex() else None
            layout = {"memory_format": memory_format} if memory_format and t.ndim in (4, 5) else {}
            return t.to(device, wanted, **layout)

        return self._apply(convert)

    def _cast(self, dtype: DType) -> Self:
        return self._apply(lambda t: t.to(dtype) if t.is_floating_point() else t)

    def float(self) -> Self:
        """Convert floats to float32. Source: ``torch.nn.Module.float``."""
        return self._cast(float)

    def double(self) -> Self:
        """Convert floats to float64. Source: ``torch.nn.Module.double``."""
        return self._cast(double)

    def half(self) -> Self:
        """Convert floats to float16. Source: ``torch.nn.Module.half``."""
        return self._cast(half)

    def bfloat16(self) -> Self:
        """Convert floats to bfloat16. Source: ``torch.nn.Module.bfloat16``."""
        return self._cast(bfloat16)

    def type(self, dst_type: Any) -> Self:
        """Convert everything to a dtype. Source: ``torch.nn.Module.type``."""
        return self._apply(lambda t: t.type(dst_type))

    def cpu(self) -> Self:
        """Move everything to the CPU. Source: ``torch.nn.Module.cpu``."""
        return self._apply(lambda t: t.cpu())

    def cuda(self, device: Any = None) -> Self:
        """Move everything to a GPU, which fails. Source: ``torch.nn.Module.cuda``."""
        return self._apply(lambda t: t.cuda(device))

    def xpu(self, device: Any = None) -> Self:
        """Move everything to an XPU, which fails. Source: ``torch.nn.Module.xpu``."""
        return self._apply(lambda t: t.xpu(device))

    def to_empty(self, *, device: Any, recurse: bool = True) -> Self:
        """Give everything new memory on a device, not filled.

        Source: ``torch.nn.Module.to_empty``.
        """
        return self._apply(lambda t: FUNCTIONS["empty_like"](t, device=device), recurse=recurse)

    def share_memory(self) -> Self:
        """Move everything to memory that processes share.

        Source: ``torch.nn.Module.share_memory``.
        """
        return self._apply(lambda t: t.share_memory_())
