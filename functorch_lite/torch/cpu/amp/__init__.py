"""Mixed precision on the CPU, in its deprecated form. Source: ``torch.cpu.amp``."""

from functorch_lite.torch.cpu.amp import autocast_mode, grad_scaler
from functorch_lite.torch.cpu.amp.autocast_mode import autocast
from functorch_lite.torch.cpu.amp.grad_scaler import GradScaler

__all__ = ["GradScaler", "autocast", "autocast_mode", "grad_scaler"]
