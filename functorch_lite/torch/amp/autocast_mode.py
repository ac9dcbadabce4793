"""Contexts in which operations choose their precision, and custom operations that follow it."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from functorch_lite.torch import cuda
from functorch_lite.torch._core.autocast import casting
from functorch_lite.torch._core.dtypes import bfloat16, dtype, float16, float64
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch.amp._settings import (
    clear_autocast_cache,
    get_autocast_dtype,
    is_autocast_enabled,
    is_available,
    kind_of,
    set_autocast_dtype,
    set_autocast_enabled,
)

__all__ = ["autocast", "autocast_decorator", "custom_bwd", "custom_fwd", "is_autocast_available"]

_DTYPES = (bfloat16, float16)


def is_autocast_available(device_type: str) -> bool:
    """Whether there is autocast for a kind of device.

    >>> is_autocast_available("cpu"), is_autocast_available("meta")
    (True, False)

    Source: ``torch.amp.is_autocast_available``.
    """
    return is_available(kind_of("_is_autocast_available", device_type))


def autocast_decorator(autocast_instance: Any, func: Callable[..., Any]) -> Callable[..., Any]:
    """A function whose calls run in a context. Source: ``torch.amp.autocast_mode``."""

    @functools.wraps(func)
    def decorate_autocast(*args: Any, **kwargs: Any) -> Any:
        with autocast_instance:
            return func(*args, **kwargs)

    return decorate_autocast


class autocast:
    """Within it, operations choose the precision in which they run; a decorator, too.

    Products of matrices, convolutions and attention run in ``dtype``; losses, transforms and what
    else loses too much there runs in float32; all others in the dtype of their operands.

    Args:
        device_type: the kind of device whose tensors it is about: "cpu", "cuda" ...
        dtype: the lower precision; bfloat16 on the CPU and float16 on a GPU by default.
        enabled: False switches autocast off within.
        cache_enabled: whether casts of parameters are kept until the outermost context ends.

    Raises:
        ValueError, RuntimeError: no such kind of device.
        TypeError: what is decorated cannot be called.

    >>> import functorch_lite.torch as torch
    >>> with torch.autocast("cpu"):
    ...     y = torch.ones(1, 2) @ torch.ones(2, 1)
    >>> y
    tensor([[2.]], dtype=torch.bfloat16)

    Source: ``torch.autocast``.
    """

    __module__ = "torch.amp.autocast_mode"

    def __init__(
        self, device_type: str, dtype: dtype | None = None, enabled: bool = True,
        cache_enabled: bool | None = None,
    ) -> None:  # fmt: skip
        self._set_up(device_type, dtype, enabled, cache_enabled, 3)

    def _set_up(self, kind: Any, dtype: Any, enabled: bool, keeps: Any, level: int) -> None:
        """Read the arguments.

        Args:
            level: how many calls up a warning points.
        """
        if not isinstance(kind, str):
            raise ValueError(f"Expected `device_type` of type `str`, got: `{type(kind)}`")
        self.device = kind
        self.fast_dtype: Any = get_autocast_dtype(kind) if dtype is None else dtype
        if not is_autocast_available(kind):
            raise RuntimeError(f"User specified an unsupported autocast device_type '{kind}'")
        if kind == "privateuseone":
            raise AssertionError(
                "Tried to use AMP with the `privateuseone` backend, but the backend has not "
                "registered a module or  the module miss some necessary funcs. There is no such "
                "backend here. Remedy: device_type='cpu'"
            )
        self._cache_enabled = casting.keeps if keeps is None else keeps
        if enabled and kind == "cuda":
            enabled = self._is_usable_on_gpu(level)
        elif enabled and self.fast_dtype not in _DTYPES:
            name = kind.upper()
            warnings.warn(
                f"In {name} autocast, but the target dtype is not supported. Disabling autocast.\n"
                f"{name} Autocast only supports dtypes of torch.bfloat16, torch.float16 currently.",
                stacklevel=level,
            )
            enabled = False
        self._enabled = enabled

    def _is_usable_on_gpu(self, level: int) -> bool:
        if not cuda.is_available():
            warnings.warn(
                "CUDA is not available or torch_xla is imported. Disabling autocast.",
                stacklevel=level + 1,
            )
            return False
        if self.fast_dtype is bfloat16 and not cuda.is_bf16_supported():
            raise RuntimeError(
                "Current CUDA Device does not support bfloat16. Please switch dtype to float16."
            )
        return True

    def __enter__(self) -> autocast:
        self.prev_cache_enabled = casting.keeps
        self.prev = is_autocast_enabled(self.device)
        self.prev_fastdtype = get_autocast_dtype(self.device)
        set_autocast_enabled(self.device, self._enabled)
        set_autocast_dtype(self.device, self.fast_dtype)
        casting.nesting += 1
        casting.keeps = self._cache_enabled
        return self

    def __exit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> Any:
        casting.nesting -= 1
        if casting.nesting == 0:
            clear_autocast_cache()
        set_autocast_enabled(self.device, self.prev)
        set_autocast_dtype(self.device, self.prev_fastdtype)
        casting.keeps = self.prev_cache_enabled
        return False

    def __call__(self, func: Any) -> Any:
        if not callable(func):
            raise TypeError(
                f"autocast()(func) requires a callable, but got {type(func).__name__}. "
                "Did you mean to use autocast as a context manager? For example:\n"
                "    with torch.autocast(device_type=...):\n"
                "        output = model(input)"
            )
        return autocast_decorator(self, func)


# -------------------------------------------------------------------------------- custom operations
def _cast(value: Any, device_type: str, dtype: dtype) -> Any:
    """A value with the floating-point tensors in it, other than float64 ones, cast."""
    if isinstance(value, Tensor):
        eligible = (
            value.dtype.is_floating_point
            and value.device.type == device_type
            and value.dtype is not float64
        )
        return value.to(dtype) if eligible else value
    if isinstance(value, (str, bytes, np.ndarray)):
        return value
    if isinstance(value, Mapping):
        return {
            _cast(k, device_type, dtype): _cast(v, device_type, dtype) for k, v in value.items()
        }
    if isinstance(value, Iterable):
        found = (_cast(v, device_type, dtype) for v in value)
        return type(value)(found) if isinstance(value, (list, tuple)) else found
    return value


def _check_kind(device_type: Any) -> None:
    if not isinstance(device_type, str):
        raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")


def custom_fwd(
    fwd: Callable[..., Any] | None = None, *, device_type: str, cast_inputs: dtype | None = None
) -> Any:
    """Decorate ``forward`` of a custom operation, which then follows autocast.

    Args:
        device_type: the kind of device that the operation runs on.
        cast_inputs: where autocast is on, cast operands to this and run without it; None runs with
            autocast as it is.

    Raises:
        ValueError: ``device_type`` is no string.

    Source: ``torch.amp.custom_fwd``.
    """
    _check_kind(device_type)
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)

    @functools.wraps(fwd)
    def decorate_fwd(*args: Any, **kwargs: Any) -> Any:
        ctx, enabled = args[0], is_autocast_enabled(device_type)
        ctx._dtype = get_autocast_dtype(device_type)
        ctx._fwd_used_autocast = enabled and cast_inputs is None
        if cast_inputs is None or not enabled:
            return fwd(*args, **kwargs)
        with autocast(device_type=device_type, enabled=False):
            return fwd(
                *_cast(args, device_type, cast_inputs), **_cast(kwargs, device_type, cast_inputs)
            )

    return decorate_fwd


def custom_bwd(bwd: Callable[..., Any] | None = None, *, device_type: str) -> Any:
    """Decorate ``backward`` of a custom operation: autocast is as it was in ``forward``.

    Args:
        device_type: as of ``custom_fwd``.

    Raises:
        ValueError: ``device_type`` is no string.

    Source: ``torch.amp.custom_bwd``.
    """
    _check_kind(device_type)
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)

    @functools.wraps(bwd)
    def decorate_bwd(*args: Any, **kwargs: Any) -> Any:
        ctx = args[0]
        with autocast(device_type=device_type, enabled=ctx._fwd_used_autocast, dtype=ctx._dtype):
            return bwd(*args, **kwargs)

    return decorate_bwd
