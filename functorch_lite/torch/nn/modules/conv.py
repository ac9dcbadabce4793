"""Convolutions and their transposes, also those that see their input first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from functorch_lite.torch._core.grad_mode import no_grad
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch.nn import functional as F
from functorch_lite.torch.nn.modules.conv_nd import _ConvNd
from functorch_lite.torch.nn.modules.lazy import LazyModuleMixin
from functorch_lite.torch.nn.modules.utils import _ntuple
from functorch_lite.torch.nn.parameter import UninitializedParameter

__all__ = [
    "Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d",
    "LazyConv1d", "LazyConv2d", "LazyConv3d", "LazyConvTranspose1d", "LazyConvTranspose2d",
    "LazyConvTranspose3d",
]  # fmt: skip


class _Conv(_ConvNd):
    """A convolution over as many dimensions as its subclass says."""

    __module__ = "torch.nn.modules.conv"
    _rank: int
    _function: Callable[..., Tensor]

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1,
        padding: Any = 0, dilation: Any = 1, groups: int = 1, bias: bool = True,
        padding_mode: str = "zeros", device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        each = _ntuple(self._rank)
        super().__init__(
            in_channels, out_channels, each(kernel_size), each(stride),
            padding if isinstance(padding, str) else each(padding), each(dilation), False,
            each(0), groups, bias, padding_mode, device, dtype,
        )  # fmt: skip

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """The convolution with other parameters than the module's own."""
        if self.padding_mode == "zeros":
            return self._function(
                input, weight, bias, self.stride, self.padding, self.dilation, self.groups
            )
        input = F.pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode)
        return self._function(
            input, weight, bias, self.stride, (0,) * self._rank, self.dilation, self.groups
        )

    def forward(self, input: Tensor) -> Tensor:
        return self._conv_forward(input, self.weight, self.bias)


class Conv1d(_Conv):
    """Convolution of f[batch, in, length], with parameters; arguments as ``Conv2d``.

    Source: ``torch.nn.Conv1d``.
    """

    __module__ = "torch.nn.modules.conv"
    _rank = 1
    _function = staticmethod(F.conv1d)


class Conv2d(_Conv):
    """Convolution of f[batch, in, height, width], or without batch, with parameters.

    Args:
        in_channels, out_channels: of input and output.
        kernel_size, stride, dilation: one number or one for each dimension.
        padding: the same, or "same" or "valid".
        groups: number of groups of channels, each convolved by itself.
        bias: whether there is a bias.
        padding_mode: "zeros", "reflect", "replicate" or "circular".
        device, dtype: of the parameters.

    Raises:
        ValueError: the numbers of channels, or the padding, do not go together with the rest.

    >>> Conv2d(1, 2, 3, padding=1)
    Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))

    Source: ``torch.nn.Conv2d``.
    """

    __module__ = "torch.nn.modules.conv"
    _rank = 2
    _function = staticmethod(F.conv2d)


class Conv3d(_Conv):
    """Convolution of f[batch, in, depth, height, width]; arguments as ``Conv2d``.

    Source: ``torch.nn.Conv3d``.
    """

    __module__ = "torch.nn.modules.conv"
    _rank = 3
    _function = staticmethod(F.conv3d)


class _ConvTransposeNd(_ConvNd):
    """A transposed convolution over as many dimensions as its subclass says."""

    __module__ = "torch.nn.modules.conv"
    _rank: int
    _function: Callable[..., Tensor]

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1,
        padding: Any = 0, output_padding: Any = 0, groups: int = 1, bias: bool = True,
        dilation: Any = 1, padding_mode: str = "zeros", device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        each = _ntuple(self._rank)
        if padding_mode != "zeros":
            raise ValueError(
                f'Only "zeros" padding mode is supported for {self.__class__.__name__}'
            )
        super().__init__(
            in_channels, out_channels, each(kernel_size), each(stride), each(padding),
            each(dilation), True, each(output_padding), groups, bias, padding_mode, device, dtype,
        )  # fmt: skip

    def _output_padding(
        self, input: Tensor, output_size: Any, stride: Any, padding: Any, kernel_size: Any,
        num_spatial_dims: int, dilation: Any = None,
    ) -> Any:  # fmt: skip
        """How many elements to add at the end of each dimension, to get to a size."""
        if output_size is None:
            return self.output_padding
        count, ndim = num_spatial_dims, input.dim()
        lead = 2 if ndim == count + 2 else 1
        if len(output_size) == lead + count:
            output_size = output_size[lead:]
        if len(output_size) != count:
            raise ValueError(
                f"ConvTranspose{count}D: for {ndim}D input, output_size must have {count} or "
                f"{lead + count} elements (got {len(output_size)})"
            )
        least = [
            (n - 1) * s - 2 * p + d * (k - 1) + 1
            for n, s, p, d, k in zip(
                input.shape[lead:], stride, padding, dilation or (1,) * count, kernel_size,
                strict=True,
            )
        ]  # fmt: skip
        most = [n + s - 1 for n, s in zip(least, stride, strict=True)]
        if not all(a <= n <= b for a, n, b in zip(least, output_size, most, strict=True)):
            raise ValueError(
                f"requested an output size of {output_size}, but valid sizes range from {least} to "
                f"{most} (for an input of {input.size()[2:]})"
            )
        return [n - a for n, a in zip(output_size, least, strict=True)]

    def forward(self, input: Tensor, output_size: Any = None) -> Tensor:
        """The transposed convolution.

        Args:
            output_size: one of the sizes that have the input's size convolved.
        """
        if self.padding_mode != "zeros":
            raise ValueError(f"Only `zeros` padding mode is supported for {self._get_name()}")
        extra = self._output_padding(
            input, output_size, self.stride, self.padding, self.kernel_size, self._rank,
            self.dilation,
        )  # fmt: skip
        return self._function(
            input, self.weight, self.bias, self.stride, self.padding, extra, self.groups,
            self.dilation,
        )  # fmt: skip


class ConvTranspose1d(_ConvTransposeNd):
    """Transposed convolution of f[batch, in, length]; arguments as ``ConvTranspose2d``.

    Source: ``torch.nn.ConvTranspose1d``.
    """

    __module__ = "torch.nn.modules.conv"
    _rank = 1
    _function = staticmethod(F.conv_transpose1d)


class ConvTranspose2d(_ConvTransposeNd):
    """Transposed convolution of f[batch, in, height, width], or without batch, with parameters.

    Args:
        in_channels, out_channels: of input and output.
        kernel_size, stride, dilation: one number or one for each dimension.
        padding: elements cut off at both ends of the result.
        output_padding: elements added at its end.
        groups: number of groups of channels.
        bias: whether there is a bias.
        padding_mode: only "zeros".
        device, dtype: of the parameters.

    >>> ConvTranspose2d(1, 2, 3)
    ConvTranspose2d(1, 2, kernel_size=(3, 3), stride=(1, 1))

    Source: ``torch.nn.ConvTranspose2d``.
    """

    __module__ = "torch.nn.modules.conv"
    _rank = 2
    _function = staticmethod(F.conv_transpose2d)


class ConvTranspose3d(_ConvTransposeNd):
    """Transposed convolution of f[batch, in, depth, height, width].

    Arguments as ``ConvTranspose2d``. Source: ``torch.nn.ConvTranspose3d``.
    """

    __module__ = "torch.nn.modules.conv"
    _rank = 3
    _function = staticmethod(F.conv_transpose3d)


# ---------------------------------------------------------------------------------------- lazy ones
class _LazyConvXdMixin(LazyModuleMixin):
    """What lazy convolutions share; stands before the convolution itself."""

    __module__ = "torch.nn.modules.conv"
    groups: int
    transposed: bool
    in_channels: int
    out_channels: int
    kernel_size: tuple[int, ...]
    weight: Any
    bias: Any

    def _begin(self, out_channels: int, bias: bool, device: Any, dtype: Any) -> None:
        """Put uninitialized parameters in."""
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        self.out_channels = out_channels
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self) -> None:
        if not self.has_uninitialized_params() and self.in_channels != 0:
            super().reset_parameters()  # type: ignore[misc]

    def initialize_parameters(self, input: Tensor, *args: Any, **kwargs: Any) -> None:
        """Give the parameters their sizes and first values."""
        if not self.has_uninitialized_params():
            return
        with no_grad():
            self.in_channels = self._get_in_channels(input)
            if self.in_channels % self.groups != 0:
                raise ValueError("in_channels must be divisible by groups")
            sizes = (self.out_channels, self.in_channels)
            first, second = sizes[::-1] if self.transposed else sizes
            self.weight.materialize((first, second // self.groups, *self.kernel_size))
            if self.bias is not None:
                self.bias.materialize((self.out_channels,))
            self.reset_parameters()

    def _get_in_channels(self, input: Tensor) -> int:
        rank = self._get_num_spatial_dims()
        if input.dim() not in (rank + 1, rank + 2):
            raise RuntimeError(
                f"Expected {rank + 1}D (unbatched) or {rank + 2}D (batched) input to "
                f"{self.__class__.__name__}, but got input of size: {input.shape}"
            )
        return input.shape[-rank - 1]

    def _get_num_spatial_dims(self) -> int:
        return len(self.kernel_size)


class _LazyConv(_LazyConvXdMixin):
    __module__ = "torch.nn.modules.conv"

    def __init__(
        self, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0,
        dilation: Any = 1, groups: int = 1, bias: bool = True, padding_mode: str = "zeros",
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(
            0, 0, kernel_size, stride, padding, dilation, groups, False, padding_mode, device,
            dtype,
        )  # fmt: skip
        self._begin(out_channels, bias, device, dtype)


class _LazyConvTranspose(_LazyConvXdMixin):
    __module__ = "torch.nn.modules.conv"

    def __init__(
        self, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0,
        output_padding: Any = 0, groups: int = 1, bias: bool = True, dilation: Any = 1,
        padding_mode: str = "zeros", device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(
            0, 0, kernel_size, stride, padding, output_padding, groups, False, dilation,
            padding_mode, device, dtype,
        )  # fmt: skip
        self._begin(out_channels, bias, device, dtype)


class LazyConv1d(_LazyConv, Conv1d):
    """A Conv1d that takes ``in_channels`` from its first input. Source: ``torch.nn.LazyConv1d``."""

    __module__ = "torch.nn.modules.conv"
    cls_to_become = Conv1d


class LazyConv2d(_LazyConv, Conv2d):
    """A Conv2d that takes ``in_channels`` from its first input. Source: ``torch.nn.LazyConv2d``."""

    __module__ = "torch.nn.modules.conv"
    cls_to_become = Conv2d


class LazyConv3d(_LazyConv, Conv3d):
    """A Conv3d that takes ``in_channels`` from its first input. Source: ``torch.nn.LazyConv3d``."""

    __module__ = "torch.nn.modules.conv"
    cls_to_become = Conv3d


class LazyConvTranspose1d(_LazyConvTranspose, ConvTranspose1d):
    """A ConvTranspose1d that takes ``in_channels`` from its first input.

    Source: ``torch.nn.LazyConvTranspose1d``.
    """

    __module__ = "torch.nn.modules.conv"
    cls_to_become = ConvTranspose1d


class LazyConvTranspose2d(_LazyConvTranspose, ConvTranspose2d):
    """A ConvTranspose2d that takes ``in_channels`` from its first input.

    Source: ``torch.nn.LazyConvTranspose2d``.
    """

    __module__ = "torch.nn.modules.conv"
    cls_to_become = ConvTranspose2d


class LazyConvTranspose3d(_LazyConvTranspose, ConvTranspose3d):
    """A ConvTranspose3d that takes ``in_channels`` from its first input.

    Source: ``torch.nn.LazyConvTranspose3d``.
    """

    __module__ = "torch.nn.modules.conv"
    cls_to_become = ConvTranspose3d
