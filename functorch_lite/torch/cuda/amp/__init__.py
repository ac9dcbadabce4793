"""Mixed precision of GPUs, in its deprecated form. Source: ``torch.cuda.amp``."""

from functorch_lite.torch.cuda.amp import autocast_mode, common, grad_scaler
from functorch_lite.torch.cuda.amp.autocast_mode import autocast, custom_bwd, custom_fwd
from functorch_lite.torch.cuda.amp.common import amp_definitely_not_available
from functorch_lite.torch.cuda.amp.grad_scaler import GradScaler

__all__ = [
    "GradScaler", "amp_definitely_not_available", "autocast", "autocast_mode", "common",
    "custom_bwd", "custom_fwd", "grad_scaler",
]  # fmt: skip
