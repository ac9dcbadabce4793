"""Functions of ``torch`` that PyTorch writes in Python. Source: ``torch.functional``."""

from __future__ import annotations

from functorch_lite.torch import nn as _nn  # noqa: F401  (some functions are made there)
from functorch_lite.torch._core.public import FUNCTIONS as _FUNCTIONS
from functorch_lite.torch._ops import everything as _ops  # noqa: F401  (and here)

_NAMES = (
    "atleast_1d", "atleast_2d", "atleast_3d", "block_diag", "broadcast_shapes", "broadcast_tensors",
    "cartesian_prod", "cdist", "chain_matmul", "einsum", "istft", "lu", "meshgrid", "norm",
    "pca_lowrank", "split", "stft", "svd_lowrank", "tensordot", "unique", "unique_consecutive",
    "unravel_index",
)  # fmt: skip

globals().update({name: _FUNCTIONS[name] for name in _NAMES})
__all__ = list(_NAMES)
