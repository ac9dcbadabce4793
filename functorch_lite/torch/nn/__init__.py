"""Neural networks: the functions that layers are made of.

Source: ``torch.nn``.
"""

from functorch_lite.torch.nn import functional
from functorch_lite.torch.nn._functional import in_torch

__all__ = ["functional", "in_torch"]
