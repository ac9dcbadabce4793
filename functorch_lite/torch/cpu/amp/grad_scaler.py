"""The scaler for the CPU alone, deprecated. Source: ``torch.cpu.amp.grad_scaler``."""

from functorch_lite.torch.amp._deprecated import grad_scaler_of
from functorch_lite.torch.amp.grad_scaler import OptState

__all__ = ["GradScaler", "OptState"]

GradScaler = grad_scaler_of("cpu")
