"""Windows. Source: ``torch.signal.windows``."""

from functorch_lite.torch._scripts.names import module_getattr as _module_getattr
from functorch_lite.torch.signal.windows.windows import (
    bartlett,
    blackman,
    cosine,
    exponential,
    gaussian,
    general_cosine,
    general_hamming,
    hamming,
    hann,
    kaiser,
    nuttall,
)

__all__ = [
    "bartlett", "blackman", "cosine", "exponential", "gaussian", "general_cosine",
    "general_hamming", "hamming", "hann", "kaiser", "nuttall",
]  # fmt: skip

__getattr__ = _module_getattr(globals())
