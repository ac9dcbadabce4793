"""Tools around tensors: data sets and batches, checkpoints of activations, handles of hooks."""

from functorch_lite.torch.utils import (
    _pytree,  # noqa: F401  (its name)
    checkpoint,
    data,
    dlpack,
    hooks,
    serialization,
    weak,
)
from functorch_lite.torch.utils.swapping import set_module, swap_tensors

__all__ = [
    "checkpoint", "data", "dlpack", "hooks", "serialization", "set_module", "swap_tensors", "weak",
]  # fmt: skip
