"""Signals. Source: ``torch.signal``."""

from functorch_lite.torch._scripts.names import module_getattr as _module_getattr
from functorch_lite.torch.signal import windows

__all__ = ["windows"]

__getattr__ = _module_getattr(globals())
