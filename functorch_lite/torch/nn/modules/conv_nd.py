"""What convolutions share: settings, parameters and their first values."""

from __future__ import annotations

import math
from typing import Any

from functorch_lite.torch.nn import init
from functorch_lite.torch.nn.modules.module import Module
from functorch_lite.torch.nn.modules.utils import _reverse_repeat_tuple, _unusual
from functorch_lite.torch.nn.parameter import blank

__all__ = ["_ConvNd"]

_PADDINGS = {"same", "valid"}
_MODES = {"zeros", "reflect", "replicate", "circular"}


class _ConvNd(Module):
    """The base of all convolutions."""

    __module__ = "torch.nn.modules.conv"
    __constants__ = [
        "stride", "padding", "dilation", "groups", "padding_mode", "output_padding",
        "in_channels", "out_channels", "kernel_size",
    ]  # fmt: skip
    weight: Any
    bias: Any

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: tuple[int, ...],
        stride: tuple[int, ...], padding: Any, dilation: tuple[int, ...], transposed: bool,
        output_padding: tuple[int, ...], groups: int, bias: bool, padding_mode: str,
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        if groups <= 0:
            raise ValueError("groups must be a positive integer")
        for name, count in (("in", in_channels), ("out", out_channels)):
            if count % groups != 0:
                raise ValueError(f"{name}_channels must be divisible by groups")
        if isinstance(padding, str):
            if padding not in _PADDINGS:
                raise ValueError(
                    f"Invalid padding string {padding!r}, should be one of {_PADDINGS}"
                )
            if padding == "same" and any(s != 1 for s in stride):
                raise ValueError("padding='same' is not supported for strided convolutions")
        if padding_mode not in _MODES:
            raise ValueError(
                f"padding_mode must be one of {_MODES}, but got padding_mode={padding_mode!r}"
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.transposed = transposed
        self.output_padding = output_padding
        self.groups = groups
        self.padding_mode = padding_mode
        self._reversed_padding_repeated_twice = self._pads()
        sizes = (in_channels, out_channels) if transposed else (out_channels, in_channels)
        self.weight = blank(sizes[0], sizes[1] // groups, *kernel_size, device=device, dtype=dtype)
        if bias:
            self.bias = blank(out_channels, device=device, dtype=dtype)
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def _pads(self) -> Any:
        """The padding as ``torch.nn.functional.pad`` takes it."""
        if not isinstance(self.padding, str):
            return _reverse_repeat_tuple(self.padding, 2)
        found = []
        for d, k in zip(reversed(self.dilation), reversed(self.kernel_size), strict=True):
            both = d * (k - 1) if self.padding == "same" else 0
            found += [both // 2, both - both // 2]
        return found

    def reset_parameters(self) -> None:
        """Draw weight and bias anew, uniform within one over the root of the inputs."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in = init._calculate_fan_in_and_fan_out(self.weight)[0]
            if fan_in != 0:
                bound = 1 / math.sqrt(fan_in)
                init.uniform_(self.bias, -bound, bound)

    def extra_repr(self) -> str:
        rank = len(self.kernel_size)
        text = (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}"
        )
        text += _unusual(
            self, padding=(0,) * len(self.padding), dilation=(1,) * rank,
            output_padding=(0,) * rank, groups=1,
        )  # fmt: skip
        if self.bias is None:
            text += ", bias=False"
        if self.padding_mode != "zeros":
            text += f", padding_mode={self.padding_mode}"
        return text

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.__dict__.setdefault("padding_mode", "zeros")
