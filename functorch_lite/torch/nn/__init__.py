"""Neural networks: layers, losses, models, and the functions that they are made of.

Source: ``torch.nn``.
"""

from functorch_lite.torch.nn import functional, init, modules, parameter, utils
from functorch_lite.torch.nn._functional import in_torch
from functorch_lite.torch.nn.modules import *  # noqa: F403  (the list of names is there)
from functorch_lite.torch.nn.parameter import (
    Buffer,
    Parameter,
    UninitializedBuffer,
    UninitializedParameter,
)

__all__ = [
    "Buffer", "Parameter", "UninitializedBuffer", "UninitializedParameter", "functional",
    "in_torch", "init", "modules", "parameter", "utils", *modules.__all__,
]  # fmt: skip
