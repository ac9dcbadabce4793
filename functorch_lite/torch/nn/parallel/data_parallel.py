"""A module on several GPUs, of which there are none.

Source: ``torch.nn.parallel.data_parallel``.
"""

from __future__ import annotations

from typing import Any

from functorch_lite.torch.nn.modules.module import Module

__all__ = ["DataParallel", "data_parallel"]


class DataParallel(Module):
    """A module on all GPUs; without GPUs it is the module itself, one level deeper.

    Args:
        module: the module.
        device_ids, output_device, dim: which GPUs, and how they share the work.

    >>> import functorch_lite.torch as torch
    >>> sorted(DataParallel(torch.nn.Linear(1, 1)).state_dict())
    ['module.bias', 'module.weight']

    Source: ``torch.nn.DataParallel``.
    """

    __module__ = "torch.nn.parallel.data_parallel"

    def __init__(
        self, module: Any, device_ids: Any = None, output_device: Any = None, dim: int = 0
    ) -> None:
        super().__init__()
        self.module = module
        self.device_ids: list[int] = []

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        return self.module(*inputs, **kwargs)


def data_parallel(
    module: Any, inputs: Any, device_ids: Any = None, output_device: Any = None, dim: int = 0,
    module_kwargs: Any = None,
) -> Any:  # fmt: skip
    """Call a module on all GPUs.

    Raises:
        RuntimeError: there are none.

    Source: ``torch.nn.parallel.data_parallel``.
    """
    raise RuntimeError("device type could not be determined")
