"""Batch normalisation without running statistics, which ``vmap`` cannot update."""

from __future__ import annotations

from functorch_lite.torch.nn.modules.batchnorm import _BatchNorm
from functorch_lite.torch.nn.modules.module import Module

__all__ = ["replace_all_batch_norm_modules_"]


def replace_all_batch_norm_modules_(root: Module) -> Module:
    """Have all batch normalisations in a module use the statistics of the batch, always.

    Args:
        root: the module; changed, and returned.

    >>> import functorch_lite.torch as torch
    >>> norm = replace_all_batch_norm_modules_(torch.nn.BatchNorm1d(2))
    >>> norm.running_mean is None
    True

    Source: ``torch.func.replace_all_batch_norm_modules_``.
    """
    for module in root.modules():
        if isinstance(module, _BatchNorm):
            module.running_mean = None
            module.running_var = None
            module.num_batches_tracked = None
            module.track_running_stats = False
    return root
