"""Neural networks: layers, losses, models, and the functions that they are made of.

Source: ``torch.nn``.
"""

from functorch_lite.torch.nn import (
    attention,
    common_types,
    functional,
    grad,
    init,
    modules,
    parallel,
    parameter,
    utils,
)
from functorch_lite.torch.nn._factory import factory_kwargs
from functorch_lite.torch.nn._functional import (
    composed,
    in_place,
    in_torch,
    losses_in_torch,
    native,
    recurrent_steps,
    short_time,
)
from functorch_lite.torch.nn.modules import *  # noqa: F403  (the list of names is there)
from functorch_lite.torch.nn.parallel import DataParallel
from functorch_lite.torch.nn.parameter import (
    Buffer,
    Parameter,
    UninitializedBuffer,
    UninitializedParameter,
)

__all__ = [
    "Buffer", "DataParallel", "Parameter", "UninitializedBuffer", "UninitializedParameter",
    "attention", "common_types", "composed", "factory_kwargs", "functional", "grad", "in_place",
    "in_torch", "init", "losses_in_torch", "modules", "native", "parallel", "parameter",
    "recurrent_steps", "short_time", "utils", *modules.__all__,
]  # fmt: skip
