"""Padding as layers: with a number, with reflections, with the edge, or around."""

from __future__ import annotations

from typing import Any

from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch.nn import functional as F
from functorch_lite.torch.nn.modules.module import Module
from functorch_lite.torch.nn.modules.utils import _ntuple

__all__ = [
    "CircularPad1d", "CircularPad2d", "CircularPad3d", "ConstantPad1d", "ConstantPad2d",
    "ConstantPad3d", "ReflectionPad1d", "ReflectionPad2d", "ReflectionPad3d", "ReplicationPad1d",
    "ReplicationPad2d", "ReplicationPad3d", "ZeroPad1d", "ZeroPad2d", "ZeroPad3d",
]  # fmt: skip


class _Pad(Module):
    """A padding of the last dimensions.

    Attributes:
        _rank: how many dimensions.
        _mode: of ``torch.nn.functional.pad``.
    """

    __constants__ = ["padding"]
    _rank: int
    _mode: str

    def __init__(self, padding: Any) -> None:
        super().__init__()
        self.padding = _ntuple(2 * self._rank)(padding)

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, self._mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


# ------------------------------------------------------------------------------------ with a number
class _ConstantPadNd(_Pad):
    __module__ = "torch.nn.modules.padding"
    __constants__ = ["padding", "value"]

    def __init__(self, padding: Any, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPadNd):
    """A number around the last dimension. Source: ``torch.nn.ConstantPad1d``."""

    __module__ = "torch.nn.modules.padding"
    _rank = 1


class ConstantPad2d(_ConstantPadNd):
    """A number around the last two dimensions.

    Args:
        padding: how many before and after, for the last dimension first; one number for all.
        value: of the new elements.

    Source: ``torch.nn.ConstantPad2d``.
    """

    __module__ = "torch.nn.modules.padding"
    _rank = 2


class ConstantPad3d(_ConstantPadNd):
    """A number around the last three dimensions. Source: ``torch.nn.ConstantPad3d``."""

    __module__ = "torch.nn.modules.padding"
    _rank = 3


class _ZeroPad(_ConstantPadNd):
    def __init__(self, padding: Any) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad1d(_ZeroPad, ConstantPad1d):
    """Zeros around the last dimension. Source: ``torch.nn.ZeroPad1d``."""

    __module__ = "torch.nn.modules.padding"


class ZeroPad2d(_ZeroPad, ConstantPad2d):
    """Zeros around the last two dimensions. Source: ``torch.nn.ZeroPad2d``."""

    __module__ = "torch.nn.modules.padding"


class ZeroPad3d(_ZeroPad, ConstantPad3d):
    """Zeros around the last three dimensions. Source: ``torch.nn.ZeroPad3d``."""

    __module__ = "torch.nn.modules.padding"


# ---------------------------------------------------------------------------------------- reflected
class _ReflectionPadNd(_Pad):
    __module__ = "torch.nn.modules.padding"
    _mode = "reflect"


class ReflectionPad1d(_ReflectionPadNd):
    """Reflections around the last dimension. Source: ``torch.nn.ReflectionPad1d``."""

    __module__ = "torch.nn.modules.padding"
    _rank = 1


class ReflectionPad2d(_ReflectionPadNd):
    """Reflections around the last two dimensions. Source: ``torch.nn.ReflectionPad2d``."""

    __module__ = "torch.nn.modules.padding"
    _rank = 2


class ReflectionPad3d(_ReflectionPadNd):
    """Reflections around the last three dimensions. Source: ``torch.nn.ReflectionPad3d``."""

    __module__ = "torch.nn.modules.padding"
    _rank = 3


# ------------------------------------------------------------------------------------ with the edge
class _ReplicationPadNd(_Pad):
    __module__ = "torch.nn.modules.padding"
    _mode = "replicate"


class ReplicationPad1d(_ReplicationPadNd):
    """The edge repeated around the last dimension. Source: ``torch.nn.ReplicationPad1d``."""

    __module__ = "torch.nn.modules.padding"
    _rank = 1


class ReplicationPad2d(_ReplicationPadNd):
    """The edge repeated around the last two dimensions. Source: ``torch.nn.ReplicationPad2d``."""

    __module__ = "torch.nn.modules.padding"
    _rank = 2


class ReplicationPad3d(_ReplicationPadNd):
    """The edge repeated around the last three dimensions. Source: ``torch.nn.ReplicationPad3d``."""

    __module__ = "torch.nn.modules.padding"
    _rank = 3


# ------------------------------------------------------------------------------------------- around
class _CircularPadNd(_Pad):
    __module__ = "torch.nn.modules.padding"
    _mode = "circular"


class CircularPad1d(_CircularPadNd):
    """The other end around the last dimension. Source: ``torch.nn.CircularPad1d``."""

    __module__ = "torch.nn.modules.padding"
    _rank = 1


class CircularPad2d(_CircularPadNd):
    """The other end around the last two dimensions. Source: ``torch.nn.CircularPad2d``."""

    __module__ = "torch.nn.modules.padding"
    _rank = 2


class CircularPad3d(_CircularPadNd):
    """The other end around the last three dimensions. Source: ``torch.nn.CircularPad3d``."""

    __module__ = "torch.nn.modules.padding"
    _rank = 3
