"""How weights of convolutions lie in memory. Source: ``torch.nn.utils.memory_format``."""

from __future__ import annotations

from typing import Any

from functorch_lite.torch.nn.modules.conv import Conv2d, Conv3d, ConvTranspose2d, ConvTranspose3d

__all__ = ["convert_conv2d_weight_memory_format", "convert_conv3d_weight_memory_format"]


def convert_conv2d_weight_memory_format(module: Any, memory_format: Any) -> Any:
    """Lay the weights of all two-dimensional convolutions out anew.

    Args:
        module: the convolution, or what contains some.
        memory_format: ``torch.channels_last``, for example.

    Returns:
        the module.

    Source: ``torch.nn.utils.convert_conv2d_weight_memory_format``.
    """
    return _converted(module, (Conv2d, ConvTranspose2d), memory_format)


def convert_conv3d_weight_memory_format(module: Any, memory_format: Any) -> Any:
    """The same of three dimensions.

    Source: ``torch.nn.utils.convert_conv3d_weight_memory_format``.
    """
    return _converted(module, (Conv3d, ConvTranspose3d), memory_format)


def _converted(module: Any, kinds: Any, memory_format: Any) -> Any:
    for each in module.modules():
        if isinstance(each, kinds):
            weight = each.weight
            weight.data = weight.detach().clone().contiguous(memory_format=memory_format)
    return module
