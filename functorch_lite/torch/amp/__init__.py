"""Mixed precision: contexts that choose dtypes, and loss scaling. Source: ``torch.amp``."""

from functorch_lite.torch.amp import autocast_mode, grad_scaler
from functorch_lite.torch.amp.autocast_mode import (
    autocast,
    custom_bwd,
    custom_fwd,
    is_autocast_available,
)
from functorch_lite.torch.amp.grad_scaler import GradScaler

__all__ = [
    "GradScaler", "autocast", "autocast_mode", "custom_bwd", "custom_fwd", "grad_scaler",
    "is_autocast_available",
]  # fmt: skip
