"""What computes, and switches that scripts set: libraries that are not there say so.

Source: ``torch.backends``.
"""

from functorch_lite.torch.backends import cpu, cuda, cudnn, mkl, mkldnn, mps, openmp

__all__ = ["cpu", "cuda", "cudnn", "mkl", "mkldnn", "mps", "openmp"]
