"""Discrete Fourier transforms. Source: ``torch.fft``."""

from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch._scripts.names import module_getattr as _module_getattr
from functorch_lite.torch.fft._frequencies import fftfreq, fftshift, ifftshift, rfftfreq
from functorch_lite.torch.fft._transforms import (
    fft,
    fft2,
    fftn,
    hfft,
    hfft2,
    hfftn,
    ifft,
    ifft2,
    ifftn,
    ihfft,
    ihfft2,
    ihfftn,
    irfft,
    irfft2,
    irfftn,
    rfft,
    rfft2,
    rfftn,
)

__all__ = [
    "Tensor", "fft", "fft2", "fftfreq", "fftn", "fftshift", "hfft", "hfft2", "hfftn", "ifft",
    "ifft2", "ifftn", "ifftshift", "ihfft", "ihfft2", "ihfftn", "irfft", "irfft2", "irfftn",
    "rfft", "rfft2", "rfftfreq", "rfftn",
]  # fmt: skip

__getattr__ = _module_getattr(globals())
