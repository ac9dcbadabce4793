"""Mixed precision of GPUs alone, deprecated. Source: ``torch.cuda.amp.autocast_mode``."""

from __future__ import annotations

from typing import Any

from functorch_lite.torch._core.dtypes import dtype, float16
from functorch_lite.torch.amp import autocast_mode
from functorch_lite.torch.amp._deprecated import autocast_of, warn_deprecated

__all__ = ["autocast", "custom_bwd", "custom_fwd"]

autocast = autocast_of("cuda", float16)


def _cast(value: Any, dtype: dtype) -> Any:
    """``torch.amp.autocast_mode._cast`` for GPUs; deprecated."""
    warn_deprecated(
        "cuda.amp.autocast_mode._cast(value, dtype)",
        "amp.autocast_mode._cast(value, 'cuda', dtype)",
    )
    return autocast_mode._cast(value, "cuda", dtype)


def custom_fwd(fwd: Any = None, *, cast_inputs: dtype | None = None) -> Any:
    """``torch.amp.custom_fwd`` for GPUs; deprecated. Source: ``torch.cuda.amp.custom_fwd``."""
    warn_deprecated("cuda.amp.custom_fwd(args...)", "amp.custom_fwd(args..., device_type='cuda')")
    return autocast_mode.custom_fwd(fwd, device_type="cuda", cast_inputs=cast_inputs)


def custom_bwd(bwd: Any) -> Any:
    """``torch.amp.custom_bwd`` for GPUs; deprecated. Source: ``torch.cuda.amp.custom_bwd``."""
    warn_deprecated("cuda.amp.custom_bwd(args...)", "amp.custom_bwd(args..., device_type='cuda')")
    return autocast_mode.custom_bwd(bwd, device_type="cuda")
